"""A log whose arrays stay on the disk, mapped into memory as they are needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.errors import InputError, shown
from coordnet.frames import html_table
from coordnet.frozen import ReadOnly
from coordnet.log.account_order import AccountRuns
from coordnet.log.accounts import Accounts
from coordnet.log.actions import ActionLog
from coordnet.log.labels import Labelled
from coordnet.store.counted import is_counted, read_counted
from coordnet.store.files import check_files, mapped, read_labels
from coordnet.store.folder import MANIFEST, read_manifest

_TRIES = 5  # a write may take effect while a store is being opened


class StoredLog(ActionLog):
    """A log on the disk, for whatever takes an :class:`ActionLog`: it is one, with all its arrays.

    Made by :func:`coordnet.write_store` and :func:`coordnet.open_store`. Arrays are read-only files
    that are mapped into memory: the system reads what is needed and lets go of it again. What is
    linear in the number of actions is counted when the store is written.

    Parts of it (`select`, `between`, `where`, ...) are plain logs in memory. It pickles as its
    folder, so that other processes open the same files. :func:`coordnet.save` writes it as an
    :class:`ActionLog`.

    Examples
    --------
    >>> import coordnet as cn, os, tempfile
    >>> log = cn.simulate("retweet_ring", accounts=300, seed=0).log
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = cn.write_store(log, os.path.join(folder, "store"))
    ...     store.fingerprint == log.fingerprint, len(store) == len(log)
    (True, True)
    """

    generation: str
    n_blocks: int
    _folder: Path
    _manifest: dict[str, Any]
    _counted: dict[str, NDArray[Any]] | None

    @property
    def folder(self) -> Path:
        """The folder of the store."""
        return self._folder

    @property
    def n_accounts(self) -> int:
        """Number of accounts with at least one action."""
        return int(self._manifest["active"])

    @property
    def counted(self) -> bool:
        """Whether what depends on no window was counted when the store was written."""
        return self._counted is not None

    def is_told_by(self, told: Mapping[str, Any]) -> bool:
        """Return whether a ``store.json`` is of this log: of this store, or of a copy.

        Parameters
        ----------
        told
            What it says.
        """
        return all(told[name] == self._manifest[name] for name in ("digest", "blocks"))

    def block_path(self, block: int) -> Path:
        """Return the Parquet file of the actions of a block of accounts.

        It has the columns account and object (int32, codes of this log) and time (int64,
        microseconds UTC), in the order of the log. An account is in the block that
        ``coordnet.blocks.blocks.block_of`` gives for its label.

        Parameters
        ----------
        block
            From 0 to ``n_blocks`` - 1.

        Raises
        ------
        InputError
            Where the store was written to since it was opened, so that the file is gone.
        """
        path = self.folder / self.generation / "blocks" / f"{block:03}.parquet"
        if not path.exists():
            raise InputError(
                f"the store {shown(str(self.folder))} has no block {block} of this log: it was "
                "written to since it was opened; open it again by open_store."
            )
        return path

    def append(
        self,
        source: Any,
        *,
        memory: int | str | None = None,
        threads: int | None = None,
        **columns: Any,
    ) -> StoredLog:
        """Add further rows to the store, such as those of a new day, and return it as it is then.

        The result is the same as that of a store written at once from both sources, one after the
        other. Rows are numbered on. This log stays as it is while it is in use; where it is opened
        again (in another process), its generation is gone.

        Parameters
        ----------
        source
            As for :func:`coordnet.write_store`.
        memory
            How much memory may be used; see there.
        threads
            Number of threads; None means all processors. It changes no result.
        **columns
            account, object, time, ... of the source where they are others than those the store was
            written with; see :func:`coordnet.read_actions`.

        Returns
        -------
        StoredLog
            The store with the new rows.

        Raises
        ------
        InputError
            Where the source cannot be read, or what is told from whole columns (the unit of times
            that are numbers, ids that lost digits) differs from what was told of the rows before.
        OutputError
            Where the store cannot be written, or was written to since it was opened. It is then as
            it was before.

        Examples
        --------
        >>> import coordnet as cn, os, pandas as pd, tempfile
        >>> monday = pd.DataFrame({"who": ["a", "b"], "what": ["p", "p"],
        ...     "at": ["2017-06-05T07:00:00Z", "2017-06-05T07:00:20Z"]})
        >>> tuesday = monday.assign(at=["2017-06-06T07:00:00Z", "2017-06-06T07:00:20Z"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = cn.write_store(monday, os.path.join(folder, "store"),
        ...         account="who", object="what", time="at")
        ...     both = store.append(tuesday)
        ...     len(store), len(both), both.row.tolist()
        (2, 4, [0, 1, 2, 3])
        """
        from coordnet.store.write import append

        return append(self, source, memory, threads, columns)

    def verify(self) -> StoredLog:
        """Read everything and check that it is what was written; return the store.

        Opening looks at sizes and ends of the files alone.

        Raises
        ------
        InputError
            Where something differs.
        """
        digest = ActionLog._digest.func(self)  # type: ignore[attr-defined]
        if digest.hex() != self._manifest["digest"]:
            raise InputError(
                f"the store {shown(str(self.folder))} is not what was written: its content has "
                "another digest; take it from a copy, or write it anew."
            )
        if self._counted is not None and not is_counted(self._counted, self):
            raise InputError(
                f"the store {shown(str(self.folder))} is not what was written: what is counted of "
                "its actions differs from what they are; take it from a copy, or write it anew."
            )
        return self

    @cached_property
    def by_account(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Positions of each account's actions, ascending: (indptr int64, positions int32)."""
        if self._counted is None:
            return super().by_account
        return self._counted["account-starts"], self._counted["account-positions"]

    @cached_property
    def by_object(self) -> NDArray[np.int64]:
        """Where each object's actions begin: int64 (n_objects + 1,)."""
        return super().by_object if self._counted is None else self._counted["object-starts"]

    def account_runs(self) -> AccountRuns:
        """Return the objects of each account, each once, from the disk as they are needed."""
        if self._counted is None:
            return super().account_runs()
        return AccountRuns(*(self._counted[f"run-{name}"] for name in AccountRuns._fields))

    def _of_kinds(self) -> NDArray[np.int64]:
        return np.array(self._manifest["actions_by_kind"], np.int64)

    def _facts(self) -> list[tuple[str, str]]:
        return [*super()._facts(), ("folder", str(self.folder))]

    def __repr__(self) -> str:
        return "StoredLog" + super().__repr__().removeprefix("ActionLog")

    def _repr_html_(self) -> str:
        return html_table("StoredLog", ("", ""), self._facts())

    def __reduce__(self) -> tuple[Any, ...]:
        return _open_generation, (str(self.folder), self.generation)


def open_store(folder: str | os.PathLike[str]) -> StoredLog:
    """Open a store that :func:`coordnet.write_store` wrote; this takes no time, whatever its size.

    Parameters
    ----------
    folder
        The store.

    Returns
    -------
    StoredLog
        A log for whatever takes an :class:`ActionLog`.

    Raises
    ------
    InputError
        Where there is no store, or a file of it is missing, cut, or not the one that was written.

    Examples
    --------
    >>> import coordnet as cn, os, tempfile
    >>> log = cn.simulate("retweet_ring", accounts=300, seed=0).log
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = cn.write_store(log, os.path.join(folder, "store"))
    ...     cn.open_store(os.path.join(folder, "store")).n_objects == log.n_objects
    True
    """
    goal = Path(folder).absolute()
    for left in range(_TRIES, 0, -1):
        told = read_manifest(goal)
        try:
            return _opened(goal, told)
        except FileNotFoundError as error:  # perhaps a write took effect, and removed the files
            if left == 1 or read_manifest(goal)["generation"] == told["generation"]:
                raise InputError(
                    f"the file {shown(error.filename)} of the store {shown(str(goal))} is missing; "
                    "take the store from a copy, or write it anew."
                ) from None
    raise AssertionError("not reached")


def _open_generation(folder: str, generation: str) -> StoredLog:
    """Open a store that was pickled."""
    store = open_store(folder)
    if store.generation != generation:
        raise InputError(
            f"the store {shown(folder)} has been written to since this log was pickled; open it "
            "again by open_store, and start from there."
        )
    return store


def _opened(goal: Path, told: dict[str, Any]) -> StoredLog:
    """Open the generation that holds."""
    home = goal / told["generation"]
    try:
        check_files(goal, home, told["files"])
        found = mapped_fields(home)
        _check_shapes(found, told)
        store = StoredLog(
            **found,
            kinds=tuple(told["kinds"]),
            rows_read=told["rows_read"],
            dropped=ReadOnly(told["dropped"]),
            sources=tuple(told["sources"]),
            frame=told["frame"],
        )
        limits = told["limits"]
        store.__dict__.update(
            _folder=goal,
            generation=told["generation"],
            n_blocks=told["blocks"],
            _manifest=told,
            limits=None if limits is None else tuple(limits),
            resolution=told["resolution"],
            _digest=bytes.fromhex(told["digest"]),
            _counted=read_counted(home),
        )
    except FileNotFoundError:
        raise
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"the store {shown(str(goal))} cannot be opened ({type(error).__name__}: "
            f"{str(error)[:100]}): {MANIFEST} or a file is damaged; take the store from a copy, or "
            "write it anew."
        ) from None
    return store


def mapped_fields(home: Path) -> dict[str, Any]:
    """Return the fields of a log that stand in files of a generation, mapped into memory."""
    columns = {
        name: mapped(path)
        for name in ("account", "object", "time", "row", "folded", "post", "text")
        if (path := home / f"{name}.npy").exists()
    }
    objects, kind = read_labels(home / "objects.arrow")
    found: dict[str, Any] = {
        **columns,
        "all_accounts": Accounts(read_labels(home / "accounts.arrow")[0]),
        "object_labels": objects,
        "object_kind": kind,
    }
    for name in ("post", "text"):
        if name in columns:
            labels, _ = read_labels(home / f"{name}s.arrow")
            found[name] = Labelled(columns[name], labels)
    return found


def _check_shapes(found: dict[str, Any], told: dict[str, Any]) -> None:
    """Raise an error where what was found is of other types or lengths than what was written."""
    for name in ("account", "object", "time", "row", "folded", "post", "text"):
        if name not in found:
            continue
        column = found[name].codes if name in ("post", "text") else found[name]
        kind = np.int64 if name in ("time", "row") else np.int32
        if column.dtype != kind or len(column) != told["actions"]:
            raise ValueError(f"{name}.npy has {len(column):,} values of {column.dtype}")
    accounts, objects = len(found["all_accounts"]), len(found["object_labels"])
    if (accounts, objects) != (told["accounts"], told["objects"]):
        raise ValueError(f"there are {accounts:,} accounts and {objects:,} objects")
