"""Tables of Bluesky posts as minet writes them (twitwi)."""

from __future__ import annotations

from collections.abc import Callable

from coordnet.readers.bluesky import POST
from coordnet.readers.formats import Cells, Column, each, split_by, table


def _of_reposts(column: str) -> Callable[[Cells], Column]:
    """Return a rule for what stands in the column where the row is a repost."""
    return each(lambda by, value: value if by else None, "repost_by_user_did", column)


def _of_posts(column: str) -> Callable[[Cells], Column]:
    """Return a rule for what stands in the column where the row is a post of the account itself."""

    def rule(cells: Cells) -> Column:
        if cells.get(column) is None:
            return None
        reposts = cells.texts("repost_by_user_did")
        return [None if by else v for by, v in zip(reposts, cells.texts(column), strict=True)]

    return rule


def _either(repost: str, post: str) -> Callable[[Cells], Column]:
    """Return a rule for one column where the row is a repost, and for another where it is not."""

    def rule(cells: Cells) -> Column:
        rows = zip(*(cells.texts(c) for c in ("repost_by_user_did", repost, post)), strict=True)
        return [of_repost if by else of_post for by, of_repost, of_post in rows]

    return rule


def _quoted(cells: Cells) -> Column:
    """Return what is quoted; lists, feeds and starter packs that are embedded are no posts."""
    column = _of_posts("quoted_uri")(cells)
    return column and [uri if uri and f"/{POST}/" in uri else None for uri in column]


FORMAT = table(
    "minet-bluesky",
    "minet, Bluesky",
    marks=[("uri", "user_did", "user_handle", "timestamp_utc", "quoted_uri", "to_post_uri")],
    cells={
        "account": _either("repost_by_user_did", "user_did"),
        "handle": _either("repost_by_user_handle", "user_handle"),
        "post": _of_posts("uri"),
        "time": _either("repost_timestamp_utc", "timestamp_utc"),
        "text": ("original_text", "text"),  # without the addresses of images and cards
        "language": "user_langs",
        "links": split_by("links", "|"),
        "hashtags": split_by("hashtags", "|"),
        "mentions": split_by("mentioned_user_dids", "|"),
        "media": split_by("media_urls", "|"),
        "retweeted": _of_reposts("uri"),
        "retweeted_author": _of_reposts("user_did"),
        "retweeted_time": _of_reposts("timestamp_utc"),
        "quoted": _quoted,
        "quoted_author": _of_posts("quoted_user_did"),
        "replied": _of_posts("to_post_uri"),
        "replied_author": _of_posts("to_user_did"),
        "name": _of_posts("user_display_name"),
        "created": _of_posts("user_timestamp_utc"),
    },
    units={"time": "s", "retweeted_time": "s", "created": "s"},
    absent={
        "like": "the table has numbers of likes, not who likes",
        "hashtag_sequence": "minet sorts the hashtags of a post",
    },
)
