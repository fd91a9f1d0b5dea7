"""Weber & Neumann (2021): windows one after the other, and focal structures of their network."""

from __future__ import annotations

import statistics
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.clusters.communities import find_clusters
from coordnet.errors import ParameterError, check_number, check_whole
from coordnet.graphs.graph import CoordinationGraph
from coordnet.log.actions import ActionLog, check_log
from coordnet.recipes.pairs import pairs_at_places
from coordnet.recipes.recipe import check_variant, made, recipe
from coordnet.times import Duration, duration

CITATION = (
    "Weber, D. & Neumann, F. (2021). Amplifying influence through coordinated behaviour in social "
    "networks. Social Network Analysis and Mining 11, 111."
)


def windowed_pairs(
    log: ActionLog, width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return how often accounts act on one object in one window: (window, pair, times).

    Windows of `width` microseconds follow one another from the first action on; a pair is source
    << 32 | target. Sorted by window and pair.
    """
    start = log.limits[0] if log.limits else 0
    number = (log.time - start) // width
    place = log.object.astype(np.int64) << 32 | number  # ascending: a log stands in that order
    source, target, window = pairs_at_places(place, log.account.astype(np.int64), number)
    both = np.stack([window, source << 32 | target])[:, source != target]
    (window, pair), times = np.unique(both, axis=1, return_counts=True)
    return window, pair, times


def _weights(
    window: NDArray[np.int64],
    pair: NDArray[np.int64],
    times: NDArray[np.int64],
    alpha: float | None,
    windows: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return each pair and its weight: all windows, or the heaviest frame of some, decayed."""
    every, at = np.unique(pair, return_inverse=True)
    if alpha is None:
        return every, np.bincount(at, times, len(every)).astype(np.float64)
    heaviest = np.zeros(len(every))
    by_window: dict[int, NDArray[np.float64]] = {}
    for w in np.unique(window).tolist():
        own = window == w
        by_window[w] = np.bincount(at[own], times[own], len(every)).astype(np.float64)
    for last in by_window:
        frame = np.zeros(len(every))
        for i in range(windows):
            if last - i in by_window:
                frame += alpha**i * by_window[last - i]
        heaviest = np.maximum(heaviest, frame)
    return every, heaviest


def focal_structures(
    graph: CoordinationGraph, communities: Clusters, theta: float, variant: str
) -> list[NDArray[np.int32]]:
    """Return the members of the focal structure of each community: FSA_V.

    From the heaviest edge of a community on, the heaviest edge next to what there is is added. It
    stops where what there is weighs less, in the mean, than the network; where the edge does; or
    where the mean would fall by more than theta standard deviations (the mean itself, while there
    is one edge).
    """
    mean = float(graph.weights.mean()) if graph.n_edges else 0.0
    indptr, edges = communities.inside(graph)
    found = []
    source, target = graph.edges["source"].tolist(), graph.edges["target"].tolist()
    weight = graph.weights.tolist()
    for c in range(len(communities)):
        own = edges[indptr[c] : indptr[c + 1]].tolist()
        if not own or (variant == "code" and len(own) == 1):
            continue
        next_to: dict[int, list[int]] = defaultdict(list)
        for e in own:
            next_to[source[e]].append(e)
            next_to[target[e]].append(e)
        first = min(own, key=lambda e: (-weight[e], e))
        kept, weights = {first}, [weight[first]]
        ends = {source[first], target[first]}
        while statistics.fmean(weights) >= mean:
            near = {e for end in ends for e in next_to[end]} - kept
            if not near:
                break
            best = min(near, key=lambda e: (-weight[e], e))
            old = statistics.fmean(weights)
            spread = statistics.stdev(weights) if len(weights) > 1 else old
            new = statistics.fmean([*weights, weight[best]])
            if weight[best] < mean or new < old - theta * spread:
                break
            kept.add(best)
            weights.append(weight[best])
            new_ends = {source[best], target[best]}
            ends = new_ends if variant == "code" else ends | new_ends
        if statistics.fmean(weights) >= mean:
            members = {source[e] for e in kept} | {target[e] for e in kept}
            found.append(np.array(sorted(members), np.int32))
    return found


@recipe(CITATION)
def weber(
    log: ActionLog,
    within: Duration = "15min",
    alpha: float | None = None,
    theta: float = 0.3,
    *,
    windows: int = 5,
    variant: str = "paper",
    seed: int = 0,
    min_size: int = 2,
) -> Clusters:
    """Weber & Neumann 2021: highly coordinating communities of a latent coordination network.

    1. Windows follow one another. The weight of two accounts in a window is how often they act on
       one object in it; the log's kinds (retweets, hashtags, ...) are added up.
    2. The network is that of all windows; with `alpha` it is decayed over a sliding frame of
       `windows`: sum of alpha^i w of the window i before; of an edge the heaviest frame counts.
    3. FSA_V: Louvain, then in each community a focal structure grows from its heaviest edge.

    Parameters
    ----------
    log
        The actions.
    within
        Length of a window; the paper: 15, 60, 360 and 1,440 minutes.
    alpha
        Decay from window to window, in the paper 0.5, 0.7 or 0.9; None for none.
    theta
        By how many standard deviations the mean weight may fall; the paper: 0.3 to 0.5.
    windows
        Windows of a frame.
    variant
        ``"paper"``: the next edge is next to any account of the structure. ``"code"``: next to an
        end of the edge added last; communities of one edge are left out.
    seed
        Of Louvain.
    min_size
        Smaller structures are left out.

    Returns
    -------
    Clusters
        ``found.graph`` is the whole network.

    References
    ----------
    Weber, D. & Neumann, F. (2021). Amplifying influence through coordinated behaviour in social
    networks. Social Network Analysis and Mining 11, 111.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> cn.recipes.weber(log, within="15min").method
    'FSA_V'
    """
    check_log(log)
    check_variant(variant)
    width = duration(within, "within")
    if width < 1:
        raise ParameterError("within= of windows that follow one another is longer than 0.")
    theta = check_number(theta, "theta", at_least=0)
    windows = check_whole(windows, "windows", 1)
    if alpha is not None:
        alpha = check_number(alpha, "alpha", at_least=0, at_most=1)
    parameters = {
        "within": within, "alpha": alpha, "theta": theta, "windows": windows, "variant": variant,
        "seed": seed, "min_size": min_size,
    }  # fmt: skip
    every, weight = _weights(*windowed_pairs(log, width), alpha, windows)
    edges = {"source": every >> 32, "target": every & 0xFFFFFFFF, "weight": weight}
    graph = made(log, weber, edges, window_us=width, parameters=parameters)
    communities = find_clusters(graph, "louvain", seed=seed, min_size=2)
    found = focal_structures(graph, communities, theta, variant)
    return Clusters.from_members(graph, found, "FSA_V", {"theta": theta, "seed": seed}, min_size)
