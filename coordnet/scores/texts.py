"""Texts of actions: normalised, compared, and blacked out."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.kernels import texts as text_kernels
from coordnet.log.actions import ActionLog
from coordnet.log.labels import LABELS
from coordnet.threads import CHUNKS, equal_chunks, run_chunks

SHINGLE = 5  # characters
BANDS, ROWS = 25, 5  # texts of Jaccard 0.8 share a band with chance 1 - (1 - 0.8^5)^25 > 0.9999
ALIKE = 0.8  # Jaccard index of shingles of near duplicates


class Texts(NamedTuple):
    """Normalised texts of the actions, account by account; -1 where there is none."""

    codes: NDArray[np.int32]
    labels: pa.LargeStringArray


def normalised(labels: pa.Array) -> pa.Array:
    """Return texts in lower case, without mentions, links, leading RT and superfluous white space.

    >>> normalised(pa.array(["RT @x: Vote  NOW! https://t.co/1 @y"])).to_pylist()
    ['vote now!']
    """
    data, starts = _bytes_of(pc.utf8_lower(labels))
    found, sizes = np.empty(len(data), np.uint8), np.zeros(len(labels), np.int64)
    _in_parts(
        lambda a, b: text_kernels.without_names(data, starts, a, b, found, sizes), np.diff(starts)
    )
    ends = np.concatenate([[0], np.cumsum(sizes)])
    packed = np.empty(ends[-1], np.uint8)
    text_kernels.pack(found, starts, ends, packed)
    text = pa.LargeStringArray.from_buffers(len(labels), pa.py_buffer(ends), pa.py_buffer(packed))
    return pc.utf8_trim_whitespace(text)


def texts_of(log: ActionLog) -> Texts | None:
    """Return the normalised texts of the actions, account by account.

    Retweets repeat a text by their nature: where the log has other kinds too, they are left out.
    """
    if log.text is None:
        return None
    own = log.text.codes
    if "retweet" in log.kinds and len(log.kinds) > 1:
        retweets = log.object_kind[log.object] == log.kinds.index("retweet")
        own = np.where(retweets, np.int32(-1), own)
    used = np.flatnonzero(np.bincount(own + 1, minlength=len(log.text.labels) + 1)[1:])
    encoded = normalised(log.text.labels.take(pa.array(used))).dictionary_encode()
    found = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    blank = pc.index(encoded.dictionary, pa.scalar("", encoded.dictionary.type)).as_py()
    number = np.full(len(log.text.labels) + 1, -1, np.int32)  # the last is of the code -1
    number[used] = np.where(found == blank, -1, found)
    codes = number[own]
    return Texts(codes[log.by_account[1]], encoded.dictionary.cast(LABELS))


def alike(texts: pa.Array) -> NDArray[np.int32]:
    """Return numbers of texts, so that those that are alike, through a chain, have the same number.

    Two texts are alike where the Jaccard index of their 5-character sequences is ALIKE or more.
    Compared are those that share a band of MinHashes, which texts as much alike do with a chance
    of 0.9999 or more.

    Parameters
    ----------
    texts
        Normalised texts, all different, as an Arrow array of strings without nulls.

    Returns
    -------
    int32 (texts,)
        Numbered from 0 in order of the first text of each.
    """
    n = len(texts)
    data, starts = _bytes_of(texts)
    rng = np.random.default_rng(0)  # always the same: what is alike depends on the texts alone
    factors, terms = rng.integers(0, 1 << 32, (2, BANDS * ROWS), np.uint32)
    keys = np.empty((BANDS, n), np.uint64)
    _in_parts(
        lambda a, b: text_kernels.band_keys(data, starts, SHINGLE, factors | 1, terms, a, b, keys),
        np.diff(starts),
    )
    run_chunks(lambda _, i: keys[i].sort(), BANDS)
    company = np.zeros(n, bool)
    for band in keys:
        text_kernels.mark_company(band, company)
    chosen = np.flatnonzero(company)
    room = np.diff(starts)[chosen] + 1
    places = np.cumsum(room) - room
    values, sizes = np.empty(int(room.sum()), np.uint32), np.empty(len(chosen), np.int32)
    _in_parts(
        lambda a, b: text_kernels.different_sequences(
            data, starts, SHINGLE, chosen, a, b, places, values, sizes
        ),
        room,
    )
    place_of = np.cumsum(company) - 1
    parent = np.arange(n)
    for band in keys:
        text_kernels.join_alike(band, place_of, places, sizes, values, ALIKE, parent)
    while (parent != parent[parent]).any():
        parent = parent[parent]
    return np.unique(parent, return_inverse=True)[1].astype(np.int32)


def _bytes_of(texts: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the bytes of all texts, and where each begins: int64 (texts + 1,)."""
    texts = texts.cast(pa.large_string())
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None:
        return np.zeros(0, np.uint8), np.zeros(len(texts) + 1, np.int64)
    starts = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(data, np.uint8), starts


def _in_parts(task: Callable[[int, int], None], work: NDArray[np.int64]) -> None:
    """Call ``task(first, last)`` over stretches of about equal work, on threads."""
    borders = equal_chunks(work, CHUNKS)
    run_chunks(lambda _, i: task(int(borders[i]), int(borders[i + 1])), len(borders) - 1)


KINDS_OF_TEXT = ("text", "message")  # kinds of object that are texts, by their names
_LOOKED_AT = 10_000  # labels of a kind, at most, that tell whether they are texts
_TEXT_SHARE = 0.05  # from this share of labels that look like texts, all of the kind are
# White space, sentence marks of scripts without spaces, a link after other words, or what is long
_TEXT_LOOK = r"[\s\p{Z}。、，！？；：]|^.+https?://|^.{100}"
_OTHER_LOOK = r"^(https?://[^\s\p{Z}]+|[#$]\S+([\s,]+[#$]\S+)*)$"  # a link, or hashtags only


def look_like_texts(labels: pa.Array) -> NDArray[np.bool_]:
    """Mark the labels that look like something a person wrote, not like a link, hashtags or an id.

    >>> look_like_texts(pa.array(["Vote now", "https://a.example/b", "#vote #now", "12"])).tolist()
    [True, False, False, False]
    """
    text = pc.and_not(
        pc.match_substring_regex(labels, _TEXT_LOOK), pc.match_substring_regex(labels, _OTHER_LOOK)
    )
    marks: NDArray[np.bool_] = text.to_numpy(zero_copy_only=False)
    return marks


def kinds_of_text(log: ActionLog) -> NDArray[np.bool_]:
    """Mark the kinds of a log whose objects are texts, whatever the kinds are called."""
    marks = np.array([kind in KINDS_OF_TEXT for kind in log.kinds], bool)
    starts = np.searchsorted(log.object_kind, np.arange(len(log.kinds) + 1))  # objects are by kind
    for k, (first, last) in enumerate(pairwise(starts.tolist())):
        looked_at = np.linspace(first, last - 1, min(last - first, _LOOKED_AT)).astype(np.int64)
        look = look_like_texts(log.object_labels.take(pa.array(looked_at)))
        marks[k] |= look.sum() >= _TEXT_SHARE * max(len(look), 1)
    return marks


_PERSON = re.compile(r"@\w+|https?://\S+|\b[\w.+-]+@[\w-]+\.[\w.]+\b|\+?\d[\d\s()-]{7,}\d")


def redacted(text: str) -> str:
    """Return a text with mentions, links, mail addresses and telephone numbers blacked out.

    >>> redacted("ask @emma or +44 20 7946 0000")
    'ask [...] or [...]'
    """
    return _PERSON.sub("[...]", text)
