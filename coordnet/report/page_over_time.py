"""The page of a report of clusters over time: text, tables, and a picture drawn in the page itself.

It has no script, and its policy lets none run. Only numbers and our own words are in the picture.
"""

from __future__ import annotations

from coordnet.report.figures import COLOURS, INK
from coordnet.report.markup import (
    document,
    escaped,
    evidence,
    facts,
    foot,
    header,
    labelled,
    number,
    sentences,
    table,
)
from coordnet.report.over_time import LanesData, OverTimeData, TrackData
from coordnet.report.words_over_time import HAPPENED

LEFT, RIGHT, TOP, BOTTOM = 96, 24, 12, 44  # around the lanes, in pixels
LANE = 30  # pixels of a lane, about
NARROW, WIDE = 58, 130  # pixels between steps
HALF, AWAY, SIGN = 8, 8, 4.5  # half of a bar, from there to a mark, half of a mark
# The shape of each mark around 0, whether it is filled, and on which side of a bar it stands
_ROUND = "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z"
MARKS = {
    "born": (_ROUND, True, -1),
    "split": ("M0 -5.5L5.5 0L0 5.5L-5.5 0z", True, -1),
    "returned": (_ROUND, False, -1),
    "merged": ("M-4 -4h8v8h-8z", True, 1),
    "gone": ("M-4 -4L4 4M4 -4L-4 4", False, 1),
}
_MEAN = {
    "born": "is new", "split": "splits off", "returned": "is back", "merged": "goes into another",
    "gone": "is not seen any more",
}  # fmt: skip


def page(data: OverTimeData) -> str:
    """Return the page as text; equal data give equal text."""
    parts = [
        header(data.identifiers, data.question, [], data.finding),
        '<section aria-label="The data"><h2>The data</h2>', facts(data.input), "</section>",
        '<section><h2>Limits</h2><ul class="limits">', sentences(data.limits, "li"),
        "</ul></section>",
    ]  # fmt: skip
    if data.picture is not None:
        parts += [_picture(data.picture), _events(data), *map(_track, data.tracks)]
        if data.n_tracks > len(data.tracks):
            parts.append(
                f'<p class="quiet">{data.n_tracks - len(data.tracks):,} smaller clusters have no '
                "tables here; to_frame() has them.</p>"
            )
    sources = sentences(data.sources, "li")
    parts += [
        "<section><h2>Method</h2>", f'<p class="method">{escaped(data.method)}</p>',
        f'<ol class="sources">{sources}</ol>' if sources else "",
        "<details><summary>Parameters and versions</summary>",
        facts([*data.parameters, *data.packages]), "</details></section>",
        foot(data.coordnet, data.identifiers),
    ]  # fmt: skip
    return document(parts, data.coordnet)


# -- the picture -----------------------------------------------------------------------------------


def _picture(shown: LanesData) -> str:
    said = escaped(" ".join(shown.said))
    happened = [name for name in MARKS if any(event == name for event, *_ in shown.marks)]
    key = "".join(
        f'<li><svg width="12" height="12" viewBox="-6 -6 12 12" aria-hidden="true">{_mark(name)}'
        f"</svg> {_MEAN[name]}</li>"
        for name in happened
    )
    rows = [
        [
            _link(bar.track), _days(shown.days[bar.step]), number(bar.accounts), number(bar.stayed),
            number(bar.joined), number(bar.left),
        ]
        for bar in shown.bars
    ]  # fmt: skip
    numbers = table(
        ["cluster", "step", "accounts", "stayed", "joined", "left"], rows, 4, "The picture"
    )
    return (
        f'<section><h2>The clusters over time</h2><figure><ul class="key">{key}</ul>'
        f'<div class="scroll lanes" tabindex="0" role="group" aria-label="The picture">'
        f"{_svg(shown, said)}</div><figcaption>{said}</figcaption>"
        f"<details><summary>The numbers</summary>{numbers}</details></figure></section>"
    )


def _svg(shown: LanesData, said: str) -> str:
    """Return the lanes as an SVG element."""
    steps = len(shown.days)
    wide = min(max(1_000 / max(steps, 1), NARROW), WIDE)
    high = LANE * len(shown.lanes) + 40
    scale = high / max(shown.height, 1.0)
    width, height = LEFT + wide * steps + RIGHT, TOP + high + BOTTOM

    def x(step: float) -> float:
        return LEFT + wide * (step + 0.5)

    def y(at: float) -> float:
        return TOP + scale * at

    colour = {track: COLOURS[i % len(COLOURS)] for i, (track, *_) in enumerate(shown.lanes)}
    middle = {track: y(at) for track, at, _ in shown.lanes}
    out = [
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" style="min-width:{0.8 * width:.0f}px;'
        f'max-width:{1.3 * width:.0f}px" role="img" aria-label="{said}">'
    ]
    every = -(-steps // max(int(wide * steps // 92), 1))
    for step, days in enumerate(shown.days):
        out.append(
            f'<line x1="{x(step):.1f}" y1="{TOP}" x2="{x(step):.1f}" y2="{TOP + high:.1f}" '
            'class="grid"/>'
        )
        if step % every == 0:
            out.append(
                f'<text x="{x(step):.1f}" y="{TOP + high + 18:.1f}" text-anchor="middle">'
                f"{days[:10]}</text>"
            )
    out.append(
        f'<text x="{LEFT + wide * steps / 2:.1f}" y="{TOP + high + 36:.1f}" text-anchor="middle">'
        "first day of the step (UTC)</text>"
    )
    for track, step, to_step, top, to_top, across, told in shown.flows:
        a, b, thick = x(step) + HALF, x(to_step) - HALF, scale * across
        bend, y0, y1 = (a + b) / 2, y(top), y(to_top)
        faint = 0.4 if to_step == step + 1 else 0.16
        out.append(
            f'<path d="M{a:.1f} {y0:.1f}C{bend:.1f} {y0:.1f} {bend:.1f} {y1:.1f} {b:.1f} {y1:.1f}v'
            f"{thick:.1f}C{bend:.1f} {y1 + thick:.1f} {bend:.1f} {y0 + thick:.1f} {a:.1f} "
            f'{y0 + thick:.1f}z" fill="{colour[track]}" fill-opacity="{faint}"><title>'
            f"{escaped(told)}</title></path>"
        )
    for bar in shown.bars:
        out.append(
            f'<rect x="{x(bar.step) - HALF:.1f}" y="{y(bar.top):.1f}" width="{2 * HALF}" '
            f'height="{scale * bar.accounts:.1f}" fill="{colour[bar.track]}"><title>'
            f"{escaped(bar.told)}</title></rect>"
        )
    for event, track, step in shown.marks:
        at = x(step) + MARKS[event][2] * (HALF + AWAY)
        out.append(
            f'<g transform="translate({at:.1f} {middle[track]:.1f})">{_mark(event)}<title>Cluster '
            f"{track} {_MEAN[event]}.</title></g>"
        )
    for track, _, most in shown.lanes:
        out.append(
            f'<a href="#cluster-{track}"><text x="{LEFT - 10}" y="{middle[track] + 4:.1f}" '
            f'text-anchor="end">{track} ({most:,})</text></a>'
        )
    return "".join([*out, "</svg>"])


def _mark(event: str) -> str:
    shape, filled, _ = MARKS[event]
    fill = INK if filled else "#fff"
    return f'<path d="{shape}" fill="{fill}" stroke="{INK}" stroke-width="1.6"/>'


# -- tables ----------------------------------------------------------------------------------------


def _days(span: str) -> str:
    """Return two days of which none is broken in two."""
    return " to ".join(f'<span class="day">{day}</span>' for day in span.split(" to "))


def _link(track: int) -> str:
    return f'<a href="#cluster-{track}">{track}</a>'


def _events(data: OverTimeData) -> str:
    rows = [
        [
            _days(row.days), _link(row.track),
            HAPPENED[row.event].format(other="" if row.other is None else _link(row.other)),
            number(row.accounts),
        ]
        for row in data.events
    ]  # fmt: skip
    more = ""
    if data.n_events > len(data.events):
        more = f'<p class="quiet">The last {len(data.events):,} of {data.n_events:,}.</p>'
    return (
        "<section><h2>What happened</h2>"
        + table(["step", "cluster", "what happened", "accounts"], rows, 1, "What happened")
        + '<p class="quiet">Accounts: of the cluster in the step, or when it was last seen. A '
        "cluster is gone from the first step on in which it was not seen.</p>" + more + "</section>"
    )


def _track(track: TrackData) -> str:
    tested = any(row.evidence is not None or row.pairs_at_least is not None for row in track.steps)
    rows = []
    for row in track.steps:
        cells = [
            _days(row.days), number(row.accounts), number(row.stayed), number(row.joined),
            number(row.left), f"{100 * row.founders:.0f}&nbsp;%",
            f"{row.pairs_joined:,}&nbsp;of&nbsp;{row.pairs:,}",
        ]  # fmt: skip
        if tested:
            cells += [number(row.pairs_at_least), evidence(row.evidence)]
        rows.append(cells)
    head = ["step", "accounts", "stayed", "joined", "left", "first members", "pairs joined"]
    head += ["at least", "evidence"] if tested else []
    steps = table(head, rows, len(head) - 1, f"Cluster {track.number}, by step")
    members = table(
        ["account", "from", "to", "steps"],
        [
            [labelled(row.account), _days(row.first), _days(row.last), number(row.steps)]
            for row in track.members
        ],
        1,
        f"Members of cluster {track.number}",
    )
    more = ""
    if track.n_members > len(track.members):
        more = f'<p class="quiet">And {track.n_members - len(track.members):,} more.</p>'
    return (
        f'<section class="cluster" id="cluster-{track.number}"><h2>Cluster {track.number}</h2>'
        f"<p>{escaped(track.said)}</p>{steps}"
        f"<details><summary>The {track.n_members:,} accounts that were in it</summary>{members}"
        f"{more}</details></section>"
    )
