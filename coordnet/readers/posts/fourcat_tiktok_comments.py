"""Tables of comments on TikTok videos as 4CAT writes them."""

from __future__ import annotations

from coordnet.readers.formats import each, hashtags_in, mentions_in, table


def _replied(post: str | None, thread: str | None, inner: str | None) -> str | None:
    """Return the comment that is answered, else the video."""
    return thread if (inner or "").lower() == "yes" and thread else post


FORMAT = table(
    "4cat-tiktok-comments",
    "4CAT, comments on TikTok",
    marks=[("author", "body", "unix_timestamp", "post_id", "is_comment_on_comment", "comment_url")],
    cells={
        "account": "author",
        "handle": "author",
        "post": "id",
        "time": "unix_timestamp",  # timestamp is the local time of 4CAT's server
        "text": "body",
        "language": "language_guess",
        "hashtags": each(hashtags_in, "body"),
        "mentions": each(mentions_in, "body"),
        "replied": each(_replied, "post_id", "thread_id", "is_comment_on_comment"),
        "name": "author_full",
    },
    units={"time": "s"},
    absent=dict.fromkeys(
        ("retweet", "fast_retweet", "quote", "like", "media"),
        "a comment is an answer to a video or to a comment, no more",
    ),
)
