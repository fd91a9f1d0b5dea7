"""Power: groups of a size, a number of objects and a lag are planted; how many are found."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import US, log_of, rows_of
from scipy import stats

import coordnet as cn
from coordnet.inference.intervals import wilson_interval
from coordnet.robustness import power
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters
from coordnet.times import DAY, SECOND


@pytest.fixture(scope="module")
def organic():
    return cn.simulate("organic", accounts=1_000, seed=0).log


def test_easy_groups_are_found_and_impossible_ones_are_not(organic):
    easy = cn.power(organic, size=10, objects=12, lag="20s", runs=6, seed=1)
    assert (easy.runs, easy.found, easy.power) == (6, 6, 1.0)
    assert easy.recall > 0.95
    for options in (
        {"size": 3, "objects": 1},
        {"size": 10, "objects": 12, "lag": "3d"},
        {"size": 10, "objects": 12, "join": 0.05},
    ):
        hard = cn.power(organic, runs=6, seed=1, **options)
        assert (hard.found, hard.power) == (0, 0.0)
        assert math.isnan(hard.recall)
    slow = {"size": 12, "objects": 25, "lag": "50min", "runs": 6}
    by_minute, by_hour = (cn.power(organic, within=w, **slow) for w in ("60s", "1h"))
    assert by_hour.found > by_minute.found + 3


def test_power_grows_with_the_number_of_objects(organic):
    found = [cn.power(organic, size=6, objects=n, runs=8, seed=2).found for n in (2, 3, 14)]
    assert found[0] < found[1] <= found[2]
    assert found[2] >= 7


def test_power_says_how_sure_it_is(organic):
    found = cn.power(organic, size=10, objects=12, runs=4)
    low, high = stats.binomtest(found.found, 4).proportion_ci(method="wilson")
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert (found.size, found.objects, found.lag) == (10, 12, "20s")
    assert wilson_interval(0, 20)[0] == pytest.approx(0.0, abs=1e-12)
    z = stats.norm.ppf(0.975)
    assert wilson_interval(0, 20)[1] == pytest.approx(z**2 / (20 + z**2))
    assert all(map(math.isnan, wilson_interval(0, 0)))


def test_power_is_the_same_for_the_same_seed_and_any_number_of_threads(organic):
    options = {"size": 6, "objects": 2, "runs": 8}
    one, two = (cn.power(organic, **options, seed=2, threads=t) for t in (1, 2))
    assert one == two
    assert 0 < one.found < 8
    recalls = {cn.power(organic, **options, seed=s).recall for s in (2, 3, 4)}
    assert len(recalls) > 1


@pytest.mark.parametrize(
    ("held", "others", "recall"),
    [(8, 0, 1.0), (8, 8, 1.0), (8, 9, None), (4, 0, 0.5), (4, 4, 0.5), (3, 0, None), (4, 5, None)],
)
def test_what_counts_as_found(organic, monkeypatch, held, others, recall):
    """Half of the group at least, in a cluster that is at least half of it."""

    def fake(log, config, background, threads):
        members = np.unique(log.account[log.row < 0])
        public = np.setdiff1d(log.active, members)
        best = np.concatenate([members[:held], public[:others]])
        graph = cn.co_action(log, "60s", min_weight=3)
        return SimpleNamespace(
            clusters=cn.Clusters.from_members(graph, [public[20:90], best], "x", {})
        )

    monkeypatch.setattr(power, "search_clusters", fake)
    found = cn.power(organic, size=8, objects=6, runs=2, threads=1)
    assert found.found == (0 if recall is None else 2)
    assert recall is None or found.recall == recall


def test_only_accounts_that_act_in_the_log_are_planted(organic):
    """A part of a log has codes of accounts that do not act in it."""
    part = organic.exclude(accounts=organic.accounts[::2])
    rng = np.random.default_rng(0)
    for _ in range(5):
        log, members = power._planted(part, rng, 40, 10, 20 * SECOND, 1.0)
        assert set(members.tolist()) <= set(part.active.tolist())
        assert log.n_accounts == part.n_accounts
    with pytest.raises(cn.CoordnetError, match=r"size=\d+ is more than the log has: \d+ accounts"):
        cn.power(part, size=part.n_accounts + 1)
    alone = log_of(rows_of(part))
    options = {"size": 8, "objects": 6, "runs": 4}
    assert cn.power(part, **options) == cn.power(alone, **options)


def test_the_background_and_the_configuration_reach_the_search(organic, monkeypatch):
    public = organic.select(organic.kinds[0]).between(end=organic.span[1] - DAY * US)
    config = Configuration("30s", fdr=0.01, method="components")
    seen = []

    def fake(log, own, background, threads):
        seen.append((own, background))
        return SimpleNamespace(clusters=[])

    monkeypatch.setattr(power, "search_clusters", fake)
    cn.power(organic, runs=2, config=config, background=public, min_size=4)
    assert seen == [(config.replace(min_size=4), public)] * 2


def test_the_power_is_that_of_groups_planted_and_looked_for(organic):
    """Made one by one here: what is planted, a run, the cluster that holds half of it."""
    found = cn.power(organic, size=8, objects=4, join=0.7, runs=6, seed=2)
    recall = []
    for seed in np.random.SeedSequence(2).generate_state(6):
        rng = np.random.default_rng(int(seed))
        log, members = power._planted(organic, rng, 8, 4, 20 * SECOND, 0.7)
        clusters = search_clusters(log, Configuration("60s")).clusters
        parts = [set(clusters.members(i).tolist()) for i in range(len(clusters))]
        held = [len(part & set(members.tolist())) for part in parts]
        shares = [h / 8 for h, part in zip(held, parts, strict=True) if 2 * h >= max(8, len(part))]
        recall += [max(shares)] if shares else []
    assert 0 < len(recall) < 6
    assert min(recall) < 1
    assert (found.found, found.recall) == (len(recall), pytest.approx(np.mean(recall)))


@pytest.mark.parametrize("join", [1.0, 0.6])
def test_what_is_planted(organic, join):
    rng = np.random.default_rng(3)
    log, members = power._planted(organic, rng, 8, 10, 20 * SECOND, join)
    new = log.row < 0
    assert len(log) == len(organic) + new.sum()
    assert set(log.account[new].tolist()) <= set(members.tolist())
    objects = np.unique(log.object[new])
    assert len(members) == 8
    if join == 1.0:
        assert (new.sum(), len(objects)) == (80, 10)
    else:
        assert stats.binomtest(int(new.sum()), 80, join).pvalue > 1e-3
    for o in objects:
        times = log.time[new & (log.object == o)]
        assert np.ptp(times) <= 20 * SECOND
        own = organic.time[organic.object == o]
        assert own.min() - 1 * SECOND <= times.min()
        assert times.max() <= own.max() + 20 * SECOND
    assert (log.time % SECOND == 0).all()  # as the log's own clock
    kept = log.where(~new, "planted")
    np.testing.assert_array_equal(kept.time, organic.time)
    np.testing.assert_array_equal(kept.account, organic.account)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"size": 1}, "size=1 is not a whole number of 2 or more."),
        ({"size": 8.5}, "size=8.5 is not a whole number of 2 or more."),
        ({"size": "8"}, "size='8' is not a whole number of 2 or more."),
        ({"size": 10**6}, "size=1,000,000 is more than the log has: "),
        ({"objects": 0}, "objects=0 is not a whole number of 1 or more."),
        ({"objects": 10**6}, "objects=1,000,000 is more than the log has: "),
        ({"join": 0}, "join=0 is not a number above 0 and of at most 1."),
        ({"join": 1.5}, "join=1.5 is not a number above 0 and of at most 1."),
        ({"join": "x"}, "join='x' is not a number above 0 and of at most 1."),
        ({"runs": 0}, "runs=0 is not a whole number of 1 or more."),
        ({"lag": "soon"}, "lag='soon' is not a duration"),
        ({"fdr": 2}, "fdr=2 is not a number above 0 and below 1"),
    ],
)
def test_wrong_parameters_of_power_are_told(organic, options, told):
    with pytest.raises(cn.CoordnetError) as error:
        cn.power(organic, **options)
    assert str(error.value).startswith(told)
