"""The correction for how many pairs there are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import one_of
from coordnet.inference.bounds import harmonic

CORRECTIONS = ("bh", "by")


def adjusted(
    p_values: NDArray[np.float64], pairs: int, correction: str = "bh"
) -> NDArray[np.float64]:
    """Return q-values: p-values corrected for `pairs` tests, those not given having p = 1.

    Benjamini-Hochberg: q of the i-th smallest p is the least p_j pairs / j over j >= i.
    Benjamini-Yekutieli, valid under any dependence: the same times 1 + 1/2 + ... + 1/pairs.

    Examples
    --------
    >>> adjusted(np.array([0.01, 0.04, 0.03]), 4).round(4).tolist()
    [0.04, 0.0533, 0.0533]
    """
    one_of(correction, CORRECTIONS, "correction")
    n = len(p_values)
    if not n:
        return np.zeros(0)
    scale = float(pairs)
    if correction == "by":
        scale *= harmonic(pairs)
    out = np.ones(n)
    # q_i >= p_i scale / n, so that only small p can have q < 1: the others need no sorting
    small = np.flatnonzero(p_values * scale < n)
    order = small[np.argsort(p_values[small], kind="stable")]
    q = np.minimum.accumulate((p_values[order] * scale / np.arange(1, len(order) + 1))[::-1])[::-1]
    out[order] = np.minimum(q, 1.0)
    return out
