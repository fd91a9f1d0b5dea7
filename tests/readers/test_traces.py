"""What counts as an action of each trace: by hand, against plain loops, and what is left out."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import coordnet as cn

START = 1_617_910_456
SECOND = 1_000_000


def posts_of(rows, **options):
    """Return posts of rows: mappings of fields, times in seconds from the start."""
    names = list(dict.fromkeys(["account", "time", *(name for row in rows for name in row)]))
    frame = pd.DataFrame({name: [row.get(name) for row in rows] for name in names}, dtype=object)
    for name in ("time", "retweeted_time"):
        if name in frame:
            frame[name] = pd.array(
                [None if t is None else START + t for t in frame[name]], dtype="Int64"
            )
    return cn.read_posts(frame, columns={name: name for name in names}, unit="s", **options)


def actions_of(log):
    """Return (account, kind, object, second) of each action, in order of account and time."""
    return sorted(
        (log.all_accounts[a], log.kinds[log.object_kind[o]], log.objects[o], t // SECOND - START)
        for a, o, t in zip(log.account, log.object, log.time, strict=True)
    )


def of_kind(posts, kind, **options):
    return [(a, o, t) for a, _, o, t in actions_of(posts.actions(kind, **options))]


def test_retweets_by_hand():
    posts = posts_of([
        {"account": "ann", "time": 0, "post": "1", "handle": "Ann_X"},
        {"account": "bob", "time": 1, "post": "2", "retweeted": "1", "retweeted_author": "ann"},
        {"account": "cem", "time": 2, "post": "3", "retweeted": "2", "retweeted_author": "bob"},
        {"account": "ann", "time": 3, "post": "4", "retweeted": "1", "retweeted_author": "ann"},
        {"account": "ann", "time": 4, "post": "5", "retweeted": "9", "retweeted_author": "ann_x",
         "handle": "Ann_X"},
        {"account": "bob", "time": 5, "post": "6", "retweeted": "2"},
        {"account": "dan", "time": 6, "post": "7", "retweeted": "9"},
    ])  # fmt: skip
    log = posts.actions("retweet")
    assert actions_of(log) == [
        ("bob", "retweet", "1", 1), ("cem", "retweet", "2", 2), ("dan", "retweet", "9", 6),
    ]  # fmt: skip
    # by id; by handle, whatever its case; and by the post itself, whose author is not told
    assert log.dropped["own post"] == 3
    assert len(posts.actions("retweet", own_posts=True)) == 6
    found = of_kind(posts, "retweet", follow_retweets=True)
    assert found == [("bob", "1", 1), ("cem", "1", 2), ("dan", "9", 6)]


def test_a_circle_of_retweets_ends():
    posts = posts_of([
        {"account": "a", "time": 0, "post": "1", "retweeted": "2"},
        {"account": "b", "time": 1, "post": "2", "retweeted": "1"},
    ])  # fmt: skip
    assert len(posts.actions("retweet", follow_retweets=True)) == 2


def test_quotes_answers_and_likes():
    posts = posts_of([
        {"account": "ann", "time": 0, "post": "1", "quoted": "8", "replied": "7", "liked": None},
        {"account": "bob", "time": 1, "post": "2", "retweeted": "1", "quoted": "8"},
        {"account": "cem", "time": 2, "post": "3", "replied": "3"},
        {"account": "dan", "time": 3, "post": None, "liked": "1", "liked_author": "ann"},
        {"account": "ann", "time": 4, "post": None, "liked": "1", "liked_author": "ann"},
    ])  # fmt: skip
    assert of_kind(posts, "quote") == [("ann", "8", 0)]
    assert of_kind(posts, "quote", of_retweets=True) == [("ann", "8", 0), ("bob", "8", 1)]
    assert of_kind(posts, "reply") == [("ann", "7", 0)]
    assert of_kind(posts, "like") == [("dan", "1", 3)]
    assert len(posts.actions("like", own_posts=True)) == 2


def test_fast_retweets():
    rows = [
        {"account": name, "time": t, "retweeted": "p", "retweeted_author": "z", "retweeted_time": o}
        for name, t, o in (("a", 10, 0), ("b", 11, 0), ("c", 5, None), ("d", 3, 4), ("z", 9, 0))
    ]
    log = posts_of(rows).actions("fast_retweet")
    assert actions_of(log) == [("a", "fast_retweet", "z", 10)]  # the bound is inclusive
    assert log.dropped["later than that"] == 2  # and one that is before the original
    assert log.dropped["original's time unknown"] == 1
    assert log.dropped["own post"] == 1
    found = of_kind(posts_of(rows), "fast_retweet", within="11s")
    assert found == [("a", "z", 10), ("b", "z", 11)]


LINK = "https://www.example.org/a?utm_source=x&id=1"
FORM = "https://example.org/a?id=1"


def test_links_by_hand():
    posts = posts_of([
        {"account": "ann", "time": 0, "post": "1", "links": [LINK, "https://t.co/abc", "hm"]},
        {"account": "bob", "time": 1, "post": "2", "links": [LINK], "retweeted": "1"},
        {"account": "cem", "time": 2, "post": "3", "quoted": "1", "quoted_links": [LINK],
         "links": ["https://x.com/ann/status/1", "http://example.org/a/?id=1",
                   "https://news.example.co.uk/b"]},
        {"account": "dan", "time": 3, "post": "4",
         "links": ["https://twitter.com/dan/status/4/photo/1", "https://twitter.com/dan/status/4"]},
        {"account": "eve", "time": 4, "post": "5", "links": None},
    ])  # fmt: skip
    log = posts.actions("url")
    assert actions_of(log) == [
        ("ann", "url", FORM, 0), ("cem", "url", "https://news.example.co.uk/b", 2),
    ]  # fmt: skip
    told = dict(log.dropped)
    assert told.pop("duplicate") == 0
    assert told == {
        "unresolved short link": 1, "no web address": 1, "link to the quoted post": 1,
        "link that the quoted post has": 1, "link to a picture or video of a post": 1,
        "link to itself": 1,
    }  # fmt: skip
    assert ("cem", FORM, 2) in of_kind(posts, "url", repeated_links=True)
    assert ("bob", FORM, 1) in of_kind(posts, "url", of_retweets=True)
    known = {"https://t.co/abc": "https://www.example.net/z/"}
    assert ("ann", "https://example.net/z", 0) in of_kind(posts, "url", resolve=known)
    assert of_kind(posts, "domain") == [("ann", "example.org", 0), ("cem", "example.co.uk", 2)]


def test_links_that_are_all_short_cannot_be_used():
    posts = posts_of([
        {"account": "ann", "time": t, "links": [f"https://t.co/{t}"]} for t in range(5)
    ])  # fmt: skip
    with pytest.raises(
        cn.InputError, match=r"all 5 links are short links such as 'https://t.co/0'"
    ):
        posts.actions("url")


def test_hashtags_by_hand():
    posts = posts_of([
        {"account": "ann", "time": 0, "hashtags": ["#AfD", "afd", "＃ＢＴＷ", "#"]},
        {"account": "bob", "time": 1, "hashtags": ["b", "A", "c", "D", "e", "b"]},
        {"account": "cem", "time": 2, "hashtags": ["B", "a", "C", "d", "E", "b"]},
        {"account": "dan", "time": 3, "hashtags": ["b", "a", "c", "d", "e", "b"], "retweeted": "9"},
    ])  # fmt: skip
    found = of_kind(posts, "hashtag")
    assert found[:2] == [("ann", "afd", 0), ("ann", "btw", 0)]
    assert len(found) == 2 + 5 + 5
    log = posts.actions("hashtag_sequence")
    assert actions_of(log) == [
        (name, "hashtag_sequence", "b a c d e b", t) for name, t in (("bob", 1), ("cem", 2))
    ]
    assert log.dropped["too few hashtags"] == 1
    assert len(posts.actions("hashtag_sequence", min_hashtags=2)) == 3


def test_mentions_and_media():
    posts = posts_of([
        {"account": "ann", "time": 0, "mentions": ["@Bob", "did:plc:Xy"], "media": ["m1"]},
        {"account": "bob", "time": 1, "mentions": ["ann"], "media": ["m1"], "retweeted": "9"},
    ])  # fmt: skip
    assert of_kind(posts, "mention") == [("ann", "bob", 0), ("ann", "did:plc:xy", 0)]
    assert of_kind(posts, "media") == [("ann", "m1", 0)]


def test_texts_by_hand():
    posts = posts_of([
        {"account": "ann", "time": 0, "text": "Vote for the party of the future now! https://t.co/a"},
        {"account": "bob", "time": 1, "text": "@ann VOTE for the party  of the future now!"},
        {"account": "cem", "time": 2, "text": "Vote for the party of the future now!!"},
        {"account": "dan", "time": 3, "text": "@ann https://t.co/b"},
        {"account": "eve", "time": 4, "text": "Vote for the party of the future now!",
         "retweeted": "1"},
        {"account": "fay", "time": 5, "text": "yes"},
    ])  # fmt: skip
    form = "vote for the party of the future now!"
    log = posts.actions("text")
    assert [(a, o) for a, _, o, _ in actions_of(log)] == [
        ("ann", form), ("bob", form), ("cem", form + "!"), ("fay", "yes"),
    ]  # fmt: skip
    assert log.dropped["text of too few words"] == 1
    assert len(posts.actions("text", min_words=5)) == 3
    assert of_kind(posts, "similar_text", min_words=5) == [
        ("ann", form, 0), ("bob", form, 1), ("cem", form, 2),
    ]  # fmt: skip
    assert len({o for _, o, _ in of_kind(posts, "similar_text", alike=0.99)}) == 3
    assert {o for _, o, _ in of_kind(posts, "similar_text", alike="coordination_toolkit")} == {
        form, "yes",
    }  # fmt: skip


def test_texts_of_the_log_are_those_that_were_written():
    log = posts_of([{"account": "a", "time": 0, "post": "1", "text": "Vote NOW"}]).actions("text")
    frame = log.to_frame("pyarrow").to_pydict()
    assert (frame["text"], frame["object"]) == (["Vote NOW"], ["vote now"])
    bare = posts_of([{"account": "a", "time": 0, "text": "x"}]).actions("text", texts_too=False)
    assert bare.text is None


def test_embeddings_group_texts():
    posts = posts_of([
        {"account": name, "time": i, "text": text, "language": language}
        for i, (name, text, language) in enumerate([
            ("a", "geht wählen", "de"), ("b", "wählt heute", "de"), ("c", "go and vote", "en"),
            ("d", "nothing", "en"), ("e", "geht wählen", "de"),
        ])
    ])  # fmt: skip
    vectors = np.array([[1, 0.0], [0.8, 0.6], [0.8, -0.6], [0, 1], [np.nan, np.nan]])
    found = of_kind(posts, "similar_text", embeddings=vectors, alike="d3lta")
    d3lta = {a: o for a, o, _ in found}
    assert d3lta["a"] == d3lta["e"] == d3lta["c"]  # the same words; 0.8 across two languages
    assert d3lta["b"] != d3lta["a"]  # 0.8 in one, and no copy
    found = of_kind(posts, "similar_text", embeddings=vectors, alike="luceri")
    luceri = {a: o for a, o, _ in found}
    assert luceri["c"] == luceri["a"]
    with pytest.raises(cn.ParameterError, match="give them with embeddings="):
        posts.actions("similar_text", alike="d3lta")
    with pytest.raises(cn.ParameterError, match="one row for each of the 5 posts"):
        posts.actions("similar_text", embeddings=vectors[:3])


# -- several at once ------------------------------------------------------------------------------

KINDS = ["retweet", "quote", "hashtag", "mention", "text"]
rows = st.lists(
    st.fixed_dictionaries(
        {
            "account": st.sampled_from("abcd"),
            "time": st.integers(0, 5),
            "post": st.integers(0, 9).map(str),
        },
        optional={
            "retweeted": st.sampled_from("pq0123"),
            "retweeted_author": st.sampled_from("abz"),
            "quoted": st.sampled_from("pq"),
            "hashtags": st.lists(st.sampled_from(["#A", "a", "b"]), max_size=3),
            "mentions": st.lists(st.sampled_from(["X", "x", "y"]), max_size=2),
            "text": st.sampled_from(["Go vote", "go  vote", "@x", "later"]),
        },
    ),
    min_size=1,
    max_size=12,
)


def naive(rows):
    """The actions of rows as a loop finds them: self-retweets and what retweets repeat left out."""
    author = {}
    for row in rows:
        author.setdefault(row["post"], row["account"])
    found = set()
    for row in rows:
        who, when, post = row["account"], row["time"], row["post"]
        target = row.get("retweeted")
        if target is not None:
            own = row.get("retweeted_author") == who or author.get(target) == who
            if not own:
                found.add((who, "retweet", target, when, post))
            continue
        if row.get("quoted") is not None and author.get(row["quoted"]) != who:
            found.add((who, "quote", row["quoted"], when, post))
        for tag in row.get("hashtags") or ():
            found.add((who, "hashtag", tag.lstrip("#").lower(), when, post))
        for name in row.get("mentions") or ():
            found.add((who, "mention", name.lower(), when, post))
        text = " ".join(w for w in (row.get("text") or "").lower().split() if w[0] != "@")
        if text:
            found.add((who, "text", text, when, post))
    return found


@given(rows)
@settings(max_examples=60)
def test_actions_equal_those_of_a_loop(rows):
    every = [{"retweeted": None, "quoted": None, "hashtags": None, "mentions": None, "text": None,
              "retweeted_author": None, **row} for row in rows]  # fmt: skip
    log = posts_of(every).actions(KINDS)
    ids = log.to_frame("pyarrow")["post"].to_pylist()
    found = {
        (log.all_accounts[a], log.kinds[log.object_kind[o]], log.objects[o], t // SECOND - START, p)
        for a, o, t, p in zip(log.account, log.object, log.time, ids, strict=True)
    }
    assert len(found) == len(log)
    assert found == naive(rows)
    for row, account in zip(log.row, log.account, strict=True):
        assert rows[row]["account"] == log.all_accounts[account]


@given(rows, st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_order_of_posts_changes_nothing(rows, random):
    # of posts with one id the first is the one that is looked at
    rows = [row | {"post": str(i)} for i, row in enumerate(rows)]
    shuffled = list(rows)
    random.shuffle(shuffled)
    fields = {"retweet": "retweeted", "hashtag": "hashtags", "text": "text", "similar_text": "text"}
    kinds = [kind for kind, name in fields.items() if any(name in row for row in rows)]
    if kinds:
        left, right = posts_of(rows).actions(kinds), posts_of(shuffled).actions(kinds)
        assert left.fingerprint == right.fingerprint


def test_one_kind_a_trace_as_tables_of_several_columns_give():
    """`read_actions(object=[...])` on the same rows as a wide table gives the same log."""
    rows = [("a", 0, "p1", "x.org"), ("b", 1, "p1", "y.org"), ("c", 2, None, "x.org")]
    posts = posts_of([
        {"account": a, "time": t, "retweeted": r, "mentions": [m]} for a, t, r, m in rows
    ])  # fmt: skip
    frame = pd.DataFrame(rows, columns=["a", "t", "retweet", "mention"])
    wide = cn.read_actions(
        frame.assign(t=frame.t + START),
        account="a",
        time="t",
        object=["retweet", "mention"],
        unit="s",
    )
    log = posts.actions(["retweet", "mention"], of_retweets=True)
    assert actions_of(log) == actions_of(wide)
    assert log.kinds == wide.kinds == ("mention", "retweet")


def test_a_log_of_posts_is_detected_and_scored():
    sim = cn.simulate("retweet_ring", accounts=400, seed=0)
    frame = sim.log.to_frame("pandas")
    posts = cn.read_posts(
        frame, columns={"account": "account", "time": "time", "retweeted": "object"}
    )
    assert (
        posts.actions("retweet").fingerprint
        == cn.read_actions(
            frame, account="account", object="object", time="time", default_kind="retweet"
        ).fingerprint
    )


# -- errors ---------------------------------------------------------------------------------------


def test_traces_that_cannot_be():
    posts = posts_of([{"account": "a", "time": 0, "text": "x"}])
    with pytest.raises(cn.ParameterError, match=r"no trace 'retweet' in this export \(columns\)"):
        posts.actions("retweet")
    with pytest.raises(cn.ParameterError, match="Did you mean 'retweet'"):
        posts.actions("retwet")
    with pytest.raises(cn.ParameterError, match="names no trace"):
        posts.actions([])
    for wrong in (0, 1.5, "x", True, None):
        with pytest.raises(cn.ParameterError):
            posts.actions("similar_text", alike=wrong)
