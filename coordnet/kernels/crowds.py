"""Compiled loops over crowds: many accounts that act on the same many objects, as a full matrix.

The graph needs of two rows on how many objects they met, and how far apart; the test of an edge
needs on which they both acted, and when they met.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from coordnet.kernels.compiling import inlined, inner
from coordnet.kernels.shared_objects import BIT, ONE, WORD, bits_set

LATEST = 1 << 29  # times in a crowd, and windows, are below it
MISSING = -(1 << 30)  # the time of who did not act


class Crowd(NamedTuple):
    """Accounts by objects, and when each acted on each; what stands here, windows need not walk."""

    member: Any  # int32 (accounts,), the row of each account, -1 of those outside
    code: Any  # int32 (members,), ascending
    side: Any  # int32 (members,): who is on the same side does not pair
    time: Any  # int32 (members, objects), since the first action on the object, in steps
    windows: Any  # int32 (objects,), inclusive, in steps
    step: int  # units of time in a step
    several: int  # objects whose lags in steps can be added up in 32 bits
    outside: Any  # int32, the positions of the actions that are not in the matrix, ascending
    outside_before: Any  # int32 (n + 1,), how many of these stand before each position


@inner
def crowd_sums(crowd: Any, row: int, objects: Any, delays: Any, ahead: Any) -> None:
    """Add up what a member of a crowd did together with each one of a later row.

    Parameters
    ----------
    crowd : Crowd
    row : the row of the member
    objects, delays, ahead : int64 (members,), written from row + 1 on: objects within the window,
        0 for who is on the same side, the sum of the absolute lags in steps, and twice the times
        that the member came first, ties counting one

    Cost: members times objects, several of them in one instruction.
    """
    several, matrix, windows = crowd.several, crowd.time, crowd.windows
    columns = matrix.shape[1]
    own = np.empty(columns, np.int32)
    for o in range(columns):  # so that no lag of who is missing is within a window, or overflows
        t = matrix[row, o]
        own[o] = t if t != MISSING else -(MISSING + 1)
    for v in range(row + 1, len(matrix)):
        objects[v] = 0
        if crowd.side[v] == crowd.side[row]:
            continue
        other = matrix[v]
        met = np.int64(0)
        delay = np.int64(0)
        order = np.int64(0)
        for first in range(0, columns, several):
            some_met = np.int32(0)
            some_delay = np.int32(0)
            some_order = np.int32(0)
            theirs = other[first : first + several]  # indices from 0: many at once
            mine = own[first : first + several]
            bound = windows[first : first + several]
            for o in range(len(theirs)):
                lag = np.int32(theirs[o] - mine[o])
                size = np.int32(max(lag, np.int32(-lag)))
                inside = np.int32(1 if size <= bound[o] else 0)
                sign = np.int32(np.int32(1 if lag > 0 else 0) + np.int32(1 if lag >= 0 else 0))
                some_met = np.int32(some_met + inside)
                some_delay = np.int32(some_delay + np.int32(size * inside))
                some_order = np.int32(some_order + np.int32(sign * inside))
            met += some_met
            delay += some_delay
            order += some_order
        objects[v] = met
        delays[v] = delay
        ahead[v] = order


class CommonCrowd(NamedTuple):
    """Accounts by objects that most of them act on, each once: what stands here needs no walk.

    Columns stand by class and time, those of each class from a multiple of 64 on.
    """

    member: Any  # int32 (accounts,), the row of each account, -1 of those outside
    time: Any  # int64 (members, columns), when each acted on each
    round_: Any  # int8 (members, columns), how round that time is
    present: Any  # uint64 (members, words), a bit for each column: who acted on it at all
    rounder: Any  # uint64 (members, words), and at a time rounder than `usual`
    usual: int  # the least round of all times
    cell: Any  # int32 (words,), the cell of the roundest times, of the class of each word
    alone: Any  # uint64 (words,), where a moment is an occasion whatever the others are
    outside_starts: Any  # int64 (members + 1,)
    outside: Any  # int32, each member's runs on other objects, ascending


@inlined
def common_objects(crowd: Any, u: int, v: int) -> Any:
    """Return on how many of the columns accounts u and v both act, 0 for outsiders: uint64."""
    common = np.uint64(0)
    a = crowd.member[u]
    b = crowd.member[v]
    if a >= 0 and b >= 0:
        for w in range(len(crowd.cell)):
            common += bits_set(crowd.present[a, w] & crowd.present[b, w])
    return common


@inlined
def shared_outside(crowd: Any, u: int, objects: Any, marked: Any, found: Any) -> Any:
    """Write which of a member's runs outside the matrix are of marked objects, and how many.

    As :func:`shared_objects.shared_runs` does of all its runs.
    """
    shared = np.uint64(0)
    a = crowd.member[u]
    for i in range(np.uint64(crowd.outside_starts[a]), np.uint64(crowd.outside_starts[a + 1])):
        r = np.uint64(crowd.outside[i])
        o = np.uint64(objects[r])
        found[shared] = r
        shared += marked[o >> WORD] >> (o & BIT) & ONE
    return shared


@inlined
def crowd_meetings(
    crowd: Any, u: int, v: int, windows: Any, listed: bool, moments: Any, together: Any, acts: Any
) -> Any:
    """Count on which of the columns members u and v both act, and when they met.

    Parameters
    ----------
    windows : int64 (cells,), inclusive
    listed : whether all moments are listed, or only those that may share an occasion
    moments : int64 (room,), written from `together` on
    together : uint64, how many there are
    acts : int64 (cells,), added to: columns on which both act, by class and roundness

    Returns
    -------
    apart : uint64, the moments that are not listed, each an occasion
    together : uint64, how many are listed now
    """
    apart = np.uint64(0)
    a = np.uint64(crowd.member[u])
    b = np.uint64(crowd.member[v])
    for w in range(len(crowd.cell)):
        both = crowd.present[a, w] & crowd.present[b, w]
        if both == 0:
            continue
        cell = np.int64(crowd.cell[w])
        acts[cell + crowd.usual] += np.int64(bits_set(both))
        begin = np.uint64(w) << WORD
        left = crowd.rounder[a, w] & crowd.rounder[b, w]
        while left != 0:
            o = begin + bits_set((left & (~left + ONE)) - ONE)
            left &= left - ONE
            acts[cell + crowd.usual] -= 1
            acts[cell + max(crowd.round_[a, o], crowd.round_[b, o])] += 1
        bound = windows[cell]
        met = np.uint64(0)
        for i in range(64):  # many at once
            o = begin + np.uint64(i)
            inside = abs(crowd.time[a, o] - crowd.time[b, o]) <= bound
            met |= np.uint64(1 if inside else 0) << np.uint64(i)
        met &= both
        left = met
        if not listed:
            apart += bits_set(met & crowd.alone[w])
            left &= ~crowd.alone[w]
        while left != 0:
            o = begin + bits_set((left & (~left + ONE)) - ONE)
            left &= left - ONE
            moments[together] = max(crowd.time[a, o], crowd.time[b, o])
            together += ONE
    return apart, together
