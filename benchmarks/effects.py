"""What samples, deleted accounts and coarse timestamps do to p-values and to power.

    python benchmarks/effects.py [--accounts N] [--seeds N]

Each change is made to populations where nothing is planted (organic: how many p-values are small,
what is kept) and to populations with three groups (retweet_ring: what the detection at its defaults
finds of the accounts that are left). Prints a table of medians and, in brackets, ranges over seeds.
"""

import argparse
import statistics
import warnings
from collections import defaultdict
from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import pyarrow as pa

import coordnet as cn
from coordnet.log.encoding import build_log
from coordnet.log.labels import Labelled
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters
from coordnet.simulation.truth import Truth

WITHIN = "60s"
LEVELS = (1e-2, 1e-3, 1e-4)
Change = Callable[[cn.ActionLog, np.random.Generator], cn.ActionLog]


def sample(share: float) -> Change:
    """Return the change that keeps each action with this probability."""
    return lambda log, rng: log.where(rng.random(len(log)) < share, "sample")


def deleted(share: float) -> Change:
    """Return the change that removes this share of the accounts with all that they did."""
    return lambda log, rng: log.where(
        (rng.random(len(log.all_accounts)) >= share)[log.account], "deleted account"
    )


def coarse(step: int) -> Change:
    """Return the change that cuts times to whole steps of so many seconds."""

    def change(log: cn.ActionLog, _: np.random.Generator) -> cn.ActionLog:
        return build_log(
            Labelled(log.account, log.all_accounts.labels),
            Labelled(log.object, log.object_labels),
            log.time // (step * 1_000_000) * (step * 1_000_000),
            kind=Labelled(log.object_kind[log.object], pa.array(log.kinds, pa.large_string())),
            row=np.arange(len(log)),
            threads=1,
        )

    return change


CHANGES: dict[str, Change] = {
    "none": lambda log, _: log,
    "50 % of the actions": sample(0.5),
    "25 % of the actions": sample(0.25),
    "10 % of the actions": sample(0.1),
    "1 % of the actions": sample(0.01),
    "30 % of the accounts deleted": deleted(0.3),
    "times in whole minutes": coarse(60),
    "times in whole hours": coarse(3_600),
}


def on_null(log: cn.ActionLog) -> dict[str, float]:
    """Return how many p-values are small, beside how many may be, and what is kept."""
    tested = cn.co_action(log, WITHIN, threads=1).test(threads=1)
    assert tested.tested is not None
    values: dict[str, float] = {"actions": len(log)}
    for level in LEVELS:
        small = int((tested.edges["p_value"] <= level).sum())
        values[f"p {level:g}"] = small / tested.tested.pairs / level
    values["kept"] = tested.keep(fdr=0.05).n_edges
    values["clusters"] = len(search_clusters(log, Configuration(WITHIN), threads=1).clusters)
    return values


def on_ring(log: cn.ActionLog, truth: Truth) -> dict[str, float]:
    """Return precision and recall of the pairs that are left, and the groups found."""
    there = set(log.accounts)
    left = {name: tuple(a for a in of if a in there) for name, of in truth.groups.items()}
    found = search_clusters(log, Configuration(WITHIN), threads=1).clusters
    result = cn.evaluate(found, Truth(MappingProxyType(left), truth.covert))
    return {
        "precision": result.pair_precision,
        "recall": result.pair_recall,
        "groups": result.cluster_recall * len(left),
    }


def spread(values: list[float], form: str) -> str:
    known = [x for x in values if not np.isnan(x)]
    if not known:
        return "-"
    low, mid, high = (format(f(known), form) for f in (min, statistics.median, max))
    return mid if low == high else f"{mid} ({low} to {high})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=20_000, help="(20,000)")
    parser.add_argument("--seeds", type=int, default=3, help="(3)")
    options = parser.parse_args()
    warnings.simplefilter("ignore", cn.CoordnetWarning)  # times coarser than the window: meant
    values: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in CHANGES}
    for seed in range(options.seeds):
        organic = cn.simulate("organic", accounts=options.accounts, seed=seed).log
        ring = cn.simulate("retweet_ring", accounts=options.accounts, seed=seed)
        for name, change in CHANGES.items():
            one = on_null(change(organic, np.random.default_rng(seed)))
            one |= on_ring(change(ring.log, np.random.default_rng(seed)), ring.truth)
            for key, value in one.items():
                values[name][key].append(value)
    columns = {
        "actions": ",.0f", **{f"p {level:g}": ".3f" for level in LEVELS}, "kept": ".0f",
        "clusters": ".0f", "precision": ".3f", "recall": ".3f", "groups": ".0f",
    }  # fmt: skip
    head = {"actions": "actions", "kept": "edges kept", "groups": "groups found, of 3"}
    head |= {f"p {level:g}": f"p <= {level:g}" for level in LEVELS}
    print("| change |", " | ".join(head.get(key, key) for key in columns), "|")
    print("| --- |" + " ---: |" * len(columns))
    for name, of in values.items():
        print(f"| {name} |", " | ".join(spread(of[k], f) for k, f in columns.items()), "|")


if __name__ == "__main__":
    main()
