"""TikTok's Research API: JSON pages or lines of videos, and tables made of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from coordnet.readers.formats import (
    Cells,
    Column,
    Row,
    at,
    each,
    id_text,
    links_in,
    mentions_in,
    printed,
    printed_list,
    records,
    table,
    texts_of,
)

ABSENT = {
    "retweet": "the API does not say which video a duet or stitch is made of",
    "fast_retweet": "the API does not say which video a duet or stitch is made of",
    "quote": "the API does not say which video a duet or stitch is made of",
    "reply": "comments are a request of their own",
    "like": "who likes a video is no part of this request",
    "hashtag_sequence": "the API gives the hashtags of a video in no order that is told",
}


def _media(music: Any, effects: Any) -> list[str]:
    """Return the sound and the effects of a video, each with what it is."""
    found = [f"sound:{id_text(music)}"] if id_text(music) not in (None, "0") else []
    return found + [f"effect:{id_text(e)}" for e in effects or ()]


def _text(description: Any, spoken: Any) -> str | None:
    """Return what is written, then what is said."""
    return "\n".join(str(part) for part in (description, spoken) if part) or None


def _rows(page: Any) -> Iterator[Row]:
    for video in at(page, "data", "videos") or at(page, "videos") or (page,):
        if at(video, "username") is None:
            continue
        text = _text(video.get("video_description"), video.get("voice_to_text"))
        yield {
            "account": video["username"],
            "handle": video["username"],
            "post": id_text(video.get("id")),
            "time": video.get("create_time"),
            "text": text,
            "links": links_in(text),
            "hashtags": texts_of(video.get("hashtag_names")),
            "mentions": mentions_in(video.get("video_description")),
            "media": _media(video.get("music_id"), video.get("effect_ids")),
        }


def _sounds(cells: Cells) -> Column:
    rows = zip(cells.texts("music_id"), cells.texts("effect_ids"), strict=True)
    return [_media(music, printed_list(effects)) for music, effects in rows]


FORMAT = records(
    "tiktok-research",
    "TikTok Research API",
    _rows,
    gives=("account", "handle", "post", "time", "text", "links", "hashtags", "mentions", "media"),
    marks=[
        ("username", "create_time", "video_description"),
        ("data.videos", "data.cursor", "data.videos.create_time"),
        ("videos", "videos.create_time", "videos.video_description"),
    ],
    units={"time": "s"},
    absent=ABSENT,
)
TABLE = table(
    "tiktok-research-table",
    "TikTok Research API, as a table",
    marks=[("username", "create_time", "video_description", "music_id")],
    cells={
        "account": "username",
        "handle": "username",
        "post": ("id", "video_id"),
        "time": "create_time",
        "text": each(_text, "video_description", "voice_to_text"),
        "links": each(links_in, "video_description"),
        "hashtags": printed("hashtag_names"),
        "mentions": each(mentions_in, "video_description"),
        "media": _sounds,
    },
    units={"time": "s"},
    absent=ABSENT,
)
