"""Family key moments: whether the cluster is busier then than at other times, and than others."""

from __future__ import annotations

import numpy as np

from coordnet.scores.reference import ratio, sums
from coordnet.scores.view import Absent, Estimate, View, score
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
    of_action = (log.time // HOUR - hours[0]).astype(np.int64)
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
        at_hour = (log.time // HOUR) % period
        # what is done at hours that no other day of the log has can be compared with nothing
        own = (log.time >= start) & (log.time < end) & (available[at_hour] > 0)
        base = np.where(anywhere[of_action], 0.0, scale[at_hour])
        x = np.bincount(log.account, own, len(log.all_accounts))
        y = np.bincount(log.account, base, len(log.all_accounts))
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
