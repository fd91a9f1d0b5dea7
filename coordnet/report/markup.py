"""What pages of reports are written with: text escaped, tables, the frame of a page."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any

from coordnet.report.data import Fact, Paragraph


def document(
    body: Sequence[str], version: str, scripts: Sequence[str] = (), numbers: Any = None
) -> str:
    """Return a page as text; equal input gives equal text.

    Parameters
    ----------
    body
        Parts of the page that are HTML already.
    version
        Of coordnet.
    scripts
        The scripts of the page; no other may run.
    numbers
        What they need, as JSON holds it.
    """
    style = resources.files("coordnet.report").joinpath("page.css").read_text("utf-8")
    digests = " ".join(f"'sha256-{digest(script)}'" for script in scripts)
    allowed = f"script-src {digests} 'unsafe-eval'; " if scripts else ""
    policy = (
        f"default-src 'none'; {allowed}style-src 'unsafe-inline'; img-src data:; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    told = []
    if scripts:
        told = [
            f'<script type="application/json" id="numbers">{json_text(numbers)}</script>',
            *(f"<script>{script}</script>" for script in scripts),
        ]
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f'<meta name="generator" content="coordnet {escaped(version)}">',
            '<link rel="icon" href="data:,">',
            "<title>coordnet report</title>",
            f"<style>{style}</style>\n</head>\n<body>\n<main>",
            *body,
            *told,
            "</main>\n</body>\n</html>\n",
        ]
    )


def header(identifiers: bool, question: str, warning: Sequence[str], finding: Sequence[str]) -> str:
    """Return the top of a page: whose names it shows, the question, warnings, the finding."""
    parts = ["<header>"]
    if identifiers:
        parts.append(
            '<p class="red" role="alert">This report shows the accounts\u2019 own names. Whoever '
            "has it can find these people. Keep it as you keep the data, and pass on a report with "
            "pseudonyms instead.</p>"
        )
    parts += ["<h1>coordnet report</h1>", f'<p class="question">{escaped(question)}</p>']
    if warning:
        parts.append(f'<div class="warning" role="note">{sentences(warning)}</div>')
    parts += [f'<ul class="finding">{sentences(finding, "li")}</ul>', "</header>"]
    return "\n".join(parts)


def foot(version: str, identifiers: bool) -> str:
    """Return the last line of a page."""
    names = "their own names" if identifiers else "pseudonyms"
    return (
        f'<p class="foot">Made by coordnet {escaped(version)}. Accounts stand under {names}. '
        "This page needs no network and asks for nothing.</p>"
    )


def escaped(text: str) -> str:
    """Return a text that is no markup."""
    return html.escape(text)


def labelled(text: str) -> str:
    """Return a text of the data: its direction is its own, and does not turn what is around it."""
    return f"<bdi>{html.escape(text)}</bdi>"


def digest(script: str) -> str:
    """Return the digest by which a page's policy lets a script run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def json_text(value: Any) -> str:
    """Return JSON that can stand in a page: in ASCII, and nothing in it ends a script."""
    told = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return told.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def number(value: float | None, digits: int = 3) -> str:
    """Return a number as a table has it; nothing for none."""
    if value is None:
        return ""
    if abs(value) >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int, caption: str = ""
) -> str:
    """Return a table of cells that are HTML already; the last `numbers` columns are numbers."""
    first = len(head) - numbers

    def line(cells: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=n' if i >= first else ''}>{cell}</{tag}>"
            for i, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    named = f' aria-label="{escaped(caption)}"' if caption else ""
    return (
        f'<div class="scroll"><table{named}><thead><tr>{line(head, "th")}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def facts(told: Iterable[Fact]) -> str:
    """Return names and what they are, beside each other."""
    parts = []
    for fact in told:
        wide = ' class="wide"' if len(fact.value) > 28 else ""
        parts.append(
            f"<div{wide}><dt>{escaped(fact.name)}</dt><dd>{labelled(fact.value)}</dd></div>"
        )
    return f'<dl class="facts">{"".join(parts)}</dl>'


def sentences(said: Iterable[str], tag: str = "p") -> str:
    """Return each sentence in an element of its own."""
    return "".join(f"<{tag}>{escaped(one)}</{tag}>" for one in said)


def paragraph(told: Paragraph) -> str:
    """Return a paragraph with its heading in front."""
    title = f"<b>{escaped(told.title)}.</b> " if told.title else ""
    return f"<p>{title}{escaped(' '.join(told.sentences))}</p>"


def bar(share: float) -> str:
    """Return a bar that is as long as a share of the cell."""
    return f'<span class="bar" style="width:{max(0.0, min(share, 1.0)):.0%}"></span>'


def evidence(value: float | None) -> str:
    """Return log10 evidence as it is told."""
    if value is None:
        return ""
    return number(value) if value > 1.3 else "inconclusive"
