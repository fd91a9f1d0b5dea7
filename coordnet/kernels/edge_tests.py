"""Compiled loops of the edge tests: objects, shared objects, occasions, expectations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from coordnet.kernels.arrays import sort_in_place
from coordnet.kernels.compiling import inlined, kernel
from coordnet.kernels.tails import log_tail, log_tail_bound

# -- objects -----------------------------------------------------------------------------------


@kernel
def object_statistics(
    indptr: Any,
    account: Any,
    time: Any,
    windows: Any,
    first: int,
    last: int,
    seen: Any,
    repeats: Any,
    n_accounts: Any,
    pairs_all: Any,
    pairs_weighted: Any,
) -> None:
    """Count, for the objects first..last-1, who acts on them and how often within the window.

    Parameters
    ----------
    indptr : int64 (objects + 1,), where each object's actions begin
    account : int32 (n,), time : int64 (n,), the log
    windows : int64 (objects,), the bound on each object, inclusive
    first, last : the objects to do
    seen : int32 (accounts,), scratch, zeros on entry and on return
    repeats : int32 (n,), written: how often the action's account acts on its object, m_uo
    n_accounts : int32 (objects,), written: different accounts, n_o
    pairs_all : int64 (objects,), written: pairs of actions within the window, of whomever
    pairs_weighted : float64 (objects,), written: the sum of 1 / (m_uo m_vo) over co-actions, w_o

    Cost: O(n), and O(r log r) for the r actions of accounts that act on an object repeatedly.
    """
    for o in range(first, last):
        window = windows[o]
        a = indptr[o]
        b = indptr[o + 1]
        for p in range(a, b):
            seen[account[p]] += 1
        distinct = 0
        repeated = 0
        for p in range(a, b):
            repeats[p] = seen[account[p]]
            if repeats[p] > 1:
                repeated += 1
        for p in range(a, b):
            if seen[account[p]] > 0:
                distinct += 1
                seen[account[p]] = 0
        n_accounts[o] = distinct
        pairs = 0
        weighted = 0.0
        inside = 0.0  # sum of 1 / m over the actions in the window before p
        low = a
        for p in range(a, b):
            while time[p] - time[low] > window:
                inside -= 1.0 / repeats[low]
                low += 1
            if low == p:
                inside = 0.0  # so that rounding never builds up
            pairs += p - low
            weighted += inside / repeats[p]
            inside += 1.0 / repeats[p]
        if repeated > 0:  # pairs of one account are no co-actions
            own = np.empty(repeated, np.int64)
            count = 0
            for p in range(a, b):
                if repeats[p] > 1:
                    own[count] = (np.int64(account[p]) << 32) | (p - a)
                    count += 1
            sort_in_place(own)
            start = 0
            for i in range(count):
                if own[i] >> 32 != own[start] >> 32:
                    start = i
                p = a + (own[i] & 0xFFFFFFFF)
                while time[p] - time[a + (own[start] & 0xFFFFFFFF)] > window:
                    start += 1
                weighted -= (i - start) / (np.float64(repeats[p]) * repeats[p])
        pairs_all[o] = pairs
        pairs_weighted[o] = max(weighted, 0.0) if distinct > 1 else 0.0


# -- edges -------------------------------------------------------------------------------------


@inlined
def count_occasions(moments: Any, n: int, fold: int) -> int:
    """Return the number of runs of moments[:n] with gaps <= fold; sorts them in place."""
    if n == 0:
        return 0
    part = moments[:n]
    sort_in_place(part)
    occasions = 1
    for i in range(1, n):
        if part[i] - part[i - 1] > fold:
            occasions += 1
    return occasions


@kernel
def account_runs(indptr: Any, positions: Any, object_: Any) -> Any:
    """List the objects of each account, each once.

    Parameters
    ----------
    indptr : int64 (accounts + 1,); positions : int32; each account's actions, ascending
    object_ : int32 (n,)

    Returns
    -------
    starts : int64 (accounts + 1,)
    objects : int32 (runs,), ascending inside an account
    first : int32 (runs + 1,), index into `positions` of the run's first action; a run ends where
        the next one begins
    """
    starts = np.zeros(len(indptr), np.int64)
    objects = np.empty(len(positions), np.int32)
    first = np.empty(len(positions) + 1, np.int32)
    runs = 0
    for u in range(len(indptr) - 1):
        for k in range(indptr[u], indptr[u + 1]):
            o = object_[positions[k]]
            if runs == starts[u] or objects[runs - 1] != o:
                objects[runs] = o
                first[runs] = k
                runs += 1
        starts[u + 1] = runs
    first[runs] = len(positions)
    return starts, objects[:runs], first[: runs + 1]


@inlined
def first_moment(time: Any, x: int, x_end: int, y: int, y_end: int, window: int) -> int:
    """Return the first moment by which two accounts have both acted within the window, or -1.

    Parameters
    ----------
    time : int64, 0 or more, ascending in both stretches
    x, x_end, y, y_end : where the actions of the one and of the other on an object stand in it
    window : the bound, inclusive
    """
    while x < x_end and y < y_end:
        s = time[x]
        t = time[y]
        if abs(s - t) <= window:
            return max(s, t)
        if s < t:
            x += 1
        else:
            y += 1
    return -1


@inlined
def _bits_below(word: Any, bit: int) -> int:
    """Return how many of the bits 0 .. bit - 1 of a 64-bit word are set."""
    x = word & ((np.uint64(1) << np.uint64(bit)) - np.uint64(1))
    x -= (x >> np.uint64(1)) & np.uint64(0x5555555555555555)
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel
def shared_object_tests(
    heavier: Any,
    lighter: Any,
    starts: Any,
    objects: Any,
    first_action: Any,
    time: Any,
    round_: Any,
    run_class: Any,
    class_chance: Any,
    class_miss: Any,
    class_odds: Any,
    class_window: Any,
    fold: int,
    first: int,
    last: int,
    marked: Any,
    rank: Any,
    occasions: Any,
    expected: Any,
    log_p: Any,
) -> None:
    """Count occasions of edges and test them against the chances of the objects both acted on.

    The objects of the heavier account are marked densely, and each of its edges scans the list of
    the lighter account only: never a merge of two long lists.

    Parameters
    ----------
    heavier, lighter : int32 (edges,), the accounts of each edge; those of one heavier account
        together
    starts, objects, first_action : from :func:`account_runs`
    time : int64 (n,), 0 or more, of the actions account by account, as `first_action` has them
    round_ : int8 (n,), how round the time of each of these actions is, 0 the roundest
    run_class : int32 (runs,), the class of each run's object
    class_chance : float64 (classes, grains), of two accounts to be together on an object of the
        class when both times are so round; or (0, 0) where the timing null is not asked for
    class_miss, class_odds : float64 (classes, grains), log(1 - p) and p / (1 - p) of these
    class_window : int64 (classes,), the bound on objects of the class, inclusive
    fold : the bound of gaps in an occasion, inclusive, in the unit of `time` too
    first, last : edges to do
    marked : uint64 (objects // 64 + 1,), scratch, zeros on entry and on return: a bit for each of
        the heavier account's objects, small enough to stay in the cache
    rank : int32 (objects // 64 + 1,), scratch: how many objects it has before those of the word
    occasions : int32 (edges,), written
    expected, log_p : float64 (edges,), written where the timing null is asked for
    """
    timing = len(class_chance) > 0
    one = np.uint64(1)
    room = 256
    runs = np.empty(room, np.int32)
    moments = np.empty(room, np.int64)
    chances = np.empty(room, np.float64)
    states = np.empty(256, np.float64)
    h = -1
    for e in range(first, last):
        if heavier[e] != h:
            if h >= 0:
                for r in range(starts[h], starts[h + 1]):
                    marked[objects[r] >> 6] = np.uint64(0)
            h = heavier[e]
            for r in range(starts[h], starts[h + 1]):
                word = objects[r] >> 6
                if marked[word] == 0:
                    rank[word] = r - starts[h]
                marked[word] |= one << np.uint64(objects[r] & 63)
        v = lighter[e]
        if room < starts[v + 1] - starts[v] + 1:
            room = 2 * (starts[v + 1] - starts[v] + 1)
            runs = np.empty(room, np.int32)
            moments = np.empty(room, np.int64)
            chances = np.empty(room, np.float64)
        shared = 0
        for r in range(starts[v], starts[v + 1]):  # without a branch: nobody can guess it
            o = objects[r]
            runs[shared] = r
            shared += np.int64(marked[o >> 6] >> np.uint64(o & 63) & one)
        together = 0
        mean = 0.0
        log_none = 0.0
        odds = 0.0
        for s in range(shared):
            r = runs[s]
            o = objects[r]
            own = starts[h] + rank[o >> 6] + _bits_below(marked[o >> 6], o & 63)
            k = first_action[r]
            k_end = first_action[r + 1]
            j = first_action[own]
            j_end = first_action[own + 1]
            repeats = (k_end - k) * (j_end - j)
            c = run_class[r]
            window = class_window[c]
            if repeats == 1:
                moment = max(time[k], time[j])
                near = abs(time[k] - time[j]) <= window
            else:
                moment = first_moment(time, k, k_end, j, j_end, window)
                near = moment >= 0
            moments[together] = moment
            together += 1 if near else 0
            if timing:
                g = max(round_[k], round_[j])  # two times are as round as the less round
                if repeats == 1:
                    p = class_chance[c, g]
                    log_none += class_miss[c, g]
                    odds += class_odds[c, g]
                else:  # of the roundest of each
                    for i in range(k, k_end):
                        k = i if round_[i] < round_[k] else k
                    for i in range(j, j_end):
                        j = i if round_[i] < round_[j] else j
                    g = max(round_[k], round_[j])
                    p = -math.expm1(class_miss[c, g] * repeats)
                    log_none += class_miss[c, g] * repeats
                    odds += p / (1.0 - p) if p < 1.0 else np.inf
                chances[s] = p
                mean += p
        count = count_occasions(moments, together, fold)
        occasions[e] = count
        if timing:
            expected[e] = mean
            some = -math.expm1(log_none)
            if count == 1:
                log_p[e] = math.log(some) if some > 0.0 else -np.inf
            elif count == 2 and some > 1e-3 and odds < np.inf:
                # 1 - P(0) - P(1), where that loses no more than the tenth digit
                log_p[e] = min(0.0, math.log(some - math.exp(log_none) * odds))
            else:
                log_p[e] = log_tail(count, chances, shared, states)
    if h >= 0:
        for r in range(starts[h], starts[h + 1]):
            marked[objects[r] >> 6] = np.uint64(0)


@inlined
def interpolated(x: float, start: float, step: float, values: Any) -> float:
    """Return values on an even grid, interpolated linearly at x; constant beyond its ends."""
    at = (x - start) / step
    k = min(max(int(at), 0), len(values) - 2)
    part = min(max(at - k, 0.0), 1.0)
    return values[k] + part * (values[k + 1] - values[k])


@kernel
def activity_tests(
    source: Any,
    target: Any,
    log_rate: Any,
    log_scale: float,
    grid_start: float,
    grid_step: float,
    log_sums: Any,
    occasions: Any,
    first: int,
    last: int,
    expected: Any,
    log_p: Any,
) -> None:
    """Test occasions of the edges first..last-1 against what accounts so active would share.

    Parameters
    ----------
    source, target : int32 (edges,)
    log_rate : float64 (accounts,), log of how many actions each has
    log_scale : what is added to the two to give log x
    grid_start, grid_step, log_sums : log of the saturated sum on an even grid of log x
    occasions : int32 (edges,)
    first, last : edges to do
    expected, log_p : float64 (edges,), written
    """
    for e in range(first, last):
        x = log_scale + log_rate[source[e]] + log_rate[target[e]]
        expected[e] = math.exp(interpolated(x, grid_start, grid_step, log_sums))
        log_p[e] = log_tail_bound(np.int64(occasions[e]), expected[e])
