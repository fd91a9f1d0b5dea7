"""CooRTweet on its own sample of Russian-state campaigns, and what chance explains of it.

    python reproduce_coortweet.py [russian_coord_tweets.csv.gz]

The sample of the R package CooRTweet (Righetti & Balluff 2025): 35,125 retweets of 2021, with
object_id, account_id, content_id and timestamp_share. Printed are the pairs, accounts and edges of
the package for several settings, its flagged network and communities, and how many of its edges
neither activity nor timing explain.
"""

import sys
from pathlib import Path

import pandas as pd

import coordnet as cn

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "shared" / "data" / "russian_coord_tweets.csv.gz"
SETTINGS = [(10, 2), (60, 1), (60, 2), (3_600, 2)]
PUBLISHED = {  # what the package gives
    (10, 2): (447, 525, 442, 4), (60, 1): (6_281, 3_954, 6_206, 63),
    (60, 2): (3_791, 2_110, 3_721, 60), (3_600, 2): (183_379, 4_099, 169_781, 10_679),
}  # fmt: skip


def networks(log):
    """Print the size of the network of each setting, beside that of the package."""
    rows = []
    for within, least in SETTINGS:
        graph = cn.recipes.coortweet(log, within=within, min_participation=least)
        flagged = int(graph.edges["weight_threshold"].sum())
        found = (int(graph.weights.sum()), graph.n_accounts, graph.n_edges, flagged)
        same = "yes" if found == PUBLISHED[within, least] else "no"
        rows.append((within, least, *found, same))
    names = ["within, s", "participation", "pairs", "accounts", "edges", "flagged", "as published"]
    print(pd.DataFrame(rows, columns=names).to_string(index=False))


def communities(log):
    """Print the communities of the network of a minute and of its fast part."""
    graph = cn.recipes.coortweet(log, within=60, fast=10)
    clusters = cn.find_clusters(graph, "louvain")
    print(f"\nWithin a minute: {len(clusters)} communities of three accounts or more, the largest "
          f"of {clusters.sizes[0]}.")  # fmt: skip
    fast = int((graph.edges["weight_fast"] > 0).sum())
    flagged = cn.recipes.coortweet(log, within=60, fast=10, subgraph=2)
    print(f"{fast} of its {graph.n_edges:,} edges have pairs within ten seconds; {flagged.n_edges} "
          "of these exceed the median.")  # fmt: skip
    print("\nThe heaviest edges (accounts are hashes in the data):")
    top = graph.to_frame().sort_values("weight", ascending=False, kind="stable").head(5)
    columns = ["source", "target", "weight", "avg_time_delta", "edge_symmetry_score"]
    short = {name: top[name].str[:8] for name in ("source", "target")}
    print(top.assign(**short)[columns].to_string(index=False))


def chance(log):
    """Print what the null models explain."""
    for within, least in ((60, 2), (3_600, 2)):
        graph = cn.recipes.coortweet(log, within=within, min_participation=least)
        found = cn.compare({f"CooRTweet, {within} s": graph})
        print(f"\n{found.text}")


def main():
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    if not path.exists():
        print(f"The data are not here: {path}. They are the sample of the R package CooRTweet; "
              "give the path of russian_coord_tweets as a CSV file.")  # fmt: skip
        return
    log = cn.read_actions(
        path, account="account_id", object="object_id", time="timestamp_share", post="content_id"
    )
    print(log, end="\n\n")
    networks(log)
    communities(log)
    chance(log)


if __name__ == "__main__":
    main()
