"""FiveThirtyEight's files of tweets of the Internet Research Agency (Linvill & Warren)."""

from __future__ import annotations

from coordnet.readers.formats import (
    each,
    hashtags_in,
    links_in,
    mentions_in,
    table,
    truth,
    with_snowflake_times,
)


def _retweeted(kind: str | None, retweet: str | None, text: str | None) -> str | None:
    """Return what tells a retweeted post: its text, for neither id nor author is there."""
    return text if kind == "RETWEET" or (kind is None and truth(retweet)) else None


def _links(first: str | None, second: str | None, third: str | None, text: str | None) -> list[str]:
    """Return the links with their short forms resolved, where the file has them so."""
    resolved = [link for link in (first, second, third) if link]
    return resolved or links_in(text)


FORMAT = table(
    "fivethirtyeight-ira",
    "FiveThirtyEight's IRA tweets",
    marks=[("external_author_id", "author", "content", "publish_date", "account_category")],
    cells={
        "account": ("alt_external_id", "external_author_id"),
        "handle": "author",
        "post": "tweet_id",
        "time": "publish_date",
        "text": "content",
        "language": "language",
        "links": each(_links, "tco1_step1", "tco2_step1", "tco3_step1", "content"),
        "hashtags": each(hashtags_in, "content"),
        "mentions": each(mentions_in, "content"),
        "retweeted": each(_retweeted, "post_type", "retweet", "content"),
        "location": "region",
        "followers": "followers",
        "following": "following",
        "posts": "updates",
    },
    units={"time": "%m/%d/%Y %H:%M"},
    absent={
        "quote": "which tweet is quoted is no column of the files",
        "reply": "which tweet is answered is no column of the files",
        "like": "the files have no likes",
        "media": "the files have no media",
        "fast_retweet": "the files have neither author nor time of the retweeted tweet",
    },
    checked=with_snowflake_times,
)
