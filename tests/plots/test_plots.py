"""Plots: what is drawn is what the pictures count, labels stay text, pyplot is left alone."""

import sys
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from helpers import acts, log_of, over_time_of
from matplotlib import dates, pyplot
from matplotlib.figure import Figure
from scored import DAY, MONDAY, public, score_of, text_log

import coordnet as cn
from coordnet import plots
from coordnet.pictures.creation import creation
from coordnet.pictures.gaps import gaps
from coordnet.pictures.heat import co_timing_heat
from coordnet.pictures.lanes import lanes
from coordnet.pictures.references import scores_beside_references
from coordnet.pictures.timeline import timeline
from coordnet.plots.style import COLOURS, plain, short_duration

mpl.use("Agg")
US = 1_000_000
HOSTILE = (
    "$x^2$ \\frac{",
    "<script>alert(1)</script>",
    "a\nb\x1b[31m",
    "\u202eevil",
    "x" * 100_000,
)


@pytest.fixture(scope="module")
def run():
    sim = cn.simulate("campaign", accounts=800, seed=0)
    vote = {"vote": ("2017-05-20", "2017-05-21")}
    return cn.detect(sim.log, accounts=sim.accounts, null_sets=19, moments=vote)


@pytest.fixture
def ax():
    return Figure(figsize=(7, 4)).subplots()


def heights(ax, label):
    """Return the heights of the bars with a label."""
    (bars,) = [c for c in ax.containers if c.get_label() == label]
    return [bar.get_height() for bar in bars]


def stairs(ax, label):
    (found,) = [p for p in ax.patches if p.get_label() == label]
    return found.get_data().values


def drawn(ax):
    """Draw the figure as it would be written, with every warning an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Glyph")  # of scripts that the font does not have
        ax.figure.canvas.draw()
    return ax


def test_a_timeline_draws_what_was_counted(run, ax):
    assert plots.timeline(run, 0, ax) is ax
    found = timeline(run, 0)
    assert heights(ax, "members") == found.members.tolist()
    assert heights(ax, "of these within the window of another member's") == found.together.tolist()
    label = "everybody else, scaled to the same total"
    np.testing.assert_array_equal(stairs(ax, label), found.expected)
    first = dates.num2date(ax.get_xlim()[0]).timestamp()
    assert first == found.borders[0] / US
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time (UTC)", "Members' actions per 6 h")
    assert "vote" in [text.get_text() for text in ax.texts]
    drawn(ax)


def test_gaps_draw_what_was_counted(run, ax):
    plots.gaps(run, 0, ax)
    found = gaps(run, 0)
    assert heights(ax, "pairs of members' actions") == found.observed.tolist()
    label = "at the pace of accounts in no cluster"
    np.testing.assert_array_equal(stairs(ax, label), found.expected)
    (line,) = ax.lines
    assert line.get_label() == "the window, 1 min"
    ticks = [t.get_text() for t in ax.get_xticklabels()]
    assert ticks[int(line.get_xdata()[0])] == "1 min"  # the line stands after this bar
    assert ticks[0] == "1 s"
    assert ticks[-1] == "longer"
    assert ax.get_yscale() == "log"
    drawn(ax)


def test_clusters_over_time_are_drawn_as_they_stand(ax):
    a, b, c = set(range(10)), set(range(10, 16)), set(range(20, 26))
    found = over_time_of([[a, b, c], [a | b], [b, a, c - {20}], []], patience=0)
    assert plots.clusters_over_time(found, ax) is ax
    shown = lanes(found)
    bars = [(p.get_x() + p.get_width() / 2, p.get_y(), p.get_height())
            for p in ax.patches if isinstance(p, mpl.patches.Rectangle)]  # fmt: skip
    assert bars == [
        (pytest.approx(r["step"]), r["top"], r["accounts"]) for r in shown.bars.to_pylist()
    ]
    bands = [p for p in ax.patches if isinstance(p, mpl.patches.PathPatch)]
    for band, flow in zip(bands, shown.flows.to_pylist(), strict=True):
        corners = band.get_path().vertices
        assert corners[0, 1] == flow["top"]
        assert corners[4, 1] - corners[3, 1] == pytest.approx(flow["width"])
    marks = {m.get_label(): m.get_offsets().tolist() for m in ax.collections}
    assert {name: len(at) for name, at in marks.items()} == {
        "born": 3, "split": 1, "returned": 1, "merged": 1, "gone": 4,
    }  # fmt: skip
    assert marks["merged"] == [[pytest.approx(0.22), shown.lanes["middle"][1].as_py()]]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0 (16)", "1 (6)", "3 (6)", "2 (6)"]
    assert ax.get_title() == "4 clusters in 4 steps of 1d"
    drawn(ax)
    few = drawn(plots.clusters_over_time(found, Figure().subplots(), most=2))
    assert few.texts[0].get_text() == "the 2 largest clusters; 2 more are not drawn"
    none = drawn(plots.clusters_over_time(over_time_of([[], []]), Figure().subplots()))
    assert none.get_title() == "No cluster was found"


def test_a_heat_map_draws_what_was_counted_under_pseudonyms(run):
    for by in ("time", "week"):
        ax = plots.heat(run, 0, Figure().subplots(), by=by)
        found = co_timing_heat(run, 0, by)
        (mesh,) = ax.collections
        np.testing.assert_array_equal(mesh.get_array().filled(0), found.counts)
        names = [t.get_text() for t in ax.get_yticklabels()]
        assert len(names) == len(found.accounts)
        assert all(name.startswith("u_") for name in names)
        drawn(ax)
    own = plots.heat(run, 0, Figure().subplots(), identifiers=True)
    labels = run.clusters.all_accounts[co_timing_heat(run, 0).accounts].tolist()
    assert [t.get_text() for t in own.get_yticklabels()] == labels
    keyed = plots.heat(run, 0, Figure().subplots(), key=b"k")
    assert [t.get_text() for t in keyed.get_yticklabels()] != names


def test_creation_dates_draw_what_was_counted(run, ax):
    plots.creation_dates(run, 0, ax)
    found = creation(run, 0)
    assert heights(ax, "members") == found.members.tolist()
    label = "accounts in no cluster, scaled to the same total"
    np.testing.assert_array_equal(stairs(ax, label), found.expected)
    assert ax.get_xlabel() == "Date of creation"
    drawn(ax)


def test_members_without_a_date_are_told(ax):
    log = text_log([("a", "o", 0), ("b", "o", 1), ("c", "o", 2), *public(4)])
    frame = pd.DataFrame({"account": ["a", "x000"], "created_at": ["2017-01-02", "2017-03-02"]})
    plots.creation_dates(score_of(log, "abc", accounts=frame, only=["size"]), 0, ax)
    assert "(2 members without a date)" in [t.get_text() for t in ax.get_legend().get_texts()]


def test_scores_are_dots_beside_their_references(run, ax):
    plots.scores(run, 0, ax)
    rows = [
        row for row in scores_beside_references(run, 0).scores.to_pylist() if row["unit"] == "share"
    ]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [float(dot.get_xdata()[0]) for dot in dots] == [row["value"] for row in rows]
    assert [float(dot.get_ydata()[0]) for dot in dots] == list(range(len(rows)))
    filled = [dot.get_markerfacecolor() != "white" for dot in dots]
    assert filled == [row["q_value"] is not None and row["q_value"] <= 0.05 for row in rows]
    assert any(filled)
    assert not all(filled)
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    ranges = [
        (r["reference_low"], r["reference_high"]) for r in rows if r["reference_low"] is not None
    ]
    np.testing.assert_allclose(bars, ranges)
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert names == [row["score"].replace("_", " ") for row in rows]
    drawn(ax)
    other = plots.scores(run, 0, Figure().subplots(), unit="seconds")
    assert [t.get_text() for t in other.get_yticklabels()] == ["median lag"]
    with pytest.raises(cn.ParameterError, match="unit='stones' is not known"):
        plots.scores(run, 0, Figure().subplots(), unit="stones")


def test_a_network_draws_every_member_and_edge(run, ax):
    plots.network(run, ax)
    circles, lines, nodes = ax.collections
    assert len(nodes.get_offsets()) == len(set(run.clusters.indices.tolist()))
    assert len(circles.get_paths()) == len(run.clusters)
    inside = np.zeros(len(run.graph.all_accounts), bool)
    inside[run.clusters.indices] = True
    ends = [inside[run.graph.edges[end]] for end in ("source", "target")]
    assert len(lines.get_segments()) == (ends[0] & ends[1]).sum()
    assert [t.get_text() for t in ax.texts] == [str(i) for i in range(len(run.clusters))]
    # a line goes from one account to another
    at = {tuple(np.round(p, 6)) for p in nodes.get_offsets()}
    assert {tuple(np.round(p, 6)) for line in lines.get_segments() for p in line} <= at
    drawn(ax)
    folded = plots.network(run, Figure().subplots(), most=3)
    assert len(folded.collections[-1].get_paths()) == len(run.clusters)
    assert [t.get_text() for t in folded.texts] == [str(i) for i in range(len(run.clusters))]
    drawn(folded)


def test_a_log_where_nothing_is_found_is_drawn_too(ax):
    run = cn.detect(log_of(acts("p", ("a", 0), ("b", 1))), score=False)
    assert plots.network(run, ax).get_title() == "No cluster was found"
    drawn(ax)
    empty = cn.suggest_windows(log_of([]))
    assert "no window stands out" in plots.suggested_windows(empty, Figure().subplots()).get_title()
    with pytest.raises(cn.CoordnetError, match="no cluster was found"):
        plots.timeline(cn.detect(log_of(acts("p", ("a", 0), ("b", 1)))), 0, Figure().subplots())


def test_windows_draw_a_line_a_level(ax):
    frame = pd.DataFrame(
        {
            "within": ["10s", "60s", "10s", "60s"], "fdr": [0.01, 0.01, 0.05, 0.05],
            "resolution": 1.0, "edges": [5, 6, 7, 8], "clusters": [1, 2, 3, 1],
            "accounts": [10, 20, 30, 40], "pairs_kept": [1.0, 0.5, 0.2, None],
        }
    )  # fmt: skip
    plots.windows(frame, ax)
    assert [line.get_ydata().tolist() for line in ax.lines] == [[10, 20], [30, 40]]
    assert [line.get_label() for line in ax.lines] == ["level 0.01", "level 0.05"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["10s", "60s"]
    drawn(ax)
    kept = plots.windows(frame, Figure().subplots(), what="pairs_kept")
    assert kept.get_ylabel() == "Share of the pairs found first"
    assert np.isnan(kept.lines[1].get_ydata()[1])
    one = plots.windows(frame[:2], Figure().subplots())
    assert [t.get_text() for t in one.texts] == ["1 cluster", "2 clusters"]
    with pytest.raises(cn.ParameterError, match="what='stars' is not known"):
        plots.windows(frame, ax, what="stars")


def test_a_comparison_draws_what_chance_explains(run, ax):
    log = run.log
    result = cn.compare(
        {"run": run, "counts": cn.co_action(log, min_weight=2), "none": cn.co_action(log).where(
            np.zeros(cn.co_action(log).n_edges, bool))}
    )  # fmt: skip
    plots.comparison(result, ax)
    explained = result.methods["explained"].to_pylist()
    (beyond,) = [c for c in ax.containers if c.get_label() == "beyond chance"]
    (chance,) = [c for c in ax.containers if c.get_label() == "explained by chance"]
    assert [bar.get_width() for bar in chance] == [explained[0], explained[1], 0]
    assert [bar.get_width() for bar in beyond] == [1 - explained[0], 1 - explained[1], 0]
    edges = result.methods["edges"].to_pylist()
    assert [t.get_text().split(" edges")[0] for t in ax.texts] == [f"{n:,}" for n in edges]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["run", "counts", "none"]
    drawn(ax)


def test_suggested_windows_draw_both_counts_and_the_suggestion(run, ax):
    found = cn.suggest_windows(run.log)
    plots.suggested_windows(found, ax)
    rows = [row for row in found.windows.to_pylist() if row["kind"] == "all kinds"]
    lines = {line.get_label(): line for line in ax.lines}
    observed = [row["observed"] or np.nan for row in rows]
    expected = [row["expected"] or np.nan for row in rows]
    np.testing.assert_array_equal(lines["observed"].get_ydata(), observed)
    np.testing.assert_array_equal(lines["without coordination"].get_ydata(), expected)
    np.testing.assert_array_equal(lines["observed"].get_xdata(), [row["seconds"] for row in rows])
    (at,) = [row["seconds"] for row in rows if row["suggested"]]
    (line,) = [line for name, line in lines.items() if name.startswith("suggested")]
    assert set(line.get_xdata()) == {at}
    drawn(ax)
    kind = plots.suggested_windows(found, Figure().subplots(), kind="hashtag")
    assert kind.get_title().startswith("hashtag")
    with pytest.raises(cn.ParameterError, match="kind='hashtags' is not known"):
        plots.suggested_windows(found, ax, kind="hashtags")
    with pytest.raises(cn.ParameterError, match=r"what coordnet\.suggest_windows gives"):
        plots.suggested_windows(found.windows, ax)


def test_hostile_labels_stay_text(ax):
    rows = [(name, f"o{j}", i + 500 * j) for i, name in enumerate(HOSTILE) for j in range(3)]
    log = text_log([*rows, *public(6, 3), ("late", "z", 6 * DAY)])
    moments = {name[:200]: (MONDAY, MONDAY + DAY) for name in HOSTILE}
    members = [name for name in log.accounts if name in HOSTILE or "script" in name]
    scores = score_of(log, members, null_sets=0, only=["size"], moments=moments)
    heat = drawn(plots.heat(scores, 0, Figure().subplots(), identifiers=True))
    names = [t.get_text() for t in heat.get_yticklabels()]
    assert max(map(len, names)) <= 25
    assert r"\$x^2\$ \frac{" in names
    assert not any("\n" in name or "\u202e" in name or "\x1b" in name for name in names)
    assert len(drawn(plots.timeline(scores, 0, Figure().subplots())).texts) == len(HOSTILE)
    frame = pd.DataFrame(
        {"within": list(HOSTILE), "fdr": 0.1, "resolution": 1.0, "edges": 1, "clusters": 1,
         "accounts": 1, "pairs_kept": 1.0}
    )  # fmt: skip
    drawn(plots.windows(frame, ax))
    result = cn.compare({name: cn.co_action(log) for name in HOSTILE})
    drawn(plots.comparison(result, Figure().subplots()))


def test_pyplot_is_not_touched_where_an_axes_is_given(run):
    """A figure that pyplot does not know of comes from an Axes, one that it knows of without."""
    pyplot.close("all")
    for draw in (plots.network, plots.timeline, plots.gaps, plots.heat, plots.scores):
        draw(run, ax=Figure().subplots())
    assert pyplot.get_fignums() == []
    ax = plots.timeline(run, 0)
    assert pyplot.get_fignums() == [ax.figure.number]
    pyplot.close("all")


def test_without_matplotlib_the_install_command_is_told(monkeypatch, run):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(cn.MissingDependencyError, match=r"pip install 'coordnet\[report\]'"):
        plots.timeline(run, 0)


def test_labels_and_colours():
    assert plain("a $b$") == r"a \$b\$"
    assert short_duration(90 * US) == "90 s"
    assert short_duration(60 * US) == "1 min"
    assert len(set(COLOURS)) == len(COLOURS) == 6
