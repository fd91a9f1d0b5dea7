"""The correction for how many pairs there are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import one_of
from coordnet.inference.bounds import harmonic
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import correction as correction_kernels

CORRECTIONS = ("bh", "by")
WORTH = 0.8  # another look at what is left pays where the last one left no larger part of it


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
    scale = float(pairs) * (harmonic(pairs) if correction == "by" else 1.0)
    return stepped_up(p_values, p_values * scale)


def stepped_up(
    p_values: NDArray[np.float64],
    expected: NDArray[np.float64],
    attainable: bool = False,
) -> NDArray[np.float64]:
    """Return q-values by the step-up rule.

    Parameters
    ----------
    p_values
        What is tested, in any order: float64 (n,).
    expected
        How many tests, at most, are expected to have so small a p-value by chance: float64 (n,).
    attainable
        Whether only the tests were counted that can have so small a p-value. With x_j the
        expected number over the rank j the q-value is then the least x_j / (1 - x_j), j >= i
        (Döhler, Durand & Roquain 2018), else the least x_j.
    """
    n, out = len(p_values), np.ones(len(p_values))
    # no rank is above n, so that q < 1 up to the largest of the p-values of which fewer than n
    # are expected; of these, again; those beyond need no sorting
    small = np.flatnonzero(p_values <= p_values[expected < n].max(initial=-1.0))
    left = n
    while len(small) < WORTH * left:
        left = len(small)
        p = p_values[small]
        small = small[p <= p[expected[small] < left].max(initial=-1.0)]
    order = _ascending(p_values, expected, small)
    out[order] = in_order(expected[order], attainable)
    return out


def in_order(
    expected: NDArray[np.float64], attainable: bool, before: int = 0, after: float = 1.0
) -> NDArray[np.float64]:
    """Return the q-values of tests that stand by p-value; see :func:`stepped_up`.

    Parameters
    ----------
    expected, attainable
        As there.
    before, after
        How many tests have smaller p-values, and the least q-value of those that have larger ones.
    """
    x = expected / np.arange(before + 1, before + len(expected) + 1)
    if attainable:
        x = np.where(x < 0.5, x / (1.0 - np.minimum(x, 0.5)), 1.0)
    return np.minimum(np.minimum.accumulate(x[::-1])[::-1], after)


def _ascending(
    p_values: NDArray[np.float64], expected: NDArray[np.float64], some: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return some of the tests by p-value, those of one p-value by how many are expected."""
    order = some[np.argsort(p_values[some])]
    p, e = p_values[order], expected[order]
    if ((p[1:] == p[:-1]) & (e[1:] < e[:-1])).any():
        order = some[np.lexsort((expected[some], p_values[some]))]
    return order


def account_q_values(
    expected: NDArray[np.float64],
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    attainable: bool = False,
) -> NDArray[np.float64]:
    """Return the larger q-value of the two accounts of each edge.

    False edges do not spread like true ones: few of them are enough to name many accounts, each
    by one edge. So accounts are tested too, each that it acts with nobody. With e_(j) the expected
    number of the j-th smallest of the p-values of its edges, the least e_(j) / j is taken (Simes
    1986), and the accounts are corrected by the step-up rule: by chance no more accounts have so
    small a number than there are ends of pairs, two a pair, that have.

    Parameters
    ----------
    expected
        Of each edge, how many pairs, at most, are expected to have so small a p-value by chance;
        it grows with the p-value: float64 (n,).
    source, target
        The ends of the edges: int32 (n,).
    attainable
        As in :func:`stepped_up`.

    Examples
    --------
    Account 0 has two edges of a p-value of 0.001, of ten pairs that there are.

    >>> p = np.array([0.001, 0.001])
    >>> ends = np.array([0, 0], np.int32), np.array([1, 2], np.int32)
    >>> account_q_values(10 * p, *ends).round(4).tolist()
    [0.0067, 0.0067]
    """
    # q < 1 needs e_(j) / j below half of the accounts, and no j is above the number of edges of
    # the account. Of the edges and accounts that are left the same is true again, so that most
    # need no sorting
    n = int(max(source.max(initial=-1), target.max(initial=-1))) + 1
    degree = np.bincount(source, minlength=n) + np.bincount(target, minlength=n)
    most = np.count_nonzero(degree) / 2.0 * degree
    near = [np.flatnonzero(expected < most[end]) for end in (source, target)]
    account = np.concatenate([source[near[0]], target[near[1]]])
    of_edge = np.concatenate([expected[near[0]], expected[near[1]]])
    left = np.inf
    while len(account) < WORTH * left:
        left = len(account)
        degree = np.bincount(account, minlength=n)
        small = of_edge < (np.count_nonzero(degree) / 2.0 * degree)[account]
        account, of_edge = account[small], of_edge[small]
    named, least = least_of_accounts(account, of_edge)
    q = np.ones(n)
    q[named] = stepped_up(least, 2.0 * least, attainable)
    larger: NDArray[np.float64] = np.maximum(q[source], q[target])
    return larger


def least_of_accounts(
    account: NDArray[np.int32], expected: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the accounts, and of each the least e_(j) / j over its edges (Simes 1986).

    Parameters
    ----------
    account, expected
        An end of an edge each, and how many pairs are expected to have so small a p-value.

    Examples
    --------
    >>> named, least = least_of_accounts(np.array([7, 2, 7], np.int32), np.array([0.3, 0.4, 0.5]))
    >>> named.tolist(), least.tolist()
    ([2, 7], [0.4, 0.25])
    """
    n = int(account.max(initial=-1)) + 1
    starts, positions = array_kernels.group_by_code(account, n)
    least = np.empty(n)
    correction_kernels.least_over_rank(starts, positions, expected, least)
    named = np.flatnonzero(np.diff(starts)).astype(np.int32)
    return named, least[named]


def corrected(
    p_values: NDArray[np.float64],
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    pairs: int,
    correction: str = "bh",
) -> NDArray[np.float64]:
    """Return q-values of edges of which any pair could have any p-value.

    The larger of the edge's own (:func:`adjusted`) and that of its accounts
    (:func:`account_q_values`).
    """
    scale = float(pairs) * (harmonic(pairs) if correction == "by" else 1.0)
    return np.maximum(
        adjusted(p_values, pairs, correction),
        account_q_values(p_values * scale, source, target),
    )
