"""Tables of Bluesky posts as 4CAT writes them."""

from __future__ import annotations

from coordnet.readers.formats import each, split_by, table

_NO_POST = ("DELETED", "REMOVED BY AUTHOR", "VIEWER BLOCKED BY AUTHOR")

FORMAT = table(
    "4cat-bluesky",
    "4CAT, Bluesky",
    marks=[("author_id", "body", "timestamp", "quoted_post", "replied_to_post", "tags", "links")],
    cells={
        "account": "author_id",
        "handle": "author",
        "post": "id",
        "time": "timestamp",
        "text": "body",
        "language": "languages",
        "links": split_by("links", ","),
        "hashtags": split_by("tags", ","),
        "mentions": split_by("mentions", ","),
        "media": split_by("images", ","),
        "quoted": each(lambda post: None if post in _NO_POST else post, "quoted_post"),
        "quoted_author": "quoted_user",
        "replied": "replied_to_post",
        "replied_author": "replied_to_user",
        "name": "author_display_name",
        "created": "author_created_at",
    },
    units={"time": "s"},
    absent={
        "retweet": "4CAT's search gives posts, and no reposts of them",
        "fast_retweet": "4CAT's search gives posts, and no reposts of them",
        "like": "the table has numbers of likes, not who likes",
        "hashtag_sequence": "4CAT writes the hashtags of a post in no order",
    },
)
