"""Plots of one cluster: timeline, gaps, heat map, creation dates, scores beside references."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.errors import one_of
from coordnet.export import labels_out
from coordnet.pictures.bins import ByTime
from coordnet.pictures.creation import creation
from coordnet.pictures.gaps import gaps as gaps_between
from coordnet.pictures.heat import WEEK, co_timing_heat
from coordnet.pictures.references import scores_beside_references
from coordnet.pictures.subject import Scored, number_of, scores_of
from coordnet.pictures.timeline import timeline as actions_by_time
from coordnet.plots.style import (
    MEMBERS,
    MOMENT,
    OTHERS,
    TOGETHER,
    axes,
    legend,
    legend_above,
    moments,
    plain,
    short_duration,
    time_axis,
)
from coordnet.times import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED = 40  # members of a heat map whose names can be read
SURE = 0.05  # q-value up to which a dot is filled
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def timeline(source: Scored, i: int = 0, ax: Axes | None = None) -> Axes:
    """Draw what the members of cluster i do by time, beside what everybody else does.

    Parameters
    ----------
    source
        A run or scores.
    i
        Number of the cluster.
    ax
        Where to draw.

    Examples
    --------
    >>> import coordnet as cn
    >>> from matplotlib.figure import Figure
    >>> log = cn.simulate("retweet_ring", accounts=300, seed=0).log
    >>> cluster = cn.score_clusters([log.accounts[:12]], log, only=["size"])
    >>> cn.plots.timeline(cluster, 0, Figure().subplots()).get_ylabel()
    "Members' actions per 6 h"
    """
    found = actions_by_time(source, i)
    ax = axes(ax)
    for name, a, b in zip(*(found.moments[c].to_pylist() for c in ("name", "start", "end")),
                          strict=True):  # fmt: skip
        ax.axvspan(*moments(np.array([a, b])), color=MOMENT, alpha=0.5, linewidth=0, zorder=0)
        ax.annotate(
            plain(name, 20), (moments(np.array([a]))[0], 1.0), xycoords=("data", "axes fraction"),
            xytext=(2, -2), textcoords="offset points", fontsize=8, ha="left", va="top",
        )  # fmt: skip
    _bars(ax, found, found.members, MEMBERS, "members")
    if found.together is not None:
        label = "of these within the window of another member's"
        _bars(ax, found, found.together, TOGETHER, label)
    _others(ax, found, "everybody else, scaled to the same total")
    ax.set_ylabel(f"Members' actions per {_bin(found.borders)}")
    ax.set_xlim(*moments(found.borders[[0, -1]]))
    time_axis(ax)
    legend_above(ax)
    return ax


def gaps(source: Scored, i: int = 0, ax: Axes | None = None) -> Axes:
    """Draw how far apart members of cluster i act on one object, and how far apart others act.

    Parameters
    ----------
    source
        A run or scores.
    i
        Number of the cluster.
    ax
        Where to draw.

    Examples
    --------
    >>> import coordnet as cn
    >>> from matplotlib.figure import Figure
    >>> log = cn.simulate("retweet_ring", accounts=300, seed=0).log
    >>> cluster = cn.score_clusters([log.accounts[:12]], log, only=["size"])
    >>> cn.plots.gaps(cluster, 0, Figure().subplots()).get_xlabel()
    'Time between two actions on one object (up to)'
    """
    found = gaps_between(source, i)
    ax = axes(ax)
    place = np.arange(len(found.edges))
    ax.bar(place, found.observed, 0.8, color=MEMBERS, label="pairs of members' actions")
    ax.stairs(
        found.expected, np.append(place, len(place)) - 0.5, color="black", linewidth=1.2,
        label="at the pace of accounts in no cluster",
    )  # fmt: skip
    ax.set_yscale("log")
    top = max(float(found.observed.max(initial=1)), float(np.nanmax([*found.expected, 1.0])))
    ax.set_ylim(0.5, 2 * top)
    names = [short_duration(edge) for edge in found.edges[:-1].tolist()]
    ax.set_xticks(place, [*names, "longer"], rotation=60, ha="right", rotation_mode="anchor")
    if isinstance(found.window_us, int):
        inside = int(np.searchsorted(found.edges, found.window_us, side="right"))
        ax.axvline(inside - 0.5, color=TOGETHER, linestyle="--", linewidth=1.2,
                   label=f"the window, {short_duration(found.window_us)}")  # fmt: skip
    ax.set_xlabel("Time between two actions on one object (up to)")
    ax.set_ylabel("Pairs of actions (log scale)")
    legend_above(ax)
    return ax


def heat(
    source: Scored,
    i: int = 0,
    ax: Axes | None = None,
    *,
    by: str = "time",
    identifiers: bool = False,
    key: bytes | None = None,
) -> Axes:
    """Draw when each member of cluster i acts, members that act alike next to each other.

    Parameters
    ----------
    source
        A run or scores.
    i
        Number of the cluster.
    ax
        Where to draw.
    by
        ``"time"``: over the period of the log. ``"week"``: by hour of the week.
    identifiers
        Write the accounts' own labels instead of pseudonyms; of more than 40 members none.
    key
        Key of the pseudonyms, as in :meth:`coordnet.Run.write`.

    Examples
    --------
    >>> import coordnet as cn
    >>> from matplotlib.figure import Figure
    >>> log = cn.simulate("retweet_ring", accounts=300, seed=0).log
    >>> cluster = cn.score_clusters([log.accounts[:12]], log, only=["size"])
    >>> cn.plots.heat(cluster, 0, Figure().subplots()).get_ylabel()
    'Members (12)'
    """
    found = co_timing_heat(source, i, by)
    n = len(found.accounts)
    ax = axes(ax, 7.0, float(np.clip(1.4 + (0.16 if n <= NAMED else 0.06) * n, 2.6, 8.0)))
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import MaxNLocator

    counts = np.ma.masked_equal(found.counts, 0)
    across = moments(found.borders) if by == "time" else found.borders
    shades = LinearSegmentedColormap.from_list("members", ["#A6CEE3", MEMBERS, "#08203A"])
    mesh = ax.pcolormesh(across, np.arange(n + 1) - 0.5, counts, cmap=shades, rasterized=True)
    ax.invert_yaxis()
    ax.set_ylabel(f"Members ({n:,})")
    if n <= NAMED:
        scores = scores_of(source)
        own = scores.clusters.all_accounts[found.accounts]
        secret = scores.log.secret("pseudonyms") if key is None else key
        names = [plain(name, 24) for name in labels_out(own, secret, identifiers)]
        ax.set_yticks(np.arange(n), names, fontsize=6)
    else:
        ax.set_yticks([])
    if by == "time":
        time_axis(ax)
        unit = _bin(found.borders)
    else:
        ax.set_xticks(np.arange(0, WEEK, 24) + 12, DAYS)
        ax.tick_params(axis="x", length=0)
        for midnight in range(24, WEEK, 24):
            ax.axvline(midnight, color="white", linewidth=1)
        ax.set_xlabel("Hour of the week (UTC)")
        unit = "hour of the week"
    bar = ax.figure.colorbar(mesh, ax=ax, fraction=0.04, pad=0.02)
    bar.set_label(f"Actions per {unit}")
    bar.ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    bar.outline.set_visible(False)
    return ax


def creation_dates(source: Scored, i: int = 0, ax: Axes | None = None) -> Axes:
    """Draw when the accounts of cluster i were created, beside those of everybody else.

    Parameters
    ----------
    source
        A run or scores, with ``accounts=`` that have a column created_at.
    i
        Number of the cluster.
    ax
        Where to draw.

    Examples
    --------
    >>> import coordnet as cn
    >>> from matplotlib.figure import Figure
    >>> sim = cn.simulate("campaign", accounts=500, seed=0)
    >>> run = cn.detect(sim.log, accounts=sim.accounts, null_sets=19)
    >>> cn.plots.creation_dates(run, 0, Figure().subplots()).get_xlabel()
    'Date of creation'
    """
    found = creation(source, i)
    ax = axes(ax)
    _bars(ax, found, found.members, MEMBERS, "members")
    _others(ax, found, "accounts in no cluster, scaled to the same total")
    margin = (found.borders[-1] - found.borders[0]) // 40
    ax.set_xlim(*moments(found.borders[[0, -1]] + np.array([-margin, margin])))
    time_axis(ax)
    ax.set_xlabel("Date of creation")
    ax.set_ylabel(f"Members created per {_bin(found.borders)}")
    if found.unknown:
        ax.plot([], [], " ", label=f"({found.unknown:,} members without a date)")
    legend_above(ax)
    return ax


def scores(source: Scored, i: int = 0, ax: Axes | None = None, *, unit: str = "share") -> Axes:
    """Draw the scores of cluster i beside their references, as dots.

    A dot is the value, its line the 95 % interval. The grey bar holds nine of ten random sets of
    accounts that act as much, the tick in it is their median; where there are no sets, the tick is
    the reference. Dots with a q-value of at most 0.05 are filled.

    Parameters
    ----------
    source
        A run or scores.
    i
        Number of the cluster.
    ax
        Where to draw.
    unit
        Scores of this unit are drawn, such as ``"share"``, ``"seconds"``, ``"pairs"``, ``"days"``:
        one axis holds one unit.

    Examples
    --------
    >>> import coordnet as cn
    >>> from matplotlib.figure import Figure
    >>> run = cn.detect(cn.simulate("retweet_ring", accounts=500, seed=0).log, null_sets=19)
    >>> cn.plots.scores(run, 0, Figure().subplots()).get_xlabel()
    'Share'
    """
    i = number_of(source, i)
    table = scores_beside_references(source, i).scores
    units = sorted(set(table["unit"].to_pylist()))
    one_of(unit, units, "unit")
    rows = table.filter(pc.equal(table["unit"], unit)).to_pylist()
    ax = axes(ax, 7.0, 1.2 + 0.26 * len(rows))
    once: set[str] = set()

    def label(text: str) -> str | None:
        """Give a label to the first of its kind."""
        if text in once:
            return None
        once.add(text)
        return text

    for y, row in enumerate(rows):
        middle = row["reference"] if row["reference_median"] is None else row["reference_median"]
        if row["reference_low"] is not None:
            ax.barh(
                y, row["reference_high"] - row["reference_low"], 0.5, row["reference_low"],
                color="#D0D0D0", zorder=1, label=label("nine of ten random sets of others"),
            )  # fmt: skip
        ax.plot(
            [middle, middle], [y - 0.32, y + 0.32], color=OTHERS, linewidth=1.6, zorder=2,
            label=label("reference"),
        )  # fmt: skip
        if row["low"] is not None and row["high"] is not None:
            ax.plot(
                [row["low"], row["high"]], [y, y], color=MEMBERS, linewidth=1.2, zorder=3,
                label=label("95 % interval"),
            )  # fmt: skip
        sure = row["q_value"] is not None and row["q_value"] <= SURE
        ax.plot(
            row["value"], y, "o", color=MEMBERS, zorder=4, markersize=6,
            markerfacecolor=MEMBERS if sure else "white",
            label=label(f"cluster {i}, q at most {SURE:g}" if sure else f"cluster {i}"),
        )  # fmt: skip
    ax.set_yticks(
        range(len(rows)), [plain(row["score"].replace("_", " ")) for row in rows], fontsize=8
    )
    ax.set_ylim(len(rows) - 0.4, -0.6)
    if unit == "share":
        ax.set_xlim(-0.02, 1.02)
    ax.set_xlabel(plain(f"{unit[:1].upper()}{unit[1:]}"))
    legend(ax, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def _bars(ax: Axes, found: ByTime, counts: NDArray[np.int64], colour: str, label: str) -> None:
    """Draw a bar a bin of time."""
    width = np.diff(found.borders).astype("timedelta64[us]")
    ax.bar(moments(found.borders[:-1]), counts, width, align="edge", color=colour, label=label)


def _others(ax: Axes, found: ByTime, label: str) -> None:
    """Draw the line of what others have by time."""
    ax.stairs(found.expected, moments(found.borders), color="black", linewidth=1.0, label=label)


def _bin(borders: NDArray[np.int64]) -> str:
    """Return how long a bin is, as it stands after "per"."""
    width = int(borders[1] - borders[0])
    for unit, name in ((7 * DAY, "week"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if width == unit:
            return name
    if width % (7 * DAY) == 0:
        return f"{width // (7 * DAY)} weeks"
    return short_duration(width)
