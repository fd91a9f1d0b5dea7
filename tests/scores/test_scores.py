"""Scores of clusters: against the oracle, with their declarations, and where they are absent."""

import math
import re

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
from coordnet.clusters.clusters import Clusters
from coordnet.scores.table import BEFOREHAND, with_q_values
from coordnet.scores.view import REGISTRY, Estimate

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
    codes = [graph.log.codes_of(list(part)) for part in parts]
    return Clusters.from_members(graph, codes, "by hand", {})


def in_order(clusters):
    """Return the members of each cluster as sets of labels."""
    names = clusters.all_accounts
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
    scores = cn.score_clusters(clusters, null_sets=0)
    for i, members in enumerate(in_order(clusters)):
        assert_scores(scores, i, naive.scores(rows, weights_of(graph), members, WINDOW))


@given(st.data(), logs(min_size=1))
def test_scores_of_overlapping_clusters_equal_the_oracle(data, rows):
    graph = cn.co_action(log_of(rows), WINDOW * US)
    names = sorted({r[0] for r in rows})
    some = st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True)
    clusters = clusters_of(graph, data.draw(st.lists(some, max_size=4)))
    scores = cn.score_clusters(clusters, null_sets=0)
    for i, members in enumerate(in_order(clusters)):
        assert_scores(scores, i, naive.scores(rows, weights_of(graph), members, WINDOW))


@given(st.data(), logs(min_size=1), st.sampled_from([0, SECOND, WINDOW]))
def test_scores_of_co_timing_clusters_equal_the_oracle(data, rows, within):
    graph = cn.co_timing(log_of(rows), within * US, REFRACTORY * US, min_weight=1)
    clusters = clusters_of(graph, data.draw(partitions(sorted({r[0] for r in rows}))))
    scores = cn.score_clusters(clusters)
    assert scores.absent["synchronised_objects"] == (
        f"{graph.relation.title}: accounts do not meet on objects"
    )
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
    scores = cn.score_clusters(clusters, log, null_sets=0)
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


def test_families_stand_in_their_order():
    scores = worked_example()
    order = [
        "size", "structure", "synchrony", "persistence", "amplification", "content", "leadership",
        "rhythm", "profiles", "moments", "stance",
    ]  # fmt: skip
    families = [column.family for column in scores.columns.values()]
    assert families == sorted(families, key=order.index)
    assert {column.family for column, _ in REGISTRY.values()} == set(order)


def test_what_has_no_inputs_is_absent_and_never_zero():
    scores = worked_example()
    needed = {name: column.needs for name, (column, _) in REGISTRY.items()}
    untested = {"pairs_at_least", "pair_share_at_least"}  # whose graph was not tested
    assert set(scores.absent) == untested | {n for n, needs in needed.items() if needs != "log"}
    assert set(scores.absent) | set(scores.estimates) == set(REGISTRY)
    assert {name: scores.absent[name] for name in ("verbatim_share", "moment_rate_ratio")} == {
        "verbatim_share": "the log has no texts; read it with text=",
        "moment_rate_ratio": "no moments= are given",
    }
    for name in scores.absent:
        with pytest.raises(cn.CoordnetError, match=re.escape(f"{name!r} here: ")):
            scores[name]
        assert name not in scores
        assert name not in scores.table().column_names


def test_some_scores_only():
    clusters = worked_example().clusters
    scores = cn.score_clusters(clusters, only=["density", "amplification"])
    assert list(scores.estimates) == [
        "density", "top_target_share", "share_of_targets", "target_entropy"
    ]  # fmt: skip
    assert list(cn.score_clusters(clusters, only=[]).estimates) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"only": "density"}, "only='density': give a list of names, ['density']."),
        ({"null_sets": -1}, "null_sets=-1 is not a whole number of 0 or more."),
        ({"seed": -1}, "seed=-1"),
        ({"only": ["densty"]}, "only='densty' is not known; choose one of amplification, content"),
    ],
)
def test_wrong_options_are_told(options, told):
    with pytest.raises(cn.CoordnetError) as error:
        cn.score_clusters(worked_example().clusters, **options)
    assert str(error.value).startswith(told)


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
    frame = scores.to_frame(backend, family="all")
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


PARTS = {
    "value": "", "reference": "_reference", "effect": "_effect", "low": "_low", "high": "_high",
    "p_value": "_p", "q_value": "_q",
}  # fmt: skip


@pytest.fixture(scope="module")
def election():
    """Return clusters of a simulated election, with inputs for every family."""
    sim = cn.simulate("election", accounts=600, seed=3)
    graph = cn.co_action(sim.log)
    codes = [sim.log.codes_of(members) for members in list(sim.truth.groups.values())[:4]]
    return Clusters.from_members(graph, codes, "planted", {}), {
        "accounts": sim.accounts,
        "before": "2017-06-08",
        "moments": {"attack": ("2017-05-22T21:30:00Z", "2017-05-23T21:30:00Z")},
        "stance": lambda text: "labour:for" if "Labour" in text else None,
        "null_sets": 29,
    }


def test_the_two_tables_say_the_same(election):
    clusters, known = election
    scores = cn.score_clusters(clusters, **known)
    assert set(scores.absent) == {
        "selection", "stability", "marked", "pairs_at_least", "pair_share_at_least"
    }  # fmt: skip
    wide = scores.to_frame("pyarrow", family="all")
    assert wide.equals(scores.table())
    long = {
        (r["score"], r["cluster"]): r for r in scores.to_frame("pyarrow", long=True).to_pylist()
    }
    assert len(long) == 4 * len(scores.estimates)
    expected = ["cluster"]
    for name, estimate in scores.estimates.items():
        for part, suffix in PARTS.items():
            values = getattr(estimate, part)
            if values is None:
                assert {long[name, i][part] for i in range(4)} == {None}
                continue
            expected.append(name + suffix)
            told = [None if math.isnan(v) else v for v in values]
            assert wide[name + suffix].to_pylist() == told
            assert [long[name, i][part] for i in range(4)] == told
    assert wide.column_names == expected


def test_every_estimate_hangs_together(election):
    clusters, known = election
    scores = cn.score_clusters(clusters, **known)
    for name, e in scores.estimates.items():
        low, high = scores.columns[name].range
        for values in (e.value, e.reference, e.low, e.high):
            if values is not None:
                inside = values[~np.isnan(values)]
                assert ((inside >= low) & (inside <= high)).all(), name
        if e.low is not None:
            with np.errstate(invalid="ignore"):
                assert not (e.low > e.high).any(), name
        if e.p_value is not None:
            assert ((e.p_value > 0) & (e.p_value <= 1) | np.isnan(e.p_value)).all(), name
            if name not in BEFOREHAND:
                assert (e.q_value >= e.p_value)[~np.isnan(e.p_value)].all(), name
        if e.effect is not None:
            shown = np.isfinite(e.effect)
            change = e.value - e.reference
            with np.errstate(invalid="ignore", divide="ignore"):
                ratio = e.value / e.reference
            assert (np.isclose(e.effect, change) | np.isclose(e.effect, ratio))[shown].all(), name
        assert ((e.accounts >= 0) & (e.accounts <= scores["accounts"].value)).all(), name
        assert e.reference is not None or e.low is not None or name in (
            "accounts", "actions", "coordination_extent", "synchronised_objects", "occasions",
            "group_evidence",
        ), name  # fmt: skip


def test_q_values_by_hand():
    """Of p = 0.01, 0.04 and 0.03 of two scores: 3 x 0.01; 3/2 x 0.03 and 0.04, the less of both."""
    nan = math.nan
    given_ = {
        "one": Estimate(np.zeros(2), p_value=np.array([0.01, 0.04])),
        "none": Estimate(np.zeros(2)),
        "two": Estimate(np.zeros(2), p_value=np.array([nan, 0.03])),
        # the clusters were chosen for this one
        "synchronised_pairs": Estimate(np.zeros(2), p_value=np.array([0.001, 0.001])),
    }
    found = with_q_values(given_)
    np.testing.assert_allclose(found["one"].q_value, [0.03, 0.04])
    np.testing.assert_allclose(found["two"].q_value, [nan, 0.04])
    assert found["none"].q_value is None
    assert found["synchronised_pairs"].q_value is None
    assert given_["one"].q_value is None


def test_q_values_are_over_all_clusters_and_scores(election):
    clusters, known = election
    scores = cn.score_clusters(clusters, **known)
    p = np.stack([e.p_value for e in scores.estimates.values() if e.q_value is not None])
    q = np.stack([e.q_value for e in scores.estimates.values() if e.q_value is not None])
    order = np.argsort(p[~np.isnan(p)])
    steps = np.sort(p[~np.isnan(p)]) * len(order) / np.arange(1, len(order) + 1)
    expected = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1)
    np.testing.assert_allclose(q[~np.isnan(p)][order], expected)


def test_the_number_of_threads_changes_no_byte(election, monkeypatch):
    clusters, known = election
    tables = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("COORDNET_THREADS", threads)
        tables.append(cn.score_clusters(clusters, **known).long_table())
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


def test_the_seed_is_the_only_source_of_randomness(election):
    clusters, known = election
    one, again, other = (
        cn.score_clusters(clusters, **known, seed=seed).to_frame("pandas", family="all")
        for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one, again)
    values = list(cn.score_clusters(clusters, **known).estimates)
    pd.testing.assert_frame_equal(one[values], other[values])
    drawn = ["objects_reference", "hour_entropy_low", "followers_reference", "gone_since_reference"]
    for name in drawn:
        assert not one[name].equals(other[name]), name


def test_what_a_score_says_of_a_cluster_does_not_depend_on_the_other_scores(election):
    clusters, known = election
    whole = cn.score_clusters(clusters, **known)
    for family in ("content", "rhythm", "profiles", "stance", "leadership", "amplification"):
        alone = cn.score_clusters(clusters, **known, only=[family])
        for name, estimate in alone.estimates.items():
            for part in ("value", "reference", "low", "high", "p_value"):
                np.testing.assert_array_equal(
                    getattr(estimate, part), getattr(whole[name], part), err_msg=f"{name} {part}"
                )


def test_without_null_sets_there_are_values_and_no_references(election):
    clusters, known = election
    scores = cn.score_clusters(clusters, **{**known, "null_sets": 0})
    whole = cn.score_clusters(clusters, **known)
    np.testing.assert_array_equal(scores["objects"].value, whole["objects"].value)
    for name in ("objects", "verbatim_share", "hour_entropy", "gone_since"):
        assert np.isnan(scores[name].reference).all()
        assert np.isnan(scores[name].p_value).all()
        assert np.isnan(scores[name].q_value).all()


def test_clusters_of_everybody_have_no_background():
    graph = cn.co_action(log_of([(n, "p", START, "k", None) for n in "abcdef"]))
    scores = cn.score_clusters(clusters_of(graph, ["abc", "def"]))
    assert scores["objects"].value.tolist() == [1, 1]
    assert np.isnan(scores["objects"].reference).all()
    assert np.isnan(scores["objects"].p_value).all()


def test_what_has_no_value_is_null_in_tables():
    graph = cn.co_action(log_of([(n, "p", START, "k", None) for n in "ab"]))
    scores = cn.score_clusters(clusters_of(graph, ["a", "b"]))
    assert all(math.isnan(v) for v in scores["median_lag"].value)
    assert scores.to_frame("pyarrow")["median_lag"].to_pylist() == [None, None]
    assert scores.to_frame("pyarrow")["density"].null_count == 2


def test_repr():
    scores = worked_example()
    lines = repr(scores).splitlines()
    assert lines[0] == f"ClusterScores: 2 clusters, {len(REGISTRY) - len(scores.absent)} scores"
    head, *rows = (line.split() for line in lines[1:4])
    assert lines[4].startswith("1 score compared with ")
    shown = {"synchronised_actions": ["0.75", "0.75"]}
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
    assert repr(none) == "ClusterScores: there is no cluster to score"


# -- laws --------------------------------------------------------------------------------------


@given(logs(min_size=1), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows, random):
    tables = []
    for given_rows in (rows, random.sample(rows, len(rows))):
        graph = cn.co_action(log_of(given_rows), WINDOW * US)
        found = cn.find_clusters(graph, "leiden", min_size=2, seed=1)
        tables.append(cn.score_clusters(found).table())
    assert tables[0].equals(tables[1])
