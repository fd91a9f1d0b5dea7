"""Null models of edges: every formula against the oracle, every claim of a bound as a claim.

Closed forms are compared with the experiments that they stand for: accounts dealt to actions,
accounts dealt to the slots of objects, events moved inside their hour. Those experiments are
seeded, and what chance they leave is stated beside each comparison.
"""

import random
from fractions import Fraction
from itertools import combinations
from math import exp, inf, log

import naive
import numpy as np
import pytest
from helpers import assert_same_graph, edges_of, log_of, ring_rows, rows_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from strategies import ACCOUNTS, START, WINDOW, examples, logs, windows

import coordnet as cn
from coordnet.inference import edge_tests, pair_crowds, pair_order, pair_tests, strata
from coordnet.inference import round_times as rounding
from coordnet.inference.attainable import attainable_pairs
from coordnet.inference.correction import adjusted, corrected, stepped_up
from coordnet.inference.pair_tests import ActivityNull, PairFacts, PairTester
from coordnet.inference.statistics import (
    CLASSES,
    Chances,
    WindowStatistics,
    object_statistics,
    popularity_class,
    repeats_of,
)
from coordnet.kernels import tails as tail_kernels
from coordnet.kernels.occasions import OccasionRule
from coordnet.times import DAY, HOUR, MINUTE, SECOND

CLOSE = {"rel": 1e-9, "abs": 1e-12}


# -- tails -------------------------------------------------------------------------------------

counts = st.integers(0, 60)
means = st.floats(1e-12, 60.0)
trials = st.lists(
    st.one_of(st.floats(0, 1), st.floats(0, 1e-6), st.sampled_from([0.0, 1.0, 0.5])), max_size=12
)


def poisson_binomial(chances, count):
    """Return log P(X >= count) as the kernel has it."""
    return tail_kernels.log_poisson_binomial_tail(
        count, np.array(chances, float), len(chances), np.empty(max(count, 1))
    )


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 20, 60, 140])
@pytest.mark.parametrize("part", [1e-9, 1e-4, 0.01, 0.3, 0.9, 1.0])
def test_the_poisson_tail_is_exact_down_to_1e_300_and_beyond(count, part):
    mean = count * part
    found = tail_kernels.log_poisson_tail(count, mean)
    exact = naive.poisson_tail(mean, count)
    assert found == pytest.approx(float(exact.ln()), rel=1e-12, abs=1e-12)
    known = stats.poisson.logsf(count - 1, mean)
    if known > -650:  # where scipy still sees it
        assert found == pytest.approx(known, rel=1e-8, abs=1e-9)
    else:
        assert found < -650


def test_the_poisson_tail_of_nothing():
    assert tail_kernels.log_poisson_tail(3, 0.0) == -inf
    assert tail_kernels.log_poisson_tail(0, 0.0) == 0.0


@given(counts, means)
def test_the_poisson_tail_falls_with_the_count_and_grows_with_the_mean(count, mean):
    if count >= mean:
        here = tail_kernels.log_poisson_tail(count, mean)
        assert tail_kernels.log_poisson_tail(count + 1, mean) <= here + 1e-12
        assert tail_kernels.log_poisson_tail(count, mean * 0.9) <= here + 1e-12
        assert here <= 0.0


@given(trials, st.integers(0, 13))
@example([0.5, 0.5], 1)
@example([1.0, 1.0, 1.0], 3)
@example([1e-200, 1e-200], 2)  # 1e-400 is no float
@example([0.0, 0.0, 0.0], 3)
@example([0.5, 0.5, 0.0], 3)
def test_the_poisson_binomial_tail_is_exact(chances, count):
    found = poisson_binomial(chances, count)
    exact = naive.poisson_binomial_tail(chances, count)
    if exact == 0:
        assert found == -inf
    elif found > -inf or exact > 1e-300:
        ln = log(exact.numerator) - log(exact.denominator)
        assert found == pytest.approx(ln, rel=1e-10, abs=1e-10)
    else:
        assert exact < 1e-300  # one and two are added up as they are


@pytest.mark.parametrize(
    ("chance", "n", "count"), [(1e-5, 100, 66), (1e-3, 150, 150), (0.02, 200, 100), (0.3, 199, 190)]
)
def test_the_poisson_binomial_tail_is_exact_down_to_1e_300(chance, n, count):
    chances = np.linspace(0.5, 1.5, n) * chance
    chances = np.minimum(chances, 1.0)
    exact = naive.poisson_binomial_tail(chances.tolist(), count)
    ln = log(exact.numerator) - log(exact.denominator)
    assert poisson_binomial(chances, count) == pytest.approx(ln, rel=1e-12)
    equal = poisson_binomial(np.full(n, chance), count)
    known = stats.binom.logsf(count - 1, n, chance)
    if known > -600:  # where scipy still sees it
        assert equal == pytest.approx(known, rel=1e-9)
    else:
        assert equal < -600


def test_one_of_the_tails_is_far_below_1e_300():
    assert poisson_binomial(np.full(150, 1e-3), 150) == pytest.approx(150 * log(1e-3), rel=1e-12)
    assert poisson_binomial(np.full(150, 1e-3), 150) < log(1e-300) - 300


@given(trials, st.integers(0, 11))
def test_the_poisson_binomial_tail_falls_with_the_count(chances, count):
    assert poisson_binomial(chances, count + 1) <= poisson_binomial(chances, count) + 1e-12


@given(trials.filter(bool), st.integers(1, 12), st.integers(0, 11), st.floats(0, 1))
def test_the_poisson_binomial_tail_grows_with_each_chance(chances, count, at, part):
    at %= len(chances)
    more = [*chances]
    more[at] += part * (1 - more[at])
    assert poisson_binomial(chances, count) <= poisson_binomial(more, count) + 1e-12


@given(trials, st.integers(0, 13))
@example([0.9, 0.9, 0.9], 3)  # 3 < mean + 1: the Poisson tail would be too small here
@example([1 / 3] * 3, 2)  # 2 = mean + 1
@example([1.0], 1)
def test_the_bound_bounds_every_sum_of_indicators(chances, count):
    """Hoeffding (1956) and Anderson & Samuels (1967) above mean + 1, the union bound for 1."""
    mean = float(sum(chances))
    bound = tail_kernels.log_tail_bound(count, mean)
    exact = naive.poisson_binomial_tail(chances, count)
    if exact > 0:
        ln = log(exact.numerator) - log(exact.denominator)
        assert bound >= ln - 1e-12 * max(1.0, -ln)
    assert bound <= 0.0


def test_the_bound_says_nothing_where_nothing_is_proved():
    assert tail_kernels.log_tail_bound(3, 2.7) == 0.0
    assert naive.poisson_binomial_tail([0.9] * 3, 3) > naive.poisson_tail(2.7, 3)  # and that is why
    assert tail_kernels.log_tail_bound(3, 2.0) == pytest.approx(stats.poisson.logsf(2, 2.0))
    assert tail_kernels.log_tail_bound(1, 0.25) == pytest.approx(log(0.25))
    assert tail_kernels.log_tail_bound(1, 3.0) == 0.0
    assert tail_kernels.log_tail_bound(2, 0.0) == -inf


@given(st.integers(0, 40), st.one_of(means, st.floats(0, 1e-12)))
@example(16, 1e-30)  # the first term is below what a float64 holds
@example(17, 1.0)
def test_the_bound_itself_is_that_of_its_log(count, mean):
    found = tail_kernels.tail_bound(count, mean)
    assert found == pytest.approx(exp(tail_kernels.log_tail_bound(count, mean)), rel=1e-9)


@given(counts, means)
def test_the_bound_falls_with_the_count_and_grows_with_the_mean(count, mean):
    here = tail_kernels.log_tail_bound(count, mean)
    assert tail_kernels.log_tail_bound(count + 1, mean) <= here + 1e-12
    assert tail_kernels.log_tail_bound(count, 0.9 * mean) <= here + 1e-12


@pytest.mark.parametrize("n", [3, 70, 400, 3_000])
@pytest.mark.parametrize("count", [1, 2, 5, 40, 260])
def test_long_lists_of_trials_get_the_bound(n, count):
    """Exact up to 4,096 steps, else a bound; never less than exact."""
    chances = np.linspace(1e-4, 0.02, n)
    found = tail_kernels.log_tail(count, chances, n, np.empty(256))
    exact = poisson_binomial(chances, count)
    if n * count <= 4_096 and count <= 200:
        assert found == exact
    else:
        bound = tail_kernels.log_tail_bound(count, float(chances.sum()))
        assert found == pytest.approx(bound, rel=1e-9)
    assert found >= exact - 1e-9


@given(st.lists(st.tuples(st.floats(-800, 0), st.floats(-800, 0)), max_size=8))
def test_the_smallest_p_is_1e_300(pairs):
    a, b = np.array(pairs, float).reshape(-1, 2).T.copy()
    p = tail_kernels.combined_p(a, b, tail_kernels.SMALLEST_P)
    expected = [max(np.exp(max(x, y)), 1e-300) for x, y in pairs]
    assert p.tolist() == pytest.approx(expected, rel=1e-12)


# -- objects, chances, numbers of pairs --------------------------------------------------------


@given(logs(), windows())
def test_object_statistics_equal_the_oracle(rows, window):
    log = log_of(rows)
    found = object_statistics(log, window, threads=1)
    expected = naive.object_counts(rows, window)
    assert len(expected) == log.n_objects
    for o in range(log.n_objects):
        n, everybody, weighted = expected[log.kinds[log.object_kind[o]], log.objects[o]]
        assert (found.n_accounts[o], found.pairs_all[o]) == (n, everybody)
        assert found.pairs_weighted[o] == pytest.approx(float(weighted), rel=1e-12, abs=1e-12)
    acts, repeats = naive.acts_by_object(rows), repeats_of(log, log.account_runs())
    for i in range(len(log)):
        key = log.kinds[log.object_kind[log.object[i]]], log.objects[log.object[i]]
        assert repeats[i] == naive.repeats(acts[key])[log.accounts[log.account[i]]]


def test_object_statistics_of_repeaters_equal_the_oracle():
    """Three accounts that post one object hundreds of times, among others, at coarse times."""
    rng = random.Random(1)
    rows = [
        (rng.choice(["r1", "r2", "r3"]) if rng.random() < 0.7 else f"u{rng.randrange(60)}", "tag",
         START + rng.randrange(3_000) * SECOND, "hashtag", str(i))
        for i in range(900)
    ]  # fmt: skip
    log = log_of(rows)
    found = object_statistics(log, WINDOW)
    n, everybody, weighted = naive.object_counts(rows, WINDOW)["hashtag", "tag"]
    assert (found.n_accounts[0], found.pairs_all[0]) == (n, everybody)
    assert found.pairs_weighted[0] == pytest.approx(float(weighted), rel=1e-9)
    assert repeats_of(log, log.account_runs()).max() > 150


def test_sums_of_weights_do_not_drift():
    """Two accounts that act alone for long stretches, thirds and sevenths all the way."""
    rows = []
    for i in range(3_000):
        rows.append(("ab"[i % 2] if i % 7 else "c", "o", START + i * 61 * SECOND, "k", None))
    found = object_statistics(log_of(rows), WINDOW)
    assert found.pairs_weighted[0] == 0.0  # nobody ever met anybody


@given(logs(), windows())
def test_class_chances_equal_the_oracle(rows, window):
    log = log_of(rows)
    found = WindowStatistics(log, window)
    expected = naive.timing_chances(rows, window)
    for o, (n, _, _) in enumerate_objects(log, rows, window):
        kind = log.kinds[log.object_kind[o]]
        chance = found.chances[found.classes[o]]
        assert chance == pytest.approx(float(min(expected.get((kind, n.bit_length() - 1), 0), 1)))


def enumerate_objects(log, rows, window):
    """Give (code, what the oracle counts) of each object."""
    counts = naive.object_counts(rows, window)
    for o in range(log.n_objects):
        yield o, counts[log.kinds[log.object_kind[o]], log.objects[o]]


@given(logs(), logs(), windows())
def test_chances_of_a_background_equal_the_oracle(rows, others, window):
    """A class that the background does not have gives no evidence: its chance is 1."""
    log, background = log_of(rows), log_of(others)
    if log.fingerprint == background.fingerprint:
        return  # which is refused: see test_a_log_is_no_background_of_its_own
    found = WindowStatistics(log, window, background)
    expected = naive.timing_chances(rows, window, others or [])
    for o, (n, _, _) in enumerate_objects(log, rows, window):
        of = (log.kinds[log.object_kind[o]], n.bit_length() - 1)
        chance = expected[of] if others else 1
        assert found.chances[found.classes[o]] == pytest.approx(float(min(chance, 1)))


@given(logs(min_size=1), st.integers(-1, 4 * WINDOW), st.booleans())
@settings(max_examples=60)
def test_a_log_is_no_background_of_its_own(rows, until, again):
    """Nor is a copy of it; a part of it is, where that leaves anything out."""
    log = log_of(rows)
    other = log_of(rows[::-1]) if again else log.where(log.time < START + until, "late")
    if len(other) < len(log):
        assert WindowStatistics(log, WINDOW, other).background.log is other
        return
    for call in (
        lambda: WindowStatistics(log, WINDOW, other),
        lambda: cn.co_action(log).test(background=other),
        lambda: cn.test_group(log, log.accounts, background=other),
        lambda: cn.find_groups(log, background=other),
        lambda: cn.detect(log, background=other),
    ):
        if log.n_accounts > 1:
            with pytest.raises(cn.ParameterError, match=r"background= is the log itself"):
                call()


def many_kinds(n):
    """Return rows of n kinds: slow objects of all kinds, and a fast pair on those of the last."""
    rows = []
    for k in range(n):
        rows += [(f"u{j}", "o", START + k * HOUR + j * 7_200 * SECOND, f"k{k:05d}", None)
                 for j in range(3)]  # fmt: skip
    for i in range(12):
        moment = START + i * DAY
        rows += [(a, f"fast {i}", moment + s * SECOND, f"k{n - 1:05d}", None)
                 for a, s in (("x", 0), ("y", 5), ("z", 40_000), ("w", 20_000))]  # fmt: skip
    return rows


@pytest.mark.parametrize("n", [1_023, 1_024, 1_025, 2_100])
def test_as_many_kinds_as_there_are(n):
    """The class of an object was int16: from 1,024 kinds on it wrapped, and p was 1e-300."""
    rows = many_kinds(n)
    log = log_of(rows)
    statistics = WindowStatistics(log, WINDOW)
    octave = np.array([len(str(bin(k))) - 3 for k in statistics.objects.n_accounts.tolist()])
    expected = log.object_kind.astype(np.int64) * CLASSES + octave
    np.testing.assert_array_equal(statistics.classes, expected)
    assert len(statistics.chances) > statistics.classes.max() > 32 * (n - 1)
    edge = edges_of(cn.co_action(log, "60s", min_weight=2).test("timing"))["x", "y"]
    own = [row for row in rows if row[3] == f"k{n - 1:05d}"]  # chances are of the kind
    pi = naive.timing_trials(own, "x", "y", WINDOW)
    assert edge["expected_timing"] == pytest.approx(float(sum(pi)), rel=1e-9)
    assert edge["p_timing"] == pytest.approx(float(naive.poisson_binomial_tail(pi, 12)), rel=1e-6)
    assert edge["p_timing"] > 1e-12
    background = log_of(rows[: 3 * n - 3])  # without the last kind, which then has no chance
    helped = cn.co_action(log, "60s", min_weight=2).test("timing", background=background)
    assert edges_of(helped)["x", "y"]["expected_timing"] == pytest.approx(12)
    assert cn.test_group(log, ["x", "y"]).p_value > 1e-12


def test_the_popularity_classes():
    n = np.array([1, 2, 3, 4, 7, 8, 1_023, 1_024], np.int32)
    kind = np.array([0, 0, 0, 0, 1, 1, 1, 1], np.int32)
    assert popularity_class(n, kind).tolist() == [0, 1, 1, 2, 34, 35, 41, 42]


@given(logs())
def test_pairs_that_share_equal_the_oracle(rows):
    expected = len(naive.sharing_pairs(rows))
    nobody = np.zeros(0, np.int32)
    test = edge_tests.co_action_tests(WindowStatistics(log_of(rows), WINDOW), nobody, nobody).test
    assert (test.pairs, test.pairs_exact) == (expected, True)


@given(logs())
@examples(40)
def test_pairs_that_share_are_no_more_than_a_sample_says(rows):
    expected = len(naive.sharing_pairs(rows))
    if not expected:
        return
    log = log_of(rows)
    statistics = WindowStatistics(log, WINDOW)
    chances = Chances(statistics.classes, statistics.chances)
    sampled = attainable_pairs(statistics.runs, chances, budget=-1)
    assert not sampled.exact
    assert expected <= sampled.counts[0] <= log.n_accounts * (log.n_accounts - 1) // 2


def test_pairs_that_share_of_a_larger_log_and_any_number_of_threads():
    log = log_of(ring_rows())
    expected = len(naive.sharing_pairs(rows_of(log)))
    graph = cn.co_action(log, "60s")
    for threads in (1, 2):
        test = graph.test("timing", threads=threads).tested
        assert (test.pairs, test.pairs_exact) == (expected, True)


# -- corrections -------------------------------------------------------------------------------

p_lists = st.lists(
    st.one_of(st.floats(0, 1), st.floats(0, 1e-6), st.sampled_from([1e-300, 0.01, 1.0])),
    max_size=25,
)


@given(p_lists, st.integers(0, 400), st.sampled_from(["bh", "by"]))
@example([0.01, 0.04, 0.03], 1, "bh")
def test_adjusted_equals_scipy_with_the_untested_at_1(p_values, untested, correction):
    pairs = len(p_values) + untested
    found = adjusted(np.array(p_values), pairs, correction)
    if not pairs:
        assert found.tolist() == []
        return
    padded = np.concatenate([p_values, np.ones(untested)])
    expected = stats.false_discovery_control(padded, method=correction)[: len(p_values)]
    assert found == pytest.approx(expected, rel=1e-9)


@given(p_lists, st.integers(0, 30), st.sampled_from(["bh", "by"]))
def test_adjusted_equals_the_oracle(p_values, untested, correction):
    found = adjusted(np.array(p_values), len(p_values) + untested, correction)
    expected = naive.adjusted(p_values, len(p_values) + untested, correction)
    assert found.tolist() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("pairs", [9_999, 10_000, 30_000])
def test_the_harmonic_number_of_many_pairs(pairs):
    p = np.array([1e-9, 3e-7, 1e-6, 0.5])
    padded = np.concatenate([p, np.ones(pairs - len(p))])
    expected = stats.false_discovery_control(padded, method="by")[: len(p)]
    assert adjusted(p, pairs, "by") == pytest.approx(expected, rel=1e-9)


@given(
    st.lists(st.tuples(st.sampled_from([1e-9, 0.01, 0.02, 0.5]), st.floats(0, 9)), max_size=9),
    st.booleans(),
    st.randoms(use_true_random=False),
)
@example([(0.01, 5.0), (0.02, 0.3)], False, random.Random(0))  # the first still ranks first
@example([(0.01, 0.5), (0.01, 0.1)], False, random.Random(0))
def test_steps_are_those_of_the_oracle_in_any_order(tests, attainable, rng):
    """Also where fewer tests are expected to have a larger p-value: accounts with late edges."""
    expected = [float(q) for q in naive.stepped_up(tests, attainable)]
    order = rng.sample(range(len(tests)), len(tests))
    for places in (range(len(tests)), order):
        p, counts = np.array([tests[i] for i in places], float).reshape(-1, 2).T.copy()
        found = stepped_up(p, counts, attainable)
        assert found.tolist() == pytest.approx([expected[i] for i in places], rel=1e-9)


edge_lists = st.lists(
    st.tuples(st.sets(st.integers(0, 7), min_size=2, max_size=2).map(sorted).map(tuple),
              st.one_of(st.floats(1e-9, 1), st.sampled_from([1e-300, 0.01, 0.02, 0.03, 1.0]))),
    max_size=25, unique_by=lambda edge: edge[0],
)  # fmt: skip


def columns_of(edges):
    """Return p-values, sources and targets of [((u, v), p)]."""
    ends = np.array([pair for pair, _ in edges], np.int32).reshape(-1, 2)
    return np.array([p for _, p in edges], float), ends[:, 0].copy(), ends[:, 1].copy()


@given(edge_lists, st.integers(0, 400), st.sampled_from(["bh", "by"]))
def test_corrected_is_the_larger_of_edges_and_accounts(edges, untested, correction):
    pairs = len(edges) + untested
    found = corrected(*columns_of(edges), pairs, correction)
    expected = naive.corrected(
        [p for _, p in edges], [pair for pair, _ in edges], pairs, correction
    )
    assert found.tolist() == pytest.approx(expected, rel=1e-9)


def test_a_busy_account_needs_no_more_than_a_quiet_one_by_hand():
    """Of 100 pairs. Account 0 has p of 0.001, 0.002 and 0.003: its own is 0.001, of three.

    Accounts rank by 0.001, 0.001, 0.002, 0.003: 2 * 100 p over the rank is 0.1 for the first two,
    and 0.4 / 3, 0.6 / 4 for the others. The edges alone: 0.1 each.
    """
    edges = [((0, 1), 0.001), ((0, 2), 0.002), ((0, 3), 0.003)]
    assert corrected(*columns_of(edges), 100) == pytest.approx([0.1, 0.4 / 3, 0.15])


def test_a_wrong_correction_is_told():
    with pytest.raises(cn.CoordnetError, match="correction='holm' is not known"):
        adjusted(np.array([0.1]), 1, "holm")


# -- the activity null -------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=30).filter(any),
    st.floats(-30, -1),
    st.floats(0.5, 12),
)
def test_saturated_sums_equal_the_direct_sum(weights, start, length):
    grid = np.linspace(start, start + length, 2048)
    sums = pair_tests.saturated_sums(np.array(weights), grid)
    for i in (0, 700, 2_047):
        direct = sum(-np.expm1(-w * np.exp(grid[i])) for w in weights)
        assert sums[i] == pytest.approx(np.log(direct), rel=1e-12, abs=1e-12)


@given(st.lists(st.integers(0, 10**4), min_size=1, max_size=8).filter(any), st.floats(0, 1))
@example([1], 0.5)
@example([1, 1_000], 0.25)
def test_interpolation_errs_by_less_than_it_says(weights, at):
    """Linear between the points of a grid of step h: relative error below h**2 / 19.

    The second derivative of log(sum) by log x is at most 0.41: that of one weight is, and a
    mixture of several adds a variance to their mean.
    """
    grid = np.linspace(-16, 4, 101)
    h = grid[1] - grid[0]
    sums = pair_tests.saturated_sums(np.array(weights), grid)
    for i in range(100):
        x = grid[i] + at * h
        direct = np.log(sum(-np.expm1(-w * np.exp(x)) for w in weights))
        between = sums[i] + at * (sums[i + 1] - sums[i])
        assert abs(np.expm1(between - direct)) <= h**2 / 19


@given(logs(min_size=2), windows())
def test_the_activity_expectation_equals_the_oracle(rows, window):
    log = log_of(rows)
    pairs = list(combinations(range(log.n_accounts), 2))
    pairs_all = object_statistics(log, window).pairs_all
    if not pairs or not pairs_all.any():
        return
    source, target = np.array(pairs, np.int32).T.copy()
    occasions = np.arange(len(pairs), dtype=np.int32) % 4
    found, p_value = ActivityNull.of(log, pairs_all).test(source, target, occasions)
    for e, (u, v) in enumerate(pairs):
        expected = naive.activity_expectation(rows, log.accounts[u], log.accounts[v], window)
        assert found[e] == pytest.approx(expected, rel=1e-6)
        bound = exp(tail_kernels.log_tail_bound(int(occasions[e]), found[e]))
        assert p_value[e] == pytest.approx(max(bound, 1e-300), rel=1e-9)


STRATA = {
    "1h": lambda t: t // HOUR,
    "1d": lambda t: t // DAY,
    "2min": lambda t: t // (2 * MINUTE),
    "hour_of_day": lambda t: t // HOUR % 24,
    "hour_of_week": lambda t: t // HOUR % 168,
}


@given(logs(min_size=2), windows(), st.sampled_from(list(STRATA)), st.sampled_from([1, 59, 3_000]))
def test_the_expectation_within_strata_equals_the_oracle(rows, window, strata, stretch):
    """Pairs across a border of strata count; times stretched so that strata have borders."""
    rows = [(a, o, START + (t - START) * stretch, k, c) for a, o, t, k, c in rows]
    log = log_of(rows)
    pairs = list(combinations(range(log.n_accounts), 2))
    if not pairs:
        return
    source, target = np.array(pairs, np.int32).T.copy()
    found = edge_tests.expected_within_strata(log, window * stretch, strata, source, target)
    for e, (u, v) in enumerate(pairs):
        expected = naive.activity_expectation_in_strata(
            rows, log.accounts[u], log.accounts[v], window * stretch, STRATA[strata]
        )
        assert found[e] == pytest.approx(expected, rel=1e-3, abs=1e-12)


def test_one_stratum_is_no_strata():
    log = log_of(ring_rows())
    graph = cn.co_action(log, "60s")
    plain, one = graph.test("activity"), graph.test("activity", strata="36500d")
    assert one.edges["expected_activity"] == pytest.approx(
        plain.edges["expected_activity"], rel=1e-3
    )
    assert one.tested.strata == "36500d"


def dealing_log(seed, across):
    """Return a log for dealing: some accounts busier, objects with a few actions close together.

    With `across`, most co-actions stand across a border of hours, and some accounts act in one
    of the hours only.
    """
    rng = random.Random(seed)
    rows = []
    for o in range(14):
        moment = START - START % HOUR + rng.randrange(1, 4) * HOUR
        moment += -40 * SECOND if across else rng.randrange(HOUR // 2)
        for i in range(5):
            late = across and rng.random() < 0.4
            account = rng.choice("abcdefghij") if late else rng.choice("aabcefghijklmnop")
            rows.append((account, f"o{o}", moment + rng.randrange(90) * SECOND, "k", str(i)))
    return rows


def experiment(deal, rows, window, fold, runs, seed):
    """Deal again and again and return {pair: [number of runs with so many occasions]}."""
    rng = random.Random(seed)
    found = {}
    for _ in range(runs):
        by_object = {}
        for account, obj, time, _, _ in deal(rows, rng):
            by_object.setdefault(obj, []).append((time, account))
        moments = {}
        for acts in by_object.values():
            first = {}
            for (s, a), (t, b) in combinations(acts, 2):
                if a != b and abs(s - t) <= window:
                    ends = (min(a, b), max(a, b))
                    first[ends] = min(first.get(ends, inf), max(s, t))
            for ends, moment in first.items():
                moments.setdefault(ends, []).append(moment)
        for ends, when in moments.items():
            objects = len(when)
            when.sort()
            count = sum(i == 0 or when[i] - when[i - 1] > fold for i in range(objects))
            tally = found.setdefault(ends, [0, {}])
            tally[0] += objects
            tally[1][count] = tally[1].get(count, 0) + 1
    return found


def z_scores(found, expected, runs):
    """Return how many standard errors each mean is from its expectation (Poisson variance)."""
    return np.array(
        [
            (found.get(ends, [0])[0] / runs - e) / np.sqrt(max(e, 1e-9) / runs)
            for ends, e in expected.items()
        ]
    )


@pytest.mark.parametrize("strata", [None, "1h"])
def test_the_activity_null_is_what_dealing_gives(strata):
    """2,000 dealings: each pair's mean is no more than the formula says, and not far below.

    The formula takes the pairs of actions of one object as independent. Dealt, they are not: who
    is in one of them is in others of the same burst, so that fewer objects have any. In this
    small, dense log that makes a sixth; what matters is that the formula is never too small.
    """
    rows = naive.folded(dealing_log(3, across=strata is not None))
    runs = 2_000
    stratum = STRATA["1h"] if strata else (lambda _: 0)
    found = experiment(
        lambda r, rng: naive.shuffled_accounts(r, rng, stratum), rows, WINDOW, WINDOW, runs, seed=5
    )
    accounts = sorted({row[0] for row in rows})
    log = log_of(rows)
    pairs = list(combinations(range(len(accounts)), 2))
    source, target = np.array(pairs, np.int32).T.copy()
    if strata:
        expectation = edge_tests.expected_within_strata(log, WINDOW, strata, source, target)
        inside = {ends: naive.activity_expectation_in_strata(rows, *ends, 0, stratum)
                  for ends in combinations(accounts, 2)}  # fmt: skip
        assert sum(inside.values()) < 0.5 * expectation.sum()  # most stand across a border
    else:
        pairs_all = object_statistics(log, WINDOW).pairs_all
        expectation, _ = ActivityNull.of(log, pairs_all).test(
            source, target, np.ones(len(pairs), np.int32)
        )
    expected = {(accounts[u], accounts[v]): e
                for (u, v), e in zip(pairs, expectation.tolist(), strict=True)}  # fmt: skip
    z = z_scores(found, expected, runs)
    total = sum(tally[0] for tally in found.values()) / runs
    assert 0.8 * sum(expected.values()) < total < sum(expected.values())
    assert (z < 4.5).all()
    assert (z > -4.5 - 0.25 * np.sqrt(np.array(list(expected.values())) * runs)).all()
    # the tail: chance of s occasions or more, never above the bound by more than chance allows
    for ends, e in expected.items():
        tally = found.get(ends, [0, {}])[1]
        for s in (1, 2, 3):
            share = sum(n for count, n in tally.items() if count >= s) / runs
            bound = np.exp(tail_kernels.log_tail_bound(s, e))
            assert share <= bound + 4 * np.sqrt(bound / runs) + 1 / runs, (ends, s)
    # and it is no empty bound: one occasion has about its chance
    once = sum(sum(t[1].values()) for t in found.values()) / runs
    assert once > 0.8 * sum(min(e, 1.0) for e in expected.values())


def test_dealing_counts_pairs_of_one_account_too():
    """Where one account is busy most pairs in the window are its own; left out, too few remain."""
    rows = [("busy", f"o{i // 2}", START + i // 2 * HOUR + i % 2 * SECOND, "k", str(i))
            for i in range(40)]  # fmt: skip
    rows += [(f"u{i}", f"p{i}", START + i * DAY, "k", None) for i in range(20)]
    log = log_of(rows)
    assert naive.co_action(rows, WINDOW) == {}
    statistics = object_statistics(log, WINDOW)
    assert statistics.pairs_all.sum() == 20
    pair = log.codes_of(["busy", "u1"])
    expected, _ = ActivityNull.of(log, statistics.pairs_all).test(
        pair[:1], pair[1:], np.ones(1, np.int32)
    )
    found = experiment(naive.shuffled_accounts, rows, WINDOW, WINDOW, 4_000, seed=1)
    assert found["busy", "u1"][0] / 4_000 == pytest.approx(expected[0], rel=0.12)


# -- the timing null ---------------------------------------------------------------------------


def all_pairs_graph(rows, window):
    """Return the graph of a log, its edges replaced by all pairs that act on a common object."""
    log = log_of(rows)
    pairs = sorted(naive.sharing_pairs(rows))
    code = {a: i for i, a in enumerate(log.accounts)}
    ends = np.array(sorted(sorted((code[u], code[v])) for u, v in pairs), np.int32).reshape(-1, 2)
    return log, ends[:, 0].copy(), ends[:, 1].copy()


@given(
    logs(), windows(), st.sampled_from([0, 1, WINDOW, 2 * WINDOW]),
    st.sampled_from([0, 2 * WINDOW, 4 * WINDOW]), st.booleans(),
)  # fmt: skip
def test_occasions_and_the_timing_test_equal_the_oracle(rows, window, fold, least, with_background):
    """Of every pair that shares an object, with an edge or without."""
    others = rows[::2] if with_background else None
    log, source, target = all_pairs_graph(rows, window)
    background = log_of(others) if with_background else None
    if background is not None and background.fingerprint == log.fingerprint:
        return  # which is refused
    statistics = WindowStatistics(log, window, background, fold)
    statistics.occasion_rule = OccasionRule(fold, least)
    found = edge_tests.co_action_tests(statistics, source, target, "timing").columns
    for e in range(len(source)):
        u, v = log.accounts[source[e]], log.accounts[target[e]]
        s = naive.occasions(rows, u, v, window, fold, least)
        pi = naive.timing_trials(rows, u, v, window, others)
        assert found["occasions"][e] == s
        assert found["expected_timing"][e] == pytest.approx(float(sum(pi)), **CLOSE)
        exact = naive.poisson_binomial_tail(pi, s)
        assert found["p_timing"][e] == pytest.approx(max(float(exact), 1e-300), rel=1e-9)
        assert found["p_value"][e] == found["p_timing"][e]


HOUR_START = START // HOUR * HOUR
round_times = st.sampled_from([0, 1, 60, 61, 120, 300, 301, 900, 930, 1_800, 3_600, 3_601])


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from("op"), round_times), min_size=4,
        max_size=45,
    ),
    st.sampled_from([30 * SECOND, 60 * SECOND, 600 * SECOND]),
)  # fmt: skip
def test_the_timing_test_of_round_times_equals_the_oracle(acts, window):
    """Who posts at full quarters, or minutes, meets others who do on the second."""
    rows = [(a, o, HOUR_START + second * SECOND, "k", None) for a, o, second in acts]
    log, source, target = all_pairs_graph(rows, window)
    statistics = WindowStatistics(log, window)
    found = edge_tests.co_action_tests(statistics, source, target, "timing").columns
    for e in range(len(source)):
        u, v = log.accounts[source[e]], log.accounts[target[e]]
        pi = naive.timing_trials(rows, u, v, window)
        assert found["expected_timing"][e] == pytest.approx(float(sum(pi)), **CLOSE)
        exact = naive.poisson_binomial_tail(pi, int(found["occasions"][e]))
        assert found["p_timing"][e] == pytest.approx(max(float(exact), 1e-300), rel=1e-9)


def test_round_factors_by_hand():
    """One multiple of an hour for each hour, against 121 seconds; three of a minute inside 60 s."""
    hour, half, quarter, five, one, none = rounding.round_factors(60 * SECOND, SECOND)
    assert (hour, half, quarter) == pytest.approx((3_600 / 121, 1_800 / 121, 900 / 121))
    assert (five, one, none) == pytest.approx((300 / 121, 180 / 121, 1))
    wide = rounding.round_factors(600 * SECOND, SECOND)
    assert wide == pytest.approx([3_600 / 1_201, 1_800 / 1_201, 1, 1_500 / 1_201, 1_260 / 1_201, 1])


def test_two_at_the_same_quarter_are_less_surprising():
    """By as much as there are fewer quarters than seconds; others are as they were."""
    crowd = [(f"c{i}", f"o{i % 3}", HOUR_START + (7_000 + 977 * i) * SECOND, "k", None)
             for i in range(60)]  # fmt: skip

    def expected(offset):
        rows = crowd + [(a, "o0", HOUR_START + (900 + offset) * SECOND, "k", None) for a in "uv"]
        graph = cn.co_action(log_of(rows), "60s")
        at = [log_of(rows).accounts.tolist().index(a) for a in "uv"]
        tested = graph.test("timing").edges
        edge = (tested["source"] == at[0]) & (tested["target"] == at[1])
        return tested["expected_timing"][edge][0]

    assert expected(0) == pytest.approx(min(1.0, expected(7) * 900 / 121))


@pytest.mark.parametrize(
    ("gap", "occasions"), [(60 * SECOND, 1), (60 * SECOND + 1, 2), (61 * SECOND, 2)]
)
def test_the_edge_of_a_fold(gap, occasions):
    """Inclusive, on the moments at which both had acted: the later of the two."""
    rows = [(a, f"o{i}", START + i * gap + lag * SECOND, "k", None)
            for i in range(2) for a, lag in (("u", 0), ("v", 5))]  # fmt: skip
    graph = cn.co_action(log_of(rows), "60s").test("timing")
    assert graph.edges["occasions"].tolist() == [occasions]


def test_the_fold_is_the_window_or_half_a_minute():
    def occasions(gap, within, **options):
        rows = [(a, f"o{i}", START + i * gap, "k", None) for i in range(3) for a in "uv"]
        return cn.co_action(log_of(rows), within).test("timing", **options).edges["occasions"][0]

    assert [occasions(gap, "1s") for gap in (30 * SECOND, 30 * SECOND + 1)] == [1, 3]
    assert [occasions(gap, "5min") for gap in (5 * MINUTE, 5 * MINUTE + 1)] == [1, 3]
    assert [occasions(gap, "60s", occasion_gap="2s") for gap in (2 * SECOND, 3 * SECOND)] == [1, 3]
    assert occasions(30 * SECOND, "1s", occasion_gap=0) == 3


def test_the_moment_of_an_object_is_when_both_had_first_acted():
    """Later meetings on the same object are no further occasion."""
    rows = [(a, "o", START + i * HOUR, "k", None) for i in range(5) for a in "uv"]
    rows += [("u", "p", START + 90 * SECOND, "k", None), ("v", "p", START + 50 * SECOND, "k", None)]
    graph = cn.co_action(log_of(rows), "60s").test("timing")
    assert graph.edges["objects"].tolist() == [2]
    assert graph.edges["occasions"].tolist() == [2]  # 0 s and 90 s, not 50 s
    assert naive.occasions(rows, "u", "v", WINDOW, WINDOW) == 2


def test_threads_of_five_posts_and_four_hashtags_are_one_occasion():
    rows = []
    for sitting in range(2):
        for i in range(5):
            moment = START + sitting * DAY + i * 12 * SECOND
            rows += [(a, f"post {sitting} {i}", moment, "retweet", None) for a in "uv"]
    for i in range(4):
        rows += [(a, f"#tag{i}", START + 3 * DAY, "hashtag", None) for a in "uv"]
    graph = cn.co_action(log_of(rows), "60s").test("timing")
    assert graph.edges["objects"].tolist() == [14]
    assert graph.edges["occasions"].tolist() == [3]


def slots_log(equal):
    """Return objects of twelve accounts each, days apart: everybody on each, or five of twelve."""
    rng = random.Random(2)
    rows = []
    for o in range(10):
        moment = START + o * DAY
        spread = 600 if equal or o % 2 else 3_000
        for a in range(12):
            rows.append((f"u{a:02d}", f"o{o}", moment + rng.randrange(spread) * SECOND, "k", None))
    return rows


@pytest.mark.parametrize("equal", [True, False])
def test_the_timing_null_is_what_dealing_to_slots_gives(equal):
    """Accounts dealt to the times of their objects, 4,000 times; fast and slow objects pooled.

    Means of pairs within 4.5 standard errors, of all together within 2 %; p-values exact where
    all objects are alike (5 %), never too small where they are not.
    """
    rows = slots_log(equal)
    runs = 4_000
    found = experiment(naive.dealt_to_slots, rows, WINDOW, WINDOW, runs, seed=7)
    log, source, target = all_pairs_graph(rows, WINDOW)
    statistics = WindowStatistics(log, WINDOW)
    columns = edge_tests.co_action_tests(statistics, source, target, "timing").columns
    ends = list(zip(log.accounts[source], log.accounts[target], strict=True))
    expected = dict(zip(ends, columns["expected_timing"].tolist(), strict=True))
    assert len(set(expected.values())) == 1  # everybody is on every object: one expectation
    total = sum(tally[0] for tally in found.values()) / runs
    assert total == pytest.approx(sum(expected.values()), rel=0.02)
    assert np.abs(z_scores(found, expected, runs)).max() < 4.5
    chances = np.array([float(p) for p in naive.timing_trials(rows, *ends[0], WINDOW)])
    for s in range(1, 7):
        p = np.exp(tail_kernels.log_tail(s, chances, len(chances), np.empty(256)))
        hits = sum(n for tally in found.values() for count, n in tally[1].items() if count >= s)
        share = hits / (runs * len(ends))
        if share > 2e-4:
            if s > sum(chances) + 1:
                assert share <= 1.05 * p
            if equal and s <= 3:
                assert share == pytest.approx(p, rel=0.1)


@given(logs(min_size=2), windows())
def test_objects_in_order_of_time_change_nothing(rows, window):
    """Long lists are put in order of time; only the last digits may know."""
    log, source, target = all_pairs_graph(rows, window)
    statistics = WindowStatistics(log, window)

    def tested(lists):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pair_tests, "LONG_LISTS", lists)
            facts = PairFacts.of(statistics)
            tester = PairTester(facts, log.account, log.object, log.time, log.n_accounts)
            return (facts.rank is not None, *tester.test(source, target, 1))

    in_order, *ordered = tested(-1)
    as_they_are, *plain = tested(10**9)
    assert in_order or not len(log)
    assert not as_they_are
    assert ordered[0].tolist() == plain[0].tolist()
    for found, expected in zip(ordered[1:], plain[1:], strict=True):
        assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-9)


@given(logs(min_size=2), windows(), st.booleans())
def test_a_pair_needs_its_own_actions_only(rows, window, in_order):
    """With the facts of the whole log, the actions of two accounts give the same bytes."""
    log, source, target = all_pairs_graph(rows, window)
    statistics = WindowStatistics(log, window)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_tests, "LONG_LISTS", -1 if in_order else 10**9)
        facts = PairFacts.of(statistics)
    n = len(log.all_accounts)
    whole = PairTester(facts, log.account, log.object, log.time, n).test(source, target, 1)
    for e in range(min(len(source), 8)):
        pair = slice(e, e + 1)
        own = np.isin(log.account, [source[e], target[e]])
        alone = PairTester(facts, log.account[own], log.object[own], log.time[own], n)
        for found, column in zip(alone.test(source[pair], target[pair], 1), whole, strict=True):
            assert found.tobytes() == column[pair].tobytes()


@given(logs(min_size=2), windows(), st.sampled_from([0, DAY]), st.booleans())
@example(
    [(a, o, START + i * HOUR, "k", None) for i, o in enumerate("op") for a in "uv"], WINDOW, DAY,
    False,
)  # fmt: skip
def test_a_tester_asked_again_answers_like_a_new_one(rows, window, gap, fewer):
    """Beside other chances, by another rule of occasions, and of other pairs."""
    log, source, target = all_pairs_graph(rows, window)
    statistics = WindowStatistics(log, window)
    first = PairFacts.of(statistics)
    table, log_miss, windows_ = first.by_cell
    others = first._replace(
        by_cell=(table / 2, log_miss / 2, windows_), occasion_rule=OccasionRule(gap)
    )
    actions = log.account, log.object, log.time, len(log.all_accounts)
    tester = PairTester(first, *actions)
    tester.test(source, target, 1)
    part = slice(1, None) if fewer else slice(None)
    for facts in (others, first, others, others):
        tester.facts = facts
        pairs = source[part].copy(), target[part].copy()
        new = PairTester(facts, *actions).test(*pairs, 1)
        for found, expected in zip(tester.test(*pairs, 1), new, strict=True):
            assert found.tobytes() == expected.tobytes()


@given(st.floats(0, 1), st.integers(0, 70))
@example(1e-9, 1000)
@example(1.0, 5)
def test_at_most_two_of_many_trials_are_exact(chance, n):
    zero, one, more = tail_kernels.at_most_two(chance, n)
    p = Fraction(chance)
    expected = (1 - p) ** n, n * p * (1 - p) ** max(n - 1, 0)
    assert (zero, one) == pytest.approx([float(x) for x in expected], rel=1e-12)
    assert more == pytest.approx(float(1 - sum(expected)), rel=1e-12)


@given(logs(min_size=2), windows())
def test_shared_objects_counted_by_cell_change_only_the_last_digits(rows, window):
    log, source, target = all_pairs_graph(rows, window)
    facts = PairFacts.of(WindowStatistics(log, window))
    one, other = (
        PairTester(facts, log.account, log.object, log.time, len(log.all_accounts), many=many).test(
            source, target, 1
        )
        for many in (1, 10**9)
    )
    assert one[0].tolist() == other[0].tolist()
    for found, expected in zip(one[1:], other[1:], strict=True):
        assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-9)


def crowd_rows(rng, gap, accounts=14, objects=70, repeated=0.0):
    """Return rows of a crowd that meets at whole minutes or not, who have other objects too."""
    rows = []
    for o in range(objects):
        begin = START - START % MINUTE + o * gap
        for a in range(accounts):
            if rng.random() < 0.2:
                continue
            t = begin + rng.choice([0, 1, 7, 15, 60]) * MINUTE + rng.choice([0, 0, 1, 20]) * SECOND
            kind = "k" if o % 3 else "l"
            rows.append((f"u{a}", f"o{o}", t, kind, "0"))
            if rng.random() < repeated and a < 3:
                rows.append((f"u{a}", f"o{o}", t + rng.randrange(200) * SECOND, kind, "1"))
    for i in range(15 * accounts):  # and others, on objects of their own
        t = START + rng.randrange(objects * gap)
        rows.append((f"u{rng.randrange(2 * accounts)}", f"p{rng.randrange(60)}", t, "k", f"x{i}"))
    return rows


@pytest.mark.parametrize("gap", [40 * SECOND, 100 * MINUTE, 8 * HOUR])
@pytest.mark.parametrize("least", [0, 6 * HOUR])
def test_a_crowd_is_tested_like_all_others_to_the_last_byte(monkeypatch, gap, least):
    """From a matrix or from lists; who acts twice on an object of the crowd, is walked."""
    rng = random.Random(gap + least)
    log, source, target = all_pairs_graph(crowd_rows(rng, gap, repeated=0.02), WINDOW)
    facts = PairFacts.of(WindowStatistics(log, WINDOW))
    rule = facts.occasion_rule._replace(least_us=least)
    found, crowds = [], []

    def seen(*given):
        crowds.append(pair_crowds.find_common_crowd(*given))
        return crowds[-1]

    monkeypatch.setattr(pair_tests, "find_common_crowd", seen)
    monkeypatch.setattr(pair_crowds, "LOOKED", 0)
    for worth in (1, 10**12):
        monkeypatch.setattr(pair_crowds, "WORTH", worth)
        tester = PairTester(
            facts._replace(occasion_rule=rule), log.account, log.object, log.time,
            len(log.all_accounts), many=30,
        )  # fmt: skip
        found.append(tester.test(source, target, 1))
    crowd, none = crowds
    assert none is None
    assert 8 <= len(crowd.time) <= 14
    assert len(crowd.outside) > len(crowd.time)
    assert crowd.rounder.any()
    assert bool(crowd.alone.any()) == (gap >= 8 * HOUR or (gap > HOUR and least == 0))
    assert found[0][0].max() > int(gap > HOUR)
    for one, other in zip(*found, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("acts", [(63, 1), (1, 64), (65, 1), (63, 2), (2, 32), (8, 8), (130, 90)])
def test_any_number_of_repeats_equals_the_oracle(acts):
    """Of up to 63 pairs of actions the chances are looked up, of more they are computed."""
    rng = random.Random(sum(acts))
    rows = [
        (account, "o", START + rng.randrange(6_000) * SECOND, "k", f"{account}{i}")
        for account, n in zip("uvw", (*acts, 2), strict=True)
        for i in range(n)
    ]
    log, source, target = all_pairs_graph(rows, WINDOW)
    found = edge_tests.co_action_tests(
        WindowStatistics(log, WINDOW, None, WINDOW), source, target, "timing"
    ).columns
    for e in range(len(source)):
        u, v = log.accounts[source[e]], log.accounts[target[e]]
        assert found["occasions"][e] == naive.occasions(rows, u, v, WINDOW, WINDOW)
        (chance,) = naive.timing_trials(rows, u, v, WINDOW, None)
        assert 0 < chance < 1
        assert found["expected_timing"][e] == pytest.approx(float(chance), **CLOSE)


def test_repeats_raise_the_chance_of_an_object():
    """Whoever acts often on an object meets others there more often: 1 - (1 - chance)^(m m')."""
    rng = random.Random(4)
    rows = []
    for o in range(40):
        for a in range(8):
            for i in range(6 if a < 2 else 1):
                moment = START + o * DAY + rng.randrange(6_000) * SECOND
                rows.append((f"u{a}", f"o{o}", moment, "k", str(i)))
    graph = cn.co_action(log_of(rows), "60s").test("timing")
    expected = {ends: e["expected_timing"] for ends, e in edges_of(graph).items()}
    assert expected["u0", "u1"] > 3 * expected["u0", "u5"] > 9 * min(expected.values())
    found = experiment(naive.dealt_to_slots, rows, WINDOW, WINDOW, 400, seed=9)
    for ends in (("u0", "u1"), ("u0", "u5"), ("u4", "u5")):
        if ends in expected:
            assert found[ends][0] / 400 == pytest.approx(expected[ends], rel=0.2)


# -- graph.test and keep -----------------------------------------------------------------------

COLUMNS = {
    "activity": ["occasions", "expected_activity", "p_activity"],
    "timing": ["occasions", "expected_timing", "p_timing"],
    "both": ["occasions", "expected_activity", "p_activity", "expected_timing", "p_timing"],
}


@pytest.fixture(scope="module")
def ring():
    return cn.co_action(log_of(ring_rows(public=120)), "60s")


@pytest.mark.parametrize("null", COLUMNS)
def test_the_columns_of_a_test_and_who_decides(ring, null):
    tested = ring.test(null)
    assert list(tested.edges) == [
        *ring.edges, *COLUMNS[null], "p_value", "q_value", "p_family"
    ]  # fmt: skip
    assert tested.tested.null == null
    p = [tested.edges[c] for c in ("p_activity", "p_timing") if c in tested.edges]
    np.testing.assert_array_equal(tested.edges["p_value"], np.maximum(p[0], p[-1]))
    n = ring.log.n_accounts
    rows = rows_of(ring.log)
    p_value = tested.edges["p_value"].tolist()
    ends = list(zip(tested.edges["source"].tolist(), tested.edges["target"].tolist(), strict=True))
    if null == "activity":
        expected = n * (n - 1) // 2
        q = naive.corrected(p_value, ends, expected)
    else:
        expected = len(naive.sharing_pairs(rows))
        best = naive.best_p_values(rows, WINDOW)
        q = naive.attainable_q_values(p_value, ends, lambda p: naive.attainable_at(best, p))
    assert (tested.tested.pairs, tested.tested.pairs_exact) == (expected, True)
    assert tested.edges["q_value"].tolist() == pytest.approx(q, rel=1e-9)
    for name, column in ring.edges.items():  # the counts stay as they were
        np.testing.assert_array_equal(tested.edges[name], column)
    assert ring.tested is None


def test_every_column_equals_the_oracle_on_a_log_of_rings(ring):
    rows = rows_of(ring.log)
    tested = edges_of(ring.test())
    sample = sorted(tested, key=lambda ends: -tested[ends]["objects"])[:12] + sorted(tested)[::9]
    assert len(sample) > 20
    for u, v in sample:
        edge = tested[u, v]
        s = naive.occasions(rows, u, v, WINDOW, WINDOW)
        pi = naive.timing_trials(rows, u, v, WINDOW)
        assert edge["occasions"] == s
        mean = naive.activity_expectation(rows, u, v, WINDOW)
        assert edge["expected_activity"] == pytest.approx(mean, rel=1e-5)
        assert edge["expected_timing"] == pytest.approx(float(sum(pi)), rel=1e-9)
        p_timing = float(naive.poisson_binomial_tail(pi, s))
        p_activity = mean if s == 1 else float(naive.poisson_tail(mean, s))
        assert edge["p_timing"] == pytest.approx(p_timing, rel=1e-6)
        assert edge["p_activity"] == pytest.approx(min(p_activity, 1.0), rel=1e-4)


def test_rings_are_kept_and_their_public_is_not(ring):
    for null in COLUMNS:
        kept = ring.test(null).keep(fdr=0.05)
        found = set(edges_of(kept))
        planted = {
            (f"ring{r}_{i}", f"ring{r}_{j}")
            for r, size in enumerate((9, 6, 5))
            for i, j in combinations(range(size), 2)
        }
        if null == "activity":  # nobody else is on objects of two: how fast they are is not known
            planted.add(("x", "y"))
        assert planted <= found
        assert len(found - planted) <= 0.05 * len(found) + (0 if null == "both" else 3)


def test_keep_by_fdr(ring):
    tested = ring.test()
    for fdr in (1e-9, 0.01, 0.05, 0.5):
        kept = tested.keep(fdr=fdr)
        assert set(edges_of(kept)) == {
            ends for ends, edge in edges_of(tested).items() if edge["q_value"] <= fdr
        }
        assert kept.tested is tested.tested
    with pytest.raises(cn.CoordnetError, match=r"fdr= needs tested edges: graph.test\(\)"):
        ring.keep(fdr=0.05)
    for wrong in (0, 1, -0.1):
        with pytest.raises(cn.CoordnetError, match="is not a number above 0 and below 1"):
            tested.keep(fdr=wrong)


def test_both_is_the_stricter_of_the_two(ring):
    activity, timing, both = (ring.test(null).edges for null in COLUMNS)
    np.testing.assert_array_equal(both["p_activity"], activity["p_activity"])
    np.testing.assert_array_equal(both["p_timing"], timing["p_timing"])
    assert (both["p_value"] > timing["p_value"]).any()
    assert (both["p_value"] > activity["p_value"]).any()


def test_by_is_stricter_than_bh_by_the_harmonic_number(ring):
    bh, by = ring.test(), ring.test(correction="by")
    pairs = bh.tested.pairs
    harmonic = (1 / np.arange(1, pairs + 1)).sum()
    small = by.edges["q_value"] < 1
    assert small.sum() > 50
    q = bh.edges["q_value"][small]  # x / (1 - x), where that by BY is x times the number
    assert by.edges["q_value"][small] == pytest.approx(q / (1 + q) * harmonic)
    assert by.tested.correction == "by"


def test_the_smallest_p_value_is_1e_300():
    """Two accounts together on 150 objects whose public is slow: far below what a float holds."""
    rng = random.Random(1)
    rows = []
    for o in range(150):
        moment = START + o * DAY
        rows += [("u", f"o{o}", moment, "k", None), ("v", f"o{o}", moment + SECOND, "k", None)]
        others = rng.sample(range(400), 30)
        rows += [(f"p{a}", f"o{o}", moment + rng.randrange(1, DAY), "k", None) for a in others]
    tested = cn.co_action(log_of(rows), "60s").test()
    edge = edges_of(tested)["u", "v"]
    assert edge["occasions"] == 150
    for column in ("p_activity", "p_timing", "p_value"):
        assert edge[column] == 1e-300
    assert 0 < edge["q_value"] < 1e-290
    assert ("u", "v") in edges_of(tested.keep(fdr=1e-200))


def test_suspects_only_are_told_and_a_background_gives_the_power_back():
    """All accounts of the log act at once: the timing null cannot know that others do not."""
    rng = random.Random(3)
    rows, public = [], []
    for o in range(60):
        moment = START + o * HOUR
        who = rng.sample(range(20), 8)
        rows += [(f"s{a}", f"o{o}", moment + rng.randrange(40) * SECOND, "k", None) for a in who]
        who = rng.sample(range(300), 8)
        public += [(f"p{a}", f"q{o}", moment + rng.randrange(20 * HOUR), "k", None) for a in who]
    graph = cn.co_action(log_of(rows), "60s", min_weight=2)
    tested = graph.test()
    assert tested.tested.typical_chance == pytest.approx(1.0)
    (note,) = tested.tested.notes
    assert note == (
        "two accounts that act on one object are within 60s of each other with chance 1.00, so the "
        "timing test has little or no power here, as in data of suspects only; give background= a "
        'log of accounts not under suspicion, or use null="activity" and say so.'
    )
    assert note in repr(tested)
    assert tested.keep(fdr=0.05).n_edges == 0
    helped = graph.test("timing", background=log_of(public))
    assert not helped.tested.notes
    assert helped.tested.typical_chance < 0.05
    assert helped.keep(fdr=0.05).n_edges > 50
    crowd = [(f"c{i}", f"q{o}", START + o * DAY + i * SECOND, "k", None)
             for o in range(9) for i in range(8)]  # fmt: skip
    (fast,) = graph.test("timing", background=log_of(crowd)).tested.notes
    assert fast == (  # who gave one is not told to give one
        "two accounts that act on one object are within 60s of each other with chance 1.00, so the "
        "timing test has little or no power here, even beside the background given; use a shorter "
        "window."
    )
    assert not graph.test("activity").tested.notes  # that null does not ask about time
    organic = cn.co_action(cn.simulate("organic", accounts=500).log, "60s").test()
    assert organic.tested.notes == ()
    assert organic.tested.typical_chance < 0.25


def test_typical_chance_is_of_the_objects_that_are_shared():
    log = log_of(ring_rows())
    tested = cn.co_action(log, "60s").test("timing")
    counts = naive.object_counts(rows_of(log), WINDOW)
    chances = naive.timing_chances(rows_of(log), WINDOW)
    shared = [(k, n) for (k, _), (n, _, _) in counts.items() if n > 1]
    mean = sum(n * chances[k, n.bit_length() - 1] for k, n in shared) / sum(n for _, n in shared)
    assert tested.tested.typical_chance == pytest.approx(float(mean))


@pytest.mark.parametrize("options", [{}, {"strata": "1d"}, {"null": "timing"}])
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("u", "o", START, "k", None)],
        [("u", "o", START, "k", None), ("u", "o", START + 1, "k", None)],
        [("u", "o", START, "k", None), ("v", "p", START, "k", None)],
    ],
)
def test_a_graph_without_edges(rows, options):
    tested = cn.co_action(log_of(rows), "60s").test(**options)
    assert tested.n_edges == 0
    assert all(len(column) == 0 for column in tested.edges.values())
    assert "q_value" in tested.edges
    assert tested.keep(fdr=0.05).n_edges == 0
    assert tested.tested.pairs == 0


def test_a_graph_of_one_edge():
    """Two accounts that met once on the only object there is: every chance is 1."""
    rows = [("u", "o", START, "k", None), ("v", "o", START + SECOND, "k", None)]
    (edge,) = edges_of(cn.co_action(log_of(rows), "60s").test()).values()
    assert edge["occasions"] == 1
    assert edge["expected_timing"] == edge["p_timing"] == edge["p_value"] == edge["q_value"] == 1.0
    assert edge["expected_activity"] == pytest.approx(1 - np.exp(-1))  # dealt, they always meet


def test_the_number_of_threads_changes_no_byte():
    sim = cn.simulate("retweet_ring", accounts=1_500, seed=2)
    graph = cn.co_action(sim.log, "60s", min_weight=1)
    half = sim.log.between(end=np.datetime64(int(np.median(sim.log.time)), "us"))
    for options in ({}, {"strata": "1d"}, {"null": "activity"}, {"background": half}):
        one, two = (graph.test(threads=threads, **options) for threads in (1, 2))
        assert_same_graph(one, two)
        assert one.tested == two.tested


@given(logs(min_size=4), st.sets(st.sampled_from(ACCOUNTS), max_size=3), st.booleans())
@settings(max_examples=60)
def test_the_tests_of_a_part_are_those_of_its_rows(rows, gone, stratified):
    """Accounts of the whole that do not act in the part are in no count and no number of pairs."""
    log = log_of(rows)
    part = log.exclude(accounts=gone)
    alone = log_of([r for r in rows if r[0] not in gone])
    strata = "1h" if stratified else None
    for null in ("both", "activity", "timing"):
        one, two = (cn.co_action(x, "60s").test(null, strata=strata) for x in (part, alone))
        assert edges_of(one) == edges_of(two)
        assert one.tested == two.tested
    if len(part) < len(log):  # and as a background
        graph = cn.co_action(log, "60s")
        one, two = (graph.test(background=x) for x in (part, alone))
        assert_same_graph(one, two)


def test_blocks_of_accounts_change_nothing(monkeypatch, ring):
    """Edges are done block by block of lighter accounts; any size of block gives the same."""
    whole = ring.test()
    for block in (1, 7, 100):
        monkeypatch.setattr(pair_order, "BLOCK_RUNS", block)
        assert_same_graph(ring.test(), whole)


@given(logs(min_size=4), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_rows_changes_nothing(rows, rng):
    shuffled = [*rows]
    rng.shuffle(shuffled)
    one, two = (cn.co_action(log_of(r), "60s").test() for r in (rows, shuffled))
    assert_same_graph(one, two)


@given(logs(min_size=4))
@settings(max_examples=50)
def test_an_edge_does_not_depend_on_which_others_are_tested(rows):
    graph = cn.co_action(log_of(rows), "60s")
    every = edges_of(graph.test())
    for ends, edge in edges_of(graph.keep(min_weight=2).test()).items():
        assert edge == every[ends]


def test_one_object_with_300_000_actions():
    """Everybody acts on it, some often; its pairs are counted, not listed."""
    rng = np.random.default_rng(1)
    n = 300_000
    account = np.concatenate([np.arange(200_000), rng.integers(0, 50_000, n - 200_000)])
    seconds = rng.integers(0, 3 * 86_400, n)
    names = np.char.add("u", account.astype(str))
    rows = list(zip(names.tolist(), ["viral"] * n, (START + seconds * SECOND).tolist(),
                    ["k"] * n, map(str, range(n)), strict=True))  # fmt: skip
    for i in range(8):
        rows += [(a, f"o{i}", START + i * DAY, "k", None) for a in ("u1", "u2")]
        rows += [(f"u{j}", f"o{i}", START + i * DAY + j * HOUR, "k", None) for j in range(3, 30)]
    log = log_of(rows)
    viral = int(np.flatnonzero(log.objects == "viral")[0])
    statistics = object_statistics(log, WINDOW)
    ordered = np.sort(seconds)
    pairs = int((np.searchsorted(ordered, ordered + 60, "right") - np.arange(n) - 1).sum())
    assert statistics.n_accounts[viral] == 200_000
    assert statistics.pairs_all[viral] == pairs > 10**7
    assert 0.2 * pairs < statistics.pairs_weighted[viral] < pairs
    few = log.exclude(objects=["viral"])
    ends = few.codes_of(["u1", "u2"])
    rest = WindowStatistics(few, WINDOW)
    assert edge_tests.co_action_tests(rest, ends[:1], ends[1:]).columns["occasions"][0] == 8
    assert ends.tolist() == log.codes_of(["u1", "u2"]).tolist()
    whole = WindowStatistics(log, WINDOW)
    for null in COLUMNS:
        tested = edge_tests.co_action_tests(whole, ends[:1], ends[1:], null)
        assert tested.columns["occasions"][0] in (8, 9)
        assert tested.columns["p_value"][0] < 1e-6
        assert tested.test.pairs == 200_000 * 199_999 // 2
    assert not tested.test.pairs_exact  # a bound: counting would take 60 billion steps
    chance = statistics.pairs_weighted[viral] / (200_000 * 199_999 / 2)
    own = naive.timing_trials([r for r in rows if r[1] == "o0"], "u1", "u2", WINDOW)
    mean = (
        8 * float(own[0]) + 1 - (1 - chance) ** np.prod([(names == a).sum() for a in ("u1", "u2")])
    )
    assert tested.columns["expected_timing"][0] == pytest.approx(mean, rel=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"null": "time"}, "null='time' is not known; choose one of activity, timing, both."),
        ({"null": "jitter"}, "null='jitter' is not known; choose one of activity, timing, both."),
        ({"correction": "x"}, "correction='x' is not known; choose one of bh, by."),
        ({"strata": "0s"}, "strata='0s' must be longer than nothing, such as '1h'."),
        ({"strata": "week"}, "strata='week' is not a duration"),
        ({"occasion_gap": "-1s"}, "occasion_gap='-1s' is not a duration"),
    ],
)
def test_wrong_parameters_of_a_test_are_told(ring, options, message):
    with pytest.raises(cn.CoordnetError) as error:
        ring.test(**options)
    assert str(error.value).startswith(message)


def test_strata_of_the_clock():
    hours = START - START % DAY + np.arange(0, 3 * 24, 7) * HOUR
    assert strata.strata_of(hours, "1d").tolist() == [h // 24 for h in range(0, 72, 7)]
    of_day = strata.strata_of(hours, "hour_of_day")
    expected = [h % 24 for h in range(0, 72, 7)]
    assert of_day.tolist() == [sorted(set(expected)).index(h) for h in expected]
    week = np.arange(400) * HOUR
    assert strata.strata_of(week, "hour_of_week").tolist() == [h % 168 for h in range(400)]


def test_accounts_of_the_same_hour_are_no_evidence_within_strata():
    """Two hundred accounts that act in one hour of the day only: dealt anywhere they stand out."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(12_000):
        night = i % 4 == 0
        account = f"n{rng.integers(60)}" if night else f"d{rng.integers(600)}"
        obj = rng.integers(8) if night else 60 + rng.integers(400)
        moment = START - START % DAY + int(rng.integers(0, 20)) * DAY
        second = 3 * 3_600 + rng.integers(0, 900) if night else rng.integers(0, 86_400)
        rows.append((account, f"o{obj}", moment + int(second) * SECOND, "k", None))
    graph = cn.co_action(log_of(rows), "60s")
    plain = graph.test("activity").keep(fdr=0.05).n_edges
    inside = graph.test("activity", strata="hour_of_day").keep(fdr=0.05).n_edges
    assert plain > 20
    assert inside <= plain // 20
