"""Tables of TikTok videos as 4CAT writes them."""

from __future__ import annotations

from coordnet.readers.formats import each, links_in, split_by, table


def _media(music: str | None, effects: str | None) -> list[str]:
    """Return the sound and the effects of a video, each with what it is."""
    found = [f"sound:{music}"] if music else []
    return found + [f"effect:{e.strip()}" for e in (effects or "").split(",") if e.strip()]


FORMAT = table(
    "4cat-tiktok",
    "4CAT, TikTok",
    marks=[("author", "body", "unix_timestamp", "music_id", "hashtags", "effects")],
    cells={
        "account": "author",
        "handle": "author",
        "post": "id",
        "time": "unix_timestamp",
        "text": "body",
        "links": each(links_in, "body"),
        "hashtags": split_by("hashtags", ","),
        "media": each(_media, "music_id", "effects"),
        "name": "author_full",
        "followers": "author_followers",
        "posts": "author_videos",
    },
    units={"time": "s"},
    absent={
        "retweet": "the table does not say which video a duet or stitch is made of",
        "fast_retweet": "the table does not say which video a duet or stitch is made of",
        "like": "the table has numbers of likes, not who likes",
        "quote": "the table does not say which video a duet or stitch is made of",
        "reply": "comments are a table of their own (4cat-tiktok-comments)",
    },
)
