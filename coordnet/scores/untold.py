"""Why the bound on true pairs is 0, which does not say that nobody acts together.

The bound counts pairs that are certain each by themselves. A group can be beyond doubt, or its
pairs kept with few false ones among them, while none of them is certain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coordnet.graphs.graph import CoordinationGraph
from coordnet.inference.group_test import GroupTest

REASONS = {
    "alone": "hardly anybody else acts on the same objects, so that nothing shows how close others "
    "would be there. A background log (background=) would tell",
    "cleaned": "with the accounts found taken out of the background, no pair is certain by itself. "
    "A background log (background=) would tell",
    "seldom": "each pair by itself met too seldom to be certain. A longer period would tell more",
}


def why_untold(graph: CoordinationGraph, edges: NDArray[np.int64], test: GroupTest | None) -> str:
    """Return why nothing is certain of some pairs of a tested graph: a key of `REASONS`.

    Parameters
    ----------
    graph
        The tested graph, kept edges or all.
    edges
        The positions of the pairs that have an edge.
    test
        The group test of the accounts, where there is one.
    """
    if test is not None and test.class_only > 0.5:
        return "alone"
    values = graph.edges
    if len(edges) and (values["p_family"][edges] > values["p_value"][edges]).any():
        return "cleaned"
    return "seldom"
