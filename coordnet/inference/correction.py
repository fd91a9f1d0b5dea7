"""The correction for how many pairs there are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import one_of
from coordnet.inference.statistics import CHUNKS, Floats
from coordnet.kernels import edge_tests as edge_test_kernels
from coordnet.log.actions import ActionLog
from coordnet.threads import equal_chunks, run_chunks

CORRECTIONS = ("bh", "by")


# -- how many pairs ----------------------------------------------------------------------------


def sharing_pairs(
    log: ActionLog, n_accounts: NDArray[np.int32], budget: int, threads: int | None = None
) -> tuple[int, bool]:
    """Return how many pairs of accounts act on a common object, and whether that is exact.

    Parameters
    ----------
    log
        The log.
    n_accounts
        Different accounts on each object.
    budget
        Steps that an exact count may cost. Beyond it the answer is the smaller of two upper
        bounds: the pairs summed object by object, and all pairs of accounts.
    """
    starts = log.by_object
    n_o = n_accounts.astype(np.int64)
    steps = int((np.diff(starts) * n_o).sum())
    active, accounts = log.n_accounts, len(log.all_accounts)
    if steps > budget:
        return min(int((n_o * (n_o - 1) // 2).sum()), active * (active - 1) // 2), False
    indptr, positions = log.by_account
    work = np.bincount(log.account, np.diff(starts)[log.object], accounts).astype(np.int64)
    borders = equal_chunks(work, CHUNKS)
    counts = run_chunks(
        lambda stamp, i: edge_test_kernels.count_sharing_pairs(
            indptr, positions, log.object, starts, log.account, borders[i], borders[i + 1], stamp
        ),
        len(borders) - 1,
        threads=threads,
        scratch=lambda: np.full(accounts, -1, np.int32),
    )
    return sum(counts), True


def adjusted(p_values: Floats, pairs: int, correction: str = "bh") -> Floats:
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
    if correction == "by":  # the harmonic number, by its expansion where it is long
        scale *= (
            float((1.0 / np.arange(1, pairs + 1)).sum())
            if pairs < 10_000
            else np.log(pairs) + np.euler_gamma + 0.5 / pairs
        )
    out = np.ones(n)
    # q_i >= p_i scale / n, so that only small p can have q < 1: the others need no sorting
    small = np.flatnonzero(p_values * scale < n)
    order = small[np.argsort(p_values[small], kind="stable")]
    q = np.minimum.accumulate((p_values[order] * scale / np.arange(1, len(order) + 1))[::-1])[::-1]
    out[order] = np.minimum(q, 1.0)
    return out
