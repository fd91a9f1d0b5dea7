"""What a report shows, as plain values that JSON can hold; labels enter here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from coordnet.detection.run import Run


class ReportData(msgspec.Struct, frozen=True):
    """All that a page of a report is made of."""

    version: str
    identifiers: bool
    warning: list[str]
    finding: list[str]
    summaries: list[str]


def report_data(run: Run, *, identifiers: bool = False, key: bytes | None = None) -> ReportData:
    """Return what the report of a run shows."""
    return ReportData(
        version=run.manifest["coordnet"],
        identifiers=identifiers,
        warning=run.suspects,
        finding=[run.finding, *run.could_have_been_found],
        summaries=[run.explain(i) for i in range(len(run.clusters))] if run.scores else [],
    )
