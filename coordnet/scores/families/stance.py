"""Family stance: whom the labelled messages of the members are for and against."""

from __future__ import annotations

import numpy as np

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
    log = view.log
    found = {}
    for number, target in enumerate(stance.targets):
        about = (stance.target == number) & (stance.sign != 0)
        pro = np.bincount(log.account, about & (stance.sign > 0), len(log.all_accounts))
        whole = np.bincount(log.account, about, len(log.all_accounts))
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
    labelled = np.bincount(view.log.account, stance.target >= 0, len(view.log.all_accounts))
    return view.compare(ratio(labelled, view.activity), share=True, bootstrap=True)
