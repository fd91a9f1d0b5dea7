"""Clusters of the Internet Research Agency's retweets against the hand-coded account categories.

    python benchmarks/ira_categories.py TWEETS ACCOUNTS [--within 60s 1h] [--write FILE]

TWEETS is a Parquet file of the archive of Linvill & Warren with the columns account_id, text,
published_at and kind; ACCOUNTS a CSV file of account_id and account_category. Accounts on one post
are accounts whose retweets have the same text. All accounts are suspects: there is nobody to be
told apart from, so what is measured is whether clusters are of one category.
"""

import argparse
import csv
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from detection import put, table
from numpy.typing import NDArray
from peers import pacheco

import coordnet as cn
from coordnet.clusters.clusters import Clusters
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters

Codes = NDArray[np.int64]


def agreement(cluster: Codes, category: Codes) -> dict[str, float]:
    """Return purity, normalised mutual information and adjusted Rand index of two labellings.

    Information is normalised by the mean of both entropies. And the share of the largest category,
    which is the purity of one cluster of all.
    """
    counts = np.zeros((cluster.max(initial=-1) + 1, category.max(initial=-1) + 1))
    np.add.at(counts, (cluster, category), 1)
    n = counts.sum()
    if n < 2:
        return dict.fromkeys(("purity", "largest", "NMI", "ARI"), float("nan"))
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)

    def entropy(x: NDArray[np.float64]) -> float:
        p = x[x > 0] / n
        return float(-(p * np.log(p)).sum())

    def choose(x: NDArray[np.float64]) -> float:
        return float((x * (x - 1) / 2).sum())

    mutual = entropy(rows) + entropy(columns) - entropy(counts.ravel())
    chance = choose(rows) * choose(columns) / (n * (n - 1) / 2)
    most = (choose(rows) + choose(columns)) / 2
    return {
        "purity": float(counts.max(axis=1).sum() / n),
        "largest": float(columns.max() / n),
        "NMI": mutual / ((entropy(rows) + entropy(columns)) / 2) if mutual else 0.0,
        "ARI": (choose(counts.ravel()) - chance) / (most - chance) if most != chance else 1.0,
    }


def labels(clusters: Clusters) -> tuple[Codes, Codes]:
    """Return the accounts in clusters, and the cluster of each: the smallest that it is in."""
    of = np.full(len(clusters.all_accounts), -1)
    for i in range(len(clusters)):  # the largest first
        of[clusters.members(i)] = i
    inside = np.flatnonzero(of >= 0)
    return inside, of[inside]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tweets", type=Path, metavar="TWEETS")
    parser.add_argument("accounts", type=Path, metavar="ACCOUNTS")
    parser.add_argument("--within", nargs="+", default=["60s", "1h"], metavar="WINDOW")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into it")
    options = parser.parse_args()
    warnings.simplefilter("ignore", cn.CoordnetWarning)  # the times are whole minutes
    columns = {"account": "account_id", "object": "text", "time": "published_at", "kind": "kind"}
    log = cn.read_actions(options.tweets, **columns).select("retweet")
    with options.accounts.open(encoding="utf-8", newline="") as file:
        coded = {row["account_id"]: row["account_category"] for row in csv.DictReader(file)}
    names = sorted(set(coded.values()))
    category = np.array([names.index(coded[a]) if a in coded else -1 for a in log.all_accounts])
    known = int((category[log.active] >= 0).sum())
    print(f"{len(log):,} retweets of {log.n_accounts:,} accounts, {known:,} of them coded\n")
    head = (
        "window", "method", "clusters", "accounts", "coverage", "purity", "largest category",
        "NMI", "ARI", "s",
    )  # fmt: skip
    rows: list[list[str]] = []
    notes: dict[str, None] = {}

    def show(window: str, name: str, find: Callable[[], Clusters]) -> None:
        begin = time.process_time()
        clusters = find()
        seconds = time.process_time() - begin
        inside, of = labels(clusters)
        of, inside = of[category[inside] >= 0], inside[category[inside] >= 0]
        values = agreement(of, category[inside])
        cells = [f"{len(clusters):,}", f"{len(inside):,}", f"{len(inside) / known:.3f}"]
        measures = [values[key] for key in ("purity", "largest", "NMI", "ARI")]
        cells += ["-" if np.isnan(x) else f"{x:.3f}" for x in measures]
        rows.append([window, name, *cells, f"{seconds:.0f}"])
        print(*rows[-1], sep=" | ", flush=True)

    def detected(window: str, **rule: object) -> Clusters:
        found = search_clusters(log, Configuration(window, **rule), threads=1)
        for graph in found.layers:
            if graph.tested is not None:
                notes.update(dict.fromkeys(f"{window}, {rule}: {n}" for n in graph.tested.notes))
        return found.clusters

    for window in options.within:
        for name, rule in (
            ("counts, >= 2", {"fdr": None, "groups": False}),
            ("detect, default", {}),
            ('detect, null="activity"', {"null": "activity"}),
            ('detect, null="activity", edges alone', {"null": "activity", "groups": False}),
        ):
            show(window, name, lambda w=window, r=rule: detected(w, **r))
    show("any", "TF-IDF, top 0.5 %", lambda: cn.find_clusters(pacheco(log, "60s"), "components"))
    print()
    if options.write is not None:
        put({"categories": table(head, rows, 2)}, options.write)
    for note in notes:
        print(f"- {note}")


if __name__ == "__main__":
    main()
