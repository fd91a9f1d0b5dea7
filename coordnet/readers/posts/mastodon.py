"""Mastodon: JSON lines or lists of statuses."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from coordnet.readers.formats import Row, at, first, id_text, records, texts_of, whole

_BREAK = re.compile(r"<br\s*/?>|</p>\s*<p[^>]*>", re.I)
_TAG = re.compile(r"<[^>]+>")
_ANCHOR = re.compile(r"<a\b([^>]*)>", re.I)
_HREF = re.compile(r"""href=["']([^"']+)["']""", re.I)


def plain(content: str | None) -> str | None:
    r"""Return the text of HTML.

    >>> plain('<p>Vote <a href="https://a.example">now</a> &amp; here</p><p>All</p>')
    'Vote now & here\nAll'
    """
    if not content:
        return None
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", content))).strip() or None


def _links(status: Any) -> list[str]:
    """Return the links of the text that are no mention and no hashtag, and that of the card."""
    found = []
    for attributes in _ANCHOR.findall(at(status, "content") or ""):
        link = _HREF.search(attributes)
        if link and "mention" not in attributes and "hashtag" not in attributes:
            found.append(html.unescape(link[1]))
    return list(dict.fromkeys([*found, *texts_of([at(status, "card")], "url")]))


def _account(account: Any) -> str | None:
    """Return the address of an account: its id is one on one server, and another's on the next."""
    return id_text(first(at(account, "uri"), at(account, "url"), at(account, "id")))


def _post(status: Any) -> str | None:
    return id_text(first(at(status, "uri"), at(status, "url"), at(status, "id")))


def _rows(page: Any) -> Iterator[Row]:
    for status in at(page, "statuses") or (page,):
        account = at(status, "account")
        if account is None:
            continue
        original = at(status, "reblog")
        told = original if isinstance(original, dict) else status
        row: Row = {
            "account": _account(account),
            "handle": at(account, "acct"),
            "post": _post(status),
            "time": at(status, "created_at"),
            "text": plain(at(told, "content")),
            "language": at(told, "language"),
            "links": _links(told),
            "hashtags": texts_of(at(told, "tags"), "name"),
            "mentions": [
                str(name) for m in at(told, "mentions") or ()
                if (name := first(at(m, "url"), at(m, "acct"), at(m, "id")))
            ],
            "media": texts_of(at(told, "media_attachments"), "id"),
            "replied": id_text(at(status, "in_reply_to_id")),
            "replied_author": id_text(at(status, "in_reply_to_account_id")),
            "name": at(account, "display_name"),
            "description": plain(at(account, "note")),
            "created": at(account, "created_at"),
            "followers": whole(at(account, "followers_count")),
            "following": whole(at(account, "following_count")),
            "posts": whole(at(account, "statuses_count")),
        }  # fmt: skip
        if told is original:
            row["retweeted"], row["retweeted_author"] = _post(told), _account(at(told, "account"))
            row["retweeted_time"] = at(told, "created_at")
        quoted = at(status, "quote", "quoted_status")
        if isinstance(quoted, dict):
            row["quoted"], row["quoted_author"] = _post(quoted), _account(at(quoted, "account"))
            row["quoted_links"] = _links(quoted)
        if row["replied_author"] == id_text(at(account, "id")):  # ids of one server, both
            row["replied_author"] = row["account"]
        yield row


FORMAT = records(
    "mastodon",
    "Mastodon statuses",
    _rows,
    gives=(
        "account", "handle", "post", "time", "text", "language", "links", "hashtags", "mentions",
        "media", "retweeted", "retweeted_author", "retweeted_time", "quoted", "quoted_author",
        "quoted_links", "replied", "replied_author", "name", "description", "created", "followers",
        "following", "posts",
    ),
    marks=[
        ("account.acct", "content", "created_at", "id", "visibility"),
        ("account.acct", "content", "created_at", "id", "reblog"),
        ("statuses.account", "statuses.content", "statuses.created_at"),
    ],
    absent={"like": "a status has the number of its favourites, not whose they are"},
)  # fmt: skip
