"""Follow clusters from step to step: who goes on, merges, splits, is born, is gone.

A *track* is a cluster that is followed. With n_ij the accounts that both the track i, when it was
last seen, and the cluster j of the next step hold:

- j is related to i where n_ij is at least half of the smaller of both;
- of related ones, the pair with the largest Jaccard index goes on as one track, then the next,
  each track and each cluster once;
- a track that does not go on, and most of whose accounts are in one cluster that does, *merged*
  into that cluster's track;
- a cluster that is of no track yet, and most of whose accounts are of one track, *split* from it;
  any other is *born*;
- a track that is not seen for longer than `patience` steps, or not until the end, is *gone*;
- one that is seen again has *returned*. One that was gone is forgotten only so far that it must
  share half of the larger of both: a group is new once, however long it is away, and a large new
  group is not taken for a small old one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

EVENTS = ("born", "split", "merged", "returned", "gone")


class Event(NamedTuple):
    """Something that happened to a track, other than to go on."""

    step: int
    event: str
    track: int
    other: int | None  # the track that it split from, or merged into


@dataclass(frozen=True)
class Track:
    """A cluster that is followed.

    Attributes
    ----------
    number : int
        From 0, in the order of the first steps.
    seen : tuple of (int, int)
        The steps in which it was found, and which cluster of the step it is.
    """

    number: int
    seen: tuple[tuple[int, int], ...]


class Followed:
    """Tracks that grow step by step.

    Parameters
    ----------
    patience
        For how many steps a track may not be seen before it is called gone.

    Attributes
    ----------
    tracks : list of list of (int, int)
        Of each track the steps in which it was seen, and which cluster of the step it is.
    latest : dict of int to set of int
        Members of each track when it was last seen; those that merged have none.
    gone : set of int
        Tracks that were called gone, and were not seen since.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.tracks: list[list[tuple[int, int]]] = []
        self.latest: dict[int, set[int]] = {}
        self.gone: set[int] = set()

    def step(self, step: int, clusters: Sequence[NDArray[np.int32]]) -> list[Event]:
        """Take in the clusters of the next step; return what happened, in the order of `EVENTS`.

        Parameters
        ----------
        step
            Its number.
        clusters
            Members of each cluster, codes.
        """
        seen, latest = self.tracks, self.latest
        events: list[Event] = []
        members = [set(cluster.tolist()) for cluster in clusters]
        shared = {
            (track, j): n
            for (track, j), n in _shared(latest, members).items()
            if track not in self.gone or 2 * n >= max(len(latest[track]), len(members[j]))
        }
        of_cluster = _going_on(latest, members, shared)
        of_track = {track: j for j, track in of_cluster.items()}
        for j, now in enumerate(members):
            if j in of_cluster:
                track = of_cluster[j]
                if seen[track][-1][0] < step - 1:
                    events.append(Event(step, "returned", track, None))
                self.gone.discard(track)
            else:
                track = len(seen)
                seen.append([])
                sources = [t for (t, k), n in shared.items() if k == j and 2 * n >= len(now)]
                source = min(sources, key=lambda t: (-shared[t, j], t), default=None)
                name = "born" if source is None else "split"
                events.append(Event(step, name, track, source))
                of_cluster[j] = track
            seen[track].append((step, j))
        for track in [t for t in sorted(latest) if t not in of_track]:
            into = [j for (t, j), n in shared.items() if t == track and 2 * n >= len(latest[track])]
            if into:
                best = min(into, key=lambda j: (-shared[track, j], j))
                events.append(Event(step, "merged", track, of_cluster[best]))
                del latest[track]
        for j, now in enumerate(members):
            latest[of_cluster[j]] = now
        return _in_order([*events, *self._leave(step, self.patience)])

    def end(self, last: int) -> list[Event]:
        """Return which tracks are gone when nothing more comes: those not seen in the last step."""
        return self._leave(last, 0)

    def _leave(self, step: int, patience: int) -> list[Event]:
        """Call gone what was not seen for longer than so many steps."""
        events = []
        for track in self.latest:
            last = self.tracks[track][-1][0]
            if track not in self.gone and step - last > patience:
                events.append(Event(last + 1, "gone", track, None))
                self.gone.add(track)
        return events


def _in_order(events: list[Event]) -> list[Event]:
    return sorted(events, key=lambda e: (e.step, EVENTS.index(e.event), e.track))


def follow(
    steps: Sequence[Sequence[NDArray[np.int32]]], patience: int
) -> tuple[list[Track], list[Event]]:
    """Return tracks and events of the clusters of each step.

    Parameters
    ----------
    steps
        Of each step the members of each cluster, codes.
    patience
        For how many steps a track may not be seen before it is called gone.

    Examples
    --------
    >>> a, b = np.arange(10), np.arange(10, 20)
    >>> tracks, events = follow([[a, b], [np.arange(20)], []], patience=1)
    >>> tracks[0].seen
    ((0, 0), (1, 0))
    >>> [(event.event, event.track) for event in events]
    [('born', 0), ('born', 1), ('merged', 1), ('gone', 0)]
    """
    followed = Followed(patience)
    events = [
        event for number, step in enumerate(steps) for event in followed.step(number, step)
    ] + followed.end(len(steps) - 1)
    tracks = [Track(number, tuple(where)) for number, where in enumerate(followed.tracks)]
    return tracks, _in_order(events)


def _shared(latest: dict[int, set[int]], members: list[set[int]]) -> dict[tuple[int, int], int]:
    """Return how many accounts each track shares with each cluster, where any."""
    tracks_of: dict[int, list[int]] = {}
    for track, accounts in latest.items():
        for account in accounts:
            tracks_of.setdefault(account, []).append(track)
    return Counter(
        (track, j)
        for j, accounts in enumerate(members)
        for account in accounts
        for track in tracks_of.get(account, ())
    )


def _going_on(
    latest: dict[int, set[int]], members: list[set[int]], shared: dict[tuple[int, int], int]
) -> dict[int, int]:
    """Return the clusters that go on as a track, with the track."""

    def jaccard(track: int, j: int) -> float:
        n = shared[track, j]
        return n / (len(latest[track]) + len(members[j]) - n)

    related = [
        (track, j)
        for (track, j), n in shared.items()
        if 2 * n >= min(len(latest[track]), len(members[j]))
    ]
    going: dict[int, int] = {}
    taken: set[int] = set()
    for track, j in sorted(related, key=lambda pair: (-jaccard(*pair), pair)):
        if track not in taken and j not in going:
            going[j] = track
            taken.add(track)
    return going
