"""TGDataset: JSON files of Telegram channels with their messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from coordnet.readers.formats import (
    Row,
    at,
    hashtags_in,
    id_text,
    links_in,
    mentions_in,
    records,
    truth,
    whole,
)


def _channels(value: Any) -> Iterator[tuple[str | None, Any]]:
    """Give the channels of a record: itself, or all that a file holds by their ids."""
    if "text_messages" in value:
        yield id_text(first_id(value)), value
    else:
        for key, channel in value.items():
            if isinstance(channel, dict) and "text_messages" in channel:
                yield id_text(first_id(channel) or key), channel


def first_id(channel: Any) -> Any:
    """Return the id of a channel, in the two places where it may stand."""
    return at(channel, "channel_id") or at(channel, "_id")


def _messages(messages: Any) -> Iterator[tuple[str | None, Any]]:
    if isinstance(messages, dict):
        yield from messages.items()
    else:
        yield from ((id_text(at(m, "id")), m) for m in messages or ())


def _rows(value: Any) -> Iterator[Row]:
    for channel, told in _channels(value):
        profile = {
            "account": channel,
            "handle": told.get("username"),
            "name": told.get("title"),
            "description": told.get("description"),
            "created": told.get("creation_date"),
            "followers": whole(told.get("n_subscribers")),
            "verified": truth(told.get("verified")),
        }
        for number, message in _messages(told["text_messages"]):
            text = at(message, "message")
            row: Row = {
                **profile,
                "post": f"{channel}/{number}" if number is not None else None,
                "time": at(message, "date"),
                "text": text,
                "links": links_in(text),
                "hashtags": hashtags_in(text),
                "mentions": mentions_in(text),
            }
            source = id_text(at(message, "forwarded_from_id"))
            time = at(message, "forwarded_message_date")
            if truth(at(message, "is_forwarded")) and source and time:
                row["retweeted"] = f"{source}@{id_text(time)}"
                row["retweeted_author"], row["retweeted_time"] = source, time
            yield row


FORMAT = records(
    "tgdataset",
    "TGDataset, Telegram",
    _rows,
    gives=(
        "account", "handle", "post", "time", "text", "links", "hashtags", "mentions", "retweeted",
        "retweeted_author", "retweeted_time", "name", "description", "created", "followers",
        "verified",
    ),
    marks=[("text_messages", "generic_media", "creation_date", "n_subscribers"),
           ("text_messages", "creation_date", "username", "title")],
    units={"time": "s", "retweeted_time": "s", "created": "s"},
    absent=dict.fromkeys(
        ("quote", "reply", "like", "media"),
        "the dataset has messages and forwards of channels, no more",
    ),
)  # fmt: skip
