"""Compiled loops of the scores: what sets of accounts have in common, set by set."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from coordnet.kernels.arrays import sort_in_place
from coordnet.kernels.compiling import kernel

TOP = 5  # targets that count as the top ones
# columns of what item_profile returns
ACTIONS, DISTINCT, ENTROPY, MODE, TOP_ACTIONS, TOP_TOTAL, SHARED = range(7)


@kernel
def item_profile(
    indptr: Any, codes: Any, starts: Any, items: Any, totals: Any, first: int, last: int,
    count: Any, holder: Any, out: Any,
) -> None:  # fmt: skip
    """Profile the items that the sets first..last-1 of accounts act on.

    Parameters
    ----------
    indptr : int64 (sets + 1,); codes : int32; the accounts of each set
    starts : int64 (accounts + 1,); items : int32; the items of each account's actions, -1 for none
    totals : int64 (items,), actions of everybody on each item
    first, last : sets to do
    count, holder : int32 (items,), scratch, count zeros on entry and on return
    out : float64 (sets, 7), written: actions with an item; different items; entropy of the items
        in nats; actions on the most frequent one; on the TOP most frequent; everybody's on these;
        actions on items of two or more accounts of the set

    Cost: the actions of the sets.
    """
    touched = np.empty(1024, np.int32)
    top_count = np.empty(TOP, np.int64)
    top_item = np.empty(TOP, np.int64)
    for s in range(first, last):
        different = 0
        for m in range(indptr[s], indptr[s + 1]):
            u = codes[m]
            for k in range(starts[u], starts[u + 1]):
                c = items[k]
                if c < 0:
                    continue
                if count[c] == 0:
                    if different == len(touched):
                        wider = np.empty(2 * different, np.int32)
                        wider[:different] = touched
                        touched = wider
                    touched[different] = c
                    different += 1
                    holder[c] = u
                elif holder[c] != u:
                    holder[c] = -1
                count[c] += 1
        total = 0
        shared = 0
        for i in range(different):
            total += count[touched[i]]
            if holder[touched[i]] < 0:
                shared += count[touched[i]]
        entropy = 0.0
        top_count[:] = 0
        top_item[:] = -1
        for i in range(different):
            c = touched[i]
            n = count[c]
            if n > 1:
                entropy -= n * math.log(n)
            j = TOP  # of equals the lower item stands first, whatever order they were met in
            while j > 0 and (
                n > top_count[j - 1] or (n == top_count[j - 1] and c < top_item[j - 1])
            ):
                j -= 1
            if j < TOP:
                for t in range(TOP - 1, j, -1):
                    top_count[t] = top_count[t - 1]
                    top_item[t] = top_item[t - 1]
                top_count[j] = n
                top_item[j] = c
        if total:  # -sum n/N log n/N = log N - sum n log n / N
            entropy = max(math.log(total) + entropy / total, 0.0)
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
        out[s, 6] = shared
        for i in range(different):
            count[touched[i]] = 0


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
