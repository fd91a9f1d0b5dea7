"""CrowdTangle: tables of posts of Facebook pages, groups and of Instagram."""

from __future__ import annotations

from coordnet.readers.formats import each, hashtags_in, links_in, mentions_in, table

# Hours from UTC of the zones that CrowdTangle writes, those with one meaning
_ZONES = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MET": 1, "MEST": 2,
    "EET": 2, "EEST": 3, "MSK": 3, "EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6,
    "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10, "BRT": -3, "BRST": -2, "ART": -3,
    "CLT": -4, "CLST": -3, "AEST": 10, "AEDT": 11, "ACST": 9.5, "ACDT": 10.5, "AWST": 8,
    "NZST": 12, "NZDT": 13, "JST": 9, "KST": 9, "HKT": 8, "SGT": 8, "PHT": 8, "ICT": 7, "WIB": 7,
    "SAST": 2, "EAT": 3, "WAT": 1, "CAT": 2, "PKT": 5, "TRT": 3,
}  # fmt: skip


def _time(text: str | None) -> str | None:
    """Return the time with an offset for the zone that stands last.

    A zone of several meanings, such as CST, IST or BST, stays as it is, to be refused.
    """
    if not text:
        return None
    moment, _, zone = text.strip().rpartition(" ")
    hours = _ZONES.get(zone.upper())
    if hours is None:
        return text
    sign = "-" if hours < 0 else "+"
    whole, part = divmod(abs(hours) * 60, 60)
    return f"{moment}{sign}{int(whole):02d}:{int(part):02d}"


def _links(final: str | None, link: str | None, message: str | None) -> list[str]:
    attached = final or link
    return list(dict.fromkeys([*([attached] if attached else []), *links_in(message)]))


def _text(message: str | None, image: str | None) -> str | None:
    return message or image


FORMAT = table(
    "crowdtangle",
    "CrowdTangle",
    marks=[
        ("Facebook Id", "Post Created", "Message", "Link"),
        ("Group Name", "Post Created", "Message", "Link", "URL"),
        ("Account", "User Name", "Post Created", "URL", "Likes"),
    ],
    cells={
        "account": each(
            lambda id_, user, page, account: id_ or user or page or account,
            "Facebook Id", "User Name", "Page Name", "Account",
        ),
        "handle": "User Name",
        "post": ("URL", "Post URL"),
        "time": each(_time, "Post Created"),
        "text": each(_text, "Message", "Image Text"),
        "links": each(_links, "Final Link", "Link", "Message"),
        "hashtags": each(hashtags_in, "Message"),
        "mentions": each(mentions_in, "Message"),
        "name": ("Page Name", "Group Name", "Account"),
        "description": ("Page Description", "Description"),
        "created": each(_time, "Page Created"),
        "followers": ("Followers at Posting", "Likes at Posting"),
    },
    absent={
        "retweet": "which post is shared is no column of the table",
        "fast_retweet": "which post is shared is no column of the table",
        "quote": "which post is shared is no column of the table",
        "reply": "the table has no comments",
        "like": "the table has numbers of likes, not who likes",
        "media": "the table has no ids of images that another post shares",
    },
)  # fmt: skip
