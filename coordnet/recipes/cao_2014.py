"""SynchroTrap (Cao et al. 2014): daily Jaccard similarity of actions that match in time."""

from __future__ import annotations

import numpy as np

from coordnet.clusters.clusters import Clusters
from coordnet.clusters.communities import find_clusters
from coordnet.errors import check_number
from coordnet.graphs.co_action import CoAction
from coordnet.log.actions import ActionLog, check_log
from coordnet.recipes.recipe import made, recipe
from coordnet.times import Duration, duration


@recipe(
    "Cao, Q., Yang, X., Yu, J. & Palow, C. (2014). Uncovering large groups of active malicious "
    "accounts in online social networks. ACM Conference on Computer and Communications Security, "
    "477-488."
)
def synchrotrap(
    log: ActionLog,
    within: Duration,
    min_similarity: float,
    *,
    period: Duration = "1d",
    min_size: int = 3,
    threads: int | None = None,
) -> Clusters:
    """SynchroTrap: accounts that act on the same objects at about the same times, day by day.

    In each day (UTC), for each kind of object by itself, with A_u the different objects that u acts
    on and S those on which u and v act within `within` of each other::

        similarity(u, v) = |S| / (|A_u| + |A_v| - |S|)

    Pairs that reach `min_similarity` on any day are joined; groups are the connected components.
    The paper's cut-offs depend on the application: there is no default.

    Parameters
    ----------
    log
        The actions. Kinds are object classes.
    within
        How far apart two actions may be that match.
    min_similarity
        Least daily similarity.
    period
        Length of a day, from 1970 on.
    min_size
        Smaller groups are left out.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    Clusters
        ``found.graph`` has edge columns ``similarity``, the largest of any day and kind, and
        ``days``, on how many (day, kind) the pair reaches the least.

    References
    ----------
    Cao, Q., Yang, X., Yu, J. & Palow, C. (2014). Uncovering large groups of active malicious
    accounts in online social networks. ACM CCS, 477-488.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> cn.recipes.synchrotrap(log, within="60s", min_similarity=0.5).method
    'components'
    """
    check_log(log)
    window = duration(within, "within")
    least = check_number(min_similarity, "min_similarity", at_least=0, at_most=1)
    width = max(duration(period, "period"), 1)
    n = len(log.all_accounts)
    keys, values = [np.zeros(0, np.int64)], [np.zeros(0)]
    for kind in log.kinds:
        of_kind = log.select(kind)
        day = of_kind.time // width
        for d in np.unique(day):
            part = of_kind.where(day == d, "another day")
            found = CoAction(window).graph(part, threads=threads).edges
            acted = np.unique(part.object.astype(np.int64) << 32 | part.account) & 0xFFFFFFFF
            objects = np.bincount(acted, minlength=n)
            both = found["objects"]
            either = objects[found["source"]] + objects[found["target"]] - both
            similarity = both / either
            stays = similarity >= least
            key = found["source"].astype(np.int64) << 32 | found["target"]
            keys.append(key[stays])
            values.append(similarity[stays])
    every, at = np.unique(np.concatenate(keys), return_inverse=True)
    largest = np.zeros(len(every))
    np.maximum.at(largest, at, np.concatenate(values))
    edges = {
        "source": every >> 32, "target": every & 0xFFFFFFFF, "similarity": largest,
        "days": np.bincount(at, minlength=len(every)),
    }  # fmt: skip
    parameters = {
        "within": within, "min_similarity": least, "period": period, "min_size": min_size
    }  # fmt: skip
    graph = made(
        log, synchrotrap, edges, weight="similarity", window_us=window, parameters=parameters
    )
    return find_clusters(graph, "components", min_size=min_size)
