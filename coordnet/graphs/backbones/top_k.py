"""The heaviest edges of each account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from coordnet.errors import check_whole
from coordnet.graphs.backbones import Kept, backbone

if TYPE_CHECKING:
    from coordnet.graphs.graph import CoordinationGraph


@backbone("top_k")
def top_k(graph: CoordinationGraph, k: int = 10, mutual: bool = False) -> Kept:
    """Keep the edges that are among the k heaviest of an end.

    Edges that tie with the k-th are kept too: which of equals stays must not depend on names.

    Parameters
    ----------
    graph
        The graph.
    k
        How many of each account.
    mutual
        Whether an edge must be among those of both ends.
    """
    k = check_whole(k, "k", 1)
    ends = np.concatenate(graph.ends)
    weight = np.concatenate([graph.weights, graph.weights]).astype(float)
    order = np.lexsort((-weight, ends))
    first = np.searchsorted(ends[order], np.arange(graph.n_accounts))
    degree = np.bincount(ends, minlength=graph.n_accounts)
    border = weight[order][first + np.minimum(degree, k) - 1]  # the k-th weight of each account
    among = (weight >= border[ends]).reshape(2, -1)
    return Kept(among[0] & among[1] if mutual else among[0] | among[1])
