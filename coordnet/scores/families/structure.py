"""Family structure: how tightly the members are joined, and how well apart from the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from coordnet.kernels import clusters as cluster_kernels
from coordnet.scores.reference import median_intervals
from coordnet.scores.view import Estimate, Floats, View, score


@score(
    "structure",
    "Share of the pairs of members that are joined by an edge. The reference is the same share "
    "among the other accounts that have an edge.",
    "share",
    (0, 1),
    of="layer",
)
def density(view: View) -> Estimate:
    """Return edges inside / (n (n - 1) / 2)."""
    graph, n = view.graph, view.sizes.astype(float)
    edges, degree = _inside(view, np.ones(graph.n_edges))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = edges / (n * (n - 1) / 2)
        others = graph.n_accounts - n
        reference = (graph.n_edges - edges - _cut(view)) / (others * (others - 1) / 2)
        m = n[_cluster(view)] - 1
        without = (edges[_cluster(view)] - degree) / (m * (m - 1) / 2)
    return _estimate(view, value, reference, without, 1.0)


@score(
    "structure",
    "Mean weight of the edges between members. The reference is that of all other edges.",
    "weight",
    of="layer",
)
def mean_weight(view: View) -> Estimate:
    """Return the mean weight of the edges between members."""
    graph = view.graph
    edges, degree = _inside(view, np.ones(graph.n_edges))
    weight, strength = _inside(view, graph.weights)
    of = _cluster(view)
    with np.errstate(invalid="ignore", divide="ignore"):
        reference = (graph.weights.sum() - weight) / (graph.n_edges - edges)
        without = (weight[of] - strength) / (edges[of] - degree)
        return _estimate(view, weight / edges, reference, without, np.inf)


@score(
    "structure",
    "Median weight of the edges between members. The reference is that of the edges inside no "
    "cluster.",
    "weight",
    of="layer",
)
def median_weight(view: View) -> Estimate:
    """Return the median weight of the edges between members; its interval treats edges alike."""
    graph = view.graph
    indptr, edges = view.inside
    rest = graph.weights[view.edges_in_no_cluster]
    reference = np.full(len(view.clusters), np.median(rest) if len(rest) else np.nan)
    weights = graph.weights[edges]
    low, high = median_intervals(indptr, weights)
    value = view.per_cluster(indptr, weights, np.median)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Estimate(value, reference=reference, effect=value / reference, low=low, high=high)


@score(
    "structure",
    "Weight of the edges that leave the cluster, divided by the weight at all edge ends of the "
    "cluster or of the rest, whichever is less. It is 0 for a cluster that is joined to nobody "
    "else.",
    "share",
    (0, 1),
    of="layer",
)
def conductance(view: View) -> Estimate:
    """Return cut(C) / min(vol(C), vol(rest)), by weight (Kannan, Vempala & Vetta 2004).

    NaN where the cluster has all the weight there is. The reference is that of a set whose edges
    lead to members and others at random: (total - vol) / total, or 1 where that is less.
    """
    graph = view.graph
    strength = np.zeros(len(graph.all_accounts))
    for end in ("source", "target"):
        strength += np.bincount(graph.edges[end], graph.weights, len(graph.all_accounts))
    clusters, of = view.clusters, _cluster(view)
    total = strength.sum()
    volume = np.nan_to_num(view.per_cluster(clusters.indptr, strength[clusters.indices], np.sum))
    inside, own = _inside(view, graph.weights)

    def share(volume: Floats, inside: Floats) -> Floats:
        least = np.minimum(volume, total - volume)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(least > 0, (volume - 2 * inside) / least, np.nan)

    without = share(volume[of] - strength[clusters.indices], inside[of] - own)
    with np.errstate(invalid="ignore", divide="ignore"):
        cut = volume * (total - volume) / total
        reference = np.minimum(cut / np.minimum(volume, total - volume), 1.0)
    return _estimate(view, share(volume, inside), reference, without, 1.0)


@score(
    "structure",
    "Share of all edges of the graph that are weaker than the highest weight threshold at which "
    "half of the cluster is still connected.",
    "share",
    (0, 1),
    of="layer",
)
def coordination_extent(view: View) -> Estimate:
    """Return the coordination extent (Nizzoli et al. 2021, ICWSM), as a percentile.

    The highest threshold t such that the edges of weight >= t still join at least half of the
    members into one component, given as the share of the graph's edges with a weight below t.
    NaN where no threshold does, as in a cluster without edges.
    """
    graph = view.graph
    indptr, edges = view.inside
    threshold = cluster_kernels.half_connected_weight(
        graph.edges["source"], graph.edges["target"], graph.weights.astype(np.float64),
        indptr, edges, view.sizes, np.arange(len(graph.all_accounts)),
    )  # fmt: skip
    ranked = np.sort(graph.weights)
    below = np.searchsorted(ranked, threshold, side="left") / max(len(ranked), 1)
    return Estimate(np.where(np.isnan(threshold), np.nan, below))


def _cluster(view: View) -> NDArray[np.int64]:
    """Return the cluster of each membership."""
    return np.repeat(np.arange(len(view.clusters)), view.sizes)


def _inside(view: View, values: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return the sums of a value of edges inside each cluster, and at each membership."""
    graph, clusters = view.graph, view.clusters
    indptr, edges = view.inside
    whole = np.nan_to_num(view.per_cluster(indptr, values[edges], np.sum))
    own = np.zeros(len(clusters.indices))
    for i in range(len(clusters)):
        members, part = clusters.members(i), edges[indptr[i] : indptr[i + 1]]
        begin = int(clusters.indptr[i])
        for end in ("source", "target"):
            at = begin + np.searchsorted(members, graph.edges[end][part])
            np.add.at(own, at, values[part])
    return whole, own


def _cut(view: View) -> Floats:
    """Return the number of edges that lead out of each cluster."""
    graph = view.graph
    degree = np.zeros(len(graph.all_accounts))
    for end in ("source", "target"):
        degree += np.bincount(graph.edges[end], minlength=len(graph.all_accounts))
    whole = view.per_cluster(view.clusters.indptr, degree[view.clusters.indices], np.sum)
    cut: Floats = whole - 2 * np.diff(view.inside[0])
    return cut


def _estimate(
    view: View, value: Floats, reference: Floats, without: Floats, most: float
) -> Estimate:
    """Return the estimate with the interval of the jackknife over members (Efron & Stein 1981).

    `without` is the value without each member; the variance of a statistic of n accounts is
    (n - 1) / n times the sum of squares of these about their mean, which is not too small on
    average.
    """
    n = view.sizes.astype(float)

    def spread(part: Floats) -> float:
        known = part[np.isfinite(part)]
        m = len(known)
        return (
            float(np.sqrt((m - 1) / m * ((known - known.mean()) ** 2).sum())) if m > 2 else np.nan
        )

    half = view.per_cluster(view.clusters.indptr, without, spread)
    half = half * stdtrit(np.maximum(n - 1, 1), 0.975)
    share = most == 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        effect = value - reference if share else value / reference
    return Estimate(
        value,
        reference=np.where(np.isfinite(reference), reference, np.nan),
        effect=np.where(np.isfinite(effect), effect, np.nan),
        low=np.maximum(value - half, 0.0),
        high=np.minimum(value + half, most),
    )
