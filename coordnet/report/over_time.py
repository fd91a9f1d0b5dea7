"""A report of clusters over time: what it shows as plain values, and the file."""

from __future__ import annotations

import os
import platform
from collections import Counter, defaultdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from coordnet.detection.manifest import PACKAGES, input_facts, installed
from coordnet.export import labels_out, whole_file
from coordnet.pictures.lanes import Lanes, lanes
from coordnet.report import words, words_over_time
from coordnet.report.data import LONGEST_SAID, MOST_CLUSTERS, Fact, plain
from coordnet.report.gather import input_of, packages_of, parameters_of, plain_sentences

if TYPE_CHECKING:
    from coordnet.over_time.clusters_over_time import ClustersOverTime

MOST_MEMBERS = 200  # of a cluster whose accounts are listed
MOST_EVENTS = 1_000


class StepRow(msgspec.Struct, frozen=True):
    """A step in which a cluster was seen."""

    days: str
    accounts: int
    stayed: int | None
    joined: int | None
    left: int | None
    founders: float
    pairs: int
    pairs_joined: int
    pairs_at_least: int | None
    evidence: float | None


class MemberRow(msgspec.Struct, frozen=True):
    """An account that was in a cluster: from when to when, and in how many steps."""

    account: str
    first: str
    last: str
    steps: int


class TrackData(msgspec.Struct, frozen=True):
    """A cluster that was followed.

    Attributes
    ----------
    number : int
    said : str
        Its history in a sentence or two.
    steps : list of StepRow
    members : list of MemberRow
        Those of most steps.
    n_members : int
        How many accounts were ever in it.
    """

    number: int
    said: str
    steps: list[StepRow]
    members: list[MemberRow]
    n_members: int


class EventRow(msgspec.Struct, frozen=True):
    """Something that happened to a cluster."""

    days: str
    event: str
    track: int
    other: int | None
    accounts: int


class BarData(msgspec.Struct, frozen=True):
    """A bar of the picture, and what it is in words."""

    track: int
    step: int
    top: float
    accounts: int
    stayed: int | None
    joined: int | None
    left: int | None
    told: str


class LanesData(msgspec.Struct, frozen=True):
    """The picture; see :mod:`coordnet.pictures.lanes`.

    Attributes
    ----------
    days : list of str
        Of each step.
    lanes : list of (int, float, int)
        Track, middle, most accounts.
    bars : list of BarData
    flows : list of (int, int, int, float, float, float, str)
        Track, step, step it goes to, top, top there, width, and the flow in words.
    marks : list of (str, int, int)
        Event, track, and the step at whose bar it is marked.
    height : float
    said : list of str
        The picture in words.
    """

    days: list[str]
    lanes: list[tuple[int, float, int]]
    bars: list[BarData]
    flows: list[tuple[int, int, int, float, float, float, str]]
    marks: list[tuple[str, int, int]]
    height: float
    said: list[str]


class OverTimeData(msgspec.Struct, frozen=True):
    """All that the page of a report of clusters over time is made of."""

    coordnet: str
    identifiers: bool
    question: str
    input: list[Fact]
    finding: list[str]
    limits: list[str]
    picture: LanesData | None
    events: list[EventRow]
    n_events: int
    tracks: list[TrackData]
    n_tracks: int
    method: str
    sources: list[str]
    parameters: list[Fact]
    packages: list[Fact]


def report_over_time(
    found: ClustersOverTime,
    path: str | os.PathLike[str],
    *,
    identifiers: bool = False,
    key: bytes | None = None,
) -> Path:
    """Write the report; see :meth:`coordnet.ClustersOverTime.report`."""
    from coordnet.report.page_over_time import page

    text = page(over_time_data(found, identifiers=identifiers, key=key))
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return Path(path)


def over_time_data(
    found: ClustersOverTime, *, identifiers: bool = False, key: bytes | None = None
) -> OverTimeData:
    """Return what the report of clusters over time shows.

    Parameters
    ----------
    found
        The clusters.
    identifiers
        Whether accounts stand under their own labels.
    key
        Key of the pseudonyms; None derives it from the log.
    """
    version, python = metadata.version("coordnet"), platform.python_version()
    text, sources = words_over_time.method(found, version, python)
    secret = found.log.secret("pseudonyms") if key is None else key
    rows: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in found.to_frame("pyarrow").to_pylist():
        rows[row["track"]].append(row)
    return OverTimeData(
        coordnet=version,
        identifiers=identifiers,
        question=plain(words.question(found.config, ", and how do they go on"), LONGEST_SAID),
        input=input_of(input_facts(found.log)),
        finding=plain_sentences(words_over_time.finding(found)),
        limits=plain_sentences(words_over_time.limits(found)),
        picture=_picture(found) if len(found) else None,
        events=_events(found),
        n_events=len(found.events),
        tracks=[
            _track(found, number, rows[number], secret, identifiers) for number in _largest(rows)
        ],
        n_tracks=len(found),
        method=plain(text, LONGEST_SAID),
        sources=sources,
        parameters=parameters_of({**found.parameters, **found.config.parameters()}),
        packages=packages_of(
            {
                "coordnet": version,
                "python": python,
                **{name: installed(name) for name in PACKAGES},
            }
        ),
    )


def _largest(rows: dict[int, list[dict[str, Any]]]) -> list[int]:
    """Return the tracks that have tables: those of most accounts, by number."""
    most = {track: max(row["accounts"] for row in own) for track, own in rows.items()}
    return sorted(sorted(most, key=lambda track: (-most[track], track))[:MOST_CLUSTERS])


def _days(found: ClustersOverTime, step: int) -> str:
    return words_over_time.days(found.steps[step].start_us, found.steps[step].end_us)


def _events(found: ClustersOverTime) -> list[EventRow]:
    """Return the events, the last ones where they are too many; of what ended its last members."""
    rows = []
    for event in found.events[-MOST_EVENTS:]:
        seen = [step for step, _ in found.tracks[event.track].seen if step <= event.step]
        rows.append(
            EventRow(
                _days(found, event.step), event.event, event.track, event.other,
                len(found.members(event.track, seen[-1])),
            )
        )  # fmt: skip
    return rows


def _track(
    found: ClustersOverTime,
    number: int,
    rows: list[dict[str, Any]],
    secret: bytes,
    identifiers: bool,
) -> TrackData:
    counts: Counter[int] = Counter()
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for row in rows:
        for code in found.members(number, row["step"]).tolist():
            counts[code] += 1
            first.setdefault(code, row["step"])
            last[code] = row["step"]
    shown = sorted(counts, key=lambda code: (-counts[code], first[code], code))[:MOST_MEMBERS]
    names = labels_out(found.all_accounts[np.array(shown, np.int64)], secret, identifiers)
    return TrackData(
        number=number,
        said=words_over_time.history(rows),
        steps=[
            StepRow(
                _days(found, row["step"]), row["accounts"], row["stayed"], row["joined"],
                row["left"], row["founders"], row["accounts"] * (row["accounts"] - 1) // 2,
                row["pairs_joined"], row["pairs_at_least"], row["evidence"],
            )
            for row in rows
        ],
        members=[
            MemberRow(
                plain(name), _days(found, first[code])[:10], _days(found, last[code])[-10:],
                counts[code],
            )
            for name, code in zip(names, shown, strict=True)
        ],
        n_members=len(counts),
    )  # fmt: skip


def _picture(found: ClustersOverTime) -> LanesData:
    shown = lanes(found)
    spans = [_days(found, step) for step in range(len(found.steps))]
    seen: dict[int, list[int]] = defaultdict(list)
    bars = []
    for row in shown.bars.to_pylist():
        seen[row["track"]].append(row["step"])
        told = f"Cluster {row['track']}, {spans[row['step']]}: {row['accounts']:,} accounts"
        if row["stayed"] is not None:
            told += f"; {row['stayed']:,} stayed, {row['joined']:,} joined, {row['left']:,} left"
        bars.append(BarData(**row, told=f"{told}."))
    flows = []
    for row in shown.flows.to_pylist():
        to = row["to_track"]
        where = "stay" if to == row["track"] else f"go on in cluster {to}"
        told = f"{row['accounts']:,} accounts of cluster {row['track']} {where}."
        flows.append(
            (row["track"], row["step"], row["to_step"], row["top"], row["to_top"], row["width"],
             told)
        )  # fmt: skip
    return LanesData(
        days=spans,
        lanes=[(row["track"], row["middle"], row["accounts"]) for row in shown.lanes.to_pylist()],
        bars=bars,
        flows=flows,
        marks=_marks(shown, seen),
        height=shown.height,
        said=words_over_time.picture(found, shown),
    )


def _marks(shown: Lanes, seen: dict[int, list[int]]) -> list[tuple[str, int, int]]:
    """Return at which bar each event is marked: what ends, where it was seen last."""
    marks = []
    for row in shown.events.to_pylist():
        step = row["step"]
        if row["event"] in ("merged", "gone"):
            step = max(s for s in seen[row["track"]] if s < step)
        marks.append((row["event"], row["track"], step))
    return marks
