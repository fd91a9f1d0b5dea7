"""Family rhythm: at what hours, how regularly, whether around the clock."""

from __future__ import annotations

import numpy as np

from coordnet.kernels import scores as score_kernels
from coordnet.scores.reference import Sets, ratio, row_sums
from coordnet.scores.view import Estimate, Floats, View, score
from coordnet.times import MINUTE

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
    hours = view.hours.astype(float)

    def statistic(sets: Sets) -> Floats:
        counts = row_sums(view.drawn.placed(sets), hours)
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
    hours = view.drawn.spread((view.hours > 0).sum(axis=1) / 24)
    return view.compare(
        ratio(hours, np.ones(len(hours))), tail="greater", share=True, bootstrap=True
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
    drawn = view.drawn
    value = drawn.each(
        lambda piece: score_kernels.burstiness(piece.starts, drawn.times(piece), LEAST_GAPS),
        np.float64,
    )
    known = np.isfinite(value)
    estimate = view.compare(
        ratio(drawn.spread(np.where(known, value, 0.0)), drawn.spread(known)),
        share=True, bootstrap=True,
    )  # fmt: skip
    return view.resting_on(estimate, drawn.spread(known))


@score(
    "rhythm",
    "Share of the members' actions in the first minute after a full quarter of an hour, as "
    "schedulers post.",
    "share",
    (0, 1),
)
def on_the_quarter(view: View) -> Estimate:
    """Return the share of actions with time mod 15 min < 1 min."""
    drawn = view.drawn
    sharp = drawn.each(
        lambda piece: np.add.reduceat(
            drawn.times(piece) % (15 * MINUTE) < MINUTE, piece.starts[:-1], dtype=np.int64
        ),
        np.int64,
    )
    return view.compare(
        ratio(drawn.spread(sharp), view.activity), tail="greater", share=True, bootstrap=True
    )
