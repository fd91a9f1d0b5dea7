"""Posts of Bluesky as its API gives them: views of posts, and feeds of these with their reposts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from coordnet.readers.bluesky import GIVES, author_of, post_fields
from coordnet.readers.formats import Row, at, records


def _rows(item: Any) -> Iterator[Row]:
    for inner in at(item, "posts") or at(item, "feed") or (item,):  # a page
        post = at(inner, "post") or inner  # an entry of a feed
        record = at(post, "record")
        if not isinstance(record, dict):
            continue
        author = at(post, "author") or {}
        reason = at(inner, "reason") or {}
        if "by" in reason:
            uri = at(post, "uri")
            yield {
                "account": at(reason, "by", "did"), "handle": at(reason, "by", "handle"),
                "name": at(reason, "by", "displayName"), "post": at(reason, "uri"),
                "time": at(reason, "indexedAt"), "text": record.get("text"), "retweeted": uri,
                "retweeted_author": author_of(uri), "retweeted_time": record.get("createdAt"),
            }  # fmt: skip
            continue
        yield {
            "account": author.get("did"), "handle": author.get("handle"), "post": at(post, "uri"),
            "name": author.get("displayName"), "created": author.get("createdAt"),
            "seen": at(post, "indexedAt"), **post_fields(record),
        }  # fmt: skip


FORMAT = records(
    "bluesky",
    "Bluesky API",
    _rows,
    gives=(*GIVES, "handle", "name", "created", "retweeted_time", "seen"),
    marks=[
        ("uri", "cid", "author.did", "record.createdAt"),
        ("post.uri", "post.cid", "post.author.did", "post.record.createdAt"),
        ("posts.uri", "posts.author.did", "posts.record"),
        ("feed.post.uri", "feed.post.author.did", "feed.post"),
    ],
    absent={"like": "the API gives numbers of likes, not who likes"},
)
