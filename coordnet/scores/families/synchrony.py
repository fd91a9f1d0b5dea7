"""Family synchrony: how much of what the members do is done together, and how closely."""

from __future__ import annotations

import itertools
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from coordnet.graphs.true_pairs import certain_pairs
from coordnet.scores.reference import RESAMPLES, bootstrap_interval, median_intervals
from coordnet.scores.view import Absent, Estimate, Floats, UnavailableError, View, score
from coordnet.times import SECOND


@score(
    "synchrony",
    "Share of the members' actions that have an action of another member on the same object within "
    "the window. The reference is the share of the actions of accounts in no cluster that have an "
    "action of anybody else.",
    "share",
    (0, 1),
    of="layer",
)
def synchronised_actions(view: View) -> Estimate:
    """Return the share of members' actions with another member's co-action.

    On the log of the graph, so of the kinds it was made of; of a co-timing graph the share of
    events with another member's event inside the window. The interval resamples the members.
    """
    acts = view.acts
    found = view.lags >= 0
    value = view.per_cluster(acts.indptr, found, np.mean)
    reference = np.full(len(value), view.company_of_others.share)
    rng = np.random.default_rng(view.inputs.seed + 3)
    drawn = np.full((len(value), RESAMPLES), np.nan)
    for i, (a, b) in enumerate(zip(acts.indptr[:-1], acts.indptr[1:], strict=True)):
        member = np.unique(acts.account[a:b], return_inverse=True)[1]
        n = int(member.max(initial=-1)) + 1
        if n:
            times = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES)
            drawn[i] = (times @ np.bincount(member, found[a:b], n)) / (times @ np.bincount(member))
    low, high = bootstrap_interval(drawn, view.sizes)
    return Estimate(
        value, reference=reference, effect=value - reference, low=low, high=high,
        actions=np.diff(acts.indptr),
    )  # fmt: skip


@score(
    "synchrony",
    "Number of objects on which two or more members act together.",
    "objects",
    of="layer",
    whole=True,
)
def synchronised_objects(view: View) -> Estimate | Absent:
    """Return the number of objects with at least one co-action of members."""
    if not view.graph.relation.on_objects:
        return Absent(f"{view.graph.relation.title}: accounts do not meet on objects")
    acts = view.acts
    found = view.lags
    units = np.where(found >= 0, acts.unit, -1)
    count = view.per_cluster(acts.indptr, units, lambda part: len(np.unique(part[part >= 0])))
    return Estimate(np.nan_to_num(count), actions=np.diff(acts.indptr))


@score(
    "synchrony",
    "Median time from a synchronised action to the nearest action of another member on the same "
    "object. It is never finer than the times of the log. The reference is that of accounts in no "
    "cluster, to anybody else. The interval treats actions as independent.",
    "seconds",
    of="layer",
)
def median_lag(view: View) -> Estimate:
    """Return the median over synchronised actions of the lag to the nearest other member's."""
    found = view.lags

    def middle(part: NDArray[np.int64]) -> float:
        together = part[part >= 0]
        return float(np.median(together)) / SECOND if len(together) else np.nan

    value = view.per_cluster(view.acts.indptr, found, middle)
    together = np.nan_to_num(view.per_cluster(view.acts.indptr, found >= 0, np.sum))
    reference = np.full(len(value), view.company_of_others.lag)
    low, high = median_intervals(np.append(0, np.cumsum(together)).astype(int), found[found >= 0])
    return Estimate(
        value, reference=reference, effect=value - reference, low=low / SECOND, high=high / SECOND,
        actions=together.astype(np.int64),
    )  # fmt: skip


@score(
    "synchrony",
    "How often members met: number of (pair of members, object) with a co-action. The reference is "
    "how often they would have met at the speed of accounts outside the cluster on the same "
    "objects. The p-value is that of the group test, as if this group had been named before "
    "looking.",
    "pairs",
    of="layer",
    whole=True,
)
def synchronised_pairs(view: View) -> Estimate | Absent:
    """Return observed over expected synchronised pairs, and the leave-cluster-out p-value.

    Expected: the sum over objects and pairs of members of 1 - (1 - chance_o)^(m_uo m_vo), with
    chance_o from accounts outside the cluster, shrunk to the class of the object. The p-value is
    p_C of the group test: it is not corrected for finding the cluster in the same data.
    """
    tests = view.group_tests
    observed = np.array([test.observed_pairs for test in tests], float)
    expected = np.array([test.expected_pairs for test in tests], float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Estimate(
            observed,
            reference=expected,
            effect=np.where(expected > 0, observed / expected, np.nan),
            p_value=np.minimum([view.tried * test.p_value for test in tests], 1.0),
        )


@score(
    "synchrony",
    "At least so many pairs of members act together beyond chance, with 95 % confidence, however "
    "the cluster was chosen. The reference is the number of all pairs of members.",
    "pairs",
    whole=True,
    of="layer",
)
def pairs_at_least(view: View) -> Estimate | Absent:
    """Return the bound on true pairs (Goeman & Solari 2011); see `coordnet.true_pairs`."""
    bounds = _bounds(view)
    if bounds is None:
        return Absent("the edges were not tested")
    return Estimate(bounds, reference=_all_pairs(view))


@score(
    "synchrony",
    "At least this share of the pairs of members acts together beyond chance, with 95 % "
    "confidence, however the cluster was chosen.",
    "share",
    (0, 1),
    of="layer",
)
def pair_share_at_least(view: View) -> Estimate | Absent:
    """Return the bound on true pairs over the number of pairs of members."""
    bounds = _bounds(view)
    if bounds is None:
        return Absent("the edges were not tested")
    return Estimate(bounds / np.maximum(_all_pairs(view), 1.0))


@score(
    "synchrony",
    "Log10 evidence of the group test, corrected for all groups of this size that could have been "
    "picked. Above 1.3 the group as a whole is significant at 5 %, however it was searched for. "
    "Below that the test of the group as a whole is inconclusive. A large cluster can be "
    "inconclusive as a whole although each of its pairs is certain.",
    "log10",
    (float("-inf"), float("inf")),
    of="layer",
)
def group_evidence(view: View) -> Estimate | Absent:
    """Return -log10 p_C - log10 binom(n, |C|) - log10(|C| (|C| - 1)); see the group test."""
    return Estimate(view.evidence)


@score(
    "synchrony",
    "Number of separate occasions on which members act together. Synchronised objects with short "
    "gaps between them, such as the posts of one thread, are one occasion.",
    "occasions",
    of="layer",
    whole=True,
)
def occasions(view: View) -> Estimate | Absent:
    """Return the number of occasions of the group test."""
    tests = view.group_tests
    return Estimate(np.array([test.occasions for test in tests], float))


@score(
    "synchrony",
    "Log10 evidence of the group test. The p-value is corrected for the selection of the cluster: "
    "it is the share of null runs of the whole detection that come upon as much evidence, in logs "
    "with shuffled accounts or with swapped profiles, whichever is larger.",
    "log10",
    (float("-inf"), float("inf")),
    "null_runs",
)
def selection(view: View) -> Estimate | Absent:
    """Return the evidence of each cluster with (1 + null runs that reach it) / (runs + 1)."""
    if not view.inputs.null_runs:
        return Absent("no null_runs= are asked for")
    evidence = view.clusters.evidence
    if evidence is None:
        evidence = np.full(len(view.clusters), np.nan)
        for numbers, part in view.parts:
            with suppress(UnavailableError):
                evidence[numbers] = part.evidence
        if len(evidence) and np.isnan(evidence).all():
            return Absent("the clusters have no evidence of the group test")
    runs = view.nulls
    assert runs is not None
    p_value = np.where(np.isnan(evidence), np.nan, runs.p_values(evidence))
    return Estimate(evidence, p_value=p_value)


def _all_pairs(view: View) -> Floats:
    """Return the number of pairs of members."""
    n = view.sizes.astype(float)
    pairs: Floats = n * (n - 1) / 2
    return pairs


def _bounds(view: View) -> Floats | None:
    """Return the bound on true pairs of each cluster, None where the edges were not tested."""
    if view.graph.tested is None:
        return None
    indptr, edges = view.inside
    pairs = itertools.pairwise(indptr.tolist())
    return np.array([certain_pairs(view.graph, edges[a:b]) for a, b in pairs], float)
