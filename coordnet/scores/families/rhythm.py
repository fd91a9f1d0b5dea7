"""Family rhythm: at what hours, how regularly, whether around the clock."""

from __future__ import annotations

import numpy as np

from coordnet.kernels import arrays as array_kernels
from coordnet.scores.reference import Sets, ratio, row_sums
from coordnet.scores.view import Estimate, Floats, View, score
from coordnet.times import HOUR, MINUTE

LEAST_GAPS = 10  # fewer say nothing of regularity


@score(
    "rhythm",
    "Entropy of the members' actions over the 24 hours of the day (UTC), divided by its maximum. "
    "It is 1 where all hours have as many actions.",
    "share",
    (0, 1),
)
def hour_entropy(view: View) -> Estimate:
    """Return -sum p_h log p_h / log 24."""
    log = view.log
    cell = log.account.astype(np.int64) * 24 + log.time // HOUR % 24
    hours = np.bincount(cell, minlength=24 * len(log.all_accounts)).reshape(-1, 24).astype(float)

    def statistic(sets: Sets) -> Floats:
        counts = row_sums(sets, hours)
        p = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            each: Floats = np.where(p > 0, p * np.log(p), 0)
        entropy: Floats = -each.sum(axis=1) / np.log(24)
        return entropy

    return view.compare(statistic, share=True, bootstrap=True)


@score(
    "rhythm",
    "Share of the 24 hours of the day (UTC) at which a member acts on any day, mean over members.",
    "share",
    (0, 1),
)
def round_the_clock(view: View) -> Estimate:
    """Return the mean number of different hours of the day / 24."""
    log = view.log
    cell = log.account.astype(np.int64) * 24 + log.time // HOUR % 24
    counts = np.bincount(cell, minlength=24 * len(log.all_accounts)).reshape(-1, 24)
    hours = (counts > 0).sum(axis=1) / 24
    return view.compare(
        ratio(hours, np.ones(len(log.all_accounts))), tail="greater", share=True, bootstrap=True
    )


@score(
    "rhythm",
    "Burstiness of a member's gaps between actions, (sd - mean) / (sd + mean), mean over members "
    "with ten gaps or more. It is -1 for actions as regular as a clock, 0 for actions at random, "
    "and near 1 for bursts.",
    "burstiness",
    (-1, 1),
)
def burstiness(view: View) -> Estimate:
    """Return the mean of B = (sd - mean) / (sd + mean) (Goh & Barabasi 2008)."""
    log = view.log
    order = np.argsort(log.time, kind="stable")
    order = order[array_kernels.group_by_code(log.account[order], len(log.all_accounts))[1]]
    account, time = log.account[order], log.time[order]
    gap = np.diff(time).astype(float)
    same = account[1:] == account[:-1]
    n = len(log.all_accounts)
    count = np.bincount(account[1:][same], minlength=n).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(account[1:][same], gap[same], n) / count
        square = (gap[same] - mean[account[1:][same]]) ** 2
        sd = np.sqrt(np.bincount(account[1:][same], square, n) / count)
        value = (sd - mean) / (sd + mean)
    known = (count >= LEAST_GAPS) & np.isfinite(value)
    estimate = view.compare(ratio(np.where(known, value, 0.0), known), share=True, bootstrap=True)
    return view.resting_on(estimate, known)


@score(
    "rhythm",
    "Share of the members' actions in the first minute after a full quarter of an hour, as "
    "schedulers post.",
    "share",
    (0, 1),
)
def on_the_quarter(view: View) -> Estimate:
    """Return the share of actions with time mod 15 min < 1 min."""
    log = view.log
    sharp = np.bincount(log.account, log.time % (15 * MINUTE) < MINUTE, len(log.all_accounts))
    return view.compare(ratio(sharp, view.activity), tail="greater", share=True, bootstrap=True)
