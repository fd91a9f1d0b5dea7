"""The command line: streams, exit codes, and one line for whatever goes wrong.

What a command takes and does stands in its file of :mod:`coordnet.commands`, which is imported when
it is asked for: ``coordnet --help`` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
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

from coordnet.commands import COMMANDS
from coordnet.errors import LONGEST_MESSAGE, CoordnetError, CoordnetWarning, cut

COMPILING = "coordnet.kernels.compiling"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0, 1 for an error, 2 for wrong usage.

    1 also says that a run that was done again gave something else, or that a file is of no format
    that is known; 130 that it was stopped by Ctrl-C.
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
        options, unknown = _parser(arguments).parse_known_args(arguments)
        if unknown:
            options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    except SystemExit as stop:  # --help, --version, wrong usage
        return int(stop.code or 0)
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(message)s"))
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING, handlers=[handler]
    )
    compiling = logging.getLogger(COMPILING)
    before = compiling.level
    if not options.verbose:
        compiling.setLevel(logging.ERROR)  # the line of progress tells it, where somebody looks
    from coordnet.commands.options import WrongUsage

    with warnings.catch_warnings():
        warnings.simplefilter("default", CoordnetWarning)
        warnings.showwarning = _show_warning
        try:
            return int(options.run(options))
        except WrongUsage as wrong:
            with suppress(SystemExit):
                options.parser.error(str(wrong))
            return 2
        finally:
            compiling.setLevel(before)


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
        epilog="'coordnet COMMAND --help' lists the options of a command, with examples.",
    )
    parser.add_argument("--version", action="version", version=metadata.version("coordnet"))
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    asked = next((a for a in arguments if not a.startswith("-")), None)
    for name, meaning in COMMANDS.items():
        if name != asked:
            commands.add_parser(name, help=meaning, add_help=False)
            continue
        home = importlib.import_module(f"coordnet.commands.{name}")  # imports the whole library
        from coordnet.commands.options import Help

        examples = "\n".join(f"  coordnet {example}" for example in home.EXAMPLES)
        command = commands.add_parser(
            name, prog=f"coordnet {name}", usage=f"coordnet {name} {home.USAGE}", help=meaning,
            description=meaning, epilog=f"examples:\n{examples}", add_help=False,
            formatter_class=Help, allow_abbrev=False,
        )  # fmt: skip
        home.add_options(command, arguments)
        command.set_defaults(run=home.run, parser=command)
    return parser
