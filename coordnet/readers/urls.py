"""Links in one form: what leads to the same page is the same object. No network, ever.

Addresses are put in order by w3lib, domains are told by tldextract with the list of public
suffixes that it comes with. Of a link go: scheme, ``www.`` and mobile hosts, AMP in all its forms,
parameters that only track, parameters of the page's own sharing buttons, fragments that are no
route, the slash at the end; wrappers that platforms put around a link are taken off. YouTube, X,
Telegram, Instagram, Facebook, Reddit and TikTok have several addresses for one post, which become
one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

import numpy as np
import tldextract
from numpy.typing import NDArray
from w3lib.url import canonicalize_url

SHORT, NONE = "unresolved short link", "no web address"

# Parameters that say how somebody came to a page, never which page it is
_TRACKING = re.compile(
    r"^(utm_.+|mtm_.+|pk_.+|piwik_.+|at_(medium|campaign|source|custom.*|link.*|format|bbc.*|ptr.*)|"
    r"_?(fb|g|tw|ms|y|ys|dc|gb|wb|tt|ig|epi|ob_|vero_|irc|qc)clid|(gbra|wbra)id|igshid?|igsh|"
    r"mc_(cid|eid)|_ga|_gl|_hs(enc|mi)|hsctatracking|mkt_tok|xtor|xt(ref|cr|np|or|s|loc)|wt_mc.*|"
    r"fb_(action.*|source|ref)|fbadid|fref|__tn__|__xts__.*|mibextid|ref_(src|url)|s_?cid|cmpid|"
    r"ncid|ocid|smid|smtyp|sr_share.*|share_?(id|source|token|link_id|app_id)|__twitter_impression|"
    r"__source|echobox|guccounter|guce_.*|ab_channel|embeds_.*|source_ve_path|"
    r"spm|trk|trkinfo|trackingid|tracking_id|ved|usqp|sca_esv|recruiter|_unique_id|"
    r"amp(_.+)?|wpamp|amp;.*|(php|j|asp)?sess(ion)?id|cn-reloaded|soc_(src|trk)|taid|"
    r"sns|spref|fromref|sharedby|wprov|_branch.*|__cft__.*|rdid)$",
    re.I,
)
# Parameters that track where they have one of these values
_TRACKING_VALUES: Mapping[str, re.Pattern[str]] = {
    "ref": re.compile(r"^(fb|tw|twitter|facebook|share|rss|nf|notif|m_notif|tw_i|fb_i|bookmarks?|"
                      r"ts|shortener|feed|home|newsletter|email|app|whatsapp|telegram).*$", re.I),
    "source": re.compile(r"^(twitter|facebook|fb|tw|rss|share|social|email|newsletter)$", re.I),
    "s": re.compile(r"^\d{1,2}$"), "t": re.compile(r"^[\w-]{20,24}$"),
    "m": re.compile(r"^[01]$"), "mode": re.compile(r"^amp$", re.I),
    "output": re.compile(r"^amp$", re.I), "outputtype": re.compile(r"^amp$", re.I),
    "platform": re.compile(r"^hootsuite$", re.I),
    "cmp": re.compile(r"^(share|soc|rss|twt|fb)", re.I),
}  # fmt: skip
# Hosts whose addresses stand for others, new ones for each post. youtu.be, redd.it and t.me are
# none: what they stand for can be read from them.
_SHORT = """
    t.co bit.ly bitly.com j.mp tinyurl.com goo.gl ow.ly buff.ly is.gd v.gd dlvr.it ift.tt
    fb.me fb.watch lnkd.in trib.al wp.me rb.gy cutt.ly shorturl.at t.ly tiny.cc bl.ink
    rebrand.ly su.pr twurl.nl snipurl.com cli.gs tr.im ff.im post.ly hub.am po.st mf.tt
    zpr.io soc.li shar.es dld.bz a.co amzn.to amzn.eu ebay.us nyti.ms wapo.st cnn.it
    bbc.in reut.rs huff.to hill.cm politi.co yhoo.it fxn.ws abcn.ws cbsn.ws nbcnews.to
    usat.ly on.wsj.com on.ft.com econ.st bloom.bg cnb.cx gu.com ind.pn dailym.ai rol.st
    vrge.co tcrn.ch n.pr lat.ms bos.gl on.rt.com sptnkne.ws go.nasa.gov 1.usa.gov spr.ly
    sml8.it smarturl.it clck.ru vk.cc goo.su u.to qps.ru surl.li msi.gm vm.tiktok.com
    vt.tiktok.com apple.co apple.news spoti.fi lm.tt flip.it paper.li ln.is crwd.fr adf.ly
    bc.vc q.gs ouo.io s.id x.gd 2.gp qr.ae l.ead.me mol.im pic.twitter.com pic.x.com
    w.wiki di.sn ti.me aje.io p.dw.com spon.de zeit.to sz.de welt.to f24.my lemde.fr
    l.bfmtv.com tgam.ca disq.us pinterest.it pin.it gofund.me chng.it gf.me
"""
SHORTENERS = frozenset(_SHORT.split())
_IRRELEVANT = ("www", "m", "mobile", "amp", "touch", "wap", "www1", "www2", "www3")
# Wrappers: the host, and the parameter that holds the link
_WRAPPERS: tuple[tuple[re.Pattern[str], re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"^lm?\.(facebook|instagram|messenger)\.com$"), re.compile(r"^/(l\.php)?$"),
     ("u",)),
    (re.compile(r"^(www\.)?google\.[a-z.]+$"), re.compile(r"^/url$"), ("q", "url")),
    (re.compile(r"^(www\.)?youtube\.com$"), re.compile(r"^/redirect$"), ("q",)),
    (re.compile(r"^(www\.|m\.)?vk\.com$"), re.compile(r"^/away\.php$"), ("to",)),
    (re.compile(r"^t\.umblr\.com$"), re.compile(r"^/redirect$"), ("z",)),
    (re.compile(r"^out\.reddit\.com$"), re.compile(r""), ("url",)),
    (re.compile(r"^(www\.)?linkedin\.com$"), re.compile(r"^/redir/redirect$"), ("url",)),
    (re.compile(r"^consent\.(youtube|google)\.[a-z.]+$"), re.compile(r""), ("continue",)),
    (re.compile(r"^(www\.)?facebook\.com$"), re.compile(r"^/(sharer(/sharer)?\.php|flx/warn/)$"),
     ("u",)),
    (re.compile(r"^(www\.)?(twitter|x)\.com$"), re.compile(r"^/intent/tweet$"), ("url",)),
)  # fmt: skip
_AMP_CACHE = re.compile(r"^/(?:[acirv]/)*(?:s/)?([^/]+\.[^/]+/?.*)$")
_AMP_VIEWER = re.compile(r"^/amp/(?:s/)?([^/]+\.[^/]+/?.*)$")
_ARCHIVED = re.compile(r"^/web/\d+[a-z_]*/(https?:/+.+)$", re.I)
_AMP_PATH = re.compile(
    r"(?:\.amp(?=\.html?$)|\.amp$|(?<=/)amp(?:/index\.html?)?$|/amp(?=/?$))", re.I
)
_INDEX = re.compile(r"(?<=/)(?:index|default)\.(?:html?|php\d?|aspx?|jsp)$", re.I)
_YOUTUBE_ID = re.compile(r"^[\w-]{11}$")
_X_STATUS = re.compile(r"^/(?:[^/]+|i/web)/status(?:es)?/(\d+)", re.I)
_X_MEDIA = re.compile(r"^/[^/]+/status(?:es)?/\d+/(?:photo|video)/\d+/?$", re.I)
_X_HOSTS = ("twitter.com", "x.com", "nitter.net", "fxtwitter.com", "vxtwitter.com", "fixupx.com")
_KEPT_OF_FACEBOOK = ("story_fbid", "id", "fbid", "v", "set", "multi_permalinks", "q", "av")


class Link(NamedTuple):
    """A link: its address in one form, or the reason that it is no object.

    Attributes
    ----------
    address
        None where it is no object.
    reason
        Why it is none: an unresolved short link, or no web address.
    status
        Id of the post on X that it leads to, if any.
    is_media
        Whether it leads to a picture or a video of a post on X.
    """

    address: str | None
    reason: str | None = None
    status: str | None = None
    is_media: bool = False


@cache
def _suffixes() -> tldextract.TLDExtract:
    """Return what tells domains, with the list that it comes with and private suffixes."""
    return tldextract.TLDExtract(
        suffix_list_urls=(), cache_dir=None, fallback_to_snapshot=True,
        include_psl_private_domains=True,
    )  # fmt: skip


def domain_of(address: str) -> str | None:
    """Return the registered domain of an address, None where it has none.

    Blogs on a shared host, such as ``ann.blogspot.com``, are domains of their own.

    Examples
    --------
    >>> domain_of("https://news.bbc.co.uk/1"), domain_of("https://ann.blogspot.com/x")
    ('bbc.co.uk', 'ann.blogspot.com')
    """
    told = _suffixes()(address)
    if told.domain and told.suffix:
        return f"{told.domain}.{told.suffix}"
    return told.ipv4 or None


def canonical(url: str, resolve: Mapping[str, str] | None = None) -> Link:
    """Return a link in the one form of all that lead to the same page.

    Parameters
    ----------
    url
        As it was posted.
    resolve
        What short links stand for, by the link as it was posted; with or without scheme.

    Examples
    --------
    >>> canonical("http://www.example.com/a/?utm_source=x&b=1#top").address
    'https://example.com/a?b=1'
    >>> canonical("https://youtu.be/dQw4w9WgXcQ?t=43").address
    'https://youtube.com/watch?v=dQw4w9WgXcQ'
    >>> canonical("https://t.co/abc").reason
    'unresolved short link'
    >>> canonical("https://t.co/abc", {"https://t.co/abc": "https://example.com/"}).address
    'https://example.com'
    """
    for _ in range(5):  # a wrapper in a wrapper, a short link to a short link
        if resolve and (long := resolve.get(url) or resolve.get(_bare(url))):
            if long == url:
                break
            url = long
            continue
        parts = _parts(url)
        if parts is None:
            return Link(None, NONE)
        inner = _unwrapped(parts)
        if inner is None:
            break
        url = inner
    parts = _parts(url)
    if parts is None:
        return Link(None, NONE)
    host = _host(parts)
    if host is None:
        return Link(None, NONE)
    if host in SHORTENERS or (parts.hostname or "").lower() in SHORTENERS:
        home = parts.path.strip("/") == ""
        return Link(None, NONE if home else SHORT)
    if host in _X_HOSTS and (match := _X_STATUS.match(parts.path)):
        media = _X_MEDIA.match(parts.path) is not None
        return Link(f"https://x.com/i/status/{match[1]}", None, match[1], media)
    address = _of_platform(host, parts)
    return Link(address if address is not None else _of_page(host, parts))


def _bare(url: str) -> str:
    return re.sub(r"^https?://", "", url.strip(), flags=re.I)


def _parts(url: str) -> SplitResult | None:
    """Return the parts of a web address, None where it is none."""
    url = re.sub(r"[\x00-\x20\x7f]+", "", url).strip("<>\"'").replace("&amp;", "&")
    if re.match(r"^[a-z][a-z0-9+.-]*:(?!//|\d)", url, re.I):
        return None  # mailto:, javascript:
    if not re.match(r"^[a-z][a-z0-9+.-]*://", url, re.I):
        url = "http:" + url if url.startswith("//") else "http://" + url
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  a port that is no number
    except ValueError:
        return None
    host = parts.hostname
    if parts.scheme.lower() not in ("http", "https") or not host or "." not in host or "…" in url:
        return None
    return parts


def _unwrapped(parts: SplitResult) -> str | None:
    """Return the link that stands inside of this one, None where none does."""
    host = (parts.hostname or "").lower()
    for hosts, paths, names in _WRAPPERS:
        if hosts.match(host) and paths.match(parts.path):
            query = dict(parse_qsl(parts.query))
            inner = next((query[n] for n in names if query.get(n, "").startswith("http")), None)
            if inner is not None:
                return inner
    rest = f"?{parts.query}" if parts.query else ""
    if host.endswith(".cdn.ampproject.org") and (match := _AMP_CACHE.match(parts.path)):
        return f"https://{match[1]}{rest}"
    if re.match(r"^(www\.)?google\.[a-z.]+$", host) and (match := _AMP_VIEWER.match(parts.path)):
        return f"https://{match[1]}{rest}"
    if host == "web.archive.org" and (match := _ARCHIVED.match(parts.path)):
        return re.sub(r"^(https?):/+", r"\1://", match[1]) + rest
    return None


@cache
def _ascii(label: str) -> str:
    try:
        return label.encode("idna").decode("ascii")
    except UnicodeError:
        return label


def _host(parts: SplitResult) -> str | None:
    """Return the host in ASCII without labels such as www and m, None where it can be none."""
    host = (parts.hostname or "").rstrip(".").lower()
    if not host.isascii():
        host = ".".join(_ascii(label) for label in host.split("."))
    if not re.fullmatch(r"[a-z0-9_.-]+", host):
        return None
    told = _suffixes()(host)
    if not (told.domain and told.suffix):
        return host if told.ipv4 else None
    labels = [label for label in told.subdomain.split(".") if label and label not in _IRRELEVANT]
    if labels and labels[0].startswith("amp-"):
        labels[0] = labels[0][4:]
    return ".".join([*labels, told.domain, told.suffix])


def _of_platform(host: str, parts: SplitResult) -> str | None:
    """Return the one address of a post on a platform with several for it, None elsewhere."""
    rule = _PLATFORMS.get(host)
    return rule([p for p in parts.path.split("/") if p], parts) if rule else None


def _youtube(path: list[str], parts: SplitResult) -> str | None:
    query = dict(parse_qsl(parts.query))
    video = query.get("v")
    if len(path) > 1 and path[0] in ("shorts", "embed", "live", "v", "e"):
        video = path[1]
    if video and _YOUTUBE_ID.match(video):
        return f"https://youtube.com/watch?v={video}"
    return None


def _youtu_be(path: list[str], parts: SplitResult) -> str | None:
    if path and _YOUTUBE_ID.match(path[0]):
        return f"https://youtube.com/watch?v={path[0]}"
    return None


def _x(path: list[str], parts: SplitResult) -> str | None:
    if len(path) == 1 and path[0].lower() not in ("search", "hashtag", "intent", "share", "home"):
        return f"https://x.com/{path[0].lower()}"
    if len(path) == 2 and path[0].lower() == "hashtag":
        return f"https://x.com/hashtag/{unquote(path[1]).casefold()}"
    return _of_page("x.com", parts)


def _telegram(path: list[str], parts: SplitResult) -> str | None:
    path = path[1:] if path and path[0] == "s" and len(path) > 1 else path
    if not path:
        return None
    path = (
        path if path[0].startswith("+") or path[0] == "joinchat" else [path[0].lower(), *path[1:]]
    )
    return "https://t.me/" + "/".join(path)


def _instagram(path: list[str], parts: SplitResult) -> str | None:
    for i, part in enumerate(path[:2]):
        if part in ("p", "reel", "reels", "tv") and len(path) > i + 1:
            return f"https://instagram.com/p/{path[i + 1]}"
    if len(path) == 1:
        return f"https://instagram.com/{path[0].lower()}"
    return None


def _facebook(path: list[str], parts: SplitResult) -> str | None:
    query = [(k, v) for k, v in parse_qsl(parts.query) if k in _KEPT_OF_FACEBOOK]
    tail = f"?{urlencode(sorted(query))}" if query else ""
    return "/".join(["https://facebook.com", *path]) + tail


def _reddit(path: list[str], parts: SplitResult) -> str | None:
    if "comments" in path[:3] and path.index("comments") + 1 < len(path):
        at = path.index("comments")
        return f"https://reddit.com/comments/{path[at + 1]}"
    return "/".join(["https://reddit.com", *path])


def _redd_it(path: list[str], parts: SplitResult) -> str | None:
    return f"https://reddit.com/comments/{path[0]}" if len(path) == 1 else None


def _tiktok(path: list[str], parts: SplitResult) -> str | None:
    if len(path) >= 3 and path[1] in ("video", "photo"):
        return f"https://tiktok.com/@/video/{path[2]}"
    return "/".join(["https://tiktok.com", *path])


_PLATFORMS: Mapping[str, Callable[[list[str], SplitResult], str | None]] = {
    "youtube.com": _youtube, "youtube-nocookie.com": _youtube, "music.youtube.com": _youtube,
    "youtu.be": _youtu_be, "twitter.com": _x, "x.com": _x, "t.me": _telegram,
    "telegram.me": _telegram, "telegram.dog": _telegram, "instagram.com": _instagram,
    "facebook.com": _facebook, "reddit.com": _reddit, "old.reddit.com": _reddit,
    "new.reddit.com": _reddit, "redd.it": _redd_it, "tiktok.com": _tiktok,
}  # fmt: skip


def _of_page(host: str, parts: SplitResult) -> str:
    """Return the address of a page on the web at large."""
    query = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not _tracks(name, value)
    ]
    path = _INDEX.sub("", _AMP_PATH.sub("", re.sub(r"/{2,}", "/", parts.path)))
    fragment = (
        parts.fragment if parts.fragment.startswith(("!", "/")) and parts.fragment[1:] else ""
    )
    port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    tail = f"?{urlencode(query)}" if query else ""
    address = canonicalize_url(
        f"https://{host}{port}{path.rstrip('/') or '/'}{tail}", keep_blank_values=True
    )
    if not query:
        address = address.rstrip("/")
    return f"{address}#{fragment}" if fragment else address


def _tracks(name: str, value: str) -> bool:
    if _TRACKING.match(name):
        return True
    values = _TRACKING_VALUES.get(name.lower())
    return values is not None and values.match(value) is not None


class Links(NamedTuple):
    """Distinct links in one form.

    Attributes
    ----------
    address : array of str or None (n,)
        See :class:`Link`.
    reason : array of str or None (n,)
        See :class:`Link`.
    status : array of str or None (n,)
        See :class:`Link`.
    is_media : bool (n,)
        See :class:`Link`.
    """

    address: NDArray[np.object_]
    reason: NDArray[np.object_]
    status: NDArray[np.object_]
    is_media: NDArray[np.bool_]


def canonical_links(urls: Iterable[str], resolve: Mapping[str, str] | None = None) -> Links:
    """Return each of many links in its one form.

    Parameters
    ----------
    urls
        Links as they were posted; give each once.
    resolve
        What short links stand for; see :func:`canonical`.
    """
    found = [canonical(url, resolve) for url in urls]

    def column(i: int) -> NDArray[np.object_]:
        values = np.empty(len(found), object)
        values[:] = [link[i] for link in found]
        return values

    is_media = np.array([link.is_media for link in found], bool)
    return Links(column(0), column(1), column(2), is_media)
