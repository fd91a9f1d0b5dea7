"""The folder of a store: what it says of itself, who writes to it, how a write takes effect.

A write makes a new generation, a folder beside the old one, and then replaces ``store.json``,
which says which generation holds. So whoever looks sees the store as it was before or as it is
after. What a write that was cut short has left behind is removed by the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from coordnet.disk import WORK, lock
from coordnet.errors import InputError, OutputError, listed, shown
from coordnet.export import DESKTOP, json_text, to_disk, whole_file

FORMAT = 1
MANIFEST = "store.json"
LOCK = "lock"
ENDS = 4096  # bytes at either end of a file by which it is known
_GENERATION = re.compile(r"generation-(\d{6,})")
_TEMPORARY = re.compile(r"\.coordnet-[0-9a-f]{16}\.json")


class Write:
    """One write to a store, from its turn to its effect.

    Attributes
    ----------
    folder : pathlib.Path
        The store.
    before : dict or None
        What ``store.json`` said, where there was a store.
    generation : pathlib.Path
        The new folder to write to.
    """

    def __init__(self, folder: Path, before: dict[str, Any] | None) -> None:
        self.folder = folder
        self.before = before
        number = 1
        if before is not None:
            number += int(_GENERATION.fullmatch(before["generation"])[1])  # type: ignore[index]
        self.generation = folder / f"generation-{number:06}"
        self.scratch = self.generation / "scratch"
        self.done = False

    def take_effect(self, facts: dict[str, Any]) -> None:
        """Make the new generation the one that holds; before that everything is on the disk.

        Parameters
        ----------
        facts
            What ``store.json`` says, beside the format, the generation and its files.
        """
        shutil.rmtree(self.scratch)
        files = {}
        for inside, _, names in os.walk(self.generation):
            for name in names:
                path = Path(inside, name)
                to_disk(path)
                files[path.relative_to(self.generation).as_posix()] = known_by(path)
            to_disk(Path(inside))
        to_disk(self.folder)
        told = {
            "format": FORMAT,
            **facts,
            "generation": self.generation.name,
            "files": dict(sorted(files.items())),
        }
        with whole_file(self.folder / MANIFEST) as temporary:
            temporary.write_text(json_text(told), encoding="utf-8")
        self.done = True
        to_disk(self.folder)


def known_by(path: Path) -> dict[str, Any]:
    """Return the size of a file and a digest of its two ends, by which it is known again."""
    size = path.stat().st_size
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        digest.update(file.read(ENDS))
        file.seek(max(size - ENDS, 0))
        digest.update(file.read(ENDS))
    return {"bytes": size, "ends": digest.hexdigest()}


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what ``store.json`` says.

    Raises
    ------
    InputError
        Where there is no store, or another version has written it.
    """
    name = shown(str(folder))
    if folder.is_file():
        raise InputError(f"{name} is a file, and a store is a folder; read it by read_actions.")
    try:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        written = told["format"]
    except FileNotFoundError:
        raise InputError(
            f"{name} holds no store: there is no {MANIFEST} in it; write one by write_store."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{MANIFEST} of the store {name} cannot be read ({error}); remove the folder, "
            "and write the store anew."
        ) from None
    if written != FORMAT:
        raise InputError(
            f"the store {name} was written by coordnet {shown(told.get('coordnet'), 20)} in "
            "another format than this version reads; use that version, or remove the folder and "
            "write it anew."
        )
    if not _GENERATION.fullmatch(str(told.get("generation"))):
        raise InputError(
            f"{MANIFEST} of the store {name} names no generation; remove the "
            "folder, and write the store anew."
        )
    return dict(told)


def is_store(folder: str | os.PathLike[str]) -> bool:
    """Return whether there is a store in a folder."""
    return Path(folder, MANIFEST).is_file()


@contextmanager
def writing(folder: str | os.PathLike[str], generation: str | None = None) -> Iterator[Write]:
    """Give one's turn to write to a store; what does not take effect is removed.

    Parameters
    ----------
    folder
        The store, or a folder that is empty or not there.
    generation
        The generation that must still hold.

    Raises
    ------
    OutputError
        Where something else stands there, another process writes, the store is another by now, or
        the disk is full. What stood there is as before.
    """
    goal = Path(folder).absolute()
    made = not goal.exists()
    write: Write | None = None
    lock = None
    try:
        goal.mkdir(parents=True, exist_ok=True)
        _check_ours(goal)
        lock = _locked(goal)
        before = read_manifest(goal) if (goal / MANIFEST).exists() else None
        if generation is not None and (before is None or before["generation"] != generation):
            raise OutputError(
                f"the store {shown(str(goal))} has been written to since it was opened; open it "
                "again by open_store, and append to that."
            )
        _clear(goal, before)
        write = Write(goal, before)
        write.generation.mkdir()
        write.scratch.mkdir()
        yield write
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"the store {shown(str(goal))} cannot be written: {error.strerror or error}; it is as "
            "it was before."
        ) from error
    finally:
        with suppress(OSError):
            if write is not None and not write.done:
                shutil.rmtree(write.generation, ignore_errors=True)
            elif write is not None and write.before is not None:
                shutil.rmtree(goal / write.before["generation"], ignore_errors=True)
        if lock is not None:
            with suppress(OSError):
                os.ftruncate(lock, 0)
                if made and not is_store(goal):
                    (goal / LOCK).unlink()
                    goal.rmdir()
            os.close(lock)


def _check_ours(goal: Path) -> None:
    """Raise unless a folder holds a store, or what is left of a write of one, or nothing."""
    if not goal.is_dir():
        raise OutputError(f"{shown(str(goal))} is a file; choose another name for the folder.")
    strange = [
        repr(entry.name)
        for entry in sorted(goal.iterdir())
        if entry.name not in (MANIFEST, LOCK, WORK, *DESKTOP)
        and not (_GENERATION.fullmatch(entry.name) and entry.is_dir())
        and not _TEMPORARY.fullmatch(entry.name)
    ]
    if strange:
        raise OutputError(
            f"{shown(str(goal))} holds what is no part of a store: {listed(strange, 5)}; choose "
            "another folder, or move them away."
        )


def _clear(goal: Path, before: dict[str, Any] | None) -> None:
    """Remove what writes that were cut short, or whose last step was, have left."""
    holds = None if before is None else before["generation"]
    for entry in goal.iterdir():
        if _TEMPORARY.fullmatch(entry.name):
            entry.unlink()
        elif entry.name == WORK or (_GENERATION.fullmatch(entry.name) and entry.name != holds):
            shutil.rmtree(entry)  # parts of runs on what the store was; a generation that is gone


# -- one writer at a time ----------------------------------------------------------------------


def _locked(goal: Path) -> int:
    """Lock the store; the system unlocks it when the process dies, however it dies."""
    handle = os.open(goal / LOCK, os.O_CREAT | os.O_RDWR, 0o666)
    try:
        lock(handle)
        if os.fstat(handle).st_nlink == 0:  # the one before has just given up, and its folder
            os.close(handle)
            return _locked(goal)
    except OSError:
        with suppress(OSError):
            os.lseek(handle, 0, os.SEEK_SET)
            who = os.read(handle, 200).decode("utf-8", "replace").strip()
        os.close(handle)
        raise OutputError(
            f"the store {shown(str(goal))} is being written to by another process"
            f"{f' ({shown(who, 100)})' if who else ''}; wait until it is done."
        ) from None
    with suppress(OSError):  # a full disk: the lock holds without a name
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
    return handle
