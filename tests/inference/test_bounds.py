"""Bounds for any set: against closed testing by brute force, and the promise itself."""

from fractions import Fraction

import naive
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from coordnet.errors import ParameterError
from coordnet.inference import bounds as bounds_module
from coordnet.inference.bounds import (
    SimultaneousBounds,
    harmonic,
    hommel_h,
    true_discoveries,
)

ALPHAS = (0.05, 0.25, 0.5, 0.1)


@st.composite
def p_values(draw, most=7):
    """Draw a level and p-values: often ties, often exactly at a border of Simes' test."""
    alpha = draw(st.sampled_from(ALPHAS))
    border = st.builds(lambda j, i: alpha * j / i, st.integers(0, 8), st.integers(1, 8))
    beside = border.map(lambda p: float(np.nextafter(p, 1)))
    some = st.one_of(border, beside, st.floats(0, 1), st.sampled_from([0.0, 1.0, alpha, 1e-320]))
    return alpha, [min(p, 1.0) for p in draw(st.lists(some, max_size=most))]


@given(p_values(), st.integers(0, 2), st.data())
@example((0.5, [0.25, 0.5]), 0, None)
@example((0.5, [0.25, 0.25, 0.5]), 1, None)
@example((0.05, [0.05]), 0, None)
@example((0.05, [0.0, 0.0]), 2, None)
def test_the_shortcut_equals_closed_testing_by_the_oracle(drawn, untested, data):
    alpha, p = drawn
    of_set = naive.closed_testing([*p, *[1.0] * untested], alpha)
    bounds = SimultaneousBounds(p, len(p) + untested, alpha)
    for part, least in of_set.items():
        inside = [p[i] for i in part if i < len(p)]
        if len(inside) == len(part) and 1.0 not in inside:
            assert bounds.at_least(inside) == least, part
        else:  # pairs with p = 1 count nowhere: never more
            assert bounds.at_least(inside) <= least, part
    assert bounds.all() == bounds.at_least(p)
    largest = max(len(s) for s in of_set if not of_set[s])
    assert bounds.h == largest


def test_an_example_by_hand():
    """Five pairs, alpha 0.05: Simes on five rejects (5 * 0.001 <= 0.05) and so on four with it.

    Three pairs 0.04, 0.2, 0.9 alone: 3 * 0.04 > 0.05, 3 * 0.2 > 0.1, 3 * 0.9 > 0.15: h = 3. So
    d of all is 2, of either small one 1, of both 2, of 0.04 none.
    """
    p = np.array([0.001, 0.002, 0.04, 0.2, 0.9])
    assert hommel_h(p, 5, 0.05) == 3
    bounds = SimultaneousBounds(p, 5)
    assert bounds.h == 3
    assert bounds.all() == 2
    assert [bounds.at_least([x]) for x in p] == [1, 1, 0, 0, 0]
    assert bounds.at_least([0.9, 0.002, 0.001]) == 2
    assert bounds.at_least([]) == 0


@st.composite
def borderline(draw):
    """Draw m up to 10**9 and p-values within a rounding of where h or d jump by one."""
    alpha = draw(st.sampled_from(ALPHAS))
    m = draw(st.sampled_from([10, 1_000, 10**6 + 3, 10**9]))
    p = []
    for _ in range(draw(st.integers(1, 10))):
        of = draw(st.one_of(st.integers(max(1, m - 12), m), st.integers(1, m)))
        k = draw(st.integers(1, 12))  # at alpha k / h, and at alpha (1 - (m - k) / h)
        x = alpha * k / of if draw(st.booleans()) else max(alpha - alpha * (m - k) / of, 0.0)
        steps = draw(st.integers(-2, 2))
        for _ in range(abs(steps)):
            x = float(np.nextafter(x, 2.0 * (steps > 0)))
        p.append(min(x, 1.0))
    return alpha, m, p


@given(borderline())
def test_no_rounding_moves_a_bound_of_the_oracle(drawn):
    alpha, m, p = drawn
    h = hommel_h(np.sort(p), m, alpha)
    assert h == naive.hommel_h(p, m, alpha)
    assert true_discoveries(np.array(p), h, alpha) == naive.true_discoveries(p, h, alpha)


@given(st.integers(1, 10**9), st.integers(1, 40), st.sampled_from(ALPHAS))
def test_p_values_at_the_border_count_to_the_last_bit_by_the_oracle(h, u, alpha):
    """H p = u alpha as nearly as floats have it: inside or outside as the stored numbers say."""
    at = alpha * u / h
    for p in (np.nextafter(at, 0), at, np.nextafter(at, 1)):
        if p <= 1:
            found = true_discoveries(np.full(u, p), h, alpha)
            assert found == (1 if h * Fraction(float(p)) <= u * Fraction(alpha) else 0) or h < u
            assert found == naive.true_discoveries([float(p)] * u, h, alpha)


@given(p_values(most=30), st.integers(0, 10**6), st.data())
def test_laws(drawn, untested, data):
    """More alpha never lowers a bound, nor do more pairs in a set; a set has no more than it is."""
    _, p = drawn
    pairs = len(p) + untested
    strict, loose = (SimultaneousBounds(p, pairs, a) for a in (0.01, 0.2))
    wider = SimultaneousBounds(p, pairs + 1_000, 0.2)
    any_dependence = SimultaneousBounds(p, pairs, 0.2, dependence="any")
    chosen = data.draw(st.lists(st.sampled_from(range(len(p))), unique=True)) if p else []
    part = [p[i] for i in chosen]
    rest = [x for i, x in enumerate(p) if i not in chosen]
    assert 0 <= strict.at_least(part) <= loose.at_least(part) <= len(part)
    assert loose.at_least(part) + loose.at_least(rest) <= loose.all() == loose.at_least(p)
    assert wider.at_least(part) <= loose.at_least(part)
    assert any_dependence.at_least(part) <= loose.at_least(part)
    assert loose.at_least(part[::-1]) == loose.at_least(part)


def test_p_values_of_one_count_nowhere():
    """2,000 edges outside a family of 20 pairs, of which five are certain: never more than five."""
    p = [1e-9] * 5 + [0.9] * 10
    bounds = SimultaneousBounds(p + [1.0] * 2_000, 20)
    assert bounds.h == SimultaneousBounds(p, 20).h == 15
    assert bounds.all() == bounds.at_least(p + [1.0] * 2_000) == 5
    assert bounds.at_least([1.0] * 2_000) == 0


def test_hommels_constant_divides_the_level():
    p = [1e-4, 2e-4, 0.02]
    bounds = SimultaneousBounds(p, 50, 0.05, dependence="any")
    constant = sum(Fraction(1, i) for i in range(1, 51))
    assert bounds.level == pytest.approx(0.05 / float(constant))
    assert bounds.level * constant < Fraction(0.05)
    assert bounds.h == naive.hommel_h(p, 50, bounds.level)


def test_the_harmonic_numbers():
    assert harmonic(0) == 0
    assert harmonic(4) == pytest.approx(25 / 12)
    exact = float((1 / np.arange(1, 20_001)).sum())
    assert exact <= harmonic(20_000) <= exact * (1 + 1e-9)


@pytest.mark.parametrize(
    ("p", "pairs", "options", "message"),
    [
        ([0.1, 1.5], 5, {}, "number 1 is .*1.5"),
        ([float("nan")], 5, {}, "number 0"),
        ([0.1, 1.0, 0.2], 1, {}, "pairs=1 is less than the 2"),
        ([0.1], 5, {"alpha": 1.0}, "alpha=1.0"),
        ([0.1], 5, {"dependence": "none"}, "dependence='none'"),
    ],
)
def test_what_is_no_p_value_is_refused(p, pairs, options, message):
    with pytest.raises(ParameterError, match=message):
        SimultaneousBounds(p, pairs, **options)


# -- the promise -------------------------------------------------------------------------------


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("false", [0, 30, 200])
def test_bounds_exceed_the_truth_in_no_more_runs_than_promised(correlation, false):
    """2,000 runs of 300 one-sided normal tests that share a factor; 0.1 % of such tests may fail.

    Some set's bound is above its truth if and only if the bound of all true nulls is above 0; and
    the sets that tempt most, the smallest p-values, are looked at too.
    """
    rng = np.random.default_rng([int(10 * correlation), false])
    runs, m = 2_000, 300
    wrong = wrong_prefixes = 0
    least = []
    for _ in range(runs):
        z = np.sqrt(correlation) * rng.normal() + np.sqrt(1 - correlation) * rng.normal(size=m)
        z[:false] += 3.5
        p = stats.norm.sf(z)
        bounds = SimultaneousBounds(p, m)
        wrong += bounds.at_least(p[false:]) > 0
        order = np.argsort(p)
        truth = np.cumsum(order < false)
        wrong_prefixes += any(
            bounds.at_least(p[order[:n]]) > truth[n - 1] for n in (1, 5, 20, 60, m)
        )
        least.append(bounds.all())
    most = stats.binom.isf(1e-3, runs, 0.05)
    assert wrong_prefixes <= wrong <= most
    if false:  # and the bounds say something
        assert np.mean(least) > 0.2 * false


# -- many equal or tiny p-values ---------------------------------------------------------------


def h_by_definition(p_values, m, alpha):
    """Return the largest i of 0..m with i p_(m - i + j) > j alpha for all j, in fractions."""
    ordered = [max(Fraction(p), Fraction(1e-300)) for p in sorted([*p_values, *[1.0] * m])][:m]
    for i in range(m, 0, -1):
        if all(i * ordered[m - i + j - 1] > j * Fraction(alpha) for j in range(1, i + 1)):
            return i
    return 0


@st.composite
def few_values(draw):
    """Draw a level, p-values of which many are equal or tiny, and how many pairs have none."""
    alpha = draw(st.sampled_from(ALPHAS))
    tiny = st.sampled_from(
        [0.0, 1e-320, 1e-300, 1e-299, 1e-17, alpha, float(np.nextafter(alpha, 0))]
    )
    value = st.one_of(tiny, st.floats(0, 1), st.integers(1, 40).map(lambda i: alpha / i))
    runs = draw(st.lists(st.tuples(value, st.integers(1, 15)), max_size=4))
    return alpha, [p for p, n in runs for _ in range(n)], draw(st.integers(0, 12))


@given(few_values())
@example((0.05, [0.0] * 30, 0))
@example((0.05, [0.0] * 30, 5))
@example((0.05, [0.05] * 10, 3))
@example((0.5, [float(np.nextafter(0.5, 0))] * 20, 1))
def test_h_of_many_equal_p_values_is_that_of_the_definition(drawn):
    alpha, p, more = drawn
    m = len(p) + more
    expected = h_by_definition(p, m, alpha)
    assert hommel_h(np.sort(np.array(p, float)), m, alpha) == expected
    assert naive.hommel_h(p, m, alpha) == expected


@pytest.mark.parametrize("m", [100_000, 10**9, 10**12])
@pytest.mark.parametrize(
    "of",
    [
        lambda n, _: np.zeros(n),
        lambda n, _: np.full(n, 1e-300),
        lambda n, _: np.linspace(0, 1e-12, n),
        lambda n, _: np.full(n, 1e-9),
        lambda n, m: np.full(n, 0.05 * n / m),
        lambda n, m: np.arange(1, n + 1) * (0.05 / m),  # each at the border of Simes' test
        lambda n, _: np.full(n, np.nextafter(0.05, 0)),
        lambda n, _: np.concatenate([np.zeros(n // 2), np.full(n - n // 2, 0.049)]),
    ],
)
def test_h_takes_few_steps(monkeypatch, m, of):
    """98,000 p-values: there was a loop of as many steps, each over all of them."""
    p = np.sort(of(98_000, m))
    calls = []
    exceeds = bounds_module._exceeds

    def counting(*of):
        calls.append(of)
        return exceeds(*of)

    monkeypatch.setattr(bounds_module, "_exceeds", counting)
    h = hommel_h(p, m, 0.05)
    assert len(calls) <= 4
    assert h == naive_h_of_sorted(p, m, 0.05)


def naive_h_of_sorted(p, m, alpha):
    """Return h by its formula in whole numbers, where the smallest quotients are; p ascending."""
    alpha = Fraction(alpha)
    quotient = float(alpha) * (m - np.arange(1, len(p) + 1.0)) / (float(alpha) - p)
    near = np.flatnonzero(quotient <= quotient.min() * (1 + 1e-9) + 3)
    if len(near) > 2_000:  # as good as equal ones: first and last of each run of equal p-values
        ends = np.flatnonzero(np.diff(p, prepend=-1, append=2))
        near = np.unique(np.concatenate([near[:500], near[-500:], near[:: len(near) // 500],
                                         np.intersect1d(near, [*ends, *(ends - 1)])]))  # fmt: skip
    least = [
        -(alpha * (m - k - 1) // (max(Fraction(float(p[k])), Fraction(1e-300)) - alpha)) - 1
        for k in near.tolist()
    ]
    return min([m, *least])
