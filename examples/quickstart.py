"""coordnet stage by stage, on a simulated log: what detect() does in one call.

    python examples/quickstart.py

Simulates a population of 2,000 accounts with three rings of accounts that retweet together, and
goes from the log to a graph, to the edges that stand a test, to clusters, to their scores. Writes
retweet-rings.gexf, which Gephi and other programs open, accounts under pseudonyms.
"""

import coordnet as cn

# A log: who acted on what, when. Yours comes from cn.read_actions("file.csv", account=..., ...).
sim = cn.simulate("retweet_ring", accounts=2_000, seed=0)
print(sim.log, end="\n\n")

# The pairs of accounts that retweeted the same posts within a minute of each other, twice or more
graph = cn.co_retweet(sim.log, within="60s", min_weight=2)
print(graph, end="\n\n")

# Those of them that neither how active accounts are nor how posts spread explains
kept = graph.test().keep(fdr=0.05)
print(kept, end="\n\n")

# Communities of what is left, and what is known of each
clusters = cn.find_clusters(kept, min_size=3, seed=0)
scores = cn.score_clusters(clusters, sim.log)
print(scores, end="\n\n")

# Scores with their references and meanings, one row a cluster and score
long = scores.to_frame(long=True)
print(long.loc[long["cluster"] == 0, ["score", "value", "reference", "unit"]].to_string())

kept.write("retweet-rings.gexf")

# Only a simulation knows who was planted.
print()
print(cn.evaluate(clusters, sim.truth))
