"""CooRnet (Giglietto et al. 2020): links shared within an interval that the data say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import check_number
from coordnet.graphs.graph import CoordinationGraph
from coordnet.log.actions import ActionLog
from coordnet.recipes.pairs import pairs_at_places
from coordnet.recipes.recipe import check_variant, made, of_kind, recipe
from coordnet.times import SECOND, Duration, duration

CITATION = (
    "Giglietto, F., Righetti, N., Rossi, L. & Marino, G. (2020). It takes a village to manipulate "
    "the media: coordinated link sharing behavior during 2018 and 2019 Italian elections. "
    "Information, Communication & Society 23(6), 867-891."
)


def coordination_interval(log: ActionLog, q: float = 0.1, p: float = 0.5) -> float:
    """Return the interval of CooRnet in seconds, estimated from the fastest objects.

    Of the objects with two or more shares those whose second share comes fastest: at most the
    quantile `q` (type 7) of all. For each the seconds until more than the share `p` of its shares
    are made; the median of these, 1 where it is 0.

    Parameters
    ----------
    log
        The actions. Repeated rows count.
    q, p
        0 to 1.

    Examples
    --------
    >>> import pandas as pd, coordnet as cn
    >>> rows = pd.DataFrame({"account": list("abc"), "object": ["x"] * 3, "time": [0, 4, 60]})
    >>> log = cn.read_actions(rows, account="account", object="object", time="time")
    >>> cn.recipes.coordination_interval(log)
    4.0
    """
    q = check_number(q, "q", at_least=0, at_most=1)
    p = check_number(p, "p", at_least=0, at_most=1)
    time = np.repeat(log.time, log.n_rows)
    object_ = np.repeat(log.object, log.n_rows)
    shares = np.bincount(object_, minlength=log.n_objects)
    starts = np.concatenate([[0], np.cumsum(shares)])[:-1]
    several = np.flatnonzero(shares > 1)
    if not len(several):
        return 1.0
    second = (time[starts[several] + 1] - time[starts[several]]) / SECOND
    fast = several[second <= np.quantile(second, q)]
    # the first rank r with r / n > p
    rank = np.floor(p * shares[fast] + 1e-12).astype(np.int64) + 1
    fast, rank = fast[rank <= shares[fast]], rank[rank <= shares[fast]]
    if not len(fast):
        return 1.0
    reached = (time[starts[fast] + rank - 1] - time[starts[fast]]) / SECOND
    return float(np.median(reached)) or 1.0


@recipe(CITATION)
def coornet(
    log: ActionLog,
    coordination_interval: Duration | None = None,
    percentile_edge_weight: float = 0.9,
    *,
    q: float = 0.1,
    p: float = 0.5,
    variant: str = "paper",
) -> CoordinationGraph:
    """CooRnet: accounts that share the same links within an interval, again and again.

    The shares of each link are cut into bins of the interval's length from its first share on.
    Accounts with shares in one bin are joined; the weight is the number of links. Edges of at least
    the quantile `percentile_edge_weight` of all weights stay. The package's groups are components,
    and Louvain's communities: ``find_clusters(graph, "louvain", min_size=2)``.

    Parameters
    ----------
    log
        The actions; those of kind ``"url"``, or all where there is one kind.
    coordination_interval
        The interval; None estimates it, see :func:`coordnet.recipes.coordination_interval`.
    percentile_edge_weight
        0 to 1, quantile of type 7.
    q, p
        Of the estimate.
    variant
        ``"paper"``: accounts meet in one bin. ``"code"``: as the package projects them, accounts
        meet on a link where each of them is in any bin with two shares or more, be it another
        bin, or its own second share; intervals are cut to whole seconds.

    Returns
    -------
    CoordinationGraph
        Its weight is the number of links.

    References
    ----------
    Giglietto, F., Righetti, N., Rossi, L. & Marino, G. (2020). It takes a village to manipulate the
    media. Information, Communication & Society 23(6), 867-891.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> cn.recipes.coornet(log, coordination_interval="60s").weight
    'weight'
    """
    check_variant(variant)
    share = check_number(percentile_edge_weight, "percentile_edge_weight", at_least=0, at_most=1)
    part = of_kind(log, ("url", "link"), "coornet")
    if coordination_interval is None:
        width = round(_estimate(part, q, p) * SECOND)
    else:
        width = duration(coordination_interval, "coordination_interval")
    if variant == "code":
        width = width // SECOND * SECOND
    width = max(width, SECOND if variant == "code" else 1)
    parameters = {
        "coordination_interval": coordination_interval, "percentile_edge_weight": share, "q": q,
        "p": p, "variant": variant,
    }  # fmt: skip
    meets, place, account = _meetings(part, width, variant)
    source, target, object_ = pairs_at_places(place, account, meets[place])
    key = source << 32 | target
    both = np.unique(np.stack([key, object_]), axis=1)[0]
    every, at = np.unique(both, return_inverse=True)
    weight = np.bincount(at, minlength=len(every))
    edges = {"source": every >> 32, "target": every & 0xFFFFFFFF, "weight": weight}
    if len(weight):
        keep = weight >= np.quantile(weight, share)
        edges = {name: column[keep] for name, column in edges.items()}
    return made(part, coornet, edges, window_us=width, parameters=parameters)


_estimate = coordination_interval


def _meetings(
    log: ActionLog, width: int, variant: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the objects, and of each different (place, account) the place and the account.

    A place is where accounts meet: a bin of an object, or, as in the code, an object.
    """
    start = log.time[log.by_object[:-1]][log.object] if len(log) else log.time
    if variant == "code":
        start = start // SECOND * SECOND  # bins begin at the full second
    number = (log.time - start) // width
    bins, at = np.unique(log.object.astype(np.int64) << 32 | number, return_inverse=True)
    object_of = bins >> 32
    if variant == "code":
        shares = np.bincount(at, log.n_rows, len(bins))
        crowded = shares[at] > 1
        pairs = np.unique(np.stack([log.object[crowded], log.account[crowded]]), axis=1)
        return np.arange(log.n_objects), pairs[0].astype(np.int64), pairs[1].astype(np.int64)
    pairs = np.unique(np.stack([at, log.account.astype(np.int64)]), axis=1)
    return object_of, pairs[0], pairs[1]
