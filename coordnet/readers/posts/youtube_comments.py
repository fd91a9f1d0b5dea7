"""Tables of comments on YouTube as minet writes them."""

from __future__ import annotations

from coordnet.readers.formats import each, hashtags_in, links_in, table

FORMAT = table(
    "youtube-comments",
    "minet, comments on YouTube",
    marks=[("video_id", "comment_id", "author_channel_id", "text", "published_at")],
    cells={
        "account": "author_channel_id",
        "handle": "author_name",
        "post": "comment_id",
        "time": "published_at",
        "text": "text",
        "links": each(links_in, "text"),
        "hashtags": each(hashtags_in, "text"),
        # the comment that is answered, else the video
        "replied": each(lambda parent, video: parent or video, "parent_comment_id", "video_id"),
        "name": "author_name",
    },
    absent=dict.fromkeys(
        ("retweet", "fast_retweet", "quote", "like", "media", "mention"),
        "a comment is an answer to a video or to a comment, no more",
    ),
)
