"""Backbones: which edges of a graph are kept, one rule a file.

A backbone is a function of a graph and its parameters that says which edges stay. It is declared
where it is defined, with :func:`backbone`, and found by itself.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import ParameterError, listed, nearest, one_of

if TYPE_CHECKING:
    from coordnet.graphs.graph import CoordinationGraph


class Kept(NamedTuple):
    """Which edges stay, and what was computed of all: bool (edges,) and columns (edges,)."""

    keep: NDArray[np.bool_]
    columns: Mapping[str, NDArray[Any]] = {}


BACKBONES: dict[str, Callable[..., Kept]] = {}


def backbone(name: str) -> Callable[[Callable[..., Kept]], Callable[..., Kept]]:
    """Declare a function as the backbone of this name."""

    def declare(function: Callable[..., Kept]) -> Callable[..., Kept]:
        BACKBONES[name] = function
        return function

    return declare


def load_all() -> None:
    """Import every file of this folder, each of which declares its backbone."""
    for found in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(found.name)


def kept(graph: CoordinationGraph, name: str, parameters: Mapping[str, Any]) -> Kept:
    """Return what a backbone keeps of a graph, after a check of its parameters' names."""
    load_all()
    function = BACKBONES[one_of(name, sorted(BACKBONES), "backbone")]
    allowed = [p for p in inspect.signature(function).parameters if p != "graph"]
    for parameter in parameters:
        if parameter not in allowed:
            raise ParameterError(
                f"the backbone {name!r} has no parameter {parameter!r}; it has {listed(allowed)}."
                f"{nearest(parameter, allowed)}"
            )
    return function(graph, **parameters)
