"""What scores may be given beside the log: profiles of accounts, key moments, stances."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.actions import ActionLog
from coordnet.errors import InputError, ParameterError, listed, nearest, optional_import
from coordnet.readers.columns import as_chunked, label_column, time_column
from coordnet.readers.tables import read_some
from coordnet.times import DAY, Instant, instant

WEEKS = 4  # before a date, unless an interval is given
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
    codes = log.positions_of(pc.fill_null(labels, ""))
    rows = np.flatnonzero(codes >= 0)
    if len(rows) == 0 and log.n_accounts:
        raise InputError(
            "accounts= names none of the accounts of the log; check that labels are written alike."
        )
    if len(np.unique(codes[rows])) < len(rows):
        raise InputError("accounts= has more than one row for an account; keep the latest of each.")
    known = np.zeros(log.n_accounts, bool)
    known[codes[rows]] = True

    texts: dict[str, NDArray[np.object_]] = {}
    for name in ("handle", "name", "language", "time_zone", "location", "status"):
        if name in columns:
            column = label_column(columns[name], name, place)
            given = column.labels.take(pa.array(column.codes, mask=column.codes < 0))
            texts[name] = np.full(log.n_accounts, None, object)
            texts[name][codes[rows]] = given.to_numpy(zero_copy_only=False)[rows]
    numbers: dict[str, NDArray[np.float64]] = {}
    marks: dict[str, NDArray[np.float64]] = {}
    for name in ("followers", "following", "verified", *marked):
        if name in columns:
            values = np.full(log.n_accounts, np.nan)
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
        created = np.full(log.n_accounts, NOTHING, np.int64)
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


def read_before(before: Instant | tuple[Instant, Instant] | None) -> tuple[int, int] | None:
    """Return the interval [start, end) that members are created in: four weeks before a date."""
    if before is None:
        return None
    if isinstance(before, tuple):
        return read_moments({"before": before})["before"]
    end = instant(before, "before")
    return end - 7 * WEEKS * DAY, end


def read_moments(
    moments: Mapping[str, tuple[Instant, Instant]] | None,
) -> dict[str, tuple[int, int]]:
    """Return named intervals [start, end) in microseconds UTC."""
    read = {}
    for name, limits in (moments or {}).items():
        if not isinstance(limits, Sequence) or isinstance(limits, str) or len(limits) != 2:
            raise ParameterError(
                f"moments[{name!r}]={limits!r} is not an interval; write (start, end)."
            )
        start, end = (instant(limit, f"moments[{name!r}]") for limit in limits)
        if end <= start:
            raise ParameterError(f"moments[{name!r}] ends before it begins.")
        read[str(name)] = (start, end)
    return read


Coder: TypeAlias = Callable[[str], str | None] | Sequence[str | None] | NDArray[Any] | Any


@dataclass(frozen=True)
class Stance:
    """Labels on the actions of a log.

    Attributes
    ----------
    targets : tuple of str
    target : int32 (n,)
        The target that an action's label is about, a position in `targets`; -1 where unlabelled.
    sign : int8 (n,)
        1 for, -1 against, 0 neither.
    agreement : float or None
        Krippendorff's alpha (nominal) of two coders, where two were given.
    coded : int
        How many actions both coders labelled.
    """

    targets: tuple[str, ...]
    target: NDArray[np.int32]
    sign: NDArray[np.int8]
    agreement: float | None = None
    coded: int = 0


_SIGNS = {"for": 1, "against": -1, "neutral": 0}


def read_stance(stance: Any, log: ActionLog) -> Stance | None:
    """Read stance labels: ``"target:for"``, ``"target:against"``, ``"target:neutral"`` or none.

    Parameters
    ----------
    stance
        A callable from text to label (the log then needs ``text=``); or labels of the rows of the
        input, in their order; or a tuple of two of these, for two coders: where both labelled an
        action, the label counts only if they agree.
    log
        The log.
    """
    if stance is None:
        return None
    coders = stance if isinstance(stance, tuple) else (stance,)
    if len(coders) not in (1, 2):
        raise ParameterError(f"stance= takes one coder or a tuple of two, not {len(coders)}.")
    labels = [_labels_of(coder, log) for coder in coders]
    agreement, coded = None, 0
    final = labels[0]
    if len(labels) == 2:
        both = (labels[0] != "") & (labels[1] != "")
        coded = int(both.sum())
        if coded:
            agreement = _alpha(labels[0][both], labels[1][both])
        final = np.where(labels[0] == "", labels[1], labels[0])
        final[both & (labels[0] != labels[1])] = ""
    encoded = pa.array(final, pa.string()).dictionary_encode()
    distinct, codes = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
    targets: list[str] = []
    of_label = np.full(len(distinct), -1, np.int32)
    signs = np.zeros(len(distinct), np.int8)
    for i, label in sorted(enumerate(distinct), key=lambda item: item[1]):
        if not label:
            continue
        target, _, sign = label.rpartition(":")
        if not target or sign not in _SIGNS:
            raise InputError(
                f"stance label {label!r} is not understood; write 'target:for', 'target:against' "
                "or 'target:neutral', and nothing for no label."
            )
        if target not in targets:
            targets.append(target)
        of_label[i] = targets.index(target)
        signs[i] = _SIGNS[sign]
    return Stance(tuple(targets), of_label[codes], signs[codes], agreement, coded)


def _labels_of(coder: Coder, log: ActionLog) -> NDArray[np.object_]:
    """Return the label of each action, an empty string where there is none."""
    if callable(coder):
        if log.text is None:
            raise ParameterError(
                "stance= as a function labels texts, and the log has none; read it with text=."
            )
        each = [coder(text) or "" for text in log.text.labels.to_pylist()]
        lookup = np.array([*each, ""], object)  # the last is of the code -1
        return lookup[log.text.codes]
    values = coder if isinstance(coder, Iterable) else None
    if values is None or isinstance(coder, str):
        raise ParameterError(f"stance={coder!r} is neither a function nor labels of rows.")
    given = np.array([v if isinstance(v, str) else "" for v in values], object)
    if len(given) != log.rows_read:
        raise InputError(
            f"stance= has {len(given):,} labels and the input had {log.rows_read:,} rows; give one "
            "for each row, in their order."
        )
    if len(log.row) and log.row.min() < 0:
        raise ParameterError("stance= as labels of rows needs a log as it was read.")
    return given[log.row]


def _alpha(first: NDArray[np.object_], second: NDArray[np.object_]) -> float:
    """Return Krippendorff's alpha of two coders over nominal labels."""
    krippendorff = optional_import("krippendorff", "content", "agreement between coders")
    _, codes = np.unique(np.concatenate([first, second]).astype(str), return_inverse=True)
    pairs = codes.reshape(2, -1).astype(float)
    if len(np.unique(codes)) < 2:
        return 1.0
    return float(krippendorff.alpha(reliability_data=pairs, level_of_measurement="nominal"))
