"""Compiled loops over texts: their character sequences, which texts may be alike, which are."""

from __future__ import annotations

from typing import Any

import numpy as np

from coordnet.kernels.arrays import sort_in_place, stable_order
from coordnet.kernels.compiling import inlined, kernel


@inlined
def _is_space(byte: int) -> bool:
    """Tell whether a byte is white space."""
    return byte == 32 or (9 <= byte <= 13 and byte != 11)


@inlined
def _is_word(byte: int) -> bool:
    """Tell whether a byte is an ASCII letter or digit, or an underscore."""
    return 97 <= byte <= 122 or 48 <= byte <= 57 or byte == 95 or 65 <= byte <= 90


@kernel
def _link_at(data: Any, i: int, end: int) -> bool:
    """Tell whether a link, https?://, begins at i, with something after it."""
    if end - i < 8 or data[i] != 104 or data[i + 1] != 116 or data[i + 2] != 116:
        return False
    if data[i + 3] != 112:
        return False
    i += 5 if data[i + 4] == 115 else 4
    return (
        end - i > 3 and data[i] == 58 and data[i + 1] == 47 and data[i + 2] == 47
        and not _is_space(data[i + 3])
    )  # fmt: skip


@kernel
def _after_retweet(data: Any, i: int, end: int) -> int:
    """Return where a text goes on after a leading "rt @name:", i itself where it has none."""
    k = i
    while k < end and _is_space(data[k]):
        k += 1
    if end - k < 5 or data[k] != 114 or data[k + 1] != 116 or not _is_space(data[k + 2]):
        return i
    k += 3
    while k < end and _is_space(data[k]):
        k += 1
    if end - k < 2 or data[k] != 64 or not _is_word(data[k + 1]):
        return i
    k += 1
    while k < end and _is_word(data[k]):
        k += 1
    return k + 1 if k < end and data[k] == 58 else k


@kernel
def without_names(data: Any, starts: Any, first: int, last: int, out: Any, sizes: Any) -> None:
    """Write texts with a space for a leading "rt @name:", links, mentions and white space.

    A run of any of these is one space.

    Parameters
    ----------
    data : uint8, UTF-8 in lower case; starts : int64 (texts + 1,)
    first, last : texts to do
    out : uint8, as long as data, written: each text from where it begins in `data`
    sizes : int64 (texts,), written: bytes of each

    Cost: the bytes of the texts.
    """
    for t in range(first, last):
        end = starts[t + 1]
        begin = starts[t]
        to = begin
        i = _after_retweet(data, begin, end)
        blank = i > begin  # whether a space is due
        while i < end:
            byte = data[i]
            k = i
            if _is_space(byte):
                k += 1
            elif byte == 104 and _link_at(data, i, end):
                k += 8
                while k < end and not _is_space(data[k]):
                    k += 1
            elif byte == 64:
                k += 1
                while k < end and _is_word(data[k]) and not _link_at(data, k, end):
                    k += 1
                k = i if k == i + 1 else k
            if k > i:
                blank = True
                i = k
                continue
            if blank:
                out[to] = 32
                to += 1
                blank = False
            out[to] = byte
            to += 1
            i += 1
        if blank:
            out[to] = 32
            to += 1
        sizes[t] = to - begin


@kernel
def pack(data: Any, starts: Any, ends: Any, out: Any) -> None:
    """Write texts without the gaps between them.

    Parameters
    ----------
    data : uint8; starts : int64 (texts + 1,), where each text begins in `data`
    ends : int64 (texts + 1,), where each shall begin in `out`, and the end
    out : uint8, written
    """
    for t in range(len(ends) - 1):
        for k in range(ends[t + 1] - ends[t]):
            out[ends[t] + k] = data[starts[t] + k]


@kernel
def sequences(data: Any, begin: int, end: int, length: int, out: Any) -> int:
    """Hash every sequence of so many characters of a text, or the whole of a shorter text.

    Parameters
    ----------
    data : uint8, UTF-8; the text is data[begin:end]
    length : characters of a sequence
    out : uint32 with room for end - begin + 1, written

    Returns
    -------
    n : number of sequences, of equal ones each
    """
    last = begin  # the end of the sequence
    for _ in range(length):
        if last < end:
            last += 1
            while last < end and data[last] & 0xC0 == 0x80:  # within a character
                last += 1
    first = begin
    n = 0
    while True:
        h = np.uint64(last - first)
        for k in range(first, last):
            h = (h + np.uint64(data[k])) * np.uint64(0x9E3779B97F4A7C15)
        h ^= h >> np.uint64(29)
        h *= np.uint64(0xBF58476D1CE4E5B9)
        out[n] = h >> np.uint64(32)
        n += 1
        if last >= end:
            return n
        first += 1
        while data[first] & 0xC0 == 0x80:
            first += 1
        last += 1
        while last < end and data[last] & 0xC0 == 0x80:
            last += 1


@kernel
def band_keys(
    data: Any, starts: Any, length: int, factors: Any, terms: Any, first: int, last: int, keys: Any
) -> None:  # fmt: skip
    """Write the MinHash bands of the texts first..last-1 (Broder 1997; Leskovec et al., ch. 3).

    A hash of a text is the least of factor * h + term, modulo 2 ** 32, over its sequences h.

    Parameters
    ----------
    data : uint8; starts : int64 (texts + 1,); text i is data[starts[i]:starts[i + 1]]
    length : characters of a sequence
    factors, terms : uint32 (hashes,), factors odd
    keys : uint64 (bands, texts), written: a number of the hashes of the band, 32 bits, and the
        text. A band has hashes / bands of them

    Cost: the characters of the texts times the hashes.
    """
    bands = keys.shape[0]
    rows = len(factors) // bands
    least = np.empty(len(factors), np.uint32)
    found = np.empty(1, np.uint32)
    for i in range(first, last):
        size = starts[i + 1] - starts[i] + 1
        if size > len(found):
            found = np.empty(2 * size, np.uint32)
        n = sequences(data, starts[i], starts[i + 1], length, found)
        least[:] = 0xFFFFFFFF
        for k in range(n):
            h = found[k]
            for p in range(len(factors)):
                least[p] = min(least[p], np.uint32(factors[p] * h + terms[p]))
        for b in range(bands):
            key = np.uint64(b)
            for p in range(b * rows, (b + 1) * rows):
                key = (key + np.uint64(least[p])) * np.uint64(0x9E3779B97F4A7C15)
                key ^= key >> np.uint64(32)
            keys[b, i] = (key << np.uint64(32)) | np.uint64(i)


@kernel
def mark_company(keys: Any, marks: Any) -> None:
    """Mark the texts that share a band with another: keys ascending, marks bool (texts,)."""
    for k in range(1, len(keys)):
        if keys[k] >> np.uint64(32) == keys[k - 1] >> np.uint64(32):
            marks[keys[k] & np.uint64(0xFFFFFFFF)] = True
            marks[keys[k - 1] & np.uint64(0xFFFFFFFF)] = True


@kernel
def different_sequences(
    data: Any, starts: Any, length: int, texts: Any, first: int, last: int, places: Any, out: Any,
    sizes: Any,
) -> None:  # fmt: skip
    """Write the different sequences of texts[first..last-1], ascending.

    Parameters
    ----------
    data, starts, length : as in :func:`band_keys`
    texts : int64, which texts
    places : int64 (texts,), where each is written in `out`, with room for its bytes + 1
    out : uint32, written; sizes : int32 (texts,), written: how many there are
    """
    for i in range(first, last):
        t = texts[i]
        own = out[places[i] : places[i] + starts[t + 1] - starts[t] + 1]
        n = sequences(data, starts[t], starts[t + 1], length, own)
        sort_in_place(own[:n])
        size = 1
        for k in range(1, n):
            if own[k] != own[size - 1]:
                own[size] = own[k]
                size += 1
        sizes[i] = size


@kernel
def _root(parent: Any, v: int) -> int:
    """Return the root of v, halving the path on the way."""
    while parent[v] != v:
        parent[v] = parent[parent[v]]
        v = parent[v]
    return v


@kernel
def are_alike(a: Any, b: Any, share: float) -> bool:
    """Tell whether |a and b| / |a or b| >= share, for ascending arrays without repeats.

    With n = |a| + |b| and d values that are in one of them only that is d (1 + share) <= n (1 -
    share), which ends as soon as d is too large.
    """
    n = len(a) + len(b)
    most = int(n * (1.0 - share) / (1.0 + share) + 1e-9)
    apart = 0
    i = 0
    j = 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            i += 1
            j += 1
        else:
            apart += 1
            if apart > most:
                return False
            if a[i] < b[j]:
                i += 1
            else:
                j += 1
    return apart + len(a) - i + len(b) - j <= most


@kernel
def join_alike(
    keys: Any, place_of: Any, places: Any, sizes: Any, values: Any, share: float, parent: Any
) -> None:  # fmt: skip
    """Join the texts that share a band and have `share` of their sequences in common.

    Two texts that are joined already, through others, are not compared.

    Parameters
    ----------
    keys : uint64, ascending, from :func:`band_keys`
    place_of : int64 (all texts,), where a text stands in `places` and `sizes`
    places, sizes, values : from :func:`different_sequences`
    share : of the sequences of both texts
    parent : int64 (all texts,), a union-find, in and out; a root is the least of its texts

    Cost: for each band the pairs of texts that no chain joins.
    """
    begin = 0
    while begin < len(keys):
        end = begin + 1
        while end < len(keys) and keys[end] >> np.uint64(32) == keys[begin] >> np.uint64(32):
            end += 1
        if end - begin > 1:
            root = np.empty(end - begin, np.int64)
            for k in range(begin, end):
                root[k - begin] = _root(parent, np.int64(keys[k] & np.uint64(0xFFFFFFFF)))
            order = stable_order(root)
            g = 0
            while g < len(order):  # what is joined already, as one, against each other such
                g_end = g + 1
                while g_end < len(order) and root[order[g_end]] == root[order[g]]:
                    g_end += 1
                h = g_end
                while h < len(order):
                    h_end = h + 1
                    while h_end < len(order) and root[order[h_end]] == root[order[h]]:
                        h_end += 1
                    a = _root(parent, root[order[g]])
                    b = _root(parent, root[order[h]])
                    i = g
                    while a != b and i < g_end:
                        p = place_of[np.int64(keys[begin + order[i]] & np.uint64(0xFFFFFFFF))]
                        one = values[places[p] : places[p] + sizes[p]]
                        for j in range(h, h_end):
                            q = place_of[np.int64(keys[begin + order[j]] & np.uint64(0xFFFFFFFF))]
                            other = values[places[q] : places[q] + sizes[q]]
                            if are_alike(one, other, share):
                                parent[max(a, b)] = min(a, b)
                                a = b
                                break
                        i += 1
                    h = h_end
                g = g_end
        begin = end
