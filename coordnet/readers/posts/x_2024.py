"""X posts of the US election of 2024, as USC published them: delimited files of printed objects."""

from __future__ import annotations

import re
from collections.abc import Callable

from coordnet.readers.formats import Cells, Column, each, printed_list, table, with_original_times

_ID = re.compile(r"""['"]id_str['"]\s*:\s*['"](\d+)['"]|['"]id['"]\s*:\s*['"]?(\d+)['"]?""")
_CREATED = re.compile(r"""['"]created['"]\s*:\s*['"]([^'"]+)['"]""")
_MEDIA = re.compile(r"""['"](?:url|media_url_https|thumbnailUrl)['"]\s*:\s*['"]([^'"]+)['"]""")


def _value(text: str | None, *names: str) -> str | None:
    """Return the first value of one of these names in an object that was printed."""
    for name in names if text else ():
        match = re.search(
            rf"""['"]{name}['"]\s*:\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(-?\d+|True|False))""",
            text or "",
        )
        if match:
            return next(g for g in match.groups() if g is not None) or None
    return None


def _id(text: str | None) -> str | None:
    """Return an id, or that of the object printed in the cell: its first, as text if it can be."""
    if text is None or not text.lstrip().startswith("{"):
        return None if text in (None, "None", "nan") else text
    found = [m[1] or m[2] for m in _ID.finditer(text)]
    exact = re.search(r"""['"]id_str['"]\s*:\s*['"](\d+)['"]""", text)
    return exact[1] if exact else (found[0] if found else None)


def _values(text: str | None, *names: str) -> list[str]:
    """Return the values of one of these names in a list of objects, or the items of a list."""
    if not text or "{" not in text:
        return printed_list(text)
    parts = (_value("{" + part, *names) for part in text.split("{")[1:])
    return [part for part in parts if part]


def _ids(*names: str) -> Callable[[Cells], Column]:
    def rule(cells: Cells) -> Column:
        columns = [cells.texts(n) for n in names if cells.get(n) is not None]
        if not columns:
            return None
        rows = zip(*columns, strict=True)
        return [next((i for i in map(_id, row) if i is not None), None) for row in rows]

    return rule


FORMAT = table(
    "x-2024",
    "X 2024 US election (USC)",
    marks=[("rawContent", "epoch", "user", "retweetedTweetID"), ("rawContent", "epoch", "id_str",
           "conversationIdStr", "mentionedUsers")],
    cells={
        # never user_id: a column of floats
        "account": each(_id, "user"),
        "handle": each(lambda u: _value(u, "username", "screen_name"), "user"),
        "post": _ids("id_str", "id"),
        "time": "epoch",
        "text": each(lambda raw, text: raw or text, "rawContent", "text"),
        "language": "lang",
        "links": each(lambda v: _values(v, "url", "expanded_url"), "links"),
        "hashtags": each(lambda v: _values(v, "text", "tag"), "hashtags"),
        "mentions": each(lambda v: _values(v, "username", "screen_name"), "mentionedUsers"),
        "media": each(lambda v: _MEDIA.findall(v or "") or printed_list(
            None if v and "{" in v else v), "media"),
        "retweeted": _ids("retweetedTweetID"),
        "retweeted_author": _ids("retweetedUserID"),
        "quoted": _ids("quotedTweet"),
        "replied": _ids("in_reply_to_status_id_str"),
        "replied_author": _ids("in_reply_to_user_id_str"),
        "name": each(lambda u: _value(u, "displayname", "name"), "user"),
        "description": each(lambda u: _value(u, "rawDescription", "description"), "user"),
        "location": each(lambda u: _value(u, "location"), "user"),
        "created": each(lambda u: m[1] if u and (m := _CREATED.search(u)) else None, "user"),
        "followers": each(lambda u: _value(u, "followersCount", "followers_count"), "user"),
        "following": each(lambda u: _value(u, "friendsCount", "friends_count"), "user"),
        "posts": each(lambda u: _value(u, "statusesCount", "statuses_count"), "user"),
        "verified": each(lambda u: _value(u, "verified", "blue"), "user"),
    },
    units={"time": "s"},
    checked=with_original_times,
    absent={"like": "the release has numbers of likes, not who likes"},
)  # fmt: skip
