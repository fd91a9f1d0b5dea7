"""find_clusters_over_time(): a search in each step, communities tied to the step before, tracks."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.errors import ParameterError, check_number, check_whole, one_of
from coordnet.frames import ArrowExport, html_table, native
from coordnet.frozen import Frozen
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex
from coordnet.graphs.true_pairs import certain_pairs
from coordnet.log.accounts import Accounts
from coordnet.log.actions import ActionLog, check_log
from coordnet.over_time.coupling import coupled_communities
from coordnet.over_time.following import Event, Track, follow
from coordnet.over_time.periods import SPENDING, Period, lengths, levels, periods
from coordnet.progress import stage
from coordnet.search.configuration import Configuration, configured
from coordnet.search.search import search_layers
from coordnet.times import Duration, duration_text, instant_text

SAID = {
    "born": "is new",
    "split": "splits from track {other}",
    "merged": "goes into track {other}",
    "returned": "is back",
    "gone": "is not seen any more",
}


@dataclass(frozen=True)
class Step(Frozen):
    """What was found in one step.

    Attributes
    ----------
    start_us, end_us : int
        Actions with start <= time < end, in microseconds since 1970 (UTC).
    complete : bool
        Whether the log goes on to the end of the step.
    level : float or None
        The level of error of the step.
    clusters : Clusters
    """

    start_us: int
    end_us: int
    complete: bool
    level: float | None
    clusters: Clusters


@dataclass(frozen=True, eq=False, repr=False)
class ClustersOverTime(ArrowExport, Frozen):
    """Clusters of each step of a log, and how they go on: what `find_clusters_over_time` gives.

    Attributes
    ----------
    steps : tuple of Step
    tracks : tuple of Track
        Clusters that are followed; ``track.seen`` has (step, cluster) for each step it is seen in.
    events : tuple of Event
        What happens to tracks, but to go on: step, event (``"born"``, ``"split"``, ``"merged"``,
        ``"returned"`` or ``"gone"``), track, and the other track where one split or merged.
    parameters : mapping
        every, window, spending, coupling, patience.
    config : Configuration
        By what rule each step was searched; its `fdr` is that of all steps together.
    log : ActionLog
        The actions of all steps.
    """

    steps: tuple[Step, ...]
    tracks: tuple[Track, ...]
    events: tuple[Event, ...]
    parameters: Mapping[str, Any]
    config: Configuration
    log: ActionLog

    def __len__(self) -> int:
        return len(self.tracks)

    @property
    def all_accounts(self) -> Accounts:
        """What codes of accounts stand for."""
        return self.log.all_accounts

    def members(self, track: int, step: int) -> NDArray[np.int32]:
        """Return the codes of a track's members in a step, none where it was not seen: int32."""
        if not 0 <= track < len(self.tracks):
            raise ParameterError(
                f"there is no track {track}; there are {len(self.tracks)}, from 0."
            )
        where = dict(self.tracks[track].seen)
        if step not in where:
            return np.zeros(0, np.int32)
        return self.steps[step].clusters.members(where[step])

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a dataframe of one row a track and step in which it was seen.

        Columns: track, step, start, end, cluster (of the step), accounts, stayed, joined and left
        (beside the step in which it was seen before), founders (the share of its first members
        who are in it), pairs_joined (by a kept edge), pairs_at_least (so many of the pairs truly
        act together, with 95 % confidence in each step; of several layers the most), evidence
        (log10, of the group test), event.
        """
        rows: list[dict[str, Any]] = []
        events = {(e.track, e.step): e.event for e in self.events if e.event != "gone"}
        pairs = [_pairs(step.clusters) for step in self.steps]
        for track in self.tracks:
            before: set[int] | None = None
            first: set[int] | None = None
            for step, cluster in track.seen:
                found = self.steps[step]
                now = set(found.clusters.members(cluster).tolist())
                first = now if first is None else first
                stayed: int | None = None if before is None else len(now & before)
                evidence = found.clusters.evidence
                rows.append({
                    "track": track.number, "step": step,
                    "start": instant_text(found.start_us), "end": instant_text(found.end_us),
                    "cluster": cluster, "accounts": len(now), "stayed": stayed,
                    "joined": None if stayed is None else len(now) - stayed,
                    "left": None if before is None or stayed is None else len(before) - stayed,
                    "founders": len(now & first) / len(first),
                    "pairs_joined": pairs[step][0][cluster],
                    "pairs_at_least": pairs[step][1][cluster],
                    "evidence": None if evidence is None or math.isnan(evidence[cluster])
                    else float(evidence[cluster]),
                    "event": events.get((track.number, step)),
                })  # fmt: skip
                before = now
        return native(_table(rows, ROWS), backend or self.log.frame)

    def events_frame(self, backend: str | None = None) -> Any:
        """Return a dataframe of one row an event: step, start, end, event, track, other."""
        rows = [
            {
                "step": e.step, "start": instant_text(self.steps[e.step].start_us),
                "end": instant_text(self.steps[e.step].end_us), "event": e.event,
                "track": e.track, "other": e.other,
            }
            for e in self.events
        ]  # fmt: skip
        return native(_table(rows, EVENT_ROWS), backend or self.log.frame)

    def members_frame(self, backend: str | None = None) -> Any:
        """Return a dataframe of one row a membership: track, step, account (label)."""
        parts = [
            (track.number, step, self.all_accounts[self.members(track.number, step)])
            for track in self.tracks
            for step, _ in track.seen
        ]
        sizes = [len(names) for _, _, names in parts]
        table = pa.table(
            {
                "track": pa.array(np.repeat([t for t, _, _ in parts], sizes).astype(np.int64)),
                "step": pa.array(np.repeat([s for _, s, _ in parts], sizes).astype(np.int64)),
                "account": pa.array([n for *_, names in parts for n in names], pa.large_string()),
            }
        )
        return native(table, backend or self.log.frame)

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        identifiers: bool = False,
        key: bytes | None = None,
    ) -> Path:
        """Write what was found as one HTML page that opens offline, whole or not at all.

        Parameters
        ----------
        path
            The file, such as ``"report.html"``.
        identifiers
            Show the accounts' own labels instead of keyed pseudonyms; the page then says so.
        key
            Key of the pseudonyms, up to 64 bytes; by default derived from the log.

        Returns
        -------
        pathlib.Path
            The file.
        """
        from coordnet.report.over_time import report_over_time

        return report_over_time(self, path, identifiers=identifiers, key=key)

    def news(self, step: int = -1) -> list[str]:
        """Return in words what is new in a step, by default the last: nothing where all goes on."""
        number = range(len(self.steps))[step] if self.steps else -1
        return [
            f"Track {e.track} {SAID[e.event].format(other=e.other)}"
            + (f": {n:,} accounts." if (n := len(self.members(e.track, e.step))) else ".")
            for e in self.events
            if e.step == number
        ]

    def _title(self) -> str:
        if not self.steps:
            return "ClustersOverTime: the log has no actions"
        return (
            f"ClustersOverTime: {len(self.tracks):,} tracks in {len(self.steps):,} steps of "
            f"{self.parameters['window']}, every {self.parameters['every']}"
        )

    def _rows(self) -> list[tuple[str, str, str, str]]:
        rows = []
        for number, step in enumerate(self.steps):
            shown = instant_text(step.start_us)[:10], instant_text(step.end_us)[:10]
            accounts = len(np.unique(step.clusters.indices))
            told = f"{len(step.clusters):,} with {accounts:,} accounts"
            news = " ".join(self.news(number))
            part = "" if step.complete else " (cut short)"
            rows.append((str(number), f"{shown[0]} to {shown[1]}{part}", told, news))
        return rows

    def __repr__(self) -> str:
        lines = [self._title()]
        for number, when, told, news in self._rows():
            lines.append(f"  {number:>3}  {when}: {told}. {news}".rstrip())
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return html_table(self._title(), ("step", "days", "clusters", "news"), self._rows())


ROWS = {
    "track": pa.int64(), "step": pa.int64(), "start": pa.large_string(), "end": pa.large_string(),
    "cluster": pa.int64(), "accounts": pa.int64(), "stayed": pa.int64(), "joined": pa.int64(),
    "left": pa.int64(), "founders": pa.float64(), "pairs_joined": pa.int64(),
    "pairs_at_least": pa.int64(), "evidence": pa.float64(), "event": pa.large_string(),
}  # fmt: skip
EVENT_ROWS = {
    "step": pa.int64(), "start": pa.large_string(), "end": pa.large_string(),
    "event": pa.large_string(), "track": pa.int64(), "other": pa.int64(),
}  # fmt: skip


def _pairs(clusters: Clusters) -> tuple[list[int], list[int | None]]:
    """Return of each cluster how many pairs are joined, and how many truly act together."""
    joined = [len(edges) for edges in _split(clusters, clusters.layers.combined)]
    least: list[int | None] = [None] * len(clusters)
    for layer in clusters.layers:
        for i, edges in enumerate(_split(clusters, layer)):
            bound = certain_pairs(layer, edges)
            if bound is not None:
                least[i] = max(least[i] or 0, bound)
    return joined, least


def _split(clusters: Clusters, graph: CoordinationGraph) -> list[NDArray[np.int64]]:
    """Return the edges of a graph inside each cluster."""
    indptr, edges = clusters.inside(graph)
    return np.split(edges, indptr[1:-1]) if len(clusters) else []


def _table(rows: list[dict[str, Any]], types: Mapping[str, pa.DataType]) -> pa.Table:
    return pa.table(
        {name: pa.array([row[name] for row in rows], kind) for name, kind in types.items()}
    )


def searched_step(
    log: ActionLog,
    period: Period,
    level: float | None,
    rule: Configuration,
    before: Multiplex | None,
    coupling: float,
    background: ActionLog | None,
    threads: int | None,
) -> Step:
    """Search one step of a log; its communities are tied to the kept edges of the step before.

    Parameters
    ----------
    log
        The whole log.
    period
        The step.
    level
        Of error, of this step; None where nothing is tested.
    rule
        By what rule.
    before
        The kept edges of the step before; None for the first.
    coupling, background, threads
        As in :func:`find_clusters_over_time`.
    """
    own = rule if level is None else rule.replace(fdr=level)
    searched = search_layers(part_of(log, period), own, background, threads)
    communities = coupled_communities(searched.kept, before, coupling, rule.seed, rule.min_size)
    return Step(*period, level, searched.found(own, communities).clusters)


def tied_rule(
    log: ActionLog, config: Configuration | None, options: Mapping[str, Any]
) -> Configuration:
    """Return by what rule the steps of a log are searched, checked."""
    rule = configured(config, options)
    if rule.method != "infomap":
        raise ParameterError(
            f"method={rule.method!r} is not tied between steps; leave method= out (infomap)."
        )
    rule.check_kinds(log)
    return rule


def part_of(log: ActionLog, period: Period) -> ActionLog:
    """Return the actions of a step; a kind with a window of its own may pause in it."""
    inside = (log.time >= period.start_us) & (log.time < period.end_us)
    return log.where(inside, "outside the step")


def find_clusters_over_time(
    log: ActionLog,
    every: Duration = "7d",
    window: Duration = "28d",
    *,
    spending: str = "even",
    coupling: float = 0.1,
    patience: int = 1,
    config: Configuration | None = None,
    background: ActionLog | None = None,
    threads: int | None = None,
    **options: Any,
) -> ClustersOverTime:
    """Find clusters in each step of a log, and follow them: born, merged, split, gone.

    Each step is searched as :func:`coordnet.detect` searches a log. Its communities are tied to
    those of the step before (``coordnet.over_time.coupling``), and its clusters are followed by
    their members (``coordnet.over_time.following``).

    *One level of error over all steps.* The level `fdr` is shared out over the steps. Where
    nothing coordinates, the chance that anything is reported in any step is at most the sum of
    the parts, which is `fdr`, however much steps overlap. ``spending="even"`` gives each step the
    same part. ``spending="open"`` gives step k the part 1 / (k (k + 1)): it need not be known how
    many steps there will be, and what was found of a complete step stays the same when the log
    goes on. That is alpha spending, and the choice for a watch without an end.

    Parameters
    ----------
    log
        The actions.
    every
        From the start of a step to that of the next: ``"7d"``.
    window
        How long a step is: ``"28d"``. Not shorter than `every`, or actions would be left out.
    spending
        ``"even"`` or ``"open"``.
    coupling
        How strongly an account is tied to itself in the step before: 0 not at all.
    patience
        For how many steps a track may not be seen before it is called gone.
    config
        The parameters of the search; see :func:`coordnet.detect`.
    background
        A log of accounts that are not under suspicion.
    threads
        Number of threads; None means all processors. It changes no byte of the result.
    **options
        Fields of the configuration, as in :func:`coordnet.detect`: ``within="60s"``.

    Returns
    -------
    ClustersOverTime

    Raises
    ------
    ParameterError
        Also where another method than infomap is asked for: it alone is tied between steps.

    Examples
    --------
    >>> import coordnet as cn
    >>> sim = cn.simulate("regroupings", accounts=500, actions=5_000, seed=0)
    >>> found = cn.find_clusters_over_time(sim.log, every="14d", window="28d")
    >>> sorted({event.event for event in found.events})
    ['born', 'merged', 'split']
    """
    check_log(log)
    every_us, window_us = lengths(every, window)
    one_of(spending, SPENDING, "spending")
    coupling = check_number(coupling, "coupling", at_least=0)
    patience = check_whole(patience, "patience", 0)
    rule = tied_rule(log, config, options)
    cut = periods(log, every_us, window_us)
    shares = [None] * len(cut) if rule.fdr is None else levels(rule.fdr, max(len(cut), 1), spending)
    steps: list[Step] = []
    with stage("steps") as done:
        for number, (period, share) in enumerate(zip(cut, shares, strict=False)):
            before = steps[-1].clusters.layers if steps else None
            steps.append(searched_step(log, period, share, rule, before, coupling, background,
                                       threads))  # fmt: skip
            done((number + 1) / len(cut))
    tracks, events = follow(
        [[step.clusters.members(i) for i in range(len(step.clusters))] for step in steps], patience
    )
    parameters = {
        "every": duration_text(every_us), "window": duration_text(window_us),
        "spending": spending, "coupling": coupling, "patience": patience,
    }  # fmt: skip
    return ClustersOverTime(tuple(steps), tuple(tracks), tuple(events), parameters, rule, log)
