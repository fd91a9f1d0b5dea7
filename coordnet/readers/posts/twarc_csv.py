"""Tables of X API v2 posts as twarc-csv writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coordnet.readers.formats import Cells, Column, at, first, json_of, table, texts_of


def _json(name: str, pick: Callable[[Any], list[str]]) -> Callable[[Cells], Column]:
    """Return a rule for a column of JSON in cells."""

    def rule(cells: Cells) -> Column:
        if cells.get(name) is None:
            return None
        return [pick(json_of(cell)) for cell in cells.texts(name)]

    return rule


def _links(urls: Any) -> list[str]:
    found = (first(at(u, "unwound_url"), at(u, "expanded_url"), at(u, "url")) for u in urls or ())
    return list(dict.fromkeys(str(link) for link in found if link))


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
        "links": _json("entities.urls", _links),
        "hashtags": _json("entities.hashtags", lambda tags: texts_of(tags, "tag")),
        "mentions": _json("entities.mentions", lambda names: texts_of(names, "username")),
        "media": _json("attachments.media_keys", texts_of),
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
    absent={"like": "the table has numbers of likes, not who likes"},
)
