"""What pictures are of: the scores of a run, and a cluster of them."""

from __future__ import annotations

from coordnet.clusters.clusters import Clusters
from coordnet.detection.run import Run
from coordnet.errors import ParameterError
from coordnet.scores.table import ClusterScores

Scored = Run | ClusterScores


def scores_of(source: Scored) -> ClusterScores:
    """Return the scores of a run, or the scores themselves."""
    scores = source.scores if isinstance(source, Run) else source
    if not isinstance(scores, ClusterScores):
        raise ParameterError(
            "this picture is of scored clusters; run detect with score=True, or give what "
            "score_clusters gives."
        )
    return scores


def clusters_of(source: Scored | Clusters) -> Clusters:
    """Return the clusters of a run or of scores, or the clusters themselves."""
    clusters = getattr(source, "clusters", source)
    if not isinstance(clusters, Clusters):
        raise ParameterError(
            f"this picture is of clusters, not of {type(source).__name__}; give a run, its scores "
            "or its clusters."
        )
    return clusters


def number_of(source: Scored | Clusters, i: int) -> int:
    """Return the number of a cluster, counted from the end where it is negative."""
    return clusters_of(source)[i].number
