"""Calibration and power, as claims: nothing where nothing is, and what is planted, found.

Null data are made from real ones (skipped where these are not) and by simulation. All of it is
seeded. Counts of runs and of p-values are compared with a binomial count: where the chance of
each is at most a, more than most_of(n, a) of n come with chance 0.001 or less. The full sizes
are marked slow.
"""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from helpers import group_tester
from scipy import stats

import coordnet as cn
from coordnet.inference import null_logs
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters

LEVELS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
RUSSIAN = {
    "account": "account_id",
    "object": "object_id",
    "time": "timestamp_share",
    "post": "content_id",
}
IRA = {"account": "account_id", "object": "text", "time": "published_at", "kind": "kind"}
NULL_LOGS = {
    "shuffled": null_logs.shuffled_accounts,
    "resampled": null_logs.resampled_delays,
    "swapped": null_logs.swapped_profiles,
}


def most_of(n, level):
    """Return how many of n events of chance `level` there may be, the chance of more being 0.001.

    >>> [int(most_of(20, 0.05)), int(most_of(100, 0.05))]
    [5, 13]
    """
    return stats.binom.isf(0.001, n, level)


# -- null logs of real data --------------------------------------------------------------------


@pytest.fixture(scope="module")
def russian(shared):
    return cn.read_actions(shared("data", "russian_coord_tweets.csv.gz"), **RUSSIAN)


@pytest.fixture(scope="module")
def ira(shared):
    return cn.read_actions(shared("data", "ira_tweets.parquet"), **IRA).select("retweet")


def shared_objects(log):
    """Return the matrix of how many objects each two accounts share."""
    pairs = np.unique(np.column_stack([log.account, log.object]), axis=0)
    ones = np.ones(len(pairs), np.int32)
    shape = (len(log.all_accounts), log.n_objects)
    acts = scipy.sparse.csr_array((ones, (pairs[:, 0], pairs[:, 1])), shape=shape)
    return scipy.sparse.triu(acts @ acts.T, k=1).tocsr()


def assert_super_uniform(p, tests, what):
    """Of `tests` p-values, those not given being 1, at most a share a is at most a.

    Where fewer than a few are expected, as many as a binomial count gives.
    """
    for level in LEVELS:
        count = int((p <= level).sum())
        assert count <= max(tests * level, most_of(tests, level)), (what, level, count, tests)


def check_edges(log, kind, within):
    """Check the edge tests on a null log of a kind; return how many edges are kept at 5 %."""
    graph = cn.co_action(log, within, min_weight=1)
    tested = graph.test()
    n = log.n_accounts
    if kind == "shuffled":  # accounts anywhere: every pair is a test
        assert_super_uniform(tested.edges["p_activity"], n * (n - 1) // 2, "activity")
        assert graph.test("activity").keep(fdr=0.05).n_edges == 0
    shared = shared_objects(log)
    assert_super_uniform(tested.edges["p_value"], shared.nnz, "both")
    # given how many objects they share, as the timing null is: the few who share several
    own = np.asarray(shared[tested.edges["source"], tested.edges["target"]]).ravel()
    assert (own >= 1).all()
    for least in (1, 2, 4):
        tests = int((shared.data >= least).sum())
        p = tested.edges["p_timing"][own >= least]
        assert_super_uniform(p, tests, f"timing, {least} objects or more")
    return tested.keep(fdr=0.05).n_edges


def check_sets(log, window, seed, most=400):
    """Check the group test on sets that share an object, picked without a look at times."""
    rng = np.random.default_rng(seed)
    tester = group_tester(log, window)
    scratch = tester.scratch()
    popular = np.flatnonzero(np.diff(log.by_object) >= 3)
    p = []
    for o in rng.choice(popular, min(most, len(popular)), replace=False):
        who = np.unique(log.account[log.by_object[o] : log.by_object[o + 1]])
        if len(who) > 2:
            size = min(len(who), int(rng.integers(3, 13)))
            members = np.sort(rng.choice(who, size, replace=False)).astype(np.int32)
            p.append(tester.test(members, scratch).p_value)
    assert len(p) > most / 3
    assert_super_uniform(np.array(p), len(p), "sets")


def check_null_logs(log, kind, within, seeds, every=1):
    """Check null logs of these seeds; nothing may be kept in 19 of 20 of them."""
    kept = 0
    for seed in seeds:
        null = NULL_LOGS[kind](log, seed)
        edges = check_edges(null, kind, within)
        if seed % every == 0:
            check_sets(null, int(within[:-1]) * 1_000_000, seed)
        found = search_clusters(null, Configuration(within)).clusters
        lone = len(cn.find_groups(null, within))
        kept += bool(edges or len(found) or lone)
    assert kept <= max(1, len(seeds) // 20)


@pytest.mark.parametrize("kind", NULL_LOGS)
def test_null_logs_of_retweets(russian, kind):
    check_null_logs(russian, kind, "60s", range(4))


@pytest.mark.parametrize("scenario", ["retweet_ring", "breaking_news", "repeaters"])
@pytest.mark.parametrize("kind", NULL_LOGS)
def test_null_logs_of_dense_populations(kind, scenario):
    """Where most pairs share many objects: rings, fast posts, a hashtag posted a thousand times."""
    log = cn.simulate(scenario, 300, actions=10_000, seed=1).log
    check_null_logs(log, kind, "60s", range(3))


@pytest.mark.slow
@pytest.mark.parametrize("kind", NULL_LOGS)
@pytest.mark.parametrize("within", ["10s", "60s", "600s"])
def test_twenty_null_logs_of_retweets(russian, kind, within):
    check_null_logs(russian, kind, within, range(20))


@pytest.mark.slow
@pytest.mark.parametrize("kind", NULL_LOGS)
def test_twenty_null_logs_of_the_ira(ira, kind):
    """Times in whole minutes, so five of them."""
    check_null_logs(ira, kind, "300s", range(20), every=5)


@pytest.mark.parametrize("kind", NULL_LOGS)
def test_null_logs_are_not_blind(russian, kind):
    """A group planted in them is found: nothing kept means that nothing was there."""
    null = NULL_LOGS[kind](russian, 0)
    assert cn.power(null, size=10, objects=10, runs=3).found == 3


# -- nothing planted ---------------------------------------------------------------------------

EVERYTHING = {"within": ["60s", "1h"], "co_timing": "1s"}
NOTHING = ("organic", "breaking_news", "live_events", "threads", "repeaters", "schedulers")


def runs_with_clusters(scenario, seeds, accounts, **options):
    """Return in how many runs anything is reported."""
    return sum(
        len(
            search_clusters(
                cn.simulate(scenario, accounts, seed=s).log, Configuration(**options)
            ).clusters
        )
        > 0
        for s in seeds
    )


def assert_a_rate_of_5_percent(reported, runs):
    """Of the runs of each scenario, and of all of them, no more are reported than 5 % explain.

    All of them tell a rate that is too high everywhere, each by itself one that is so somewhere.
    """
    for scenario, number in reported.items():
        assert number <= most_of(runs, 0.05), scenario
    assert sum(reported.values()) <= most_of(runs * len(reported), 0.05), reported


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"within": "60s"}, id="default"),
        pytest.param(EVERYTHING, id="everything", marks=pytest.mark.slow),
    ],
)
def test_nothing_is_reported_where_nothing_is_planted(options):
    """Of 48 runs at most 8 report any cluster; with a true rate of 30 %, 8 or fewer in 4 of 100."""
    assert most_of(48, 0.05) == 8
    assert stats.binom.cdf(8, 48, 0.3) < 0.05
    reported = {s: runs_with_clusters(s, range(8), 1_000, **options) for s in NOTHING}
    assert_a_rate_of_5_percent(reported, 8)


@pytest.mark.parametrize("seed", [15, pytest.param(31, marks=pytest.mark.slow)])
def test_schedulers_who_meet_on_the_second_are_not_reported(seed):
    """Seeds in which they were, before round times had chances of their own."""
    assert runs_with_clusters("schedulers", [seed], 20_000, within="60s") == 0


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"within": "60s"}, EVERYTHING], ids=["default", "everything"])
@pytest.mark.parametrize("scenario", NOTHING)
def test_nothing_is_reported_in_a_hundred_runs(scenario, options):
    """Of 100 at most 13 (chance of more 0.0005 where the true share is 5 %)."""
    assert most_of(100, 0.05) == 13
    assert runs_with_clusters(scenario, range(100), 2_000, **options) <= 13


@pytest.mark.slow
@pytest.mark.parametrize("scenario", NOTHING)
def test_nothing_is_reported_at_full_size(scenario):
    assert runs_with_clusters(scenario, range(10), 20_000, within="60s") <= most_of(10, 0.05)


# -- planted -----------------------------------------------------------------------------------


def evaluations(scenario, seeds, accounts, **options):
    """Return the evaluation of each seed's run."""
    rule = Configuration(**{"within": "60s", **options})
    found = []
    for seed in seeds:
        sim = cn.simulate(scenario, accounts, seed=seed)
        found.append((sim, cn.evaluate(search_clusters(sim.log, rule).clusters, sim.truth)))
    return found


def check_planted(scenario, seeds, accounts, precision, recall, **options):
    """Check the medians over seeds of pairwise precision and recall."""
    found = [evaluation for _, evaluation in evaluations(scenario, seeds, accounts, **options)]
    assert np.median([e.pair_precision for e in found]) >= precision
    assert np.median([e.pair_recall for e in found]) >= recall


def check_rings(seeds, accounts):
    """Precision and recall of 0.98 in each run, and each group, that of 12 included."""
    for _, found in evaluations("retweet_ring", seeds, accounts):
        assert found.pair_precision >= 0.98
        assert found.pair_recall >= 0.98
        assert (found.clusters, found.cluster_recall) == (3, 1.0)


SLOW_DRIP = {"within": ["60s", "1h"]}
METRONOME = {"within": [], "co_timing": "1s"}


def test_rings_are_found():
    check_rings(range(3), 3_000)


@pytest.mark.parametrize(
    ("scenario", "precision", "recall", "options"),
    [
        ("small_cells", 0.98, 0.8, {}),
        ("diluted", 0.95, 0.7, {}),
        ("cross_trace", 0.9, 0.9, {}),
        ("slow_drip", 0.98, 0.9, SLOW_DRIP),
        ("metronome", 0.98, 0.95, METRONOME),
        ("metronome", 0.98, 0.95, {"within": "60s", "co_timing": "1s"}),
    ],
)
def test_planted_groups_are_found(scenario, precision, recall, options):
    check_planted(scenario, range(3), 2_000, precision, recall, **options)


def test_what_the_defaults_cannot_see_needs_its_own_window():
    """Slow groups within a minute, metronomes by what they act on: nothing to be found there."""
    for scenario, options in (("slow_drip", SLOW_DRIP), ("metronome", METRONOME)):
        ((_, blind),) = evaluations(scenario, [0], 2_000)
        ((_, seen),) = evaluations(scenario, [0], 2_000, **options)
        assert blind.pair_recall < 0.1
        assert seen.pair_recall > 0.9


def test_pairs_alone_miss_small_cells_that_groups_show():
    with_groups = [e for _, e in evaluations("small_cells", range(3), 5_000)]
    pairs = [e for _, e in evaluations("small_cells", range(3), 5_000, groups=False)]
    gained = [
        both.pair_recall - one.pair_recall for one, both in zip(pairs, with_groups, strict=True)
    ]
    assert min(gained) >= 0.0
    assert max(gained) > 0.03
    assert min(both.pair_precision for both in with_groups) >= 0.98


@pytest.mark.slow
def test_rings_are_found_at_full_size():
    check_rings(range(5), 20_000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "precision", "recall", "options"),
    [
        ("small_cells", 0.98, 0.8, {}),
        ("diluted", 0.95, 0.6, {}),
        ("cross_trace", 0.95, 0.8, {}),
        ("slow_drip", 0.95, 0.9, SLOW_DRIP),
        ("metronome", 0.98, 0.95, METRONOME),
    ],
)
def test_planted_groups_are_found_at_full_size(scenario, precision, recall, options):
    check_planted(scenario, range(10), 20_000, precision, recall, **options)


# -- co-timing ---------------------------------------------------------------------------------


def planted_pairs(sim):
    """Return the pairs of accounts of the log that are in one covert group."""
    log = sim.log
    pairs = set()
    for members in sim.truth.groups.values():
        codes = log.codes_of(members, missing="ignore").tolist()
        pairs |= {(u, v) for u in codes for v in codes if u < v}
    return pairs


def crowd_with_metronomes(seed, accounts, each=110):
    """Return a log of accounts that act in bursts, two planted groups among them, and their pairs.

    Accounts act `each` times on average, some thirty times as often, in bursts of up to five with
    gaps of seconds, at hours of their own. Groups of twelve and of twenty act at the same seconds
    at 16 moments of 28 days, each member three times of four.
    """
    rng = np.random.default_rng(seed)
    activity = rng.lognormal(0, 1.5, accounts)
    bursts = rng.poisson(each / 3 * np.minimum(activity / activity.mean(), 30)) + 1
    account = np.repeat(np.arange(accounts), bursts)
    home = rng.integers(0, 24, accounts)
    hour = (home[account] + rng.normal(0, 4, len(account))) % 24
    start = rng.integers(0, 28, len(account)) * 86_400 + hour * 3_600
    length = rng.integers(1, 6, len(account))
    account = np.repeat(account, length)
    inside = np.arange(len(account)) - np.repeat(np.cumsum(length) - length, length)
    time = np.repeat(start, length) + inside * rng.uniform(4, 20, len(account))
    truth = set()
    chosen = rng.choice(accounts, 32, replace=False)
    for group in (np.sort(chosen[:12]), np.sort(chosen[12:])):
        moments = rng.uniform(0, 28 * 86_400, 16)
        row, column = np.nonzero(rng.random((16, len(group))) < 0.75)
        account = np.concatenate([account, group[column]])
        time = np.concatenate([time, moments[row] + 0.9 * rng.random(len(row))])
        truth |= {(f"a{u:05d}", f"a{v:05d}") for u in group for v in group if u < v}
    names = np.char.add("a", np.char.zfill(account.astype(str), 5))
    objects = rng.integers(0, 5_000, len(names)).astype(str)
    table = pd.DataFrame({"a": names, "o": objects, "t": np.floor(time)})
    return cn.read_actions(table, account="a", object="o", time="t", unit="s"), truth


def pair_precision_and_recall(kept, truth):
    names = kept.all_accounts
    ends = zip(names[kept.edges["source"]], names[kept.edges["target"]], strict=True)
    found = set(ends)
    hits = len(found & truth)
    return hits / max(len(found), 1), hits / len(truth), len(found)


@pytest.mark.parametrize(("within", "recall"), [("1s", 0.85), ("5s", 0.95)])
def test_edges_of_metronomes(within, recall):
    """Precision 0.97 or more at either window, recall 0.85 and 0.95: medians of three seeds."""
    found = []
    for seed in range(3):
        log, truth = crowd_with_metronomes(seed, 1_000)
        kept = cn.co_timing(log, within).test().keep(fdr=0.05)
        found.append(pair_precision_and_recall(kept, truth))
    precision, recalled, _ = np.median(found, axis=0)
    assert precision >= 0.97
    assert recalled >= recall


@pytest.mark.slow
@pytest.mark.parametrize(("within", "recall"), [("1s", 0.85), ("5s", 0.95)])
def test_edges_of_metronomes_at_full_size(within, recall):
    """5,000 accounts, 550,000 actions."""
    found = []
    for seed in range(3):
        log, truth = crowd_with_metronomes(seed, 5_000)
        assert len(log) > 500_000
        kept = cn.co_timing(log, within).test().keep(fdr=0.05)
        found.append(pair_precision_and_recall(kept, truth))
    precision, recalled, _ = np.median(found, axis=0)
    assert precision >= 0.97
    assert recalled >= recall


def test_counts_alone_are_no_evidence_of_co_timing():
    """Three coincidences or more: most are chance. The test is what makes them mean something."""
    log, truth = crowd_with_metronomes(0, 5_000)
    precision, recall, _ = pair_precision_and_recall(cn.co_timing(log, "5s", min_weight=3), truth)
    assert precision < 0.3
    assert recall > 0.95


def logs_with_kept_edges(scenario, seeds, accounts, *windows):
    """Return in how many logs an edge is kept, for each window."""
    kept = dict.fromkeys(windows, 0)
    for seed in seeds:
        log = cn.simulate(scenario, accounts, seed=seed).log
        for within in windows:
            kept[within] += cn.co_timing(log, within).test().keep(fdr=0.05).n_edges > 0
    return kept


def test_no_co_timing_edge_is_kept_where_nothing_is_planted():
    """In 95 % of logs: of 40 at most 7 may have one; with a rate of 30 %, so few in 6 of 100."""
    assert most_of(40, 0.05) == 7
    assert stats.binom.cdf(7, 40, 0.3) < 0.06
    scenarios = ("organic", "threads", "repeaters", "schedulers")
    kept = {s: logs_with_kept_edges(s, range(10), 1_000, "1s", "5s") for s in scenarios}
    for within in ("1s", "5s"):
        assert_a_rate_of_5_percent({s: kept[s][within] for s in scenarios}, 10)


@pytest.mark.slow
@pytest.mark.parametrize("within", ["1s", "5s"])
@pytest.mark.parametrize("scenario", NOTHING)
def test_no_co_timing_edge_is_kept_in_fifty_logs(scenario, within):
    """Of 50 at most 8 (chance of more 0.0008)."""
    assert most_of(50, 0.05) == 8
    assert logs_with_kept_edges(scenario, range(50), 5_000, within)[within] <= 8


def test_a_crowd_in_bursts_without_metronomes_keeps_nothing():
    """The same population, its planted actions taken out."""
    for seed in range(3):
        log, truth = crowd_with_metronomes(seed, 1_000)
        quiet = log.exclude(accounts={a for pair in truth for a in pair})
        for within in ("1s", "5s"):
            assert cn.co_timing(quiet, within).test().keep(fdr=0.05).n_edges == 0
