"""How well clusters that were followed match groups that merge, split and move."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from coordnet.errors import ParameterError
from coordnet.over_time.clusters_over_time import ClustersOverTime
from coordnet.simulation.truth import Phase, Truth


class PlantedEvent(NamedTuple):
    """Something that a simulation let happen to groups.

    Attributes
    ----------
    event : str
        ``"merged"``, ``"split"`` or ``"moved"`` (to other accounts, one after the other).
    group : str
        The group that it is after, or the one that splits.
    time_us : int
        When, in microseconds since 1970 (UTC); of a move, when the last account was handed over.
    step : int or None
        The first step in which it was reported, None where it was not.
    """

    event: str
    group: str
    time_us: int
    step: int | None


@dataclass(frozen=True)
class EvaluationOverTime:
    """Agreement of followed clusters with the truth; ``nan`` where there is nothing to divide by.

    Attributes
    ----------
    pair_precision : float
        Share of the pairs of accounts that share a cluster in a step that act together in a phase
        of that step, over all steps.
    pair_recall : float
        Share of the pairs that act together in one phase for half of a step or longer that share
        a cluster in it, over all steps.
    events : tuple of PlantedEvent
        What was planted, with the step in which it was reported.
    others : int
        Merges and splits that were reported and not planted.
    """

    pair_precision: float
    pair_recall: float
    events: tuple[PlantedEvent, ...]
    others: int


def evaluate_over_time(found: ClustersOverTime, truth: Truth) -> EvaluationOverTime:
    """Compare clusters that were followed with the phases that a simulation planted.

    Parameters
    ----------
    found
        What :func:`coordnet.find_clusters_over_time` gave.
    truth
        What was planted, with phases: ``simulate("regroupings").truth``.

    Raises
    ------
    ParameterError
        Where the truth has no phases.

    Examples
    --------
    >>> import coordnet as cn
    >>> sim = cn.simulate("regroupings", accounts=500, actions=5_000, seed=0)
    >>> found = cn.find_clusters_over_time(sim.log, every="14d", window="28d")
    >>> cn.evaluate_over_time(found, sim.truth).pair_precision > 0.9
    True
    """
    if not truth.phases:
        raise ParameterError(
            'this truth has no phases, as simulate("regroupings").truth has; compare clusters of '
            "one period with coordnet.evaluate."
        )
    right = together = meant = held = 0
    for number, step in enumerate(found.steps):
        length = step.end_us - step.start_us
        possible: set[tuple[str, str]] = set()
        needed: set[tuple[str, str]] = set()
        for phase in truth.phases:
            shared = min(phase.end_us, step.end_us) - max(phase.start_us, step.start_us)
            if shared > 0:
                possible |= _pairs(phase.accounts)
            if 2 * shared >= length:
                needed |= _pairs(phase.accounts)
        seen: set[tuple[str, str]] = set()
        for cluster in found.steps[number].clusters:
            seen |= _pairs(cluster.accounts.tolist())
        right += len(seen & possible)
        together += len(seen)
        held += len(seen & needed)
        meant += len(needed)
    planted, reported = _planted(truth.phases), _reported(found)
    events = []
    matched: set[tuple[str, int, int]] = set()
    for event, group, time, before, after in planted:
        if event == "moved":
            events.append(PlantedEvent(event, group, time, _moved(found, before[0], after[0])))
            continue
        steps = []
        for key, step_number, old, new in reported:
            period = found.steps[step_number]
            near = time < period.end_us and period.start_us < time + period.end_us - period.start_us
            parts, whole = (old, new) if event == "merged" else (new, old)
            of_parts, of_whole = (before, after[0]) if event == "merged" else (after, before[0])
            fits = any(_alike(parts, part) for part in of_parts) and _alike(whole, of_whole)
            if key[0] == event and near and fits:
                matched.add(key)
                steps.append(step_number)
        events.append(PlantedEvent(event, group, time, min(steps, default=None)))
    return EvaluationOverTime(
        right / together if together else np.nan,
        held / meant if meant else np.nan,
        tuple(events),
        len({key for key, *_ in reported} - matched),
    )


def _pairs(accounts: Iterable[str]) -> set[tuple[str, str]]:
    names = sorted(accounts)
    return {(a, b) for i, a in enumerate(names) for b in names[i + 1 :]}


def _alike(one: set[str], other: set[str]) -> bool:
    """Return whether two sets share at least half of the larger."""
    return 2 * len(one & other) >= max(len(one), len(other))


_Planted = tuple[str, str, int, list[set[str]], list[set[str]]]


def _planted(phases: tuple[Phase, ...]) -> list[_Planted]:
    """Return what happens between phases: event, group, time, accounts before and after."""
    out: list[_Planted] = []
    for time in sorted({phase.start_us for phase in phases}):
        ended = {p.group: set(p.accounts) for p in phases if p.end_us == time}
        begun = {p.group: set(p.accounts) for p in phases if p.start_us == time}
        for name, accounts in begun.items():
            parts = [part for other, part in ended.items() if other != name and part <= accounts]
            if len(parts) > 1:
                out.append(("merged", name, time, parts, [accounts]))
        for name, accounts in ended.items():
            parts = [part for other, part in begun.items() if other != name and part <= accounts]
            if len(parts) > 1:
                out.append(("split", name, time, [accounts], parts))
    for group in dict.fromkeys(phase.group for phase in phases):
        own = sorted((p for p in phases if p.group == group), key=lambda p: p.start_us)
        first, last = set(own[0].accounts), set(own[-1].accounts)
        if not first & last:
            out.append(("moved", group, own[-1].start_us, [first], [last]))
    return out


def _reported(
    found: ClustersOverTime,
) -> list[tuple[tuple[str, int, int], int, set[str], set[str]]]:
    """Return the merges and splits that were found: key, step, accounts before and after.

    Before are those of the track that merged, or of that which another split from, when last seen.
    """
    out = []
    for event in found.events:
        if event.event not in ("merged", "split") or event.other is None:
            continue
        old = event.track if event.event == "merged" else event.other
        new = event.other if event.event == "merged" else event.track
        earlier = [step for step, _ in found.tracks[old].seen if step < event.step]
        before = found.all_accounts[found.members(old, earlier[-1])]
        after = found.all_accounts[found.members(new, event.step)]
        key = (event.event, event.step, event.track)
        out.append((key, event.step, set(before.tolist()), set(after.tolist())))
    return out


def _moved(found: ClustersOverTime, first: set[str], last: set[str]) -> int | None:
    """Return the first step in which a track that began with some accounts has the others."""
    for track in found.tracks:
        names = [
            (step, set(found.all_accounts[found.members(track.number, step)].tolist()))
            for step, _ in track.seen
        ]
        if _alike(names[0][1], first):
            for step, accounts in names:
                if _alike(accounts, last):
                    return step
    return None
