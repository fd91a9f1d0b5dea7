"""The pictures of a page, as Bokeh models without data: the page's own script fills them.

Nothing of a run is in here, so that no label can become part of a model, and the pictures of every
report are the same bytes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

# Colours that all kinds of colour vision tell apart (Okabe & Ito 2008), without black and yellow
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a5195")
MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex", "star")
INK, QUIET, LINE = "#1b1f24", "#6b7280", "#d0d5dd"
MEMBERS, TOGETHER, OTHERS = "#9cc8e6", "#0072b2", "#d55e00"
HEIGHTS = {"network": 480, "timeline": 240, "gaps": 260, "creation": 240, "scores": 420}


class Figures(NamedTuple):
    """What BokehJS needs to show the pictures.

    Attributes
    ----------
    document : dict
        The models as JSON holds them.
    roots : dict of str to str
        The id of the model of each picture.
    scripts : tuple of str
        The source of BokehJS.
    """

    document: dict[str, Any]
    roots: dict[str, str]
    scripts: tuple[str, ...]


def figures() -> Figures:
    """Return the empty pictures; equal in every call."""
    from bokeh.document import Document
    from bokeh.resources import Resources

    document = Document(title="coordnet report")
    for make in (_network, _timeline, _gaps, _creation, _scores):
        document.add_root(make())
    told = _renumbered(document.to_json(deferred=False))
    names = [root["attributes"]["name"].removesuffix(" figure") for root in told["roots"]]
    roots = {name: root["id"] for name, root in zip(names, told["roots"], strict=True)}
    inline = Resources(mode="inline", components=["bokeh", "bokeh-gl"], log_level="warn")
    return Figures(told, roots, tuple(inline.js_raw))


def _renumbered(document: Any) -> Any:
    """Return a document with its models numbered in the order in which they stand there.

    Bokeh counts models through the life of a process, so that a second report would have others.
    """
    numbers: dict[str, str] = {}

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: numbers.setdefault(item, f"m{len(numbers)}")
                if key == "id" and isinstance(item, str)
                else walk(item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [walk(item) for item in value]
        return value

    return walk(document)


# -- what the pictures share -------------------------------------------------------------------


def _figure(name: str, **given: Any) -> Any:
    from bokeh.models import NumeralTickFormatter
    from bokeh.plotting import figure

    plot = figure(
        name=f"{name} figure",
        height=HEIGHTS[name],
        sizing_mode="stretch_both" if name == "network" else "stretch_width",
        toolbar_location=None,
        tools="",
        min_border=4,
        outline_line_color=None,
        background_fill_color=None,
        border_fill_color=None,
        lod_threshold=None,
        **given,
    )
    plot.grid.grid_line_color = "#eceff3"
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[0]")
    for axis in plot.axis:
        axis.axis_line_color = LINE
        axis.major_tick_line_color = LINE
        axis.minor_tick_line_color = None
        axis.major_label_text_color = QUIET
        axis.major_label_text_font_size = "12px"
        axis.axis_label_text_color = QUIET
        axis.axis_label_text_font_size = "12px"
        axis.axis_label_text_font_style = "normal"
    return plot


def _source(name: str, columns: str) -> Any:
    from bokeh.models import ColumnDataSource

    return ColumnDataSource({column: [] for column in columns.split()}, name=name)


def _hover(plot: Any, renderers: list[Any], told: list[tuple[str, str]], **given: Any) -> None:
    from bokeh.models import HoverTool

    plot.add_tools(HoverTool(renderers=renderers, tooltips=told, **given))


def _bars_of_time(name: str, together: bool) -> Any:
    """Return bars of members by time beside the line of others."""
    from bokeh.models import DatetimeTickFormatter

    plot = _figure(name, x_axis_type="datetime", x_range=(0, 1), y_range=(0, 1))
    plot.xgrid.grid_line_color = None
    plot.xaxis.formatter = DatetimeTickFormatter(
        hours="%H:%M", days="%d %b", months="%b %Y", years="%Y"
    )
    source = _source(name, "left right members together expected told")
    if name == "timeline":
        moments = _source("moments", "left right middle number top")
        plot.vstrip("left", "right", source=moments, fill_color=OTHERS, fill_alpha=0.18,
                    line_color=OTHERS, line_alpha=0.4)  # fmt: skip
        plot.text("middle", "top", "number", source=moments, text_align="center",
                  text_baseline="top", text_font_size="12px", text_color="#8a3b00",
                  text_font_style="bold")  # fmt: skip
    bars = [
        plot.quad(left="left", right="right", bottom=0, top="members", source=source,
                  fill_color=MEMBERS, line_color=None)
    ]  # fmt: skip
    if together:
        plot.quad(left="left", right="right", bottom=0, top="together", source=source,
                  fill_color=TOGETHER, line_color=None)  # fmt: skip
    steps = _source(f"{name} others", "x y")
    plot.step("x", "y", source=steps, mode="after", line_color=OTHERS, line_width=2)
    rows = [("from", "@told"), ("members", "@members{0,0}")]
    rows += [("of these together", "@together{0,0}")] if together else []
    _hover(plot, bars, [*rows, ("others, scaled", "@expected{0,0.[0]}")], mode="vline")
    return plot


# -- the pictures ------------------------------------------------------------------------------


def _network() -> Any:
    from bokeh.models import PanTool, TapTool, WheelZoomTool

    plot = _figure("network", x_range=(0, 1), y_range=(0, 1), output_backend="webgl")
    plot.axis.visible = False
    plot.grid.visible = False
    pan, wheel, tap = PanTool(), WheelZoomTool(), TapTool()
    plot.add_tools(pan, wheel, tap)
    plot.toolbar.active_drag = pan
    plot.toolbar.active_scroll = None
    between = _source("between", "x y")
    plot.line("x", "y", source=between, line_color=QUIET, line_alpha=0.25, line_width=1)
    discs = _source("discs", "x y radius colour alpha line width cluster accounts edges")
    disc = plot.circle("x", "y", radius="radius", source=discs, fill_color="colour",
                       fill_alpha="alpha", line_color="line", line_width="width",
                       nonselection_fill_alpha="alpha", nonselection_line_alpha=1.0)  # fmt: skip
    edges = _source("edges", "x y")
    plot.line("x", "y", source=edges, line_color=QUIET, line_alpha=0.18, line_width=1)
    own = _source("own edges", "x y")
    plot.line("x", "y", source=own, line_color=INK, line_alpha=0.3, line_width=1)
    nodes = _source("nodes", "x y colour marker size account cluster degree")
    node = plot.scatter("x", "y", source=nodes, size="size", marker="marker", fill_color="colour",
                        fill_alpha=0.95, line_color="white", line_width=0.5,
                        nonselection_fill_alpha=0.95, nonselection_line_alpha=1.0)  # fmt: skip
    names = _source("names", "x y text")
    plot.text("x", "y", "text", source=names, text_align="center", text_baseline="bottom",
              text_font_size="12px", text_font_style="bold", text_color=INK)  # fmt: skip
    tap.renderers = [disc, node]
    _hover(plot, [node], [("account", "@account"), ("cluster", "@cluster"),
                          ("edges", "@degree")])  # fmt: skip
    _hover(plot, [disc], [("cluster", "@cluster"), ("accounts", "@accounts{0,0}"),
                          ("edges inside", "@edges{0,0}")])  # fmt: skip
    return plot


def _timeline() -> Any:
    plot = _bars_of_time("timeline", together=True)
    plot.yaxis.axis_label = "actions"
    return plot


def _creation() -> Any:
    plot = _bars_of_time("creation", together=False)
    plot.yaxis.axis_label = "accounts"
    return plot


def _gaps() -> Any:
    from bokeh.models import FixedTicker

    plot = _figure("gaps", x_range=(0, 1), y_range=(0, 1))
    plot.xaxis.ticker = FixedTicker(ticks=[])
    plot.xgrid.grid_line_color = None
    plot.xaxis.axis_label = "gap, up to"
    plot.yaxis.axis_label = "pairs of actions"
    plot.xaxis.major_label_orientation = 0.9
    source = _source("gaps", "left right at observed expected colour told")
    bars = plot.quad(left="left", right="right", bottom=0, top="observed", source=source,
                     fill_color="colour", line_color=None)  # fmt: skip
    plot.step("at", "expected", source=source, mode="center", line_color=OTHERS, line_width=2)
    _hover(plot, [bars], [("gap", "@told"), ("members", "@observed{0,0}"),
                          ("at others' pace", "@expected{0,0.[0]}")], mode="vline")  # fmt: skip
    return plot


def _scores() -> Any:
    from bokeh.models import CategoricalTickFormatter, FactorRange, FixedTicker, Span

    plot = _figure("scores", x_axis_type="log", y_range=FactorRange(), x_range=(0.1, 10))
    plot.xaxis.axis_label = "times the reference"
    plot.yaxis.formatter = CategoricalTickFormatter()
    plot.xaxis.ticker = FixedTicker(ticks=[1 / 64, 1 / 16, 1 / 4, 1 / 2, 1, 2, 4, 16, 64])
    plot.xaxis.major_label_overrides = {
        1 / 64: "1/64", 1 / 16: "1/16", 1 / 4: "1/4", 1 / 2: "1/2", 1: "1", 2: "2",
        4: "4", 16: "16", 64: "64",
    }  # fmt: skip
    plot.ygrid.grid_line_color = "#eceff3"
    plot.add_layout(Span(location=1, dimension="height", line_color=OTHERS, line_width=2))
    source = _source("scores", "name x low high others_low others_high colour told reference q")
    plot.segment("others_low", "name", "others_high", "name", source=source, line_color=OTHERS,
                 line_alpha=0.3, line_width=9)  # fmt: skip
    plot.segment("low", "name", "high", "name", source=source, line_color=INK, line_width=2)
    dots = plot.scatter("x", "name", source=source, size=10, fill_color="colour",
                        line_color=INK)  # fmt: skip
    _hover(plot, [dots], [("score", "@name"), ("value", "@told"), ("others", "@reference"),
                          ("q-value", "@q")])  # fmt: skip
    return plot
