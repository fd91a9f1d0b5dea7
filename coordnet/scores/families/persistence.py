"""Family persistence: over how long, in both halves, and what is left without the strongest."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import looked_up
from coordnet.errors import CoordnetWarning, ParameterError
from coordnet.graphs.graph import CoordinationGraph
from coordnet.inference.intervals import wilson_interval
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import scores as score_kernels
from coordnet.log.account_order import rows_of
from coordnet.robustness.stability import cluster_stability
from coordnet.scores.reference import in_chunks
from coordnet.scores.view import Absent, Estimate, View, score
from coordnet.times import DAY

ANY = (float("-inf"), float("inf"))


@score(
    "persistence",
    "Number of days (UTC) on which members act together. The reference is the number of days on "
    "which any member acts. The effect is the ratio of the two.",
    "days",
    of="layer",
    whole=True,
)
def days_with_synchrony(view: View) -> Estimate:
    """Return the number of days with a synchronised action of a member."""
    acts = view.acts
    day = acts.time // DAY
    together = np.where(view.lags >= 0, day, -1)

    def different(part: NDArray[np.int64]) -> int:
        return len(np.unique(part[part >= 0]))

    value = np.nan_to_num(view.per_cluster(acts.indptr, together, different))
    reference = view.per_cluster(acts.indptr, day, different)
    return Estimate(value, reference=reference, effect=value / reference)


@score(
    "persistence",
    "Share of the edges between members that are there in the first half of the period and in the "
    "second. The interval treats edges as independent.",
    "share",
    (0, 1),
    of="layer",
)
def edges_in_both_halves(view: View) -> Estimate | Absent:
    """Return edges that the relation gives in each half of the log's period / edges inside."""
    graph = view.graph
    if graph.source is None or not graph.relation.from_log:
        return Absent("it is not known how the edges came")
    log = view.graph_log
    indptr, edges = view.inside
    if log.limits is None or not len(edges):
        return Absent("there are no edges between members")
    middle = (log.limits[0] + log.limits[1] + 1) // 2
    both = _met_twice(view, middle) if graph.relation.meeting_joins else _made_twice(view, middle)
    if isinstance(both, Absent):
        return both
    hits = np.nan_to_num(view.per_cluster(indptr, both, np.sum))
    of = np.diff(indptr).astype(float)
    low, high = wilson_interval(hits, of)
    with np.errstate(invalid="ignore"):
        return Estimate(hits / of, low=low, high=high)


def _met_twice(view: View, middle: int) -> NDArray[np.bool_]:
    """Mark the edges inside clusters whose accounts meet on an object in each half."""
    graph, trace, edges = view.graph, view.trace, view.inside[1]
    ends = graph.edges["source"][edges], graph.edges["target"][edges]
    members = np.unique(view.clusters.indices)
    starts, positions = view.trace_by_account
    first = starts[members]
    rows = np.append(0, np.cumsum(starts[members + 1] - first))
    at = np.sort(positions[rows_of(first, rows, slice(0, int(rows[-1])))])
    # The first object and the last, the second and the last but one, ...: objects may be numbered
    # by time, and the search ends with one of each half
    objects, code = np.unique(trace.object[at], return_inverse=True)
    n = len(objects)
    turn = np.minimum(np.arange(n), n - 1 - np.arange(n)) * 2 + (2 * np.arange(n) >= n)
    place = np.argsort(np.argsort(turn, kind="stable"), kind="stable").astype(np.int32)
    order = array_kernels.group_by_code(place[code], n)[1]
    object_, time = place[code][order], trace.time[at][order]
    windows = array_kernels.put(trace.window[objects], place)
    acts = array_kernels.group_by_code(trace.account[at][order], len(view.clusters.all_accounts))
    both = np.zeros(len(edges), bool)
    in_chunks(
        lambda a, b: score_kernels.met_in_both_halves(
            *ends, *acts, object_, time, windows, middle, a, b, both
        ),
        len(edges),
    )
    return both


def _made_twice(view: View, middle: int) -> NDArray[np.bool_] | Absent:
    """Mark the edges inside clusters that the relation gives in each half."""
    graph, edges, log = view.graph, view.inside[1], view.graph_log
    mine = np.zeros(len(log.all_accounts), bool)
    mine[view.clusters.indices] = True
    own = _keys(graph)[edges]
    both = np.ones(len(edges), bool)
    members = log.where(looked_up(mine, log.account), "not of clusters")
    for half in (members.time < middle, members.time >= middle):
        part = members.where(half, "other half")
        with warnings.catch_warnings():  # of the times of the log it has been warned before
            warnings.simplefilter("ignore", CoordnetWarning)
            try:
                again = graph.relation.graph(part)
            except ParameterError as error:  # a published method that needs more than a log
                return Absent(str(error))
            both &= np.isin(own, _keys(again))
    return both


def _keys(graph: CoordinationGraph) -> NDArray[np.int64]:
    """Return each edge's ends as one number."""
    keys: NDArray[np.int64] = graph.edges["source"].astype(np.int64) << 32 | graph.edges["target"]
    return keys


@score(
    "persistence",
    "Evidence of the group test that the cluster has without the object that gives most of it. The "
    "reference is the evidence with that object.",
    "log10",
    ANY,
    of="layer",
)
def evidence_without_top_object(view: View) -> Estimate | Absent:
    """Return the evidence without the object of the least bound; the reference is all of it."""
    return _without(view, "object")


@score(
    "persistence",
    "Evidence of the group test that the cluster has without the occasion that gives most of it. "
    "The reference is the evidence with that occasion.",
    "log10",
    ANY,
    of="layer",
)
def evidence_without_top_occasion(view: View) -> Estimate | Absent:
    """Return the evidence without the strongest occasion; the reference is all of it."""
    return _without(view, "occasion")


def _without(view: View, what: str) -> Estimate | Absent:
    tests = view.group_tests
    value = np.array([test.evidence_without(what) for test in tests], float)
    reference = view.evidence
    value -= np.log10(view.tried)
    return Estimate(value, reference=reference, effect=value - reference)


@score(
    "persistence",
    "How much of the cluster is found again in changed data: the Jaccard index of its members with "
    "those of the most similar cluster. The changes are other seeds, bootstrap samples of the "
    "objects, each half of the period, and leaving out the object or the occasion that gives most "
    "evidence.",
    "share",
    (0, 1),
    "stability",
)
def stability(view: View) -> dict[str, Estimate] | Absent:
    """Return the columns of :func:`coordnet.cluster_stability`."""
    inputs = view.inputs
    if not inputs.stability:
        return Absent("no stability= is asked for")
    table = cluster_stability(
        view.clusters, view.config, runs=inputs.stability, seed=inputs.seed,
        background=inputs.background, backend="pyarrow",
        threads=inputs.threads,
    )  # fmt: skip
    return {
        name: Estimate(table[name].to_numpy()) for name in table.column_names if name != "cluster"
    }
