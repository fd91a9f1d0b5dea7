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
from coordnet.search.search import Found, search_clusters, too_few_left

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

    def matched(self, clusters: Clusters) -> NDArray[np.int64]:
        """Return for each of other clusters the set of the first half that is most like it.

        By the Jaccard index of their members; -1 where no set has half of the members of the
        smaller of the two.

        Parameters
        ----------
        clusters
            Clusters of the same accounts, such as those of the whole period.
        """
        sets = [self.clusters.members(i) for i in range(len(self.clusters))]
        best = np.full(len(clusters), -1, np.int64)
        for i in range(len(clusters)):
            own = clusters.members(i)
            most = 0.0
            for j, other in enumerate(sets):
                shared = len(np.intersect1d(own, other))
                index = shared / (len(own) + len(other) - shared)
                if 2 * shared >= min(len(own), len(other)) and index > most:
                    best[i], most = j, index
        return best

    def beside(self, clusters: Clusters) -> pa.Table:
        """Return an Arrow table of what the second half says of other clusters, a row each.

        ``cluster`` is their number, ``set`` the set of the first half that is most like it (null
        where there is none), ``shared`` the members of both, ``accounts`` those of the set,
        ``active`` how many of them act in the second half, and the set's ``p_value`` and
        ``adjusted`` there. Sets that are like none of the clusters stand at the end, without a
        number of a cluster.
        """
        sets = self.matched(clusters)
        alone = np.setdiff1d(np.arange(len(self.clusters)), sets)
        cluster = np.append(np.arange(len(clusters)), np.full(len(alone), -1))
        sets = np.append(sets, alone)
        known = sets >= 0
        at = np.where(known, sets, 0)
        shared = [
            len(np.intersect1d(clusters.members(i), self.clusters.members(j)))
            if i >= 0 and j >= 0
            else 0
            for i, j in zip(cluster.tolist(), sets.tolist(), strict=True)
        ]

        def of_set(values: NDArray[Any]) -> pa.Array:
            some = values[at] if len(values) else np.zeros(len(at), values.dtype)
            return pa.array(some, mask=~known)

        return pa.table(
            {
                "cluster": pa.array(cluster, mask=cluster < 0),
                "set": pa.array(sets, mask=~known),
                "shared": pa.array(np.array(shared, np.int64)),
                "accounts": of_set(self.clusters.sizes),
                "active": of_set(self.active),
                "p_value": of_set(self.p_value),
                "adjusted": of_set(self.adjusted),
            }
        )


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
    p = 1. Where the background cleans itself, the accounts found in the first half are out of that
    of the second too.

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
    search = search_clusters(first, config, background, threads)
    found = search.clusters
    outside = _outside(search, second) if config.clean_background and background is None else None
    p = np.ones(len(found))
    active = np.zeros(len(found), np.int64)
    testers = [
        relation.group_tester(second, background, threads, config.occasion_gap_us, outside)
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


def _outside(found: Found, second: ActionLog) -> NDArray[np.bool_] | None:
    """Return who is in the background of the second half, None where that is everybody."""
    outside = np.ones(len(second.all_accounts), bool)
    outside[found.clusters.indices] = False
    for layer in found.layers:
        outside[layer.nodes] = False
    unknown = found.few_left or too_few_left(second, outside)
    return None if outside.all() or unknown else outside


def _holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values adjusted by Holm's step-down method."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)) if len(p) else p
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
