"""Meta Content Library: tables and JSON of posts of Facebook, Instagram and Threads."""

from __future__ import annotations

from coordnet.readers.formats import each, hashtags_in, links_in, mentions_in, table


def _links(attached: str | None, text: str | None) -> list[str]:
    return list(dict.fromkeys([*([attached] if attached else []), *links_in(text)]))


FORMAT = table(
    "meta-content-library",
    "Meta Content Library",
    marks=[
        ("creation_time", "text", "post_owner.id"),
        ("creation_time", "text", "surface.id"),
        ("creation_time", "text", "post_owner.id", "surface.id"),
    ],
    cells={
        "account": each(lambda owner, surface: owner or surface, "post_owner.id", "surface.id"),
        "handle": ("post_owner.username", "surface.username"),
        "post": "id",
        "time": "creation_time",
        "text": "text",
        "language": "lang",
        "links": each(_links, "link_attachment.link", "text"),
        "hashtags": each(hashtags_in, "text"),
        "mentions": each(mentions_in, "text"),
        "name": ("post_owner.name", "surface.name"),
    },
    absent={
        "retweet": "which post is shared is no field of the library's table",
        "fast_retweet": "which post is shared is no field of the library's table",
        "quote": "which post is shared is no field of the library's table",
        "reply": "comments are a search of their own",
        "like": "the library has numbers of reactions, not who reacts",
        "media": "the library has no ids of images that another post shares",
    },
)
