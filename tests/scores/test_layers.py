"""Scores of clusters in several layers: each in its own, as if it were the only one."""

import math
import re

import numpy as np
import pytest
from helpers import log_of
from strategies import START

import coordnet as cn
from coordnet.clusters.clusters import Clusters
from coordnet.robustness.null_runs import NullRuns
from coordnet.scores.view import REGISTRY
from coordnet.times import DAY, HOUR, MINUTE, SECOND

MIDNIGHT = START - START % DAY

LAYERS = ("co-action within 60s", "co-action within 1h", "co-timing within 1s")
PARTS = ("value", "reference", "effect", "low", "high", "p_value", "accounts", "actions")
# What is corrected for the number of layers that were tried, and where the correction is seen
CORRECTED = {
    "group_evidence": ("value",),
    "evidence_without_top_object": ("value", "reference"),
    "evidence_without_top_occasion": ("value", "reference"),
}


# What is compared with the accounts of no cluster, of which alone there are more, or drawn at
# random one cluster after the other
OTHERS = {
    "median_weight": ("reference", "effect"),
    "median_lag": ("reference", "effect"),
    "synchronised_actions": ("reference", "effect", "low", "high"),
    "first_mover_inequality": ("reference", "effect", "p_value"),
}


def population():
    """Return rows of three rings: one together in a minute, one in an hour, one at moments."""
    rng = np.random.default_rng(3)
    period = 20 * DAY
    rows = []

    def act(who, what, moment):
        rows.append((who, what, START + moment // SECOND * SECOND, "retweet", None))

    for i in range(16):
        for name, spread in (("fast", 40 * SECOND), ("slow", 50 * MINUTE)):
            begin = (i * period) // 16
            for member in range(8):
                act(f"{name}{member}", f"{name} {i}", begin + int(rng.integers(spread)))
    for i in range(120):  # each on an object of its own, at one second
        moment = int(rng.integers(period))
        for member in range(6):
            act(f"beat{member}", f"beat {member} {i}", moment)
    for _ in range(6_000):
        post = int(rng.integers(400))
        delay = int(rng.lognormal(9.5, 1.2)) * SECOND
        act(f"user{rng.integers(300)}", f"post {post}", post * (period // 400) + delay)
    return log_of(rows)


@pytest.fixture(scope="module")
def run():
    log = population()
    return cn.detect(log, within=["60s", "1h"], co_timing="1s", null_sets=9, clean_background=False)


def alone(run, i):
    """Return the scores of cluster i in a run of its own layer only, and that layer."""
    layer = run.layers[run.clusters[i].layer]
    only = Clusters.from_members(layer, [run.clusters.members(i)], "given", {})
    return cn.score_clusters(only, run.log, null_sets=9)


def cluster_of(run, name):
    """Return the number of the cluster that is mostly of one ring."""
    held = [sum(a.startswith(name) for a in c.accounts) / len(c) for c in run.clusters]
    assert max(held) == 1
    return int(np.argmax(held))


def test_each_ring_is_scored_in_the_layer_that_carries_it(run):
    assert run.layers.names == LAYERS
    table = run.scores.to_frame("pyarrow").to_pylist()
    for name, layer in zip(("fast", "slow", "beat"), LAYERS, strict=True):
        row = table[cluster_of(run, name)]
        assert row["layer"] == layer
        assert layer in row["carried_by"].split("; ")


@pytest.mark.parametrize("name", ["fast", "slow", "beat"])
def test_the_scores_of_a_cluster_are_those_of_its_layer_alone(run, name):
    i = cluster_of(run, name)
    single = alone(run, i)
    of_layer = {n for n, (column, _) in REGISTRY.items() if column.of == "layer"}
    assert len(of_layer) == 18
    for score in of_layer:
        if score in single.absent:
            found = run.scores[score].value[i] if score in run.scores else math.nan
            assert math.isnan(found), score
            continue
        both, one = run.scores[score], single[score]
        for part in PARTS:
            a, b = getattr(both, part), getattr(one, part)
            assert (a is None) == (b is None) or np.isnan(a[i]), f"{score} {part}"
            if b is None:
                continue
            expected = b[0]
            if part in CORRECTED.get(score, ()):
                expected -= math.log10(2)
            if (score, part) == ("synchronised_pairs", "p_value"):
                expected = min(1, 2 * expected)
            if part in OTHERS.get(score, ()):
                continue
            np.testing.assert_allclose(a[i], expected, rtol=1e-12, err_msg=f"{score} {part}")


def test_the_window_is_that_of_the_layer(run):
    """A wider window beside it changed the evidence from +145 to -54."""
    i = cluster_of(run, "fast")
    log = run.log
    test = cn.test_group(log, run.clusters[i].accounts.tolist(), "60s")
    assert test.evidence > 10
    assert run.scores["group_evidence"].value[i] == pytest.approx(test.evidence - math.log10(2))
    assert run.scores["occasions"].value[i] == test.occasions == 16
    assert run.scores["median_lag"].value[i] < 40
    assert run.scores["synchronised_pairs"].reference[i] == pytest.approx(test.expected_pairs)
    told = run.explain(i)
    assert "came within 60s of another member's action on the same object" in told
    assert "It is carried by co-action within 60s" in told
    news = run.scores.explanations("pandas")
    assert not news[(news["cluster"] == i)]["fits"].fillna(False).any()


def test_a_cluster_of_co_timing_is_as_with_co_timing_alone(run):
    """Its edges in both halves fell from 1.0 to 0.05 where a layer of co-action was added."""
    i = cluster_of(run, "beat")
    timed = cn.detect(run.log, within=[], co_timing="1s", null_sets=9)
    j = cluster_of(timed, "beat")
    assert run.scores["edges_in_both_halves"].value[i] == 1
    for score in ("edges_in_both_halves", "synchronised_actions", "days_with_synchrony"):
        assert run.scores[score].value[i] == timed.scores[score].value[j]
    assert math.isnan(run.scores["group_evidence"].value[i])
    assert "on any object; typically in the same second" in run.explain(i)
    assert "inconclusive" not in run.explain(i)


def test_counts_are_integers_where_some_are_missing(run):
    """Accounts that act at the same moments have no occasions."""
    i = cluster_of(run, "beat")
    assert str(run.scores.table().schema.field("occasions").type) == "int64"
    frame = run.scores.to_frame("pandas")
    assert str(frame["occasions"].dtype) == "Int64"
    assert frame["occasions"].isna().tolist() == [k == i for k in range(len(frame))]
    assert frame["occasions"].sum() == np.nansum(run.scores["occasions"].value)


def test_nothing_found_in_layers_has_the_same_columns(run):
    nothing = Clusters.from_members(run.layers, [], "none", {})
    scores = cn.score_clusters(nothing, run.log)
    assert scores.to_frame("pyarrow").num_rows == 0
    assert {"group_evidence", "density", "layer"} <= set(scores.table().column_names)


def test_what_was_not_tested_is_no_selection(run):
    """A cluster without evidence has no p-value of selection: it had the best there could be."""
    i = cluster_of(run, "beat")
    given = Clusters.from_members(
        run.layers, [run.clusters.members(k) for k in range(len(run.clusters))], "given", {}
    )
    nulls = NullRuns(np.full(9, 5.0), np.full(9, 5.0), np.ones(18, bool))
    found = cn.score_clusters(given, run.log, null_runs=nulls, only=["selection"])["selection"]
    assert math.isnan(found.value[i])
    assert math.isnan(found.p_value[i])
    assert found.p_value[cluster_of(run, "fast")] == 1 / 10
    timed = cn.detect(run.log, within=[], co_timing="1s", null_sets=9).clusters
    none = cn.score_clusters(timed, null_runs=nulls, only=["selection"])
    assert none.absent == {"selection": "the clusters have no evidence of the group test"}


# -- what is said is no finer than the clock -----------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "told", "limit"),
    [
        (SECOND, "typically in the same second", "Times are in whole seconds."),
        (
            MINUTE,
            "typically within the same minute, the finest that the times tell",
            "Times are in whole minutes.",
        ),
        (
            HOUR,
            "typically within the same hour, the finest that the times tell",
            "Times are in whole hours.",
        ),
    ],
)
def test_nothing_finer_than_the_clock_is_said(clock, told, limit):
    rows = [(m, f"p{k}", MIDNIGHT + k * DAY, "retweet", None) for k in range(9) for m in "abc"]
    rows += [
        (f"o{k}", f"p{k}", MIDNIGHT + k * DAY + HOUR + clock, "retweet", None) for k in range(9)
    ]
    for part in (rows, rows[:20]):  # a short log says nothing of its clock
        log = log_of(part)
        graph = cn.co_action(log, "3h")
        clusters = Clusters.from_members(graph, [log.codes_of(list("abc"))], "given", {})
        text = cn.score_clusters(clusters, null_sets=0).explain(0)
        if part is rows:
            assert told in text
            assert limit in text
        if clock > SECOND:
            assert not re.search(r"\bsecond\b|\d s\b", text)


def test_a_gap_is_told_in_the_unit_of_the_clock():
    rows = [
        (m, f"p{k}", MIDNIGHT + k * DAY + 5 * j * MINUTE, "retweet", None)
        for k in range(12)
        for j, m in enumerate("abc")
    ]
    log = log_of(rows)
    graph = cn.co_action(log, "1h")
    clusters = Clusters.from_members(graph, [log.codes_of(list("abc"))], "given", {})
    text = cn.score_clusters(clusters, null_sets=0).explain(0)
    assert "the typical gap was about 5 minutes" in text
