"""Attainable pairs: counts against the oracle, limits and corrections against what they promise."""

import math
import os
from fractions import Fraction
from itertools import combinations

import naive
import numpy as np
import pytest
from helpers import log_of
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from strategies import START, WINDOW, examples, logs, windows

import coordnet as cn
from coordnet.errors import ParameterError
from coordnet.inference import attainable
from coordnet.inference.attainable import (
    LEVELS,
    STEP,
    AttainablePairs,
    attainable_pairs,
    attainable_q_values,
    best_log_p,
    family_p_values,
    mean_limit,
    reaches,
)
from coordnet.inference.bounds import SimultaneousBounds
from coordnet.inference.correction import adjusted
from coordnet.inference.drawn_pairs import drawn_pairs
from coordnet.inference.statistics import Chances, WindowStatistics
from coordnet.kernels import attainable as attainable_kernels
from coordnet.log.account_order import AccountRuns
from coordnet.times import SECOND

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"


def runs_of(log):
    """Return what each account of a log acts on."""
    return log.account_runs()


def chances_of(log, window, background=None):
    """Return the chances of a log's classes."""
    counted = WindowStatistics(log, window, background)
    return Chances(counted.classes, counted.chances)


def log_of_fraction(p):
    """Return the natural logarithm of a fraction."""
    return math.log(p.numerator) - math.log(p.denominator) if p else -math.inf


# -- counts ------------------------------------------------------------------------------------


@given(logs(), windows(), st.none() | logs(max_size=12))
def test_counts_are_those_of_the_oracle(rows, window, other):
    log = log_of(rows)
    background = log_of(other) if other else None
    if background is not None and background.fingerprint == log.fingerprint:
        other = background = None  # a log is no background of its own
    chances = chances_of(log, window, background)
    runs = runs_of(log)
    best = naive.best_p_values(rows, window, other or None)
    found = attainable_pairs(runs, chances, budget=10**9)
    assert found.exact
    shared = [n for n, _ in best.values()]
    assert found.sharing == tuple(sum(n >= k for n in shared) for k in (1, 2, 3))
    depths = np.array([-log_of_fraction(p) for _, p in best.values()])
    for i in range(LEVELS):  # pairs within a rounding of a level may stand on either side
        assert (depths >= i * STEP + 1e-9).sum() <= found.counts[i]
        assert found.counts[i] <= (depths >= i * STEP - 1e-9).sum()
    code = {label: i for i, label in enumerate(log.accounts)}
    ends = np.array([(code[u], code[v]) for u, v in best], np.int32).reshape(-1, 2)
    for source, target in (ends.T.copy(), ends.T[::-1].copy()):
        log_p, count = best_log_p(runs, chances, source, target)
        assert count.tolist() == shared
        np.testing.assert_allclose(log_p, -depths, rtol=1e-9, atol=1e-9)
        at = found.family(0.05)
        assert reaches(log_p, at[0]).sum() == at[1]


def test_an_example_by_hand():
    """Four accounts, two classes of objects with chances 0.09 and 0.5.

    a and b share objects 0 and 1 (chance 0.09 each): p* = 0.0081. b acts twice on object 2 (chance
    0.5), c once, d once: b and c, b and d have 1 - 0.5**2 = 0.75; c and d have 0.5.
    """
    runs = AccountRuns(
        np.array([0, 2, 5, 6, 7]),
        np.array([0, 1, 0, 1, 2, 2, 2], np.int32),
        np.array([0, 1, 2, 3, 4, 6, 7, 8], np.int32),
    )
    chances = Chances(np.array([0, 0, 1], np.int32), np.array([0.09, 0.5]))
    found = attainable_pairs(runs, chances, budget=10)
    assert found.sharing == (4, 1, 0)
    assert found.at(np.array([1.0, 0.76, 0.6, 0.3, 0.0082, 0.005])).tolist() == [4, 4, 2, 1, 1, 0]
    log_p, shared = best_log_p(
        runs, chances, np.array([1, 0, 3, 3], np.int32), np.array([0, 2, 1, 2], np.int32)
    )
    np.testing.assert_allclose(np.exp(log_p), [0.0081, 1.0, 0.75, 0.5])
    assert shared.tolist() == [2, 0, 1, 1]
    # a m(a) <= alpha, eight levels to a power of ten: one pair can reach 0.01, none 0.0075
    assert found.family(0.011) == (pytest.approx(0.01, rel=1e-9), 1)
    assert found.family(0.0099) == (pytest.approx(10 ** (-17 / 8), rel=1e-9), 0)
    assert found.family(0.02, found=40) == (pytest.approx(10 ** (-3 / 8), rel=1e-9), 1)


def test_between_levels_the_larger_one_counts_and_rounding_hides_no_pair():
    found = counted(np.array([9, 5, 2]))
    at_one = math.exp(-STEP)
    asked = np.array([1.0, at_one * 1.01, at_one * 0.99, math.exp(-2 * STEP) * 0.99, 1e-200])
    assert found.at(asked).tolist() == [9, 9, 5, 2, 2]
    # p* a little above the level, and a p-value that rounding put below it
    assert found.at(np.array([at_one * (1 - 1e-6)])).tolist() == [9]


@given(logs(), windows(), st.sampled_from([0.05, 0.5]), st.sampled_from([1, 3, 100]))
def test_the_family_holds_the_edges_that_can_reach_its_level(rows, window, alpha, together):
    log = log_of(rows)
    edges = cn.co_action(log, window).test(null="timing").edges
    ends = edges["source"], edges["target"]
    runs, chances = runs_of(log), chances_of(log, window)
    pairs = attainable_pairs(runs, chances, budget=10**9)
    p, m = family_p_values(edges["p_value"], *ends, runs, chances, pairs, alpha, together)
    sure, _ = family_p_values(
        edges["p_value"], *ends, runs, chances, pairs, alpha, together, timing=edges["p_timing"]
    )
    assert sure.tobytes() == p.tobytes()
    level, size = pairs.family(alpha, together)
    inside = reaches(best_log_p(runs, chances, *ends)[0], level)
    assert m == size
    assert (p[~inside] == 1).all()
    assert ((p == edges["p_value"]) | (p == 1)).all()
    everything = SimultaneousBounds(edges["p_value"][inside], m, alpha)
    bounds = SimultaneousBounds(p, m, alpha)
    assert bounds.h == everything.h
    assert bounds.all() == everything.all()


def test_no_log_and_no_sharing():
    chances = Chances(np.zeros(2, np.int32), np.array([0.1]))
    for starts, objects in (([0], []), ([0, 1, 2], [0, 1])):
        runs = AccountRuns(
            np.array(starts), np.array(objects, np.int32), np.arange(len(objects) + 1, dtype="i4")
        )
        found = attainable_pairs(runs, chances, budget=0)
        assert (found.sharing, found.exact, found.counts.sum()) == ((0, 0, 0), True, 0)
        nobody = np.zeros(0, np.int32)
        assert attainable_q_values(np.zeros(0), nobody, nobody, found).tolist() == []


@given(logs(), windows(), st.sampled_from(["timing", "both"]), st.integers(0, 1))
@example([(a, o, START - START % (3_600 * SECOND), "url", None)
          for a in "abAB" for o in ("p", "q", "0")], WINDOW, "timing", 0)  # full hours  # fmt: skip
def test_no_edge_has_a_smaller_p_value(rows, window, null, fold):
    """Whatever the fold, round times and repeats; and each p-value is counted at its own level."""
    log = log_of(rows)
    graph = cn.co_action(log, window)
    tested = graph.test(null=null, occasion_gap=fold * 10 * WINDOW)
    runs, chances = runs_of(log), chances_of(log, window)
    log_p, _ = best_log_p(runs, chances, graph.edges["source"], graph.edges["target"])
    p = tested.edges["p_value"]
    assert (p >= np.exp(log_p) * (1 - 1e-5)).all()
    found = attainable_pairs(runs, chances, budget=10**9)
    if len(p):
        assert (found.at(p) >= [(p <= own).sum() for own in p]).all()


def heavy_tailed(seed, accounts=400):
    """Return runs and chances of a population in which a few accounts and objects have most."""
    rng = np.random.default_rng(seed)
    activity = np.minimum(rng.pareto(0.9, accounts) * 3 + 1, 400).astype(int)
    popularity = np.arange(1, 1_501) ** -0.9
    account = np.repeat(np.arange(accounts), activity)
    object_ = rng.choice(1_500, len(account), p=popularity / popularity.sum())
    rows = np.unique(np.stack([account, object_]), axis=1)
    starts = np.searchsorted(rows[0], np.arange(accounts + 1))
    repeats = rng.geometric(0.9, rows.shape[1])
    first = np.concatenate([[0], np.cumsum(repeats)]).astype(np.int32)
    n_o = np.bincount(rows[1], minlength=1_500)
    chances = Chances(np.frexp(n_o)[1].astype(np.int32), rng.uniform(0.002, 0.2, 12))
    return AccountRuns(starts, rows[1].astype(np.int32), first), chances


def test_the_p_values_left_out_of_the_family_could_not_have_mattered():
    runs, chances = heavy_tailed(1)
    pairs = attainable_pairs(runs, chances, budget=10**9)
    source, target = np.array(list(combinations(range(400), 2)), np.int32)[::40].T.copy()
    level, m = pairs.family(0.05, 100)
    assert m > 2 * len(source)
    log_best, _ = best_log_p(runs, chances, source, target)
    inside = log_best <= math.log(level) - 1
    p = np.where(inside, 0.8 * 0.05 * inside.sum() / m, 1.0)  # only all together say something
    assert (p >= np.exp(log_best)).all()
    kept, _ = family_p_values(p, source, target, runs, chances, pairs, 0.05)
    everything, bounds = SimultaneousBounds(p, m), SimultaneousBounds(kept, m)
    assert bounds.h == everything.h
    assert bounds.all() == everything.all() > 10


@pytest.mark.parametrize("population", [1, 2])
def test_limits_of_a_sample_hold_for_all_levels_at_once(population, monkeypatch):
    """300 seeds of only 4,000 co-occurrences: at most one in a hundred runs may miss anywhere."""
    monkeypatch.setattr(attainable, "SAMPLE", 4_000)
    runs, chances = heavy_tailed(population)
    exact = attainable_pairs(runs, chances, budget=10**9)
    n_o = np.bincount(runs.objects)
    total = int((n_o * (n_o - 1) // 2).sum())
    missed = 0
    excess = []
    for seed in range(300):
        found = attainable_pairs(runs, chances, budget=0, seed=seed)
        assert not found.exact
        assert (np.diff(found.counts) <= 0).all()
        missed += (found.counts < exact.counts).any() or any(
            a < b for a, b in zip(found.sharing, exact.sharing, strict=True)
        )
        excess.append(found.counts / np.maximum(exact.counts, 1))
    assert missed <= 3
    many = exact.counts > total / 50  # where 80 or more of the sample tell
    assert many.sum() > 10
    assert np.mean(excess, axis=0)[many].max() < 2.0


@given(logs(), windows())
def test_what_is_kept_of_a_sample_says_what_its_pairs_say(rows, window):
    """To the last bit, whatever the chances: in each round they are others."""
    log = log_of([(a, o, t + k, *rest) for a, o, t, *rest in rows for k in range(1 + t % 9)])
    n_o = WindowStatistics(log, window).objects.n_accounts
    if n_o.max(initial=0) < 2:
        return
    runs, chances = runs_of(log), chances_of(log, window)
    drawn = drawn_pairs(runs, chances.of_object, n_o, seed=3, size=200)
    source, target = np.empty((2, 200), np.int32)
    source[drawn.order.place], target[drawn.order.place] = drawn.order[:2]
    for chance in (chances.chance, chances.chance / 3, np.zeros(len(chances.chance))):
        log_p, shared = drawn.best_log_p(chance)
        own, count = best_log_p(runs, Chances(chances.of_object, chance), source, target)
        assert (log_p.tobytes(), shared.tobytes()) == (own.tobytes(), count.tobytes())
        log_p, shared = drawn._replace(terms=None).best_log_p(chance)
        assert (log_p.tobytes(), shared.tobytes()) == (own.tobytes(), count.tobytes())


def test_where_a_sample_shares_too_much_nothing_is_kept(monkeypatch):
    runs, chances = heavy_tailed(2)
    kept = attainable_pairs(runs, chances, budget=0)
    n_o = np.bincount(runs.objects)
    monkeypatch.setattr("coordnet.inference.drawn_pairs.TERMS", 10_000)
    drawn = drawn_pairs(runs, chances.of_object, n_o)
    assert drawn.terms is None
    again = attainable_pairs(runs, chances, budget=0, drawn=lambda: drawn)
    assert again.counts.tobytes() == kept.counts.tobytes()
    assert again.sharing == kept.sharing


@given(st.lists(st.integers(0, 1 << 40), min_size=1, max_size=30), st.data())
def test_a_draw_falls_on_the_first_number_above_it(numbers, data):
    total = np.cumsum(numbers)
    if total[-1] == 0:
        return
    values = np.array(
        data.draw(st.lists(st.integers(0, int(total[-1]) - 1), max_size=20)), np.int64
    )
    found = attainable_kernels.first_above(total, values)
    assert found.tolist() == np.searchsorted(total, values, side="right").tolist()


def test_a_sample_depends_on_its_seed_alone():
    runs, chances = heavy_tailed(3)
    one, again = (attainable_pairs(runs, chances, 0, seed=5, threads=t) for t in (1, 2))
    other = attainable_pairs(runs, chances, 0, seed=6)
    assert one.counts.tobytes() == again.counts.tobytes() != other.counts.tobytes()
    exact = attainable_pairs(runs, chances, 10**9, threads=1)
    assert exact.counts.tobytes() == attainable_pairs(runs, chances, 10**9).counts.tobytes()
    with pytest.raises(ParameterError, match="seed=-1"):
        attainable_pairs(runs, chances, 0, seed=-1)


@pytest.mark.parametrize("n", [1, 30, 400])
@pytest.mark.parametrize("miss", [0.05, 0.001])
def test_the_limit_of_a_mean_is_too_small_as_rarely_as_it_says(n, miss):
    """Of yes and no, the widest variable of a given mean: by the binomial, exactly."""
    limits = mean_limit(np.arange(n + 1) / n, n, miss)
    assert (np.diff(limits) >= 0).all()
    assert limits[-1] == 1.0
    for truth in (1e-4, 0.003, 0.1, 0.5, 0.93, 0.999):
        too_small = np.flatnonzero(limits < truth)
        assert stats.binom.pmf(too_small, n, truth).sum() <= miss


# -- correction --------------------------------------------------------------------------------


def counted(pairs):
    """Return AttainablePairs with these counts, the last one for all levels beyond."""
    counts = np.concatenate([pairs, np.full(LEVELS, pairs[-1])])[:LEVELS].astype(np.int64)
    return AttainablePairs(counts, (int(counts[0]), 0, 0), True)


edge_lists = st.dictionaries(
    st.sets(st.integers(0, 9), min_size=2, max_size=2).map(sorted).map(tuple),
    st.one_of(st.floats(1e-30, 1), st.floats(1e-9, 1e-4)),
    max_size=20,
)


def columns_of(edges):
    """Return p-values, sources and targets of {(u, v): p}."""
    ends = np.array([*edges], np.int32).reshape(-1, 2)
    return np.array([*edges.values()], float), ends[:, 0].copy(), ends[:, 1].copy()


def strangers(n):
    """Return the ends of so many edges without a common account, the i-th (2 i, 2 i + 1)."""
    return np.arange(0, 2 * n, 2, dtype=np.int32), np.arange(1, 2 * n, 2, dtype=np.int32)


@given(st.lists(st.integers(0, 9_000), min_size=1, max_size=60).map(sorted), edge_lists)
@examples(40)
def test_q_values_are_those_of_the_oracle(counts, edges):
    found = counted(np.array(counts[::-1]) + len(edges))

    def pairs_at(own):
        return int(found.at(np.array([float(own)]))[0])

    given_ = list(edges.values()), list(edges)
    expected = naive.attainable_q_values(*given_, pairs_at)
    q = attainable_q_values(*columns_of(edges), found)
    np.testing.assert_allclose(q, expected, rtol=1e-9)
    expected = naive.attainable_q_values(*given_, pairs_at, int(found.counts[0]))
    q = attainable_q_values(*columns_of(edges), found, "by")
    np.testing.assert_allclose(q, expected, rtol=1e-9)


def test_where_all_pairs_can_reach_all_levels_it_is_the_usual_correction_and_its_price():
    """X / (1 - x): a q-value of 0.05 becomes 0.0526. Of edges without a common account."""
    p = np.array([1e-9, 1e-6, 2e-5, 4e-5, 0.3])
    q = attainable_q_values(p, *strangers(5), counted(np.array([1_000])))
    usual = adjusted(p, 1_000)[:4]
    np.testing.assert_allclose(q, [*usual / (1 - usual), 1.0])
    np.testing.assert_allclose(
        attainable_q_values(p, *strangers(5), counted(np.array([1_000])), "by"),
        adjusted(p, 1_000, "by"),
    )
    with pytest.raises(ParameterError, match="correction='bonferroni'"):
        attainable_q_values(p, *strangers(5), counted(np.array([1_000])), "bonferroni")


def test_edges_that_name_few_accounts_pay_for_their_accounts():
    """Ten edges of 1,000 pairs, as a clique of five and as a star: the clique needs no more."""
    p, pairs = np.full(10, 1e-4), counted(np.array([1_000]))
    clique = np.array(list(combinations(range(5), 2)), np.int32).T.copy()
    star = np.zeros(10, np.int32), np.arange(1, 11, dtype=np.int32)
    x = 1_000 * 1e-4 / 10  # of the edges
    np.testing.assert_allclose(attainable_q_values(p, *clique, pairs), x / (1 - x))
    x = 2 * 1_000 * 1e-4 / 11  # of the accounts: ten have one edge each, at 1e-4
    np.testing.assert_allclose(attainable_q_values(p, *star, pairs), x / (1 - x))


def discrete_tests(rng, false=0):
    """Return p-values and p* of 3,000 pairs that share 1 to 6 objects; the first `false` meet."""
    share = rng.choice([1, 2, 3, 4, 5, 6], 3_000, p=[0.5, 0.25, 0.12, 0.07, 0.04, 0.02])
    share[:false] = rng.integers(3, 7, false)
    chance = rng.choice([0.01, 0.03, 0.1], 3_000)
    met = rng.binomial(share, chance)
    met[:false] = rng.binomial(share[:false], 0.8)
    return stats.binom.sf(met - 1, share, chance), chance**share


def counts_of(best):
    """Return AttainablePairs of these smallest p-values."""
    bins = np.minimum(-np.log(best) / STEP + 1e-9, LEVELS - 1).astype(int)
    counts = np.bincount(bins, minlength=LEVELS)[::-1].cumsum()[::-1]
    return AttainablePairs(counts, (len(best), 0, 0), True)


def test_with_nothing_to_find_little_is_found():
    """1,000 runs of 3,000 independent tests at 5 %, by either way; 0.1 % of such tests may fail."""
    rng = np.random.default_rng(0)
    found = {"step-up": 0, "family": 0, "family of many": 0, "bound": 0}
    for _ in range(1_000):
        p, best = discrete_tests(rng)
        pairs = counts_of(best)
        found["step-up"] += attainable_q_values(p, *strangers(3_000), pairs).min() <= 0.05
        for name, together in (("family", 1), ("family of many", 100)):
            level, m = pairs.family(0.05, together)
            inside = reaches(np.log(best) - 1e-9, level)
            assert inside.sum() == m
            found[name] += adjusted(p[inside], m).min() <= 0.05
        found["bound"] += SimultaneousBounds(p[inside], m).all() > 0
    assert max(found.values()) <= stats.binom.isf(1e-3, 1_000, 0.05), found


def test_of_what_is_found_little_is_false_and_more_is_found():
    rng = np.random.default_rng(1)
    shares, gained = [], []
    for _ in range(300):
        p, best = discrete_tests(rng, false=150)
        kept = attainable_q_values(p, *strangers(3_000), counts_of(best)) <= 0.05
        shares.append(kept[150:].sum() / max(kept.sum(), 1))
        gained.append(kept[:150].sum() - (adjusted(p, len(p)) <= 0.05)[:150].sum())
    assert np.mean(shares) <= 0.05
    assert np.mean(gained) > 5


def test_of_the_accounts_that_edges_name_few_are_false():
    """Twelve accounts act together, among 600: most false edges would name two accounts more."""
    rng = np.random.default_rng(2)
    clique = list(combinations(range(12), 2))
    others = rng.integers(12, 600, (3_000 - len(clique), 2))
    ends = np.concatenate([clique, np.sort(others, axis=1)]).astype(np.int32)
    ends[:, 1] += ends[:, 0] == ends[:, 1]  # nobody pairs with itself
    source, target = ends.T.copy()
    shares, of_edges_alone = [], []
    for _ in range(300):
        p, best = discrete_tests(rng, false=len(clique))
        pairs = counts_of(best)
        by_both = attainable_q_values(p, source, target, pairs)
        by_edges = attainable_q_values(p, *strangers(3_000), pairs)
        for q, into in ((by_both, shares), (by_edges, of_edges_alone)):
            named = np.unique(ends[q <= 0.05])
            into.append((named >= 12).sum() / max(len(named), 1))
    assert np.mean(shares) <= 0.05 < np.mean(of_edges_alone)


def test_the_chance_of_round_times_is_not_used():
    """Of what accounts act on alone: other times of the same actions in the same chances."""
    rows = [(a, o, START + 977 * i, "url", None) for i, a in enumerate("abAB") for o in ("p", "q")]
    runs = runs_of(log_of(rows))
    hours = [(a, o, START - START % (3_600 * SECOND), k, c) for a, o, _, k, c in rows]
    chances = Chances(np.zeros(2, np.int32), np.array([0.2]))
    one, other = (attainable_pairs(runs_of(log_of(r)), chances, 10) for r in (rows, hours))
    assert one.counts.tobytes() == other.counts.tobytes()
    pairs = list(combinations(range(4), 2))
    log_p, _ = best_log_p(runs, chances, *np.array(pairs, np.int32).T.copy())
    assert np.exp(log_p) == pytest.approx([float(Fraction(1, 25))] * len(pairs))


@given(st.integers(0, 10**6), st.integers(1, 400), st.sampled_from(["bh", "by"]))
def test_edges_that_are_corrected_in_turns_are_those_of_all_at_once(seed, n, correction):
    """Little by little those are left out whose q-value is 1 whatever the others are."""
    rng = np.random.default_rng(seed)
    p = np.maximum(rng.random(n) ** rng.choice([1, 4, 30]), 1e-300)
    source = rng.integers(0, 12, n).astype(np.int32)
    target = (source + rng.integers(1, 30, n)).astype(np.int32)
    counts = np.sort(rng.integers(n, 40 * n, attainable.LEVELS))[::-1].copy()
    found = attainable.AttainablePairs(counts, (int(counts[0]), 0, 0), True)
    whole = attainable.attainable_q_values(p, source, target, found, correction)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attainable, "SLICE", 7)
        patch.setattr(attainable, "FEW_EDGES", int(rng.integers(0, n)))
        in_turns = attainable.attainable_q_values(p, source, target, found, correction)
    assert in_turns.tobytes() == whole.tobytes()
