"""Compiled loops of the edge tests: objects, shared objects, occasions, expectations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from coordnet.kernels.arrays import sort_in_place
from coordnet.kernels.compiling import inlined, kernel
from coordnet.kernels.occasions import count_occasions
from coordnet.kernels.tails import log_tail, tail_bound

AGAIN = 1 << 30  # marks the cell of a run of several actions

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
    repeats : int32, scratch, as long as the actions of any one of them: how often the account of
        each action of an object acts on it, m_uo
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
            repeats[p - a] = seen[account[p]]
            if repeats[p - a] > 1:
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
                inside -= 1.0 / repeats[low - a]
                low += 1
            if low == p:
                inside = 0.0  # so that rounding never builds up
            pairs += p - low
            weighted += inside / repeats[p - a]
            inside += 1.0 / repeats[p - a]
        if repeated > 0:  # pairs of one account are no co-actions
            own = np.empty(repeated, np.int64)
            count = 0
            for p in range(a, b):
                if repeats[p - a] > 1:
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
                weighted -= (i - start) / (np.float64(repeats[p - a]) * repeats[p - a])
        pairs_all[o] = pairs
        pairs_weighted[o] = max(weighted, 0.0) if distinct > 1 else 0.0


# -- edges -------------------------------------------------------------------------------------


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
def run_cells(first_action: Any, time: Any, round_: Any, run_class: Any, grains: int) -> Any:
    """Return what a test needs of each run, so that most runs are read once.

    Parameters
    ----------
    first_action : int32 (runs + 1,), from :func:`account_runs`
    time : int64 (n,), of the actions account by account; round_ : int8 (n,), how round each is,
        0 the roundest, up to grains - 1
    run_class : int32 (runs,), the class of each run's object
    grains : how many grains there are

    Returns
    -------
    begin : int64 (runs,), the time of the run's first action
    cell : int32 (runs,), class * grains + roundness of its roundest action; AGAIN is added where
        the run has several actions
    """
    begin = np.empty(len(run_class), np.int64)
    cell = np.empty(len(run_class), np.int32)
    for r in range(len(run_class)):
        k = first_action[r]
        roundest = round_[k]
        for i in range(k + 1, first_action[r + 1]):
            roundest = min(roundest, round_[i])
        begin[r] = time[k]
        cell[r] = run_class[r] * grains + roundest
        if first_action[r + 1] - k > 1:
            cell[r] += AGAIN
    return begin, cell


@kernel
def shared_object_tests(
    heavier: Any,
    lighter: Any,
    starts: Any,
    objects: Any,
    first_action: Any,
    time: Any,
    begin: Any,
    cell: Any,
    chance: Any,
    log_miss: Any,
    windows: Any,
    rule: Any,
    first: int,
    last: int,
    marked: Any,
    run_before: Any,
    occasions: Any,
    expected: Any,
    p_value: Any,
) -> None:
    """Count occasions of edges and test them against the chances of the objects both acted on.

    The objects of the heavier account are marked densely, and each of its edges scans the list of
    the lighter account only: never a merge of two long lists. The tails for one and for two
    occasions are sums of positive terms, carried along; those for more are counted after.

    Parameters
    ----------
    heavier, lighter : int32 (edges,), the accounts of each edge; those of one heavier account
        together
    starts, objects, first_action : from :func:`account_runs`
    time : int64 (n,), 0 or more, of the actions account by account, as `first_action` has them
    begin, cell : from :func:`run_cells`
    chance : float64 (cells, several), of two accounts to be together on an object of a class when
        both times are so round: at k for k pairs of actions; (0, several) where the timing null is
        not asked for
    log_miss : float64 (cells,), log(1 - p) of one pair
    windows : int64 (cells,), the bound, inclusive
    rule : OccasionRule
    first, last : edges to do
    marked : uint64 (objects // 64 + 1,), scratch, zeros on entry and on return: a bit for each of
        the heavier account's objects, small enough to stay in the cache
    run_before : int32 (objects // 64 + 1,), scratch: the run of the first of those of a word
    occasions : int32 (edges,), written
    expected, p_value : float64 (edges,), written where the timing null is asked for
    """
    timing = len(chance) > 0
    several = chance.shape[1]
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
                    run_before[word] = r
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
        none = 1.0  # the chances of none so far and of one,
        single = 0.0
        some = 0.0  # of one or more and of two or more
        two = 0.0
        for s in range(shared):
            r = runs[s]
            o = objects[r]
            own = run_before[o >> 6] + _bits_below(marked[o >> 6], o & 63)
            # two times are as round as the less round, and the class is the same
            c = np.int64(max(cell[r], cell[own]))
            pairs = 1
            if c < AGAIN:
                moments[together] = max(begin[r], begin[own])
                together += 1 if abs(begin[r] - begin[own]) <= windows[c] else 0
            else:
                c = max(cell[r] & (AGAIN - 1), cell[own] & (AGAIN - 1))
                k = first_action[r]
                k_end = first_action[r + 1]
                j = first_action[own]
                j_end = first_action[own + 1]
                pairs = (k_end - k) * (j_end - j)
                moment = first_moment(time, k, k_end, j, j_end, windows[c])
                moments[together] = moment
                together += 1 if moment >= 0 else 0
            if timing:
                p = chance[c, pairs] if pairs < several else -math.expm1(log_miss[c] * pairs)
                chances[s] = p
                mean += p
                some += none * p
                two += single * p
                single = single * (1.0 - p) + none * p
                none *= 1.0 - p
        count = count_occasions(moments, together, rule)
        occasions[e] = count
        if timing:
            expected[e] = mean
            if count == 1:
                p_value[e] = min(some, 1.0)
            elif count == 2:
                p_value[e] = min(two, 1.0)
            else:
                p_value[e] = math.exp(log_tail(count, chances, shared, states))
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
    p_value: Any,
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
    expected, p_value : float64 (edges,), written
    """
    for e in range(first, last):
        x = log_scale + log_rate[source[e]] + log_rate[target[e]]
        expected[e] = math.exp(interpolated(x, grid_start, grid_step, log_sums))
        p_value[e] = tail_bound(np.int64(occasions[e]), expected[e])
