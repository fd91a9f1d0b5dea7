"""Texts of actions: in normal form, told from other objects, and blacked out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.disk import SLICE, in_pieces, linear_room, looked_up, release
from coordnet.log.actions import ActionLog
from coordnet.log.labels import LABELS
from coordnet.readers.text import normal_form
from coordnet.scores.drawn import Drawn


class Texts(NamedTuple):
    """Normalised texts of the actions of some accounts, account by account; -1 for none."""

    codes: NDArray[np.int32]
    labels: pa.LargeStringArray


def texts_of(log: ActionLog, drawn: Drawn) -> Texts | None:
    """Return the normalised texts of the actions of some accounts.

    Retweets repeat a text by their nature: where the log has other kinds too, they are left out.

    Parameters
    ----------
    log
        The log.
    drawn
        The accounts.
    """
    if log.text is None:
        return None
    labels, positions = log.text.labels, drawn.positions
    (own,) = in_pieces(
        len(positions), [np.int32], lambda here: [_own_texts(log, positions[here])], positions
    )
    used = np.flatnonzero(_marked(len(labels), [own]))
    encoded = normal_form(labels.take(pa.array(used))).dictionary_encode()
    found = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    blank = pc.index(encoded.dictionary, pa.scalar("", encoded.dictionary.type)).as_py()
    number = linear_room(len(labels) + 1, np.int32)  # the last is of the code -1
    number[-1] = -1
    number[used] = np.where(found == blank, -1, found)
    return Texts(looked_up(number, own), encoded.dictionary.cast(LABELS))


def first_wordings(log: ActionLog, texts: Texts) -> NDArray[np.int64]:
    """Return the place in the labels of the first text of a log that has each normal form.

    Parameters
    ----------
    log
        The log, of all accounts.
    texts
        Of some of them.
    """
    assert log.text is not None
    labels = log.text.labels
    used = _marked(
        len(labels), (_own_texts(log, slice(b, b + SLICE)) for b in range(0, len(log), SLICE))
    )
    first = np.full(len(texts.labels), len(labels))
    for begin in range(0, len(labels), SLICE):
        at = begin + np.flatnonzero(used[begin : begin + SLICE])
        form = pc.index_in(normal_form(labels.take(pa.array(at))), value_set=texts.labels)
        known = form.is_valid().to_numpy(zero_copy_only=False)
        np.minimum.at(first, form.drop_null().to_numpy(), at[known])
    return first


def _own_texts(log: ActionLog, at: Any) -> NDArray[np.int32]:
    """Return the texts of some actions that are their own, -1 for none."""
    assert log.text is not None
    own: NDArray[np.int32] = log.text.codes[at]
    if "retweet" in log.kinds and len(log.kinds) > 1:
        retweets = log.object_kind[log.object[at]] == log.kinds.index("retweet")
        own = np.where(retweets, np.int32(-1), own)
    return own


def _marked(n: int, codes: Iterable[NDArray[np.int32]]) -> NDArray[np.bool_]:
    """Mark which of n labels occur in pieces of codes."""
    marks = linear_room(n + 1, np.bool_)  # the last is of the code -1
    marks[:] = False
    for piece in codes:
        for begin in range(0, len(piece), SLICE):
            marks[piece[begin : begin + SLICE]] = True
        release(piece)
    return marks[:n]


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
