"""The manifest of a run: what went in, what was done, by what, how long it took."""

from __future__ import annotations

import logging
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from coordnet.graphs.graph import CoordinationGraph
from coordnet.inference.group_test import GroupTester
from coordnet.inference.timing_power import TimingPower
from coordnet.log.actions import ActionLog
from coordnet.progress import stage
from coordnet.robustness.findable import Findable
from coordnet.robustness.null_runs import NullRuns
from coordnet.scores import ClusterScores
from coordnet.search.configuration import Configuration
from coordnet.search.search import Found
from coordnet.times import duration_text, instant_text

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


class Stages:
    """Seconds and peak memory of each stage of a run."""

    def __init__(self) -> None:
        self.measured: dict[str, dict[str, float | None]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the block as the stage of this name, and show it."""
        begin = time.perf_counter()
        with stage(name):
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


def manifest_of(
    log: ActionLog,
    config: Configuration,
    background: ActionLog | None,
    found: Found,
    scores: ClusterScores | None,
    nulls: NullRuns | None,
    could: Findable | None,
    stages: Stages,
    reading: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return all that must be known to judge a run, and to do it again, as plain values."""
    clusters = found.clusters
    manifest: dict[str, Any] = {
        "coordnet": metadata.version("coordnet"),
        "parameters": config.parameters(),
        "background": None if background is None else background.fingerprint,
        "scored_with": None if scores is None else scores.view.inputs.facts(),
        "input": input_facts(log),
        "reading": reading,
        "layers": [
            layer_facts(layer, level)
            | {"timing": None if looked.tester is None else power_facts(looked.tester)}
            for layer, level, looked in zip(
                found.layers, found.layers.levels, found.looked, strict=True
            )
        ],
        "background_rounds": list(found.rounds),
        "background_few_left": found.few_left,
        "findable": None if could is None else could.facts(),
        "results": {
            "edges": found.layers.combined.n_edges,
            "accounts_with_edges": found.layers.combined.n_accounts,
            "clusters": len(clusters),
            "accounts_in_clusters": len(np.unique(clusters.indices)),
            "clusters_let_go": found.let_go,
        },
        "smallest_q_of_scores": None
        if scores is None or not scores.comparisons
        else scores.smallest_q,
        "absent_scores": {} if scores is None else dict(scores.absent),
        "packages": {name: installed(name) for name in PACKAGES},
        "python": platform.python_version(),
        "timings": stages.measured,
    }
    if nulls is not None:
        manifest["null_runs"] = {
            "shuffled_accounts": len(nulls.shuffled),
            "swapped_profiles": len(nulls.swapped),
        }
        manifest["null_runs_with_clusters"] = nulls.share_with_clusters
        manifest["null_runs_smallest_p"] = nulls.smallest_p
    return manifest


def installed(package: str) -> str | None:
    """Return the version of a package, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def layer_facts(graph: CoordinationGraph, level: float | None) -> dict[str, Any]:
    """Return what the manifest says of a layer and its test."""
    said: dict[str, Any] = {
        **graph.relation.describe(),
        "level": level,
        "edges_kept": graph.n_edges,
    }
    if graph.tested is not None:
        said["test"] = {**asdict(graph.tested), "notes": list(graph.tested.notes)}
    return said


def power_facts(tester: GroupTester) -> dict[str, Any]:
    """Return what the timing null rests on in a layer, and why it can show little, if so."""
    power = TimingPower.of(tester.statistics)
    return {
        "chance": power.chance,
        "chance_before_cleaning": power.before,
        "little_power": power.reason or None,
        "pairs_on_an_object": power.pairs,
    }


def input_facts(log: ActionLog) -> dict[str, Any]:
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
