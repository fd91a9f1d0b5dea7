"""Compiled loops over texts: their sequences as sets, which are alike, and edit distances."""

from __future__ import annotations

from typing import Any

import numpy as np

from coordnet.kernels.arrays import sort_in_place
from coordnet.kernels.compiling import inlined, inner, kernel
from coordnet.kernels.shared_objects import BIT, ONE, WORD, bits_set

PARITY_WORDS = 4  # of 64 bits, that tell most sets apart without a look at them


@inlined
def _hash(data: Any, start: int, stop: int) -> Any:
    """Return the hash of the bytes start..stop-1: FNV-1a of 64 bits, mixed. It never changes."""
    value = np.uint64(0xCBF29CE484222325)
    for p in range(start, stop):
        value = (value ^ np.uint64(data[p])) * np.uint64(0x100000001B3)
    value ^= value >> np.uint64(32)
    value *= np.uint64(0xD6E8FEB86659FD93)
    value ^= value >> np.uint64(32)
    return value


@kernel
def hashes(ends: Any, data: Any) -> Any:
    """Return the hash of each whole text: uint64 (texts,).

    Parameters
    ----------
    ends : int64 (texts + 1,), where the bytes of each text begin and end
    data : uint8, UTF-8

    Cost: O(bytes).
    """
    out = np.empty(len(ends) - 1, np.uint64)
    for i in range(len(out)):
        out[i] = _hash(data, ends[i], ends[i + 1])
    return out


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
    out : uint64 (sequences,), written
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
            out[k] = _hash(data, start, stop)
            k += 1
            start += 1
            while start < end and (data[start] & 0xC0) == 0x80:
                start += 1
            stop += 1
            while stop < end and (data[stop] & 0xC0) == 0x80:
                stop += 1


@kernel
def make_sets(indptr: Any, values: Any, rows: Any, stops: Any, parities: Any) -> None:
    """Sort some rows and keep each value once, in place.

    Parameters
    ----------
    indptr : int64 (all rows + 1,)
    values : uint64 (n,); in each of `rows` what is kept moves to the front
    rows : int64
    stops : int64 (all rows,), written for `rows`: where what is kept ends
    parities : uint64 (all rows, PARITY_WORDS), written for `rows`: whether the values that belong
        to each bit are an odd number; zeros on entry
    """
    for i in rows:
        sort_in_place(values[indptr[i] : indptr[i + 1]])
        k = indptr[i]
        for p in range(indptr[i], indptr[i + 1]):
            if p == indptr[i] or values[p] != values[p - 1]:
                values[k] = values[p]
                k += 1
        stops[i] = k
        for p in range(indptr[i], k):
            bit = values[p] % np.uint64(64 * PARITY_WORDS)
            parities[i, bit >> WORD] ^= ONE << (bit & BIT)


@kernel
def band_keys(
    indptr: Any, values: Any, factors: Any, terms: Any, first: int, last: int, keys: Any
) -> None:
    """Write the MinHash bands of the texts first..last-1 (Broder 1997; Leskovec et al., ch. 3).

    A digest of a set is the least of factor * h + term, modulo 2 ** 32, over its hashes h.

    Parameters
    ----------
    indptr, values : int64 (texts + 1,), uint64: the set of each text, in any order, repeats or not
    factors, terms : uint32 (digests,), factors odd
    keys : uint64 (bands, texts), written: a number of the digests of the band in the upper 32 bits,
        the text in the lower. A band has digests / bands of them

    Cost: the hashes of the sets times the digests.
    """
    bands = keys.shape[0]
    rows = len(factors) // bands
    least = np.empty(len(factors), np.uint32)
    for i in range(first, last):
        least[:] = 0xFFFFFFFF
        for k in range(indptr[i], indptr[i + 1]):
            h = np.uint32(values[k] >> np.uint64(32))
            for p in range(len(factors)):
                least[p] = min(least[p], np.uint32(factors[p] * h + terms[p]))
        for b in range(bands):
            key = np.uint64(0)
            for p in range(b * rows, (b + 1) * rows):
                key = (key + np.uint64(least[p])) * np.uint64(0x9E3779B97F4A7C15)
                key ^= key >> np.uint64(32)
            keys[b, i] = (key << np.uint64(32)) | np.uint64(i)


@kernel
def that_may_meet(keys: Any, bits: int) -> Any:
    """Return the keys whose first bits another key has too, in their order.

    Parameters
    ----------
    keys : uint64 (n,), even in their first bits
    bits : how many are looked at, 1 to 32

    Cost: O(n + 2 ** bits); what stays is nearly all of what meets another in the upper half.
    """
    down = np.uint64(64 - bits)
    seen = np.zeros(1 << bits, np.uint8)  # 1 after one key, 2 after more
    for i in range(len(keys)):
        slot = np.int64(keys[i] >> down)
        seen[slot] = 1 if seen[slot] == 0 else 2
    kept = 0
    for i in range(len(keys)):
        kept += 1 if seen[np.int64(keys[i] >> down)] == 2 else 0
    out = np.empty(kept, np.uint64)
    kept = 0
    for i in range(len(keys)):
        if seen[np.int64(keys[i] >> down)] == 2:
            out[kept] = keys[i]
            kept += 1
    return out


@inner
def _root(parent: Any, v: int) -> int:
    """Return the root of v, halving the path on the way."""
    while parent[v] != v:
        parent[v] = parent[parent[v]]
        v = parent[v]
    return v


@inner
def _alike(a: Any, b: Any, differ: int, least: float) -> bool:
    """Tell whether |a and b| / |a or b| >= least, for ascending arrays without repeats.

    That is: the two have at least / (1 + least) (|a| + |b|) values in common.

    Parameters
    ----------
    differ : how many values, or more, are in one of the two alone
    """
    needed = least / (1.0 + least) * (len(a) + len(b)) - 1e-9
    if differ > len(a) + len(b) - 2.0 * needed:
        return False
    p, q, common = 0, 0, 0
    while common + min(len(a) - p, len(b) - q) >= needed:
        if p == len(a) or q == len(b):
            return True
        if a[p] == b[q]:
            common += 1
            p += 1
            q += 1
        elif a[p] < b[q]:
            p += 1
        else:
            q += 1
    return False


@kernel
def join_alike(
    keys: Any, indptr: Any, stops: Any, values: Any, parities: Any, least: float, parent: Any
) -> None:  # fmt: skip
    """Join texts of one bucket whose sets have a Jaccard index of `least` or more: a union-find.

    A chain is followed to its end before the next is begun: what it holds is compared with what no
    chain holds yet, so that many copies of one text cost one comparison each.

    Parameters
    ----------
    keys : uint64 (n,), ascending, from `band_keys`: a bucket is what has the same upper 32 bits.
        Changed: the texts of a bucket stand by chains then
    indptr, stops, values : int64 (texts + 1,), int64 (texts,), uint64: the set of each text,
        ascending, from indptr[text] to stops[text] - 1
    parities : uint64 (texts, PARITY_WORDS), from `make_sets`: bits in which two differ are as many
        values in one of them alone, or fewer (Sandes, Teodoro & Melo 2020, bitmap filter)
    least : the Jaccard index, above 0
    parent : int64 (texts,), in and out; the root of a set is the least of its texts

    Cost: for each bucket the texts, and the pairs of texts of different chains.
    """
    begin = 0
    while begin < len(keys):
        end = begin + 1
        while end < len(keys) and keys[end] >> np.uint64(32) == keys[begin] >> np.uint64(32):
            end += 1
        reached = begin  # the chain stands in front of it, what no chain holds behind
        for x in range(begin, end):
            reached = max(reached, x + 1)
            a = np.int64(keys[x] & np.uint64(0xFFFFFFFF))
            for y in range(reached, end):
                b = np.int64(keys[y] & np.uint64(0xFFFFFFFF))
                one, other = _root(parent, a), _root(parent, b)
                if one != other:
                    differ = np.int64(0)
                    for w in range(PARITY_WORDS):
                        differ += np.int64(bits_set(parities[a, w] ^ parities[b, w]))
                    if not _alike(
                        values[indptr[a] : stops[a]], values[indptr[b] : stops[b]], differ, least
                    ):
                        continue
                    parent[max(one, other)] = min(one, other)
                keys[y], keys[reached] = keys[reached], keys[y]
                reached += 1
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
        a, b = _root(parent, left[p]), _root(parent, right[p])
        if a != b:
            parent[max(a, b)] = min(a, b)


@kernel
def levenshtein_similarity(characters: Any, starts: Any, a: Any, b: Any) -> Any:
    """Return 1 - distance / longer length of pairs of texts: edits of one character.

    Parameters
    ----------
    characters : int32, all texts one after the other
    starts : int64 (texts + 1,), where each begins
    a, b : int64 (n,), the texts of each pair

    Returns
    -------
    float64 (n,), 1 for two empty texts

    Cost: O(product of the two lengths), without what they have in common at either end.
    """
    out = np.empty(len(a), np.float64)
    row = np.empty(64, np.int64)
    for p in range(len(a)):
        x = starts[a[p]]
        x_end = starts[a[p] + 1]
        y = starts[b[p]]
        y_end = starts[b[p] + 1]
        longest = max(x_end - x, y_end - y)
        while x < x_end and y < y_end and characters[x] == characters[y]:
            x += 1
            y += 1
        while x < x_end and y < y_end and characters[x_end - 1] == characters[y_end - 1]:
            x_end -= 1
            y_end -= 1
        m = y_end - y
        if m + 1 > len(row):
            row = np.empty(2 * (m + 1), np.int64)
        for j in range(m + 1):
            row[j] = j
        for i in range(x_end - x):
            diagonal = row[0]
            row[0] = i + 1
            for j in range(m):
                change = diagonal + (1 if characters[x + i] != characters[y + j] else 0)
                diagonal = row[j + 1]
                row[j + 1] = min(change, diagonal + 1, row[j] + 1)
        out[p] = 1.0 - row[m] / longest if longest > 0 else 1.0
    return out


@kernel
def find_roots(parent: Any) -> None:
    """Give each member its root, in place.

    Parameters
    ----------
    parent : int64 (n,), of a union-find whose roots stand before their members
    """
    for i in range(len(parent)):
        parent[i] = parent[parent[i]]
