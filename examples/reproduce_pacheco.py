"""Case studies 4 and 5 of Pacheco et al. (2021), as their code computes them, on real retweets.

    python reproduce_pacheco.py [russian_coord_tweets.csv.gz]

Their own retweets (White Helmets) cannot be shared; these are 35,125 retweets of Russian-state
campaigns of 2021, the sample of CooRTweet, on which their code was run too. Printed are the numbers
of each step beside those of their code, the components, and what chance explains.
"""

import sys
from pathlib import Path

import numpy as np

import coordnet as cn

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "shared" / "data" / "russian_coord_tweets.csv.gz"
CODE = {  # pairs, quantile 0.995, edges, accounts, components
    "case study 4, co-retweets": (114_857, 0.2803, 575, 358, 45),
    "case study 5, the same half hours": (88_817, 0.2913, 445, 439, 68),
}


def case_study(name, build):
    """Print the steps of a case study and return its network."""
    every, graph = build(quantile=None), build()
    components = cn.find_clusters(graph, "components", min_size=2)
    border = np.quantile(every.weights, 0.995)
    found = (every.n_edges, round(border, 4), graph.n_edges, graph.n_accounts, len(components))
    print(f"{name}:")
    labels = ("similarities", "quantile 0.995", "edges", "accounts", "components")
    for label, ours, theirs in zip(labels, found, CODE[name], strict=True):
        print(f"  {label:<16}{ours:>10,}   their code {theirs:>10,}")
    print(f"  sizes of the components: {components.sizes[:12].tolist()} ...\n")
    return graph


def main():
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    if not path.exists():
        print(f"The data are not here: {path}. They are the sample of the R package CooRTweet; "
              "give the path of russian_coord_tweets as a CSV file.")  # fmt: skip
        return
    log = cn.read_actions(
        path, account="account_id", object="object_id", time="timestamp_share", post="content_id"
    )
    # More than ten retweets, as their code has it; its cut of each row to a hundred left out
    retweets = case_study(
        "case study 4, co-retweets",
        lambda **asked: cn.recipes.pacheco_co_retweet(log, variant="code", top_n=None, **asked),
    )
    # Bins from the full hour on, more than eight actions
    timing = case_study(
        "case study 5, the same half hours",
        lambda **asked: cn.recipes.pacheco_co_timing(log, min_support=9, **asked),
    )
    cut = cn.recipes.pacheco_co_retweet(log, variant="code")
    print(f"With their cut of rows, case study 4 has {cut.n_edges} edges among {cut.n_accounts} "
          "accounts: each account keeps its 100 largest similarities first.\n")  # fmt: skip
    found = cn.compare({"co-retweets": retweets, "half hours": timing}, method="components")
    print(found.text)


if __name__ == "__main__":
    main()
