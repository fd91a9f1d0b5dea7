"""Family key moments: whether the cluster is busier then than at other times, and than others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coordnet.scores.reference import ratio, sums
from coordnet.scores.view import Absent, Estimate, Floats, View, score
from coordnet.times import HOUR


@score(
    "moments",
    "Rate of the members' actions in the interval, divided by their rate at the same hours of the "
    "week outside all intervals (of the day, where the log has no other week). The reference is "
    "the same ratio of everybody in no cluster. The effect is the first ratio divided by the "
    "second, a difference in differences.",
    "ratio",
    needs="moments",
)
def moment_rate_ratio(view: View) -> dict[str, Estimate] | Absent:
    """Return (x / T) / (y / S) for each interval.

    x actions in the T hours of the interval, y in the S hours outside all intervals at the same
    hours of the week. The ratio of everybody else is the reference, and the matched sets give
    the p-value (two-sided).
    """
    if not view.inputs.moments:
        return Absent("no moments= are given")
    log = view.log
    if log.limits is None:
        return Absent("the log is empty")
    first, last = log.limits
    hours = np.arange(first // HOUR, last // HOUR + 1)
    # the part of each hour that the log covers and that lies in an interval
    covered = np.minimum((hours + 1) * HOUR, last + 1) - np.maximum(hours * HOUR, first)
    anywhere = np.zeros(len(hours), bool)
    for start, end in view.inputs.moments.values():
        anywhere |= (hours * HOUR < end) & ((hours + 1) * HOUR > start)
    outside = view.background
    found = {}
    for name, (start, end) in view.inputs.moments.items():
        part = np.clip(
            np.minimum((hours + 1) * HOUR, min(end, last + 1))
            - np.maximum(hours * HOUR, max(start, first)), 0, None,
        )  # fmt: skip
        if not part.any():
            continue
        for period in (168, 24):
            weight = np.bincount(hours % period, part, period)
            free = np.where(anywhere, 0, covered)
            available = np.bincount(hours % period, free, period)
            if (available[weight > 0] > 0).all():
                break
        # an hour of the baseline counts as much as its hour of the week does in the interval
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(available > 0, weight / available, 0.0)
        # what is done at hours that no other day of the log has can be compared with nothing
        comparable = available[hours % period] > 0
        base = np.where(anywhere, 0.0, scale[hours % period])

        x, y = _in_and_out(view, start, end, comparable, base)
        estimate = view.compare(ratio(x, y), bootstrap=True)
        everybody = y[outside].sum()
        reference = np.full(
            len(view.clusters), x[outside].sum() / everybody if everybody else np.nan
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            effect = estimate.value / reference
        found[name] = view.changed(
            estimate, reference=reference, effect=effect,
            actions=sums(x, view.sets).astype(np.int64),
        )  # fmt: skip
    return found or Absent("no interval of moments= lies in the period of the log")


def _in_and_out(
    view: View, start: int, end: int, comparable: NDArray[np.bool_], base: Floats
) -> tuple[Floats, Floats]:
    """Return how often each account acts in an interval, and what it does elsewhere weighs.

    Parameters
    ----------
    view
        The clusters.
    start, end
        The interval, in microseconds.
    comparable, base
        Of each hour of the log: whether what is done in it counts, where it is in the interval; and
        what it weighs elsewhere.
    """
    assert view.log.limits is not None
    times, first = view.log.time, view.log.limits[0] // HOUR

    def inside(here: slice) -> NDArray[np.bool_]:
        time = times[here]
        marks: NDArray[np.bool_] = (time >= start) & (time < end) & comparable[time // HOUR - first]
        return marks

    def elsewhere(here: slice) -> Floats:
        weights: Floats = base[times[here] // HOUR - first]
        return weights

    return view.sums_by_account(inside), view.sums_by_account(elsewhere)
