"""Linhares et al. (2022): weekly backbones, by disparity and by common neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.clusters.communities import find_clusters
from coordnet.errors import check_number, check_whole
from coordnet.graphs.bipartite import binary, counts, products
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.relation import Given
from coordnet.log.actions import ActionLog, check_log
from coordnet.recipes.recipe import made, recipe
from coordnet.times import Duration, duration


@recipe(
    "Linhares, R. S., Rosa, J. M., Ferreira, C. H. G., Murai, F., Nobre, G. & Almeida, J. M. "
    "(2022). Uncovering coordinated communities on Twitter during the 2020 U.S. election. IEEE/ACM "
    "International Conference on Advances in Social Networks Analysis and Mining, 80-87."
)
def linhares(
    log: ActionLog,
    alpha: float = 0.05,
    threshold: float = 0.39,
    *,
    week: Duration = "7d",
    min_weight: int = 1,
    method: str = "louvain",
    resolution: float | None = None,
    seed: int = 0,
    min_size: int = 3,
    threads: int | None = None,
) -> Clusters:
    """Linhares et al. 2022: communities of weekly networks' backbones.

    In each week two accounts are joined by the objects that both act on; edges with a disparity
    p-value below `alpha` stay, then those whose ends have a neighbourhood overlap of at least
    `threshold` in what is left. Communities are those of all weeks together, an edge weighing what
    it weighs in the weeks that keep it; for one week give that part of the log.

    Parameters
    ----------
    log
        The actions; the paper's are retweets.
    alpha
        Level of the disparity filter.
    threshold
        Least neighbourhood overlap.
    week
        Length of a window; windows follow one another from the first action on.
    min_weight
        Least number of common objects in a week.
    method, resolution, seed, min_size
        As in :func:`coordnet.find_clusters`.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    Clusters
        ``found.graph`` has edge columns ``weight`` and ``weeks``, in how many it is kept.

    References
    ----------
    Linhares, R. S., Rosa, J. M., Ferreira, C. H. G., Murai, F., Nobre, G. & Almeida, J. M. (2022).
    Uncovering coordinated communities on Twitter during the 2020 U.S. election. ASONAM, 80-87.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> cn.recipes.linhares(log, alpha=0.5).graph.weight
    'weight'
    """
    check_log(log)
    alpha = check_number(alpha, "alpha", above=0, at_most=1)
    threshold = check_number(threshold, "threshold", at_least=0, at_most=1)
    least = check_whole(min_weight, "min_weight", 1)
    width = duration(week, "week")
    start = log.limits[0] if log.limits else 0
    number = (log.time - start) // max(width, 1)
    keys, weights = [np.zeros(0, np.int64)], [np.zeros(0)]
    for w in np.unique(number):
        part = log.where(number == w, "another week")
        pairs = products(binary(counts(part)), least - 1 + 1e-9, threads)
        edges: dict[str, NDArray[Any]] = {
            "source": pairs.i, "target": pairs.j, "weight": pairs.value
        }  # fmt: skip
        weekly = CoordinationGraph(
            log.all_accounts, edges, Given("a week"), "weight", least, part
        )  # fmt: skip
        weekly = weekly.backbone("disparity", alpha=alpha)
        weekly = weekly.backbone("neighbourhood_overlap", threshold=threshold)
        keys.append(weekly.edges["source"].astype(np.int64) << 32 | weekly.edges["target"])
        weights.append(weekly.weights)
    every, at = np.unique(np.concatenate(keys), return_inverse=True)
    columns = {
        "source": every >> 32, "target": every & 0xFFFFFFFF,
        "weight": np.rint(np.bincount(at, np.concatenate(weights), len(every))).astype(np.int64),
        "weeks": np.bincount(at, minlength=len(every)),
    }  # fmt: skip
    parameters = {
        "alpha": alpha, "threshold": threshold, "week": week, "min_weight": min_weight,
        "method": method, "resolution": resolution, "seed": seed, "min_size": min_size,
    }  # fmt: skip
    graph = made(log, linhares, columns, parameters=parameters)
    return find_clusters(graph, method, resolution=resolution, seed=seed, min_size=min_size)
