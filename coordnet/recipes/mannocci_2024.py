"""Mannocci et al.: TF-IDF cosines in sliding windows, averaged, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.clusters.communities import find_clusters
from coordnet.errors import check_number, check_whole, one_of
from coordnet.graphs.bipartite import accounts_on, binary, counts, objects_of, products, tf_idf
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex
from coordnet.log.actions import ActionLog
from coordnet.recipes.layers import graphs_by_kind
from coordnet.recipes.multislice import multislice, no_clusters
from coordnet.recipes.recipe import check_variant, made, recipe
from coordnet.times import SECOND, Duration, duration

#: least number of co-actions of an edge, by kind
MIN_CO_ACTIONS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "paper": {"retweet": 26, "reply": 4, "domain": 3, "mention": 48, "hashtag": 14},
        "2026": {"retweet": 2, "reply": 2, "domain": 2, "mention": 2, "hashtag": 7},
    }
)
WINDOWS = MappingProxyType({"paper": ("6h", "5h"), "2026": ("7d", "6d")})


def window_starts(log: ActionLog, width: int, step: int) -> list[int]:
    """Return where windows begin: from the first action on, the last reaches the last action."""
    if log.limits is None:
        return []
    first, last = log.limits
    starts = [first]
    while starts[-1] + width < last:
        starts.append(starts[-1] + step)
    return starts


@recipe(
    "Mannocci, L. et al. Multimodal coordinated behavior: sliding windows and layers of co-actions "
    "(code github.com/lmannocci/Multimodal-Coordinated-Behavior; of 2026, CoordGalaxy)."
)
def mannocci(
    log: ActionLog,
    time_window: Duration | None = None,
    slide: Duration | None = None,
    min_co_actions: Mapping[str, int] | int | None = None,
    *,
    variant: str = "paper",
    kinds: Sequence[str] | None = None,
    method: str = "generalised louvain",
    omega: float = 0.1,
    resolution: float = 1.0,
    seed: int = 0,
    min_size: int = 3,
    threads: int | None = None,
) -> Clusters:
    """Mannocci et al.: accounts alike in sliding windows, layer by layer.

    In each layer, of retweets, replies, domains, mentions and hashtags:

    1. Windows of `time_window`, both ends included, slide by `slide` from the first action on.
    2. In a window, the cosine of TF-IDF vectors of two accounts, with counts and idf = ln((1 + n) /
       (1 + df)) + 1, and their number of common objects.
    3. Similarities are averaged over the windows in which the pair has one, common objects added up
       (an object in two windows counts in both).
    4. Pairs of at least `min_co_actions` common objects stay, then those of at least the median
       similarity of these.

    Parameters
    ----------
    log
        The actions, with their kinds.
    time_window, slide
        Length and step of the windows; None takes those of the variant.
    min_co_actions
        By kind, or one number for all; None takes those of the variant, 2 for other kinds.
    variant
        ``"paper"``: 6 h sliding by 5 h, minimum 26, 4, 3, 48, 14 for retweet, reply, domain,
        mention, hashtag. ``"2026"``, the newest code: 7 days by 6 days, minimum 2, 2, 2, 2, 7.
    kinds
        The layers; None for all kinds of the log.
    method
        ``"generalised louvain"``: communities of all layers together, by multislice modularity
        (here with Leiden); or ``"louvain"``: of the layers combined.
    omega
        Weight of the tie of an account with itself between layers.
    resolution
        Of ``"louvain"``.
    seed, min_size
        As in :func:`coordnet.find_clusters`.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    Clusters
        ``found.layers`` has a graph for each kind, with edge columns ``similarity``,
        ``co_actions`` and ``windows``.

    References
    ----------
    Mannocci, L. et al. Multimodal coordinated behavior, and CoordGalaxy (2026): published code.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log.select("retweet")
    >>> cn.recipes.mannocci(log, variant="2026").graph.weight
    'similarity'
    """
    check_variant(variant, WINDOWS)
    one_of(method, ("generalised louvain", "louvain"), "method")
    omega = check_number(omega, "omega", at_least=0)
    width, step = (
        duration(default if given is None else given, name)
        for given, default, name in zip(
            (time_window, slide), WINDOWS[variant], ("time_window", "slide"), strict=True
        )
    )
    step = max(step, 1)
    parameters = {
        "time_window": time_window, "slide": slide, "variant": variant, "method": method,
        "min_co_actions": min_co_actions if isinstance(min_co_actions, int) else None,
        "omega": omega, "resolution": resolution, "seed": seed, "min_size": min_size,
    }  # fmt: skip

    def layer(part: ActionLog, kind: str) -> CoordinationGraph:
        least = min_co_actions
        if least is None or isinstance(least, Mapping):
            least = (MIN_CO_ACTIONS[variant] if least is None else least).get(kind, 2)
        least = check_whole(least, "min_co_actions", 0)
        edges = _averaged(part, width, step, threads)
        keep = edges["co_actions"] >= least
        if keep.any():
            keep &= edges["similarity"] >= np.median(edges["similarity"][keep])
        edges = {name: column[keep] for name, column in edges.items()}
        return made(part, mannocci, edges, weight="similarity", parameters=parameters, layer=kind)

    layers = graphs_by_kind(log, kinds, layer)
    some = [graph for graph in layers if graph.n_edges]
    if not some:
        return no_clusters(Multiplex(tuple(layers)).combined, method)
    if len(some) == 1 or method == "louvain":
        found = some[0] if len(some) == 1 else Multiplex(tuple(some))
        return find_clusters(found, "louvain", resolution=resolution, seed=seed, min_size=min_size)
    return multislice(some, omega, seed, min_size)


def _averaged(
    log: ActionLog, width: int, step: int, threads: int | None
) -> dict[str, NDArray[Any]]:  # fmt: skip
    """Return the mean similarity and the common objects of every pair over all windows."""
    keys, values, common = [], [], []
    second = log.time // SECOND * SECOND  # the code compares dates as text, to the second
    for first in window_starts(log, width, step):
        start = first // SECOND * SECOND
        inside = (second >= start) & (second <= start + width)
        if not inside.any():
            continue
        matrix = counts(log.where(inside, "outside the window"))
        chosen = np.flatnonzero(objects_of(matrix) > 0)
        matrix = matrix[chosen]
        weighted = tf_idf(matrix)
        several = np.flatnonzero(accounts_on(matrix) >= 2)
        found = products(weighted[:, several], threads=threads)
        both = products(binary(matrix[:, several]), threads=threads)
        pairs = found.of(chosen)
        keys.append(pairs.i.astype(np.int64) << 32 | pairs.j)
        values.append(found.value)
        common.append(np.rint(both.value))
    every, at = np.unique(np.concatenate([np.zeros(0, np.int64), *keys]), return_inverse=True)
    windows = np.bincount(at, minlength=len(every))
    total = np.bincount(at, np.concatenate([np.zeros(0), *values]), len(every))
    objects = np.bincount(at, np.concatenate([np.zeros(0), *common]), len(every))
    return {
        "source": every >> 32, "target": every & 0xFFFFFFFF,
        "similarity": total / np.maximum(windows, 1), "co_actions": objects.astype(np.int64),
        "windows": windows,
    }  # fmt: skip
