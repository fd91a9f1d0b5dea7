"""What leaves the library: pseudonyms, safe text, files and folders that are whole or not there."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import math
import numbers
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from coordnet.errors import OutputError, ParameterError, listed, shown

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


# -- files and folders, whole or not there -----------------------------------------------------

MANIFEST = "manifest.json"
# What desktops put into every folder that somebody looks at
DESKTOP = (".DS_Store", "Thumbs.db", "desktop.ini")


def _not_written(goal: Path, error: OSError, temporary: Path) -> OutputError:
    """Return the error of a file or folder that could not be written, under its own name."""
    if isinstance(error, OutputError):  # of a file inside the folder
        return OutputError(str(error).replace(str(temporary), str(goal)))
    return OutputError(f"{shown(str(goal))} cannot be written: {error.strerror or error}.")


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`, moved onto it when the block ends without an error.

    Raises
    ------
    OutputError
        If the file cannot be written; what stood at `path` is then unchanged.
    """
    goal = temporary = Path(path)
    try:
        if not goal.parent.is_dir():
            raise OutputError(
                f"{shown(str(goal))} cannot be written: there is no folder "
                f"{shown(str(goal.parent))}."
            )
        if goal.is_dir():
            raise OutputError(f"{shown(str(goal))} cannot be written: it is a folder.")
        temporary = goal.with_name(f".coordnet-{secrets.token_hex(8)}{goal.suffix}")
        # The system takes the umask away, so that no thread has to look at it
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        if goal.exists():  # a file that its owner made private stays private
            temporary.chmod(stat.S_IMODE(goal.stat().st_mode))
        to_disk(temporary)
        temporary.replace(goal)
    except OSError as error:
        raise _not_written(goal, error, temporary) from error
    finally:
        if temporary != goal:
            with suppress(OSError):  # it was moved, or never made
                temporary.unlink()


def check_folder(path: str | os.PathLike[str], ours: Callable[[Path], bool]) -> None:
    """Raise unless :func:`whole_folder` may put its folder at `path`; look before a long run.

    Parameters
    ----------
    path
        A folder that is not there, that is empty, or that holds results of coordnet only: a
        ``manifest.json`` that coordnet wrote, and files that are ours.
    ours
        Whether an entry of the folder, other than the manifest, is one that coordnet writes.

    Raises
    ------
    OutputError
        Naming the folder and what stands in the way.
    """
    goal = Path(os.path.realpath(path))
    name = shown(str(path))
    try:
        entries = sorted(goal.iterdir())
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise OutputError(f"{name} is a file; choose another name for the folder.") from None
    except OSError as error:
        raise OutputError(f"{name} cannot be looked into: {error.strerror}.") from None
    # A folder is replaced, not filled: nobody may be inside, and it must be free to move
    if Path.cwd().is_relative_to(goal):
        raise OutputError(f"{name} holds the current folder; choose a new folder inside it.")
    if os.path.ismount(goal):
        raise OutputError(f"{name} is where a disk is mounted; choose a new folder inside it.")
    if entries and not _is_ours(goal / MANIFEST):
        raise OutputError(
            f"{name} is not empty and is no results folder of coordnet; choose another folder, or "
            "move this one away."
        )
    strange = [
        repr(entry.name)
        for entry in entries
        if entry.name not in (MANIFEST, *DESKTOP) and not ours(entry)
    ]
    if strange:
        raise OutputError(
            f"{name} would be replaced as a whole, and holds what coordnet did not write: "
            f"{listed(strange, 5)}; choose another folder, or move them away."
        )


def _is_ours(manifest: Path) -> bool:
    """Return whether a file is a manifest that coordnet wrote."""
    try:
        told = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(told, dict) and "coordnet" in told


@contextmanager
def whole_folder(path: str | os.PathLike[str], ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Give a temporary folder beside `path`, which takes its place when the block ends well.

    Whoever looks at `path` sees the old folder whole or the new one whole, also after the process
    was killed, and nothing of the old one is left in the new. What a killed process left beside
    it is cleared away by the next one. Folders above `path` are made.

    Parameters
    ----------
    path
        The folder. One that is there must be empty or hold results of coordnet only.
    ours
        As for :func:`check_folder`.

    Yields
    ------
    pathlib.Path
        An empty folder to write to.

    Raises
    ------
    OutputError
        If the folder may not be replaced, or cannot be written; `path` is then unchanged.
    """
    goal = Path(os.path.realpath(path))  # a link stays, and what it leads to is replaced
    temporary, lock = goal, None
    try:
        goal.parent.mkdir(parents=True, exist_ok=True)
        _clear(goal)
        check_folder(path, ours)
        temporary, lock = _beside(goal)
        if goal.exists():
            temporary.chmod(stat.S_IMODE(goal.stat().st_mode))
        yield temporary
        for folder, _, files in os.walk(temporary):
            for file in files:
                to_disk(Path(folder, file))
            to_disk(Path(folder))
        check_folder(path, ours)  # somebody may have put something there meanwhile
        _swap(temporary, goal)
        to_disk(goal.parent)
    except OSError as error:
        raise _not_written(goal, error, temporary) from error
    finally:
        if temporary != goal:
            shutil.rmtree(temporary, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _prefix(goal: Path) -> str:
    """Return how the names of the temporary folders of a folder begin."""
    return f".coordnet-{hashlib.blake2b(os.fsencode(goal.name), digest_size=8).hexdigest()}-"


def _beside(goal: Path) -> tuple[Path, int | None]:
    """Make a temporary folder and lock it: the system unlocks it when the process dies."""
    while True:
        temporary = goal.with_name(f"{_prefix(goal)}{secrets.token_hex(8)}.new")
        temporary.mkdir()
        lock = _lock(temporary, wait=True)
        if temporary.exists():  # else another process took it for a leftover before it was locked
            return temporary, lock
        if lock is not None:
            os.close(lock)


def _lock(folder: Path, *, wait: bool = False) -> int | None:
    """Return the handle of a locked folder, None where locks are unknown or another has it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    handle = -1
    try:
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        if handle >= 0:
            os.close(handle)
        return None
    return handle


def _clear(goal: Path) -> None:
    """Undo a swap that was cut in the middle and remove what killed processes left."""
    for left in sorted(goal.parent.glob(f"{_prefix(goal)}*")):
        if left.suffix == ".old" and not goal.exists():
            left.rename(goal)
        elif (lock := _lock(left)) is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)


def _swap(temporary: Path, goal: Path) -> None:
    """Put a folder in the place of another; the old one is then at `temporary`, or gone."""
    with suppress(OSError):
        goal.rmdir()  # if it is empty
    if not goal.exists():
        temporary.rename(goal)
    elif not _exchange(temporary, goal):
        old = temporary.with_suffix(".old")
        goal.rename(old)
        try:
            temporary.rename(goal)
        except OSError:
            old.rename(goal)
            raise
        shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change places in one step; return False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        rename = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):  # a C library before 2018
        return False
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)


def to_disk(path: Path) -> None:
    """Wait until a file or folder is on the disk, so that a name never leads to half a file."""
    if os.name == "nt":  # which knows this only for files open for writing
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that cannot
            raise
    finally:
        os.close(handle)


# -- tables, text and JSON ---------------------------------------------------------------------


def write_table(table: pa.Table, path: str | os.PathLike[str]) -> None:
    """Write an Arrow table to .csv or .parquet, whole or not at all.

    In a CSV file every text cell that starts with ``= + - @``, a tab, a line break or an
    apostrophe gets an apostrophe before it, so that no spreadsheet runs it; taking one leading
    apostrophe away gives back what was there (:func:`coordnet.export.restored`).
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise ParameterError(f"{shown(str(path))}: tables are written as .csv or .parquet.")
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


def fingerprint(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprints(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a folder, by name."""
    return {file.name: fingerprint(file) for file in sorted(folder.iterdir())}


def json_text(value: Any) -> str:
    """Return a value as JSON that every reader takes, indented, with a line break at the end.

    NumPy numbers and arrays, tuples and paths are written as numbers, lists and texts.

    Raises
    ------
    ParameterError
        For NaN, infinity and what has no form in JSON, naming the key.

    Examples
    --------
    >>> print(json_text({"seed": np.int64(1), "within": ("60s",)}), end="")
    {
      "seed": 1,
      "within": [
        "60s"
      ]
    }
    """
    return json.dumps(_plain(value, ""), indent=2, allow_nan=False) + "\n"


def _plain(value: Any, key: str) -> Any:
    """Return a value in the types that JSON knows; `key` is where it stands, for the error."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, float | np.floating) and math.isfinite(value):
        return float(value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, np.ndarray):
        return _plain(value.tolist(), key)
    if isinstance(value, Mapping):
        members = {}
        for name, member in value.items():
            if not isinstance(name, str | numbers.Integral) or isinstance(name, bool):
                raise ParameterError(
                    f"{key or 'the value'} has the key {shown(name)}, which JSON cannot hold; use "
                    "texts as keys."
                )
            if str(name) in members:
                raise ParameterError(f"{key or 'the value'} has the key {str(name)!r} twice.")
            members[str(name)] = _plain(member, f"{key}.{name}" if key else str(name))
        return members
    if isinstance(value, list | tuple):
        return [_plain(member, f"{key}[{i}]") for i, member in enumerate(value)]
    raise ParameterError(
        f"{key or 'the value'}={shown(value)} cannot be written as JSON; use a finite number, a "
        "text, True, False, None, or lists and mappings of them."
    )


def xml_text(text: str) -> str:
    """Return the text without the characters that XML forbids."""
    return _NOT_XML.sub("", text)


def xml_names(labels: Sequence[str]) -> list[str]:
    r"""Return the labels without the characters that XML forbids, all different and none empty.

    >>> xml_names(["a", "a\x00"])
    ['a', 'a~2']
    """
    taken = {label for label in labels if not _NOT_XML.search(label)}
    names = []
    for label in labels:
        name = xml_text(label) or "_"
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
