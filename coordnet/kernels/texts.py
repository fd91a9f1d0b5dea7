"""Compiled loops over texts: their sequences of characters as sets, and which of them are alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from coordnet.kernels.arrays import sort_in_place
from coordnet.kernels.compiling import kernel


@kernel
def count_sequences(ends: Any, data: Any, n: int, out: Any) -> None:
    """Count the sequences of `n` characters of each text: at least one, the text itself.

    Parameters
    ----------
    ends : int64 (texts + 1,), where the bytes of each text begin and end
    data : uint8, UTF-8
    n : characters of a sequence
    out : int64 (texts,), written
    """
    for i in range(len(ends) - 1):
        characters = 0
        for p in range(ends[i], ends[i + 1]):
            characters += (data[p] & 0xC0) != 0x80
        out[i] = max(characters - n + 1, 1)


@kernel
def sequences(ends: Any, data: Any, n: int, indptr: Any, first: int, last: int, out: Any) -> None:
    """Hash each sequence of `n` characters of the texts first..last-1 (FNV-1a, 64 bits, mixed).

    Parameters
    ----------
    ends, data, n : as in `count_sequences`
    indptr : int64 (texts + 1,), where the sequences of each text stand
    first, last : the texts
    out : uint64 (sequences,), written, ascending inside of a text
    """
    for i in range(first, last):
        begin, end = ends[i], ends[i + 1]
        stop = begin  # where the sequence that begins at `start` ends
        held = 0
        while stop < end and held < n:
            stop += 1
            while stop < end and (data[stop] & 0xC0) == 0x80:
                stop += 1
            held += 1
        start = begin
        k = indptr[i]
        while k < indptr[i + 1]:
            value = np.uint64(0xCBF29CE484222325)
            for p in range(start, stop):
                value = (value ^ np.uint64(data[p])) * np.uint64(0x100000001B3)
            value ^= value >> np.uint64(32)
            value *= np.uint64(0xD6E8FEB86659FD93)
            value ^= value >> np.uint64(32)
            out[k] = value
            k += 1
            start += 1
            while start < end and (data[start] & 0xC0) == 0x80:
                start += 1
            stop += 1
            while stop < end and (data[stop] & 0xC0) == 0x80:
                stop += 1
        sort_in_place(out[indptr[i] : indptr[i + 1]])


@kernel
def sort_rows(indptr: Any, values: Any) -> None:
    """Sort each row, in place.

    Parameters
    ----------
    indptr : int64 (rows + 1,)
    values : uint64 (n,)
    """
    for i in range(len(indptr) - 1):
        sort_in_place(values[indptr[i] : indptr[i + 1]])


@kernel
def distinct(indptr: Any, values: Any, out: Any) -> int:
    """Keep each value of a sorted row once, in place.

    Parameters
    ----------
    indptr : int64 (rows + 1,)
    values : uint64 (n,), ascending in each row; what is kept moves to the front
    out : int64 (rows + 1,), written: where the rows stand then

    Returns the number of values kept.
    """
    k = 0
    for i in range(len(indptr) - 1):
        out[i] = k
        for p in range(indptr[i], indptr[i + 1]):
            if p == indptr[i] or values[p] != values[p - 1]:
                values[k] = values[p]
                k += 1
    out[len(indptr) - 1] = k
    return k


@kernel
def join_alike(key: Any, text: Any, indptr: Any, values: Any, least: float, parent: Any) -> None:
    """Join texts of one bucket whose sets have a Jaccard index of `least` or more: a union-find.

    Parameters
    ----------
    key : uint64 (n,), ascending: the bucket of each entry
    text : int64 (n,), the text of each entry, by size of its set inside of a bucket
    indptr, values : int64 (texts + 1,), uint64: the set of each text, ascending
    least : the Jaccard index, above 0
    parent : int64 (texts,), in and out; the root of a set is the least of its texts

    Cost: a comparison for each pair of a bucket that is not joined yet and of like size.
    """
    n = len(key)
    begin = 0
    while begin < n:
        end = begin + 1
        while end < n and key[end] == key[begin]:
            end += 1
        for x in range(begin, end):
            a = text[x]
            size_a = indptr[a + 1] - indptr[a]
            for y in range(x + 1, end):
                b = text[y]
                size_b = indptr[b + 1] - indptr[b]
                if size_a < least * size_b:
                    break
                root_a = a
                while parent[root_a] != root_a:
                    parent[root_a] = parent[parent[root_a]]
                    root_a = parent[root_a]
                root_b = b
                while parent[root_b] != root_b:
                    parent[root_b] = parent[parent[root_b]]
                    root_b = parent[root_b]
                if root_a == root_b:
                    continue
                # common / (size_a + size_b - common) >= least
                needed = least / (1.0 + least) * (size_a + size_b) - 1e-9
                p, q, common = indptr[a], indptr[b], 0
                last_a, last_b = indptr[a + 1], indptr[b + 1]
                while p < last_a and q < last_b:
                    if common + min(last_a - p, last_b - q) < needed:
                        break
                    if values[p] == values[q]:
                        common += 1
                        p += 1
                        q += 1
                    elif values[p] < values[q]:
                        p += 1
                    else:
                        q += 1
                if common >= needed:
                    parent[max(root_a, root_b)] = min(root_a, root_b)
        begin = end


@kernel
def join_pairs(left: Any, right: Any, parent: Any) -> None:
    """Join the ends of each pair: a union-find.

    Parameters
    ----------
    left, right : int64 (pairs,)
    parent : int64 (n,), in and out; the root of a set is the least of its members
    """
    for p in range(len(left)):
        a, b = left[p], right[p]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a != b:
            parent[max(a, b)] = min(a, b)


@kernel
def edit_similarity(ends: Any, signs: Any, left: Any, right: Any, out: Any) -> None:
    """Compute 1 - Levenshtein distance / length of the longer text for pairs of texts.

    Parameters
    ----------
    ends : int64 (texts + 1,), where the signs of each text begin and end
    signs : int32, code points
    left, right : int64 (pairs,), which texts
    out : float64 (pairs,), written; 0 where a text is empty

    Cost: the product of the two lengths, for each pair.
    """
    for p in range(len(left)):
        a, b = left[p], right[p]
        n, m = ends[a + 1] - ends[a], ends[b + 1] - ends[b]
        if n == 0 or m == 0:
            out[p] = 0.0
            continue
        row = np.arange(m + 1)
        for i in range(n):
            corner = row[0]
            row[0] = i + 1
            for j in range(m):
                changed = corner + (signs[ends[a] + i] != signs[ends[b] + j])
                corner = row[j + 1]
                row[j + 1] = min(changed, corner + 1, row[j] + 1)
        out[p] = 1.0 - row[m] / max(n, m)


@kernel
def find_roots(parent: Any) -> None:
    """Give each member its root, in place.

    Parameters
    ----------
    parent : int64 (n,), of a union-find whose roots stand before their members
    """
    for i in range(len(parent)):
        parent[i] = parent[parent[i]]
