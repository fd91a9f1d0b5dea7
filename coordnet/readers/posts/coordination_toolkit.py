"""The input of the Coordination Network Toolkit (QUT): a table of messages."""

from __future__ import annotations

from coordnet.readers.formats import each, hashtags_in, mentions_in, split_by, table

FORMAT = table(
    "coordination-toolkit",
    "Coordination Network Toolkit's input",
    marks=[("message_id", "user_id", "username", "repost_id", "reply_id", "message", "timestamp")],
    cells={
        "account": "user_id",
        "handle": "username",
        "post": "message_id",
        "time": "timestamp",
        "text": "message",
        "links": split_by("urls", " "),
        "hashtags": each(hashtags_in, "message"),
        "mentions": each(mentions_in, "message"),
        "retweeted": "repost_id",
        "replied": "reply_id",
    },
    units={"time": "s"},
    absent=dict.fromkeys(
        ("quote", "like", "media", "fast_retweet"), "the table has no column for it"
    ),
)
