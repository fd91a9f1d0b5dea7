"""Compiled tails of count distributions, in log space: probabilities down to 1e-300 and beyond."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from coordnet.kernels.compiling import inlined, kernel

NO_P = 0.0  # log of p = 1
SMALLEST_P = 1e-300  # what smaller p-values are said to be


# -- tails -------------------------------------------------------------------------------------


@kernel
def log_poisson_tail(count: int, mean: float) -> float:
    """Return log P(X >= count) for X ~ Poisson(mean), for count >= mean.

    The first term and the ratio of those that follow: P = pmf(count) (1 + mean / (count + 1) +
    ...), which converges geometrically.
    """
    if count <= 0:
        return 0.0
    if mean <= 0.0:
        return -np.inf
    term = 1.0
    total = 1.0
    k = count
    while term > 1e-17 * total:
        k += 1
        term *= mean / k
        total += term
    return min(0.0, count * math.log(mean) - mean - math.lgamma(count + 1.0) + math.log(total))


@kernel
def log_tail_bound(count: int, mean: float) -> float:
    """Return the log of a bound on P(X >= count) for a sum X of independent indicators.

    By its mean alone: 1 for count <= mean + 1 except P(X >= 1) <= mean (the union bound); for
    count >= mean + 1 the Poisson tail, which bounds the binomial one (Anderson & Samuels 1967),
    which bounds that of any such sum (Hoeffding 1956, theorem 4).
    """
    if count <= 0:
        return 0.0
    if mean <= 0.0:
        return -np.inf
    if count == 1:
        return min(0.0, math.log(mean))
    if count >= mean + 1.0:
        return log_poisson_tail(count, mean)
    return 0.0


@kernel
def tail_bound(count: int, mean: float) -> float:
    """Return the bound of :func:`log_tail_bound` itself, which for small counts needs no log."""
    if count <= 0 or (count > 1 and count < mean + 1.0):
        return 1.0
    if count == 1:
        return min(1.0, mean)
    first = math.exp(-mean)
    for k in range(1, min(count, 16) + 1):
        first *= mean / k
    if count > 16 or first < 1e-290:
        return math.exp(log_poisson_tail(count, mean))
    term = 1.0
    total = 1.0
    k = count
    while term > 1e-17 * total:
        k += 1
        term *= mean / k
        total += term
    return min(1.0, first * total)


@kernel
def log_poisson_binomial_tail(count: int, chances: Any, n: int, states: Any) -> float:
    """Return log P(X >= count) for X the number of successes of independent trials, exactly.

    Parameters
    ----------
    count : successes
    chances : float64 (>= n,), the chance of each trial
    n : number of trials
    states : float64 (>= count,), scratch

    The chances of having had k < count successes are carried forward, scaled by tilt**k, and what
    reaches `count` is added up: sums of positive terms only, so nothing cancels. With tilt =
    count / mean the terms stay between those of exp(-mean) and exp(count), so nothing underflows
    or overflows.

    Cost: O(n count).
    """
    if count <= 0:
        return 0.0
    if count > n:
        return -np.inf
    reached = 0.0
    if count == 1:
        none = 1.0
        for i in range(n):
            reached += none * chances[i]
            none *= 1.0 - chances[i]
        return min(0.0, math.log(reached)) if reached > 0.0 else -np.inf
    if count == 2:  # by far the most frequent
        none = 1.0
        single = 0.0
        for i in range(n):
            p = chances[i]
            reached += single * p
            single = single * (1.0 - p) + none * p
            none *= 1.0 - p
        return min(0.0, math.log(reached)) if reached > 0.0 else -np.inf
    mean = 0.0
    for i in range(n):
        mean += chances[i]
    if mean <= 0.0:
        return -np.inf
    tilt = max(1.0, count / mean)
    states[0] = 1.0
    for k in range(1, count):
        states[k] = 0.0
    for i in range(n):
        p = chances[i]
        lifted = p * tilt
        reached += states[count - 1] * lifted
        for k in range(min(i + 1, count - 1), 0, -1):
            states[k] = states[k] * (1.0 - p) + states[k - 1] * lifted
        states[0] *= 1.0 - p
    if reached <= 0.0:
        return -np.inf
    return min(0.0, math.log(reached) - count * math.log(tilt))


@inlined
def at_most_two(chance: float, n: int) -> Any:
    """Return the chances of no, one, and two or more successes of n trials of one chance.

    By doubling; sums of positive terms only. Cost: O(log n).
    """
    zero, one, more = 1.0, 0.0, 0.0
    a, b, c = 1.0 - chance, chance, 0.0  # of 1, 2, 4, ... trials
    while n > 0:
        if n & 1:
            more += one * (b + c) + zero * c
            one = one * a + zero * b
            zero *= a
        c = c + b * (b + c) + a * c
        b = 2.0 * a * b
        a *= a
        n >>= 1
    return zero, one, more


@inlined
def is_cheap(count: int, n: int, states: Any) -> bool:
    """Return whether :func:`log_tail` is exact for this count and number of trials."""
    return count <= min(len(states), 200) and n * count <= 4096


@inlined
def log_tail(count: int, chances: Any, n: int, states: Any) -> float:
    """Return log P(X >= count), exactly where that is cheap, else the bound of log_tail_bound."""
    if is_cheap(count, n, states):
        return log_poisson_binomial_tail(np.int64(count), chances, np.int64(n), states)
    mean = 0.0
    for i in range(n):
        mean += chances[i]
    return log_tail_bound(np.int64(count), mean)


@kernel
def log_tail_bounds(counts: Any, means: Any) -> Any:
    """Return log_tail_bound of each count and mean: float64 (n,)."""
    out = np.empty(len(counts), np.float64)
    for i in range(len(counts)):
        out[i] = log_tail_bound(np.int64(counts[i]), means[i])
    return out


@kernel
def combined_p(log_p: Any, other: Any, smallest: float) -> Any:
    """Return exp of the larger of two log p-values, but no less than `smallest`."""
    out = np.empty(len(log_p), np.float64)
    for i in range(len(log_p)):
        out[i] = max(math.exp(max(log_p[i], other[i])), smallest)
    return out
