"""How a command reads a log: the options, what a manifest remembers of them, and the way back."""

from __future__ import annotations

import argparse
import csv
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from coordnet.commands.options import WrongUsage, explained
from coordnet.errors import CoordnetError, InputError, ParameterError, listed, nearest, shown
from coordnet.log.actions import ActionLog
from coordnet.progress import stage
from coordnet.readers.exports import read_posts, recognise
from coordnet.readers.formats import PROFILE
from coordnet.readers.tables import read_actions
from coordnet.readers.traces import TRACES, traces_of
from coordnet.simulation.scenarios import simulate
from coordnet.store.folder import is_store as holds_store
from coordnet.store.stored_log import open_store

AUTO = "auto"
USUAL = ("retweet", "url")  # traces that are taken where none is named
_OF_COLUMNS = ("kind_column", "post", "text", "unit", "time_format")
COLUMNS = "--account, --object and --time"
USAGE = "(--format FORMAT | --account COLUMN --object COLUMN --time COLUMN)"
UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
ON_BAD = {"error": "stop and say which row", "drop": "leave the row out and count it"}


@dataclass(frozen=True)
class Reading:
    """Everything that says what a log is read from, and how.

    Attributes
    ----------
    files : tuple of str
    format : str or None
        Of an export; None for a table whose columns are named.
    account, time, kind_column, post, text : str or None
        Columns.
    object : tuple of str
        Columns of objects.
    kind : tuple of str
        The kinds of action that are used; none stands for all, of an export for the usual ones.
    unit, time_format : str or None
    on_bad : str
    simulation : mapping or None
        The arguments of `simulate`, where the log is one that was simulated.
    background : tuple of str
        Files of the same columns, of accounts that are not under suspicion.
    accounts, stance : str or None
        Files.
    """

    files: tuple[str, ...] = ()
    format: str | None = None
    account: str | None = None
    object: tuple[str, ...] = ()
    time: str | None = None
    kind_column: str | None = None
    kind: tuple[str, ...] = ()
    post: str | None = None
    text: str | None = None
    unit: str | None = None
    time_format: str | None = None
    on_bad: str = "error"
    simulation: Mapping[str, Any] | None = None
    background: tuple[str, ...] = ()
    accounts: str | None = None
    stance: str | None = None

    def facts(self) -> dict[str, Any]:
        """Return what a manifest remembers: files by the way to them from where one is.

        Of a file that was named by an absolute path it is the name alone: a path of one's own
        machine leads nobody there, and may say who one is.
        """
        facts = asdict(self)
        for name in ("files", "background"):
            facts[name] = [_without_root(file) for file in facts[name]]
        for name in ("accounts", "stance"):
            facts[name] = None if facts[name] is None else _without_root(facts[name])
        return {n: list(v) if isinstance(v, tuple) else v for n, v in facts.items()}

    @classmethod
    def of_facts(cls, told: Any, source: str, places: Sequence[Path] = ()) -> Reading:
        """Return the reading that a manifest remembers, or that a .toml file has.

        Parameters
        ----------
        told
            As :meth:`facts` gives it.
        source
            The file it stands in, for errors.
        places
            Folders in which its files are looked for, after the current one.
        """
        if not isinstance(told, Mapping):
            raise InputError(f"{source}: reading={shown(told)} is no table of reading options.")
        known = {declared.name: str(declared.type) for declared in fields(cls)}
        for name in told:
            if name not in known:
                raise InputError(
                    f"{source}: {shown(name)} is no option of reading.{nearest(name, known)} The "
                    f"options are {listed(known)}."
                )
        values = {n: _taken(n, value, known[n], source) for n, value in told.items()}
        for name in ("files", "background"):
            if name in values:
                values[name] = tuple(_found(file, places) for file in values[name])
        for name in ("accounts", "stance"):
            if values.get(name) is not None:
                values[name] = _found(values[name], places)
        return cls(**values)

    def over(self, options: argparse.Namespace) -> Reading:
        """Return this reading with what the options say instead."""
        given = {
            declared.name: getattr(options, declared.name)
            for declared in fields(self)
            if getattr(options, declared.name, None) not in (None, [])
        }
        given = {n: tuple(v) if isinstance(v, list) else v for n, v in given.items()}
        base = self
        if "files" in given:
            base = replace(base, simulation=None)
        if "format" in given:
            base = replace(base, account=None, object=(), time=None, kind_column=None, post=None,
                           text=None, unit=None, time_format=None)  # fmt: skip
        elif {"account", "object", "time"} & set(given):
            base = replace(base, format=None)
        return replace(base, **given)

    def checked(self) -> Reading:
        """Return the reading, after a check that it says what is needed."""
        if self.simulation is not None:
            if self.format or self.account or self.object or self.time:
                raise WrongUsage("the earlier run was of a simulation; give FILE and its columns")
            return self
        if is_store(self.files):
            said = [
                f"--{name.replace('_', '-')}"
                for name in ("format", "account", "object", "time", *_OF_COLUMNS)
                if getattr(self, name)
            ]
            if said:
                raise WrongUsage(
                    f"{shown(self.files[0])} is a store, which knows its columns; leave out "
                    f"{', '.join(said)}"
                )
            if self.background and not is_store(self.background):
                raise WrongUsage("FILE is a store, so that --background is one store too")
            return self
        if self.format is None:
            missing = [f"--{n}" for n in ("account", "object", "time") if not getattr(self, n)]
            if not self.files:
                missing.insert(0, "FILE")
            if missing:
                also = "" if missing == ["FILE"] else "; or, for an export, --format"
                raise WrongUsage(
                    f"the following arguments are required: {', '.join(missing)}{also}"
                )
            return self
        if not self.files:
            raise WrongUsage("the following arguments are required: FILE")
        columns = [
            f"--{name.replace('_', '-')}"
            for name in ("account", "object", "time", *_OF_COLUMNS)
            if getattr(self, name)
        ]
        if columns:
            raise WrongUsage(
                f"--format says what the columns are; leave out {', '.join(columns)}, or --format"
            )
        return self

    def read(self, threads: int | None) -> tuple[ActionLog, Any]:
        """Return the log, and what is known of its accounts: a file, a frame or None.

        Where no file of accounts is given, it is what an export says of them.
        """
        if self.simulation is not None:
            log = simulate(**self.simulation).log
            return log.select(list(self.kind)) if self.kind else log, self.accounts
        log, profiles = self._read(self.files, threads)
        return log, profiles if self.accounts is None else self.accounts

    def read_background(self, threads: int | None) -> ActionLog | None:
        """Read the background, where there is one."""
        if not self.background:
            return None
        with stage("reading the background"):
            return self._read(self.background, threads)[0]

    def _read(self, files: Sequence[str], threads: int | None) -> tuple[ActionLog, Any]:
        with unreadable():
            if is_store(files):
                store = open_store(files[0])
                return store.select(list(self.kind)) if self.kind else store, None
            if self.format is not None:
                return self._of_export(list(files), threads)
            log = read_actions(
                list(files), account=self.account or "",
                object=self.object[0] if len(self.object) == 1 else list(self.object),
                time=self.time or "", kind=self.kind_column, post=self.post, text=self.text,
                unit=self.unit, time_format=self.time_format, on_bad=self.on_bad, threads=threads,
            )  # fmt: skip
        return log.select(list(self.kind)) if self.kind else log, None

    def _of_export(self, files: list[str], threads: int | None) -> tuple[ActionLog, Any]:
        name = recognise(files).name if self.format == AUTO else self.format
        posts = read_posts(files, name, on_bad=self.on_bad)
        kinds = list(self.kind)
        if not kinds:
            there = traces_of(posts)
            kinds = [kind for kind in USUAL if kind in there]
            if not kinds:
                raise ParameterError(
                    f"{shown(files[0])} ({posts.format}) has neither {' nor '.join(USUAL)}; say "
                    f"with --kind what the accounts act on. It has {listed(there)}."
                )
        profiles = posts.profiles("pyarrow") if any(name in posts for name in PROFILE) else None
        return posts.actions(kinds, threads=threads), profiles


def is_store(files: Sequence[str]) -> bool:
    """Return whether what is named is the folder of one store."""
    return len(files) == 1 and holds_store(files[0])


def _taken(name: str, value: Any, kind: str, source: str) -> Any:
    """Return a value that a file has for an option of reading, after a check of its type."""
    if kind.startswith("tuple"):
        several = [value] if isinstance(value, str) else value
        if isinstance(several, list) and all(isinstance(one, str) for one in several):
            return tuple(several)
    elif value is None and "None" in kind:
        return None
    elif isinstance(value, Mapping if name == "simulation" else str):
        return value
    raise InputError(f"{source}: reading has {name}={shown(value)}, which cannot be.")


def _without_root(file: str) -> str:
    return Path(file).name if Path(file).is_absolute() else Path(file).as_posix()


def _found(file: str, places: Sequence[Path]) -> str:
    """Return where a file is: as it is named, or in one of the places."""
    if Path(file).exists():
        return file
    return next((str(place / file) for place in places if (place / file).exists()), file)


@contextmanager
def unreadable(name: str = "the input") -> Iterator[None]:
    """Turn what the libraries under the readers raise of bad data into errors of one line."""
    try:
        yield
    except (MemoryError, CoordnetError):  # which may be errors of Arrow or of the system too
        raise
    except (
        EOFError,
        UnicodeError,
        zlib.error,
        csv.Error,
        pa.ArrowException,
        duckdb.Error,
    ) as error:
        name = name if name == "the input" else shown(name)
        raise InputError(f"{name} cannot be read ({type(error).__name__}): {error}") from error
    except RuntimeError as error:
        if str(error) == "Query interrupted":  # what DuckDB makes of Ctrl-C
            raise KeyboardInterrupt from error
        raise


def required_options(parser: argparse.ArgumentParser) -> None:
    """Add what has to be given, first of all."""
    needed = parser.add_argument_group("required: FILE, and what is in it")
    needed.add_argument(
        "files", nargs="*", metavar="FILE",
        help="Tables of actions: .csv .tsv .jsonl .parquet or their .gz; or an export of a "
        "platform or tool. Several, or a glob, are read as one. Or a store (write_store), of which "
        "no columns are named.",
    )  # fmt: skip
    needed.add_argument("--account", metavar="COLUMN", help="Who acted.")
    needed.add_argument(
        "--object", metavar="COLUMN", action="append",
        help="On what: a retweeted post, a URL, a hashtag, ... May be repeated: each column is "
        "then a kind of action.",
    )  # fmt: skip
    needed.add_argument("--time", metavar="COLUMN", help="When.")
    needed.add_argument(
        "--format", metavar="FORMAT",
        help=f"Of an export, instead of {COLUMNS}: {AUTO} to tell it by its fields, or a name that "
        "'coordnet formats' lists.",
    )  # fmt: skip


def reading_options(parser: argparse.ArgumentParser) -> Any:
    """Add what may be said of the input, and return the group."""
    reading = parser.add_argument_group("reading")
    reading.add_argument(
        "--kind", metavar="KIND", action="append",
        help=explained(
            "Use only actions of this kind. May be repeated (default: all; of an export those of "
            f"{' and '.join(USUAL)} that it has). The kinds that can be made of an export:",
            {name: trace.meaning for name, trace in TRACES.items()},
        ),
    )  # fmt: skip
    reading.add_argument("--kind-column", metavar="COLUMN", help="Column with the kind of action.")
    reading.add_argument(
        "--post", metavar="COLUMN", help="Column with the id of the post that is the action."
    )
    reading.add_argument("--text", metavar="COLUMN", help="Column with the text of the action.")
    reading.add_argument(
        "--unit", choices=tuple(UNITS), metavar="UNIT",
        help=explained("Of times that are numbers.", UNITS, "told by their size"),
    )  # fmt: skip
    reading.add_argument("--time-format", metavar="FORMAT", help="strptime format of the times.")
    reading.add_argument(
        "--on-bad", choices=tuple(ON_BAD), metavar="WHAT",
        help=explained(
            "What to do with a time that cannot be read and an id that lost digits.", ON_BAD,
            "error",
        ),
    )  # fmt: skip
    return reading


def knowledge_options(group: Any) -> None:
    """Add what else is known of the accounts."""
    group.add_argument(
        "--accounts", metavar="FILE",
        help="Table of accounts: account, created_at, handle, name, language, time_zone, ... "
        "(default: none; of an export what it says of them).",
    )  # fmt: skip
    group.add_argument(
        "--stance", metavar="FILE",
        help="Table of labels: a column stance ('labour:for', 'labour:against', 'labour:neutral'), "
        "stance_2 of a second coder if there is one, and a column text or post that says whose it "
        "is; without either, one row for each row of the input.",
    )  # fmt: skip


def background_option(group: Any) -> None:
    """Add the background."""
    group.add_argument(
        "--background", metavar="FILE", action="append",
        help="Actions of accounts that are not under suspicion, in the same columns or format: "
        "chances are taken from them. May be repeated.",
    )  # fmt: skip
