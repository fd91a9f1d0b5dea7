"""The plot of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from coordnet.clusters.clusters import Clusters
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex
from coordnet.pictures import network as numbers
from coordnet.pictures.subject import Scored, clusters_of
from coordnet.plots.style import COLOURS, axes
from coordnet.plural import several

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def network(
    source: Scored | Clusters,
    ax: Axes | None = None,
    *,
    layers: Multiplex | CoordinationGraph | None = None,
    seed: int = 0,
    most: int = numbers.MOST,
) -> Axes:
    """Draw the accounts in clusters and the edges between them.

    Each cluster has a circle of its own, with its number; its area grows with its members. Beyond
    `most` accounts each cluster is one disc. No account is named.

    Parameters
    ----------
    source
        A run, scores or clusters.
    ax
        Where to draw.
    layers, seed, most
        As in :func:`coordnet.pictures.network.layout`.

    Examples
    --------
    >>> import coordnet as cn
    >>> from matplotlib.figure import Figure
    >>> run = cn.detect(cn.simulate("retweet_ring", accounts=500, seed=0).log, score=False)
    >>> ax = cn.plots.network(run, Figure().subplots())
    >>> ax.get_title()
    '102 accounts in 3 clusters'
    """
    found = numbers.layout(source, layers, seed, most)
    ax = axes(ax, 6.4, 6.0)
    from matplotlib.collections import LineCollection, PatchCollection
    from matplotlib.patches import Circle

    ax.set_axis_off()
    ax.set_aspect("equal")
    places = found.clusters
    x, y, radius = (places[name].to_numpy() for name in ("x", "y", "radius"))
    colour = [COLOURS[i % len(COLOURS)] for i in range(len(x))]
    if found.folded:
        between = found.between
        ends = [between[name].to_numpy() for name in ("source", "target")]
        weight = between["edges"].to_numpy().astype(float)
        lines = np.stack([np.stack([x[end], y[end]], axis=1) for end in ends], axis=1)
        widths = 0.4 + 2.5 * weight / weight.max() if len(weight) else weight
        ax.add_collection(
            LineCollection(list(lines), colors="#7F7F7F", linewidths=widths, alpha=0.6, zorder=1)
        )
    circles = [Circle(place, r) for place, r in zip(zip(x, y, strict=True), radius, strict=True)]
    ax.add_collection(
        PatchCollection(
            circles, facecolors=colour, edgecolors=colour, zorder=0,
            alpha=0.8 if found.folded else 0.12,
        )
    )  # fmt: skip
    if not found.folded:
        nodes, edges = found.nodes, found.edges
        at = np.stack([nodes["x"].to_numpy(), nodes["y"].to_numpy()], axis=1)
        lines = np.stack([at[edges[end].to_numpy()] for end in ("source", "target")], axis=1)
        fade = float(np.clip(3_000 / max(len(lines), 1) * 0.25, 0.03, 0.4))
        ax.add_collection(
            LineCollection(list(lines), colors="#444444", linewidths=0.5, alpha=fade, zorder=1)
        )
        of = nodes["cluster"].to_numpy()
        size = float(np.clip(9_000 / max(len(at), 1), 3, 36))
        ax.scatter(
            at[:, 0], at[:, 1], s=size, c=[colour[i] for i in of], zorder=2,
            edgecolors="white", linewidths=0.3,
        )  # fmt: skip
    for i in range(len(x)):
        # numbers in what is too small to hold one would cover each other
        if radius[i] >= 0.08 * float(radius.max()) or len(x) <= 40:
            place = (x[i], y[i]) if found.folded else (x[i], y[i] + radius[i])
            ax.annotate(
                str(places["cluster"][i].as_py()), place, ha="center",
                va="center" if found.folded else "bottom", fontsize=8, zorder=3,
            )  # fmt: skip
    if len(x):
        margin = 0.05 * float(max(np.ptp(x), np.ptp(y)) + 2 * radius.max())
        ax.set_xlim((x - radius).min() - margin, (x + radius).max() + margin)
        ax.set_ylim((y - radius).min() - margin, (y + radius).max() + margin)
    total = len(np.unique(clusters_of(source).indices))
    said = (
        f"{several(total, 'account')} in {several(len(x), 'cluster')}"
        if len(x)
        else "No cluster was found"
    )
    ax.set_title(said, fontsize=11)
    if found.edges_left_out:
        ax.annotate(
            f"the {found.edges.num_rows:,} strongest edges of "
            f"{found.edges.num_rows + found.edges_left_out:,}",
            (0.5, 0.0), xycoords="axes fraction", ha="center", fontsize=8,
        )  # fmt: skip
    return ax
