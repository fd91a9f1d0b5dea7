"""Scenarios: what is added to the public of a population."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from coordnet.errors import ParameterError, check_seed, listed, one_of
from coordnet.progress import stage
from coordnet.simulation.personas import THEMES, ZONES
from coordnet.simulation.population import DAYS, KINDS, Integers, World
from coordnet.simulation.truth import Simulation
from coordnet.times import SECOND

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
    """Add threads of five posts that are shared within minutes, and posts with four hashtags."""
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
    scheduled[[a for name, of in world.groups.items() if world.covert[name] for a in of]] = False
    world.acts = [
        (account, object_, np.where(scheduled[account], np.ceil(time / 900) * 900, time))
        for account, object_, time in world.acts
    ]


# -- benign coordination, or what looks like it ----------------------------------------------------


def _early_birds(world: World) -> None:
    """Let one account of twenty share what five sources post as soon as it is notified."""
    _let_birds_be_early(world, np.arange(world.n))


def _let_birds_be_early(world: World, among: Integers) -> None:
    """Make one of twenty of these accounts early birds."""
    rng = world.rng
    birds = rng.choice(among, len(among) // 20, replace=False)
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
    slot[np.concatenate([np.zeros(0, np.int64), *world.groups.values()])] = -1
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


def _auto_sharers(world: World) -> None:
    """Let thirty accounts share each link of one account within seconds, each independently."""
    rng = world.rng
    source, *sharers = world.group("auto_sharers", min(31, world.n // 10), covert=False)
    posts = world.new_objects(100, world.moments(100), "url")
    world.act(np.full(100, source), posts, world.birth[posts])
    world.share(np.repeat(posts, rng.poisson(4, 100)))
    account, post = (grid.ravel() for grid in np.meshgrid(sharers, posts))
    chosen = rng.random(len(account)) < 0.9
    account, post = account[chosen], post[chosen]
    world.act(account, post, world.birth[post] + 2 + rng.exponential(15, len(post)))


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


def _tiny_cells(world: World) -> None:
    """Fifteen cells: one of 4, 5 and 6 accounts for each of 4 to 8 posts, nearly all on each."""
    for size in (4, 5, 6):
        for objects in (4, 5, 6, 7, 8):
            members = world.group(f"cell_{size}x{objects}", size)
            world.push(members, objects, 45.0, join=0.95, borrowed=0.3)


def _large_ring(
    world: World, *, rings: Sequence[tuple[int, int]] | None = None, kind: str | None = None
) -> None:
    """Plant rings that fill a class of popularity: all members act on each post within 20 s.

    Three, of 40 to 1,000 accounts and 15 to 1,000 posts each, even on a logarithmic scale; or
    those of `rings`, as (accounts, posts). The posts of a ring are of one kind, `kind` or one
    that is drawn. None has more than an eighth of all accounts.
    """
    if kind is not None:
        one_of(kind, KINDS, "kind")
    if rings is None:
        least = np.array([40, 15])
        shapes = (least * (1_000 / least) ** world.rng.random((3, 2))).round().astype(int).tolist()
    else:
        shapes = [list(shape) for shape in rings]
    for i, (size, objects) in enumerate(shapes):
        if size < 3 or objects < 1:
            raise ParameterError(
                f"rings={rings!r}: ring {i} has {size} accounts and {objects} posts; a ring has "
                "3 accounts and 1 post or more."
            )
        members = world.group(f"ring_{i + 1}", min(size, world.n // 8))
        own = str(world.rng.choice(KINDS)) if kind is None else kind
        world.push(members, objects, 20.0, borrowed=0.0, kind=own)


def _contaminated(world: World, *, share: float = 0.4) -> None:
    """Let a share of the accounts be cells of one campaign, with honest early birds beside them.

    The cells have 20 to 60 accounts and do little else. All push posts of the same popular
    ones, 1,000 where there are 20,000 accounts: each cell 12 of them, within 45 seconds at a
    moment of its own, 6 of 10 members each time.
    """
    _check_share(share)
    pushed = np.arange(world.scaled(1_000))  # the most popular, whatever their kind
    for members in _cells(world, share, 20, 60):
        world.activity[members] *= 0.02
        world.push(members, 12, 45.0, join=0.6, borrowed=1.0, among=pushed)
    taken = np.concatenate(list(world.groups.values()))
    _let_birds_be_early(world, np.setdiff1d(np.arange(world.n), taken))


def _mixed_public(world: World, *, share: float = 0.02) -> None:
    """Let cells of one campaign work in a public of all honest habits that look like work.

    Early birds, viewers of live events who share at once, accounts that post one hashtag a
    thousand times, accounts with a half hour of their own a day, and accounts that post at full
    quarters only. The cells have 10 to 40 accounts that do all else as before: each acts together
    on 12 posts, half of them the public's own, within 45 seconds, 7 of 10 members each time.
    """
    _check_share(share)
    for habit in (_early_birds, _live_events, _repeaters):
        habit(world)
    for members in _cells(world, share, 10, 40):
        world.push(members, 12, 45.0, join=0.7)
    for habit in (_daily_slots, _schedulers):  # they move what others do, who share the posts too
        habit(world)


def _check_share(share: float) -> None:
    """Raise where a share of the accounts cannot be one campaign."""
    if not 0 < share <= 0.9:
        raise ParameterError(
            f"share={share!r} of the accounts cannot be one campaign; use more than 0, up to 0.9."
        )


def _cells(world: World, share: float, least: int, most: int) -> Iterator[Integers]:
    """Take a share of the accounts, cell by cell of so many accounts; the last may be smaller."""
    left = max(round(share * world.n), 5)
    number = 0
    while left >= 5:
        size = min(left, int(world.rng.integers(least, most + 1)))
        left -= size
        number += 1
        yield world.group(f"cell_{number:03d}", size)


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


REGROUPING_DAYS = 84


def _regroupings(world: World) -> None:
    """Twelve weeks of five groups: two merge, one splits, one moves to new accounts, one stays.

    Each pushes two posts a day. In the middle two groups of 15 become one of 30, and one of 30 two
    of 15. One of 15 hands over to 15 new accounts, one every other day from the fourth week on.
    """
    half, end = world.days // 2, world.days
    merging = [world.group(name, 15) for name in ("merging_1", "merging_2")]
    splitting = world.group("splitting", 30)
    moving = world.group("moving", 30)
    steady = world.group("steady", 20)
    for name, members in zip(("merging_1", "merging_2"), merging, strict=True):
        _acts_from(world, name, members, 0, half)
    _acts_from(world, "merged", np.concatenate(merging), half, end)
    _acts_from(world, "splitting", splitting, 0, half)
    for number, members in enumerate((splitting[:15], splitting[15:]), 1):
        _acts_from(world, f"split_{number}", members, half, end)
    first = end // 4
    _acts_from(world, "moving", moving[:15], 0, first)
    for moved in range(15):
        start = first + 2 * moved
        last = start + 2 if moved < 14 else end
        _acts_from(world, "moving", moving[moved + 1 : moved + 16], start, last)
    _acts_from(world, "steady", steady, 0, end)


def _acts_from(world: World, name: str, members: Integers, first: int, last: int) -> None:
    """Let accounts push two posts a day from one day to another."""
    world.phases.append((name, first, last, members))
    day = np.repeat(np.arange(first, last), 2)
    moments = day * 86_400 + (8 + 13 * world.rng.random(len(day))) * 3_600
    world.push(members, len(day), 45.0, join=0.6, borrowed=0.0, moments=moments)


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


SCENARIOS: Mapping[str, Callable[..., None]] = MappingProxyType(
    {
        function.__name__[1:]: function
        for function in (
            _organic, _breaking_news, _live_events, _threads, _repeaters, _schedulers,
            _early_birds, _daily_slots, _small_fast_audience, _auto_sharers, _fandom, _newsroom,
            _share_buttons, _generic_objects,
            _retweet_ring, _campaign, _small_cells, _tiny_cells, _large_ring, _contaminated,
            _mixed_public, _diluted, _slow_drip, _cross_trace, _metronome, _regroupings,
            _election, _election_public,
        )
    }
)  # fmt: skip


def simulate(
    scenario: str = "election",
    accounts: int = 20_000,
    actions: int | None = None,
    seed: int = 0,
    **options: Any,
) -> Simulation:
    """Simulate a population in which it is known who acts together.

    Parameters
    ----------
    scenario
        Nothing planted: ``"organic"``, ``"breaking_news"``, ``"live_events"``, ``"threads"``,
        ``"repeaters"``, ``"schedulers"``, ``"election_public"``. Benign coordination, or its
        look: ``"early_birds"``, ``"daily_slots"``, ``"small_fast_audience"``,
        ``"auto_sharers"``, ``"fandom"``, ``"newsroom"``, ``"share_buttons"``,
        ``"generic_objects"``. Planted: ``"retweet_ring"``, ``"campaign"``, ``"small_cells"``,
        ``"tiny_cells"`` (4 to 6 accounts, 4 to 8 posts), ``"large_ring"`` (40 to 1,000 accounts,
        15 to 1,000 posts), ``"contaminated"`` (a large share of the accounts is one campaign),
        ``"mixed_public"`` (a campaign among early birds, schedulers and the like),
        ``"diluted"``, ``"slow_drip"``, ``"cross_trace"``, ``"metronome"``, ``"election"``.
        ``"regroupings"``: twelve weeks in which groups merge, split and move to new accounts; who
        acted together when stands in ``.truth.phases``.
    accounts
        Number of accounts; some may not act.
    actions
        Number of actions of the public, by default 20 an account.
    seed
        The only source of randomness.
    **options
        What a scenario lets choose: ``"large_ring"`` its ``rings``, a list of (accounts, posts),
        and their ``kind``; ``"contaminated"`` and ``"mixed_public"`` the ``share`` of the
        accounts that are the campaign, by default 0.4 and 0.02.

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
    >>> sim = cn.simulate("large_ring", accounts=1_000, rings=[(60, 100)])
    >>> {name: len(members) for name, members in sim.truth.groups.items()}
    {'ring_1': 60}
    """
    one_of(scenario, SCENARIOS, "scenario")
    _, *choices = inspect.signature(SCENARIOS[scenario]).parameters
    for name in options:
        if name not in choices:
            has = f"it has {listed(choices)}" if choices else "it has none"
            raise ParameterError(f"{name}= is no option of the scenario {scenario!r}; {has}.")
    check_seed(seed)
    if accounts < 200:
        raise ParameterError(f"accounts={accounts!r}: a population needs 200 or more.")
    count = 20 * accounts if actions is None else actions
    if count < 1:
        raise ParameterError(f"actions={actions!r} is not a number of actions; use 1 or more.")
    busy = EXCITED if scenario in ("election", "election_public") else None
    days = REGROUPING_DAYS if scenario == "regroupings" else DAYS
    start = "2017-05-12T00:00:00Z"
    with stage("simulating"):
        world = World(accounts, count, np.random.default_rng(seed), start, busy, days)
        SCENARIOS[scenario](world, **options)
        return world.finish(scenario)
