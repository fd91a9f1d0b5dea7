"""Compiled loops of the group search: who would add most to a set."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from coordnet.kernels.compiling import inner
from coordnet.kernels.groups import LOG10, MOST, densest, log_choose

TRIED = 3  # candidates that are tried exactly for each place in a group


class Visited(NamedTuple):
    """The objects that a set acts on, ascending, and what the log says of each."""

    objects: Any  # int32 (visited,)
    ends: Any  # int64 (visited + 1,): the set's actions on the a-th are ends[a]..ends[a + 1] - 1
    starts: Any  # int64 (visited,), where all actions on it begin
    pasts: Any  # int64 (visited,), and where they have ended
    window: Any  # int64 (visited,)
    row: Any  # int32 (visited,), of the big objects, or -1
    of_class: Any  # int32 (visited,)
    times: Any  # int64 (actions of the set,)


@inner
def visited(scene: Any, actions: Any, acted_on: Any, n: int) -> Any:
    """Look up the objects of a set.

    All at once: none waits for what memory says of another.

    Parameters
    ----------
    scene : Scene
    actions, acted_on : int32, positions of the set's actions, n of them, ascending; their objects
    """
    starts, windows, big_row, class_of = scene.starts, scene.window, scene.big_row, scene.class_of
    time = scene.time
    objects = np.empty(n, np.int32)
    ends = np.zeros(n + 1, np.int64)
    times = np.empty(n, np.int64)
    size = 0
    for i in range(n):
        times[i] = time[actions[i]]
        objects[size] = acted_on[i]
        ends[size + 1] = i + 1
        size += i + 1 == n or acted_on[i + 1] != acted_on[i]
    start = np.empty(size, np.int64)
    past = np.empty(size, np.int64)
    window = np.empty(size, np.int64)
    row = np.empty(size, np.int32)
    of_class = np.empty(size, np.int32)
    for a in range(size):
        o = objects[a]
        start[a] = starts[o]
        past[a] = starts[o + 1]
        window[a] = windows[o]
        row[a] = big_row[o]
        of_class[a] = class_of[o]
    return Visited(objects[:size], ends[: size + 1], start, past, window, row, of_class, times)


@inner
def best_candidates(
    scene: Any, actions: Any, there: Any, in_set: Any, seen: Any, stamp: Any, score: Any,
    touched: Any, best: Any, gains: Any,
) -> None:  # fmt: skip
    """Add up, for every account that is not in the set, what it would add to each object.

    An account that acts where the densest window still holds everybody raises that window's
    number by one; on an object with no two members together, one that acts within the window of a
    member makes two. What that is worth is read from the moments of the class.

    Parameters
    ----------
    scene : Scene
    actions : int32, positions of the actions of the set, ascending
    there : Visited, their objects
    in_set : uint8 (accounts,), 1 for members
    seen : int32 (accounts,), scratch, zeros on entry and on return
    stamp : int32 (accounts,), scratch: -1, or the last object that an account was counted on
    score : float64 (accounts,), scratch, zeros on entry and on return
    touched : int32 (accounts + 1,), scratch. Of a fixed length: an array that a loop may replace is
        counted, atomically, in each turn of it
    best, gains : int32, float64 (TRIED,), written: the accounts with the highest scores, of equals
        the lowest code first, -1 where there are no more; and these, in log10
    """
    # by names of their own: taken from a tuple in a loop, they would be counted in each turn
    account, time = scene.account, scene.time
    class_moments, big_moments, known = scene.class_moments, scene.big_moments, scene.log_factorials
    objects, ends, starts, pasts = there.objects, there.ends, there.starts, there.pasts
    windows, rows, of_class, times = there.window, there.row, there.of_class, there.times
    count = 0
    for a in range(len(objects)):
        o = objects[a]
        i = ends[a]
        j = ends[a + 1]
        most = 1
        begin = i
        end = i
        if j - i > 1:  # to call it takes longer than it does
            most, begin, end, _ = densest(scene, actions, i, j, seen)
        most = min(most, MOST - 1)
        row = rows[a]
        c = of_class[a]
        moment = big_moments[row, most - 1] if row >= 0 else class_moments[c, most - 1]
        after = big_moments[row, most] if row >= 0 else class_moments[c, most]
        gain = 0.0
        if after > 0.0:
            log_before = log_choose(known, j - i, most) + math.log(most * moment)
            log_after = log_choose(known, j - i + 1, most + 1) + math.log((most + 1) * after)
            gain = (min(log_before, 0.0) - min(log_after, 0.0)) / LOG10
        if gain <= 0.15:  # where everybody is fast nobody stands out
            continue
        window = windows[a]
        start = starts[a]
        past = pasts[a]
        first = begin if most > 1 else i
        last = begin if most > 1 else j - 1
        done = start
        for k in range(first, last + 1):
            earliest = times[end if most > 1 else k] - window
            latest = times[k] + window
            low = np.int64(actions[k])
            high = low + 1
            while low > done and time[low - 1] >= earliest:
                low -= 1
            low = max(low, done)
            while high < past and time[high] <= latest:
                high += 1
            # No branch in the loop: who acts several times, or was met before, comes in no order.
            # Members are counted too, and left out below.
            for q in range(low, high):
                x = account[q]
                before = score[x]
                touched[count] = x
                count += before == 0.0
                score[x] = before + (gain if stamp[x] != o else 0.0)
                stamp[x] = o
            done = max(done, high)
    best[:] = -1
    gains[:] = 0.0
    for i in range(count):
        x = touched[i]
        gain = score[x]
        score[x] = 0.0
        stamp[x] = -1
        if gain < gains[TRIED - 1] or in_set[x] == 1:
            continue
        at = TRIED
        while at > 0 and (
            gain > gains[at - 1] or (gain == gains[at - 1] and x < best[at - 1])
        ):  # fmt: skip
            at -= 1
        for later in range(TRIED - 1, at, -1):
            best[later] = best[later - 1]
            gains[later] = gains[later - 1]
        if at < TRIED:
            best[at] = x
            gains[at] = gain
