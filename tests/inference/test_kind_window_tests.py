"""The tests of edges and groups where each kind has its own window."""

import math
from itertools import combinations

import naive
import numpy as np
import pytest
from helpers import assert_same_graph, log_of
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from strategies import KINDS, SECOND, START, WINDOW, examples, windows
from test_group_test import COUNTS, MEANS, crowds

import coordnet as cn
from coordnet.graphs.relation import Against
from coordnet.inference import edge_tests, null_logs
from coordnet.inference.group_test import GroupTester
from coordnet.inference.statistics import CLASSES, WindowStatistics
from coordnet.kernels import groups as group_kernels
from coordnet.times import HOUR

CLOSE = {"rel": 1e-9, "abs": 1e-9}
EVERY_KIND = st.fixed_dictionaries(dict.fromkeys(KINDS, windows()))
TWO = {"k": WINDOW, "url": 10 * WINDOW}
ROUND_TIMES = st.sampled_from([0, 1, 60, 61, 300, 301, 900, 930, 3_600, 3_601])


def pairs_of(window):
    """Return windows by kind as a relation has them."""
    return tuple(sorted(window.items()))


STEPS = (0, 1, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, 2 * WINDOW + 1, 5 * WINDOW)
MIXED = st.lists(  # few accounts on few objects of each kind, at and around the borders of windows
    st.builds(
        lambda account, obj, kind, offset: (account, obj, START + offset, kind, None),
        st.sampled_from("abc"), st.sampled_from("op"), st.sampled_from(KINDS),
        st.sampled_from(STEPS),
    ),
    min_size=8, max_size=40,
)  # fmt: skip


def edges_to_test(log, rows):
    """Return all pairs of accounts that share an object in these rows, as codes."""
    names = log.all_accounts.labels.to_pylist()
    code = {name: i for i, name in enumerate(names)}
    ends = sorted(sorted((code[u], code[v])) for u, v in naive.sharing_pairs(rows))
    array = np.array(ends, np.int32).reshape(-1, 2)
    return array[:, 0].copy(), array[:, 1].copy()


# -- edges -------------------------------------------------------------------------------------


@given(MIXED, EVERY_KIND, st.lists(st.sampled_from(KINDS), min_size=1, unique=True), st.booleans())
@examples(60)
def test_edges_equal_the_oracle(rows, window, named, with_background):
    """Occasions and chances, of every pair that shares an object of the kinds named."""
    window = {kind: window[kind] for kind in named}
    own = [row for row in rows if row[3] in window]
    log, source = log_of(rows), rows[::2] if with_background else None
    background = log_of(source) if with_background else None
    if background is not None and background.fingerprint == log.fingerprint:
        return  # which is refused
    others = None if source is None else [row for row in source if row[3] in window]
    statistics = WindowStatistics(log, pairs_of(window), background)
    source, target = edges_to_test(log, own)
    found = edge_tests.co_action_tests(statistics, source, target, "timing").columns
    fold = max(30 * SECOND, *window.values())
    for e in range(len(source)):
        u, v = log.all_accounts[source[e]], log.all_accounts[target[e]]
        s = naive.occasions(own, u, v, window, fold)
        pi = naive.timing_trials(own, u, v, window, others)
        assert found["occasions"][e] == s
        assert found["expected_timing"][e] == pytest.approx(float(sum(pi)), **CLOSE)
        exact = naive.poisson_binomial_tail(pi, s)
        assert found["p_timing"][e] == pytest.approx(max(float(exact), 1e-300), rel=1e-9)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcd"), st.sampled_from("op"), ROUND_TIMES,
            st.sampled_from(["k", "url"]),
        ),
        min_size=4, max_size=45,
    )
)  # fmt: skip
def test_round_times_equal_the_oracle_by_kind(acts):
    """A quarter of an hour is further from the next than a minute, and not than ten."""
    begin = START // HOUR * HOUR
    rows = [(a, o, begin + second * SECOND, kind, None) for a, o, second, kind in acts]
    log = log_of(rows)
    source, target = edges_to_test(log, rows)
    statistics = WindowStatistics(log, pairs_of(TWO))
    found = edge_tests.co_action_tests(statistics, source, target, "timing").columns
    for e in range(len(source)):
        pi = naive.timing_trials(rows, log.accounts[source[e]], log.accounts[target[e]], TWO)
        assert found["expected_timing"][e] == pytest.approx(float(sum(pi)), **CLOSE)


@given(MIXED, EVERY_KIND)
@examples(40)
def test_the_activity_null_equals_the_oracle(rows, window):
    log = log_of(rows)
    pairs = list(combinations(range(log.n_accounts), 2))
    statistics = WindowStatistics(log, pairs_of(window))
    if not pairs or not statistics.objects.pairs_all.any():
        return
    source, target = np.array(pairs, np.int32).T.copy()
    whole = edge_tests.co_action_tests(statistics, source, target, "activity").columns
    parts = edge_tests.expected_within_strata(log, pairs_of(window), "1h", source, target)
    for e, (u, v) in enumerate(pairs):
        names = log.accounts[u], log.accounts[v]
        expected = naive.activity_expectation(rows, *names, window)
        assert whole["expected_activity"][e] == pytest.approx(expected, rel=1e-6)
        expected = naive.activity_expectation_in_strata(rows, *names, window, lambda t: t // HOUR)
        assert parts[e] == pytest.approx(expected, rel=1e-3, abs=1e-12)


@given(MIXED, EVERY_KIND)
@examples(40)
def test_the_classes_of_a_kind_have_the_chances_of_its_window(rows, window):
    """As if its window were that of all: pooled over objects, and with all pairs weighing alike."""
    log = log_of(rows)
    found = WindowStatistics(log, pairs_of(window))
    kind_of_class = np.repeat(np.arange(len(log.kinds) + 1), CLASSES)
    for k, kind in enumerate(log.kinds):
        alone = WindowStatistics(log, window[kind])
        own = kind_of_class == k
        for name in ("chances", "pooled_chances"):
            assert getattr(found, name)[own].tolist() == getattr(alone, name)[own].tolist()
        by_pairs = (s.pair_chances.by_pairs[own].tolist() for s in (found, alone))
        assert len(set(map(tuple, by_pairs))) == 1


# -- groups ------------------------------------------------------------------------------------


def assert_group(rows, members, window, fold=None, background=None, **options):
    log = log_of(rows)
    others = None if background is None else log_of(background)
    statistics = WindowStatistics(log, pairs_of(window), others, fold)
    found = GroupTester(statistics).test(log.codes_of(members))
    gap = max(30 * SECOND, *window.values()) if fold is None else fold
    expected = naive.group_test(rows, members, window, gap, background=background, **options)
    assert {name: getattr(found, name) for name in COUNTS} == {n: expected[n] for n in COUNTS}
    assert [getattr(found, n) for n in MEANS] == pytest.approx(
        [expected[n] for n in MEANS], **CLOSE
    )
    assert found.log10_p * math.log(10) == pytest.approx(expected["log_p"], **CLOSE)


@given(crowds(), st.tuples(windows(), windows()), st.sampled_from([None, 0, WINDOW]))
@examples(80)
def test_groups_equal_the_oracle(crowd, window, fold):
    rows, members = crowd
    if len(members) > 1:
        assert_group(rows, members, dict(zip(("k", "url"), window, strict=True)), fold)


@given(crowds(ticks=(1, 60 * SECOND, 900 * SECOND)))
@examples(40)
def test_groups_at_round_times_equal_the_oracle(crowd):
    rows, members = crowd
    if len(members) > 1:
        assert_group(rows, members, TWO)


@given(crowds(), crowds())
@examples(30)
def test_a_background_equals_the_oracle(crowd, other):
    (rows, members), (public, _) = crowd, other
    if len(members) > 1 and public and log_of(public).fingerprint != log_of(rows).fingerprint:
        assert_group(rows, members, TWO, background=public)


@given(crowds(), st.integers(2, 12))
@examples(30)
def test_big_objects_equal_the_oracle_by_kind(crowd, big):
    rows, members = crowd
    if len(members) > 1:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(group_kernels, "BIG", big)
            assert_group(rows, members, TWO, big=big)


# -- the plain window --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cross():
    return cn.simulate("cross_trace", accounts=1_000, seed=0)


def test_one_window_for_all_kinds_gives_the_bytes_of_the_plain_one(cross):
    log = cross.log
    same = dict.fromkeys(log.kinds, "5min")
    one, other = (cn.co_action(log, within, min_weight=2) for within in (same, "5min"))
    assert_same_graph(one, other)
    public = cn.simulate("cross_trace", accounts=500, seed=9).log
    for options in ({}, {"strata": "1d"}, {"background": public}, {"null": "activity"}):
        tested, plain = one.test(**options), other.test(**options)
        assert_same_graph(tested, plain)
        assert tested.tested == plain.tested
    a, b = (cn.find_groups(log, within) for within in (same, "5min"))
    assert (a.indices.tobytes(), a.evidence.tolist()) == (b.indices.tobytes(), b.evidence.tolist())
    ring = cross.truth.groups["cross_1"]
    for background in (None, public):
        a, b = (cn.test_group(log, ring, w, background=background) for w in (same, "5min"))
        assert a.detail.tobytes() == b.detail.tobytes()
        assert (a.evidence, a.log10_p, a.occasion_rule) == (
            b.evidence,
            b.log10_p,
            (300 * SECOND, 0),
        )


def test_kinds_that_are_not_named_change_no_test(cross):
    log = cross.log
    within = {"retweet": "60s", "url": "10min"}
    part = log.select(["retweet", "url"])
    for null in ("both", "activity"):
        one, other = (cn.co_action(x, within, min_weight=2).test(null) for x in (log, part))
        assert_same_graph(one, other)
        assert one.tested == other.tested
    ring = cross.truth.groups["cross_1"]
    one, other = (cn.test_group(x, ring, within) for x in (log, part))
    assert (one.evidence, one.detail.tobytes()) == (other.evidence, other.detail.tobytes())
    assert one.to_frame("pyarrow").equals(other.to_frame("pyarrow"))
    assert set(one.to_frame("pyarrow")["kind"].to_pylist()) == {"retweet", "url"}


def test_kinds_add_up_in_one_test(cross):
    """All kinds together are more evidence than the best of them alone."""
    log, ring = cross.log, cross.truth.groups["cross_1"]
    within = {"hashtag": "60s", "retweet": "60s", "url": "10min"}
    together = cn.test_group(log, ring, within).log10_p
    alone = [cn.test_group(log, ring, {kind: one}).log10_p for kind, one in within.items()]
    assert together < min(alone) - 10 < -20


def test_a_note_names_the_windows():
    begin = [START + o * HOUR for o in range(40)]
    rows = [(f"u{i}", f"o{t}", t + i, "url", None) for t in begin for i in (1, 2)]
    log = log_of([*rows, ("u1", "x", START, "retweet", None)])
    tested = cn.co_action(log, {"retweet": "60s", "url": "10min"}).test()
    (note,) = tested.tested.notes
    assert note.startswith(
        "two accounts on one object are within the window of its kind (retweet 60s, url 10min) of "
        "each other with chance"
    )


# -- calibration -------------------------------------------------------------------------------

NULLS = (null_logs.shuffled_accounts, null_logs.resampled_delays, null_logs.swapped_profiles)


def most_of(n, level):
    """Return the most of n events of chance `level` but for a chance of 0.001."""
    return stats.binom.isf(0.001, n, level)


@pytest.mark.parametrize("null", NULLS)
def test_p_values_of_null_logs_are_super_uniform(cross, null):
    """Windows far apart: what one kind calls together is rare, what the other does is common."""
    within = {"hashtag": "20s", "retweet": "60s", "url": "1h"}
    sets = []
    for seed in range(2):
        log = null(cross.log, seed)
        graph = cn.co_action(log, within, min_weight=1)
        tested = graph.test()
        name = "p_activity" if null is null_logs.shuffled_accounts else "p_timing"
        for p in (tested.edges[name], tested.edges["p_value"]):
            pairs = tested.tested.pairs
            for level in (1e-2, 1e-3, 1e-4, 1e-5):
                assert (p <= level).sum() <= max(pairs * level, most_of(pairs, level)), level
        if null is not null_logs.swapped_profiles:  # which keeps fast objects fast: of groups alone
            assert tested.keep(fdr=0.05).n_edges == 0
        tester = GroupTester(graph.relation.statistics(log, Against()))
        rng = np.random.default_rng(seed)
        order = rng.permutation(log.active).astype(np.int32)
        for size in (3, 8, 20):
            for i in range(30):
                members = np.sort(order[i * size : (i + 1) * size])
                sets.append(10 ** tester.test(members).log10_p)
    for level in (0.1, 0.05, 0.01):
        assert (np.array(sets) <= level).sum() <= most_of(len(sets), level)
