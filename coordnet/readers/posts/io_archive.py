"""Twitter's archive of information operations: delimited files of tweets."""

from __future__ import annotations

from coordnet.readers.formats import printed, table, with_snowflake_times

FORMAT = table(
    "io-archive",
    "Twitter's information-operations archive",
    marks=[
        ("tweetid", "userid", "tweet_time", "tweet_text"),
        ("tweetid", "userid", "tweet_time", "tweet_text", "is_retweet", "retweet_tweetid"),
    ],
    cells={
        "account": "userid",
        "handle": "user_screen_name",
        "post": "tweetid",
        "time": "tweet_time",
        "text": "tweet_text",
        "language": "tweet_language",
        "links": printed("urls"),
        "hashtags": printed("hashtags"),
        "mentions": printed("user_mentions"),
        "retweeted": "retweet_tweetid",
        "retweeted_author": "retweet_userid",
        "quoted": "quoted_tweet_tweetid",
        "replied": "in_reply_to_tweetid",
        "replied_author": "in_reply_to_userid",
        "name": "user_display_name",
        "description": "user_profile_description",
        "location": "user_reported_location",
        "created": "account_creation_date",
        "followers": "follower_count",
        "following": "following_count",
    },
    absent={"like": "the archive has no likes", "media": "its media are files of their own"},
    checked=with_snowflake_times,
)
