"""Twitter API v1.1: JSON lines of statuses, of the stream or of a search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from coordnet.readers.formats import (
    X_FIELDS,
    Row,
    at,
    first,
    id_text,
    records,
    texts_of,
    truth,
    whole,
)


def _get(value: Any, name: str) -> Any:
    """Return a field, or what stands for it in files whose names and texts are pseudonyms."""
    return first(at(value, name), at(value, f"{name}_h"), at(value, f"{name}_m"))


def _id(value: Any, name: str = "id") -> str | None:
    """Return an id: as text where that is there, for a number may have been rounded."""
    return id_text(first(_get(value, f"{name}_str"), _get(value, name)))


def _whole(status: Any) -> tuple[str | None, Any, Any]:
    """Return text, entities and extended entities; those of a long post stand apart."""
    long = at(status, "extended_tweet") or {}
    text = first(_get(status, "full_text"), _get(long, "full_text"), _get(status, "text"))
    entities = at(long, "entities") or at(status, "entities")
    media = at(long, "extended_entities") or at(status, "extended_entities") or entities
    return text, entities, media


def _links(entities: Any) -> list[str]:
    links = at(entities, "urls") or ()
    found = (first(at(u, "unwound", "url"), at(u, "expanded_url"), at(u, "url")) for u in links)
    return list(dict.fromkeys(str(link) for link in found if link))


def _rows(status: Any) -> Iterator[Row]:
    for inner in at(status, "statuses") or (status,):  # a page of a search
        if at(inner, "user") is not None:
            yield _row(inner)


def _row(status: Any) -> Row:
    user = status["user"]
    text, entities, extended = _whole(status)
    row: Row = {
        "account": _id(user),
        "handle": _get(user, "screen_name"),
        "post": _id(status),
        "time": status.get("created_at"),
        "language": status.get("lang"),
        "name": _get(user, "name"),
        "description": _get(user, "description"),
        "location": at(user, "location"),
        "created": at(user, "created_at"),
        "followers": whole(at(user, "followers_count")),
        "following": whole(at(user, "friends_count")),
        "posts": whole(at(user, "statuses_count")),
        "verified": truth(at(user, "verified")),
        "replied": _id(status, "in_reply_to_status_id"),
        "replied_author": _id(status, "in_reply_to_user_id"),
        "mentions": texts_of([_get(m, "screen_name") for m in at(entities, "user_mentions") or ()]),
    }
    original = status.get("retweeted_status")
    if isinstance(original, dict):
        row["retweeted"], row["retweeted_author"] = _id(original), _id(original.get("user"))
        row["retweeted_time"] = original.get("created_at")
        text, entities, extended = _whole(original)
    quoted = status.get("quoted_status")
    if original is None:  # a retweet of a quote has the quote of what it passes on
        row["quoted"] = _id(status, "quoted_status_id") or (_id(quoted) if quoted else None)
        if isinstance(quoted, dict):
            row["quoted_author"] = _id(quoted.get("user"))
            row["quoted_links"] = _links(_whole(quoted)[1])
    row["text"] = text
    row["links"] = _links(entities)
    row["hashtags"] = texts_of(at(entities, "hashtags"), "text")
    row["media"] = texts_of(at(extended, "media"), "media_url_https")
    return row


FORMAT = records(
    "x-v1",
    "Twitter API v1.1",
    _rows,
    gives=X_FIELDS,
    marks=[
        ("user.id_str", "created_at", "id_str", "user.screen_name", "entities"),
        ("user.id", "created_at", "id", "user.screen_name", "entities"),
        ("user.id_str_h", "created_at", "id_str_h", "user.screen_name_h", "entities"),
        ("statuses.user.id_str", "statuses.created_at", "statuses.id_str"),
    ],
    absent={"like": "posts that an account likes are another export (favorites/list)"},
)
