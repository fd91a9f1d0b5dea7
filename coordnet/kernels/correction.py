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
