"""evaluate: every measure against the oracle, and at the ends."""

import math
from dataclasses import asdict

import naive
import pytest
from helpers import log_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import START, partitions

import coordnet as cn
from coordnet.clusters.clusters import Clusters
from coordnet.simulation.truth import Truth

LABELS = [f"n{i:02d}" for i in range(14)]


def graph():
    return cn.co_action(log_of([(n, "p", START, "k", None) for n in LABELS]))


def clusters_of(parts):
    g = graph()
    return Clusters.from_members(g, [g.log.codes_of(list(p)) for p in parts], "by hand", {})


def truth_of(groups, benign=()):
    named = {**{f"g{i}": tuple(m) for i, m in enumerate(groups)}}
    covert = dict.fromkeys(named, True)
    for i, members in enumerate(benign):
        named[f"b{i}"], covert[f"b{i}"] = tuple(members), False
    return Truth(named, covert)


def assert_measures(parts, groups, benign=()):
    found = asdict(cn.evaluate(clusters_of(parts), truth_of(groups, benign)))
    expected = naive.evaluate(
        [sorted(p) for p in parts], {f"g{i}": list(m) for i, m in enumerate(groups)}
    )
    assert {n: found[n] for n in expected} == pytest.approx(expected, rel=1e-12, nan_ok=True)
    return found


@given(partitions(LABELS), partitions([*LABELS, "absent 1", "absent 2"]))
def test_disjoint_clusters_equal_the_oracle(parts, groups):
    assert_measures(parts, groups)


@given(
    st.lists(st.lists(st.sampled_from(LABELS), min_size=1, unique=True), max_size=4),
    partitions(LABELS),
)
def test_overlapping_clusters_equal_the_oracle(parts, groups):
    assert_measures(parts, groups)


@given(partitions(LABELS), st.integers(0, 3), partitions(LABELS))
def test_benign_groups_count_as_not_coordinated(parts, n, groups):
    assert_measures(parts, groups[:n], groups[n:])


def test_all_found():
    parts = [LABELS[:5], LABELS[5:9]]
    found = assert_measures(parts, parts)
    ones = {n: v for n, v in found.items() if isinstance(v, float)}
    assert ones.pop("false_discovery_proportion") == 0
    assert set(ones.values()) == {1.0}
    assert (found["clusters"], found["groups"]) == (2, 2)


def test_nothing_found_of_something_planted():
    found = assert_measures([], [LABELS[:5]])
    assert (found["pair_recall"], found["cluster_recall"], found["coverage"]) == (0, 0, 0)
    assert (found["pair_f1"], found["cluster_f1"]) == (0, 0)
    assert math.isnan(found["pair_precision"])
    assert found["false_discovery_proportion"] == 0


def test_something_found_of_nothing_planted():
    found = assert_measures([LABELS[:5]], [], [LABELS[:5]])
    assert (found["pair_precision"], found["cluster_precision"]) == (0, 0)
    assert found["false_discovery_proportion"] == 1
    assert math.isnan(found["pair_recall"])
    assert math.isnan(found["pair_f1"])


def test_a_worked_example():
    """Cluster 0: 3 of group 0 (4 accounts) and 2 others; cluster 1: 1 of group 0 and 3 others."""
    parts = [[*LABELS[:3], *LABELS[8:10]], [LABELS[3], *LABELS[10:13]]]
    found = assert_measures(parts, [LABELS[:4]])
    assert found["pair_precision"] == 3 / 16
    assert found["pair_recall"] == 3 / 6
    assert found["cluster_precision"] == 0.5
    assert found["cluster_recall"] == 1
    assert found["false_discovery_proportion"] == 0.5
    assert found["coverage"] == 1
    assert found["weighted_precision"] == pytest.approx((5 * 0.36 + 4 / 16) / (5 * 0.6 + 1))


def test_html():
    assert (
        "<td>pair_precision</td><td>1</td>"
        in cn.evaluate(clusters_of([LABELS]), truth_of([LABELS]))._repr_html_()
    )
