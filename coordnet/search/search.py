"""The search: tested layers, communities and groups of a log, at one level of error.

How the level is shared. A run at level `fdr` over several windows and, if asked for, co-timing is
one family: each layer gets an equal part of the level. The part of a layer of co-action is halved
between its edges (false discovery rate) and its groups (chance of any false one). Where nothing
coordinates, the chance that anything is reported is at most the sum of the parts, which is `fdr`;
and the expected share of false ones among all kept edges is at most the sum of the shares, layer
by layer.

How a background cleans itself (`clean_background`). Chances are estimated from the log itself, and
a large campaign raises them. So the accounts of kept edges and groups are taken out of the
background, never out of the log, and everything is tested again, until no more accounts are found.
The accounts taken out only grow in number. Where the first round finds nothing, nothing changes.
From then on an occasion lasts for six hours or more: the chance of a class is then that of its slow
objects, and viewers of one event, who share its posts at once and each by themselves, would be
found one after the other. A pair keeps the p-value of the first round where that is smaller. Bounds
on true pairs rest on that of the last round, but inside clusters that are significant as a group:
there who else acts on the same objects has been asked, and viewers of an event raise that chance
themselves. So a campaign of one evening has its bound, and viewers who passed the first round have
none.

How groups and communities become clusters. Communities are found in the kept edges of all layers
together. A group, best evidence first, and all clusters so far that share half of the members of
either with it become one cluster: communities split what is held together by few strong pairs.
But two such clusters stay apart where most of their evidence is of what each does by itself: two
rings that push two posts at the same moment have more evidence together than either, and more than
both added up. They are one only where what is beyond the sum is more than either of them has alone,
E(both) - E(one) - E(other) > min(E(one), E(other)), negative evidence counting as none.
Overlaps of less than half stay, so clusters can overlap.

Which clusters are reported. Beside a campaign of hundreds of edges the level allows some false
ones, and those that only the first round speaks for lie together: clusters of three to eight
viewers of one event. So where the background was cleaned, a cluster is reported only where one of
these holds:

- it is significant as a group;
- an edge in it is kept by the p-value of the last round too;
- more than half of its pairs certainly act together by the p-values of the first round (a bound,
  with a confidence of 95 %). Of a ring that works around the clock on posts that nobody else
  shares the last round can say nothing.

The edges stay in the layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.clusters.communities import find_clusters
from coordnet.clusters.groups import grow_groups
from coordnet.disk import SLICE, release
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex
from coordnet.graphs.relation import Against, Relation
from coordnet.graphs.true_pairs import NOT_CLEANED, certain_pairs
from coordnet.inference.edge_tests import timing_p_values
from coordnet.inference.group_test import GroupTest, GroupTester
from coordnet.inference.membership import MembershipTester
from coordnet.inference.statistics import WindowStatistics
from coordnet.log.actions import ActionLog
from coordnet.search.configuration import Configuration

Stage = Callable[[str], AbstractContextManager[None]]
MOST_ROUNDS = 10
LEAST_BACKGROUND = 0.1  # share of the accounts below which nothing can be estimated from the rest
LEAST_PUBLIC = 12  # accounts, below which they are too few whatever the share
CLOSEST = 8  # pairs, the most surprising ones, by which a search that finds nothing is judged
Group = tuple[NDArray[np.int32], float]  # members and evidence


@dataclass(frozen=True)
class Looked:
    """What a layer was searched with, for what is said of it when the search is over."""

    tester: GroupTester | None = None  # with the chances of the last round
    pairs: int = 0  # edges that were tested
    least_q: float = 1.0  # the smallest q-value of any of them
    closest: tuple[NDArray[np.int32], ...] = ()  # the most surprising pairs, that groups grow from


@dataclass(frozen=True)
class Found:
    """What was found in a log: the layers of kept edges, and clusters in them."""

    layers: Multiplex
    clusters: Clusters
    rounds: tuple[int, ...] = ()  # accounts that were out of the background in each round
    few_left: bool = False  # whether hardly anybody would be left in it, so that all stayed in
    looked: tuple[Looked, ...] = ()  # a layer each
    let_go: int = 0  # clusters that are not reported, as only the first round speaks for them

    def largest_evidence(self) -> float:
        """Return the most evidence of the search, of clusters and of sets that it let go.

        The clusters' own, and that of the sets grown from the most surprising pairs of each layer,
        less log10 of the number of layers tried. -inf where there was no pair to grow from.
        """
        clusters = self.clusters.evidence
        found = [] if clusters is None else clusters.tolist()
        tried = sum(looked.tester is not None for looked in self.looked)
        for looked in self.looked:
            if looked.tester is not None:
                grown = looked.tester.grow(list(looked.closest))
                found += [evidence - math.log10(tried) for _, evidence in grown]
        return max((e for e in found if not math.isnan(e)), default=-math.inf)


def search_clusters(
    log: ActionLog,
    config: Configuration,
    background: ActionLog | None = None,
    threads: int | None = None,
    stage: Stage = lambda _: nullcontext(),
) -> Found:
    """Find clusters in a log.

    Parameters
    ----------
    log
        The log.
    config
        By what rule.
    background
        A log of accounts that are not under suspicion, for the chances of the tests.
    threads
        Number of threads; None means all processors.
    stage
        Called with the name of each stage, for a context in which it runs.
    """
    searched = search_layers(log, config, background, threads, stage)
    with stage("clusters"):
        return searched.found(config)


def search_layers(
    log: ActionLog,
    config: Configuration,
    background: ActionLog | None = None,
    threads: int | None = None,
    stage: Stage = lambda _: nullcontext(),
) -> Searched:
    """Build, test and clean the layers of a log, and look for groups; see `search_clusters`."""
    layers = [
        _Layer(log, relation, config, background, threads, stage) for relation in config.relations
    ]
    rounds, few_left = _in_rounds(log, layers, config.clean_background and background is None)
    if len(rounds) == 1 and background is None:
        for layer in layers:
            layer.note_not_cleaned()
    return Searched(tuple(layers), config.layer_level, rounds, few_left)


@dataclass(frozen=True)
class Searched:
    """The layers of a log when the search in them is over, before clusters are made of them."""

    layers: tuple[_Layer, ...]
    level: float | None  # of each layer
    rounds: tuple[int, ...]
    few_left: bool

    @cached_property
    def kept(self) -> Multiplex:
        """The kept edges of each layer."""
        levels = (self.level,) * len(self.layers)
        return Multiplex(tuple(layer.kept for layer in self.layers), levels)

    def found(self, config: Configuration, communities: Clusters | None = None) -> Found:
        """Join communities with groups, settle their members, and test them.

        Parameters
        ----------
        config
            By what rule.
        communities
            Of :attr:`kept`; None finds them.
        """
        kept, layers = self.kept, list(self.layers)
        if communities is None:
            communities = layers[0].communities if len(layers) == 1 else None
        if communities is None:
            communities = _communities(kept, config)
        groups = [group for layer in layers for group in layer.groups]
        members = merged([cluster.codes for cluster in communities], groups, self._evidence)
        members = _settled(members, kept, layers, config)
        tests = [tuple(layer.group_test(codes) for layer in layers) for codes in members]
        parameters = {
            **communities.parameters,
            **({"groups": len(groups)} if config.groups else {}),
        }
        tested = any(layer.tester is not None for layer in layers)
        kept = self._bounded(members, tests, config)
        clusters = Clusters.from_members(
            kept, members, config.method, parameters, 1, tests if tested else []
        )
        supported = self._supported(clusters)
        clusters = clusters.where(supported)
        looked = tuple(
            Looked(layer.tester, layer.pairs, layer.least_q, layer.closest) for layer in layers
        )
        let_go = int((~supported).sum())
        return Found(kept, clusters, self.rounds, self.few_left, looked, let_go)

    def _supported(self, clusters: Clusters) -> NDArray[np.bool_]:
        """Return which clusters more than the first round speaks for; see the module."""
        supported = np.zeros(len(clusters), bool)
        pairs = clusters.sizes * (clusters.sizes - 1) // 2
        for i, (layer, kept) in enumerate(zip(self.layers, self.kept, strict=True)):
            starts, edges = clusters.inside(kept)
            if layer.first_tester is None:  # there was one round
                supported |= np.diff(starts) > 0
            for c, tests in enumerate(clusters.group_tests):
                test = tests[i]
                supported[c] |= test is not None and test.evidence > layer.least_evidence
            if layer.first_tester is None or supported.all():
                continue
            last = kept.edges["p_family"] <= kept.edges["p_value"].max(initial=0.0)
            supported |= np.diff(np.concatenate([[0], np.cumsum(last[edges])])[starts]) > 0
            supported |= 2 * _certain_pairs(clusters, layer.first[0]) > pairs
        return supported

    def _bounded(
        self,
        members: list[NDArray[np.int32]],
        tests: list[tuple[GroupTest | None, ...]],
        config: Configuration,
    ) -> Multiplex:
        """Return the kept edges, with the p-values that bounds on true pairs rest on.

        Inside clusters that are significant as groups they are those of the edges.
        """
        bounded = []
        for i, (layer, graph) in enumerate(zip(self.layers, self.kept, strict=True)):
            groups = [
                codes
                for codes, of in zip(members, tests, strict=True)
                if (test := of[i]) is not None and test.evidence > layer.least_evidence
            ]
            if layer.first_tester is None or not groups:
                bounded.append(graph)
                continue
            own = Clusters.from_members(self.kept, groups, config.method, {}, 1, [])
            _, edges = own.inside(graph)
            p_family = np.array(graph.edges["p_family"])
            known = edges[p_family[edges] < 1]
            p_family[known] = graph.edges["p_value"][known]
            bounded.append(graph.with_column("p_family", p_family))
        return Multiplex(tuple(bounded), self.kept.levels)

    def _evidence(self, members: NDArray[np.int32]) -> float:
        """Return the evidence of a set of accounts, in the layer that has most of it."""
        tests = [layer.group_test(members) for layer in self.layers]
        return max((test.evidence for test in tests if test is not None), default=0.0)


def _certain_pairs(clusters: Clusters, graph: CoordinationGraph) -> NDArray[np.int64]:
    """Return how many pairs of each cluster certainly act together by the edges of a graph."""
    starts, edges = clusters.inside(graph)
    return np.array([certain_pairs(graph, edges[a:b]) or 0 for a, b in pairwise(starts)], np.int64)


def _communities(graph: CoordinationGraph | Multiplex, config: Configuration) -> Clusters:
    return find_clusters(
        graph, config.method, resolution=config.resolution, seed=config.seed,
        min_size=config.min_size,
    )  # fmt: skip


def _settled(
    clusters: list[NDArray[np.int32]],
    kept: Multiplex,
    layers: list[_Layer],
    config: Configuration,
) -> list[NDArray[np.int32]]:
    """Return clusters of the accounts that act with the others of their cluster.

    Each in the layer that has most of its edges, or most evidence of it as a group where none has
    any. Those who leave a cluster may be one: a small cluster inside a large one is less than a
    tenth of the members. What accounts that do not meet on objects have in common is not looked
    at, so that clusters of such layers stay as they are.
    """
    level = config.layer_level
    testers = [None if layer.tester is None else MembershipTester(layer.tester) for layer in layers]
    if level is None or not any(testers):
        return clusters
    found = Clusters.from_members(kept, clusters, config.method, {}, 1, [])
    inside = np.array([np.diff(found.inside(layer)[0]) for layer in kept])
    of_layer = inside.argmax(axis=0)
    for c in np.flatnonzero(inside.max(axis=0) == 0).tolist():
        of_layer[c] = np.argmax([
            -math.inf if layer.tester is None else layer.tester.test(found.members(c)).evidence
            for layer in layers
        ])  # fmt: skip
    out: list[NDArray[np.int32]] = []
    for i, tester in enumerate(testers):
        own = [found.members(c) for c in np.flatnonzero(of_layer == i).tolist()]
        if tester is None:
            out += own
            continue
        unsure = True
        while own:
            stayed = tester.settled(own, level / 2, unsure, found.indices)
            out += stayed
            left = [np.setdiff1d(*both) for both in zip(own, stayed, strict=True) if len(both[1])]
            own = [members for members in left if len(members) >= max(config.min_size, 2)]
            unsure = False
    joined: list[NDArray[np.int32]] = []
    for members in sorted(out, key=lambda m: (-len(m), m.tolist())):
        for i, one in enumerate(joined):  # parts of one cluster that were completed each
            if 2 * len(np.intersect1d(members, one)) >= max(len(members), len(one)):
                joined[i] = np.union1d(one, members)
                break
        else:
            joined.append(members)
    return [members for members in joined if len(members) >= config.min_size]


class _Layer:
    """One layer while it is searched: its graph, what is counted for its tests, and what is found.

    Parameters
    ----------
    log, config, background, threads, stage
        As in :func:`search_clusters`.
    relation
        By what its accounts are joined.

    Attributes
    ----------
    kept : CoordinationGraph
        Of the kept edges.
    groups : list of Group
        Those that no pair betrays.
    tester : GroupTester or None
    communities : Clusters or None
        Of the kept edges, where the groups needed them.
    pairs, least_q, closest
        As in :class:`Looked`.
    """

    def __init__(
        self,
        log: ActionLog,
        relation: Relation,
        config: Configuration,
        background: ActionLog | None,
        threads: int | None,
        stage: Stage,
    ) -> None:
        self.config, self.stage, self.threads = config, stage, threads
        self.level = config.layer_level
        self.name = relation.name
        self.tester: GroupTester | None = None
        self.first_tester: GroupTester | None = None  # where the background was cleaned since
        self.communities: Clusters | None = None
        self.groups: list[Group] = []
        self.pairs, self.least_q = 0, 1.0
        self.closest: tuple[NDArray[np.int32], ...] = ()
        on_objects = relation.on_objects
        with stage(f"{self.name} graphs"):
            self.kept = self.graph = self.all_edges = relation.graph(
                log,
                weight=config.weight if on_objects else None,
                # one coincidence is no evidence
                min_weight=config.min_weight if on_objects else 2,
                to_test=self.level is not None,
                threads=threads,
            )
        self.pairs = self.graph.n_edges
        self.against = Against()
        self.statistics: WindowStatistics | None = None
        self.first: tuple[CoordinationGraph, CoordinationGraph, WindowStatistics | None, float] = (
            self.graph,
            self.kept,
            None,
            self.least_q,
        )
        if on_objects and self.level is not None:
            self.against = Against(config.null, config.strata, background, config.occasion_gap_us)
            self.statistics = relation.statistics(log, self.against, threads)
        self.test(None)

    def test(self, outside: NDArray[np.bool_] | None) -> None:
        """Test the edges.

        Parameters
        ----------
        outside
            By code of account, whether it is in the background; None means all are.
        """
        if self.level is None or (self.statistics is None and self.kept.tested is not None):
            return  # nothing is asked for, or nothing rests on a background
        share, against = self.share, self.against
        if self.statistics is not None and outside is not None:
            self.statistics = self.statistics.with_background(outside)
            against = replace(against, bounds=False)  # until it is known to be the last round
        with self.stage(f"{self.name} tests"):
            self.graph = self.graph.tested_against(against, self.statistics, self.threads)
            self.kept = self.graph.keep(fdr=share)
            self.least_q = float(self.graph.edges["q_value"].min(initial=1.0))
            if "p_activity" in self.graph.edges:
                # no background changes this p-value, and no q-value is below it
                self.graph = self.graph.where(self.graph.edges["p_activity"] <= share)
            elif self.statistics is None:
                self.graph = self.kept
            release(*self.all_edges.edges.values(), *self.graph.edges.values())
        if outside is None:
            self.first = self.graph, self.kept, self.statistics, self.least_q

    @property
    def share(self) -> float | None:
        """The part of the level that the edges have."""
        if self.level is None or self.statistics is None or not self.config.groups:
            return self.level
        return self.level / 2

    @property
    def least_evidence(self) -> float:
        """Log10 evidence above which a group is significant; that of the group search."""
        return math.inf if self.level is None else -math.log10(self.level / 2)

    def take_back(self) -> None:
        """Let everything be as before the background was cleaned."""
        self.graph, self.kept, self.statistics, self.least_q = self.first

    def note_not_cleaned(self) -> None:
        """Note that bounds rest on a background that has the accounts found in it."""
        test = self.kept.tested
        if test is not None and self.kept.n_edges and "p_timing" in self.kept.edges:
            noted = replace(test, notes=(*test.notes, NOT_CLEANED))
            self.kept = replace(self.kept, tested=noted)

    def group_test(self, members: NDArray[np.int32]) -> GroupTest | None:
        """Return the test of a set of accounts that has more evidence.

        With the chances and occasions of the last round, or with those of the first, as for edges.
        """
        if self.tester is None:
            return None
        tests = [tester.test(members) for tester in (self.tester, self.first_tester) if tester]
        return max(tests, key=lambda test: test.evidence)

    def find_groups(self) -> None:
        """Look for groups that no pair betrays."""
        if self.statistics is None or self.level is None:
            return
        with self.stage("groups"):
            if self.statistics is not self.first[2]:
                self.graph = self.graph.with_bounds(self.statistics, self.threads)
                self.kept = self.graph.keep(fdr=self.share)
            self.tester = GroupTester(self.statistics)
            first = self.first[2]
            if first is not None and first is not self.statistics:
                self.first_tester = GroupTester(first)
            if not self.config.groups:
                return
            surprising = self.graph
            # what activity explains of a pair it need not explain of a group
            if surprising.n_edges < self.all_edges.n_edges or self.config.null == "activity":
                ends = self.all_edges.edges["source"], self.all_edges.edges["target"]
                p_values = timing_p_values(self.statistics, *ends, self.threads)
                surprising = self.all_edges.with_column("p_timing", p_values)
            ends = surprising.edges["source"], surprising.edges["target"]
            closest = _smallest(surprising.edges["p_timing"], CLOSEST)
            self.closest = tuple(np.stack([end[closest] for end in ends], axis=1))
            release(*surprising.edges.values())
            self.communities = _communities(self.kept, self.config)
            self.groups = grow_groups(
                self.tester, surprising, self.least_evidence, self.config.min_size, self.communities
            )


def _smallest(values: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Return the places of the n smallest values, ascending; of equals the first."""
    parts = [
        begin + np.argsort(values[begin : begin + SLICE], kind="stable")[:n]
        for begin in range(0, len(values), SLICE)
    ]
    places = np.concatenate([np.zeros(0, np.int64), *parts])
    found: NDArray[np.int64] = places[np.argsort(values[places], kind="stable")[:n]]
    release(values)
    return found


def _in_rounds(log: ActionLog, layers: list[_Layer], cleaned: bool) -> tuple[tuple[int, ...], bool]:
    """Look for groups; and test again without the accounts found in the background, until it ends.

    Groups are looked for when the edges take nobody out any more.

    Returns
    -------
    rounds : how many accounts were out of the background in each round
    few_left : whether too few would have been left, so that nobody was taken out
    """
    cleaned = cleaned and any(layer.statistics is not None for layer in layers)
    taken = np.zeros(len(log.all_accounts), bool)
    rounds = [0]
    while True:
        more = taken.copy()
        for layer in layers:
            more[layer.kept.nodes] = True
        searched = not cleaned or bool((more == taken).all())
        if searched:
            for layer in layers:
                layer.find_groups()
                for members, _ in layer.groups:
                    more[members] = True
        if not cleaned or (more == taken).all():
            return tuple(rounds), False
        few_left = too_few_left(log, ~more)
        if not few_left and len(rounds) <= MOST_ROUNDS:
            taken = more
            rounds.append(int(taken.sum()))
            for layer in layers:
                layer.test(~taken)
            continue
        if few_left and len(rounds) > 1:  # everybody is a suspect: nobody is taken out
            searched, rounds = False, [0]
            for layer in layers:
                layer.take_back()
        if not searched:
            for layer in layers:
                layer.find_groups()
        return tuple(rounds), few_left


def too_few_left(log: ActionLog, outside: NDArray[np.bool_]) -> bool:
    """Return whether too few accounts of a log are in the background to estimate chances from.

    Parameters
    ----------
    log
        The log.
    outside
        By code of account, whether it is in the background.
    """
    least = max(LEAST_BACKGROUND * log.n_accounts, LEAST_PUBLIC)
    return bool(outside[log.active].sum() < least)


def merged(
    communities: list[NDArray[np.int32]],
    groups: list[Group],
    evidence: Callable[[NDArray[np.int32]], float],
) -> list[NDArray[np.int32]]:
    """Join groups with the communities that share half of either with them; see the module.

    Parameters
    ----------
    communities
        Codes of the members of each.
    groups
        What the group search found.
    evidence
        Returns that of a set of accounts.
    """
    clusters = list(communities)
    for members, _ in sorted(groups, key=_best_first):
        close = [_share_half(members, cluster) for cluster in clusters]
        wholes = _wholes([c for c, at in zip(clusters, close, strict=True) if at], evidence)
        if len(wholes) < 2:
            wholes = [np.unique(np.concatenate([members, *wholes]))]
        clusters = [*(c for c, at in zip(clusters, close, strict=True) if not at), *wholes]
    return clusters


def _wholes(
    parts: list[NDArray[np.int32]], evidence: Callable[[NDArray[np.int32]], float]
) -> list[NDArray[np.int32]]:
    """Join the parts that a group touches where they are one by the evidence; see the module."""
    if len(parts) < 2:
        return parts
    found: list[Group] = []
    for part, alone in sorted(((p, max(evidence(p), 0.0)) for p in parts), key=_best_first):
        for i, (whole, known) in enumerate(found):
            both = np.union1d(whole, part)
            together = evidence(both)
            if _share_half(whole, part) or together - known - alone > min(known, alone):
                found[i] = both, together
                break
        else:
            found.append((part, alone))
    return [whole for whole, _ in found]


def _share_half(one: NDArray[np.int32], other: NDArray[np.int32]) -> bool:
    return 2 * len(np.intersect1d(one, other)) >= min(len(one), len(other))


def _best_first(group: Group) -> tuple[float, list[int]]:
    return -group[1], group[0].tolist()
