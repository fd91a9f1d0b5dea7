"""How many pairs of a set truly act together: a lower bound that holds however the set was chosen.

All-resolutions inference: closed testing with Simes' test, of which only two numbers need to be
computed (Goeman & Solari 2011, Statistical Science 26, 584; Goeman, Meijer, Krebs & Solari 2019,
Biometrika 106, 841). Of m pairs with p-values p_(1) <= ... <= p_(m) and a level alpha:

- h, the largest number of pairs that may all be null: the largest i of 0..m such that
  i p_(m - i + j) > j alpha for each j = 1..i (Hommel 1988). That is the minimum, over k with
  p_(k) < alpha, of ceil(alpha (m - k) / (alpha - p_(k))) - 1, at most m.
- d(S), the largest of ``1 - u + #{i in S: h p_i <= u alpha}`` over ``u = 1..|S|``, at least 0.

With probability 1 - alpha every set S of pairs, all at once, holds d(S) or more pairs whose null
hypothesis is false. It is valid where Simes' inequality holds (independent or positively dependent
p-values); with Hommel's constant, alpha divided by 1 + 1/2 + ... + 1/m, under any dependence.

A p-value of 0 counts as 1e-300. Each comparison is that of the numbers as they are stored, without
rounding, so that no bound is one too large because a quotient lies near a whole number.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coordnet.errors import ParameterError, one_of
from coordnet.kernels.arrays import ascending_order
from coordnet.kernels.tails import SMALLEST_P

DEPENDENCES = ("positive", "any")
SPLITTER = 134_217_729.0  # 2**27 + 1: cuts 53 bits into two halves

Floats = NDArray[np.float64]


# -- exact comparisons -------------------------------------------------------------------------


def _product(a: Any, b: Any) -> tuple[Any, Any]:
    """Return a b as the nearest float and what that leaves out (Dekker 1971)."""
    a_high = SPLITTER * a - (SPLITTER * a - a)
    b_high = SPLITTER * b - (SPLITTER * b - b)
    a_low, b_low = a - a_high, b - b_high
    product = a * b
    rest = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, rest


def _exceeds(count: Any, p: Any, rank: Any, alpha: float) -> NDArray[np.bool_]:
    """Return whether count * p > rank * alpha, exactly; count and rank are whole."""
    left, left_rest = _product(np.float64(count), p)
    right, right_rest = _product(np.asarray(rank, np.float64), np.float64(alpha))
    found: NDArray[np.bool_] = (left > right) | ((left == right) & (left_rest > right_rest))
    return found


# -- the two numbers ---------------------------------------------------------------------------


def hommel_h(p_sorted: Floats, m: int, alpha: float) -> int:
    """Return h: how many of m pairs may all be null, at most.

    The largest i such that i p_(m - i + j) > j alpha for each j = 1..i (Hommel 1988).

    Parameters
    ----------
    p_sorted
        The smallest p-values, ascending: at least all up to alpha. The others of the m pairs are
        taken as above it.
    m
        Number of pairs.
    alpha
        Level.

    Returns
    -------
    int
        0..m; m - h is the number of pairs, of all, that are known to be no chance.

    Examples
    --------
    Of ten pairs three have p = 0.001 and seven p = 1: seven may be null, not eight.

    >>> hommel_h(np.array([0.001, 0.001, 0.001]), 10, 0.05)
    7
    """
    p = np.maximum(p_sorted[p_sorted <= alpha], SMALLEST_P)
    if not len(p):
        return m
    if len(p) == m and p[-1] <= alpha:  # all of them: Simes rejects every set
        return 0
    rank = np.arange(1, len(p) + 1)
    below = p < alpha  # p = alpha forbids nothing, as some pair has a larger one
    p, rank = p[below], rank[below]
    if not len(p):
        return m

    quotient = alpha * (m - rank) / (alpha - p)
    near = quotient <= quotient.min() * (1 + 1e-12) + 2  # no other can decide below
    free = m - int(rank[-1])  # so few pairs may be null whatever the p-values
    p, rank = p[near], rank[near]

    def possible(i: int) -> bool:
        """Return whether i pairs may be null: i p_(k) > (k - m + i) alpha for all k > m - i."""
        beyond = rank + (i - m)
        late = beyond > 0
        return bool(_exceeds(i, p[late], beyond[late], alpha).all())

    h = math.ceil(float(quotient.min())) - 1
    h = min(max(h, free, 0), m)
    while h > 0 and not possible(h):  # what the quotient's rounding may have added, or taken
        h -= 1
    while h < m and possible(h + 1):
        h += 1
    return h


def null_pairs(p_values: Floats, pairs: int, alpha: float = 0.05) -> int:
    """Return :func:`hommel_h` of p-values in any order; the pairs not given have p = 1."""
    small = p_values[p_values <= alpha]
    return hommel_h(small[ascending_order(small)], pairs, alpha)


def true_discoveries(p_of_set: Floats, h: int, alpha: float) -> int:
    """Return d(S): how many pairs of a set are no chance, at least.

    d(S) = max over u = 1..|S| of 1 - u + #{i in S: h p_i <= u alpha}, at least 0.

    Parameters
    ----------
    p_of_set
        p-values of the pairs of the set, in any order. Pairs with p = 1 may be left out: they add
        nothing unless nearly all pairs of the data have p below alpha, and never lower the bound.
    h
        From :func:`hommel_h`, of all pairs of the data.
    alpha
        Level, that of `h`.

    Examples
    --------
    >>> true_discoveries(np.array([0.001, 0.001, 0.03]), 7, 0.05)
    2
    """
    size = len(p_of_set)
    p = np.maximum(p_of_set[h * p_of_set <= (size + 1) * alpha], SMALLEST_P)
    # the first u of each pair: the smallest with h p <= u alpha
    first = np.maximum(np.ceil(h * p / alpha), 1.0)
    first -= (first > 1) & ~_exceeds(h, p, first - 1, alpha)
    first += _exceeds(h, p, first, alpha)
    inside = np.bincount(first[first <= size].astype(np.int64), minlength=1)[1:].cumsum()
    return max(0, int((inside - np.arange(len(inside))).max(initial=0)))


def harmonic(n: int) -> float:
    """Return 1 + 1/2 + ... + 1/n; from ten thousand on by its expansion, which is no smaller."""
    if n < 10_000:
        return float((1.0 / np.arange(1, n + 1)).sum())
    return float(np.log(n) + np.euler_gamma + 0.5 / n)


class SimultaneousBounds:
    """Lower bounds on how many pairs of a set truly act together, for all sets at once.

    Parameters
    ----------
    p_values
        p-values of the tested pairs (the edges), in any order. Those of 1 say nothing and count
        nowhere: edges that are no part of the family of pairs have 1.
    pairs
        Number of pairs that were looked at, tested ones included; the others have p = 1. An upper
        bound of their number keeps the promise.
    alpha
        Chance that any of the bounds, whatever set they are asked for, is too large.
    dependence
        ``"positive"`` (Simes' inequality holds) or ``"any"`` (Hommel's constant: alpha is divided
        by 1 + 1/2 + ... + 1/pairs).

    Attributes
    ----------
    h : int
        How many of all pairs may be null, at most.

    Raises
    ------
    ParameterError
        Where a p-value is no probability, `alpha` no level, or there are fewer pairs than p-values.

    Examples
    --------
    >>> bounds = SimultaneousBounds(np.array([1e-9, 1e-8, 2e-7, 0.3]), pairs=1_000)
    >>> bounds.all(), bounds.at_least([1e-9, 0.3]), bounds.at_least([0.3])
    (3, 1, 0)
    """

    def __init__(
        self, p_values: ArrayLike, pairs: int, alpha: float = 0.05, dependence: str = "positive"
    ) -> None:
        one_of(dependence, DEPENDENCES, "dependence")
        if not 0 < alpha < 1:
            raise ParameterError(f"alpha={alpha!r} is not a level between 0 and 1.")
        p = _checked(p_values)
        if len(p) > pairs:
            raise ParameterError(
                f"pairs={pairs!r} is less than the {len(p)} p-values; give the number of all pairs "
                "that were looked at."
            )
        self.pairs = int(pairs)
        self.alpha = float(alpha)
        self.dependence = dependence
        self.level = self.alpha
        if dependence == "any" and pairs:
            # rounding must not raise it
            self.level = self.alpha / harmonic(self.pairs) * (1 - 1e-12)
        # h p <= alpha k for some k is all that matters, and h is m or nearly so
        small = p[p * self.pairs <= self.level * len(p) * (1 + 1e-12)]
        self.h = hommel_h(np.sort(small), self.pairs, self.level)
        self._all = true_discoveries(p, self.h, self.level)

    def at_least(self, p_of_set: ArrayLike) -> int:
        """Return how many pairs of a set truly act together, at least.

        Parameters
        ----------
        p_of_set
            p-values of the edges inside the set, of those that the bounds were made of. The set's
            other pairs have p = 1: they add nothing and may be left out.

        Returns
        -------
        int
            0 up to the number of p-values given. Cost: linear.
        """
        return true_discoveries(_checked(p_of_set), self.h, self.level)

    def all(self) -> int:
        """Return how many of all tested pairs truly act together, at least."""
        return self._all

    def __repr__(self) -> str:
        return (
            f"SimultaneousBounds(at least {self._all:,} of {self.pairs:,} pairs, "
            f"alpha={self.alpha}, dependence={self.dependence!r})"
        )


def _checked(p_values: ArrayLike) -> Floats:
    """Return the p-values below 1, or say which is none."""
    p = np.asarray(p_values, np.float64)
    wrong = np.flatnonzero(~((p >= 0) & (p <= 1)))
    if len(wrong):
        raise ParameterError(
            f"p-value number {wrong[0]} is {p[wrong[0]]!r}; p-values lie between 0 and 1."
        )
    return p[p < 1]
