"""Lanes of clusters over time: by hand, and laws of where everything stands."""

import itertools

import numpy as np
import pytest
from helpers import over_time_of
from hypothesis import given
from hypothesis import strategies as st

import coordnet as cn
from coordnet.pictures.lanes import GAP, LEAST, lanes

A, B, C = set(range(10)), set(range(10, 16)), set(range(20, 26))


def test_lanes_by_hand():
    # A and B merge, C is away for a step and back without one of its members, A leaves again
    found = over_time_of([[A, B, C], [A | B], [B, A, C - {20}], []], patience=0)
    shown = lanes(found)
    drawn = shown.lanes.to_pylist()
    assert [(r["track"], r["accounts"], r["founders"]) for r in drawn] == [
        (0, 16, 10), (1, 6, 6), (3, 6, 6), (2, 6, 6),
    ]  # fmt: skip
    assert [tuple(r.values())[:2] + tuple(r.values())[4:] for r in shown.table().to_pylist()] == [
        (0, 0, 10, None, None, None), (0, 1, 16, 10, 6, 0), (0, 2, 10, 10, 0, 6),
        (1, 0, 6, None, None, None),
        (2, 0, 6, None, None, None), (2, 2, 5, 5, 0, 1),
        (3, 2, 6, None, None, None),
    ]  # fmt: skip
    flows = {
        (r["track"], r["step"], r["to_track"], r["to_step"]): r["accounts"]
        for r in shown.flows.to_pylist()
    }
    assert flows == {
        (0, 0, 0, 1): 10, (0, 1, 0, 2): 10, (1, 0, 0, 1): 6, (0, 1, 3, 2): 6, (2, 0, 2, 2): 5,
    }  # fmt: skip
    least = LEAST * (16 + 6 + 6 + 6) / 4
    middles = [r["middle"] for r in drawn]
    assert middles[0] == 8
    assert middles[1] == pytest.approx(16 + GAP * least + least / 2)
    # the flows of the merged bar: its own members over those that came from below
    into = {r["track"]: r["to_top"] for r in shown.flows.to_pylist() if r["to_step"] == 1}
    assert into == {0: 0.0, 1: 10.0}
    assert [tuple(e.values()) for e in shown.events.to_pylist()] == list(found.events)
    assert shown.left_out == 0
    assert shown.ends[0] - shown.starts[0] == 86_400_000_000


def test_the_largest_are_drawn():
    found = over_time_of([[A, B, C], [A, C]])
    shown = lanes(found, most=1)
    assert shown.lanes["track"].to_pylist() == [0]
    assert shown.left_out == 2
    assert set(shown.bars["track"].to_pylist()) == {0}
    assert {e["track"] for e in shown.events.to_pylist()} == {0}


step = st.lists(st.sets(st.integers(0, 12), min_size=2), max_size=4)


@given(st.lists(step, min_size=1, max_size=6), st.integers(0, 2))
def test_everything_has_its_place(steps, patience):
    found = over_time_of([*steps, [{0, 12}]], patience=patience)
    shown = lanes(found)
    bars = {(r["track"], r["step"]): r for r in shown.bars.to_pylist()}
    assert set(bars) == {(t.number, s) for t in found.tracks for s, _ in t.seen}
    # lanes do not touch each other
    most = {r["track"]: r for r in shown.lanes.to_pylist()}
    borders = [(r["middle"] - r["accounts"] / 2, r["middle"] + r["accounts"] / 2)
               for r in most.values()]  # fmt: skip
    assert all(a[1] < b[0] for a, b in itertools.pairwise(borders))
    assert borders[0][0] >= -1e-9
    assert borders[-1][1] <= shown.height + 1e-9
    ends = {}
    for flow in shown.flows.to_pylist():
        start, end = (flow["track"], flow["step"]), (flow["to_track"], flow["to_step"])
        both = set(found.members(*start).tolist()) & set(found.members(*end).tolist())
        assert flow["accounts"] == len(both) > 0
        assert flow["width"] <= flow["accounts"] + 1e-9
        ends.setdefault((start, "out"), []).append((flow["top"], flow["width"]))
        ends.setdefault((end, "in"), []).append((flow["to_top"], flow["width"]))
    for (bar, _), parts in ends.items():  # inside the bar, beside each other
        top = bars[bar]["top"]
        for (a, wide), (b, _) in zip(sorted(parts), sorted(parts)[1:], strict=False):
            assert a + wide <= b + 1e-9
        assert min(a for a, _ in parts) >= top - 1e-9
        assert max(a + wide for a, wide in parts) <= top + bars[bar]["accounts"] + 1e-9


def test_what_cannot_be_drawn_is_said():
    log = cn.simulate("organic", accounts=200, actions=200, seed=0).log
    nothing = cn.find_clusters_over_time(log.where(np.zeros(len(log), bool), "all"))
    assert lanes(nothing).lanes.num_rows == 0
    assert lanes(nothing).height == 0
    with pytest.raises(cn.ParameterError, match="not of int"):
        lanes(3)
