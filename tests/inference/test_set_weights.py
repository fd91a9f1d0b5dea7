"""What sets cost by their interests: against all orders written out, and what must hold of them."""

import math
import random
from itertools import combinations, permutations

import numpy as np
import pytest
from helpers import group_tester, log_of
from hypothesis import given, settings
from strategies import START, logs

import coordnet as cn
from coordnet.inference.set_weights import interests_of, log10_weight
from coordnet.kernels import set_weights as weight_kernels

MINUTE = 60_000_000


def acts_of(rows, left_out=()):
    """Return {account: its objects}."""
    acts = {}
    for account, obj, _, kind, _ in rows:
        acts.setdefault(account, set())
        if obj not in left_out:
            acts[account].add((kind, obj))
    return acts


def naive_weight(acts, members):
    """Return the weight of a set: the process followed along every order."""
    n = len(acts)

    def chance(u, v):
        every = sum(math.comb(len(acts[u] & acts[x]), 2) for x in acts if x != u)
        if not every:
            return 1 / n
        return 0.9 * math.comb(len(acts[u] & acts[v]), 2) / every + 0.1 / n

    total = 0.0
    for order in permutations(members):
        drawn = 1 / n
        for j in range(1, len(order)):
            drawn *= sum(chance(u, order[j]) for u in order[:j]) / j
        total += drawn
    return total


def crowd(accounts, objects, seed, chance=0.4):
    """Return rows of a population in which some share much and some nothing."""
    rng = random.Random(seed)
    keen = [rng.choice([0.1, 1.0, 2.0]) * chance for _ in range(accounts)]
    return [
        (f"u{a}", f"o{o}", START + rng.randrange(10**9), "k", None)
        for a in range(accounts)
        for o in range(objects)
        if rng.random() < keen[a]
        for _ in range(rng.choice([1, 1, 2]))
    ]


@given(logs(max_size=60, min_size=1))
@settings(max_examples=60)
def test_weights_are_those_of_the_process(rows):
    log = log_of(rows)
    interests, acts = interests_of(log), acts_of(rows)
    assert interests.n == len(acts)
    for size in (1, 2, 3, 5):
        members = list(log.accounts[:size])
        if len(members) == size:
            found = log10_weight(interests, log.codes_of(members))
            assert found == pytest.approx(math.log10(naive_weight(acts, members)), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_weights_of_sets_that_share_much_are_those_of_the_process(seed):
    rows = crowd(12, 15, seed)
    log = log_of(rows)
    interests, acts = interests_of(log), acts_of(rows)
    for members in list(combinations(log.accounts, 5))[::80]:
        found = log10_weight(interests, log.codes_of(members))
        assert found == pytest.approx(math.log10(naive_weight(acts, members)), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_weights_of_all_sets_of_a_size_add_up_to_at_most_one(seed):
    log = log_of(crowd(6, 8, seed))
    interests = interests_of(log)
    for size in range(1, log.n_accounts + 1):
        sets = combinations(range(log.n_accounts), size)
        total = sum(10 ** log10_weight(interests, np.array(s, np.int32)) for s in sets)
        assert total <= 1 + 1e-12
        assert size > 1 or total == pytest.approx(1)


def test_weights_depend_on_what_and_not_on_when():
    rows = crowd(12, 15, 3)
    log = log_of(rows)
    members = np.arange(7, dtype=np.int32)
    weight = log10_weight(interests_of(log), members)
    rng = random.Random(0)
    moved = [(a, o, START + rng.randrange(10**12), k, c) for a, o, _, k, c in rows]
    assert log10_weight(interests_of(log_of(moved)), members) == weight


def mixed_chances(rng, size):
    """Draw the chances of steps: of a clique, of a star, of two halves, and of anything."""
    shape = rng.choice(["clique", "star", "halves", "any"])
    low = 10 ** rng.uniform(-7, -3)
    q = np.full((size, size), low)
    for u in range(size):
        for v in range(size):
            near = {
                "clique": True,
                "star": u == 0 or v == 0,
                "halves": (u < size // 2) == (v < size // 2),
                "any": rng.random() < 0.5,
            }[shape]
            if near:
                q[u, v] = max(low, 10 ** rng.uniform(-3, -0.5))
    return q


@pytest.mark.parametrize("size", [2, 3, 6, 12, 14])
def test_the_bound_for_large_sets_is_below_the_weight_and_not_far(size):
    rng = random.Random(size)
    for _ in range(40):
        q = mixed_chances(rng, size)
        exact = math.log(weight_kernels.weights_of_subsets(q, size, 1_000)[-1])
        bound = weight_kernels.log_weight_bound(q, size, 1_000)
        assert bound <= exact + 1e-9
    alike = np.full((size, size), 0.01)  # nothing is lost where all chances are alike
    exact = math.log(weight_kernels.weights_of_subsets(alike, size, 1_000)[-1])
    assert weight_kernels.log_weight_bound(alike, size, 1_000) == pytest.approx(exact)


def test_a_large_set_has_the_bound_and_a_small_one_all_orders():
    sim = cn.simulate("retweet_ring", accounts=2_000, seed=0)
    interests = interests_of(sim.log)
    ring = sim.log.codes_of(sim.truth.groups["ring_30"])
    log10_weight(interests, ring)  # what they share is known now
    for size in (12, 13, 30):
        q = weight_kernels.step_chances(interests, ring, size)
        if size == 12:
            expected = math.log(weight_kernels.weights_of_subsets(q, size, interests.n)[-1])
        else:
            expected = weight_kernels.log_weight_bound(q, size, interests.n)
        found = log10_weight(interests, ring[:size])
        assert found == pytest.approx(expected / math.log(10))
    equal = math.log10(math.comb(sim.log.n_accounts, 30))
    assert log10_weight(interests, ring) > -0.6 * equal


def test_the_most_popular_objects_are_left_out_where_they_cost_too_much():
    rows = crowd(8, 15, 0)
    rows += [(f"x{i}", viral, START, "k", None) for i in range(1_100) for viral in "ab"]
    rows += [(a, viral, START, "k", None) for a in ("u0", "u1", "u2") for viral in "ab"]
    log = log_of(rows)
    interests = interests_of(log)
    acts = acts_of(rows, left_out="ab")
    members = ["u0", "u1", "u2"]
    assert interests.n == len(acts)
    found = log10_weight(interests, log.codes_of(members))
    assert found == pytest.approx(math.log10(naive_weight(acts, members)), abs=1e-9)


def test_what_accounts_share_is_counted_where_it_is_asked_for():
    log = cn.simulate("small_cells", accounts=1_000, seed=0).log
    interests = interests_of(log)
    acts = {u: set(log.object[log.account == u].tolist()) for u in log.active.tolist()}
    assert (interests.shared == -1).all()
    members = np.array([3, 700, 5], np.int32)
    count = np.zeros(len(log.all_accounts), np.int32)
    weight_kernels.know_shared(interests, members, 2, count)
    assert not count.any()
    assert np.flatnonzero(interests.shared >= 0).tolist() == [3, 700]
    for u in (3, 700):
        every = sum(math.comb(len(acts[u] & other), 2) for v, other in acts.items() if v != u)
        assert interests.shared[u] == every > 0
    everybody = log.active.astype(np.int32)
    weight_kernels.know_shared(interests, everybody, len(everybody), count)
    assert (interests.shared[everybody] >= interests.least[everybody]).all()
    assert (interests.least[everybody] > 0).mean() > 0.5
    # of objects that everybody acts on, the bound is what is shared
    alike = interests_of(
        log_of([(f"u{a}", f"o{o}", START, "k", None) for a in range(7) for o in range(5)])
    )
    assert alike.least == pytest.approx(np.full(7, 6 * 10))


def test_what_is_shared_at_least_is_read_from_popular_objects_as_far_as_there_is_time():
    """By hand: a and b share p, q and r; c and d p and q; and others one object each."""
    acts = {"a": "pqrst", "b": "pqr", "c": "pq", "d": "pq"}
    acts.update({f"e{i}": "uvwxyz"[i] for i in range(6)})
    log = log_of([(who, what, START, "k", None) for who, own in acts.items() for what in own])
    one = interests_of(log)
    assert one.least[log.codes_of(["a", "b", "c", "d"])].tolist() == [5, 5, 3, 3]
    popular = np.argsort(-np.diff(one.object_starts), kind="stable")  # p and q of four, r of two
    for most, expected in ((0, [0, 0, 0, 0]), (16, [3, 3, 3, 3]), (1_000, [5, 5, 3, 3])):
        found = weight_kernels.least_shared(
            one.starts, one.object_starts, one.accounts, one.met, one.n, popular[:4], most
        )
        assert found[log.codes_of(["a", "b", "c", "d"])].tolist() == expected, most


@pytest.mark.parametrize("members", [[], [1, 1, 2]])
def test_what_is_no_set_is_told(members):
    interests = interests_of(log_of(crowd(5, 5, 0)))
    with pytest.raises(cn.CoordnetError) as error:
        log10_weight(interests, np.array(members, np.int32))
    assert str(error.value) == (
        f"members={members!r} is no set of accounts; give codes, each of them once."
    )


# -- in the group test -------------------------------------------------------------------------


def test_the_group_test_pays_by_weight():
    """Small groups of common interests pay far less than all sets of their size would alike."""
    sim = cn.simulate("tiny_cells", accounts=2_000, seed=0)
    tester, interests = group_tester(sim.log), interests_of(sim.log)
    for members in sim.truth.groups.values():
        codes = sim.log.codes_of(members)
        k = len(codes)
        found = tester.test(codes)
        paid = log10_weight(interests, codes) - math.log10(k * (k - 1))
        assert found.evidence == pytest.approx(-found.log10_p + paid)
        alike = math.log10(math.comb(sim.log.n_accounts, k) * k * (k - 1))
        assert found.evidence > -found.log10_p - alike + 3


@pytest.mark.parametrize("scenario", ["tiny_cells", "retweet_ring"])
def test_what_the_search_says_of_a_set_is_what_the_test_says(scenario):
    """The search estimates prices on its way; what it returns must rest on none."""
    sim = cn.simulate(scenario, accounts=2_000, seed=1)
    tester = group_tester(sim.log)
    groups = [sim.log.codes_of(members) for members in sim.truth.groups.values()]
    grown = tester.grow([members[:2] for members in groups])
    for (found, evidence), members in zip(grown, groups, strict=True):
        assert evidence == pytest.approx(tester.test(found).evidence)
        assert np.isin(found, members).mean() >= 0.8
        assert len(found) >= (0.7 if len(members) <= 30 else 0.2) * len(members)


def test_an_account_that_does_not_belong_leaves_whatever_the_price():
    sim = cn.simulate("retweet_ring", accounts=2_000, seed=1)
    tester = group_tester(sim.log)
    rings = {name: sim.log.codes_of(members) for name, members in sim.truth.groups.items()}
    public = np.setdiff1d(np.arange(40, dtype=np.int32), np.concatenate([*rings.values()]))
    for name in ("ring_12", "ring_30"):
        ((found, _),) = tester.grow([np.union1d(rings[name], public[:2]).astype(np.int32)])
        assert np.isin(found, rings[name]).all()
        assert len(found) > 0.9 * len(rings[name])
