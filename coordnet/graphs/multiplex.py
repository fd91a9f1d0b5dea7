"""Multiplex: several graphs over the same accounts, each with its own relation, test and level."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.errors import ParameterError, listed, nearest
from coordnet.frames import ArrowExport, html_table, native
from coordnet.frozen import Frozen
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.relation import Given
from coordnet.log.accounts import Accounts
from coordnet.log.actions import ActionLog


@dataclass(frozen=True, eq=False, repr=False)
class Multiplex(ArrowExport, Frozen):
    """An ordered set of graphs over the same accounts, the layers.

    Each layer keeps its own relation, window, test and level. Layers are told apart by the titles
    of their relations, such as ``"co-action within 60s"``.

    Attributes
    ----------
    layers : tuple of CoordinationGraph
        One or more, over the same accounts.
    levels : tuple of float or None
        The level of error of each layer, of its edges and its groups together; None where
        nothing was tested.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("metronome", accounts=500, seed=0).log
    >>> run = cn.detect(log, within=["60s", "1h"], co_timing="1s", score=False)
    >>> run.layers.names
    ('co-action within 60s', 'co-action within 1h', 'co-timing within 1s')
    >>> run.layers["co-timing within 1s"].within
    '1s'
    """

    layers: tuple[CoordinationGraph, ...]
    levels: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        if not self.layers:
            raise ParameterError("a multiplex has one layer or more; none was given.")
        for layer in self.layers[1:]:
            if layer.all_accounts != self.all_accounts:
                raise ParameterError(
                    f"the layer {layer.relation.title!r} is over other accounts than "
                    f"{self.layers[0].relation.title!r}; make all layers from one log or its parts."
                )
        if len(set(self.names)) < len(self.names):
            raise ParameterError(f"layers have the same relation and window: {listed(self.names)}.")
        if self.levels and len(self.levels) != len(self.layers):
            raise ParameterError(
                f"{len(self.levels)} levels are given for {len(self.layers)} layers; give one for "
                "each layer, None where it was not tested."
            )
        if not self.levels:
            object.__setattr__(self, "levels", (None,) * len(self.layers))

    @classmethod
    def of(cls, graph: CoordinationGraph | Multiplex) -> Multiplex:
        """Return the multiplex that a graph alone makes, or the multiplex itself."""
        return graph if isinstance(graph, Multiplex) else cls((graph,))

    @property
    def all_accounts(self) -> Accounts:
        """The accounts that codes stand for."""
        return self.layers[0].all_accounts

    @property
    def source(self) -> ActionLog | None:
        """The actions that the first layer was made from, None where it has none."""
        return self.layers[0].source

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The titles of the layers' relations."""
        return tuple(layer.relation.title for layer in self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[CoordinationGraph]:
        return iter(self.layers)

    def __getitem__(self, which: int | str) -> CoordinationGraph:
        if isinstance(which, str):
            if which not in self.names:
                raise ParameterError(
                    f"there is no layer {which!r}; the layers are {listed(map(repr, self.names))}."
                    f"{nearest(which, self.names)}"
                )
            return self.layers[self.names.index(which)]
        return self.layers[which]

    @cached_property
    def combined(self) -> CoordinationGraph:
        """The graph of all edges of all layers, in which communities are found.

        Of one layer it is that layer. Of several its weight is the largest that an edge has in any
        of them, ``layers`` counts those that have it, ``layer`` names them, and p_value and
        q_value are the smallest.
        """
        if len(self.layers) == 1:
            return self.layers[0]
        keys = [g.edges["source"].astype(np.int64) << 32 | g.edges["target"] for g in self.layers]
        every, at = np.unique(np.concatenate(keys), return_inverse=True)
        columns: dict[str, NDArray[Any]] = {
            "source": (every >> 32).astype(np.int32),
            "target": (every & 0xFFFFFFFF).astype(np.int32),
            "weight": np.zeros(
                len(every), np.result_type(np.int64, *(g.weights.dtype for g in self.layers))
            ),
            "layers": np.bincount(at, minlength=len(every)),
        }
        names = np.full(len(every), "", object)
        for name, key in zip(self.names, keys, strict=True):
            place = np.searchsorted(every, key)
            names[place] = [f"{known} + {name}" if known else name for known in names[place]]
        columns["layer"] = names
        np.maximum.at(columns["weight"], at, np.concatenate([g.weights for g in self.layers]))
        for name in ("p_value", "q_value"):
            if all(name in g.edges for g in self.layers):
                columns[name] = np.ones(len(every))
                values = np.concatenate([g.edges[name] for g in self.layers])
                np.minimum.at(columns[name], at, values)
        return CoordinationGraph(
            self.all_accounts, columns, Given(" and ".join(self.names)), "weight",
            min(g.min_weight for g in self.layers), self.source,
        )  # fmt: skip

    def to_frame(self, backend: str | None = None) -> Any:
        """Return the edges of all layers as a dataframe: layer, source, target, weight, (p, q).

        Parameters
        ----------
        backend
            ``"pandas"``, ``"polars"`` or ``"pyarrow"``; by default the kind the actions came in.
        """
        parts = []
        for name, layer in zip(self.names, self.layers, strict=True):
            table = layer.to_frame("pyarrow")
            columns = {
                "layer": pa.array([name] * layer.n_edges, pa.string()),
                "source": table["source"],
                "target": table["target"],
                "weight": table[layer.weight].cast(pa.float64()),
            }
            for part in ("p_value", "q_value"):
                none = pa.nulls(layer.n_edges, pa.float64())
                columns[part] = table[part] if part in table.column_names else none
            parts.append(pa.table(columns))
        return native(pa.concat_tables(parts), backend or self.layers[0].frame)

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [
            (
                name,
                f"{layer.n_edges:,}",
                f"{layer.n_accounts:,}",
                "not tested" if level is None else f"{level:g}",
            )
            for name, layer, level in zip(self.names, self.layers, self.levels, strict=True)
        ]

    def __repr__(self) -> str:
        lines = [
            f"  {name}: {edges} edges of {accounts} accounts, level {level}"
            for name, edges, accounts, level in self._rows()
        ]
        return "\n".join([f"Multiplex of {len(self)} layers", *lines])

    def _repr_html_(self) -> str:
        return html_table(
            f"Multiplex of {len(self)} layers", ("layer", "edges", "accounts", "level"),
            self._rows(),
        )  # fmt: skip
