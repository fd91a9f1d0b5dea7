r"""The group test: sets of accounts that act together though no pair of them stands out.

For a set C of accounts, over the objects on which at least two members act: a is the number of
members' actions on the object, m the largest number of different members inside one window W.
With X the time of an action of an account outside C and G the chance that another such account
acts in (X, X + W]::

    B = min(1, binom(a, m) m E[G^(m - 1)])

bounds the chance of m or more members in one window if they acted like everybody else: m
particular actions fit into a window when the first of them is followed by the other m - 1, for
each of m choices of the first, and the expected number of such m-tuples bounds the chance that
there is one (Markov's inequality, the first-moment bound of scan statistics; Glaz, Naus &
Wallenstein 2001, ch. 8).

E[G^j] is estimated from the n outsiders on the object, c of whom are seen in the window after an
action of one of them, and from the pooled delays of the objects of its class (kind and log2 of
the number of accounts), the class being worth 6.8 accounts, which make 20 pairs: the j-th root of
E[G^j] is the mean of those of E[(c / (n - 1))^j] and of the class, weighted n to 6.8, which bounds
that of the mixture (Minkowski's inequality); and the moment of the class itself is mixed in, 20
pairs to n (n - 1) / 2, so that few outsiders who happened to be apart make nothing slow. So a
group's own speed never raises the bar for itself, and breaking news, which outsiders share fast
too, gives no evidence. From 512 accounts on an object its moments are computed once,
members included, which only lowers evidence.

Who acts at full hours, quarters or minutes meets others who do, on the second. Where members'
actions on an object are at round times, the number of sets of m actions, binom(a, m), is replaced
by the sum over these sets of f_2 f_3 ... f_m: f is by how much likelier than any two actions two
round ones are inside the window (:func:`coordnet.inference.round_times.scan_factors`; of two the
less round decides), and the largest f of a set is left out, as the first action may be anywhere.

Objects of one occasion (:class:`coordnet.kernels.occasions.OccasionRule`) are one piece of
evidence: K of them enter as min(1, K min B) (Bonferroni), the rest as 1. Fisher's combination
gives p_C (valid for super-uniform p-values: -log B is stochastically smaller than exponential). It
is taken over all these objects, over those on which all members at once would be worth a third of
the most that any object could be, and two thirds, and the least of the three counts three times
(Bonferroni): what an object could be worth is known from who acts on it, not from when, and the
many objects that two members of a large group happen to share would drown what it does together.
The number of sets that could have been picked corrects for the selection, whatever search found C
(the union bound)::

    evidence(C) = -log10 p_C - log10 binom(n, |C|) - log10(|C| (|C| - 1))

since the sum over sizes s >= 2 of 1 / (s (s - 1)) is 1. The chance that any set whatever shows
evidence above -log10 alpha without coordination is at most alpha.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.disk import SLICE, in_pieces, linear_room, release
from coordnet.errors import ParameterError, one_of
from coordnet.frames import frozen, native
from coordnet.frozen import Frozen
from coordnet.inference.round_times import roundness, scan_factors
from coordnet.inference.statistics import Floats, WindowStatistics
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import groups as group_kernels
from coordnet.kernels.growing import grow_each
from coordnet.kernels.occasions import OccasionRule, number_occasions
from coordnet.kernels.set_weights import know_shared
from coordnet.log.account_order import grouped, stretches
from coordnet.log.actions import ActionLog
from coordnet.log.windows import Within, check_kinds, window_of, windows_of_objects
from coordnet.threads import run_chunks
from coordnet.times import HOUR, Duration, duration

MOST_MEMBERS = 60  # a group is not grown beyond this; larger ones are seen pair by pair
HOPELESS = -40.0  # log10 evidence at which the search from a pair is given up
LOG_FACTORIALS = 4_096  # that are kept; others are computed each time
AT_ONCE = 8  # seeds that a thread takes together
PROFILE = 1 << 16  # delays that the profile of a class is made of, at most


@dataclass(frozen=True, eq=False)
class GroupTest(Frozen):
    """The test of one set of accounts.

    Attributes
    ----------
    members : int
        Number of accounts.
    evidence : float
        Log10, corrected for picking the set among all sets of its size.
    p_value : float
        p_C: of a set that was named before looking, or chosen on other data.
    log10_p : float
        Its logarithm, exact where it is too small for a float.
    objects : int
        Objects on which two or more members act.
    together : int
        Those of them on which members inside one window are evidence.
    occasions : int
        Occasions that these make.
    class_only : float
        Share of the evidence that comes from objects on which nobody outside the set acts: there
        the chance rests on the class of the object alone.
    observed_pairs, expected_pairs : float
        (Pair of members, object) with a co-action, over all member pairs, and what the chances of
        accounts outside the set would give.
    detail : float64 (objects, columns)
        What `to_frame` gives, a row an object.
    log : ActionLog
        The log that it was made on.
    background : str or None
        Fingerprint of the log that the chances came from, where it was another one.
    occasion_gap_us : int
        Windows with gaps up to this, in microseconds, make one occasion.
    occasion_least_us : int
        And so do those that begin no later than this after the first of an occasion.
    """

    members: int
    evidence: float
    p_value: float
    log10_p: float
    objects: int
    together: int
    occasions: int
    class_only: float
    observed_pairs: int
    expected_pairs: float
    detail: NDArray[np.float64]
    log: ActionLog
    background: str | None
    occasion_gap_us: int
    occasion_least_us: int

    @property
    def occasion_rule(self) -> OccasionRule:
        """Which of the windows make one occasion."""
        return OccasionRule(self.occasion_gap_us, self.occasion_least_us)

    def evidence_without(self, what: str) -> float:
        """Return the evidence that is left without the strongest object or occasion.

        Parameters
        ----------
        what
            ``"object"`` or ``"occasion"``.
        """
        bound, moment = self.detail[:, 5].copy(), self.detail[:, 7].astype(np.int64)
        bound[self.strongest(what)] = 0.0
        known, reach = group_kernels.log_factorials(len(bound) + 1), self.detail[:, 6].copy()
        log_p, _ = group_kernels.combine(known, moment, bound, reach, self.occasion_rule)
        return float(self.evidence + self.log10_p - log_p / math.log(10))

    def strongest(self, what: str) -> NDArray[np.bool_]:
        """Mark the rows of `detail` of the strongest object, or of all objects of its occasion.

        None are marked where no object is evidence.
        """
        one_of(what, ("object", "occasion"), "what")
        bound = self.detail[:, 5]
        marked = np.zeros(len(bound), bool)
        together = np.flatnonzero(bound < 0)
        if len(together):
            top = int(np.argmin(bound))
            marked[top] = True
            if what == "occasion":  # all that its run of windows holds
                run = self.occasion_of(together)
                marked[together[run == run[together == top]]] = True
        return marked

    def occasion_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the occasion of each of these rows of `detail`, numbered by time from 0."""
        moment = self.detail[rows, 7].astype(np.int64)
        order = np.argsort(moment, kind="stable")
        occasion = np.empty(len(rows), np.int64)
        occasion[order] = number_occasions(moment[order], self.occasion_rule)
        return occasion

    def to_frame(self, backend: str | None = None) -> Any:
        """Return the objects as a dataframe: object, kind, members, at_once, ..., log10_bound."""
        codes = self.detail[:, 0].astype(np.int64)
        log = self.log
        kinds = pa.array(log.kinds, pa.large_string())
        table = pa.table(
            {
                "object": log.object_labels.take(pa.array(codes)),
                "kind": kinds.take(pa.array(log.object_kind[codes])),
                "members": pa.array(self.detail[:, 1].astype(np.int64)),
                "at_once": pa.array(self.detail[:, 2].astype(np.int64)),
                "members_actions": pa.array(self.detail[:, 3].astype(np.int64)),
                "outsiders": pa.array(self.detail[:, 4].astype(np.int64)),
                "log10_bound": pa.array(self.detail[:, 5] / math.log(10)),
            }
        )
        return native(table, backend or log.frame)


class GroupTester:
    """What the group test needs of a log and window, computed once.

    Parameters
    ----------
    statistics
        Of the log, window and background.
    """

    def __init__(self, statistics: WindowStatistics) -> None:
        self.statistics = statistics
        given = statistics.given_background
        self.background = None if given is None else given.fingerprint
        self.log = statistics.log
        self._rooms: list[tuple[Any, ...]] = []  # of threads that grew sets

    @cached_property
    def scene(self) -> group_kernels.Scene:
        """The log and its chances, as the kernels read them."""
        return self._with_moments(group_kernels.MOST)

    @cached_property
    def _scene_of_few(self) -> group_kernels.Scene:
        """The same with as many moments as small sets need."""
        return self.__dict__.get("scene") or self._with_moments(group_kernels.FEW)

    @cached_property
    def _big(self) -> NDArray[np.int64]:
        """The objects whose moments are computed once."""
        return np.flatnonzero(self.statistics.objects.n_accounts >= group_kernels.BIG)

    @cached_property
    def _pooled(self) -> list[_Pooled | None]:
        """The delays of each class, which its moments are made of."""
        statistics, background = self.statistics, self.statistics.background
        n = len(statistics.chances)
        if background is None:
            return _pooled_delays(self.log, statistics.repeats, statistics.classes, n)
        return _pooled_delays(background.log, background.repeats, background.classes, n)

    @cached_property
    def _without_moments(self) -> group_kernels.Scene:
        statistics, log = self.statistics, self.log
        pacemakers = np.zeros(0, np.uint8)
        if statistics.outside is not None and not statistics.outside[log.active].all():
            pacemakers = statistics.outside.astype(np.uint8)
        big_row = np.full(log.n_objects, -1, np.int32)
        big_row[self._big] = np.arange(len(self._big), dtype=np.int32)
        indptr, positions = log.by_account
        (held,) = in_pieces(
            len(log), [np.int32], lambda here: [log.object[positions[here]]], positions
        )
        return group_kernels.Scene(
            log.account, log.object, log.time, log.by_object, indptr, positions,
            held, statistics.repeats, statistics.objects.n_accounts,
            statistics.classes, np.zeros((0, 0)), big_row, np.zeros((0, 0)),
            roundness(log.time, HOUR), scan_factors(statistics.window_of_class, log.resolution),
            windows_of_objects(statistics.window_us, log), statistics.occasion_rule,
            log.n_accounts, pacemakers, group_kernels.log_factorials(LOG_FACTORIALS),
        )  # fmt: skip

    def _with_moments(self, most: int) -> group_kernels.Scene:
        """Return the scene with so many moments of classes and big objects."""
        statistics, background, big = self.statistics, self.statistics.background, self._big
        moments = _class_moments(self._pooled, statistics.chances, statistics.window_of_class, most)
        if background is not None:
            unknown = np.bincount(background.classes, minlength=len(moments)) == 0
            moments[unknown] = 1.0  # no evidence,
            if self.background is None:  # unless that before it was cleaned is known: G^j <= G
                moments[unknown, 1:] = statistics.chances[unknown, None] / 2.0
        scene = self._without_moments._replace(
            class_moments=moments, big_moments=np.zeros((len(big), most))
        )
        if len(big):
            nobody = self.scratch()[0]
            run_chunks(
                lambda _, i: group_kernels.big_object_moments(
                    scene, big, i, i + 1, nobody, scene.big_moments
                ),
                len(big),
                threads=statistics.threads,
            )
        self.let_go()
        if background is not None:
            seen = background.log
            release(seen.account, seen.object, seen.time, *seen.by_account, background.repeats)
        return scene

    def let_go(self) -> None:
        """Give back the memory of what was read of columns on disk."""
        release(*(part for part in self._without_moments if isinstance(part, np.ndarray)))

    def scratch(self) -> tuple[Any, ...]:
        """Return the scratch arrays of one thread."""
        n = len(self.log.all_accounts)
        return np.zeros(n, np.uint8), np.zeros(n, np.int32)

    def test(self, members: NDArray[np.int32], scratch: tuple[Any, ...] | None = None) -> GroupTest:
        """Test the set of these accounts (codes)."""
        in_set, seen = self.scratch() if scratch is None else scratch
        empty = np.empty(1024, np.int32)
        actions, n = group_kernels.gather(self.scene, members, len(members), empty)
        work = group_kernels.workspace(n + 1)
        detail = np.zeros((n // 2 + 1, 8))
        in_set[members] = 1
        log_p, objects, together, occasions, class_only = group_kernels.set_evidence(
            self.scene, actions, n, in_set, seen, work, False, detail
        )
        observed, expected = group_kernels.synchronised_pairs(self.scene, actions, n, in_set, seen)
        in_set[members] = 0
        price = 0.0  # one account is no set that anybody would pick
        if len(members) > 1:
            interests = self.statistics.interests
            codes = np.array(members)  # writable, as they are in a search
            know_shared(interests, codes, len(codes), seen)
            price = group_kernels.set_price(interests, self.log.n_accounts, codes, len(codes))
        return GroupTest(
            members=len(members),
            evidence=-(log_p + price) / math.log(10),
            p_value=max(math.exp(log_p), 1e-300),
            log10_p=log_p / math.log(10),
            objects=objects,
            together=together,
            occasions=occasions,
            class_only=class_only,
            observed_pairs=int(observed),
            expected_pairs=float(expected),
            detail=frozen(detail[:objects]),
            log=self.log,
            background=self.background,
            occasion_gap_us=self.scene.rule.gap_us,
            occasion_least_us=self.scene.rule.least_us,
        )

    def grow(
        self, seeds: list[NDArray[np.int32]], *, pairs: bool = True
    ) -> list[tuple[NDArray[np.int32], float]]:
        """Grow a set from each seed, on threads.

        Parameters
        ----------
        seeds
            The accounts that each begins with.
        pairs
            Whether the evidence of pairs that stay pairs is asked for; else it is NaN.
        """
        if not seeds:
            return []
        found = self._grown(self._scene_of_few, seeds, pairs)
        large = [i for i, (members, _) in enumerate(found) if not len(members)]
        if large:
            for i, one in zip(
                large, self._grown(self.scene, [seeds[i] for i in large], pairs), strict=True
            ):
                found[i] = one
        self.let_go()
        return found

    def _grown(
        self, scene: group_kernels.Scene, seeds: list[NDArray[np.int32]], pairs: bool
    ) -> list[tuple[NDArray[np.int32], float]]:
        interests = self.statistics.interests
        starts = np.concatenate([[0], np.cumsum([len(seed) for seed in seeds])])
        codes = np.concatenate(seeds)
        borders = np.arange(0, len(seeds) + AT_ONCE, AT_ONCE)
        borders[-1] = len(seeds)
        rooms: list[tuple[Any, ...]] = []

        def room() -> tuple[Any, ...]:
            try:
                own = self._rooms.pop()
            except IndexError:
                own = self._new_room()
            rooms.append(own)
            return own

        def some(own: tuple[Any, ...], i: int) -> list[tuple[NDArray[np.int32], float]]:
            members, ends, evidence = grow_each(
                scene, codes, starts, borders[i], borders[i + 1], MOST_MEMBERS, HOPELESS, *own,
                interests, pairs,
            )  # fmt: skip
            begins = [0, *ends.tolist()]
            return [
                (members[begin:end], found)
                for begin, end, found in zip(begins, begins[1:], evidence.tolist(), strict=False)
            ]

        parts = run_chunks(some, len(borders) - 1, threads=self.statistics.threads, scratch=room)
        self._rooms.extend(rooms)  # where all went well: then they are as they were
        return [one for part in parts for one in part]

    def _new_room(self) -> tuple[Any, ...]:
        """Return the scratch arrays in which one thread grows sets."""
        n = len(self.log.all_accounts)
        return (
            np.zeros(n, np.uint8),
            np.zeros(n, np.int32),
            np.full(n, -1, np.int32),
            np.zeros(n),
            np.empty(n + 1, np.int32),
        )


class _Pooled(NamedTuple):
    """The delays of the objects of a class since their first actions, or a part of them."""

    delay: NDArray[np.int64]  # ascending, of actions that are not their object's first
    weights: NDArray[np.float64]  # (2, delays), theirs, in two ways
    firsts: NDArray[np.float64]  # (2,), what the first ones weigh


def _pooled_delays(
    log: ActionLog, repeats: NDArray[np.int32], classes: NDArray[np.int32], n: int
) -> list[_Pooled | None]:
    """Return the delays of each of n classes, None where no object has a second action.

    Delays are pooled twice: every action of an account on an object weighs 1 / m_uo; and that
    over how many objects of the class the account acts on, so that the many objects of one group
    do not set the pace that it is tested against.

    Parameters
    ----------
    log
        The log that the pace is taken from: that which is tested, or a background.
    repeats, classes
        m_uo of its actions, and the classes of its objects.
    """
    cuts, objects = grouped(classes, n)
    acts = np.diff(log.by_object)
    found: list[_Pooled | None] = []
    for c in range(n):
        own = objects[cuts[c] : cuts[c + 1]]
        own = own[acts[own] > 0]
        ends = np.append(0, np.cumsum(acts[own]))
        n_first, n_later = len(own), int(ends[-1]) - len(own)
        if n_later == 0:
            found.append(None)
            continue
        delay = linear_room(n_later, np.int64)
        first, later = (
            (linear_room(size, np.float64), linear_room(size, np.int32))
            for size in (n_first, n_later)
        )
        sums = np.zeros(len(log.all_accounts))
        for begin, end in stretches(ends, SLICE):
            group_kernels.pooled_actions(
                own, begin, end, ends[begin] - begin, log.by_object, log.time, log.account, repeats,
                sums, delay, *first, *later,
            )  # fmt: skip
            release(log.account, log.time, repeats, delay, *first, *later)
        step = max(1, n_later // PROFILE)
        part = np.ascontiguousarray(delay[::step])
        order = array_kernels.ascending_order(part)
        weights, firsts = np.empty((2, len(part))), np.empty(2)
        for way, (of_first, of_later) in enumerate(
            (
                (first[0], later[0]),
                (_over(first[0], sums, first[1]), _over(later[0], sums, later[1])),
            )
        ):
            weights[way] = of_later[::step][order]
            firsts[way] = of_first.sum() * weights[way].sum() / of_later.sum()
        found.append(_Pooled(part[order], weights, firsts))
        release(delay, *first, *later)
    return found


def _class_moments(
    pooled: list[_Pooled | None],
    chance: NDArray[np.float64],
    windows: NDArray[np.int64],
    most: int,
) -> NDArray[np.float64]:
    """Return E[G^j] of each class, from the pooled delays of its objects: float64 (classes, most).

    The pooled delays give the shape, G^j over (E G)^j, which peaks where cascades do; the mean is
    that of the class's own pairs, chance / 2, or the pooled one where that is larger. Where no
    two delays are within the window the shape is not known: E[G^j] <= E[G], for G <= 1. Of the two
    ways in which delays are pooled the smaller moments count.

    Parameters
    ----------
    pooled
        Of each class.
    chance
        Of each class, by the same log.
    windows
        Of each class, in microseconds.
    most
        How many moments.
    """
    moments = np.zeros((len(pooled), most))
    moments[:, 0] = 1.0
    for c, delays in enumerate(pooled):
        if delays is None:
            continue
        moments[c] = 1.0
        for shape in group_kernels.class_profiles(*delays, windows[c], most):
            moments[c] = np.minimum(moments[c], _with_mean(shape, chance[c] / 2.0))
    return moments


def _over(weight: Floats, sums: Floats, account: NDArray[np.int32]) -> Floats:
    """Return each weight over the sum of its account."""
    (found,) = in_pieces(
        len(weight), [np.float64], lambda here: [weight[here] / sums[account[here]]], weight,
        account,
    )  # fmt: skip
    return found


def _with_mean(pooled: NDArray[np.float64], mean: float) -> NDArray[np.float64]:
    """Return moments E[G^j] with this mean, where it is above their own, and at most 1."""
    if pooled[1] == 0:
        pooled[1:] = mean
    elif mean > pooled[1]:
        with np.errstate(over="ignore", invalid="ignore"):
            scale = (mean / pooled[1]) ** np.arange(len(pooled))
            pooled = np.nan_to_num(pooled * scale, nan=np.inf)
    return np.minimum.accumulate(np.minimum(pooled, 1.0))


def test_group(
    log: ActionLog,
    members: Iterable[object],
    within: Within = "60s",
    *,
    occasion_gap: Duration | None = None,
    background: ActionLog | None = None,
) -> GroupTest:
    """Test whether the accounts of a given set act together more than outsiders would.

    Parameters
    ----------
    log
        The actions.
    members
        Labels of the accounts, two or more.
    within
        The window; or one for each kind of action, as in :func:`co_action`.
    occasion_gap
        Windows with gaps up to this make one occasion; by default the window (the longest of
        several) or 30 s, whichever is longer.
    background
        A log of accounts that are not under suspicion, for the chances of the classes.

    Returns
    -------
    GroupTest
        ``p_value`` is for a set named before looking, or chosen on other data; ``evidence`` is
        corrected for picking the set among all sets of its size. Formulas:
        :mod:`coordnet.inference.group_test`.

    Examples
    --------
    >>> import coordnet as cn
    >>> sim = cn.simulate("retweet_ring", accounts=1_000, seed=0)
    >>> cn.test_group(sim.log, sim.truth.groups["ring_12"]).evidence > 2
    True
    """
    codes = log.codes_of(members)
    if len(codes) < 2:
        raise ParameterError(f"members names {len(codes)} accounts; a group has two or more.")
    gap = None if occasion_gap is None else duration(occasion_gap, "occasion_gap")
    window = window_of(within)
    check_kinds(window, log)
    statistics = WindowStatistics(log, window, background, gap)
    return GroupTester(statistics).test(codes)


test_group.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it
