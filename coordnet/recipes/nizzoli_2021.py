"""Nizzoli et al. (2021): the most active retweeters, TF-IDF cosine, a multiscale backbone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coordnet.clusters.clusters import Clusters
from coordnet.clusters.communities import find_clusters
from coordnet.errors import check_number
from coordnet.graphs.backbones.disparity import disparity_p
from coordnet.graphs.bipartite import binary, counts, products, tf_idf
from coordnet.log.actions import ActionLog
from coordnet.recipes.recipe import made, of_kind, recipe, similar


@recipe(
    "Nizzoli, L., Tardelli, S., Avvenuti, M., Cresci, S. & Tesconi, M. (2021). Coordinated "
    "behavior on social media in 2019 UK general election. Proceedings of the International AAAI "
    "Conference on Web and Social Media 15, 443-454."
)
def nizzoli(
    log: ActionLog,
    top: float = 0.01,
    alpha: float = 0.05,
    *,
    method: str = "louvain",
    resolution: float | None = None,
    seed: int = 0,
    min_size: int = 3,
    kind: str | Sequence[str] | None = "retweet",
    threads: int | None = None,
) -> Clusters:
    """Nizzoli et al. 2021: communities of the busiest retweeters by what they retweet.

    1. The share `top` of the accounts with most retweets.
    2. Cosine of their TF-IDF vectors, idf = ln((1 + n) / (1 + df)) + 1.
    3. The multiscale backbone: edges with a disparity p-value below `alpha` at one end or both
       (Serrano et al. 2009).
    4. Louvain.

    How coordinated each community is, the paper reads off a threshold that moves over the weights:
    the score ``coordination_extent`` of :func:`coordnet.score_clusters`.

    Parameters
    ----------
    log
        The actions.
    top
        The share of accounts, by actions; those that tie with the last take part.
    alpha
        Level of the backbone.
    method, resolution, seed, min_size
        As in :func:`coordnet.find_clusters`.
    kind
        The kind or kinds of action that are meant, where the log has several; None takes all
        together.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    Clusters
        ``found.graph`` is the backbone, with edge columns ``similarity`` and ``disparity_p``.

    References
    ----------
    Nizzoli, L., Tardelli, S., Avvenuti, M., Cresci, S. & Tesconi, M. (2021). Coordinated behavior
    on social media in 2019 UK general election. ICWSM 15, 443-454.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> cn.recipes.nizzoli(log, top=0.5).graph.weight
    'similarity'
    """
    top = check_number(top, "top", above=0, at_most=1)
    alpha = check_number(alpha, "alpha", above=0, at_most=1)
    part = of_kind(log, kind, "nizzoli")
    matrix = counts(part)
    acted = np.asarray(matrix.sum(axis=1)).ravel()
    some = acted[acted > 0]
    least = max(np.quantile(some, 1 - top), 1) if len(some) else 1
    chosen = np.flatnonzero(acted >= least)
    pairs = products(tf_idf(binary(matrix[chosen])), threads=threads)
    p = disparity_p(len(chosen), pairs.i, pairs.j, pairs.value)
    edges = similar(pairs.where(p < alpha).of(chosen)) | {"disparity_p": p[p < alpha]}
    parameters = {
        "top": top, "alpha": alpha, "method": method, "resolution": resolution, "seed": seed,
        "min_size": min_size,
        "kind": kind,
    }  # fmt: skip
    graph = made(part, nizzoli, edges, weight="similarity", parameters=parameters)
    return find_clusters(graph, method, resolution=resolution, seed=seed, min_size=min_size)
