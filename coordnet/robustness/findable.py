r"""What could have been found in a log: the smallest groups, planted and tested on paper.

"Nothing found" says nothing without it. :func:`coordnet.power` plants groups in copies of the log
and searches each copy; here groups are planted the same way, but only what the search would
compute for the group itself is computed, by the same code and against the chances of the log as it
stands. A group of k accounts that act together on m objects counts as found where

- its evidence, by the group test and the weights of sets, is above -log10 of the level of groups,
  and a pair of it is surprising enough for the search to start from it; or
- pairs whose q-value is at most the level of edges join half of it or more; and, where the search
  cleans its background, the group has that evidence too, or one of these pairs is kept by what is
  then asked of it: occasions hours apart, and a small p-value that it could have had whatever the
  times. Else the search would let the cluster go (:mod:`coordnet.search.search`).

The smallest m is searched for by bisection, group by group, from three objects on: the objects of a
group are taken in a fixed order, so that more objects hold the fewer. What is reported is the m
with which nine tenths of the groups planted are found: there are few of them, and four fifths are
promised. Less than three objects are never claimed: whole searches find such groups about as often
as they miss them, as a few objects decide.

A group that is planted raises the chances of the classes of its objects, against which it is
tested: by how much is counted for the chances pooled over objects, and the others are taken to
rise alike. A search can do better, where its background cleans itself. Members are drawn from all
accounts. Those of clusters that were found already are taken to stay in these, so that at least
half of a group must be others. In a log of fewer than a hundred accounts a group changes so much
of what it is tested against that paper cannot tell, and nothing is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from coordnet.clusters.groups import SEED_P
from coordnet.disk import longer
from coordnet.errors import check_seed, check_whole
from coordnet.frames import frozen, native
from coordnet.graphs.graph import CoordinationGraph
from coordnet.inference.attainable import LEVELS, STEP, AttainablePairs, attainable_of
from coordnet.inference.correction import least_of_accounts
from coordnet.inference.edge_tests import BOUND_ALPHA, combined_p_values
from coordnet.inference.group_test import GroupTester
from coordnet.inference.pair_order import marks
from coordnet.inference.pair_tests import MANY, chances_of_cells, saturated_sums
from coordnet.inference.round_times import round_factors, roundness
from coordnet.inference.statistics import EVENING, popularity_class
from coordnet.inference.timing_power import LITTLE_POWER
from coordnet.kernels import edge_tests as edge_test_kernels
from coordnet.kernels import groups as group_kernels
from coordnet.kernels import tails as tail_kernels
from coordnet.kernels.occasions import OccasionRule
from coordnet.kernels.set_weights import Interests, know_shared
from coordnet.log.actions import ActionLog, check_log
from coordnet.log.windows import shortest, window_text
from coordnet.search.configuration import Configuration, configured
from coordnet.search.search import Found, Looked, search_clusters
from coordnet.times import HOUR, SECOND, Duration, duration, duration_text

SIZES = (3, 5, 10, 20)  # of groups, unless others are asked for
MOST_OBJECTS = 30  # beyond which a group is not looked at
FAMILY = 100  # pairs found together that the family of pairs for bounds is made for
FEWEST_OBJECTS = 3  # that are claimed: with fewer the search often misses a group
GROUPS = 20  # planted, unless more are asked for
FEWEST_ACCOUNTS = 100  # in a log of fewer a group changes all that it is tested against
SHARE = 0.8  # of the groups that are said to be found
PLANTED = 0.9  # of those planted that must be, so that the few planted do not say too much


@dataclass(frozen=True)
class FindableLayer:
    """What could have been found in one layer.

    Attributes
    ----------
    window : str
        The window of the layer.
    lag : str
        Members of the planted groups act within this time of each other.
    sizes : tuple of int
        Members of a group.
    objects : tuple of int or None
        For each size the smallest number of objects, three or more, with which four fifths of the
        groups are found, None where not even `most_objects` are enough.
    sharing : tuple of int or None
        Pairs of accounts of the log that share one, two, three or more objects; None under
        ``null="activity"``, where that does not count.
    sharing_exact : bool
        Whether these are the numbers, or upper limits.
    smallest_q : float
        The least q-value that a single pair of accounts of the log could have reached, had it been
        together on all objects that both act on; not below 1e-24.
    level : float
        That edges and groups have together.
    typical_chance : float or None
        That two accounts on one object are within the window of each other.
    pairs_tested : int
        Pairs that were together on `min_weight` objects or more, which were tested.
    min_weight : int
    least_q : float
        The smallest q-value of these.
    most_objects : int
        Objects of the largest groups that were looked at.
    """

    window: str
    lag: str
    sizes: tuple[int, ...]
    objects: tuple[int | None, ...]
    sharing: tuple[int, int, int] | None
    sharing_exact: bool
    smallest_q: float
    level: float
    typical_chance: float | None
    pairs_tested: int
    min_weight: int
    least_q: float
    most_objects: int = MOST_OBJECTS

    @property
    def sentence(self) -> str:
        """The smallest groups, in a sentence."""
        some = [(k, m) for k, m in zip(self.sizes, self.objects, strict=True) if m is not None]
        if not some:
            if not self.sizes:
                return "Nothing could have been found: the log has too few accounts or objects."
            return (
                f"No group of {self.sizes[-1]} accounts or fewer, drawn at random, is sure to have "
                f"been found, even where it acts together on {_objects(self.most_objects)}; "
                "cn.power says how often one is."
            )
        (k, m), *more = some
        first = f"{k} accounts that act together on {_objects(m)}"
        rest = [f"{k} on {m}" for k, m in more]
        return (
            f"Could have been found ({SHARE:.0%} of such groups)".replace("%", " %")
            + f": {', '.join([first, *rest])}."
        )

    @property
    def why_nothing(self) -> str:
        """Why nothing was found, as far as the figures tell, in a sentence."""
        typical = self.typical_chance
        if typical is not None and typical > LITTLE_POWER:
            return (
                f"Two accounts that act on one object are within {self.window} of each other with "
                f"chance {typical:.2f} whoever they are, so that little could stand out."
            )
        least = f"{self.min_weight} or more objects" if self.min_weight > 1 else "an object"
        if self.sharing is not None:
            _, two, three = self.sharing
            most = "" if self.sharing_exact else "at most "
            if self.smallest_q > self.level:
                return (
                    f"Accounts share too few objects: {most}{two:,} pairs share 2 or more and "
                    f"{most}{three:,} share 3 or more. No pair could have had a q-value below "
                    f"{self.smallest_q:.2g}, had it been together on all of them."
                )
        if not self.pairs_tested:
            return f"No two accounts were together within {self.window} on {least}."
        return (
            f"{self.pairs_tested:,} pairs of accounts were together within {self.window} on "
            f"{least}, no more than chance explains: their smallest q-value is {self.least_q:.2g}."
        )


@dataclass(frozen=True)
class Findable:
    """What could have been found in a log; see :func:`findable`.

    Attributes
    ----------
    layers : tuple of FindableLayer
        One for each layer of co-action.
    groups : int
        Groups planted on paper, in each layer.
    """

    layers: tuple[FindableLayer, ...]
    groups: int

    @property
    def sentences(self) -> list[str]:
        """What could have been found, a sentence a layer."""
        if len(self.layers) == 1:
            return [self.layers[0].sentence]
        return [f"Within {layer.window}: {layer.sentence}" for layer in self.layers]

    @property
    def beside_clusters(self) -> list[str]:
        """What could have been found, where clusters were found."""
        said = self.sentences
        if any(all(m is None for m in layer.objects) for layer in self.layers):
            said.append(
                "The clusters found were not drawn at random: each has its own evidence. A drawn "
                "group counts as missed where more than half of it is in these clusters."
            )
        return said

    @property
    def why_nothing(self) -> list[str]:
        """Why nothing was found, a sentence a layer, none of them twice."""
        return list(dict.fromkeys(layer.why_nothing for layer in self.layers))

    def to_frame(self, backend: str = "pandas") -> Any:
        """Return a dataframe of one row a layer and size: window, lag, size, objects."""
        rows = [
            (layer.window, layer.lag, size, objects)
            for layer in self.layers
            for size, objects in zip(layer.sizes, layer.objects, strict=True)
        ]
        kinds = {
            "window": pa.string(), "lag": pa.string(), "size": pa.int64(), "objects": pa.int64(),
        }  # fmt: skip
        columns = [[row[i] for row in rows] for i in range(len(kinds))]
        table = pa.table(
            {name: pa.array(c, kinds[name]) for name, c in zip(kinds, columns, strict=True)}
        )
        return native(table, backend)

    def facts(self) -> dict[str, Any]:
        """Return what a manifest says of it, as plain values."""
        return {
            "share_of_groups": SHARE,
            "groups": self.groups,
            "most_objects": MOST_OBJECTS,
            "layers": [
                {
                    "within": layer.window,
                    "lag": layer.lag,
                    "smallest": [
                        {"size": k, "objects": m}
                        for k, m in zip(layer.sizes, layer.objects, strict=True)
                    ],
                    "pairs_sharing": None if layer.sharing is None else list(layer.sharing),
                    "pairs_sharing_exact": layer.sharing_exact,
                    "smallest_q": layer.smallest_q,
                    "pairs_tested": layer.pairs_tested,
                    "least_q": layer.least_q,
                }
                for layer in self.layers
            ],
        }


def findable(
    log: ActionLog,
    within: Duration | Sequence[Duration] | None = None,
    *,
    lag: Duration | None = None,
    sizes: Sequence[int] = SIZES,
    groups: int = GROUPS,
    seed: int = 0,
    config: Configuration | None = None,
    background: ActionLog | None = None,
    threads: int | None = None,
    **options: Any,
) -> Findable:
    """Say what could have been found in this very log: the fewest objects for each size of group.

    Groups are planted on paper, as in :func:`coordnet.power`, and tested as the search tests them,
    without searching again: a second for what takes `power` hours. :func:`coordnet.detect` does it
    with every result. Members are drawn from all accounts of the log, those of clusters too. What
    is said to be found is found by `power`; what is not may be, mostly in logs of few accounts.

    Parameters
    ----------
    log
        The actions.
    within
        The window, or several; see :func:`coordnet.detect`.
    lag
        Members act within this time of each other; by default a third of the window.
    sizes
        Numbers of members.
    groups
        How many groups are planted.
    seed
        The only source of randomness.
    config
        By what rule clusters are searched for.
    background
        A log of accounts that are not under suspicion.
    threads
        Number of threads; None means all processors. It changes no byte of the result.
    **options
        Fields of the configuration, as in :func:`coordnet.detect`. Strata are not taken into
        account.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("organic", accounts=1_000, seed=0).log
    >>> print(cn.findable(log, sizes=[5, 10]).sentences[0])
    Could have been found (80 % of such groups): 5 accounts that act together on 3 objects, 10 on 3.
    """
    check_log(log)
    if within is not None:
        options["within"] = within
    config = configured(config, options)
    sizes = sorted({check_whole(size, "sizes", 2) for size in sizes})
    groups = check_whole(groups, "groups", 1)
    spread = None if lag is None else duration(lag, "lag")
    found = search_clusters(log, config, background, threads)
    return findable_beside(found, config, spread, sizes, groups, check_seed(seed))


def findable_beside(
    found: Found,
    config: Configuration,
    lag_us: int | None = None,
    sizes: Sequence[int] = SIZES,
    groups: int = GROUPS,
    seed: int = 0,
) -> Findable:
    """Return what a search could have found, from the tests that it made.

    Parameters
    ----------
    found
        What was found.
    config
        By what rule.
    lag_us, sizes, groups, seed
        As for :func:`findable`, the lag in microseconds.
    """
    layers = [
        _of_layer(looked, looked.tester, kept, config, lag_us, sizes, groups, seed)
        for looked, kept in zip(found.looked, found.layers, strict=True)
        if looked.tester is not None
    ]
    return Findable(tuple(layers), groups)


def _of_layer(
    looked: Looked, tester: GroupTester, kept: CoordinationGraph, config: Configuration,
    lag_us: int | None, sizes: Sequence[int], groups: int, seed: int,
) -> FindableLayer:  # fmt: skip
    window = tester.statistics.window_us
    lag = shortest(window, tester.log.kinds) // 3 if lag_us is None else lag_us
    paper = _Paper(tester, kept, config, max(sizes, default=0), groups, lag, seed)
    sizes = tuple(k for k in sizes if k <= paper.size)
    least = [plant.least_objects(sizes) for plant in paper.plants]
    at = math.ceil(PLANTED * len(least)) - 1
    smallest = [sorted(column)[at] for column in zip(*least, strict=True)] if least else []
    pairs = paper.attainable
    few = tester.log.n_accounts < FEWEST_ACCOUNTS
    return FindableLayer(
        window=window_text(window),
        lag=duration_text(lag),
        sizes=sizes if least else (),
        objects=tuple(m if m <= paper.objects and not few else None for m in smallest),
        sharing=None if pairs is None else pairs.sharing,
        sharing_exact=pairs is None or pairs.exact,
        smallest_q=_smallest_q(pairs),
        level=paper.level,
        typical_chance=tester.statistics.typical_chance,
        pairs_tested=looked.pairs,
        min_weight=config.min_weight,
        least_q=looked.least_q,
        most_objects=paper.objects,
    )


def _objects(n: int) -> str:
    return f"{n} object" + "s" * (n > 1)


def _smallest_q(pairs: AttainablePairs | None) -> float:
    """Return the least q-value that one pair alone can have."""
    if pairs is None:
        return 0.0
    some = pairs.counts > 0
    x = np.exp(-STEP * np.arange(LEVELS))[some] * pairs.counts[some]
    least = float(x.min(initial=1.0))
    return least / (1 - least) if least < 0.5 else 1.0


class _Paper:
    """A layer with the groups that are planted in it on paper: none of it is searched again.

    Attributes
    ----------
    size, objects : int
        Members and objects of the groups planted, as many as the log allows.
    plants : list of _Plant
    attainable : AttainablePairs or None
        None under the activity null alone, where all pairs count.
    """

    def __init__(
        self, tester: GroupTester, kept: CoordinationGraph, config: Configuration, size: int,
        groups: int, lag: int, seed: int,
    ) -> None:  # fmt: skip
        self.tester, self.config, self.statistics = tester, config, tester.statistics
        statistics, log = self.statistics, tester.log
        self.log = log
        assert config.layer_level is not None  # else there is no tester
        self.level = config.layer_level
        self.edge_level = self.level / 2 if config.groups else self.level
        kept_p = kept.edges.get("p_value", np.zeros(0))
        self.enough = float(kept_p.max(initial=0.0))  # what is as surprising as these is kept too
        people = log.active
        # who is in no cluster that was found: a group of others is not told from those clusters
        self.free = np.ones(len(log.all_accounts), bool)
        self.free[kept.nodes] = False
        if statistics.outside is not None:
            self.free &= statistics.outside
        self.size = min(size, len(people))
        self.objects = min(MOST_OBJECTS, int((np.diff(log.by_object) > 0).sum()))
        # a group that is found is out of the background in the round after
        self.cleans = (
            config.clean_background
            and config.null != "activity"  # which rests on no background
            and statistics.given_background is None
        )
        self.attainable: AttainablePairs | None = None
        self.family = 1.0, 0  # level, and pairs that can reach it
        # kept edges that matter for bounds
        self.known = int((kept.edges.get("p_family", np.ones(0)) < 1).sum())
        self.plants: list[_Plant] = []
        if self.size < 2 or self.objects < 1:
            return
        if config.null != "activity":
            self.attainable = attainable_of(statistics, statistics.threads)
            self.family = self.attainable.family(BOUND_ALPHA, FAMILY)
        # of the edges that are kept and of the accounts that they name, ascending: how many pairs
        # are expected to have so small a p-value
        expected = self.expected(kept_p)
        ends = np.append(kept.edges["source"], kept.edges["target"])
        _, least = least_of_accounts(ends, np.append(expected, expected))
        self.kept_expected, self.kept_least = np.sort(expected), np.sort(least)
        self.enough_of_account = self.stepped_up(self.kept_least, np.zeros(0), 2.0)
        self._counted()
        seeds = np.random.SeedSequence(seed).generate_state(groups)
        drawn = [self._drawn(np.random.default_rng(int(s)), people, lag) for s in seeds]
        # what is planted stands behind the log, where no kernel takes it for an outsider's
        account = np.concatenate([np.tile(members, self.objects) for members, _, _ in drawn])
        object_ = np.concatenate([np.repeat(objects, self.size) for _, objects, _ in drawn])
        time = np.concatenate([times.ravel() for _, _, times in drawn])
        scene = tester.scene
        grain = roundness(time, HOUR)
        self.scene = scene._replace(
            account=frozen(longer(scene.account, account)),
            object=frozen(longer(scene.object, object_)),
            time=frozen(longer(scene.time, time)),
            repeats=longer(scene.repeats, np.ones(len(time), np.int32)),
            grain=longer(scene.grain, grain),
            n_accounts=scene.n_accounts.copy(),
            class_of=scene.class_of.copy(),
            class_moments=scene.class_moments.copy(),
        )
        self.scratch = tester.scratch()
        step = self.size * self.objects
        self.plants = [_Plant(self, *one, len(log) + i * step) for i, one in enumerate(drawn)]

    def expected(self, p: NDArray[np.float64], more: int = 0) -> NDArray[np.float64]:
        """Return how many pairs, and `more` of a group, are expected to have so small p-values."""
        n = self.log.n_accounts
        if self.attainable is None:  # any pair could have any
            return p * float(n * (n - 1) // 2)
        counts = self.attainable.counts
        return p * replace(self.attainable, counts=counts + more).at(p)

    def stepped_up(
        self, expected: NDArray[np.float64], known: NDArray[np.float64], scale: float
    ) -> float:
        """Return up to which number the step-up rule keeps some, beside those that are kept.

        Parameters
        ----------
        expected
            How many pairs are expected to have so small p-values, of each that is tested.
        known
            The same of those that are kept already, ascending.
        scale
            What they are multiplied by.
        """
        level = self.edge_level
        if self.attainable is not None:
            level /= 1 + level
        ascending = np.sort(expected)
        ranks = np.arange(1, len(ascending) + 1) + np.searchsorted(known, ascending, "right")
        return float(ascending[scale * ascending <= level * ranks].max(initial=-1.0))

    def _counted(self) -> None:
        """Count what the tests of pairs and the weights of sets need, once."""
        statistics, log = self.statistics, self.log
        self.round_factors = round_factors(statistics.window_of_class, log.resolution)
        counted, classes = statistics.objects, statistics.classes
        if statistics.background is not None:
            counted, classes = statistics.background.objects, statistics.background.classes
        n_o = counted.n_accounts.astype(float)
        n = len(statistics.chances)
        self.together = np.bincount(classes, counted.pairs_weighted, n)  # of each class,
        self.pairs = np.bincount(classes, n_o * (n_o - 1) / 2, n)  # and of how many pairs
        self.activity = np.diff(log.by_account[0])
        total = float(len(log))
        self.scale = math.log(2.0 / (total * max(total - 1.0, 1.0)))
        most = math.log(float(self.activity.max()) + self.objects)
        self.grid = np.linspace(self.scale, self.scale + 2 * max(most, 0.01), 512)
        pairs_all = statistics.objects.pairs_all
        self.sums = np.full(len(self.grid), -np.inf)
        if self.config.null != "timing" and (pairs_all > 0).any():
            self.sums = saturated_sums(pairs_all, self.grid)
        interests = statistics.interests
        self.object_starts = interests.object_starts
        self.who = interests.accounts  # of each object that counts as an interest

    def _drawn(
        self, rng: np.random.Generator, people: NDArray[np.int32], lag: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[Any]]:
        """Draw the members of a group, its objects, and when each member acts on each of them."""
        log = self.log
        members = rng.choice(people, self.size, replace=False).astype(np.int32)
        # objects by how many act on them: those of actions drawn at random, each once
        objects: NDArray[Any] = np.zeros(0, np.int64)
        for _ in range(64):
            new = log.object[rng.integers(0, len(log), 4 * self.objects)]
            both = np.concatenate([objects, new])
            objects = both[np.sort(np.unique(both, return_index=True)[1])]
            if len(objects) >= self.objects:
                break
        else:  # few objects have nearly all actions
            rest = np.setdiff1d(np.flatnonzero(np.diff(log.by_object) > 0), objects)
            objects = np.concatenate([objects, rest])
        objects = objects[: self.objects].astype(np.int32)
        lengths = np.diff(log.by_object)[objects]
        moment = log.time[log.by_object[objects] + (rng.random(len(objects)) * lengths).astype(int)]
        time = moment[:, None] + (rng.random((len(objects), self.size)) * lag).astype(np.int64)
        time -= time % min(log.resolution, SECOND) if log.resolution > 1 else 0
        return members, objects, time

    def classes_with(
        self, objects: NDArray[np.int32], k: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the classes of objects with k accounts more, and by how much chances then rise.

        Returns
        -------
        classes : of these objects
        chances : float64 (classes,), of all classes
        """
        statistics = self.statistics
        n_o = statistics.objects.n_accounts[objects]
        classes = popularity_class(n_o + np.int32(k), self.log.object_kind[objects])
        chances = statistics.chances
        if statistics.given_background is not None:
            return classes, chances
        own = k * (k - 1) / 2
        n = len(chances)
        together = self.together + np.bincount(classes, minlength=n) * own
        pairs = self.pairs + np.bincount(classes, n_o * k + own, n)
        raised = np.minimum(together / np.maximum(pairs, 1.0), 1.0)
        pooled = statistics.pooled_chances
        with np.errstate(divide="ignore", invalid="ignore"):
            rise = np.where(pooled > 0, np.maximum(raised / pooled, 1.0), 1.0)
        return classes, np.where(pooled > 0, np.minimum(chances * rise, 1.0), raised)

    def accounts_on(self, objects: NDArray[np.int32]) -> list[NDArray[np.int64]]:
        """Return the accounts on each of these objects, none where it counts as no interest."""
        starts = self.object_starts
        return [self.who[starts[o] : starts[o + 1]] for o in objects.tolist()]


class _Plant:
    """One group on paper: its first k members and first m objects are a group of their own.

    Parameters
    ----------
    paper
        Where it is planted.
    members, objects, times
        (size,), (objects,) and (objects, size).
    at
        Where its actions begin in the arrays of the paper's scene.
    """

    def __init__(
        self, paper: _Paper, members: NDArray[np.int32], objects: NDArray[np.int32],
        times: NDArray[np.int64], at: int,
    ) -> None:  # fmt: skip
        self.paper, self.members, self.objects = paper, members, objects
        log, scene = paper.log, paper.scene
        indptr, positions = log.by_account
        own = [positions[indptr[u] : indptr[u + 1]] for u in members.tolist()]
        place = np.concatenate([*own, np.arange(at, at + times.size, dtype=np.int32)])
        n, k = len(objects), len(members)
        rank = np.repeat(np.arange(k), [len(part) for part in own])
        self.rank = np.concatenate([rank, np.tile(np.arange(k), n)])  # the member of each action
        self.nth = np.concatenate([np.full(len(rank), -1), np.repeat(np.arange(n), k)])
        self.place = place
        object_, time = scene.object[place], scene.time[place]
        self.by_object = np.lexsort((time, object_))
        self.by_member = np.lexsort((time, object_, self.rank))
        self.codes, self.code = np.unique(object_, return_inverse=True)
        self.time = time - log.limits[0] if log.limits else time
        self.grain = scene.grain[place]
        # which of the planted objects each member acts on anyway
        self.acts = np.zeros((k, len(self.codes)), bool)
        self.acts[rank, self.code[: len(rank)]] = True
        self.columns = np.searchsorted(self.codes, objects)

    def least_objects(self, sizes: Sequence[int]) -> list[int]:
        """Return, for each size, the fewest objects with which it is found; one above the most."""
        least: list[int] = []
        fewest = max(self.paper.config.min_weight, FEWEST_OBJECTS)
        for k in sizes:
            low, high = fewest, self.paper.objects + 1
            # a larger group mostly needs no more of them
            if least and low <= least[-1] < high:
                low, high = (low, least[-1]) if self.found(k, least[-1]) else (least[-1] + 1, high)
            while low < high:
                middle = (low + high) // 2
                if self.found(k, middle):
                    high = middle
                else:
                    low = middle + 1
            least.append(max(low, high))
        return least

    def found(self, k: int, m: int) -> bool:
        """Return whether the first k members, together on the first m objects, are found."""
        config = self.paper.config
        p, startable = self.pairs(k, m)
        kept = self._kept(p, k)
        joined = self._joined(kept, k)
        if joined and (not self.paper.cleans or self._certain(kept, p, k, m)):
            return True
        grown = config.groups and startable and k >= config.min_size and self._half_free(k)
        return (joined or grown) and self.evidence(k, m) > -math.log10(self.paper.level / 2)

    def _kept(self, p: NDArray[np.float64], k: int) -> NDArray[np.bool_]:
        """Return which pairs of the first k members are kept beside the edges of the layer.

        By the step-up rule for pairs, and by that for the accounts that they name.
        """
        paper = self.paper
        u, v = (side.astype(np.int32) for side in np.triu_indices(k, 1))
        expected = paper.expected(p, len(p))  # the pairs that the group makes count too
        most = paper.stepped_up(expected, paper.kept_expected, 1.0)
        named, least = least_of_accounts(np.append(u, v), np.append(expected, expected))
        of_account = np.full(k, np.inf)
        of_account[named] = least
        most_of_account = paper.stepped_up(least, paper.kept_least, 2.0)
        small = of_account <= max(most_of_account, paper.enough_of_account)
        found: NDArray[np.bool_] = (expected <= most) | (p <= paper.enough)
        return found & small[u] & small[v]

    def _half_free(self, k: int) -> bool:
        """Return whether half of the first k members or more are in no cluster that was found."""
        return bool(2 * self.paper.free[self.members[:k]].sum() >= k)

    def _joined(self, kept: NDArray[np.bool_], k: int) -> bool:
        """Return whether kept pairs of the first k members join half of them or more."""
        u, v = np.triu_indices(k, 1)
        free = self.paper.free[self.members[:k]]
        kept = kept & free[u] & free[v]
        if not kept.any():
            return False
        joined = coo_array((np.ones(int(kept.sum())), (u[kept], v[kept])), (k, k))
        largest = int(np.bincount(connected_components(joined, directed=False)[1]).max())
        return largest >= self.paper.config.min_size and 2 * largest >= k

    def _certain(self, kept: NDArray[np.bool_], p: NDArray[np.float64], k: int, m: int) -> bool:
        """Return whether a kept pair of the first k members is kept when occasions last hours.

        And could have a small p-value whatever the times. Else the last round of cleaning does not
        speak for the cluster.
        """
        paper = self.paper
        rule = paper.statistics.occasion_rule
        later = p if rule.least_us else self.pairs(k, m, rule._replace(least_us=EVENING))[0]
        level, pairs = paper.family
        ascending = np.sort(later[later <= level])
        # of so many pairs those only matter that are fewer by chance, by Simes' inequality
        most = BOUND_ALPHA * (paper.known + np.arange(1, len(ascending) + 1))
        small = ascending[ascending * (pairs + len(later)) <= most].max(initial=-1.0)
        enough = max(paper.enough, float(p[kept].max()))
        return bool((kept & (later <= min(small, enough))).any())

    def pairs(
        self, k: int, m: int, rule: OccasionRule | None = None
    ) -> tuple[NDArray[np.float64], bool]:
        """Return the p-value of each pair, and whether one is surprising enough to start from.

        `rule` says what is one occasion, None that it is as in the layer.
        """
        paper, statistics = self.paper, self.paper.statistics
        rule = rule or statistics.occasion_rule
        chosen = self.by_member[self._chosen(self.by_member, k, m)]
        rank, code = self.rank[chosen], self.code[chosen]
        new = np.ones(len(chosen), bool)
        new[1:] = (rank[1:] != rank[:-1]) | (code[1:] != code[:-1])
        first = np.flatnonzero(new)
        objects = code[first].astype(np.int32)
        runs = (
            np.searchsorted(rank[first], np.arange(k + 1)), objects,
            np.append(first, len(chosen)).astype(np.int32),
        )  # fmt: skip
        u, v = (side.astype(np.int32) for side in np.triu_indices(k, 1))
        occasions = np.zeros(len(u), np.int32)
        expected, p_value = np.zeros(len(u)), np.ones(len(u))
        timing = paper.config.null != "activity"
        planted, chances = paper.classes_with(self.objects[:m], k)
        classes = statistics.classes[self.codes]
        classes[self.columns[:m]] = planted
        time = self.time[chosen]
        by_cell = chances_of_cells(
            chances if timing else None, paper.round_factors, statistics.window_of_class
        )
        cell = classes[objects] * np.int32(paper.round_factors.shape[1])
        notes = np.empty(len(objects), np.uint64)
        edge_test_kernels.run_notes(runs[2], time, self.grain[chosen], cell, by_cell[2], notes)
        edge_test_kernels.shared_object_tests(
            u, v, np.arange(len(u), dtype=np.int32), *runs, time, notes, cell, *by_cell,
            rule, 0, len(u), *marks(len(self.codes)), False,
            occasions, expected, p_value, MANY,
        )  # fmt: skip
        surprising = p_value <= SEED_P
        if paper.config.null != "timing":
            p_activity = combined_p_values(self._activity(u, v, k, m, occasions))
            p_value = np.maximum(p_value, p_activity) if timing else p_activity
            surprising &= p_activity <= paper.edge_level
        free = paper.free[self.members[:k]]
        return p_value, bool((surprising & free[u] & free[v]).any() or not timing)

    def _activity(
        self, u: NDArray[np.int32], v: NDArray[np.int32], k: int, m: int,
        occasions: NDArray[np.int32],
    ) -> NDArray[np.float64]:  # fmt: skip
        """Return log p of pairs under the activity null, the group's own meetings counted too."""
        paper = self.paper
        acts = np.log(paper.activity[self.members[:k]] + float(m))
        log_rate = paper.scale + acts[u] + acts[v]
        expected = np.exp(np.interp(log_rate, paper.grid, paper.sums))
        expected += m * -np.expm1(-np.exp(log_rate) * k * (k - 1) / 2)
        found: NDArray[np.float64] = tail_kernels.log_tail_bounds(occasions, expected)
        return found

    def _chosen(self, order: NDArray[np.int64], k: int, m: int) -> NDArray[np.bool_]:
        """Mark, in this order, the actions of the first k members without later objects."""
        found: NDArray[np.bool_] = (self.rank[order] < k) & (self.nth[order] < m)
        return found

    def evidence(self, k: int, m: int) -> float:
        """Return the log10 evidence of the first k members on the first m objects."""
        paper, scene = self.paper, self.paper.scene
        in_set, seen = paper.scratch
        members = self.members[:k]
        chosen = self.by_object[self._chosen(self.by_object, k, m)]
        objects = self.objects[:m]
        added = k - self.acts[:k, self.columns[:m]].sum(axis=0)
        classes, chances = paper.classes_with(objects, k)
        before = scene.class_of[objects], scene.class_moments.copy()
        # the j-th moment of a pace that is faster by a factor rises by its j-th power
        with np.errstate(divide="ignore", invalid="ignore"):
            rise = np.where(chances > 0, chances / paper.statistics.chances, 1.0)
        powers = np.minimum(rise, 1e4)[:, None] ** np.arange(scene.class_moments.shape[1])
        scene.n_accounts[objects] += added.astype(np.int32)
        scene.class_of[objects] = classes
        scene.class_moments[:] = np.minimum(scene.class_moments * powers, 1.0)
        in_set[members] = 1
        log_p = group_kernels.set_evidence(
            scene, self.place[chosen].astype(np.int32), len(chosen), in_set, seen,
            group_kernels.workspace(len(chosen) + 1), False, np.empty((0, 8)),
        )[0]  # fmt: skip
        in_set[members] = 0
        scene.n_accounts[objects] -= added.astype(np.int32)
        scene.class_of[objects], scene.class_moments[:] = before
        price = group_kernels.set_price(
            self._interests(k, m), paper.log.n_accounts, np.arange(k, dtype=np.int32), k
        )
        return float(-(log_p + price) / math.log(10))

    def _interests(self, k: int, m: int) -> Interests:
        """Return the interests of the members as they would be with the group in the log."""
        kept, shared = self._common
        acts = self.acts[:k] & kept
        before = _choose_two(_in_common(acts))
        acts[:, self.columns[:m]] |= kept[self.columns[:m]]
        after = _choose_two(_in_common(acts))
        starts = np.append(0, np.cumsum(acts.sum(axis=1)))
        objects = np.nonzero(acts)[1].astype(np.int32)
        total = shared[:k, m] + (after - before).sum(axis=1)
        known = self.paper.statistics.interests
        return known._replace(starts=starts, objects=objects, shared=total)

    @cached_property
    def _common(self) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Which of the objects count as interests; and what each member shares with all others.

        The latter, (size, objects + 1), is the sum of C(K, 2) over all accounts that are not of the
        group, with the first 0, 1, ... objects. An account on c of them had K and has K + c.
        """
        paper = self.paper
        interests = paper.statistics.interests
        kept = np.diff(paper.object_starts)[self.codes] > 0
        others = paper.accounts_on(self.objects)
        at = np.append(0, np.cumsum([len(part) for part in others]))
        flat = np.concatenate(others)
        count = np.zeros(len(paper.activity))
        among = np.zeros(len(others))  # pairs of planted objects that others act on both of
        for j, part in enumerate(others):
            among[j] = count[part].sum()
            count[part] += 1
        count = np.zeros(len(paper.activity), np.int32)
        know_shared(interests, self.members, len(self.members), count)
        shared = np.zeros((len(self.members), len(others) + 1))
        for i, u in enumerate(self.members.tolist()):
            own = interests.objects[interests.starts[u] : interests.starts[u + 1]]
            met = np.concatenate([np.zeros(0, np.int64), *paper.accounts_on(own)])
            count = np.bincount(met, minlength=len(paper.activity)).astype(float)
            count[u] = 0.0
            total = np.append(0, np.cumsum(count[flat]))
            more = total[at[1:]] - total[at[:-1]] + among
            more[self.acts[i, self.columns]] = 0.0
            shared[i] = interests.shared[u] + np.append(0, np.cumsum(more))
        return kept, shared


def _in_common(acts: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how many objects each two accounts both act on; none with themselves."""
    numbers = acts.astype(float)
    found: NDArray[np.float64] = numbers @ numbers.T
    np.fill_diagonal(found, 0.0)
    return found


def _choose_two(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    return numbers * (numbers - 1) / 2
