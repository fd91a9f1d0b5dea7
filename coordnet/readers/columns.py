"""Arrow columns of ids to labels, without loss: what the readers share."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.errors import InputError
from coordnet.log.labels import LABELS, Labelled
from coordnet.readers.loaded import shown

Place = Callable[[int], str]  # row -> "file 'x.csv', row 17"

# Floats of that many bits no longer tell neighbouring integers apart from 2**this on
FLOAT_DIGITS = {16: 11, 32: 24, 64: 53}
_ID_TYPES = (
    pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean,
    pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
    pa.types.is_binary, pa.types.is_large_binary, pa.types.is_null,
)  # fmt: skip
_TEXT_TYPES = _ID_TYPES[4:9]
# Numbers as spreadsheets and programs write large ones, such as 1.23456789012345E+18. The point or
# the plus is asked for: 12345678e9 may be a hash, and 5e18 a short link.
_SCIENTIFIC = r"^\s*[+-]?[1-9]([.,]\d+[eE]\+?|[eE]\+)0*\d{1,3}\s*$"
_LARGE = r"[eE]\+?0*(1[1-9]|[2-9]\d|\d{3})\s*$"  # from 12 digits on spreadsheets round
_PRECISE = r"^\s*[+-]?[1-9][.,]\d{9,}[eE]"
_DECIMAL = r"^\s*[+-]?\d+\.0+\s*$"
_LONG_DECIMAL = r"^\s*[+-]?\d{16,}\.0+\s*$"  # 2**53 has 16 digits
_WHOLE = r"^\s*[+-]?\d+(\.0+)?\s*$"


def as_chunked(column: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the column as a chunked array."""
    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])


def check_id_type(given: pa.DataType, where: str) -> None:
    """Raise an :class:`InputError` where values of the type cannot be ids."""
    kind = given.value_type if pa.types.is_dictionary(given) else given
    if not any(fits(kind) for fits in _ID_TYPES):
        raise InputError(
            f"{where} holds values of type {str(kind)[:80]}, which cannot be ids; give a column "
            "of strings or integers, one value a row."
        )


def label_column(column: pa.ChunkedArray, name: str, place: Place) -> Labelled:
    """Encode a column of ids as codes into distinct string labels; missing and blank are -1.

    Integers of any width and strings keep every digit and leading zero. Floats that are whole and
    below 2**53 (integers with gaps, as pandas has them) are taken as integers; where they have 32
    bits, those below 2**24.

    Parameters
    ----------
    column
        Strings, integers, floats, decimals, booleans, dictionaries of these, or all null.
    name
        The column's name, for errors.
    place
        Says where a row is, for errors.

    Raises
    ------
    InputError
        Where an id is a float that is not a whole number below 2**53, or of a type that is no id.
    """
    given = column.type
    kind = given.value_type if pa.types.is_dictionary(given) else given
    check_id_type(column.type, f"column {name!r}")
    if pa.types.is_null(kind):
        return Labelled(np.full(len(column), -1, np.int32), pa.array([], LABELS))
    encoded = column.unify_dictionaries() if kind != given else column.dictionary_encode()
    values = _dictionary(encoded)
    codes = _codes(encoded)
    if pa.types.is_floating(kind):
        digits = FLOAT_DIGITS[kind.bit_width]
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
        missing = np.isnan(numbers)
        bad = ~missing & ((np.abs(numbers) >= 2**digits) | (numbers != np.floor(numbers)))
        rows = np.flatnonzero(np.isin(codes, np.flatnonzero(bad)))
        if len(rows):
            value = float(numbers[codes[rows[0]]])
            raise InputError(_float_id(name, place(int(rows[0])), repr(value), digits))
        missing |= bad
        values = pa.array(np.where(missing, 0, numbers).astype(np.int64), mask=missing)
    try:
        labels = values.cast(LABELS)
    except pa.ArrowInvalid:
        raise InputError(
            f"column {name!r} holds bytes that are not UTF-8 text, which cannot be ids; write "
            "them as text first."
        ) from None
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(labels), ""), True)
    blank = blank.to_numpy(zero_copy_only=False)
    # floats 0.0 and -0.0 make one label, and a dictionary may hold a value twice
    if blank.any() or pa.types.is_floating(kind) or kind != given:
        # compiled loops are loaded where they are needed: most columns of ids do not
        from coordnet.kernels import arrays as array_kernels

        merged = pc.fill_null(labels, "").dictionary_encode()
        number = np.where(blank, -1, merged.indices.to_numpy(zero_copy_only=False)).astype(np.int32)
        codes = array_kernels.recode(codes, number)
        labels = merged.dictionary
    return Labelled(codes, labels)


def _dictionary(column: pa.ChunkedArray) -> pa.Array:
    """Return the dictionary that all chunks share."""
    if column.num_chunks == 0:
        return pa.array([], column.type.value_type)
    return column.chunk(column.num_chunks - 1).dictionary


def _codes(column: pa.ChunkedArray) -> NDArray[np.int32]:
    """Return the dictionary indices as int32, -1 where there is none."""
    parts = [
        pc.fill_null(chunk.indices.cast(pa.int32()), -1).to_numpy(zero_copy_only=False)
        for chunk in column.chunks
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.int32)


def _float_id(name: str, place: str, value: str, digits: int = 53) -> str:
    return (
        f"column {name!r}, {place}: the id {value} is a float that is not a whole number below "
        f"2**{digits}, so that different ids may already have become one; read the column as text "
        f"(in pandas: dtype={{{name!r}: str}}) from the original source."
    )


def lost_digits(labels: pa.LargeStringArray) -> NDArray[np.bool_]:
    """Mark the labels of a column that are numbers whose last digits have been lost.

    These are numbers as spreadsheets and columns of floats write them: ``1.23456789012345E+18``,
    ``1.2345678901234568e+18``, ``1234567890123456800.0``. Where all of a column are whole numbers
    and some end in ``.0``, those too: ``12`` and ``12.0`` may be one account.

    Parameters
    ----------
    labels
        The distinct labels of a column that was text.
    """
    marks, decimal = written_numbers(labels)
    if decimal.any() and not decimal.all() and all_whole(labels):
        marks |= decimal
    return marks


def written_numbers(labels: pa.LargeStringArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark the labels that have lost digits whatever the others are, and those that end in .0."""
    marks = np.zeros(len(labels), bool)
    _, ends, data = labels.buffers()
    if data is None:
        return marks, marks
    ends = np.frombuffer(ends, np.int64)[[labels.offset, labels.offset + len(labels)]]
    written = np.frombuffer(data, np.uint8)[ends[0] : ends[1]]
    if not ((written == ord(".")).any() or (written == ord("+")).any()):
        return marks, marks  # most columns of ids, at little cost
    scientific = _like(labels, _SCIENTIFIC)
    if scientific.any():
        marks |= scientific & (_like(labels, _LARGE) | _like(labels, _PRECISE))
    decimal = _like(labels, _DECIMAL)
    if decimal.any():
        marks |= decimal & _like(labels, _LONG_DECIMAL)
    return marks, decimal


def all_whole(labels: pa.LargeStringArray) -> bool:
    """Return whether all labels are whole numbers, with or without .0."""
    return bool(_like(labels, _WHOLE).all())


def _like(labels: pa.LargeStringArray, pattern: str) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.match_substring_regex(labels, pattern).to_numpy(
        zero_copy_only=False
    )
    return found


def is_text(given: pa.DataType) -> bool:
    """Return whether a column of this type, or a dictionary of it, holds text."""
    kind = given.value_type if pa.types.is_dictionary(given) else given
    return any(fits(kind) for fits in _TEXT_TYPES)


def damaged_rows(column: Labelled, given: pa.DataType) -> NDArray[np.bool_] | None:
    """Mark the rows whose ids were text and have lost digits: bool (n,), None where none have.

    Parameters
    ----------
    column
        The encoded column.
    given
        Its type as it was given.
    """
    if not is_text(given):
        return None
    lost = lost_digits(column.labels)
    if not lost.any():
        return None
    marks: NDArray[np.bool_] = np.append(lost, False)[column.codes]  # the last is of the code -1
    return marks


def damaged_id(
    column: Labelled, marks: NDArray[np.bool_], name: str, place: Place, leave: str = ""
) -> InputError:
    """Return the error that says how many ids have lost digits, which, and where.

    Parameters
    ----------
    column, marks, name, place
        The encoded column, the rows marked, its name, and where a row is.
    leave
        How such rows can be left out.
    """
    row = int(np.flatnonzero(marks)[0])
    value = column.labels[int(column.codes[row])].as_py()
    return lost_id(value, int(marks.sum()), name, place(row), leave)


def lost_id(value: str, rows: int, name: str, place: str, leave: str = "") -> InputError:
    """Return the error of :func:`damaged_id`, of counts that were made elsewhere.

    Parameters
    ----------
    value, place
        The first such id, and where it stands.
    rows
        How many there are.
    name
        The column's name.
    leave
        How such rows can be left out.
    """
    return InputError(
        f"column {name!r}, {place}: the id {shown(value, 60)} is a number as a spreadsheet or "
        f"a column of floats writes it ({rows:,} such rows), so that different ids may "
        f"already have become one; take the column as text from the original source{leave}."
    )


def label_json(
    values: pa.ChunkedArray, kinds: pa.ChunkedArray, name: str, place: Place
) -> pa.ChunkedArray:
    """Return JSON scalars, given as text and JSON type, as text ids, under the rules for floats.

    Raises
    ------
    InputError
        Where an id is a damaged float, or a list or an object.
    """
    nested = pc.is_in(kinds, value_set=pa.array(["ARRAY", "OBJECT"]))
    if pc.any(nested).as_py():
        row = pc.index(nested, True).as_py()
        raise InputError(
            f"column {name!r}, {place(row)}: {values[row].as_py()[:60]} is a list or an object, "
            "not an id; give one row for each value, or name an inner field as 'outer.inner'."
        )
    floats = pc.and_(
        pc.equal(kinds, "DOUBLE"), pc.invert(pc.match_substring_regex(values, r"^-?\d+$"))
    )
    if not pc.any(floats).as_py():
        return values
    texts = np.array(values.to_pylist(), dtype=object)
    for row in np.flatnonzero(pc.fill_null(floats, False).to_numpy(zero_copy_only=False)):
        number = float(texts[row])
        if math.isnan(number):  # as Python writes a missing number
            texts[row] = None
            continue
        if abs(number) >= 2**53 or not number.is_integer():
            raise InputError(_float_id(name, place(int(row)), texts[row]))
        texts[row] = str(int(number))
    return pa.chunked_array([pa.array(texts, LABELS)])
