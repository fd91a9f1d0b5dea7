"""The kinds of troll of Linvill & Warren (2020), and whether retweets alone tell them apart.

    python reproduce_linvill_warren.py [ira_tweets.parquet ira_accounts.csv]

They coded the accounts of the Internet Research Agency by hand: right troll, left troll, news feed,
hashtag gamer, fearmonger. First their description: how many accounts and tweets each kind has, how
much of it are retweets, and the day of its peak. Then the question that a detection method asks of
the same data: do groups found in the retweets, without any label, hold one kind each? The tweets
are those that FiveThirtyEight published, seventeen large files of which are missing.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import coordnet as cn

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / "shared" / "data"
KINDS = ("RightTroll", "LeftTroll", "NewsFeed", "HashtagGamer", "Fearmonger")


def description(log, category):
    """Print a row for each kind: accounts, tweets, share of retweets, the busiest day."""
    frame = pd.DataFrame({"account": log.account, "day": log.time // 86_400_000_000})
    frame["retweet"] = log.object_kind[log.object] == log.kinds.index("retweet")
    of_account = category.reindex(log.all_accounts.names).to_numpy()
    frame["kind"] = of_account[frame["account"]]
    rows = []
    for kind in KINDS:
        own = frame[frame["kind"] == kind]
        days = own["day"].value_counts()
        peak = str(np.datetime64(int(days.index[0]), "D"))
        rows.append((kind, own["account"].nunique(), len(own), own["retweet"].mean(), peak))
    names = ["kind", "accounts", "tweets", "retweets", "busiest day"]
    print(pd.DataFrame(rows, columns=names).round(2).to_string(index=False))


def purity(clusters, category):
    """Return the share of labelled members that are of the most common kind of their group."""
    hit = labelled = 0
    for cluster in clusters:
        kinds = category.reindex(cluster.accounts).dropna()
        kinds = kinds[kinds.isin(KINDS)].value_counts()
        if len(kinds):
            hit, labelled = hit + int(kinds.iloc[0]), labelled + int(kinds.sum())
    return hit / max(labelled, 1), labelled


def recovered(log, category):
    """Print how pure the groups are that each method finds in the retweets."""
    retweets = log.select("retweet")
    methods = {
        "TF-IDF, top 0.5 % (Pacheco et al.)": cn.find_clusters(
            cn.recipes.pacheco_co_retweet(retweets), "louvain"
        ),
        "coordinationz, similarity 0.3": cn.find_clusters(
            cn.recipes.coordinationz(retweets), "louvain"
        ),
        "CooRTweet, a minute, flagged": cn.find_clusters(
            cn.recipes.coortweet(retweets, within=60, subgraph=1), "louvain"
        ),
        "TF-IDF, disparity (Nizzoli et al.)": cn.recipes.nizzoli(retweets, top=1.0, alpha=1e-6),
    }
    rows = []
    for name, clusters in methods.items():
        share, labelled = purity(clusters, category)
        rows.append((name, len(clusters), len(np.unique(clusters.indices)), labelled, share))
    names = ["method", "groups", "accounts", "labelled", "purity"]
    print(pd.DataFrame(rows, columns=names).round(3).to_string(index=False))


def main():
    given = [Path(name) for name in sys.argv[1:3]]
    tweets, accounts = (
        given if len(given) == 2 else (FOLDER / "ira_tweets.parquet", FOLDER / "ira_accounts.csv")
    )
    if not (tweets.exists() and accounts.exists()):
        print(f"The data are not here: {tweets}, {accounts}. They are the tweets that "
              "FiveThirtyEight published with Linvill and Warren; give both paths.")  # fmt: skip
        return
    warnings.simplefilter("ignore", cn.CoordnetWarning)  # times are in whole minutes
    log = cn.read_actions(
        tweets, account="account_id", object="text", time="published_at", kind="kind"
    )
    table = pd.read_csv(accounts, dtype=str).drop_duplicates("account_id")
    category = table.set_index("account_id")["account_category"]
    print("The kinds of troll:\n")
    description(log, category)
    print("\nGroups in the retweets beside the hand-coded kinds:\n")
    recovered(log, category)


if __name__ == "__main__":
    main()
