"""Communities of a coordination graph, found by leidenalg and igraph."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from coordnet.clusters.clusters import Clusters
from coordnet.errors import (
    ParameterError,
    check_number,
    check_seed,
    check_whole,
    listed,
    one_of,
    shown,
)
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex
from coordnet.progress import stage

if TYPE_CHECKING:
    import igraph

OBJECTIVES = ("modularity", "cpm")
_igraph_random = threading.Lock()  # igraph has one random number generator for all


def find_clusters(
    graph: CoordinationGraph | Multiplex,
    method: str = "infomap",
    *,
    objective: str | None = None,
    resolution: float | None = None,
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
        What leiden maximises: ``"modularity"``, its default, or ``"cpm"`` (constant Potts model,
        which has no resolution limit; its resolution is the least mean weight between members).
    resolution
        The higher, the more and smaller clusters; of leiden and louvain, by default 1.
    seed
        The only source of randomness.
    min_size
        Smaller clusters are left out: below 3 a "cluster" is a statement about two people.

    Returns
    -------
    Clusters
        Numbered by size, then by smallest member.

    Raises
    ------
    ParameterError
        Also where `objective` or `resolution` is given to a method that has none.

    Examples
    --------
    >>> import coordnet as cn
    >>> graph = cn.co_action(cn.simulate("election", accounts=300, seed=1).log, min_weight=3)
    >>> found = cn.find_clusters(graph, method="components")
    >>> bool((found.sizes >= 3).all())
    True
    """
    if objective is not None:
        one_of(objective, OBJECTIVES, "objective")
    if resolution is not None:
        resolution = check_number(resolution, "resolution", above=0)
    check_method(method, objective=objective, resolution=resolution)
    objective = "modularity" if objective is None else objective
    resolution = 1.0 if resolution is None else resolution
    seed = check_seed(seed)
    min_size = check_whole(min_size, "min_size", 1)
    layers, graph = Multiplex.of(graph), Multiplex.of(graph).combined
    import igraph

    net = igraph.Graph(n=graph.n_accounts, edges=np.column_stack(graph.ends))
    weights = graph.weights.tolist()
    with stage("communities"):
        found = METHODS[method].find(net, weights, objective, resolution, seed)
    labels = np.array(found, np.int64)
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    given = {"objective": objective, "resolution": resolution, "seed": seed}
    parameters: dict[str, Any] = {name: given[name] for name in METHODS[method].takes}
    parameters["min_size"] = min_size
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


@dataclass(frozen=True)
class Method:
    """A way to find communities.

    Attributes
    ----------
    meaning : str
        How it finds them, in half a sentence.
    takes : tuple of str
        Which of objective, resolution and seed it goes by.
    find : Finder
    """

    meaning: str
    takes: tuple[str, ...]
    find: Finder


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "infomap": Method(
            "where a random walk stays; small groups that push the same stay apart",
            ("seed",),
            _seeded(lambda net, weights, _: net.community_infomap(edge_weights=weights, trials=10)),
        ),
        "leiden": Method(
            "most weight inside, compared with what strengths explain; well connected",
            ("objective", "resolution", "seed"),
            _leiden,
        ),
        "louvain": Method(
            "as leiden, the older way that many papers use",
            ("resolution", "seed"),
            _seeded(
                lambda net, weights, resolution: net.community_multilevel(
                    weights=weights, resolution=resolution
                )
            ),
        ),
        "label_propagation": Method(
            "each account takes the label that weighs most among its neighbours",
            ("seed",),
            _seeded(lambda net, weights, _: net.community_label_propagation(weights=weights)),
        ),
        "components": Method(
            "whoever is connected at all",
            (),
            lambda net, *_: net.connected_components().membership,
        ),
    }
)


def check_method(method: str, **given: object) -> None:
    """Raise where there is no such method, or where it does not take a parameter that is given.

    Parameters
    ----------
    method
        Its name.
    **given
        Values by name; None is not given.
    """
    takes = METHODS[one_of(method, METHODS, "method")].takes
    for name, value in given.items():
        if value is not None and name not in takes:
            others = listed(repr(other) for other, one in METHODS.items() if name in one.takes)
            raise ParameterError(
                f"{name}={shown(value)} changes nothing with method={method!r}, which has no "
                f"{name}; leave it out, or use a method that has one: {others}."
            )
