"""How much the timing null can show in a log, and what is said where that is little.

The timing null asks whether accounts are closer in time than others on the same objects. Where any
two accounts on an object are close, nobody can stand out. There are three reasons, and each needs
other words:

- *few*: hardly any two accounts act on a common object, so that the chance is not known;
- *suspects*: two accounts on one object are often within a minute of each other, and not for the
  sake of a few who were found. A public is not so fast: these may all be suspects, whose chances
  are their own;
- *wide*: they are not that close within a minute, but the window is longer.

All that is said of it, of an edge test or of a run, in any place, is made of the words here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coordnet.inference.statistics import Floats, WindowStatistics
from coordnet.log.windows import Window, told
from coordnet.plural import several

LITTLE_POWER = 0.25  # typical chance from which the timing test is said to have little power
# Chances that two accounts on one object are within a minute of each other, from which they may all
# be suspects: before anybody is taken out of the background; or, where it is more than LITTLE_POWER
# then, of those who are left. Without anything planted it is at most 0.18. Of a log of which two
# fifths are rings it is 0.29, and 0.01 of those left; of the members of planted groups alone 0.28
# to 0.55, and 0.26 to 0.68; of the retweets of the Internet Research Agency 0.38, and 0.05.
SUSPECTS, STILL_SUSPECTS = 0.33, 0.2
FEW = 30  # pairs of accounts on one object, from which a chance can be told


@dataclass(frozen=True)
class TimingPower:
    """What the timing null rests on.

    Attributes
    ----------
    window : int or tuple
        The window in microseconds, or that of each kind.
    chance : float or None
        That two accounts on one object are within the window of each other; None where no two
        accounts act on one object. Of suspects it is that of all of them: those who are left when
        some are taken out of the background are the slowest, suspects or not. Else it is that of
        those who are left.
    before : float or None
        The same before anybody was taken out.
    reason : str
        Why it has little power: ``"few"``, ``"suspects"`` or ``"wide"``, and ``"background"`` or
        ``"kinds"`` where a background is given; empty where it has power.
    pairs : int
        Pairs of accounts on one object of the log, those of one account pair once for each object.
    kinds : tuple of str
        Kinds of action of the log that a background given does not have.
    """

    window: Window
    chance: float | None
    before: float | None
    reason: str
    pairs: int
    kinds: tuple[str, ...] = ()

    @classmethod
    def of(cls, statistics: WindowStatistics) -> TimingPower:
        """Return that of a log, by what was counted of it."""
        window, given = statistics.window_us, statistics.given_background
        n_o = statistics.objects.n_accounts
        pairs = int((n_o.astype(np.int64) * (n_o - 1) // 2).sum())
        chance, before = _left(statistics), _before(statistics)
        if given is not None:
            shared = np.bincount(statistics.log.object_kind[n_o > 1], minlength=1)
            own = [kind for kind, n in zip(statistics.log.kinds, shared, strict=False) if n]
            kinds = tuple(kind for kind in own if kind not in given.kinds)
            if kinds:
                return cls(window, chance, before, "kinds", pairs, kinds)
        if before is not None and max(chance or 0.0, before) <= LITTLE_POWER:
            return cls(window, chance, before, "", pairs)
        if pairs < FEW:
            return cls(window, chance, before, "few", pairs)
        if given is not None:
            return cls(window, chance, before, "background", pairs)
        if _suspects(statistics):
            return cls(window, before, before, "suspects", pairs)
        wide = chance is not None and chance > LITTLE_POWER
        return cls(window, chance, before, "wide" if wide else "", pairs)

    @property
    def note(self) -> str:
        """What a reader must know of a test, without a full stop; empty where it has power."""
        if self.reason == "":
            return ""
        if self.reason == "few":
            return too_few(self.pairs)
        if self.reason == "kinds":
            kinds = " or ".join(map(repr, self.kinds))
            return (
                f"the background given has no actions of the kind {kinds}, so that it cannot tell "
                "how close others are there; give one that has such actions"
            )
        assert self.chance is not None  # else there are few
        said = close(told(self.window), self.chance)
        if self.reason == "background":
            return (
                f"{said} in the background given, so that the timing test has little power; use a "
                "shorter window"
            )
        if self.reason == "wide":
            return (
                f"{said}: this window is wide for these data, and the timing test has little power "
                "in it; it has more in a shorter one"
            )
        return (
            f"{said}, so that the timing test has little power; all accounts of these data may be "
            'suspects: give background= a log of accounts that are not, or use null="activity" '
            "and say so"
        )


def close(window: str, chance: float) -> str:
    """Return how often two accounts are close, as a clause."""
    return f"two accounts on one object are within {window} of each other with chance {chance:.2f}"


def too_few(pairs: int) -> str:
    """Return that a log has too little for any test, as a clause."""
    if not pairs:
        return "no two accounts act on a common object, so that nothing can be tested"
    are = "is" if pairs == 1 else "are"
    return (
        f"there {are} {several(pairs, 'pair')} of accounts on a common object, too few to test "
        "anything"
    )


def _before(statistics: WindowStatistics) -> float | None:
    """Return the chance before anybody was taken out of the background, on the log's objects."""
    first = statistics.uncleaned
    if first is None:
        return statistics.typical_chance
    return _mean(first, statistics.classes, statistics.objects.n_accounts)


def _left(statistics: WindowStatistics) -> float | None:
    """Return the chance of those in the background, on what they act on.

    Those taken out act on many objects that nobody else acts on, whose chances stay as they were.
    """
    background = statistics.background
    if background is None or statistics.given_background is not None:
        return statistics.typical_chance
    return _mean(statistics.chances, background.classes, background.objects.n_accounts)


def _mean(chances: Floats, classes: NDArray[np.int32], n_o: NDArray[np.int32]) -> float | None:
    """Return the mean chance over the objects that two accounts or more act on, by accounts."""
    shared = n_o > 1
    if not shared.any():
        return None
    return float(np.average(chances[classes[shared]], weights=n_o[shared].astype(float)))


def _suspects(statistics: WindowStatistics) -> bool:
    """Return whether accounts are so close within a minute as those of a public are not."""
    statistics = statistics.of_a_minute
    before, left = _before(statistics) or 0.0, _left(statistics) or 0.0
    return before > SUSPECTS or (before > LITTLE_POWER and left > STILL_SUSPECTS)
