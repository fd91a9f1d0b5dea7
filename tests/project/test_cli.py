"""The command line: its files, its exit codes, and one line for bad input.

Most tests call `main` in this process; a few start the installed command: what it prints, what it
writes, a terminal, a pipe that is closed, and Ctrl-C.
"""

import contextlib
import csv
import gzip
import io
import json
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import sysconfig
import termios
from dataclasses import MISSING, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from helpers import ring_rows

import coordnet as cn
from coordnet import cli
from coordnet.commands import COMMANDS

COMMAND = str(Path(sysconfig.get_path("scripts")) / "coordnet")
COLUMNS = ["--account", "who", "--object", "what", "--time", "when"]
RULE = ["--min-weight", "3", "--fdr", "none", "--no-groups"]  # counts: what is found is known
LIBRARY_RULE = {"min_weight": 3, "fdr": None, "groups": False}
FILES = ["clusters.csv", "edges.csv", "manifest.json", "scores.csv"]
READER = "coordnet.commands.reading.read_actions"
COMPILES = "coordnet compiles its loops for this machine; this takes up to a minute, once.\n"


def run(folder, *arguments, encoding="utf-8", **environment):
    """Call `main` in a folder, with the streams and the logging of a new process.

    Return the exit code and what was printed, as those of a finished process.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding, newline="") for _ in range(2))
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.chdir(folder)
        for name in [name for name in os.environ if name.startswith("COORDNET")]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(logging.root, "handlers", [])
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:  # as argparse ends
            code = stop.code
        finally:
            logging.root.setLevel(logging.WARNING)
    out.flush()
    err.flush()
    texts = (stream.buffer.getvalue().decode(encoding) for stream in (out, err))
    return without_notice(subprocess.CompletedProcess(arguments, code, *texts))


def plain():
    """Return the environment of a plain shell: what is printed is buffered, too."""
    settings = ("COORDNET", "PYTHONUNBUFFERED")
    return {k: v for k, v in os.environ.items() if not k.startswith(settings)}


def run_process(folder, *arguments, command=(COMMAND,)):
    """Run the installed command in a folder and return the finished process."""
    ran = subprocess.run(
        [*command, *(a if isinstance(a, bytes) else str(a) for a in arguments)],
        cwd=folder, env=plain(), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return without_notice(ran)


def without_notice(ran):
    """Take away what only the first run on a machine says."""
    ran.stderr = ran.stderr.replace(COMPILES, "")
    return ran


def write_rows(path, rows, header=("who", "what", "when", "how", "post")):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows((a, o, t // 10**6, k, c) for a, o, t, k, c in rows)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return a folder with actions.csv."""
    folder = tmp_path_factory.mktemp("data")
    write_rows(folder / "actions.csv", ring_rows())
    return folder


def untimed(folder):
    """Return the bytes of each file, the manifest without its timings."""
    files = {p.name: p.read_bytes() for p in folder.iterdir()}
    manifest = json.loads(files["manifest.json"])
    assert manifest.pop("timings")
    manifest.pop("reading")  # which only the command line knows
    return files | {"manifest.json": manifest}


# -- what it does ------------------------------------------------------------------------------


def test_detect_writes_what_the_library_writes(data, tmp_path):
    """By the installed command."""
    ran = run_process(tmp_path, "detect", data / "actions.csv", *COLUMNS, *RULE, "--within", "90s")
    assert (ran.returncode, ran.stderr) == (0, "")
    log = cn.read_actions(data / "actions.csv", account="who", object="what", time="when")
    cn.detect(log, "90s", **LIBRARY_RULE).write(tmp_path / "expected")
    assert set(FILES) <= {p.name for p in (tmp_path / "coordnet-out").iterdir()}
    assert untimed(tmp_path / "coordnet-out") == untimed(tmp_path / "expected")


def test_the_summary_at_the_end(data, tmp_path):
    ran = run(tmp_path, "detect", data / "actions.csv", *COLUMNS, *RULE, "--out", "here")
    lines = ran.stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if line.split()[:2] == ["cluster", "accounts"])
    assert [line.split()[:2] for line in lines[at + 1 : at + 4]] == [
        ["0", "9"], ["1", "6"], ["2", "5"]
    ]  # fmt: skip
    assert "coordination is not inauthenticity" in ran.stdout
    for name in FILES:
        assert os.fspath(Path("here") / name) in ran.stdout
    assert not [a for a in ("ring0_0", "user1") if a in ran.stdout]


def test_every_option_reaches_the_library(data, tmp_path):
    rows = [*ring_rows(), ("u", "o", 0, "url", None)]
    path = write_rows(tmp_path / "x.csv", rows)
    path.write_text(path.read_text().replace("u,o,0,", "u,o,soon,"))
    ran = run(
        tmp_path, "detect", "x.csv", *COLUMNS, "--kind-column", "how", "--post", "post",
        "--kind", "retweet", "--unit", "s", "--on-bad", "drop", "--within", "600",
        "--weight", "pairs", "--min-weight", "4", "--fdr", "none", "--no-groups",
        "--method", "louvain", "--resolution", "0.5",
        "--min-size", "2", "--seed", "5", "--threads", "1", "--identifiers", "--all-edges",
        "--out", "a/b",
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    log = cn.read_actions(
        path, account="who", object="what", time="when", kind="how", post="post",
        unit="s", on_bad="drop",
    )  # fmt: skip
    expected = cn.detect(
        log.select("retweet"), "10min", weight="pairs", min_weight=4, fdr=None, groups=False,
        method="louvain", resolution=0.5, min_size=2, seed=5,
    )  # fmt: skip
    expected.write(tmp_path / "expected", identifiers=True, all_edges=True)
    assert untimed(tmp_path / "a" / "b") == untimed(tmp_path / "expected")
    manifest = json.loads((tmp_path / "a" / "b" / "manifest.json").read_text())
    assert manifest["input"]["rows_dropped"]["unreadable time"] == 1
    assert manifest["export"] == {"identifiers": True, "all_edges": True, "own_key": False}


def test_a_time_format_reaches_the_reader(tmp_path):
    (tmp_path / "x.csv").write_text("who,what,when\nu,p,20170608 2100\n")
    ran = run(
        tmp_path, "detect", "x.csv", *COLUMNS, *RULE, "--time-format", "%Y%m%d %H%M",
    )  # fmt: skip
    assert ran.returncode == 0
    assert "2017-06-08 21:00:00Z" in ran.stdout


@pytest.mark.parametrize("rule", [RULE, []])
def test_two_runs_give_the_same_files(data, tmp_path, rule):
    for out, threads in (("1", "1"), ("2", "2")):
        ran = run(
            tmp_path, "detect", data / "actions.csv", *COLUMNS, *rule, "--out", out,
            "--threads", threads,
        )  # fmt: skip
        assert ran.returncode == 0
    assert untimed(tmp_path / "1") == untimed(tmp_path / "2")


def test_many_files_and_globs(tmp_path):
    rows = ring_rows()
    for i in range(3):
        write_rows(tmp_path / f"part{i}.csv", rows[i::3])
    for out, files in (("listed", [f"part{i}.csv" for i in range(3)]), ("glob", ["part*.csv"])):
        ran = run(tmp_path, "detect", *files, *COLUMNS, *RULE, "--out", out)
        assert (ran.returncode, ran.stderr) == (0, "")
    assert untimed(tmp_path / "listed") == untimed(tmp_path / "glob")
    assert json.loads((tmp_path / "glob" / "manifest.json").read_text())["input"]["sources"] == [
        "part0.csv", "part1.csv", "part2.csv"
    ]  # fmt: skip


def test_version_and_help(tmp_path):
    for start in (run, run_process):
        ran = start(tmp_path, "--version")
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{cn.__version__}\n", "")
    for arguments in (["--help"], *([name, "--help"] for name in COMMANDS)):
        ran = run(tmp_path, *arguments)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout.startswith("usage: coordnet")
    assert list(tmp_path.iterdir()) == []


def test_as_a_module(tmp_path):
    ran = run_process(tmp_path, "--version", command=(sys.executable, "-m", "coordnet"))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{cn.__version__}\n", "")


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_imports_next_to_nothing(tmp_path, argument):
    code = (
        f"import sys; from coordnet.cli import main; assert main([{argument!r}]) == 0; "
        "print(*sys.modules)"
    )
    ran = run_process(tmp_path, code, command=(sys.executable, "-c"))
    assert ran.returncode == 0, ran.stderr
    modules = set(ran.stdout.splitlines()[-1].split())
    assert "coordnet.cli" in modules
    assert not modules & {"numba", "igraph", "duckdb", "pyarrow", "scipy", "pandas", "networkx"}


def test_help_tells_what_is_required_first_and_each_choice_once(tmp_path):
    told = run(tmp_path, "detect", "--help", COLUMNS="300").stdout
    assert told.splitlines()[0] == (
        "usage: coordnet detect FILE [FILE ...] (--format FORMAT | --account COLUMN --object "
        "COLUMN --time COLUMN) [options]"
    )
    headings = [line for line in told.splitlines() if line.endswith(":") and line[0] != " "]
    assert headings[0] == "required: FILE, and what is in it:"
    required = told[told.index(headings[0]) : told.index(headings[1])]
    flags = [line.split()[0] for line in required.splitlines()[1:] if line[:3].strip()]
    assert flags == ["FILE", "--account", "--object", "--time", "--format"]
    for field in fields(cn.Configuration):
        flag = "--moment" if field.name == "moments" else f"--{field.name.replace('_', '-')}"
        lines = re.findall(rf"^  {flag},? .*\n(?:      .*\n)*", told, re.M)
        assert len(lines) == 1, flag
        said = " ".join(lines[0].split())
        first = field.metadata["meaning"].split()[0].replace("None", "none")
        assert first in said, flag
        if field.default is not MISSING:
            assert said.count("default") == 1, flag
        for choice, meaning in field.metadata["choices"].items():
            assert f" {choice}: {meaning}" in said, choice


OPTIONS = {
    "account_column": (["--account-column", "user_id"], "user_id"),
    "within": (["--within", "90s", "--within", "1h"], ["90s", "1h"]),
    "co_timing": (["--co-timing", "5s"], "5s"),
    "fdr": (["--fdr", "0.01"], 0.01),
    "null": (["--null", "timing"], "timing"),
    "strata": (["--strata", "1d"], "1d"),
    "occasion_gap": (["--occasion-gap", "2min"], "2min"),
    "weight": (["--weight", "pairs"], "pairs"),
    "min_weight": (["--min-weight", "4"], 4),
    "refractory": (["--refractory", "10s"], "10s"),
    "method": (["--method", "louvain"], "louvain"),
    "resolution": (["--resolution", "0.5"], 0.5),
    "min_size": (["--min-size", "4"], 4),
    "seed": (["--seed", "7"], 7),
    "null_runs": (["--null-runs", "2"], 2),
    "stability": (["--stability", "3"], 3),
    "null_sets": (["--null-sets", "9"], 9),
    "before": (["--before", "2017-06-08"], "2017-06-08"),
    "moments": (
        ["--moment", "a b", "2017-06-01", "2017-06-02", "--moment", "c", "2017-06-03T07:00:00Z",
         "2017-06-04"],
        {"a b": ("2017-06-01", "2017-06-02"), "c": ("2017-06-03T07:00:00Z", "2017-06-04")},
    ),
}  # fmt: skip
SWITCHES = [f.name for f in fields(cn.Configuration) if f.metadata["kind"] is bool]


class Reached(cn.CoordnetError):
    """Raised in place of a run, with what the run was given."""


@pytest.fixture
def asked(monkeypatch):
    """Return a function that gives the configuration that the options ask for."""

    def stop(_, config, **__):
        raise Reached(config)

    monkeypatch.setattr("coordnet.commands.detect.detect_from", stop)
    configurations = []
    monkeypatch.setattr(
        Reached, "__init__", lambda self, config: configurations.append(config), raising=False
    )

    def ask(folder, *options):
        ran = run(folder, "detect", "x.csv", *COLUMNS, *options)
        assert ran.returncode == 1, ran.stderr
        return configurations.pop()

    return ask


def test_every_choice_is_an_option(tmp_path, asked):
    """One that is added to the configuration has to be added to OPTIONS."""
    default = cn.Configuration()
    arguments, expected = [], {}
    for field in fields(cn.Configuration):
        if field.name in SWITCHES:
            option, value = [f"--{'no-' if field.default else ''}{field.name}"], not field.default
            option = [option[0].replace("_", "-")]
        else:
            option, value = OPTIONS[field.name]
        arguments += option
        expected[field.name] = value
    given = asked(tmp_path, *arguments)
    assert given == cn.Configuration(**expected)
    assert [n for n in expected if getattr(given, n) == getattr(default, n)] == []
    assert asked(tmp_path) == default


def test_a_configuration_file_and_options_that_replace_it(tmp_path, asked):
    (tmp_path / "run.toml").write_text(
        'within = ["60s", "1h"]\nfdr = "none"\nco_timing = "5s"\nconfirm = false\n'
        "groups = false\nseed = 3\nbefore = 2017-06-08\n[moments]\n"
        'debate = ["2017-05-31", 2017-06-01T07:00:00Z]\n'
    )
    expected = cn.Configuration(
        within=["60s", "1h"], fdr=None, co_timing="5s", groups=False, seed=3, before="2017-06-08",
        moments={"debate": ("2017-05-31", "2017-06-01T07:00:00Z")},
    )  # fmt: skip
    assert asked(tmp_path, "--config", "run.toml") == expected
    assert asked(
        tmp_path, "--within", "30s", "--co-timing", "none", "--config", "run.toml", "--fdr", "0.1",
        "--groups", "--seed", "0",
    ) == expected.replace(within="30s", co_timing=None, fdr=0.1, groups=True, seed=0)  # fmt: skip


def test_a_graph_file_and_a_saved_run(data, tmp_path):
    """The first run is replaced as a whole by the second."""
    arguments = ["detect", data / "actions.csv", *COLUMNS, *RULE, "--no-score"]
    ran = run(tmp_path, *arguments, "--graph", "gexf", "--save", "run.coordnet")
    assert (ran.returncode, ran.stderr) == (0, "")
    loaded = cn.Run.load(tmp_path / "run.coordnet")
    loaded.write(tmp_path / "expected", graph="gexf")
    assert untimed(tmp_path / "coordnet-out") == untimed(tmp_path / "expected")
    assert "graph.gexf" in untimed(tmp_path / "expected")
    assert "scores.csv" not in untimed(tmp_path / "expected")
    assert "  run.coordnet\n" in ran.stdout
    ran = run(tmp_path, *arguments, "--graph", "graphml", "--save", "run.coordnet")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert {p.name for p in (tmp_path / "coordnet-out").iterdir()} == {
        "clusters.csv", "edges.csv", "graph.graphml", "summary.txt", "report.json",
        "manifest.json",
    }  # fmt: skip


def test_several_columns_of_objects(tmp_path):
    rows = [(a, o, t, k, c if i % 3 else "") for i, (a, o, t, k, c) in enumerate(ring_rows())]
    path = write_rows(tmp_path / "x.csv", rows)
    given = ["detect", "x.csv", *COLUMNS, *RULE]
    for options, objects in ((["--object", "how"], ["what", "how"]), ([], "what")):
        ran = run(tmp_path, *given, *options)
        assert (ran.returncode, ran.stderr) == (0, "")
        log = cn.read_actions(path, account="who", object=objects, time="when")
        manifest = json.loads((tmp_path / "coordnet-out" / "manifest.json").read_text())
        assert manifest["input"]["kinds"] == list(log.kinds)
        assert manifest["input"]["fingerprint"] == log.fingerprint


# -- the results folder ------------------------------------------------------------------------


def test_results_of_an_earlier_run_are_replaced_and_this_is_said(data, tmp_path):
    arguments = ["detect", data / "actions.csv", *COLUMNS, "--no-score", "--out", "here"]
    first = run(tmp_path, *arguments, "--confirm", "--null-runs", "1")
    assert "replaced" not in first.stdout
    assert (tmp_path / "here" / "confirmation.csv").exists()
    assert "asked: within 60s, level 0.05, null both" in first.stdout
    lines = first.stdout.splitlines()
    assert sum(line.startswith("confirmation: ") for line in lines) == 1
    assert sum(line.startswith("null runs: a cluster was found in") for line in lines) == 1
    second = run(tmp_path, *arguments)
    said = [line for line in second.stdout.splitlines() if "replaced" in line]
    assert said == ["This replaced the results of an earlier run in 'here'."]
    assert not (tmp_path / "here" / "confirmation.csv").exists()


@pytest.fixture
def unread(monkeypatch):
    """Let a test fail that begins to work."""

    def fail(*_, **__):
        pytest.fail("the work was begun")

    for name in (READER, "coordnet.commands.demo.simulate"):
        monkeypatch.setattr(name, fail)


@pytest.mark.parametrize("command", [["detect", "x.csv", *COLUMNS], ["demo"]])
def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path, unread, command):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.doc").write_text("years")
    ran = run(tmp_path, *command, "--out", "mine")
    assert_one_line(ran, "'mine' is not empty and is no results folder of coordnet")
    (tmp_path / "mine" / "manifest.json").write_text('{"coordnet": "0.1.0"}')
    ran = run(tmp_path, *command, "--out", "mine")
    assert_one_line(ran, "holds what coordnet did not write: 'thesis.doc'")
    assert (tmp_path / "mine" / "thesis.doc").read_text() == "years"
    assert_one_line(run(tmp_path, *command, "--out", "."), "'.' ")
    for out in ("mine/thesis.doc", "mine/thesis.doc/x", "y" * 300, "new/" + "y" * 300):
        assert_one_line(run(tmp_path, *command, "--out", out), f"'{out[:100]}")
    for save, told in (
        ("mine/thesis.doc", "'mine/thesis.doc' is there and is no run that coordnet saved"),
        ("mine", "'mine' cannot be written: it is a folder."),
        ("nowhere/x", "'nowhere/x' cannot be written: there is no folder 'nowhere'."),
        ("out/x", "is inside the folder --out"),
        ("out", "is inside the folder --out"),
    ):
        assert_one_line(run(tmp_path, *command, "--out", "out", "--save", save), told)
    assert {p.name for p in tmp_path.rglob("*")} == {"mine", "thesis.doc", "manifest.json"}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this system has no /proc")
def test_a_disk_that_cannot_be_written_is_told_before_the_work(tmp_path, unread):
    ran = run(tmp_path, "detect", "x.csv", *COLUMNS, "--out", "/proc/self/a/b")
    assert_one_line(ran, "'/proc/self/a/b' cannot be written: ")


def test_nothing_found_is_said_with_what_could_have_been_found(tmp_path):
    write_rows(tmp_path / "x.csv", [(f"u{i}", f"p{i}", i * 10**9, "k", None) for i in range(9)])
    ran = run(tmp_path, "detect", "x.csv", *COLUMNS)
    assert ran.returncode == 0
    said = " ".join((tmp_path / "coordnet-out" / "summary.txt").read_text().split())
    nothing = "No two accounts act on a common object, so that nothing can be tested."
    assert said.startswith(f"{nothing} No cluster was found.")
    assert "is sure to have been found" in said or "Could have been found" in said
    printed = " ".join(ran.stdout.split())
    assert printed.startswith(nothing)
    assert said.removeprefix(nothing) in printed


@pytest.mark.parametrize("options", [[], ["--no-score"]])
def test_what_is_printed_is_short(data, tmp_path, options):
    ran = run(
        tmp_path, "detect", data / "actions.csv", *COLUMNS, "--within", "60s", "--within", "1h",
        "--co-timing", "5s", *options,
    )  # fmt: skip
    lines = ran.stdout.splitlines()
    assert max(map(len, lines)) < 100
    assert len(lines) <= 40
    layers = [line for line in lines if line.startswith(("co-action", "co-timing"))]
    assert [line.split(":")[0] for line in layers] == [
        "co-action within 60s", "co-action within 1h", "co-timing within 5s"
    ]  # fmt: skip
    log = cn.read_actions(data / "actions.csv", account="who", object="what", time="when")
    found = cn.detect(log, ["60s", "1h"], co_timing="5s", score=False)
    assert [f" {g.n_edges:,} edges of {g.n_accounts:,} accounts" in line for g, line in zip(
        found.layers, layers, strict=True)] == [True] * 3  # fmt: skip
    assert found.finding.rstrip(".") in " ".join(lines)
    assert "pairs of accounts that were kept" in " ".join(lines)  # the bound, first


def test_demo_leaves_its_files_and_compares(tmp_path):
    outputs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        ran = run(tmp_path / name, "demo", "--scenario", "retweet_ring", "--accounts", "600")
        assert (ran.returncode, ran.stderr) == (0, "")
        outputs.append(ran.stdout)
        assert [p.name for p in (tmp_path / name).iterdir()] == ["coordnet-demo"]
        assert set(FILES) <= {p.name for p in (tmp_path / name / "coordnet-demo").iterdir()}
    assert untimed(tmp_path / "one" / "coordnet-demo") == untimed(
        tmp_path / "two" / "coordnet-demo"
    )
    planted = cn.simulate("retweet_ring", accounts=600).truth.groups
    assert len(planted) >= 3
    for group, members in planted.items():
        assert [group, str(len(members))] in [
            line.split()[:2] for line in outputs[0].splitlines() if line.strip()
        ]
    assert "precision" in outputs[0]
    assert "recall" in outputs[0]


def test_demo_of_a_scenario_with_a_seed(tmp_path):
    ran = run(
        tmp_path, "demo", "--scenario", "retweet_ring", "--accounts", "400", "--seed", "3",
        "--out", "x",
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    manifest = json.loads((tmp_path / "x" / "manifest.json").read_text())
    sim = cn.simulate("retweet_ring", accounts=400, seed=3)
    assert manifest["input"]["fingerprint"] == sim.log.fingerprint


# -- bad input: one line, never a traceback ----------------------------------------------------

HEAD = "who,what,when\n"
GARBAGE = np.random.default_rng(0).bytes(5_000)
BAD_FILES = {
    "empty.csv": b"",
    "empty.jsonl": b"",
    "empty.parquet": b"",
    "garbage.csv": GARBAGE,
    "garbage.jsonl": GARBAGE,
    "garbage.parquet": GARBAGE,
    "garbage.csv.gz": GARBAGE,
    "late.csv": HEAD.encode() + b"u,p,1\n" + GARBAGE,
    "torn.csv.gz": gzip.compress(HEAD.encode() + GARBAGE)[:2_000],
    "one line.csv": b"x" * 300_000,
    "deep.jsonl": b"[" * 100_000,
    "short.csv": (HEAD + "u,p,1\nu,p\n").encode(),
    "quote.csv": (HEAD + 'u,"p,1\n').encode(),
    "latin.csv": (HEAD + "Zoë,p,1\n").encode("latin-1"),
    "time.csv": (HEAD + "u,p,1500000000\nu,p,soon\n").encode(),
    "year.csv": (HEAD + "u,p,1500000000\n" * 3 + "u,p,1500000000000\n").encode(),
    "lines.csv": (HEAD + 'u,p,"a\nb"\n').encode(),
    "fine.csv": (HEAD + "u,p,1500000000\n").encode(),
    "list.jsonl": b'{"who": [1], "what": "p", "when": 1}\n',
    "float.jsonl": b'{"who": 1.5, "what": "p", "when": 1}\n',
}


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """Return a folder of files that cannot be used."""
    folder = tmp_path_factory.mktemp("bad")
    for name, content in BAD_FILES.items():
        (folder / name).write_bytes(content)
    (folder / "folder.csv").mkdir()
    if Path("/proc/self/mem").exists():  # opens, but no byte of it can be read
        (folder / "unreadable.csv").symlink_to("/proc/self/mem")
    (folder / "nowhere.csv").symlink_to("gone.csv")
    return folder


def assert_one_line(ran, told):
    assert ran.returncode == 1, ran.stderr
    assert ran.stdout == ""
    assert ran.stderr.startswith("coordnet: error: ")
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.endswith("\n")
    assert "Traceback" not in ran.stderr
    assert told in ran.stderr


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("missing.csv", "there is no file 'missing.csv'; check the path."),
        ("missing*.csv", "there is no file 'missing*.csv'; check the path."),
        ("nowhere.csv", "there is no file 'nowhere.csv'; check the path."),
        ("folder.csv", "'folder.csv' is a folder; name its files"),
        ("unreadable.csv", "'unreadable.csv' cannot be read: [Errno 5]"),
        ("fine.txt", "there is no file 'fine.txt'"),
        ("empty.csv", "'empty.csv' has no header line; the first line must name the columns."),
        ("empty.jsonl", "'empty.jsonl' has no column 'who'"),
        ("empty.parquet", "'empty.parquet' cannot be read: "),
        ("garbage.csv", "'garbage.csv' cannot be read: "),
        ("garbage.jsonl", "'garbage.jsonl' cannot be read: "),
        ("garbage.parquet", "'garbage.parquet' cannot be read: "),
        ("garbage.csv.gz", "'garbage.csv.gz' cannot be read: "),
        ("late.csv", "'late.csv' cannot be read: "),
        ("torn.csv.gz", "'torn.csv.gz' cannot be read: "),
        ("one line.csv", "'one line.csv' cannot be read: field larger than field limit"),
        ("deep.jsonl", "'deep.jsonl', line 1: not JSON"),
        ("short.csv", "'short.csv' cannot be read: "),
        ("quote.csv", "'quote.csv' cannot be read: "),
        ("latin.csv", "'latin.csv' cannot be read: "),
        ("time.csv", "column 'when', 'time.csv', row 2: 'soon' cannot be read as a time"),
        ("year.csv", "column 'when', 'year.csv', row 4: '1500000000000' cannot be read as a time"),
        ("lines.csv", "column 'when', 'lines.csv', row 1: 'a\\nb' cannot be read as a time"),
        ("list.jsonl", "column 'who', 'list.jsonl', row 1: [1] is a list or an object"),
        ("float.jsonl", "column 'who', 'float.jsonl', row 1: the id 1.5 is a float"),
    ],
)
def test_files_that_cannot_be_used(bad, name, told):
    if name == "unreadable.csv" and not (bad / name).is_symlink():
        pytest.skip("this system has no /proc")
    assert_one_line(run(bad, "detect", name, *COLUMNS, *RULE), told)
    assert not (bad / "coordnet-out").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--account", "whom"], "'fine.csv' has no column 'whom' (asked for by account=). Did you"),
        (["--within", "soon"], "within='soon' is not a duration; write '60s', '10min'"),
        (["--within", "-5"], "within='-5' is not a duration"),
        (["--fdr", "nan"], "fdr=nan is not a number above 0 and below 1."),
        (["--fdr", "5"], "fdr=5.0 is not a number above 0 and below 1."),
        (["--strata", "soon", "--fdr", "0.1"], "strata='soon' is not a duration"),
        (["--co-timing", "soon"], "co_timing='soon' is not a duration"),
        (["--null-runs", "-1"], "null_runs=-1 is not a whole number of 0 or more."),
        (["--background", "missing.csv"], "there is no file 'missing.csv'; check the path."),
        (["--min-weight", "0"], "min_weight=0 is not a whole number from 1 to "),
        (["--min-weight", "9" * 30], f"min_weight={'9' * 30} is not a whole number from 1 to "),
        (["--min-size", "0"], "min_size=0 is not a whole number of 1 or more."),
        (["--resolution", "nan"], "resolution=nan is not a number above 0."),
        (["--seed", "-1"], "seed=-1 is not a whole number from 0 to "),
        (["--seed", "9" * 30], f"seed={'9' * 30} is not a whole number from 0 to "),
        (["--threads", "0"], "threads=0 is not a number of threads; use 1 to 1024."),
        (["--threads", "1000000"], "threads=1000000 is not a number of threads"),
        (["--kind", "retweet"], "there are no actions of kind 'retweet' in the log"),
        (["--time-format", "%Q"], "time_format='%Q' is not a strptime format"),
        (["--out", "fine.csv"], "'fine.csv' is a file; choose another name for the folder."),
        (["--out", "fine.csv/x"], "'fine.csv/x' is a file; choose another name for the folder."),
    ],
)
def test_values_that_cannot_be_used(bad, arguments, told):
    ran = run(bad, "detect", "fine.csv", *COLUMNS, *RULE, "--out", "../out", *arguments)
    assert_one_line(ran, told)
    assert (bad / "fine.csv").read_bytes() == BAD_FILES["fine.csv"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--accounts", "10"], "accounts=10: a population needs 200 or more."),
        (["--seed", "-1"], "seed=-1 is not a whole number from 0 to "),
        (["--threads", "-1"], "threads=-1 is not a number of threads"),
    ],
)
def test_demos_that_cannot_be(tmp_path, arguments, told):
    assert_one_line(run(tmp_path, "demo", *arguments), told)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["find"], "invalid choice: 'find'"),
        (["detect"], "the following arguments are required"),
        (["detect", "fine.csv", "--account", "a"], "required: --object, --time; or, for an export"),
        (["detect", "--format", "x-v2"], "the following arguments are required: FILE"),
        (["detect", "x", "--format", "x-v2", "--unit", "s"], "leave out --unit, or --format"),
        (["detect", "--like", "a", "--config", "b"], "--like: not allowed with argument --config"),
        (["score", "fine.csv", *COLUMNS], "required: --clusters"),
        (["compare", "fine.csv"], "required: --account, --object, --time; or"),
        (["recipes", "coortweet"], "required: FILE, --account, --object, --time; or"),
        (["recipes", "coorsim", "fine.csv", *COLUMNS], "required: --embeddings"),
        (["recipes", "coortweet", "--within", "1s", "--nope"], "unrecognized arguments: --nope"),
        (["report"], "required: FOLDER|FILE"),
        (["simulate", "x"], "invalid choice: 'x'"),
        (["detect", "fine.csv", *COLUMNS, "--min-weight", "two"], "invalid int value: 'two'"),
        (["detect", "fine.csv", *COLUMNS, "--min-weight", "2.5"], "invalid int value: '2.5'"),
        (["detect", "fine.csv", *COLUMNS, "--threads", "all"], "invalid int value: 'all'"),
        (["detect", "fine.csv", *COLUMNS, "--resolution", "x"], "invalid float value: 'x'"),
        (["detect", "fine.csv", *COLUMNS, "--method", "guess"], "invalid choice: 'guess'"),
        (["detect", "fine.csv", *COLUMNS, "--nope"], "unrecognized arguments: --nope"),
        (["demo", "--scenario", "x"], "invalid choice: 'x'"),
    ],
)
def test_wrong_usage_is_2(bad, arguments, told):
    ran = run(bad, *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("usage: coordnet")
    assert ran.stderr.count("\n") == 2
    assert told in ran.stderr.splitlines()[1]


ACCOUNTS = "account,handle\nu,Zoë\n"
BAD_ACCOUNTS = {
    "utf-16.csv": ACCOUNTS.encode("utf-16"),
    "latin-1.csv": ACCOUNTS.encode("latin-1"),
    "empty.csv": b"",
    "garbage.csv": GARBAGE,
    "garbage.csv.gz": GARBAGE,
    "torn.csv.gz": gzip.compress(HEAD.encode() + GARBAGE)[:2_000],
    "quote.csv": b'account,handle\n"u,x\n',
    "empty.parquet": b"",
    "garbage.parquet": GARBAGE,
    "garbage.parquet.gz": GARBAGE,
    "packed.parquet.gz": gzip.compress(GARBAGE),
}


@pytest.mark.parametrize("name", [*BAD_ACCOUNTS, "missing.csv", "folder.csv"])
def test_accounts_that_cannot_be_used_are_told_before_the_work(bad, tmp_path, monkeypatch, name):
    def fail(*_, **__):
        pytest.fail("the search was begun")

    monkeypatch.setattr("coordnet.detection.detect.search_clusters", fail)
    (tmp_path / "folder.csv").mkdir()
    for file, content in BAD_ACCOUNTS.items():
        (tmp_path / file).write_bytes(content)
    ran = run(tmp_path, "detect", bad / "fine.csv", *COLUMNS, *RULE, "--accounts", name)
    assert_one_line(ran, f"'{name}'")


def test_accounts_packed_as_parquet_are_read(data, tmp_path):
    table = pa.table({"account": ["user1", "user2"], "handle": ["Zoë", "x"]})
    packed = tmp_path / "accounts.parquet.gz"
    with gzip.open(packed, "wb") as file:
        pa.parquet.write_table(table, file)
    given = ["detect", data / "actions.csv", *COLUMNS, *RULE, "--accounts", packed]
    ran = run(tmp_path, *given)
    assert (ran.returncode, ran.stderr) == (0, "")
    manifest = json.loads((tmp_path / "coordnet-out" / "manifest.json").read_text())
    assert manifest["scored_with"]["profiles"] == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--before", "0001-01-01"], "before='0001-01-01': the four weeks before it begin"),
        (["--before", "0001-01-28"], "before='0001-01-28': the four weeks before it begin"),
        (["--before", "10000-01-01"], "before='10000-01-01' is not a time"),
        (["--moment", "x", "9999-12-31", "10000-01-01"], "'10000-01-01' is not a time"),
        (["--moment", "x", "2017-01-02", "2017-01-01"], "moments['x'] ends before it begins"),
        (["--config", "missing.toml"], "'missing.toml' cannot be read as TOML: "),
        (["--config", "fine.csv"], "'fine.csv' cannot be read as TOML: "),
        (["--config", "latin.csv"], "'latin.csv' cannot be read as TOML: "),
        (["--config", "key.toml"], "wthin= is no parameter of a run. Did you mean 'within'?"),
        (["--config", "value.toml"], "min_weight='two' is not a whole number"),
        (
            ["--config", "table.toml"],
            "within= has a window for the kind 'a', and the log has no such",
        ),
        (["--kind-column", "who", "--object", "when"], "leave out kind="),
        (["--object", "what"], "names a column twice"),
        (["--account", "\udcff"], "has no column"),
    ],
)
def test_choices_that_cannot_be(bad, options, told):
    for name, text in (
        ("key", 'wthin = "60s"'), ("value", 'min_weight = "two"'), ("table", "within = {a = 1}"),
    ):  # fmt: skip
        (bad / f"{name}.toml").write_text(text)
    assert_one_line(run(bad, "detect", "fine.csv", *COLUMNS, "--out", "../out", *options), told)


@pytest.mark.parametrize("year", [1, 10_000, 200_000])
@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_dates_that_no_calendar_has_are_one_line(tmp_path, year, unit):
    moment = np.array([f"{year:04}-01-01"], f"datetime64[{unit}]").view(np.int64)
    columns = {"who": ["u"], "what": ["p"], "when": pa.array(moment).cast(pa.timestamp(unit))}
    pa.parquet.write_table(pa.table(columns), tmp_path / "x.parquet")
    ran = run(tmp_path, "detect", "x.parquet", *COLUMNS, *RULE)
    if year == 1:
        assert (ran.returncode, ran.stderr) == (0, "")
        assert "0001-01-01" in ran.stdout
    else:
        assert_one_line(ran, "cannot be read")


def test_names_that_are_not_utf_8(data, tmp_path):
    """As Python gives the bytes of the command line."""
    given = ["detect", data / "actions.csv", *COLUMNS, *RULE, "--no-score"]
    ran = run(tmp_path, *given, "--out", os.fsdecode(b"o\xff"), "--save", os.fsdecode(b"s\xff"))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (tmp_path / os.fsdecode(b"o\xff") / "clusters.csv").exists()
    assert "o\\udcff/clusters.csv" in ran.stdout
    assert_one_line(
        run(tmp_path, *given, "--out", os.fsdecode(b"s\xff")), "'s\\udcff' is a file"
    )  # fmt: skip
    (tmp_path / os.fsdecode(b"x\xff.csv")).write_text(HEAD + "u,p,1\n")
    ran = run(tmp_path, "detect", os.fsdecode(b"x\xff.csv"), *COLUMNS)
    assert ran.returncode in (0, 1)
    if ran.returncode:
        assert_one_line(ran, "cannot be read")


ESCAPE = "\x1b]0;owned\x07\x1b[31m\u202e"


def test_nothing_that_is_printed_moves_the_cursor(tmp_path):
    """Labels, kinds, file names, columns and values, in results, warnings, errors and notices."""
    name = f"{ESCAPE}.csv"
    rows = [
        (f"{a}{ESCAPE}", f"{o}{ESCAPE}", t, f"k{ESCAPE}", None) for a, o, t, _, _ in ring_rows()
    ]
    header = ("who", f"what{ESCAPE}", "when", "how", "post")
    write_rows(tmp_path / name, rows, header)
    fine = ["detect", name, "--account", "who", "--object", header[1], "--time", "when", *RULE]
    for options, code in (
        (["--kind-column", "how", "--verbose", "--out", f"out{ESCAPE}"], 0),
        (["--kind-column", "how", "--kind", f"k{ESCAPE}", "--within", "0s"], 0),
        (["--kind-column", "how", "--kind", ESCAPE], 1),
        (["--kind-column", ESCAPE], 1),
        (["--account", ESCAPE], 1),
        (["--within", ESCAPE], 1),
        (["--time-format", f"%Q{ESCAPE}"], 1),
        (["--out", f"{name}/{ESCAPE}"], 1),
        (["--save", f"{ESCAPE}/x"], 1),
        (["--config", ESCAPE], 1),
        (["--accounts", ESCAPE], 1),
        (["--moment", ESCAPE, "2017-01-01", ESCAPE], 1),
        (["--method", ESCAPE], 2),
        (["--seed", ESCAPE], 2),
        ([f"--{ESCAPE}"], 2),
    ):
        ran = run(tmp_path, *fine, *options)
        assert ran.returncode == code, (options, ran.stderr)
        printed = ran.stdout + ran.stderr
        assert "owned" in printed or "--within" in options, options
        assert [c for c in printed if not c.isprintable() and c != "\n"] == [], options


def test_nothing_that_is_logged_moves_the_cursor(tmp_path, monkeypatch):
    def read(*_, **__):
        logging.getLogger("coordnet").warning("read %s\n", ESCAPE)
        raise cn.InputError("enough")

    monkeypatch.setattr(READER, read)
    ran = run(tmp_path, "detect", "x.csv", *COLUMNS)
    assert ran.stderr == ("read \\x1b]0;owned\\x07\\x1b[31m\\u202e\ncoordnet: error: enough\n")


def test_error_texts_are_bounded(bad):
    long = "x" * 100_000
    for options, code in (
        (["--within", long], 1), (["--kind-column", long], 1), (["--out", long], 1),
        (["--seed", long], 2), (["--config", long], 1), ([f"--{long}"], 2),
        (["--moment", long, long, long], 1), (["--accounts", long], 1),
        (["--background", long], 1), (["--kind", long], 1),
    ):  # fmt: skip
        ran = run(bad, "detect", "fine.csv", *COLUMNS, *RULE, *options)
        assert ran.returncode == code, options[0]
        assert len(ran.stderr) < 5_000, options[0]
        assert ran.stderr.count("\n") == code, options[0]


def test_a_wrong_environment_is_told(bad):
    ran = run(bad, "detect", "fine.csv", *COLUMNS, *RULE, COORDNET_THREADS="x")
    assert_one_line(ran, "COORDNET_THREADS='x' is not a number; unset it or set it to 1 or more.")


# -- terminals, pipes, signals -----------------------------------------------------------------


def test_warnings_are_one_line_and_no_error(tmp_path):
    rows = [(f"u{i % 3}", f"p{i // 3}", i // 3 * 60 * 10**6, "k", None) for i in range(60)]
    write_rows(tmp_path / "x.csv", rows)
    ran = run(tmp_path, "detect", "x.csv", *COLUMNS, *RULE)
    assert ran.returncode == 0
    lines = ran.stderr.splitlines()
    assert lines[0].startswith(
        "coordnet: warning: the times of the log are whole multiples of 60s, too coarse for a "
        "window of 60s"
    )
    assert all(line.startswith("coordnet: warning: ") for line in lines)


def test_output_that_the_terminal_cannot_show(tmp_path):
    write_rows(tmp_path / "x.csv", [("u", "p", 10**15, "日本", None)])
    ran = run(
        tmp_path, "detect", "x.csv", *COLUMNS, *RULE, "--kind-column", "how", encoding="ascii"
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "\\u65e5\\u672c 1" in ran.stdout


def test_a_progress_bar_on_a_terminal_and_nowhere_else(data, tmp_path):
    arguments = ["detect", str(data / "actions.csv"), *COLUMNS, *RULE]
    at_once = (  # a stage that is over in half a second is not shown
        "import sys; from coordnet import cli, progress; progress.DELAY = progress.TICK = 0.001; "
        "sys.exit(cli.main())"
    )
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen(
        [sys.executable, "-c", at_once, *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4_096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
        printed = process.stdout.read()
    os.close(ours)
    assert process.returncode == 0
    stages = set(re.findall(r"([a-z][a-z -]+)(?:, compiling.*?)?: \d:\d\d", shown.decode()))
    assert stages & {"reading", "scores", "writing", "findable", "co-actions", "edge tests"}
    assert shown.endswith(b"\r")
    assert "co-actions" not in printed
    assert "%|" not in printed
    assert run(tmp_path, *arguments).stderr == ""


def test_what_is_done_is_told_when_asked(data, tmp_path):
    ran = run(tmp_path, "detect", data / "actions.csv", *COLUMNS, *RULE, "--verbose")
    assert ran.returncode == 0
    assert "taken as times in s" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("what", [["--version"], ["--help"]])
def test_a_reader_that_goes_away(tmp_path, what):
    ours, theirs = os.pipe()
    os.close(ours)
    ran = subprocess.run(
        [COMMAND, *what],
        cwd=tmp_path, env=plain(), stdout=theirs, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(theirs)
    assert without_notice(ran).stderr == ""  # there is nobody to say it to
    assert ran.returncode == 1


def test_being_stopped(tmp_path):
    """While it reads, which here takes a minute."""
    code = (
        "import sys, time; from coordnet import cli; from coordnet.commands import reading; "
        "reading.read_actions = "
        "lambda *_, **__: (print('reads', flush=True), time.sleep(60)); sys.exit(cli.main())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, "detect", "x.csv", *COLUMNS],
        cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "reads\n"
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
    assert process.returncode == 130
    assert told == "coordnet: error: stopped.\n"


def test_a_pipe_is_refused(tmp_path):
    """Nothing may ever come out of it."""
    os.mkfifo(tmp_path / "x.csv")
    ran = run(tmp_path, "detect", "x.csv", *COLUMNS)
    told = "'x.csv' is a pipe or a device, not a file; write its rows to a file first."
    assert_one_line(ran, told)


def test_being_stopped_inside_of_duckdb(tmp_path, monkeypatch):
    """It makes another error of Ctrl-C; what else it raises unexpectedly is no such thing."""

    def interrupted(*_, **__):
        raise RuntimeError("Query interrupted")

    def broken(*_, **__):
        raise RuntimeError("broken")

    monkeypatch.setattr(READER, interrupted)
    ran = run(tmp_path, "detect", "x.csv", *COLUMNS)
    assert (ran.returncode, ran.stderr) == (130, "coordnet: error: stopped.\n")
    monkeypatch.setattr(READER, broken)
    with pytest.raises(RuntimeError, match="broken"):
        run(tmp_path, "detect", "x.csv", *COLUMNS)


@pytest.mark.parametrize("there", [None, "closed"])
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_streams_that_are_not_there(data, tmp_path, monkeypatch, name, there):
    monkeypatch.chdir(tmp_path)
    stream = None
    if there == "closed":
        stream = io.StringIO()
        stream.close()
    given = ["detect", str(data / "actions.csv"), *COLUMNS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, name, stream)
        assert cli.main([*given, *RULE, "--verbose"]) == 0
        assert getattr(sys, name) is stream
        assert cli.main(["detect", "missing.csv", *COLUMNS]) == 1
        assert cli.main(["--help"]) == 0
        assert cli.main(["detect"]) == 2
    assert set(FILES) <= {p.name for p in (tmp_path / "coordnet-out").iterdir()}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_under_what_is_printed(tmp_path):
    given = [COMMAND, "--help"]
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            given, cwd=tmp_path, env=plain(), stdout=full, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert ran.returncode == 1
    assert without_notice(ran).stderr == "coordnet: error: [Errno 28] No space left on device\n"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (cn.CoordnetError("two\n  lines"), "two lines"),
        (UnicodeError("no text"), "the input cannot be read (UnicodeError): no text"),
        (pa.ArrowInvalid("odd"), "the input cannot be read (ArrowInvalid): odd"),
        (
            pa.ArrowMemoryError("no"),
            "there is not enough memory; use a shorter window or a higher --min-weight.",
        ),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (
            MemoryError(),
            "there is not enough memory; use a shorter window or a higher --min-weight.",
        ),
    ],
)
def test_every_error_is_one_line(error, told, capsys, monkeypatch):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(READER, fail)
    assert cli.main(["detect", "x.csv", *COLUMNS]) == 1
    assert capsys.readouterr() == ("", f"coordnet: error: {told}\n")
