"""What is one occasion: moments on which a pair, or the members of a set, were together."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from coordnet.kernels.arrays import sort_in_place
from coordnet.kernels.compiling import inlined, kernel


class OccasionRule(NamedTuple):
    """When a moment begins a new occasion, of moments in order; in microseconds.

    Where more than `gap_us` have passed since the moment before, and more than `least_us` since
    the occasion before began. With `least_us` 0 the gap alone decides.
    """

    gap_us: int
    least_us: int = 0


@inlined
def begins_occasion(moment: int, before: int, first: int, rule: Any) -> bool:
    """Return whether a moment begins an occasion.

    Parameters
    ----------
    moment : the moment
    before : that before it
    first : the first of the occasion that `before` is of
    rule : OccasionRule
    """
    return moment - before > rule.gap_us and moment - first > rule.least_us


@inlined
def count_occasions(moments: Any, n: int, rule: Any) -> int:
    """Return the number of occasions of moments[:n]; sorts them in place."""
    if n <= 1:
        return n
    if n == 2:  # by far the most frequent
        apart = abs(moments[0] - moments[1])
        return 2 if apart > rule.gap_us and apart > rule.least_us else 1
    part = moments[:n]
    sort_in_place(part)
    occasions = 1
    first = part[0]
    for i in range(1, n):
        if begins_occasion(part[i], part[i - 1], first, rule):
            occasions += 1
            first = part[i]
    return occasions


@kernel
def number_occasions(moments: Any, rule: Any) -> Any:
    """Return the occasion of each of the moments, ascending, from 0: int64.

    Parameters
    ----------
    moments : int64 (n,), ascending
    rule : OccasionRule
    """
    occasion = np.zeros(len(moments), np.int64)
    first = moments[0] if len(moments) > 0 else np.int64(0)
    for i in range(1, len(moments)):
        occasion[i] = occasion[i - 1]
        if begins_occasion(moments[i], moments[i - 1], first, rule):
            occasion[i] += 1
            first = moments[i]
    return occasion
