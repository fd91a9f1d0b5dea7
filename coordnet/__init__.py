"""Which groups of accounts act together, more than chance, interest or the news explain."""

from importlib import metadata

from coordnet.clusters.clusters import Clusters
from coordnet.clusters.communities import find_clusters
from coordnet.clusters.groups import find_groups
from coordnet.detection.detect import detect
from coordnet.detection.run import Run
from coordnet.errors import CoordnetError, CoordnetWarning
from coordnet.graphs.co_action import co_action, co_retweet
from coordnet.graphs.co_timing import co_timing
from coordnet.graphs.graph import CoordinationGraph
from coordnet.inference.group_test import GroupTest, test_group
from coordnet.log.actions import ActionLog
from coordnet.readers import read_actions
from coordnet.robustness.power import Power, power
from coordnet.robustness.sensitivity import sensitivity
from coordnet.robustness.stability import cluster_stability
from coordnet.scores import ClusterScores, score_clusters
from coordnet.simulation.evaluation import Evaluation, evaluate
from coordnet.simulation.scenarios import simulate
from coordnet.simulation.truth import Simulation

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
