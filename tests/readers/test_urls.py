"""Links in one form: by hand, as laws, and on real links; never a look-up in the network."""

import csv
import re
import socket
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordnet.readers.urls import NONE, SHORT, canonical, canonical_links, domain_of

PAGE = "https://example.org/news/vote?id=7"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("something asks the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/news/vote?id=7",
        "http://example.org/news/vote?id=7",
        "HTTPS://WWW.Example.ORG/news/vote?id=7",
        "example.org/news/vote?id=7",
        "//example.org/news/vote?id=7",
        "https://m.example.org/news/vote?id=7",
        "https://mobile.example.org/news/vote?id=7",
        "https://www.example.org:443/news/vote?id=7",
        "http://example.org:80/news/vote?id=7",
        "https://example.org/news/vote/?id=7",
        "https://example.org//news/vote?id=7",
        "https://example.org/news/vote?id=7#comments",
        "https://example.org/news/vote?utm_source=x&id=7&utm_medium=y&UTM_Campaign=z",
        "https://example.org/news/vote?id=7&fbclid=IwAR0&gclid=1&igshid=2&mc_cid=3&_ga=4",
        "https://example.org/news/vote?id=7&ref=twitter&source=facebook&s=20",
        "https://example.org/news/vote?ref_src=twsrc%5Etfw&amp;id=7",
        "https://amp.example.org/news/vote?id=7",
        "https://example.org/news/vote/amp?id=7",
        "https://example.org/news/vote.amp?id=7",
        "https://example.org/news/vote?id=7&amp=1",
        "https://example.org/news/vote?id=7&outputType=amp",
        "https://www.google.com/amp/s/example.org/news/vote?id=7",
        "https://example-org.cdn.ampproject.org/c/s/example.org/news/vote?id=7",
        "https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.org%2Fnews%2Fvote%3Fid%3D7&h=AT0",
        "https://www.google.com/url?q=https://example.org/news/vote?id%3D7&sa=D",
        "https://www.youtube.com/redirect?event=x&q=https%3A%2F%2Fexample.org%2Fnews%2Fvote%3Fid%3D7",
        "https://web.archive.org/web/20200101000000/https://example.org/news/vote?id=7",
        " <https://example.org/news/vote?id=7> ",
        "https://user:word@example.org/news/vote?id=7",
    ],
)
def test_one_page_has_one_address(url):
    assert canonical(url).address == PAGE


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        # what tells pages apart stays
        ("https://example.org/?p=12", "https://example.org/?p=12"),
        ("https://example.org/a?game=3&gallery=4&page=2", "https://example.org/a?gallery=4&game=3&page=2"),
        ("https://example.org/app#/route/1", "https://example.org/app#/route/1"),
        ("https://example.org/a#!b", "https://example.org/a#!b"),
        ("https://example.org/Case/Path", "https://example.org/Case/Path"),
        ("https://news.example.co.uk/a", "https://news.example.co.uk/a"),
        ("https://de.m.wikipedia.org/wiki/A_(b)", "https://de.wikipedia.org/wiki/A_(b)"),
        ("https://m.de/a", "https://m.de/a"),
        ("https://example.org/index.html", "https://example.org"),
        ("https://example.org/index.php?id=3", "https://example.org/?id=3"),
        ("https://example.org", "https://example.org"),
        ("https://example.org:8080/a", "https://example.org:8080/a"),
        ("http://192.0.2.1/a", "https://192.0.2.1/a"),
        # hosts and paths of other scripts
        ("https://bücher.de/straße", "https://xn--bcher-kva.de/stra%C3%9Fe"),
        ("https://xn--bcher-kva.de/stra%c3%9fe", "https://xn--bcher-kva.de/stra%C3%9Fe"),
        ("https://пример.рф/a", "https://xn--e1afmkfd.xn--p1ai/a"),
        ("https://example.org/%7Eann", "https://example.org/~ann"),
        # posts of platforms
        ("https://youtu.be/dQw4w9WgXcQ?t=43&si=abc", "https://youtube.com/watch?v=dQw4w9WgXcQ"),
        ("https://m.youtube.com/watch?feature=share&v=dQw4w9WgXcQ&list=x", "https://youtube.com/watch?v=dQw4w9WgXcQ"),
        ("https://www.youtube.com/shorts/dQw4w9WgXcQ", "https://youtube.com/watch?v=dQw4w9WgXcQ"),
        ("https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ", "https://youtube.com/watch?v=dQw4w9WgXcQ"),
        ("https://www.youtube.com/@chan", "https://youtube.com/@chan"),
        ("https://twitter.com/Ann/status/12?s=20", "https://x.com/i/status/12"),
        ("https://mobile.twitter.com/ann/statuses/12", "https://x.com/i/status/12"),
        ("https://x.com/i/web/status/12", "https://x.com/i/status/12"),
        ("https://fxtwitter.com/ann/status/12", "https://x.com/i/status/12"),
        ("https://twitter.com/Ann", "https://x.com/ann"),
        ("https://twitter.com/hashtag/GE2021?src=hash", "https://x.com/hashtag/ge2021"),
        ("https://t.me/s/Chan/12", "https://t.me/chan/12"),
        ("https://telegram.me/chan/12?single", "https://t.me/chan/12"),
        ("https://t.me/+AbCdEf", "https://t.me/+AbCdEf"),
        ("https://www.instagram.com/reel/CNIQ_x/?igshid=1", "https://instagram.com/p/CNIQ_x"),
        ("https://www.instagram.com/ann/p/CNIQ_x/", "https://instagram.com/p/CNIQ_x"),
        ("https://m.facebook.com/story.php?story_fbid=1&id=2&__tn__=x", "https://facebook.com/story.php?id=2&story_fbid=1"),
        ("https://www.facebook.com/watch/?v=12&ref=sharing", "https://facebook.com/watch?v=12"),
        ("https://old.reddit.com/r/news/comments/abc/vote/?sort=new", "https://reddit.com/comments/abc"),
        ("https://redd.it/abc", "https://reddit.com/comments/abc"),
        ("https://www.tiktok.com/@ann/video/73?is_from_webapp=1", "https://tiktok.com/@/video/73"),
    ],
)  # fmt: skip
def test_addresses_by_hand(url, expected):
    assert canonical(url).address == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://t.co/AbC", SHORT), ("http://bit.ly/x?y=1", SHORT),
        ("https://www.tinyurl.com/x", SHORT), ("https://vm.tiktok.com/ZMx/", SHORT),
        ("pic.twitter.com/AbC", SHORT),
        ("https://bit.ly", NONE), ("https://t.co/", NONE), ("https://t.co/x…", NONE),
        ("mailto:ann@example.org", NONE), ("ftp://example.org/a", NONE), ("nonsense", NONE),
        ("", NONE), ("https://localhost/a", NONE), ("https://no.such.suffixx/a", NONE),
        ("https://example.org:port/a", NONE), ("https://[::1/a", NONE),
        ("javascript:void(0)", NONE),
    ],
)  # fmt: skip
def test_what_is_no_object(url, reason):
    assert canonical(url)[:2] == (None, reason)


def test_short_links_are_resolved_by_a_mapping():
    known = {
        "https://t.co/a": "https://bit.ly/b", "bit.ly/b": "http://www.example.org/news/vote/?id=7",
        "https://t.co/loop": "https://t.co/loop2", "https://t.co/loop2": "https://t.co/loop",
    }  # fmt: skip
    assert canonical("https://t.co/a", known).address == PAGE
    assert canonical("http://bit.ly/b", known).address == PAGE
    assert canonical("https://t.co/other", known).reason == SHORT
    assert canonical("https://t.co/loop", known).reason == SHORT


def test_links_to_posts_of_x():
    link = canonical("https://twitter.com/ann/status/12/photo/1")
    assert (link.status, link.is_media) == ("12", True)
    link = canonical("https://x.com/ann/status/12")
    assert (link.status, link.is_media) == ("12", False)
    assert canonical(PAGE).status is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://news.bbc.co.uk/1", "bbc.co.uk"), ("https://x.com/i/status/1", "x.com"),
        ("https://ann.blogspot.com/a", "ann.blogspot.com"), ("https://192.0.2.1/a", "192.0.2.1"),
        ("https://xn--bcher-kva.de/a", "xn--bcher-kva.de"),
        ("https://a.b.example.org/", "example.org"),
        ("nonsense", None),
    ],
)  # fmt: skip
def test_domains(address, expected):
    assert domain_of(address) == expected


words = st.text("abcXYZ019-_", min_size=1, max_size=8)
pages = st.builds(
    lambda host, path, query: (f"{host}.example.org", "/".join(path), query),
    words.map(lambda w: "h" + w.strip("-_").lower()),
    st.lists(words, max_size=3),
    st.dictionaries(words.map(lambda w: "q" + w), words, max_size=3),
)


@given(pages, st.randoms(use_true_random=False))
def test_the_order_of_parameters_and_what_tracks_change_nothing(page, random):
    host, path, query = page
    items = [f"{k}={v}" for k, v in query.items()]
    more = [*items, "utm_source=a", "fbclid=b", "mc_eid=c"]
    random.shuffle(more)
    plain = canonical(f"https://{host}/{path}" + ("?" + "&".join(items) if items else ""))
    tracked = canonical(f"http://www.{host}/{path}/?" + "&".join(more) + "#x")
    assert plain == tracked
    assert dict(parse_qsl(urlsplit(plain.address).query)) == query  # nothing else is lost


@given(pages, pages)
def test_different_pages_stay_different(left, right):
    def address(page):
        host, path, query = page
        items = "&".join(f"{k}={v}" for k, v in query.items())
        return canonical(f"https://{host}/{path}?{items}").address

    ends = ("amp", "index", "default")
    if not any(p[1].endswith(ends) for p in (left, right)):
        assert (address(left) == address(right)) == (left == right)


@given(st.text(max_size=60))
@settings(max_examples=50)
def test_any_text_is_a_link_or_none(text):
    for url in (
        text,
        f"https://{text}",
        f"https://example.org/{text}",
        f"http://{text}.org/?{text}",
    ):
        link = canonical(url)
        assert (link.address is None) == (link.reason is not None)
        if link.address is not None:
            assert canonical(link.address).address == link.address, url


def test_real_links(shared):
    """Of 10,003 links of news only two cannot be; the form of the form is itself."""
    with shared("data", "formats", "urls.csv").open(newline="") as file:
        urls = [row["url"] for row in csv.DictReader(file)]
    links = canonical_links(urls)
    whole = [a for a in links.address if a]
    assert len(urls) - len(whole) <= 2
    assert canonical_links(whole).address.tolist() == whole
    hosts = [urlsplit(u).hostname for u, a in zip(urls, links.address, strict=True) if a]
    for host, address in zip(hosts, whole, strict=True):
        if "facebook" not in host and "google" not in host:
            assert domain_of(f"https://{host}") == domain_of(address)
    assert not any(re.search(r"utm_|xtor=|#(?![!/])", a) for a in whole)
