"""Neighbourhood overlap: edges inside groups have neighbours in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import check_number
from coordnet.graphs.backbones import Kept, backbone
from coordnet.kernels import similarity as kernels

if TYPE_CHECKING:
    from coordnet.graphs.graph import CoordinationGraph


def overlaps(graph: CoordinationGraph) -> NDArray[np.float64]:
    """Return the neighbourhood overlap of each edge: float64 (edges,).

    Of the accounts next to at least one end, both ends left out, the share next to both; 0 where
    there is none (Onnela et al. 2007; Easley & Kleinberg 2010, chapter 3).
    """
    a, b = graph.ends
    n = graph.n_accounts
    ends, others = np.concatenate([a, b]), np.concatenate([b, a])
    order = np.lexsort((others, ends))
    degree = np.bincount(ends, minlength=n)
    indptr = np.concatenate([[0], np.cumsum(degree)]).astype(np.int64)
    common = kernels.common_neighbours(indptr, others[order].astype(np.int32), a, b)
    around = degree[a] + degree[b] - 2 - common
    share: NDArray[np.float64] = common / np.maximum(around, 1)
    return share


@backbone("neighbourhood_overlap")
def neighbourhood_overlap(graph: CoordinationGraph, threshold: float = 0.39) -> Kept:
    """Keep the edges whose ends have enough of their neighbours in common; see :func:`overlaps`.

    Parameters
    ----------
    graph
        The graph.
    threshold
        Least overlap, 0 to 1; 0.39 is that of Linhares et al. (2022).
    """
    threshold = check_number(threshold, "threshold", at_least=0, at_most=1)
    share = overlaps(graph)
    return Kept(share >= threshold, {"neighbourhood_overlap": share})
