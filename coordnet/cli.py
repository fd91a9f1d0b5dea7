"""The command line: streams, exit codes, and one line for whatever goes wrong.

What the commands take and do stands in :mod:`coordnet.commands`, which is imported when one of
them is asked for: ``coordnet --help`` answers at once.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from coordnet.errors import LONGEST_MESSAGE, CoordnetError, CoordnetWarning, cut

COMMANDS = {
    "detect": "Find and score clusters in tables of actions.",
    "demo": "Simulate a small election campaign and look for it.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0, 1 for an error, 2 for wrong usage.

    130 says that it was stopped by Ctrl-C.
    """
    with _streams():
        try:
            code = _run(sys.argv[1:] if arguments is None else list(arguments))
            sys.stdout.flush()
        except BrokenPipeError:
            code = 1  # the reader of the pipe went away: there is nobody to say it to
        except CoordnetError as error:
            code = _fail(str(error))
        except MemoryError:
            code = _fail(
                "there is not enough memory; use a shorter window or a higher --min-weight."
            )
        except OSError as error:
            code = _fail(str(error))
        except KeyboardInterrupt:
            _fail("stopped.")
            code = 130
        try:
            sys.stdout.flush()
        except OSError:  # else the interpreter would try again at its end, and complain
            with suppress(OSError), Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return code


def _run(arguments: list[str]) -> int:
    """Do what the arguments say and return the exit code."""
    try:
        options = _parser(arguments).parse_args(arguments)
    except SystemExit as stop:  # --help, --version, wrong usage
        return int(stop.code or 0)
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(message)s"))
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING, handlers=[handler]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("default", CoordnetWarning)
        warnings.showwarning = _show_warning
        options.run(options)
    return 0


@contextmanager
def _streams() -> Iterator[None]:
    """Let streams that are not there swallow what is written, and others take every character."""
    with ExitStack() as stack:
        for name, redirect in (("stdout", redirect_stdout), ("stderr", redirect_stderr)):
            stream = getattr(sys, name)
            if stream is None or getattr(stream, "closed", False):  # pythonw, or the caller did
                nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
                nowhere.reconfigure(errors="replace")
                stack.enter_context(redirect(nowhere))
            elif isinstance(stream, io.TextIOWrapper):  # a label that the terminal cannot show
                stream.reconfigure(errors="backslashreplace")
        yield


class _OneLine(logging.Formatter):
    """What is logged, on one line and without terminal escapes."""

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))


class _Parser(argparse.ArgumentParser):
    """A parser that tells wrong usage in two lines."""

    def error(self, message: str) -> NoReturn:
        told = f"{self.prog}: error: {one_line(message)}; see '{self.prog} --help'."
        self.exit(2, f"{self.format_usage()}{told}\n")


def one_line(text: str) -> str:
    """Return a text on one line, of sensible length and without terminal escapes."""
    return cut(" ".join(text.split()), LONGEST_MESSAGE)


def _tell(text: str) -> None:
    with suppress(OSError):  # nobody reads the error stream
        print(f"coordnet: {one_line(text)}", file=sys.stderr)


def _fail(message: str) -> int:
    _tell(f"error: {message}")
    return 1


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    _tell(f"warning: {message}")


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser, with the options of that command only that the arguments name."""
    parser = _Parser(
        prog="coordnet",
        usage="coordnet COMMAND [options]",
        description="Which groups of accounts act together, more than chance can explain?",
        epilog="'coordnet COMMAND --help' lists the options of a command.",
    )
    parser.add_argument("--version", action="version", version=metadata.version("coordnet"))
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    asked = next((a for a in arguments if a in COMMANDS), None)
    for name, meaning in COMMANDS.items():
        command = commands.add_parser(
            name, prog=f"coordnet {name}", help=meaning, description=meaning, add_help=False
        )
        if name == asked:
            from coordnet.commands import add_options  # imports the whole library

            add_options(command, name)
    return parser
