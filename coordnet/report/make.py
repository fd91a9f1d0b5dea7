"""Making a report: of a run, of a saved run, or of a results folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from coordnet.errors import ParameterError, shown
from coordnet.export import whole_file
from coordnet.report.data import ReportData, report_data
from coordnet.report.page import page


def make_report(
    source: Any,
    path: str | os.PathLike[str],
    *,
    identifiers: bool = False,
    key: bytes | None = None,
) -> Path:
    """Write the report of a run as one HTML file that opens offline; whole or not at all.

    Parameters
    ----------
    source
        A :class:`coordnet.Run`; the path of one that was saved (``run.coordnet``); or a results
        folder that :meth:`coordnet.Run.write` made, which needs no log.
    path
        The file to write, such as ``"report.html"``.
    identifiers
        Show the accounts' own labels instead of pseudonyms, and say so at the top. Of a results
        folder, only where that was written with identifiers.
    key
        Key of the pseudonyms, as in :meth:`coordnet.Run.write`; not for a results folder.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InputError
        Where the source is neither, or holds no report.
    OutputError
        Where the file cannot be written.
    """
    data = _data_of(source, identifiers, key)
    with whole_file(path) as temporary:
        temporary.write_text(page(data), encoding="utf-8", newline="\n")
    return Path(path)


def _data_of(source: Any, identifiers: bool, key: bytes | None) -> ReportData:
    from coordnet.detection.run import Run

    if isinstance(source, Run):
        return report_data(source, identifiers=identifiers, key=key)
    raise ParameterError(f"source={shown(source)} is no run.")
