"""Print docs/command-line.md, made of the help texts; a test says whether the page is as this."""

from __future__ import annotations

import contextlib
import io
import os

from coordnet.cli import main
from coordnet.commands import COMMANDS

HEAD = """\
# The command line

`coordnet COMMAND --help` prints what stands here; this page is made of it, by
`python docs/command_line.py > docs/command-line.md`. Every example runs in the tests.

A run that leaves a page to look at, from an export of a platform:

```sh
coordnet detect tweets.jsonl --format auto --report
```

From a table of your own, name its columns:

```sh
coordnet detect actions.csv --account user --object post --time at --report
```

## What is printed, and what is not

What was found comes first, in words: or that nothing was, and what could have been found. Then a
table below 100 columns, then the files. `--json` prints the same for a program, and nothing else on
the standard output. Warnings and errors go to the error stream, one line each.

On a terminal, a line says which stage runs and for how long; it is gone at the end. In a pipe there
is none. The environment's `COORDNET_PROGRESS=0` turns it off, `1` turns it on everywhere.

| exit code | meaning |
| --- | --- |
| 0 | done, whether something was found or not |
| 1 | an error, in one line; or `--like` gave something else; or `formats` does not know a file |
| 2 | wrong usage, in two lines |
| 130 | stopped by Ctrl-C; nothing is half-written |

## A run is one file

`manifest.json`, which every run leaves, has all of it: the files, how they were read, every choice,
what was dropped, versions, and the SHA-256 of each file that was written. So a reader of a paper
needs the data and that file:

```sh
coordnet detect --like manifest.json
```

It is done again from the same files, which are looked for where one is, beside the manifest and
above it; files that are given are taken instead. Then it says whether the result is the same byte
for byte, and if not, which files differ and what has changed: the input, a choice, a version. A
manifest names no folder of your machine: of a file with an absolute path it has the name alone.

A run can also begin as a file:

```toml
# coordnet detect --config run.toml
within = {retweet = "60s", url = "10min"}
fdr = 0.05

[reading]
files = ["actions.csv"]
account = "user"
object = ["post", "link"]
time = "at"
```

What `[reading]` takes are the options of reading under their names, with `_` for `-`. The others
are the fields of `coordnet.Configuration`. Options that are given too replace those of the file.
"""


def help_of(*arguments: str) -> str:
    """Return a help text as it is at 100 columns."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    told = io.StringIO()
    try:
        with contextlib.redirect_stdout(told):
            main([*arguments, "--help"])
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    return told.getvalue()


def page() -> str:
    """Return the page."""
    parts = [HEAD, f"## coordnet\n\n```text\n{help_of()}```\n"]
    parts += [f"## coordnet {name}\n\n```text\n{help_of(name)}```\n" for name in COMMANDS]
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
