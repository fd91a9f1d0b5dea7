"""Stability: clusters found again in changed data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.frames import native
from coordnet.inference.group_test import group_tester
from coordnet.log.actions import ActionLog
from coordnet.robustness.confirmation import halves
from coordnet.search.configuration import Rule
from coordnet.search.search import discover
from coordnet.threads import run_chunks

# -- stability ---------------------------------------------------------------------------------

CHANGES = (
    "reseeded", "bootstrap", "first_half", "second_half", "without_top_object",
    "without_top_occasion",
)  # fmt: skip


def cluster_stability(
    clusters: Clusters,
    rule: Rule | None = None,
    *,
    runs: int = 20,
    seed: int = 0,
    backend: str | None = None,
    threads: int | None = None,
) -> Any:
    """Find each cluster again in changed data, and say how alike it is.

    Parameters
    ----------
    clusters
        Clusters, of :func:`coordnet.detect` or of any other making.
    rule
        By what rule they are found again; by default that of ``detect`` with the window of their
        graph.
    runs
        Number of reseedings and of bootstraps.
    seed
        The only source of randomness.
    backend
        The kind of frame: ``"pandas"``, ``"polars"`` or ``"pyarrow"``.
    threads
        Number of threads; None means all processors.

    Returns
    -------
    frame
        One row a cluster: the Jaccard index of its members with those of the most alike cluster,
        under

        - ``reseeded``: mean over seeds of the community detection;
        - ``bootstrap``: mean over logs in which every object is drawn as often as a Poisson
          number of mean 1 says, each drawing a new object;
        - ``first_half``, ``second_half`` of the period;
        - ``without_top_object``, ``without_top_occasion``: without the object, or the minutes,
          that most of the cluster's evidence comes from.

        1 is the same set, 0 nothing in common.

    Examples
    --------
    >>> import coordnet as cn
    >>> run = cn.detect(cn.simulate("retweet_ring", accounts=1_000, seed=0).log)
    >>> stable = cn.cluster_stability(run.clusters, runs=2)
    >>> list(stable.columns)[:3]
    ['cluster', 'reseeded', 'bootstrap']
    """
    log = clusters.graph.log
    rule = Rule((clusters.within,)) if rule is None else rule
    own = [set(log.accounts[clusters.members(i)]) for i in range(len(clusters))]
    rng = np.random.default_rng(seed)
    seeds = rng.integers(0, 2**31, runs)
    draws = rng.integers(0, 2**31, runs)
    jobs: list[tuple[str, int | None, Any]] = []
    jobs += [("reseeded", None, (log, replace(rule, seed=int(s)))) for s in seeds]
    jobs += [("bootstrap", None, (int(s), rule)) for s in draws]
    first, second = halves(log)
    jobs += [("first_half", None, (first, rule)), ("second_half", None, (second, rule))]
    for i in range(len(clusters)):
        without = _without_top(log, clusters.members(i), clusters.within)
        jobs += [(name, i, (part, rule)) for name, part in zip(CHANGES[4:], without, strict=True)]

    def again(_: None, j: int) -> list[set[Any]]:
        what, job_rule = jobs[j][2]
        part = _bootstrapped(log, what) if isinstance(what, int) else what
        found = discover(part, job_rule, threads=1).clusters
        return [set(part.accounts[found.members(i)]) for i in range(len(found))]

    found = run_chunks(again, len(jobs), threads=threads, label="stability")
    sums = {name: np.zeros(len(own)) for name in CHANGES}
    for (name, only, _), sets in zip(jobs, found, strict=True):
        for i in range(len(own)) if only is None else [only]:
            sums[name][i] += max((_jaccard(own[i], other) for other in sets), default=0.0)
    for name in ("reseeded", "bootstrap"):
        sums[name] /= max(runs, 1)
    table = pa.table({"cluster": np.arange(len(own)), **{n: pa.array(v) for n, v in sums.items()}})
    return native(table, backend or log.frame)


def _jaccard(a: set[Any], b: set[Any]) -> float:
    return len(a & b) / len(a | b) if a or b else 0.0


def _bootstrapped(log: ActionLog, seed: int) -> ActionLog:
    """Return the log with each object drawn as often as a Poisson number of mean 1 says."""
    rng = np.random.default_rng(seed)
    times = rng.poisson(1.0, log.n_objects)
    copies = np.repeat(np.arange(log.n_objects), times)
    starts = log.by_object
    lengths = np.diff(starts)[copies]
    ends = np.cumsum(lengths)
    at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(
        starts[copies] - (ends - lengths), lengths
    )
    return log.repeated(at, np.repeat(np.arange(len(copies)), lengths), copies)


def _without_top(
    log: ActionLog, members: NDArray[np.int32], window: int
) -> tuple[ActionLog, ActionLog]:
    """Return the log without the object, and without the occasion, of most of the evidence."""
    test = group_tester(log, window).test(members)
    if not test.strongest("object").any():
        return log, log
    (top,) = test.detail[test.strongest("object"), 0].astype(np.int64)
    # windows end at these moments; whatever members do around them is of the occasion
    ends = test.detail[test.strongest("occasion"), 7].astype(np.int64)
    around = (log.time >= ends.min() - test.fold) & (log.time <= ends.max() + test.fold)
    return (
        log.where(log.object != top, "top object"),
        log.where(~(around & np.isin(log.account, members)), "top occasion"),
    )
