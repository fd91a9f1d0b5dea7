"""Compiled loops that find the objects two accounts share: lists, marks, the order of pairs.

The objects of the heavier account of a pair are marked densely, and the list of the lighter one
alone is walked: never a merge of two long lists. Pairs stand in an order in which an account is
marked once for many of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from coordnet.kernels.compiling import inlined, kernel

# of numbers without a sign numba need not ask whether an index counts from the end
ONE, WORD, BIT = np.uint64(1), np.uint64(6), np.uint64(63)


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


# -- marks -------------------------------------------------------------------------------------


@inlined
def mark(objects: Any, begin: int, end: int, marked: Any, run_before: Any) -> None:
    """Mark the objects of the runs begin..end-1.

    Parameters
    ----------
    objects : int32 (runs,), ascending from `begin` to `end`
    marked : uint64 (objects // 64 + 1,), a bit for each object, zeros on entry: small enough to
        stay in the cache
    run_before : int32 (objects // 64 + 1,), written: the run of the first one marked in each word
    """
    for r in range(np.uint64(begin), np.uint64(end)):
        o = np.uint64(objects[r])
        if marked[o >> WORD] == 0:
            run_before[o >> WORD] = r
        marked[o >> WORD] |= ONE << (o & BIT)


@inlined
def unmark(objects: Any, begin: int, end: int, marked: Any) -> None:
    """Take the marks of :func:`mark` away."""
    for r in range(np.uint64(begin), np.uint64(end)):
        marked[np.uint64(objects[r]) >> WORD] = np.uint64(0)


@inlined
def shared_runs(objects: Any, begin: int, end: int, marked: Any, found: Any) -> Any:
    """Write which of the runs begin..end-1 are of marked objects, and return how many: uint64.

    Parameters
    ----------
    found : uint32 (>= end - begin + 1,), written
    """
    shared = np.uint64(0)
    for r in range(np.uint64(begin), np.uint64(end)):  # no branch: nobody can guess it
        o = np.uint64(objects[r])
        found[shared] = r
        shared += marked[o >> WORD] >> (o & BIT) & ONE
    return shared


@inlined
def bits_set(x: Any) -> Any:
    """Return how many bits of a 64-bit word are set: uint64."""
    x -= (x >> ONE) & np.uint64(0x5555555555555555)
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


@inlined
def marked_run(o: Any, marked: Any, run_before: Any) -> Any:
    """Return the run of the marked object o, uint64 both."""
    before = marked[o >> WORD] & ((ONE << (o & BIT)) - ONE)
    return np.uint64(run_before[o >> WORD]) + bits_set(before)


# -- the order of pairs ------------------------------------------------------------------------


@inlined
def _by_length(source: Any, target: Any, length: Any, e: int) -> Any:
    """Return the heavier and the lighter account of pair e, uint64 both."""
    u = np.uint64(source[e])
    v = np.uint64(target[e])
    if length[u] < length[v]:
        return v, u
    return u, v


@kernel
def order_pairs(
    source: Any,
    target: Any,
    length: Any,
    block: Any,
    blocks: int,
    chunks: int,
    by_heavier: Any,
    heavier: Any,
    lighter: Any,
    place: Any,
) -> Any:
    """Put pairs in order: by block of the lighter account, in it by heavier account.

    Parameters
    ----------
    source, target : int32 (pairs,)
    length : int32 (accounts,), how many objects each account has
    block : int32 (accounts,), the block of each account, below `blocks`
    chunks : into how many stretches of about equal work the pairs are cut, at most
    by_heavier : int64 (pairs,), scratch: the lighter account of each pair, and where it stood
    heavier, lighter : int32 (pairs,), written: the accounts of each pair in the new order
    place : int32 (pairs,), written: where it stood

    Returns
    -------
    borders : int64, where each stretch begins, and the number of pairs
    work : int64, of each stretch

    Cost: linear.
    """
    n = len(source)
    starts = np.zeros(len(length) + 1, np.int64)
    block_starts = np.zeros(blocks + 1, np.int64)
    total = 0
    for e in range(n):
        h, v = _by_length(source, target, length, e)
        starts[h + ONE] += 1
        block_starts[np.uint64(block[v]) + ONE] += 1
        total += length[v] + 10
    for u in range(len(length)):
        starts[u + 1] += starts[u]
    for b in range(blocks):
        block_starts[b + 1] += block_starts[b]
    for e in range(n):
        h, v = _by_length(source, target, length, e)
        by_heavier[np.uint64(starts[h])] = (np.int64(v) << 32) | e
        starts[h] += 1
    i = 0
    for u in range(len(length)):
        while i < starts[u]:
            v = np.uint64(by_heavier[i] >> 32)
            b = np.uint64(block[v])
            j = np.uint64(block_starts[b])
            block_starts[b] += 1
            heavier[j] = u
            lighter[j] = v
            place[j] = by_heavier[i] & 0xFFFFFFFF
            i += 1
    borders = np.zeros(chunks + 1, np.int64)
    work = np.zeros(chunks, np.int64)
    done = 0
    c = 0
    for j in range(n):
        if chunks * (done + work[c]) >= (c + 1) * total and c + 1 < chunks:
            done += work[c]
            c += 1
            borders[c] = j
        work[c] += length[lighter[j]] + 10
    borders[c + 1] = n
    return borders[: c + 2], work[: c + 1]
