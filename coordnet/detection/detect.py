"""detect(): the stages in order, with one manifest of what was done."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np

from coordnet.detection.manifest import PACKAGES, Stages, graph_facts, input_facts
from coordnet.detection.run import Run
from coordnet.errors import ParameterError
from coordnet.log.actions import ActionLog
from coordnet.robustness.confirmation import confirm_clusters
from coordnet.robustness.null_runs import run_nulls
from coordnet.scores import score_clusters
from coordnet.search.configuration import Rule
from coordnet.search.search import discover
from coordnet.times import Duration, Instant


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
    :mod:`coordnet.search.search`.

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
        "input": input_facts(log),
        "graphs": [graph_facts(graph) for graph in found.graphs],
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
