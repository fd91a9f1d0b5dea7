"""Confirmation: what the first half of the period shows, tested in the second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.frames import native
from coordnet.log.actions import ActionLog
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters

# -- confirmation ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Confirmation:
    """Sets discovered in the first half of the period, tested in the second.

    Attributes
    ----------
    clusters : Clusters
        What the first half showed; codes are of the first half's log.
    p_value : float64 (clusters,)
        Of each set in the second half, as the group test gives it for a set named before looking.
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
        return native(table, backend or self.clusters.layers[0].frame)


def halves(log: ActionLog) -> tuple[ActionLog, ActionLog]:
    """Return the first and the second half of the log, by the middle of its period."""
    if log.limits is None:
        return log, log
    early = log.time < (log.limits[0] + log.limits[1] + 2) // 2
    return log.where(early, "outside the period"), log.where(~early, "outside the period")


def confirm_clusters(
    log: ActionLog,
    config: Configuration,
    background: ActionLog | None = None,
    threads: int | None = None,
) -> Confirmation:
    """Search the first half of the period and test the very sets found there in the second.

    What was picked in the first half owes nothing to chance in the second, so that the test needs
    no correction for the search. Sets of which fewer than two members act in the second half have
    p = 1.

    Parameters
    ----------
    log
        The actions.
    config
        By what rule clusters are searched for.
    background
        A log of accounts that are not under suspicion, as in :func:`coordnet.detect`.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=1_000, seed=0).log
    >>> bool((cn.confirm_clusters(log, cn.Configuration()).adjusted < 0.05).all())
    True
    """
    config.check_evidence("confirm")
    config.check_kinds(log)
    first, second = halves(log)
    found = search_clusters(first, config, background, threads).clusters
    p = np.ones(len(found))
    active = np.zeros(len(found), np.int64)
    testers = [
        relation.group_tester(second, background, threads, config.occasion_gap_us)
        for relation in config.relations
        if relation.on_objects
    ]
    acts = np.zeros(len(log.all_accounts), bool)
    acts[second.active] = True
    for i in range(len(found)):
        members = found.members(i)
        codes = members[acts[members]]
        active[i] = len(codes)
        if len(codes) > 1:
            tests = [tester.test(codes) for tester in testers if tester is not None]
            p[i] = min([1.0, *(len(tests) * test.p_value for test in tests)])
    return Confirmation(found, p, _holm(p), active)


def _holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values adjusted by Holm's step-down method."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)) if len(p) else p
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
