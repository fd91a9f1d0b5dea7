"""Communities of one step, tied to the step before."""

from __future__ import annotations

import numpy as np

from coordnet.clusters.clusters import Clusters
from coordnet.clusters.communities import seeded_igraph
from coordnet.graphs.multiplex import Multiplex

METHOD = "infomap, tied to the step before"


def coupled_communities(
    kept: Multiplex, before: Multiplex | None, coupling: float, seed: int, min_size: int
) -> Clusters:
    """Find the communities of a step in the graph of this step and of the step before together.

    The two graphs are slices of one. An account with edges in both is a node of each, and the two
    nodes are tied: the tie weighs `coupling` times the mean of the account's two strengths (sums
    of weights). Infomap (Rosvall & Bergstrom 2008) finds the communities of both slices, and
    those of this step are returned. It is the coupling of Mucha et al. (2010), with the map
    equation in place of modularity: modularity joins small groups that push the same objects, and
    a resolution that keeps them apart breaks a large group into pieces.

    Nothing later than the step is looked at: what was found of a period stays found.

    Parameters
    ----------
    kept
        The kept edges of this step.
    before
        Those of the step before, over the same accounts; None for the first.
    coupling
        0 leaves the steps to themselves.
    seed
        The only source of randomness.
    min_size
        Smaller communities are left out.
    """
    import igraph

    slices = [kept.combined]
    if before is not None and coupling > 0:
        slices.append(before.combined)
    starts = np.cumsum([0, *(graph.n_accounts for graph in slices)])
    ends = [
        np.column_stack(graph.ends) + start for graph, start in zip(slices, starts, strict=False)
    ]
    weights = [np.asarray(graph.weights, np.float64) for graph in slices]
    if len(slices) > 1:
        now, then = slices[0].nodes, slices[1].nodes
        _, here, there = np.intersect1d(now, then, return_indices=True)
        strength = np.bincount(
            np.concatenate(ends).ravel(), np.repeat(np.concatenate(weights), 2), starts[-1]
        )
        there = there + starts[1]
        ends.append(np.column_stack([here, there]))
        weights.append(coupling * (strength[here] + strength[there]) / 2)
    net = igraph.Graph(n=int(starts[-1]), edges=np.concatenate(ends))
    with seeded_igraph(seed):
        found = net.community_infomap(edge_weights=np.concatenate(weights).tolist(), trials=10)
    label = np.array(found.membership, np.int64)[: starts[1]]
    order = np.argsort(label, kind="stable")
    cuts = np.flatnonzero(np.diff(label[order])) + 1
    members = [slices[0].nodes[part] for part in np.split(order, cuts)] if len(order) else []
    parameters = {"coupling": coupling, "seed": seed, "min_size": min_size}
    return Clusters.from_members(kept, members, METHOD, parameters, min_size)
