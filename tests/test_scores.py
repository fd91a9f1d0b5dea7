"""Scores of clusters: against the oracle, with their declarations, and where they are absent."""

import math

import naive
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers import US, edges_of, log_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import REFRACTORY, SECOND, START, WINDOW, logs, partitions

import coordnet as cn
from coordnet.clusters import Clusters
from coordnet.scores.view import REGISTRY

FAMILIES = {
    "size": ["accounts", "actions", "objects", "days_active"],
    "structure": [
        "density", "mean_weight", "median_weight", "conductance", "coordination_extent"
    ],
    "synchrony": ["synchronised_actions", "synchronised_objects", "median_lag"],
}  # fmt: skip
NAMES = [name for family in FAMILIES.values() for name in family]


def clusters_of(graph, parts):
    """Return clusters of labels, whatever the graph says."""
    codes = [graph.log.codes_of(part) for part in parts]
    return Clusters.from_members(graph, codes, "by hand", {})


def in_order(clusters):
    """Return the members of each cluster as sets of labels."""
    names = clusters.graph.log.accounts
    return [set(names[clusters.members(i)]) for i in range(len(clusters))]


def weights_of(graph):
    return {ends: edge[graph.weight] for ends, edge in edges_of(graph).items()}


def assert_scores(scores, i, expected):
    found = {name: float(scores[name].value[i]) for name in expected}
    assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)


# -- against the oracle ------------------------------------------------------------------------


@given(st.data(), logs(min_size=1), st.sampled_from(["objects", "pairs"]))
def test_scores_of_any_clusters_equal_the_oracle(data, rows, weight):
    graph = cn.co_action(log_of(rows), WINDOW * US, weight=weight)
    clusters = clusters_of(graph, data.draw(partitions(sorted({r[0] for r in rows}))))
    scores = cn.score_clusters(clusters)
    for i, members in enumerate(in_order(clusters)):
        assert_scores(scores, i, naive.scores(rows, weights_of(graph), members, WINDOW))


@given(st.data(), logs(min_size=1))
def test_scores_of_overlapping_clusters_equal_the_oracle(data, rows):
    graph = cn.co_action(log_of(rows), WINDOW * US)
    names = sorted({r[0] for r in rows})
    some = st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True)
    clusters = clusters_of(graph, data.draw(st.lists(some, max_size=4)))
    scores = cn.score_clusters(clusters)
    for i, members in enumerate(in_order(clusters)):
        assert_scores(scores, i, naive.scores(rows, weights_of(graph), members, WINDOW))


@given(st.data(), logs(min_size=1), st.sampled_from([0, SECOND, WINDOW]))
def test_scores_of_co_timing_clusters_equal_the_oracle(data, rows, within):
    graph = cn.co_timing(log_of(rows), within * US, REFRACTORY * US, min_weight=1)
    clusters = clusters_of(graph, data.draw(partitions(sorted({r[0] for r in rows}))))
    scores = cn.score_clusters(clusters)
    assert scores.absent["synchronised_objects"] == "a co-timing graph has no objects"
    assert "synchronised_objects" not in scores.estimates
    for i, members in enumerate(in_order(clusters)):
        expected = naive.scores(rows, weights_of(graph), members, within)
        del expected["synchronised_objects"]
        assert_scores(scores, i, expected | naive.event_scores(rows, members, within, REFRACTORY))


@given(logs(min_size=1))
def test_scores_on_the_whole_log_of_a_graph_of_one_kind(rows):
    log = log_of(rows)
    kind = log.kinds[0]
    graph = cn.co_action(log.select(kind), WINDOW * US)
    clusters = cn.find_clusters(graph, "components", min_size=2)
    scores = cn.score_clusters(clusters, log)
    for i, members in enumerate(in_order(clusters)):
        of_kind = [r for r in rows if r[3] == kind]
        expected = naive.scores(of_kind, weights_of(graph), members, WINDOW)
        whole = naive.scores(rows, weights_of(graph), members, WINDOW)
        expected |= {name: whole[name] for name in FAMILIES["size"]}
        assert_scores(scores, i, expected)


def test_a_log_that_lacks_members_is_refused():
    log = log_of([("u", "p", START, "a", None), ("v", "p", START, "a", None)])
    clusters = cn.find_clusters(cn.co_action(log), "components", min_size=2)
    with pytest.raises(cn.CoordnetError) as error:
        cn.score_clusters(clusters, log.exclude(accounts=["u"]))
    assert str(error.value) == (
        "1 of the 2 members of clusters are not in the log given; give the log that the clusters "
        "were found in, or one that holds it."
    )


# -- by hand -----------------------------------------------------------------------------------


def worked_example():
    """Two triangles, one strong: a b c (weight 3) and d e f (weight 1), c-d joined once."""
    rows = []

    def together(names, objects, apart=1):
        for obj in objects:
            rows.extend(
                (n, obj, START + i * apart * SECOND, "k", None) for i, n in enumerate(names)
            )

    together("abc", ["p0", "p1", "p2"])
    together("def", ["q0"], 10)
    together("cd", ["r0"])
    for hours in (72, 85):  # before and after noon of one day
        rows.append(("a", "alone", START + hours * 3_600 * SECOND, "k", None))
    graph = cn.co_action(log_of(rows), "60s")
    return cn.score_clusters(clusters_of(graph, ["abc", "def"]))


def test_a_worked_example():
    scores = worked_example()
    values = {name: scores[name].value.tolist() for name in NAMES}
    assert values == {
        "accounts": [3, 3],
        "actions": [12, 4],
        "objects": [5, 2],
        "days_active": [2, 1],
        "density": [1, 1],
        "mean_weight": [3, 1],
        "median_weight": [3, 1],
        "conductance": [1 / 7, 1 / 7],
        "coordination_extent": [4 / 7, 0],
        "synchronised_actions": [9 / 12, 3 / 4],
        "synchronised_objects": [3, 1],
        "median_lag": [1, 10],
    }
    assert scores["synchronised_actions"].actions.tolist() == [12, 4]
    assert scores["median_lag"].actions.tolist() == [9, 3]
    assert scores["median_lag"].accounts.tolist() == [3, 3]


def test_conductance_of_all_that_there_is():
    rows = [(n, "p", START, "k", None) for n in "abc"]
    graph = cn.co_action(log_of(rows))
    scores = cn.score_clusters(clusters_of(graph, ["abc", "ab", "c"]))
    np.testing.assert_array_equal(scores["conductance"].value, [np.nan, 1, 1])
    np.testing.assert_array_equal(scores["density"].value, [1, 1, np.nan])


# -- declarations ------------------------------------------------------------------------------


def test_what_is_declared():
    declared = {family: [] for family in FAMILIES}
    for column, _ in REGISTRY.values():
        declared.setdefault(column.family, []).append(column.name)
    for family, names in FAMILIES.items():
        assert declared[family][: len(names)] == names
    scores = worked_example()
    assert set(scores.estimates) == set(scores.columns)
    assert not set(scores.estimates) & set(scores.absent)
    for name, column in scores.columns.items():
        assert column.name == name
        assert column.meaning.endswith(".")
        assert column.unit


@given(logs(min_size=1), st.integers(1, 3))
def test_values_are_in_their_declared_range(rows, min_size):
    graph = cn.co_action(log_of(rows), WINDOW * US)
    scores = cn.score_clusters(cn.find_clusters(graph, "components", min_size=min_size))
    for name, estimate in scores.estimates.items():
        low, high = scores.columns[name].range
        value = estimate.value[~np.isnan(estimate.value)]
        assert ((low <= value) & (value <= high)).all(), name
        assert estimate.value.shape == (len(scores),)
        assert estimate.accounts.shape == estimate.actions.shape == (len(scores),)


def test_no_score_is_of_one_account():
    """Every estimate has one value a cluster, whatever the number of accounts."""
    scores = worked_example()
    for estimate in scores.estimates.values():
        for part in vars(estimate).values():
            assert part is None or len(part) == 2
    assert scores.to_frame("pyarrow").num_rows == 2


# -- frames and text ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backend", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("pyarrow", pa.Table)]
)
def test_frames(backend, kind):
    scores = worked_example()
    frame = scores.to_frame(backend)
    assert isinstance(frame, kind)
    table = frame if backend == "pyarrow" else pa.table(frame)
    assert table["cluster"].to_pylist() == [0, 1]
    for name in NAMES:
        assert table[name].to_pylist() == scores[name].value.tolist()
    long = scores.to_frame(backend, long=True)
    assert isinstance(long, kind)


def test_the_long_table_has_one_row_a_cluster_and_score():
    scores = worked_example()
    rows = scores.to_frame("pyarrow", long=True).to_pylist()
    assert len(rows) == 2 * len(scores.estimates)
    found = {(r["score"], r["cluster"]): r for r in rows}
    for name in NAMES:
        for i in range(2):
            row = found[name, i]
            assert row["value"] == scores[name].value[i]
            assert row["meaning"] == scores.columns[name].meaning
            assert row["unit"] == scores.columns[name].unit
            assert name in FAMILIES[row["family"]]
            assert row["on_accounts"] == 3
    assert found["median_lag", 1]["on_actions"] == 3


def test_what_has_no_value_is_null_in_tables():
    graph = cn.co_action(log_of([(n, "p", START, "k", None) for n in "ab"]))
    scores = cn.score_clusters(clusters_of(graph, ["a", "b"]))
    assert all(math.isnan(v) for v in scores["median_lag"].value)
    assert scores.to_frame("pyarrow")["median_lag"].to_pylist() == [None, None]
    assert scores.to_frame("pyarrow")["density"].null_count == 2


def test_repr():
    lines = repr(worked_example()).splitlines()
    assert lines[0] == f"ClusterScores: 2 clusters, {len(REGISTRY)} scores"
    head, *rows = (line.split() for line in lines[1:])
    shown = {"density": ["1", "1"], "synchronised_actions": ["0.75", "0.75"]}
    shown |= {"accounts": ["3", "3"], "actions": ["12", "4"], "median_lag": ["1", "10"]}
    assert head[:2] == ["cluster", "accounts"]
    assert set(head[1:]) <= set(REGISTRY)
    for name, values in shown.items():
        assert [row[head.index(name)] for row in rows] == values
    assert "<td>0.75</td>" in worked_example()._repr_html_()


def test_repr_of_many_and_of_none():
    rows = [(f"{n}{i:02d}", f"p{i}", START, "k", None) for i in range(25) for n in "ab"]
    graph = cn.co_action(log_of(rows))
    many = cn.score_clusters(cn.find_clusters(graph, "components", min_size=2))
    assert len(many) == 25
    assert repr(many).splitlines()[-1] == "... and 5 more clusters"
    none = cn.score_clusters(cn.find_clusters(graph, "components"))
    assert len(none) == 0
    assert none.to_frame("pyarrow").num_rows == 0
    assert none.to_frame("pyarrow", long=True).num_rows == 0
    assert repr(none).startswith("ClusterScores: 0 clusters")


# -- laws --------------------------------------------------------------------------------------


@given(logs(min_size=1), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows, random):
    tables = []
    for given_rows in (rows, random.sample(rows, len(rows))):
        graph = cn.co_action(log_of(given_rows), WINDOW * US)
        found = cn.find_clusters(graph, "leiden", min_size=2, seed=1)
        tables.append(cn.score_clusters(found).to_frame("pyarrow"))
    assert tables[0].equals(tables[1])
