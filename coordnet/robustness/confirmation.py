"""Confirmation: what the first half of the period shows, tested in the second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.frames import native
from coordnet.inference.group_test import group_tester
from coordnet.log.actions import ActionLog
from coordnet.robustness.null_runs import check_evidence
from coordnet.search.configuration import Rule
from coordnet.search.search import discover

# -- confirmation ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Confirmation:
    """Sets discovered in the first half of the period, tested in the second.

    Attributes
    ----------
    clusters : Clusters
        What the first half showed; codes are of the first half's log.
    p_value : float64 (clusters,)
        Of each set in the second half, at no price for picking it: p_C of the group test.
    adjusted : float64 (clusters,)
        Corrected for the number of sets (Holm 1979).
    active : int64 (clusters,)
        How many of the members act in the second half.
    """

    clusters: Clusters
    p_value: NDArray[np.float64]
    adjusted: NDArray[np.float64]
    active: NDArray[np.int64]

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a dataframe of one row a set: cluster, accounts, active, p_value, adjusted."""
        table = pa.table(
            {
                "cluster": pa.array(np.arange(len(self.clusters))),
                "accounts": pa.array(self.clusters.sizes),
                "active": pa.array(self.active),
                "p_value": pa.array(self.p_value),
                "adjusted": pa.array(self.adjusted),
            }
        )
        return native(table, backend or self.clusters.graph.log.frame)


def halves(log: ActionLog) -> tuple[ActionLog, ActionLog]:
    """Return the first and the second half of the log, by the middle of its period."""
    if log.limits is None:
        return log, log
    middle = np.datetime64((log.limits[0] + log.limits[1] + 2) // 2, "us")
    return log.between(None, middle), log.between(middle, None)


def confirm_clusters(log: ActionLog, rule: Rule, threads: int | None = None) -> Confirmation:
    """Discover in the first half of the period and test those very sets in the second.

    What was picked in the first half owes nothing to chance in the second, so that the test needs
    no price for the search. Sets of which fewer than two members act in the second half have
    p = 1.
    """
    check_evidence(rule, "confirm")
    first, second = halves(log)
    found = discover(first, rule, threads).clusters
    p = np.ones(len(found))
    active = np.zeros(len(found), np.int64)
    for i in range(len(found)):
        codes = second.codes_of(first.accounts[found.members(i)], missing="ignore")
        active[i] = len(codes)
        if len(codes) > 1:
            tests = [
                group_tester(second, w, None, rule.background, threads).test(codes)
                for w in rule.within
            ]
            p[i] = min([1.0, *(len(tests) * test.p_value for test in tests)])
    return Confirmation(found, p, _holm(p), active)


def _holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values adjusted by Holm's step-down method."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)) if len(p) else p
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
