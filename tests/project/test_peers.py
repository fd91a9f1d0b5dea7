"""The peers of the benchmark are the recipes (tests/recipes), with settings of the benchmark."""

import sys
from pathlib import Path

import numpy as np
import pytest

import coordnet as cn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
peers = pytest.importorskip("peers")


@pytest.fixture(scope="module")
def ring():
    """Return a small population with three groups that anything should see."""
    return cn.simulate("retweet_ring", accounts=1_000, seed=3)


@pytest.mark.parametrize("name", peers.PEERS)
def test_every_peer_runs_and_is_seeded(ring, name):
    first, second = (peers.PEERS[name](ring.log, "60s") for _ in range(2))
    np.testing.assert_array_equal(first.indices, second.indices)
    assert (first.sizes >= 3).all()


@pytest.mark.parametrize("name", [">= 3 co-actions", "TF-IDF, top 0.5 % (Pacheco)"])
def test_what_is_planted_in_a_small_population_is_found(ring, name):
    assert cn.evaluate(peers.PEERS[name](ring.log, "60s"), ring.truth).pair_recall > 0.3


def test_moments_are_the_seconds_of_the_log(ring):
    log = peers.moments(ring.log)
    assert len(log) <= len(ring.log)
    assert log.n_objects == len(np.unique(ring.log.time // 1_000_000))
    moments, expected = (
        set(zip(given.all_accounts[given.account], (given.time // 1_000_000).tolist(), strict=True))
        for given in (log, ring.log)
    )
    assert moments == expected
