"""The documentation runs: every Python block, every example, and what they are said to print.

Pages with ``{code-cell}`` blocks run when the site is built, with warnings as errors (.ci/run).
"""

import importlib
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import coordnet
from coordnet.scores.view import REGISTRY

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))
SITE = ROOT / "docs"
PAGES = sorted(
    [ROOT / "README.md", *(p for p in SITE.rglob("*.md") if "_build" not in p.parts)]
)  # fmt: skip
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
ARGUMENTS = {"uk_election_2017.py": ["--accounts", "2000"]}  # of examples that can be smaller
RUSSIAN, IRA = ("russian_coord_tweets.csv.gz",), ("ira_tweets.parquet", "ira_accounts.csv")
DATA = {  # of examples that need them, with a word that each prints
    "ira.py": (IRA, "LeftTroll"),
    "reproduce_coortweet.py": (RUSSIAN, "yes"),
    "reproduce_linvill_warren.py": (IRA, "purity"),
    "reproduce_pacheco.py": (RUSSIAN, "their code    114,857"),
}
# Pages that need them, or Spark, and that a test runs before a release
SLOW_PAGES = {"tutorials/ira.md": IRA, "spark.md": ()}
FENCE = re.compile(r"^```(\{[\w-]+\}|\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
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


def name_of(page):
    """Return the path of a page as tests are named by it."""
    return page.relative_to(SITE if SITE in page.parents else ROOT).as_posix()


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


@pytest.mark.parametrize("page", [p for p in PAGES if name_of(p) not in SLOW_PAGES], ids=name_of)
def test_the_code_of_a_page_runs_and_prints_what_it_says(page, tmp_path):
    run_page(page, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW_PAGES)
def test_the_code_of_a_page_that_needs_more_runs_and_prints_what_it_says(name, tmp_path, shared):
    if name == "spark.md":
        pytest.importorskip("pyspark")
    for file in SLOW_PAGES[name]:
        (tmp_path / file).symlink_to(shared("data", file))
    run_page(SITE / name, tmp_path)


def run_page(page, tmp_path):
    """Run the blocks of a page as one script: later ones may use what earlier ones made.

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


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), target


def test_no_code_of_a_page_is_left_out():
    """A page is run here, block by block, or as a notebook when the site is built; never half."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        languages = {language for language, _, _ in blocks(text)}
        notebook = text.startswith("---\nfile_format: mystnb\n")
        assert notebook == ("{code-cell}" in languages), page
        assert not (notebook and "python" in languages), page
        assert not re.search(r"^```(py|python3|pycon|ipython)\b", text, re.MULTILINE), page


def test_every_public_name_has_its_place_in_the_reference():
    listed = {}
    for page in sorted((SITE / "api").glob("*.md")):
        module = None
        for line in page.read_text(encoding="utf-8").splitlines():
            if found := re.match(r"\.\. currentmodule:: (\S+)", line):
                module = found[1]
            elif re.fullmatch(r"   [A-Za-z_]\w*", line):
                listed.setdefault(module, []).append(line.strip())
    assert sorted(listed.pop("coordnet")) == sorted(coordnet.__all__)
    assert sorted(listed.pop("coordnet.scores")) == sorted(
        name for name in coordnet.scores.__all__ if name not in coordnet.__all__
    )
    for module in coordnet._MODULES:  # such as coordnet.recipes
        assert sorted(listed.pop(f"coordnet.{module}")) == sorted(getattr(coordnet, module).__all__)
    assert listed == {}


@pytest.fixture
def offline(monkeypatch):
    """The extension of the site that looks for what a page would load from elsewhere."""
    monkeypatch.syspath_prepend(str(SITE / "_extensions"))
    return importlib.import_module("offline")


@pytest.mark.parametrize(
    ("kind", "text", "addresses"),
    [
        (".html", '<script src="https://a.example/x.js"></script>', ["https://a.example/x.js"]),
        (".html", "<img alt='' src=//a.example/x.png>", ["//a.example/x.png"]),
        (".html", '<img srcset="x.png 1x, http://a.example/y 2x">', ["http://a.example/y 2x"]),
        (".html", '<link rel="preload stylesheet" href="https://a.example/x">', None),
        (".html", "<style>@import 'https://a.example/x';</style>", None),
        (".html", "<p style='background: url(https://a.example/x)'>", None),
        (".html", "<script>import('https://a.example/x')</script>", None),
        (".html", '<link rel="canonical" href="https://a.example/x">', []),
        (".html", '<a href="https://a.example/x">a link to follow</a> https://a.example', []),
        (".html", '<script src="_static/x.js"></script><img src="data:image/png;base64,A">', []),
        (".css", "a { src: url( '//a.example/f.woff2' ) }", ["//a.example/f.woff2"]),
        (".css", "/* https://a.example */ a { src: url(f.woff2) }", []),
        (".js", 'fetch("https://a.example/x")', ["https://a.example/x"]),
        (".js", 'import x from "https://a.example/x"', ["https://a.example/x"]),
        (".js", "// see https://a.example", []),
    ],
)
def test_what_a_page_would_load_from_elsewhere_is_seen(offline, kind, text, addresses):
    expected = ["https://a.example/x"] if addresses is None else addresses
    assert offline.loaded(text, kind) == expected


def test_each_file_of_a_site_is_looked_at(offline, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.html").write_text('<img src="https://a.example/x">', encoding="utf-8")
    (tmp_path / "c.txt").write_text('<img src="https://a.example/x">', encoding="utf-8")
    assert list(offline.remote(tmp_path)) == [(tmp_path / "a" / "b.html", "https://a.example/x")]


@pytest.mark.slow
def test_the_pictures_that_are_kept_are_those_that_the_script_draws(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    subprocess.run([sys.executable, SITE / "pictures.py", tmp_path], check=True)
    made = sorted(tmp_path.iterdir())
    assert made
    for path in made:
        drawn, kept = image.imread(path), image.imread(SITE / "images" / path.name)
        assert drawn.shape == kept.shape
        assert abs(drawn - kept).mean() < 0.01  # fonts differ by a shade
