"""Saracco et al. (2017): the projection that the bipartite configuration model validates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import check_number, check_whole, one_of
from coordnet.graphs.backbones.bicm import DISTRIBUTIONS, p_values
from coordnet.graphs.bipartite import accounts_on, binary, counts, objects_of
from coordnet.graphs.graph import CoordinationGraph
from coordnet.inference.correction import adjusted
from coordnet.log.actions import ActionLog, check_log
from coordnet.recipes.recipe import made, recipe

CORRECTIONS = ("fdr", "bonferroni", "none")


@recipe(
    "Saracco, F., Straka, M. J., Di Clemente, R., Gabrielli, A., Caldarelli, G. & Squartini, T. "
    "(2017). Inferring monopartite projections of bipartite networks: an entropy-based approach. "
    "New Journal of Physics 19, 053022."
)
def bicm(
    log: ActionLog,
    min_actions: int = 1,
    level: float = 0.05,
    *,
    correction: str = "fdr",
    distribution: str = "poisson",
    threads: int | None = None,
) -> CoordinationGraph:
    """Saracco et al. 2017: pairs that share more objects than the configuration model explains.

    Accounts of at least `min_actions` actions, objects of two or more of them. The bipartite
    configuration model keeps, on average, how many objects each account acts on and how many
    accounts each object has: a link has the chance x y / (1 + x y). The p-value of a pair is the
    chance of sharing at least as many objects; it is corrected over all n (n - 1) / 2 pairs.

    Parameters
    ----------
    log
        The actions; an account acts on an object or not, however often.
    min_actions
        Least number of actions of an account, repeated rows counted.
    level
        The level of error.
    correction
        ``"fdr"`` (Benjamini-Hochberg), ``"bonferroni"`` or ``"none"``.
    distribution
        Of the number of shared objects: ``"poisson"``, or ``"poisson_binomial"``, exact and slower.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    CoordinationGraph
        With edge columns ``weight``, the shared objects, and ``pvalue``.

    References
    ----------
    Saracco, F., Straka, M. J., Di Clemente, R., Gabrielli, A., Caldarelli, G. & Squartini, T.
    (2017). Inferring monopartite projections of bipartite networks: an entropy-based approach. New
    Journal of Physics 19, 053022.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> cn.recipes.bicm(log, level=0.01).weight
    'weight'
    """
    check_log(log)
    least = check_whole(min_actions, "min_actions", 1)
    level = check_number(level, "level", above=0, at_most=1)
    one_of(correction, CORRECTIONS, "correction")
    one_of(distribution, DISTRIBUTIONS, "distribution")
    parameters = {
        "min_actions": min_actions, "level": level, "correction": correction,
        "distribution": distribution,
    }  # fmt: skip
    matrix = counts(log)
    chosen = np.flatnonzero(np.asarray(matrix.sum(axis=1)).ravel() >= least)
    matrix = binary(matrix[chosen])
    matrix = matrix[:, np.flatnonzero(accounts_on(matrix) >= 2)]
    some = np.flatnonzero(objects_of(matrix) > 0)
    chosen, matrix = chosen[some], matrix[some]
    pairs, p = p_values(matrix, distribution, threads)
    every = len(chosen) * (len(chosen) - 1) // 2
    scale = {"fdr": 1, "bonferroni": every, "none": 1}[correction]
    keep = (adjusted(p, every) if correction == "fdr" else p * scale) <= level
    found = pairs.where(keep).of(chosen)
    edges: dict[str, NDArray[Any]] = {
        "source": found.i, "target": found.j, "weight": np.rint(found.value).astype(np.int64),
        "pvalue": p[keep],
    }  # fmt: skip
    return made(log, bicm, edges, parameters=parameters)
