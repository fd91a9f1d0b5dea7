"""Benign explanations: what else than covert coordination would look like a cluster.

Each explanation has a value from 0 to 1 on one scale: the share of the synchrony that it accounts
for. It fits from 0.5 on, where it accounts for half or more. Where an explanation has several
conditions, its value is the least of them, so that each of them holds for half or more. An
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
from scipy import special

from coordnet.inference.group_test import GroupTest
from coordnet.readers.profiles import NOTHING
from coordnet.scores.promptness import promptness
from coordnet.scores.view import Floats, UnavailableError, View
from coordnet.times import DAY, MINUTE

Measure: TypeAlias = Callable[[View], Floats]

FITS = 0.5  # the value from which an explanation fits: it accounts for half of the synchrony
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
    measure : callable
        Gives the value of each cluster, NaN where the data cannot tell.
    """

    name: str
    title: str
    meaning: str
    measure: Measure


EXPLANATIONS: dict[str, Explanation] = {}


def explanation(title: str, meaning: str) -> Callable[[Measure], Measure]:
    """Declare a function as an explanation, under its own name."""

    def declare(function: Measure) -> Measure:
        EXPLANATIONS[function.__name__] = Explanation(
            function.__name__, title, " ".join(meaning.split()), function
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
    fit = [one for one in EXPLANATIONS.values() if every[one.name][i] >= FITS]
    return sorted(fit, key=lambda one: -every[one.name][i])


def explanations_table(every: Mapping[str, Floats], k: int) -> pa.Table:
    """Return one row a cluster and explanation: value, bound, whether it fits, what it means."""
    names = [name for _ in range(k) for name in EXPLANATIONS]
    value = np.array([every[name][i] for i in range(k) for name in EXPLANATIONS], float)
    unknown = np.isnan(value)
    return pa.table(
        {
            "cluster": pa.array(np.repeat(np.arange(k), len(EXPLANATIONS))),
            "explanation": pa.array(names, pa.string()),
            "value": pa.array(value, mask=unknown),
            "fits_from": pa.array(np.full(len(names), FITS)),
            "fits": pa.array(value >= FITS, mask=unknown),
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


def _unremarkable(test: GroupTest) -> float:
    """Return the share of the synchrony that outsiders' speed explains, at most 1.

    The expected synchronised pairs over the observed ones, less what luck may have added to these:
    by as much as the lower 95 % limit of a Poisson count is below the number of members who joined
    others. Pairs are no such count, as one member joins several. It matters where few met.
    """
    if not (test.detail[:, 1] > 1).any():
        return np.nan
    joined = float(_joiners(_together(test)).sum())
    if not test.observed_pairs or not joined:
        return 1.0
    least = test.observed_pairs * special.gammaincinv(joined, 0.05) / joined
    return float(min(1.0, test.expected_pairs / least))


def _fast_share(paces: Floats, test: GroupTest) -> float:
    """Return the share of what is expected of the members that is on objects of fast outsiders."""
    members, pace = test.detail[:, 1], paces[test.detail[:, 0].astype(int)]
    expected = np.nan_to_num(members * (members - 1) / 2 * pace)
    whole = expected.sum()
    return float(expected[pace >= FAST].sum() / whole) if whole else 0.0


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
) -> tuple[str | None, float, float]:
    """Return one site, its share in what members do together, and how many of them join in.

    The last is the mean over the objects of that site that any member acts on: the largest share
    of the members inside one window.
    """
    together = _together(test)
    weights: dict[str, float] = {}
    for site, joiners in zip(sites[together[:, 0].astype(int)], _joiners(together), strict=True):
        if site is not None:
            weights[site] = weights.get(site, 0.0) + joiners
    if len(together) < LEAST_OBJECTS or not weights:
        return None, np.nan, np.nan
    top = min(weights, key=lambda site: (-weights[site], site))
    acts = slice(int(view.acts.indptr[i]), int(view.acts.indptr[i + 1]))
    own = np.unique(view.acts.object[acts])
    own = own[sites[own] == top]
    most = dict(zip(test.detail[:, 0].astype(int).tolist(), test.detail[:, 2], strict=True))
    joined = np.mean([most.get(o, 1.0) / test.members for o in own.tolist()])
    return top, weights[top] / float(_joiners(together).sum()), float(joined)


# -- the explanations ------------------------------------------------------------------------------


@explanation(
    "a newsroom, or one operator's openly linked accounts",
    """The smaller of two shares: the share of one site in what members act on together, and the
    mean share of the members that post each object of that site inside one window.""",
)
def one_operator(view: View) -> Floats:
    """Return min(share of the top site, mean joining in its objects)."""
    sites = _sites(view)
    return _per_cluster(view, lambda test, i: min(_one_site(view, sites, test, i)[1:]))


@explanation(
    "the small audience of one outlet",
    """The smallest of three numbers: the share of one site in what members act on together; one
    minus the mean share of the members that post each object of that site inside one window; and,
    where outsiders opened enough of these objects, how much of the synchrony on them the members'
    own delays since then explain.""",
)
def small_audience(view: View) -> Floats:
    """Return min(share of the top site, 1 - mean joining in its objects, promptness on them)."""
    sites, acts = _sites(view), view.first_acts
    found = [_one_site(view, sites, test, i) for i, test in enumerate(view.group_tests)]
    top = np.array([site for site, _, _ in found], object)
    own = sites[acts.object] == top[acts.cluster]
    own &= np.array([site is not None for site in top], bool)[acts.cluster]
    values: Floats = np.array([min(share, 1 - joining) for _, share, joining in found], float)
    explained = np.nan_to_num(promptness(view, acts, own).explained, nan=1.0)
    values[:] = np.minimum(values, explained)
    return values


@explanation(
    "accounts that automatically share what one account posts",
    """The smallest of three shares: the share of what members act on together that one account
    acted on before them all; the share of the joint actions on these objects that come within five
    minutes of it; and how much of the synchrony there the members' own delays since then
    explain.""",
)
def auto_sharers(view: View) -> Floats:
    """Return min(share of the top source, promptness on its objects)."""
    acts = view.first_acts
    k = len(view.clusters)
    sourced = acts.opener >= 0
    key, source = np.unique(acts.cluster << 32 | np.maximum(acts.opener, 0), return_inverse=True)
    of_source = np.bincount(source, acts.joiners * sourced, minlength=len(key))
    top = np.zeros(k)
    np.maximum.at(top, key >> 32, of_source)
    own = sourced & (of_source == top[key >> 32])[source]
    whole = np.bincount(acts.cluster, acts.joiners, minlength=k)
    found = promptness(view, acts, own)
    with np.errstate(invalid="ignore"):
        share = top / whole
        least: Floats = np.minimum(np.minimum(share, found.fast), found.explained)
    return np.where(share < FITS, np.fmin(share, least), least)  # then the rest need not be known


@explanation(
    "a set of notification users or early birds: each is fast by itself",
    """The smallest of three shares: how much of the synchrony the members' own delays since
    publication explain; the share of these joint actions that come within five minutes of it; and
    the share of the joint actions that are on objects where that can be told. Where too few objects
    tell that: of the members' actions that are together or prompt (within a minute of the object's
    first action, or the window if that is shorter), the share of those that are prompt and apart
    from each other.""",
)
def early_birds(view: View) -> Floats:
    """Return the promptness, else prompt actions apart / (those and the actions together)."""
    log, acts = view.graph_log, view.acts
    found = view.promptness
    explained = np.minimum(np.minimum(found.explained, found.fast), found.covered)
    begin, end = log.by_object[acts.object], log.by_object[acts.object + 1]
    delay = acts.time - log.time[begin]
    first = log.account[begin] == acts.account
    others = (end - begin > 1) & ~(first & (delay == 0))
    together = view.lags >= 0
    prompt = ~together & others & (delay <= np.minimum(view.trace.window[acts.object], MINUTE))
    apart = np.where(together | prompt, prompt, np.nan).astype(float)

    def share(part: Floats) -> float:
        known = part[~np.isnan(part)]
        return float(known.mean()) if len(known) >= LEAST_ACTIONS else np.nan

    elsewhere = view.per_cluster(acts.indptr, apart, share)
    return np.where(np.isnan(explained), elsewhere, explained)


@explanation(
    "a group of fans: they share the same things, no closer in time than others would",
    """How often members would have met at the speed of outsiders where outsiders are slow, divided
    by how often they met, at most 1. It is 0 where half of the accounts are younger than half a
    year.""",
)
def fans(view: View) -> Floats:
    """Return expected pairs on objects of slow outsiders / observed pairs."""
    profiles = view.inputs.accounts
    start = view.log.limits[0] if view.log.limits else 0
    paces = view.background_paces

    def value(test: GroupTest, i: int) -> float:
        if profiles is not None and profiles.created is not None:
            created = profiles.created[view.members_of(i)]
            created = created[created != NOTHING]
            if len(created) and start - np.median(created) < YOUNG:
                return 0.0
        return _unremarkable(test) * (1 - _fast_share(paces, test))

    return _per_cluster(view, value)


@explanation(
    "breaking news or a live event: outsiders are as fast on the same objects",
    """How often members would have met at the speed of outsiders where outsiders are fast (two of
    them are inside one window with a chance of 0.05 or more), divided by how often they met, at
    most 1.""",
)
def news(view: View) -> Floats:
    """Return expected pairs on objects of fast outsiders / observed pairs."""
    paces = view.background_paces
    return _per_cluster(view, lambda test, _: _unremarkable(test) * _fast_share(paces, test))


@explanation(
    "a daily habit: people who are online at the same half hour every day",
    """The smaller of two shares, of members with ten actions or more apart from each other: the
    share of these actions in the member's own busiest half hour of the day, and the share of its
    actions together that is in that half hour.""",
)
def daily_slot(view: View) -> Floats:
    """Return min(habit apart from each other, share of the actions together that follow it)."""
    acts, together = view.acts, view.lags >= 0
    cell = acts.account.astype(np.int64) * 48 + acts.time // (30 * MINUTE) % 48

    def value(part: NDArray[np.int64]) -> float:  # positions in acts
        apart = part[~together[part]]
        cells, counts = np.unique(cell[apart], return_counts=True)
        order = np.lexsort((cells, -counts, cells // 48))  # the busiest of each member stands first
        member, at = np.unique(cells[order] // 48, return_index=True)
        busiest, most = cells[order][at], counts[order][at]
        whole = np.bincount(np.searchsorted(member, cells // 48), counts)
        known = whole >= LEAST_ACTIONS
        if not known.any():
            return np.nan
        habit = most[known].sum() / whole[known].sum()
        joint = cell[part[together[part]]]
        joint = joint[np.isin(joint // 48, member[known])]
        return float(min(habit, np.isin(joint, busiest).mean() if len(joint) else 1.0))

    return view.per_cluster(acts.indptr, np.arange(len(cell)), value)


@explanation(
    "the effect of share buttons: the same ready-made text, at no common time",
    """The smaller of two numbers: the share of ready-made texts, which at least as many outsiders
    post, in what pairs of members share; and how often members would have met at the speed of
    outsiders divided by how often they met, at most 1.""",
)
def share_buttons(view: View) -> Floats:
    """Return min(share of widely posted texts among shared objects, expected / observed pairs)."""
    log = view.graph_log
    texts = view.kinds_of_text

    def value(test: GroupTest, _: int) -> float:
        members = test.detail[:, 1]
        pairs = members * (members - 1) / 2  # random members share many objects by twos
        if not texts.any() or not pairs.sum():
            return np.nan
        text = texts[log.object_kind[test.detail[:, 0].astype(int)]]
        ready_made = text & (test.detail[:, 4] >= members)
        return float(min(pairs[ready_made].sum() / pairs.sum(), _unremarkable(test)))

    return _per_cluster(view, value)


@explanation(
    "an effect of blank or generic objects that very many accounts use",
    """Share of what members act on together that is on objects which one outsider in twenty uses,
    and at least 200 of them. An object counts once for each member that joins the first there.""",
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
