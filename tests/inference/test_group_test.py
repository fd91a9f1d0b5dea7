"""The group test and its search: against the oracle, by hand, on null populations, on planted ones.

Where chance decides, it is seeded, and the tolerance is that of a binomial count: of n p-values
super-uniform at a, n a + 3.1 sqrt(n a (1 - a)) or more are at most a with chance 0.001.
"""

import math
import random
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import naive
import numpy as np
import pytest
from helpers import assert_same_graph, group_tester, log_of, rows_of
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from strategies import REFRACTORY, START, WINDOW, examples, logs, windows

import coordnet as cn
from coordnet.clusters import groups
from coordnet.inference import statistics
from coordnet.inference.group_test import GroupTester
from coordnet.inference.set_weights import interests_of, log10_weight
from coordnet.inference.statistics import WindowStatistics
from coordnet.kernels import groups as group_kernels
from coordnet.kernels.occasions import OccasionRule
from coordnet.times import DAY, HOUR, MINUTE, SECOND

CLOSE = {"rel": 1e-9, "abs": 1e-9}
COUNTS = ("objects", "together", "occasions", "observed_pairs")
MEANS = ("class_only", "expected_pairs")


def most_of(n, level):
    """Return how many of n super-uniform p-values may be at most `level`: 3.1 deviations."""
    return n * level + 3.1 * math.sqrt(n * level * (1 - level))


def result_of(rows, members, window=WINDOW, occasion_gap=None, background=None):
    """Return the group test of a set of labels, made by a tester of its own."""
    log = log_of(rows)
    return group_tester(log, window, occasion_gap, background).test(log.codes_of(members))


def set_price(log, codes):
    """Return log10 of what a set of accounts costs; of its weight see test_set_weights."""
    k = len(codes)
    return math.log10(k * (k - 1)) - log10_weight(interests_of(log), codes)


def acts(obj, *who, kind="k"):
    """Return the actions of (account, seconds) on an object."""
    return [(a, obj, START + round(s * SECOND), kind, None) for a, s in who]


# -- against the oracle ------------------------------------------------------------------------


@st.composite
def crowds(draw, ticks=(1, 20 * SECOND)):
    """Draw the rows of a small population, and accounts of it that often act at once.

    Coarse ticks make ties, and actions that are one window apart.
    """
    rng = random.Random(draw(st.integers(0, 2**32)))
    accounts = [f"u{i}" for i in range(draw(st.integers(4, 16)))]
    members = accounts[: draw(st.integers(2, min(7, len(accounts))))]
    tick = draw(st.sampled_from(ticks))
    together = draw(st.sampled_from([0.0, 0.5, 1.0]))
    again = draw(st.sampled_from([0.0, 0.4]))
    late = draw(st.sampled_from([0, 6]))  # after the birth of the object: a burst, or scattered
    rows = []
    birth = START
    for o in range(draw(st.integers(1, 12))):
        birth += rng.choice([10 * SECOND, 10 * SECOND, HOUR, 9 * DAY])
        moment = birth + int(rng.lognormvariate(late, 2) * SECOND)
        times = []
        for a in accounts:
            if a in members and rng.random() < together:
                times.append((a, moment + rng.randrange(50 * SECOND)))
            while rng.random() < (again if times and times[-1][0] == a else 0.5):
                times.append((a, birth + int(rng.lognormvariate(6, 2) * SECOND)))
        kind = rng.choice(["k", "k", "url"])
        rows += [(a, f"o{o}", t - t % tick, kind, None) for a, t in times]
    picked = [a for a in accounts if rng.random() < (0.9 if a in members else 0.1)]
    return rows, [a for a in picked if any(a == row[0] for row in rows)]


def assert_equal_to_oracle(found, rows, members, window, fold, **options):
    expected = naive.group_test(rows, members, window, fold, **options)
    assert {name: getattr(found, name) for name in COUNTS} == {n: expected[n] for n in COUNTS}
    assert [getattr(found, n) for n in MEANS] == pytest.approx(
        [expected[n] for n in MEANS], **CLOSE
    )
    assert found.log10_p * math.log(10) == pytest.approx(expected["log_p"], **CLOSE)
    assert found.p_value == pytest.approx(math.exp(expected["log_p"]), rel=1e-9)
    log = found.log
    if len(members) <= 12:  # of larger sets a lower bound of the weight is paid
        evidence = naive.evidence(expected["log_p"], rows, members)
        assert found.evidence == pytest.approx(evidence, **CLOSE)
    else:
        price = set_price(log, log.codes_of(members))
        assert found.evidence == pytest.approx(-found.log10_p - price, **CLOSE)
    for row in found.detail:
        key = log.kinds[log.object_kind[int(row[0])]], log.objects[int(row[0])]
        assert row[5] == pytest.approx(expected["log_bounds"][key], **CLOSE)
    return expected


@given(crowds(), windows(), st.sampled_from([0, REFRACTORY, WINDOW]))
@examples(150)
def test_every_number_of_a_crowd_equals_the_oracle(crowd, window, fold):
    rows, members = crowd
    if len(members) > 1:
        found = result_of(rows, members, window, fold)
        assert_equal_to_oracle(found, rows, members, window, fold)


@given(logs(min_size=3), windows(), st.randoms(use_true_random=False))
@examples(100)
@example(  # a bound that rounding puts at -2e-16 is no evidence
    acts("q", ("u", 0), ("v", 0), ("w", 0.6)) + acts("q", ("w", 99), kind="url"), 1,
    random.Random(0),
)  # fmt: skip
def test_every_number_of_a_log_of_borders_equals_the_oracle(rows, window, rng):
    accounts = sorted({row[0] for row in rows})
    if len(accounts) > 1:
        members = rng.sample(accounts, rng.randint(2, len(accounts)))
        fold = max(window, REFRACTORY)  # the default
        assert_equal_to_oracle(result_of(rows, members, window), rows, members, window, fold)


@given(crowds(), crowds())
@examples(60)
def test_a_background_gives_the_chances_of_the_oracle(crowd, other):
    (rows, members), (public, _) = crowd, other
    if len(members) > 1 and public and log_of(public).fingerprint != log_of(rows).fingerprint:
        found = result_of(rows, members, WINDOW, WINDOW, log_of(public))
        assert_equal_to_oracle(found, rows, members, WINDOW, WINDOW, background=public)


@given(crowds(), st.integers(2, 12))
@examples(60)
def test_big_objects_equal_the_oracle(crowd, big):
    """From BIG accounts on, an object's moments are made once, of everybody on it."""
    rows, members = crowd
    if len(members) > 1:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(group_kernels, "BIG", big)
            found = result_of(rows, members, WINDOW, WINDOW)
        assert_equal_to_oracle(found, rows, members, WINDOW, WINDOW, big=big)


@given(crowds(), st.sets(st.integers(0, 15)), st.integers(2, 12))
@examples(60)
def test_suspects_set_no_pace_as_the_oracle_has_it(crowd, suspects, big):
    """Accounts out of the background are outsiders of no object and of no class."""
    rows, members = crowd
    suspects = {f"u{i}" for i in suspects} & {row[0] for row in rows}
    left = {row[0] for row in rows} - suspects
    if len(members) < 2 or not left:
        return
    log = log_of(rows)
    counted = WindowStatistics(log, WINDOW).with_background(np.isin(log.accounts, sorted(left)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group_kernels, "BIG", big)
        found = GroupTester(counted).test(log.codes_of(members))
    evening = 6 * HOUR  # no second occasion, beside a background that was cleaned
    assert_equal_to_oracle(
        found, rows, members, WINDOW, WINDOW, big=big, suspects=suspects, least=evening
    )


def test_a_group_of_seventy_at_once_equals_the_oracle():
    """More than 64 members in one window count as 64."""
    rng = random.Random(1)
    rows = []
    for o in range(3):
        pace = [(f"u{i}", rng.lognormvariate(10, 2)) for i in rng.sample(range(60), 40)]
        rows += acts(f"o{o}", *[(a, o * 90_000 + s) for a, s in pace])
    members = [f"m{i}" for i in range(70)]
    rows += acts("o0", *[(m, 30_000 + rng.random() * 40) for m in members])
    found = result_of(rows, members)
    expected = assert_equal_to_oracle(found, rows, members, WINDOW, WINDOW)
    assert found.detail[0, 2] == 70
    assert expected["log_p"] < -10


@pytest.mark.parametrize(
    ("statistic", "tests"), [(0.5, 1), (3.0, 2), (40.0, 60), (900.0, 3), (2.0, 400), (5e3, 2_000)]
)
def test_fisher_is_exact(statistic, tests):
    known = group_kernels.log_factorials(100)  # others are computed
    found = group_kernels.log_fisher(known, statistic, tests)
    assert found == pytest.approx(float(naive.fisher(statistic, tests).ln()), rel=1e-9, abs=1e-12)
    other = stats.chi2.logsf(2 * statistic, 2 * tests)
    if other > -600:
        assert found == pytest.approx(other, rel=1e-7, abs=1e-9)


def test_the_price_is_exact_and_that_of_all_sizes_is_that_of_one():
    """log binom(n, s) + log(s (s - 1)), and the sum over s >= 2 of 1 / (s (s - 1)) is 1."""
    for n, size in ((2, 2), (10, 3), (20_000, 12), (1_000_000, 60)):
        price = math.log(math.comb(n, size) * size * (size - 1))
        assert group_kernels.log_price(n, size) == pytest.approx(price, rel=1e-9)
    n = 40
    total = sum(math.comb(n, s) * math.exp(-group_kernels.log_price(n, s)) for s in range(2, n + 1))
    assert total == pytest.approx(1 - 1 / n)  # what is left is for sizes beyond n


# -- by hand -----------------------------------------------------------------------------------

# Four objects of four accounts each: u, v and w together on the first, all else apart. The delays
# of the class are 10, 20 and 5000 s once, 1000, 3000 and 9000 s three times; G is 2/12 for the
# four first actions, 1/12 after 10 s, and 2/12, 1/12, 0 inside each triple.
HAND = [
    *acts("a", ("u", 0), ("v", 10), ("w", 20), ("x0", 5_000)),
    *[
        row
        for i, o in enumerate("bcd")
        for row in acts(o, *[(f"x{4 * i + j + 1}", s) for j, s in enumerate((0, 1e3, 3e3, 9e3))])
    ],
]
FIRST = (4 * Fraction(2, 12) + Fraction(1, 12) + 3 * Fraction(3, 12)) / 16
SECOND_MOMENT = (4 * Fraction(4, 144) + Fraction(1, 144) + 3 * Fraction(5, 144)) / 16
N = 16  # accounts


def test_one_object_by_hand():
    """B = binom(3, 3) 3 E[G^2]; one outsider says nothing, so the class does; p = 3 B."""
    found = result_of(HAND, ["u", "v", "w"])
    assert (Fraction(3, 32), Fraction(1, 72)) == (FIRST, SECOND_MOMENT)
    p = 3 * 3 / 72
    assert found.p_value == pytest.approx(p)
    assert found.log10_p == pytest.approx(math.log10(p))
    weight = 6 / N**3  # no two accounts share two objects: three of N at random, in six orders
    price = -math.log10(weight) + math.log10(3 * 2)
    assert found.evidence == pytest.approx(-math.log10(p) - price)
    assert (found.members, found.objects, found.together, found.occasions) == (3, 1, 1, 1)
    assert found.class_only == 0.0  # x0 acts on it too
    assert found.observed_pairs == 3
    assert found.expected_pairs == pytest.approx(3 * 2 * 3 / 32)


def test_a_pair_by_hand():
    """The moment of two outsiders, w and x0, who are apart: the class, weighed as written."""
    found = result_of(HAND, ["u", "v"])
    c = 3 / 32
    prior = (1 + math.sqrt(161)) / 2  # the accounts that make 20 pairs
    assert prior * (prior - 1) / 2 == pytest.approx(20)
    moment = (1 / 21) * (prior * c / (2 + prior)) + (20 / 21) * c
    assert found.p_value == pytest.approx(3 * 2 * moment)
    assert found.observed_pairs == 1
    assert found.expected_pairs == pytest.approx(2 * moment)


def test_outsiders_who_were_fast_too_by_hand():
    """Three outsiders: of x and y, who follow w within the window, one follows x."""
    rows = acts("a", ("u", 0), ("v", 50), ("w", 500), ("x", 530), ("y", 555), ("z", 9_000))
    members = ["u", "v"]
    found = result_of(rows, members)
    # G is 2/3 for w, 1/3 for x, 0 for y and z; in the class of this one object, of its own delays:
    # G is 1/5 at 0, 0 at 50, 2/5 at 500, 1/5 at 530; with two members together E G is 7/5 / ...
    delays = [0, 50, 500, 530, 555, 9_000]
    follow = [sum(0 < y - x <= 60 for y in delays[1:]) / 5 for x in delays]
    of_class = max(sum(follow) / 6, (4 / 15) / 2)  # pairs together: u v, w x, w y, x y of 15
    prior = (1 + math.sqrt(161)) / 2
    norm = (4 * ((2 / 3 + 1 / 3) / 4) + prior * of_class) / (4 + prior)
    moment = (1 - 20 / 26) * norm + 20 / 26 * of_class
    assert found.p_value == pytest.approx(min(1.0, 3 * 2 * moment))
    assert found.expected_pairs == pytest.approx(2 * moment)


def two_objects(apart):
    """Return u, v, w together on a, and again on e `apart` seconds later, among the slow."""
    rows = [*HAND]
    for i in range(8):
        rows += acts(f"s{i}", *[(f"y{4 * i + j}", s) for j, s in enumerate((0, 1e3, 3e3, 9e3))])
    rows += acts("e", ("u", apart), ("v", apart + 10), ("w", apart + 20), ("x0", apart + 5_000))
    return rows


def test_two_occasions_multiply_and_one_occasion_does_not():
    """Far apart: Fisher of B twice. On one occasion: min(1, 2 B) and 1."""
    far, near = (result_of(two_objects(s), ["u", "v", "w"]) for s in (100_000, 15))
    bound = math.exp(far.detail[0, 5])
    assert math.exp(near.detail[0, 5]) == pytest.approx(bound)
    s = -2 * math.log(bound)
    assert far.p_value == pytest.approx(3 * math.exp(-s) * (1 + s))
    s = -math.log(2 * bound)
    assert near.p_value == pytest.approx(min(1.0, 3 * math.exp(-s) * (1 + s)))
    assert (far.occasions, near.occasions) == (2, 1)
    assert (far.together, near.together) == (2, 2)


@pytest.mark.parametrize(("gap", "occasions"), [(60, 1), (60.000001, 2)])
def test_the_fold_is_inclusive_to_the_microsecond(gap, occasions):
    """From the moment the last of them has come to the next such moment."""
    assert result_of(two_objects(gap), ["u", "v", "w"]).occasions == occasions
    assert result_of(two_objects(gap), ["u", "v", "w"], occasion_gap=0).occasions == 2


@pytest.mark.parametrize(("apart", "at_once"), [(60, 2), (60.000001, 1)])
def test_the_window_is_inclusive_to_the_microsecond(apart, at_once):
    rows = [*HAND, *acts("e", ("u", 0), ("v", apart))]
    assert result_of(rows, ["u", "v"]).detail[-1, 2] == at_once


def test_repeats_of_one_member_are_not_several_members():
    """u posts it three times: m is 2, a is 4, and the bound pays for the choice of 2 of 4."""
    rows = [*HAND, *acts("e", ("u", 0), ("u", 1), ("u", 2), ("v", 30))]
    found = result_of(rows, ["u", "v"])
    row = found.to_frame("pyarrow").to_pylist()[-1]
    assert (row["members"], row["at_once"], row["members_actions"]) == (2, 2, 4)
    expected = naive.group_test(rows, ["u", "v"], WINDOW, WINDOW)
    assert row["log10_bound"] == pytest.approx(expected["log_bounds"]["k", "e"] / math.log(10))


def test_the_frame_says_what_each_object_gives():
    found = result_of([*HAND, *acts("e", ("u", 0), ("v", 5_000))], ["u", "v", "w"])
    assert found.to_frame("pyarrow").to_pylist() == [
        {
            "object": "a", "kind": "k", "members": 3, "at_once": 3, "members_actions": 3,
            "outsiders": 1, "log10_bound": pytest.approx(found.detail[0, 5] / math.log(10)),
        },
        {
            "object": "e", "kind": "k", "members": 2, "at_once": 1, "members_actions": 2,
            "outsiders": 0, "log10_bound": 0.0,
        },
    ]  # fmt: skip
    assert found.detail[0, 5] < -1


def test_evidence_of_the_class_alone_is_told():
    """Nobody else acts on the objects of the set: the chance rests on their class."""
    rows = two_objects(100_000)
    private = [row for row in rows if row[0] != "x0"]
    slow = [*acts("s", *[(f"s{i}", 900 * i) for i in range(3)])]  # so that the class has a pace
    assert result_of(private + slow, ["u", "v", "w"]).class_only == 1.0
    mixed = [row for row in rows if row[:2] != ("x0", "e")]
    found = result_of(mixed + slow, ["u", "v", "w"])
    bounds = {found.log.objects[int(row[0])]: row[5] for row in found.detail}
    assert 0 < found.class_only < 1
    assert found.class_only == pytest.approx(bounds["e"] / sum(bounds.values()))


def test_a_set_that_shares_nothing_has_no_evidence():
    found = result_of(HAND, ["u", "x5", "x9"])
    assert (found.p_value, found.log10_p, found.objects, found.class_only) == (1.0, 0.0, 0, 0.0)
    assert found.evidence == pytest.approx(-3 * math.log10(N))
    assert found.evidence_without("object") == found.evidence_without("occasion") == found.evidence
    assert len(found.to_frame()) == 0


# -- laws --------------------------------------------------------------------------------------

SUMMARY = ("evidence", "p_value", *COUNTS, *MEANS)


def summary(found):
    return [getattr(found, name) for name in SUMMARY]


@given(crowds(ticks=(1,)), st.randoms(use_true_random=False), st.integers(-DAY, DAY))
@examples(60)
def test_names_order_and_the_clock_change_nothing(crowd, rng, shift):
    rows, members = crowd
    if len(members) < 2:
        return
    names = sorted({row[0] for row in rows})
    new = dict(zip(names, rng.sample(range(1_000), len(names)), strict=True))
    renamed = [(f"n{new[a]}", f"_{o}", t + shift, k, c) for a, o, t, k, c in rows]
    rng.shuffle(renamed)
    moved = [f"n{new[a]}" for a in members]
    rng.shuffle(moved)
    assert summary(result_of(renamed, moved)) == pytest.approx(
        summary(result_of(rows, members)), rel=1e-9, abs=1e-9
    )


def planted_rows(seed, objects=6, size=5, others=10, fast=0.0):
    """Return rows of a set m0, m1, ... at once on `objects` objects, among a slow public.

    Of the others on the objects of the set, a share `fast` act within a minute of each other.
    """
    rng = random.Random(seed)
    rows = []
    for o in range(200):
        who = rng.sample(range(150), others + 2 * (o >= objects))  # all of one class: 8 to 15
        base = o * 90_000
        pace = [(f"u{i}", base + rng.lognormvariate(8.5, 1.8)) for i in who]
        if o < objects:
            moment = base + rng.lognormvariate(8.5, 1.8)
            pace += [(f"m{i}", moment + 40 * rng.random()) for i in range(size)]
            quick = round(fast * others)
            crowd = base + rng.lognormvariate(8.5, 1.8)
            pace[:quick] = [(a, crowd + 40 * rng.random()) for a, _ in pace[:quick]]
        rows += acts(f"o{o:02d}", *pace)
    return rows, [f"m{i}" for i in range(size)]


@pytest.mark.parametrize("seed", range(5))
def test_outsiders_who_are_fast_lower_the_evidence(seed):
    evidence = [
        result_of(*planted_rows(seed, fast=fast)).evidence for fast in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert evidence[0] > 10
    assert evidence == sorted(evidence, reverse=True)
    assert evidence[-1] < evidence[0] - 10


@pytest.mark.parametrize("seed", range(3))
def test_more_occasions_are_more_evidence(seed):
    rows, members = planted_rows(seed, objects=12)
    evidence = []
    for last in range(1, 13):  # the same log, the set on the first objects only
        kept = [row for row in rows if row[0] not in members or row[1] < f"o{last:02d}"]
        kept += [(m, "own", START, "k", None) for m in members]
        evidence.append(result_of(kept, members).evidence)
    assert np.diff(evidence).min() > 0.3
    assert evidence[-1] > 25


def test_the_pace_of_the_set_does_not_raise_the_bar_for_itself():
    """Where outsiders are there, how fast members are changes E[G^j] through the class only."""
    rows, members = planted_rows(1)
    slow = [row if row[0] not in members else (*row[:2], row[2] + DAY, *row[3:]) for row in rows]
    log, apart = log_of(rows), log_of(slow)
    quick, lame = (group_tester(x) for x in (log, apart))
    lame.scene.class_moments[:] = quick.scene.class_moments
    in_set = np.zeros(log.n_accounts, np.uint8)
    in_set[log.codes_of(members)] = 1
    for o in range(6):
        for j in (1, 2, 4):
            values = [group_kernels.object_moment(t.scene, o, in_set, 12, j) for t in (quick, lame)]
            assert values[0] == pytest.approx(values[1], rel=1e-12)
            everybody = np.zeros(log.n_accounts, np.uint8)  # as if nobody were a member
            assert group_kernels.object_moment(quick.scene, o, everybody, 17, j) > values[0]


@given(crowds(), st.sampled_from([0, WINDOW]), st.sampled_from([0, 6 * HOUR]))
@examples(80)
def test_what_is_left_without_the_strongest_object_or_occasion(crowd, fold, rest):
    """As the oracle has it when the object, or all windows of its occasion, give no evidence."""
    rows, members = crowd
    if len(members) < 2:
        return
    log = log_of(rows)
    counted = WindowStatistics(log, WINDOW, None, fold)
    counted.occasion_rule = OccasionRule(fold, rest)
    found = GroupTester(counted).test(log.codes_of(members))
    whole = assert_equal_to_oracle(found, rows, members, WINDOW, fold, least=rest)
    bounds = {key: bound for key, bound in whole["log_bounds"].items() if bound < 0}
    if not bounds:
        assert found.evidence_without("object") == pytest.approx(found.evidence)
        return
    least = min(bounds.values())
    if sum(bound - least < 1e-6 for bound in bounds.values()) > 1:
        return  # either may go
    top = min(bounds, key=bounds.get)
    of = naive.acts_by_object(rows)
    when = {key: naive.densest_window(of[key], set(members), WINDOW)[1] for key in bounds}
    parts = naive.occasions_of(when.values(), fold, rest)
    (part,) = [set(part) for part in parts if when[top] in part]
    run = {key for key in when if when[key] in part}
    for what, gone in (("object", {top}), ("occasion", run)):
        left = naive.group_test(rows, members, WINDOW, fold, ignored=gone, least=rest)
        evidence = naive.evidence(left["log_p"], rows, members)
        assert found.evidence_without(what) == pytest.approx(evidence, rel=1e-9, abs=1e-9)
        assert found.evidence_without(what) <= found.evidence + 1e-9


def test_a_group_by_label_is_that_by_code():
    log = log_of(HAND)
    by_label = cn.test_group(log, ["w", "u", "v", "u"], within="60s")
    assert by_label.evidence == group_tester(log).test(log.codes_of(["u", "v", "w"])).evidence
    assert by_label.members == 3


def test_statistics_are_counted_once_however_many_ask(monkeypatch):
    """By edge tests, the group test and the search alike; and once more for each background.

    An hour is wide for this log, so that what is close in a minute is counted for it too.
    """
    counted = []
    real = statistics.object_statistics

    def count(log, window, threads=None):
        counted.append((log.fingerprint, window))
        return real(log, window, threads)

    monkeypatch.setattr(statistics, "object_statistics", count)
    log, public = cells_log(0)[0], null_log(5, accounts=200, objects=200)
    assert WINDOW == MINUTE
    windows = [WINDOW, HOUR, MINUTE]
    whole = [(log.fingerprint, window) for window in windows]
    cn.detect(log, within=["60s", "1h"], clean_background=False)
    assert counted == whole
    counted.clear()
    cn.detect(log, within=["60s", "1h"])
    assert counted[:3] == whole
    cleaned = counted[3:]  # in each round at all windows, without those found so far
    rounds = [cleaned[i : i + 3] for i in range(0, len(cleaned), 3)]
    prints = [{fingerprint for fingerprint, _ in one} for one in rounds]
    assert all([window for _, window in one] == windows for one in rounds)
    assert all(len(one) == 1 for one in prints)
    assert len(set.union(*prints)) == len(rounds) >= 1
    assert log.fingerprint not in set.union(*prints)
    counted.clear()
    cn.find_groups(log, background=public)
    assert sorted(counted) == sorted([(log.fingerprint, WINDOW), (public.fingerprint, WINDOW)])


@given(crowds(), st.sets(st.integers(0, 15), max_size=6))
@examples(40)
def test_the_group_test_of_a_part_is_that_of_its_rows(crowd, gone):
    """Of all accounts only those that act in the part could have been picked."""
    rows, members = crowd
    gone = {f"u{i}" for i in gone}
    left = [row for row in rows if row[0] not in gone]
    members = [m for m in members if m not in gone]
    if len(members) < 2:
        return
    part, alone = log_of(rows).exclude(accounts=gone), log_of(left)
    one, two = (cn.test_group(x, members) for x in (part, alone))
    assert summary(one) == summary(two)
    np.testing.assert_array_equal(one.detail, two.detail)
    assert one.log is part
    expected = naive.group_test(left, members, WINDOW, WINDOW)
    evidence = naive.evidence(expected["log_p"], left, members)
    assert one.evidence == pytest.approx(evidence, **CLOSE)


def test_groups_of_a_part_are_those_of_its_rows():
    log, cells = cells_log(2)
    for gone in (sorted(cells[0])[:3], log.accounts[::7].tolist()):
        part = log.exclude(accounts=gone)
        alone = log_of(rows_of(part))
        one, two = (cn.find_groups(x, "60s") for x in (part, alone))
        assert len(one) >= 2
        assert [c.accounts.tolist() for c in one] == [c.accounts.tolist() for c in two]
        assert one.evidence.tobytes() == two.evidence.tobytes()
        assert one.all_accounts is log.all_accounts


def test_the_scratch_of_a_test_is_clean_again():
    """A thread tests set after set with the same scratch."""
    log = log_of(planted_rows(2)[0])
    tester = group_tester(log)
    scratch = tester.scratch()
    rng = np.random.default_rng(0)
    for size in (2, 5, 40, 100):
        members = np.sort(rng.choice(log.n_accounts, size, replace=False)).astype(np.int32)
        assert summary(tester.test(members, scratch)) == summary(tester.test(members))
        assert not scratch[0].any()
        assert not scratch[1].any()


@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("background", [False, True])
def test_what_changes_with_one_account_is_what_testing_anew_finds(by_class, background):
    """Objects of the account that joins or leaves are looked at again, and no others."""
    log = log_of(planted_rows(2)[0])
    counted = WindowStatistics(log, WINDOW)
    if background:
        counted = counted.with_background(np.arange(len(log.all_accounts)) % 5 > 0)
    tester = GroupTester(counted)
    scene = tester.scene
    in_set, seen = tester.scratch()
    rng = np.random.default_rng(0)

    def anew(members):
        in_set[:] = 0
        in_set[members] = 1
        actions, n = group_kernels.gather(scene, members, len(members), np.empty(1, np.int32))
        work = group_kernels.workspace(n + 1)
        found = group_kernels.set_evidence(
            scene, actions, n, in_set, seen, work, by_class, np.empty((0, 8))
        )
        return actions, n, work, found[1]

    shared = 0
    busy = np.argsort(-np.diff(log.by_account[0]), kind="stable")[:20]
    for size in (1, 2, 5, 9):
        members = rng.permutation(np.concatenate([busy, log.active[:20]]))
        members = np.unique(members[: size + 1]).astype(np.int32)
        whole, part = anew(members), anew(members[1:])
        for before, after, joins in ((part, whole, True), (whole, part, False)):
            in_set[:] = 0
            in_set[members if joins else members[1:]] = 1
            acted_on = group_kernels.objects_at(scene, *before[:2], np.empty(1, np.int32))
            out, objects, _ = group_kernels.changed(
                scene, before[0], acted_on, before[1], int(members[0]), joins, in_set, seen,
                by_class, before[2], before[3], group_kernels.workspace(1), np.empty(1, np.int32),
            )  # fmt: skip
            assert objects == after[3]
            for found, expected in zip(out, after[2], strict=True):
                assert found[:objects].tolist() == expected[:objects].tolist()
        shared += whole[3]
    assert shared > 20


def test_merging_and_leaving_actions():
    """Growing and shrinking by one account gives the actions of the set as gathered anew."""
    log = log_of(planted_rows(2)[0])
    scene = group_tester(log).scene
    buffer = np.empty(4, np.int32)
    members = np.array([3, 9, 40, 77], np.int32)
    whole, n = group_kernels.gather(scene, members, 4, buffer)
    assert whole[:n].tolist() == np.flatnonzero(np.isin(log.account, members)).tolist()
    part, k = group_kernels.gather(scene, members[:3], 3, buffer)
    assert k < n
    merged, total = group_kernels.merge(scene, part, k, 77, np.empty(1, np.int32))
    assert merged[:total].tolist() == whole[:n].tolist()
    left, total = group_kernels.without(scene, whole, n, 77, np.empty(1, np.int32))
    assert left[:total].tolist() == part[:k].tolist()


# -- null populations --------------------------------------------------------------------------

SIZES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 45, 60)


def null_log(seed, accounts=300, objects=500, pace="cascades"):
    """Return a log of accounts that act independently, drawn by a heavy-tailed activity.

    Delays on an object are lognormal, so that cascades peak; with pace "mixed" some objects are
    shared within minutes and some within days; with "even" delays fall evenly on ten hours.
    """
    rng = np.random.default_rng(seed)
    weight = rng.lognormal(0, 1, accounts)
    weight /= weight.sum()
    account, obj, time = [], [], []
    for o in range(objects):
        n = int(min(2 + rng.pareto(1.0) * 6, accounts // 2))
        delay = rng.lognormal(rng.uniform(4, 9) if pace == "mixed" else 8, 1.8, n)
        if pace == "even":
            delay = rng.uniform(0, 36_000, n)
        account.append(rng.choice(accounts, n, replace=False, p=weight))
        obj.append(np.full(n, o))
        time.append(rng.uniform(0, 28 * 86_400) + delay)
    account, obj, time = (np.concatenate(part) for part in (account, obj, time))
    rows = [
        (f"u{a:03d}", f"o{o}", START + int(t * 1e6), "k", None)
        for a, o, t in zip(account, obj, time, strict=True)
    ]
    return log_of(rows)


def p_values_of_sets(log, rng, sets, sizes=SIZES, within=WINDOW):
    """Return {size: p-values} of sets of accounts picked at random, of each size `sets` or so.

    Those of one size are disjoint, as far as there are accounts.
    """
    tester = group_tester(log, within)
    scratch = tester.scratch()
    found = {size: [] for size in sizes}
    for size in sizes:
        order = rng.permutation(log.n_accounts)
        for i in range(min(sets, log.n_accounts // size)):
            members = np.sort(order[i * size : (i + 1) * size]).astype(np.int32)
            found[size].append(tester.test(members, scratch).p_value)
    return found


PACES = ("cascades", "mixed", "even")


@pytest.fixture(scope="module", params=[pytest.param(PACES[0], marks=pytest.mark.slow), *PACES[1:]])
def null_p_values(request):
    """Return {size: p-values} of given sets over 20 null logs, 300 or more of each size."""
    rng = np.random.default_rng(1)
    every = {size: [] for size in SIZES}
    for seed in range(20):
        log = null_log(seed, accounts=600, objects=300, pace=request.param)
        for _ in range(2):
            for size, p in p_values_of_sets(log, rng, 15).items():
                every[size] += p
    return every


@pytest.mark.parametrize("level", [0.1, 0.05, 0.01])
def test_p_values_of_given_sets_are_super_uniform(null_p_values, level):
    """Members act like everybody: at most a share `level` of the sets has p <= level."""
    for size, p in null_p_values.items():
        assert len(p) >= 300
        assert (np.array(p) <= level).sum() <= most_of(len(p), level), size


@pytest.mark.parametrize(("actions", "window"), [(6, 60.0), (12, 60.0), (30, 20.0)])
def test_the_scan_bound_bounds_where_cascades_peak(actions, window):
    """P(m or more of a in one window) <= binom(a, m) m E[G^(m - 1)], by 40,000 experiments."""
    rng = np.random.default_rng(actions)
    many = np.sort(rng.lognormal(7.5, 1.8, 400_000))
    g = (np.searchsorted(many, many + window, "right") - np.arange(1, len(many) + 1)) / len(many)
    times = np.sort(rng.lognormal(7.5, 1.8, (40_000, actions)), axis=1)
    flat_is_broken = False
    for m in range(2, min(actions, 7)):
        share = (times[:, m - 1 :] - times[:, : actions - m + 1] <= window).any(axis=1).mean()
        error = 3 * math.sqrt(share / len(times)) + 1e-4
        bound = math.comb(actions, m) * m * (g ** (m - 1)).mean()
        assert share <= bound + error
        flat = math.comb(actions, m) * m * g.mean() ** (m - 1)
        flat_is_broken |= share > flat + error
        log_bound = group_kernels.log_bound(np.zeros(0), actions, m, (g ** (m - 1)).mean())
        assert math.exp(log_bound) == pytest.approx(min(1.0, bound))
    assert flat_is_broken


def test_no_pair_of_all_pairs_has_evidence_where_nobody_coordinates():
    """The price pays for looking at every pair there is."""
    for seed in range(4):
        log = null_log(seed, accounts=120, objects=150)
        tester = group_tester(log)
        scratch = tester.scratch()
        pairs = combinations(range(log.n_accounts), 2)
        most = max(tester.test(np.array(pair, np.int32), scratch).evidence for pair in pairs)
        assert most < -math.log10(0.05)


def test_growing_from_every_account_finds_nothing_where_nobody_coordinates():
    """Whatever the search does: of 30 logs at most 4 show a set (5 % of them; chance 0.02)."""
    shown = 0
    for seed in range(30):
        log = null_log(seed, accounts=150, objects=150)
        tester = group_tester(log)
        graph = cn.co_action(log, "60s", min_weight=1)
        pairs = np.column_stack([graph.edges["source"], graph.edges["target"]])
        best = np.argsort(-graph.weights, kind="stable")[:40]
        grown = tester.grow([pairs[i].astype(np.int32) for i in best])
        shown += max(evidence for _, evidence in grown) > -math.log10(0.05)
    assert shown <= 4


# -- live events -------------------------------------------------------------------------------


def live_event_rows(seed, viewers=150, posts=60, public=600):
    """Return rows of a public, and of viewers who share an event's posts at once, independently."""
    rng = np.random.default_rng(seed)
    rows = []
    for o in range(600):
        birth = rng.uniform(0, 28 * 86_400)
        who = rng.choice(public, int(min(8 + rng.pareto(1.0) * 10, 200)), replace=False)
        pace = birth + rng.lognormal(8.6, 1.8, len(who))
        rows += acts(f"o{o}", *[(f"u{a}", t) for a, t in zip(who.tolist(), pace, strict=True)])
    start = 5 * 86_400
    for o in range(posts):
        birth = start + 7_200 * rng.random()
        who = np.flatnonzero(rng.random(viewers) < 0.15)  # the first of the public
        pace = birth + 5 + rng.exponential(40, len(who))
        rows += acts(f"live{o}", *[(f"u{a}", t) for a, t in zip(who.tolist(), pace, strict=True)])
    return rows, [f"u{a}" for a in range(viewers)]


@pytest.fixture(scope="module", params=range(3))
def live_event(request):
    rows, viewers = live_event_rows(request.param)
    log = log_of(rows)
    return log, log.codes_of(viewers, missing="ignore")


def test_viewers_of_a_live_event_are_no_evidence(live_event):
    """Any sets of them, picked at random or as those who met most often: outsiders are as fast."""
    log, viewers = live_event
    tester = group_tester(log)
    rng = np.random.default_rng(0)
    graph = cn.co_action(log, "60s", min_weight=1)
    weight = np.zeros((log.n_accounts, log.n_accounts))
    weight[graph.edges["source"], graph.edges["target"]] = graph.weights
    weight += weight.T
    for size in (3, 5, 10, 20, 40, 60):
        for _ in range(5):
            members = np.sort(rng.choice(viewers, size, replace=False)).astype(np.int32)
            assert tester.test(members).evidence < 0
        picked = [int(weight.sum(axis=0).argmax())]  # then whoever met those most often
        while len(picked) < size:
            met = weight[picked].sum(axis=0)
            met[picked] = -1
            picked.append(int(met.argmax()))
        found = tester.test(np.sort(np.array(picked, np.int32)))
        assert found.evidence < 0
        assert found.observed_pairs > size  # they did meet: that is the counter-example


def test_sets_grown_among_viewers_are_no_evidence(live_event):
    log, _ = live_event
    tester = group_tester(log)
    graph = cn.co_action(log, "60s", min_weight=3)
    best = np.argsort(-graph.weights, kind="stable")[:60]
    pairs = np.column_stack([graph.edges["source"], graph.edges["target"]])[best]
    grown = tester.grow([pair.astype(np.int32) for pair in pairs])
    assert max(evidence for _, evidence in grown) < -math.log10(0.05)
    assert len(cn.find_groups(log, "60s")) == 0


def test_where_outsiders_are_not_asked_viewers_would_be_a_group(live_event):
    """By the pace of ordinary objects they would be one: it is the outsiders who tell."""
    log, viewers = live_event
    ordinary = log.exclude(objects=[o for o in log.objects if o.startswith("live")])
    tester = group_tester(log, background=ordinary)
    members = viewers[:60].astype(np.int32)
    in_set, seen = tester.scratch()
    in_set[members] = 1
    actions, n = group_kernels.gather(tester.scene, members, len(members), np.empty(1, np.int32))
    decades = []
    for by_class in (True, False):
        work = group_kernels.workspace(n + 1)
        log_p, *_ = group_kernels.set_evidence(
            tester.scene, actions, n, in_set, seen, work, by_class, np.empty((0, 8))
        )
        decades.append(-log_p / math.log(10))
    assert decades[0] > 50
    assert decades[1] < 2


# -- the search --------------------------------------------------------------------------------


def cells_log(seed, cells=((8, 8), (6, 10), (5, 10)), accounts=500):
    """Return a null log with cells planted in it, and the cells."""
    base = null_log(seed, accounts=accounts, objects=400)
    rng = np.random.default_rng(seed + 1_000)
    free = rng.permutation(base.n_accounts)
    popular = np.flatnonzero((np.diff(base.by_object) > 9) & (np.diff(base.by_object) < 60))
    members, account, obj, time = [], [], [], []
    for size, objects in cells:
        cell, free = np.sort(free[:size]), free[size:]
        members.append(set(base.accounts[cell]))
        for o in rng.choice(popular, objects, replace=False):
            moment = base.time[base.by_object[o]] + int(rng.integers(600, 40_000)) * SECOND
            account.append(cell)
            obj.append(np.full(size, o))
            time.append(moment + rng.integers(0, 45, size) * SECOND)
    account, obj = (np.concatenate(x).astype(np.int32) for x in (account, obj))
    return base.with_actions(account, obj, np.concatenate(time)), members


@pytest.mark.parametrize("seed", range(4))
def test_planted_cells_are_found_and_nothing_else(seed):
    log, cells = cells_log(seed)
    found = cn.find_groups(log, "60s")
    sets = [set(log.accounts[found.members(i)]) for i in range(len(found))]
    for cell in cells:
        assert max(len(cell & other) / len(cell | other) for other in sets) >= 0.75
    for other in sets:
        assert max(len(cell & other) / len(other) for cell in cells) >= 0.75
    assert len(sets) == len(cells)
    again = [cn.test_group(log, members).evidence for members in sets]
    assert found.evidence == pytest.approx(again)
    assert (found.evidence > -math.log10(0.05)).all()


def test_nothing_is_found_where_nobody_coordinates():
    """Of 24 logs at most 4 show a group (alpha 5 %; more with chance 0.006)."""
    shown = sum(len(cn.find_groups(null_log(seed, objects=250), "60s")) > 0 for seed in range(24))
    assert shown <= 4


def test_alpha_and_the_least_size_are_kept_to():
    log, cells = cells_log(1, cells=((8, 8), (3, 14), (2, 24)))
    found = {size: cn.find_groups(log, "60s", min_size=size) for size in (2, 3, 4)}
    for size, clusters in found.items():
        assert clusters.sizes.min() >= size
        assert len(clusters) == sum(len(cell) >= size for cell in cells)
    weakest = found[3].evidence.min()
    stricter = cn.find_groups(log, "60s", alpha=10 ** -(weakest + 0.1))
    assert len(stricter) == len(found[3]) - 1
    assert stricter.evidence.min() > weakest + 0.1
    assert found[3].method == "groups"
    assert found[3].parameters == {"alpha": 0.05, "min_size": 3}


def test_a_variant_of_a_group_is_left_out():
    """Sets that share half of their members with one of more evidence are not reported again."""
    log, _ = cells_log(2, cells=((10, 8), (6, 8)))
    found = cn.find_groups(log, "60s")
    order = np.argsort(-found.evidence)
    sets = [set(found.members(int(i)).tolist()) for i in order]
    assert len(sets) >= 2
    for i, later in enumerate(sets):
        assert all(2 * len(later & better) < len(later) for better in sets[:i])


def test_what_a_search_keeps():
    """Above the level, of the size, each set once, no variants of better ones; best first."""
    graph = cn.co_action(log_of(HAND), "60s", min_weight=1).test("timing")
    columns = {**graph.edges, "p_timing": np.array([1e-9, 1e-5, 1e-3])}  # the last is too dull
    graph = replace(graph, edges=columns)
    pairs = list(zip(graph.edges["source"].tolist(), graph.edges["target"].tolist(), strict=True))
    grown = {
        pairs[0]: [([0, 1, 2, 3], 9.0)],
        pairs[1]: [([3, 4, 5], 7.0), ([2, 3, 4, 5], 8.0), ([0, 1, 2, 3], 9.0), ([6, 7], 6.0),
                   ([8, 9, 10], 2.0), ([8, 9, 11, 12], 5.0)],
    }  # fmt: skip
    started = []

    class Tester:
        def grow(self, batch, *, pairs):
            assert not pairs  # they are smaller than what is looked for
            started.extend(tuple(seed.tolist()) for seed in batch)
            found = [group for seed in batch for group in grown[tuple(seed.tolist())]]
            return [(np.array(members, np.int32), evidence) for members, evidence in found]

    nothing = cn.find_clusters(graph.keep(min_weight=9))
    kept = groups.grow_groups(Tester(), graph, 2.0, 3, nothing)
    assert started == pairs[:2]
    # 2 3 4 5 shares half with the best, 3 4 5 a third of itself; 8 9 10 is not above the level
    assert [(m.tolist(), e) for m, e in kept] == [
        ([0, 1, 2, 3], 9.0), ([3, 4, 5], 7.0), ([8, 9, 11, 12], 5.0),
    ]  # fmt: skip


def test_a_search_starts_from_known_clusters_and_not_from_pairs_with_their_accounts():
    log, _ = cells_log(0)
    graph = cn.co_action(log, "60s").test("timing")
    tester = group_tester(log)
    started = []

    class Spy:
        def grow(self, batch, *, pairs):
            started.extend(set(seed.tolist()) for seed in batch)
            return tester.grow(batch, pairs=pairs)

    known = cn.find_clusters(graph.keep(fdr=0.05), "components", min_size=2)
    assert len(known) >= 2
    groups.grow_groups(Spy(), graph, 1.3, 3, known)
    clusters = [set(known.members(i).tolist()) for i in range(len(known))]
    assert started[: len(known)] == clusters
    for pair in started[len(known) :]:
        assert len(pair) == 2
        assert not any(pair & cluster for cluster in clusters)


def test_growing_keeps_what_it_says():
    """The evidence of a grown set is that of the test of it; nobody else would add any."""
    log, _ = cells_log(3)
    tester = group_tester(log)
    graph = cn.co_action(log, "60s").test("timing")
    best = np.argsort(graph.edges["p_timing"], kind="stable")[:6]
    pairs = np.column_stack([graph.edges["source"], graph.edges["target"]])[best]
    grown = tester.grow([pair.astype(np.int32) for pair in pairs])
    assert max(len(members) for members, _ in grown) > 4  # there are members to take away
    for members, evidence in grown:
        assert tester.test(members).evidence == pytest.approx(evidence)
        assert members.tolist() == sorted(set(members.tolist()))
        for gone in members:
            if len(members) > 2:
                less = tester.test(members[members != gone]).evidence
                assert less <= evidence + 1e-6


def test_the_number_of_threads_changes_no_byte():
    log, _ = cells_log(0)
    one = cn.find_groups(log, "60s", threads=1)
    assert len(one)
    for threads in (2, 3):
        fresh, _ = cells_log(0)  # nothing remembered
        other = cn.find_groups(fresh, "60s", threads=threads)
        assert other.indices.tobytes() == one.indices.tobytes()
        assert other.indptr.tobytes() == one.indptr.tobytes()
        assert other.evidence.tobytes() == one.evidence.tobytes()


def test_a_graph_at_hand_changes_nothing():
    log, _ = cells_log(0)
    graph = cn.co_action(log, "60s", min_weight=2)
    one, two = cn.find_groups(log, "60s"), cn.find_groups(log, "60s", graph=graph)
    assert one.indices.tobytes() == two.indices.tobytes()
    assert two.graph is graph


def test_a_graph_of_another_log_or_window_is_refused():
    """It was taken as it came: pairs of one log, groups of another."""
    log, _ = cells_log(0)
    part = log.exclude(accounts=["u001"])
    other = cn.co_action(part, "60s", min_weight=2)
    told = {
        "co-action within 30s": cn.co_action(log, "30s", min_weight=2),
        "co-action within 60s in another log": other,
        "co-timing within 60s": cn.co_timing(log, "60s"),
        "two tools in another log": replace(other, relation=cn.Given("two tools"), source=None),
    }
    for what, graph in told.items():
        with pytest.raises(cn.ParameterError) as error:
            cn.find_groups(log, "60s", graph=graph)
        assert str(error.value) == (
            f"graph= is of {what}, and groups are searched for in co-action within 60s; give the "
            "graph of this log and window, or leave graph= away."
        )


def test_the_occasion_gap_reaches_the_pairs_that_groups_grow_from(monkeypatch):
    """The edge test of find_groups was made with the default."""
    log, _ = cells_log(0)
    seen = []

    def grow_groups(tester, tested, least, min_size, known):
        seen.append((tester, tested))
        return []

    monkeypatch.setattr(groups, "grow_groups", grow_groups)
    cn.find_groups(log, "60s", occasion_gap="30d")
    cn.find_groups(log, "60s")
    graph = cn.co_action(log, "60s", min_weight=2)
    for (tester, tested), gap in zip(seen, ("30d", None), strict=True):
        assert_same_graph(tested, graph.test("timing", occasion_gap=gap))
        expected = 30 * DAY if gap else WINDOW
        assert tester.scene.rule == tester.statistics.occasion_rule == (expected, 0)
    assert set(seen[0][1].edges["occasions"].tolist()) == {1}
    assert seen[1][1].edges["occasions"].max() > 1


def test_suspects_only_need_a_background():
    """Everybody in the log acts at once; against a public that does not, they are a group."""
    rng = random.Random(3)
    rows = []
    for o in range(12):
        rows += acts(f"o{o}", *[(f"s{i}", o * 90_000 + 40 * rng.random()) for i in range(6)])
    rows += acts("own", *[(f"t{i}", 5_000 * i) for i in range(40)])
    public = null_log(5, accounts=200, objects=200)
    log = log_of(rows)
    suspects = [f"s{i}" for i in range(6)]
    assert cn.test_group(log, suspects).evidence < 0
    helped = cn.test_group(log, suspects, background=public)
    assert helped.evidence > 10
    assert helped.class_only == 1.0
    assert len(cn.find_groups(log)) == 0
    found = cn.find_groups(log, background=public)
    assert [set(log.accounts[found.members(i)]) for i in range(len(found))] == [set(suspects)]


@pytest.mark.parametrize("rows", [[], acts("o", ("u", 0)), acts("o", ("u", 0), ("v", 1))])
def test_logs_with_nobody_to_find(rows):
    assert len(cn.find_groups(log_of(rows))) == 0


def test_wrong_parameters_are_told():
    log = log_of(HAND)
    for members, n in (([], 0), (["u"], 1), (["u", "u"], 1)):
        with pytest.raises(cn.CoordnetError) as error:
            cn.test_group(log, members)
        assert str(error.value) == f"members names {n} accounts; a group has two or more."
    with pytest.raises(cn.CoordnetError, match="1 of the 2 accounts named are not among the"):
        cn.test_group(log, ["u", "nobody"])
    with pytest.raises(cn.CoordnetError, match="within='soon' is not a duration"):
        cn.test_group(log, ["u", "v"], within="soon")
    with pytest.raises(cn.CoordnetError, match="occasion_gap='soon' is not a duration"):
        cn.test_group(log, ["u", "v"], occasion_gap="soon")
    for alpha in (0, 1, -0.1):
        with pytest.raises(cn.CoordnetError) as error:
            cn.find_groups(log, alpha=alpha)
        assert str(error.value) == f"alpha={alpha!r} is not a rate between 0 and 1."
    with pytest.raises(cn.CoordnetError, match="what='objects' is not known"):
        cn.test_group(log, ["u", "v"]).evidence_without("objects")
