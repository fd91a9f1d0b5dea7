"""What leaves the library: pseudonyms, safe CSV and XML, files that are whole or not there."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from coordnet.errors import InputError, ParameterError

# A spreadsheet runs a cell that starts with one of these; the apostrophe makes the rule reversible
_UNSAFE_CELL = r"^([=+\-@\t\r\n'])"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Pseudonyms:
    """Keyed pseudonyms of accounts: the same label and key always give the same one.

    ``u_`` and the first 16 hexadecimal digits of BLAKE2b(label) under the key. Without the key
    nobody can tell whose it is, nor test a guess.

    Parameters
    ----------
    key
        Up to 64 bytes. coordnet derives it from the whole log (`ActionLog.secret`), so that equal
        runs give equal pseudonyms and only who holds the data can link them.

    Examples
    --------
    >>> Pseudonyms(b"a secret").of(["some_account"])
    ['u_709c98b99093c030']
    """

    def __init__(self, key: bytes) -> None:
        if not 1 <= len(key) <= 64:
            raise ParameterError(f"key has {len(key)} bytes; use 1 to 64.")
        self._key = key

    def of(self, labels: Sequence[str]) -> list[str]:
        """Return the pseudonym of each label."""
        return [
            "u_" + hashlib.blake2b(label.encode(), key=self._key, digest_size=8).hexdigest()
            for label in labels
        ]


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`, moved onto it when the block ends without an error."""
    goal = Path(path)
    if not goal.parent.is_dir():
        raise InputError(
            f"{str(goal)!r} cannot be written: there is no folder {str(goal.parent)!r}."
        )
    if goal.is_dir():
        raise InputError(f"{str(goal)!r} cannot be written: it is a folder.")
    try:
        handle, name = tempfile.mkstemp(
            suffix=goal.suffix, prefix=f".{goal.stem}-", dir=goal.parent
        )
    except OSError as error:
        raise InputError(f"{str(goal)!r} cannot be written: {error.strerror}.") from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # mkstemp makes it private
        temporary.replace(goal)
    finally:
        temporary.unlink(missing_ok=True)


def write_table(table: pa.Table, path: str | os.PathLike[str]) -> None:
    """Write an Arrow table to .csv or .parquet, whole or not at all.

    In a CSV file every text cell that starts with ``= + - @``, a tab, a line break or an
    apostrophe gets an apostrophe before it, so that no spreadsheet runs it; taking one leading
    apostrophe away gives back what was there (:func:`restored`).
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise ParameterError(f"{str(path)!r}: tables are written as .csv or .parquet.")
    with whole_file(path) as temporary:
        if suffix == ".parquet":
            pa.parquet.write_table(table, temporary)
        else:
            pa.csv.write_csv(safe_cells(table), temporary)


def safe_cells(table: pa.Table) -> pa.Table:
    """Return the table with text cells neutralised for spreadsheets; see :func:`write_table`."""
    for i, column in enumerate(table.columns):
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            safe = pc.replace_substring_regex(column, _UNSAFE_CELL, r"'\1")
            table = table.set_column(i, table.column_names[i], safe)
    return table


def restored(cell: str) -> str:
    """Return what a text cell of a CSV file was before it was neutralised.

    >>> restored("'=1+1"), restored("plain")
    ('=1+1', 'plain')
    """
    return cell.removeprefix("'")


def xml_names(labels: Sequence[str]) -> list[str]:
    r"""Return the labels without the characters that XML forbids, all different and none empty.

    >>> xml_names(["a", "a\x00"])
    ['a', 'a~2']
    """
    taken = {label for label in labels if not _NOT_XML.search(label)}
    names = []
    for label in labels:
        name = _NOT_XML.sub("", label) or "_"
        if name != label:
            base, number = name, 1
            while name in taken:
                number += 1
                name = f"{base}~{number}"
            taken.add(name)
        names.append(name)
    return names


def labels_out(
    labels: Sequence[str] | NDArray[np.object_], key: bytes, identifiers: bool
) -> list[str]:
    """Return the labels that an export carries: pseudonyms, unless identifiers are asked for."""
    return list(labels) if identifiers else Pseudonyms(key).of(list(labels))
