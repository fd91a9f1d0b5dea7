"""What is counted of a log for a window: who acts on each object, how often together, by chance."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import SLICE, in_pieces, linear_room, looked_up, release
from coordnet.engine import current_engine
from coordnet.errors import ParameterError
from coordnet.inference.drawn_pairs import DrawnPairs, drawn_pairs
from coordnet.inference.pair_chances import PairChances, pair_chances
from coordnet.inference.set_weights import interests_of
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import objects as object_kernels
from coordnet.kernels.occasions import OccasionRule
from coordnet.kernels.set_weights import Interests
from coordnet.log.account_order import AccountRuns
from coordnet.log.actions import ActionLog
from coordnet.log.windows import Window, longest, taking_part, windows_of_kinds, windows_of_objects
from coordnet.threads import CHUNKS, equal_chunks, run_chunks
from coordnet.times import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from coordnet.inference.attainable import AttainablePairs
    from coordnet.inference.pair_tests import PairTester

LEAST_OCCASION_GAP = 30 * SECOND
EVENING = 6 * HOUR  # the least time from occasion to occasion beside a cleaned background
CLASSES = 32  # of popularity, for each kind: log2 of the number of accounts

Floats = NDArray[np.float64]


class ObjectStatistics(NamedTuple):
    """How many act on each object, and how often within the window."""

    n_accounts: NDArray[np.int32]  # n_o
    pairs_all: NDArray[np.int64]  # pairs of actions within the window, of whomever
    pairs_weighted: Floats  # w_o

    @classmethod
    def room(cls, n: int) -> ObjectStatistics:
        """Return room for those of n objects."""
        return cls(*(linear_room(n, kind) for kind in (np.int32, np.int64, np.float64)))


class Chances(NamedTuple):
    """The chance that two accounts on an object act within the window, by class of object."""

    of_object: NDArray[np.int32]  # class of each object
    chance: Floats  # of each class


class Background:
    """The log that chances are taken from, and its classes numbered by the kinds of the log tested.

    Parameters
    ----------
    log
        The log that is tested.
    window_us
        The window in microseconds, or that of each kind.
    background
        A log of accounts that are not under suspicion; None takes the chances from `log` itself.
    threads
        Number of threads; None means all processors.
    """

    def __init__(
        self, log: ActionLog, window_us: Window, background: ActionLog, threads: int | None = None
    ) -> None:
        self.log = background
        self.objects = object_statistics(background, window_us, threads)
        # kinds that `log` does not have share a number of their own, the first that is free
        kinds = [
            log.kinds.index(kind) if kind in log.kinds else len(log.kinds)
            for kind in background.kinds
        ]
        self.classes = popularity_class(
            self.objects.n_accounts, np.array(kinds, np.int32)[background.object_kind]
        )

    @cached_property
    def repeats(self) -> NDArray[np.int32]:
        """How often the account of each action acts on its object, m_uo: int32 (n,)."""
        return repeats_of(self.log, self.log.account_runs())


class WindowStatistics:
    """All that is counted of a log for one window and background; each part once, when asked for.

    A run makes one for each of its windows and passes it on to the edge tests, the group test and
    the scores; it goes when the run ends.

    Parameters
    ----------
    log
        The log; where there is a window for each kind, it looks only at the kinds that have one.
    window_us
        The window in microseconds, or that of each kind.
    background
        A log of accounts that are not under suspicion, for the chances; None takes them from `log`.
    occasion_gap_us
        Synchronised objects with gaps up to this are one occasion; by default the window or 30 s,
        whichever is longer. An occasion mixes kinds: of several windows the longest.
    outside
        By code of account, whether it is in the background that the chances are taken from, for
        data of which a campaign may be a large part; None takes them from all accounts.
    threads
        Number of threads; None means all processors.
    """

    def __init__(
        self,
        log: ActionLog,
        window_us: Window,
        background: ActionLog | None = None,
        occasion_gap_us: int | None = None,
        outside: NDArray[np.bool_] | None = None,
        threads: int | None = None,
    ) -> None:
        if background is not None and (
            background is log or background.fingerprint == log.fingerprint
        ):
            raise ParameterError(
                "background= is the log itself, which cannot be its own background: leave "
                "background= away, or give a log of accounts that are not under suspicion."
            )
        self.log = taking_part(window_us, log)
        self.window_us = window_us
        self.given_background = background
        self.outside = outside
        self.uncleaned: Floats | None = None  # the chances before any account was taken out
        self.pair_tester: PairTester | None = None  # where it is kept for the next round
        self.attainable: AttainablePairs | None = None  # once it was counted
        self.threads = threads
        if occasion_gap_us is None:
            occasion_gap_us = max(longest(window_us), LEAST_OCCASION_GAP)
        self.occasion_rule = OccasionRule(occasion_gap_us, 0 if outside is None else EVENING)

    def with_background(self, outside: NDArray[np.bool_]) -> WindowStatistics:
        """Return the same with chances from these accounts alone; nothing else is counted again.

        The chance of a class is then that of its slow objects, once those who pushed others are
        out. Some of the others are of an event that many follow at once, each by themselves: who
        shares three of its posts meets again and again in an hour. So an occasion lasts for six
        hours or more, until nothing happens for the occasion gap: an evening is one, or two where
        it is long, whatever was shared on it, and two occasions of ten posts are little evidence
        against an expectation that counts the posts. A campaign comes back another day, and who
        works around the clock has up to four occasions a day. Each is at most what the occasion
        gap alone would count, so that evidence only falls.

        Parameters
        ----------
        outside
            By code of account, whether it is in the background.
        """
        other = WindowStatistics(
            self.log,
            self.window_us,
            None,
            self.occasion_rule.gap_us,
            outside,
            self.threads,
        )
        for name in ("objects", "classes", "runs", "repeats", "interests", "drawn"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        if (minute := self.__dict__.get("of_a_minute")) is not None:
            other.__dict__["of_a_minute"] = (
                other if minute is self else minute.with_background(outside)
            )
        other.pair_tester = self.pair_tester
        other.uncleaned = self.chances if self.uncleaned is None else self.uncleaned
        return other

    @cached_property
    def of_a_minute(self) -> WindowStatistics:
        """The same within a minute, whatever the window; see :mod:`.timing_power`."""
        window = self.window_us
        minute: Window = (
            MINUTE if isinstance(window, int) else tuple((kind, MINUTE) for kind, _ in window)
        )
        if minute == window:
            return self
        whole = WindowStatistics(self.log, minute, threads=self.threads)
        return whole if self.outside is None else whole.with_background(self.outside)

    @cached_property
    def window_of_class(self) -> NDArray[np.int64]:
        """The window on the objects of each class: int64 (classes,)."""
        # one more kind for those that a background has and the log has not
        windows = windows_of_kinds(self.window_us, [*self.log.kinds, ""])
        return np.repeat(windows, CLASSES)

    @cached_property
    def objects(self) -> ObjectStatistics:
        """Who acts on each object, and how often within the window."""
        return object_statistics(self.log, self.window_us, self.threads)

    @cached_property
    def classes(self) -> NDArray[np.int32]:
        """The class of each object: its kind and log2 of its number of accounts."""
        return popularity_class(self.objects.n_accounts, self.log.object_kind)

    @cached_property
    def background(self) -> Background | None:
        """The log that chances are taken from, where it is not the log itself."""
        seen = self.given_background
        if seen is None:
            if self.outside is None or self.outside[self.log.active].all():
                return None
            keep = looked_up(self.outside, self.log.account)
            seen = self.log.where(keep, "not in the background")
        seen = taking_part(self.window_us, seen)
        return Background(self.log, self.window_us, seen, self.threads)

    @cached_property
    def runs(self) -> AccountRuns:
        """The objects of each account, each once."""
        return self.log.account_runs()

    @cached_property
    def repeats(self) -> NDArray[np.int32]:
        """How often the account of each action acts on its object, m_uo: int32 (n,)."""
        return repeats_of(self.log, self.runs)

    @cached_property
    def pooled_chances(self) -> Floats:
        """The chance of a co-action of each class, pooled over its objects: float64 (classes,).

        A background's chances are (w + 1) / (P + 1), so that a class that it does not have gives
        no evidence. Of a background that accounts were taken out of they are (w + c) / (P + 1),
        with c the chance before: a class that only those accounts fill keeps that chance.
        """
        background = self.background
        n = CLASSES * (len(self.log.kinds) + 1)
        counted, source, prior = self.objects, self.classes, np.zeros(n)
        if background is not None:
            prior = np.ones(n) if self.uncleaned is None else self.uncleaned
            counted, source = background.objects, background.classes
        together, pairs = np.zeros(n), np.zeros(n)
        for begin in range(0, len(source), SLICE):
            here = slice(begin, begin + SLICE)
            n_o = counted.n_accounts[here].astype(np.float64)
            array_kernels.add_by_code(source[here], counted.pairs_weighted[here], together)
            array_kernels.add_by_code(source[here], n_o * (n_o - 1) / 2, pairs)
        release(source, counted.n_accounts, counted.pairs_weighted)
        together, pairs = together + prior, pairs + (background is not None)
        with np.errstate(invalid="ignore"):
            return np.where(pairs > 0, np.minimum(together / pairs, 1.0), 0.0)

    @cached_property
    def pair_chances(self) -> PairChances:
        """The chances with every pair of accounts weighing alike, and what they rest on."""
        background = self.background
        log = self.log if background is None else background.log
        classes = self.classes if background is None else background.classes
        counted = self.objects if background is None else background.objects
        return pair_chances(
            log, classes, self.pooled_chances, self.window_of_class, threads=self.threads,
            runs=self.runs if background is None else None, accounts_on=counted.n_accounts,
        )  # fmt: skip

    @property
    def chances(self) -> Floats:
        """The chance of a co-action of each class: float64 (classes,).

        The smaller of two: pooled over objects, and with every pair of accounts weighing alike. So
        neither the objects of one ring nor its pairs raise the chance that it is tested against;
        of classes that hardly anybody but one ring fills, that of their neighbours. See
        :mod:`coordnet.inference.pair_chances`.
        """
        return self.pair_chances.chance

    @cached_property
    def drawn(self) -> DrawnPairs:
        """A sample of the co-occurrences of the log, for counting pairs; the same in all rounds."""
        n_o = self.objects.n_accounts
        return drawn_pairs(self.runs, self.classes, n_o, threads=self.threads, log=self.log)

    @cached_property
    def interests(self) -> Interests:
        """What the accounts act on, by which sets of them are priced."""
        return interests_of(self.log, self.runs[:2])

    @cached_property
    def typical_chance(self) -> float | None:
        """Mean chance over the objects that two accounts or more act on, by accounts."""
        n_o = self.objects.n_accounts
        shared = n_o > 1
        if not shared.any():
            return None
        by_object = self.chances[self.classes[shared]]
        return float(np.average(by_object, weights=n_o[shared].astype(float)))


def object_statistics(
    log: ActionLog, window_us: Window, threads: int | None = None
) -> ObjectStatistics:
    """Count who acts on each object of a log, and how often within the window."""
    engine = current_engine()
    done = None if engine is None else engine.objects(log, window_us)
    if done is not None:
        return ObjectStatistics(*done)
    found = counted_objects(
        log.by_object, log.account, log.time, windows_of_objects(window_us, log),
        len(log.all_accounts), threads,
    )  # fmt: skip
    release(log.account, log.time, *found)
    return found


def counted_objects(
    starts: NDArray[np.int64],
    account: NDArray[np.int32],
    time: NDArray[np.int64],
    windows: NDArray[np.int64],
    n_accounts: int,
    threads: int | None = None,
) -> ObjectStatistics:
    """Count who acts on each of some objects, by their actions alone.

    Parameters
    ----------
    starts
        Where the actions of each object begin: int64 (objects + 1,).
    account, time
        The actions, object by object in order of time: int32, int64 (n,).
    windows
        Of each object: int64 (objects,).
    n_accounts
        Number of account codes.
    threads
        Number of threads; None means all processors.
    """
    acts, found = np.diff(starts), ObjectStatistics.room(len(windows))
    borders = equal_chunks(acts, CHUNKS)
    run_chunks(
        lambda own, i: object_kernels.object_statistics(
            starts, account, time, windows, borders[i], borders[i + 1], *own, *found
        ),
        len(borders) - 1,
        threads=threads,
        scratch=lambda: (np.zeros(n_accounts, np.int32), np.empty(acts.max(initial=0), np.int32)),
    )
    return found


def repeats_of(log: ActionLog, runs: AccountRuns) -> NDArray[np.int32]:
    """Return how often the account of each action of a log acts on its object: int32 (n,).

    Parameters
    ----------
    log
        The log.
    runs
        The objects of each account.
    """
    repeats, positions, first = linear_room(len(log), np.int32), log.by_account[1], runs.first
    for begin in range(0, len(runs.objects), SLICE):
        ends = first[begin : begin + SLICE + 1]
        count = np.diff(ends)
        repeats[positions[ends[0] : ends[-1]]] = np.repeat(count, count)
        release(positions, first)
    release(repeats)
    return repeats


def popularity_class(n_accounts: NDArray[np.int32], kind: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the class of each object: 32 classes of log2 n_o for each kind."""

    def piece(here: slice) -> list[NDArray[np.int32]]:
        octave = np.frexp(n_accounts[here])[1].astype(np.int32) - 1
        return [kind[here] * CLASSES + octave]

    (classes,) = in_pieces(len(kind), [np.int32], piece, n_accounts)
    return classes
