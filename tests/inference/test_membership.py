"""Who belongs to a cluster: by the oracle, by laws, by hand, where nobody does, where some do.

Where chance decides, it is seeded, and the tolerance is that of a binomial count.
"""

import math
import random

import naive
import numpy as np
import pytest
from helpers import acts, log_of
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from strategies import REFRACTORY, START, WINDOW, examples, logs, windows

import coordnet as cn
from coordnet.inference import null_logs
from coordnet.inference.group_test import GroupTester
from coordnet.inference.membership import MembershipTester
from coordnet.inference.statistics import WindowStatistics
from coordnet.kernels import membership as membership_kernels
from coordnet.kernels.occasions import OccasionRule
from coordnet.times import HOUR, SECOND

MINUTE = 60 * SECOND


def belonging(log, window=WINDOW, fold=None, background=None, least=0):
    """Return the tester of membership of a log, for a window in microseconds."""
    counted = WindowStatistics(log, window, background, fold)
    counted.occasion_rule = OccasionRule(counted.occasion_rule.gap_us, least)
    return MembershipTester(GroupTester(counted))


def chances_of(tester):
    """Return {(kind, octave): chance} that a tester has counted: they have an oracle elsewhere."""
    log, of = tester.tester.log, tester.statistics.chances
    return {
        (kind, octave): float(of[32 * i + octave])
        for i, kind in enumerate(log.kinds)
        for octave in range(32)
    }


def tails_of(tester, members):
    """Return {label: log p} of a set of labels, and of who joins it twice."""
    log = tester.tester.log
    codes, log_p = tester.log_p_values(log.codes_of(members))
    assert (log_p <= 0).all()
    return dict(zip([log.all_accounts[c] for c in codes], log_p.tolist(), strict=True))


def log_of_p(p):
    """Return the logarithm of a probability."""
    return math.log(p) if p > 0 else -math.inf


# -- against the oracle ------------------------------------------------------------------------


@st.composite
def crowds(draw):
    """Draw the rows of a small population, and accounts of it that often act at once.

    Coarse ticks make ties, and actions that are one window apart; some post at full hours.
    """
    rng = random.Random(draw(st.integers(0, 2**32)))
    accounts = [f"u{i}" for i in range(draw(st.sampled_from([4, 8, 16, 30])))]
    members = accounts[: draw(st.sampled_from([2, 3, 4, 7, len(accounts) - 1, len(accounts)]))]
    tick = draw(st.sampled_from([1, 20 * SECOND, MINUTE, HOUR]))
    together = draw(st.sampled_from([0.3, 0.6, 1.0]))
    again = draw(st.sampled_from([0.0, 0.4]))
    late = draw(st.sampled_from([0, 6]))  # after the birth of the object: a burst, or scattered
    own = draw(st.booleans())  # objects of the members alone
    rows = []
    birth = START
    for o in range(draw(st.integers(1, 8))):
        birth += rng.choice([10 * SECOND, 10 * SECOND, HOUR, 9 * 24 * HOUR])
        moment = birth + int(rng.lognormvariate(late, 2) * SECOND)
        times = []
        for a in accounts:
            if a in members and rng.random() < together:
                times.append((a, moment + rng.randrange(100 * SECOND)))
            joins = 0.0 if own and a not in members else 0.5
            while rng.random() < (again if times and times[-1][0] == a else joins):
                times.append((a, birth + int(rng.lognormvariate(late, 2) * SECOND)))
        kind = rng.choice(["k", "k", "url"])
        rows += [(a, f"o{o}", t - t % tick, kind, None) for a, t in times]
    present = {row[0] for row in rows}
    return rows, [a for a in members if a in present]


def assert_equal_to_oracle(rows, members, window, fold, background=None, least=0):
    public = None if background is None else log_of(background)
    tester = belonging(log_of(rows), window, fold, public, least)
    found = tails_of(tester, members)
    expected = naive.membership(rows, members, window, fold, chances_of(tester), background)
    assert found.keys() == expected.keys()
    for account, (p, joined, objects) in expected.items():
        told = account, joined, objects
        assert found[account] == pytest.approx(log_of_p(p), rel=1e-9, abs=1e-9), told
    log = tester.tester.log
    for level in (0.05, 0.5):  # one turn of the decision
        (settled,) = _one_turn(tester, log.codes_of(members), level)
        by_oracle = naive.belongs(expected, set(members), log.n_accounts, level)
        near = any(  # rounding decides
            abs(p * tests / rank - level) < 1e-9
            for p, *_ in expected.values()
            for tests in (len(members), log.n_accounts)
            for rank in range(1, 40)
        )
        if not near:
            labels = {log.all_accounts[c] for c in settled}
            assert labels == (set(members) if by_oracle is None else by_oracle), level


def _one_turn(tester, codes, level):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("coordnet.inference.membership.MOST_TURNS", 1)
        return tester.settled([codes], level)


@given(
    crowds(), windows(), st.sampled_from([0, REFRACTORY, WINDOW]), st.sampled_from([0, 6 * HOUR])
)
@examples(80)
def test_every_p_value_of_a_crowd_equals_the_oracle(crowd, window, fold, least):
    """Occasions end with the gap, also where those of pairs and groups last for six hours."""
    rows, members = crowd
    if len(members) > 1:
        assert_equal_to_oracle(rows, members, window, fold, least=least)


@given(logs(min_size=3), windows(), st.randoms(use_true_random=False))
@examples(150)
@example(acts("p", ("a", 0), ("b", 0), ("c", 120), ("c", 240)), WINDOW, random.Random(0))
@example([row for o in "pq" for row in acts(o, ("a", 0), ("a", 1), ("b", 61), ("c", 60))], WINDOW,
         random.Random(1))  # fmt: skip
def test_every_p_value_of_a_log_of_borders_equals_the_oracle(rows, window, rng):
    accounts = sorted({row[0] for row in rows})
    if len(accounts) > 1:
        members = rng.sample(accounts, rng.randint(2, len(accounts)))
        assert_equal_to_oracle(rows, members, window, max(window, REFRACTORY))


@pytest.mark.parametrize(
    ("rows", "members", "fold"),
    [
        # three objects in one sitting are one occasion, and one at the border of the gap
        ([row for i in range(3) for row in acts(f"o{i}", ("a", 20 * i), ("b", 20 * i + 1),
          ("x", 5_000 + i), ("y", 9_000 * (i + 1)))], "ab", 20 * SECOND),
        # x exactly at the end of the crowded times, where the delays of the class say most
        ([row for o in "pq" for row in
          acts(o, ("a", 0), ("b", 0), ("x", 60), ("u", 500), ("v", 1_000), ("w", 1_500))],
         "ab", WINDOW),
        # and exactly at their beginning
        ([*acts("p", ("y", 0), ("x", 40), ("a", 100), ("b", 100)),
          *acts("q", ("y", 0), ("x", 40), ("a", 100), ("b", 100))], "ab", WINDOW),
    ],
)  # fmt: skip
def test_borders_are_those_of_the_oracle(rows, members, fold):
    assert_equal_to_oracle(rows, list(members), WINDOW, fold)
    assert_equal_to_oracle(rows, list(members), WINDOW, fold - 1)


@given(crowds(), crowds())
@examples(40)
def test_a_background_gives_chances_and_delays_of_the_oracle(crowd, other):
    (rows, members), (public, _) = crowd, other
    if len(members) > 1 and public and log_of(public).fingerprint != log_of(rows).fingerprint:
        assert_equal_to_oracle(rows, members, WINDOW, WINDOW, public)


def test_an_example_by_hand():
    """Two members' windows overlap from 40 s to 60 s: 20 s of crowded time of the 120 s around one.

    a acts at 0 s and b at 100 s, so that nobody else can be within 60 s of both but from 40 s to
    60 s: c does on all six objects and d acts at 61 s. With need = 2 neither a nor b joins.
    """
    rows = [
        row
        for o in range(6)
        for row in acts(f"o{o}", ("a", 7_200 * o), ("b", 7_200 * o + 100), ("c", 7_200 * o + 60),
                        ("d", 7_200 * o + 61), kind="k")
    ]  # fmt: skip
    tester = belonging(log_of(rows))
    # chances of the class: a-c, c-b, a-d no (61 s), d-b, c-d: 4 of 6 pairs; pooled delays 60, 61
    # and 100 s: one of three is at a crowded time, the larger of 1/3 and 4/6 * 20 / 120 = 1/9
    chance = tester.statistics.chances[2]
    assert chance == pytest.approx(4 / 6)
    found = tails_of(tester, ["a", "b", "c"])
    # of three members each needs the two others: c has both, a and b have c only
    kappa = naive.PRIOR_ACCOUNTS
    # crowded by two of a, b, c: from -0 to 60 s (a and c) and from 40 s to 120 s (c and b), at
    # once: 0 s to 120 s; all three delays are inside, so that the class says 1
    once = (1 + kappa * 1.0) / (1 + kappa)
    assert found["c"] == pytest.approx(6 * math.log(once), abs=1e-12)
    assert found["a"] == found["b"] == 0.0
    # d joins a, b and c on all six (within 60 s of b and c); nobody else is outside
    assert found["d"] == pytest.approx(0.0, abs=1e-12)
    (two,) = [tails_of(tester, ["a", "b"])]
    # of two members need is 1: crowded are all times near either, and no other member is near
    assert (two["a"], two["b"]) == (0.0, 0.0)


# -- laws --------------------------------------------------------------------------------------


@given(crowds(), st.randoms(use_true_random=False))
@examples(40)
def test_names_order_and_the_clock_change_nothing(crowd, rng):
    rows, members = crowd
    if len(members) < 2:
        return
    found = tails_of(belonging(log_of(rows)), members)
    accounts = sorted({row[0] for row in rows})
    names = dict(
        zip(accounts, rng.sample([f"n{i}" for i in range(99)], len(accounts)), strict=True)
    )
    moved = [(names[a], o, t + 7 * 24 * HOUR, k, c) for a, o, t, k, c in rows]
    rng.shuffle(moved)
    again = tails_of(belonging(log_of(moved)), [names[a] for a in members])
    assert {names[a] for a in found} == again.keys()
    for account, log_p in found.items():  # trials are multiplied in another order
        assert again[names[account]] == pytest.approx(log_p, rel=1e-9, abs=1e-12)


@given(crowds())
@examples(60)
def test_scratch_is_left_as_it_was(crowd):
    rows, members = crowd
    if len(members) < 2:
        return
    tester = belonging(log_of(rows))
    codes = tester.tester.log.codes_of(members)
    scratch = tester.scratch()
    before = [array.copy() for array in scratch]
    one = tester.log_p_values(codes, scratch)
    for array, was in zip(scratch, before, strict=True):
        assert array.tobytes() == was.tobytes()
    for a, b in zip(one, tester.log_p_values(codes, scratch), strict=True):
        assert a.tobytes() == b.tobytes()


def test_more_others_marked_than_the_first_buffer_holds():
    """3,000 outsiders join on two objects; the buffers grow, and all of them are tested."""
    crowd = [(f"x{i:04d}", 10 + i % 20) for i in range(3_000)]
    rows = [
        row
        for o in "pq"
        for row in acts(o, *[(f"m{i}", i) for i in range(4)], *crowd, ("late", 90_000), kind="k")
    ]
    tester = belonging(log_of(rows))
    found = tails_of(tester, [f"m{i}" for i in range(4)])
    assert len(found) == 3_004
    others = {found[name] for name, _ in crowd}
    assert len(others) == 1  # all alike
    kappa = naive.PRIOR_ACCOUNTS
    once = (2_999 + kappa) / (3_000 + kappa)
    assert others.pop() > 2 * math.log(once) - 1e-3


@pytest.mark.parametrize(
    ("size", "need"), [(2, 1), (3, 2), (21, 2), (22, 3), (31, 3), (32, 4), (71, 7), (301, 30)]
)
def test_a_tenth_of_the_others_must_be_near(monkeypatch, size, need):
    seen = []

    def kernel(scene, members, need, *rest):
        seen.append(need)
        return members, np.zeros(len(members))

    monkeypatch.setattr(membership_kernels, "membership_p_values", kernel)
    rows = acts("p", *[(f"m{i}", i) for i in range(size)])
    log = log_of(rows)
    belonging(log).log_p_values(log.codes_of([f"m{i}" for i in range(size)]))
    assert seen == [need] == [naive.least_near(size)]


def test_the_number_of_threads_and_of_clusters_changes_nothing():
    sim = cn.simulate("retweet_ring", accounts=1_000, seed=0)
    found = []
    groups = [sim.log.codes_of(members) for members in sim.truth.groups.values()]
    for threads in (1, 2):
        counted = WindowStatistics(sim.log, WINDOW, threads=threads)
        tester = MembershipTester(GroupTester(counted))
        found.append([m.tolist() for m in tester.settled(groups * 3, 0.025)])
        alone = [tester.settled([group], 0.025)[0].tolist() for group in groups]
        assert found[-1] == alone * 3
    assert found[0] == found[1]
    assert tester.settled([], 0.025) == []


def test_clusters_that_are_too_small_stay_as_they_are():
    log = log_of(acts("p", ("a", 0), ("b", 1), ("c", 2)))
    tester = belonging(log)
    for members in ([], ["a"], ["a", "b"]):
        codes = log.codes_of(members) if members else np.zeros(0, np.int32)
        assert tester.settled([codes], 0.05)[0].tolist() == codes.tolist()


# -- where nobody belongs ----------------------------------------------------------------------

NULLS = {
    "shuffled": null_logs.shuffled_accounts,
    "swapped": null_logs.swapped_profiles,
}


def random_sets(log, rng, sets):
    """Return sets picked without a look at times: half of them of accounts on one object."""
    active = np.flatnonzero(log.active)
    popular = np.flatnonzero(np.diff(log.by_object) >= 12)
    for i in range(sets):
        pool = active
        if i % 2:
            o = rng.choice(popular)
            pool = np.unique(log.account[log.by_object[o] : log.by_object[o + 1]])
        size = min(len(pool), int(rng.choice([3, 6, 12, 30])))
        yield np.sort(rng.choice(pool, size, replace=False)).astype(np.int32)


def check_null(log, sets=60):
    """Check that p-values of members and others are super-uniform, and that nobody is added."""
    rng = np.random.default_rng(0)
    tester = belonging(log)
    scratch = tester.scratch()
    members_p, others_p, others = [], [], 0
    picked = list(random_sets(log, rng, sets))
    for codes in picked:
        accounts, log_p = tester.log_p_values(codes, scratch)
        assert accounts[: len(codes)].tolist() == codes.tolist()
        members_p.append(log_p[: len(codes)])
        others_p.append(log_p[len(codes) :])
        others += log.n_accounts - len(codes)
    members_p, others_p = np.concatenate(members_p), np.concatenate(others_p)
    for p, tests in ((members_p, len(members_p)), (others_p, others)):
        for level in (0.05, 0.01, 1e-3, 1e-4, 1e-5):
            count = int((p <= math.log(level)).sum())
            assert count <= max(tests * level, stats.binom.isf(1e-3, tests, level)), (level, count)
    # whatever set is given: the share of sets to which anybody comes is at most the level
    came = 0
    for codes in picked:
        accounts, log_p = tester.log_p_values(codes, scratch)
        rest = np.sort(log_p[len(codes) :]) + math.log(log.n_accounts)
        came += bool((rest - np.log(np.arange(1, len(rest) + 1)) <= math.log(0.025)).any())
    assert came <= stats.binom.isf(1e-3, sets, 0.025)
    # the sets are of nobody's choice: half of hardly any of them stays, so that nothing changes
    settled = tester.settled(picked, 0.025)
    changed = sum(not np.array_equal(a, b) for a, b in zip(settled, picked, strict=True))
    assert changed <= stats.binom.isf(1e-3, sets, 0.025)


@pytest.mark.parametrize("scenario", ["organic", "live_events", "schedulers", "early_birds"])
def test_random_sets_of_honest_accounts_have_no_members(scenario):
    check_null(cn.simulate(scenario, accounts=2_000, seed=5).log)


@pytest.mark.parametrize("kind", NULLS)
@pytest.mark.parametrize("scenario", ["retweet_ring", "breaking_news"])
def test_random_sets_of_null_logs_have_no_members(kind, scenario):
    log = cn.simulate(scenario, accounts=2_000, seed=1).log
    check_null(NULLS[kind](log, 2))


def test_nobody_belongs_to_a_planted_group_by_chance():
    """The group's times are as they are, and honest accounts act when they act."""
    sim = cn.simulate("retweet_ring", accounts=2_000, seed=3)
    tester = belonging(sim.log)
    planted = {a for members in sim.truth.groups.values() for a in members}
    count = {0.01: 0, 1e-3: 0, 1e-4: 0}
    tests = 0
    for members in sim.truth.groups.values():
        tests += sim.log.n_accounts - len(planted)
        for account, log_p in tails_of(tester, members).items():
            for level in count:
                count[level] += account not in planted and log_p <= math.log(level)
    for level, found in count.items():
        assert found <= stats.binom.isf(1e-3, tests, level), (level, found)


# -- where some do -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def diluted():
    return cn.simulate("diluted", accounts=4_000, seed=1)


def test_who_was_left_out_comes_back_and_strangers_go(diluted):
    """Three of 30 taken out of a planted group, and two strangers of the public put in."""
    log = diluted.log
    tester = belonging(log)
    rng = np.random.default_rng(0)
    planted = {a for members in diluted.truth.groups.values() for a in members}
    public = [a for a in log.accounts.tolist() if a not in planted]
    given_sets, groups = [], []
    for members in diluted.truth.groups.values():
        for _ in range(3):
            kept = rng.permutation(sorted(members))[3:]
            strangers = rng.choice(public, 2, replace=False)
            given_sets.append(np.sort(log.codes_of([*kept, *strangers])))
            groups.append(sorted(log.codes_of(members).tolist()))
    settled = tester.settled(given_sets, 0.025)
    assert (
        sum(members.tolist() == group for members, group in zip(settled, groups, strict=True)) >= 5
    )
    for members, group in zip(settled, groups, strict=True):
        assert set(members.tolist()) <= set(group)  # nobody else comes, and no stranger stays
        assert len(group) - len(members) <= 1


def test_who_joins_in_less_often_stays():
    """Accounts that act an hour apart: members of p-values of 0.001 are no strangers in thirty."""
    sim = cn.simulate("slow_drip", accounts=2_000, seed=2)
    tester = belonging(sim.log, HOUR)
    groups = [np.sort(sim.log.codes_of(members)) for members in sim.truth.groups.values()]
    p = [np.sort(tester.log_p_values(members)[1][: len(members)]) for members in groups]
    assert any(own[-1] > math.log(0.025 / len(own)) for own in p)  # not each of them for certain
    settled = tester.settled(groups, 0.025)
    assert [members.tolist() for members in settled] == [members.tolist() for members in groups]


def test_who_was_given_at_first_may_come_back(monkeypatch):
    """Account 2 leaves, 3 comes; then 2 has p = 0.01: enough among three members, not among 99."""
    log = log_of(acts("p", *[(f"u{i:02d}", i) for i in range(99)]))
    tester = belonging(log)
    seen = []
    p_values = {
        (0, 1, 2): {0: 1e-6, 1: 1e-6, 2: 0.5, 3: 1e-5, 4: 0.01},
        (0, 1, 3): {0: 1e-6, 1: 1e-6, 3: 1e-5, 2: 0.01, 4: 0.01},
        (0, 1, 2, 3): {0: 1e-6, 1: 1e-6, 2: 0.01, 3: 1e-5, 4: 0.01},
    }

    def told(members, scratch):
        seen.append(tuple(members.tolist()))
        found = p_values[seen[-1]]
        return np.array(list(found), np.int32), np.log(list(found.values()))

    monkeypatch.setattr(tester, "log_p_values", told)
    (settled,) = tester.settled([np.arange(3, dtype=np.int32)], 0.05)
    assert settled.tolist() == [0, 1, 2, 3]
    assert seen == list(p_values)
    # at 0.01 * 4 / 4 > 0.005 account 2 would not come back, nor does account 4, a stranger
    (strict,) = tester.settled([np.arange(3, dtype=np.int32)], 0.005)
    assert strict.tolist() == [0, 1, 3]
