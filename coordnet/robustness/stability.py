"""Stability: clusters found again in changed data."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.disk import looked_up
from coordnet.errors import check_whole
from coordnet.frames import native
from coordnet.graphs.graph import CoordinationGraph
from coordnet.inference.group_test import GroupTester
from coordnet.log.actions import ActionLog
from coordnet.robustness.confirmation import halves
from coordnet.search.configuration import Configuration, configuration_of
from coordnet.search.search import search_clusters
from coordnet.threads import run_chunks

# -- stability ---------------------------------------------------------------------------------

CHANGES = (
    "reseeded", "bootstrap", "first_half", "second_half", "without_top_object",
    "without_top_occasion",
)  # fmt: skip


def cluster_stability(
    found: Any,
    config: Configuration | None = None,
    *,
    runs: int = 20,
    seed: int = 0,
    background: ActionLog | None = None,
    backend: str | None = None,
    threads: int | None = None,
) -> Any:
    """Find each cluster again in changed data, and say how alike it is.

    Parameters
    ----------
    found
        A run of :func:`coordnet.detect`, or clusters of any other making.
    config
        By what rule they are found again; by default that of the run, or that of
        :func:`coordnet.detect` with the windows and levels of the clusters' layers.
    runs
        Number of reseedings and of bootstraps.
    seed
        The only source of randomness.
    background
        A log of accounts that are not under suspicion; by default that of the run.
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
    >>> run = cn.detect(cn.simulate("retweet_ring", accounts=1_000, seed=0).log, score=False)
    >>> stable = cn.cluster_stability(run, runs=2)
    >>> list(stable.columns)[:3]
    ['cluster', 'reseeded', 'bootstrap']
    """
    clusters = found if isinstance(found, Clusters) else found.clusters
    if config is None:
        own = None if found is clusters else found.config
        config = configuration_of(clusters.layers) if own is None else own
    if background is None and found is not clusters:
        background = found.background
    runs = check_whole(runs, "runs", 0)
    log = clusters.graph.whole_log
    members = [clusters.members(i) for i in range(len(clusters))]
    rng = np.random.default_rng(seed)
    jobs: list[tuple[str, int | None, Callable[[], ActionLog], Configuration]] = []
    for again in rng.integers(0, 2**31, runs):
        jobs.append(("reseeded", None, lambda: log, config.replace(seed=int(again))))
    for draw in rng.integers(0, 2**31, runs):
        jobs.append(("bootstrap", None, partial(_bootstrapped, log, int(draw)), config))
    jobs.append(("first_half", None, lambda: halves(log)[0], config))
    jobs.append(("second_half", None, lambda: halves(log)[1], config))
    for numbers, view_layer in _by_layer(clusters):
        tester = view_layer.relation.group_tester(log, background, threads, config.occasion_gap_us)
        for i in numbers:
            # of the tester only what is left out is kept, and the log is cut when its turn comes
            cuts = _without_top(log, tester, members[i])
            jobs += [(name, i, cut, config) for name, cut in zip(CHANGES[4:], cuts, strict=True)]

    def search_again(_: None, j: int) -> list[NDArray[np.int32]]:
        changed, rule = jobs[j][2:]
        again = search_clusters(changed(), rule, background, threads=1).clusters
        return [cluster.codes for cluster in again]

    sets_found = run_chunks(search_again, len(jobs), threads=threads, label="stability")
    sums = {name: np.zeros(len(members)) for name in CHANGES}
    for job, sets in zip(jobs, sets_found, strict=True):
        change, only = job[:2]
        for i in range(len(members)) if only is None else [only]:
            sums[change][i] += max((_jaccard(members[i], other) for other in sets), default=0.0)
    for name in ("reseeded", "bootstrap"):
        sums[name] /= max(runs, 1)
    columns = {name: pa.array(values) for name, values in sums.items()}
    return native(pa.table({"cluster": np.arange(len(members)), **columns}), backend or log.frame)


def _by_layer(clusters: Clusters) -> list[tuple[list[int], CoordinationGraph]]:
    """Return the numbers of the clusters that are scored in each layer."""
    layer_of = clusters.layer_of
    return [
        (np.flatnonzero(layer_of == i).tolist(), clusters.layers[i])
        for i in np.unique(layer_of).tolist()
    ]


def _jaccard(a: NDArray[np.int32], b: NDArray[np.int32]) -> float:
    both = len(np.intersect1d(a, b, assume_unique=True))
    return both / (len(a) + len(b) - both)


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
    log: ActionLog, tester: GroupTester | None, members: NDArray[np.int32]
) -> tuple[Callable[[], ActionLog], Callable[[], ActionLog]]:
    """Return what cuts the object, and the occasion, of most of the evidence out of the log."""
    test = None if tester is None else tester.test(members)
    if test is None or not test.strongest("object").any():
        return (lambda: log), (lambda: log)
    own = test.log  # which may be a part of the log, with other codes of objects
    (top,) = test.detail[test.strongest("object"), 0].astype(np.int64)
    # windows end at these moments; whatever members do around them is of the occasion
    ends = test.detail[test.strongest("occasion"), 7].astype(np.int64)
    first, last = ends.min() - test.occasion_gap_us, ends.max() + test.occasion_gap_us

    def without_occasion() -> ActionLog:
        around = (log.time >= first) & (log.time <= last)
        return log.where(~(around & np.isin(log.account, members)), "top occasion")

    def without_object() -> ActionLog:
        kind = log.kinds.index(own.kinds[own.object_kind[top]])
        named = pc.equal(log.object_labels, own.object_labels[top]).to_numpy(zero_copy_only=False)
        there = named & (log.object_kind == kind)
        return log.where(looked_up(~there, log.object), "top object")

    return without_object, without_occasion
