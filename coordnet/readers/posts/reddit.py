"""Reddit: dumps of submissions and of comments, JSON lines."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

from coordnet.readers.formats import Row, at, first, id_text, links_in, records, truth

_GONE = ("[deleted]", "[removed]", "", None)


def _name(kind: str, value: Any) -> str | None:
    """Return the full name of a thing, which says what kind it is."""
    text = id_text(value)
    return text if text is None or "_" in text else f"{kind}_{text}"


def _text(*parts: Any) -> str | None:
    texts = [html.unescape(part) for part in parts if part not in _GONE]
    return "\n".join(texts) or None


def _rows(thing: Any) -> Iterator[Row]:
    thing = at(thing, "data") if at(thing, "kind") in ("t1", "t3") else thing  # as the site has it
    author = at(thing, "author")
    row: Row = {
        # all whose accounts are gone bear one name, and are not one account
        "account": None if author in _GONE else author,
        "handle": None if author in _GONE else author,
        "time": at(thing, "created_utc"),
        "created": at(thing, "author_created_utc"),
    }
    if "body" in thing:
        row["post"] = _name("t1", at(thing, "id"))
        row["text"] = _text(thing["body"])
        row["links"] = links_in(row["text"])
        row["replied"] = _name("t1", first(at(thing, "parent_id"), at(thing, "link_id")))
        yield row
        return
    row["post"] = _name("t3", at(thing, "id"))
    row["text"] = _text(at(thing, "title"), at(thing, "selftext"))
    row["retweeted"] = _name("t3", at(thing, "crosspost_parent"))
    link = at(thing, "url")
    parents = at(thing, "crosspost_parent_list")
    if isinstance(parents, list) and parents:
        original = at(parents[0], "author")
        row["retweeted_author"] = None if original in _GONE else original
        row["retweeted_time"] = at(parents[0], "created_utc")
    own = truth(at(thing, "is_self")) or str(at(thing, "domain") or "").startswith("self.")
    links = [html.unescape(link)] if link and not own and not row["retweeted"] else []
    row["links"] = list(dict.fromkeys([*links, *links_in(_text(at(thing, "selftext")))]))
    yield row


FORMAT = records(
    "reddit",
    "Reddit dumps",
    _rows,
    gives=(
        "account",
        "handle",
        "post",
        "time",
        "text",
        "links",
        "retweeted",
        "retweeted_author",
        "retweeted_time",
        "replied",
    ),
    marks=[
        ("author", "created_utc", "subreddit", "body", "link_id", "parent_id"),
        ("author", "created_utc", "subreddit", "title", "selftext", "url"),
        ("kind", "data.author", "data.created_utc", "data.subreddit"),
    ],
    units={"time": "s", "retweeted_time": "s", "created": "s"},
    absent={
        "like": "votes are secret",
        "quote": "Reddit has no quotes",
        "hashtag": "Reddit has no hashtags",
        "hashtag_sequence": "Reddit has no hashtags",
        "mention": "mentions are no field of the dumps",
        "media": "ids of images are no field of the dumps; their links are in the trace url",
    },
)
