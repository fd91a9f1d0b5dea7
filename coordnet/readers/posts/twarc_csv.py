"""Tables of X API v2 posts as twarc-csv writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coordnet.readers.formats import Cells, Column, first, json_of, table, with_original_times


def _items(name: str, *keys: str) -> Callable[[Cells], Column]:
    """Return a rule for a column of JSON lists: of texts, or of objects with one of these keys."""

    def item(value: Any) -> str:
        if isinstance(value, dict):
            value = first(*(value.get(key) for key in keys))
        return str(value or "").lstrip("#@")

    def rule(cells: Cells) -> Column:
        if cells.get(name) is None:
            return None
        lists = (json_of(cell) or () for cell in cells.texts(name))
        return [list(dict.fromkeys(filter(None, map(item, values)))) for values in lists]

    return rule


FORMAT = table(
    "twarc-csv",
    "twarc-csv",
    marks=[
        ("author_id", "referenced_tweets.retweeted.id", "entities.urls", "created_at", "text"),
        ("author.id", "referenced_tweets.retweeted.id", "entities.urls", "created_at", "text"),
    ],
    cells={
        "account": ("author_id", "author.id"),
        "handle": "author.username",
        "post": "id",
        "time": "created_at",
        "text": "text",
        "language": "lang",
        "links": _items("entities.urls", "unwound_url", "expanded_url", "url"),
        "hashtags": _items("entities.hashtags", "tag"),
        "mentions": _items("entities.mentions", "username"),
        "media": _items("attachments.media_keys", "media_key"),
        "retweeted": "referenced_tweets.retweeted.id",
        "retweeted_author": "retweeted_user_id",
        "quoted": "referenced_tweets.quoted.id",
        "quoted_author": "quoted_user_id",
        "replied": "referenced_tweets.replied_to.id",
        "replied_author": "in_reply_to_user_id",
        "name": "author.name",
        "description": "author.description",
        "location": "author.location",
        "created": "author.created_at",
        "followers": "author.public_metrics.followers_count",
        "following": "author.public_metrics.following_count",
        "posts": "author.public_metrics.tweet_count",
        "verified": "author.verified",
    },
    checked=with_original_times,
    absent={"like": "the table has numbers of likes, not who likes"},
)
