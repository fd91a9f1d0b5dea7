"""The compiled loop that counts co-actions, account by account."""

from __future__ import annotations

from typing import Any

import numpy as np

from coordnet.kernels.arrays import sort_in_place, widened_rows
from coordnet.kernels.compiling import inlined, inner, kernel
from coordnet.kernels.crowds import crowd_sums

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


@inner
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
    crowd: Any = None,
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
    crowd : Crowd, whose pairs are counted from its matrix, where `shift` is 0; or None

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
    if crowd is not None:
        met_crowd = np.empty(len(crowd.code), np.int64)
        delays = np.empty(len(crowd.code), np.int64)
        ahead = np.empty(len(crowd.code), np.int64)

    for u in range(first, last):
        bound = np.int64(0)  # interpreted, it would be of 32 bits, as low and high are
        for k in range(indptr[u], indptr[u + 1]):
            bound += high[positions[k]] - low[positions[k]]
        if edges + min(bound // min_weight, len(table)) > len(target):
            return u, edges
        slots = 0
        stamp = np.uint64(u + 1)
        row = stamp << np.uint64(33)
        if crowd is not None and crowd.member[u] >= 0 and indptr[u] < indptr[u + 1]:
            crowd_sums(crowd, crowd.member[u], met_crowd, delays, ahead)
            if len(slot) < len(crowd.code):
                slot = np.empty((2 * len(crowd.code), 8), np.int64)
                kept = np.empty(len(slot), np.int64)
                spare = np.empty(len(slot), np.int64)
            for i in range(crowd.member[u] + 1, len(crowd.code)):
                if met_crowd[i] > 0:
                    table[crowd.code[i]] = row | flag | np.uint64(slots)
                    slot[slots, 0] = crowd.code[i]
                    slot[slots, 1] = -1  # its objects are not met again
                    slot[slots, 2] = met_crowd[i]
                    slot[slots, 3] = met_crowd[i]
                    slot[slots, 4] = delays[i] * crowd.step
                    slot[slots, 5] = ahead[i]
                    slot[slots, 6] = -1
                    slot[slots, 7] = 0
                    slots += 1
        for k in range(indptr[u], indptr[u + 1]):
            p = positions[k]
            a = low[p]
            b = high[p]
            if b - a > len(others):
                others = np.empty(2 * (b - a), np.int32)
            met = 0
            counted = False
            if crowd is not None:
                counted = crowd.outside_before[p + 1] == crowd.outside_before[p]
            if counted:
                if crowd is not None:
                    for i in range(crowd.outside_before[a], crowd.outside_before[b]):
                        q = crowd.outside[i]
                        others[met] = q
                        met += 1 if account[q] > u else 0
            else:
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
                slot = widened_rows(slot, 2 * (slots + met))
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
            kept, spare = sort_by_upper_half(kept, spare, np.int64(n_kept), len(table), digits)
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
