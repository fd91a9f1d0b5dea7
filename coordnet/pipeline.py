"""detect(): the stages in order, with one manifest of what was done."""

from __future__ import annotations

import json
import logging
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from coordnet.actions import ActionLog
from coordnet.clusters import Clusters
from coordnet.discover import Rule, discover
from coordnet.errors import InputError, ParameterError
from coordnet.export import labels_out, whole_file, write_table
from coordnet.frames import html_table
from coordnet.graph import CoordinationGraph
from coordnet.reruns import Confirmation, NullRuns, confirm_clusters, run_nulls
from coordnet.scores import ClusterScores, score_clusters
from coordnet.scores.view import View
from coordnet.times import Duration, Instant, duration_text, instant_text

logger = logging.getLogger(__name__)

PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "igraph",
    "leidenalg",
    "networkx",
    "narwhals",
    "pyarrow",
    "duckdb",
)

NOTHING_FOUND = (
    "No cluster was found. That says something only beside what could have been found in these "
    "data: see coordnet.power."
)


class Stages:
    """Seconds and peak memory of each stage of a run."""

    def __init__(self) -> None:
        self.measured: dict[str, dict[str, float | None]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the block as the stage of this name."""
        begin = time.perf_counter()
        yield
        seconds = time.perf_counter() - begin
        before = self.measured.get(name, {}).get("seconds") or 0.0
        self.measured[name] = {
            "seconds": round(before + seconds, 3),
            "process_peak_memory_mb": _peak_memory(),
        }
        logger.info("%s: %.2f s", name, seconds)


def _peak_memory() -> float | None:
    """Return the largest memory of the process so far in MB, None where it cannot be known."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What :func:`detect` gives: the result of each stage, and the manifest.

    Attributes
    ----------
    graph : CoordinationGraph
    clusters : Clusters
    scores : ClusterScores
    manifest : dict
        What went in, what was dropped, with which parameters and versions, how long it took.
    graphs : tuple of CoordinationGraph
        The kept graph of each window, and of co-timing; `graph` is their union.
    null_runs : NullRuns or None
        What null logs gave, where asked for.
    confirmation : Confirmation or None
        What the second half of the period says of what the first half shows, where asked for.
    """

    graph: CoordinationGraph
    clusters: Clusters
    scores: ClusterScores
    manifest: dict[str, Any]
    graphs: tuple[CoordinationGraph, ...] = ()
    null_runs: NullRuns | None = None
    confirmation: Confirmation | None = None

    def write(
        self,
        folder: str | os.PathLike[str],
        *,
        identifiers: bool = False,
        all_edges: bool = False,
        key: bytes | None = None,
    ) -> list[Path]:
        """Write the result as files, each whole or not at all.

        clusters.csv, edges.csv, scores.csv, readings.csv (which benign readings fit), summary.txt
        (each cluster in plain words) and manifest.json; and confirmation.csv, where the run has
        one.

        Parameters
        ----------
        folder
            Made if it is not there.
        identifiers
            Write the accounts' own labels instead of keyed pseudonyms.
        all_edges
            Write the edges outside of clusters too. An edge is a statement about two people.
        key
            Key of the pseudonyms, up to 64 bytes; by default derived from the log, so that the
            same input gives the same pseudonyms and only who holds it can link them.

        Returns
        -------
        list of pathlib.Path
            The files.
        """
        goal = Path(folder)
        try:
            goal.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{str(goal)!r} cannot be made: {error.strerror}.") from None
        log = self.graph.log
        accounts = np.full(log.n_accounts, "", object)
        shown = self.graph.nodes if all_edges else np.unique(self.clusters.indices)
        own = log.account_labels.take(pa.array(shown)).to_pylist()
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
            "scores.csv": self.scores.table(),
            "readings.csv": self.scores.readings("pyarrow"),
        }
        if self.confirmation is not None:
            tables["confirmation.csv"] = self.confirmation.to_frame("pyarrow")
        for name, table in tables.items():
            write_table(table, goal / name)
        words = "\n\n".join(self.scores.explain(i) for i in range(len(self.clusters)))
        with whole_file(goal / "summary.txt") as temporary:
            temporary.write_text((words or NOTHING_FOUND) + "\n", encoding="utf-8")
        with whole_file(goal / "manifest.json") as temporary:
            temporary.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        return [goal / name for name in (*tables, "summary.txt", "manifest.json")]

    def _edges(self, accounts: np.ndarray[Any, Any], all_edges: bool) -> pa.Table:
        """Return the edges inside clusters with their cluster, and all others if asked for."""
        indptr, edges = View(self.clusters, self.graph.log).inside
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
            ("log", f"{len(self.graph.log):,} actions of {self.graph.log.n_accounts:,} accounts"),
            ("graph", f"{self.graph.n_edges:,} edges of {self.graph.n_accounts:,} accounts"),
            ("clusters", f"{len(self.clusters):,}"),
            *(
                ("note", note)
                for graph in self.graphs
                if graph.tested is not None
                for note in graph.tested.notes
            ),
            ("seconds", f"{sum(s['seconds'] for s in self.manifest['timings'].values()):.2f}"),
        ]

    def __repr__(self) -> str:
        lines = [f"  {name:<9}{value}" for name, value in self._facts()]
        return "\n".join(["Run", *lines, repr(self.scores)])

    def _repr_html_(self) -> str:
        return html_table("Run", ("", ""), self._facts()) + self.scores._repr_html_()


def detect(
    log: ActionLog,
    within: Duration | Sequence[Duration] = "60s",
    *,
    co_timing: Duration | None = None,
    fdr: float | None = 0.05,
    null: str = "both",
    strata: Duration | str | None = None,
    background: ActionLog | None = None,
    groups: bool = True,
    weight: str = "objects",
    min_weight: int = 2,
    refractory: Duration = "30s",
    method: str = "leiden",
    resolution: float = 1.0,
    min_size: int = 3,
    seed: int = 0,
    null_runs: int = 0,
    confirm: bool = False,
    accounts: Any = None,
    before: Instant | tuple[Instant, Instant] | None = None,
    moments: Mapping[str, tuple[Instant, Instant]] | None = None,
    stance: Any = None,
    null_sets: int = 199,
    stability: int = 0,
    threads: int | None = None,
) -> Run:
    """Find and score the clusters of accounts that act together more than chance explains.

    Graphs of co-action, every edge tested; communities of the edges that are kept; groups that no
    pair betrays; scores. All of it shares one level of error: how is told in
    :mod:`coordnet.discover`.

    Parameters
    ----------
    log
        The actions.
    within
        The window, or several: ``["60s", "1h"]`` share the level out.
    co_timing
        Add the graph of who acts at the same moments, whatever on, within this window: ``"1s"``.
    fdr
        The level. None tests nothing and keeps every edge of `min_weight`: counts, not evidence.
    null, strata, background
        Against what edges are tested; see :meth:`coordnet.CoordinationGraph.test`.
    groups
        Whether to look for groups too; see :func:`coordnet.find_groups`.
    weight, min_weight
        The graph; see :func:`coordnet.co_action`. An edge of one object is evidence of nothing.
    refractory
        Of co-timing; see :func:`coordnet.co_timing`.
    method, resolution, min_size, seed
        The communities; see :func:`coordnet.find_clusters`.
    null_runs
        Rerun everything on so many dealt and so many profiled null logs; the scores then have
        the selection-corrected p-value of each cluster's evidence.
    confirm
        Discover in the first half of the period too and test what is found there in the second;
        ``run.confirmation``.
    accounts, before, moments, stance, null_sets, stability
        For the scores; see :func:`coordnet.score_clusters`.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    Run
        ``.graph``, ``.clusters``, ``.scores``, ``.manifest``, and ``.write(folder)``.

    Examples
    --------
    >>> import coordnet as cn
    >>> sim = cn.simulate("retweet_ring", accounts=1_000, seed=0)
    >>> run = cn.detect(sim.log, within="60s")
    >>> cn.evaluate(run.clusters, sim.truth).pair_precision > 0.95
    True
    """
    return detect_from(
        lambda: log, within, co_timing=co_timing, fdr=fdr, null=null, strata=strata,
        background=background, groups=groups, weight=weight, min_weight=min_weight,
        refractory=refractory, method=method, resolution=resolution, min_size=min_size,
        seed=seed, null_runs=null_runs, confirm=confirm, threads=threads,
        known={
            "accounts": accounts, "before": before, "moments": moments, "stance": stance,
            "null_sets": null_sets, "stability": stability,
        },
    )  # fmt: skip


def detect_from(
    read: Callable[[], ActionLog],
    within: Duration | Sequence[Duration] = "60s",
    *,
    null_runs: int = 0,
    confirm: bool = False,
    known: Mapping[str, Any] | None = None,
    threads: int | None = None,
    **options: Any,
) -> Run:
    """Read a log and :func:`detect` in it, with the reading in the manifest's timings.

    `known` are the inputs of the scores.
    """
    rule = Rule.of(within, **options)
    if null_runs < 0:
        raise ParameterError(f"null_runs={null_runs!r} is not a number of runs.")
    stages = Stages()
    with stages.stage("read"):
        log = read()
    found = discover(log, rule, threads, stages.stage)
    clusters = found.clusters
    nulls = confirmation = None
    if null_runs:
        with stages.stage("null runs"):
            nulls = run_nulls(log, rule, null_runs, rule.seed, threads)
    with stages.stage("scores"):
        scores = score_clusters(
            clusters, **(known or {}), null_runs=nulls or 0, rule=rule, seed=rule.seed,
            threads=threads,
        )  # fmt: skip
    if confirm:
        with stages.stage("confirmation"):
            confirmation = confirm_clusters(log, rule, threads)
    manifest: dict[str, Any] = {
        "coordnet": metadata.version("coordnet"),
        "parameters": {**rule.parameters(), "null_runs": null_runs, "confirm": confirm},
        "scored_with": scores.view.inputs.facts(),
        "input": _input(log),
        "graphs": [_graph(graph) for graph in found.graphs],
        "results": {
            "edges": found.graph.n_edges,
            "accounts_with_edges": found.graph.n_accounts,
            "clusters": len(clusters),
            "accounts_in_clusters": len(np.unique(clusters.indices)),
        },
        "absent_scores": dict(scores.absent),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "timings": stages.measured,
    }
    if nulls is not None:
        manifest["null_runs_with_clusters"] = nulls.share_with_clusters
    return Run(found.graph, clusters, scores, manifest, found.graphs, nulls, confirmation)


def _graph(graph: CoordinationGraph) -> dict[str, Any]:
    """Return what the manifest says of a graph and its test."""
    said: dict[str, Any] = {
        "relation": graph.relation,
        "within": duration_text(graph.within),
        "edges_kept": graph.n_edges,
    }
    if graph.tested is not None:
        said["test"] = {**asdict(graph.tested), "notes": list(graph.tested.notes)}
    return said


def _input(log: ActionLog) -> dict[str, Any]:
    """Return what the manifest says of the input."""
    return {
        "sources": [Path(name).name for name in log.sources],
        "fingerprint": log.fingerprint,
        "rows_read": log.rows_read,
        "rows_dropped": dict(log.dropped),
        "actions": len(log),
        "accounts": log.n_accounts,
        "objects": log.n_objects,
        "kinds": list(log.kinds),
        "first": instant_text(log.limits[0]) if log.limits else None,
        "last": instant_text(log.limits[1]) if log.limits else None,
        "resolution": duration_text(log.resolution),
    }
