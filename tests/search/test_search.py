"""The search: how the level is shared, how layers and groups become clusters, configurations."""

import dataclasses
import datetime as dt
import json
import math
from contextlib import contextmanager

import numpy as np
import pytest
from helpers import acts, assert_same_graph, edges_of, log_of, ring_rows, rows_of, two_halves
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import START, WINDOW

import coordnet as cn
from coordnet.clusters import groups
from coordnet.search.configuration import Configuration, configuration_of
from coordnet.search.search import merged, search_clusters
from coordnet.times import DAY, HOUR, SECOND


def sets(*members):
    return [np.array(sorted(m), np.int32) for m in members]


def with_evidence(*pairs):
    return [(np.array(sorted(m), np.int32), float(evidence)) for m, evidence in pairs]


def as_sets(found):
    return sorted(sorted(m.tolist()) for m in found)


def all_together(members):
    """Evidence of which sets that have no account in common have the most together."""
    return 4.0 ** len(members)


def each_by_itself(members):
    """Evidence of which sets that have no account in common have as much as both together."""
    return 10.0 * len(members)


# -- groups and communities --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("communities", "found", "expected"),
    [
        ([], [], []),
        ([{1, 2, 3}], [], [{1, 2, 3}]),
        ([], [({1, 2, 3}, 9)], [{1, 2, 3}]),
        # half of the smaller one: two of four
        ([{1, 2, 3, 4, 5, 6}], [({5, 6, 7, 8}, 9)], [{1, 2, 3, 4, 5, 6, 7, 8}]),
        ([{5, 6, 7, 8}], [({1, 2, 3, 4, 5, 6}, 9)], [{1, 2, 3, 4, 5, 6, 7, 8}]),
        # less than half: one of three, two of five
        ([{1, 2, 3, 4, 5, 6}], [({6, 7, 8}, 9)], [{1, 2, 3, 4, 5, 6}, {6, 7, 8}]),
        ([{1, 2, 3, 4, 5}], [({4, 5, 6, 7, 8}, 9)], [{1, 2, 3, 4, 5}, {4, 5, 6, 7, 8}]),
        # a group that holds two communities, and one that it does not
        (
            [{1, 2, 3}, {4, 5, 6}, {7, 8, 9}],
            [({2, 3, 4, 5}, 9)],
            [{1, 2, 3, 4, 5, 6}, {7, 8, 9}],
        ),
        # groups join each other, through a community too
        ([], [({1, 2, 3, 4}, 5), ({3, 4, 5, 6}, 9)], [{1, 2, 3, 4, 5, 6}]),
        ([{1, 2, 3}], [({2, 3, 4}, 9), ({4, 1, 5}, 5)], [{1, 2, 3, 4, 5}]),
        # the group of more evidence is joined first: that one gets the community
        (
            [{4, 5}],
            [({1, 2, 3, 4}, 9), ({4, 11, 12, 13, 14, 15, 16, 17}, 5)],
            [{1, 2, 3, 4, 5}, {4, 11, 12, 13, 14, 15, 16, 17}],
        ),
        (
            [{4, 5}],
            [({1, 2, 3, 4}, 5), ({4, 11, 12, 13, 14, 15, 16, 17}, 9)],
            [{1, 2, 3, 4}, {4, 5, 11, 12, 13, 14, 15, 16, 17}],
        ),
    ],
)
def test_groups_join_what_they_share_half_with(communities, found, expected):
    own = sets(*communities)
    before = [m.tolist() for m in own]
    assert as_sets(merged(own, with_evidence(*found), all_together)) == sorted(
        sorted(m) for m in expected
    )
    assert as_sets(merged(own, with_evidence(*found[::-1]), all_together)) == as_sets(
        merged(own, with_evidence(*found), all_together)
    )
    assert [m.tolist() for m in own] == before


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (all_together, [{1, 2, 3, 4, 5, 6, 9}]),
        (each_by_itself, [{1, 2, 3}, {4, 5, 6}]),  # whoever is in neither is settled later
        # what is beyond the sum, 31 and 30, against the smaller evidence, 30
        (lambda m: {3: 30.0, 6: 91.0}[len(m)], [{1, 2, 3, 4, 5, 6, 9}]),
        (lambda m: {3: 30.0, 6: 90.0}[len(m)], [{1, 2, 3}, {4, 5, 6}]),
        # parts that nothing is known of are what communities split
        (lambda m: {3: -7.0, 6: 2.0}[len(m)], [{1, 2, 3, 4, 5, 6, 9}]),
    ],
)
def test_a_group_joins_communities_only_where_they_are_one_by_the_evidence(evidence, expected):
    own, found = sets({1, 2, 3}, {4, 5, 6}), with_evidence(({1, 2, 3, 4, 5, 6, 9}, 50))
    assert as_sets(merged(own, found, evidence)) == sorted(map(sorted, expected))


def test_pieces_of_one_ring_are_joined_beside_another_ring():
    """Accounts below 10 are of one ring, of which communities are three pieces."""

    def evidence(members):
        return sum(4.0 ** len(ring) for ring in (members[members < 10], members[members > 9]))

    pieces = [{1, 2, 3}, {4, 5}, {6, 7}]
    found = with_evidence(({1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14}, 50))
    joined = merged(sets(*pieces, {11, 12, 13, 14}), found, evidence)
    assert as_sets(joined) == [[1, 2, 3, 4, 5, 6, 7], [11, 12, 13, 14]]


@pytest.mark.parametrize(("common", "clusters"), [(0, 2), (2, 2), (20, 1)])
def test_rings_that_push_a_few_posts_at_the_same_moment_stay_apart(common, clusters):
    """Of twenty posts each; and are one where they push as many together."""
    rng = np.random.default_rng(1)
    rows = two_halves({"a": (7, (0, 1)), "b": (7, (0, 1))})
    both = [f"{ring}_{m}" for ring in "ab" for m in range(7)]
    for i in range(common):
        pace = rng.uniform(1, 27) * 86_400 + rng.uniform(0, 40, 14)
        rows += acts(f"common{i}", *zip(both, pace, strict=True))
    log = log_of(rows)
    found = sorted(
        sorted(cluster.accounts) for cluster in search_clusters(log, Configuration()).clusters
    )
    assert found == ([both] if clusters == 1 else [both[:7], both[7:]])


members = st.sets(st.integers(0, 14), min_size=2, max_size=8)


@given(st.lists(members, max_size=4), st.lists(members, max_size=4), st.randoms())
@example([{0, 1, 2, 3}], [{2, 3, 4, 5}, {4, 5, 6, 7}], None)
def test_laws_of_merging(parts, found, rng):
    """Nobody is lost, everything is inside something, and communities alone stay as they are."""
    communities = []
    for part in parts:  # disjoint
        left = part - {x for c in communities for x in c}
        communities += [left] if left else []
    ranked = [(m, 20 - i) for i, m in enumerate(found)]
    joined = [
        set(m.tolist()) for m in merged(sets(*communities), with_evidence(*ranked), all_together)
    ]
    assert set().union(*joined) == set().union(*communities, *found)
    for one in [*communities, *found]:
        assert any(one <= whole for whole in joined)
    assert len(joined) <= len(communities) + len(found)
    assert as_sets(merged(sets(*communities), [], all_together)) == sorted(
        sorted(c) for c in communities
    )
    if rng is not None:
        rng.shuffle(ranked)
        again = merged(sets(*communities), with_evidence(*ranked), all_together)
        assert as_sets(again) == sorted(sorted(m) for m in joined)


# -- the level ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def faint():
    """Return a log whose edges have q-values of every size."""
    return cn.simulate("diluted", accounts=1_000, seed=3).log


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"within": "60s"}, 2),
        ({"within": "60s", "groups": False}, 1),
        ({"within": ["60s", "10min"]}, 4),
        ({"within": ["60s", "10min"], "co_timing": "1s"}, 6),
        ({"within": ["60s", "10min", "1h"], "co_timing": "1s", "groups": False}, 4),
    ],
)
def test_graphs_share_the_level_and_halve_it_with_their_groups(faint, options, parts):
    rule = Configuration(fdr=0.3, clean_background=False, **options)
    found = search_clusters(faint, rule)
    share = 0.3 / parts
    for graph, window in zip(found.layers, rule.within, strict=False):
        tested = cn.co_action(faint, window, min_weight=2).test()
        assert_same_graph(graph, tested.keep(fdr=share))
    first = cn.co_action(faint, "60s", min_weight=2).test()
    assert first.keep(fdr=0.3).n_edges > first.keep(fdr=0.06).n_edges  # it makes a difference
    if rule.co_timing:
        part = 0.3 / (len(rule.within) + 1)  # co-timing has no groups to share with
        assert_same_graph(found.layers[-1], cn.co_timing(faint, "1s").test().keep(fdr=part))
    assert len(found.layers) == len(rule.within) + bool(rule.co_timing)
    assert found.layers.levels == (rule.layer_level,) * len(found.layers)
    assert sum(found.layers.levels) == pytest.approx(0.3)
    assert tuple(layer.relation for layer in found.layers) == rule.relations
    assert found.clusters.layers is found.layers


@pytest.mark.parametrize(("within", "parts"), [("60s", 2), (["60s", "10min"], 4)])
def test_groups_get_their_part_of_the_level(monkeypatch, within, parts):
    """Whatever is found has more evidence than -log10 of that part."""
    seen = []

    def grow_groups(tester, tested, least, min_size, known):
        seen.append((tester.statistics.window_us, least, min_size))
        return groups.grow_groups(tester, tested, least, min_size, known)

    monkeypatch.setattr("coordnet.search.search.grow_groups", grow_groups)
    log = log_of(ring_rows())
    rule = Configuration(within, fdr=0.02, min_size=4, clean_background=False)
    search_clusters(log, rule)
    expected = -math.log10(0.02 / parts)
    assert [window for window, *_ in seen] == [r.window_us for r in rule.relations]
    assert [rest for _, *rest in seen] == [[pytest.approx(expected), 4]] * len(rule.within)


@pytest.mark.parametrize("timed", [None, "1s"])
@pytest.mark.parametrize("windows", [["60s"], ["60s", "10min"], ["10s", "60s", "5min", "1h", "6h"]])
def test_the_levels_that_a_run_uses_sum_to_the_level(monkeypatch, windows, timed):
    """Of the edges of each graph, and of the groups of each window, in one round."""
    used = []
    keep = cn.CoordinationGraph.keep

    def kept(graph, *, fdr):
        used.append(fdr)
        return keep(graph, fdr=fdr)

    def grow_groups(tester, tested, least, *rest):
        used.append(10**-least)
        return groups.grow_groups(tester, tested, least, *rest)

    monkeypatch.setattr(cn.CoordinationGraph, "keep", kept)
    monkeypatch.setattr("coordnet.search.search.grow_groups", grow_groups)
    rule = Configuration(windows, co_timing=timed, fdr=0.04, clean_background=False)
    search_clusters(log_of(ring_rows()), rule)
    assert len(used) == 2 * len(windows) + bool(timed)
    assert sum(used) == pytest.approx(0.04)


def test_without_a_level_every_edge_is_kept_and_nothing_is_tested(faint):
    found = search_clusters(
        faint, Configuration(["60s", "10min"], co_timing="1s", fdr=None, min_weight=3)
    )
    for graph, window in zip(found.layers, ("60s", "10min"), strict=False):
        assert_same_graph(graph, cn.co_action(faint, window, min_weight=3))
    assert_same_graph(found.layers[-1], cn.co_timing(faint, "1s"))
    assert found.layers.levels == (None,) * 3
    assert found.clusters.evidence is None
    assert found.clusters.group_tests == ()
    assert "p_value" not in found.layers.combined.edges


# -- all of it ---------------------------------------------------------------------------------


RINGS = (("ring0_", 8), ("slow", 7), ("tick", 6))


def three_rings():
    """Return rows of a fast ring, of one at lags of minutes, of a metronome, and of a public."""
    rng = np.random.default_rng(5)
    rows = ring_rows(rings=(8,), public=250, seed=2)
    start = 1_500_000_000 * SECOND
    for obj in rng.choice(300, 25, replace=False).tolist():  # the public's, long after their birth
        moment = start + obj * HOUR + int(rng.integers(20_000, 30_000)) * SECOND
        kind = "url" if obj % 5 == 0 else "retweet"
        for m in range(7):
            lag = int(rng.integers(2_400)) * SECOND
            rows.append((f"slow{m}", f"o{obj}", moment + lag, kind, None))
    for _ in range(40):
        moment = start + int(rng.integers(0, 14 * DAY // SECOND)) * SECOND
        for m in range(6):
            obj = f"o{5 * rng.integers(60) + 1}"
            rows.append((f"tick{m}", obj, moment + int(rng.integers(900_000)), "retweet", None))
    fast, slow, tick = ({f"{name}{m}" for m in range(n)} for name, n in RINGS)
    return rows, fast, slow, tick


def test_several_windows_and_co_timing_find_what_each_of_them_shows():
    rows, fast, slow, tick = three_rings()
    log = log_of(rows)
    expected = {
        ("10s", None): [fast],
        ("1h", None): [fast, slow],
        (("60s", "1h"), None): [fast, slow],
        (("60s", "1h"), "1s"): [fast, slow, tick],
    }
    for (within, timed), planted in expected.items():
        found = search_clusters(log, Configuration(within, co_timing=timed)).clusters
        labels = [set(cluster) for cluster in found]
        assert len(labels) == len(planted), (within, timed)
        for ring in planted:  # perhaps with one of the public who was there more than once
            assert any(ring <= whole and len(whole) <= len(ring) + 1 for whole in labels)
    only = search_clusters(log, Configuration([], co_timing="1s")).clusters
    assert [set(cluster) for cluster in only] == [tick]
    assert only.evidence is None


def test_evidence_is_the_best_window_less_what_the_choice_costs():
    rows, fast, slow, _ = three_rings()
    log = log_of(rows)
    for windows in (["60s"], ["60s", "1h"]):
        rule = Configuration(windows, clean_background=False)
        found = search_clusters(log, rule).clusters
        assert len(found) == len(windows)
        for i in range(len(found)):
            each = [cn.test_group(log, found[i].accounts, within=w).evidence for w in windows]
            assert found.evidence[i] == pytest.approx(max(each) - math.log10(len(windows)))
            assert found[i].evidence == found.evidence[i]
            tests = found.group_tests[i]
            assert [test.evidence for test in tests] == pytest.approx(each)
            assert found[i].layer == f"co-action within {windows[int(np.argmax(each))]}"
    fast_ones = cn.test_group(log, fast, within="60s").evidence
    slow_ones = [cn.test_group(log, slow, within=w).evidence for w in ("60s", "1h")]
    assert fast_ones > 10
    assert slow_ones[0] < 3 < slow_ones[1] - 10


def test_a_background_and_strata_reach_the_tests(faint):
    public = cn.simulate("organic", accounts=500, seed=1).log
    for null in ("both", "activity"):
        rule = Configuration("60s", fdr=0.3, null=null, strata="1d")
        found = search_clusters(faint, rule, public)
        tested = cn.co_action(faint, "60s", min_weight=2).test(null, strata="1d", background=public)
        assert_same_graph(found.layers[0], tested.keep(fdr=0.15))
        assert len(found.clusters)
        for cluster in found.clusters:
            test = cn.test_group(faint, cluster.accounts, background=public)
            assert cluster.evidence == pytest.approx(test.evidence)


def test_the_occasion_gap_reaches_every_test(faint):
    rule = Configuration("60s", fdr=0.3, occasion_gap="2d", clean_background=False)
    found = search_clusters(faint, rule)
    tested = cn.co_action(faint, "60s", min_weight=2).test(occasion_gap="2d")
    assert_same_graph(found.layers[0], tested.keep(fdr=0.15))
    for cluster in found.clusters:
        test = cn.test_group(faint, cluster.accounts, occasion_gap="2d")
        assert cluster.evidence == pytest.approx(test.evidence)
    usual = search_clusters(faint, rule.replace(occasion_gap=None))
    assert usual.layers[0].n_edges > found.layers[0].n_edges


def test_clusters_of_a_short_window_are_not_tested_in_a_longer_one():
    """Found at 60 s, they were scored at the widest window: +145 became -54."""
    log = cn.simulate("retweet_ring", accounts=1_000, seed=0).log
    rule = Configuration("60s", clean_background=False)
    alone = search_clusters(log, rule).clusters
    assert len(alone) == 3
    for windows in (["60s", "1h"], ["60s", "6h"], ["60s", "1h", "6h"]):
        several = search_clusters(log, rule.replace(within=windows)).clusters
        cost = math.log10(len(windows))
        for cluster in alone:
            (same,) = [c for c in several if c.accounts.tolist() == cluster.accounts.tolist()]
            assert same.evidence >= cluster.evidence - cost - 1e-9
            assert same.evidence == pytest.approx(cluster.evidence - cost)
            assert same.layer == "co-action within 60s"
            widest = cn.test_group(log, cluster.accounts, within=windows[-1])
            assert widest.evidence < same.evidence - 3


def test_the_search_in_a_part_is_that_in_its_rows():
    """By labels: codes of a part are those of the whole."""
    rows, fast, _, _ = three_rings()
    log = log_of(rows)
    part = log.exclude(accounts=sorted(fast)[:2])
    assert part.n_accounts == log.n_accounts - 2
    alone = log_of(rows_of(part))
    rule = Configuration(["60s", "1h"], co_timing="1s")
    one, two = (search_clusters(x, rule) for x in (part, alone))
    assert len(one.clusters) >= 2
    assert [c.accounts.tolist() for c in one.clusters] == [
        c.accounts.tolist() for c in two.clusters
    ]
    assert one.clusters.evidence.tobytes() == two.clusters.evidence.tobytes()
    assert one.clusters.layer_of.tolist() == two.clusters.layer_of.tolist()
    for a, b in zip(one.layers, two.layers, strict=True):
        assert edges_of(a) == edges_of(b)
        assert a.tested == b.tested
    assert one.layers.all_accounts is log.all_accounts


def test_groups_that_no_pair_betrays_become_clusters():
    sim = cn.simulate("small_cells", accounts=20_000, seed=5)
    pairs, both = (
        search_clusters(sim.log, Configuration("60s", groups=g)).clusters for g in (False, True)
    )
    recall = [cn.evaluate(c, sim.truth).pair_recall for c in (pairs, both)]
    assert recall[1] > recall[0] + 0.02
    assert both.parameters["groups"] >= 1
    assert "groups" not in pairs.parameters


def test_stages_are_named_in_their_order():
    seen = []

    @contextmanager
    def stage(name):
        seen.append(name)
        yield

    log = log_of(ring_rows())
    search_clusters(log, Configuration(["60s", "1h"], co_timing="1s"), stage=stage)
    each = ["co-action graphs", "co-action tests"]
    before = [*each, *each, "co-timing graphs", "co-timing tests"]
    assert seen[: len(before)] == before
    # rounds test the layers again that have a background; groups are looked for at the end
    rest = seen[len(before) :]
    assert rest[:2] == ["co-action tests"] * 2
    assert rest[-3:] == ["groups", "groups", "clusters"]
    assert set(rest) == {"co-action tests", "groups", "clusters"}


def test_the_number_of_threads_changes_no_byte():
    rule = Configuration(["60s", "1h"], co_timing="1s")
    one, two = (
        search_clusters(cn.simulate("campaign", accounts=1_000, seed=1).log, rule, threads=threads)
        for threads in (1, 2)
    )
    assert len(one.clusters) > 1
    for a, b in zip([*one.layers, one.layers.combined], [*two.layers, two.layers.combined],
                    strict=True):  # fmt: skip
        assert_same_graph(a, b)
    for name in ("indptr", "indices", "evidence"):
        assert getattr(one.clusters, name).tobytes() == getattr(two.clusters, name).tobytes()


@pytest.mark.parametrize(
    "rows",
    [[], [("u", "o", START, "k", None)], [(a, "o", START, "k", None) for a in "uvw"]],
)
def test_logs_with_nothing_to_find(rows):
    found = search_clusters(log_of(rows), Configuration(["60s", "1h"], co_timing="1s"))
    assert (found.layers.combined.n_edges, len(found.clusters)) == (0, 0)
    assert found.clusters.evidence.tolist() == []


# -- configurations ----------------------------------------------------------------------------


def test_a_configuration_as_people_write_it_and_as_the_manifest_has_it():
    rule = Configuration(["60s", 3_600], co_timing="1s", refractory="1min", strata="1d")
    assert (rule.within, rule.co_timing, rule.refractory) == (("60s", "1h"), "1s", "60s")
    assert rule.relations == (
        cn.CoAction(WINDOW), cn.CoAction(HOUR), cn.CoTiming(SECOND, WINDOW),
    )  # fmt: skip
    assert rule.layer_level == pytest.approx(0.05 / 3)
    assert (rule.occasion_gap_us, rule.replace(occasion_gap="2min").occasion_gap_us) == (
        None, 2 * WINDOW,
    )  # fmt: skip
    shown = rule.parameters()
    assert shown["within"] == ["60s", "1h"]
    assert (shown["co_timing"], shown["refractory"], shown["strata"]) == ("1s", "60s", "1d")
    assert list(shown) == [f.name for f in dataclasses.fields(Configuration)]
    assert Configuration("60s") == Configuration(60) == Configuration([60.0]) == Configuration()
    assert Configuration(dt.timedelta(minutes=1)) == Configuration([dt.timedelta(seconds=60)])
    assert rule.replace(within=60, co_timing=None, strata=None, refractory=30) == Configuration()
    with pytest.raises(dataclasses.FrozenInstanceError):
        rule.fdr = 0.5


def test_a_configuration_is_made_again_from_its_parameters(tmp_path):
    """As the manifest has them, in JSON; and from a TOML file."""
    rule = Configuration(
        ["60s", "1h"], co_timing="1s", fdr=0.01, null="timing", strata="hour_of_day",
        occasion_gap="2min", min_weight=np.int64(3), seed=np.int64(7), resolution=2,
        method="leiden",
        before="2017-06-08", moments={"debate": ("2017-05-31", "2017-06-01")}, null_sets=99,
    )  # fmt: skip
    plain = json.loads(json.dumps(rule.parameters(), allow_nan=False))
    assert Configuration(**plain) == rule
    (tmp_path / "run.toml").write_text(
        'within = ["60s", "1h"]\nco_timing = "1s"\nfdr = 0.01\nnull = "timing"\n'
        'strata = "hour_of_day"\noccasion_gap = 120\nmin_weight = 3\nseed = 7\n'
        'resolution = 2\nmethod = "leiden"\nbefore = "2017-06-08"\nnull_sets = 99\n'
        '[moments]\ndebate = ["2017-05-31", "2017-06-01"]\n'
    )
    assert Configuration.read(tmp_path / "run.toml") == rule
    (tmp_path / "bad.toml").write_text("within = ")
    for name in ("bad.toml", "none.toml"):
        with pytest.raises(cn.InputError, match="cannot be read as TOML"):
            Configuration.read(tmp_path / name)
    (tmp_path / "unknown.toml").write_text("withn = 60")
    with pytest.raises(cn.ParameterError, match="withn= is no parameter of a run"):
        Configuration.read(tmp_path / "unknown.toml")


def test_the_configuration_of_layers_is_what_found_them():
    log = log_of(ring_rows())
    for rule in (
        Configuration(["60s", "1h"], co_timing="1s", refractory="10s", fdr=0.02, seed=3),
        Configuration([], co_timing="5s", seed=3),
        Configuration("10min", fdr=0.5, seed=3),
    ):
        found = search_clusters(log, rule)
        again = configuration_of(found.layers, seed=3)
        assert again.replace(fdr=rule.fdr) == rule
        assert again.fdr == pytest.approx(rule.fdr)
    edges = {name: np.zeros(0, np.int32) for name in ("source", "target", "weight")}
    unknown = cn.CoordinationGraph(log.all_accounts, edges, cn.Given(), "weight", 1)
    assert configuration_of(cn.Multiplex.of(unknown), seed=3) == Configuration(seed=3)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"within": []}, "within=[] leaves nothing to look at; give a window or co_timing=."),
        ({"within": ["60s", 60]}, "within=['60s', 60] has a window twice."),
        ({"within": {"60s"}}, "within={'60s'} is no window; write '60s', ['60s', '1h'] or"),
        ({"within": {"url": "x"}}, "within['url']='x' is not a duration"),
        ({"within": [None]}, "within=None is not a duration"),
        ({"within": "x"}, "within='x' is not a duration"),
        ({"fdr": 0}, "fdr=0 is not a number above 0 and below 1."),
        ({"fdr": 1.5}, "fdr=1.5 is not a number above 0 and below 1."),
        ({"fdr": "5%"}, "fdr='5%' is not a number above 0 and below 1."),
        ({"fdr": float("nan")}, "fdr=nan is not a number above 0 and below 1."),
        ({"fdr": True}, "fdr=True is not a number above 0 and below 1."),
        ({"null": "jitter"}, "null='jitter' is not known; choose one of activity, timing, both."),
        ({"co_timing": "x"}, "co_timing='x' is not a duration"),
        ({"refractory": "x"}, "refractory='x' is not a duration"),
        ({"occasion_gap": -1}, "occasion_gap=-1 is not a duration"),
        ({"strata": "week"}, "strata='week' is not"),
        ({"strata": "0s"}, "strata='0s' must be longer than nothing"),
        ({"method": "leidn"}, "method='leidn' is not known"),
        ({"weight": "object"}, "weight='object' is not known"),
        ({"min_weight": 0}, "min_weight=0 is not a whole number from 1 to"),
        ({"resolution": 0}, "resolution=0 is not a number above 0."),
        ({"resolution": 2}, "resolution=2.0 changes nothing with method='infomap', which has no"),
        ({"resolution": "1"}, "resolution='1' is not a number above 0."),
        ({"resolution": float("inf")}, "resolution=inf is not a number above 0."),
        ({"min_size": 0}, "min_size=0 is not a whole number of 1 or more."),
        ({"min_size": float("nan")}, "min_size=nan is not a whole number of 1 or more."),
        ({"seed": -1}, "seed=-1 is not a whole number from 0"),
        ({"seed": 1.5}, "seed=1.5 is not a whole number from 0"),
        ({"seed": None}, "seed=None is not a whole number from 0"),
        ({"null_runs": -1}, "null_runs=-1 is not a whole number of 0 or more."),
        ({"null_sets": 1.5}, "null_sets=1.5 is not a whole number of 0 or more."),
        ({"stability": True}, "stability=True is not a whole number of 0 or more."),
        ({"groups": "no"}, "groups='no' is neither True nor False."),
        ({"score": 2}, "score=2 is neither True nor False."),
        ({"moments": ["2017-06-08"]}, "moments="),
        ({"moments": {"debate": "2017-06-08"}}, "moments"),
        ({"moments": {"debate": ("x", "y")}}, "moments"),
        ({"moments": {"debate": ("2017-06-09", "2017-06-08")}}, "moments"),
        ({"before": "x"}, "before='x' is not a time"),
        ({"null_runs": 1, "fdr": None}, "null_runs= needs the evidence of the group test"),
        ({"confirm": True, "within": [], "co_timing": "1s"}, "confirm= needs the evidence"),
    ],
)
def test_wrong_configurations_are_told_before_anything_is_built(options, told, faint, monkeypatch):
    """Some were refused only after the graph had been built."""

    def reached(*_, **__):
        raise AssertionError("a graph was built")

    for relation in (cn.CoAction, cn.CoTiming):
        monkeypatch.setattr(relation, "graph", reached)
    for call in (
        lambda: Configuration(**options),
        lambda: Configuration().replace(**options),
        lambda: cn.detect(faint, **options),
        lambda: cn.detect(faint, config=Configuration(), **options),
    ):
        with pytest.raises(cn.ParameterError) as error:
            call()
        assert str(error.value).startswith(told), error.value
    with pytest.raises(AssertionError, match="a graph was built"):
        cn.detect(faint)


def test_names_that_are_no_parameter_are_told():
    for call in (lambda: Configuration().replace(witin=60), lambda: cn.detect(log_of([]), witin=1)):
        with pytest.raises(cn.ParameterError) as error:
            call()
        assert str(error.value).startswith(
            "witin= is no parameter of a run. Did you mean 'within'? The parameters are within, "
        )
    with pytest.raises(cn.ParameterError, match=r"takes a coordnet.Configuration, not dict"):
        cn.detect(log_of([]), config={"within": "60s"})


# -- a background that cleans itself -----------------------------------------------------------


def test_a_large_campaign_is_found_beside_itself():
    """Four of ten accounts are of one campaign, and so is much of the background."""
    sim = cn.simulate("contaminated", accounts=2_000, seed=1)
    once, cleaned = (
        search_clusters(sim.log, Configuration(clean_background=clean)) for clean in (False, True)
    )
    assert once.rounds == (0,)
    assert list(cleaned.rounds) == sorted(set(cleaned.rounds))
    assert len(cleaned.rounds) > 1
    recall = [cn.evaluate(found.clusters, sim.truth).pair_recall for found in (once, cleaned)]
    assert recall[1] > recall[0]
    covert = {a for g, c in sim.truth.covert.items() if c for a in sim.truth.groups[g]}
    honest = set().union(*map(set, cleaned.clusters.accounts)) - covert
    assert len(honest) <= 0.01 * (sim.log.n_accounts - len(covert))


@pytest.mark.parametrize("scenario", ["organic", "live_events", "schedulers"])
def test_where_nothing_is_found_nothing_is_cleaned(scenario):
    log = cn.simulate(scenario, accounts=1_000, seed=3).log
    found = search_clusters(log, Configuration(clean_background=True))
    assert (found.rounds, len(found.clusters)) == ((0,), 0)


@pytest.mark.parametrize("shape", [(60, 100), (100, 30), (40, 25)])
def test_a_large_ring_does_not_hide_itself(shape):
    """It fills its class of popularity, so that its own chance is that of the class."""
    sim = cn.simulate("large_ring", accounts=1_000, rings=[shape], seed=2)
    ring = set(next(iter(sim.truth.groups.values())))
    for clean in (False, True):
        found = search_clusters(sim.log, Configuration(clean_background=clean)).clusters
        assert [set(cluster) for cluster in found] == [ring]


def test_a_background_that_is_given_is_not_cleaned(faint):
    background = cn.simulate("organic", accounts=500, seed=0).log
    one, two = (
        search_clusters(faint, Configuration(clean_background=clean), background)
        for clean in (False, True)
    )
    assert one.rounds == two.rounds == (0,)
    assert_same_graph(one.layers[0], two.layers[0])
