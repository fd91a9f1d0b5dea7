"""X API v2: JSON lines of pages, of single posts with their includes, or flattened by twarc."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from coordnet.readers.formats import X_FIELDS, Row, id_text, records, whole, with_original_times

Id = str | int | float | None  # ids are text; a file that went through a float is told by its ids


class _Part(msgspec.Struct, gc=False):
    """A type that skips what it does not name, at no cost."""


class _Reference(_Part):
    type: str | None = None
    id: Id = None
    # of a flattened file: the post itself
    author_id: Id = None
    text: str | None = None
    created_at: str | None = None
    entities: _Entities | None = None


class _Link(_Part):
    url: str | None = None
    expanded_url: str | None = None
    unwound_url: str | None = None


class _Tag(_Part):
    tag: str | None = None


class _Mention(_Part):
    username: str | None = None


class _Entities(_Part):
    urls: list[_Link] | None = None
    hashtags: list[_Tag] | None = None
    mentions: list[_Mention] | None = None


class _Note(_Part):
    text: str | None = None
    entities: _Entities | None = None


class _Attachments(_Part):
    media_keys: list[str] | None = None
    media: list[dict[str, Any]] | None = None  # flattened


class _Metrics(_Part):
    followers_count: Any = None
    following_count: Any = None
    tweet_count: Any = None


class _User(_Part):
    id: Id = None
    username: str | None = None
    name: str | None = None
    description: str | None = None
    location: str | None = None
    created_at: str | None = None
    verified: bool | None = None
    public_metrics: _Metrics | None = None


class _Post(_Part):
    id: Id = None
    author_id: Id = None
    created_at: str | None = None
    text: str | None = None
    lang: str | None = None
    in_reply_to_user_id: Id = None
    referenced_tweets: list[_Reference] | None = None
    entities: _Entities | None = None
    attachments: _Attachments | None = None
    note_tweet: _Note | None = None
    author: _User | None = None  # flattened


class _Includes(_Part):
    users: list[_User] | None = None
    tweets: list[_Post] | None = None


class _Line(_Post, gc=False):
    """A page, or one post of a flattened file."""

    data: list[_Post] | _Post | None = None
    includes: _Includes | None = None


def _links(entities: _Entities | None) -> list[str]:
    """Return the links expanded; what stays short is told as it is."""
    links = (entities.urls or []) if entities else []
    found = (link.unwound_url or link.expanded_url or link.url for link in links)
    return list(dict.fromkeys(link for link in found if link))


def _tags(entities: _Entities | None) -> list[str]:
    return [h.tag for h in entities.hashtags or [] if h.tag] if entities else []


def _mentions(entities: _Entities | None) -> list[str]:
    return [m.username for m in entities.mentions or [] if m.username] if entities else []


def _whole_text(post: _Post | _Reference) -> tuple[str | None, _Entities | None]:
    """Return text and entities; those of a long post stand in its note."""
    note = getattr(post, "note_tweet", None)
    if note is not None and note.text:
        return note.text, note.entities or post.entities
    return post.text, post.entities


def _rows(line: _Line) -> Iterator[Row]:
    includes = line.includes or _Includes()
    users = {str(user.id): user for user in includes.users or []}
    others: dict[str, _Post] = {str(post.id): post for post in includes.tweets or []}
    data = line.data
    if data is None:
        data = line if line.id is not None else []
    for post in data if isinstance(data, list) else [data]:
        yield _row(post, users, others)


def _row(post: _Post, users: Mapping[str, _User], others: Mapping[str, _Post]) -> Row:
    text, entities = _whole_text(post)
    account = id_text(post.author_id)
    user = post.author or users.get(account or "")
    row: Row = {
        "account": account,
        "post": id_text(post.id),
        "time": post.created_at,
        "language": post.lang,
        "links": _links(entities),
        "hashtags": _tags(entities),
        "mentions": _mentions(entities),
    }
    for reference in post.referenced_tweets or ():
        id_ = id_text(reference.id)
        other = others.get(id_ or "", reference)
        author = id_text(other.author_id)
        if reference.type == "retweeted":
            row["retweeted"], row["retweeted_author"] = id_, author
            row["retweeted_time"] = other.created_at
            original, of_original = _whole_text(other)
            if original:  # that of the retweet is cut, and so are its hashtags and links
                text = original
                row["links"] = _links(of_original)
                row["hashtags"] = _tags(of_original)
                row["mentions"] = _mentions(of_original)
        elif reference.type == "quoted":
            row["quoted"], row["quoted_author"] = id_, author
            row["quoted_links"] = _links(other.entities)
        elif reference.type == "replied_to":
            row["replied"] = id_
            row["replied_author"] = author or id_text(post.in_reply_to_user_id)
    row["text"] = text
    if post.attachments is not None:
        flat = [str(m["media_key"]) for m in post.attachments.media or () if "media_key" in m]
        row["media"] = post.attachments.media_keys or flat
    if user is not None:
        row["handle"], row["name"] = user.username, user.name
        row["description"], row["location"] = user.description, user.location
        row["created"], row["verified"] = user.created_at, user.verified
        if user.public_metrics is not None:
            row["followers"] = whole(user.public_metrics.followers_count)
            row["following"] = whole(user.public_metrics.following_count)
            row["posts"] = whole(user.public_metrics.tweet_count)
    return row


FORMAT = records(
    "x-v2",
    "X API v2",
    _rows,
    gives=X_FIELDS,
    decode=msgspec.json.Decoder(_Line).decode,
    marks=[
        ("data.author_id", "data.text", "data.id", "data.created_at"),
        ("data.author_id", "data.referenced_tweets", "data.id", "data.text"),
        ("author_id", "text", "id", "created_at", "public_metrics.retweet_count"),
        ("author_id", "text", "id", "created_at", "conversation_id"),
        ("author_id", "text", "id", "created_at", "edit_history_tweet_ids"),
    ],
    checked=with_original_times,
    absent={"like": "posts that an account likes are another export (liking users)"},
)
