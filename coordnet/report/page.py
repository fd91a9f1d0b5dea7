"""The page of a report: one HTML file of text and tables, and a script that draws the pictures.

Whoever has no script reads all of the text. Nothing of the data can become markup or script: every
text is escaped, numbers for the script stand as JSON in which ``<`` is written as an escape, and
the page's own policy names the scripts that may run by their digests and forbids every request.
The policy lets those scripts compile code, because BokehJS compiles its WebGL programs.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import msgspec

from coordnet.report.data import ClusterData, Details, ReportData
from coordnet.report.figures import COLOURS, INK, MARKERS, MEMBERS, OTHERS, TOGETHER, figures
from coordnet.report.markup import (
    bar,
    document,
    escaped,
    evidence,
    facts,
    foot,
    header,
    labelled,
    number,
    paragraph,
    sentences,
    table,
)
from coordnet.scores.explanations import FITS

_TITLES = {
    "timeline": "When: actions of the members, beside others",
    "gaps": "How close: gaps between two members on one object",
    "creation": "When the accounts were created, beside others",
    "scores": "Scores beside their references",
}
_KEYS = {
    "timeline": [(MEMBERS, "members"), (TOGETHER, "of these together"), (OTHERS, "others, scaled")],
    "gaps": [
        (TOGETHER, "members, within the window"), (MEMBERS, "members, farther apart"),
        (OTHERS, "at others\u2019 pace"),
    ],
    "creation": [(MEMBERS, "members"), (OTHERS, "others, scaled")],
    "scores": [
        (INK, "95 % interval"), (OTHERS, "the reference, with the range of 90 % of matched sets"),
        (TOGETHER, "filled: q-value at most 0.05"),
    ],
}  # fmt: skip
COLUMNS = (
    "Pairs at least: so many pairs of members truly act together, with 95 % confidence, however "
    "the cluster was chosen; - where that cannot be told. Together: share of the members\u2019 "
    "actions within the window of another member\u2019s. Evidence: log10, of the group as a whole; "
    "significant from 1.3 on. Benign fits: the benign explanations that fit."
)
_LINES = {"others, scaled", "at others\u2019 pace", "95 % interval"}


def page(data: ReportData) -> str:
    """Return the page of a report as text; equal data give equal text."""
    own = resources.files("coordnet.report").joinpath("page.js").read_text("utf-8")
    scripts = [own]
    numbers = _numbers(data)
    if data.clusters:
        drawn = figures()
        scripts = [*drawn.scripts, own]
        numbers |= {"document": drawn.document, "roots": drawn.roots}
    return document([*_top(data), *_clusters(data), *_end(data)], data.coordnet, scripts, numbers)


# -- the top ---------------------------------------------------------------------------------------


def _top(data: ReportData) -> list[str]:
    parts = [header(data.identifiers, data.question, data.warning, data.finding)]
    parts += [
        '<section aria-label="The data"><h2>The data</h2>',
        facts(data.input),
        "</section>",
    ]
    if data.could:
        parts += [
            "<section><h2>What could have been found</h2>",
            sentences(data.could),
            "</section>",
        ]
    for check in data.checks:
        parts += [
            f"<section><h2>{escaped(check.title)}</h2>",
            sentences(check.sentences),
            "</section>",
        ]
    parts += [
        '<section><h2>Limits</h2><ul class="limits">',
        sentences(data.limits, "li"),
        "</ul></section>",
    ]
    return parts


# -- clusters --------------------------------------------------------------------------------------


def _clusters(data: ReportData) -> list[str]:
    if not data.clusters or data.network is None:
        return []
    said = " ".join(data.network.said)
    return [
        '<section><h2>The clusters</h2><div class="two">',
        '<figure class="only-js"><div class="tools" role="group" aria-label="The network">'
        '<button type="button" id="closer">Closer</button>'
        '<button type="button" id="farther">Farther</button>'
        '<button type="button" id="zoom">Selected cluster</button>'
        '<button type="button" id="whole">All</button></div>',
        '<div class="picture" id="network" role="img" tabindex="0" '
        f'aria-label="{escaped(said)}"></div>',
        f"<figcaption>{escaped(said)} Click a cluster to select it; the arrow keys, +, - and 0 "
        "move the picture. The numbers are those of the table.</figcaption></figure>",
        f'<p class="in-words">{escaped(said)}</p>',
        "<div>",
        _table_of_clusters(data),
        f'<p class="quiet">{escaped(COLUMNS)} <span class="only-js">Click a heading to sort; '
        "select a row with a click, or with the arrow keys and Enter.</span></p>",
        '<p id="selected" class="quiet only-js" role="status"></p></div></div></section>',
        _pictures(data),
        *(_cluster(data, i, cluster) for i, cluster in enumerate(data.clusters)),
    ]


def _table_of_clusters(data: ReportData) -> str:
    """Return the table in which clusters are sorted and selected."""
    columns = [
        ("cluster", ""), ("accounts", "n"), ("actions", "n less"), ("pairs at least", "n"),
        ("together", "n"), ("typical gap", "n less"), ("evidence", "n less"),
        ("benign fits", ""),
    ]  # fmt: skip
    if data.several_layers:
        columns.append(("layer", "less"))
    head = "".join(
        f'<th scope="col" aria-sort="none"{_class(kind)}><button type="button">{name}</button></th>'
        for name, kind in columns
    )
    lines = []
    for i, cluster in enumerate(data.clusters):
        square = " square" if i // len(COLOURS) % len(MARKERS) else ""
        colour = COLOURS[i % len(COLOURS)]
        swatch = f'<i class="swatch{square}" style="background:{colour}"></i>'
        cells = [
            f'<th scope="row" data-value="{-i}"><a href="#cluster-{i}" tabindex="-1">{swatch}{i}'
            "</a></th>",
            _cell(cluster.accounts, number(cluster.accounts)),
            _cell(cluster.actions, number(cluster.actions), "n less"),
            _cell(
                cluster.at_least,
                "-"
                if cluster.at_least is None
                else f"{cluster.at_least:,}&nbsp;of&nbsp;{cluster.pairs:,}",
            ),
            _cell(
                cluster.together,
                "" if cluster.together is None else f"{100 * cluster.together:.0f}&nbsp;%",
            ),
            _cell(cluster.gap, cluster.gap_told.replace(" ", "&nbsp;"), "n less"),
            _cell(cluster.evidence, evidence(cluster.evidence), "n less"),
            f"<td>{escaped(', '.join(cluster.fits)) or 'none'}</td>"
            if cluster.explanations
            else "<td></td>",
        ]
        if data.several_layers:
            cells.append(f'<td class="less">{labelled(cluster.layer)}</td>')
        lines.append(
            f'<tr data-cluster="{i}" tabindex="-1" aria-selected="false">{"".join(cells)}</tr>'
        )
    return (
        '<div class="scroll" id="clusters"><table role="grid" aria-label="Clusters"><thead><tr>'
        f"{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _cell(value: float | None, shown: str, kind: str = "n") -> str:
    return f'<td{_class(kind)} data-value="{"" if value is None else value}">{shown}</td>'


def _pictures(data: ReportData) -> str:
    """Return the places of the pictures of the selected cluster."""
    if not any(cluster.details for cluster in data.clusters):
        return ""
    figures_ = []
    for name, title in _TITLES.items():
        key = "".join(
            f'<li><i class="{"line" if text in _LINES else ""}" style="background:{colour}"></i>'
            f"{escaped(text)}</li>"
            for colour, text in _KEYS[name]
        )
        marks = ""
        if name == "timeline" and data.moments:
            marks = "<p class=quiet>Key moments: " + "; ".join(
                f"<b>{i + 1}</b> {labelled(moment.name)} ({escaped(moment.told)})"
                for i, moment in enumerate(data.moments)
            )  # fmt: skip
            marks += ".</p>"
        figures_.append(
            f'<figure data-picture="{name}"><h3>{title}</h3><ul class="key">{key}</ul>'
            f'<div class="picture" id="picture-{name}" role="img"></div>'
            f"<figcaption></figcaption>{marks}<details><summary>The numbers</summary>"
            '<div class="scroll"></div></details></figure>'
        )
    return f'<div class="pictures only-js" id="pictures">{"".join(figures_)}</div>'


def _cluster(data: ReportData, i: int, cluster: ClusterData) -> str:
    """Return the section of a cluster."""
    parts = [f'<section class="cluster" id="cluster-{i}"><h2>Cluster {i}</h2><div class="said">']
    parts += [paragraph(one) for one in cluster.summary]
    if not cluster.summary:
        parts.append(
            f"<p>Cluster {i} has {cluster.accounts:,} accounts and {cluster.actions:,} actions. It "
            "was not scored.</p>"
        )
    details = cluster.details
    if details is not None:
        parts += [
            f'<p class="in-words" data-words="{name}">{escaped(" ".join(said))}</p>'
            for name, said in _in_words(details).items()
        ]
    parts.append("</div>")
    if details is not None:
        parts += [
            '<div class="side"><div class="tables">',
            _carriers(details),
            _explanations(data, cluster),
            _targets(details),
            _texts(details),
            "</div></div>",
        ]
        reasons = [details.absent[name] for name in ("timeline", "gaps", "creation")
                   if name in details.absent]  # fmt: skip
        if reasons:
            said = escaped(" ".join(reasons))
            parts.append(f'<p class="quiet">Pictures that are not there: {said}</p>')
    elif cluster.summary:
        parts.append(
            '<p class="quiet">Only the largest clusters have pictures and tables here. The others '
            "have theirs in the files of the results.</p>"
        )
    return "".join([*parts, "</section>"])


def _in_words(details: Details) -> dict[str, list[str]]:
    """Return each picture of a cluster in words."""
    pictures = {
        "timeline": details.timeline, "gaps": details.gaps, "creation": details.creation,
        "scores": details.scores,
    }  # fmt: skip
    return {name: picture.said for name, picture in pictures.items() if picture is not None}


def _targets(details: Details) -> str:
    if not details.targets:
        return f"<h3>Top targets</h3><p>{escaped(details.absent.get('targets', 'None.'))}</p>"
    most = max(target.at_once for target in details.targets)
    left = details.n_targets - len(details.targets)
    more = f'<p class="quiet">And {left:,} more.</p>' if left > 0 else ""
    return (
        "<h3>Top targets</h3>"
        + table(
            ["object", "kind", "members", "at once", "outsiders"],
            [
                [
                    f"{labelled(one.shown)}{bar(one.at_once / most)}", labelled(one.kind),
                    number(one.members), number(one.at_once), number(one.outsiders),
                ]
                for one in details.targets
            ],
            3,
            "Top targets",
        )
        + more
        + '<p class="quiet">At once: members who acted on it inside one window.</p>'
    )  # fmt: skip


def _texts(details: Details) -> str:
    head = "<h3>Texts in unison</h3>"
    if not details.texts:
        reason = details.absent.get("texts", "No text was posted by three or more members.")
        return f'{head}<p class="quiet">{escaped(reason)}</p>'
    rows = [
        [labelled(row.text), number(row.members), number(row.posts), number(row.in_unison)]
        for row in details.texts
    ]
    return head + table(["text", "members", "posts", "in unison"], rows, 3, "Texts in unison")


def _carriers(details: Details) -> str:
    """Return what each layer and each kind contribute."""
    edges = max([row.edges for row in details.layers], default=0) or 1
    several = len(details.layers) > 1
    rows = [
        [
            f"{labelled(row.layer)}{' (scored here)' if row.scored and several else ''}"
            f"{bar(row.edges / edges)}",
            f"{row.edges:,} of {row.pairs:,}",
            number(row.pairs_at_least),
            evidence(row.evidence),
        ]
        for row in details.layers
    ]
    told = "<h3>What each layer contributes</h3>" + table(
        ["layer", "pairs joined", "at least", "evidence"], rows, 3, "Layers"
    )
    if details.kinds:
        most = max(row.co_actions for row in details.kinds) or 1
        told += table(
            ["kind of action", "objects", "occasions", "actions together"],
            [
                [
                    f"{labelled(row.kind)}{bar(row.co_actions / most)}", number(row.objects),
                    number(row.occasions), number(row.co_actions),
                ]
                for row in details.kinds
            ],
            3,
            "Kinds of action",
        )  # fmt: skip
    return told


def _explanations(data: ReportData, cluster: ClusterData) -> str:
    rows = []
    for one, value in zip(data.explanations, cluster.explanations, strict=True):
        fits = "cannot be told" if value is None else "fits" if value >= FITS else "does not fit"
        shown = f"<b>{fits}</b>" if fits == "fits" else fits
        rows.append(
            [
                f"{escaped(one.title)}{bar(value) if value else ''}",
                shown,
                number(value, 2),
            ]
        )
    return "<h3>Benign explanations</h3>" + table(
        ["the cluster may be", f"from {FITS:g} on it fits", "value"], rows, 1, "Benign explanations"
    )


# -- the end ---------------------------------------------------------------------------------------


def _end(data: ReportData) -> list[str]:
    sources = sentences(data.sources, "li")
    parts = [
        "<section><h2>Method</h2>",
        f'<p class="method">{escaped(data.method)}</p>',
        f'<ol class="sources">{sources}</ol>' if sources else "",
        "<details><summary>Parameters and versions</summary>",
        facts([*data.parameters, *data.packages]),
        "</details>",
    ]
    if data.explanations:
        parts += [
            "<details><summary>What the benign explanations mean</summary>",
            table(
                ["explanation", "value"],
                [[escaped(one.title), escaped(one.meaning)] for one in data.explanations],
                0,
            ),
            "</details>",
        ]
    if data.scores:
        parts += [
            "<details><summary>What the scores mean</summary>",
            table(
                ["score", "family", "meaning"],
                [[labelled(one.name), one.title, escaped(one.meaning)] for one in data.scores],
                0,
            ),
            "</details>",
        ]
    if data.absent:
        parts += [
            "<details><summary>Scores that could not be made</summary>",
            table(
                ["score", "why"],
                [[escaped(one.name), labelled(one.value)] for one in data.absent],
                0,
            ),
            "</details>",
        ]
    return [*parts, "</section>", foot(data.coordnet, data.identifiers)]


def _numbers(data: ReportData) -> dict[str, Any]:
    """Return what the page's script needs, as JSON holds it."""
    kinds = list(
        dict.fromkeys(
            (row.name, row.unit)
            for cluster in data.clusters
            if cluster.details is not None
            for row in cluster.details.scores.rows
        )
    )
    network = None if data.network is None else msgspec.to_builtins(data.network)
    if network is not None:
        network["total"] = sum(len(part["x"]) for part in network["parts"])
        del network["said"]
    return {
        "colours": COLOURS, "markers": MARKERS, "ink": INK, "members": MEMBERS,
        "together": TOGETHER, "sizes": [cluster.accounts for cluster in data.clusters],
        "moments": msgspec.to_builtins(data.moments), "scores": kinds,
        "clusters": [_pictures_of(cluster.details, kinds) for cluster in data.clusters],
        "network": network,
    }  # fmt: skip


def _pictures_of(details: Details | None, kinds: list[tuple[str, str]]) -> dict[str, Any] | None:
    """Return what is drawn of a cluster; a score as its place in `kinds` and its numbers."""
    if details is None:
        return None
    drawn: dict[str, Any] = {}
    for name in ("timeline", "gaps", "creation"):
        picture = getattr(details, name)
        if picture is not None:
            drawn[name] = msgspec.to_builtins(picture)
            del drawn[name]["said"]  # it stands in the page
    drawn["scores"] = [
        (
            kinds.index((row.name, row.unit)), row.value, row.low, row.high, row.reference,
            row.others_low, row.others_high, row.q_value,
        )
        for row in details.scores.rows
    ]  # fmt: skip
    return drawn
