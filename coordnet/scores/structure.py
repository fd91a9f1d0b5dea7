"""Family structure: how tightly the members are joined, and how well apart from the rest."""

from __future__ import annotations

import numpy as np

from coordnet import _kernels
from coordnet.scores.view import Estimate, View, score

INF = float("inf")


@score("structure", "Share of the pairs of members that are joined by an edge.", "share", (0, 1))
def density(view: View) -> Estimate:
    """Return edges inside / (n (n - 1) / 2)."""
    n = view.sizes.astype(float)
    with np.errstate(invalid="ignore"):
        return Estimate(np.diff(view.inside[0]) / (n * (n - 1) / 2))


@score("structure", "Mean weight of the edges between members.", "weight")
def mean_weight(view: View) -> Estimate:
    """Return the mean weight of the edges between members."""
    indptr, edges = view.inside
    return Estimate(view.per_cluster(indptr, view.graph.weights[edges], np.mean))


@score("structure", "Median weight of the edges between members.", "weight")
def median_weight(view: View) -> Estimate:
    """Return the median weight of the edges between members."""
    indptr, edges = view.inside
    return Estimate(view.per_cluster(indptr, view.graph.weights[edges], np.median))


@score(
    "structure",
    "Weight of the edges that leave the cluster, over the weight at all edge ends of the cluster "
    "or of the rest, whichever is less: 0 is a cluster that is joined to nobody else.",
    "share",
    (0, 1),
)
def conductance(view: View) -> Estimate:
    """Return cut(C) / min(vol(C), vol(rest)), by weight (Kannan, Vempala & Vetta 2004).

    NaN where the cluster has all the weight there is.
    """
    graph = view.graph
    strength = np.zeros(graph.log.n_accounts)
    for end in ("source", "target"):
        strength += np.bincount(graph.edges[end], graph.weights, graph.log.n_accounts)
    clusters = view.clusters
    volume = view.per_cluster(clusters.indptr, strength[clusters.indices], np.sum)
    indptr, edges = view.inside
    cut = volume - 2 * np.nan_to_num(view.per_cluster(indptr, graph.weights[edges], np.sum))
    least = np.minimum(volume, strength.sum() - volume)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Estimate(np.where(least > 0, cut / least, np.nan))


@score(
    "structure",
    "Share of all edges of the graph that are weaker than the highest weight threshold under "
    "which half of the cluster is still connected.",
    "share",
    (0, 1),
)
def coordination_extent(view: View) -> Estimate:
    """Return the coordination extent (Nizzoli et al. 2021, ICWSM), as a percentile.

    The highest threshold t such that the edges of weight >= t still join at least half of the
    members into one component, given as the share of the graph's edges with a weight below t.
    NaN where no threshold does, as in a cluster without edges.
    """
    graph = view.graph
    indptr, edges = view.inside
    threshold = _kernels.half_connected_weight(
        graph.edges["source"], graph.edges["target"], graph.weights.astype(np.float64),
        indptr, edges, view.sizes, np.arange(graph.log.n_accounts),
    )  # fmt: skip
    ranked = np.sort(graph.weights)
    below = np.searchsorted(ranked, threshold, side="left") / max(len(ranked), 1)
    return Estimate(np.where(np.isnan(threshold), np.nan, below))
