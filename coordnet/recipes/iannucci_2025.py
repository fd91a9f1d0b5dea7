"""Iannucci et al. (2025): collaboration that decays with time, by layer, multislice Leiden."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence

import numpy as np

from coordnet.clusters.clusters import Clusters
from coordnet.errors import ParameterError, check_number
from coordnet.graphs.co_action import CoAction
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex
from coordnet.graphs.weights import shared
from coordnet.log.actions import ActionLog
from coordnet.recipes.layers import graphs_by_kind
from coordnet.recipes.multislice import multislice, no_clusters
from coordnet.recipes.recipe import RecipeFunction, made, recipe
from coordnet.times import Duration, duration

logger = logging.getLogger(__name__)
MOST = 3_000_000


def collaboration(
    log: ActionLog,
    cut_us: int,
    eps: float = 0.01,
    *,
    method: RecipeFunction[..., Clusters],
    layer: str = "",
    parameters: Mapping[str, object] | None = None,
    most: int | None = None,
    threads: int | None = None,
) -> CoordinationGraph:
    """Return Newman's collaboration network with exponential decay.

    The weight of a pair is the sum, over its co-actions at most the cut apart, of exp(-beta dt) /
    (n_o - 1), with n_o the accounts on the object (Newman 2001) and beta = -ln(eps) / cut.

    Parameters
    ----------
    log
        The actions.
    cut_us
        The cut in microseconds: what is later weighs less than `eps`.
    eps
        See above.
    method, layer, parameters
        What the graph says that it is from.
    most
        Of more co-actions no edges are made; None sets no limit.
    threads
        Number of threads; None means all processors.
    """
    found = CoAction(cut_us).graph(log, threads=threads)
    columns = dict(found.edges)
    if most is not None and int(columns["pairs"].sum()) > most:
        logger.warning("%s: %s has more than %s co-actions; it is passed over.",
                       method.__name__, layer or "the log", f"{most:,}")  # fmt: skip
        columns = {name: column[:0] for name, column in columns.items()}
    weight = shared(log, columns["source"], columns["target"], cut_us, eps, threads).decayed
    columns["collaboration"] = weight
    return made(
        log, method, columns, weight="collaboration", window_us=cut_us, parameters=parameters,
        layer=layer,
    )  # fmt: skip


def modularity(graph: CoordinationGraph, seed: int = 0) -> float:
    """Return the modularity of the communities that Leiden finds in a graph."""
    import igraph

    net = igraph.Graph(n=graph.n_accounts, edges=np.column_stack(graph.ends))
    weights = graph.weights.tolist()
    igraph.set_random_number_generator(random.Random(seed))
    try:
        found = net.community_leiden("modularity", weights=weights, n_iterations=2)
    finally:
        igraph.set_random_number_generator(random)
    return float(net.modularity(found.membership, weights=weights))


@recipe(
    "Iannucci, L., Muratore, E., Matakos, A. & Kivelä, M. (2025). Detecting coordinated activities "
    "through temporal, multiplex, and collaborative analysis. arXiv:2512.19677."
)
def iannucci(
    log: ActionLog,
    within: Duration | Sequence[Duration] = ("60s", "15s", "3750ms"),
    eps: float = 0.01,
    coupling: float = 1.0,
    *,
    kinds: Sequence[str] | None = None,
    max_co_actions: int | None = MOST,
    seed: int = 0,
    min_size: int = 3,
    threads: int | None = None,
) -> Clusters:
    """Iannucci et al. 2025: time-aware collaboration in several layers, multislice Leiden.

    1. A layer for each kind of the log. The weight of two accounts is the sum, over their
       co-actions, of exp(-beta dt) / (n_o - 1), with dt the time between the two actions and n_o
       the accounts on the object; co-actions later than dt = -ln(eps) / beta are cut off.
    2. Of the decays asked for each layer takes that with the highest modularity of Leiden's
       communities.
    3. Layers are coupled, an account with itself, and clustered by multislice modularity.

    Parameters
    ----------
    log
        The actions, with their kinds.
    within
        Where the decays are cut off, -ln(eps) / beta: one or several. The paper leaves the grid to
        the data; the default is a minute, a quarter of it and a sixteenth.
    eps
        What a co-action weighs at the cut.
    coupling
        Weight of the tie of an account with itself between layers.
    kinds
        The layers; None for all kinds of the log.
    max_co_actions
        A layer with more of them is passed over for that decay, since Leiden then takes minutes;
        None sets no limit.
    seed, min_size
        As in :func:`coordnet.find_clusters`.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    Clusters
        ``found.layers`` has a graph for each kind, its weight ``collaboration``.

    References
    ----------
    Iannucci, L., Muratore, E., Matakos, A. & Kivelä, M. (2025). Detecting coordinated activities
    through temporal, multiplex, and collaborative analysis. arXiv:2512.19677.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> cn.recipes.iannucci(log).method
    'multislice leiden'
    """
    eps = check_number(eps, "eps", above=0, below=1)
    given = [within] if isinstance(within, str) or not isinstance(within, Sequence) else within
    cuts = [duration(cut, "within") for cut in given]
    if not cuts:
        raise ParameterError("within= names no decay; give one or several.")
    parameters = {
        "within": within, "eps": eps, "coupling": coupling, "kinds": kinds,
        "max_co_actions": max_co_actions, "seed": seed, "min_size": min_size,
    }  # fmt: skip

    def best(part: ActionLog, kind: str) -> CoordinationGraph:
        grid = [
            collaboration(
                part, cut, eps, method=iannucci, layer=kind, parameters=parameters,
                most=max_co_actions, threads=threads,
            )
            for cut in cuts
        ]  # fmt: skip
        some = [graph for graph in grid if graph.n_edges]
        return max(some, key=modularity) if some else grid[0]

    layers = graphs_by_kind(log, kinds, best)
    some = [layer for layer in layers if layer.n_edges]
    if not some:
        return no_clusters(Multiplex(tuple(layers)).combined, "multislice leiden")
    return multislice(some, coupling, seed, min_size)
