"""Profiles of accounts, aligned with a log."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.errors import InputError, listed, nearest
from coordnet.log.actions import ActionLog
from coordnet.readers.columns import as_chunked, label_column, time_column
from coordnet.readers.tables import read_some

NOTHING = np.iinfo(np.int64).min  # where an account has no such time

PROFILE_COLUMNS = (
    "account", "created_at", "handle", "name", "language", "time_zone", "location", "followers",
    "following", "verified", "status",
)  # fmt: skip
STATUSES = ("active", "suspended", "deleted")


@dataclass(frozen=True)
class Profiles:
    """Profiles of the accounts of a log, by code; a column that was not given is absent.

    Attributes
    ----------
    texts : mapping of str to array of str or None (n_accounts,)
        handle, name, language, time_zone, location, status.
    numbers : mapping of str to float64 (n_accounts,)
        followers, following, verified; NaN where there is none.
    marks : mapping of str to float64 (n_accounts,)
        Further columns of truth values: 1, 0, NaN where there is none.
    created : int64 (n_accounts,) or None
        Microseconds UTC, the least int64 where there is none.
    known : bool (n_accounts,)
        Which accounts have a row.
    """

    texts: Mapping[str, NDArray[np.object_]]
    numbers: Mapping[str, NDArray[np.float64]]
    marks: Mapping[str, NDArray[np.float64]]
    created: NDArray[np.int64] | None
    known: NDArray[np.bool_]


def read_profiles(frame: Any, log: ActionLog) -> Profiles:
    """Align a frame of accounts with a log.

    Parameters
    ----------
    frame
        pandas, Polars, PyArrow or DuckDB table, or the path of a .csv, .tsv or .parquet file, with
        a column ``account`` and any of created_at, handle, name (display name), language,
        time_zone, location, followers, following, verified, status (active, suspended, deleted);
        any other column of truth values is a mark of one's own.
    log
        The log; accounts that are not in it are let pass.

    Raises
    ------
    InputError
        Where ``account`` is missing or names an account twice, or no account is of the log.
    """
    if isinstance(frame, str | os.PathLike):
        frame = read_some(frame, PROFILE_COLUMNS)
    try:
        table = nw.from_native(frame)
    except TypeError:
        raise InputError(
            f"accounts= takes a dataframe, not {type(frame).__name__}; give one row an account."
        ) from None
    there = table.collect_schema().names()
    if "account" not in there:
        raise InputError(
            f"accounts= has no column 'account'.{nearest('account', there)} Its columns: "
            f"{listed(map(repr, there))}; those that are used: {listed(PROFILE_COLUMNS)}."
        )
    schema = table.collect_schema()
    marked = [name for name in there if name not in PROFILE_COLUMNS and schema[name] == nw.Boolean]
    wanted = table.select([*(name for name in PROFILE_COLUMNS if name in there), *marked])
    eager = wanted.collect("pyarrow") if isinstance(wanted, nw.LazyFrame) else wanted
    columns = {name: as_chunked(eager[name].to_arrow()) for name in eager.columns}

    def place(row: int) -> str:
        return f"accounts=, row {row + 1}"

    names = label_column(columns["account"], "account", place)
    labels = names.labels.take(pa.array(names.codes, mask=names.codes < 0))
    codes = log.all_accounts.positions_of(pc.fill_null(labels, ""))
    rows = np.flatnonzero(codes >= 0)
    if len(rows) == 0 and log.n_accounts:
        raise InputError(
            "accounts= names none of the accounts of the log; check that labels are written alike."
        )
    if len(np.unique(codes[rows])) < len(rows):
        raise InputError("accounts= has more than one row for an account; keep the latest of each.")
    known = np.zeros(len(log.all_accounts), bool)
    known[codes[rows]] = True

    texts: dict[str, NDArray[np.object_]] = {}
    for name in ("handle", "name", "language", "time_zone", "location", "status"):
        if name in columns:
            column = label_column(columns[name], name, place)
            given = column.labels.take(pa.array(column.codes, mask=column.codes < 0))
            texts[name] = np.full(len(log.all_accounts), None, object)
            texts[name][codes[rows]] = given.to_numpy(zero_copy_only=False)[rows]
    numbers: dict[str, NDArray[np.float64]] = {}
    marks: dict[str, NDArray[np.float64]] = {}
    for name in ("followers", "following", "verified", *marked):
        if name in columns:
            values = np.full(len(log.all_accounts), np.nan)
            values[codes[rows]] = _numbers(columns[name], name)[rows]
            (marks if name in marked else numbers)[name] = values
    created = None
    if "created_at" in columns:
        time, bad = time_column(columns["created_at"], "created_at")
        missing = pc.is_null(columns["created_at"]).to_numpy()
        if (bad & ~missing).any():
            row = int(np.flatnonzero(bad & ~missing)[0])
            raise InputError(
                f"{place(row)}: created_at={columns['created_at'][row].as_py()!r} cannot be read "
                "as a time."
            )
        created = np.full(len(log.all_accounts), NOTHING, np.int64)
        created[codes[rows]] = np.where(bad, NOTHING, time)[rows]
    return Profiles(texts, numbers, marks, created, known)


def _numbers(column: pa.ChunkedArray, name: str) -> NDArray[np.float64]:
    """Return numbers, truth values or the text of either as floats."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        lower = pc.utf8_trim_whitespace(pc.utf8_lower(column))
        for text, number in (("true", "1"), ("false", "0")):
            lower = pc.if_else(pc.equal(lower, text), number, lower)
        column = pc.if_else(pc.equal(lower, ""), None, lower)
    try:
        found: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"accounts=, column {name!r} holds no numbers: {error}.") from None
    return found
