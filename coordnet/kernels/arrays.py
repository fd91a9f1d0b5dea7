"""Compiled loops over arrays: sorting, grouping by code, taking, renumbering."""

from __future__ import annotations

from typing import Any

import numpy as np

from coordnet.kernels.compiling import inner, kernel

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
            for k in range(low, middle):
                spare[k] = values[k]
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
            for k in range(low, middle):
                spare[k] = order[k]
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


@kernel
def ascending_order(values: Any) -> Any:
    """Return the positions of values in ascending order, equals as they stand: int32 (n,).

    Parameters
    ----------
    values : float64 or int64 (n,), none below 0 and none missing

    Cost: O(n): by their bits, eleven at a time, from the last ones on.
    """
    n = len(values)
    key = values.view(np.uint64)
    order = np.empty(n, np.int32)
    spare = np.empty(n, np.int32)
    counts = np.zeros((6, 2048), np.int64)
    for i in range(n):
        order[i] = i
        for digit in range(6):
            counts[digit, (key[i] >> np.uint64(11 * digit)) & np.uint64(2047)] += 1
    for digit in range(6):
        shift = np.uint64(11 * digit)
        if n == 0 or counts[digit, (key[0] >> shift) & np.uint64(2047)] == n:
            continue  # all have the same
        begin = 0
        for d in range(2048):
            count = counts[digit, d]
            counts[digit, d] = begin
            begin += count
        for k in range(n):
            i = order[k]
            d = (key[i] >> shift) & np.uint64(2047)
            spare[counts[digit, d]] = i
            counts[digit, d] += 1
        order, spare = spare, order
    return order


@inner
def first_from(values: Any, begin: int, end: int, least: int) -> int:
    """Return the first place from `begin` on with a value of `least` or more, or `end`.

    Of ascending values. Cost: O(log of how far it is).
    """
    step = 1
    while begin + step < end and values[begin + step] < least:
        step *= 2
    high = min(begin + step, end)
    while begin < high:
        middle = (begin + high) >> 1
        if values[middle] < least:
            begin = middle + 1
        else:
            high = middle
    return begin


@inner
def rank(sorted_values: Any, value: int) -> int:
    """Return how many of the sorted values are below `value`."""
    low = 0
    high = len(sorted_values)
    while low < high:
        middle = (low + high) >> 1
        if sorted_values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


# -- room ------------------------------------------------------------------------------------


@inner
def widened(values: Any, room: int) -> Any:
    """Return a copy of values, (n,), with room for `room` >= n of them.

    A loop, as all copying in kernels: with an assignment to a slice numba compiles what is to be
    said where the shapes do not agree, which takes seconds.
    """
    wider = np.empty(room, values.dtype)
    for i in range(len(values)):
        wider[i] = values[i]
    return wider


@inner
def widened_rows(values: Any, room: int) -> Any:
    """Return a copy of values, (n, columns), with room for `room` >= n rows."""
    wider = np.empty((room, values.shape[1]), values.dtype)
    for i in range(len(values)):
        for c in range(values.shape[1]):
            wider[i, c] = values[i, c]
    return wider


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
def count_codes(code: Any, counts: Any) -> None:
    """Add to counts, (codes,), how often each code occurs."""
    for p in range(len(code)):
        counts[code[p]] += 1


@kernel
def place_codes(code: Any, begin: int, first: int, following: Any, positions: Any) -> None:
    """Write the positions of some of the codes, as :func:`group_by_code` does, piece by piece.

    Parameters
    ----------
    code : int32 (n,), the codes of a piece
    begin : the position of the first of them
    first : the codes first .. first + len(following) - 1 are written
    following : int64 (codes,), where the next position of each is written; moved on
    positions : int32, written
    """
    for p in range(len(code)):
        c = code[p] - first
        if 0 <= c < len(following):
            positions[following[c]] = begin + p
            following[c] += 1


@kernel
def add_by_code(code: Any, values: Any, sums: Any) -> None:
    """Add to sums, (codes,), the value of each code, one after the other.

    Piece by piece the same bytes as all at once.
    """
    for p in range(len(code)):
        sums[code[p]] += values[p]


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


@kernel
def put(values: Any, order: Any) -> Any:
    """Return the array whose element order[i] is values[i], without holding the GIL."""
    out = np.empty_like(values)
    for i in range(len(order)):
        out[order[i]] = values[i]
    return out
