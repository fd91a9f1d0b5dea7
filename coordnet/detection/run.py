"""Run: what detect() gives, and how it is written."""

from __future__ import annotations

import os
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.detection import words
from coordnet.errors import ParameterError, one_of
from coordnet.export import fingerprints, json_text, labels_out, whole_folder, write_table
from coordnet.frames import html_table
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex
from coordnet.log.actions import ActionLog
from coordnet.log.windows import told
from coordnet.plural import several
from coordnet.robustness.confirmation import Confirmation
from coordnet.robustness.findable import Findable
from coordnet.robustness.null_runs import NullRuns
from coordnet.scores import ClusterScores
from coordnet.scores.explain import CONFIRMATION, Explanation
from coordnet.search.configuration import Configuration

NOTHING_FOUND = "No cluster was found."
WIDTH = 99  # of what is printed
LABEL = 9  # of that, the labels
GRAPH_FORMATS = ("gexf", "graphml")
REPORT = "report.html"  # in a results folder, where one is left
FILES = (
    "clusters.csv", "edges.csv", "scores.csv", "explanations.csv", "confirmation.csv",
    "summary.txt", "report.json", REPORT, "methods.csv", "overlaps.csv",
    *(f"graph.{ending}" for ending in GRAPH_FORMATS),
)  # fmt: skip
EMPTY = "The log has no actions, so that nothing could be found."


def ours(entry: Path) -> bool:
    """Return whether an entry of a results folder is one that a run or a command writes."""
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
    findable : Findable or None
        What could have been found; None where nothing was tested.
    """

    layers: Multiplex
    clusters: Clusters
    scores: ClusterScores | None
    manifest: dict[str, Any]
    config: Configuration
    background: ActionLog | None = None
    null_runs: NullRuns | None = None
    confirmation: Confirmation | None = None
    findable: Findable | None = None

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
            f"{several(len(self.clusters), 'cluster')} with {accounts:,} of "
            f"{several(self.log.n_accounts, 'account')}."
        )

    @property
    def warning(self) -> list[str]:
        """What must be known before all else, empty where nothing must.

        That everybody in the data may be a suspect, by what figure, what would help, and what can
        be said all the same; or that a window is wide for these data; or that they are too few.
        """
        return (
            []
            if self.background is not None
            else words.warning(*self._timing, len(self.clusters) > 0)
        )

    @property
    def suspects(self) -> list[str]:
        """What is said where everybody in the data may be a suspect, empty where that is not so.

        That it is so, and by what figure; what would help; and what can be said all the same.
        """
        if self.background is not None:
            return []
        return words.suspects(*self._timing)

    @property
    def _timing(self) -> tuple[dict[str, dict[str, Any]], list[int], bool, str]:
        """What the manifest says of the timing null: by window, and of the cleaning."""
        manifest = self.manifest
        layers = {
            told(graph.window_us): facts["timing"]
            for graph, facts in zip(self.layers, manifest["layers"], strict=True)
            if facts["timing"] is not None
        }
        few_left: bool = manifest["background_few_left"]
        return layers, manifest["background_rounds"], few_left, self.config.null

    @property
    def asked(self) -> str:
        """What was asked: windows, level and null, and how much of the log the windows look at."""
        windows = [g.window_us for g in self.layers if g.relation.on_objects]
        config = self.config
        looked_at = len(config.part(self.log))
        return words.asked(
            windows,
            None if config.co_timing is None else str(config.co_timing),  # which is text already
            config.fdr,
            config.null,
            (looked_at, len(self.log)) if looked_at < len(self.log) else None,
        )  # fmt: skip

    @property
    def checks(self) -> dict[str, list[str]]:
        """What confirmation and null runs say, where they were asked for: clauses by their name."""
        found = {}
        if self.confirmation is not None:
            found["confirmation"] = words.confirmations(self.confirmation, self.clusters)
        if self.null_runs is not None:
            found["null runs"] = words.null_runs(self.null_runs, self.clusters.evidence)
        return found

    @property
    def notes(self) -> list[str]:
        """What weakens the tests, that :attr:`warning` does not say: clauses, each once."""
        if self.warning:
            return []
        tested = [graph.tested for graph in self.layers if graph.tested is not None]
        return list(dict.fromkeys(note for test in tested for note in test.notes))

    @property
    def could_have_been_found(self) -> list[str]:
        """What could have been found in these data, and why nothing was where nothing was."""
        return words.could(self.findable, not len(self.clusters))

    def explain(self, i: int) -> Explanation:
        """Return in plain words what was found of cluster `i`; see `ClusterScores.explain`.

        Where the run has a confirmation, what the second half of the period says of the cluster.
        """
        told = self._scored().explain(i)
        if self.confirmation is not None:
            said = words.confirmed(self.confirmation, self.clusters, self.clusters[i].number)
            told = Explanation(f"{told}\n{CONFIRMATION} {words.sentence(said)}")
        return told

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
        summary.txt (what could have been found, and each cluster in plain words), report.json
        (what ``coordnet report`` makes the report of) and manifest.json; and confirmation.csv,
        where the run has one.

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
        from coordnet.report.make import DATA, report_json

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
        if self.scores is not None:
            tables["scores.csv"] = self.scores.table()
            tables["explanations.csv"] = self.scores.explanations("pyarrow")
        if self.confirmation is not None:
            tables["confirmation.csv"] = self.confirmation.beside(self.clusters)
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
            (goal / "summary.txt").write_text(self.summary + "\n", encoding="utf-8", newline="\n")
            (goal / DATA).write_bytes(report_json(self, identifiers=identifiers, key=key))
            manifest["files"] = fingerprints(goal)
            (goal / "manifest.json").write_text(json_text(manifest), encoding="utf-8", newline="\n")
        drawn = [f"graph.{graph}"] if graph else []
        return [
            Path(folder) / name for name in [*tables, *drawn, "summary.txt", DATA, "manifest.json"]
        ]

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        identifiers: bool = False,
        key: bytes | None = None,
    ) -> Path:
        """Write what was found as one HTML page that opens offline, whole or not at all.

        Parameters
        ----------
        path
            The file, such as ``"report.html"``.
        identifiers
            Show the accounts' own labels instead of keyed pseudonyms; the page then says so.
        key
            Key of the pseudonyms, as in :meth:`write`.

        Returns
        -------
        pathlib.Path
            The file.
        """
        from coordnet.report.make import make_report

        return make_report(self, path, identifiers=identifiers, key=key)

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

    @property
    def summary(self) -> str:
        """The whole result in plain words: what summary.txt has."""
        head = ["\n".join(self.warning), "\n".join([self.finding, *self.could_have_been_found])]
        clusters = range(0 if self.scores is None else len(self.clusters))
        return "\n\n".join([part for part in head if part] + [self.explain(i) for i in clusters])

    def _facts(self) -> list[tuple[str, str]]:
        cleaned = words.cleaning(
            self.manifest["background_rounds"], len(np.unique(self.clusters.indices))
        )
        graph = several(self.graph.n_edges, "edge")
        alone = np.setdiff1d(self.clusters.indices, self.graph.nodes)
        lone = f"; {several(len(alone), 'account')} in clusters by group evidence alone"
        facts = [
            (
                "log",
                f"{several(len(self.log), 'action')} of {several(self.log.n_accounts, 'account')}",
            ),
            ("asked", self.asked),
            (
                "graph",
                f"{graph} of {several(self.graph.n_accounts, 'account')}{lone * (len(alone) > 0)}",
            ),
            ("found", self.finding),
            *(("", said) for said in self.could_have_been_found),
            *([("cleaned", f"background: {cleaned}")] if cleaned else []),
        ]
        labels = {"confirmation": "confirm", "null runs": "nulls"}
        for name, said in self.checks.items():
            facts += _labelled(labels[name], said)
        facts += _labelled("suspects" if self.suspects else "note", self.warning[1:])
        facts += [("note", note) for note in self.notes]
        seconds = sum(s["seconds"] for s in self.manifest["timings"].values())
        return [*facts, ("seconds", f"{seconds:.2f}")]

    def _title(self) -> str:
        return " ".join(["Run.", *self.warning[:1]]) if self.warning else "Run"

    def __repr__(self) -> str:
        lines = textwrap.wrap(self._title(), WIDTH)
        for name, value in self._facts():
            lines += textwrap.wrap(
                value, WIDTH, initial_indent=f"  {name:<{LABEL}}",
                subsequent_indent=" " * (LABEL + 2), break_on_hyphens=False,
            )  # fmt: skip
        if len(self.clusters):
            lines.append(repr(self.clusters if self.scores is None else self.scores))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        told = html_table(self._title(), ("", ""), self._facts())
        if len(self.clusters):
            told += (self.clusters if self.scores is None else self.scores)._repr_html_()
        return told


def _labelled(label: str, told: list[str]) -> list[tuple[str, str]]:
    """Return sentences under one label, which stands at the first."""
    return [("" if i else label, said) for i, said in enumerate(told)]
