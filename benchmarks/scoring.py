"""Scoring 100 clusters against detecting them: seconds of each, and of each family of scores.

    python benchmarks/scoring.py [--actions N] [--accounts N] [--clusters N] [--threads N]
                                [--together N]

By default 1,000,000 actions of 100,000 accounts with 100 planted groups of 8 to 60 accounts, with
texts, profiles, key moments and stance labels, so that every family is scored, compared with 199
random sets for each cluster. The clusters scored are the planted groups, whatever detection finds
of them. A small run before it lets numba compile. Scoring must take less processor time than
detecting without scores. ``--together N`` scores N accounts that all act on N objects together, and
nothing else.
"""

import argparse
import os
import time

import numpy as np
import pyarrow as pa

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
    """Return the seconds of detecting without scores, of scoring, and of each family alone."""
    begin = clock()
    run = cn.detect(sim.log, score=False)
    detecting = clock() - begin
    codes = [sim.log.codes_of(members) for members in sim.truth.groups.values()]
    clusters = Clusters.from_members(run.graph, codes, "planted", {})
    known = {
        "accounts": sim.accounts, "before": "2017-06-08", "moments": MOMENTS, "stance": stance
    }  # fmt: skip
    begin = clock()
    scores = cn.score_clusters(clusters, **known)
    scoring = clock() - begin
    families = {}
    for name in ("none", *FAMILIES):
        begin = clock()
        cn.score_clusters(clusters, **known, only=[] if name == "none" else [name])
        families[name] = clock() - begin
    return run, scores, detecting, scoring, families


def together(n, seed=0):
    """Score n accounts that all act on n objects, each within a minute, and nobody else."""
    rng = np.random.default_rng(seed)
    account, object_ = np.tile(np.arange(n), n), np.repeat(np.arange(n), n)
    table = pa.table(
        {
            "account": pa.array(account).cast(pa.string()),
            "object": pa.array(object_).cast(pa.string()),
            "time": 1_500_000_000 + object_ * 10_800 + rng.integers(0, 50, n * n),
        }
    )
    log = cn.read_actions(table, account="account", object="object", time="time")
    graph = cn.co_action(log, within="60s")
    clusters = Clusters.from_members(graph, [np.arange(n, dtype=np.int32)], "all", {})
    for name in (*FAMILIES, "every family"):
        begin = clock()
        cn.score_clusters(clusters, only=None if name == "every family" else [name])
        seconds = clock() - begin
        print(f"  scores of {name:<34}{seconds[0]:8.2f} s{seconds[1]:8.2f} s of processors")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--actions", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--clusters", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--together", type=int, default=0)
    options = parser.parse_args()
    os.environ["COORDNET_THREADS"] = str(options.threads)
    measure(population(1_000, 10_000, 3))
    if options.together:
        together(options.together)
        return 0
    sim = population(options.accounts, options.actions, options.clusters)
    run, scores, detecting, scoring, families = measure(sim)
    print(f"{len(sim.log):,} actions, {sim.log.n_accounts:,} accounts, {len(scores)} clusters of")
    print(
        f"{scores['accounts'].value.mean():.0f} accounts on average, {len(run.clusters)} detected"
    )

    def told(name, seconds):
        print(f"  {name:<44}{seconds[0]:8.2f} s{seconds[1]:8.2f} s of processors")

    told("detect, without scores", detecting)
    told("scores of every family", scoring)
    for name, seconds in families.items():
        told(f"scores of {name} alone", seconds)
    whole = scoring / detecting
    print(f"scoring over detecting: {whole[0]:.2f}, of processors {whole[1]:.2f}")
    if scores.absent:
        print(f"absent: {dict(scores.absent)}")
    return 0 if scoring[1] < detecting[1] else 1


if __name__ == "__main__":
    raise SystemExit(main())
