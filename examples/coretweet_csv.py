"""From a CSV file of retweets to clusters, edges, scores and a manifest.

    python examples/coretweet_csv.py [FILE.csv[.gz]]

The file has the columns of the sample that comes with the R package CooRTweet: object_id (the post
that was retweeted), account_id, content_id (the retweet) and timestamp_share (seconds since 1970).
Other names go into read_actions below. Without a file, a simulated one is written and used.
"""

import sys

import coordnet as cn

COLUMNS = {
    "object": "object_id",
    "account": "account_id",
    "post": "content_id",
    "time": "timestamp_share",
}


def simulated() -> str:
    """Write a simulated log as such a file and return its name."""
    actions = cn.simulate("retweet_ring", accounts=2_000, seed=0).log.to_frame("pandas")
    actions["post"] = actions.index.map("t{:06d}".format)
    actions["time"] = actions["time"].astype("datetime64[s, UTC]").astype("int64")
    actions.rename(columns=COLUMNS)[list(COLUMNS.values())].to_csv("retweets.csv", index=False)
    return "retweets.csv"


path = sys.argv[1] if len(sys.argv) > 1 else simulated()
log = cn.read_actions(path, **COLUMNS)
print(log, end="\n\n")

run = cn.detect(log, within="60s")
print(run, end="\n\n")

for file in run.write("coretweet-out"):
    print("written:", file)
