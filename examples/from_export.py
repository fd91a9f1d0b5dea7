"""From an export of a platform to clusters: posts, traces, detection.

    python examples/from_export.py [FILE ...]

Without a file: posts as the stream of X API v2 gives them, made by the simulator and written to
x.jsonl. With files: exports of any format of docs/formats.md, such as the small samples in
tests/readers/samples/.
"""

import json
import sys
from pathlib import Path

import coordnet as cn


def simulated() -> str:
    """Write simulated retweets as JSON lines of X API v2 and return the file's name."""
    log = cn.simulate("retweet_ring", accounts=1_000, seed=0).log
    ids = {label: str(i) for i, label in enumerate(log.all_accounts)}
    posts = {label: str(10**9 + i) for i, label in enumerate(log.objects)}
    with Path("x.jsonl").open("w") as file:
        for i, row in enumerate(log.to_frame("pyarrow").to_pylist()):
            tweet = {
                "id": str(10**12 + i),
                "author_id": ids[row["account"]],
                "created_at": row["time"].strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "conversation_id": str(10**12 + i),
                "text": "RT @someone: ...",
                "referenced_tweets": [{"type": "retweeted", "id": posts[row["object"]]}],
            }
            user = {"id": tweet["author_id"], "username": row["account"], "name": row["account"]}
            file.write(json.dumps({"data": tweet, "includes": {"users": [user]}}) + "\n")
        file.write('{"errors": [{"title": "operational-disconnect"}]}\n')
    return "x.jsonl"


posts = cn.read_posts(sys.argv[1:] or simulated())
print(posts, end="\n\n")

kinds = [kind for kind in ("retweet", "url", "hashtag") if kind not in posts.absent]
log = posts.actions(kinds)
print(log, end="\n\n")

run = cn.detect(log, within="60s", accounts=posts.profiles())
print(run)
