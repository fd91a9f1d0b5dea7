"""Communities of a coordination graph, found by leidenalg and igraph."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from coordnet.clusters.clusters import Clusters
from coordnet.errors import check_number, check_seed, check_whole, one_of
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex

if TYPE_CHECKING:
    import igraph

OBJECTIVES = ("modularity", "cpm")
_igraph_random = threading.Lock()  # igraph has one random number generator for all


def find_clusters(
    graph: CoordinationGraph | Multiplex,
    method: str = "infomap",
    *,
    objective: str = "modularity",
    resolution: float = 1.0,
    seed: int = 0,
    min_size: int = 3,
) -> Clusters:
    """Find the communities of a coordination graph.

    Parameters
    ----------
    graph
        Its weights are used as they are. Of a multiplex, the combined graph.
    method
        ``"infomap"`` (Rosvall & Bergstrom 2008; it has no resolution limit, so that small groups
        that push the same objects stay apart), ``"leiden"`` (Traag et al. 2019, leidenalg),
        ``"louvain"`` (Blondel et al. 2008), ``"label_propagation"`` (Raghavan et al. 2007) or
        ``"components"`` (connected components).
    objective
        What leiden maximises: ``"modularity"`` or ``"cpm"`` (constant Potts model, which has no
        resolution limit; its resolution is the least mean weight between members).
    resolution
        The higher, the more and smaller clusters; of leiden and louvain.
    seed
        The only source of randomness.
    min_size
        Smaller clusters are left out: below 3 a "cluster" is a statement about two people.

    Returns
    -------
    Clusters
        Numbered by size, then by smallest member.

    Examples
    --------
    >>> import coordnet as cn
    >>> graph = cn.co_action(cn.simulate("election", accounts=300, seed=1).log, min_weight=3)
    >>> found = cn.find_clusters(graph, method="components")
    >>> bool((found.sizes >= 3).all())
    True
    """
    one_of(method, METHODS, "method")
    one_of(objective, OBJECTIVES, "objective")
    resolution = check_number(resolution, "resolution", above=0)
    seed = check_seed(seed)
    min_size = check_whole(min_size, "min_size", 1)
    layers, graph = Multiplex.of(graph), Multiplex.of(graph).combined
    import igraph

    net = igraph.Graph(n=graph.n_accounts, edges=np.column_stack(graph.ends))
    weights = graph.weights.tolist()
    labels = np.array(METHODS[method](net, weights, objective, resolution, seed), np.int64)
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    parameters: dict[str, Any] = {"min_size": min_size}
    if method != "components":
        parameters = {"seed": seed, **parameters}
    if method in ("leiden", "louvain"):
        parameters = {"resolution": resolution, **parameters}
    if method == "leiden":
        parameters = {"objective": objective, **parameters}
    members = [graph.nodes[part] for part in np.split(order, cuts)] if len(order) else []
    return Clusters.from_members(layers, members, method, parameters, min_size)


Finder: TypeAlias = "Callable[[igraph.Graph, list[float], str, float, int], list[int]]"


def _leiden(
    net: igraph.Graph, weights: list[float], objective: str, resolution: float, seed: int
) -> list[int]:
    import leidenalg

    kind = (
        leidenalg.CPMVertexPartition
        if objective == "cpm"
        else leidenalg.RBConfigurationVertexPartition  # modularity, with a resolution
    )
    partition = leidenalg.find_partition(
        net, kind, weights=weights, resolution_parameter=resolution, n_iterations=-1, seed=seed
    )
    return partition.membership  # type: ignore[no-any-return]


def _seeded(
    find: Callable[[igraph.Graph, list[float], float], igraph.VertexClustering],
) -> Finder:
    """Run one of igraph's own methods with its generator seeded."""

    def run(
        net: igraph.Graph, weights: list[float], objective: str, resolution: float, seed: int
    ) -> list[int]:
        with seeded_igraph(seed):
            return find(net, weights, resolution).membership  # type: ignore[no-any-return]

    return run


@contextmanager
def seeded_igraph(seed: int) -> Iterator[None]:
    """Seed the one generator that igraph has, for the block."""
    import igraph

    with _igraph_random:
        igraph.set_random_number_generator(random.Random(seed))
        try:
            yield
        finally:
            igraph.set_random_number_generator(random)


METHODS: Mapping[str, Finder] = MappingProxyType(
    {
        "leiden": _leiden,
        "louvain": _seeded(
            lambda net, weights, resolution: net.community_multilevel(
                weights=weights, resolution=resolution
            )
        ),
        "infomap": _seeded(
            lambda net, weights, _: net.community_infomap(edge_weights=weights, trials=10)
        ),
        "label_propagation": _seeded(
            lambda net, weights, _: net.community_label_propagation(weights=weights)
        ),
        "components": lambda net, *_: net.connected_components().membership,
    }
)
