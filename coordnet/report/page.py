"""The page of a report: one HTML file."""

from __future__ import annotations

import html

from coordnet.report.data import ReportData


def page(data: ReportData) -> str:
    """Return the page as text."""
    parts = [*data.warning, *data.finding, *data.summaries]
    body = "\n".join(f"<p>{html.escape(part)}</p>" for part in parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>coordnet report'
        f"</title></head><body>\n<h1>coordnet report</h1>\n{body}\n</body></html>\n"
    )
