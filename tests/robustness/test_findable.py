"""What could have been found: planted on paper as it would be in the log, and told in words."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import acts, log_of

import coordnet as cn
from coordnet.inference.attainable import AttainablePairs
from coordnet.inference.group_test import GroupTester
from coordnet.inference.statistics import WindowStatistics
from coordnet.robustness import findable as module
from coordnet.robustness.findable import Findable, FindableLayer
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters
from coordnet.times import SECOND

LAYER = FindableLayer(
    window="60s", lag="20s", sizes=(3, 5, 10), objects=(None, 7, 4), sharing=(900, 40, 3),
    sharing_exact=True, smallest_q=0.001, level=0.05, typical_chance=0.01, pairs_tested=12,
    min_weight=2, least_q=0.3,
)  # fmt: skip


@pytest.fixture(scope="module")
def organic():
    return cn.simulate("organic", accounts=1_000, seed=0).log


def paper_of(log, background, size=12, objects_lag=20 * SECOND):
    config = Configuration("60s")
    found = search_clusters(log, config, background)
    return module._Paper(
        found.looked[0].tester, found.layers[0], config, size, 4, objects_lag, seed=3
    )


def really_planted(paper, number, k, m):
    """Return the log with the first k members of a group on its first m objects."""
    log, scene = paper.log, paper.scene
    step = paper.size * paper.objects
    at = len(log) + number * step
    time = scene.time[at : at + step].reshape(paper.objects, paper.size)[:m, :k]
    plant = paper.plants[number]
    members, objects = plant.members[:k], plant.objects[:m]
    planted = log.with_actions(np.tile(members, m), np.repeat(objects, k), time.ravel())
    return planted, members


@pytest.mark.parametrize(("k", "m"), [(3, 5), (7, 4), (12, 8)])
def test_on_paper_it_is_as_in_the_log(organic, k, m):
    """Beside a background that it cannot change, a group has the same tests in the log itself."""
    background = cn.simulate("organic", accounts=1_500, seed=5).log
    paper = paper_of(organic, background)
    for number, plant in enumerate(paper.plants):
        planted, members = really_planted(paper, number, k, m)
        tester = GroupTester(WindowStatistics(planted, 60 * SECOND, background))
        assert plant.evidence(k, m) == pytest.approx(tester.test(np.sort(members)).evidence, abs=1)
        tested = cn.co_action(planted, "60s", min_weight=2).test("both", background=background)
        u, v = np.triu_indices(k, 1)
        low, high = np.minimum(members[u], members[v]), np.maximum(members[u], members[v])
        edges = tested.edges
        ends = zip(edges["source"].tolist(), edges["target"].tolist(), strict=True)
        at = {tuple(sorted(pair)): i for i, pair in enumerate(ends)}
        rows = [at[pair] for pair in zip(low.tolist(), high.tolist(), strict=True)]
        p, startable = plant.pairs(k, m)
        real = edges["p_value"][rows]
        np.testing.assert_allclose(np.log10(p), np.log10(real), rtol=0.02, atol=0.15)
        assert startable == bool((edges["p_timing"][rows] <= 1e-4).any())


@pytest.mark.parametrize(("k", "m"), [(3, 3), (10, 3), (12, 5)])
def test_what_a_group_does_to_the_chances_is_counted(organic, k, m):
    """In the log itself, whose chances it raises: near the real evidence."""
    paper = paper_of(organic, None, size=20)
    for number, plant in enumerate(paper.plants):
        planted, members = really_planted(paper, number, k, m)
        real = GroupTester(WindowStatistics(planted, 60 * SECOND)).test(np.sort(members))
        on_paper = plant.evidence(k, m)
        assert abs(on_paper - real.evidence) < 1 + 0.6 * abs(real.evidence)
        assert plant.evidence(k, m) == on_paper  # nothing of it stays on the paper


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_it_agrees_with_whole_searches_of_planted_logs(seed):
    """At the number said nearly all are found, and two objects fewer are not enough."""
    log = cn.simulate("organic", accounts=1_500, seed=seed).log
    (layer,) = cn.findable(log, sizes=[4, 8]).layers
    for size, objects in zip(layer.sizes, layer.objects, strict=True):
        assert cn.power(log, size=size, objects=objects, lag=layer.lag, runs=10).found >= 7
        fewer = cn.power(log, size=size, objects=objects - 2, lag=layer.lag, runs=10)
        assert fewer.found < 8


def test_the_bisection_finds_the_least(organic, monkeypatch):
    """Against one by one, for groups that are found from a number of objects on."""
    paper = paper_of(organic, None)
    asked = []

    def found(self, k, m):
        asked.append((k, m))
        return m >= {3: 30, 5: 11, 8: 11, 12: 4}[k]

    monkeypatch.setattr(module._Plant, "found", found)
    assert paper.plants[0].least_objects((3, 5, 8, 12)) == [30, 11, 11, 4]
    assert len(asked) <= 20
    monkeypatch.setattr(module._Plant, "found", lambda self, k, m: False)
    assert paper.plants[0].least_objects((3, 5)) == [paper.objects + 1] * 2


def test_the_number_holds_for_nine_tenths_of_the_groups(organic, monkeypatch):
    least = [[4, 3], [31, 3], [9, 3], [5, 31], [6, 31], [6, 4], [6, 4], [6, 4], [6, 4], [6, 4]]
    each = iter(least)
    monkeypatch.setattr(module._Plant, "least_objects", lambda self, sizes: next(each))
    found = cn.findable(organic, sizes=[3, 6], groups=10)
    assert found.layers[0].objects == (9, None)


def suspects_of(sim):
    """Return the log of the planted accounts alone."""
    log = sim.log
    planted = log.codes_of([name for group in sim.truth.groups.values() for name in group])
    return log.where(np.isin(log.account, planted), "public")


@pytest.mark.parametrize(
    ("of", "options", "size", "runs"),
    [
        ("campaign", {"within": "10min"}, 10, 10),
        ("suspects", {}, 5, 10),
        *(
            pytest.param(of, options, size, 20, marks=pytest.mark.slow)
            for of in ("campaign", "organic")
            for options in ({}, {"within": "10min"}, {"within": "1h"}, {"fdr": 0.01})
            for size in (3, 5, 10, 20)
        ),
    ],
)
def test_what_is_said_to_be_found_whole_searches_find(of, options, size, runs):
    """Beside a campaign too, whose edges ease the level, and among suspects alone."""
    sim = cn.simulate("organic" if of == "organic" else "campaign", accounts=1_500, seed=3)
    log = suspects_of(sim) if of == "suspects" else sim.log
    (layer,) = cn.findable(log, sizes=[size], **options).layers
    if of == "suspects":  # too few accounts for paper to tell
        assert layer.objects == (None,)
    for objects in filter(None, layer.objects):
        assert objects >= 3
        found = cn.power(
            log, size=size, objects=objects, lag=layer.lag, runs=runs, seed=1, **options
        )
        assert found.high >= 0.8, found
        assert found.found >= 0.65 * runs, found


def test_whose_cluster_the_last_round_lets_go_is_not_found(organic, monkeypatch):
    """Pairs that are kept, on one evening only, are no cluster where the search cleans."""
    config = Configuration("60s", groups=False)
    found = search_clusters(organic, config)

    def plant(**options):
        paper = module._Paper(
            found.looked[0].tester, found.layers[0], config.replace(**options), 12, 1,
            20 * SECOND, 3,
        )  # fmt: skip
        return paper.plants[0]

    monkeypatch.setattr(module._Plant, "evidence", lambda self, k, m: -9.0)
    cleaned, once = plant(), plant(clean_background=False)
    assert cleaned.found(12, 20)
    assert once.found(12, 20)
    log, begin = organic, cleaned.place[-len(cleaned.objects) * 12]
    assert log is not None
    assert begin >= len(log)
    for one in (cleaned, once):  # all that is planted comes within an hour, object by object
        of_plant = one.nth >= 0
        one.time = np.where(of_plant, 10**12 + one.nth * 180 * SECOND, one.time)
        one.by_member = np.lexsort((one.time, one.code, one.rank))
    assert once.found(12, 20)
    assert not cleaned.found(12, 20)
    monkeypatch.setattr(module._Plant, "evidence", lambda self, k, m: 9.0)
    assert cleaned.found(12, 20)  # as a group it is significant


def test_members_of_clusters_count_for_none(organic):
    """A group half of which stays in a cluster that was found is not found for itself."""
    paper = paper_of(organic, None)
    plant = paper.plants[0]
    assert plant.found(12, 20)
    paper.free[plant.members[:7]] = False
    assert not plant.found(12, 20)
    paper.free[plant.members[:1]] = True
    assert plant.found(12, 20)


def test_larger_groups_need_no_more_objects_and_the_seed_decides(organic):
    one, again, other = (cn.findable(organic, "1h", seed=s, threads=s + 1) for s in (0, 0, 1))
    assert one == again != other
    objects = [m for m in one.layers[0].objects if m is not None]
    assert objects == sorted(objects, reverse=True)
    assert (one.layers[0].lag, cn.findable(organic, lag="5s").layers[0].lag) == ("20min", "5s")
    # what is not within the window is not found
    assert set(cn.findable(organic, lag="1d", sizes=[5]).layers[0].objects) == {None}


def test_each_layer_of_co_action_has_its_own(organic):
    found = cn.findable(organic, ["60s", "1h"], co_timing="1s", sizes=[6])
    assert [layer.window for layer in found.layers] == ["60s", "1h"]
    assert found.layers[0].objects[0] < found.layers[1].objects[0]
    assert found.layers[0].level == pytest.approx(0.05 / 3)
    assert found.sentences[0].startswith("Within 60s: Could have been found (80 % of such groups)")
    rows = found.to_frame("pyarrow").to_pylist()
    assert rows[1] == {
        "window": "1h", "lag": "20min", "size": 6, "objects": found.layers[1].objects[0],
    }  # fmt: skip
    assert cn.findable(organic, fdr=None).layers == ()


@pytest.mark.parametrize("null", ["activity", "timing"])
def test_under_either_null(organic, null):
    found = cn.findable(organic, null=null, sizes=[6], groups=5).layers[0]
    assert found.objects[0] is not None
    assert (found.sharing is None) == (null == "activity")


@pytest.mark.parametrize("rows", [[], acts("o", ("u", 0)), acts("o", ("u", 0), ("v", 5))])
def test_tiny_logs_are_told_to_be_too_small(rows):
    found = cn.findable(log_of(rows))
    assert found.sentences == [
        "Nothing could have been found: the log has too few accounts or objects."
    ]


def test_where_nobody_shares_anything_two_objects_are_not_enough():
    """The pairs that the group itself makes count in the correction, though no others do."""
    rows = [row for i in range(12) for row in acts(f"o{i}", (f"u{i}", 9_000 * i))]
    found = cn.findable(log_of(rows), sizes=[3])
    assert found.layers[0].objects[0] is None or found.layers[0].objects[0] > 3
    assert found.layers[0].why_nothing.startswith("Accounts share too few objects: 0 pairs")


def test_the_sentences():
    assert LAYER.sentence == (
        "Could have been found (80 % of such groups): 5 accounts that act together on 7 objects, "
        "10 on 4."
    )
    assert replace(LAYER, objects=(None,) * 3).sentence == (
        "No group of 10 accounts or fewer, drawn at random, is sure to have been found, even where "
        "it acts together on 30 objects; cn.power says how often one is."
    )
    alone = Findable((LAYER, replace(LAYER, objects=(None,) * 3, most_objects=1)), 20)
    assert "on 1 object;" in alone.sentences[1]
    assert alone.beside_clusters[:2] == alone.sentences
    assert alone.beside_clusters[2].startswith("The clusters found were not drawn at random")
    assert Findable((LAYER,), 20).beside_clusters == [LAYER.sentence]
    assert LAYER.why_nothing == (
        "12 pairs of accounts were together within 60s on 2 or more objects, no more than chance "
        "explains: their smallest q-value is 0.3."
    )
    assert replace(LAYER, pairs_tested=0).why_nothing == (
        "No two accounts were together within 60s on 2 or more objects."
    )
    assert replace(LAYER, smallest_q=0.2, sharing_exact=False).why_nothing == (
        "Accounts share too few objects: at most 40 pairs share 2 or more and at most 3 share 3 or "
        "more. No pair could have had a q-value below 0.2, had it been together on all of them."
    )
    assert replace(LAYER, typical_chance=0.6).why_nothing == (
        "Two accounts that act on one object are within 60s of each other with chance 0.60 whoever "
        "they are, so that little could stand out."
    )
    both = Findable((LAYER, LAYER), 20)
    assert both.why_nothing == [LAYER.why_nothing]


def test_the_smallest_q_by_hand():
    """x / (1 - x) for the least x = t m(t) over all levels t that a pair can reach."""
    counts = np.zeros(module.LEVELS, np.int64)
    counts[0], counts[8], counts[16] = 500, 40, 3  # that can reach 1, 0.1 and 0.01
    counts[1:8], counts[9:16] = 40, 3
    found = module._smallest_q(AttainablePairs(counts, (500, 40, 3), True))
    assert found == pytest.approx(0.03 / 0.97)
    assert module._smallest_q(AttainablePairs(0 * counts, (0, 0, 0), True)) == 1.0
    assert module._smallest_q(None) == 0.0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"sizes": [1]}, "sizes=1 is"),
        ({"groups": 0}, "groups=0 is"),
        ({"lag": "soon"}, "lag='soon' is not a duration"),
        ({"fdr": 2}, "fdr=2 is not a number"),
    ],
)
def test_wrong_parameters_are_told(organic, options, told):
    with pytest.raises(cn.CoordnetError) as error:
        cn.findable(organic, **options)
    assert str(error.value).startswith(told)
