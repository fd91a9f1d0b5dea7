"""X posts as its website gets them, collected by Zeeschuimer: JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from coordnet.readers.formats import X_FIELDS, Row, at, first, id_text, records, texts_of, truth
from coordnet.readers.formats import whole as whole_number


def _inner(result: Any) -> Any:
    """Return the post in a result, which may stand one level deeper."""
    result = at(result, "result")
    return at(result, "tweet") or result


def _user(post: Any) -> tuple[Any, Any]:
    """Return what is told of the author, in old and new places."""
    result = at(post, "core", "user_results", "result") or {}
    return result, at(result, "legacy") or at(post, "user") or {}


def _author(post: Any) -> str | None:
    result, legacy = _user(post)
    return id_text(
        first(at(post, "legacy", "user_id_str"), at(result, "rest_id"), at(legacy, "id_str"))
    )


def _text(post: Any) -> tuple[str | None, Any]:
    """Return text and entities; those of a long post stand in its note."""
    note = at(post, "note_tweet", "note_tweet_results", "result")
    entities = at(note, "entity_set") or at(post, "legacy", "entities")
    return first(at(note, "text"), at(post, "legacy", "full_text")), entities


def _links(entities: Any) -> list[str]:
    found = (first(at(u, "expanded_url"), at(u, "url")) for u in at(entities, "urls") or ())
    return list(dict.fromkeys(str(link) for link in found if link))


def _rows(item: Any) -> Iterator[Row]:
    post = at(item, "data") if at(item, "source_platform") else item
    post = at(post, "tweet") or post
    legacy = at(post, "legacy")
    if not isinstance(legacy, dict):
        return
    result, user = _user(post)
    core = at(result, "core") or {}
    text, entities = _text(post)
    row: Row = {
        "account": _author(post),
        "handle": first(core.get("screen_name"), user.get("screen_name")),
        "post": id_text(first(at(post, "rest_id"), legacy.get("id_str"))),
        "time": legacy.get("created_at"),
        "language": legacy.get("lang"),
        "replied": id_text(legacy.get("in_reply_to_status_id_str")),
        "replied_author": id_text(legacy.get("in_reply_to_user_id_str")),
        "name": first(core.get("name"), user.get("name")),
        "description": user.get("description"),
        "location": first(at(result, "location", "location"), user.get("location")),
        "created": first(core.get("created_at"), user.get("created_at")),
        "followers": whole_number(user.get("followers_count")),
        "following": whole_number(user.get("friends_count")),
        "posts": whole_number(user.get("statuses_count")),
        "verified": truth(first(at(result, "is_blue_verified"), user.get("verified"))),
    }
    original = _inner(legacy.get("retweeted_status_result"))
    media = legacy
    if isinstance(original, dict):
        row["retweeted"] = id_text(
            first(at(original, "rest_id"), at(original, "legacy", "id_str"),
                  legacy.get("retweeted_status_id_str"))
        )  # fmt: skip
        row["retweeted_author"] = _author(original)
        row["retweeted_time"] = at(original, "legacy", "created_at")
        text, entities = _text(original)
        media = at(original, "legacy") or {}
    else:
        quoted = _inner(at(post, "quoted_status_result"))
        row["quoted"] = id_text(first(legacy.get("quoted_status_id_str"), at(quoted, "rest_id")))
        row["quoted_author"] = _author(quoted)
        row["quoted_links"] = _links(_text(quoted)[1])
    row["text"], row["links"] = text, _links(entities)
    row["hashtags"] = texts_of(at(entities, "hashtags"), "text")
    row["mentions"] = texts_of(at(entities, "user_mentions"), "screen_name")
    pictures = at(media, "extended_entities", "media") or at(media, "entities", "media")
    row["media"] = texts_of(pictures, "media_url_https")
    yield row


FORMAT = records(
    "zeeschuimer-x",
    "Zeeschuimer, X",
    _rows,
    gives=X_FIELDS,
    marks=[
        ("rest_id", "legacy.full_text", "legacy.user_id_str"),
        ("legacy.full_text", "legacy.user_id_str", "legacy.id_str"),
        ("source_platform", "data.rest_id", "data.legacy"),
        ("source_platform", "data.legacy", "data.type"),
    ],
    absent={"like": "the website gives numbers of likes, not who likes"},
)
