"""Family content: the same words posted by several members, to the letter or nearly."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.disk import looked_up
from coordnet.frames import frozen
from coordnet.kernels import scores as score_kernels
from coordnet.readers.text import near_duplicates
from coordnet.scores.reference import RESAMPLES, Sets, bootstrap_interval, shared_counter
from coordnet.scores.view import Absent, Estimate, Floats, View, score

NEAR_SETS = 39  # matched sets whose texts are compared; p is 0.025 at least
NO_TEXT = "the log has no texts; read it with text="


@score(
    "content",
    "Share of the members' texts (not retweets) that another member posts too, word for word. "
    "Case, mentions, links and white space do not count.",
    "share",
    (0, 1),
    "text",
)
def verbatim_share(view: View) -> Estimate | Absent:
    """Return actions with a text of two or more members / actions with a text."""
    texts = view.texts
    if texts is None:
        return Absent(NO_TEXT)
    return _shared(view, texts.codes, len(texts.labels), view.matched)


@score(
    "content",
    "Share of the members' texts (not retweets) that another member posts too, word for word or "
    "nearly. Two texts are near duplicates where they have four fifths of their 5-character "
    "sequences in common.",
    "share",
    (0, 1),
    "text",
)
def near_duplicate_share(view: View) -> Estimate | Absent:
    """Return actions with a text that is alike to one of another member / actions with a text.

    Texts are alike through a chain of near duplicates; see
    :func:`coordnet.readers.text.near_duplicates`.
    """
    texts = view.texts
    if texts is None:
        return Absent(NO_TEXT)
    matched = _first_of_each(view.matched, view.inputs.null_sets, NEAR_SETS)
    drawn = view.drawn
    asked = np.zeros(len(view.log.all_accounts), bool)
    asked[view.members] = asked[matched.codes] = True
    there = np.zeros(len(texts.labels) + 1, bool)  # the last is of the code -1
    for piece in drawn.pieces():
        there[texts.codes[piece.actions][asked[drawn.codes[piece.accounts]][piece.place]]] = True
    used = np.flatnonzero(there[:-1])
    kin = near_duplicates(texts.labels.take(pa.array(used)))
    number = np.full(len(texts.labels) + 1, -1, np.int32)
    number[used] = kin
    return _shared(view, looked_up(number, texts.codes), int(kin.max(initial=-1)) + 1, matched)


def _first_of_each(sets: Sets, times: int, kept: int) -> Sets:
    """Return the first `kept` of the `times` sets of each cluster."""
    chosen = [i for i in range(len(sets)) if i % times < kept]
    parts = [sets.codes[sets.indptr[i] : sets.indptr[i + 1]] for i in chosen]
    ends = np.cumsum([len(part) for part in parts])
    return Sets(
        np.concatenate([[0], ends]).astype(np.int64),
        np.concatenate([np.zeros(0, np.int32), *parts]),
    )


def _shared(view: View, codes: NDArray[np.int32], n: int, matched: Sets) -> Estimate:
    drawn = view.drawn
    count = shared_counter(drawn.starts, codes, max(n, 1))

    def statistic(sets: Sets) -> Floats:
        actions, shared = count(drawn.placed(sets)).T
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(actions > 0, shared / actions, np.nan)

    with_text = drawn.each(
        lambda piece: np.logical_or.reduceat(codes[piece.actions] >= 0, piece.starts[:-1]), bool
    )
    estimate = view.compare(statistic, tail="greater", share=True, matched=matched)
    actions = count(drawn.placed(view.sets))[:, 0].astype(np.int64)
    low, high = _interval(view, codes, n)
    known = drawn.spread(with_text)
    return view.resting_on(estimate, known, actions=actions, low=low, high=high)


def _interval(view: View, codes: NDArray[np.int32], n: int) -> tuple[Floats, Floats]:
    """Return the bootstrap interval over members, each with the share of its texts as it is.

    Whether a text is another member's too is asked of the cluster, not of each sample, in which a
    member that is drawn twice would share all with itself, or with nobody.
    """
    k = len(view.clusters)
    drawn = np.full((k, RESAMPLES), np.nan)
    samples, indptr = view.resampled, view.clusters.indptr
    sets = view.drawn.placed(view.sets).read_only
    part, whole = score_kernels.shared_by_member(*sets, view.drawn.starts, frozen(codes), n)
    place = np.empty(len(view.log.all_accounts), np.int32)  # of each member in its cluster
    for i in range(k):
        own = slice(indptr[i], indptr[i + 1])
        place[view.members[own]] = np.arange(own.stop - own.start)
        begin, end = samples.indptr[i * RESAMPLES], samples.indptr[(i + 1) * RESAMPLES]
        at = place[samples.codes[begin:end]].reshape(RESAMPLES, -1)
        with np.errstate(invalid="ignore"):
            drawn[i] = part[own][at].sum(axis=1) / whole[own][at].sum(axis=1)
    return bootstrap_interval(drawn, view.sizes)
