"""Round times in the group test: who posts at full hours meets others who do, and is no group."""

import math
import random
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import stats

import coordnet as cn
from coordnet.inference.group_test import GroupTester
from coordnet.inference.round_times import GRAINS, round_factors, scan_factors
from coordnet.inference.statistics import WindowStatistics
from coordnet.kernels import groups as group_kernels
from coordnet.times import HOUR, MINUTE, SECOND


class Times(NamedTuple):
    """What the bound reads of a scene."""

    grain: Any
    round_factors: Any
    object: Any
    class_of: Any
    log_factorials: Any


def times_of(grain, factors):
    """Return the times of actions on one object."""
    one = np.zeros(len(grain), np.int32)
    return Times(grain, factors[None], one, np.zeros(1, np.int32), group_kernels.log_factorials(8))


def naive_log_bound(factors, members, moment):
    """Return the bound with all sets of actions written out."""
    cap = moment ** (-1 / (members - 1))
    capped = [min(f, cap) for f in factors]
    ways = sum(math.prod(s) / max(s) for s in combinations(capped, members))
    return min(math.log(ways * members * moment), 0.0)


@pytest.mark.parametrize("seed", range(40))
def test_the_bound_is_that_of_all_sets_written_out(seed):
    rng = random.Random(seed)
    factors = np.array([60.0, 30.0, 15.0, 5.0, 2.0, 1.0])
    n = rng.randrange(2, 10)
    grain = np.array([rng.choice([0, 0, 2, 4, 5, 5, 5]) for _ in range(n)], np.int8)
    members = rng.randrange(2, n + 1)
    moment = 10 ** rng.uniform(-1.5, -0.3) ** (members - 1)
    actions = np.arange(n, dtype=np.int32)
    found = group_kernels._log_window_bound(
        times_of(grain, factors), actions, 0, n, members, moment
    )
    expected = naive_log_bound(factors[grain].tolist(), members, moment)
    assert found == pytest.approx(expected, abs=1e-9)


def test_the_bound_bounds_what_happens():
    """Twelve accounts, some at full hours: how often m of them are inside one window."""
    rng = np.random.default_rng(0)
    window, span, n, runs = 60, 40 * 3_600, 12, 40_000
    for scheduled in (0, 2, 6, 12):
        time = rng.integers(0, span, (runs, n))
        time[:, :scheduled] = rng.integers(0, span // 3_600, (runs, scheduled)) * 3_600
        time.sort(axis=1)
        grain = np.array(scheduled * [0] + (n - scheduled) * [len(GRAINS)], np.int8)
        times = times_of(grain, scan_factors(window * SECOND, SECOND))
        g = window / span  # of any two times, those of one second being in some order
        for m in (2, 3, 4, 5):
            often = (time[:, m - 1 :] - time[:, : n - m + 1] <= window).any(axis=1).mean()
            moment = (g + 1 / span) ** (m - 1)
            actions = np.arange(n, dtype=np.int32)
            bound = group_kernels._log_window_bound(times, actions, 0, n, m, moment)
            assert often <= math.exp(bound) + 4 * math.sqrt(often / runs) + 1e-4


@pytest.mark.parametrize("window", [0, 1, 10, 59, 60, 61, 600, 899, 3_600, 7_200])
@pytest.mark.parametrize("resolution", [1, SECOND, MINUTE])
def test_factors_fall_to_one_and_cover_pairs(window, resolution):
    scan = scan_factors(window * SECOND, resolution)
    assert len(scan) == len(GRAINS) + 1
    assert scan[-1] == 1.0
    assert (np.diff(scan) <= 0).all()
    pair = round_factors(window * SECOND, resolution)
    assert (2 * scan >= pair * (1 - 1e-12)).all()  # m = 2 counts each of two as the first
    if resolution == MINUTE:
        assert scan[GRAINS.index(MINUTE)] == 1.0  # all times are full minutes: nobody schedules


def scheduled_log(seed, grain, accounts=3_000, share=0.1):
    """Return a population in which a share of the accounts posts at round times, and who."""
    log = cn.simulate("organic", accounts=accounts, seed=seed).log
    rng = np.random.default_rng(seed)
    chosen = rng.random(log.n_accounts) < share
    time = np.where(chosen[log.account], -(-log.time // grain) * grain, log.time)
    busy = np.diff(log.by_account[0]) >= 10
    return log.rearranged(time=time), np.flatnonzero(chosen & busy)


@pytest.mark.parametrize("grain", [HOUR, 15 * MINUTE, MINUTE])
def test_independent_schedulers_are_no_group(grain):
    """Random sets of twelve: without the factors 42 % of them had p <= 0.001 at full hours."""
    p = []
    for seed, share in ((0, 0.1), (1, 0.02)):
        log, schedulers = scheduled_log(seed, grain, share=share)
        tester = GroupTester(WindowStatistics(log, MINUTE))
        rng = np.random.default_rng(seed)
        for _ in range(300):
            members = np.sort(rng.choice(schedulers, 12, replace=False)).astype(np.int32)
            p.append(10 ** tester.test(members).log10_p)
    for level in (0.05, 0.01, 0.001, 0.0001):
        assert sum(q <= level for q in p) <= stats.binom.isf(0.001, len(p), level), level


@pytest.mark.parametrize(("past", "least"), [(15, 20), (5, 80), (1, 150)])
def test_who_acts_together_at_round_times_again_and_again_is_found(past, least):
    """At full quarters, five minutes and minutes; at full hours only the pairs tell."""
    log, schedulers = scheduled_log(0, HOUR)
    rng = np.random.default_rng(1)
    ring = np.sort(rng.choice(schedulers, 12, replace=False)).astype(np.int32)
    objects = rng.choice(np.flatnonzero(np.diff(log.by_object) > 20), 20, replace=False)
    first = log.time[log.by_object[objects]] // HOUR * HOUR + 5 * HOUR + past * MINUTE
    planted = log.with_actions(
        np.tile(ring, 20), np.repeat(objects, 12).astype(np.int32), np.repeat(first, 12)
    )
    assert GroupTester(WindowStatistics(planted, MINUTE)).test(ring).log10_p < -least


def test_without_round_times_nothing_changes():
    log = cn.simulate("small_cells", accounts=1_000, seed=0).log
    log = log.rearranged(time=log.time + 123_457)
    tester, plain = (
        GroupTester(WindowStatistics(log, MINUTE)),
        GroupTester(WindowStatistics(log, MINUTE)),
    )
    ones = np.ones_like(plain.scene.round_factors)
    plain.scene = plain.scene._replace(round_factors=ones)
    rng = np.random.default_rng(0)
    for size in (2, 5, 12, 30):
        members = np.sort(rng.choice(log.n_accounts, size, replace=False)).astype(np.int32)
        one, other = tester.test(members), plain.test(members)
        assert one.log10_p == other.log10_p
        assert one.detail.tobytes() == other.detail.tobytes()
