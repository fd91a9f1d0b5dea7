"""Every compiled loop: arrays and scalars in, arrays out; nothing here knows of logs or graphs.

All kernels release the GIL, so that :mod:`coordnet._threads` can run them side by side, and all
run interpreted too (``NUMBA_DISABLE_JIT=1``): the tests do both. Positions and codes are int32,
sums are int64. A log is sorted by (object, time); a *window* of the action at position p is the
half-open range of positions of the same object whose times differ by at most the bound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np


def kernel(function: Callable[..., Any]) -> Any:
    """Compile with a disk cache, or without one where no cache folder is writable."""
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile into the kernels that call it.

    For what is called in the innermost loops: a call counts references to each array that it is
    given, atomically, which costs more than the few steps that it then does.
    """
    return numba.njit(inline="always")(function)


# -- sorting ---------------------------------------------------------------------------------
#
# numba's own sorts must not stand in cached kernels. They are closures of one name, whether they
# sort values or positions, told apart by a number that each process counts for itself; kernels that
# two processes compiled and cached can then hold two different ones under one symbol, and who loads
# both runs one for the other, and crashes.

RUN = 16  # stretches of so many are sorted by insertion


@kernel
def sort_in_place(values: Any) -> None:
    """Sort values, (n,) without gaps in memory. Cost: O(n log n), O(n) where they are sorted."""
    n = len(values)
    for begin in range(0, n, RUN):
        for i in range(begin + 1, min(begin + RUN, n)):
            value = values[i]
            j = i
            while j > begin and values[j - 1] > value:
                values[j] = values[j - 1]
                j -= 1
            values[j] = value
    if n <= RUN:
        return
    width = RUN
    spare = np.empty(n, values.dtype)
    while width < n:
        for low in range(0, n, 2 * width):
            middle = min(low + width, n)
            high = min(low + 2 * width, n)
            if middle == high or values[middle - 1] <= values[middle]:
                continue
            spare[low:middle] = values[low:middle]
            i = low
            j = middle
            k = low
            while i < middle:  # of equals the left one first
                if j < high and values[j] < spare[i]:
                    values[k] = values[j]
                    j += 1
                else:
                    values[k] = spare[i]
                    i += 1
                k += 1
        width *= 2


@kernel
def stable_order(values: Any) -> Any:
    """Return the positions of values in ascending order, equals as they stand: int64 (n,)."""
    n = len(values)
    order = np.arange(n)
    for begin in range(0, n, RUN):
        for i in range(begin + 1, min(begin + RUN, n)):
            own = order[i]
            j = i
            while j > begin and values[order[j - 1]] > values[own]:
                order[j] = order[j - 1]
                j -= 1
            order[j] = own
    if n <= RUN:
        return order
    width = RUN
    spare = np.empty(n, np.int64)
    while width < n:
        for low in range(0, n, 2 * width):
            middle = min(low + width, n)
            high = min(low + 2 * width, n)
            if middle == high or values[order[middle - 1]] <= values[order[middle]]:
                continue
            spare[low:middle] = order[low:middle]
            i = low
            j = middle
            k = low
            while i < middle:
                if j < high and values[order[j]] < values[spare[i]]:
                    order[k] = order[j]
                    j += 1
                else:
                    order[k] = spare[i]
                    i += 1
                k += 1
        width *= 2
    return order


# -- building a log --------------------------------------------------------------------------


@kernel
def group_by_code(code: Any, n_codes: int) -> Any:
    """Group positions by their code, in order of position (a stable counting sort).

    Parameters
    ----------
    code : int32 (n,), each in [0, n_codes)
    n_codes : number of groups

    Returns
    -------
    indptr : int64 (n_codes + 1,); group c is positions[indptr[c]:indptr[c + 1]]
    positions : int32 (n,)

    Cost: O(n + n_codes).
    """
    indptr = np.zeros(n_codes + 1, np.int64)
    for p in range(len(code)):
        indptr[code[p] + 1] += 1
    for c in range(n_codes):
        indptr[c + 1] += indptr[c]
    following = indptr[:-1].copy()
    positions = np.empty(len(code), np.int32)
    for p in range(len(code)):
        positions[following[code[p]]] = p
        following[code[p]] += 1
    return indptr, positions


@kernel
def sort_within_groups(indptr: Any, order: Any, time: Any, tie: Any, first: int, last: int) -> None:
    """Sort each of the groups first..last-1 of `order`, in place, by (time, tie, row).

    Parameters
    ----------
    indptr : int64 (groups + 1,)
    order : int32 (n,), rows grouped by `indptr`, ascending inside a group on entry
    time : int64 (rows,)
    tie : int64 (rows,), what decides between equal times before the row number does
    first, last : the groups to sort

    Cost: O(n log n) compares at worst; O(n) where rows come sorted by time.
    """
    for g in range(first, last):
        a = indptr[g]
        b = indptr[g + 1]
        if b - a < 2:
            continue
        ordered = True
        for i in range(a + 1, b):
            if time[order[i]] < time[order[i - 1]]:
                ordered = False
                break
        if not ordered:
            if b - a <= 24:
                for i in range(a + 1, b):
                    row = order[i]
                    j = i
                    while j > a and time[order[j - 1]] > time[row]:
                        order[j] = order[j - 1]
                        j -= 1
                    order[j] = row
            else:
                rows = order[a:b].copy()
                order[a:b] = rows[stable_order(time[rows])]
        # equal times: by tie, rows staying in order
        i = a
        while i < b:
            j = i + 1
            while j < b and time[order[j]] == time[order[i]]:
                j += 1
            if j - i == 2:
                if tie[order[i]] > tie[order[i + 1]]:
                    order[i], order[i + 1] = order[i + 1], order[i]
            elif j - i > 2:
                rows = order[i:j].copy()
                order[i:j] = rows[stable_order(tie[rows])]
            i = j


@kernel
def first_of_equals(object_: Any, time: Any, account: Any, content: Any) -> Any:
    """Mark, in a sorted log, each action that does not repeat the one before it in every column.

    Parameters
    ----------
    object_, account : int32 (n,)
    time : int64 (n,)
    content : int32 (n,), or (0,) where there is no content

    Returns
    -------
    keep : bool (n,)
    """
    n = len(object_)
    keep = np.ones(n, np.bool_)
    with_content = len(content) > 0
    for p in range(1, n):
        keep[p] = (
            object_[p] != object_[p - 1]
            or time[p] != time[p - 1]
            or account[p] != account[p - 1]
            or (with_content and content[p] != content[p - 1])
        )
    return keep


@kernel
def run_starts(account: Any, time: Any, refractory: int) -> Any:
    """Mark the actions that begin a run: none of their account within `refractory` before them.

    Parameters
    ----------
    account : int32 (n,), non-decreasing
    time : int64 (n,), non-decreasing inside an account
    refractory : the largest gap inside a run

    Returns
    -------
    start : bool (n,)
    """
    start = np.ones(len(account), np.bool_)
    for p in range(1, len(account)):
        start[p] = account[p] != account[p - 1] or time[p] - time[p - 1] > refractory
    return start


@kernel
def common_step(time: Any) -> int:
    """Return the greatest common divisor of the times, 0 where all are 0 or there are none."""
    step = 0
    for p in range(len(time)):
        a = abs(time[p])
        if step != 0 and a % step == 0:
            continue
        while a != 0:
            step, a = a, step % a
        if step == 1:
            break
    return step


@kernel
def recode(codes: Any, number: Any) -> Any:
    """Return number[code] for each code, -1 where it is -1: int32 (n,)."""
    out = np.empty(len(codes), np.int32)
    for p in range(len(codes)):
        out[p] = number[codes[p]] if codes[p] >= 0 else -1
    return out


@kernel
def take(values: Any, order: Any) -> Any:
    """Return values[order], without holding the GIL."""
    out = np.empty(len(order), values.dtype)
    for p in range(len(order)):
        out[p] = values[order[p]]
    return out


# -- windows -----------------------------------------------------------------------------------


@kernel
def window_bounds(object_: Any, time: Any, window: int) -> Any:
    """Find the window of every action: the actions on its object at most `window` away in time.

    Parameters
    ----------
    object_ : int32 (n,), non-decreasing
    time : int64 (n,), non-decreasing inside an object
    window : the bound, inclusive, in the unit of `time`

    Returns
    -------
    low, high : int32 (n,); the window of p is low[p] .. high[p] - 1 and contains p

    Cost: O(n), two pointers.
    """
    n = len(object_)
    low = np.empty(n, np.int32)
    high = np.empty(n, np.int32)
    a = 0
    b = 0
    for p in range(n):
        while object_[a] != object_[p] or time[p] - time[a] > window:
            a += 1
        if b < p + 1:
            b = p + 1
        while b < n and object_[b] == object_[p] and time[b] - time[p] <= window:
            b += 1
        low[p] = a
        high[p] = b
    return low, high


@kernel
def live_actions(
    account: Any, object_: Any, low: Any, high: Any, n_accounts: int, need: int
) -> Any:
    """Mark the actions that can still add to an edge of `need` synchronised objects.

    An action with nobody else in its window adds to no edge; an account that has such company on
    fewer than `need` objects has no edge of that weight at all, and then neither have its actions
    anything to give to others.

    Parameters
    ----------
    account, object_ : int32 (n,)
    low, high : int32 (n,) from :func:`window_bounds`
    n_accounts : number of account codes
    need : least number of synchronised objects of an edge

    Returns
    -------
    live : bool (n,)
    count : number of actions marked

    Cost: O(n + n_accounts).
    """
    n = len(account)
    live = np.zeros(n, np.bool_)
    # a run is a stretch of positions of one object and one account: all else in it is oneself
    start = 0
    while start < n:
        end = start + 1
        while end < n and account[end] == account[start] and object_[end] == object_[start]:
            end += 1
        for p in range(start, end):
            live[p] = low[p] < start or high[p] > end
        start = end
    objects = np.zeros(n_accounts, np.int32)
    latest = np.full(n_accounts, -1, np.int32)
    for p in range(n):
        if live[p] and latest[account[p]] != object_[p]:
            latest[account[p]] = object_[p]
            objects[account[p]] += 1
    count = 0
    for p in range(n):
        if live[p]:
            if objects[account[p]] < need:
                live[p] = False
            else:
                count += 1
    return live, count


@kernel
def row_work(indptr: Any, positions: Any, low: Any, high: Any) -> Any:
    """Return how many (own action, other action) pairs each account's windows hold: int64."""
    work = np.zeros(len(indptr) - 1, np.int64)
    for u in range(len(work)):
        for k in range(indptr[u], indptr[u + 1]):
            work[u] += high[positions[k]] - low[positions[k]]
    return work


# -- co-action ---------------------------------------------------------------------------------


@inlined
def _first_position(positions: Any, start: int, stop: int, bound: int) -> int:
    """Return the first k in start..stop-1 with positions[k] >= bound."""
    while start < stop:
        middle = (start + stop) >> 1
        if positions[middle] < bound:
            start = middle + 1
        else:
            stop = middle
    return start


@kernel
def sort_by_upper_half(keys: Any, spare: Any, n: int, bound: int, count: Any) -> Any:
    """Sort keys by their upper 32 bits: bytewise, least first, stable.

    Parameters
    ----------
    keys : int64 (room,), the first n of them; the upper 32 bits in [0, bound)
    spare : int64 (room,), scratch
    count : int64 (256,), scratch

    Returns
    -------
    The sorted keys and the other array: `keys` and `spare`, or the other way round.

    Cost: O(n) for each byte of `bound`.
    """
    shift = 32
    while bound > 0:
        count[:] = 0
        for i in range(n):
            count[(keys[i] >> shift) & 255] += 1
        place = 0
        for digit in range(256):
            place, count[digit] = place + count[digit], place
        for i in range(n):
            digit = (keys[i] >> shift) & 255
            spare[count[digit]] = keys[i]
            count[digit] += 1
        keys, spare = spare, keys
        shift += 8
        bound >>= 8
    return keys, spare


@kernel
def co_action_rows(
    account: Any,
    unit: Any,
    time: Any,
    low: Any,
    high: Any,
    indptr: Any,
    positions: Any,
    first: int,
    last: int,
    min_weight: int,
    by_pairs: bool,
    shift: int,
    seconds: float,
    table: Any,
    row_edges: Any,
    edges: int,
    target: Any,
    counts: Any,
    pairs: Any,
    mean_delay: Any,
    first_share: Any,
    back_counts: Any,
) -> Any:
    """Count the co-actions of the accounts first..last-1 with every account of a higher code.

    Gustavson's row-wise sparse product with a time condition: for each account u, walk the
    windows of its actions and add up the neighbours v > u. A neighbour met once leaves a single
    table entry (which action it was met at); only the second meeting opens a slot with sums, so
    that the many pairs below `min_weight` cost one memory access each and are never written.

    Parameters
    ----------
    account : int32 (n,), the log, sorted by (object, time)
    unit : int32 (n,), ascending: what is counted once for a pair (the object; the own event)
    time : int64 (n,)
    low, high : int32 (n,), from :func:`window_bounds`
    indptr : int64 (accounts + 1,); positions : int32; each account's actions, ascending
    first, last : the rows to do
    min_weight : edges below it are not returned
    by_pairs : whether the weight is the number of co-action pairs, not of units
    shift : delays are added up in units of 2**shift, so that no sum can pass 2**63
    seconds : what one unit of time is in the unit of `mean_delay`
    table : uint64 (accounts,), scratch: what is in it on entry must come from this kernel, with
        rows outside first..last-1, or be zero
    row_edges : int64 (accounts,), the number of edges of each row done is written here
    edges : how much of the room is taken
    target, counts : int32 (room,), written from position `edges` on, targets ascending in a row;
        the counts are of the row's units with a co-action
    pairs : int64 (room,)
    mean_delay, first_share : float64 (room,); of the absolute delays, and the share of the pairs
        in which the row's account came first, pairs at equal times counting half
    back_counts : int32 (room,), the number of the target's actions with a co-action, and the
        weight is the smaller of both counts; or None, where it is not asked for

    Returns
    -------
    row : the first row not done, `last` unless the room might not suffice for it
    edges : how much of the room is taken now
    """
    # table[v] = (u + 1) << 33 | has a slot << 32 | slot, or position of the one meeting so far
    flag = np.uint64(1) << np.uint64(32)
    payload = flag - np.uint64(1)
    eager = min_weight <= 1
    # one slot: neighbour, latest unit, units, pairs, sum of delays, twice the times ahead, latest
    # of the neighbour's positions, number of those
    slot = np.empty((1024, 8), np.int64)
    kept = np.empty(1024, np.int64)
    spare = np.empty(1024, np.int64)
    others = np.empty(1024, np.int32)
    digits = np.empty(256, np.int64)

    for u in range(first, last):
        bound = 0
        for k in range(indptr[u], indptr[u + 1]):
            bound += high[positions[k]] - low[positions[k]]
        if edges + min(bound // min_weight, len(table)) > len(target):
            return u, edges
        slots = 0
        stamp = np.uint64(u + 1)
        row = stamp << np.uint64(33)
        for k in range(indptr[u], indptr[u + 1]):
            p = positions[k]
            a = low[p]
            b = high[p]
            if b - a > len(others):
                others = np.empty(2 * (b - a), np.int32)
            met = 0
            for q in range(a, b):  # without a branch: half of the window is on the other side
                others[met] = q
                met += 1 if account[q] > u else 0
            if not eager:  # leave an entry at whom u meets first; go on with whom it met before
                again = 0
                for i in range(met):
                    q = others[i]
                    entry = table[account[q]]
                    known = entry >> np.uint64(33) == stamp
                    table[account[q]] = entry if known else row | np.uint64(q)
                    others[again] = q
                    again += 1 if known else 0
                met = again
            if slots + met > len(slot):
                wider = np.empty((2 * (slots + met), 8), np.int64)
                wider[:slots] = slot[:slots]
                slot = wider
                kept = np.empty(len(slot), np.int64)
                spare = np.empty(len(slot), np.int64)
            here = unit[p]
            now = time[p]
            for i in range(met):
                q = others[i]
                v = account[q]
                entry = table[v]
                known = entry >> np.uint64(33) == stamp
                if known and entry & flag:
                    s = np.int64(entry & payload)
                else:
                    s = slots
                    slots += 1
                    table[v] = row | flag | np.uint64(s)
                    slot[s, 0] = v
                    slot[s, 1] = -1
                    slot[s, 2] = 0
                    slot[s, 3] = 0
                    slot[s, 4] = 0
                    slot[s, 5] = 0
                    slot[s, 6] = -1
                    slot[s, 7] = 0
                    if known:  # the one meeting so far: with u's first action in that window
                        q0 = np.int64(entry & payload)
                        p0 = positions[_first_position(positions, indptr[u], k, low[q0])]
                        lag = time[q0] - time[p0]
                        slot[s, 1] = unit[p0]
                        slot[s, 2] = 1
                        slot[s, 3] = 1
                        slot[s, 4] = abs(lag) >> shift
                        slot[s, 5] = 2 if lag > 0 else (1 if lag == 0 else 0)
                        slot[s, 6] = q0
                        slot[s, 7] = 1
                if slot[s, 1] != here:
                    slot[s, 1] = here
                    slot[s, 2] += 1
                lag = time[q] - now
                slot[s, 3] += 1
                slot[s, 4] += abs(lag) >> shift
                slot[s, 5] += 2 if lag > 0 else (1 if lag == 0 else 0)
                if back_counts is not None and q > slot[s, 6]:
                    slot[s, 6] = q
                    slot[s, 7] += 1
        n_kept = 0
        column = 3 if by_pairs else 2
        for s in range(slots):
            enough = slot[s, column] >= min_weight
            if back_counts is not None:
                enough = enough and slot[s, 7] >= min_weight
            kept[n_kept] = (slot[s, 0] << 32) | s
            n_kept += 1 if enough else 0
        if n_kept <= 64:
            sort_in_place(kept[:n_kept])
        else:
            kept, spare = sort_by_upper_half(kept, spare, n_kept, len(table), digits)
        for i in range(n_kept):
            s = kept[i] & 0xFFFFFFFF
            target[edges] = slot[s, 0]
            counts[edges] = slot[s, 2]
            pairs[edges] = slot[s, 3]
            mean_delay[edges] = slot[s, 4] * (2.0**shift * seconds) / slot[s, 3]
            first_share[edges] = slot[s, 5] / (2.0 * slot[s, 3])
            if back_counts is not None:
                back_counts[edges] = slot[s, 7]
            edges += 1
        row_edges[u] = n_kept
    return last, edges


# -- clusters ----------------------------------------------------------------------------------


@kernel
def edges_inside(source: Any, target: Any, indptr: Any, cluster_of: Any) -> Any:
    """List the edges whose two ends share a cluster, once for each cluster that they share.

    Parameters
    ----------
    source, target : int32 (edges,)
    indptr : int64 (accounts + 1,); cluster_of : int32; the clusters of each account, ascending

    Returns
    -------
    cluster : int32, edge : int64, in order of edge
    """
    cluster = np.empty(0, np.int32)
    edge = np.empty(0, np.int64)
    for fill in range(2):
        count = 0
        for e in range(len(source)):
            i = indptr[source[e]]
            j = indptr[target[e]]
            i_end = indptr[source[e] + 1]
            j_end = indptr[target[e] + 1]
            while i < i_end and j < j_end:
                if cluster_of[i] < cluster_of[j]:
                    i += 1
                elif cluster_of[i] > cluster_of[j]:
                    j += 1
                else:
                    if fill == 1:
                        cluster[count] = cluster_of[i]
                        edge[count] = e
                    count += 1
                    i += 1
                    j += 1
        if fill == 0:
            cluster = np.empty(count, np.int32)
            edge = np.empty(count, np.int64)
    return cluster, edge


@kernel
def _root(parent: Any, v: int) -> int:
    """Return the root of v, halving the path on the way."""
    while parent[v] != v:
        parent[v] = parent[parent[v]]
        v = parent[v]
    return v


@kernel
def half_connected_weight(
    source: Any, target: Any, weight: Any, indptr: Any, edges: Any, sizes: Any, parent: Any
) -> Any:
    """Return, for each cluster, the highest threshold under which half of it is connected.

    Parameters
    ----------
    source, target : int32 (edges of the graph,)
    weight : float64 (edges of the graph,)
    indptr : int64 (clusters + 1,); edges : int64; the edges inside each cluster
    sizes : int64 (clusters,)
    parent : int64 (accounts,), scratch, ``arange`` on entry

    Returns
    -------
    threshold : float64 (clusters,), NaN where no threshold connects half

    Cost: O(e log e) for e edges inside.
    """
    threshold = np.full(len(sizes), np.nan)
    member_count = np.ones(len(parent), np.int64)
    for c in range(len(sizes)):
        inside = edges[indptr[c] : indptr[c + 1]]
        order = stable_order(-weight[inside])
        for i in range(len(inside)):
            e = inside[order[i]]
            a = _root(parent, source[e])
            b = _root(parent, target[e])
            if a != b:
                parent[b] = a
                member_count[a] += member_count[b]
                if 2 * member_count[a] >= sizes[c]:
                    threshold[c] = weight[e]
                    break
        for i in range(len(inside)):
            for v in (source[inside[i]], target[inside[i]]):
                parent[v] = v
                member_count[v] = 1
    return threshold


@kernel
def nearest_lags(account: Any, time: Any, low: Any, high: Any) -> Any:
    """Return the time from each action to the nearest of another account in its window.

    Parameters
    ----------
    account : int32 (n,)
    time : int64 (n,), non-decreasing inside a window
    low, high : int32 (n,), from :func:`window_bounds`

    Returns
    -------
    lag : int64 (n,), -1 where the window holds no other account
    """
    n = len(account)
    lag = np.full(n, -1, np.int64)
    for p in range(n):
        for q in range(p - 1, low[p] - 1, -1):
            if account[q] != account[p]:
                lag[p] = time[p] - time[q]
                break
        for q in range(p + 1, high[p]):
            if account[q] != account[p]:
                if lag[p] < 0 or time[q] - time[p] < lag[p]:
                    lag[p] = time[q] - time[p]
                break
    return lag
