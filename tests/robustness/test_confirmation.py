"""Confirmation: sets of the first half of the period, tested in the second."""

import numpy as np
import pytest
from helpers import acts, log_of, rows_of, two_halves
from hypothesis import given, settings
from strategies import logs

import coordnet as cn
from coordnet.inference.group_test import GroupTester
from coordnet.inference.statistics import WindowStatistics
from coordnet.robustness import confirmation
from coordnet.robustness.confirmation import confirm_clusters, halves
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters
from coordnet.times import SECOND

RULE = Configuration("60s", clean_background=False)
CLEANED = Configuration("60s")


@given(logs())
@settings(max_examples=60)
def test_the_halves_are_the_log(rows):
    """What lies before the middle of the period, and what does not."""
    log = log_of(rows)
    first, second = halves(log)
    if not rows:
        assert (len(first), len(second)) == (0, 0)
        return
    middle = (log.time.min() + log.time.max() + 1) / 2
    own = rows_of(log)
    assert sorted(map(str, rows_of(first))) == sorted(str(r) for r in own if r[2] < middle)
    assert sorted(map(str, rows_of(second))) == sorted(str(r) for r in own if r[2] >= middle)


def test_sets_of_the_first_half_are_tested_in_the_second():
    """One group that goes on, one that stops, one whose members go on but apart."""
    rows = two_halves({"on": (6, (0, 1)), "stop": (7, (0,)), "apart": (8, (0,))})
    rng = np.random.default_rng(1)
    for m in range(8):
        for obj in rng.choice(150, 10, replace=False):
            rows += acts(f"later{obj}", (f"apart_{m}", (14.1 + 13 * rng.random()) * 86_400))
    for obj in range(150):
        who = rng.choice(200, 8, replace=False)
        pace = (14.1 + 13 * rng.random(8)) * 86_400
        rows += acts(f"later{obj}", *zip([f"user{a}" for a in who], pace, strict=True))
    log = log_of(rows)
    found = confirm_clusters(log, RULE)
    names = [cluster.accounts[0][:-2] for cluster in found.clusters]
    assert found.clusters.all_accounts is log.all_accounts  # the halves have the codes of the log
    assert len(found.clusters) == 3
    assert names == ["apart", "stop", "on"]  # by size
    assert found.active.tolist() == [8, 0, 6]
    assert found.p_value[1] == 1.0
    assert found.p_value[0] > 0.05
    second = halves(log)[1]
    own = cn.test_group(second, [f"on_{m}" for m in range(6)]).p_value
    assert found.p_value[2] == own < 1e-6
    assert found.adjusted.tolist() == [1.0, 1.0, pytest.approx(3 * own)]
    assert found.to_frame("pyarrow").to_pylist()[2] == {
        "cluster": 2, "accounts": 6, "active": 6, "p_value": own, "adjusted": 3 * own,
    }  # fmt: skip


def test_several_windows_pay_for_the_choice():
    log = log_of(two_halves({"on": (6, (0, 1))}))
    rule = Configuration(["60s", "10min"], clean_background=False)
    found = confirm_clusters(log, rule)
    second = halves(log)[1]
    codes = [f"on_{m}" for m in range(6)]
    each = [cn.test_group(second, codes, within=w).p_value for w in ("60s", "10min")]
    (at,) = [i for i in range(len(found.clusters)) if found.p_value[i] < 1e-6]
    assert found.p_value[at] == 2 * min(each)


def test_the_background_and_the_occasion_gap_confirm_too():
    """Each changes what is found in the first half, and the test in the second."""
    log = log_of(two_halves({"on": (6, (0, 1))}))
    public = log_of([row for row in two_halves({}) if row[1] < "o150"])
    for options, background in (({}, public), ({"occasion_gap": "18h"}, None)):
        found = confirm_clusters(log, RULE.replace(**options), background)
        on = [i for i, c in enumerate(found.clusters) if {f"on_{m}" for m in range(6)} <= set(c)]
        assert len(on) == 1
        second = halves(log)[1]
        members = found.clusters[on[0]].accounts
        own = cn.test_group(second, members, background=background, **options)
        plain = cn.test_group(second, members)
        assert found.p_value[on[0]] == own.p_value != plain.p_value


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        ([], []),
        ([0.01], [0.01]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.6, 0.7, 0.02], [1.0, 1.0, 0.06]),
        ([0.02, 0.02], [0.04, 0.04]),
    ],
)
def test_holm_by_hand(p, adjusted):
    assert confirmation._holm(np.array(p, float)).tolist() == pytest.approx(adjusted)


@pytest.mark.parametrize("rows", [[], acts("o", ("u", 0))])
def test_nothing_to_confirm(rows):
    found = confirm_clusters(log_of(rows), RULE)
    assert (len(found.clusters), len(found.p_value), len(found.to_frame())) == (0, 0, 0)


def test_the_accounts_of_the_first_half_are_out_of_the_background_of_the_second():
    """So what they do together does not raise the chances that they are tested against."""
    log = log_of(two_halves({"on": (6, (0, 1)), "too": (5, (0, 1))}))
    found = confirm_clusters(log, CLEANED)
    search = search_clusters(halves(log)[0], CLEANED)
    outside = np.ones(len(log.all_accounts), bool)
    outside[np.concatenate([search.clusters.indices, search.layers[0].nodes])] = False
    assert 0 < (~outside).sum() < 20
    second = halves(log)[1]
    acting = np.zeros(len(outside), bool)
    acting[second.active] = True
    statistics = WindowStatistics(second, 60 * SECOND).with_background(outside)
    tester = GroupTester(statistics)
    plain = GroupTester(WindowStatistics(second, 60 * SECOND))
    for i in range(len(found.clusters)):
        members = found.clusters.members(i)
        members = members[acting[members]]
        assert found.p_value[i] == tester.test(members).p_value
        assert found.p_value[i] < plain.test(members).p_value
    assert len(found.clusters) == 2
    # hardly anybody is left: everybody stays in
    few = log.where(np.isin(log.account, np.flatnonzero(~outside)), "others")
    assert confirmation._outside(search, few) is None


def test_sets_are_matched_with_the_clusters_of_the_run():
    """By the members that both have, half of the smaller at least; the rest stand at the end."""
    log = log_of(two_halves({"on": (6, (0, 1)), "stop": (7, (0,))}))
    found = confirm_clusters(log, RULE)
    names = [{label.split("_")[0] for label in c.accounts} for c in found.clusters]
    assert names == [{"stop"}, {"on"}]
    graph = found.clusters.layers[0]
    half_on = ["on_0", "on_1", "on_2", "user1", "user2", "user3"]
    sets = [["user4", "user5", "user6"], half_on, ["on_0", "on_3", "user7", "user8", "user9"]]
    clusters = cn.Clusters.from_labels(sets, graph)
    numbers = {frozenset(c.accounts): c.number for c in clusters}
    matched = found.matched(clusters)
    assert matched[numbers[frozenset(half_on)]] == 1
    assert matched[numbers[frozenset(sets[0])]] == matched[numbers[frozenset(sets[2])]] == -1
    rows = found.beside(clusters).to_pylist()
    assert [row["cluster"] for row in rows] == [0, 1, 2, None]
    assert rows[numbers[frozenset(half_on)]] == {
        "cluster": numbers[frozenset(half_on)], "set": 1, "shared": 3, "accounts": 6, "active": 6,
        "p_value": found.p_value[1], "adjusted": found.adjusted[1],
    }  # fmt: skip
    assert rows[numbers[frozenset(sets[0])]]["p_value"] is None
    assert (rows[3]["set"], rows[3]["shared"], rows[3]["accounts"]) == (0, 0, 7)


def test_nothing_matches_nothing():
    found = confirm_clusters(log_of([]), RULE)
    assert found.beside(found.clusters).num_rows == 0
