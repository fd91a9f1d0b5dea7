"""The kernels of the group test: moments of big objects, and pairs of members, each again."""

import os
import tracemalloc

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import groups as group_kernels

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
I4, I8 = np.int32, np.int64
MOST = group_kernels.MOST


def scene_of(acts, window, n_accounts, chance=0.1, background=()):
    """Return the scene of one object with these acts, (time, account), and its chance of a pair.

    Of everybody's pace, or that of the accounts marked in `background`.
    """
    time, account = np.array(sorted(acts), I8).reshape(-1, 2).T.copy()
    account = account.astype(I4)
    counts = np.bincount(account, minlength=n_accounts)
    moments = np.full((1, MOST), chance / 2) ** np.arange(MOST)
    return group_kernels.Scene(
        account, np.zeros(len(acts), I4), time, np.array([0, len(acts)], I8),
        *array_kernels.group_by_code(account, n_accounts), np.zeros(len(acts), I4),
        counts[account].astype(I4), np.array([(counts > 0).sum()], I4), np.zeros(1, I4),
        moments, np.zeros(1, I4), moments, np.full(len(acts), 5, np.int8), np.ones((1, 6)),
        np.array([window], I8), window, n_accounts, np.array(background, np.uint8), np.zeros(0),
    )  # fmt: skip


acts = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6)), min_size=1, max_size=40)


backgrounds = st.just([]) | st.lists(st.integers(0, 1), min_size=7, max_size=7)


@given(acts, st.integers(0, 8), backgrounds)
def test_moments_made_in_one_pass_are_those_made_one_by_one(rows, window, background):
    scene = scene_of(rows, window, 7, background=background)
    found = np.full((1, MOST), np.nan)
    n = int(scene.n_accounts[0])
    if n < 2:
        return
    nobody = np.zeros(7, np.uint8)
    group_kernels.big_object_moments(scene, np.zeros(1, I8), 0, 1, nobody, found)
    one_by_one = [group_kernels.object_moment(scene, 0, nobody, n, j) for j in range(1, MOST)]
    assert found[0, 0] == 1.0
    if INTERPRETED:  # Python's own powers round the last digit in another way
        assert found[0, 1:] == pytest.approx(one_by_one, rel=1e-12, abs=1e-300)
    else:
        assert found[0, 1:].tolist() == one_by_one


@given(acts, st.integers(1, 8), backgrounds, st.sets(st.integers(0, 6)), st.integers(1, 6))
def test_moments_equal_the_oracle(rows, window, background, members, j):
    """Whoever is in the set, or not in the background, sets no pace."""
    rows = sorted(set(rows))
    scene = scene_of(rows, window, 7, background=background)
    in_set = np.zeros(7, np.uint8)
    in_set[list(members)] = 1
    others = len({a for _, a in rows} - members)
    found = group_kernels.object_moment(scene, 0, in_set, others, j)
    gone = members | {a for a, marked in enumerate(background) if not marked}
    of_class = scene.class_moments[0].tolist()
    assert found == pytest.approx(naive.object_moment(rows, gone, of_class, window, j), rel=1e-9)


def test_moments_of_many_objects_at_once():
    """Each object's own, whatever stands before it."""
    rng = np.random.default_rng(0)
    scene = scene_of([(int(t), a % 50) for a, t in enumerate(rng.integers(0, 900, 80))], 30, 50)
    again = scene._replace(
        object=np.repeat([0, 1], 40).astype(I4), starts=np.array([0, 40, 80], I8),
        n_accounts=np.array([40, 40], I4), class_of=np.zeros(2, I4),
        repeats=np.ones(80, I4), window=np.full(2, 30),
    )  # fmt: skip
    whole, parts = np.zeros((2, MOST)), np.zeros((2, MOST))
    nobody = np.zeros(50, np.uint8)
    group_kernels.big_object_moments(again, np.arange(2), 0, 2, nobody, whole)
    for i in (1, 0):
        group_kernels.big_object_moments(again, np.arange(2), i, i + 1, nobody, parts)
    assert whole.tobytes() == parts.tobytes()
    assert (whole[:, 1] > 0).all()
    assert whole[0, 1] != whole[1, 1]


def pairs_of(scene, members):
    """Return what synchronised_pairs gives for these members."""
    codes = np.array(members, I4)
    actions, n = group_kernels.gather(scene, codes, len(codes), np.empty(8, I4))
    in_set, seen = np.zeros(len(scene.indptr) - 1, np.uint8), np.zeros(len(scene.indptr) - 1, I4)
    in_set[codes] = 1
    found = group_kernels.synchronised_pairs(scene, actions, n, in_set, seen)
    assert not seen.any()
    return found


@given(acts, st.integers(0, 8), st.sets(st.integers(0, 6), min_size=2))
def test_synchronised_pairs_equal_the_oracle(rows, window, members):
    rows = sorted(set(rows))
    scene = scene_of(rows, window, 7)
    own = [(t, a) for t, a in rows if a in members]
    everybody = naive.repeats(rows)
    observed, expected = pairs_of(scene, sorted(members))
    naive_observed, naive_expected = naive.synchronised_pairs([(0.1, own)], window)
    assert observed == naive_observed
    assert all(naive.repeats(own)[a] == everybody[a] for _, a in own)
    assert expected == pytest.approx(naive_expected)


def test_synchronised_pairs_take_memory_for_actions_not_for_pairs(monkeypatch):
    """Two thousand members, two of whom act twice: four million pairs."""
    rows = [(100 * a, a) for a in range(2_000)] + [(5, 0), (40, 1)]
    scene = scene_of(rows, 50, 2_000)
    interpreted = getattr(
        group_kernels.synchronised_pairs, "py_func", group_kernels.synchronised_pairs
    )
    monkeypatch.setattr(group_kernels, "synchronised_pairs", interpreted)
    pairs_of(scene, range(2))  # what it calls is compiled before memory is traced
    tracemalloc.start()
    try:
        observed, _ = pairs_of(scene, range(2_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert observed == 1  # accounts 0 and 1, by two of the actions of 0
    assert peak < 1_000_000
