"""Clusters over time: a lane a track, as wide as it has members, and who goes where."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.errors import ParameterError, check_whole
from coordnet.frozen import Frozen
from coordnet.over_time.clusters_over_time import ClustersOverTime

MOST = 40  # lanes that can be told from each other
LEAST = 0.8  # of the mean height, that a lane has at least, so that its name has room
GAP = 0.4  # of that, between lanes


@dataclass(frozen=True, eq=False)
class Lanes(Frozen):
    """Where everything stands: one account is one high, the first lane begins at 0 and is on top.

    An alluvial diagram (Rosvall & Bergstrom 2010): a bar for each step in which a track was seen,
    and between bars flows as wide as there are members that both hold.

    Attributes
    ----------
    starts, ends : int64 (steps,)
        Of the steps, microseconds since 1970 (UTC).
    lanes : pyarrow.Table
        A row a track that is drawn, from the top: ``track``, ``middle``, ``accounts`` (the most in
        a step), ``founders`` (those of its first step). What split off stands under what it came
        from, and what merged under what it went into.
    bars : pyarrow.Table
        A row a track and step: ``track``, ``step``, ``accounts``, ``stayed``, ``joined`` and
        ``left`` (beside the step in which it was seen before; null in the first), ``top``.
    flows : pyarrow.Table
        Members that stay, go into another track or split off: ``track``, ``step``, ``to_track``,
        ``to_step``, ``accounts``, ``top``, ``to_top``, ``width``. Clusters may overlap; where the
        flows of a bar add up to more than it, they are drawn narrower.
    events : pyarrow.Table
        What happened to these tracks: ``step``, ``event``, ``track``, ``other``.
    height : float
        Of all lanes.
    left_out : int
        Tracks that are not drawn, the smaller ones.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    lanes: pa.Table
    bars: pa.Table
    flows: pa.Table
    events: pa.Table
    height: float
    left_out: int

    def table(self) -> pa.Table:
        """Return one row a bar: track, step, start, end, accounts, stayed, joined, left."""
        step = self.bars["step"].to_numpy()
        when = pa.timestamp("us", tz="UTC")
        columns = {name: self.bars[name] for name in ("accounts", "stayed", "joined", "left")}
        return pa.table(
            {
                "track": self.bars["track"],
                "step": self.bars["step"],
                "start": pa.array(self.starts[step]).cast(when),
                "end": pa.array(self.ends[step]).cast(when),
                **columns,
            }
        )


def lanes(found: ClustersOverTime, most: int = MOST) -> Lanes:
    """Return the lanes of clusters that were followed.

    Parameters
    ----------
    found
        What :func:`coordnet.find_clusters_over_time` gave.
    most
        How many lanes at most; of more tracks those that have the most members in a step.

    Examples
    --------
    >>> import coordnet as cn
    >>> from coordnet.pictures.lanes import lanes
    >>> sim = cn.simulate("regroupings", accounts=500, actions=5_000, seed=0)
    >>> found = cn.find_clusters_over_time(sim.log, every="14d", window="28d")
    >>> lanes(found).lanes["track"].to_pylist()
    [0, 5, 1, 2, 3, 4]
    """
    if not isinstance(found, ClustersOverTime):
        raise ParameterError(
            f"this picture is of clusters over time, not of {type(found).__name__}; give what "
            "find_clusters_over_time gives."
        )
    check_whole(most, "most", 1)
    rows = found.to_frame("pyarrow").select(
        ["track", "step", "accounts", "stayed", "joined", "left"]
    )
    size: dict[int, int] = defaultdict(int)
    first: dict[int, int] = {}
    for track, accounts in zip(rows["track"].to_pylist(), rows["accounts"].to_pylist(),
                               strict=True):  # fmt: skip
        size[track] = max(size[track], accounts)
        first.setdefault(track, accounts)
    largest = sorted(size, key=lambda track: (-size[track], track))[:most]
    drawn = [track for track in _from_the_top(found) if track in set(largest)]
    least = LEAST * sum(size[track] for track in drawn) / max(len(drawn), 1)
    slots = np.array([max(size[track], least) for track in drawn], np.float64)
    tops = np.concatenate([[0.0], np.cumsum(slots + GAP * least)])
    middle = dict(zip(drawn, (tops[:-1] + slots / 2).tolist(), strict=True))
    inside = pa.array([track in middle for track in rows["track"].to_pylist()], pa.bool_())
    rows = rows.filter(inside)
    bars = {
        (track, step): (middle[track] - accounts / 2, accounts)
        for track, step, accounts in zip(
            *(rows[name].to_pylist() for name in ("track", "step", "accounts")), strict=True
        )
    }
    events = [event for event in found.events if event.track in middle]
    return Lanes(
        np.array([step.start_us for step in found.steps], np.int64),
        np.array([step.end_us for step in found.steps], np.int64),
        pa.table(
            {
                "track": pa.array(drawn, pa.int64()),
                "middle": pa.array([middle[track] for track in drawn], pa.float64()),
                "accounts": pa.array([size[track] for track in drawn], pa.int64()),
                "founders": pa.array([first[track] for track in drawn], pa.int64()),
            }
        ),
        rows.append_column("top", pa.array([top for top, _ in bars.values()], pa.float64())),
        _flows(found, bars),
        pa.table(
            {
                "step": pa.array([event.step for event in events], pa.int64()),
                "event": pa.array([event.event for event in events], pa.large_string()),
                "track": pa.array([event.track for event in events], pa.int64()),
                "other": pa.array([event.other for event in events], pa.int64()),
            }
        ),
        float(tops[-1] - GAP * least) if drawn else 0.0,
        len(found.tracks) - len(drawn),
    )


def _from_the_top(found: ClustersOverTime) -> list[int]:
    """Return the tracks by when they were first seen, each followed by those that belong to it."""
    belongs: dict[int, int] = {}
    for event in found.events:
        if event.other is not None:
            belongs.setdefault(event.track, event.other)
    under: dict[int | None, list[int]] = defaultdict(list)
    for track in found.tracks:
        under[belongs.get(track.number)].append(track.number)
    order: list[int] = []
    seen: set[int] = set()
    # two tracks may each belong to the other: one came from it and went back
    for begin in [*under[None], *(track.number for track in found.tracks)]:
        left = [begin]
        while left:
            number = left.pop()
            if number not in seen:
                seen.add(number)
                order.append(number)
                left += reversed(under[number])
    return order


_Bars = dict[tuple[int, int], tuple[float, int]]  # (track, step): top and accounts


def _flows(found: ClustersOverTime, bars: _Bars) -> pa.Table:
    """Return who goes from bar to bar: along a track, into another one, and out of it."""
    ways: list[tuple[tuple[int, int], tuple[int, int]]] = []
    seen = {track.number: [step for step, _ in track.seen] for track in found.tracks}
    for number, steps in seen.items():
        ways += [((number, a), (number, b)) for a, b in itertools.pairwise(steps)]
    for event in found.events:
        if event.other is None:
            continue
        old, new = event.other, event.track
        if event.event == "merged":
            old, new = new, old
        before = [step for step in seen[old] if step < event.step]
        if before and event.step in seen[new]:
            ways.append(((old, before[-1]), (new, event.step)))
    rows = []
    for start, end in dict.fromkeys(ways):
        if start in bars and end in bars:
            shared = len(np.intersect1d(found.members(*start), found.members(*end)))
            if shared:
                rows.append((start, end, shared))
    counts = np.array([shared for *_, shared in rows], np.float64)
    width = counts.copy()
    sides: list[dict[tuple[int, int], list[int]]] = [defaultdict(list), defaultdict(list)]
    for i, (start, end, _) in enumerate(rows):
        sides[0][start].append(i)
        sides[1][end].append(i)
    for side in sides:  # no wider than the bar
        for bar, own in side.items():
            width[own] = np.minimum(width[own], counts[own] * bars[bar][1] / counts[own].sum())
    tops = np.zeros((2, len(rows)))
    for number, side in enumerate(sides):
        others = [end if number == 0 else start for start, end, _ in rows]
        for bar, own in side.items():
            top, accounts = bars[bar]
            at = top + (accounts - width[own].sum()) / 2
            for i in sorted(own, key=lambda i: bars[others[i]][0]):
                tops[number, i] = at
                at += width[i]
    return pa.table(
        {
            "track": pa.array([start[0] for start, *_ in rows], pa.int64()),
            "step": pa.array([start[1] for start, *_ in rows], pa.int64()),
            "to_track": pa.array([end[0] for _, end, _ in rows], pa.int64()),
            "to_step": pa.array([end[1] for _, end, _ in rows], pa.int64()),
            "accounts": pa.array([shared for *_, shared in rows], pa.int64()),
            "top": pa.array(tops[0]),
            "to_top": pa.array(tops[1]),
            "width": pa.array(width),
        }
    )
