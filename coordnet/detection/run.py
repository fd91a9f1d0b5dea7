"""Run: what detect() gives, and how it is written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.errors import ParameterError, one_of
from coordnet.export import json_text, labels_out, whole_folder, write_table
from coordnet.frames import html_table
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex
from coordnet.log.actions import ActionLog
from coordnet.robustness.confirmation import Confirmation
from coordnet.robustness.null_runs import NullRuns
from coordnet.scores import ClusterScores
from coordnet.search.configuration import Configuration

NOTHING_FOUND = (
    "No cluster was found. That says something only together with what could have been found in "
    "these data: see coordnet.power."
)
GRAPH_FORMATS = ("gexf", "graphml")
FILES = (
    "clusters.csv", "edges.csv", "scores.csv", "explanations.csv", "confirmation.csv",
    "summary.txt", *(f"graph.{ending}" for ending in GRAPH_FORMATS),
)  # fmt: skip
EMPTY = "The log has no actions, so that nothing could be found."


def ours(entry: Path) -> bool:
    """Return whether an entry of a results folder is one that a run writes."""
    return entry.name in FILES


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What :func:`detect` gives: the result of each stage, and the manifest.

    Attributes
    ----------
    layers : Multiplex
        The kept edges of each window, and of co-timing.
    clusters : Clusters
    scores : ClusterScores or None
        None where ``score=False`` was asked for.
    manifest : dict
        What went in, what was dropped, with which parameters and versions, how long it took.
    config : Configuration
        Every choice of the run.
    background : ActionLog or None
        The log that supplied the chances, where one was given.
    null_runs : NullRuns or None
        What null logs gave, where asked for.
    confirmation : Confirmation or None
        What the second half of the period says of what the first half shows, where asked for.
    """

    layers: Multiplex
    clusters: Clusters
    scores: ClusterScores | None
    manifest: dict[str, Any]
    config: Configuration
    background: ActionLog | None = None
    null_runs: NullRuns | None = None
    confirmation: Confirmation | None = None

    @property
    def graph(self) -> CoordinationGraph:
        """The kept edges of all layers as one graph."""
        return self.layers.combined

    @property
    def log(self) -> ActionLog:
        """The actions."""
        return self.graph.whole_log

    @property
    def finding(self) -> str:
        """What was found, in a sentence or two."""
        if not len(self.log):
            return EMPTY
        if not len(self.clusters):
            return NOTHING_FOUND
        accounts = len(np.unique(self.clusters.indices))
        return (
            f"{len(self.clusters):,} cluster{'s' if len(self.clusters) > 1 else ''} with "
            f"{accounts:,} of {self.log.n_accounts:,} accounts."
        )

    def explain(self, i: int) -> str:
        """Return in plain words what was found of cluster `i`; see `ClusterScores.explain`."""
        return self._scored().explain(i)

    def _scored(self) -> ClusterScores:
        if self.scores is None:
            raise ParameterError(
                "the clusters of this run were not scored; run detect with score=True, or give "
                "them to coordnet.score_clusters."
            )
        return self.scores

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the whole run, its log included, to one file that :meth:`load` reads.

        Labels stand in it as they are: keep it as you keep the data. What may be passed on is what
        :meth:`write` writes.
        """
        from coordnet.storage import save

        save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Run:
        """Read a run that :meth:`save` wrote; see :func:`coordnet.load`."""
        from coordnet.storage import load_as

        return load_as(cls, path)

    def write(
        self,
        folder: str | os.PathLike[str],
        *,
        identifiers: bool = False,
        all_edges: bool = False,
        key: bytes | None = None,
        graph: str | None = None,
    ) -> list[Path]:
        """Write the result as a folder of files, whole or not at all.

        clusters.csv, edges.csv, scores.csv, explanations.csv (which benign explanations fit),
        summary.txt (each cluster in plain words) and manifest.json; and confirmation.csv, where
        the run has one.

        Parameters
        ----------
        folder
            Made if it is not there. One that is there must be empty, or hold results of coordnet,
            which it then replaces as a whole.
        identifiers
            Write the accounts' own labels instead of keyed pseudonyms.
        all_edges
            Write the edges outside of clusters too. An edge is a statement about two people.
        key
            Key of the pseudonyms, up to 64 bytes; by default derived from the log, so that the
            same input gives the same pseudonyms and only who holds it can link them.
        graph
            ``"gexf"`` or ``"graphml"``: write the edges as such a file too, for Gephi and the
            like, with cluster and degree of each account and every column of each edge.

        Returns
        -------
        list of pathlib.Path
            The files.
        """
        if graph is not None:
            one_of(graph, GRAPH_FORMATS, "graph")
        log = self.log
        accounts = np.full(len(log.all_accounts), "", object)
        shown = self.graph.nodes if all_edges else np.unique(self.clusters.indices)
        own = log.all_accounts.labels.take(pa.array(shown)).to_pylist()
        accounts[shown] = labels_out(
            own, log.secret("pseudonyms") if key is None else key, identifiers
        )
        manifest = {
            **self.manifest,
            "export": {
                "identifiers": identifiers,
                "all_edges": all_edges,
                "own_key": key is not None,
            },
        }
        tables = {
            "clusters.csv": self.clusters.table(accounts),
            "edges.csv": self._edges(accounts, all_edges),
        }
        words = ""
        if self.scores is not None:
            tables["scores.csv"] = self.scores.table()
            tables["explanations.csv"] = self.scores.explanations("pyarrow")
            words = "\n\n".join(map(self.scores.explain, range(len(self.clusters))))
        if self.confirmation is not None:
            tables["confirmation.csv"] = self.confirmation.to_frame("pyarrow")
        with whole_folder(folder, ours) as goal:
            for name, table in tables.items():
                write_table(table, goal / name)
            if graph is not None:
                self.graph.where(self._shown(all_edges)).write(
                    goal / f"graph.{graph}",
                    clusters=self.clusters,
                    identifiers=identifiers,
                    key=key,
                )
            (goal / "summary.txt").write_text(
                (words or self.finding) + "\n", encoding="utf-8", newline="\n"
            )
            (goal / "manifest.json").write_text(json_text(manifest), encoding="utf-8", newline="\n")
        names = [*tables, *([f"graph.{graph}"] if graph else []), "summary.txt", "manifest.json"]
        return [Path(folder) / name for name in names]

    def _shown(self, all_edges: bool) -> NDArray[np.bool_]:
        """Mark the edges that are written: those inside clusters, unless all are asked for."""
        shown = np.full(self.graph.n_edges, all_edges)
        shown[self.clusters.inside(self.graph)[1]] = True
        return shown

    def _edges(self, accounts: np.ndarray[Any, Any], all_edges: bool) -> pa.Table:
        """Return the edges inside clusters with their cluster, and all others if asked for."""
        indptr, edges = self.clusters.inside(self.graph)
        cluster = np.repeat(np.arange(len(self.clusters)), np.diff(indptr))
        if all_edges:
            others = np.setdiff1d(np.arange(self.graph.n_edges), edges)
            edges = np.concatenate([edges, others])
            cluster = np.concatenate([cluster, np.full(len(others), -1)])
        shown = np.zeros(self.graph.n_edges, bool)
        shown[edges] = True
        part = self.graph.where(shown)
        named = part.named(accounts[part.nodes])
        place = np.argsort(named.order)[np.searchsorted(np.flatnonzero(shown), edges)]
        # by cluster, those in none last
        order = np.lexsort((place, np.where(cluster < 0, len(self.clusters), cluster)))
        cluster = cluster[order]
        return (
            named.table()
            .take(pa.array(place[order]))
            .add_column(0, "cluster", pa.array(cluster, mask=cluster < 0))
        )

    def _facts(self) -> list[tuple[str, str]]:
        return [
            ("log", f"{len(self.log):,} actions of {self.log.n_accounts:,} accounts"),
            ("graph", f"{self.graph.n_edges:,} edges of {self.graph.n_accounts:,} accounts"),
            ("found", self.finding),
            *(
                ("note", note)
                for graph in self.layers
                if graph.tested is not None
                for note in graph.tested.notes
            ),
            ("seconds", f"{sum(s['seconds'] for s in self.manifest['timings'].values()):.2f}"),
        ]

    def __repr__(self) -> str:
        lines = [f"  {name:<9}{value}" for name, value in self._facts()]
        return "\n".join(
            ["Run", *lines, repr(self.clusters if self.scores is None else self.scores)]
        )

    def _repr_html_(self) -> str:
        return (
            html_table("Run", ("", ""), self._facts())
            + (self.clusters if self.scores is None else self.scores)._repr_html_()
        )
