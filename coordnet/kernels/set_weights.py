"""Compiled loops of the weights of sets: who shares objects with whom, whenever they act."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from coordnet.kernels.arrays import first_from, sort_in_place
from coordnet.kernels.compiling import inlined, inner, kernel

BY_INTEREST = 0.9  # how often the next account is drawn by common interests
ONE_BY_ONE = 8  # members up to which what two have in common is counted pair by pair
MOST_EXACT = 12  # accounts up to which all orders are added up


class Interests(NamedTuple):
    """What accounts act on, each object once, and how much they share with all others."""

    starts: Any  # int64 (accounts + 1,)
    objects: Any  # int32 (runs,), ascending inside an account
    object_starts: Any  # int64 (objects + 1,)
    accounts: Any  # int32 (runs,), those that act on each object
    met: Any  # int64 (accounts,), the accounts on all objects of each, as often as they act there
    shared: Any  # float64 (accounts,), sum over all others x of K_ux (K_ux - 1) / 2; -1: not known
    least: Any  # float64 (accounts,), no more than that; always known
    n: int  # accounts that act


@kernel
def know_shared(interests: Any, members: Any, size: int, count: Any) -> None:
    """Write, where it is not known, how much each member shares with all other accounts.

    Threads that write the same number at once do no harm.

    Parameters
    ----------
    interests : Interests
    members : int32, the first `size` of them
    count : int32 (accounts,), scratch, zeros on entry and on return

    Cost: the accounts on all objects of a member, twice.
    """
    for i in range(size):
        shared_at_least(interests, np.int64(members[i]), np.inf, count)


@kernel
def shared_at_least(interests: Any, u: int, enough: float, count: Any) -> float:
    """Return how much u shares with all others; or `enough` or more, where it is that much.

    Objects are counted until there is enough; where all of them are, it is written for good.

    Parameters
    ----------
    interests, count : as in :func:`know_shared`
    u : the account
    enough : of interest is only whether it is less
    """
    # by names of their own: taken from a tuple in a loop, they would be counted in each turn
    starts, objects, shared = interests.starts, interests.objects, interests.shared
    object_starts, accounts = interests.object_starts, interests.accounts
    if shared[u] >= 0.0:
        return shared[u]
    total = 0
    steps = 0
    begin = starts[u]
    end = begin
    found = 0.0
    while end < starts[u + 1] and found < enough:
        o = objects[end]
        for j in range(object_starts[o], object_starts[o + 1]):
            x = accounts[j]
            total += count[x]  # the K-th object makes K - 1 pairs more
            count[x] += 1
        steps += object_starts[o + 1] - object_starts[o]
        end += 1
        own = end - begin  # what u shares with itself
        found = float(total - own * (own - 1) // 2)
    if steps > len(count) // 8:
        count[:] = 0
    else:
        for k in range(begin, end):
            o = objects[k]
            for j in range(object_starts[o], object_starts[o + 1]):
                count[accounts[j]] = 0
    if end == starts[u + 1]:
        shared[u] = found
    return found


@kernel
def least_shared(
    starts: Any, object_starts: Any, accounts: Any, met: Any, n: int, popular: Any, most: int
) -> Any:  # fmt: skip
    """Return lower bounds of how much accounts share with all others, at once for all of them.

    M meetings with n - 1 others make M (M / (n - 1) - 1) / 2 pairs of objects at least (Jensen's
    inequality). And what one shares is the sum, over each two of one's objects, of the others on
    both: those of popular objects are looked up, for all accounts, in one table.

    Parameters
    ----------
    starts, object_starts, accounts, met, n : as in Interests
    popular : int64 (objects,), the most popular objects, falling. As many of them as `most` allows
    most : how many steps it may take

    Returns
    -------
    least : float64 (accounts,)
    """
    least = np.zeros(len(met))
    others = max(n - 1.0, 1.0)
    for u in range(len(met)):
        meetings = float(met[u] - (starts[u + 1] - starts[u]))
        pairs = meetings * (meetings / others - 1.0) / 2.0
        least[u] = max(0.0, pairs * (1.0 - 1e-9))
    size = len(popular)
    ends = np.zeros(len(met) + 1, np.int64)  # where the popular objects of each account end
    while True:
        ends[:] = 0
        work = 0
        for a in range(size):
            for k in range(object_starts[popular[a]], object_starts[popular[a] + 1]):
                ends[accounts[k] + 1] += 1
                work += 2 * ends[accounts[k] + 1] - 1  # the sum of squares
        if work <= most or size == 0:
            break
        size //= 2
    for u in range(len(met)):
        ends[u + 1] += ends[u]
    own = np.empty(ends[len(met)], np.int16)
    following = ends[:-1].copy()
    for a in range(size):
        for k in range(object_starts[popular[a]], object_starts[popular[a] + 1]):
            own[following[accounts[k]]] = a
            following[accounts[k]] += 1
    both = np.zeros((size, size), np.int32)
    for u in range(len(met)):
        for i in range(ends[u], ends[u + 1]):
            for k in range(ends[u], i):
                both[own[i], own[k]] += 1
    for u in range(len(met)):
        pairs = 0
        for i in range(ends[u], ends[u + 1]):
            for k in range(ends[u], i):
                pairs += both[own[i], own[k]] - 1
        least[u] = max(least[u], float(pairs))
    return least


@inner
def common_objects(interests: Any, u: int, v: int) -> int:
    """Return the number of objects that u and v both act on.

    Cost: O(k log K) for the k objects of the one and the K >= k of the other.
    """
    objects = interests.objects
    i = interests.starts[u]
    i_end = interests.starts[u + 1]
    j = interests.starts[v]
    j_end = interests.starts[v + 1]
    if i_end - i > j_end - j:
        i, i_end, j, j_end = j, j_end, i, i_end
    common = 0
    while i < i_end and j < j_end:
        o = objects[i]
        j = first_from(objects, j, j_end, o)
        if j < j_end and objects[j] == o:
            common += 1
            j += 1
        i += 1
    return common


@inner
def step_chance(shared: float, n: int, common: int) -> float:
    """Return the chance that from u the next account drawn is v.

    Parameters
    ----------
    shared : what u shares with all others
    n : accounts that act
    common : objects of both
    """
    anybody = 1.0 / n
    if shared <= 0.0:
        return anybody
    by_interest = common * (common - 1) / 2.0 / shared
    return BY_INTEREST * by_interest + (1.0 - BY_INTEREST) * anybody


@kernel
def common_of_all(interests: Any, members: Any, size: int) -> Any:
    """Return the number of objects that each two members both act on: int32 (size, size).

    Objects of few members are counted pair by pair; those of many are a bit each, 64 at a time.

    Parameters
    ----------
    interests : Interests
    members : int32, different accounts, the first `size` of them

    Returns
    -------
    common : int32 (size, size), the lower triangle; the rest is zeros

    Cost: O(a log a + a size / 16) for the a objects of all members, each as often as it is theirs.
    """
    total = 0
    for i in range(size):
        total += interests.starts[members[i] + 1] - interests.starts[members[i]]
    held = np.empty(total, np.int64)  # the object, and the member
    total = 0
    for i in range(size):
        for k in range(interests.starts[members[i]], interests.starts[members[i] + 1]):
            held[total] = np.int64(interests.objects[k]) << 32 | i
            total += 1
    sort_in_place(held)
    common = np.zeros((size, size), np.int32)
    many = 0
    a = 0
    while a < total:
        b = a + 1
        while b < total and held[b] >> 32 == held[a] >> 32:
            b += 1
        if 8 * (b - a) > size:
            many += 1
        else:
            for k in range(a + 1, b):
                for j in range(a, k):
                    common[held[k] & 0xFFFFFFFF, held[j] & 0xFFFFFFFF] += 1
        a = b
    bits = np.zeros((size, (many + 63) // 64), np.uint64)
    many = 0
    a = 0
    while a < total:
        b = a + 1
        while b < total and held[b] >> 32 == held[a] >> 32:
            b += 1
        if 8 * (b - a) > size:
            for k in range(a, b):
                bits[held[k] & 0xFFFFFFFF, many // 64] |= np.uint64(1) << np.uint64(many % 64)
            many += 1
        a = b
    for i in range(size):
        for j in range(i):
            count = np.uint64(0)
            for w in range(bits.shape[1]):
                count += _bits_set(bits[i, w] & bits[j, w])
            common[i, j] += np.int32(count)
    return common


@inlined
def _bits_set(word: Any) -> Any:
    """Return the number of bits set in a uint64 (Warren 2013, Hacker's Delight, ch. 5)."""
    word = word - (word >> np.uint64(1) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        word >> np.uint64(2) & np.uint64(0x3333333333333333)
    )
    word = word + (word >> np.uint64(4)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return word * np.uint64(0x0101010101010101) >> np.uint64(56)


@kernel
def step_chances(interests: Any, members: Any, size: int) -> Any:
    """Return the chances that from members[i] the next one drawn is members[j]: (size, size).

    What each shares with all others must be known: :func:`know_shared`.
    """
    chances = np.zeros((size, size))
    together = size > ONE_BY_ONE
    counted = common_of_all(interests, members, size if together else 0)
    for i in range(size):
        for j in range(i):
            if together:
                common = np.int64(counted[i, j])
            else:
                common = common_objects(interests, members[i], members[j])
            chances[i, j] = step_chance(interests.shared[members[i]], interests.n, common)
            chances[j, i] = step_chance(interests.shared[members[j]], interests.n, common)
    return chances


@kernel
def weights_of_subsets(chances: Any, size: int, n: int) -> Any:
    """Return the weight of each subset of a set, all orders added up.

    f({v}) = 1 / n,  f(T) = sum over v in T, drawn last, of f(T - v) mean over u in T - v of q_uv

    Parameters
    ----------
    chances : float64 (size, size), q_uv
    size : number of accounts, at most MOST_EXACT
    n : accounts that act

    Returns
    -------
    weights : float64 (2 ** size,), a bit an account

    Cost: O(2 ** size size ** 2).
    """
    weights = np.zeros(1 << size)
    for mask in range(1, 1 << size):
        count = 0
        for v in range(size):
            count += mask >> v & 1
        if count == 1:
            weights[mask] = 1.0 / n
            continue
        total = 0.0
        for v in range(size):
            if mask >> v & 1:
                to_v = 0.0
                for u in range(size):
                    if mask >> u & 1 and u != v:
                        to_v += chances[u, v]
                total += weights[mask ^ (1 << v)] * to_v
        weights[mask] = total / (count - 1)
    return weights


@inner
def _grid(last: int) -> Any:
    """Return 1, 2, 3, ... and from 10 on steps of a tenth, up to last - 1; and last."""
    values = np.empty(last, np.int64)
    size = 0
    value = 1
    while value < last:
        values[size] = value
        size += 1
        value = max(value + 1, value * 11 // 10)
    values[size] = last
    return values[: size + 1]


@inner
def _hypergeometric(known: Any, n: int, marked: int, drawn: int) -> Any:
    """Return P(h = 0), and the sum over h >= 1 of P(h) log(h / drawn), h of the drawn marked.

    `known` is log 0!, log 1!, ..., log n!.
    """
    none = 0.0
    mean = 0.0
    whole = known[n] - known[drawn] - known[n - drawn]
    for h in range(max(0, drawn - (n - marked)), min(drawn, marked) + 1):
        rest = drawn - h
        log_p = (
            known[marked] - known[h] - known[marked - h]
            + known[n - marked] - known[rest] - known[n - marked - rest] - whole
        )  # fmt: skip
        if h == 0:
            none = math.exp(log_p)
        else:
            mean += math.exp(log_p) * math.log(h / drawn)
    return none, mean


@kernel
def log_weight_bound(chances: Any, size: int, n: int) -> float:
    """Return a lower bound of the log of the weight of a set, for any size.

    The weight is a sum over size! orders, so at least size! exp(mean log of an order's chance)
    (Jensen's inequality). In a random order the (r + 1)-th account is any v, after any r others R:

        log w >= log(size! / n) + sum over r of the mean over v of E_R log(mean of q_uv, u in R)

    For v let the m others of largest q_uv be near, and h of them in R. Then, again by Jensen's
    inequality, the expectation is at least

        sum over h >= 1 of P(h) log(h / r) + P(h >= 1) mean of log q over the near
            + P(h = 0) mean of log q over the others

    and the best m is taken. It grows with r, so that a grid of r suffices, each value standing for
    those up to the next.

    Parameters
    ----------
    chances : float64 (size, size), q_uv
    size : number of accounts, 2 or more
    n : accounts that act

    Cost: O(size ** 2 log size), and the square of the grid for each account.
    """
    others = size - 1
    near = _grid(others)
    drawn = _grid(others)
    known = np.empty(size)  # logarithms of factorials
    for k in range(size):
        known[k] = math.lgamma(k + 1.0)
    none = np.empty((len(near), len(drawn)))
    mean = np.empty((len(near), len(drawn)))
    for i in range(len(near)):
        for k in range(len(drawn)):
            none[i, k], mean[i, k] = _hypergeometric(known, others, near[i], drawn[k])
    total = math.lgamma(size + 1.0) - math.log(n)
    logs = np.empty(others)
    sums = np.zeros(others + 1)  # of the largest 0, 1, 2, ...
    for v in range(size):
        count = 0
        for u in range(size):
            if u != v:
                logs[count] = -math.log(chances[u, v])
                count += 1
        sort_in_place(logs)
        for i in range(others):
            sums[i + 1] = sums[i] - logs[i]
        for k in range(len(drawn)):
            best = -np.inf
            for i in range(len(near)):
                m = near[i]
                found = mean[i, k] + (1.0 - none[i, k]) * sums[m] / m
                if m < others:
                    found += none[i, k] * (sums[others] - sums[m]) / (others - m)
                best = max(best, found)
            steps = (drawn[k + 1] if k + 1 < len(drawn) else others + 1) - drawn[k]
            total += steps * best / size
    return total


@kernel
def log_weight(interests: Any, members: Any, size: int) -> float:
    """Return the log of the weight of a set: exact up to MOST_EXACT accounts, else a lower bound.

    Parameters
    ----------
    interests : Interests
    members : int32, different accounts, the first `size` of them
    size : number of accounts, 1 or more
    """
    chances = step_chances(interests, members, size)
    if size <= MOST_EXACT:
        return math.log(weights_of_subsets(chances, size, interests.n)[-1])
    return log_weight_bound(chances, size, interests.n)
