"""What every recipe shares: its citation, the relation of its graph, edges in order."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, ParamSpec, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.disk import looked_up
from coordnet.errors import ParameterError, listed, one_of
from coordnet.graphs.bipartite import Pairs
from coordnet.graphs.co_action import CoAction
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.relation import Against, Relation, Trace
from coordnet.inference.edge_tests import TestedEdges
from coordnet.inference.statistics import WindowStatistics
from coordnet.log.actions import ActionLog, check_log
from coordnet.times import MINUTE, duration_text

P = ParamSpec("P")
T_co = TypeVar("T_co", bound="CoordinationGraph | Clusters", covariant=True)
VARIANTS = ("paper", "code")


class RecipeFunction(Protocol[P, T_co]):
    """A published method as a function, with its citation."""

    citation: str
    __name__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T_co:
        """Run the method on a log."""


def recipe(citation: str) -> Callable[[Callable[P, T_co]], RecipeFunction[P, T_co]]:
    """Declare a function as a published method, with the work to cite.

    The citation stands in its docstring too.
    """

    def declare(function: Callable[P, T_co]) -> RecipeFunction[P, T_co]:
        declared = cast(RecipeFunction[P, T_co], function)
        declared.citation = citation
        return declared

    return declare


@dataclass(frozen=True)
class Published(Relation):
    """Accounts that a published method joins.

    What two accounts did together, and against what their edges are tested, is that of co-action
    within the method's window; where a method has no window, within a minute.

    Parameters
    ----------
    recipe
        The name of the function in :mod:`coordnet.recipes`.
    citation
        The work to cite.
    window_us
        The window in microseconds, inclusive.
    parameters
        What the function was called with.
    null
        The null model that edges are tested against unless told.
    has_window
        Whether the window is the method's own.
    layer
        Which of a method's several graphs it is: a kind of action, to which what is done together
        and the test are confined; "" of one alone.
    """

    name: ClassVar[str] = "published"
    on_objects: ClassVar[bool] = True
    recipe: str
    citation: str
    window_us: int = MINUTE
    parameters: Mapping[str, Any] = None  # type: ignore[assignment]
    null: str = "both"
    has_window: bool = True
    layer: str = ""

    def __post_init__(self) -> None:
        if self.parameters is None:
            object.__setattr__(self, "parameters", {})

    def __hash__(self) -> int:
        return hash((self.recipe, self.window_us))

    @property
    def title(self) -> str:
        """The method, the layer, and the window where it has one."""
        name = f"{self.recipe} ({self.layer})" if self.layer else self.recipe
        return f"{name} within {duration_text(self.window_us)}" if self.has_window else name

    @property
    def _co_action(self) -> CoAction:
        return CoAction(self.window_us)

    def describe(self) -> dict[str, Any]:
        """Return the method, its parameters, its citation, and the window of the test."""
        return {
            "relation": self.name,
            "recipe": self.recipe,
            "citation": self.citation,
            "within": duration_text(self.window_us),
            "parameters": {key: _plain(value) for key, value in self.parameters.items()},
        }

    def graph(
        self,
        log: ActionLog,
        *,
        weight: str | None = None,
        min_weight: int = 1,
        to_test: bool = False,
        threads: int | None = None,
    ) -> CoordinationGraph:
        """Run the method on another log, with the same parameters.

        Raises
        ------
        ParameterError
            Where the method needs more than a log and what the graph remembers, such as embeddings.
        """
        from coordnet import recipes

        function = getattr(recipes, self.recipe)
        first, *others = inspect.signature(function).parameters.values()
        needed = [p.name for p in others if p.default is p.empty and p.name not in self.parameters]
        if first.name != "log" or needed:
            raise ParameterError(
                f"{self.recipe} needs {listed([first.name] if first.name != 'log' else needed)}, "
                "which its graph does not remember, so it cannot be run on another log from here; "
                "call the recipe again."
            )
        made = function(log, **self.parameters)
        if isinstance(made, Clusters):
            named = [g for g in made.layers if getattr(g.relation, "layer", "") == self.layer]
            made = named[0] if named else made.layers[0]
        found = cast(CoordinationGraph, made)
        return found.keep(min_weight=min_weight) if min_weight > 1 else found

    def part(self, log: ActionLog) -> ActionLog:
        """Return the actions of the layer's kind; all of them where it has none."""
        if self.layer not in log.kinds or len(log.kinds) == 1:
            return log
        of_layer = log.object_kind == log.kinds.index(self.layer)
        return log.where(looked_up(of_layer, log.object), "other kind")

    def trace(self, log: ActionLog) -> Trace:
        """Return the actions that take part."""
        return self._co_action.trace(self.part(log))

    def statistics(
        self, log: ActionLog, against: Against, threads: int | None = None
    ) -> WindowStatistics:
        """Return what is counted of the part of a log for the window."""
        return self._co_action.statistics(self.part(log), against, threads)

    def test(
        self,
        graph: CoordinationGraph,
        against: Against,
        statistics: WindowStatistics | None = None,
        threads: int | None = None,
    ) -> TestedEdges:
        """Test the edges as those of co-action within the window."""
        null = against.null or self.null
        against = Against(
            null, against.strata, against.background, against.occasion_gap_us, against.correction
        )
        if statistics is None:
            statistics = self.statistics(graph.log, against, threads)
        return self._co_action.test(graph, against, statistics, threads)


def _plain(value: Any) -> Any:
    """Return what a manifest can hold of a parameter: numbers and text as they are."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return f"<{type(value).__name__}>"


def plain_parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a graph remembers: those that can be saved."""
    kinds = (str, bool, int, float, type(None))
    return {
        key: value
        for key, value in values.items()
        if isinstance(value, kinds)
        or (isinstance(value, list | tuple) and all(isinstance(v, kinds) for v in value))
    }


def made(
    log: ActionLog,
    method: RecipeFunction[..., Any],
    edges: Mapping[str, NDArray[Any]],
    *,
    weight: str = "weight",
    window_us: int | None = None,
    null: str = "both",
    parameters: Mapping[str, Any] | None = None,
    layer: str = "",
) -> CoordinationGraph:
    """Return the graph of a method's edges, in the order that edges have.

    Parameters
    ----------
    log
        The actions that it was made from.
    method
        The function.
    edges
        Columns, source < target (codes of the log).
    weight
        Which is the weight.
    window_us
        The method's window; None where it has none.
    null
        The null model that edges are tested against unless told.
    parameters
        What the method was called with.
    layer
        Which of a method's several graphs it is.
    """
    order = np.lexsort((edges["target"], edges["source"]))
    columns = {name: np.asarray(column)[order] for name, column in edges.items()}
    for end in ("source", "target"):
        columns[end] = columns[end].astype(np.int32)
    relation = Published(
        method.__name__,
        method.citation,
        MINUTE if window_us is None else window_us,
        plain_parameters(parameters or {}),
        null,
        window_us is not None,
        layer,
    )
    weights = columns[weight]
    least = float(weights.min()) if len(weights) else 0.0
    return CoordinationGraph(log.all_accounts, columns, relation, weight, least, log)


def similar(pairs: Pairs, name: str = "similarity") -> dict[str, NDArray[Any]]:
    """Return the columns of edges that are pairs with a similarity."""
    return {"source": pairs.i, "target": pairs.j, name: pairs.value}


def of_kind(log: ActionLog, wanted: str | Iterable[str] | None, what: str) -> ActionLog:
    """Return the actions of the kinds that a method is about, or all of a log of one kind.

    Parameters
    ----------
    log
        The actions.
    wanted
        The kinds; None takes all. Those that the log lacks are passed over, all but the last.
    what
        The method, for the error.
    """
    check_log(log)
    if wanted is None or len(log.kinds) <= 1:
        return log
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    there = [name for name in names if name in log.kinds]
    if not there:
        raise ParameterError(
            f"{what} is about actions of kind {listed(map(repr, names))}, and the log has "
            f"{listed(map(repr, log.kinds))}; read the log with that kind, or select the one that "
            "is meant: log.select(...)."
        )
    return log.select(there)


def check_variant(variant: str, allowed: Iterable[str] = VARIANTS) -> str:
    """Return a variant after a check."""
    return one_of(variant, allowed, "variant")


def posts_of(log: ActionLog) -> tuple[NDArray[np.int32], int]:
    """Return the post of each action, int32 (n,), -1 where it is missing, and how many there are.

    A log that was read without post ids has one post for each action.
    """
    if log.post is None:
        return np.arange(len(log), dtype=np.int32), len(log)
    return log.post.codes, len(log.post.labels)
