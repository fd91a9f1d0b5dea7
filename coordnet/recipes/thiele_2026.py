"""coorsim (van Kessel et al.; Thiele 2026): posts alike by embeddings, within three minutes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from coordnet.errors import check_number, check_whole
from coordnet.graphs.graph import CoordinationGraph
from coordnet.log.actions import ActionLog, check_log
from coordnet.recipes.recipe import check_variant, made, posts_of, recipe
from coordnet.recipes.vectors import similar_posts
from coordnet.times import SECOND, Duration, duration


@recipe(
    "Thiele, D. (2026). coorsim: detects coordinated posting behavior based on co-similarity (R "
    "package, version 0.0.8)."
)
def coorsim(
    log: ActionLog,
    embeddings: ArrayLike,
    time_window: Duration = 180,
    min_simil: float = 0.925,
    min_participation: int = 1,
    *,
    variant: str = "paper",
) -> CoordinationGraph:
    """coorsim: accounts whose posts within a time window say the same, by embeddings.

    1. Of posts with one id the first in the input counts.
    2. Posts of two accounts at most `time_window` apart are alike with a cosine of at least
       `min_simil`.
    3. Pairs stay of which both accounts are in at least `min_participation` pairs.
    4. The weight of two accounts is the number of their pairs.

    Parameters
    ----------
    log
        The posts, one action each.
    embeddings
        (n, dimensions): one row for each action of `log`, in its order.
    time_window
        The window, inclusive.
    min_simil
        Least cosine.
    min_participation
        Least number of pairs of an account.
    variant
        ``"paper"``; or ``"code"``, where a cosine must exceed `min_simil`.

    Returns
    -------
    CoordinationGraph
        With edge columns ``weight``, ``similarity`` (mean of the pairs) and ``mean_delay``.

    References
    ----------
    Thiele, D. (2026). coorsim: detects coordinated posting behavior based on co-similarity (R
    package, version 0.0.8). The method is that of van Kessel et al.

    Examples
    --------
    >>> import pandas as pd, coordnet as cn
    >>> posts = pd.DataFrame({"account": ["p", "q"], "object": ["x", "y"], "time": [0, 180]})
    >>> log = cn.read_actions(posts, account="account", object="object", time="time")
    >>> cn.recipes.coorsim(log, [[1.0, 0.0], [1.0, 0.1]]).weights.tolist()
    [1]
    """
    check_log(log)
    check_variant(variant)
    window = duration(time_window, "time_window")
    least = check_number(min_simil, "min_simil", above=0, at_most=1)
    often = check_whole(min_participation, "min_participation", 1)
    parameters = {
        "time_window": time_window, "min_simil": min_simil,
        "min_participation": min_participation, "variant": variant,
    }  # fmt: skip
    post, _ = posts_of(log)
    order = np.argsort(log.row, kind="stable")
    order = order[post[order] >= 0]
    _, first = np.unique(post[order], return_index=True)
    keep = np.zeros(len(log), bool)
    keep[order[first]] = True
    found = similar_posts(
        log, embeddings, least, log.time, window, keep, strict=variant == "code"
    )  # fmt: skip
    n = len(log.all_accounts)
    often_enough = (
        np.bincount(found.source, minlength=n) + np.bincount(found.target, minlength=n)
    ) >= often
    stays = often_enough[found.source] & often_enough[found.target]
    source, target = found.source[stays].astype(np.int64), found.target[stays]
    every, at = np.unique(source << 32 | target, return_inverse=True)
    weight = np.bincount(at, minlength=len(every))
    apart = np.abs(log.time[found.own[stays]] - log.time[found.others[stays]]) / SECOND
    edges = {
        "source": every >> 32, "target": every & 0xFFFFFFFF, "weight": weight,
        "similarity": np.bincount(at, found.value[stays], len(every)) / np.maximum(weight, 1),
        "mean_delay": np.bincount(at, apart, len(every)) / np.maximum(weight, 1),
    }  # fmt: skip
    return made(
        log, coorsim, edges, window_us=window, null="activity", parameters=parameters
    )  # fmt: skip
