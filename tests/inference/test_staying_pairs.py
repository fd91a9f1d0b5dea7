"""Pairs that nobody joins: bounds against the test itself, and the search with and without them."""

import itertools
import math

import numpy as np
import pytest
from helpers import group_tester, log_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import REFRACTORY, SECOND, WINDOW, examples
from test_group_test import cells_log, crowds

import coordnet as cn
from coordnet.inference.set_weights import log10_weight
from coordnet.kernels import candidates, growing, staying_pairs
from coordnet.kernels import groups as group_kernels
from coordnet.kernels import set_weights as weight_kernels


def as_python(kernel):
    """Return what was compiled for other kernels alone as Python."""
    return getattr(kernel, "py_func", kernel)


def rooms(log):
    n = len(log.all_accounts)
    return (
        np.zeros(n, np.uint8), np.zeros(n, np.int32), np.full(n, -1, np.int32), np.zeros(n),
        np.empty(n + 1, np.int32),
    )  # fmt: skip


def evidence_of(tester, members, by_class):
    """Return log p_C of a set, and its objects: codes, log B, reach, and most at once."""
    in_set, seen = tester.scratch()
    codes = np.array(members, np.int32)
    actions, n = group_kernels.gather(tester.scene, codes, len(codes), np.empty(1, np.int32))
    in_set[codes] = 1
    work, detail = group_kernels.workspace(n + 1), np.zeros((n + 1, 8))
    log_p, objects, *_ = group_kernels.set_evidence(
        tester.scene, actions, n, in_set, seen, work, by_class, detail
    )
    return log_p, (work[0][:objects], work[2][:objects], work[3][:objects], detail[:objects, 2])


def what_is_known_of(tester, u, v):
    """Return the objects of a pair and what it did there, from the test of it alone."""
    scene, codes = tester.scene, np.array([u, v], np.int32)
    actions, n = group_kernels.gather(scene, codes, 2, np.empty(1, np.int32))
    actions = actions[:n]
    there = as_python(candidates.visited)(scene, actions, scene.object[actions], n)
    acts_of = {a: set(scene.object[scene.account == a].tolist()) for a in (u, v)}
    whose = [(o in acts_of[u]) + 2 * (o in acts_of[v]) for o in there.objects.tolist()]
    size = len(there.objects)
    most, bounds, worth = np.ones(size, np.int64), np.zeros((2, size)), np.zeros(size)
    for way, by_class in enumerate((True, False)):
        _, (objects, log_b, reach, at_once) = evidence_of(tester, (u, v), by_class)
        at = np.searchsorted(there.objects, objects)
        bounds[way, at], worth[at], most[at] = log_b, reach, at_once
    return there, staying_pairs.Pair(np.array(whose, np.int8), most, *bounds, worth)


@given(
    crowds((1, 20 * SECOND, 60 * SECOND)), st.sampled_from([0, REFRACTORY, WINDOW]),
    st.booleans(), st.randoms(use_true_random=False),
)  # fmt: skip
@examples(60)
def test_the_bound_of_a_pair_with_one_more_is_never_above_the_test(crowd, fold, some, rng):
    """Whatever the occasions, round times, outsiders and background; and it is often the test."""
    log = log_of(crowd[0])
    if log.n_accounts < 3:
        return
    tester = group_tester(log, WINDOW, fold)
    if some:  # of whom the pace is taken
        outside = np.array([rng.random() < 0.7 for _ in log.all_accounts])
        tester = type(tester)(tester.statistics.with_background(outside))
    scene, interests = tester.scene, tester.statistics.interests
    kept = interests.object_starts
    for _ in range(4):
        u, v, x = rng.sample(log.active.tolist(), 3)
        there, pair = what_is_known_of(tester, u, v)
        bound, reach = np.empty((2, len(there.objects))), np.empty(len(there.objects))
        found, with_u, with_v = as_python(staying_pairs.bounds_with)(
            scene, there, pair, x, kept, bound, reach
        )
        own = {a: set(scene.object[scene.account == a].tolist()) for a in (u, v, x)}
        assert (with_u, with_v) == (len(own[u] & own[x]), len(own[v] & own[x]))
        for way, by_class in enumerate((True, False)):
            log_p, (_, log_b, worth, _) = evidence_of(tester, (u, v, x), by_class)
            assert reach[:found].tolist() == pytest.approx(worth.tolist())
            assert (bound[way, :found] <= log_b + 1e-9).all()
            least = as_python(staying_pairs.least_log_p)(
                scene.log_factorials, bound[way], reach, found
            )
            assert least <= log_p + 1e-9
            if fold == 0 and by_class and len(np.unique(scene.grain)) == 1:
                near = np.isclose(bound[way, :found], log_b)
                assert near.all() or log_b[~near].max() <= 0


@given(crowds(), st.randoms(use_true_random=False))
@examples(60)
def test_the_bound_of_a_weight_is_never_below_it(crowd, rng):
    log = log_of(crowd[0])
    if log.n_accounts < 3:
        return
    told = 0
    for _ in range(6):
        interests = group_tester(log).statistics.interests  # of which nothing is counted yet
        u, v, x = rng.sample(log.active.tolist(), 3)
        own = {a: set(log.object[log.account == a].tolist()) for a in (u, v, x)}
        both = len(own[u] & own[v]), len(own[u] & own[x]), len(own[v] & own[x])
        count = np.zeros(len(log.all_accounts), np.int32)
        exact = 10 ** (
            log10_weight(interests, np.array([u, v, x], np.int32))
            - log10_weight(interests, np.array([u, v], np.int32))
        )
        for times in (1 - 1e-6, 1 + 1e-6, 2.0, 30.0):
            interests.shared[:] = -1.0
            dear = as_python(staying_pairs.is_dear)(interests, u, v, x, *both, exact * times, count)
            assert not count.any()
            assert not (dear and times < 1)
            told += dear
    assert told > 0


def test_the_ratio_of_weights_by_hand():
    """One path of each kind: x from u or v; v by way of x, and u."""
    ratio = staying_pairs.weight_ratio
    assert ratio(0.5, 0.2, 0.3, 0.1, 0.1, 0.4, 0.4) == pytest.approx(0.1 + (0.5 * 0.6 + 0.5 * 0.7))
    assert ratio(0.5, 0.2, 0.3, 0.1, 0.3, 0.0, 0.0) == pytest.approx(0.2 + 0.02 + 0.09)


def grown_without(tester, pairs):
    """Return what grows from pairs where none is told to stay before it was tried."""
    scene, own = tester.scene, rooms(tester.log)
    return [growing.grow(scene, pair, 60, -40.0, *own, tester.statistics.interests)
            for pair in pairs]  # fmt: skip


@given(crowds(), st.sampled_from([None, 0]))
@examples(25)
def test_a_search_with_the_bound_finds_what_one_without_it_does(crowd, fold):
    log = log_of(crowd[0])
    tester, again = group_tester(log, WINDOW, fold), group_tester(log, WINDOW, fold)
    pairs = [np.array(pair, np.int32) for pair in itertools.combinations(log.active.tolist(), 2)]
    for one, other in zip(tester.grow(pairs), grown_without(again, pairs), strict=True):
        assert one[0].tolist() == other[0].tolist()
        assert one[1] == other[1]


def test_many_pairs_are_told_to_stay_and_none_that_grows_is():
    """In a log with cells, from the most surprising pairs and from pairs at random."""
    log, _ = cells_log(3)
    tester, again = group_tester(log), group_tester(log)
    graph = cn.co_action(log, "60s").test("timing")
    best = np.argsort(graph.edges["p_timing"], kind="stable")
    best = np.concatenate([best[:60], best[::97]])
    pairs = np.column_stack([graph.edges["source"], graph.edges["target"]])[best].astype(np.int32)
    found, expected = tester.grow(list(pairs)), grown_without(again, pairs)
    for one, other in zip(found, expected, strict=True):
        assert one[0].tolist() == other[0].tolist()
        assert one[1] == other[1]
    grew = [len(members) > 2 for members, _ in expected]
    own = rooms(log)
    stay = [
        staying_pairs.stays(tester.scene, tester.statistics.interests, int(u), int(v), *own)[0]
        for u, v in pairs
    ]
    assert not any(told and more for told, more in zip(stay, grew, strict=True))
    assert sum(grew) > 5
    assert sum(stay) > 0.4 * (len(pairs) - sum(grew))
    for left in own[:4]:
        assert (left == (-1 if left.dtype == np.int32 and left[0] == -1 else 0)).all()
    # where nobody asks for it the evidence of a pair is not made
    for (members, evidence), told in zip(tester.grow(list(pairs), pairs=False), stay, strict=True):
        assert math.isnan(evidence) == told
        assert not told or len(members) == 2


@given(crowds(), st.integers(0, 40))
@examples(60)
def test_what_is_shared_is_counted_until_it_is_enough(crowd, enough):
    log = log_of(crowd[0])
    interests = group_tester(log).statistics.interests
    count = np.zeros(len(log.all_accounts), np.int32)
    acts = {u: set(log.object[log.account == u].tolist()) for u in log.active.tolist()}
    for u, own in acts.items():
        every = sum(math.comb(len(own & other), 2) for v, other in acts.items() if v != u)
        found = weight_kernels.shared_at_least(interests, u, float(enough), count)
        assert not count.any()
        assert found == every or enough <= found <= every
        assert interests.shared[u] in (-1, every)
        assert interests.least[u] <= every


@given(crowds((1, 20 * SECOND)), st.randoms(use_true_random=False))
@examples(60)
def test_candidates_are_those_of_the_oracle(crowd, rng):
    """Account by account and object by object, by the definition."""
    log = log_of(crowd[0])
    if log.n_accounts < 4:
        return
    tester = group_tester(log)
    scene = tester.scene
    in_set, seen, stamp, score, touched = rooms(log)
    members = rng.sample(log.active.tolist(), rng.choice([2, 2, 3]))
    in_set[members] = 1
    actions = np.flatnonzero(in_set[log.account] == 1).astype(np.int32)
    best, gains = np.empty(candidates.TRIED, np.int32), np.empty(candidates.TRIED)
    there = as_python(candidates.visited)(scene, actions, log.object[actions], len(actions))
    as_python(candidates.best_candidates)(
        scene, actions, there, in_set, seen, stamp, score, touched, best, gains
    )
    assert not score.any()
    assert not seen.any()
    assert (stamp == -1).all()
    expected = {}
    for o in np.unique(log.object[actions]).tolist():
        acts = [(t, a) for t, a in zip(log.time.tolist(), log.account.tolist(), strict=True)]
        acts = [act for act, obj in zip(acts, log.object.tolist(), strict=True) if obj == o]
        own = [act for act in acts if act[1] in members]
        most, first, last = 1, None, None
        for _, end in enumerate(own):  # the first window that holds most
            inside = [act for act in own if end[0] - WINDOW <= act[0] and act <= end]
            if len({a for _, a in inside}) > most:
                most, first, last = len({a for _, a in inside}), inside[0][0], end[0]
        n, moments = len(own), scene.class_moments[scene.class_of[o]]
        if moments[most] == 0.0:
            continue
        gain = -min(0.0, math.log(math.comb(n + 1, most + 1) * (most + 1) * moments[most]))
        gain += min(0.0, math.log(math.comb(n, most) * most * moments[most - 1]))
        gain /= math.log(10)
        if gain <= 0.15:
            continue
        for who in {a for _, a in acts} - set(members):
            theirs = [t for t, a in acts if a == who]
            if most > 1:
                joins = any(last - WINDOW <= t <= first + WINDOW for t in theirs)
            else:
                joins = any(abs(t - s) <= WINDOW for t in theirs for s, _ in own)
            if joins:
                expected[who] = expected.get(who, 0.0) + gain
    ranked = sorted(expected.items(), key=lambda item: (-round(item[1], 9), item[0]))
    found = [(x, g) for x, g in zip(best.tolist(), gains.tolist(), strict=True) if x >= 0]
    assert len(found) == min(len(ranked), candidates.TRIED)
    assert [g for _, g in found] == pytest.approx([g for _, g in ranked[: len(found)]])
    for x, g in found:
        assert expected[x] == pytest.approx(g)
