"""Clusters: sets of accounts, and in which layers of coordination they are carried."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.errors import NoSuchItemError, ParameterError
from coordnet.frames import ArrowExport, frozen, html_table, native
from coordnet.frozen import Frozen
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex
from coordnet.graphs.relation import Given
from coordnet.graphs.true_pairs import certain_pairs, confidence
from coordnet.inference.group_test import GroupTest
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import clusters as cluster_kernels
from coordnet.log.accounts import Accounts
from coordnet.log.actions import ActionLog


@dataclass(frozen=True, repr=False)
class Cluster:
    """One cluster of several.

    Attributes
    ----------
    clusters : Clusters
        What it is one of.
    number : int
        Its number, from 0.
    """

    clusters: Clusters
    number: int

    @property
    def codes(self) -> NDArray[np.int32]:
        """Codes of the members, ascending."""
        return self.clusters.members(self.number)

    @property
    def accounts(self) -> NDArray[np.object_]:
        """Labels of the members, in byte order: array of str."""
        return self.clusters.all_accounts[self.codes]

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[str]:
        return iter(self.accounts)

    @property
    def layer(self) -> str:
        """The layer that it is scored in."""
        return self.clusters.layers.names[int(self.clusters.layer_of[self.number])]

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that carry it: those with a kept edge between two members."""
        carried = self.clusters.carried[self.number]
        return tuple(
            n for n, is_in in zip(self.clusters.layers.names, carried, strict=True) if is_in
        )

    @property
    def evidence(self) -> float | None:
        """Log10 evidence of the group test, None where that test was not made."""
        evidence = self.clusters.evidence
        return None if evidence is None else float(evidence[self.number])

    @property
    def pairs_at_least(self) -> int | None:
        """How many pairs of members act together beyond chance, at least.

        With 95 % confidence, however the cluster was chosen, in the layer that it is scored in
        (:func:`coordnet.true_pairs`); None where its edges were not tested.
        """
        return self.clusters.pairs_at_least[self.number]

    def graph(self) -> CoordinationGraph:
        """Return the edges between members, of the layer that the cluster is scored in."""
        layer = self.clusters.layers[self.layer]
        inside = np.zeros(len(layer.all_accounts), bool)
        inside[self.codes] = True
        return layer.where(inside[layer.edges["source"]] & inside[layer.edges["target"]])

    def _facts(self) -> list[tuple[str, str]]:
        names = self.accounts[:5].tolist()
        more = f" and {len(self) - len(names):,} more" if len(self) > len(names) else ""
        facts = []
        if self.pairs_at_least:
            all_pairs = len(self) * (len(self) - 1) // 2
            sure = confidence(self.clusters.layers[self.layer])
            said = f"at least {self.pairs_at_least:,} of {all_pairs:,} act together beyond chance"
            facts.append(("pairs", f"{said} ({sure})"))
        facts += [
            ("accounts", f"{len(self):,}: {', '.join(names)}{more}"),
            ("carried by", ", ".join(self.layers) or "no edge: it was found as a group"),
        ]
        if self.evidence is not None:
            told = f"{self.evidence:.1f} (log10, of the group test)"
            if self.evidence <= -math.log10(0.05):
                told = "inconclusive for the group as a whole"
            facts.append(("evidence", told))
        return facts

    def __repr__(self) -> str:
        lines = [f"  {name:<11}{value}" for name, value in self._facts()]
        return "\n".join([f"Cluster {self.number}", *lines])

    def _repr_html_(self) -> str:
        return html_table(f"Cluster {self.number}", ("", ""), self._facts())


@dataclass(frozen=True, eq=False, repr=False)
class Clusters(ArrowExport, Frozen):
    """Sets of accounts, the largest first; they may overlap.

    Attributes
    ----------
    layers : Multiplex
        The graphs that they were found in; codes of accounts are theirs.
    indptr : int64 (n + 1,)
    indices : int32
        The members of cluster i are ``indices[indptr[i]:indptr[i + 1]]``, codes, ascending.
    method : str
        How they were found.
    parameters : mapping
        With what parameters.
    group_tests : tuple of tuple of GroupTest or None
        Of each cluster the group test in each layer, where it was made: None in layers without
        objects. Empty where no test was made.

    Examples
    --------
    >>> import coordnet as cn
    >>> sim = cn.simulate("retweet_ring", accounts=1_000, seed=0)
    >>> found = cn.detect(sim.log, score=False).clusters
    >>> [len(cluster) for cluster in found], found[0].layers
    ([60, 30, 12], ('co-action within 60s',))
    """

    layers: Multiplex
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    group_tests: tuple[tuple[GroupTest | None, ...], ...] = ()

    @classmethod
    def from_members(
        cls,
        graph: CoordinationGraph | Multiplex,
        members: Sequence[NDArray[np.int32]],
        method: str,
        parameters: Mapping[str, Any],
        min_size: int = 1,
        group_tests: Sequence[tuple[GroupTest | None, ...]] = (),
    ) -> Clusters:
        """Make clusters of arrays of codes, numbered by size and then by smallest member.

        Parameters
        ----------
        graph
            The graph, or the layers, that they were found in.
        members
            The codes of each cluster's members, in any order.
        method, parameters
            How they were found.
        min_size
            Smaller ones are left out.
        group_tests
            Of each of `members` the group test in each layer, where they were made.
        """
        parts = [np.unique(codes).astype(np.int32) for codes in members]
        order = [i for i in range(len(parts)) if len(parts[i]) >= min_size]
        order.sort(key=lambda i: (-len(parts[i]), parts[i].tolist()))
        kept = [parts[i] for i in order]
        sizes = [len(codes) for codes in kept]
        return cls(
            Multiplex.of(graph),
            frozen(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)),
            frozen(np.concatenate([np.zeros(0, np.int32), *kept])),
            method,
            dict(parameters),
            tuple(tuple(group_tests[i]) for i in order) if group_tests else (),
        )

    @classmethod
    def from_labels(
        cls,
        labels: Any,
        source: ActionLog | CoordinationGraph | Multiplex,
        *,
        method: str = "given",
        missing: str = "error",
    ) -> Clusters:
        """Make clusters of labels of accounts, such as those that another tool found.

        Parameters
        ----------
        labels
            Sets of labels, ``[["a", "b", "c"], ["d", "e"]]``; or a mapping of names to sets; or a
            mapping of accounts to the name or number of their cluster.
        source
            The log, graph or layers that the accounts are of.
        method
            How they were found, for tables and manifests.
        missing
            ``"error"`` or ``"ignore"``: what to do with an account that is not there.

        Examples
        --------
        >>> import coordnet as cn
        >>> log = cn.simulate("election", accounts=300, seed=1).log
        >>> names = log.accounts[:5]
        >>> [len(cluster) for cluster in cn.Clusters.from_labels([names[:2], names[2:]], log)]
        [3, 2]
        """
        if isinstance(source, ActionLog):
            nothing = {end: np.zeros(0, np.int32) for end in ("source", "target", "weight")}
            source = CoordinationGraph(
                source.all_accounts, nothing, Given("clusters given"), "weight", 1, source
            )
        sets = [source.all_accounts.codes_of(names, missing) for names in _sets_of(labels)]
        return cls.from_members(source, [codes for codes in sets if len(codes)], method, {})

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __getitem__(self, number: int) -> Cluster:
        return Cluster(self, self._checked(number))

    def __iter__(self) -> Iterator[Cluster]:
        return (Cluster(self, i) for i in range(len(self)))

    @property
    def all_accounts(self) -> Accounts:
        """The accounts that codes stand for."""
        return self.layers.all_accounts

    @property
    def graph(self) -> CoordinationGraph:
        """The edges of all layers as one graph, in which communities were found."""
        return self.layers.combined

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of members of each cluster: int64 (n,)."""
        return np.diff(self.indptr)

    @property
    def accounts(self) -> list[NDArray[np.object_]]:
        """Labels of the members of each cluster."""
        return [cluster.accounts for cluster in self]

    def members(self, i: int) -> NDArray[np.int32]:
        """Return the codes of the members of cluster i, ascending."""
        i = self._checked(i)
        return self.indices[self.indptr[i] : self.indptr[i + 1]]

    def _checked(self, i: int) -> int:
        """Return the number of a cluster, counted from the end where it is negative."""
        n = len(self)
        if n == 0:
            log = self.layers.source
            why = "" if log is None or len(log) else ", because the log has no actions"
            raise NoSuchItemError(f"there is no cluster {i!r}: no cluster was found{why}.")
        if not isinstance(i, int | np.integer) or not -n <= i < n:
            raise NoSuchItemError(
                f"there is no cluster {i!r}; they are numbered from 0 to {n - 1}."
            )
        return int(i) % n

    def where(self, kept: NDArray[np.bool_]) -> Clusters:
        """Return the clusters that are marked, numbered anew, in their order."""
        numbers = np.flatnonzero(kept).tolist()
        return Clusters.from_members(
            self.layers,
            [self.members(i) for i in numbers],
            self.method,
            self.parameters,
            group_tests=[self.group_tests[i] for i in numbers] if self.group_tests else (),
        )

    # -- layers -----------------------------------------------------------------------------

    def inside(self, layer: CoordinationGraph) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the edges of a layer between members of one cluster: (indptr, edges)."""
        n = len(self)
        indptr, memberships = array_kernels.group_by_code(self.indices, len(self.all_accounts))
        cluster_of = np.repeat(np.arange(n, dtype=np.int32), self.sizes)[memberships]
        cluster, edge = cluster_kernels.edges_inside(
            layer.edges["source"], layer.edges["target"], indptr, cluster_of
        )
        starts, order = array_kernels.group_by_code(cluster, n)
        return starts, edge[order]

    @cached_property
    def edges_inside(self) -> NDArray[np.int64]:
        """Number of kept edges between members, by cluster and layer: int64 (n, layers)."""
        return np.stack([np.diff(self.inside(layer)[0]) for layer in self.layers], axis=1)

    @property
    def carried(self) -> NDArray[np.bool_]:
        """Whether each layer has an edge between members of each cluster: bool (n, layers)."""
        return self.edges_inside > 0

    @cached_property
    def layer_of(self) -> NDArray[np.int64]:
        """The layer that each cluster is scored in: int64 (n,), positions in `layers`.

        Of the layers of co-action the one with most evidence of the group test; a layer without
        objects where it has more edges between members than all of these. Where no group test was
        made, the layer with most edges between members.
        """
        edges = self.edges_inside
        if not self.group_tests:
            most_edges: NDArray[np.int64] = edges.argmax(axis=1) if len(self) else np.zeros(0, int)
            return most_edges
        evidence = np.array(
            [[-np.inf if t is None else t.evidence for t in tests] for tests in self.group_tests]
        ).reshape(len(self), len(self.layers))
        tested = np.array([layer.relation.on_objects for layer in self.layers])
        best: NDArray[np.int64] = np.argmax(evidence, axis=1)
        if tested.all() or not len(self):
            return best
        most = np.where(tested, -1, edges).argmax(axis=1)
        rows = np.arange(len(self))
        untested_wins = ~tested.any() | (edges[rows, most] > np.where(tested, edges, 0).max(axis=1))
        return np.where(untested_wins, most, best)

    @cached_property
    def pairs_at_least(self) -> tuple[int | None, ...]:
        """Of each cluster how many pairs act together, at least; see `Cluster.pairs_at_least`."""
        bounds: list[int | None] = [None] * len(self)
        for i, layer in enumerate(self.layers):
            if layer.tested is None:
                continue
            starts, edges = self.inside(layer)
            for c in np.flatnonzero(self.layer_of == i).tolist():
                bounds[c] = certain_pairs(layer, edges[starts[c] : starts[c + 1]])
        return tuple(bounds)

    @cached_property
    def evidence(self) -> NDArray[np.float64] | None:
        """Log10 evidence of the group test of each cluster, None where no test was made.

        The most in any layer, less log10 of the number of layers that it was picked from; NaN
        where no layer has objects.
        """
        tested = sum(layer.relation.on_objects for layer in self.layers)
        if not self.group_tests or not tested:
            return np.zeros(0) if tested and not len(self) else None
        found = [max(t.evidence for t in tests if t is not None) for tests in self.group_tests]
        return np.array(found) - math.log10(tested)

    # -- out --------------------------------------------------------------------------------

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """The cluster of each account by code, -1 where in none: int32 (len(all_accounts),)."""
        if len(np.unique(self.indices)) < len(self.indices):
            raise ParameterError(
                "these clusters overlap, so that accounts have no one label; use members(i)."
            )
        labels = np.full(len(self.all_accounts), -1, np.int32)
        labels[self.indices] = np.repeat(np.arange(len(self), dtype=np.int32), self.sizes)
        return frozen(labels)  # type: ignore[no-any-return]

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a dataframe of one row a membership: cluster (from 0), account (label).

        What is said of whole clusters, the bound on true pairs first, is in ``run.scores``, or
        without scores in :attr:`pairs_at_least`.
        """
        return native(self.table(self.all_accounts), backend or self.layers[0].frame)

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
            *([("pairs", bounds)] if (bounds := self._bounds()) else []),
            ("method", f"{self.method} ({how})" if how else self.method),
            ("layers", ", ".join(self.layers.names)),
        ]

    def _bounds(self) -> str:
        """Return the bounds on true pairs in words, nothing where all are 0."""
        bounds = [bound or 0 for bound in self.pairs_at_least]
        if not any(bounds):
            return ""
        shown = ", ".join(f"{bound}" for bound in bounds[:12]) + ", ..." * (len(bounds) > 12)
        how = " and ".join(dict.fromkeys(confidence(g) for g in self.layers if g.n_edges))
        return f"at least {shown} act together beyond chance ({how})"

    def __repr__(self) -> str:
        return "\n".join(["Clusters", *(f"  {name:<9}{value}" for name, value in self._facts())])

    def _repr_html_(self) -> str:
        return html_table("Clusters", ("", ""), self._facts())


def _sets_of(labels: Any) -> list[Iterable[Any]]:
    """Return sets of labels, from any of the forms that `Clusters.from_labels` takes."""
    if isinstance(labels, Mapping):
        if all(
            isinstance(value, Iterable) and not isinstance(value, str) for value in labels.values()
        ):
            return list(labels.values())
        sets: dict[Any, list[Any]] = {}
        for account, cluster in labels.items():
            sets.setdefault(cluster, []).append(account)
        return list(sets.values())
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise ParameterError(
            f"clusters={labels!r} are no sets of accounts; give [['a', 'b', 'c'], ['d', 'e']]."
        )
    sets_given = list(labels)
    for one in sets_given:
        if isinstance(one, str) or not isinstance(one, Iterable):
            raise ParameterError(
                f"{one!r} is not a set of accounts; give a list of lists, [['a', 'b', 'c'], ...]."
            )
    return sets_given
