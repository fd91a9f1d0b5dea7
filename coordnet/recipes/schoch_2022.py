"""Schoch et al. (2022), after Keller et al. (2020): the same message within a minute, ten times."""

from __future__ import annotations

from coordnet.errors import check_whole
from coordnet.graphs.co_action import CoAction
from coordnet.graphs.graph import CoordinationGraph
from coordnet.log.actions import ActionLog
from coordnet.recipes.recipe import made, of_kind, recipe
from coordnet.times import Duration, duration


@recipe(
    "Schoch, D., Keller, F. B., Stier, S. & Yang, J. (2022). Coordination patterns reveal online "
    "political astroturfing across the world. Scientific Reports 12, 4572."
)
def schoch(
    log: ActionLog,
    within: Duration = "60s",
    min_times: int = 10,
    *,
    threads: int | None = None,
) -> CoordinationGraph:
    """Schoch et al. 2022: accounts that post or retweet the same within a minute, ten times.

    Co-tweets are messages of one text, co-retweets retweets of one post. The weight is the number
    of pairs of messages at most `within` apart, both sorts together.

    Parameters
    ----------
    log
        The actions; those of kinds ``"text"`` and ``"retweet"``, or all where there is one kind.
    within
        The window.
    min_times
        Least weight of an edge.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    CoordinationGraph
        Its weight is ``pairs``.

    References
    ----------
    Schoch, D., Keller, F. B., Stier, S. & Yang, J. (2022). Coordination patterns reveal online
    political astroturfing across the world. Scientific Reports 12, 4572.
    Keller, F. B., Schoch, D., Stier, S. & Yang, J. (2020). Political astroturfing on Twitter: how
    to coordinate a disinformation campaign. Political Communication 37(2), 256-280.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> int(cn.recipes.schoch(log).weights.min()) >= 10
    True
    """
    window = duration(within, "within")
    least = check_whole(min_times, "min_times", 1)
    part = of_kind(log, ("text", "retweet"), "schoch")
    graph = CoAction(window).graph(part, weight="pairs", min_weight=least, threads=threads)
    parameters = {"within": within, "min_times": min_times}
    return made(part, schoch, graph.edges, weight="pairs", window_us=window, parameters=parameters)
