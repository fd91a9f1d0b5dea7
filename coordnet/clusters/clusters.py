"""Clusters: sets of accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.errors import ParameterError
from coordnet.frames import frozen, html_table, native
from coordnet.graphs.graph import CoordinationGraph
from coordnet.times import duration_text


@dataclass(frozen=True, eq=False, repr=False)
class Clusters:
    """Sets of accounts, the largest first; they may overlap.

    Attributes
    ----------
    graph : CoordinationGraph
        The graph that they were found in; codes of accounts are codes of ``graph.log``.
    indptr : int64 (n + 1,)
    indices : int32
        The members of cluster i are ``indices[indptr[i]:indptr[i + 1]]``, codes, ascending.
    method : str
        How they were found.
    parameters : mapping
        With what parameters.
    evidence : float64 (n,) or None
        Evidence of the group test in decades, where that test was made.
    """

    graph: CoordinationGraph
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    method: str
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    evidence: NDArray[np.float64] | None = None

    @classmethod
    def from_members(
        cls,
        graph: CoordinationGraph,
        members: Sequence[NDArray[np.int32]],
        method: str,
        parameters: Mapping[str, Any],
        min_size: int = 1,
        evidence: Sequence[float] | None = None,
    ) -> Clusters:
        """Make clusters of arrays of codes, numbered by size and then by smallest member.

        Parameters
        ----------
        graph
            The graph that they were found in.
        members
            The codes of each cluster's members, in any order.
        method, parameters
            How they were found.
        min_size
            Smaller ones are left out.
        evidence
            Of each of `members`, in decades, where the group test was made.
        """
        parts = [np.sort(codes).astype(np.int32) for codes in members]
        order = [i for i in range(len(parts)) if len(parts[i]) >= min_size]
        order.sort(key=lambda i: (-len(parts[i]), parts[i].tolist()))
        kept = [parts[i] for i in order]
        sizes = [len(codes) for codes in kept]
        return cls(
            graph,
            frozen(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)),
            frozen(np.concatenate([np.zeros(0, np.int32), *kept])),
            method,
            MappingProxyType(dict(parameters)),
            None if evidence is None else frozen(np.array([evidence[i] for i in order], float)),
        )

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def within(self) -> int:
        """The window of the graph, in microseconds."""
        return self.graph.within

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of members of each cluster: int64 (n,)."""
        return np.diff(self.indptr)

    def members(self, i: int) -> NDArray[np.int32]:
        """Return the codes of the members of cluster i, ascending."""
        if not 0 <= i < len(self):
            raise ParameterError(f"there is no cluster {i!r}; there are {len(self)}, from 0.")
        return self.indices[self.indptr[i] : self.indptr[i + 1]]

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """The cluster of each account of the log, -1 where in none: int32 (log.n_accounts,)."""
        if len(np.unique(self.indices)) < len(self.indices):
            raise ParameterError(
                "these clusters overlap, so that accounts have no one label; use members(i)."
            )
        labels = np.full(self.graph.log.n_accounts, -1, np.int32)
        labels[self.indices] = np.repeat(np.arange(len(self), dtype=np.int32), self.sizes)
        return frozen(labels)  # type: ignore[no-any-return]

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a dataframe of one row a membership: cluster (from 0), account (label)."""
        return native(self.table(self.graph.log.accounts), backend or self.graph.log.frame)

    def table(self, names: Any) -> pa.Table:
        """Return the memberships as an Arrow table, the account with code c called ``names[c]``.

        Members stand in the order of the names, not in that of the labels behind them.
        """
        members = [sorted(names[self.members(i)].tolist()) for i in range(len(self))]
        return pa.table(
            {
                "cluster": pa.array(np.repeat(np.arange(len(self)), self.sizes)),
                "account": pa.array([name for part in members for name in part], pa.large_string()),
            }
        )

    def _facts(self) -> list[tuple[str, str]]:
        sizes = self.sizes
        shown = ", ".join(map(str, sizes[:12])) + (", ..." if len(sizes) > 12 else "")
        how = ", ".join(f"{k}={v}" for k, v in self.parameters.items())
        return [
            ("clusters", f"{len(self):,}"),
            ("accounts", f"{len(np.unique(self.indices)):,}"),
            ("sizes", shown or "none"),
            ("method", f"{self.method} ({how})"),
            ("within", duration_text(self.within)),
        ]

    def __repr__(self) -> str:
        return "\n".join(["Clusters", *(f"  {name:<9}{value}" for name, value in self._facts())])

    def _repr_html_(self) -> str:
        return html_table("Clusters", ("", ""), self._facts())
