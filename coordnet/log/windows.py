"""Windows: how close in time two actions are together, the same for all kinds or each its own.

A window is a number of microseconds, or a number for each of several kinds of action: a tuple of
(kind, microseconds), in the order of the kinds. The second takes only these kinds of a log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import looked_up
from coordnet.errors import ParameterError, listed, nearest, shown
from coordnet.times import Duration, duration, duration_text

if TYPE_CHECKING:
    from coordnet.log.actions import ActionLog

Within: TypeAlias = Duration | Mapping[str, Duration]  # what people write
Window: TypeAlias = int | tuple[tuple[str, int], ...]  # in microseconds


def window_of(within: Within, name: str = "within") -> Window:
    """Return a window in microseconds.

    Parameters
    ----------
    within
        A duration, or a mapping of kinds of action to durations.
    name
        The parameter's name, for the error.

    Examples
    --------
    >>> window_of("60s"), window_of({"url": "10min", "retweet": 60})
    (60000000, (('retweet', 60000000), ('url', 600000000)))
    """
    if not isinstance(within, Mapping):
        return duration(within, name)
    if not within:
        raise ParameterError(f"{name}={{}} names no kind; write {{'retweet': '60s'}}, or '60s'.")
    for kind in within:
        if not isinstance(kind, str):
            raise ParameterError(f"{name}= has the kind {shown(kind)}, which is no text.")
    found = [(str(kind), duration(value, f"{name}[{kind!r}]")) for kind, value in within.items()]
    return tuple(sorted(found))


def written(window: Window) -> str | dict[str, str]:
    """Return a window as it is written; every ``within=`` takes it.

    Examples
    --------
    >>> written(60_000_000), written((("retweet", 60_000_000), ("url", 600_000_000)))
    ('60s', {'retweet': '60s', 'url': '10min'})
    """
    if isinstance(window, int):
        return duration_text(window)
    return {kind: duration_text(one) for kind, one in window}


def window_text(window: Window) -> str:
    """Return a window in a few words.

    Examples
    --------
    >>> window_text((("retweet", 60_000_000), ("url", 600_000_000)))
    'retweet 60s, url 10min'
    """
    if isinstance(window, int):
        return duration_text(window)
    return ", ".join(f"{kind} {duration_text(one)}" for kind, one in window)


def told(window: Window) -> str:
    """Return a window as it stands in a sentence, after "within".

    Examples
    --------
    >>> told(60_000_000), told((("retweet", 60_000_000), ("url", 600_000_000)))
    ('60s', 'the window of its kind (retweet 60s, url 10min)')
    """
    text = window_text(window)
    return text if isinstance(window, int) else f"the window of its kind ({text})"


def longest(window: Window) -> int:
    """Return the longest window of any kind, in microseconds."""
    return window if isinstance(window, int) else max(one for _, one in window)


def shortest(window: Window, kinds: Iterable[str]) -> int:
    """Return the shortest window of these kinds, in microseconds; of no kind the longest."""
    own = [] if isinstance(window, int) else [one for kind, one in window if kind in set(kinds)]
    return min(own, default=longest(window))


def windows_of_kinds(window: Window, kinds: Iterable[str]) -> NDArray[np.int64]:
    """Return the window of each of these kinds: int64; of a kind that has none the longest."""
    own = {} if isinstance(window, int) else dict(window)
    return np.array([own.get(kind, longest(window)) for kind in kinds], np.int64)


def windows_of_objects(window: Window, log: ActionLog) -> NDArray[np.int64]:
    """Return the window of each object of a log by its kind: int64 (objects,)."""
    if isinstance(window, int):
        return np.full(log.n_objects, window, np.int64)
    return windows_of_kinds(window, log.kinds)[log.object_kind]


def taking_part(window: Window, log: ActionLog) -> ActionLog:
    """Return the part of a log that a window looks at: the actions of the kinds that it names.

    Kinds that the log does not have are no error here: half of a log may lack one.
    """
    if isinstance(window, int):
        return log
    named = np.isin(np.array(log.kinds, object), [kind for kind, _ in window])
    return (
        log
        if named.all()
        else log.where(looked_up(named[log.object_kind], log.object), "other kind")
    )


def check_kinds(window: Window, log: ActionLog, name: str = "within") -> None:
    """Raise an error where a window is for a kind that a log does not have."""
    for kind, _ in () if isinstance(window, int) else window:
        if kind not in log.kinds:
            raise ParameterError(
                f"{name}= has a window for the kind {kind!r}, and the log has no such actions; "
                f"its kinds are {listed(map(repr, log.kinds))}.{nearest(kind, log.kinds)}"
            )
