"""Discovery: how the level is shared out, how graphs are united, how groups become clusters."""

import math
from contextlib import contextmanager

import numpy as np
import pytest
from helpers import assert_same_graph, edges_of, log_of, ring_rows
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import START, WINDOW, logs

import coordnet as cn
from coordnet.clusters import groups
from coordnet.search.configuration import Rule
from coordnet.search.search import discover, merged, union
from coordnet.times import DAY, HOUR, SECOND


def sets(*members):
    return [np.array(sorted(m), np.int32) for m in members]


def with_evidence(*pairs):
    return [(np.array(sorted(m), np.int32), float(evidence)) for m, evidence in pairs]


def as_sets(found):
    return sorted(sorted(m.tolist()) for m in found)


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
    assert as_sets(merged(own, with_evidence(*found))) == sorted(sorted(m) for m in expected)
    assert as_sets(merged(own, with_evidence(*found[::-1]))) == as_sets(
        merged(own, with_evidence(*found))
    )
    assert [m.tolist() for m in own] == before


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
    joined = [set(m.tolist()) for m in merged(sets(*communities), with_evidence(*ranked))]
    assert set().union(*joined) == set().union(*communities, *found)
    for one in [*communities, *found]:
        assert any(one <= whole for whole in joined)
    assert len(joined) <= len(communities) + len(found)
    assert as_sets(merged(sets(*communities), [])) == sorted(sorted(c) for c in communities)
    if rng is not None:
        rng.shuffle(ranked)
        again = merged(sets(*communities), with_evidence(*ranked))
        assert as_sets(again) == sorted(sorted(m) for m in joined)


# -- the union of graphs -----------------------------------------------------------------------


@given(logs(contents=False, max_size=25), st.booleans(), st.booleans())
@settings(max_examples=30)
def test_the_union_of_graphs(rows, timed, with_test):
    log = log_of(rows)
    graphs = [cn.co_action(log, w, min_weight=1) for w in ("1s", "60s", "2min")]
    if timed:
        graphs.append(cn.co_timing(log, "60s", min_weight=1))
    if with_test:
        graphs = [g.test() if g.relation == "co-action" else g.test(strata="1h") for g in graphs]
    expected = {}
    for graph in graphs:
        for ends, edge in edges_of(graph).items():
            weight = edge[graph.weight]
            total = expected.setdefault(ends, {"weight": 0, "graphs": 0})
            total["weight"] = max(total["weight"], weight)
            total["graphs"] += 1
            for name in ("p_value", "q_value") if with_test else ():
                total[name] = min(total.get(name, 1.0), edge[name])
    whole = union(graphs)
    assert edges_of(whole) == expected
    assert list(edges_of(whole)) == sorted(expected, key=lambda ends: [e.encode() for e in ends])
    assert (whole.weight, whole.min_weight) == ("weight", 1)
    assert whole.relation == f"co-action {'and co-timing' if timed else 'in several windows'}"
    assert whole.within == 120 * SECOND
    assert whole.log is log


def test_a_union_of_tested_and_untested_has_no_p_values():
    log = log_of(ring_rows())
    graph = cn.co_action(log, "60s", min_weight=2)
    whole = union([graph.test(), cn.co_action(log, "1h", min_weight=2)])
    assert list(whole.edges) == ["source", "target", "weight", "graphs"]
    assert set(whole.edges["graphs"].tolist()) == {1, 2}
    assert union([cn.co_timing(log, "5s"), cn.co_timing(log, "9s")]).within == 9 * SECOND


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
    rule = Rule.of(fdr=0.3, **options)
    found = discover(faint, rule)
    share = 0.3 / parts
    for graph, window in zip(found.graphs, rule.within, strict=False):
        tested = cn.co_action(faint, window / SECOND, min_weight=2).test()
        assert_same_graph(graph, tested.keep(fdr=share))
    first = cn.co_action(faint, "60s", min_weight=2).test()
    assert first.keep(fdr=0.3).n_edges > first.keep(fdr=0.06).n_edges  # it makes a difference
    if rule.co_timing:
        part = 0.3 / (len(rule.within) + 1)  # co-timing has no groups to share with
        assert_same_graph(found.graphs[-1], cn.co_timing(faint, "1s").test().keep(fdr=part))
    assert len(found.graphs) == len(rule.within) + bool(rule.co_timing)


@pytest.mark.parametrize(("within", "parts"), [("60s", 2), (["60s", "10min"], 4)])
def test_groups_get_their_part_of_the_level(monkeypatch, within, parts):
    """Whatever is found has more evidence than -log10 of that part."""
    seen = []

    def search(tester, tested, least, min_size, known):
        seen.append((tester.scene.window, least, min_size))
        return groups.search(tester, tested, least, min_size, known)

    monkeypatch.setattr("coordnet.search.search.search", search)
    log = log_of(ring_rows())
    rule = Rule.of(within, fdr=0.02, min_size=4)
    discover(log, rule)
    expected = -math.log10(0.02 / parts)
    assert [window for window, *_ in seen] == list(rule.within)
    assert [rest for _, *rest in seen] == [[pytest.approx(expected), 4]] * len(rule.within)


@pytest.mark.parametrize("timed", [None, "1s"])
@pytest.mark.parametrize("windows", [["60s"], ["60s", "10min"], ["10s", "60s", "5min", "1h", "6h"]])
def test_the_levels_that_a_run_uses_sum_to_the_level(monkeypatch, windows, timed):
    """Of the edges of each graph, and of the groups of each window: whatever it looks at."""
    used = []
    keep = cn.CoordinationGraph.keep

    def kept(graph, *, fdr):
        used.append(fdr)
        return keep(graph, fdr=fdr)

    def search(tester, tested, least, *rest):
        used.append(10**-least)
        return groups.search(tester, tested, least, *rest)

    monkeypatch.setattr(cn.CoordinationGraph, "keep", kept)
    monkeypatch.setattr("coordnet.search.search.search", search)
    discover(log_of(ring_rows()), Rule.of(windows, co_timing=timed, fdr=0.04))
    assert len(used) == 2 * len(windows) + bool(timed)
    assert sum(used) == pytest.approx(0.04)


def test_without_a_level_every_edge_is_kept_and_nothing_is_tested(faint):
    found = discover(faint, Rule.of(["60s", "10min"], co_timing="1s", fdr=None, min_weight=3))
    for graph, window in zip(found.graphs, ("60s", "10min"), strict=False):
        assert_same_graph(graph, cn.co_action(faint, window, min_weight=3))
    assert_same_graph(found.graphs[-1], cn.co_timing(faint, "1s"))
    assert found.clusters.evidence is None
    assert "p_value" not in found.graph.edges


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
        ("60s", None): [fast],
        ("1h", None): [fast, slow],
        (("60s", "1h"), None): [fast, slow],
        (("60s", "1h"), "1s"): [fast, slow, tick],
    }
    for (within, timed), planted in expected.items():
        found = discover(log, Rule.of(within, co_timing=timed)).clusters
        labels = [set(log.accounts[found.members(i)]) for i in range(len(found))]
        assert len(labels) == len(planted), (within, timed)
        for ring in planted:  # perhaps with one of the public who was there more than once
            assert any(ring <= whole and len(whole) <= len(ring) + 1 for whole in labels)
    only = discover(log, Rule.of([], co_timing="1s")).clusters
    assert [set(log.accounts[only.members(i)]) for i in range(len(only))] == [tick]
    assert only.evidence is None


def test_evidence_is_the_best_window_less_what_the_choice_costs():
    rows, fast, slow, _ = three_rings()
    log = log_of(rows)
    for windows in (["60s"], ["60s", "1h"]):
        found = discover(log, Rule.of(windows)).clusters
        for i in range(len(found)):
            labels = log.accounts[found.members(i)]
            best = max(cn.test_group(log, labels, within=w).evidence for w in windows)
            assert found.evidence[i] == pytest.approx(best - math.log10(len(windows)))
    fast_ones = cn.test_group(log, fast, within="60s").evidence
    slow_ones = [cn.test_group(log, slow, within=w).evidence for w in ("60s", "1h")]
    assert fast_ones > 10
    assert slow_ones[0] < 0 < slow_ones[1]


def test_a_background_and_strata_reach_the_tests(faint):
    public = cn.simulate("organic", accounts=500, seed=1).log
    for null in ("both", "activity"):
        rule = Rule.of("60s", fdr=0.3, background=public, null=null, strata="1d")
        found = discover(faint, rule)
        tested = cn.co_action(faint, "60s", min_weight=2).test(null, strata="1d", background=public)
        assert_same_graph(found.graphs[0], tested.keep(fdr=0.15))
        assert len(found.clusters) > 0
        for i in range(len(found.clusters)):
            test = cn.test_group(
                faint, faint.accounts[found.clusters.members(i)], background=public
            )
            assert found.clusters.evidence[i] == pytest.approx(test.evidence)


def test_groups_that_no_pair_betrays_become_clusters():
    sim = cn.simulate("small_cells", accounts=5_000, seed=2)
    pairs, both = (discover(sim.log, Rule.of("60s", groups=g)).clusters for g in (False, True))
    recall = [cn.evaluate(c, sim.truth).pair_recall for c in (pairs, both)]
    assert recall[1] > recall[0] + 0.1
    assert both.parameters["groups"] >= 1
    assert "groups" not in pairs.parameters


def test_stages_are_named_in_their_order():
    seen = []

    @contextmanager
    def stage(name):
        seen.append(name)
        yield

    log = log_of(ring_rows())
    discover(log, Rule.of(["60s", "1h"], co_timing="1s"), stage=stage)
    each = ["co-action graphs", "edge tests", "groups"]
    assert seen == [*each, *each, "co-timing", "clusters"]


def test_the_number_of_threads_changes_no_byte():
    rule = Rule.of(["60s", "1h"], co_timing="1s")
    one, two = (
        discover(cn.simulate("campaign", accounts=1_000, seed=1).log, rule, threads)
        for threads in (1, 2)
    )
    assert len(one.clusters) > 1
    for a, b in zip([*one.graphs, one.graph], [*two.graphs, two.graph], strict=True):
        assert_same_graph(a, b)
    for name in ("indptr", "indices", "evidence"):
        assert getattr(one.clusters, name).tobytes() == getattr(two.clusters, name).tobytes()


@pytest.mark.parametrize(
    "rows",
    [[], [("u", "o", START, "k", None)], [(a, "o", START, "k", None) for a in "uvw"]],
)
def test_logs_with_nothing_to_find(rows):
    found = discover(log_of(rows), Rule.of(["60s", "1h"], co_timing="1s"))
    assert (found.graph.n_edges, len(found.clusters)) == (0, 0)


# -- rules -------------------------------------------------------------------------------------


def test_a_rule_as_people_write_it_and_as_the_manifest_has_it():
    public = log_of(ring_rows(rings=()))
    rule = Rule.of(
        ["60s", 3_600], co_timing="1s", refractory="1min", strata="1d", background=public
    )
    assert (rule.within, rule.co_timing) == ((WINDOW, HOUR), SECOND)
    assert rule.refractory == WINDOW
    shown = rule.parameters()
    assert shown["within"] == ["60s", "1h"]
    assert (shown["co_timing"], shown["refractory"], shown["strata"]) == ("1s", "60s", "1d")
    assert shown["background"] == public.fingerprint
    assert Rule.of("60s") == Rule.of(60) == Rule.of([60.0])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"within": []}, "within=[] leaves nothing to look at; give a window or co_timing=."),
        ({"within": ["60s", 60]}, "within=['60s', 60] has a window twice."),
        ({"fdr": 0}, "fdr=0 is not a rate between 0 and 1, nor None."),
        ({"fdr": 1.5}, "fdr=1.5 is not a rate between 0 and 1, nor None."),
        ({"null": "jitter"}, "null='jitter' is not known; choose one of activity, timing, both."),
        ({"co_timing": "x"}, "co_timing='x' is not a duration"),
        ({"method": "leidn"}, "method='leidn' is not known"),
    ],
)
def test_wrong_rules_are_told(options, told):
    with pytest.raises(cn.CoordnetError) as error:
        Rule.of(**options)
    assert str(error.value).startswith(told)
