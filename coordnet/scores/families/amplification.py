"""Family amplification: how much of it all goes to few targets, and what share of them it is."""

from __future__ import annotations

import numpy as np

from coordnet.kernels.scores import ACTIONS, DISTINCT, ENTROPY, TOP_ACTIONS, TOP_TOTAL
from coordnet.scores.families.size import object_profile
from coordnet.scores.reference import Sets
from coordnet.scores.view import Estimate, Floats, View, score


@score(
    "amplification",
    "Share of the members' actions that are on the five objects they act on most.",
    "share",
    (0, 1),
)
def top_target_share(view: View) -> Estimate:
    """Return actions on the top five objects / all actions."""
    return view.compare(
        lambda sets: _share(view, sets, TOP_ACTIONS, ACTIONS), tail="greater", share=True
    )


@score(
    "amplification",
    "Share of all actions on the members' five most frequent objects that are the members'.",
    "share",
    (0, 1),
)
def share_of_targets(view: View) -> Estimate:
    """Return members' actions on their top five objects / everybody's on these."""
    return view.compare(
        lambda sets: _share(view, sets, TOP_ACTIONS, TOP_TOTAL), tail="greater", share=True
    )


@score(
    "amplification",
    "Entropy of the members' actions over objects, divided by its maximum for as many objects. It "
    "is 1 where all objects have as many actions, and 0 where there is one object only.",
    "share",
    (0, 1),
)
def target_entropy(view: View) -> Estimate:
    """Return H / log(number of objects) with H = -sum p_o log p_o."""

    def statistic(sets: Sets) -> Floats:
        found = object_profile(view, sets)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(
                found[:, DISTINCT] > 1, found[:, ENTROPY] / np.log(found[:, DISTINCT]), 0
            )

    return view.compare(statistic, tail="less", share=True)


def _share(view: View, sets: Sets, part: int, whole: int) -> Floats:
    found = object_profile(view, sets)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(found[:, whole] > 0, found[:, part] / found[:, whole], np.nan)
