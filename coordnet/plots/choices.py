"""Plots of what is chosen: windows and levels, methods side by side, windows that stand out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from coordnet.errors import ParameterError, one_of
from coordnet.pictures.comparison import method_comparison
from coordnet.pictures.sensitivity import MEASURES, window_sensitivity
from coordnet.plots.style import (
    COLOURS,
    MEMBERS,
    OTHERS,
    TOGETHER,
    axes,
    legend,
    legend_above,
    plain,
)
from coordnet.plots.style import short_duration as short
from coordnet.plural import several
from coordnet.recipes.comparison import Comparison
from coordnet.robustness.suggestion import ALL, WindowSuggestions
from coordnet.times import duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SAID = {
    "edges": "Edges",
    "clusters": "Clusters",
    "accounts": "Accounts in clusters",
    "pairs_kept": "Share of the pairs found first",
}
_MARKS = ("o", "s", "^", "D", "v", "P", "X")


def windows(frame: Any, ax: Axes | None = None, *, what: str = "accounts") -> Axes:
    """Draw what is found under other windows and levels.

    Parameters
    ----------
    frame
        What :func:`coordnet.sensitivity` gives.
    ax
        Where to draw.
    what
        ``"accounts"`` (in clusters), ``"clusters"``, ``"edges"`` or ``"pairs_kept"``.

    Examples
    --------
    >>> import coordnet as cn
    >>> from matplotlib.figure import Figure
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> frame = cn.sensitivity(log, within=["30s", "60s"], fdr=[0.05])
    >>> cn.plots.windows(frame, Figure().subplots()).get_ylabel()
    'Accounts in clusters'
    """
    one_of(what, MEASURES, "what")
    found = window_sensitivity(frame)
    ax = axes(ax)
    place = np.arange(len(found.windows))
    values = getattr(found, what)
    for row, level in enumerate(found.levels):
        ax.plot(
            place, values[row], color=COLOURS[row % len(COLOURS)], linewidth=1.5, markersize=6,
            marker=_MARKS[row % len(_MARKS)], label=plain(level),
        )  # fmt: skip
        if what == "accounts" and len(found.levels) == 1:
            for x, (value, clusters) in enumerate(
                zip(values[row], found.clusters[row], strict=True)
            ):
                if not np.isnan(value):
                    some = several(clusters, "cluster")
                    ax.annotate(
                        some, (x, value), xytext=(0, 7), textcoords="offset points",
                        ha="center", fontsize=8,
                    )  # fmt: skip
    ax.set_xticks(place, [plain(name, 24) for name in found.windows])
    ax.set_xlim(-0.4, len(place) - 0.6)
    some = values[~np.isnan(values)]
    ax.set_ylim(0, 1.15 * max(float(some.max(initial=0.0)), 0.9))
    ax.set_xlabel("Window")
    ax.set_ylabel(_SAID[what])
    legend_above(ax)
    return ax


def comparison(result: Comparison, ax: Axes | None = None) -> Axes:
    """Draw, for each method, how many of its edges chance explains.

    Parameters
    ----------
    result
        What :func:`coordnet.compare` gives.
    ax
        Where to draw.

    Examples
    --------
    >>> import coordnet as cn
    >>> from matplotlib.figure import Figure
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> result = cn.compare({"coortweet": cn.recipes.coortweet(log, 60)})
    >>> cn.plots.comparison(result, Figure().subplots()).get_xlabel()
    'Share of the edges'
    """
    found = method_comparison(result)
    n = len(found.methods)
    ax = axes(ax, 7.0, 1.4 + 0.5 * n)
    place = np.arange(n)
    known = ~np.isnan(found.explained)
    explained = np.where(known, found.explained, 0.0)
    beyond = np.where(known, 1 - explained, 0.0)
    ax.barh(place, beyond, 0.6, color=MEMBERS, label="beyond chance")
    ax.barh(place, explained, 0.6, beyond, color="#BDBDBD", label="explained by chance")
    untested = ~known & (found.edges > 0)
    if untested.any():
        ax.barh(
            place[untested], 1.0, 0.6, color="white", edgecolor=OTHERS, hatch="///",
            label="not tested",
        )  # fmt: skip
    for y in range(n):
        ax.annotate(
            f"{several(found.edges[y], 'edge')}, {several(found.clusters[y], 'cluster')}",
            (1.0, y), xytext=(6, 0), textcoords="offset points", va="center", fontsize=8,
        )  # fmt: skip
    ax.set_yticks(place, [plain(name) for name in found.methods])
    ax.set_ylim(n - 0.4, -0.6)
    ax.set_xlim(0, 1)
    ax.set_xlabel("Share of the edges")
    legend(ax, fontsize=8, loc="lower center", ncols=3, bbox_to_anchor=(0.5, 1.0))
    return ax


def suggested_windows(
    result: WindowSuggestions, ax: Axes | None = None, *, kind: str = ALL
) -> Axes:
    """Draw how often pairs of accounts are together again at each window, and by chance.

    Parameters
    ----------
    result
        What :func:`coordnet.suggest_windows` gives.
    ax
        Where to draw.
    kind
        A kind of action; by default all together.

    Examples
    --------
    >>> import coordnet as cn
    >>> from matplotlib.figure import Figure
    >>> log = cn.simulate("retweet_ring", accounts=1_000, seed=0).log
    >>> cn.plots.suggested_windows(cn.suggest_windows(log), Figure().subplots()).get_xlabel()
    'Window (log scale)'
    """
    if not isinstance(result, WindowSuggestions):
        raise ParameterError("this plot is of what coordnet.suggest_windows gives.")
    one_of(kind, [one.kind for one in result.suggested], "kind")
    one = next(one for one in result.suggested if one.kind == kind)
    rows = result.windows.filter(pc.equal(result.windows["kind"], kind))
    seconds = rows["seconds"].to_numpy()
    x = np.maximum(seconds, seconds[seconds > 0].min(initial=1.0) / 2)  # 0 has no logarithm
    ax = axes(ax)
    if one.window is not None and one.shortest is not None and one.longest is not None:
        ends = [max(duration(end) / 1e6, float(x[0])) for end in (one.shortest, one.longest)]
        ax.axvspan(ends[0] / 1.12, ends[1] * 1.12, color="#F0E442", alpha=0.45, linewidth=0,
                   label="these serve alike")  # fmt: skip
        ax.axvline(
            max(duration(one.window) / 1e6, float(x[0])), color=TOGETHER, linestyle="--",
            label=f"suggested: {short(duration(one.window))}",
        )  # fmt: skip
    observed, expected = rows["observed"].to_numpy(), rows["expected"].to_numpy()
    ax.plot(x, np.where(observed > 0, observed, np.nan), "o-", color=MEMBERS, markersize=4,
            label="observed")  # fmt: skip
    ax.plot(x, np.where(expected > 0, expected, np.nan), "s--", color="black", markersize=3,
            linewidth=1.0, label="without coordination")  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_ylim(bottom=0.4)
    marks = [i for i in range(len(x)) if i == 0 or x[i] / x[i - 1] > 1.6 or i % 2 == 0]
    texts = [short(duration(text)) for text in rows["window"].to_pylist()]
    ax.set_xticks(
        x[marks], [texts[i] for i in marks], rotation=60, ha="right", rotation_mode="anchor",
        fontsize=8,
    )  # fmt: skip
    ax.set_xticks([], minor=True)
    ax.set_xlabel("Window (log scale)")
    ax.set_ylabel(f"Pairs together on {one.objects} objects or more")
    title = plain(kind)
    if one.window is None:
        title += ": no window stands out"
    ax.set_title(title, fontsize=11)
    legend(ax, fontsize=8)
    return ax
