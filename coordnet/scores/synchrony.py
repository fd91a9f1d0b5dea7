"""Family synchrony: how much of what the members do is done together, and how closely."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coordnet import _kernels
from coordnet.scores.view import Absent, Estimate, View, score
from coordnet.times import SECOND


@score(
    "synchrony",
    "Share of the members' actions that have an action of another member on the same object "
    "inside the window.",
    "share",
    (0, 1),
)
def synchronised_actions(view: View) -> Estimate:
    """Return the share of members' actions with another member's co-action.

    On the log of the graph, so of the kinds it was made of; of a co-timing graph the share of
    events with another member's event inside the window.
    """
    found = lags(view)
    together = view.per_cluster(view.acts.indptr, found >= 0, np.mean)
    return Estimate(together, actions=np.diff(view.acts.indptr))


@score("synchrony", "Number of objects on which two or more members act together.", "objects")
def synchronised_objects(view: View) -> Estimate | Absent:
    """Return the number of objects with at least one co-action of members."""
    if view.graph.relation == "co-timing":
        return Absent("a co-timing graph has no objects")
    acts = view.acts
    found = lags(view)
    units = np.where(found >= 0, acts.unit, -1)
    count = view.per_cluster(acts.indptr, units, lambda part: len(np.unique(part[part >= 0])))
    return Estimate(np.nan_to_num(count), actions=np.diff(acts.indptr))


@score(
    "synchrony",
    "Median time from a synchronised action to the nearest action of another member on the same "
    "object.",
    "seconds",
)
def median_lag(view: View) -> Estimate:
    """Return the median over synchronised actions of the lag to the nearest other member's."""
    found = lags(view)

    def middle(part: NDArray[np.int64]) -> float:
        together = part[part >= 0]
        return float(np.median(together)) / SECOND if len(together) else np.nan

    value = view.per_cluster(view.acts.indptr, found, middle)
    together = view.per_cluster(view.acts.indptr, found >= 0, np.sum)
    return Estimate(value, actions=np.nan_to_num(together).astype(np.int64))


@score(
    "synchrony",
    "(Pair of members, object) with a co-action, over all pairs of members; the reference is what "
    "the chances of accounts outside the cluster give, the p-value that of the group test with "
    "those chances, for a set chosen beforehand.",
    "pairs",
)
def synchronised_pairs(view: View) -> Estimate | Absent:
    """Return observed over expected synchronised pairs, and the leave-cluster-out p-value.

    Expected: the sum over objects and pairs of members of 1 - (1 - chance_o)^(m_uo m_vo), with
    chance_o from accounts outside the cluster, shrunk to the class of the object. The p-value is
    p_C of :mod:`coordnet.groups`: that the cluster was found in the same data is not paid for.
    """
    tests = view.group_tests
    if tests is None:
        return Absent("a co-timing graph has no objects")
    observed = np.array([test.observed_pairs for test in tests], float)
    expected = np.array([test.expected_pairs for test in tests], float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Estimate(
            observed,
            reference=expected,
            effect=np.where(expected > 0, observed / expected, np.nan),
            p_value=np.array([test.p_value for test in tests], float),
        )


@score(
    "synchrony",
    "Evidence of the group test in decades, after the price of picking this set among all sets of "
    "its size; above 1.3 it holds at 5 % whatever was searched. Large clusters that are seen pair "
    "by pair can have less than none.",
    "decades",
    (float("-inf"), float("inf")),
)
def group_evidence(view: View) -> Estimate | Absent:
    """Return -log10 p_C - log10 binom(n, |C|) - log10(|C| (|C| - 1)); see coordnet.groups."""
    tests = view.group_tests
    if tests is None:
        return Absent("a co-timing graph has no objects")
    return Estimate(np.array([test.evidence for test in tests], float))


@score(
    "synchrony",
    "Occasions on which members act together: synchronised objects, those of one sitting as one.",
    "occasions",
)
def occasions(view: View) -> Estimate | Absent:
    """Return the number of occasions of the group test."""
    tests = view.group_tests
    if tests is None:
        return Absent("a co-timing graph has no objects")
    return Estimate(np.array([test.occasions for test in tests], float))


def lags(view: View) -> NDArray[np.int64]:
    """Return the lag of each act to the nearest of another member in its window, -1 for none."""
    acts = view.acts
    found: NDArray[np.int64] = _kernels.nearest_lags(acts.account, acts.time, acts.low, acts.high)
    return found
