"""What reruns tell: null runs, confirmation, stability, sensitivity, power.

All of them run :func:`coordnet.discover.discover` again: on null logs, on halves, on changed logs,
under other rules, on logs with groups planted. Each is seeded, runs on threads, and shows its
progress.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

from coordnet._threads import run_chunks
from coordnet.actions import ActionLog
from coordnet.clusters import Clusters
from coordnet.discover import Discovery, Rule, discover
from coordnet.errors import ParameterError
from coordnet.frames import native
from coordnet.groups import group_tester
from coordnet.nulls import dealt, profiled
from coordnet.times import SECOND, Duration, duration, duration_text

Members = list[NDArray[np.int32]]


def _runs(rule: Rule, logs: Any, n: int, threads: int | None, label: str) -> list[Discovery]:
    """Discover in the logs made by ``logs(i)``, each on one thread, several at a time."""
    return run_chunks(
        lambda _, i: discover(logs(i), rule, threads=1), n, threads=threads, label=label
    )


def _members(found: Discovery) -> Members:
    return [found.clusters.members(i) for i in range(len(found.clusters))]


def _check_evidence(rule: Rule, name: str) -> None:
    """Raise where clusters found by the rule have no evidence of the group test."""
    if not rule.within or rule.fdr is None:
        raise ParameterError(
            f"{name}= needs the evidence of the group test, which co-timing alone and fdr=None do "
            "not give; use a window in within= and a level in fdr=."
        )


# -- null runs ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class NullRuns:
    """The largest cluster score of each null run.

    Attributes
    ----------
    dealt, profiled : float64 (runs,)
        Largest evidence of a cluster in the run, -inf where none was found.
    """

    dealt: NDArray[np.float64]
    profiled: NDArray[np.float64]

    @property
    def share_with_clusters(self) -> float:
        """Share of the runs in which anything was found."""
        every = np.concatenate([self.dealt, self.profiled])
        return float(np.mean(every > -np.inf)) if len(every) else float("nan")

    def p_values(self, evidence: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the selection-corrected p-value of each evidence.

        (1 + number of null runs whose largest score is at least this) / (n + 1), the worse of
        dealt and profiled.
        """
        worst = np.zeros(len(evidence))
        for largest in (self.dealt, self.profiled):
            reached = (largest[None, :] >= evidence[:, None]).sum(axis=1)
            worst = np.maximum(worst, (1 + reached) / (len(largest) + 1))
        return worst


def run_nulls(
    log: ActionLog, rule: Rule, runs: int, seed: int = 0, threads: int | None = None
) -> NullRuns:
    """Run the whole discovery on `runs` dealt and `runs` profiled null logs.

    Parameters
    ----------
    log, rule
        What is found on these is what the p-values are for.
    runs
        Number of null logs of each kind.
    seed
        The only source of randomness.
    threads
        Number of threads; None means all processors. It changes no byte of the result.
    """
    _check_evidence(rule, "null_runs")
    seeds = np.random.SeedSequence(seed).generate_state(2 * runs)

    def largest(_: None, i: int) -> float:
        null = dealt(log, int(seeds[i]), rule.strata) if i < runs else profiled(log, int(seeds[i]))
        evidence = discover(null, rule, threads=1).clusters.evidence
        return -np.inf if evidence is None or not len(evidence) else float(evidence.max())

    scores = np.array(run_chunks(largest, 2 * runs, threads=threads, label="null runs"))
    return NullRuns(scores[:runs], scores[runs:])


# -- confirmation ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Confirmation:
    """Sets discovered in the first half of the period, tested in the second.

    Attributes
    ----------
    clusters : Clusters
        What the first half showed; codes are of the first half's log.
    p_value : float64 (clusters,)
        Of each set in the second half, at no price for picking it: p_C of coordnet.groups.
    adjusted : float64 (clusters,)
        Corrected for the number of sets (Holm 1979).
    active : int64 (clusters,)
        How many of the members act in the second half.
    """

    clusters: Clusters
    p_value: NDArray[np.float64]
    adjusted: NDArray[np.float64]
    active: NDArray[np.int64]

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a dataframe of one row a set: cluster, accounts, active, p_value, adjusted."""
        table = pa.table(
            {
                "cluster": pa.array(np.arange(len(self.clusters))),
                "accounts": pa.array(self.clusters.sizes),
                "active": pa.array(self.active),
                "p_value": pa.array(self.p_value),
                "adjusted": pa.array(self.adjusted),
            }
        )
        return native(table, backend or self.clusters.graph.log.frame)


def halves(log: ActionLog) -> tuple[ActionLog, ActionLog]:
    """Return the first and the second half of the log, by the middle of its period."""
    if log.limits is None:
        return log, log
    middle = np.datetime64((log.limits[0] + log.limits[1] + 2) // 2, "us")
    return log.between(None, middle), log.between(middle, None)


def confirm_clusters(log: ActionLog, rule: Rule, threads: int | None = None) -> Confirmation:
    """Discover in the first half of the period and test those very sets in the second.

    What was picked in the first half owes nothing to chance in the second, so that the test needs
    no price for the search. Sets of which fewer than two members act in the second half have
    p = 1.
    """
    _check_evidence(rule, "confirm")
    first, second = halves(log)
    found = discover(first, rule, threads).clusters
    p = np.ones(len(found))
    active = np.zeros(len(found), np.int64)
    for i in range(len(found)):
        codes = second.codes_of(first.accounts[found.members(i)], missing="ignore")
        active[i] = len(codes)
        if len(codes) > 1:
            tests = [
                group_tester(second, w, None, rule.background, threads).test(codes)
                for w in rule.within
            ]
            p[i] = min([1.0, *(len(tests) * test.p_value for test in tests)])
    return Confirmation(found, p, _holm(p), active)


def _holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values adjusted by Holm's step-down method."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)) if len(p) else p
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


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


# -- sensitivity -------------------------------------------------------------------------------


def sensitivity(
    log: ActionLog,
    within: Sequence[Duration] = ("10s", "30s", "60s", "5min"),
    fdr: Sequence[float] = (0.01, 0.05),
    resolution: Sequence[float] = (1.0,),
    *,
    backend: str | None = None,
    threads: int | None = None,
    **options: Any,
) -> Any:
    """Rerun the detection over a grid of parameters, and say how much the clusters change.

    Parameters
    ----------
    log
        The actions.
    within, fdr, resolution
        The values to cross.
    backend
        The kind of frame: ``"pandas"``, ``"polars"`` or ``"pyarrow"``.
    threads
        Number of threads; None means all processors.
    **options
        Further parameters of :func:`coordnet.detect`.

    Returns
    -------
    frame
        One row a combination: within, fdr, resolution, edges, clusters, accounts (in clusters),
        ``pairs_kept`` (share of the account pairs clustered by the first combination that are
        clustered here too) and ``pairs_new`` (share of the pairs here that the first combination
        does not have).

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=1_000, seed=0).log
    >>> len(cn.sensitivity(log, within=["30s", "60s"], fdr=[0.05]))
    2
    """
    grid = [(w, f, r) for w in within for f in fdr for r in resolution]
    rules = [Rule.of(w, fdr=f, resolution=r, **options) for w, f, r in grid]
    found = run_chunks(
        lambda _, i: discover(log, rules[i], threads=1), len(grid), threads=threads,
        label="sensitivity",
    )  # fmt: skip
    pairs = [_pairs(_members(discovery)) for discovery in found]
    first = pairs[0] if pairs else np.zeros(0, np.int64)
    rows: dict[str, list[Any]] = {
        "within": [duration_text(duration(w)) for w, _, _ in grid],
        "fdr": [f for _, f, _ in grid],
        "resolution": [float(r) for _, _, r in grid],
        "edges": [d.graph.n_edges for d in found],
        "clusters": [len(d.clusters) for d in found],
        "accounts": [len(np.unique(d.clusters.indices)) for d in found],
        "pairs_kept": [_share(np.isin(first, p)) for p in pairs],
        "pairs_new": [_share(~np.isin(p, first)) for p in pairs],
    }
    return native(pa.table(rows), backend or log.frame)


def _pairs(sets: Members) -> NDArray[np.int64]:
    """Return the pairs of accounts that share a set, each as one number."""
    parts = [np.zeros(0, np.int64)]
    for codes in sets:
        i, j = np.triu_indices(len(codes), 1)
        parts.append(codes[i].astype(np.int64) << 32 | codes[j])
    return np.unique(np.concatenate(parts))


def _share(marks: NDArray[np.bool_]) -> float | None:
    return float(marks.mean()) if len(marks) else None


# -- power -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Power:
    """How often planted groups of one kind are found.

    Attributes
    ----------
    size, objects : int
        Members of the group, and objects that they act on together.
    lag : str
        Members act within this time of each other.
    runs : int
        Number of copies of the log with one group planted in each.
    found : int
        Copies in which a cluster holds at least half of the group, and at least half of that
        cluster is of the group.
    power : float
        found / runs.
    low, high : float
        95 % interval of the power (Wilson 1927).
    recall : float
        Mean share of the members in that cluster, where found.
    """

    size: int
    objects: int
    lag: str
    runs: int
    found: int
    power: float
    low: float
    high: float
    recall: float


def power(
    log: ActionLog,
    size: int = 8,
    objects: int = 6,
    lag: Duration = "20s",
    *,
    join: float = 1.0,
    runs: int = 20,
    seed: int = 0,
    threads: int | None = None,
    **options: Any,
) -> Power:
    """Say what could have been found in this very log: plant groups in copies of it and look.

    Without it "nothing found" says nothing.

    Parameters
    ----------
    log
        The actions.
    size
        Members of a group: accounts of the log, picked at random.
    objects
        Objects that they act on together: objects of the log, picked by how many act on them, each
        at a random moment of its life.
    lag
        Members act within this time of the moment.
    join
        How likely each member is to join each time.
    runs
        Number of copies.
    seed
        The only source of randomness.
    threads
        Number of threads; None means all processors.
    **options
        Further parameters of :func:`coordnet.detect`.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("organic", accounts=1_000, seed=0).log
    >>> cn.power(log, size=10, objects=12, lag="20s", runs=4).found
    4
    """
    if not 2 <= size <= log.n_accounts:
        raise ParameterError(f"size={size!r} is no group in a log of {log.n_accounts:,} accounts.")
    if not 1 <= objects <= log.n_objects:
        raise ParameterError(f"objects={objects!r}: the log has {log.n_objects:,} objects.")
    if not 0 < join <= 1:
        raise ParameterError(f"join={join!r} is not a chance above 0.")
    within = options.pop("within", "60s")
    rule = Rule.of(within, **options)
    spread = duration(lag, "lag")
    seeds = np.random.SeedSequence(seed).generate_state(runs)

    def one(_: None, i: int) -> float:
        rng = np.random.default_rng(int(seeds[i]))
        planted, members = _planted(log, rng, size, objects, spread, join)
        best = 0.0
        for cluster in _members(discover(planted, rule, threads=1)):
            shared = len(np.intersect1d(cluster, members))
            if 2 * shared >= size and 2 * shared >= len(cluster):
                best = max(best, shared / size)
        return best

    recall = np.array(run_chunks(one, runs, threads=threads, label="power"))
    found = int((recall > 0).sum())
    low, high = wilson(found, runs)
    return Power(
        size, objects, duration_text(spread), runs, found, found / runs if runs else float("nan"),
        low, high, float(recall[recall > 0].mean()) if found else float("nan"),
    )  # fmt: skip


def wilson(hits: float, of: float) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927).

    >>> [round(x, 3) for x in wilson(8, 10)]
    [0.49, 0.943]
    """
    if not of:
        return float("nan"), float("nan")
    interval = stats.binomtest(int(hits), int(of)).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def _planted(
    log: ActionLog, rng: np.random.Generator, size: int, objects: int, lag: int, join: float
) -> tuple[ActionLog, NDArray[np.int32]]:
    """Return the log with a group planted in it, and its members."""
    members = np.sort(rng.choice(log.n_accounts, size, replace=False)).astype(np.int32)
    lengths = np.diff(log.by_object)
    chosen = rng.choice(log.n_objects, objects, replace=False, p=lengths / lengths.sum())
    # the moment of a random action of the object, so that it is alive
    moment = log.time[log.by_object[chosen] + (rng.random(objects) * lengths[chosen]).astype(int)]
    joins = rng.random((objects, size)) < join
    row, column = np.nonzero(joins)
    time = moment[row] + (rng.random(len(row)) * lag).astype(np.int64)
    time -= time % min(log.resolution, SECOND) if log.resolution > 1 else 0
    return log.with_actions(members[column], chosen[row].astype(np.int32), time), members


__all__ = [
    "Confirmation",
    "NullRuns",
    "Power",
    "cluster_stability",
    "confirm_clusters",
    "power",
    "run_nulls",
    "sensitivity",
]
