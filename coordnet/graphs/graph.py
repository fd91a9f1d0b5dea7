"""CoordinationGraph: which accounts acted together how often, and its way to other libraries."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.disk import selected
from coordnet.engine import at_work
from coordnet.errors import ParameterError, check_number, check_whole
from coordnet.export import labels_out, write_table, xml_names
from coordnet.frames import ArrowExport, frozen, html_table, native
from coordnet.frozen import Frozen, ReadOnly
from coordnet.graph_files import write_network
from coordnet.graphs.relation import Against, Relation, Trace
from coordnet.inference.edge_tests import EdgeTest
from coordnet.inference.statistics import WindowStatistics
from coordnet.log.accounts import Accounts
from coordnet.log.actions import ActionLog
from coordnet.log.windows import Window, written
from coordnet.times import SECOND, Duration, duration

if TYPE_CHECKING:
    import igraph
    import networkx as nx
    import scipy.sparse

    from coordnet.clusters.clusters import Clusters


class NamedEdges(NamedTuple):
    """Edges under names, in their order: see :meth:`CoordinationGraph.named`."""

    names: list[str]  # sorted
    source: NDArray[np.int64]  # positions in names, source < target
    target: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]  # the others
    order: NDArray[np.int64]  # which edge of the graph each one is

    def table(self) -> pa.Table:
        """Return the edges as an Arrow table: source, target and the other columns."""
        names = pa.array(self.names, pa.large_string())
        ends = {"source": names.take(pa.array(self.source))}
        ends["target"] = names.take(pa.array(self.target))
        return pa.table({**ends, **{n: pa.array(c) for n, c in self.columns.items()}})


def _listed(columns: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return columns as lists of Python values."""
    return {name: list(getattr(c, "tolist", lambda c=c: c)()) for name, c in columns.items()}


@dataclass(frozen=True, eq=False, repr=False)
class CoordinationGraph(ArrowExport, Frozen):
    """An undirected weighted graph of accounts that acted together.

    Attributes
    ----------
    all_accounts : Accounts
        The accounts that codes stand for, shared with the log.
    edges : mapping of str to array (n_edges,)
        Read-only columns, sorted by (source, target): ``source`` and ``target`` (int32 codes,
        source < target), the counts, ``mean_delay`` (float64, seconds, absolute) and
        ``first_share`` (float64, share of co-actions in which the source came first, ties
        counting half). Counts of a co-action graph: ``objects`` and ``pairs`` (int64; see
        :func:`coordnet.co_action`).
    relation : Relation
        By what the accounts are joined: :class:`CoAction`, :class:`CoTiming` or :class:`Given`.
    weight : str
        The edge column that is the weight.
    min_weight : int
        Least weight that an edge had to have.
    source : ActionLog or None
        The actions that it was made from, None where it was read from elsewhere; see `log`.
    tested : EdgeTest or None
        Against what the edges were tested, where they were (:meth:`test`).
    """

    all_accounts: Accounts
    edges: Mapping[str, NDArray[Any]]
    relation: Relation
    weight: str
    min_weight: float
    source: ActionLog | None = None
    tested: EdgeTest | None = None

    def __post_init__(self) -> None:
        columns = {name: frozen(column) for name, column in self.edges.items()}
        object.__setattr__(self, "edges", ReadOnly(columns))

    @cached_property
    def log(self) -> ActionLog:
        """The actions that it was made from: of those of `source` the kinds that take part."""
        return self.relation.part(self.whole_log)

    @property
    def whole_log(self) -> ActionLog:
        """The `source`, with the kinds of action that take no part.

        Raises
        ------
        ParameterError
            Where the graph was not made from a log.
        """
        if self.source is None:
            raise ParameterError(
                f"this graph ({self.relation.title}) has no log of actions, and what you ask for "
                "needs one; build the graph from a log with co_action or co_timing, or give the "
                "log where a parameter takes one."
            )
        return self.source

    @property
    def window_us(self) -> Window:
        """The window in microseconds, or that of each kind."""
        return self.relation.window_us

    @property
    def within(self) -> str | dict[str, str]:
        """The window as it is written, such as ``"60s"``; every ``within=`` takes it.

        Of windows by kind it is a mapping, ``{"retweet": "60s", "url": "10min"}``.
        """
        return written(self.window_us)

    def __len__(self) -> int:
        return self.n_edges

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.edges["source"])

    @cached_property
    def nodes(self) -> NDArray[np.int32]:
        """Codes of the accounts with at least one edge, ascending: int32 (n_accounts,)."""
        present = np.zeros(len(self.all_accounts), bool)
        present[self.edges["source"]] = True
        present[self.edges["target"]] = True
        nodes: NDArray[np.int32] = frozen(np.flatnonzero(present).astype(np.int32))
        return nodes

    @property
    def n_accounts(self) -> int:
        """Number of accounts with at least one edge."""
        return len(self.nodes)

    @cached_property
    def accounts(self) -> NDArray[np.object_]:
        """Labels of the accounts with at least one edge: array of str, in the order of `nodes`."""
        labels: NDArray[np.object_] = frozen(self.all_accounts[self.nodes])
        return labels

    @property
    def frame(self) -> str:
        """The kind of frame that `to_frame` gives unless told: that of the input."""
        return "pandas" if self.source is None else self.source.frame

    @property
    def weights(self) -> NDArray[Any]:
        """The weight of each edge: ``edges[weight]``."""
        return self.edges[self.weight]

    @cached_property
    def ends(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Both ends of each edge as positions in `nodes`: two arrays int64 (n_edges,)."""
        return (
            np.searchsorted(self.nodes, self.edges["source"]),
            np.searchsorted(self.nodes, self.edges["target"]),
        )

    # -- parts ------------------------------------------------------------------------------

    def where(self, keep: NDArray[np.bool_]) -> CoordinationGraph:
        """Return the graph of the edges marked."""
        count = int(np.count_nonzero(keep))
        if count == len(keep):
            return self
        return self._with(
            edges={name: selected(column, keep, count) for name, column in self.edges.items()}
        )

    def with_column(self, name: str, column: NDArray[Any]) -> CoordinationGraph:
        """Return the graph with another column of this name."""
        return self._with(edges={**self.edges, name: frozen(column)})

    def _with(self, **changes: Any) -> CoordinationGraph:
        """Return the graph with other fields, and the same log."""
        changed = replace(self, **changes)
        if "log" in self.__dict__:  # so that a part of a log is made once
            changed.__dict__["log"] = self.log
        return changed

    def test(
        self,
        null: str | None = None,
        *,
        strata: Duration | str | None = None,
        background: ActionLog | None = None,
        occasion_gap: Duration | None = None,
        correction: str = "bh",
        memory: int | str | None = None,
        engine: Any = None,
        threads: int | None = None,
    ) -> CoordinationGraph:
        """Test for every edge whether the two act together more than a null model explains.

        Always on *occasions*: a pair's synchronised objects, each at the first moment by which
        both have acted within the window, ordered; a run with gaps of at most `occasion_gap` is one
        occasion. Five posts of one thread shared within minutes are one occasion.

        Parameters
        ----------
        null
            Of a co-action graph ``"activity"`` (do they share more than two accounts this active
            would?), ``"timing"`` (given the objects that both act on, are they together in time
            more than objects this popular make accounts be?) or ``"both"``, the default: the
            larger of the two p-values, so that an edge must reject both explanations. Of a
            co-timing graph ``"jitter"``, the default. Formulas: :mod:`coordnet.inference`.
        strata
            Of the activity null: deal accounts only inside strata, ``"1d"``, ``"1h"``,
            ``"hour_of_day"`` or ``"hour_of_week"``. Accounts that are online at the same hours
            are then no evidence. Of the jitter null: how far events are moved, ``"1h"``.
        background
            A log of accounts that are not under suspicion, which supplies the chances of the
            timing null. Where all accounts of the log are suspects the null has no power without
            one; ``tested.notes`` then says so.
        occasion_gap
            See above; by default the window or 30 s, whichever is longer. An occasion mixes kinds:
            of windows by kind the longest counts.
        correction
            ``"bh"`` or ``"by"``; pairs without an edge count with p = 1. They are all pairs that
            act on a common object, and all pairs of accounts for ``null="activity"`` alone and
            for co-timing.
        memory
            How much memory the tests of a co-action graph may take, such as ``"2GB"``; they are on
            disk beyond it, and where the edges are. It changes no byte of the result.
        engine
            Who tests the edges of a co-action graph: a Spark session, or an engine of
            ``coordnet.engines``; None is this process. It changes no byte of the result.
        threads
            Number of threads; None means all processors. It changes no byte of the result.

        Returns
        -------
        CoordinationGraph
            With further edge columns. Co-action: occasions, expected_activity, p_activity,
            expected_timing, p_timing, p_value, q_value. Co-timing: expected_source_events,
            expected_target_events, p_value, q_value. p-values below 1e-300 are given as 1e-300.

        Notes
        -----
        An edge that is kept has rejected the named explanations, no more: accounts that use
        notifications, that read at the same half hour, or the small audience of one fast outlet
        can reject both.

        Examples
        --------
        >>> import coordnet as cn
        >>> log = cn.simulate("retweet_ring", accounts=1_000, seed=0).log
        >>> tested = cn.co_action(log, within="60s", min_weight=2).test()
        >>> kept = tested.keep(fdr=0.05)
        >>> bool((kept.edges["q_value"] <= 0.05).all())
        True
        """
        gap = None if occasion_gap is None else duration(occasion_gap, "occasion_gap")
        against = Against(null, strata, background, gap, correction)
        with at_work(self.source, memory, engine, threads):
            return self.tested_against(against, None, threads)

    def tested_against(
        self, against: Against, statistics: WindowStatistics | None, threads: int | None = None
    ) -> CoordinationGraph:
        """Return the tested graph, by statistics of its log that are at hand; see :meth:`test`.

        Parameters
        ----------
        against
            The null model.
        statistics
            What its relation gave for the log and the null model; None counts them.
        threads
            Number of threads; None means all processors.
        """
        found = self.relation.test(self, against, statistics, threads)
        return self._with(edges={**self.edges, **found.columns}, tested=found.test)

    def with_bounds(
        self, statistics: WindowStatistics, threads: int | None = None
    ) -> CoordinationGraph:
        """Return the graph, tested without bounds on true pairs, with what they rest on.

        Parameters
        ----------
        statistics
            Those that it was tested with.
        threads
            Number of threads; None means all processors.
        """
        found = self.relation.with_bounds(self, statistics, threads)
        return self._with(edges={**self.edges, **found.columns}, tested=found.test)

    def keep(
        self,
        *,
        fdr: float | None = None,
        min_weight: float | None = None,
        quantile: float | None = None,
        top: int | None = None,
    ) -> CoordinationGraph:
        """Return the graph of the edges that meet every condition given.

        Parameters
        ----------
        fdr
            Keep the edges of a tested graph with a q-value of at most this: the expected share
            of false edges among them is at most `fdr`. A second condition, or another filter
            after the test, loses that guarantee.
        min_weight
            Least weight, inclusive.
        quantile
            Keep the edges whose weight is at least this quantile (0 to 1, linear interpolation)
            of the weights of this graph.
        top
            Keep this many of the heaviest edges, and those that tie with the last of them: which
            of equals is kept must not depend on names.

        Examples
        --------
        >>> import coordnet as cn
        >>> graph = cn.co_action(cn.simulate("election", accounts=300, seed=1).log)
        >>> int(graph.keep(min_weight=3).weights.min())
        3
        """
        weights = self.weights
        keep = np.ones(self.n_edges, bool)
        if fdr is not None:
            fdr = check_number(fdr, "fdr", above=0, below=1)
            if self.tested is None:
                raise ParameterError("fdr= needs tested edges: graph.test().keep(fdr=0.05).")
            keep &= self.edges["q_value"] <= fdr
        if min_weight is not None:
            keep &= weights >= check_number(min_weight, "min_weight")
        if quantile is not None:
            quantile = check_number(quantile, "quantile", at_least=0, at_most=1)
            if self.n_edges:
                keep &= weights >= np.quantile(weights, quantile)
        if top is not None:
            top = check_whole(top, "top", 0)
            if top == 0:
                keep[:] = False
            elif top < self.n_edges:
                keep &= weights >= np.partition(weights, -top)[-top]
        return self.where(keep)

    def reweight(
        self, weight: str, *, eps: float = 0.01, threads: int | None = None
    ) -> CoordinationGraph:
        """Return the graph with another weight of its edges, as a further column of that name.

        With D_u the objects that account u acts on, S_uv those on which u and v act within the
        graph's window (the synchronised objects), C_uv those on which both act whenever, n_o the
        accounts on object o, n all accounts that act, idf_o = ln((1 + n) / (1 + n_o)) + 1:

        - ``"cosine"``: ``|S| / sqrt(|D_u| |D_v|)`` (Salton & McGill 1983)
        - ``"tfidf"``: sum of idf_o^2 over S, divided by the lengths sqrt(sum of idf_o^2 over D) of
          both: the cosine of binary TF-IDF vectors
        - ``"jaccard"``: ``|S| / (|D_u| + |D_v| - |C|)`` (Jaccard 1901)
        - ``"overlap"``: ``|S| / min(|D_u|, |D_v|)`` (Szymkiewicz 1934, Simpson 1943)
        - ``"collaboration"``: sum over S of 1 / (n_o - 1) (Newman 2001)
        - ``"decay"``: sum over the co-actions of exp(-beta dt) / (n_o - 1), with dt the time
          between the two actions and beta = -ln(eps) / window (Iannucci et al. 2025)

        Where the window is as long as the log, S is C and the first four are the textbook measures.

        Parameters
        ----------
        weight
            See above.
        eps
            Of the decay: what a co-action counts that is a whole window apart.
        threads
            Number of threads; None means all processors. It changes no byte of the result.

        Examples
        --------
        >>> import coordnet as cn
        >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
        >>> graph = cn.co_action(log, within="60s", min_weight=2).reweight("jaccard")
        >>> graph.weight, bool((graph.weights <= 1).all())
        ('jaccard', True)
        """
        from coordnet.graphs.weights import weigh

        values = weigh(self, weight, eps, threads)
        least = float(values.min()) if len(values) else 0.0
        return replace(self, edges={**self.edges, weight: values}, weight=weight, min_weight=least)

    def backbone(self, name: str, **parameters: Any) -> CoordinationGraph:
        """Return the graph of the edges that a backbone keeps, with what it computed of them.

        - ``"quantile"`` (quantile=0.95, strict=False): the heaviest edges.
        - ``"disparity"`` (alpha=0.05): Serrano, Boguñá & Vespignani 2009. Column ``disparity_p``.
        - ``"noise_corrected"`` (delta=1.64): Coscia & Neffke 2017. Columns ``noise_score``,
          ``noise_deviation``.
        - ``"top_k"`` (k=10, mutual=False): the heaviest edges of each account.
        - ``"neighbourhood_overlap"`` (threshold=0.39): Onnela et al. 2007; Linhares et al. 2022.
          Column ``neighbourhood_overlap``.
        - ``"bicm"`` (level=0.05, min_actions=1, distribution="poisson"): Saracco et al. 2017.
          Columns ``bicm_p``, ``bicm_q``. It needs the graph's log.

        Each is a file in `coordnet/graphs/backbones/` with its formula.

        Parameters
        ----------
        name
            See above.
        **parameters
            Of the backbone.

        Examples
        --------
        >>> import coordnet as cn
        >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
        >>> graph = cn.co_action(log, within="60s")
        >>> bool(graph.backbone("disparity", alpha=0.01).n_edges < graph.n_edges)
        True
        """
        from coordnet.graphs.backbones import kept

        found = kept(self, name, parameters)
        edges = {**self.edges, **found.columns}
        return replace(self, edges=edges).where(found.keep)

    def co_actions(self, a: Any, b: Any, backend: str | None = None) -> Any:
        """Return what is behind one edge as a dataframe: every time that the two met.

        Parameters
        ----------
        a, b
            Labels of two accounts, joined by an edge or not.
        backend
            ``"pandas"``, ``"polars"`` or ``"pyarrow"``; by default the kind the actions came in.

        Returns
        -------
        frame
            One row a pair of actions inside the window, by time: ``object`` and ``kind`` (where
            accounts meet on objects), ``time_a`` and ``time_b`` (UTC), and ``delay``, the seconds
            from a's action to b's, negative where b came first.

        Examples
        --------
        >>> import coordnet as cn
        >>> graph = cn.co_action(cn.simulate("retweet_ring", accounts=500, seed=0).log)
        >>> a, b = graph.all_accounts[graph.edges["source"][0]], graph.all_accounts[
        ...     graph.edges["target"][0]]
        >>> bool(len(graph.co_actions(a, b)) == graph.edges["pairs"][0])
        True
        """
        ends = self.all_accounts.codes_of([a, b])
        if len(ends) < 2:
            raise ParameterError(f"a={a!r} and b={b!r} are one account; name two.")
        one, other = (int(self.all_accounts.codes_of([name])[0]) for name in (a, b))
        trace, log = self.relation.trace(self.log), self.log
        first, second = (np.flatnonzero(trace.account == code) for code in (one, other))
        # of each of a's actions, the stretch of b's that is on the same object inside the window
        low = _place(trace, first, second, -1, "left")
        high = _place(trace, first, second, 1, "right")
        x = np.repeat(first, high - low)
        y = second[np.arange(len(x)) - np.repeat(np.cumsum(high - low) - high, high - low)]
        order = np.argsort(np.maximum(trace.time[x], trace.time[y]), kind="stable")
        x, y = x[order], y[order]
        columns: dict[str, Any] = {}
        if self.relation.on_objects:
            objects = trace.object[x]
            columns["object"] = log.object_labels.take(pa.array(objects))
            kinds = pa.array(log.kinds, pa.large_string())
            columns["kind"] = kinds.take(pa.array(log.object_kind[objects]))
        for name, at in (("time_a", x), ("time_b", y)):
            columns[name] = pa.array(trace.time[at]).cast(pa.timestamp("us", tz="UTC"))
        columns["delay"] = pa.array((trace.time[y] - trace.time[x]) / SECOND)
        return native(pa.table(columns), backend or self.frame)

    # -- conversions ------------------------------------------------------------------------

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        source: str = "source",
        target: str = "target",
        weight: str | None = None,
        *,
        log: ActionLog | None = None,
        repeated: str = "error",
    ) -> CoordinationGraph:
        """Make a graph of a table of edges, such as another tool made.

        Parameters
        ----------
        frame
            pandas, Polars, PyArrow or DuckDB table, one row an edge.
        source, target
            Columns with the labels of the two accounts; which is which does not matter.
        weight
            Column with the weight; by default the only other column of numbers. Other columns of
            numbers are kept as columns of the edges. Without any every edge weighs 1.
        log
            The log that the accounts are of; scores and evidence need it.
        repeated
            ``"error"``, ``"sum"`` or ``"max"``: what to do with a pair that stands there twice,
            in whichever direction.

        Examples
        --------
        >>> import pandas as pd, coordnet as cn
        >>> frame = pd.DataFrame({"source": ["b", "a"], "target": ["a", "c"], "n": [3, 1]})
        >>> cn.CoordinationGraph.from_frame(frame).to_frame()["n"].tolist()
        [3, 1]
        """
        from coordnet.graphs.conversion import from_frame

        return from_frame(frame, source, target, weight, log, repeated)

    @classmethod
    def from_networkx(
        cls,
        graph: nx.Graph,
        weight: str = "weight",
        *,
        log: ActionLog | None = None,
        repeated: str = "error",
    ) -> CoordinationGraph:
        """Make a graph of a networkx graph.

        Parameters
        ----------
        graph
            Nodes are accounts, by their labels. A directed or multiple graph needs `repeated`.
        weight
            Edge attribute with the weight; 1 where an edge has none.
        log, repeated
            As in :meth:`from_frame`.
        """
        from coordnet.graphs.conversion import from_networkx

        return from_networkx(graph, weight, log, repeated)

    @classmethod
    def from_igraph(
        cls,
        graph: igraph.Graph,
        weight: str = "weight",
        *,
        log: ActionLog | None = None,
        repeated: str = "error",
    ) -> CoordinationGraph:
        """Make a graph of an igraph graph.

        Parameters
        ----------
        graph
            Vertices are accounts, by their attribute ``name``, else by their numbers.
        weight
            Edge attribute with the weight; 1 where the graph has none of that name.
        log, repeated
            As in :meth:`from_frame`.
        """
        from coordnet.graphs.conversion import from_igraph

        return from_igraph(graph, weight, log, repeated)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return the edges as a dataframe, accounts by their labels.

        Parameters
        ----------
        backend
            ``"pandas"``, ``"polars"`` or ``"pyarrow"``; by default the kind the actions came in.
        """
        return native(self.named(self.accounts).table(), backend or self.frame)

    def named(self, names: Sequence[str] | NDArray[np.object_]) -> NamedEdges:
        """Return the edges with each of `nodes` called by another name, in the order of the names.

        Pseudonyms that stood in the order of the labels behind them would tell who they are to
        anybody who has a list of the accounts in question.

        Parameters
        ----------
        names
            A name for each of `nodes`.
        """
        given = np.array([*names], object)
        by_name = np.argsort(given, kind="stable")
        place = np.empty(len(by_name), np.int64)
        place[by_name] = np.arange(len(by_name))
        if (np.diff(by_name) > 0).all():  # the order that edges have
            columns = {n: c for n, c in self.edges.items() if n not in ("source", "target")}
            return NamedEdges(given.tolist(), *self.ends, columns, np.arange(self.n_edges))
        ends = np.stack([place[end] for end in self.ends])
        source, target = ends.min(axis=0), ends.max(axis=0)
        back = ends[0] > ends[1]
        order = np.lexsort((target, source))
        columns = {
            name: np.where(back, self._from_target(name), column)[order]
            for name, column in self.edges.items()
            if name not in ("source", "target")
        }
        return NamedEdges(given[by_name].tolist(), source[order], target[order], columns, order)

    def _from_target(self, name: str) -> NDArray[Any]:
        """Return a column as it is when source and target change places."""
        if name == "first_share":
            return 1 - self.edges[name]
        other = {"source": "target", "target": "source"}
        return self.edges[re.sub("source|target", lambda end: other[end[0]], name)]

    def node_attributes(self, clusters: Clusters | None = None) -> dict[str, Any]:
        """Return what is known of each of `nodes`: its degree, its strength, its cluster.

        ``degree`` is the number of its edges, ``strength`` their weight; ``cluster`` the number of
        the first cluster that holds it, None where none does.
        """
        left, right = self.ends
        n = self.n_accounts
        both = np.concatenate([left, right])
        attributes: dict[str, Any] = {
            "degree": np.bincount(both, minlength=n),
            "strength": np.bincount(both, np.concatenate([self.weights, self.weights]), n),
        }
        if self.weights.dtype.kind in "iu":
            attributes["strength"] = attributes["strength"].astype(np.int64)
        if clusters is not None:
            cluster = np.full(len(self.all_accounts), -1)
            order = np.repeat(np.arange(len(clusters)), clusters.sizes)
            cluster[clusters.indices[::-1]] = order[::-1]
            own = cluster[self.nodes].tolist()
            attributes["cluster"] = [None if number < 0 else number for number in own]
        return attributes

    def _declared(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return columns of edges with the weight under that name, and the layer they are of."""
        weight = {"weight": columns[self.weight]}
        layer = {"layer": np.full(self.n_edges, self.relation.title, object)}
        return weight | layer | dict(columns)

    def to_networkx(self, clusters: Clusters | None = None) -> nx.Graph:
        """Return a networkx graph: nodes are labels, edges carry every column and ``weight``.

        Parameters
        ----------
        clusters
            Clusters in the graph; nodes then carry the number of theirs as ``cluster``.
        """
        import networkx as nx

        names = self.accounts.tolist()
        edges = self.named(self.accounts)
        graph = nx.Graph()
        attributes = _listed(self.node_attributes(clusters))
        for i, name in enumerate(names):
            values = {key: column[i] for key, column in attributes.items()}
            graph.add_node(name, **{k: v for k, v in values.items() if v is not None})
        columns = _listed(self._declared(edges.columns))
        ends = (edges.source.tolist(), edges.target.tolist())
        rows = zip(*columns.values(), strict=True) if self.n_edges else ()
        graph.add_edges_from(
            (edges.names[a], edges.names[b], dict(zip(columns, row, strict=True)))
            for a, b, row in zip(*ends, rows, strict=True)
        )
        return graph

    def to_igraph(self, clusters: Clusters | None = None) -> igraph.Graph:
        """Return an igraph graph: vertices have ``name``, edges every column and ``weight``.

        Parameters
        ----------
        clusters
            Clusters in the graph; vertices then carry the number of theirs as ``cluster``.
        """
        import igraph

        columns = {n: c for n, c in self.edges.items() if n not in ("source", "target")}
        return igraph.Graph(
            n=self.n_accounts,
            edges=np.column_stack(self.ends),
            vertex_attrs={
                "name": self.accounts.tolist(), **_listed(self.node_attributes(clusters))
            },
            edge_attrs=_listed(self._declared(columns)),
        )  # fmt: skip

    def to_scipy(self) -> scipy.sparse.csr_array:
        """Return the symmetric matrix of weights; row i is the account ``accounts[i]``."""
        import scipy.sparse

        left, right = self.ends
        n = self.n_accounts
        half = scipy.sparse.coo_array((self.weights, (left, right)), shape=(n, n))
        return (half + half.T).tocsr()

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        clusters: Clusters | None = None,
        identifiers: bool = False,
        key: bytes | None = None,
    ) -> None:
        """Write the graph to .graphml, .gexf, .parquet or .csv, whole or not at all.

        Parameters
        ----------
        path
            Its ending says the format.
        clusters
            Clusters in the graph; in .graphml and .gexf nodes then carry the number of theirs.
        identifiers
            Write the accounts' own labels instead of keyed pseudonyms.
        key
            Key of the pseudonyms; by default derived from the log.

        Notes
        -----
        Accounts and edges stand in the order of the names written, and the source of an edge is
        the end whose name comes first. Nodes carry degree and strength, edges their layer and
        every column. Characters that XML forbids are dropped from labels in .graphml and .gexf; for
        .csv see
        :func:`coordnet.export.write_table`.
        """
        suffix = Path(path).suffix.lower()
        if suffix not in (".graphml", ".gexf", ".parquet", ".csv"):
            raise ParameterError(
                f"{str(path)!r}: a graph is written as .graphml, .gexf, .parquet or .csv."
            )
        own = self.accounts.tolist()
        if not identifiers and key is None:
            key = self.whole_log.secret("pseudonyms")
        names = own if identifiers else labels_out(own, key or b"", identifiers)
        if suffix in (".graphml", ".gexf"):
            names = xml_names(names)
        edges = self.named(names)
        if suffix in (".parquet", ".csv"):
            write_table(edges.table(), path)
            return
        by_name = np.argsort(np.array([*names], object), kind="stable")
        nodes = {
            name: [column[i] for i in by_name]
            for name, column in _listed(self.node_attributes(clusters)).items()
        }
        columns = self._declared(edges.columns)
        write_network(path, edges.names, nodes, edges.source, edges.target, columns)

    def _of_all(self) -> str:
        whole = f" of {self.source.n_accounts:,} in the log" if self.source is not None else ""
        return f"{self.n_accounts:,}{whole}"

    def _facts(self) -> list[tuple[str, str]]:
        facts = [
            ("edges", f"{self.n_edges:,}"),
            ("accounts", self._of_all()),
            ("weight", f"{self.weight}, {self.min_weight:g} or more"),
        ]
        if self.tested is not None:
            count = (
                f"{self.tested.pairs:,}"
                if self.tested.pairs_exact
                else (f"at most {self.tested.pairs:,}")
            )
            strata = f" in strata of {self.tested.strata}" if self.tested.strata else ""
            facts.append(("tested", f"{self.tested.null}{strata}, {count} pairs"))
            facts.extend(("note", note) for note in self.tested.notes)
        if self.n_edges:
            w = self.weights
            facts.append(
                ("weights", f"median {np.median(w):g}, largest {w.max():g}, sum {w.sum():,}")
            )
        return facts

    def __repr__(self) -> str:
        lines = [f"  {name:<9}{value}" for name, value in self._facts()]
        return "\n".join([f"CoordinationGraph ({self.relation.title})", *lines])

    def _repr_html_(self) -> str:
        return html_table(f"CoordinationGraph ({self.relation.title})", ("", ""), self._facts())


def _place(
    trace: Trace, at: NDArray[np.int64], among: NDArray[np.int64], sign: int, side: Any
) -> NDArray[np.int64]:
    """Return where (object, time + sign * window) of entries `at` stands in those `among`."""
    places = np.empty(len(at), np.int64)
    starts = np.searchsorted(trace.object[among], trace.object[at], "left")
    ends = np.searchsorted(trace.object[among], trace.object[at], "right")
    times = trace.time[among]
    moments = trace.time[at] + sign * trace.window[trace.object[at]]
    for i, (a, b) in enumerate(zip(starts, ends, strict=True)):
        places[i] = a + np.searchsorted(times[a:b], moments[i], side)
    return places
