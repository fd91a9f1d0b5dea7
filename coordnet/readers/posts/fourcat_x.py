"""Tables of X posts as 4CAT writes them, out of the API or out of Zeeschuimer."""

from __future__ import annotations

import re

from coordnet.readers.formats import each, split_by, table

_PASSED_ON = re.compile(r"^\s*RT @(\w+):?\s*", re.I)


def _text(body: str | None) -> str | None:
    """Return the text that is passed on, or the text."""
    return _PASSED_ON.sub("", body) if body else body


def _retweeted(user: str | None, is_retweet: str | None, body: str | None) -> str | None:
    """Return what tells a retweeted post: its author and its text, for the id is not there."""
    if (is_retweet or "").lower() not in ("yes", "true") or not body:
        return None
    prefix = _PASSED_ON.match(body)
    author = user or (prefix[1] if prefix else "")
    return f"{author.lower()}: {_text(body)}" if author else None


FORMAT = table(
    "4cat-x",
    "4CAT, X",
    marks=[
        ("thread_id", "timestamp", "body", "author_id", "is_retweet", "retweeted_user", "mentions"),
    ],
    cells={
        "account": ("author_id", "author"),
        "handle": "author",
        "post": "id",
        "time": "timestamp",  # unix_timestamp comes from a naive date
        "text": each(_text, "body"),
        "language": "language_guess",
        "links": split_by("urls", ","),
        "hashtags": split_by("hashtags", ","),
        "mentions": split_by("mentions", ","),
        "media": split_by("images", ","),
        "retweeted": each(_retweeted, "retweeted_user", "is_retweet", "body"),
        "retweeted_author": "retweeted_user",
        "quoted": "quote_tweet_id",
        "quoted_author": ("quoted_user", "quote_author"),
        "replied_author": ("replied_user", "replied_author"),
        "name": "author_fullname",
        "followers": "author_followers",
        "verified": "verified",
    },
    absent={
        "like": "the table has numbers of likes, not who likes",
        "reply": "the table has whom a post answers, not which post",
        "quote": "the table has whom a post quotes; which post stands in it only where the data "
        "came through Zeeschuimer (quote_tweet_id)",
        "fast_retweet": "the table has no time of the retweeted post",
        "hashtag_sequence": "4CAT writes the hashtags of a post in no order",
    },
)
