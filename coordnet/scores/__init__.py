"""Scores of clusters, never of accounts: one file a family, each score one plain function.

A score of one's own is declared as those here are, with :func:`score`, in any module:

>>> import numpy as np
>>> from coordnet.scores import Estimate, score
>>> @score("my family", "Number of members, squared.", "accounts")
... def squared_size(view):
...     return Estimate(view.sizes.astype(float) ** 2)
>>> from coordnet.scores.view import REGISTRY
>>> REGISTRY.pop("squared_size")[0].family
'my family'
"""

from coordnet.scores.table import ClusterScores, score_clusters
from coordnet.scores.view import Absent, Column, Estimate, View, score

__all__ = [
    "Absent", "ClusterScores", "Column", "Estimate", "View", "score", "score_clusters"
]  # fmt: skip
