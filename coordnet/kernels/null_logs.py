"""The compiled loop that gives objects the time profiles of others."""

from __future__ import annotations

from typing import Any

import numpy as np

from coordnet.kernels.compiling import kernel

# -- null logs ---------------------------------------------------------------------------------


@kernel
def borrowed_profiles(starts: Any, giver: Any, since: Any, uniform: Any, step: int) -> Any:
    """Give each object the delays of another one.

    Parameters
    ----------
    starts : int64 (objects + 1,)
    giver : int64 (objects,), whose profile each object takes
    since : int64 (n,), each action's time since its object's first, ascending inside an object
    uniform : float64 (n,), random numbers in [0, 1)
    step : of the clock: `since` has multiples of it, and so has what is returned

    Returns
    -------
    delay : int64 (n,): as they are where both have as many actions; else 0 for the first and, for
        the others, the giver's delays interpolated at random ranks, to the nearest step
    """
    delay = np.zeros(len(since), np.int64)
    for o in range(len(starts) - 1):
        a = starts[o]
        n = starts[o + 1] - a
        b = starts[giver[o]]
        m = starts[giver[o] + 1] - b
        if n == m:
            for i in range(n):
                delay[a + i] = since[b + i]
        else:
            for i in range(1, n):
                at = uniform[a + i] * (m - 1)
                k = min(int(at), m - 2) if m > 1 else 0
                low = since[b + k]
                high = since[b + k + 1] if m > 1 else low
                between = np.int64((at - k) * (high - low))
                delay[a + i] = low + (between + step // 2) // step * step
    return delay
