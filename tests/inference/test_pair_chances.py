"""Chances with every pair of accounts weighing alike: against plain Python, beside large rings."""

import math
import random
from itertools import combinations

import numpy as np
import pytest
from helpers import log_of
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import START, WINDOW, logs, windows

import coordnet as cn
from coordnet.frames import frozen
from coordnet.inference.pair_chances import CLASSES, pair_chances
from coordnet.inference.statistics import Chances, WindowStatistics
from coordnet.kernels import pair_chances as pair_kernels

MINUTE = 60_000_000
NULL = ("organic", "breaking_news", "live_events", "threads", "repeaters", "schedulers",
        "early_birds", "daily_slots")  # fmt: skip


def statistics_of(log, window=MINUTE):
    """Return class of each object and pooled chance of each class."""
    counted = WindowStatistics(log, window)
    return Chances(counted.classes, counted.pooled_chances)


def windows_by_class(chances, window):
    """Return the window of each class, the same for all."""
    return np.full(len(chances.chance), window)


def naive_sums(log, classes, window, outside):
    """Return {class: (sum s / K, pairs, sum (s / K)^2, sum 1 / K^2, co-occurrences, accounts)}."""
    acts = {}
    for a, o, t in zip(log.account.tolist(), log.object.tolist(), log.time.tolist(), strict=True):
        if outside[a]:
            acts.setdefault(o, {}).setdefault(a, []).append(t)
    shared = {}
    for o, times in acts.items():
        for u, v in combinations(sorted(times), 2):
            near = sum(abs(s - t) <= window for s in times[u] for t in times[v])
            met = near / (len(times[u]) * len(times[v]))
            shared.setdefault((classes[o], u, v), []).append(met)
    sums = {}
    for (c, u, v), met in shared.items():
        k = len(met)
        own = sums.setdefault(c, [0.0, 0, 0.0, 0.0, 0, {}])
        own[0] += sum(met) / k
        own[1] += 1
        own[2] += sum((s / k) ** 2 for s in met)
        own[3] += 1 / k
        own[4] += k
        own[5][u] = own[5].get(u, 0) + 1
        own[5][v] = own[5].get(v, 0) + 1
    return sums


def assert_like_naive(log, window, outside=None, classes=None):
    chances = statistics_of(log, window)
    classes = chances.of_object if classes is None else classes
    found = pair_chances(log, classes, chances.chance, windows_by_class(chances, window), outside)
    everybody = np.ones(log.n_accounts, bool) if outside is None else outside
    sums = naive_sums(log, classes.tolist(), window, everybody)
    for c in range(len(chances.chance)):
        if c not in sums:
            assert (found.by_pairs[c], found.accounts[c], found.repeats[c]) == (1.0, 0.0, 0.0)
            assert found.chance[c] == chances.chance[c]
            continue
        together, pairs, squares, weights, met, partners = sums[c]
        limit = (together + 2 * math.sqrt(squares) + 4 * weights / pairs) / pairs
        assert found.by_pairs[c] == pytest.approx(min(limit, 1.0))
        effective = (2 * pairs) ** 2 / sum(n * n for n in partners.values())
        assert found.accounts[c] == pytest.approx(effective)
        assert found.repeats[c] == pytest.approx(met / pairs)
        if c not in found.beside_neighbours:
            assert found.chance[c] == min(chances.chance[c], found.by_pairs[c])


@given(logs(max_size=60), windows(), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_small_logs_are_counted_in_full(rows, window, rng):
    log = log_of(rows)
    assert_like_naive(log, window)
    assert_like_naive(log, window, np.array([rng.random() < 0.7 for _ in log.accounts], bool))


def test_a_population_is_counted_like_plain_python():
    """Classes of up to 6,000 co-occurrences, accounts that act again, pairs that share many."""
    rng = random.Random(1)
    rows = []
    for o in range(150):
        for a in rng.sample(range(60), rng.choice([2, 3, 5, 9, 20])):
            for _ in range(rng.choice([1, 1, 1, 3])):
                moment = START + o * 10 * WINDOW + rng.randrange(4 * WINDOW)
                rows.append((f"u{a}", f"o{o}", moment, rng.choice("kl"), None))
    log = log_of(rows)
    assert_like_naive(log, WINDOW)
    assert_like_naive(log, WINDOW, np.arange(log.n_accounts) % 3 > 0)


@pytest.mark.parametrize("own", [50, 300])
def test_long_lists_of_objects_are_counted_like_plain_python(own):
    """Some act on hundreds of objects of one class and some on few; many act often on one."""
    rng = random.Random(own)
    lists = {f"u{a}": rng.sample(range(own), own * 9 // 10) for a in range(4)}
    lists |= {f"v{a}": range(own // 2 * a, own // 2 * (a + 1)) for a in range(2)}
    lists |= {f"w{a}": rng.sample(range(own), rng.choice([1, 2, 20])) for a in range(20)}
    rows = [
        (a, f"o{o}", START + o * 10 * WINDOW + rng.randrange(3 * WINDOW), "k", None)
        for a, objects in lists.items()
        for o in objects
        for _ in range(rng.choice([1, 1, 2, 6]))
    ]
    log = log_of(rows)
    classes = np.zeros(log.n_objects, np.int32)  # more in one class than one octave has
    assert_like_naive(log, WINDOW)
    assert_like_naive(log, WINDOW, classes=classes)


def slots_of(log, classes):
    """Return the slots of a log as the kernel takes them, made in plain Python, and `before`."""
    ranked = np.argsort(classes, kind="stable")
    rank = np.argsort(ranked, kind="stable")
    acts = {}
    order = np.lexsort((log.time, log.object, log.account))
    for k, p in enumerate(order.tolist()):
        o, a = int(log.object[p]), int(log.account[p])
        acts.setdefault((int(classes[o]), a, int(rank[o])), []).append((k, p))
    keys = sorted(acts)
    objects = np.array([o for _, _, o in keys], np.int32)
    first = sorted((acts[key][0][0], key) for key in keys)
    run = {key: r for r, (_, key) in enumerate(first)}
    n_o = np.bincount(objects, minlength=log.n_objects)
    slots = pair_kernels.Slots(
        np.append(0, np.cumsum(n_o)),
        objects,
        np.array([a for _, a, _ in keys], np.int32),
        np.empty(len(keys), np.int32),
        np.array([acts[k][0][1] if len(acts[k]) == 1 else -1 - run[k] for k in keys], np.int32),
        frozen(np.array([k for k, _ in first] + [len(log)], np.int32)),
        frozen(order.astype(np.int32)),
        log.time,
    )
    return slots, np.append(0, np.cumsum(n_o * (n_o - 1) // 2))


def test_a_sample_says_what_all_co_occurrences_say():
    log = cn.simulate("large_ring", accounts=1_000, seed=2, rings=[(60, 40)], kind="retweet").log
    chances = statistics_of(log)
    slots, before = slots_of(log, chances.of_object)
    share, holder_starts = np.zeros(log.n_accounts), np.empty(log.n_accounts + 1, np.int32)
    borders = np.searchsorted(np.sort(chances.of_object), np.arange(len(chances.chance) + 1))
    tried = 0
    for c in range(len(chances.chance)):
        first, last = borders[c], borders[c + 1]
        total = int(before[last] - before[first])
        if total < 8_000:
            continue
        pair_kernels.number_holders(slots, first, last, holder_starts)
        every, some = (
            pair_kernels.sample_sums(
                slots, first, last, before, MINUTE, size, c, holder_starts, share
            )
            for size in (total, 4_000)
        )
        assert not share.any()
        error = math.sqrt(every[3] / total * 4_000) / (every[2] / total * 4_000)
        assert some[1] / some[2] == pytest.approx(every[1] / every[2], abs=4 * error)
        assert some[2] / 4_000 == pytest.approx(every[2] / total, rel=0.05)
        tried += 1
    assert tried >= 3


def test_no_number_of_threads_changes_a_byte():
    log = cn.simulate("large_ring", accounts=2_000, seed=1, rings=[(60, 100)]).log
    chances = statistics_of(log)
    one, four = (
        pair_chances(
            log, chances.of_object, chances.chance, windows_by_class(chances, MINUTE), threads=n
        )
        for n in (1, 4)
    )
    assert [a.tobytes() for a in one] == [b.tobytes() for b in four]


@pytest.mark.parametrize("shape", [(60, 100), (100, 100), (150, 100), (100, 30), (600, 60)])
def test_a_ring_that_fills_a_class_does_not_set_its_chance(shape):
    """All other co-actions are by chance, of less than 0.01: so is what the ring is held to."""
    sim = cn.simulate("large_ring", accounts=5_000, seed=0, rings=[shape], kind="text")
    chances = statistics_of(sim.log)
    full = int(np.argmax(chances.chance))
    assert chances.chance[full] > 0.5
    found = pair_chances(
        sim.log, chances.of_object, chances.chance, windows_by_class(chances, MINUTE)
    )
    assert found.chance[full] < 0.4 * chances.chance[full]
    members = np.isin(sim.log.accounts, sim.truth.groups["ring_1"])
    alone = pair_chances(
        sim.log, chances.of_object, chances.chance, windows_by_class(chances, MINUTE), ~members
    )
    assert alone.by_pairs[full] < 0.05  # with the ring taken out of the background


def one_ring_alone(neighbours=4):
    """Return a log with a ring that nobody else joins, and a public with other classes."""
    rng = random.Random(3)
    rows = []
    for octave in range(1, 1 + neighbours):
        for o in range(150):
            for a in rng.sample(range(2_000), 2**octave):
                moment = START + rng.randrange(100 * WINDOW)
                rows.append((f"u{a}", f"o{octave}-{o}", moment, "k", None))
    for o in range(30):
        for a in range(70):
            moment = START + o * 200 * WINDOW + rng.randrange(WINDOW // 3)
            rows.append((f"ring{a}", f"r{o}", moment, "k", None))
    return log_of(rows)


def test_a_class_of_one_ring_alone_is_judged_beside_its_neighbours_and_named():
    log = one_ring_alone()
    chances = statistics_of(log, WINDOW)
    found = pair_chances(log, chances.of_object, chances.chance, windows_by_class(chances, WINDOW))
    assert chances.chance[6] == pytest.approx(1.0)
    assert found.beside_neighbours.tolist() == [6]
    assert found.accounts[6] == pytest.approx(70, rel=0.01)
    assert found.repeats[6] == pytest.approx(30, rel=0.01)
    near = chances.chance[1:5]
    assert near.min() < found.chance[6] < 2 * near.max()
    assert found.not_judged.tolist() == []


def test_a_class_without_neighbours_keeps_its_chance_and_is_named():
    log = one_ring_alone(neighbours=2)
    chances = statistics_of(log, WINDOW)
    found = pair_chances(log, chances.of_object, chances.chance, windows_by_class(chances, WINDOW))
    assert found.chance[6] == pytest.approx(1.0)
    assert found.beside_neighbours.tolist() == []
    assert found.not_judged.tolist() == [6]


@pytest.mark.parametrize("scenario", NULL)
def test_where_nothing_is_planted_little_changes(scenario):
    """A chance too small would be evidence: noise must not make the smaller of two numbers."""
    log = cn.simulate(scenario, accounts=5_000, seed=1).log
    chances = statistics_of(log)
    found = pair_chances(log, chances.of_object, chances.chance, windows_by_class(chances, MINUTE))
    assert found.beside_neighbours.tolist() == []
    busy = np.bincount(chances.of_object, minlength=len(chances.chance)) > 0
    least = 0.5 if scenario == "early_birds" else 0.7  # they share the posts of their sources
    assert (found.chance[busy] >= least * chances.chance[busy]).all()
    assert len(found.chance) % CLASSES == 0
