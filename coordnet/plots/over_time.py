"""The plot of clusters over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from coordnet.over_time.clusters_over_time import ClustersOverTime
from coordnet.pictures.lanes import MOST, Lanes, lanes
from coordnet.plots.style import COLOURS, axes, legend_above
from coordnet.plural import several
from coordnet.times import instant_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HALF = 0.13  # of the width of a bar, where steps are one apart
TICKS = 9
# How each event is marked: the sign, whether it is filled, and on which side of the bar
MARKS = {
    "born": ("o", True, -1), "split": ("D", True, -1), "returned": ("o", False, -1),
    "merged": ("s", True, 1), "gone": ("X", True, 1),
}  # fmt: skip


def clusters_over_time(
    found: ClustersOverTime, ax: Axes | None = None, *, most: int = MOST
) -> Axes:
    """Draw clusters that were followed: a lane a track, as wide as it has members.

    A bar is a step in which the track was seen. The band between two bars are the members that
    stay, go into another track, or split off. No account is named.

    Parameters
    ----------
    found
        What :func:`coordnet.find_clusters_over_time` gave.
    ax
        Where to draw.
    most
        How many lanes at most, those of most members.

    Examples
    --------
    >>> import coordnet as cn
    >>> from matplotlib.figure import Figure
    >>> sim = cn.simulate("regroupings", accounts=500, actions=5_000, seed=0)
    >>> found = cn.find_clusters_over_time(sim.log, every="14d", window="28d")
    >>> cn.plots.clusters_over_time(found, Figure().subplots()).get_title()
    '6 clusters in 5 steps of 28d'
    """
    shown = lanes(found, most)
    n = shown.lanes.num_rows
    ax = axes(ax, 7.5, float(np.clip(1.6 + 0.32 * n, 2.6, 12.0)))
    from matplotlib.patches import PathPatch, Rectangle
    from matplotlib.path import Path

    colour = {
        track: COLOURS[i % len(COLOURS)] for i, track in enumerate(shown.lanes["track"].to_pylist())
    }
    bend = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    for flow in shown.flows.to_pylist():
        a, b = flow["step"] + HALF, flow["to_step"] - HALF
        middle, wide = (a + b) / 2, flow["width"]
        y, z = flow["top"], flow["to_top"]
        corners = [
            (a, y), (middle, y), (middle, z), (b, z), (b, z + wide), (middle, z + wide),
            (middle, y + wide), (a, y + wide), (a, y),
        ]  # fmt: skip
        alpha = 0.35 if flow["to_step"] == flow["step"] + 1 else 0.15  # a pause
        ax.add_patch(
            PathPatch(
                Path(corners, bend), facecolor=colour[flow["track"]], alpha=alpha, linewidth=0
            )
        )
    where: dict[tuple[int, int], float] = {}
    for bar in shown.bars.to_pylist():
        where[bar["track"], bar["step"]] = bar["top"] + bar["accounts"] / 2
        ax.add_patch(
            Rectangle(
                (bar["step"] - HALF, bar["top"]), 2 * HALF, bar["accounts"],
                facecolor=colour[bar["track"]], linewidth=0,
            )
        )  # fmt: skip
    _marks(ax, shown, where)
    _names(ax, shown)
    if found.parameters and n:
        ax.set_xlabel(
            f"Steps of {found.parameters['window']}, every {found.parameters['every']}, by their "
            "first day (UTC)"
        )
    steps = len(shown.starts)
    ax.set_xlim(-0.7, max(steps, 1) - 0.3)
    room = max(shown.height, 1.0) * 0.4 / max(n, 10)
    ax.set_ylim(max(shown.height, 1.0) + room, -room)
    said = "No cluster was found"
    if n:
        said = f"{several(len(found), 'cluster')} in {several(steps, 'step')} of "
        said += str(found.parameters["window"])
    ax.set_title(said, fontsize=11, pad=22 if n else None)
    if shown.left_out:
        ax.annotate(
            f"the {several(n, 'largest cluster')}; {shown.left_out:,} more are not drawn",
            (1.0, 1.0), xycoords="axes fraction", ha="right", va="bottom", fontsize=8,
        )  # fmt: skip
    return ax


def _marks(ax: Axes, shown: Lanes, where: dict[tuple[int, int], float]) -> None:
    """Mark what happens beside the bar at which it does."""
    for name, (sign, filled, side) in MARKS.items():
        at = []
        for event in shown.events.to_pylist():
            if event["event"] == name:
                track = event["track"]
                steps = [step for t, step in where if t == track]
                # what ends is marked where it was seen last
                step = event["step"] if side < 0 else max(s for s in steps if s < event["step"])
                at.append((step + side * (HALF + 0.09), where[track, step]))
        if at:
            x, y = np.array(at).T
            ax.scatter(
                x, y, s=26, marker=sign, color="black",
                facecolors="black" if filled else "white", linewidths=0.8, zorder=4, label=name,
            )  # fmt: skip
    if shown.events.num_rows:
        legend_above(ax, 5)


def _names(ax: Axes, shown: Lanes) -> None:
    """Write the tracks at the left and the days below."""
    names = [
        f"{track} ({accounts:,})"
        for track, accounts in zip(
            shown.lanes["track"].to_pylist(), shown.lanes["accounts"].to_pylist(), strict=True
        )
    ]
    ax.set_yticks(shown.lanes["middle"].to_pylist(), names, fontsize=8)
    ax.set_ylabel("Cluster (most members)")
    ax.tick_params(axis="y", length=0)
    ticks = range(0, len(shown.starts), -(-len(shown.starts) // TICKS) or 1)
    ax.set_xticks(list(ticks), [instant_text(int(shown.starts[i]))[:10] for i in ticks], fontsize=8)
