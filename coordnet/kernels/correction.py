"""Compiled loops of the correction for how many accounts there are."""

from __future__ import annotations

from typing import Any

import numpy as np

from coordnet.kernels.arrays import sort_in_place
from coordnet.kernels.compiling import kernel


@kernel
def least_over_rank(starts: Any, positions: Any, values: Any, least: Any) -> None:
    """Write for each group the least of its values over its rank among them.

    Parameters
    ----------
    starts : int64 (groups + 1,), positions : int32 (n,), from :func:`arrays.group_by_code`
    values : float64 (n,)
    least : float64 (groups,), written; infinite for groups without a value

    Cost: O(k log k) for a group of k.
    """
    for g in range(len(starts) - 1):
        own = np.empty(starts[g + 1] - starts[g], np.float64)
        for i in range(len(own)):
            own[i] = values[positions[starts[g] + i]]
        sort_in_place(own)
        least[g] = np.inf
        for i in range(len(own)):
            least[g] = min(least[g], own[i] / (i + 1))


@kernel
def least_of_ends(
    order: Any,
    p_values: Any,
    expected: Any,
    source: Any,
    target: Any,
    of_account: Any,
    most: Any,
    rank: Any,
    least: Any,
) -> None:
    """Update for each account the least of the expected numbers of its edges over their ranks.

    Parameters
    ----------
    order : int32 (n,), the edges by p-value
    p_values, expected : float64 (n,), and of how many pairs so small a p-value is expected
    source, target : int32 (n,)
    of_account, most : float64 (accounts,), p-values up to which, and expected numbers below which
        its edges count
    rank : int64 (accounts,), how many edges of the account count, of these and of those with
        smaller p-values; these are taken off
    least : float64 (accounts,), lowered
    """
    for k in range(len(order) - 1, -1, -1):
        e = order[k]
        for end in (source[e], target[e]):
            if p_values[e] <= of_account[end]:
                if expected[e] < most[end]:
                    least[end] = min(least[end], expected[e] / rank[end])
                rank[end] -= 1


@kernel
def raise_to_ends(
    p_values: Any, source: Any, target: Any, of_all: float, of_ends: Any, q_value: Any
) -> None:
    """Raise the q-values of edges with a p-value up to `of_all` to those of their accounts.

    Parameters
    ----------
    p_values, source, target, q_value : of the edges, the last one written
    of_all : the p-value
    of_ends : float64 (accounts,)
    """
    for e in range(len(p_values)):
        if p_values[e] <= of_all:
            q_value[e] = max(q_value[e], of_ends[source[e]], of_ends[target[e]])
