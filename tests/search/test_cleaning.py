"""A background that cleans itself, in rounds; and who belongs to the clusters that it gives."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from helpers import assert_same_graph, log_of, ring_rows, rows_of

import coordnet as cn
from coordnet.inference import null_logs
from coordnet.inference.group_test import GroupTester
from coordnet.inference.membership import MembershipTester
from coordnet.inference.statistics import WindowStatistics
from coordnet.search import search
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters
from coordnet.times import HOUR, SECOND

WINDOW = 60 * SECOND


def assert_same_find(one, other):
    """Compare what was found, byte by byte, but for how many rounds it took."""
    for a, b in zip(one.layers, other.layers, strict=True):
        assert_same_graph(a, b)
        assert a.tested == b.tested
    assert one.clusters.indices.tobytes() == other.clusters.indices.tobytes()
    assert one.clusters.indptr.tobytes() == other.clusters.indptr.tobytes()
    if one.clusters.evidence is not None:
        assert one.clusters.evidence.tobytes() == other.clusters.evidence.tobytes()


def both_ways(log, rule=None, background=None):
    """Return what is found without and with cleaning."""
    rule = rule or Configuration()
    return [
        search_clusters(log, rule.replace(clean_background=clean), background)
        for clean in (False, True)
    ]


@pytest.fixture
def taken(monkeypatch):
    """Return, round by round, the accounts that are out of the background of each layer."""
    out = []
    with_background = WindowStatistics.with_background

    def watched(counted, outside):
        out.append(~outside)
        return with_background(counted, outside)

    monkeypatch.setattr(WindowStatistics, "with_background", watched)
    return out


# -- nothing to clean --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["shuffled_accounts", "swapped_profiles"])
def test_a_null_log_is_searched_once(kind, taken):
    log = cn.simulate("retweet_ring", accounts=1_000, seed=1).log
    null = getattr(null_logs, kind)(log, 3)
    once, cleaned = both_ways(null, Configuration(["60s", "1h"]))
    assert_same_find(once, cleaned)
    assert once.rounds == cleaned.rounds == (0,)
    assert not cleaned.few_left
    assert taken == []
    assert len(cleaned.clusters) == 0


def test_a_given_background_is_taken_as_it_is(taken):
    sim = cn.simulate("campaign", accounts=1_000, seed=2)
    public = cn.simulate("organic", accounts=500, seed=1).log
    once, cleaned = both_ways(sim.log, background=public)
    assert_same_find(once, cleaned)
    assert len(cleaned.clusters) > 0
    assert (cleaned.rounds, cleaned.few_left, taken) == ((0,), False, [])


@pytest.mark.parametrize(
    "rule",
    [Configuration(fdr=None, min_weight=3), Configuration([], co_timing="1s")],
    ids=["no level", "co-timing alone"],
)
def test_where_no_test_rests_on_a_background_nobody_is_taken_out(rule):
    """It said that everybody with an edge had been."""
    log = cn.simulate("metronome", accounts=1_000, seed=1).log
    once, cleaned = both_ways(log, rule)
    assert_same_find(once, cleaned)
    assert cleaned.layers.combined.n_edges > 0
    assert (cleaned.rounds, cleaned.few_left) == ((0,), False)


# -- rounds ------------------------------------------------------------------------------------


def test_accounts_taken_out_only_grow_and_the_log_stays_as_it_is(taken):
    sim = cn.simulate("contaminated", accounts=1_500, seed=1)
    fingerprint, rows = sim.log.fingerprint, rows_of(sim.log)
    found = search_clusters(sim.log, Configuration(["60s", "10min"]))
    assert sim.log.fingerprint == fingerprint
    assert rows_of(sim.log) == rows
    assert len(found.rounds) > 2
    by_round = taken[::2]  # two layers a round, the same accounts in both
    for a, b in zip(by_round, taken[1::2], strict=True):
        assert (a == b).all()
    assert found.rounds == (0, *[int(out.sum()) for out in by_round])
    for before, after in pairwise(by_round):
        assert (before <= after).all()
        assert (before != after).any()
    for layer in found.layers:  # it ended because whoever is found is out
        assert by_round[-1][layer.nodes].all()


def test_the_last_round_is_a_test_against_who_was_left():
    """Edges are those of a test with chances from the accounts that no kept edge or group has."""
    sim = cn.simulate("large_ring", accounts=1_500, rings=[(60, 100)], seed=2)
    found = search_clusters(sim.log, Configuration(groups=False))
    (kept,) = found.layers
    outside = np.ones(len(sim.log.all_accounts), bool)
    outside[kept.nodes] = False
    assert found.rounds[-1] == (~outside).sum()
    graph = cn.co_action(sim.log, "60s", min_weight=2)
    counted = WindowStatistics(sim.log, WINDOW).with_background(outside)
    public = sim.log.where(outside[sim.log.account], "the public")
    before, again = WindowStatistics(sim.log, WINDOW), WindowStatistics(sim.log, WINDOW, public)
    left, n = again.background, len(before.chances)
    n_o = left.objects.n_accounts.astype(float)
    together = np.bincount(left.classes, left.objects.pairs_weighted, n)
    pairs = np.bincount(left.classes, n_o * (n_o - 1) / 2, n)
    # as if one more pair had the chance from before the ring was taken out
    expected = np.minimum((together + before.chances) / (pairs + 1), 1)
    np.testing.assert_allclose(counted.pooled_chances, expected, rtol=1e-12)
    assert (counted.pooled_chances < again.pooled_chances).any()
    first = graph.tested_against(search.Against(), before, None)
    tested = first.tested_against(search.Against(), counted, None)
    expected = tested.keep(fdr=0.05)
    assert_same_graph(kept.with_column("p_family", expected.edges["p_family"]), expected)
    # inside the ring, which is significant as a group, the bound rests on the edges' own p-values
    ring = np.isin(kept.edges["source"], found.clusters.members(0))
    ring &= np.isin(kept.edges["target"], found.clusters.members(0))
    for edges, name in ((ring, "p_value"), (~ring, "p_family")):
        known = edges & (expected.edges["p_family"] < 1)
        assert (kept.edges["p_family"][known] == expected.edges[name][known]).all()
    # occasions are longer beside the new chances; the p-value of before stands where smaller
    alone = graph.tested_against(search.Against("timing"), counted, None)
    assert counted.occasion_rule == (60 * SECOND, 6 * HOUR)
    assert (alone.edges["occasions"] < first.edges["occasions"]).any()
    both = np.minimum(first.edges["p_timing"], alone.edges["p_timing"])
    assert tested.edges["p_timing"].tobytes() == both.tobytes()
    # bounds rest on the p-value of now
    now = np.maximum(first.edges["p_activity"], alone.edges["p_timing"])
    counting = tested.edges["p_family"] < 1
    assert counting.sum() > 1_000
    assert (tested.edges["p_family"][counting] == now[counting]).all()
    assert (now[counting] > tested.edges["p_value"][counting]).any()
    for name in ("occasions", "p_activity", "expected_activity"):
        assert tested.edges[name].tobytes() == first.edges[name].tobytes()


def honest_found(seed):
    """Return the share of honest accounts that stand in clusters beside a campaign, and recall."""
    sim = cn.simulate("mixed_public", accounts=2_000, share=0.02, seed=seed)
    found = search_clusters(sim.log, Configuration()).clusters
    covert = {a for g, names in sim.truth.groups.items() if sim.truth.covert[g] for a in names}
    honest = {a for cluster in found for a in cluster.accounts} - covert
    return len(honest) / sim.log.n_accounts, cn.evaluate(found, sim.truth).pair_recall


def test_who_follows_an_event_is_not_found_when_a_campaign_has_left_the_background(monkeypatch):
    """Viewers share an event's posts at once, each by themselves, on one evening."""
    share, recall = honest_found(100)
    assert share <= 0.01
    assert recall > 0.95
    # with short occasions beside the new chances hundreds are
    monkeypatch.setattr("coordnet.inference.statistics.EVENING", 0)
    assert honest_found(100)[0] > 0.05


def test_a_group_around_the_clock_has_more_than_one_occasion():
    """Six members on a post every 100 minutes for ten days: four of these are one occasion."""
    rng = np.random.default_rng(1)
    rows = []
    for i in range(144):
        moment = 1_500_000_000 + 6_000 * i
        together = [(f"ring{m}", int(rng.integers(40))) for m in range(6)]
        apart = [(f"user{m}", int(rng.integers(60, 80_000))) for m in rng.choice(90, 8, False)]
        rows += [(a, f"o{i}", (moment + s) * SECOND, "k", None) for a, s in together + apart]
    log = log_of(rows)
    ring = log.codes_of([f"ring{m}" for m in range(6)])
    outside = np.ones(len(log.all_accounts), bool)
    outside[ring] = False
    found = GroupTester(WindowStatistics(log, WINDOW).with_background(outside)).test(ring)
    assert (found.together, found.occasions) == (144, 36)
    assert found.evidence > 20
    tested = cn.co_action(log, "60s").tested_against(
        search.Against("timing"), WindowStatistics(log, WINDOW).with_background(outside), None
    )
    inside = np.isin(tested.edges["source"], ring) & np.isin(tested.edges["target"], ring)
    assert inside.sum() == 15
    assert (tested.edges["occasions"][inside] == 36).all()
    assert tested.edges["p_timing"][inside].max() < 1e-3


@pytest.mark.parametrize("seed", [0, 6, 101, 105])
def test_no_viewers_of_an_event_are_said_to_act_together(seed):
    """Edges of some are kept, by the short occasions of the first round; no bound counts them."""
    sim = cn.simulate("mixed_public", accounts=2_000, share=0.02, seed=seed)
    (layer,) = search_clusters(sim.log, Configuration()).layers
    group = {a: g for g, names in sim.truth.groups.items() if sim.truth.covert[g] for a in names}
    ends = [layer.all_accounts[layer.edges[end]] for end in ("source", "target")]
    pairs = list(zip(*ends, strict=True))
    honest = [(u, v) for u, v in pairs if group.get(u, 0) != group.get(v, 1)]
    assert len(honest) > 5
    assert cn.true_pairs(layer, honest) == 0
    assert cn.true_pairs(layer) > 0.6 * (len(pairs) - len(honest))


def test_a_campaign_of_one_evening_has_a_bound_as_it_is_significant_as_a_group(monkeypatch):
    """All its meetings are one long occasion, but nobody else is fast on its posts."""
    sim = cn.simulate("campaign", accounts=1_500, seed=0)

    def bounds():
        found = search_clusters(sim.log, Configuration())
        pairs = [list(combinations(cluster.accounts, 2)) for cluster in found.clusters]
        return [cn.true_pairs(found.layers[0], own) / len(own) for own in pairs]

    assert min(bounds()) > 0.9
    monkeypatch.setattr(search._Layer, "least_evidence", np.inf)
    assert sorted(bound > 0 for bound in bounds()) == [False, True, True]


def rings_alone(public):
    """Return rows of 20 rings of 6 who act on what all of them share, and of a few others."""
    rng = np.random.default_rng(1)
    start = 1_500_000_000 * SECOND
    names = [f"ring{i % 20}_{i // 20}" for i in range(120)] + [f"user{i}" for i in range(public)]
    rows = []
    for o in range(300):
        birth = start + o * HOUR
        for name in rng.choice(names, 12, replace=False):
            lag = int(rng.lognormal(9.5, 1.0)) * SECOND
            rows.append((str(name), f"o{o}", birth + lag, "retweet", None))
    for ring in range(20):
        for o in rng.choice(300, 12, replace=False):
            moment = start + int(o) * HOUR + int(rng.integers(40_000)) * SECOND
            rows += [(f"ring{ring}_{m}", f"o{o}", moment + int(rng.integers(40)) * SECOND,
                      "retweet", None) for m in range(6)]  # fmt: skip
    return rows


@pytest.mark.parametrize("public", [0, 8])
def test_where_nearly_everybody_would_be_out_nobody_is(public):
    """Rings, and others that are less than a tenth: nothing can be estimated from those."""
    log = log_of(rings_alone(public))
    once, cleaned = both_ways(log)
    assert once.layers.combined.n_edges > 0
    assert once.layers.combined.n_accounts > 0.9 * log.n_accounts
    assert cleaned.few_left
    assert not once.few_left
    assert cleaned.rounds == (0,)
    assert_same_find(once, cleaned)
    rings = {frozenset(f"ring{ring}_{m}" for m in range(6)) for ring in range(20)}
    assert {frozenset(cluster) for cluster in cleaned.clusters} == rings


def test_where_too_few_are_left_only_later_all_is_as_without_cleaning(monkeypatch):
    """The first round takes some out, the second nearly all: nobody is."""
    sim = cn.simulate("contaminated", accounts=1_500, seed=1)
    once, cleaned = both_ways(sim.log)
    assert len(cleaned.rounds) > 2
    share = 1 - cleaned.rounds[-1] / sim.log.n_accounts
    first = 1 - cleaned.rounds[1] / sim.log.n_accounts
    monkeypatch.setattr(search, "LEAST_BACKGROUND", (share + first) / 2)
    stages = []

    def stage(name):
        stages.append(name)
        return search.nullcontext()

    again = search_clusters(sim.log, Configuration(), stage=stage)
    assert stages.count("co-action tests") == 2  # of all, and of fewer
    assert (again.rounds, again.few_left) == ((0,), True)
    assert_same_find(once, again)


def test_groups_are_looked_for_once_where_they_take_nobody_out():
    stages = []

    def stage(name):
        stages.append(name)
        return search.nullcontext()

    log = cn.simulate("organic", accounts=500, seed=1).log
    search_clusters(log, Configuration(), stage=stage)
    assert stages == ["co-action graphs", "co-action tests", "groups", "clusters"]


def test_rounds_end_at_the_most_there_may_be(monkeypatch):
    """And groups have been looked for once only."""
    monkeypatch.setattr(search, "MOST_ROUNDS", 1)
    stages = []

    def stage(name):
        stages.append(name)
        return search.nullcontext()

    log = cn.simulate("contaminated", accounts=1_500, seed=1).log
    found = search_clusters(log, Configuration(), stage=stage)
    assert (len(found.rounds), found.few_left) == (2, False)
    assert stages.count("groups") == 1
    assert stages.count("co-action tests") == 2


class _Found:
    """A layer that finds what it is told to: edges of these accounts in each round, and groups."""

    def __init__(self, edges, groups):
        self.edges, self.told, self.statistics = edges, groups, object()
        self.tested, self.searches, self.groups = [], 0, []

    @property
    def kept(self):
        round_ = min(len(self.tested), len(self.edges) - 1)
        return type("Kept", (), {"nodes": np.array(self.edges[round_], int)})

    def test(self, outside):
        self.tested.append(np.flatnonzero(~outside).tolist())

    def take_back(self):
        self.tested.append([])

    def find_groups(self):
        self.searches += 1
        self.groups = [(np.array(self.told, np.int32), 9.0)] if self.told else []


@pytest.mark.parametrize(
    ("edges", "groups", "most", "tested", "rounds", "few_left", "searches"),
    [
        # account 0 has no edge any more, and stays out
        ([[0, 1], [1, 2], [1, 2]], [], 10, [[0, 1], [0, 1, 2]], (0, 2, 3), False, 1),
        # a group takes two more out, once the edges take nobody
        ([[0, 1], [0, 1]], [3, 4], 10, [[0, 1], [0, 1, 3, 4]], (0, 2, 4), False, 2),
        # no more rounds: groups that were looked for are not looked for again
        ([[0, 1], [0, 1]], [3, 4], 1, [[0, 1]], (0, 2), False, 1),
        ([[0, 1], [1, 2]], [], 1, [[0, 1]], (0, 2), False, 1),
        # 19 of 20, at once, by a group at once, and later: then all is as it was
        ([list(range(19))], [], 10, [], (0,), True, 1),
        ([[]], list(range(19)), 10, [], (0,), True, 1),
        ([[0], list(range(19)), [0]], [], 10, [[0], []], (0,), True, 1),
        ([[0], [0], [0]], list(range(19)), 10, [[0], []], (0,), True, 2),
        # 18 of 20: a tenth is left
        ([list(range(18))], [], 10, [list(range(18))], (0, 18), False, 1),
    ],
)
def test_who_is_taken_out_in_which_round(
    monkeypatch, edges, groups, most, tested, rounds, few_left, searches
):
    monkeypatch.setattr(search, "MOST_ROUNDS", most)
    monkeypatch.setattr(search, "LEAST_PUBLIC", 2)
    log = log_of([(f"u{i:02d}", "o", i * SECOND, "k", None) for i in range(20)])
    layer = _Found(edges, groups)
    assert search._in_rounds(log, [layer], True) == (rounds, few_left)
    assert (layer.tested, layer.searches) == (tested, searches)
    plain = _Found(edges, groups)
    assert search._in_rounds(log, [plain], False) == ((0,), False)
    assert (plain.tested, plain.searches) == ([], 1)


def test_a_public_is_a_tenth_of_the_accounts_and_twelve_of_them():
    """Nine of 77 are more than a tenth, and no public."""
    for accounts, least in ((20, 12), (77, 12), (120, 12), (130, 13), (1_000, 100)):
        log = log_of([(f"u{i:04d}", "o", i * SECOND, "k", None) for i in range(accounts)])
        for left, few in ((least - 1, True), (least, False)):
            outside = np.arange(accounts) < left
            assert search.too_few_left(log, outside) == few


@pytest.mark.parametrize(("accounts", "seed"), [(2_000, 1), (3_000, 5)])
def test_an_election_is_found_whole(accounts, seed):
    """A third of the accounts are of the campaign, each with a few actions."""
    sim = cn.simulate("election", accounts=accounts, seed=seed)
    once, cleaned = both_ways(sim.log)
    found = cn.evaluate(cleaned.clusters, sim.truth)
    assert found.pair_recall > 0.98
    assert found.pair_precision > 0.99
    named = {a for cluster in cleaned.clusters for a in cluster.accounts}
    assert len(named) >= 0.99 * sum(map(len, sim.truth.groups.values()))
    assert cn.evaluate(once.clusters, sim.truth).pair_recall < found.pair_recall
    covert = {a for members in sim.truth.groups.values() for a in members}
    named = {cleaned.layers[0].all_accounts[code] for code in cleaned.layers[0].nodes}
    assert len(named - covert) <= 0.05 * len(named)


# -- who belongs -------------------------------------------------------------------------------


class _Layer:
    """What `_settled` reads of a layer of the search."""

    def __init__(self, tester):
        self.tester = tester


def settled(log, members, windows, rule):
    """Return what `_settled` makes of sets of labels, no edge being kept."""
    kept, layers = [], []
    for window in windows:
        graph = cn.co_action(log, window, min_weight=2).test()
        kept.append(graph.where(np.zeros(graph.n_edges, bool)))
        microseconds = int(cn.co_action(log, window).relation.window_us)
        layers.append(_Layer(GroupTester(WindowStatistics(log, microseconds))))
    multiplex = cn.Multiplex(tuple(kept), (rule.layer_level,) * len(kept))
    codes = [np.sort(log.codes_of(m)) for m in members]
    found = search._settled(codes, multiplex, layers, rule)
    return [{log.all_accounts[c] for c in m} for m in found]


def test_a_group_without_edges_is_settled_where_its_evidence_is():
    """Found at an hour, of accounts that meet within 60 s now and then: it was settled at 60 s."""
    rng = np.random.default_rng(2)
    rows = ring_rows(rings=(6,), public=200, seed=3)
    start = 1_500_000_000 * SECOND
    slow = [f"slow{m}" for m in range(10)]
    for i in range(14):
        moment = start + int(rng.integers(0, 14 * 86_400)) * SECOND
        for m, name in enumerate(slow):  # six now and then within a minute, else within the hour
            lag = int(rng.integers(40 if m < 6 and i % 3 == 0 else 3_000)) * SECOND
            rows.append((name, f"s{i}", moment + lag, "retweet", None))
    log = log_of(rows)
    rule = Configuration(["60s", "1h"])
    evidence = [cn.test_group(log, slow, within=w).evidence for w in ("60s", "1h")]
    tester = MembershipTester(GroupTester(WindowStatistics(log, WINDOW)))
    (short,) = tester.settled([np.sort(log.codes_of(slow))], rule.layer_level / 2)
    assert len(short) < 10  # at 60 s some do not belong
    assert evidence[1] > evidence[0]
    assert settled(log, [slow], ["60s", "1h"], rule) == [set(slow)]


def test_a_small_ring_beside_a_large_one_is_not_lost():
    """Of 108 members eleven others must be near: the eight of the small ring never are."""
    sim = cn.simulate("large_ring", accounts=1_500, rings=[(100, 40), (8, 30)], seed=1)
    log = sim.log
    large, small = (set(sim.truth.groups[name]) for name in ("ring_1", "ring_2"))
    strangers = set(log.accounts.tolist()[:4]) - large - small
    rule = Configuration()
    tester = MembershipTester(GroupTester(WindowStatistics(log, WINDOW)))
    (alone,) = tester.settled([np.sort(log.codes_of(large | small))], 0.025)
    assert {log.all_accounts[c] for c in alone} == large
    for given, options, expected in (
        (large | small, {}, [large, small]),
        (large | strangers, {}, [large]),  # who leaves is no cluster, nor hides one
        (large | small | set(sorted(strangers)[:1]), {}, [large, small]),
        (large | small, {"min_size": 9}, [large]),
    ):
        found = settled(log, [given], ["60s"], rule.replace(**options))
        assert sorted(found, key=len, reverse=True) == expected
    (none,) = tester.settled([np.sort(log.codes_of(strangers))], 0.025, unsure=False)
    assert len(none) == 0


def test_clusters_that_become_one_are_reported_once_and_small_ones_not():
    rows = ring_rows(rings=(12,), public=200, seed=3)
    log = log_of(rows)
    ring = [f"ring0_{m}" for m in range(12)]
    rule = Configuration()
    # two parts of one ring that share most of it are one cluster; others keep their members
    assert settled(log, [ring[:9], ring[3:]], ["60s"], rule) == [set(ring)]
    apart = settled(log, [ring[:7], ring[5:]], ["60s"], rule)
    assert sorted(map(len, apart)) == [7, 7]
    assert settled(log, [], ["60s"], rule) == []
    assert settled(log, [ring], ["60s"], rule.replace(min_size=13)) == []
    untested = search._settled([np.arange(3)], None, [_Layer(None)], rule)
    assert [m.tolist() for m in untested] == [[0, 1, 2]]


def test_members_left_out_and_strangers_of_a_run_are_put_right(monkeypatch):
    """Communities without two of a ring's members, and with one of the public."""
    log = log_of(ring_rows(rings=(12, 9), public=300, seed=4))
    usual = search_clusters(log, Configuration())
    rings = [{f"ring{r}_{m}" for m in range(n)} for r, n in ((0, 12), (1, 9))]
    assert sorted(map(set, usual.clusters), key=len) == sorted(rings, key=len)
    merged = search.merged

    def spoilt(communities, *given):
        if not communities:
            return merged(communities, *given)
        stranger = log.codes_of(["user7"])
        return [np.union1d(m[2:], stranger) for m in merged(communities, *given)]

    monkeypatch.setattr(search, "merged", spoilt)
    again = search_clusters(log, Configuration())
    assert sorted(map(set, again.clusters), key=len) == sorted(rings, key=len)
