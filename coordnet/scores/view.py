"""What every score sees, and what every score gives back."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.errors import ParameterError
from coordnet.graphs.graph import CoordinationGraph
from coordnet.inference.group_test import GroupTest, group_tester
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import clusters as cluster_kernels
from coordnet.kernels import windows as window_kernels
from coordnet.log.actions import ActionLog
from coordnet.readers.profiles import Profiles
from coordnet.readers.stance import Stance
from coordnet.robustness.null_runs import NullRuns
from coordnet.scores.reference import (
    Sets,
    Statistic,
    bootstrap_interval,
    copies,
    matched_sets,
    null_p,
    resampled_sets,
    stretch,
    sums,
)
from coordnet.scores.texts import Texts, texts_of
from coordnet.search.configuration import Rule
from coordnet.times import instant_text

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
    """

    name: str
    family: str
    meaning: str
    unit: str
    range: tuple[float, float]
    needs: str = "log"


@dataclass(frozen=True)
class Estimate:
    """A score of every cluster: arrays (clusters,), NaN where a cluster has no such value.

    Attributes
    ----------
    value : float64
    accounts, actions : int64 or None
        How many accounts and actions the value rests on; None means all of the cluster.
    reference : float64 or None
        What the background or the null gives.
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


def score(
    family: str,
    meaning: str,
    unit: str,
    range: tuple[float, float] = (0.0, float("inf")),
    needs: str = "log",
) -> Callable[[Score], Score]:
    """Declare a function as a score, under its own name."""

    def declare(function: Score) -> Score:
        column = Column(function.__name__, family, meaning, unit, range, needs)
        REGISTRY[column.name] = (column, function)
        return function

    return declare


class Acts(NamedTuple):
    """The synchronisable acts of all clusters, one cluster after the other.

    Of a co-action graph these are the members' actions on the graph's log, of a co-timing graph
    their events. ``unit`` numbers the (cluster, object) runs; windows never cross them.
    """

    indptr: Counts  # of clusters
    account: NDArray[np.int32]
    object: NDArray[np.int32]  # 0 of a co-timing graph
    unit: NDArray[np.int32]
    time: Counts
    low: NDArray[np.int32]
    high: NDArray[np.int32]


@dataclass(frozen=True)
class Inputs:
    """What scores may be given beside the log; see :func:`coordnet.score_clusters`."""

    accounts: Profiles | None = None
    before: tuple[int, int] | None = None
    moments: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    stance: Stance | None = None
    null_sets: int = 199
    null_runs: NullRuns | int = 0
    stability: int = 0
    rule: Rule | None = None
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
        What else is known; see :class:`Inputs`.
    """

    def __init__(self, clusters: Clusters, log: ActionLog, inputs: Inputs | None = None) -> None:
        self.clusters = clusters
        self.log = log
        self.inputs = Inputs() if inputs is None else inputs

    @property
    def graph(self) -> CoordinationGraph:
        """The graph that the clusters were found in."""
        return self.clusters.graph

    @property
    def sizes(self) -> Counts:
        """Number of members."""
        return self.clusters.sizes

    @cached_property
    def members(self) -> NDArray[np.int32]:
        """Codes in `log` of the members, parallel to ``clusters.indices``."""
        if self.log is self.graph.log:
            return self.clusters.indices
        codes = self.log.positions_of(self.graph.log.account_labels.take(self.clusters.indices))
        if (codes < 0).any():
            raise ParameterError(
                f"{int((codes < 0).sum())} of the {len(codes)} members of clusters are not in the "
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
        """Codes of the accounts of `log` that are in no cluster."""
        outside = np.ones(self.log.n_accounts, bool)
        outside[self.members] = False
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
        """Estimate a statistic of sets of accounts, beside matched sets of the background.

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
        if bootstrap:
            drawn = _rows(statistic(self.resampled), k)
            rest["low"], rest["high"] = bootstrap_interval(drawn, self.sizes)
        return Estimate(
            value,
            reference=reference,
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
    def account_of_action(self) -> NDArray[np.int32]:
        """The account of each action, account by account."""
        return np.repeat(np.arange(self.log.n_accounts, dtype=np.int32), self.activity)

    @cached_property
    def texts(self) -> Texts | None:
        """The normalised texts of the actions of `log`."""
        return texts_of(self.log)

    @cached_property
    def memo(self) -> dict[Any, Any]:
        """What one score has computed and another may need."""
        return {}

    @cached_property
    def objects_by_account(self) -> NDArray[np.int32]:
        """The object of each action, account by account."""
        return self.log.object[self.log.by_account[1]]

    @cached_property
    def actions(self) -> tuple[Counts, Counts]:
        """Positions in `log` of the members' actions: (indptr of clusters, positions)."""
        return _gathered(*self.log.by_account, self.members, self.clusters.indptr)

    @cached_property
    def n_actions(self) -> Counts:
        """Number of actions of the members."""
        return np.diff(self.actions[0])

    @cached_property
    def cluster_of_action(self) -> NDArray[np.int64]:
        """The cluster of each of `actions`."""
        return np.repeat(np.arange(len(self.clusters)), self.n_actions)

    @cached_property
    def inside(self) -> tuple[Counts, NDArray[np.int64]]:
        """Positions of the edges between members of one cluster: (indptr of clusters, edges)."""
        n = len(self.clusters)
        indptr, memberships = array_kernels.group_by_code(
            self.clusters.indices, self.graph.log.n_accounts
        )
        cluster_of = np.repeat(np.arange(n, dtype=np.int32), self.sizes)[memberships]
        cluster, edge = cluster_kernels.edges_inside(
            self.graph.edges["source"], self.graph.edges["target"], indptr, cluster_of
        )
        starts, order = array_kernels.group_by_code(cluster, n)
        return starts, edge[order]

    @cached_property
    def acts(self) -> Acts:
        """What can be synchronised in each cluster, with windows among the members."""
        graph = self.graph
        if graph.relation == "co-timing":
            events = graph.log.events(graph.refractory)
            account, time = events.account, events.time
            object_ = np.zeros(len(account), np.int32)
            starts, positions = array_kernels.group_by_code(account, graph.log.n_accounts)
        else:
            account, time, object_ = graph.log.account, graph.log.time, graph.log.object
            starts, positions = graph.log.by_account
        indptr, at = _gathered(starts, positions, self.clusters.indices, self.clusters.indptr)
        account, time, object_ = account[at], time[at], object_[at]
        new = np.ones(len(at), bool)
        new[1:] = object_[1:] != object_[:-1]
        new[indptr[:-1][indptr[:-1] < len(at)]] = True
        unit = np.cumsum(new, dtype=np.int32) - 1
        low, high = window_kernels.window_bounds(unit, time, graph.within)
        return Acts(indptr, account, object_, unit, time, low, high)

    @cached_property
    def lags(self) -> Counts:
        """The lag of each of `acts` to the nearest of another member in its window, -1 for none."""
        acts = self.acts
        found: Counts = window_kernels.nearest_lags(acts.account, acts.time, acts.low, acts.high)
        return found

    @cached_property
    def rule(self) -> Rule:
        """By what rule the clusters are found again where that is asked for."""
        return self.inputs.rule or Rule((self.clusters.within,), seed=self.inputs.seed)

    @cached_property
    def group_tests(self) -> list[GroupTest] | None:
        """The group test of each cluster in the log and window of its graph."""
        graph = self.graph
        if graph.relation == "co-timing":
            return None
        tester = group_tester(graph.log, graph.within, None, self.rule.background)
        return [tester.test(self.clusters.members(i)) for i in range(len(self.clusters))]

    def per_cluster(
        self, indptr: Counts, values: NDArray[Any], of: Callable[[NDArray[Any]], Any]
    ) -> Floats:
        """Return a statistic of each cluster's stretch of `values`, NaN where it is empty."""
        cuts = zip(indptr[:-1].tolist(), indptr[1:].tolist(), strict=True)
        return np.array([of(values[a:b]) if b > a else np.nan for a, b in cuts], np.float64)


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
