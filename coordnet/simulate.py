"""Populations whose coordination is known: to test methods, teach, and plan studies.

Every scenario has the same organic public: interest communities, heavy-tailed activity, posts
that spread in cascades, day rhythms in several time zones. A scenario adds to it groups that act
together, or things that look so and are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet._personas import THEMES, ZONES, messages, profiles
from coordnet.actions import LABELS, ActionLog, Labelled, build_log
from coordnet.errors import ParameterError, check_seed, one_of
from coordnet.frames import html_table, native
from coordnet.times import SECOND, instant

DAYS = 28
KINDS = ("hashtag", "retweet", "text", "url")  # in byte order
_KIND_SHARES = (0.1, 0.65, 0.1, 0.15)
# How likely an account is to act at each hour of its own day
_AWAKE = np.array(
    [0.25, 0.12, 0.06, 0.05, 0.05, 0.1, 0.3, 0.6, 0.75, 0.8, 0.8, 0.8,
     0.9, 0.9, 0.8, 0.8, 0.8, 0.85, 0.95, 1.0, 1.0, 0.95, 0.75, 0.45]
)  # fmt: skip

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Truth:
    """What was planted.

    Attributes
    ----------
    groups : mapping of str to tuple of str
        The accounts of each group; no account is in two.
    covert : mapping of str to bool
        Whether the group coordinates covertly; the others are benign.
    """

    groups: Mapping[str, tuple[str, ...]]
    covert: Mapping[str, bool]

    def to_frame(self, backend: str = "pandas") -> Any:
        """Return a dataframe of one row an account in a group: account, group, covert."""
        rows = [(a, g, self.covert[g]) for g, members in self.groups.items() for a in members]
        account, group, covert = zip(*rows, strict=True) if rows else ((), (), ())
        return native(
            pa.table(
                {
                    "account": pa.array(account, LABELS),
                    "group": pa.array(group, LABELS),
                    "covert": pa.array(covert, pa.bool_()),
                }
            ),
            backend,
        )


@dataclass(frozen=True, repr=False)
class Simulation:
    """A simulated population: its log, its account table, and what was planted in it."""

    scenario: str
    log: ActionLog
    account_table: pa.Table
    truth: Truth

    @cached_property
    def accounts(self) -> Any:
        """The accounts as a pandas frame: account, created_at, handle, name, language, ..."""
        return native(self.account_table, "pandas")

    def _facts(self) -> list[tuple[str, str]]:
        groups = ", ".join(
            f"{name} ({len(members)}{'' if self.truth.covert[name] else ', benign'})"
            for name, members in list(self.truth.groups.items())[:8]
        )
        more = len(self.truth.groups) - 8
        return [
            ("actions", f"{len(self.log):,}"),
            ("accounts", f"{self.log.n_accounts:,}"),
            ("planted", (groups or "nothing") + (f" and {more} more" if more > 0 else "")),
        ]

    def __repr__(self) -> str:
        lines = [f"  {name:<9}{value}" for name, value in self._facts()]
        return "\n".join([f"Simulation ({self.scenario})", *lines])

    def _repr_html_(self) -> str:
        return html_table(f"Simulation ({self.scenario})", ("", ""), self._facts())


class World:
    """A population being made: accounts, objects, actions; scenarios add to it.

    Times are float seconds from the start; accounts and objects are numbers.
    """

    def __init__(
        self,
        accounts: int,
        actions: int,
        rng: np.random.Generator,
        start: str,
        busy: NDArray[np.float64] | None = None,
    ) -> None:
        self.rng = rng
        self.busy = np.ones(DAYS) if busy is None else busy  # how much is posted on each day
        self.n = accounts
        self.start = instant(start)
        self.community = rng.choice(8, accounts, p=np.arange(12, 4, -1) / 68)
        home = rng.permutation(8)[self.community]
        self.zone = np.where(rng.random(accounts) < 0.7, home, rng.integers(0, 8, accounts))
        self.activity = rng.lognormal(0, 1.5, accounts)
        self.object_community = np.zeros(0, np.int64)
        self.object_kind = np.zeros(0, np.int64)
        self.birth = np.zeros(0)
        self.site = np.zeros(0, np.int64)  # of URLs; -1 is any of the public's
        self.theme = np.zeros(0, np.int64)  # of election messages, a position in THEMES
        self.british = False  # whether it is about the election of 2017, with words and places
        self.acts: list[tuple[Integers, Integers, NDArray[np.float64]]] = []
        self.groups: dict[str, Integers] = {}
        self.covert: dict[str, bool] = {}
        self.created = self.start / SECOND - rng.gamma(2.0, 2.0, accounts) * 365 * 86_400
        self._organic(actions)

    # -- the public --------------------------------------------------------------------------

    def _organic(self, actions: int) -> None:
        """Let communities share their posts: cascades with a long tail, in waking hours."""
        rng = self.rng
        n_objects = max(actions // 8, 1)
        days = np.interp(
            rng.random(n_objects), np.append(0, np.cumsum(self.busy)) / self.busy.sum(),
            np.arange(DAYS + 1),
        )  # fmt: skip
        self.public_objects = self.new_objects(n_objects, days * 86_400)
        rank = np.arange(1, n_objects + 1) ** -0.9
        self.popularity = rank / rank.sum()
        self.share(rng.choice(self.public_objects, actions, p=self.popularity))

    def new_objects(
        self, count: int, birth: NDArray[np.float64], kind: str | None = None
    ) -> Integers:
        """Add objects born at these times and return their numbers."""
        rng = self.rng
        first = len(self.birth)
        kinds = (
            rng.choice(len(KINDS), count, p=_KIND_SHARES)
            if kind is None
            else np.full(count, KINDS.index(kind))
        )
        self.object_kind = np.concatenate([self.object_kind, kinds])
        self.object_community = np.concatenate([self.object_community, rng.integers(0, 8, count)])
        self.birth = np.concatenate([self.birth, birth])
        self.site = np.concatenate([self.site, np.full(count, -1)])
        self.theme = np.concatenate([self.theme, np.full(count, THEMES.index("neutral"))])
        return np.arange(first, first + count)

    def scaled(self, number: float) -> int:
        """Return a number meant for 20,000 accounts, for as many as there are; 5 or more."""
        return max(round(number * self.n / 20_000), 5)

    def share(
        self,
        object_: Integers,
        median: float = 5_400.0,
        sigma: float = 1.8,
        account: Integers | None = None,
    ) -> None:
        """Let one account share each object: of its community four times of five, unless given.

        Times follow the birth by a lognormal delay; hours at which the account sleeps are
        redrawn up to four times.
        """
        rng = self.rng
        n = len(object_)
        if account is None:
            account = self.pick(n)
            own = rng.random(n) < 0.8
            for c in range(8):
                chosen = own & (self.object_community[object_] == c)
                account[chosen] = self.pick(int(chosen.sum()), np.flatnonzero(self.community == c))
        time = self.birth[object_] + rng.lognormal(np.log(median), sigma, n)
        for _ in range(4):
            asleep = np.flatnonzero(rng.random(n) > self.awake(account, time))
            time[asleep] = self.birth[object_[asleep]] + rng.lognormal(
                np.log(median), sigma, len(asleep)
            )
        self.act(account, object_, time)

    def pick(self, n: int, among: Integers | None = None) -> Integers:
        """Draw accounts by their activity."""
        among = np.arange(self.n) if among is None else among
        if len(among) == 0:
            among = np.arange(self.n)
        p = self.activity[among]
        picked: Integers = among[self.rng.choice(len(among), n, p=p / p.sum())]
        return picked

    def awake(self, account: Integers, time: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how likely each account is to act at each time."""
        hour = (time / 3_600 + np.array(ZONES)[self.zone[account]]) % 24
        likely: NDArray[np.float64] = _AWAKE[hour.astype(int) % 24]
        return likely

    def act(self, account: Integers, object_: Integers, time: NDArray[np.float64]) -> None:
        """Add actions."""
        self.acts.append((account, object_, time))

    # -- groups ------------------------------------------------------------------------------

    def group(self, name: str, size: int, covert: bool = True) -> Integers:
        """Take accounts that are in no group yet and make them one."""
        taken = np.concatenate([np.zeros(0, np.int64), *self.groups.values()])
        free = np.setdiff1d(np.arange(self.n), taken)
        if len(free) < size:
            raise ParameterError(f"a group of {size} needs more accounts than {self.n}.")
        members = np.sort(self.rng.choice(free, size, replace=False))
        self.groups[name] = members
        self.covert[name] = covert
        return members

    def moments(self, count: int, zone: float = 0.0) -> NDArray[np.float64]:
        """Draw moments between 8 and 22 hours of a zone's day, over the whole period."""
        day = self.rng.integers(0, DAYS, count)
        return day * 86_400 + (8 + 14 * self.rng.random(count) - zone) * 3_600

    def push(
        self,
        members: Integers,
        objects: int,
        lag: float,
        *,
        join: float = 1.0,
        borrowed: float = 0.5,
        kind: str | None = None,
        moments: NDArray[np.float64] | None = None,
        public: float = 6.0,
        delay: float = 0.0,
        among: Integers | None = None,
    ) -> Integers:
        """Let a group act on `objects` objects at one moment each and return the objects.

        Parameters
        ----------
        members
            Who.
        objects
            How many objects.
        lag
            Members act within this many seconds after the moment.
        join
            How likely each member is to join each time.
        borrowed
            Share of the objects that are the public's own, already spreading; the others are the
            group's.
        kind
            Kind of the group's own objects.
        moments
            When; drawn from waking hours unless given.
        public
            How many others share each of the group's own objects, on average, at their own pace.
        delay
            Seconds from the moment to the first that members act.
        among
            The public's objects that may be borrowed, by default the popular ones.
        """
        rng = self.rng
        when = self.moments(objects) if moments is None else moments
        chosen = self.new_objects(objects, when - 60 * rng.random(objects), kind)
        self.share(np.repeat(chosen, rng.poisson(public, objects)))
        n_borrowed = round(borrowed * objects)
        if n_borrowed:  # popular ones of about that day, pushed some time after their birth
            popular = np.arange(max(len(self.birth) // 50, 1)) if among is None else among
            for i in rng.choice(objects, n_borrowed, replace=False):
                own = (
                    popular
                    if kind is None
                    else popular[self.object_kind[popular] == KINDS.index(kind)]
                )
                if len(own):
                    near = own[np.argsort(np.abs(self.birth[own] - when[i]))[:20]]
                    chosen[i] = rng.choice(near)
                    when[i] = max(when[i], self.birth[chosen[i]] + 60)
        account = np.tile(members, objects)
        object_ = np.repeat(chosen, len(members))
        time = np.repeat(when, len(members)) + delay + lag * rng.random(len(account))
        joins = rng.random(len(account)) < join
        self.act(account[joins], object_[joins], time[joins])
        return chosen

    # -- out ---------------------------------------------------------------------------------

    def finish(self, scenario: str) -> Simulation:
        """Return the simulation, times cut to whole seconds as platforms give them."""
        account, object_, time = (np.concatenate(part) for part in zip(*self.acts, strict=True))
        inside = time < DAYS * 86_400
        if self.british:  # nobody acts before the account is created
            inside &= time >= self.created[account] - self.start / SECOND
        account, object_, time = account[inside], object_[inside], time[inside]
        width = len(str(max(self.n, len(self.birth))))
        names = pa.array([f"a{i:0{width}d}" for i in range(self.n)], LABELS)
        site = self.site.copy()
        site[site < 0] = np.flatnonzero(site < 0) * 7919 % 40  # forty sites of the public
        url = KINDS.index("url")
        objects = pa.array(
            [
                f"https://site{s:02d}.example/{i:0{width}d}" if k == url else f"o{i:0{width}d}"
                for i, (k, s) in enumerate(zip(self.object_kind, site, strict=True))
            ],
            LABELS,
        )
        text = None
        if self.british:
            text = Labelled(object_.astype(np.int32), messages(self.theme))
        log = build_log(
            Labelled(account.astype(np.int32), names),
            Labelled(object_.astype(np.int32), objects),
            self.start + np.floor(time).astype(np.int64) * SECOND,
            kind=Labelled(self.object_kind[object_].astype(np.int32), pa.array(KINDS, LABELS)),
            row=np.arange(len(account)),
            text=text,
            sources=(f"simulate({scenario!r})",),
        )
        labels = names.to_pylist()
        truth = Truth(
            MappingProxyType({g: tuple(labels[i] for i in m) for g, m in self.groups.items()}),
            MappingProxyType(dict(self.covert)),
        )
        covert = np.zeros(self.n, bool)
        if self.british:
            for name, members in self.groups.items():
                covert[members] = self.covert[name]
        table = profiles(self.rng, names, self.created, self.zone, covert, self.british)
        return Simulation(scenario, log, table, truth)


# -- nothing planted -----------------------------------------------------------------------------


def _organic(world: World) -> None:
    """Add nothing."""


def _breaking_news(world: World) -> None:
    """Add posts that everybody shares within minutes, whatever community they are of."""
    rng = world.rng
    objects = world.scaled(300)
    posts = world.new_objects(objects, world.moments(objects))
    shared = np.repeat(posts, rng.poisson(world.scaled(200), objects))
    time = world.birth[shared] + rng.lognormal(np.log(120), 1.0, len(shared))
    world.act(world.pick(len(shared)), shared, time)


def _live_events(world: World) -> None:
    """Add ten events whose viewers share their posts at once, each independently."""
    rng = world.rng
    for _ in range(10):
        viewers = rng.choice(world.n, world.scaled(500), replace=False)
        start = world.moments(1)[0]
        posts = world.new_objects(150, start + 7_200 * np.sort(rng.random(150)))
        account, post = (grid.ravel() for grid in np.meshgrid(viewers, posts))
        chosen = rng.random(len(account)) < 0.1
        account, post = account[chosen], post[chosen]
        world.act(account, post, world.birth[post] + 5 + rng.exponential(40, len(post)))


def _threads(world: World) -> None:
    """Add threads of five posts that are shared in one sitting, and posts with four hashtags."""
    rng = world.rng
    threads = world.scaled(1_500)
    posts = world.new_objects(5 * threads, np.repeat(world.moments(threads), 5), "retweet")
    readers = rng.poisson(8, threads)
    thread = np.repeat(np.arange(threads), readers)
    account = world.pick(len(thread))
    sitting = world.birth[posts[5 * thread]] + rng.lognormal(np.log(5_400), 1.8, len(thread))
    for i in range(5):
        sitting = sitting + rng.uniform(2, 15, len(sitting))
        world.act(account, posts[5 * thread + i], sitting)
    sets = world.scaled(200)
    tags = world.new_objects(4 * sets, np.repeat(world.moments(sets), 4), "hashtag")
    chosen = np.repeat(np.arange(sets), rng.poisson(30, sets))
    account = world.pick(len(chosen))
    time = world.birth[tags[4 * chosen]] + rng.lognormal(np.log(20_000), 1.8, len(chosen))
    for i in range(4):
        world.act(account, tags[4 * chosen + i], time)


def _repeaters(world: World) -> None:
    """Let a few accounts post one hashtag a thousand times each, at their own hours."""
    rng = world.rng
    tags = world.new_objects(10, np.zeros(10), "hashtag")
    for tag in tags:
        world.share(np.full(world.scaled(300), tag), median=7 * 86_400, sigma=1.0)
        for account in rng.choice(world.n, 3, replace=False):
            time = world.moments(1_000, ZONES[world.zone[account]])
            world.act(np.full(1_000, account), np.full(1_000, tag), time)


def _schedulers(world: World) -> None:
    """Let one account of ten post at full quarters of the hour only."""
    scheduled = world.rng.random(world.n) < 0.1
    world.acts = [
        (account, object_, np.where(scheduled[account], np.ceil(time / 900) * 900, time))
        for account, object_, time in world.acts
    ]


# -- benign coordination, or what looks like it ----------------------------------------------------


def _early_birds(world: World) -> None:
    """Let one account of twenty share what five sources post as soon as it is notified."""
    rng = world.rng
    birds = rng.choice(world.n, world.n // 20, replace=False)
    world.groups["early_birds"], world.covert["early_birds"] = np.sort(birds), False
    sources = 200
    posts_each = 30
    posts = world.new_objects(sources * posts_each, world.moments(sources * posts_each), "retweet")
    world.share(np.repeat(posts, rng.poisson(4, len(posts))))
    for bird in birds:
        followed = rng.choice(sources, 5, replace=False)
        own = (followed[:, None] * posts_each + np.arange(posts_each)).ravel()
        own = posts[own[rng.random(len(own)) < 0.1]]
        world.act(
            np.full(len(own), bird), own, world.birth[own] + 3 + rng.exponential(30, len(own))
        )


def _daily_slots(world: World) -> None:
    """Let one account of twenty act in the same half hour of every day only."""
    rng = world.rng
    slot = np.where(rng.random(world.n) < 0.05, rng.integers(0, 48, world.n), -1)
    world.groups["daily_slots"], world.covert["daily_slots"] = np.flatnonzero(slot >= 0), False
    acts = []
    for account, object_, time in world.acts:
        inside = 1_800 * (slot[account] + rng.random(len(account)))
        later = np.floor(time / 86_400) * 86_400 + inside
        later += np.where(later < time, 86_400, 0)
        acts.append((account, object_, np.where(slot[account] >= 0, later, time)))
    world.acts = acts


def _small_fast_audience(world: World) -> None:
    """Let a hundred fans of one outlet share its posts within seconds, each independently."""
    rng = world.rng
    fans = world.group("audience", min(100, world.n // 10), covert=False)
    posts = world.new_objects(200, world.moments(200), "url")
    world.site[posts] = 41
    account, post = (grid.ravel() for grid in np.meshgrid(fans, posts))
    chosen = rng.random(len(account)) < 0.15
    account, post = account[chosen], post[chosen]
    world.act(account, post, world.birth[post] + 5 + rng.exponential(30, len(post)))


def _fandom(world: World) -> None:
    """Let sixty fans share most posts of one idol, hours apart: tight, slow, no coordination."""
    rng = world.rng
    fans = world.group("fandom", min(60, world.n // 10), covert=False)
    posts = world.new_objects(80, world.moments(80), "retweet")
    account, post = (grid.ravel() for grid in np.meshgrid(fans, posts))
    chosen = rng.random(len(account)) < 0.5
    account, post = account[chosen], post[chosen]
    delay = rng.lognormal(np.log(3 * 3_600), 1.5, len(post))
    world.act(account, post, world.birth[post] + delay)


def _newsroom(world: World) -> None:
    """Let one operator's eight accounts post each of its items at once."""
    outlets = world.group("newsroom", 8, covert=False)
    world.activity[outlets] = 0.0
    items = world.push(outlets, 100, 3.0, join=0.95, borrowed=0.0, kind="url", public=10.0)
    world.site[items] = 42


def _share_buttons(world: World) -> None:
    """Let two hundred readers press the buttons that post forty ready-made texts, in their time."""
    rng = world.rng
    readers = world.group("readers", min(200, world.n // 10), covert=False)
    posts = world.new_objects(40, world.moments(40), "text")
    world.share(np.repeat(posts, rng.poisson(world.scaled(100), 40)))
    account, post = (grid.ravel() for grid in np.meshgrid(readers, posts))
    chosen = rng.random(len(account)) < 0.3
    account, post = account[chosen], post[chosen]
    world.act(account, post, world.birth[post] + rng.lognormal(np.log(5_400), 1.8, len(post)))


def _generic_objects(world: World) -> None:
    """Let sixty busy accounts use five hashtags that half of the public uses, at all hours."""
    rng = world.rng
    posters = world.group("posters", min(60, world.n // 10), covert=False)
    tags = world.new_objects(5, np.zeros(5), "hashtag")
    for who, times in ((np.arange(world.n), 0.5), (posters, 20.0)):
        for tag in tags:
            account = np.repeat(who, rng.poisson(times, len(who)))
            time = world.moments(len(account)) - 3_600 * np.array(ZONES)[world.zone[account]]
            world.act(account, np.full(len(account), tag), np.maximum(time, 0.0))


# -- planted ---------------------------------------------------------------------------------------


def _retweet_ring(world: World) -> None:
    """Three groups that act on the same posts within 40 seconds, among everything else they do."""
    for name, size in (("ring_30", 30), ("ring_12", 12), ("ring_60", 60)):
        world.push(world.group(name, min(size, world.n // 8)), 25, 40.0, join=0.8)


def _campaign(world: World) -> None:
    """Three groups created in batches in the weeks before a vote, busy on its key days."""
    rng = world.rng
    for name, size, days in (
        ("rallies", world.n // 50, np.arange(3, 24)),
        ("turnout", world.n // 80, np.array([27])),
        ("manifesto", world.n // 160, np.array([6, 11])),
    ):
        members = world.group(name, max(size, 6))
        world.activity[members] *= 0.3
        batch = rng.integers(0, 3, len(members))
        world.created[members] = world.start / SECOND - (10 + 7 * batch) * 86_400
        world.created[members] += rng.random(len(members)) * 7_200
        moments = rng.choice(days, 16) * 86_400 + (8 + 14 * rng.random(16)) * 3_600
        world.push(members, 16, 40.0, join=0.8, moments=moments)


def _small_cells(world: World) -> None:
    """Twelve cells of 5 to 10 accounts that act together on 6 to 10 posts: too few for any pair."""
    for i, (size, objects, join) in enumerate(
        3 * ((10, 8, 0.6), (8, 6, 0.75), (6, 10, 0.7), (5, 6, 0.95))
    ):
        members = world.group(f"cell_{i + 1:02d}", size)
        world.push(members, objects, 45.0, join=join, borrowed=0.3)


def _diluted(world: World) -> None:
    """Two groups whose members join three times of ten, and do five other things for each."""
    rng = world.rng
    for i in range(2):
        members = world.group(f"diluted_{i + 1}", 30)
        world.push(members, 40, 40.0, join=0.3)
        cover = rng.choice(world.public_objects, 5 * 12 * len(members), p=world.popularity)
        world.share(cover, account=np.repeat(members, 5 * 12))


def _slow_drip(world: World) -> None:
    """Two groups that act on the same posts over an hour, 10 to 60 minutes after a signal."""
    for i, size in enumerate((25, 15)):
        world.push(
            world.group(f"drip_{i + 1}", size), 25, 3_000.0, join=0.8, borrowed=0.3, delay=600.0
        )


def _cross_trace(world: World) -> None:
    """Two groups spread over retweets, URLs and hashtags, too thin in each of them."""
    for i, size in enumerate((20, 12)):
        members = world.group(f"cross_{i + 1}", size)
        for kind in ("hashtag", "retweet", "url"):
            world.push(members, 4, 45.0, join=0.6, borrowed=0.3, kind=kind)


def _metronome(world: World) -> None:
    """Two groups that act at the same seconds, each member on something else."""
    rng = world.rng
    for i, size in enumerate((10, 15)):
        members = world.group(f"metronome_{i + 1}", size)
        moments = np.floor(world.moments(40))
        account = np.tile(members, 40)
        object_ = rng.choice(world.public_objects, len(account), p=world.popularity)
        time = np.repeat(moments, size) + 0.9 * rng.random(len(account))
        joins = rng.random(len(account)) < 0.8
        world.act(account[joins], object_[joins], time[joins])


KEY_DAYS = np.array([6, 10, 11, 19, 20, 27])  # manifesto, bombing, debate, polling day
POLLING_DAY = 27
EXCITED = np.where(np.isin(np.arange(DAYS), KEY_DAYS), 1.5, 1.0)  # the public posts more then


def _election(world: World) -> None:
    """About a third of the accounts in cells, created in batches, busy at key moments.

    6,500 covert accounts of 20,000, in cells of 20 to 60. In the four weeks before the vote each
    account posts about three messages that its cell posts in the same words (20,000 in all) and
    retweets about four posts with it, each time within a minute, half of the times on a key day;
    nine of ten messages on one party are for it, nine of ten on the other against; on polling day
    half of them ask to vote. A cell was created within a day, four of five of them between the
    call of the election and the vote.
    """
    rng = world.rng
    _electorate(world)
    popular = np.arange(len(world.public_objects) // 50)
    friendly = popular[np.isin(world.theme[popular], (0, 3, 5))]
    left = round(0.325 * world.n)
    number = 0
    while left >= 5:
        size = min(left, int(rng.integers(20, 61)))
        left -= size
        number += 1
        members = world.group(f"cell_{number:03d}", size)
        world.activity[members] *= 0.02
        if rng.random() < 0.8:  # called on 18 April, 24 days before the start
            created = rng.uniform(-24, 24) * 86_400
        else:
            created = -rng.uniform(30, 900) * 86_400
        world.created[members] = world.start / SECOND + created + rng.random(size) * 86_400
        first_day = int(np.clip(np.ceil(created / 86_400) + 1, 0, 26))
        later = KEY_DAYS[first_day <= KEY_DAYS]
        for kind, events, borrowed in (("text", 5, 0.0), ("retweet", 7, 1.0)):
            on_key_day = rng.random(events) < 0.5
            day = np.where(
                on_key_day, rng.choice(later, events), rng.integers(first_day, DAYS, events)
            )
            moments = day * 86_400 + (8 + 13 * rng.random(events)) * 3_600
            pushed = world.push(
                members, events, 45.0, join=0.6, borrowed=borrowed, kind=kind, moments=moments,
                public=10.0, among=friendly,
            )  # fmt: skip
            if kind == "text":
                world.theme[pushed] = rng.choice(4, events, p=[0.45, 0.05, 0.05, 0.45])
                turnout = (day == POLLING_DAY) & (rng.random(events) < 0.5)
                world.theme[pushed[turnout]] = THEMES.index("turnout")
    # they post no messages but those of the campaign
    covert = np.isin(np.arange(world.n), np.concatenate(list(world.groups.values())))
    account, object_, time = world.acts[0]
    kept = ~covert[account] | (world.object_kind[object_] != KINDS.index("text"))
    world.acts[0] = account[kept], object_[kept], time[kept]
    _messages(world)


def _election_public(world: World) -> None:
    """Make the public of that election, excited by the same news, and nothing planted."""
    _electorate(world)
    _messages(world)


def _electorate(world: World) -> None:
    """Make the public one that talks about the election, each community with its own leaning."""
    world.british = True
    _lean(world, world.public_objects)


def _messages(world: World) -> None:
    """Let everybody in no group post a few messages of their own."""
    taken = np.concatenate([np.zeros(0, np.int64), *world.groups.values()])
    author = np.repeat(np.setdiff1d(np.arange(world.n), taken), 3)
    posts = world.new_objects(len(author), world.moments(len(author)), "text")
    world.object_community[posts] = world.community[author]
    _lean(world, posts)
    world.act(author, posts, world.birth[posts])


def _lean(world: World, objects: Integers) -> None:
    """Give posts the themes of the election, as the community that they are of leans.

    Three communities of eight lean to one party, three to the other, two to neither.
    """
    leaning = np.array(
        3 * [[0.4, 0.07, 0.05, 0.28, 0.2]]
        + 3 * [[0.05, 0.28, 0.4, 0.07, 0.2]]
        + 2 * [[0.12, 0.12, 0.12, 0.12, 0.52]]
    )
    bound = np.cumsum(leaning, axis=1)[world.object_community[objects], :-1]
    theme = (world.rng.random((len(objects), 1)) > bound).sum(axis=1)
    polling = world.birth[objects] // 86_400 == POLLING_DAY
    asked = polling & (theme == THEMES.index("neutral")) & (world.rng.random(len(objects)) < 0.5)
    world.theme[objects] = np.where(asked, THEMES.index("turnout"), theme)


SCENARIOS: Mapping[str, Callable[[World], None]] = MappingProxyType(
    {
        function.__name__[1:]: function
        for function in (
            _organic, _breaking_news, _live_events, _threads, _repeaters, _schedulers,
            _early_birds, _daily_slots, _small_fast_audience, _fandom, _newsroom,
            _share_buttons, _generic_objects,
            _retweet_ring, _campaign, _small_cells, _diluted, _slow_drip, _cross_trace,
            _metronome, _election, _election_public,
        )
    }
)  # fmt: skip


def simulate(
    scenario: str = "election",
    accounts: int = 20_000,
    actions: int | None = None,
    seed: int = 0,
) -> Simulation:
    """Simulate a population in which it is known who acts together.

    Parameters
    ----------
    scenario
        Nothing planted: ``"organic"``, ``"breaking_news"``, ``"live_events"``, ``"threads"``,
        ``"repeaters"``, ``"schedulers"``, ``"election_public"``. Benign coordination, or its
        look: ``"early_birds"``, ``"daily_slots"``, ``"small_fast_audience"``, ``"fandom"``,
        ``"newsroom"``, ``"share_buttons"``, ``"generic_objects"``. Planted:
        ``"retweet_ring"``, ``"campaign"``, ``"small_cells"``, ``"diluted"``, ``"slow_drip"``,
        ``"cross_trace"``, ``"metronome"``, ``"election"``.
    accounts
        Number of accounts; some may not act.
    actions
        Number of actions of the public, by default 20 an account.
    seed
        The only source of randomness.

    Returns
    -------
    Simulation
        ``.log``, ``.accounts`` (a pandas frame) and ``.truth``.

    Examples
    --------
    >>> import coordnet as cn
    >>> sim = cn.simulate("retweet_ring", accounts=1_000, seed=0)
    >>> {name: len(members) for name, members in sim.truth.groups.items()}
    {'ring_30': 30, 'ring_12': 12, 'ring_60': 60}
    """
    one_of(scenario, SCENARIOS, "scenario")
    check_seed(seed)
    if accounts < 200:
        raise ParameterError(f"accounts={accounts!r}: a population needs 200 or more.")
    count = 20 * accounts if actions is None else actions
    if count < 1:
        raise ParameterError(f"actions={actions!r} is not a number of actions; use 1 or more.")
    busy = EXCITED if scenario in ("election", "election_public") else None
    world = World(accounts, count, np.random.default_rng(seed), "2017-05-12T00:00:00Z", busy)
    SCENARIOS[scenario](world)
    return world.finish(scenario)
