"""The documentation runs: every Python block, every example, and what they are said to print."""

import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from coordnet.scores.view import REGISTRY

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
ARGUMENTS = {"uk_election_2017.py": ["--accounts", "2000"]}  # of examples that can be smaller
RUSSIAN, IRA = ("russian_coord_tweets.csv.gz",), ("ira_tweets.parquet", "ira_accounts.csv")
DATA = {  # of examples that need them, with a word that each prints
    "ira.py": (IRA, "LeftTroll"),
    "reproduce_coortweet.py": (RUSSIAN, "yes"),
    "reproduce_linvill_warren.py": (IRA, "purity"),
    "reproduce_pacheco.py": (RUSSIAN, "their code    114,857"),
}
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
# Seconds, megabytes and versions are of the machine
MACHINE = re.compile(r"\d+(\.\d+)?(?= ?(s|ms|MB|seconds)\b)|(?<=seconds  )\d+\.\d+")


def blocks(text):
    """Return (language, code, output) of each fenced block; output: the text block after Python."""
    fences = list(FENCE.finditer(text))
    found = [
        (m[1], m[2], text[m.end() : n.start()] if n else "", n)
        for m, n in zip(fences, [*fences[1:], None], strict=False)
    ]
    for language, code, between, following in found:
        follows = following is not None and following[1] in ("", "text", "console")
        near = len(between.strip().splitlines()) <= 1
        yield language, code, following[2] if follows and near else None


def python_blocks(path):
    found = blocks(path.read_text(encoding="utf-8"))
    return [(code, out) for language, code, out in found if language == "python"]


def run_script(code, folder, arguments=()):
    """Run code as a script in a folder of its own and return what it prints."""
    script = folder / "script.py"
    script.write_text(code, encoding="utf-8")
    ran = subprocess.run(
        [
            sys.executable, "-W", "error::coordnet.errors.CoordnetWarning", script.name,
            *arguments,
        ],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, f"{code}\n{ran.stderr}"
    return ran.stdout


def squeezed(text):
    """Return the text without what differs between machines, and white space at line ends."""
    return [MACHINE.sub("#", line.rstrip()) for line in text.strip().splitlines()]


def test_the_parser_of_pages():
    page = "a\n```python\nprint(1)\n```\n\nprints:\n\n```text\n1\n```\n```sh\nls\n```\n"
    assert list(blocks(page)) == [
        ("python", "print(1)\n", "1\n"), ("text", "1\n", None), ("sh", "ls\n", None)
    ]  # fmt: skip
    assert squeezed("took 3.2 s \n") == squeezed("took 17 s")
    assert squeezed("found 3") != squeezed("found 4")


def test_there_is_documentation():
    assert (ROOT / "README.md").exists()
    assert (ROOT / "docs" / "architecture.md").exists()
    assert EXAMPLES


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_code_of_a_page_runs_and_prints_what_it_says(page, tmp_path):
    """The blocks of a page are one script: later ones may use what earlier ones made.

    Then its commands, on the files that the script left.
    """
    parts = python_blocks(page)
    if not parts:
        return
    mark = "-- end of block --"
    code = "".join(f"{code}\nprint({mark!r})\n" for code, _ in parts)
    printed = run_script(code, tmp_path).split(mark + "\n")
    for (block, said), out in zip(parts, printed, strict=False):
        if said is not None:
            assert squeezed(out) == squeezed(said), block
    for language, code, _ in blocks(page.read_text(encoding="utf-8")):
        for line in code.splitlines() if language == "sh" else ():
            if line.startswith("coordnet "):
                ran = subprocess.run(
                    [SCRIPTS / "coordnet", *shlex.split(line)[1:]],
                    cwd=tmp_path, capture_output=True, text=True, check=False,
                )  # fmt: skip
                assert ran.returncode == 0, f"{line}\n{ran.stderr}"


@pytest.mark.parametrize(
    "example", [e for e in EXAMPLES if e.name not in DATA], ids=lambda p: p.name
)
def test_an_example_runs(example, tmp_path):
    arguments = ARGUMENTS.get(example.name, ())
    assert run_script(example.read_text(encoding="utf-8"), tmp_path, arguments)


@pytest.mark.slow
@pytest.mark.parametrize("name", DATA)
def test_an_example_on_real_data_runs(name, shared):
    """In a process of its own: it warns of times to the minute."""
    files, word = DATA[name]
    files = [shared("data", file) for file in files]
    ran = subprocess.run(
        [sys.executable, ROOT / "examples" / name, *files],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert word in ran.stdout


@pytest.mark.parametrize("name", [name for name in DATA if name.startswith("reproduce")])
def test_an_example_without_its_data_says_so(name, tmp_path):
    code = (ROOT / "examples" / name).read_text(encoding="utf-8")
    assert "The data are not here: " in run_script(code, tmp_path, ["absent", "absent"])


def test_the_election_without_its_campaign_claims_nothing(tmp_path):
    example = next(e for e in EXAMPLES if e.name == "uk_election_2017.py")
    arguments = ["--accounts", "3000", "--seed", "2"]
    printed = run_script(example.read_text(encoding="utf-8"), tmp_path, arguments)
    with_it, without = printed.split("## With the campaign left out")
    assert "nothing to claim" not in with_it
    assert with_it.count("| yes |") >= 8
    rows = [line for line in without.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 15
    assert all(row.endswith("| nothing to claim |") for row in rows)


def test_the_page_of_scores_has_every_one_as_it_is_declared():
    page = (ROOT / "docs" / "scores.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    declared = [
        (c.name, c.unit, "" if c.needs == "log" else f"`{c.needs}=`", c.meaning)
        for c, _ in REGISTRY.values()
    ]
    assert sorted(rows) == sorted(declared)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), target
