"""How plots look: colours, a bare Axes, labels as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import cut, optional_import
from coordnet.times import duration_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito 2008, in an order in which neighbours differ in lightness too
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
MEMBERS, TOGETHER, OTHERS, MOMENT = "#0072B2", "#D55E00", "#7F7F7F", "#F0E442"
LONGEST = 40  # characters of a label


def axes(ax: Axes | None, width: float = 7.0, height: float = 3.6) -> Axes:
    """Return the Axes given, or one of a new figure; without a frame on top and at the right.

    Parameters
    ----------
    ax
        Where to draw; None makes a figure with pyplot, which is touched in no other case.
    width, height
        Of that figure, in inches.
    """
    optional_import("matplotlib", "report", "a plot")
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots(figsize=(width, height), layout="constrained")[1]
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def plain(label: object, most: int = LONGEST) -> str:
    r"""Return a label that is drawn as it is written: on one line, short, no formula.

    >>> plain("cost $x^2$"), plain("a\nb")
    ('cost \\$x^2\\$', 'a\\nb')
    """
    return cut(str(label), most).replace("$", r"\$")


def moments(times: NDArray[np.int64]) -> NDArray[np.datetime64]:
    """Return microseconds since 1970 as dates."""
    return np.asarray(times, np.int64).astype("datetime64[us]")


def time_axis(ax: Axes) -> None:
    """Write dates at the x axis, as short as they can be."""
    from matplotlib import dates

    locator = dates.AutoDateLocator(minticks=3, maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    ax.set_xlabel("Time (UTC)")


def legend(ax: Axes, **options: Any) -> None:
    """Write the legend, without a frame, where it hides least."""
    ax.legend(frameon=False, **options)


def legend_above(ax: Axes, columns: int = 2) -> None:
    """Write the legend above the axes, where it hides nothing."""
    legend(
        ax, fontsize=8, loc="lower left", ncols=columns, bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0.2,
    )  # fmt: skip


def short_duration(microseconds: int) -> str:
    """Return a duration as it stands at an axis.

    >>> short_duration(90_000_000), short_duration(86_400_000_000)
    ('90 s', '1 d')
    """
    text = duration_text(microseconds)
    if text == "60s":
        return "1 min"
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    return f"{digits} {text[len(digits) :]}"
