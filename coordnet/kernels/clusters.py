"""Compiled loops over the edges inside clusters."""

from __future__ import annotations

from typing import Any

import numpy as np

from coordnet.kernels.arrays import stable_order
from coordnet.kernels.compiling import inner, kernel

# -- clusters ----------------------------------------------------------------------------------


@kernel
def edges_inside(source: Any, target: Any, indptr: Any, cluster_of: Any) -> Any:
    """List the edges whose two ends share a cluster, once for each cluster that they share.

    Parameters
    ----------
    source, target : int32 (edges,)
    indptr : int64 (accounts + 1,); cluster_of : int32; the clusters of each account, ascending

    Returns
    -------
    cluster : int32, edge : int64, in order of edge
    """
    cluster = np.empty(0, np.int32)
    edge = np.empty(0, np.int64)
    for fill in range(2):
        count = 0
        for e in range(len(source)):
            i = indptr[source[e]]
            j = indptr[target[e]]
            i_end = indptr[source[e] + 1]
            j_end = indptr[target[e] + 1]
            while i < i_end and j < j_end:
                if cluster_of[i] < cluster_of[j]:
                    i += 1
                elif cluster_of[i] > cluster_of[j]:
                    j += 1
                else:
                    if fill == 1:
                        cluster[count] = cluster_of[i]
                        edge[count] = e
                    count += 1
                    i += 1
                    j += 1
        if fill == 0:
            cluster = np.empty(count, np.int32)
            edge = np.empty(count, np.int64)
    return cluster, edge


@inner
def _root(parent: Any, v: int) -> int:
    """Return the root of v, halving the path on the way."""
    while parent[v] != v:
        parent[v] = parent[parent[v]]
        v = parent[v]
    return v


@kernel
def half_connected_weight(
    source: Any, target: Any, weight: Any, indptr: Any, edges: Any, sizes: Any, parent: Any
) -> Any:
    """Return, for each cluster, the highest threshold under which half of it is connected.

    Parameters
    ----------
    source, target : int32 (edges of the graph,)
    weight : float64 (edges of the graph,)
    indptr : int64 (clusters + 1,); edges : int64; the edges inside each cluster
    sizes : int64 (clusters,)
    parent : int64 (accounts,), scratch, ``arange`` on entry

    Returns
    -------
    threshold : float64 (clusters,), NaN where no threshold connects half

    Cost: O(e log e) for e edges inside.
    """
    threshold = np.full(len(sizes), np.nan)
    member_count = np.ones(len(parent), np.int64)
    for c in range(len(sizes)):
        inside = edges[indptr[c] : indptr[c + 1]]
        falling = np.empty(len(inside), np.float64)
        for i in range(len(inside)):
            falling[i] = -weight[inside[i]]
        order = stable_order(falling)
        for i in range(len(inside)):
            e = inside[order[i]]
            a = _root(parent, source[e])
            b = _root(parent, target[e])
            if a != b:
                parent[b] = a
                member_count[a] += member_count[b]
                if 2 * member_count[a] >= sizes[c]:
                    threshold[c] = weight[e]
                    break
        for i in range(len(inside)):
            u = source[inside[i]]
            v = target[inside[i]]
            parent[u] = u
            parent[v] = v
            member_count[u] = 1
            member_count[v] = 1
    return threshold
