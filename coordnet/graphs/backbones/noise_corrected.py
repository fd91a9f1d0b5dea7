"""The noise-corrected backbone (Coscia & Neffke 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from coordnet.errors import check_number
from coordnet.graphs.backbones import Kept, backbone

if TYPE_CHECKING:
    from coordnet.graphs.graph import CoordinationGraph


@backbone("noise_corrected")
def noise_corrected(graph: CoordinationGraph, delta: float = 1.64) -> Kept:
    """Keep the edges heavier than the strengths of their ends explain, by `delta` deviations.

    With N the sum of all strengths, s the strength of an end, w the weight, kappa = N / (s_i s_j):

        score = (kappa w - 1) / (kappa w + 1)

    w is taken as binomial with N draws and a chance whose prior is beta, with the mean and variance
    of the hypergeometric distribution of s_i, s_j; the posterior mean p gives the variance of w,
    N p (1 - p), and by the delta method that of the score,

        var(score) = N p (1 - p) (2 (kappa + w dkappa/dw) / (kappa w + 1)^2)^2,
        dkappa/dw = 1 / (s_i s_j) - N (s_i + s_j) / (s_i s_j)^2.

    Coscia, M. & Neffke, F. M. H. (2017), Network backboning with noisy data, IEEE ICDE, 425-436.

    Parameters
    ----------
    graph
        The graph; each edge is one of both directions, as in the authors' code.
    delta
        How many standard deviations the score must exceed 0: 1.28, 1.64, 2.32 for one-sided 10, 5
        and 1 %.
    """
    delta = check_number(delta, "delta")
    if not graph.n_edges:
        none = np.zeros(0)
        return Kept(np.ones(0, bool), {"noise_score": none, "noise_deviation": none})
    a, b = graph.ends
    w = graph.weights.astype(float)
    n = graph.n_accounts
    strength = np.bincount(a, w, n) + np.bincount(b, w, n)
    s, t, total = strength[a], strength[b], strength.sum()
    mean = s * t / total / total
    variance = s * t * (total - s) * (total - t) / (total**2 * total**2 * (total - 1))
    prior = mean**2 / variance * (1 - mean) - mean
    other = mean / variance * (1 - mean**2) - (1 - mean)
    p = (prior + w) / (prior + other + total)
    kappa = total / (s * t)
    score = (kappa * w - 1) / (kappa * w + 1)
    slope = 1 / (s * t) - total * (s + t) / (s * t) ** 2
    deviation = np.sqrt(total * p * (1 - p) * (2 * (kappa + w * slope) / (kappa * w + 1) ** 2) ** 2)
    return Kept(score > delta * deviation, {"noise_score": score, "noise_deviation": deviation})
