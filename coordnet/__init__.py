"""Which groups of accounts act together, more than chance, interest or the news explain."""

from importlib import metadata

from coordnet.actions import ActionLog
from coordnet.clusters import Clusters, find_clusters
from coordnet.coaction import co_action, co_retweet
from coordnet.cotiming import co_timing
from coordnet.errors import CoordnetError, CoordnetWarning
from coordnet.evaluate import Evaluation, evaluate
from coordnet.graph import CoordinationGraph
from coordnet.groups import GroupTest, find_groups, test_group
from coordnet.pipeline import Run, detect
from coordnet.readers import read_actions
from coordnet.reruns import Power, cluster_stability, power, sensitivity
from coordnet.scores import ClusterScores, score_clusters
from coordnet.simulate import Simulation, simulate

__version__ = metadata.version("coordnet")

__all__ = [
    "ActionLog",
    "ClusterScores",
    "Clusters",
    "CoordinationGraph",
    "CoordnetError",
    "CoordnetWarning",
    "Evaluation",
    "GroupTest",
    "Power",
    "Run",
    "Simulation",
    "cluster_stability",
    "co_action",
    "co_retweet",
    "co_timing",
    "detect",
    "evaluate",
    "find_clusters",
    "find_groups",
    "power",
    "read_actions",
    "score_clusters",
    "sensitivity",
    "simulate",
    "test_group",
]
