"""Scores where the truth is known: p-values of random clusters, intervals of planted properties.

The p-values: organic populations of 2,000 accounts (no group in them), in each six random sets of 3
to 20 accounts as "clusters", matched by nothing; texts, stances and key moments drawn at random.
Two things keep a p-value from being exact and are kept away: the ten most active accounts have no
like among the others, and sets that are a tenth of all accounts together are drawn from what they
leave. What is told: of N p-values at most binom.ppf(0.999, N, level) are at the level or below it.
P-values of one population share its public, so that they are not quite independent; with 30
families and two levels one excess in 16 runs would be chance, and the seeds are fixed.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats
from scored import DAY, MONDAY, WEEK

import coordnet as cn
from coordnet.clusters.clusters import Clusters
from coordnet.log.labels import Labelled
from coordnet.scores.view import REGISTRY

LEVELS = (0.01, 0.05)
MISTAKE = 0.001  # the chance that a score that is exact fails at one level
WORDS = ["the", "vote", "is", "on", "today", "and", "we", "all", "go", "out", "to", "see", "us"]
# Scores with a p-value for every cluster
TESTED = {
    "objects", "days_active", "synchronised_pairs", "top_target_share", "share_of_targets",
    "target_entropy", "verbatim_share", "near_duplicate_share", "first_mover_inequality",
    "hour_entropy", "round_the_clock", "burstiness", "on_the_quarter", "created_within_1_day",
    "created_within_7_days", "created_within_28_days", "created_before_date",
    "handle_length_share", "handle_shape_share", "handle_entropy", "language_mismatch",
    "name_mismatch", "gone_since", "followers", "following", "verified", "marked",
    "moment_rate_ratio", "stance_for", "labelled_share",
}  # fmt: skip


def random_clusters(seed):
    """Return the scores of random sets of accounts of a population in which nobody coordinates."""
    rng = np.random.default_rng([seed, 77])
    sim = cn.simulate("organic", accounts=2_000, actions=12_000, seed=seed)
    pool = sorted({" ".join(rng.choice(WORDS, 9)) for _ in range(300)})
    rank = 1 / np.arange(1, len(pool) + 1)
    said = rng.permutation(len(pool))[rng.choice(len(pool), len(sim.log), p=rank / rank.sum())]
    log = replace(sim.log, text=Labelled(said.astype(np.int32), pa.array(pool, pa.large_string())))
    with_peers = np.argsort(np.bincount(log.account), kind="stable")[:-10]
    sizes = rng.integers(3, 21, 6)
    cuts = np.cumsum(sizes)
    drawn = rng.permutation(with_peers)[: cuts[-1]].astype(np.int32)
    graph = cn.co_action(log, "10min")
    clusters = Clusters.from_members(graph, np.split(drawn, cuts[:-1]), "random", {})
    start = pd.Timestamp("2017-05-14", tz="UTC") + pd.to_timedelta(rng.uniform(0, 22, 2), "D")
    length = pd.to_timedelta(rng.uniform(3, 48, 2), "h")
    labels = ["a:for", "a:against", "b:for", "b:against", None]
    return cn.score_clusters(
        clusters,
        log,
        accounts=sim.accounts.assign(mine=rng.random(2_000) < 0.2),
        before=("2015-01-01", "2016-01-01"),
        moments={f"m{i}": (start[i], start[i] + length[i]) for i in range(2)},
        stance=rng.choice(labels, log.rows_read or len(log), p=[0.2, 0.2, 0.1, 0.1, 0.4]),
        seed=seed,
    )


def p_values(populations):
    """Return the p-values of each score, of all clusters of all populations."""
    pooled = {}
    for seed in populations:
        for name, estimate in random_clusters(seed).estimates.items():
            if estimate.p_value is not None:
                pooled.setdefault(name.split("[")[0], []).extend(estimate.p_value.tolist())
    return {name: np.array(p)[~np.isnan(p)] for name, p in pooled.items()}


def assert_fitted_tails_hold(pooled):
    """Of all scores together: below 1 / 200, where tails are fitted, there are too few for each.

    Scores of one cluster go together, so that twice as many as chance gives are let pass.
    """
    every = np.concatenate(list(pooled.values()))
    assert (every < 1 / 200).sum() > 0
    for level in (2.5e-3, 1e-3):
        assert (every <= level).sum() <= 2 * stats.binom.ppf(1 - MISTAKE, len(every), level)


def too_small(p, level):
    """Return whether more p-values are at a level than chance explains."""
    return (p <= level).sum() > stats.binom.ppf(1 - MISTAKE, len(p), level)


def assert_calibrated(pooled, least):
    assert set(pooled) == TESTED
    for name, p in pooled.items():
        assert len(p) >= least, name
        for level in LEVELS:
            assert not too_small(p, level), (name, level, float(np.mean(p <= level)))


def test_p_values_of_random_clusters():
    pooled = p_values(range(24))
    assert_calibrated(pooled, 30)
    assert_fitted_tails_hold(pooled)


@pytest.mark.slow
def test_p_values_of_random_clusters_in_two_hundred_populations():
    pooled = p_values(range(200))
    assert_calibrated(pooled, 300)
    assert_fitted_tails_hold(pooled)


def test_a_p_value_that_is_too_small_would_be_seen():
    exact = (np.arange(144) + 0.5) / 144
    assert not too_small(exact, 0.05)
    assert too_small(exact / 3, 0.05)
    assert too_small(exact**2, 0.01)


def test_every_score_with_a_p_value_is_among_the_tested():
    """What has none says so by giving none: a new score has to be put on one side."""
    sim = cn.simulate("organic", accounts=300, actions=900, seed=1)
    clusters = Clusters.from_members(
        cn.co_action(sim.log), [np.arange(5), np.arange(9, 20)], "some", {}
    )
    scores = cn.score_clusters(
        clusters, accounts=sim.accounts, null_sets=1, moments={"m": ("2017-05-15", "2017-05-16")}
    )
    given = {n.split("[")[0] for n, e in scores.estimates.items() if e.p_value is not None}
    assert given <= TESTED
    without = {
        "accounts", "actions", "density", "mean_weight", "median_weight", "conductance",
        "coordination_extent", "synchronised_actions", "synchronised_objects", "median_lag",
        "group_evidence", "occasions", "days_with_synchrony", "edges_in_both_halves",
        "evidence_without_top_object", "evidence_without_top_occasion", "stability",
        "pairs_at_least", "pair_share_at_least",
    }  # fmt: skip
    assert {*TESTED, *without, "selection"} >= set(REGISTRY)


# -- intervals ---------------------------------------------------------------------------------

PLANTED = {
    "created_within_7_days": 0.8,
    "created_before_date": 0.8,
    "gone_since": 0.4,
    "verified": 0.1,
    "verbatim_share": 0.6,
    "moment_rate_ratio[m]": 3.0,
    "stance_for[x]": 0.9,
}
BUSY = (MONDAY + 2 * WEEK, MONDAY + 2 * WEEK + 2 * DAY)


def planted(seed, members=30, others=270):
    """Return the scores of a cluster whose members are drawn with the properties PLANTED.

    Members differ: in activity, in how much they are for x. Four of five were created in one week,
    the others and the public over three years; on the two busy days of four weeks members act three
    times as often as else.
    """
    rng = np.random.default_rng([seed, 5])
    n = members + others
    names = [f"m{i:02d}" for i in range(members)] + [f"p{i:03d}" for i in range(others)]
    own = np.arange(n) < members
    rate = rng.gamma(4, 0.25, n) * 20 / 28  # a day
    leaning = np.where(own, rng.beta(18, 2, n), rng.beta(2, 2, n))
    account, time, stance, text = [], [], [], []
    for i in range(n):
        usual = rng.uniform(0, 26 * DAY, rng.poisson(rate[i] * 26)) + MONDAY
        usual = np.where(usual >= BUSY[0], usual + 2 * DAY, usual)
        busy = rng.uniform(*BUSY, rng.poisson(rate[i] * 2 * (3 if own[i] else 1)))
        k = len(usual) + len(busy)
        account += [names[i]] * k
        time += [*usual, *busy]
        stance += np.where(rng.random(k) < leaning[i], "x:for", "x:against").tolist()
        shared = own[i] & (rng.random(k) < 0.6)
        text += [
            f"slogan {rng.integers(5)}" if s else f"my own words {i} {j}"
            for j, s in enumerate(shared)
        ]
    table = pa.table(
        {
            "account": account,
            "object": [f"o{i}" for i in rng.integers(0, 400, len(account))],
            "time": pa.array(np.array(time, np.int64)),
            "text": text,
        }
    )
    log = cn.read_actions(
        table, account="account", object="object", time="time", unit="s", text="text"
    )
    batch = own & (rng.random(n) < 0.8)
    age = np.where(batch, WEEK * rng.random(n), 30 * DAY + 1_000 * DAY * rng.random(n))
    profiles = pd.DataFrame(
        {
            "account": names,
            "created_at": pd.to_datetime((MONDAY - 1 - age).astype(np.int64), unit="s", utc=True),
            "status": np.where(rng.random(n) < np.where(own, 0.4, 0.06), "suspended", "active"),
            "verified": rng.random(n) < 0.1,
        }
    )
    present = log.all_accounts.positions_of(pa.array(names[:members], pa.large_string()))
    clusters = Clusters.from_members(cn.co_action(log), [present[present >= 0]], "planted", {})
    return cn.score_clusters(
        clusters,
        accounts=profiles,
        before="2017-05-01",
        moments={"m": tuple(pd.Timestamp(limit, unit="s", tz="UTC") for limit in BUSY)},
        stance=stance,
        null_sets=9,
        seed=seed,
        only=[name.split("[")[0] for name in PLANTED],
    )


def coverage(replicates):
    """Return how many of the intervals of each planted property hold its true value."""
    held = dict.fromkeys(PLANTED, 0)
    values = {name: [] for name in PLANTED}
    for seed in replicates:
        scores = planted(seed)
        for name, truth in PLANTED.items():
            estimate = scores[name]
            held[name] += int(estimate.low[0] <= truth <= estimate.high[0])
            values[name].append(estimate.value[0])
    return held, values


def assert_covered(held, values, n):
    """Intervals hold 95 % of times; fewer than binom.ppf(0.001, n, 0.95) of n are too few."""
    for name, truth in PLANTED.items():
        assert held[name] >= stats.binom.ppf(MISTAKE, n, 0.95), (name, held[name] / n)
        error = np.std(values[name]) / np.sqrt(n)
        # the most crowded week is a little more than the batch, a rate ratio skewed to the right
        assert np.mean(values[name]) == pytest.approx(truth, abs=4 * error + 0.02 * truth), name


def test_planted_properties_are_in_their_intervals():
    assert_covered(*coverage(range(60)), 60)


@pytest.mark.slow
def test_planted_properties_are_in_their_intervals_at_the_nominal_rate():
    held, values = coverage(range(400))
    assert_covered(held, values, 400)
    for name, count in held.items():  # nor are they so wide that they would hold anything
        assert count < 400, name
