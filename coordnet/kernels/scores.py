"""Compiled loops of the scores: what sets of accounts have in common, set by set."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from coordnet.kernels.arrays import sort_in_place, widened
from coordnet.kernels.compiling import inlined, kernel

TOP = 5  # targets that count as the top ones
KEPT_LOGS = 512  # numbers of which n log n is kept; of others it is computed each time
# columns of what item_profile returns
ACTIONS, DISTINCT, ENTROPY, MODE, TOP_ACTIONS, TOP_TOTAL = range(6)


class Holdings(NamedTuple):
    """What each account acts on: item by item only where others act on it too."""

    indptr: Any  # int64 (accounts + 1,)
    item: Any  # int32; items that others act on too, numbered anew, in their order, so that what
    # is counted of them stands close together
    count: Any  # int32, the account's actions on it
    names: Any  # int32 (numbers,), the item of each of these numbers
    alone: Any  # float64 (accounts, 3), of the items that nobody else acts on: actions, items, and
    # the sum of n log n for n actions on an item
    top_count: Any  # int64 (accounts, TOP), of the most frequent of these, 0 where there are fewer
    top_item: Any  # int32 (accounts, TOP), -1 where there are fewer


@inlined
def _insert(counts: Any, items: Any, n: int, c: int) -> None:
    """Insert an item into the TOP most frequent; of equals the lower item stands first."""
    j = TOP
    while j > 0 and (n > counts[j - 1] or (n == counts[j - 1] and c < items[j - 1])):
        j -= 1
    if j < TOP:
        for t in range(TOP - 1, j, -1):
            counts[t] = counts[t - 1]
            items[t] = items[t - 1]
        counts[j] = n
        items[j] = c


@kernel
def shared_items(starts: Any, items: Any, n_items: int) -> Any:
    """Mark the items that two or more accounts act on: bool (n_items,).

    Parameters
    ----------
    starts, items : as in :func:`holdings`
    n_items : number of items
    """
    holder = np.full(n_items, -1, np.int32)  # -2 is more than one
    for u in range(len(starts) - 1):
        for k in range(starts[u], starts[u + 1]):
            c = items[k]
            if c >= 0 and holder[c] != u:
                holder[c] = u if holder[c] == -1 else -2
    shared = np.empty(n_items, np.bool_)
    for c in range(n_items):
        shared[c] = holder[c] == -2
    return shared


@kernel
def objects_of_several(starts: Any, account: Any) -> Any:
    """Mark the objects that two or more accounts act on: bool (objects,).

    Parameters
    ----------
    starts : int64 (objects + 1,), where the actions of each object begin
    account : int32 (n,)

    Cost: the actions before a second account comes.
    """
    shared = np.zeros(len(starts) - 1, np.bool_)
    for o in range(len(shared)):
        p = starts[o] + 1
        while p < starts[o + 1] and account[p] == account[starts[o]]:
            p += 1
        shared[o] = p < starts[o + 1]
    return shared


@kernel
def number_items(items: Any, shared: Any) -> Any:
    """Give numbers to the marked items that occur, in their order.

    Parameters
    ----------
    items : int32 (n,), -1 for none
    shared : bool (items,)

    Returns
    -------
    number : int32 (items,), -1 of all others
    names : int32, the item of each number
    room : how many of `items` have one
    """
    number = np.full(len(shared), -1, np.int32)
    room = 0
    for k in range(len(items)):
        if items[k] >= 0 and shared[items[k]]:
            number[items[k]] = 0
            room += 1
    n = 0
    for c in range(len(number)):
        n += 1 if number[c] == 0 else 0
    names = np.empty(n, np.int32)
    n = 0
    for c in range(len(number)):
        if number[c] == 0:
            names[n] = c
            number[c] = n
            n += 1
    return number, names, room


@kernel
def holdings(starts: Any, items: Any, number_of: Any, item: Any, number: Any) -> Any:
    """Find what each account holds.

    Parameters
    ----------
    starts : int64 (accounts + 1,); items : int32; the items of each account's actions, -1 for none
    number_of : int32 (items,), the number of each item that others act on too, else -1
    item, number : int32, room for as many as there are actions on these, written: what
        :class:`Holdings` calls `item` and `count`

    Returns
    -------
    indptr, alone, top_count, top_item : as in :class:`Holdings`

    Cost: O(actions + items).
    """
    n_accounts = len(starts) - 1
    indptr = np.zeros(n_accounts + 1, np.int64)
    alone = np.zeros((n_accounts, 3))
    top_count = np.zeros((n_accounts, TOP), np.int64)
    top_item = np.full((n_accounts, TOP), -1, np.int32)
    count = np.zeros(len(number_of), np.int32)
    size = 0
    for u in range(n_accounts):
        for k in range(starts[u], starts[u + 1]):
            if items[k] >= 0:
                count[items[k]] += 1
        for k in range(starts[u], starts[u + 1]):
            c = items[k]
            if c < 0 or count[c] == 0:
                continue
            n = count[c]
            count[c] = 0
            if number_of[c] >= 0:
                item[size] = number_of[c]
                number[size] = n
                size += 1
            else:
                alone[u, 0] += n
                alone[u, 1] += 1
                alone[u, 2] += n * math.log(n) if n > 1 else 0.0
                _insert(top_count[u], top_item[u], n, c)
        indptr[u + 1] = size
    return indptr, alone, top_count, top_item


@inlined
def _times_drawn(own: Any, m: int) -> int:
    """Return how often the account at m stands in a sorted set: it may be drawn more than once."""
    times = 1
    while m + times < len(own) and own[m + times] == own[m]:
        times += 1
    return times


@kernel
def item_profile(
    indptr: Any, codes: Any, held: Any, totals: Any, first: int, last: int, count: Any, out: Any
) -> None:
    """Profile the items that the sets first..last-1 of accounts act on.

    Parameters
    ----------
    indptr : int64 (sets + 1,); codes : int32; the accounts of each set
    held : :class:`Holdings`
    totals : int64 (items,), actions of everybody on each item
    first, last : sets to do
    count : int32 (names,), scratch, zeros on entry and on return
    out : float64 (sets, 6), written: actions with an item; different items; entropy of the items
        in nats; actions on the most frequent one; on the TOP most frequent; everybody's on these

    Cost: what the accounts of the sets hold of items that others hold too.
    """
    held_by, item, number, names, alone, alone_count, alone_item = held
    n_log_n = np.zeros(KEPT_LOGS)
    for n in range(2, KEPT_LOGS):
        n_log_n[n] = n * math.log(n)
    touched = np.empty(1024, np.int32)
    top_count = np.empty(TOP, np.int64)
    top_item = np.empty(TOP, np.int64)
    for s in range(first, last):
        own = codes[indptr[s] : indptr[s + 1]].copy()
        sort_in_place(own)
        total = 0
        different = 0
        entropy = 0.0  # sum of n log n
        top_count[:] = 0
        top_item[:] = -1
        size = 0
        m = 0
        while m < len(own):
            u = own[m]
            times = _times_drawn(own, m)
            m += times
            total += times * int(alone[u, 0])
            different += int(alone[u, 1])
            entropy += times * (alone[u, 2] + alone[u, 0] * math.log(times))
            for t in range(TOP):
                if alone_item[u, t] >= 0:
                    _insert(top_count, top_item, times * alone_count[u, t], alone_item[u, t])
            if size + held_by[u + 1] - held_by[u] > len(touched):
                touched = widened(touched, 2 * (size + held_by[u + 1] - held_by[u]))
            for k in range(held_by[u], held_by[u + 1]):
                c = item[k]
                n = times * number[k]
                if count[c] == 0:
                    touched[size] = c
                    size += 1
                count[c] += n
        for i in range(size):
            c = touched[i]
            n = count[c]
            total += n
            count[c] = 0
            if n < KEPT_LOGS:
                entropy += n_log_n[n]
            else:
                entropy += n * math.log(n)
            if n >= top_count[TOP - 1]:
                _insert(top_count, top_item, n, names[c])
        different += size
        if total:  # -sum n/N log n/N = log N - sum n log n / N
            entropy = max(math.log(total) - entropy / total, 0.0)
        everybody = 0
        for t in range(TOP):
            if top_item[t] >= 0:
                everybody += totals[top_item[t]]
        out[s, 0] = total
        out[s, 1] = different
        out[s, 2] = entropy
        out[s, 3] = top_count[0]
        out[s, 4] = top_count.sum()
        out[s, 5] = everybody


@kernel
def shared_of_sets(
    indptr: Any, codes: Any, held: Any, first: int, last: int, seen: Any, out: Any
) -> None:
    """Count the actions of the sets first..last-1 on an item, and on items of two or more members.

    Parameters
    ----------
    indptr, codes, held, first, last : as in :func:`item_profile`
    seen : int64 (names,), scratch: the last set that had the item, counted from 1, in the upper 32
        bits; in the lower the actions of the only account so far, 0 where there are more
    out : float64 (sets, 2), written

    Cost: what the accounts of the sets hold of items that others hold too.
    """
    held_by, item, number, alone = held.indptr, held.item, held.count, held.alone
    for s in range(first, last):
        own = codes[indptr[s] : indptr[s + 1]].copy()
        sort_in_place(own)
        stamp = np.int64(s + 1) << 32
        total = 0
        shared = 0
        m = 0
        while m < len(own):
            u = own[m]
            times = _times_drawn(own, m)
            m += times
            total += times * int(alone[u, 0])
            for k in range(held_by[u], held_by[u + 1]):
                c = item[k]
                n = times * number[k]
                total += n
                before = seen[c]
                if before >> 32 != s + 1:
                    seen[c] = stamp | n
                else:
                    shared += n + (before & 0xFFFFFFFF)
                    seen[c] = stamp
        out[s, 0] = total
        out[s, 1] = shared


@kernel
def shared_by_member(indptr: Any, codes: Any, starts: Any, items: Any, n_items: int) -> Any:
    """Count the actions of each member of each set on an item, and on items of another member too.

    Parameters
    ----------
    indptr, codes : as in :func:`item_profile`, no account twice in a set
    starts, items : as in :func:`holdings`
    n_items : number of items

    Returns
    -------
    shared, every : int64, parallel to `codes`

    Cost: the actions of the sets.
    """
    holder = np.full(n_items, -1, np.int32)  # -2 is more than one
    shared = np.zeros(len(codes), np.int64)
    every = np.zeros(len(codes), np.int64)
    for s in range(len(indptr) - 1):
        for m in range(indptr[s], indptr[s + 1]):
            u = codes[m]
            for k in range(starts[u], starts[u + 1]):
                c = items[k]
                if c >= 0 and holder[c] != u:
                    holder[c] = u if holder[c] == -1 else -2
        for m in range(indptr[s], indptr[s + 1]):
            for k in range(starts[codes[m]], starts[codes[m] + 1]):
                if items[k] >= 0:
                    every[m] += 1
                    shared[m] += 1 if holder[items[k]] == -2 else 0
        for m in range(indptr[s], indptr[s + 1]):
            for k in range(starts[codes[m]], starts[codes[m] + 1]):
                if items[k] >= 0:
                    holder[items[k]] = -1
    return shared, every


@kernel
def row_sums(indptr: Any, codes: Any, rows: Any, first: int, last: int, out: Any) -> None:
    """Add up the rows of the accounts of the sets first..last-1: out float64 (sets, columns)."""
    for s in range(first, last):
        for m in range(indptr[s], indptr[s + 1]):
            for c in range(rows.shape[1]):
                out[s, c] += rows[codes[m], c]


@kernel
def set_bits(row: Any, place: Any, bits: Any) -> None:
    """Set the bit at a place of a row, for each of many: bits uint64 (rows, words), in and out."""
    for i in range(len(row)):
        bits[row[i], place[i] // 64] |= np.uint64(1) << np.uint64(place[i] % 64)


@kernel
def bits_of_sets(indptr: Any, codes: Any, bits: Any, first: int, last: int, out: Any) -> None:
    """Count the bits that any account of the sets first..last-1 has: out float64 (sets,).

    `bits` is uint64 (accounts, words).
    """
    for s in range(first, last):
        found = 0
        for w in range(bits.shape[1]):
            word = np.uint64(0)
            for m in range(indptr[s], indptr[s + 1]):
                word |= bits[codes[m], w]
            while word:
                word &= word - np.uint64(1)
                found += 1
        out[s] = found


@kernel
def burstiness(starts: Any, times: Any, least: int) -> Any:
    """Return (sd - mean) / (sd + mean) of the gaps between each account's actions.

    Parameters
    ----------
    starts : int64 (accounts + 1,); times : int64; those of account u from starts[u] to
        starts[u + 1] - 1, in any order
    least : accounts with fewer gaps have NaN, and so have those without any time between actions

    Cost: that of sorting each account's times.
    """
    found = np.full(len(starts) - 1, np.nan)
    for u in range(len(found)):
        n = starts[u + 1] - starts[u] - 1
        if n < max(least, 1):
            continue
        own = times[starts[u] : starts[u + 1]].copy()
        sort_in_place(own)
        total = 0.0
        for k in range(n):
            total += float(own[k + 1] - own[k])
        mean = total / n
        square = 0.0
        for k in range(n):
            away = float(own[k + 1] - own[k]) - mean
            square += away * away
        sd = math.sqrt(square / n)
        if sd + mean > 0:
            found[u] = (sd - mean) / (sd + mean)
    return found


@kernel
def medians(indptr: Any, codes: Any, values: Any, first: int, last: int, out: Any) -> None:
    """Find the median value of the sets first..last-1, NaN apart: out float64 (sets,).

    NaN where all are.
    """
    for s in range(first, last):
        own = np.empty(indptr[s + 1] - indptr[s], np.float64)
        n = 0
        for m in range(indptr[s], indptr[s + 1]):
            own[n] = values[codes[m]]
            n += 0 if np.isnan(own[n]) else 1
        own = own[:n]
        sort_in_place(own)
        out[s] = (own[(n - 1) // 2] + own[n // 2]) / 2 if n else np.nan


@kernel
def largest_span_counts(
    indptr: Any, codes: Any, moment: Any, spans: Any, first: int, last: int, out: Any
) -> None:
    """Find how many moments of the sets first..last-1 fall into any one span.

    Parameters
    ----------
    indptr : int64 (sets + 1,); codes : int32; the accounts of each set
    moment : int64 (accounts,), of each account; the least int64 where there is none
    spans : int64 (spans,), inclusive
    out : int64 (sets, spans + 1), written: the largest numbers, and how many have a moment
    """
    nothing = np.iinfo(np.int64).min
    for s in range(first, last):
        own = np.empty(indptr[s + 1] - indptr[s], np.int64)
        n = 0
        for m in range(indptr[s], indptr[s + 1]):
            own[n] = moment[codes[m]]
            n += 1 if own[n] != nothing else 0
        own = own[:n]
        sort_in_place(own)
        out[s, len(spans)] = n
        for j in range(len(spans)):
            low = 0
            best = 0
            for i in range(n):
                while own[i] - own[low] > spans[j]:
                    low += 1
                best = max(best, i - low + 1)
            out[s, j] = best


@kernel
def first_windows(
    account: Any, unit: Any, time: Any, high: Any, begin: int, end: int, who: Any, share: Any,
    sizes: Any,
) -> int:  # fmt: skip
    """Find, on each object, the first window in which two or more members act, and who was first.

    Parameters
    ----------
    account, unit : int32; time : int64; high : int32; the acts begin..end-1 of a cluster, ordered
        by object (`unit`) and time, and the end of the window that begins with each
    who : int32, share : float64, with room for end - begin, written: the members inside each such
        window, ascending, and their share of the first place; ties share it
    sizes : int64, with room for end - begin, written: members inside each window

    Returns
    -------
    n : number of windows

    Cost: O(end - begin), and the sorting of what the windows hold.
    """
    windows = 0
    at = 0
    a = begin
    while a < end:
        b = a + 1
        while b < end and unit[b] == unit[a]:
            b += 1
        p = a
        found = False
        while p < b and not found:
            q = p + 1
            while q < b and account[q] == account[p]:
                q += 1
            while p < q and high[p] <= q:  # all in the window is of one account
                p += 1
            found = p < q
        if found:
            keys = np.empty(high[p] - p, np.int64)  # the first act of a member before its others
            for k in range(p, high[p]):
                keys[k - p] = np.int64(account[k]) * 2 + (1 if time[k] > time[p] else 0)
            sort_in_place(keys)
            size = 0
            firsts = 0
            for k in range(len(keys)):
                if k == 0 or keys[k] >> 1 != keys[k - 1] >> 1:
                    who[at + size] = keys[k] >> 1
                    share[at + size] = 1 - (keys[k] & 1)
                    firsts += 1 - (keys[k] & 1)
                    size += 1
            for k in range(at, at + size):
                share[k] /= firsts
            at += size
            sizes[windows] = size
            windows += 1
        a = b
    return windows


@kernel
def met_in_both_halves(
    source: Any, target: Any, starts: Any, positions: Any, object_: Any, time: Any, windows: Any,
    middle: int, first: int, last: int, out: Any,
) -> None:  # fmt: skip
    """Tell which pairs first..last-1 have a co-action before a moment and another from it on.

    Parameters
    ----------
    source, target : int32 (pairs,), two accounts each
    starts : int64 (accounts + 1,); positions : int32; the acts of each account, ascending
    object_ : int32; time : int64; of all acts, in order of object and time
    windows : int64 (objects,), the bound of a co-action, inclusive, in the unit of `time`
    middle : the moment; two acts on different sides of it are no co-action
    out : bool (pairs,), written

    Cost: the acts of the two accounts of a pair, until both are found.
    """
    for e in range(first, last):
        i = starts[source[e]]
        i_end = starts[source[e] + 1]
        j = starts[target[e]]
        j_end = starts[target[e] + 1]
        before = False
        after = False
        while i < i_end and j < j_end and not (before and after):
            p = positions[i]
            q = positions[j]
            if object_[q] < object_[p]:
                j += 1
            elif object_[q] > object_[p]:
                i += 1
            else:
                early = time[p] < middle
                window = windows[object_[p]]
                least = time[p] - window if early else max(time[p] - window, middle)
                if time[q] < least:  # nor near any later act of the source on this object
                    j += 1
                    continue
                if time[q] <= time[p] + window:
                    if not early:
                        after = True
                    elif time[q] < middle:
                        before = True
                i += 1
        out[e] = before and after
