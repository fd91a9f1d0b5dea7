"""Tables of Telegram messages as 4CAT writes them."""

from __future__ import annotations

from coordnet.readers.formats import each, hashtags_in, links_in, printed_list, table


def _forwarded(source: str | None, time: str | None) -> str | None:
    """Return what tells a forwarded message: where it stood first, and when."""
    return f"{source}@{time.removesuffix('.0')}" if source and time else None


def _links(attached: str | None, body: str | None) -> list[str]:
    return list(dict.fromkeys([*([attached] if attached else []), *links_in(body)]))


def _names(linked: str | None, mentioned: str | None) -> list[str]:
    names = [n.strip() for part in (linked, mentioned) for n in (part or "").split(",")]
    return list(dict.fromkeys(name for name in names if name))


FORMAT = table(
    "4cat-telegram",
    "4CAT, Telegram",
    marks=[("chat", "author", "unix_timestamp", "body", "author_forwarded_from_id", "reply_to")],
    cells={
        # a message of a channel is the channel's own
        "account": each(lambda author, chat: author or chat, "author", "chat"),
        "handle": "author_username",
        "post": "id",
        "time": "unix_timestamp",  # timestamp is the local time of 4CAT's server
        "text": "body",
        "links": each(_links, "link_attached", "body"),
        "hashtags": each(hashtags_in, "body"),
        "mentions": each(_names, "entities_linked", "entities_mentioned"),
        "media": each(printed_list, "attachment_filename"),
        "retweeted": each(_forwarded, "author_forwarded_from_id", "unix_timestamp_forwarded_from"),
        "retweeted_author": "author_forwarded_from_id",
        "retweeted_time": "unix_timestamp_forwarded_from",
        "replied": each(
            lambda chat, to: f"{chat}-{to.removesuffix('.0')}" if chat and to else None,
            "chat", "reply_to",
        ),
        "name": "author_name",
    },
    units={"time": "s", "retweeted_time": "s"},
    absent={
        "like": "the table has numbers of reactions, not who reacts",
        "quote": "Telegram has no quotes of other channels",
    },
)  # fmt: skip
