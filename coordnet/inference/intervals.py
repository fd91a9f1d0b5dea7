"""Confidence intervals of shares."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special


def wilson_interval(hits: Any, of: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return 95 % intervals of shares (Wilson 1927), NaN where there is nothing to count.

    Parameters
    ----------
    hits, of
        Numbers, or arrays of numbers: how many of how many.

    Examples
    --------
    >>> low, high = wilson_interval(8, 10)
    >>> round(float(low), 3), round(float(high), 3)
    (0.49, 0.943)
    """
    hits, of = np.asarray(hits, np.float64), np.asarray(of, np.float64)
    z = special.ndtri(0.975)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = hits / of
        middle = (p + z**2 / (2 * of)) / (1 + z**2 / of)
        half = z / (1 + z**2 / of) * np.sqrt(p * (1 - p) / of + z**2 / (4 * of**2))
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)
