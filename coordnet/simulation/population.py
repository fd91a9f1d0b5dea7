"""A population being made: accounts, objects, actions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.errors import ParameterError
from coordnet.frozen import ReadOnly
from coordnet.log.encoding import build_log
from coordnet.log.labels import LABELS, Labelled
from coordnet.simulation.personas import THEMES, ZONES, messages, profiles
from coordnet.simulation.truth import Phase, Simulation, Truth
from coordnet.times import DAY, SECOND, instant

DAYS = 28
KINDS = ("hashtag", "retweet", "text", "url")  # in byte order
_KIND_SHARES = (0.1, 0.65, 0.1, 0.15)
# How likely an account is to act at each hour of its own day
_AWAKE = np.array(
    [0.25, 0.12, 0.06, 0.05, 0.05, 0.1, 0.3, 0.6, 0.75, 0.8, 0.8, 0.8,
     0.9, 0.9, 0.8, 0.8, 0.8, 0.85, 0.95, 1.0, 1.0, 0.95, 0.75, 0.45]
)  # fmt: skip

Integers = NDArray[np.int64]


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
        days: int = DAYS,
    ) -> None:
        self.rng = rng
        self.days = days
        self.busy = np.ones(days) if busy is None else busy  # how much is posted on each day
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
        self.phases: list[tuple[str, int, int, Integers]] = []  # group, days from and to, accounts
        self.created = self.start / SECOND - rng.gamma(2.0, 2.0, accounts) * 365 * 86_400
        self._organic(actions)

    # -- the public --------------------------------------------------------------------------

    def _organic(self, actions: int) -> None:
        """Let communities share their posts: cascades with a long tail, in waking hours."""
        rng = self.rng
        n_objects = max(actions // 8, 1)
        days = np.interp(
            rng.random(n_objects), np.append(0, np.cumsum(self.busy)) / self.busy.sum(),
            np.arange(self.days + 1),
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
        drawn again, up to four times.
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
        day = self.rng.integers(0, self.days, count)
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
        inside = time < self.days * 86_400
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
            ReadOnly({g: tuple(labels[i] for i in m) for g, m in self.groups.items()}),
            ReadOnly(dict(self.covert)),
            tuple(
                Phase(
                    name,
                    self.start + first * DAY,
                    self.start + last * DAY,
                    tuple(labels[i] for i in members),
                )
                for name, first, last, members in self.phases
            ),
        )
        covert = np.zeros(self.n, bool)
        if self.british:
            for name, members in self.groups.items():
                covert[members] = self.covert[name]
        table = profiles(self.rng, names, self.created, self.zone, covert, self.british)
        return Simulation(scenario, log, table, truth)
