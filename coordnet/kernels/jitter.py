"""Compiled loops of the jitter test of co-timing."""

from __future__ import annotations

from typing import Any

import numpy as np

from coordnet.kernels.arrays import rank, widened, widened_rows
from coordnet.kernels.compiling import kernel
from coordnet.kernels.tails import log_tail

# -- jitter ------------------------------------------------------------------------------------


@kernel
def covered_strata(
    starts: Any, times: Any, window: int, length: int, phases: Any, class_starts: Any, finest: int
) -> Any:
    """Find what share of the phases of each stratum the windows of each account cover.

    Parameters
    ----------
    starts : int64 (accounts + 1,); times : int64, each account's events, ascending
    window : the bound, inclusive
    length : of a stratum
    phases : int64 (events,): time % length of all events of the log, by class of roundness and
        ascending inside each
    class_starts : int64 (classes + 1,), where each class begins in `phases`
    finest : times of all classes but the last are multiples of this

    Returns
    -------
    cell_starts : int64 (accounts + 1,)
    stratum : int64, ascending inside an account
    share : float64 (cells, classes); of the log's phases of the class, and as much as 100 events
        spread evenly over the stratum would add to all phases, so that a phase that no event
        happened to have is not impossible
    """
    n = len(starts) - 1
    classes = len(class_starts) - 1
    cell_starts = np.zeros(n + 1, np.int64)
    # a window, and what two merged ones reach, spans at most its own length in strata
    stratum = np.empty(len(times) + 1024, np.int64)
    share = np.empty((len(stratum), classes), np.float64)
    total = max(len(phases), 1)
    size = 0
    for u in range(n):
        begin = size
        i = starts[u]
        while i < starts[u + 1]:
            a = times[i] - window
            b = times[i] + window
            i += 1
            while i < starts[u + 1] and times[i] - window <= b:
                b = times[i] + window
                i += 1
            while a <= b:  # stratum by stratum
                h = a // length
                end = min(b, (h + 1) * length - 1)
                if size == begin or stratum[size - 1] != h:
                    if size == len(stratum):
                        stratum = widened(stratum, 2 * size)
                        share = widened_rows(share, 2 * size)
                    stratum[size] = h
                    share[size] = 0.0
                    size += 1
                even = 100.0 * (end - a + 1) / length / total
                reaches = end // finest * finest >= a  # a round time
                for c in range(classes):
                    own = phases[class_starts[c] : class_starts[c + 1]]
                    share[size - 1, c] += even
                    if len(own) and (reaches or c == classes - 1):
                        count = rank(own, end - h * length + 1) - rank(own, a - h * length)
                        share[size - 1, c] += count / len(own)
                a = end + 1
        cell_starts[u + 1] = size
    for i in range(size):
        for c in range(classes):
            share[i, c] = min(share[i, c], 1.0)
    return cell_starts, stratum[:size], share[:size]


@kernel
def coincidence_tests(
    of: Any,
    by: Any,
    counts: Any,
    first: int,
    last: int,
    starts: Any,
    times: Any,
    round_: Any,
    length: int,
    cell_starts: Any,
    stratum: Any,
    share: Any,
    expected: Any,
    log_p: Any,
) -> None:
    """Test how many events of one account coincide with another's, edges first..last-1.

    Parameters
    ----------
    of, by : int32 (edges,), whose events are moved, and whose stay
    counts : int32 (edges,), events of `of` that have an event of `by` in the window
    starts, times, length : as in :func:`covered_strata`
    round_ : int8, the class of roundness of each event
    cell_starts, stratum, share : from :func:`covered_strata`
    expected, log_p : float64 (edges,), written
    """
    room = 256
    chances = np.empty(room, np.float64)
    states = np.empty(256, np.float64)
    for e in range(first, last):
        u = of[e]
        v = by[e]
        c = cell_starts[v]
        c_end = cell_starts[v + 1]
        trials = 0
        mean = 0.0
        for i in range(starts[u], starts[u + 1]):
            h = times[i] // length
            while c < c_end and stratum[c] < h:
                c += 1
            if c == c_end:
                break
            if stratum[c] == h:
                if trials == room:
                    room *= 2
                    chances = widened(chances, room)
                chances[trials] = share[c, round_[i]]
                mean += chances[trials]
                trials += 1
        expected[e] = mean
        log_p[e] = log_tail(counts[e], chances, trials, states)
