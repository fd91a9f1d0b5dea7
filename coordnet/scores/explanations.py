"""Benign explanations: what else than covert coordination would look like a cluster.

Each explanation has a value of its own from 0 to 1. It fits where the value reaches its bound. An
explanation that fits does not clear the accounts, and one that does not fit does not accuse them.
docs/benign-explanations.md says how often each fits where it is true, and how often it would
excuse a planted group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.inference.group_test import GroupTest
from coordnet.readers.profiles import NOTHING
from coordnet.scores.texts import kinds_of_text
from coordnet.scores.view import Floats, UnavailableError, View
from coordnet.times import DAY, MINUTE

Measure: TypeAlias = Callable[[View], Floats]

FAST = 0.05  # from this chance on that two outsiders are within the window, objects are news
LEAST_OBJECTS = 3  # fewer acted on together tell nothing of a site
LEAST_ACTIONS = 10  # fewer of an account tell nothing of its habits
YOUNG = 180 * DAY  # fans have older accounts
GENERIC = 0.05  # share of the accounts of the log that use an object that is generic
GENERIC_ACCOUNTS = 200  # and no fewer than so many
_SITE = r"^(?:https?://)?(?:www\.)?(?P<site>[^/\s?#:@]+\.[a-z]{2,})(?:[/?#:]|$)"


@dataclass(frozen=True)
class Explanation:
    """The declaration of a benign explanation.

    Attributes
    ----------
    name : str
    title : str
        What the cluster may be.
    meaning : str
        What the value is.
    least : float
        The least value at which the explanation fits.
    measure : callable
        Gives the value of each cluster, NaN where the data cannot tell.
    """

    name: str
    title: str
    meaning: str
    least: float
    measure: Measure


EXPLANATIONS: dict[str, Explanation] = {}


def explanation(title: str, meaning: str, least: float) -> Callable[[Measure], Measure]:
    """Declare a function as an explanation, under its own name."""

    def declare(function: Measure) -> Measure:
        EXPLANATIONS[function.__name__] = Explanation(
            function.__name__, title, " ".join(meaning.split()), least, function
        )
        return function

    return declare


def explanation_values(view: View) -> dict[str, Floats]:
    """Return the value of each explanation, (clusters,), each cluster seen in its own layer."""
    found = {name: np.full(len(view.clusters), np.nan) for name in EXPLANATIONS}
    for numbers, part in view.parts:
        for name, one in EXPLANATIONS.items():
            with suppress(UnavailableError):
                found[name][numbers] = one.measure(part)
    return found


def fitting(every: Mapping[str, Floats], i: int) -> list[Explanation]:
    """Return the explanations that fit cluster i by their values, the best first."""
    fit = [one for one in EXPLANATIONS.values() if every[one.name][i] >= one.least]
    return sorted(fit, key=lambda one: -every[one.name][i])


def explanations_table(every: Mapping[str, Floats], k: int) -> pa.Table:
    """Return one row a cluster and explanation: value, bound, whether it fits, what it means."""
    names = [name for _ in range(k) for name in EXPLANATIONS]
    value = np.array([every[name][i] for i in range(k) for name in EXPLANATIONS], float)
    least = np.array([EXPLANATIONS[name].least for name in names], float)
    unknown = np.isnan(value)
    return pa.table(
        {
            "cluster": pa.array(np.repeat(np.arange(k), len(EXPLANATIONS))),
            "explanation": pa.array(names, pa.string()),
            "value": pa.array(value, mask=unknown),
            "fits_from": pa.array(least),
            "fits": pa.array(value >= least, mask=unknown),
            "meaning": pa.array([EXPLANATIONS[name].meaning for name in names], pa.string()),
        }
    )


# -- what several of them need -----------------------------------------------------------------


def _per_cluster(view: View, value: Callable[[GroupTest, int], float]) -> Floats:
    """Return a value of each cluster's group test."""
    return np.array([value(test, i) for i, test in enumerate(view.group_tests)], float)


def _together(test: GroupTest) -> NDArray[np.float64]:
    """Return the rows of the objects on which two or more members act inside one window."""
    return test.detail[test.detail[:, 2] >= 2]


def _joiners(together: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many members join the first inside one window: what an object weighs here.

    In a large cluster two members meet by chance on many an object that is not what it is about.
    """
    joiners: NDArray[np.float64] = together[:, 2] - 1
    return joiners


def _unremarkable(test: GroupTest) -> tuple[float, float]:
    """Return expected over observed synchronised pairs (at most 1), and a pair's mean chance."""
    members = test.detail[:, 1]
    shared = float((members * (members - 1) / 2).sum())
    if not shared:
        return np.nan, np.nan
    ratio = min(1.0, test.expected_pairs / test.observed_pairs) if test.observed_pairs else 1.0
    return ratio, test.expected_pairs / shared


def _sites(view: View) -> NDArray[np.object_]:
    """Return the site of each object that members act on, None of what is no link."""
    log = view.graph_log
    used = np.unique(view.acts.object)
    sites = np.full(log.n_objects, None, object)
    found = pc.extract_regex(pc.utf8_lower(log.object_labels.take(pa.array(used))), _SITE)
    sites[used] = pc.struct_field(found, 0).to_numpy(zero_copy_only=False)
    return sites


def _one_site(
    view: View, sites: NDArray[np.object_], test: GroupTest, i: int
) -> tuple[float, float]:
    """Return the share of one site in what members do together, and how many of them join in.

    The second is the mean over the objects of that site that any member acts on: the largest share
    of the members inside one window.
    """
    together = _together(test)
    weights: dict[str, float] = {}
    for site, joiners in zip(sites[together[:, 0].astype(int)], _joiners(together), strict=True):
        if site is not None:
            weights[site] = weights.get(site, 0.0) + joiners
    if len(together) < LEAST_OBJECTS or not weights:
        return np.nan, np.nan
    top = min(weights, key=lambda site: (-weights[site], site))
    acts = slice(int(view.acts.indptr[i]), int(view.acts.indptr[i + 1]))
    own = np.unique(view.acts.object[acts])
    own = own[sites[own] == top]
    most = dict(zip(test.detail[:, 0].astype(int).tolist(), test.detail[:, 2], strict=True))
    joined = np.mean([most.get(o, 1.0) / test.members for o in own.tolist()])
    return weights[top] / float(_joiners(together).sum()), float(joined)


# -- the explanations ------------------------------------------------------------------------------


@explanation(
    "a newsroom, or one operator's openly linked accounts",
    """The smaller of two shares: the share of one site in what members act on together, and the
    mean share of the members that post each object of that site inside one window.""",
    0.5,
)
def one_operator(view: View) -> Floats:
    """Return min(share of the top site, mean joining in its objects)."""
    sites = _sites(view)
    return _per_cluster(view, lambda test, i: min(_one_site(view, sites, test, i)))


@explanation(
    "the small audience of one outlet",
    """The smaller of two numbers: the share of one site in what members act on together, and one
    minus the mean share of the members that post each object of that site inside one window.""",
    0.5,
)
def small_audience(view: View) -> Floats:
    """Return min(share of the top site, 1 - mean joining in its objects)."""
    sites = _sites(view)

    def value(test: GroupTest, i: int) -> float:
        share, joining = _one_site(view, sites, test, i)
        return min(share, 1 - joining)

    return _per_cluster(view, value)


@explanation(
    "a group of fans: they share the same things, no closer in time than others would",
    """How often members would have met at the speed of outsiders, divided by how often they met, at
    most 1. It is 0 where outsiders are fast too, or where half of the accounts are younger than
    half a year.""",
    0.5,
)
def fans(view: View) -> Floats:
    """Return expected / observed pairs where outsiders are slow too."""
    profiles = view.inputs.accounts
    start = view.log.limits[0] if view.log.limits else 0

    def value(test: GroupTest, i: int) -> float:
        ratio, chance = _unremarkable(test)
        if np.isnan(ratio):
            return np.nan
        if profiles is not None and profiles.created is not None:
            created = profiles.created[view.members_of(i)]
            created = created[created != NOTHING]
            if len(created) and start - np.median(created) < YOUNG:
                return 0.0
        return ratio if chance < FAST else 0.0

    return _per_cluster(view, value)


@explanation(
    "breaking news or a live event: outsiders are as fast on the same objects",
    """How often members would have met at the speed of outsiders, divided by how often they met, at
    most 1. It is 0 where two outsiders on these objects are rarely inside one window.""",
    0.5,
)
def news(view: View) -> Floats:
    """Return expected / observed pairs where outsiders are fast too."""

    def value(test: GroupTest, _: int) -> float:
        ratio, chance = _unremarkable(test)
        return ratio if np.isnan(chance) or chance >= FAST else 0.0

    return _per_cluster(view, value)


@explanation(
    "a set of notification users or early birds: fast on everything, with anyone",
    """Of the members' actions on objects of others, apart from each other: the share that comes
    within a minute of the object's first action (within the window, if that is shorter).""",
    0.1,
)
def early_birds(view: View) -> Floats:
    """Return the share of members' other actions that are prompt."""
    if not view.graph.relation.on_objects:
        raise UnavailableError("accounts do not meet on objects")
    log, acts = view.graph_log, view.acts
    starts = log.by_object
    delay = acts.time - log.time[starts[:-1]][acts.object]
    first = log.account[starts[:-1]][acts.object] == acts.account
    alone = (view.lags < 0) & (np.diff(starts)[acts.object] > 1) & ~(first & (delay == 0))
    soon = np.minimum(view.trace.window, MINUTE)[acts.object]
    prompt = np.where(alone, delay <= soon, np.nan).astype(float)

    def share(part: Floats) -> float:
        known = part[~np.isnan(part)]
        return float(known.mean()) if len(known) >= LEAST_ACTIONS else np.nan

    return view.per_cluster(acts.indptr, prompt, share)


@explanation(
    "a daily habit: people who are online at the same half hour every day",
    """Share of the members' actions in each member's own busiest half hour of the day, of members
    with ten actions or more.""",
    0.5,
)
def daily_slot(view: View) -> Floats:
    """Return the share of actions in the busiest half hour of the member."""
    log = view.log
    indptr, at = view.actions
    cell = log.account[at].astype(np.int64) * 48 + log.time[at] // (30 * MINUTE) % 48

    def share(part: NDArray[np.int64]) -> float:
        cells, counts = np.unique(part, return_counts=True)
        account = np.unique(cells // 48, return_inverse=True)[1]
        whole = np.bincount(account, counts)
        busiest = np.zeros(len(whole))
        np.maximum.at(busiest, account, counts)
        known = whole >= LEAST_ACTIONS
        return float(busiest[known].sum() / whole[known].sum()) if known.any() else np.nan

    return view.per_cluster(indptr, cell, share)


@explanation(
    "the effect of share buttons: the same ready-made text, at no common time",
    """The smallest of three numbers: the share of texts among the objects that members share, the
    share of these texts that at least as many outsiders post, and how often members would have met
    at the speed of outsiders divided by how often they met.""",
    0.5,
)
def share_buttons(view: View) -> Floats:
    """Return the least of text share, outsiders' share, expected / observed pairs."""
    log = view.graph_log
    texts = kinds_of_text(log)

    def value(test: GroupTest, _: int) -> float:
        if not texts.any() or not len(test.detail):
            return np.nan
        text = texts[log.object_kind[test.detail[:, 0].astype(int)]]
        widely = test.detail[text, 4] >= test.detail[text, 1]
        ratio, _chance = _unremarkable(test)
        return float(min(text.mean(), widely.mean() if len(widely) else 0.0, ratio))

    return _per_cluster(view, value)


@explanation(
    "an effect of blank or generic objects that very many accounts use",
    """Share of what members act on together that is on objects which one outsider in twenty uses,
    and at least 200 of them. An object counts once for each member that joins the first there.""",
    0.5,
)
def generic_objects(view: View) -> Floats:
    """Return the share of joiners on objects that one outsider of twenty uses."""
    least = max(GENERIC_ACCOUNTS, GENERIC * view.graph_log.n_accounts)

    def value(test: GroupTest, _: int) -> float:
        together = _together(test)
        weight = _joiners(together)
        generic = together[:, 4] >= least
        return float((weight * generic).sum() / weight.sum()) if len(together) else np.nan

    return _per_cluster(view, value)
