import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordnet.over_time.following import follow
from coordnet.over_time.periods import levels


def sets(*steps):
    return [[np.array(sorted(s), np.int32) for s in step] for step in steps]


def told(events):
    return [(e.step, e.event, e.track, e.other) for e in events]


def test_a_cluster_goes_on_while_its_members_change_one_by_one():
    steps = sets(*([set(range(i, i + 6))] for i in range(9)))  # the last has none of the first
    tracks, events = follow(steps, patience=0)
    assert [t.seen for t in tracks] == [tuple((i, 0) for i in range(9))]
    assert told(events) == [(0, "born", 0, None)]


def test_two_merge_and_the_larger_goes_on():
    a, b = set(range(10)), set(range(10, 16))
    tracks, events = follow(sets([a, b], [a | b]), patience=0)
    assert [t.seen for t in tracks] == [((0, 0), (1, 0)), ((0, 1),)]
    assert told(events)[2:] == [(1, "merged", 1, 0)]


def test_one_splits_and_the_larger_part_goes_on():
    a, b = set(range(10)), set(range(10, 16))
    tracks, events = follow(sets([a | b], [a, b]), patience=0)
    assert [t.seen for t in tracks] == [((0, 0), (1, 0)), ((1, 1),)]
    assert told(events)[1:] == [(1, "split", 1, 0)]


def test_who_shares_less_than_half_is_another_cluster():
    tracks, events = follow(sets([set(range(10))], [set(range(6, 16))]), patience=0)
    assert len(tracks) == 2
    assert told(events) == [
        (0, "born", 0, None), (1, "born", 1, None), (1, "gone", 0, None),
    ]  # fmt: skip
    tracks, _ = follow(sets([set(range(10))], [set(range(5, 15))]), patience=0)
    assert len(tracks) == 1


@pytest.mark.parametrize(("patience", "gone"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_group_is_new_once_however_long_it_pauses(patience, gone):
    found, events = follow(sets([{1, 2, 3}], [], [], [{1, 2, 3}], []), patience)
    assert len(found) == 1
    assert told(events) == [
        (0, "born", 0, None), *[(1, "gone", 0, None)] * gone, (3, "returned", 0, None),
        (4, "gone", 0, None),
    ]  # fmt: skip


def test_a_large_new_group_is_not_a_small_old_one_that_is_back():
    old, new = {1, 2, 3, 4}, set(range(3, 20))
    tracks, events = follow(sets([old], [], [new], [old | {30}]), patience=0)
    assert told(events) == [
        (0, "born", 0, None), (1, "gone", 0, None), (2, "born", 1, None),
        (3, "returned", 0, None), (3, "gone", 1, None),
    ]  # fmt: skip
    assert [t.seen for t in tracks] == [((0, 0), (3, 0)), ((2, 0),)]
    # one that is waited for goes on while it grows
    assert len(follow(sets([old], [], [new]), patience=1)[0]) == 1


step = st.lists(st.sets(st.integers(0, 12), min_size=1), max_size=4)


@given(st.lists(step, max_size=6), st.integers(0, 2))
def test_each_cluster_is_of_one_track_and_the_past_stays(steps, patience):
    steps = sets(*steps)
    tracks, events = follow(steps, patience)
    where = sorted(place for track in tracks for place in track.seen)
    assert where == [(s, j) for s, step in enumerate(steps) for j in range(len(step))]
    for track in tracks:  # at most one cluster a step, and new once
        seen = [s for s, _ in track.seen]
        assert all(b > a for a, b in itertools.pairwise(seen))
        own = [e for e in events if e.track == track.number]
        assert sum(e.event in ("born", "split") for e in own) == 1
        pauses = [(a, b) for a, b in itertools.pairwise(seen) if b > a + 1]
        assert [e.step for e in own if e.event == "returned"] == [b for _, b in pauses]
        left = [a + 1 for a, b in pauses if b - a > patience + 1]
        if seen[-1] < len(steps) - 1 and not any(e.event == "merged" for e in own):
            left.append(seen[-1] + 1)
        assert [e.step for e in own if e.event == "gone"][: len(left)] == left
    if steps:  # what was found of the steps so far does not change with the next
        earlier, before = follow(steps[:-1], patience)
        last = len(steps) - 1
        assert [t.seen for t in earlier] == [
            tuple(p for p in t.seen if p[0] < last) for t in tracks[: len(earlier)]
        ]
        known = [e for e in before if e.event != "gone"]
        assert known == [e for e in events if e.event != "gone" and e.step < last]


def test_the_levels_of_all_steps_add_up_to_no_more_than_the_level():
    assert levels(0.05, 10, "even") == [0.005] * 10
    for n in (1, 10, 1_000):
        spent = levels(0.05, n, "open")
        assert sum(spent) == pytest.approx(0.05 * n / (n + 1))
    assert levels(0.05, 3, "open") == levels(0.05, 8, "open")[:3]
