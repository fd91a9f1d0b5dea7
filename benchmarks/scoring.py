"""Scoring 100 clusters against detecting them: seconds of each, and of each family of scores.

    python benchmarks/scoring.py [--actions N] [--accounts N] [--clusters N] [--threads N]

By default 1,000,000 actions of 100,000 accounts with 100 planted groups of 8 to 60 accounts, with
texts, profiles, key moments and stance labels, so that every family is scored, compared with 199
random sets for each cluster. The clusters scored are the planted groups, whatever detection finds
of them. A small run before it lets numba compile. Scoring must take less time than detecting.
"""

import argparse
import os
import time

import numpy as np

import coordnet as cn
from coordnet.clusters.clusters import Clusters
from coordnet.scores.table import FAMILIES
from coordnet.simulation.population import World
from coordnet.simulation.scenarios import _electorate

MOMENTS = {
    "attack": ("2017-05-22T21:30:00Z", "2017-05-23T21:30:00Z"),
    "vote": ("2017-06-08T06:00:00Z", "2017-06-08T21:00:00Z"),
}


def population(accounts, actions, groups, seed=0):
    """Return a simulation of the election's public with groups that act together."""
    world = World(accounts, actions, np.random.default_rng(seed), "2017-05-12T00:00:00Z")
    _electorate(world)
    for i in range(groups):
        members = world.group(f"group_{i:03d}", int(world.rng.integers(8, 61)))
        for kind in ("retweet", "text"):
            world.push(members, 10, 45.0, join=0.8, kind=kind)
    return world.finish("benchmark")


def stance(text):
    """Return the label of a text: what a user would write as a few rules."""
    for word, target in (
        ("labour", "labour"),
        ("tor", "conservative"),
        ("conserv", "conservative"),
    ):
        if word in text.lower():
            against = any(w in text.lower() for w in ("cut", "broke", "cannot", "pays", "mess"))
            return f"{target}:{'against' if against else 'for'}"
    return None


def clock():
    """Return the seconds passed, and those of the processors."""
    return np.array([time.perf_counter(), time.process_time()])


def measure(sim):
    """Return the seconds of detecting, of its own scoring, of scoring, and of each family alone."""
    begin = clock()
    run = cn.detect(sim.log)
    detecting = clock() - begin
    codes = [sim.log.codes_of(members) for members in sim.truth.groups.values()]
    clusters = Clusters.from_members(run.graph, codes, "planted", {})
    known = {
        "accounts": sim.accounts, "before": "2017-06-08", "moments": MOMENTS, "stance": stance
    }  # fmt: skip
    begin = clock()
    own = cn.score_clusters(run.clusters)
    own_scoring = clock() - begin
    begin = clock()
    scores = cn.score_clusters(clusters, **known)
    scoring = clock() - begin
    families = {}
    for name in ("none", *FAMILIES):
        begin = clock()
        cn.score_clusters(clusters, **known, only=[] if name == "none" else [name])
        families[name] = clock() - begin
    assert len(own) == len(run.clusters)
    return run, scores, detecting, own_scoring, scoring, families


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--actions", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--clusters", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.environ["COORDNET_THREADS"] = str(options.threads)
    measure(population(1_000, 10_000, 3))
    sim = population(options.accounts, options.actions, options.clusters)
    run, scores, detecting, own_scoring, scoring, families = measure(sim)
    print(f"{len(sim.log):,} actions, {sim.log.n_accounts:,} accounts, {len(scores)} clusters of")
    print(
        f"{scores['accounts'].value.mean():.0f} accounts on average, {len(run.clusters)} detected"
    )

    def told(name, seconds):
        print(f"  {name:<44}{seconds[0]:8.2f} s{seconds[1]:8.2f} s of processors")

    told("detect, with its scores of what it found", detecting)
    told("detect, without", detecting - own_scoring)
    told("scores of every family", scoring)
    without = scoring - (families["content"] - families["none"])
    told("scores of every family but content", without)
    for name, seconds in families.items():
        told(f"scores of {name} alone", seconds)
    for name, seconds in (("every family", scoring), ("all but content", without)):
        whole, bare = seconds / detecting, seconds / (detecting - own_scoring)
        print(
            f"scoring {name} over detecting: {whole[0]:.2f} (processors {whole[1]:.2f}), over "
            f"detecting without scores: {bare[0]:.2f} ({bare[1]:.2f})"
        )
    if scores.absent:
        print(f"absent: {dict(scores.absent)}")
    return 0 if scoring[0] < detecting[0] else 1


if __name__ == "__main__":
    raise SystemExit(main())
