"""The peers of the benchmark are the recipes (tests/recipes), with settings of the benchmark."""

import sys
from pathlib import Path

import numpy as np
import pytest

import coordnet as cn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
peers = pytest.importorskip("peers")
detection = pytest.importorskip("detection")
calibration = pytest.importorskip("calibration")


@pytest.fixture(scope="module")
def ring():
    """Return a small population with three groups that anything should see."""
    return cn.simulate("retweet_ring", accounts=1_000, seed=3)


@pytest.mark.parametrize("name", peers.PEERS)
def test_every_peer_runs_and_is_seeded(ring, name):
    first, second = (peers.PEERS[name](ring.log, "60s") for _ in range(2))
    np.testing.assert_array_equal(first.indices, second.indices)
    assert (first.sizes >= 3).all()


@pytest.mark.parametrize(
    "name", [">= 3 co-actions", "TF-IDF, top 0.5 % (Pacheco)", "coordinationz"]
)
def test_what_is_planted_in_a_small_population_is_found(ring, name):
    assert cn.evaluate(peers.PEERS[name](ring.log, "60s"), ring.truth).pair_recall > 0.3


def test_a_peer_finds_communities_as_it_is_told(ring):
    network = peers.PEERS[">= 3 co-actions"].network(ring.log, "60s")
    for how in ("infomap", "components"):
        peer = peers.Peer(lambda log, within: network, how)
        expected = cn.find_clusters(network, how)
        assert peer(ring.log, "60s").to_frame().equals(expected.to_frame())


def test_communities_of_a_source_are_kept_unless_others_are_asked_for(ring):
    own = peers.PEERS["collaboration (Iannucci)"].network(ring.log, "60s")
    assert peers.clusters(own, peers.OWN) is own
    other = peers.clusters(own, "components")
    assert other.to_frame().equals(cn.find_clusters(own.layers.combined, "components").to_frame())


def test_no_seed_is_both_chosen_on_and_reported():
    assert not set(detection.CHOSEN_ON) & set(detection.REPORTED)
    assert min(detection.REPORTED) > 3  # coordnet's own choices


def test_the_choice_is_the_best_mean_over_populations():
    """F1 and WP by hand: louvain (0.2 + 0.4) / 2 and (0 + 0), infomap (0.5 + 0.1) / 2 twice."""
    results = [
        {"louvain": {"f1": 0.2, "wp": 0.4}, "infomap": {"f1": 0.5, "wp": 0.1}},
        {"louvain": {"f1": None, "wp": None}, "infomap": {"f1": 0.5, "wp": 0.1}},
    ]
    lines = [{"method": "CooRTweet", "tried": tried} for tried in results]
    (row,) = [r for r in detection.choice_table(lines).splitlines() if "CooRTweet" in r]
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    own, louvain, _, infomap, *_, populations = cells[1:]
    assert (own, louvain, infomap, populations) == ("", "0.150", "**0.300**", "2")


def test_bounds_stand_beside_pairs_of_one_covert_group(ring):
    tested = cn.co_action(ring.log, "60s").test()
    names = [*ring.truth.groups["ring_12"], *ring.truth.groups["ring_30"][:3]]
    honest = sorted(set(ring.log.accounts) - {a for g in ring.truth.groups.values() for a in g})
    found = cn.Clusters.from_labels([names, honest[:4]], tested.keep(fdr=0.05))
    line = detection.measured(found, ring.truth, 1.0, bounded=True)
    assert (line["pairs"], line["true"]) == (15 * 14 // 2 + 6, 66 + 3)
    shared = [(a, b) for a in names for b in names if a < b]
    assert line["bound"] == line["bound_shown"] == cn.true_pairs(tested, shared) > 0
    assert line["true_all"] == 30 * 29 // 2 + 66 + 60 * 59 // 2
    assert line["bound_all"] == cn.true_pairs(tested.keep(fdr=0.05))
    assert (line["accounts"], line["honest_accounts"], line["honest"]) == (19, 4, 0.2105)
    assert not line["over"]
    nobody = type(ring.truth)(ring.truth.groups, dict.fromkeys(ring.truth.groups, False))
    assert detection.measured(found, nobody, 1.0, bounded=True)["over"]


def test_honest_accounts_in_clusters_are_a_share_of_all_honest_accounts_that_act(ring):
    covert = {a for of in ring.truth.groups.values() for a in of}
    honest = len(set(ring.log.accounts[ring.log.account]) - covert)
    found = calibration.honest_in_all({"honest_accounts": 4}, ring)
    assert found == pytest.approx(4 / honest, rel=1e-3)


def run_of(part, what, accounts=2_000, share=0.0, seed=100, **line):
    names = ("part", "what", "accounts", "share", "seed")
    of = dict(zip(names, (part, what, accounts, share, seed), strict=True))
    return {"clusters": 0, "over": False, **line, "of": of}


def test_calibration_tables_count_runs():
    """Of three runs one reports something; two of four mixed ones have a bound above the truth."""
    lines = [run_of("nothing", "organic", seed=s, clusters=int(s == 101)) for s in (100, 101, 102)]
    full = [{"scenario": "threads", "method": detection.OURS, "clusters": 2}]
    rows = calibration.nothing_table(lines, full).splitlines()
    assert "| organic | 2,000 | 3 | 1 | 1 |" in rows
    assert "| all six | 2,000 | 3 | 1 | 1 |" in rows
    assert "| threads | 20,000 | 1 | 1 | 0 |" in rows
    shares = {"precision": 1.0, "recall": 0.5, "honest": 0.25}
    mixed = [
        run_of("mixed", "mixed_public", 20_000, 0.1, s, over=s < 102, honest_in_all=h, **shares)
        for s, h in enumerate((0.02, 0.01, 0.0, 0.03), 100)
    ]
    (row,) = calibration.mixed_table(mixed).splitlines()[2:]
    assert row.split(" | ")[1:4] == ["10 %", "yes", "4"]
    assert row.split(" | ")[-2:] == ["2", "2 |"]
    (row,) = calibration.bounds_table(mixed, []).splitlines()[2:]
    assert row == "| mixed_public, 20,000 accounts, campaign 10 % | 4 | 2 | 1 |"
    nulls = [
        run_of("real", f"{calibration.RETWEETS}|60s|profiles swapped", 0, seed=s, edges=s)
        for s in (0, 1)
    ]
    (row,) = calibration.real_table(nulls).splitlines()[2:]
    assert row == "| 35,125 retweets | 60s | profiles swapped | 2 | 1 | 0 | 1 |"


def test_moments_are_the_seconds_of_the_log(ring):
    log = peers.moments(ring.log)
    assert len(log) <= len(ring.log)
    assert log.n_objects == len(np.unique(ring.log.time // 1_000_000))
    moments, expected = (
        set(zip(given.all_accounts[given.account], (given.time // 1_000_000).tolist(), strict=True))
        for given in (log, ring.log)
    )
    assert moments == expected
