"""watch(): search what has come in, say what is new, and remember what was said."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from coordnet.errors import InputError, ParameterError, check_number, check_whole, shown
from coordnet.export import Pseudonyms, whole_file
from coordnet.frames import ArrowExport, html_table, native
from coordnet.frozen import Frozen
from coordnet.graphs.multiplex import Multiplex
from coordnet.log.actions import ActionLog, check_log
from coordnet.over_time.clusters_over_time import (
    SAID,
    Step,
    part_of,
    searched_step,
    tied_rule,
)
from coordnet.over_time.following import Followed
from coordnet.over_time.periods import MOST, Period, first_start, lengths, open_level
from coordnet.progress import stage
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_layers
from coordnet.times import Duration, Instant, duration_text, instant, instant_text

FORMAT = 1


@dataclass(frozen=True)
class Alarm:
    """Something new in a watch; ``str(alarm)`` is a sentence.

    Attributes
    ----------
    step : int
        The step in which it was noticed, from 0.
    start_us, end_us : int
        The step's actions have start <= time < end, in microseconds since 1970 (UTC).
    event : str
        ``"born"``, ``"split"``, ``"merged"``, ``"returned"`` or ``"gone"``.
    track : int
        The cluster that it happened to, by the number that it has in the whole watch.
    other : int or None
        The track that it split from, or merged into.
    accounts : tuple of str
        Its members in the step; none where it merged or is gone.
    evidence : float or None
        Log10, of the group test.
    """

    step: int
    start_us: int
    end_us: int
    event: str
    track: int
    other: int | None
    accounts: tuple[str, ...]
    evidence: float | None

    def __str__(self) -> str:
        days = f"{instant_text(self.start_us)[:10]} to {instant_text(self.end_us)[:10]}"
        said = f"{days}: track {self.track} {SAID[self.event].format(other=self.other)}"
        return f"{said}: {len(self.accounts):,} accounts." if self.accounts else f"{said}."


@dataclass(frozen=True, eq=False, repr=False)
class News(ArrowExport, Frozen):
    """What is new since the last look: what :func:`watch` gives. Iterating gives the alarms.

    Attributes
    ----------
    alarms : tuple of Alarm
        Each is given once in a watch.
    steps : tuple of Step
        The steps that were searched in this look.
    first : int
        Number of the first of them in the whole watch.
    tracks : tuple of tuple of int
        Of each of these steps the track that each cluster is of.
    level : float
        The level of error of the whole watch.
    spent : float
        How much of it the steps up to now have used up.
    frame : str
        The kind of frame that `to_frame` gives unless told.
    """

    alarms: tuple[Alarm, ...]
    steps: tuple[Step, ...]
    first: int
    tracks: tuple[tuple[int, ...], ...]
    level: float
    spent: float
    frame: str = "pandas"

    def __len__(self) -> int:
        return len(self.alarms)

    def __iter__(self) -> Iterator[Alarm]:
        return iter(self.alarms)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a dataframe of one row an alarm.

        Columns: step, start, end, event, track, other, accounts (their number), evidence.
        """
        rows = self.alarms
        table = pa.table(
            {
                "step": pa.array([a.step for a in rows], pa.int64()),
                "start": pa.array([instant_text(a.start_us) for a in rows], pa.large_string()),
                "end": pa.array([instant_text(a.end_us) for a in rows], pa.large_string()),
                "event": pa.array([a.event for a in rows], pa.large_string()),
                "track": pa.array([a.track for a in rows], pa.int64()),
                "other": pa.array([a.other for a in rows], pa.int64()),
                "accounts": pa.array([len(a.accounts) for a in rows], pa.int64()),
                "evidence": pa.array([a.evidence for a in rows], pa.float64()),
            }
        )
        return native(table, backend or self.frame)

    def members_frame(self, backend: str | None = None) -> Any:
        """Return a dataframe of one row a membership in these steps: step, track, account."""
        step, track, account = [], [], []
        for number, (found, tracks) in enumerate(zip(self.steps, self.tracks, strict=True)):
            for cluster, of in zip(found.clusters, tracks, strict=True):
                step += [self.first + number] * len(cluster)
                track += [of] * len(cluster)
                account += cluster.accounts.tolist()
        table = pa.table(
            {
                "step": pa.array(step, pa.int64()),
                "track": pa.array(track, pa.int64()),
                "account": pa.array(account, pa.large_string()),
            }
        )
        return native(table, backend or self.frame)

    def _title(self) -> str:
        steps = f"{len(self.steps):,} step{'' if len(self.steps) == 1 else 's'}"
        return (
            f"News: {len(self.alarms):,} in {steps}; {self.spent:.3g} of the level {self.level:g} "
            "is used up"
        )

    def __repr__(self) -> str:
        return "\n".join([self._title(), *(f"  {alarm}" for alarm in self.alarms)])

    def _repr_html_(self) -> str:
        rows = [
            (
                f"{instant_text(a.start_us)[:10]} to {instant_text(a.end_us)[:10]}",
                f"Track {a.track} {SAID[a.event].format(other=a.other)}",
                f"{len(a.accounts):,}" if a.accounts else "",
            )
            for a in self.alarms
        ]
        return html_table(self._title(), ("days", "news", "accounts"), rows)


class _Track(msgspec.Struct, frozen=True):
    """A track in the memory: the steps it was seen in, and its members when it was last seen.

    `members` is None where it merged, so that nothing is compared with it any more.
    """

    seen: list[tuple[int, int]]
    members: list[str] | None
    gone: bool


class _Told(msgspec.Struct, frozen=True):
    """An alarm in the memory."""

    step: int
    start: str
    end: str
    event: str
    track: int
    other: int | None
    accounts: list[str]


class Memory(msgspec.Struct, frozen=True):
    """What a watch remembers; accounts stand in it under pseudonyms.

    Attributes
    ----------
    format, coordnet
        Of the file, and of what wrote it.
    key : str or None
        Key of the pseudonyms in hexadecimal digits; None where the caller has it.
    rule : dict
        By what the watch goes; it cannot be changed.
    start_us : int
        Beginning of the first step.
    searched : int
        How many steps were searched.
    tracks : list of _Track
    told : list of _Told
        Every alarm of the watch.
    """

    format: int
    coordnet: str
    key: str | None
    rule: dict[str, Any]
    start_us: int
    searched: int
    tracks: list[_Track]
    told: list[_Told]


def watch(
    log: ActionLog,
    memory: str | os.PathLike[str],
    every: Duration = "1d",
    window: Duration = "28d",
    *,
    until: Instant | None = None,
    coupling: float = 0.1,
    patience: int = 1,
    config: Configuration | None = None,
    background: ActionLog | None = None,
    threads: int | None = None,
    key: bytes | None = None,
    **options: Any,
) -> News:
    r"""Search what has come in since the last look, and say what is new: a watch without an end.

    Call it whenever data have come in. It searches each step that is complete and was not searched
    yet, as :func:`coordnet.find_clusters_over_time` with ``spending="open"`` does, and follows the
    clusters of all steps. What was said stands in the file `memory`, so that nothing is said
    twice: a group that is seen again goes on as its track.

    *Error over the whole watch.* The k-th step is searched at the level alpha_k, with alpha the
    `fdr` of the configuration::

        alpha_k = alpha / (k (k + 1)),    alpha_1 + ... + alpha_K = alpha K / (K + 1) < alpha

    This is alpha spending (Lan & DeMets 1983). Where nothing coordinates, the chance of any alarm
    in step k is at most alpha_k, so that of any alarm in the whole watch is at most alpha (the
    union bound), however long it goes on and however much steps overlap. The price is power: the
    evidence that step k asks for grows by log10 (k (k + 1)), 5.1 after a year of days.

    Parameters
    ----------
    log
        The actions so far: a log, or a store that days are appended to. It must hold the last two
        steps at least. What comes in late is seen in the steps that are not searched yet.
    memory
        A JSON file, made by the first look and replaced as a whole by each one. It holds
        pseudonyms and, unless `key` is given, their key: keep it as you keep the data.
    every
        From the start of a step to that of the next. The first begins at the midnight (UTC) before
        the first action.
    window
        How long a step is.
    until
        Up to where the data are complete, such as ``"2017-06-09"`` for all of the 8th; by default
        up to the last action. A step is searched when it is complete.
    coupling, patience, config, background, threads
        As in :func:`coordnet.find_clusters_over_time`.
    key
        Key of the pseudonyms in the memory; by default made of the first log.
    **options
        Fields of the configuration: ``within="60s"``.

    Returns
    -------
    News

    Raises
    ------
    ParameterError
        Where the watch went by another rule so far: its level would not hold any more.
    InputError
        Where the file is no memory of a watch, or the log begins after the next step ends.

    References
    ----------
    Lan, K. K. G. & DeMets, D. L. (1983). Discrete sequential boundaries for clinical trials.
    Biometrika 70, 659-663.

    Examples
    --------
    >>> import coordnet as cn, tempfile
    >>> from pathlib import Path
    >>> log = cn.simulate("regroupings", accounts=500, actions=5_000, seed=0).log
    >>> rule = {"every": "14d", "window": "28d", "within": "60s"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     memory = Path(folder, "watch.json")
    ...     news = cn.watch(log.between(end="2017-06-09"), memory, until="2017-06-09", **rule)
    ...     print(len(news), news.alarms[0])
    ...     len(cn.watch(log.between(end="2017-06-09"), memory, until="2017-06-09", **rule))
    5 2017-05-12 to 2017-06-09: track 0 is new: 30 accounts.
    0
    """
    check_log(log)
    every_us, window_us = lengths(every, window)
    coupling = check_number(coupling, "coupling", at_least=0)
    patience = check_whole(patience, "patience", 0)
    rule = tied_rule(log, config, options)
    if rule.fdr is None:
        raise ParameterError("fdr=None tests nothing; a watch needs a level, such as fdr=0.05.")
    goes_by = {
        "every": duration_text(every_us), "window": duration_text(window_us),
        "coupling": coupling, "patience": patience, **rule.parameters(),
    }  # fmt: skip
    path = Path(memory)
    known = _read(path, goes_by, key) if path.exists() else _begun(log, every_us, goes_by, key)
    secret = bytes.fromhex(known.key) if key is None and known.key is not None else key
    assert secret is not None
    steps = _to_search(log, known, every_us, window_us, until)
    names = _Names(Pseudonyms(secret))
    followed = _resumed(known, patience, names)
    before = _kept_before(log, known, every_us, window_us, coupling, rule, background, threads)
    found: list[Step] = []
    tracks: list[tuple[int, ...]] = []
    alarms: list[Alarm] = []
    with stage("steps") as done:
        for number, period in steps:
            level = open_level(rule.fdr, number + 1)
            step = searched_step(log, period, level, rule, before, coupling, background, threads)
            before = step.clusters.layers
            members = [names.of(cluster.accounts.tolist()) for cluster in step.clusters]
            events = followed.step(number, members)
            own = {track: followed.tracks[track][-1][1] for track in followed.latest
                   if followed.tracks[track][-1][0] == number}  # fmt: skip
            for event in events:
                alarms.append(_alarm(number, step, event, own.get(event.track)))
            found.append(step)
            tracks.append(tuple(sorted(own, key=own.__getitem__)))
            done(len(found) / len(steps))
    searched = known.searched + len(steps)
    if steps or not path.exists():
        now = msgspec.structs.replace(
            known,
            coordnet=metadata.version("coordnet"),
            searched=searched,
            tracks=_remembered(followed, names),
            told=[*known.told, *(_told(alarm, names) for alarm in alarms)],
        )
        with whole_file(path) as temporary:
            temporary.write_bytes(msgspec.json.format(msgspec.json.encode(now), indent=1) + b"\n")
    return News(
        tuple(alarms), tuple(found), known.searched, tuple(tracks), rule.fdr,
        rule.fdr * searched / (searched + 1), log.frame,
    )  # fmt: skip


class _Names:
    """Numbers for accounts that stay the same when a log grows, by their pseudonyms."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self.pseudonyms = pseudonyms
        self.number: dict[str, int] = {}
        self.names: list[str] = []

    def take(self, names: list[str]) -> list[int]:
        """Return the numbers of pseudonyms."""
        for name in names:
            if name not in self.number:
                self.number[name] = len(self.names)
                self.names.append(name)
        return [self.number[name] for name in names]

    def of(self, labels: list[str]) -> np.ndarray[Any, np.dtype[np.int32]]:
        """Return the numbers of labels, as `Followed` takes them."""
        return np.array(self.take(self.pseudonyms.of(labels)), np.int32)


def _begun(log: ActionLog, every_us: int, rule: dict[str, Any], key: bytes | None) -> Memory:
    """Return the memory of a watch that begins."""
    if log.limits is None:
        raise InputError("the log has no actions; begin the watch when there are some.")
    made = log.secret("watch").hex() if key is None else None
    version = metadata.version("coordnet")
    start = first_start(log.limits[0], every_us)
    return Memory(FORMAT, version, made, rule, start, 0, [], [])


def _read(path: Path, rule: dict[str, Any], key: bytes | None) -> Memory:
    """Read the memory of a watch that goes by this rule."""
    name = shown(str(path))
    try:
        known = msgspec.json.decode(path.read_bytes(), type=Memory)
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(
            f"{name} cannot be read as the memory of a watch ({error}); give another file to begin "
            "a new one."
        ) from None
    if known.format != FORMAT:
        raise InputError(
            f"{name} was written by coordnet {shown(known.coordnet)} in another format than this "
            "version reads; use that version, or begin a new watch."
        )
    told = msgspec.json.decode(msgspec.json.encode(rule))  # as it is after a way through JSON
    for field in sorted(told.keys() | known.rule.keys()):
        was, now = known.rule.get(field), told.get(field)
        if was != now:
            raise ParameterError(
                f"the watch in {name} goes by {field}={was!r}, not {now!r}: its level holds for "
                "one rule. Keep it, or begin another watch in another file."
            )
    if (key is None) != (known.key is not None):
        has = "has its own key" if known.key is not None else "was begun with a key"
        raise ParameterError(f"the watch in {name} {has}; give key= as when it was begun.")
    return known


def _period(known: Memory, number: int, every_us: int, window_us: int) -> Period:
    start = known.start_us + number * every_us
    return Period(start, start + window_us, True)


def _to_search(
    log: ActionLog, known: Memory, every_us: int, window_us: int, until: Instant | None
) -> list[tuple[int, Period]]:
    """Return the steps that are complete and were not searched yet."""
    if log.limits is None:
        return []
    first, last = log.limits
    end = last + log.resolution if until is None else instant(until, "until")
    count = (end - known.start_us - window_us) // every_us + 1
    if count - known.searched > MOST:
        raise ParameterError(
            f"{count - known.searched:,} steps are to be searched, and at most {MOST:,} are at "
            "once; use a longer every= or an earlier until=."
        )
    steps = [(k, _period(known, k, every_us, window_us)) for k in range(known.searched, count)]
    if steps and first >= steps[0][1].end_us:
        start = instant_text(steps[0][1].start_us)
        raise InputError(
            f"the step from {start} on was not searched yet, and the log begins when it is over, "
            f"at {instant_text(first)}; give a log that goes back to {start}."
        )
    return steps


def _kept_before(
    log: ActionLog,
    known: Memory,
    every_us: int,
    window_us: int,
    coupling: float,
    rule: Configuration,
    background: ActionLog | None,
    threads: int | None,
) -> Multiplex | None:
    """Return the kept edges of the step that was searched last: no file holds them."""
    if not known.searched or not coupling or rule.fdr is None:
        return None
    last = known.searched - 1
    own = rule.replace(fdr=open_level(rule.fdr, known.searched))
    part = part_of(log, _period(known, last, every_us, window_us))
    return search_layers(part, own, background, threads).kept


def _resumed(known: Memory, patience: int, names: _Names) -> Followed:
    """Return the tracks as they were."""
    followed = Followed(patience)
    for number, track in enumerate(known.tracks):
        followed.tracks.append(list(track.seen))
        if track.members is not None:
            followed.latest[number] = set(names.take(track.members))
        if track.gone:
            followed.gone.add(number)
    return followed


def _remembered(followed: Followed, names: _Names) -> list[_Track]:
    """Return the tracks as they stand in the memory."""
    return [
        _Track(
            seen,
            sorted(names.names[i] for i in followed.latest[number])
            if number in followed.latest
            else None,
            number in followed.gone,
        )
        for number, seen in enumerate(followed.tracks)
    ]


def _alarm(number: int, step: Step, event: Any, cluster: int | None) -> Alarm:
    accounts: tuple[str, ...] = ()
    evidence = None
    if cluster is not None:
        accounts = tuple(step.clusters[cluster].accounts.tolist())
        evidence = step.clusters[cluster].evidence
        if evidence is not None and math.isnan(evidence):
            evidence = None
    return Alarm(
        number, step.start_us, step.end_us, event.event, event.track, event.other, accounts,
        evidence,
    )  # fmt: skip


def _told(alarm: Alarm, names: _Names) -> _Told:
    return _Told(
        alarm.step, instant_text(alarm.start_us), instant_text(alarm.end_us), alarm.event,
        alarm.track, alarm.other, names.pseudonyms.of(list(alarm.accounts)),
    )  # fmt: skip
