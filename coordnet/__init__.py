"""Which groups of accounts act together, more than chance, interest or the news explain."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coordnet import plots, recipes  # noqa: F401
    from coordnet.clusters.clusters import Cluster, Clusters
    from coordnet.clusters.communities import find_clusters
    from coordnet.clusters.groups import find_groups
    from coordnet.detection.detect import detect
    from coordnet.detection.run import Run
    from coordnet.errors import (
        CoordnetError,
        CoordnetWarning,
        InputError,
        MemoryBudgetError,
        MissingDependencyError,
        NoSuchItemError,
        OutputError,
        ParameterError,
    )
    from coordnet.graphs.co_action import CoAction, co_action, co_retweet
    from coordnet.graphs.co_timing import CoTiming, co_timing
    from coordnet.graphs.graph import CoordinationGraph
    from coordnet.graphs.multiplex import Multiplex
    from coordnet.graphs.relation import Given, Relation
    from coordnet.graphs.true_pairs import true_pairs
    from coordnet.inference.group_test import GroupTest, test_group
    from coordnet.inference.null_logs import (
        resampled_delays,
        shuffled_accounts,
        swapped_profiles,
    )
    from coordnet.log.accounts import Accounts
    from coordnet.log.actions import ActionLog
    from coordnet.over_time.clusters_over_time import ClustersOverTime, find_clusters_over_time
    from coordnet.over_time.watch import Alarm, News, watch
    from coordnet.progress import show_progress
    from coordnet.readers.exports import read_posts
    from coordnet.readers.post_table import Posts
    from coordnet.readers.tables import read_actions
    from coordnet.recipes.comparison import Comparison, compare
    from coordnet.robustness.confirmation import Confirmation, confirm_clusters
    from coordnet.robustness.findable import Findable, findable
    from coordnet.robustness.null_runs import NullRuns, run_nulls
    from coordnet.robustness.power import Power, power
    from coordnet.robustness.sensitivity import sensitivity
    from coordnet.robustness.stability import cluster_stability
    from coordnet.robustness.suggestion import WindowSuggestions, suggest_windows
    from coordnet.scores.table import ClusterScores, score_clusters
    from coordnet.search.configuration import Configuration
    from coordnet.simulation.evaluation import Evaluation, evaluate
    from coordnet.simulation.evaluation_over_time import EvaluationOverTime, evaluate_over_time
    from coordnet.simulation.scenarios import simulate
    from coordnet.simulation.truth import Simulation, Truth
    from coordnet.storage import load, save
    from coordnet.store.stored_log import StoredLog, open_store
    from coordnet.store.write import write_store

# Where each public name is defined. A name is imported when it is first used, so that
# ``import coordnet`` costs next to nothing.
_HOMES = {
    "clusters.clusters": ("Cluster", "Clusters"),
    "clusters.communities": ("find_clusters",),
    "clusters.groups": ("find_groups",),
    "detection.detect": ("detect",),
    "detection.run": ("Run",),
    "errors": (
        "CoordnetError", "CoordnetWarning", "InputError", "MemoryBudgetError",
        "MissingDependencyError", "NoSuchItemError", "OutputError", "ParameterError",
    ),
    "graphs.co_action": ("CoAction", "co_action", "co_retweet"),
    "graphs.co_timing": ("CoTiming", "co_timing"),
    "graphs.graph": ("CoordinationGraph",),
    "graphs.multiplex": ("Multiplex",),
    "graphs.relation": ("Given", "Relation"),
    "graphs.true_pairs": ("true_pairs",),
    "inference.group_test": ("GroupTest", "test_group"),
    "inference.null_logs": ("resampled_delays", "shuffled_accounts", "swapped_profiles"),
    "log.accounts": ("Accounts",),
    "log.actions": ("ActionLog",),
    "progress": ("show_progress",),
    "over_time.clusters_over_time": ("ClustersOverTime", "find_clusters_over_time"),
    "over_time.watch": ("Alarm", "News", "watch"),
    "readers.exports": ("read_posts",),
    "readers.post_table": ("Posts",),
    "readers.tables": ("read_actions",),
    "recipes.comparison": ("Comparison", "compare"),
    "robustness.confirmation": ("Confirmation", "confirm_clusters"),
    "robustness.findable": ("Findable", "findable"),
    "robustness.null_runs": ("NullRuns", "run_nulls"),
    "robustness.power": ("Power", "power"),
    "robustness.sensitivity": ("sensitivity",),
    "robustness.stability": ("cluster_stability",),
    "robustness.suggestion": ("WindowSuggestions", "suggest_windows"),
    "scores.table": ("ClusterScores", "score_clusters"),
    "search.configuration": ("Configuration",),
    "simulation.evaluation": ("Evaluation", "evaluate"),
    "simulation.evaluation_over_time": ("EvaluationOverTime", "evaluate_over_time"),
    "simulation.scenarios": ("simulate",),
    "simulation.truth": ("Simulation", "Truth"),
    "storage": ("load", "save"),
    "store.stored_log": ("StoredLog", "open_store"),
    "store.write": ("write_store",),
}  # fmt: skip
# Rooms that are used by name: coordnet.recipes.coortweet(log)
_MODULES = ("plots", "recipes")
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Accounts",
    "ActionLog",
    "Alarm",
    "Cluster",
    "ClusterScores",
    "Clusters",
    "ClustersOverTime",
    "CoAction",
    "CoTiming",
    "Comparison",
    "Configuration",
    "Confirmation",
    "CoordinationGraph",
    "CoordnetError",
    "CoordnetWarning",
    "Evaluation",
    "EvaluationOverTime",
    "Findable",
    "Given",
    "GroupTest",
    "InputError",
    "MemoryBudgetError",
    "MissingDependencyError",
    "Multiplex",
    "News",
    "NoSuchItemError",
    "NullRuns",
    "OutputError",
    "ParameterError",
    "Posts",
    "Power",
    "Relation",
    "Run",
    "Simulation",
    "StoredLog",
    "Truth",
    "WindowSuggestions",
    "cluster_stability",
    "co_action",
    "co_retweet",
    "co_timing",
    "compare",
    "confirm_clusters",
    "detect",
    "evaluate",
    "evaluate_over_time",
    "find_clusters",
    "find_clusters_over_time",
    "find_groups",
    "findable",
    "load",
    "open_store",
    "power",
    "read_actions",
    "read_posts",
    "resampled_delays",
    "run_nulls",
    "save",
    "score_clusters",
    "sensitivity",
    "show_progress",
    "shuffled_accounts",
    "simulate",
    "suggest_windows",
    "swapped_profiles",
    "test_group",
    "true_pairs",
    "watch",
    "write_store",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("coordnet")
    if name in _MODULES:
        return importlib.import_module(f"coordnet.{name}")
    if name not in _HOME_OF:
        from coordnet.errors import nearest

        raise AttributeError(
            f"module 'coordnet' has no attribute {name!r}.{nearest(name, __all__)}"
        )
    value = getattr(importlib.import_module(f"coordnet.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, *_MODULES, "__version__"]
