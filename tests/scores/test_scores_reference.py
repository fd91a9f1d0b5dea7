"""Random sets, resampling, p-values and intervals: what scores are set beside."""

from math import comb

import numpy as np
import pytest
from scipy import stats

from coordnet.inference.intervals import wilson_interval
from coordnet.scores.reference import (
    RESAMPLES,
    Sets,
    _lower_rank,
    bootstrap_interval,
    item_profile,
    matched_sets,
    median_intervals,
    null_p,
    ratio,
    resampled_sets,
    row_sums,
    shared_counter,
    smallest_p,
    stretch,
    sums,
    tail_p,
)

NAN = float("nan")


def sets_of(*members):
    ends = np.cumsum([0, *map(len, members)])
    return Sets(ends, np.concatenate(members).astype(np.int32))


@pytest.fixture(scope="module")
def population():
    """Two clusters in a population with heavy tails and many ties."""
    rng = np.random.default_rng(0)
    activity = np.ceil(rng.lognormal(1, 1.5, 3_000)).astype(np.int64)
    codes = rng.permutation(3_000).astype(np.int32)
    clusters = sets_of(np.sort(codes[:40]), np.sort(codes[40:45]))
    return activity, clusters, np.sort(codes[45:])


# -- random sets -------------------------------------------------------------------------------


def test_matched_sets_are_of_the_background_and_nobody_is_twice_in_one(population):
    activity, clusters, background = population
    drawn = matched_sets(clusters, activity, background, 200, seed=1)
    assert len(drawn) == 400
    assert np.diff(drawn.indptr).tolist() == [40] * 200 + [5] * 200
    assert np.isin(drawn.codes, background).all()
    for a, b in zip(drawn.indptr[:-1], drawn.indptr[1:], strict=True):
        assert len(set(drawn.codes[a:b].tolist())) == b - a


def test_each_member_is_replaced_by_accounts_about_as_active(population):
    activity, clusters, background = population
    drawn = matched_sets(clusters, activity, background, 200, seed=1)
    for i in range(2):
        own = activity[clusters.codes[clusters.indptr[i] : clusters.indptr[i + 1]]]
        theirs = activity[
            drawn.codes.reshape(-1)[drawn.indptr[200 * i] : drawn.indptr[200 * i + 200]]
        ]
        theirs = theirs.reshape(200, -1)
        # 1.5 times as active at most, but for the few most active, who have no like
        usual = own < np.sort(activity)[-100]
        assert usual.any()
        factor = theirs[:, usual] / own[usual]
        assert factor.max() <= 1.5
        assert factor.min() >= 1 / 1.5
        middle = theirs.sum(axis=1).mean()
        assert middle == pytest.approx(own.sum(), rel=0.1)
    assert len(np.unique(drawn.codes[: 40 * 200])) > 1_000  # many, not the same ones again


def test_ties_are_drawn_from_evenly():
    """Of 300 accounts that are all alike each stands in 1/300 of the places."""
    activity = np.full(310, 4)
    clusters = sets_of(np.arange(10))
    drawn = matched_sets(clusters, activity, np.arange(10, 310, dtype=np.int32), 3_000, seed=2)
    counts = np.bincount(drawn.codes, minlength=310)[10:]
    assert counts.sum() == 30_000
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_background_that_is_too_small_is_used_as_it_is():
    drawn = matched_sets(
        sets_of(np.arange(5)), np.ones(8, int), np.arange(5, 8, dtype=np.int32), 9, 0
    )
    assert len(drawn) == 9
    assert set(drawn.codes.tolist()) <= {5, 6, 7}


def test_sets_depend_on_the_seed_alone(population):
    activity, clusters, background = population
    for drawn in (
        [matched_sets(clusters, activity, background, 20, seed) for seed in (1, 1, 2)],
        [resampled_sets(clusters, seed) for seed in (1, 1, 2)],
    ):
        one, again, other = (sets.codes.tobytes() for sets in drawn)
        assert one == again
        assert one != other


def test_resampling_is_with_replacement_from_each_cluster():
    clusters = sets_of(np.array([3, 7]), np.array([1, 2, 9]))
    drawn = resampled_sets(clusters, 0)
    assert len(drawn) == 2 * RESAMPLES
    first = drawn.codes[: 2 * RESAMPLES].reshape(-1, 2)
    assert set(first.ravel().tolist()) == {3, 7}
    assert np.mean(first[:, 0] == first[:, 1]) == pytest.approx(0.5, abs=0.07)
    assert set(drawn.codes[2 * RESAMPLES :].tolist()) == {1, 2, 9}


def test_the_stretch_of_sets_from_few_accounts_by_hand():
    """Ten of 300 that are all alike: 1/10 + 1/300 over 1/10 - 1/300; of 40 and of 9 more yet."""
    for others, share in ((300, 10 / 300), (40, 10 / 40), (9, 0.9)):
        background = np.arange(10, 10 + others, dtype=np.int32)
        found = stretch(sets_of(np.arange(10)), np.full(10 + others, 4), background)
        assert found == pytest.approx([np.sqrt((1 + share) / (1 - share))])


def test_sets_of_two_pools_are_stretched_by_both():
    """Five members of 1 action with 100 like them, five of 9 with 50: M is of all ten."""
    activity = np.array([1] * 5 + [9] * 5 + [1] * 100 + [9] * 50)
    found = stretch(sets_of(np.arange(10)), activity, np.arange(10, 160, dtype=np.int32))
    share = (100 * (5 / 100) ** 2 + 50 * (5 / 50) ** 2) / 10
    assert found == pytest.approx([np.sqrt((1 + share) / (1 - share))])


# -- statistics of sets ------------------------------------------------------------------------


def test_sums_and_ratios_by_hand():
    sets = sets_of([0, 2], [1], [2, 2, 2])
    part, whole = np.array([1, 0, 4]), np.array([2, 0, 8])
    assert sums(part, sets).tolist() == [5, 0, 12]
    np.testing.assert_array_equal(ratio(part, whole)(sets), [0.5, NAN, 0.5])
    assert sums(part, Sets(np.zeros(1, int), np.zeros(0, np.int32))).tolist() == []
    rows = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    assert row_sums(sets, rows).tolist() == [[4, 40], [2, 20], [9, 90]]


def test_profiles_of_items_by_hand():
    """Account 0 has items 5 5 1, account 1 has 5 and none, account 2 has 2 and 3."""
    items = np.array([5, 5, 1, 5, -1, 2, 3], np.int32)
    starts = np.array([0, 3, 5, 7])
    found = item_profile(sets_of([0, 1], [1], [2], [0, 1, 2]), starts, items, 6)
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    # actions with an item, different ones, entropy, of the first, of the first five, everybody's on
    # these
    np.testing.assert_allclose(found[0], [4, 2, entropy, 3, 4, 4])
    np.testing.assert_allclose(found[1], [1, 1, 0, 1, 1, 3], atol=1e-15)
    np.testing.assert_allclose(found[2], [2, 2, np.log(2), 1, 2, 2])
    np.testing.assert_allclose(found[3][[0, 1, 3]], [6, 4, 3])
    # actions with an item, and those on items of two or more accounts of the set
    counted = shared_counter(starts, items, 6)(sets_of([0, 1], [1], [2], [0, 1, 2]))
    assert counted.tolist() == [[4, 3], [1, 0], [2, 0], [6, 3]]


def test_the_top_items_are_five_and_of_equals_the_first():
    items = np.array([6, 5, 4, 3, 2, 1, 0, 1], np.int32)
    found = item_profile(sets_of([0]), np.array([0, 7, 8]), items, 7)[0]
    assert found[4] == 5
    assert found[5] == 6  # 0 to 4, of which another account has 1


# -- p-values and intervals --------------------------------------------------------------------


def test_monte_carlo_p_values_by_hand():
    value = np.array([3.0, 3.0, NAN, 3.0, 3.0])
    null = np.array(
        [
            [1, 2, 3, 4, NAN],  # 3 and 4 are at least as large, three of four at most
            [0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0],
            [NAN] * 5,
            [5, 5, 5, 5, 5],
        ]
    )
    np.testing.assert_allclose(null_p(value, null, "greater"), [3 / 5, 1 / 6, NAN, NAN, 1])
    np.testing.assert_allclose(null_p(value, null, "less"), [4 / 5, 1, NAN, NAN, 1 / 6])
    np.testing.assert_allclose(null_p(value, null, "both"), [1, 2 / 6, NAN, NAN, 2 / 6])


def test_a_stretched_null_only_makes_p_values_larger():
    """1, 2 and 3 about 2, stretched by a half: 0.5, 2 and 3.5. What is equal stays equal."""
    value, null = np.array([3.2, 0.8, 2.0, 0.0]), np.array([[1.0, 2, 3]] * 3 + [[0, 0, 3.0]])
    wide = np.full(4, 1.5)
    np.testing.assert_allclose(null_p(value, null, "greater"), [1 / 4, 1, 3 / 4, 1])
    np.testing.assert_allclose(null_p(value, null, "greater", wide), [2 / 4, 1, 3 / 4, 1])
    np.testing.assert_allclose(null_p(value, null, "less"), [1, 1 / 4, 3 / 4, 3 / 4])
    np.testing.assert_allclose(null_p(value, null, "less", wide), [1, 2 / 4, 3 / 4, 3 / 4])
    np.testing.assert_array_equal(null_p(value, np.zeros((4, 0)), "less", wide), [NAN] * 4)


def test_wilson_intervals_by_hand():
    low, high = wilson_interval(np.array([8.0, 0.0, 4.0, 0.0]), np.array([10.0, 4.0, 4.0, 0.0]))
    np.testing.assert_allclose(low, [0.4901625, 0, 1 - 0.4898908, NAN], atol=1e-6)
    np.testing.assert_allclose(high, [0.9433178, 0.4898908, 1, NAN], atol=1e-6)


def test_bootstrap_intervals_are_expanded_percentiles():
    """For four accounts: Phi(-sqrt(4 / 3) * 3.18245) = 0.000119 instead of 0.025."""
    drawn = np.stack([np.arange(999.0), np.full(999, NAN), np.arange(999.0)])
    drawn[2, :500] = NAN
    low, high = bootstrap_interval(drawn, np.array([4, 4, 1]))
    alpha = stats.norm.cdf(-np.sqrt(4 / 3) * 3.182446305284263)
    assert alpha == pytest.approx(0.000119, abs=1e-6)
    np.testing.assert_allclose(low, [998 * alpha, NAN, NAN])
    np.testing.assert_allclose(high, [998 * (1 - alpha), NAN, NAN])


def test_intervals_of_medians_by_hand():
    """Of ten the second least and largest: P(Bin(10, 1/2) < 2) = 11 / 1024; of five none."""
    assert (1 + comb(10, 1)) / 2**10 <= 0.025 < (1 + comb(10, 1) + comb(10, 2)) / 2**10
    values = np.array([30, 10, 20, 60, 50, 40, 90, 80, 70, 100, 1, 2, 3, 4, 5])
    low, high = median_intervals(np.array([0, 10, 15]), values)
    np.testing.assert_array_equal(low, [20, NAN])
    np.testing.assert_array_equal(high, [90, NAN])


def test_ranks_of_median_intervals_are_those_of_the_binomial():
    """The least l with P(Bin(n, 1/2) <= l) >= 0.025, by whole numbers."""
    n = np.arange(6, 300)
    found = _lower_rank(n).tolist()
    for size, rank in zip(n.tolist(), found, strict=True):
        below = sum(comb(size, i) for i in range(rank))
        assert 40 * below < 2**size <= 40 * (below + comb(size, rank))


# -- p-values beyond all sets ------------------------------------------------------------------

TAILS = {
    "normal": stats.norm(), "exponential": stats.expon(), "lognormal": stats.lognorm(1),
    "t3": stats.t(3), "t5": stats.t(5), "uniform": stats.uniform(), "gamma": stats.gamma(0.5),
}  # fmt: skip


def reaching(null, level):
    """Return the value from which on the p-value is at most a level, by bisection."""
    low, high = null.max(), 2 * abs(null.max()) + 1
    if tail_p(np.nextafter(low, np.inf), null) <= level:
        return low
    while tail_p(high, null) > level:
        high = 2 * high - low
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if tail_p(middle, null) <= level else (middle, high)
    return high


@pytest.mark.parametrize("name", TAILS)
def test_fitted_tails_are_calibrated(name):
    """The chance of a p-value at most t is at most t, where the exact tail is known.

    Whatever is drawn, from 199 values of the same distribution; the mean over 60 samples of them
    may be above t by what so few samples leave open.
    """
    rng = np.random.default_rng(8)
    own = TAILS[name]
    for level in (2.5e-3, 1e-3, 2e-4):
        chance = [own.sf(reaching(own.rvs(199, random_state=rng), level)) for _ in range(60)]
        error = np.std(chance) / np.sqrt(60)
        assert np.mean(chance) <= 1.1 * level + 3 * error, level
        assert np.mean(chance) < 2.5 * level


def test_a_tail_by_hand():
    """Written out for 99 values: the 19 most extreme over the middle of the next two."""
    null = np.arange(1.0, 100.0) ** 2
    top = null[::-1]
    u = (top[18] + top[19]) / 2
    over = top[:19] - u
    shape = max((1 - over.mean() ** 2 / over.var(ddof=1)) / 2, 0.1) + 1 / np.sqrt(19)
    scale = over.mean() * (1 - shape)
    for value in (10_000.0, 20_000.0):
        expected = 19 / 100 * (1 + shape * (value - u) / scale) ** (-1 / shape)
        assert tail_p(value, null) == pytest.approx(min(expected, 1 / 100))
    assert tail_p(20_000.0, null) < tail_p(12_000.0, null) <= 1 / 100
    assert tail_p(1e12, null) == pytest.approx(1 / 10_000)
    assert (smallest_p(99), smallest_p(98), smallest_p(0)) == (1e-4, 1 / 99, 1.0)


def test_where_no_tail_is_fitted():
    few = np.arange(98.0)
    assert tail_p(1e6, few) == 1 / 99
    steps = np.repeat([0.0, 0.2, 0.4, 0.6], 50)  # a share of five accounts
    assert tail_p(1.0, steps) == 1 / 201
    assert tail_p(1.0, np.zeros(199)) == 1 / 200


def test_beyond_all_sets_the_tail_counts_and_inside_them_the_sets():
    rng = np.random.default_rng(2)
    null = rng.normal(size=(4, 199))
    null[3, :120] = NAN  # too few are left
    value = np.array([9.0, -9.0, np.sort(null[2])[-3], 9.0])
    up, down, both = (null_p(value, null, tail) for tail in ("greater", "less", "both"))
    assert up[0] == tail_p(9.0, null[0]) < 1 / 200
    assert down[1] == tail_p(9.0, -null[1]) < 1 / 200
    assert up[1] == down[0] == 1.0
    assert both[:2].tolist() == [2 * up[0], 2 * down[1]]
    assert up[2] == 4 / 200
    assert up[3] == 1 / 80
