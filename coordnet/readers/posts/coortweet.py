"""The four columns of CooRTweet: account, object, post and time."""

from __future__ import annotations

from collections.abc import Callable

from coordnet.readers.formats import Cells, Column, table


def _is_link(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _is_tag(text: str) -> bool:
    return text.startswith(("#", "＃"))


def _lists(fits: Callable[[str], bool]) -> Callable[[Cells], Column]:
    return lambda cells: [[o] if o and fits(o) else [] for o in cells.texts("object_id")]


def _others(cells: Cells) -> Column:
    return [o if o and not _is_link(o) and not _is_tag(o) else None
            for o in cells.texts("object_id")]  # fmt: skip


FORMAT = table(
    "coortweet",
    "CooRTweet's four columns",
    marks=[("object_id", "account_id", "content_id", "timestamp_share")],
    cells={
        "account": "account_id",
        "post": "content_id",
        "time": "timestamp_share",
        # what the objects are is not told: links and hashtags show it, the others are posts
        "links": _lists(_is_link),
        "hashtags": _lists(_is_tag),
        "retweeted": _others,
    },
    units={"time": "s"},
    absent={
        "hashtag_sequence": "each row has one object",
        **dict.fromkeys(
            ("quote", "reply", "like", "mention", "media", "text", "similar_text", "fast_retweet"),
            "the table has accounts, objects and times, no more",
        ),
    },
)
