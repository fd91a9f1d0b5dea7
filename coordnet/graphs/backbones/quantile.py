"""The heaviest edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from coordnet.errors import check_number
from coordnet.graphs.backbones import Kept, backbone

if TYPE_CHECKING:
    from coordnet.graphs.graph import CoordinationGraph


@backbone("quantile")
def quantile(graph: CoordinationGraph, quantile: float = 0.95, strict: bool = False) -> Kept:
    """Keep the edges whose weight reaches a quantile of all weights.

    The quantile is that of R's type 7, linear between neighbours. CooRTweet's flag is strict, the
    filter of Pacheco et al. (2021) is not.

    Parameters
    ----------
    graph
        The graph.
    quantile
        0 to 1.
    strict
        Whether the weight must exceed the quantile.
    """
    share = check_number(quantile, "quantile", at_least=0, at_most=1)
    if not graph.n_edges:
        return Kept(np.ones(0, bool))
    border = np.quantile(graph.weights, share)
    return Kept(graph.weights > border if strict else graph.weights >= border)
