"""The disparity filter (Serrano, Boguñá & Vespignani 2009)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import check_number
from coordnet.graphs.backbones import Kept, backbone

if TYPE_CHECKING:
    from coordnet.graphs.graph import CoordinationGraph


def disparity_p(
    n: int, source: NDArray[Any], target: NDArray[Any], weight: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the lesser of the two p-values of each edge: float64 (edges,).

    Seen from an end with k edges and the sum s of their weights, with the null that a weight is one
    of k random parts of s:

        p = (1 - w / s)^(k - 1),   1 where k = 1

    Examples
    --------
    >>> disparity_p(3, np.array([0, 0]), np.array([1, 2]), np.array([3.0, 1.0])).tolist()
    [0.25, 0.75]
    """
    p = np.ones(len(weight))
    strength = np.bincount(source, weight, n) + np.bincount(target, weight, n)
    degree = np.bincount(source, minlength=n) + np.bincount(target, minlength=n)
    for end in (source, target):
        share = np.minimum(weight / strength[end], 1.0)
        own = np.where(degree[end] > 1, (1 - share) ** (degree[end] - 1), 1.0)
        p = np.minimum(p, own)
    return p


@backbone("disparity")
def disparity(graph: CoordinationGraph, alpha: float = 0.05) -> Kept:
    """Keep the edges that carry more of an end's weight than a random part of it would.

    See :func:`disparity_p`. One end that rejects is enough. Serrano, M. Á., Boguñá, M. &
    Vespignani, A. (2009), PNAS 106, 6483.

    Parameters
    ----------
    graph
        The graph.
    alpha
        The p-value must be below it.
    """
    alpha = check_number(alpha, "alpha", above=0, at_most=1)
    p = disparity_p(graph.n_accounts, *graph.ends, graph.weights.astype(float))
    return Kept(p < alpha, {"disparity_p": p})
