"""Records of Bluesky (AT Protocol), as its firehose and its API give them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from coordnet.readers.formats import Row, at, first, texts_of

REPOST, LIKE, POST = "app.bsky.feed.repost", "app.bsky.feed.like", "app.bsky.feed.post"
GIVES = (
    "account", "post", "time", "text", "language", "links", "hashtags", "mentions", "media",
    "retweeted", "retweeted_author", "quoted", "quoted_author", "replied", "replied_author",
)  # fmt: skip


def author_of(uri: str | None) -> str | None:
    """Return the account that a record's address names.

    >>> author_of("at://did:plc:abc/app.bsky.feed.post/3k")
    'did:plc:abc'
    """
    parts = (uri or "").split("/")
    return parts[2] if len(parts) > 2 and parts[0] == "at:" else None


def _embeds(embed: Any) -> Iterator[Any]:
    """Give an embedded thing and what it holds beside a quoted post."""
    if isinstance(embed, dict):
        yield embed
        yield from _embeds(embed.get("media"))


def post_fields(record: Any) -> Row:
    """Return the fields of a post out of its record."""
    features = [f for facet in record.get("facets") or () for f in at(facet, "features") or ()]
    embeds = list(_embeds(record.get("embed")))
    embedded = (at(e, "record", "uri") or at(e, "record", "record", "uri") for e in embeds)
    # what is embedded may be a list, a feed or a starter pack
    quoted = next((uri for uri in embedded if uri and f"/{POST}/" in uri), None)
    images = [image for e in embeds for image in at(e, "images") or ()]
    cards = [card for e in embeds if (card := at(e, "external", "uri"))]
    videos = [video for e in embeds if (video := at(e, "video", "ref", "$link"))]
    replied = at(record, "reply", "parent", "uri")
    return {
        "time": first(record.get("createdAt"), record.get("created_at")),
        "text": record.get("text"),
        "language": ",".join(record.get("langs") or ()) or None,
        "links": list(dict.fromkeys([*texts_of(features, "uri"), *cards])),
        "hashtags": [*texts_of(features, "tag"), *texts_of(record.get("tags"))],
        "mentions": texts_of(features, "did"),
        "media": [*texts_of(images, "image", "ref", "$link"), *videos],
        "quoted": quoted,
        "quoted_author": author_of(quoted),
        "replied": replied,
        "replied_author": author_of(replied),
    }
