"""The Internet Research Agency's accounts: what detection finds, and what the kinds of troll do.

    python ira.py ira_tweets.parquet ira_accounts.csv

The tweets are those that FiveThirtyEight published with Linvill and Warren (columns account_id,
text, published_at, kind), the accounts their hand-coded categories (account_id, account_category).
All accounts in the data are suspects: nothing here is compared with the public, and the chances
that the timing test takes from the others are those of other trolls.
"""

import argparse
import logging

import numpy as np
import pandas as pd

import coordnet as cn

MOMENTS = {
    "day before the Podesta mails": ("2016-10-06", "2016-10-07"),
    "election of 2016": ("2016-11-08", "2016-11-10"),
    "Charlottesville": ("2017-08-12", "2017-08-16"),
}
CATEGORIES = ("RightTroll", "LeftTroll", "NewsFeed", "HashtagGamer")
SCORES = (
    "accounts", "actions", "days_active", "synchronised_actions", "median_lag",
    "days_with_synchrony", "top_target_share", "verbatim_share", "first_mover_inequality",
    "hour_entropy", "round_the_clock", "burstiness", "on_the_quarter", "moments",
)  # fmt: skip


def detected(tweets, category):
    """Detect in the retweets, and print what the clusters are made of."""
    retweets = tweets.select("retweet")
    run = cn.detect(retweets, within="60s")
    print(run)
    rows = []
    for cluster in run.clusters:
        kinds = category.reindex(cluster.accounts).value_counts()
        rows.append((cluster.number, kinds.sum(), kinds.index[0], kinds.iloc[0] / kinds.sum()))
    table = pd.DataFrame(rows, columns=["cluster", "accounts", "most are", "share"])
    purity = (table["accounts"] * table["share"]).sum() / max(table["accounts"].sum(), 1)
    print(f"\nClusters beside the hand-coded categories: purity {purity:.3f}\n")
    print(table.round(2).to_string(index=False))
    if len(run.clusters):
        print("\n" + run.scores.explain(0))


def compared(tweets, category):
    """Score the hand-coded categories as clusters, each beside the others."""
    graph = cn.co_action(tweets, within="60s", min_weight=2)
    sets = [category.index[category == name].intersection(tweets.accounts) for name in CATEGORIES]
    clusters = cn.Clusters.from_labels(sets, graph, method="hand-coded")
    scores = cn.score_clusters(clusters, moments=MOMENTS, only=SCORES, null_sets=0)
    order = [
        CATEGORIES[[len(s) for s in sets].index(size)] for size in clusters.sizes.tolist()
    ]  # clusters are numbered by size
    rows = {}
    for name, estimate in scores.estimates.items():
        rows[name] = [
            f"{value:.3g}" if low is None or np.isnan(low[i]) else
            f"{value:.3g} ({low[i]:.3g} to {estimate.high[i]:.3g})"
            for i, value in enumerate(estimate.value)
            for low in [estimate.low]
        ]  # fmt: skip
    print("\nThe hand-coded categories in scores (95 % intervals over accounts):\n")
    table = pd.DataFrame(rows, index=order).T[list(CATEGORIES)]
    print(table.to_string())


def main():
    logging.basicConfig(level=logging.WARNING)
    parser = argparse.ArgumentParser()
    parser.add_argument("tweets")
    parser.add_argument("accounts")
    options = parser.parse_args()
    tweets = cn.read_actions(
        options.tweets, account="account_id", object="text", time="published_at", kind="kind",
        text="text",
    )  # fmt: skip
    table = pd.read_csv(options.accounts, dtype=str).drop_duplicates("account_id")
    category = table.set_index("account_id")["account_category"]
    detected(tweets, category)
    compared(tweets, category)


if __name__ == "__main__":
    main()
