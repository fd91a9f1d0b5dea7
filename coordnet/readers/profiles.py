"""Profiles of accounts, aligned with a log."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.errors import InputError, listed, nearest
from coordnet.log.actions import ActionLog
from coordnet.log.labels import LABELS, Labelled
from coordnet.readers.columns import damaged_id, damaged_rows, label_column
from coordnet.readers.files import load_whole
from coordnet.readers.frames import open_frame, typed
from coordnet.readers.loaded import check_columns, columns_listed, shown, shown_scalar
from coordnet.readers.times import time_column

logger = logging.getLogger(__name__)

NOTHING = np.iinfo(np.int64).min  # where an account has no such time

PROFILE_COLUMNS = (
    "account", "created_at", "handle", "name", "language", "time_zone", "location", "followers",
    "following", "verified", "status",
)  # fmt: skip
TEXTS = ("handle", "name", "language", "time_zone", "location", "status")
NUMBERS = ("followers", "following", "verified")
STATUSES = ("active", "suspended", "deleted")
CATEGORIES = 50  # a column of text with more different values than this is no column of categories


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
        Further columns of truth values, or of the texts true and false: 1, 0, NaN where there is
        none.
    created : int64 (n_accounts,) or None
        Microseconds UTC, the least int64 where there is none.
    known : bool (n_accounts,)
        Which accounts have a row.
    labels : mapping of str to array of str or None (n_accounts,)
        Further columns of text with few values: categories of one's own.
    ignored : tuple of str
        Columns that are none of these.
    """

    texts: Mapping[str, NDArray[np.object_]]
    numbers: Mapping[str, NDArray[np.float64]]
    marks: Mapping[str, NDArray[np.float64]]
    created: NDArray[np.int64] | None
    known: NDArray[np.bool_]
    labels: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


def read_profiles(frame: Any, log: ActionLog, *, account: str = "account") -> Profiles:
    """Align a frame of accounts with a log.

    Parameters
    ----------
    frame
        Any frame that :func:`coordnet.read_actions` takes, or the path of a .csv, .tsv or .parquet
        file or its .gz, with one row an account. Columns that are known: created_at, handle, name
        (display name), language, time_zone, location, followers, following, verified, status
        (active, suspended, deleted). Any other column of truth values is a mark of one's own. Any
        other column of text with few values gives categories of one's own.
    log
        The log; accounts that are not in it are let pass.
    account
        The column that names the account as the log does.

    Raises
    ------
    InputError
        Where that column is missing or names an account twice, or no account is of the log.

    Examples
    --------
    >>> import pandas as pd, coordnet as cn
    >>> from coordnet.readers.profiles import read_profiles
    >>> log = cn.read_actions(
    ...     pd.DataFrame({"u": ["a", "b", "c"], "o": ["p", "p", "p"], "t": [1, 2, 3]}),
    ...     account="u", object="o", time="t")
    >>> frame = pd.DataFrame({"user_id": ["a", "b", "c"], "party": ["x", "x", "y"]})
    >>> read_profiles(frame, log, account="user_id").labels["party"].tolist()
    ['x', 'x', 'y']
    """
    if isinstance(frame, Profiles):
        return frame
    columns = _columns_of(frame, account)
    used: dict[str, pa.ChunkedArray] = {}
    further: dict[str, pa.ChunkedArray] = {}
    ignored: list[str] = []
    for name, column in columns.items():
        if name == account or name in PROFILE_COLUMNS:
            used[name] = typed(column, name, moments=name == "created_at")
            continue
        try:
            further[name] = typed(column, name)
        except InputError:  # Python objects that are no labels
            ignored.append(name)

    names = label_column(used[account], account, _place)
    damaged = damaged_rows(names, used[account].type)
    if damaged is not None:
        raise damaged_id(names, damaged, account, _place)
    codes = log.all_accounts.positions_of(pc.fill_null(_as_labels(names), ""))
    rows = np.flatnonzero(codes >= 0)
    if len(rows) == 0 and log.n_accounts:
        raise InputError(
            "accounts= names none of the accounts of the log; check that labels are written alike."
        )
    if len(np.unique(codes[rows])) < len(rows):
        raise InputError("accounts= has more than one row for an account; keep the latest of each.")
    at = codes[rows]
    known = np.zeros(len(log.all_accounts), bool)
    known[at] = True

    def texts_of(column: Labelled) -> NDArray[np.object_]:
        values = np.full(len(log.all_accounts), None, object)
        values[at] = _as_labels(column).to_numpy(zero_copy_only=False)[rows]
        return values

    def numbers_of(column: pa.ChunkedArray, name: str) -> NDArray[np.float64]:
        values = np.full(len(log.all_accounts), np.nan)
        values[at] = _numbers(column, name)[rows]
        return values

    texts = {n: texts_of(label_column(used[n], n, _place)) for n in TEXTS if n in used}
    numbers = {n: numbers_of(used[n], n) for n in NUMBERS if n in used}
    marks: dict[str, NDArray[np.float64]] = {}
    labels: dict[str, NDArray[np.object_]] = {}
    for name, column in further.items():
        if pa.types.is_boolean(column.type):
            marks[name] = numbers_of(column, name)
        elif not _is_text(column.type):
            ignored.append(name)
        else:
            values = label_column(column, name, _place)
            given = values.codes[rows]
            distinct = np.unique(given[given >= 0])
            written = {values.labels[int(c)].as_py().strip().lower() for c in distinct[:CATEGORIES]}
            if written and written <= {"true", "false"}:
                marks[name] = numbers_of(column, name)
            elif 0 < len(distinct) <= CATEGORIES and len(distinct) < (given >= 0).sum():
                labels[name] = texts_of(values)
            else:
                ignored.append(name)
    if ignored:
        logger.info(
            "accounts=: not used: %s, which hold neither truth values nor text with few values",
            listed(ignored),
        )
    created = None
    if "created_at" in used:
        column = used["created_at"]
        time, bad = time_column(column, "created_at")
        missing = pc.is_null(column).to_numpy()
        if (bad & ~missing).any():
            row = int(np.flatnonzero(bad & ~missing)[0])
            raise InputError(
                f"{_place(row)}: created_at={shown_scalar(column[row])} cannot be read as a time; "
                "write it as '2017-06-08T21:00:00Z'."
            )
        created = np.full(len(log.all_accounts), NOTHING, np.int64)
        created[at] = np.where(bad, NOTHING, time)[rows]
    return Profiles(texts, numbers, marks, created, known, labels, tuple(ignored))


def _place(row: int) -> str:
    return f"accounts=, row {row + 1}"


def _columns_of(frame: Any, account: str) -> Mapping[str, Any]:
    """Return the columns of a file or frame of accounts by name, those that are there once."""
    needed = dict.fromkeys((account, *PROFILE_COLUMNS))
    if isinstance(frame, str | os.PathLike):
        columns: Mapping[str, Any] = load_whole(frame, list(needed))
        _check_account(account, list(columns))
        return columns
    opened = open_frame(frame)
    if opened is None:
        raise InputError(
            f"accounts= takes a dataframe, not {type(frame).__name__}; give one row an account."
        )
    _check_account(account, opened.there)
    check_columns({n: n for n in needed if n in opened.there}, opened.there, "accounts=")
    return opened.read(
        [n for n in opened.there if isinstance(n, str) and opened.there.count(n) == 1]
    )


def _check_account(account: str, there: Sequence[str]) -> None:
    if account not in there:
        raise InputError(
            f"accounts= has no column {shown(account, 60)}.{nearest(account, there)} Its columns: "
            f"{columns_listed(there)}; those that are used: {listed(PROFILE_COLUMNS)}."
        )


def _as_labels(column: Labelled) -> pa.Array:
    """Return the label of each row, null where there is none."""
    return column.labels.take(pa.array(column.codes, mask=column.codes < 0))


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return any(
        fits(kind)
        for fits in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )


def _numbers(column: pa.ChunkedArray, name: str) -> NDArray[np.float64]:
    """Return numbers, truth values or the text of either as floats."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if _is_text(column.type):
        column = column.cast(LABELS)
        lower = pc.utf8_trim_whitespace(pc.utf8_lower(column))
        for text, number in (("true", "1"), ("false", "0")):
            lower = pc.if_else(pc.equal(lower, text), number, lower)
        column = pc.if_else(pc.equal(lower, ""), None, lower)
    try:
        found: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(
            f"accounts=, column {name!r} holds no numbers: {str(error)[:200]}."
        ) from None
    return found
