"""The stretches of time that a log is searched in, and the level of each."""

from __future__ import annotations

from typing import NamedTuple

from coordnet.errors import ParameterError, one_of
from coordnet.log.actions import ActionLog
from coordnet.times import DAY, Duration, duration, duration_text

SPENDING = ("even", "open")
MOST = 10_000  # steps


class Period(NamedTuple):
    """One step: actions with start <= time < end, in microseconds since 1970 (UTC)."""

    start_us: int
    end_us: int
    complete: bool  # whether the log goes on to its end


def lengths(every: Duration, window: Duration) -> tuple[int, int]:
    """Return how far steps are apart and how long they are, in microseconds; checked."""
    every_us, window_us = duration(every, "every"), duration(window, "window")
    if not 0 < every_us <= window_us:
        raise ParameterError(
            f"every={every!r} and window={window!r}: every= must be above 0 and at most as long as "
            "window=, or actions between two steps would be left out."
        )
    return every_us, window_us


def periods(
    log: ActionLog, every_us: int, window_us: int, until: int | None = None
) -> list[Period]:
    """Return the steps of a log, the first from the midnight (UTC) before its first action on.

    Where `every_us` is shorter than a day, the first begins at a multiple of it instead. The end of
    a step moves on by `every_us` until it is past the last action. So steps that are complete stay
    as they are when the log goes on, and only the last one is cut short.

    Parameters
    ----------
    log
        The log.
    every_us
        From the start of a step to that of the next, in microseconds.
    window_us
        How long a step is, in microseconds.
    until
        Up to where the log is complete, in microseconds; None is up to its last action.

    Raises
    ------
    ParameterError
        Where there would be more than 10,000 of them.
    """
    if log.limits is None:
        return []
    first, last = log.limits
    # the end of the log is known to its resolution only: the next action is at the end or later
    end = last + log.resolution if until is None else until
    start = first_start(first, every_us)
    count = max(0, -(-(last + 1 - start - window_us) // every_us)) + 1
    if count > MOST:
        raise ParameterError(
            f"every={duration_text(every_us)!r} makes {count:,} steps of the log, and at most "
            f"{MOST:,} are searched; use a longer every=."
        )
    starts = [start + k * every_us for k in range(count)]
    return [Period(start, start + window_us, start + window_us <= end) for start in starts]


def first_start(first_us: int, every_us: int) -> int:
    """Return where the first step begins, of a log whose first action is at `first_us`."""
    grid = min(every_us, DAY)
    return first_us // grid * grid


def open_level(fdr: float, k: int) -> float:
    """Return the level of step k = 1, 2, ... of a watch without an end: fdr / (k (k + 1)).

    Alpha spending (Lan & DeMets 1983) with parts that add up to fdr K / (K + 1) over the first K
    steps, since 1 / (k (k + 1)) = 1 / k - 1 / (k + 1), and so never to more than fdr.
    """
    return fdr / (k * (k + 1))


def levels(fdr: float, steps: int, spending: str) -> list[float]:
    r"""Return the level of each step.

    ``"even"`` is alpha / n for each of n steps. ``"open"`` is alpha / (k (k + 1)) for step k = 1,
    2, ...: it adds up to alpha however long it goes on, and does not depend on how long that is.

    Parameters
    ----------
    fdr
        The level of all steps together.
    steps
        How many there are.
    spending
        ``"even"`` or ``"open"``.

    Examples
    --------
    >>> levels(0.06, 3, "even"), levels(0.06, 3, "open")
    ([0.02, 0.02, 0.02], [0.03, 0.01, 0.005])
    """
    if one_of(spending, SPENDING, "spending") == "even":
        return [fdr / steps] * steps
    return [open_level(fdr, k) for k in range(1, steps + 1)]
