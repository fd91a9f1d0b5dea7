"""Compiled loops of the chances in which every pair of accounts weighs alike."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from coordnet.kernels.arrays import stable_order, take
from coordnet.kernels.compiling import inlined, inner, kernel
from coordnet.kernels.shared_objects import BIT, ONE, WORD

SAMPLES = (6_000, 60_000)  # co-occurrences of a class that are looked at, and looked at closely
WORTH = 0.8  # looked at closely where the chance may be lower than the pooled one by this factor


class Slots(NamedTuple):
    """Who acts on what: a slot is one account on one object, by class, object and account.

    Objects are numbered in the order of slots.
    """

    starts: Any  # int64 (objects + 1,), where the slots of each object begin
    account: Any  # int32 (slots,)
    run: Any  # int32 (slots,), which of the runs of :func:`shared_objects.account_runs` it is
    own_starts: Any  # int64 (accounts + 1,)
    own: Any  # int32 (slots,), the objects of each account, ascending
    first_action: Any  # int32 (runs + 1,), where the times of each run begin in `time`
    time: Any  # int64 (n,), ascending inside a run


@kernel
def who_shares(starts: Any, objects: Any, met: Any, first: int, last: int, shares: Any) -> None:
    """Mark the accounts first..last-1 that act on an object on which others act too.

    Parameters
    ----------
    starts, objects : from :func:`shared_objects.account_runs`
    met : bool (objects,), whether several accounts act on it
    first, last : accounts to do
    shares : bool (accounts,), written
    """
    for u in range(first, last):
        shares[u] = False
        for r in range(starts[u], starts[u + 1]):
            if met[objects[r]]:
                shares[u] = True
                break


@kernel
def list_slots(
    starts: Any,
    objects: Any,
    rank: Any,
    inside: Any,
    slot_starts: Any,
    own_starts: Any,
    account: Any,
    run: Any,
    own: Any,
) -> None:
    """List who acts on each object and on what each account acts, as :class:`Slots` has it.

    Parameters
    ----------
    starts, objects : from :func:`shared_objects.account_runs`
    rank : int32 (objects,), the number that each object has among the slots
    inside : bool (accounts,), whose slots are listed
    slot_starts, own_starts, account, run, own : written; as in :class:`Slots`, both starts zeros
        on entry

    Cost: linear.
    """
    for u in range(len(starts) - 1):
        own_starts[u + 1] = own_starts[u]
        if inside[u]:
            own_starts[u + 1] += starts[u + 1] - starts[u]
            for r in range(starts[u], starts[u + 1]):
                slot_starts[rank[objects[r]] + 1] += 1
    for x in range(len(rank)):
        slot_starts[x + 1] += slot_starts[x]
    following = slot_starts[:-1].copy()
    for u in range(len(starts) - 1):
        if inside[u]:
            for r in range(starts[u], starts[u + 1]):
                x = rank[objects[r]]
                account[following[x]] = u
                run[following[x]] = r
                following[x] += 1
    following = own_starts[:-1].copy()
    for x in range(len(rank)):
        for s in range(slot_starts[x], slot_starts[x + 1]):
            own[following[account[s]]] = x
            following[account[s]] += 1


@inlined
def first_at_least(values: Any, low: int, high: int, least: int) -> int:
    """Return where the first of the ascending values[low:high] that is >= least stands."""
    while low < high:
        middle = (low + high) >> 1
        if values[middle] < least:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def uniform(a: int, b: int) -> float:
    """Return a number in [0, 1) that depends on a and b (below 2^31) alone: splitmix64."""
    z = ((np.uint64(a) << np.uint64(32)) + np.uint64(b)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.float64((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


@inner
def count_shared(own: Any, own_starts: Any, one: Any, two: Any, first: int, last: int) -> Any:
    """Return how many of the objects first..last-1 both accounts of each pair act on: int32.

    Parameters
    ----------
    own, own_starts : of :class:`Slots`
    one, two : int32 (pairs,), the accounts

    Cost: O(k) for a pair that have k objects and more, once the objects of the one who has more
    are marked, which is done once for each account; and the order of these.
    """
    begin = np.empty(len(one), np.int64)  # of the objects of the one who has fewer
    end = np.empty(len(one), np.int64)
    heavier = np.empty(len(one), np.int32)
    for i in range(len(one)):
        u = one[i]
        v = two[i]
        a = first_at_least(own, own_starts[u], own_starts[u + 1], first)
        a_end = first_at_least(own, a, own_starts[u + 1], last)
        b = first_at_least(own, own_starts[v], own_starts[v + 1], first)
        b_end = first_at_least(own, b, own_starts[v + 1], last)
        more = a_end - a > b_end - b
        heavier[i] = u if more else v
        begin[i] = b if more else a
        end[i] = b_end if more else a_end
    shared = np.empty(len(one), np.int32)
    marked = np.zeros((last - first) // 64 + 1, np.uint64)
    h = -1
    h_begin = np.int64(0)
    h_end = np.int64(0)
    for i in stable_order(heavier):
        if heavier[i] != h:
            for k in range(h_begin, h_end):
                marked[np.uint64(own[k] - first) >> WORD] = 0
            h = heavier[i]
            h_begin = first_at_least(own, own_starts[h], own_starts[h + 1], first)
            h_end = first_at_least(own, h_begin, own_starts[h + 1], last)
            for k in range(h_begin, h_end):
                o = np.uint64(own[k] - first)
                marked[o >> WORD] |= ONE << (o & BIT)
        count = np.uint64(0)
        for k in range(begin[i], end[i]):
            o = np.uint64(own[k] - first)
            count += marked[o >> WORD] >> (o & BIT) & ONE
        shared[i] = count
    return shared


@inlined
def share_together(first_action: Any, time: Any, one: int, two: int, window: int) -> float:
    """Return the share of the pairs of actions of two runs that are within the window."""
    met = 0
    low = first_action[two]
    high = low
    end = first_action[two + 1]
    for k in range(first_action[one], first_action[one + 1]):
        while low < end and time[k] - time[low] > window:
            low += 1
        high = max(high, low)
        while high < end and time[high] - time[k] <= window:
            high += 1
        met += high - low
    repeats = first_action[one + 1] - first_action[one]
    return met / (np.float64(repeats) * (end - first_action[two]))


@kernel
def sample_sums(
    slots: Any, first: int, last: int, before: Any, window: int, size: int, seed: int, share: Any
) -> Any:  # fmt: skip
    """Add up what a sample of `size` of the co-occurrences on the objects first..last-1 shows.

    See :func:`class_sums`.
    """
    sums = np.zeros(6)
    sums[0] = size
    total = before[last] - before[first]
    starts = slots.starts  # not taken inside loops, where each time a reference would be counted
    account = slots.account
    run = slots.run
    first_action = slots.first_action
    time = slots.time
    one = np.empty(size, np.int64)  # slots
    two = np.empty(size, np.int64)
    o = first
    for i in range(size):
        x = np.int64(i)  # the number of a co-occurrence: one of each of `size` equal stretches
        if total > size:
            x = min(np.int64((i + uniform(seed, i)) * (np.float64(total) / size)), total - 1)
        x += before[first]
        while before[o + 1] <= x:
            o += 1
        x -= before[o]
        b = np.int64((1.0 + math.sqrt(1.0 + 8.0 * x)) / 2.0)  # x = b (b - 1) / 2 + a, a < b
        while b * (b - 1) // 2 > x:  # where the root was rounded
            b -= 1
        while b * (b + 1) // 2 <= x:
            b += 1
        one[i] = starts[o] + x - b * (b - 1) // 2
        two[i] = starts[o] + b
    sources = take(account, one)
    targets = take(account, two)
    shared = count_shared(slots.own, slots.own_starts, sources, targets, first, last)
    for i in range(size):
        u = sources[i]
        v = targets[i]
        weight = 1.0 / shared[i]
        part = share_together(first_action, time, run[one[i]], run[two[i]], window) * weight
        sums[1] += part
        sums[2] += weight
        sums[3] += part * part
        sums[4] += weight * weight
        share[u] += weight
        share[v] += weight
    squares = 0.0
    for j in range(starts[first], starts[last]):
        squares += share[account[j]] ** 2
        share[account[j]] = 0.0
    if squares > 0.0:
        sums[5] = 4.0 * sums[2] * sums[2] / squares
    return sums


@kernel
def class_sums(
    slots: Any, first: int, last: int, before: Any, window: int, pooled: float, seed: int,
    share: Any,
) -> Any:  # fmt: skip
    """Add up what a sample of the co-occurrences of one class shows.

    Parameters
    ----------
    slots : Slots
    first, last : the objects first..last-1 are those of the class
    before : int64 (objects + 1,), co-occurrences on all objects before each one
    window : the bound, inclusive
    pooled : the chance of the class pooled over its objects; a larger sample is drawn only where
        the small one says that pairs weighing alike may have one lower by the factor WORTH
    seed : number of the class
    share : float64 (accounts,), scratch, zeros on entry and on return

    Returns
    -------
    sums : float64 (6,): how many were looked at; the sums over them of s / K, 1 / K, (s / K)^2 and
        1 / K^2; and 1 / sum of the squared shares that accounts have in the sum of 1 / K, the
        effective number of different accounts. Zeros where there are no co-occurrences.

    Cost: O(size of the sample), times k for accounts that have k objects of the class; and the
    slots of the class.
    """
    sums = np.zeros(6)
    for close in range(2):
        size = min(before[last] - before[first], SAMPLES[close])
        if sums[0] < size and sums[1] <= WORTH * pooled * sums[2]:
            sums = sample_sums(slots, first, last, before, window, size, seed, share)
    return sums
