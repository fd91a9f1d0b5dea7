"""Communities of several layers at once: an account is tied to itself in every two layers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex


def multislice(
    layers: list[CoordinationGraph], coupling: float, seed: int = 0, min_size: int = 3
) -> Clusters:
    """Find communities by multislice modularity (Mucha et al. 2010), with Leiden.

    Every account is a node of each layer in which it has an edge, and tied to itself with weight
    `coupling`. Modularity is added up over layers. An account that is in different communities in
    different layers is a member of each.

    Parameters
    ----------
    layers
        One graph or more over the same accounts, none without edges.
    coupling
        Omega: 0 leaves the layers to themselves.
    seed
        The only source of randomness.
    min_size
        Smaller communities are left out.
    """
    import igraph
    import leidenalg

    first = np.cumsum([0, *(graph.n_accounts for graph in layers)])
    account = np.concatenate([graph.nodes for graph in layers])
    partitions = []
    for graph, start in zip(layers, first, strict=False):
        net = igraph.Graph(n=len(account), edges=np.column_stack(graph.ends) + start)
        partitions.append(
            leidenalg.RBConfigurationVertexPartition(net, weights=graph.weights.tolist())
        )
    ties = igraph.Graph(n=len(account), edges=_ties(account, len(layers)))
    partitions.append(
        leidenalg.CPMVertexPartition(
            ties, weights=[coupling] * ties.ecount(), resolution_parameter=0.0
        )
    )
    optimiser = leidenalg.Optimiser()
    optimiser.set_rng_seed(seed)
    optimiser.optimise_partition_multiplex(partitions, n_iterations=2)
    label = np.array(partitions[0].membership)
    order = np.argsort(label, kind="stable")
    cuts = np.flatnonzero(np.diff(label[order])) + 1
    members = [np.unique(account[part]).astype(np.int32) for part in np.split(order, cuts)]
    parameters = {"coupling": coupling, "seed": seed, "min_size": min_size}
    return Clusters.from_members(
        Multiplex(tuple(layers)), members, "multislice leiden", parameters, min_size
    )


def _ties(account: NDArray[np.int32], n_layers: int) -> NDArray[np.int64]:
    """Return the pairs of places at which one account stands."""
    order = np.argsort(account, kind="stable")
    pairs = [
        np.column_stack([order[:-d], order[d:]])[account[order[:-d]] == account[order[d:]]]
        for d in range(1, n_layers)
    ]
    return np.concatenate([np.zeros((0, 2), np.int64), *pairs])


def no_clusters(graph: CoordinationGraph, method: str) -> Clusters:
    """Return the clusters of a graph in which there are none."""
    return Clusters.from_members(graph, [], method, {})
