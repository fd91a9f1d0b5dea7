"""How many pairs of a set truly act together, whatever the set was chosen by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import ParameterError, check_number, shown
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex
from coordnet.inference.bounds import null_pairs, true_discoveries

NOT_CLEANED = (
    "the accounts found were not taken out of the background, so that bounds on true pairs are not "
    "sure to hold: beside a campaign, pairs of honest accounts that follow one event may count"
)


class Layered(Protocol):
    """What has layers, such as a run."""

    @property
    def layers(self) -> Multiplex:
        """The layers."""
        ...


def true_pairs(
    graph: CoordinationGraph | Multiplex | Layered,
    pairs: Iterable[tuple[Any, Any]] | None = None,
    alpha: float = 0.05,
) -> int:
    """Return how many of these pairs act together beyond chance, at least.

    With confidence 1 - alpha the bound holds for every set of pairs at once, so that the set may
    be chosen after looking: a cluster, clusters joined by hand, pairs picked by eye. Formula and
    sources: :mod:`coordnet.inference.bounds`.

    Where the background was not cleaned, as in a graph that is tested by itself, the bound is not
    sure to hold beside a campaign: honest accounts that follow one event may count.

    Parameters
    ----------
    graph
        A tested graph, whole or after ``keep``; or a run or its layers. Of several layers the bound
        is the largest of any, each at alpha over the number of layers.
    pairs
        Pairs of labels of accounts, each counted once; None means all edges of the graph. A pair
        without an edge adds nothing.
    alpha
        One minus the confidence.

    Returns
    -------
    int
        A lower bound of the number of pairs whose null hypothesis is false.

    Examples
    --------
    >>> import coordnet as cn
    >>> sim = cn.simulate("retweet_ring", accounts=1_000, seed=0)
    >>> tested = cn.co_action(sim.log, within="60s", min_weight=2).test()
    >>> ring = sim.truth.groups["ring_12"]
    >>> cn.true_pairs(tested, [(a, b) for a in ring for b in ring if a < b])
    66
    """
    alpha = check_number(alpha, "alpha", above=0, below=1)
    layers = _layers_of(graph)
    given = None if pairs is None else _checked(pairs)
    return max(_of_layer(layer, given, alpha / len(layers)) for layer in layers)


def _layers_of(graph: Any) -> tuple[CoordinationGraph, ...]:
    """Return the tested graphs that were given."""
    of_run = graph if isinstance(graph, Multiplex) else getattr(graph, "layers", None)
    layers = tuple(of_run) if isinstance(of_run, Multiplex) else (graph,)
    for layer in layers:
        if not isinstance(layer, CoordinationGraph):
            raise ParameterError(
                "true_pairs takes a tested graph, or a run or its layers, and was given an object "
                f"of type {type(layer).__name__}."
            )
        if layer.tested is None:
            raise ParameterError(
                "true_pairs needs tested edges; give graph.test(). The graph of several layers in "
                "one has no test of its own; give the run, or one of them such as run.layers[0]."
            )
    return layers


def _of_layer(graph: CoordinationGraph, pairs: list[tuple[Any, Any]] | None, alpha: float) -> int:
    """Return the bound of a tested graph."""
    test = graph.tested
    assert test is not None
    p_values = graph.edges["p_family"]
    if pairs is not None:
        p_values = p_values[_edges_of(graph, pairs)]
    null = test.null_pairs
    if alpha != test.bound_alpha:
        null = null_pairs(graph.edges["p_family"], test.family_pairs, alpha)
    return true_discoveries(p_values, null, alpha)


def certain_pairs(graph: CoordinationGraph, edges: Any = slice(None)) -> int | None:
    """Return how many of some edges are pairs that truly act together, at least.

    Parameters
    ----------
    graph
        The graph.
    edges
        Their positions, or a slice; all by default.

    Returns
    -------
    int or None
        :func:`true_pairs` at the level of the test; None where the edges were not tested.
    """
    test = graph.tested
    if test is None:
        return None
    return true_discoveries(graph.edges["p_family"][edges], test.null_pairs, test.bound_alpha)


def confidence(graph: CoordinationGraph) -> str:
    """Return what confidence the bounds of :func:`certain_pairs` have, in words."""
    test = graph.tested
    if test is not None and NOT_CLEANED in test.notes:
        return "not sure to hold, as the accounts found stayed in the background"
    return "95 % confidence"


def _checked(pairs: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return pairs of labels."""
    if isinstance(pairs, str) or not isinstance(pairs, Iterable):
        raise ParameterError(
            f"pairs={shown(pairs)} are no pairs of labels; write [('a', 'b'), ('a', 'c')]."
        )
    given = list(pairs)
    for pair in given:
        if isinstance(pair, str) or not isinstance(pair, Iterable) or len(tuple(pair)) != 2:
            raise ParameterError(
                f"pairs= has {shown(pair)}, which is no pair of labels; write ('a', 'b')."
            )
    return [(a, b) for a, b in given]


def _edges_of(graph: CoordinationGraph, given: list[tuple[Any, Any]]) -> NDArray[np.int64]:
    """Return the edges that join these pairs."""
    names = sorted({str(name) for pair in given for name in pair}, key=str.encode)
    codes = dict(zip(names, graph.all_accounts.codes_of(names).tolist(), strict=True))
    ends = np.array([[codes[str(a)], codes[str(b)]] for a, b in given], np.int64).reshape(-1, 2)
    wanted = ends.min(axis=1) << 32 | ends.max(axis=1)
    keys = graph.edges["source"].astype(np.int64) << 32 | graph.edges["target"]
    return np.flatnonzero(np.isin(keys, wanted))
