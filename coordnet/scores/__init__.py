"""Scores of clusters, never of accounts: one file a family, each score one plain function."""

from coordnet.scores.table import ClusterScores, score_clusters

__all__ = ["ClusterScores", "score_clusters"]
