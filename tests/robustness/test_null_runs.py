"""Null runs: on which logs, what is kept of each, the p-values that come of it."""

import math

import numpy as np
import pytest
from helpers import log_of, ring_rows, rows_of

import coordnet as cn
from coordnet.inference.group_test import GroupTester
from coordnet.inference.statistics import WindowStatistics
from coordnet.robustness.confirmation import confirm_clusters
from coordnet.robustness.null_runs import NullRuns, run_nulls
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters
from coordnet.times import DAY, SECOND

RULE = Configuration("60s")


def test_p_values_of_null_runs_by_hand():
    """(1 + null runs with at least this) / (n + 1), the worse of shuffled and swapped."""
    found = np.array([0, 1, 1, 0, 1, 0, 1, 1], bool)
    runs = NullRuns(np.array([-np.inf, 2.0, 5.0, -25.0]), np.array([3.0, -np.inf, 1.0, 4.0]), found)
    found = runs.p_values(np.array([0.5, 2.0, 3.5, 4.0, 5.0, 6.0]))
    assert found.tolist() == [4 / 5, 3 / 5, 2 / 5, 2 / 5, 2 / 5, 1 / 5]
    assert runs.share_with_clusters == 5 / 8
    assert (runs.largest, runs.smallest_p) == (5.0, 1 / 5)
    assert runs.p_values(np.zeros(0)).tolist() == []
    uneven = NullRuns(np.array([-np.inf] * 19), np.array([-np.inf]), np.zeros(20, bool))
    assert uneven.p_values(np.array([9.0])).tolist() == [1 / 2]
    assert uneven.smallest_p == 1 / 2
    nothing = NullRuns(np.zeros(0), np.zeros(0), np.zeros(0, bool))
    assert math.isnan(nothing.share_with_clusters)
    assert (nothing.largest, nothing.smallest_p) == (-np.inf, 1.0)


def test_null_runs_find_nothing_and_rings_get_the_smallest_p():
    log = cn.simulate("retweet_ring", accounts=1_000, seed=0).log
    found = search_clusters(log, RULE).clusters
    nulls = run_nulls(log, RULE, 6, seed=1)
    assert len(found) == 3
    assert nulls.share_with_clusters == 0.0
    assert nulls.p_values(found.evidence).tolist() == [1 / 7] * 3


def largest_evidence(log, config, background=None):
    """Return the score of a run on a log, as documented."""
    return search_clusters(log, config, background).largest_evidence()


def test_the_largest_evidence_of_a_search_that_finds_nothing():
    """Of what grows from the eight most surprising pairs, here one by one; no edge is kept."""
    log = cn.simulate("organic", accounts=600, seed=3).log
    found = search_clusters(log, RULE)
    assert len(found.clusters) == 0
    edges = cn.co_action(log, "60s", min_weight=2).test("both").edges
    likely = np.flatnonzero(edges["p_activity"] <= 0.025)
    order = likely[np.argsort(edges["p_timing"][likely], kind="stable")][:8]
    pairs = [np.array([edges["source"][e], edges["target"][e]], np.int32) for e in order]
    tester = GroupTester(WindowStatistics(log, 60 * SECOND))
    grown = [evidence for _, evidence in tester.grow(pairs)]
    assert found.largest_evidence() == max(grown)
    assert max(grown) >= max(tester.test(np.sort(pair)).evidence for pair in pairs)
    assert -40 < max(grown) < -math.log10(0.025)


def test_p_values_of_null_runs_tell_strong_from_weak():
    """Null runs in which nothing is found have evidence too, below the bound."""
    log = cn.simulate("organic", accounts=600, seed=3).log
    nulls = run_nulls(log, RULE, 5, seed=1)
    assert nulls.share_with_clusters == 0
    assert len({*nulls.shuffled, *nulls.swapped}) > 5
    strong, weak = nulls.p_values(np.array([145.0, -25.0]))
    assert (strong, nulls.smallest_p) == (1 / 6, 1 / 6)
    assert weak > 1 / 2


@pytest.mark.parametrize("strata", [None, pytest.param("10min", marks=pytest.mark.slow)])
def test_null_runs_are_runs_on_shuffled_and_swapped_logs_each_their_own(ring, strata):
    """First logs of shuffled accounts, inside the strata, then logs of swapped profiles, in order.

    A ring whose objects are its own keeps some of its pace where profiles are swapped. Shuffled
    inside ten minutes its members get each other's actions, and the rings stay; shuffled anywhere
    they do not.
    """
    rule = Configuration("60s", strata=strata)
    nulls = run_nulls(ring, rule, 6, seed=1)
    seeds = np.random.SeedSequence(1).generate_state(12)
    logs = [cn.shuffled_accounts(ring, int(seed), strata) for seed in seeds[:6]]
    logs += [cn.swapped_profiles(ring, int(seed)) for seed in seeds[6:]]
    assert [*nulls.shuffled, *nulls.swapped] == [largest_evidence(log, rule) for log in logs]
    assert len({log.fingerprint for log in logs}) == 12
    found = [len(search_clusters(log, rule).clusters) > 0 for log in logs]
    assert nulls.found.tolist() == found
    if strata:
        assert (nulls.shuffled > 10).all()
    else:
        assert (nulls.shuffled < 2).all()
    assert len(set(nulls.swapped)) > 1
    assert 0 < nulls.share_with_clusters < 1
    other = run_nulls(ring, rule, 6, seed=2)
    assert other.swapped.tolist() != nulls.swapped.tolist()


def test_swapped_profiles_are_no_null_for_activity(ring):
    """They keep who is close in time, so that who acts together still does."""
    rule = Configuration("60s", null="activity")
    nulls = run_nulls(ring, rule, 3, seed=1)
    seeds = np.random.SeedSequence(1).generate_state(6)
    logs = [cn.shuffled_accounts(ring, int(seed)) for seed in seeds[:3]]
    assert nulls.shuffled.tolist() == [largest_evidence(log, rule) for log in logs]
    assert (len(nulls.swapped), len(nulls.found)) == (0, 3)
    assert nulls.smallest_p == 1 / 4
    best = nulls.largest
    assert nulls.p_values(np.array([best + 1, best])).tolist() == [1 / 4, 2 / 4]
    assert nulls.reached(np.array([best + 1, best, -np.inf])).tolist() == [0, 1, 3]


def test_the_background_reaches_every_null_run(ring):
    public = log_of(ring_rows(rings=(), seed=1))
    rule = Configuration("60s", strata="10min")
    nulls = run_nulls(ring, rule, 2, seed=1, background=public)
    seeds = [int(seed) for seed in np.random.SeedSequence(1).generate_state(4)]
    logs = [cn.shuffled_accounts(ring, seed, "10min") for seed in seeds[:2]]
    logs += [cn.swapped_profiles(ring, seed) for seed in seeds[2:]]
    found = [*nulls.shuffled, *nulls.swapped]
    assert found == [largest_evidence(log, rule, public) for log in logs]
    alone = [largest_evidence(log, rule) for log in logs]
    assert all(one != other for one, other in zip(found, alone, strict=True) if other > -np.inf)
    assert max(alone[:2]) > -np.inf
    assert max(alone[2:]) > -np.inf


def kept(log):
    """Return what a null log may keep: times and objects, who is on what, who acts on which day."""
    rows = rows_of(log)
    return {
        "slots": sorted((o, t) for _, o, t, *_ in rows),
        "incidence": sorted((a, o) for a, o, *_ in rows),
        "days": sorted((a, t // DAY) for a, _, t, *_ in rows),
        "activity": np.bincount(log.account, minlength=log.n_accounts).tolist(),
    }


@pytest.mark.parametrize(
    ("make", "same"),
    [
        (lambda log: cn.shuffled_accounts(log, 5), {"slots", "activity"}),
        (lambda log: cn.shuffled_accounts(log, 5, "1d"), {"slots", "days", "activity"}),
        (lambda log: cn.swapped_profiles(log, 5), {"incidence", "activity"}),
    ],
    ids=["shuffled", "shuffled in days", "swapped"],
)
def test_what_null_logs_keep(ring, make, same):
    before, after = kept(ring), kept(make(ring))
    assert {name for name in before if before[name] == after[name]} == same


def test_null_runs_do_not_depend_on_threads(ring):
    one, two = (run_nulls(ring, RULE, 6, seed=1, threads=t) for t in (1, 2))
    assert one.shuffled.tobytes() == two.shuffled.tobytes()
    assert one.swapped.tobytes() == two.swapped.tobytes()
    assert len(set(one.swapped)) > 1


@pytest.mark.parametrize("options", [{"within": [], "co_timing": "1s"}, {"fdr": None}])
def test_clusters_without_evidence_cannot_be_compared(ring, options):
    rule = Configuration(**{"within": "60s", **options})
    for name, call in (("null_runs", lambda: run_nulls(ring, rule, 1)),
                       ("confirm", lambda: confirm_clusters(ring, rule))):  # fmt: skip
        with pytest.raises(cn.CoordnetError) as error:
            call()
        assert str(error.value).startswith(f"{name}= needs the evidence of the group test")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"runs": -1}, "runs=-1 is not a whole number of 0 or more."),
        ({"runs": 1.5}, "runs=1.5 is not a whole number of 0 or more."),
        ({"runs": 1, "seed": -1}, "seed=-1 is not a whole number from 0 to"),
    ],
)
def test_wrong_parameters_of_null_runs_are_told(ring, options, told):
    with pytest.raises(cn.ParameterError) as error:
        run_nulls(ring, RULE, **options)
    assert str(error.value).startswith(told)
