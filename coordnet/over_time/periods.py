"""The stretches of time that a log is searched in, and the level of each."""

from __future__ import annotations

from typing import NamedTuple

from coordnet.errors import ParameterError, one_of
from coordnet.log.actions import ActionLog
from coordnet.times import duration_text

SPENDING = ("even", "open")
MOST = 10_000  # steps


class Period(NamedTuple):
    """One step: actions with start <= time < end, in microseconds since 1970 (UTC)."""

    start_us: int
    end_us: int
    complete: bool  # whether the log goes on to its end


def periods(log: ActionLog, every_us: int, window_us: int) -> list[Period]:
    """Return the steps of a log, the first from its first action on.

    The end of a step moves on by `every_us` until it is past the last action. So steps that are
    complete stay as they are when the log goes on, and only the last one is cut short.

    Parameters
    ----------
    log
        The log.
    every_us
        From the start of a step to that of the next, in microseconds.
    window_us
        How long a step is, in microseconds.

    Raises
    ------
    ParameterError
        Where there would be more than 10,000 of them.
    """
    if log.limits is None:
        return []
    first, last = log.limits
    count = max(0, -(-(last + 1 - first - window_us) // every_us)) + 1
    if count > MOST:
        raise ParameterError(
            f"every={duration_text(every_us)!r} makes {count:,} steps of the log, and at most "
            f"{MOST:,} are searched; use a longer every=."
        )
    starts = [first + k * every_us for k in range(count)]
    # the end of the log is known to its resolution only: the next action is at the end or later
    return [
        Period(start, start + window_us, start + window_us <= last + log.resolution)
        for start in starts
    ]


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
    return [fdr / (k * (k + 1)) for k in range(1, steps + 1)]
