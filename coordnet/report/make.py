"""Making a report: of a run, of a saved run, or of a results folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from coordnet.errors import InputError, ParameterError, shown
from coordnet.export import whole_file
from coordnet.report.data import FORMAT, ReportData
from coordnet.report.gather import report_data
from coordnet.report.page import page

if TYPE_CHECKING:
    from coordnet.detection.run import Run

DATA = "report.json"  # in a results folder: what its report is made of


def make_report(
    source: Run | str | os.PathLike[str],
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
        folder that :meth:`coordnet.Run.write` made, which needs no log. All three give the same
        bytes.
    path
        The file to write, such as ``"report.html"``.
    identifiers
        Show the accounts' own labels instead of pseudonyms, and say so at the top. Of a results
        folder, only where that was written with identifiers.
    key
        Key of the pseudonyms, as in :meth:`coordnet.Run.write`. A results folder has its own.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InputError
        Where the source is none of these, or a folder without a report's data.
    ParameterError
        Where a results folder has pseudonyms and identifiers are asked for, or the other way round.
    OutputError
        Where the file cannot be written.

    Examples
    --------
    >>> import coordnet as cn, tempfile
    >>> from pathlib import Path
    >>> from coordnet.report.make import make_report
    >>> run = cn.detect(cn.simulate("retweet_ring", accounts=500, seed=0).log)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = Path(place, "out")
    ...     files = run.write(folder)
    ...     one = make_report(run, Path(place, "one.html")).read_bytes()
    ...     one == make_report(folder, Path(place, "two.html")).read_bytes()
    True
    """
    data = _data_of(source, identifiers, key)
    with whole_file(path) as temporary:
        temporary.write_text(page(data), encoding="utf-8", newline="\n")
    return Path(path)


def report_json(run: Run, *, identifiers: bool = False, key: bytes | None = None) -> bytes:
    """Return what the report of a run is made of, as it stands in a results folder."""
    data = report_data(run, identifiers=identifiers, key=key)
    return msgspec.json.encode(data) + b"\n"


def _data_of(
    source: Run | str | os.PathLike[str], identifiers: bool, key: bytes | None
) -> ReportData:
    from coordnet.detection.run import Run

    if isinstance(source, Run):
        return report_data(source, identifiers=identifiers, key=key)
    if not isinstance(source, str | os.PathLike):
        raise ParameterError(
            f"a report is made of a run, a results folder or a saved run, not of "
            f"{type(source).__name__}."
        )
    place = Path(source)
    if not place.is_dir():
        return report_data(Run.load(place), identifiers=identifiers, key=key)
    if key is not None:
        raise ParameterError(
            "key= is for a run: the pseudonyms of a results folder were made when it was written."
        )
    data = _read(place / DATA)
    if data.identifiers != identifiers:
        has, asked = ("names", "pseudonyms") if data.identifiers else ("pseudonyms", "names")
        raise ParameterError(
            f"{shown(str(source))} was written with {has}, and a report with {asked} is asked for "
            f"(identifiers={identifiers}); write the folder again with identifiers={identifiers}, "
            "or make the report of the run itself or of a saved one."
        )
    return data


def _read(file: Path) -> ReportData:
    """Read what a results folder has of its report."""
    name = shown(str(file))
    try:
        data = msgspec.json.decode(file.read_bytes(), type=ReportData)
    except FileNotFoundError:
        raise InputError(
            f"there is no file {name}, which a report is made of; give a results folder that "
            "coordnet wrote, or a saved run."
        ) from None
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(
            f"{name} cannot be read as the data of a report ({error}); write the results again."
        ) from None
    if data.format != FORMAT:
        raise InputError(
            f"{name} was written by coordnet {shown(data.coordnet)} in another format than this "
            "version reads; use that version, or write the results again."
        )
    return data
