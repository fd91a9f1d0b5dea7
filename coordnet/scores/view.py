"""What every score sees, and what every score gives back."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.disk import SLICE, linear_room, release
from coordnet.errors import NoSuchItemError, ParameterError
from coordnet.frames import frozen
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex
from coordnet.graphs.relation import Trace
from coordnet.inference.gaps import (
    Actions,
    GapsBetween,
    GapShares,
    gap_shares,
    gaps_between,
    ladder,
)
from coordnet.inference.group_test import GroupTest
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import scores as score_kernels
from coordnet.kernels import windows as window_kernels
from coordnet.log.account_order import grouped, rows_of, starts_of, stretches
from coordnet.log.actions import ActionLog
from coordnet.readers.profiles import Profiles
from coordnet.readers.stance import Stance
from coordnet.robustness.null_runs import NullRuns, run_nulls
from coordnet.scores.drawn import Drawn, Piece
from coordnet.scores.promptness import FirstActs, Promptness, first_acts, promptness
from coordnet.scores.reference import (
    Sets,
    Statistic,
    bootstrap_interval,
    copies,
    item_profiler,
    matched_sets,
    null_p,
    resampled_sets,
    stretch,
    sums,
)
from coordnet.scores.texts import Texts, first_wordings, kinds_of_text, texts_of
from coordnet.search.configuration import Configuration, configuration_of
from coordnet.times import HOUR, SECOND, instant_text

Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """The declaration of a score: what a reader must know to read its numbers.

    Attributes
    ----------
    name, family : str
    meaning : str
        What the value is, in one sentence.
    unit : str
        Of the value; ``"share"`` is a number from 0 to 1.
    range : (float, float)
        The values that are possible.
    needs : str
        What has to be given: ``"log"``, ``"accounts"``, ``"text"``, ``"moments"``, ``"stance"``.
    of : str
        ``"log"`` or ``"layer"``; see :func:`score`.
    whole : bool
        Whether the value is a count, and an integer in tables.
    """

    name: str
    family: str
    meaning: str
    unit: str
    range: tuple[float, float]
    needs: str = "log"
    of: str = "log"
    whole: bool = False


@dataclass(frozen=True, eq=False)
class Estimate:
    """A score of every cluster: arrays (clusters,), NaN where a cluster has no such value.

    Attributes
    ----------
    value : float64
    accounts, actions : int64 or None
        How many accounts and actions the value rests on; None means all of the cluster.
    reference : float64 or None
        What the background or the null gives.
    reference_low, reference_median, reference_high : float64 or None
        Where the reference is of random sets: the 5th, 50th and 95th percentile of their values.
    effect : float64 or None
        Value over reference, or value minus reference for shares.
    low, high : float64 or None
        The 95 % interval of the value.
    p_value : float64 or None
    q_value : float64 or None
        The p-value corrected for all clusters and scores of one table (Benjamini-Hochberg).
    """

    value: Floats
    accounts: Counts | None = None
    actions: Counts | None = None
    reference: Floats | None = None
    reference_low: Floats | None = None
    reference_median: Floats | None = None
    reference_high: Floats | None = None
    effect: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None
    p_value: Floats | None = None
    q_value: Floats | None = None


@dataclass(frozen=True)
class Absent:
    """Given instead of an :class:`Estimate` where the inputs of a score are not there."""

    reason: str


# A score gives one estimate of all clusters, or one for each of several names (of moments, targets)
Score: TypeAlias = Callable[["View"], Estimate | Absent | dict[str, Estimate]]
REGISTRY: dict[str, tuple[Column, Score]] = {}


class UnavailableError(ParameterError):
    """A :class:`View` has not what a score asks for: the score is then absent."""


def score(
    family: str,
    meaning: str,
    unit: str,
    range: tuple[float, float] = (0.0, float("inf")),
    needs: str = "log",
    *,
    of: str = "log",
    whole: bool = False,
) -> Callable[[Score], Score]:
    """Declare a function as a score, under its own name.

    Any module may do so, at any time before :func:`coordnet.score_clusters` is called.

    Parameters
    ----------
    family, meaning, unit, range, needs
        Its :class:`Column`. A family that is new stands after all others.
    of
        ``"log"``: of what members do, whatever they are joined by. ``"layer"``: of what they do
        together; each cluster is then scored in its own layer, with that layer's window.
    whole
        Whether the value is a count.

    Raises
    ------
    ParameterError
        Where another module has declared a score of that name.
    """

    def declare(function: Score) -> Score:
        column = Column(function.__name__, family, meaning, unit, range, needs, of, whole)
        known = REGISTRY.get(column.name)
        if known is not None and known[1].__module__ != function.__module__:
            raise ParameterError(
                f"the score {column.name!r} of {function.__module__} has the name of one of "
                f"{known[1].__module__}; give the function another name."
            )
        REGISTRY[column.name] = (column, function)
        return function

    return declare


class Acts(NamedTuple):
    """The synchronisable acts of all clusters, one cluster after the other.

    These are what the relation of the graph can synchronise: of co-action the members' actions, of
    co-timing their events. ``unit`` numbers the (cluster, object) runs; windows never cross them.
    """

    indptr: Counts  # of clusters
    account: NDArray[np.int32]
    object: NDArray[np.int32]
    unit: NDArray[np.int32]
    time: Counts
    low: NDArray[np.int32]
    high: NDArray[np.int32]


class Company(NamedTuple):
    """How close entries of accounts in no cluster are to those of anybody else.

    Attributes
    ----------
    share : float
        Of these entries, those with one of another account in their window; NaN where there are
        none.
    lag : float
        The median lag of these to the nearest, in seconds; NaN where there are none.
    """

    share: float
    lag: float


@dataclass(frozen=True)
class Inputs:
    """What scores may be given in addition to the log; see :func:`coordnet.score_clusters`."""

    accounts: Profiles | None = None
    before: tuple[int, int] | None = None
    moments: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    stance: Stance | None = None
    null_sets: int = 199
    null_runs: NullRuns | int = 0
    stability: int = 0
    config: Configuration | None = None
    background: ActionLog | None = None
    seed: int = 0
    threads: int | None = None

    def facts(self) -> dict[str, Any]:
        """Return what a manifest says of them."""
        profiles, stance = self.accounts, self.stance
        return {
            "null_sets": self.null_sets,
            "stability": self.stability,
            "seed": self.seed,
            "profiles": None if profiles is None else int(profiles.known.sum()),
            "before": None if self.before is None else [instant_text(t) for t in self.before],
            "moments": {
                name: [instant_text(start), instant_text(end)]
                for name, (start, end) in self.moments.items()
            },
            "stance_targets": None if stance is None else list(stance.targets),
            "stance_labelled": None if stance is None else int((stance.target >= 0).sum()),
            "stance_coded_twice": None if stance is None else stance.coded,
            "stance_alpha": None if stance is None else stance.agreement,
        }


class View:
    """Clusters with the log they are scored on; what several scores need is computed once.

    Parameters
    ----------
    clusters
        The clusters.
    log
        The log to score them on, such as the whole log where the graph was of retweets only.
    inputs
        What else is known: profiles, moments, stances (``Inputs``).
    """

    def __init__(
        self,
        clusters: Clusters,
        log: ActionLog,
        inputs: Inputs | None = None,
        whole: View | None = None,
    ) -> None:
        self.clusters = clusters
        self.log = log
        self.inputs = Inputs() if inputs is None else inputs
        self.whole = self if whole is None else whole

    @cached_property
    def parts(self) -> tuple[tuple[NDArray[np.int64], View], ...]:
        """The clusters by the layer they are scored in: their numbers, and the view of them."""
        clusters, layer_of = self.clusters, self.clusters.layer_of
        if len(clusters.layers) == 1:
            return ((np.arange(len(clusters)), self),)
        parts = []
        for layer in np.unique(layer_of).tolist() or [0]:  # of no clusters in the first
            numbers = np.flatnonzero(layer_of == layer)
            members = [clusters.members(i) for i in numbers.tolist()]
            sizes = clusters.sizes[numbers]
            part = Clusters(
                Multiplex((clusters.layers[layer],)),
                np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
                np.concatenate([np.zeros(0, np.int32), *members]),
                clusters.method,
                clusters.parameters,
                tuple((clusters.group_tests[i][layer],) for i in numbers.tolist())
                if clusters.group_tests
                else (),
            )
            parts.append((numbers, View(part, self.log, self.inputs, self)))
        return tuple(parts)

    def part_of(self, i: int) -> tuple[View, int]:
        """Return the view of the layer that cluster i is scored in, and its number there."""
        for numbers, part in self.parts:
            at = np.flatnonzero(numbers == i)
            if len(at):
                return part, int(at[0])
        raise NoSuchItemError(f"there is no cluster {i!r}.")

    @cached_property
    def nulls(self) -> NullRuns | None:
        """What null runs gave, made where only their number was given; None where none are."""
        runs, inputs = self.inputs.null_runs, self.inputs
        if isinstance(runs, NullRuns) or not runs:
            return runs or None
        if self.whole is not self:
            return self.whole.nulls
        return run_nulls(
            self.graph.whole_log, self.config, runs, inputs.seed, inputs.background, inputs.threads
        )

    @property
    def graph(self) -> CoordinationGraph:
        """The graph of the layer that the clusters are scored in, or of all layers together."""
        return self.clusters.graph

    @property
    def tried(self) -> int:
        """The number of layers with objects, of which each cluster's was picked as the best."""
        return sum(layer.relation.on_objects for layer in self.whole.clusters.layers)

    @cached_property
    def evidence(self) -> Floats:
        """Log10 evidence of each group test, corrected for the number of layers tried."""
        found = np.array([test.evidence for test in self.group_tests], np.float64)
        return found - math.log10(self.tried)

    @property
    def sizes(self) -> Counts:
        """Number of members."""
        return self.clusters.sizes

    @cached_property
    def members(self) -> NDArray[np.int32]:
        """Codes in `log` of the members, parallel to ``clusters.indices``."""
        codes = self.clusters.indices
        if self.log.all_accounts != self.clusters.all_accounts:  # a log that was read by itself
            labels = self.clusters.all_accounts.labels.take(pa.array(codes))
            codes = self.log.all_accounts.positions_of(labels)
        silent = (codes < 0) | (self.activity[codes] == 0)
        if silent.any():
            raise ParameterError(
                f"{int(silent.sum())} of the {len(codes)} members of clusters are not in the "
                "log given; give the log that the clusters were found in, or one that holds it."
            )
        return codes

    def members_of(self, i: int) -> NDArray[np.int32]:
        """Return the codes in `log` of the members of cluster i."""
        return self.members[self.clusters.indptr[i] : self.clusters.indptr[i + 1]]

    @cached_property
    def sets(self) -> Sets:
        """The clusters as sets of accounts of `log`."""
        return Sets(self.clusters.indptr, self.members)

    @cached_property
    def activity(self) -> Counts:
        """Number of actions of each account of `log`."""
        return np.diff(self.log.by_account[0])

    @cached_property
    def background(self) -> NDArray[np.int32]:
        """Codes of the accounts that act in `log` and are in no cluster."""
        outside = self.activity > 0
        outside[self.whole.members] = False
        return np.flatnonzero(outside).astype(np.int32)

    @cached_property
    def matched(self) -> Sets:
        """``null_sets`` random sets for each cluster, of background accounts about as active."""
        if len(self.background) < 2:
            return copies(self.sets, 0, np.zeros(0, np.int32))
        return matched_sets(
            self.sets, self.activity, self.background, self.inputs.null_sets, self.inputs.seed
        )

    @cached_property
    def stretched(self) -> Floats:
        """By how much the spread of the random sets is stretched, where accounts are few."""
        if len(self.background) < 2:
            return np.ones(len(self.sets))
        return stretch(self.sets, self.activity, self.background)

    @cached_property
    def resampled(self) -> Sets:
        """Bootstrap samples of the members of each cluster."""
        return resampled_sets(self.sets, self.inputs.seed + 1)

    def compare(
        self,
        statistic: Statistic,
        *,
        tail: str = "both",
        share: bool = False,
        bootstrap: bool = False,
        matched: Sets | None = None,
        **rest: Any,
    ) -> Estimate:
        """Estimate a statistic of sets of accounts, compared with matched sets of the background.

        Parameters
        ----------
        statistic
            Gives a value for each of many sets.
        tail
            Which values are extreme: ``"greater"``, ``"less"`` or ``"both"``.
        share
            Whether the effect is the difference to the reference, not the ratio.
        bootstrap
            Whether to give an interval by resampling the members.
        matched
            Other random sets than `self.matched`, as many for each cluster.
        **rest
            Further parts of the estimate.
        """
        k = len(self.clusters)
        value = statistic(self.sets)
        null = _rows(statistic(self.matched if matched is None else matched), k)
        with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # means of nothing are NaN
            reference = np.nanmean(null, axis=1) if null.shape[1] else np.full(k, np.nan)
            effect = value - reference if share else value / reference
            spread = np.nanpercentile(null, (5, 50, 95), axis=1) if null.shape[1] else [None] * 3
        if bootstrap:
            drawn = _rows(statistic(self.resampled), k)
            rest["low"], rest["high"] = bootstrap_interval(drawn, self.sizes)
        return Estimate(
            value,
            reference=reference,
            reference_low=spread[0],
            reference_median=spread[1],
            reference_high=spread[2],
            effect=np.where(np.isfinite(effect), effect, np.nan),
            p_value=null_p(value, null, tail, self.stretched),
            **rest,
        )

    def resting_on(self, estimate: Estimate, known: NDArray[np.bool_], **changes: Any) -> Estimate:
        """Return an estimate that rests only on the accounts marked, with other parts changed."""
        return replace(estimate, accounts=sums(known, self.sets).astype(np.int64), **changes)

    def changed(self, estimate: Estimate, **changes: Any) -> Estimate:
        """Return an estimate with other parts changed."""
        return replace(estimate, **changes)

    @cached_property
    def drawn(self) -> Drawn:
        """The accounts that scores look at one by one: members, and those of the random sets."""
        there = np.zeros(len(self.log.all_accounts), bool)
        there[self.members] = there[self.matched.codes] = True
        return Drawn(self.log, np.flatnonzero(there).astype(np.int32))

    @cached_property
    def hours(self) -> Counts:
        """How often each account drawn acts at each hour of the day (UTC): (accounts, 24)."""

        def counted(piece: Piece) -> Counts:
            cell = piece.place * np.int64(24) + self.drawn.times(piece) // HOUR % 24
            n = 24 * (len(piece.starts) - 1)
            counts: Counts = np.bincount(cell, minlength=n).reshape(-1, 24)
            return counts

        return self.drawn.each(counted, np.int64, 24)

    def sums_by_account(self, values: Callable[[slice], NDArray[Any]]) -> Floats:
        """Add up a value of actions for each account of `log`, in their order.

        Parameters
        ----------
        values
            Gives those of a slice of the actions.
        """
        found, account = np.zeros(len(self.log.all_accounts)), self.log.account
        for begin in range(0, len(account), SLICE):
            here = slice(begin, begin + SLICE)
            array_kernels.add_by_code(account[here].copy(), values(here).astype(np.float64), found)
            release(account)
        return found

    @cached_property
    def texts(self) -> Texts | None:
        """The normalised texts of the accounts drawn."""
        return texts_of(self.log, self.drawn)

    @cached_property
    def first_wordings(self) -> Counts:
        """The first text of the log that each of the normalised texts is the form of."""
        texts = self.texts
        assert texts is not None  # whoever asks has some
        return first_wordings(self.log, texts)

    @cached_property
    def kinds_of_text(self) -> NDArray[np.bool_]:
        """Mark the kinds of the graph's log whose objects are texts."""
        return kinds_of_text(self.graph_log)

    @cached_property
    def object_profiles(self) -> Profiled:
        """Profiles of the objects that sets of accounts act on, each made once."""
        return Profiled(self)

    @cached_property
    def actions(self) -> tuple[Counts, Counts]:
        """Positions in `log` of the members' actions: (indptr of clusters, positions)."""
        return _gathered(*self.log.by_account, self.members, self.clusters.indptr)

    @cached_property
    def n_actions(self) -> Counts:
        """Number of actions of the members."""
        return np.diff(self.actions[0])

    @cached_property
    def inside(self) -> tuple[Counts, NDArray[np.int64]]:
        """Positions of the edges between members of one cluster: (indptr of clusters, edges)."""
        return self.clusters.inside(self.graph)

    @cached_property
    def edges_in_no_cluster(self) -> NDArray[np.bool_]:
        """Mark the edges of the graph between accounts that share no cluster of any layer."""
        marks = np.ones(self.graph.n_edges, bool)
        marks[self.whole.clusters.inside(self.graph)[1]] = False
        return marks

    @cached_property
    def graph_log(self) -> ActionLog:
        """The log that the graph was made of."""
        if self.graph.source is None or not self.graph.relation.from_log:
            raise UnavailableError(
                "the edges were not made from a log of actions, so it is not known what members "
                "did together."
            )
        return self.graph.log

    @cached_property
    def trace(self) -> Trace:
        """What of the graph's log can be synchronised."""
        return self.graph.relation.trace(self.graph_log)

    @cached_property
    def trace_starts(self) -> Counts:
        """Where the entries of each object of the trace begin."""
        if self.trace.account is self.graph_log.account:  # they are the actions of the log
            return self.graph_log.by_object
        return starts_of(self.trace.object, len(self.trace.window))

    @cached_property
    def trace_by_account(self) -> tuple[Counts, NDArray[np.int32]]:
        """Positions of each account's entries of the trace, ascending."""
        if self.trace.account is self.graph_log.account:
            return self.graph_log.by_account
        return grouped(self.trace.account, len(self.clusters.all_accounts))

    @cached_property
    def acts(self) -> Acts:
        """What can be synchronised in each cluster, with windows among the members."""
        starts, positions = self.trace_by_account
        indptr, at = _gathered(starts, positions, self.clusters.indices, self.clusters.indptr)
        trace = self.trace
        account, object_, time = (
            frozen(column[at]) for column in (trace.account, trace.object, trace.time)
        )
        new = np.ones(len(at), bool)
        new[1:] = object_[1:] != object_[:-1]
        new[indptr[:-1][indptr[:-1] < len(at)]] = True
        unit = frozen(np.cumsum(new, dtype=np.int32) - 1)
        low, high = window_kernels.window_bounds(unit, time, trace.window[object_[new]])
        return Acts(indptr, account, object_, unit, time, low, high)

    @cached_property
    def lags(self) -> Counts:
        """The lag of each of `acts` to the nearest of another member in its window, -1 for none."""
        acts = self.acts
        found: Counts = window_kernels.nearest_lags(acts.account, acts.time, acts.low, acts.high)
        return found

    @cached_property
    def first_acts(self) -> FirstActs:
        """The members' first actions on the objects that they share."""
        if not self.graph.relation.on_objects:
            raise UnavailableError("accounts do not meet on objects")
        return first_acts(self)

    @cached_property
    def promptness(self) -> Promptness:
        """How much of the synchrony the members' own delays since publication explain."""
        return promptness(self, self.first_acts)

    @cached_property
    def outsider(self) -> NDArray[np.bool_]:
        """Which accounts are in no cluster, of all that the clusters know."""
        outside = np.ones(len(self.clusters.all_accounts), bool)
        outside[self.whole.clusters.indices] = False
        return outside

    @cached_property
    def company_of_others(self) -> Company:
        """How close entries of accounts in no cluster are to the nearest of anybody else."""
        trace, starts = self.trace, self.trace_starts
        found = linear_room(len(trace.account), np.int64)
        entries = together = 0
        for first, last in stretches(starts, SLICE):
            here = slice(int(starts[first]), int(starts[last]))
            account, time = trace.account[here], trace.time[here]
            low, high = window_kernels.window_bounds(trace.object[here], time, trace.window)
            lag = window_kernels.nearest_lags(account, time, low, high)[self.outsider[account]]
            near = lag[lag >= 0]
            found[together : together + len(near)] = near
            entries, together = entries + len(lag), together + len(near)
            release(found, trace.account, trace.object, trace.time)
        if not together:
            return Company(0.0 if entries else np.nan, np.nan)
        middle = float(np.median(found[:together], overwrite_input=True)) / SECOND
        return Company(together / entries, middle)

    @cached_property
    def gaps_of_others(self) -> GapShares:
        """How far apart the entries of accounts in no cluster are, by class of object."""
        on_objects = self.graph.relation.on_objects
        kinds = self.graph_log.object_kind if on_objects else np.zeros(1, np.int32)
        limits = self.graph_log.limits or (0, 0)
        edges = ladder(self.graph_log.resolution, limits[1] - limits[0])
        actions = Actions(*self.trace[:3], self.trace_starts)
        return gap_shares(actions, kinds, self.outsider, edges)

    @cached_property
    def gaps_between_members(self) -> GapsBetween:
        """How far apart members of each cluster are on what they share, and others there."""
        acts = self.acts
        return gaps_between(
            self.gaps_of_others, acts.indptr, acts.account, acts.object, acts.unit, acts.time
        )

    @cached_property
    def background_paces(self) -> Floats:
        """The chance that two actions of accounts in no cluster are in one window, by object.

        Of the objects that two members of a cluster act on. NaN where there are fewer than two,
        and of all other objects.
        """
        tests, trace, starts = self.group_tests, self.trace, self.trace_starts
        paces = np.full(self.graph_log.n_objects, np.nan)
        objects = np.unique(np.concatenate([[], *(test.detail[:, 0] for test in tests)]))
        objects = objects.astype(np.int64)
        first = starts[objects]
        ends = np.append(0, np.cumsum(starts[objects + 1] - first))
        for a, b in stretches(ends, SLICE):
            at = rows_of(first, ends, slice(int(ends[a]), int(ends[b])))
            place = np.repeat(np.arange(b - a, dtype=np.int32), np.diff(ends[a : b + 1]))
            own = self.outsider[trace.account[at]]
            at, place = at[own], place[own]
            window = trace.window[objects[a:b]]
            _, high = window_kernels.window_bounds(frozen(place), frozen(trace.time[at]), window)
            close = np.bincount(place, high - np.arange(len(place)) - 1.0, minlength=b - a)
            count = np.bincount(place, minlength=b - a)
            with np.errstate(invalid="ignore"):
                paces[objects[a:b]] = close / (count * (count - 1) / 2)
        return paces

    @cached_property
    def config(self) -> Configuration:
        """By what rule the clusters are found again where that is asked for."""
        if self.inputs.config is not None:
            return self.inputs.config
        return configuration_of(self.whole.clusters.layers, self.inputs.seed)

    @cached_property
    def group_tests(self) -> list[GroupTest]:
        """The group test of each cluster in the log and window of its layer."""
        relation = self.graph.relation
        if not relation.on_objects:
            raise UnavailableError(f"{relation.title}: accounts do not meet on objects")
        inputs = self.inputs
        wanted = None if inputs.background is None else inputs.background.fingerprint
        made = [test for tests in self.clusters.group_tests for test in tests if test is not None]
        if len(made) == len(self.clusters) and all(wanted in (None, t.background) for t in made):
            return made  # those that found the clusters
        gap = None if inputs.config is None else inputs.config.occasion_gap_us
        tester = relation.group_tester(
            self.graph.log, inputs.background, inputs.threads, occasion_gap_us=gap
        )
        assert tester is not None  # relations on objects have one
        return [tester.test(self.clusters.members(i)) for i in range(len(self.clusters))]

    def per_cluster(
        self, indptr: Counts, values: NDArray[Any], of: Callable[[NDArray[Any]], Any]
    ) -> Floats:
        """Return a statistic of each cluster's stretch of `values`, NaN where it is empty."""
        cuts = zip(indptr[:-1].tolist(), indptr[1:].tolist(), strict=True)
        return np.array([of(values[a:b]) if b > a else np.nan for a, b in cuts], np.float64)


class Profiled:
    """Profiles of what sets act on, kept as long as the sets are: by the sets themselves."""

    def __init__(self, view: View) -> None:
        log, self._drawn = view.log, view.drawn
        self._profile = item_profiler(
            self._drawn.starts, self._drawn.of(log.object), log.n_objects,
            shared=score_kernels.objects_of_several(log.by_object, log.account),
            totals=np.diff(log.by_object),
        )  # fmt: skip
        release(log.account, log.object)
        self._made: list[tuple[Sets, Floats]] = []

    def of(self, sets: Sets) -> Floats:
        """Return the profile of each set."""
        for known, profile in self._made:
            if known is sets:
                return profile
        profile = self._profile(self._drawn.placed(sets))
        self._made.append((sets, profile))
        return profile


def _rows(values: Floats, k: int) -> Floats:
    """Return the values of as many sets for each of k clusters, a row a cluster."""
    return values.reshape(k, len(values) // max(k, 1))


def _gathered(
    indptr: Counts, positions: NDArray[np.int32], codes: NDArray[np.int32], starts: Counts
) -> tuple[Counts, Counts]:
    """Return the positions of the accounts `codes`, ascending inside each stretch of `starts`."""
    first = indptr[codes]
    lengths = indptr[codes + 1] - first
    ends = np.cumsum(lengths)
    at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - lengths), lengths)
    borders = np.concatenate([[0], ends])[starts]
    cluster = np.repeat(np.arange(len(starts) - 1), np.diff(borders))
    key = np.sort((cluster << 32) | positions[at])
    return borders, key & 0xFFFFFFFF
