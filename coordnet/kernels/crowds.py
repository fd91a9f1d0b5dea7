"""Compiled loops over crowds: many accounts that act on the same many objects, as a full matrix."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from coordnet.kernels.compiling import inner

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
