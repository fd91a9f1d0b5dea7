"""Magelinski et al. (2022): layers of synchronised actions, clustered together."""

from __future__ import annotations

from collections.abc import Sequence

from coordnet.clusters.clusters import Clusters
from coordnet.errors import check_whole
from coordnet.graphs.co_action import CoAction
from coordnet.graphs.multiplex import Multiplex
from coordnet.log.actions import ActionLog
from coordnet.recipes.layers import graphs_by_kind
from coordnet.recipes.multislice import multislice, no_clusters
from coordnet.recipes.recipe import made, recipe
from coordnet.times import Duration, duration

KINDS = ("url", "hashtag", "mention")


@recipe(
    "Magelinski, T., Ng, L. H. X. & Carley, K. M. (2022). A synchronized action framework for "
    "detection of coordination on social media. Journal of Online Trust and Safety 1(2)."
)
def magelinski(
    log: ActionLog,
    within: Duration = "5min",
    min_weight: int = 1,
    *,
    kinds: Sequence[str] = KINDS,
    coupling: float = 1.0,
    seed: int = 0,
    min_size: int = 3,
    threads: int | None = None,
) -> Clusters:
    """Magelinski et al. 2022: synchronised links, hashtags and mentions, one layer each.

    In each layer two accounts are joined by the objects that both act on within a sliding window.
    Communities are those of all layers together; here by multislice modularity with Leiden.

    Parameters
    ----------
    log
        The actions, with their kinds.
    within
        The window: in the paper 5, 10, 15 and 20 minutes.
    min_weight
        Least number of synchronised objects of an edge.
    kinds
        The layers; kinds that the log lacks are passed over.
    coupling
        Weight of the tie of an account with itself between layers.
    seed, min_size
        As in :func:`coordnet.find_clusters`.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    Clusters
        ``found.layers`` has a graph for each kind, its weight ``objects``.

    References
    ----------
    Magelinski, T., Ng, L. H. X. & Carley, K. M. (2022). A synchronized action framework for
    detection of coordination on social media. Journal of Online Trust and Safety 1(2).

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("election", accounts=300, seed=1).log
    >>> cn.recipes.magelinski(log).layers.names
    ('magelinski (hashtag) within 5min', 'magelinski (url) within 5min')
    """
    window = duration(within, "within")
    least = check_whole(min_weight, "min_weight", 1)
    parameters = {
        "within": within, "min_weight": min_weight, "kinds": list(kinds), "coupling": coupling,
        "seed": seed, "min_size": min_size,
    }  # fmt: skip
    layers = graphs_by_kind(
        log,
        kinds,
        lambda part, kind: made(
            part, magelinski,
            CoAction(window).graph(part, min_weight=least, threads=threads).edges,
            weight="objects", window_us=window, parameters=parameters, layer=kind,
        ),
    )  # fmt: skip
    some = [layer for layer in layers if layer.n_edges]
    if not some:
        return no_clusters(Multiplex(tuple(layers)).combined, "multislice leiden")
    return multislice(some, coupling, seed, min_size)
