"""Family stance: whom the labelled messages of the members are for and against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from coordnet.readers.stance import Stance
from coordnet.scores.reference import ratio, sums
from coordnet.scores.view import Absent, Estimate, View, score


@score(
    "stance",
    "Share of the members' messages on the target that are for it, of those labelled for or "
    "against.",
    "share",
    (0, 1),
    "stance",
)
def stance_for(view: View) -> dict[str, Estimate] | Absent:
    """Return for / (for + against) of each target."""
    stance = view.inputs.stance
    if stance is None:
        return Absent("no stance= is given")
    found = {}
    for number, target in enumerate(stance.targets):
        pro, con = (view.sums_by_account(_labelled(stance, number, sign)) for sign in (1, -1))
        whole = pro + con
        estimate = view.compare(ratio(pro, whole), share=True, bootstrap=True)
        found[target] = view.resting_on(
            estimate, whole > 0, actions=sums(whole, view.sets).astype(np.int64)
        )
    return found or Absent("stance= labels nothing")


@score(
    "stance",
    "Share of the members' actions that have a stance label.",
    "share",
    (0, 1),
    "stance",
)
def labelled_share(view: View) -> Estimate | Absent:
    """Return labelled actions / actions."""
    stance = view.inputs.stance
    if stance is None:
        return Absent("no stance= is given")
    target = stance.target
    labelled = view.sums_by_account(lambda here: target[here] >= 0)
    return view.compare(ratio(labelled, view.activity), share=True, bootstrap=True)


def _labelled(stance: Stance, target: int, sign: int) -> Callable[[slice], NDArray[np.bool_]]:
    """Return what marks the actions of a slice that are for a target, or against it."""

    def marks(here: slice) -> NDArray[np.bool_]:
        marked: NDArray[np.bool_] = (stance.target[here] == target) & (stance.sign[here] == sign)
        return marked

    return marks
