"""Tables of X posts as minet and Gazouilloire write them (twitwi)."""

from __future__ import annotations

from coordnet.readers.formats import split_by, table

FORMAT = table(
    "minet-x",
    "minet, X",
    marks=[("id", "timestamp_utc", "user_id", "user_screen_name", "to_tweetid", "retweeted_id")],
    cells={
        "account": "user_id",
        "handle": "user_screen_name",
        "post": "id",
        "time": "timestamp_utc",
        "text": "text",
        "language": "lang",
        "links": split_by("links", "|"),
        "hashtags": split_by("hashtags", "|"),
        "mentions": split_by(("mentioned_names", "mentioned_ids"), "|"),
        "media": split_by("media_urls", "|"),
        "retweeted": "retweeted_id",
        "retweeted_author": ("retweeted_user_id", "retweeted_user"),
        "retweeted_time": "retweeted_timestamp_utc",
        "quoted": "quoted_id",
        "quoted_author": ("quoted_user_id", "quoted_user"),
        "replied": "to_tweetid",
        "replied_author": ("to_userid", "to_username"),
        "name": "user_name",
        "description": "user_description",
        "location": "user_location",
        "created": "user_timestamp_utc",
        "followers": "user_followers",
        "following": "user_friends",
        "posts": "user_tweets",
        "verified": "user_verified",
    },
    units={"time": "s", "retweeted_time": "s", "created": "s"},
    absent={
        "like": "the table has numbers of likes, not who likes",
        "hashtag_sequence": "minet sorts the hashtags of a post",
    },
)
