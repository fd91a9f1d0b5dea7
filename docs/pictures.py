"""Draw the pictures that are kept in docs/images/, from simulated data.

    python docs/pictures.py [FOLDER]

They are kept because README.md shows them, or pages whose code does not run when the site is built.
Everything in them is made here: run it again when a result changes.
"""

import random
import sys
from pathlib import Path

import igraph
import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
import numpy as np

import coordnet as cn
from coordnet.plots.style import COLOURS

HERE = Path(__file__).resolve().parent


def laid_out(n_nodes, ends):
    """Return float (nodes, 2): where each node stands, the same in every run."""
    random.seed(0)
    igraph.set_random_number_generator(random)
    start = [[random.random(), random.random()] for _ in range(n_nodes)]
    graph = igraph.Graph(n_nodes, ends.tolist())
    return np.array(graph.layout_fruchterman_reingold(seed=start, niter=400, grid=False).coords)


def lines(axes, at, ends, **style):
    """Draw the edges."""
    axes.add_collection(mpl.collections.LineCollection(at[ends], zorder=1, **style))


def overview(folder):
    """Draw what a count shows beside what stands the tests, on the same accounts."""
    sim = cn.simulate("campaign", accounts=4_000, seed=0)
    counted = cn.co_action(sim.log, within="60s", min_weight=2)
    run = cn.detect(sim.log, within="60s", score=False)
    kept = run.layers[0]
    nodes, ends = np.unique(
        np.stack([counted.edges["source"], counted.edges["target"]], axis=1), return_inverse=True
    )
    ends = ends.reshape(-1, 2)
    at = laid_out(len(nodes), ends)
    fig, (left, right) = plt.subplots(1, 2, figsize=(11, 5))
    grey = {"s": 5, "color": "#888888", "lw": 0, "zorder": 2}
    lines(left, at, ends, color="#888888", lw=0.25, alpha=0.25)
    left.scatter(*at.T, **grey)
    left.set_title(
        f"Counted: {counted.n_edges:,} pairs of accounts did\n"
        "the same thing within a minute, twice or more"
    )
    place = np.full(len(sim.log.all_accounts), -1)
    place[nodes] = np.arange(len(nodes))
    right.scatter(*at.T, **{**grey, "color": "#DDDDDD"})
    for cluster in run.clusters:
        members = place[cluster.codes]
        members = members[members >= 0]
        inside = np.isin(kept.edges["source"], cluster.codes) & np.isin(
            kept.edges["target"], cluster.codes
        )
        pairs = place[np.stack([kept.edges["source"], kept.edges["target"]], axis=1)[inside]]
        colour = COLOURS[cluster.number % len(COLOURS)]
        lines(right, at, pairs, color=colour, lw=0.25, alpha=0.3)
        right.scatter(*at[members].T, s=12, color=colour, lw=0, zorder=3)
        x = at[members, 0].mean()
        right.annotate(
            f"{len(cluster)} accounts", (x, at[members, 1].max()), xytext=(0, 6),
            textcoords="offset points", ha="center", fontweight="bold",
        )  # fmt: skip
    right.set_title(
        f"Tested: {kept.n_edges:,} pairs that chance does not explain,\n"
        f"in {len(run.clusters)} groups"
    )
    low, high = np.quantile(at, [0.01, 0.99], axis=0)
    room = 0.1 * (high - low)
    for axes in (left, right):
        axes.set_axis_off()
        axes.set(xlim=(low - room)[[0]].tolist() + (high + room)[[0]].tolist())
        axes.set(ylim=(low - room)[[1]].tolist() + (high + room)[[1]].tolist())
    fig.savefig(folder / "overview.png", dpi=110, metadata={"Software": None})
    plt.close(fig)


def over_time(folder):
    """Draw groups that merge, split and move to other accounts."""
    sim = cn.simulate("regroupings", accounts=500, actions=5_000, seed=0)
    found = cn.find_clusters_over_time(sim.log, every="7d", window="14d")
    fig, axes = plt.subplots(figsize=(9, 4.2), layout="constrained")
    cn.plots.clusters_over_time(found, axes)
    fig.savefig(folder / "over-time.png", dpi=110, metadata={"Software": None})
    plt.close(fig)


def main(arguments):
    """Draw all pictures into a folder."""
    folder = Path(arguments[0]) if arguments else HERE / "images"
    folder.mkdir(exist_ok=True)
    with mpl.rc_context(fname=HERE / "_static" / "matplotlibrc"):
        overview(folder)
        over_time(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
