"""Co-timing graphs: who acts at the same moments again and again, whatever they act on."""

from __future__ import annotations

import numpy as np

from coordnet.graphs.co_action import (
    check_min_weight,
    collect_edges,
    find_windows,
    warn_of_coarse_times,
)
from coordnet.graphs.graph import CoordinationGraph
from coordnet.log.actions import ActionLog
from coordnet.times import Duration, duration


def co_timing(
    log: ActionLog,
    within: Duration = "1s",
    refractory: Duration = "30s",
    *,
    min_weight: int = 2,
    threads: int | None = None,
) -> CoordinationGraph:
    """Join the accounts that act within a short time of each other, on whatever objects.

    Before counting, an account's run of actions with gaps up to `refractory` becomes one event at
    the time of its first action. ``source_events`` of an edge is the number of the source's
    events that have an event of the target at most `within` away (inclusive), ``target_events``
    the same the other way round, and the weight, ``coincidences``, the smaller of the two.

    Parameters
    ----------
    log
        The actions; of all kinds, unless selected.
    within
        The window: ``"1s"``, a number of seconds, or a `timedelta`.
    refractory
        The largest gap inside a run.
    min_weight
        Edges with fewer coincidences are left out. One coincidence is no evidence of anything,
        and there are very many of them.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    CoordinationGraph
        With edge columns source, target, coincidences, source_events, target_events, pairs,
        mean_delay (seconds, absolute) and first_share.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("election", accounts=300, seed=1).log
    >>> cn.co_timing(log, within="1s").weight
    'coincidences'
    """
    window = duration(within, "within")
    gap = duration(refractory, "refractory")
    check_min_weight(min_weight)
    warn_of_coarse_times(log, window, max(window, 1))  # the test copes with times in seconds
    events = log.events(gap)
    timeline = np.zeros(len(events.time), np.int32)
    windows = find_windows(events.account, timeline, events.time, log.n_accounts, window, 1)
    source, target, forth, pairs, mean_delay, first_share, back = collect_edges(
        windows,
        np.arange(len(windows.account), dtype=np.int32),
        window,
        min_weight,
        False,
        True,
        threads,
        "co-timing",
    )
    return CoordinationGraph(
        log=log,
        edges={
            "source": source,
            "target": target,
            "coincidences": np.minimum(forth, back),
            "source_events": forth,
            "target_events": back,
            "pairs": pairs,
            "mean_delay": mean_delay,
            "first_share": first_share,
        },
        within=window,
        weight="coincidences",
        min_weight=min_weight,
        relation="co-timing",
        refractory=gap,
    )
