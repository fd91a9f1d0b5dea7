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
import signal
import subprocess
import sysconfig
import termios
from pathlib import Path

import numpy as np
import pytest
from helpers import ring_rows

import coordnet as cn
from coordnet import cli

COMMAND = str(Path(sysconfig.get_path("scripts")) / "coordnet")
COLUMNS = ["--account", "who", "--object", "what", "--time", "when"]
RULE = ["--min-weight", "3", "--fdr", "none", "--no-groups"]  # counts: what is found is known
LIBRARY_RULE = {"min_weight": 3, "fdr": None, "groups": False}
FILES = ["clusters.csv", "edges.csv", "manifest.json", "scores.csv"]


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
    return subprocess.CompletedProcess(arguments, code, *texts)


def run_process(folder, *arguments):
    """Run the installed command in a folder and return the finished process."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("COORDNET")}
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


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
        tmp_path, "detect", "x.csv", *COLUMNS, "--kind", "how", "--content", "post",
        "--select", "retweet", "--unit", "s", "--on-bad", "drop", "--within", "600",
        "--weight", "pairs", "--min-weight", "4", "--fdr", "none", "--no-groups",
        "--method", "louvain", "--resolution", "0.5",
        "--min-size", "2", "--seed", "5", "--threads", "1", "--identifiers", "--all-edges",
        "--out", "a/b",
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    log = cn.read_actions(
        path, account="who", object="what", time="when", kind="how", content="post",
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
    for arguments in (["--help"], ["detect", "--help"], ["demo", "--help"]):
        ran = run(tmp_path, *arguments)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout.startswith("usage: coordnet")
    assert list(tmp_path.iterdir()) == []


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
        (["--fdr", "nan"], "fdr=nan is not a rate between 0 and 1"),
        (["--fdr", "5"], "fdr=5.0 is not a rate between 0 and 1"),
        (["--strata", "soon", "--fdr", "0.1"], "strata='soon' is not a duration"),
        (["--co-timing", "soon"], "co_timing='soon' is not a duration"),
        (["--null-runs", "-1"], "null_runs=-1 is not a number of runs."),
        (["--background", "missing.csv"], "there is no file 'missing.csv'; check the path."),
        (["--min-weight", "0"], "min_weight=0 is no weight; use a whole number from 1."),
        (["--min-weight", "9" * 30], "is no weight; use a whole number from 1."),
        (["--min-size", "0"], "min_size=0 is not a size; use 1 or more."),
        (["--resolution", "nan"], "resolution=nan is not a number above 0."),
        (["--seed", "-1"], "seed=-1 is not a seed"),
        (["--seed", "9" * 30], "is not a seed; use a whole number from 0 to 2**63."),
        (["--threads", "0"], "threads=0 is not a number of threads; use 1 to 1024."),
        (["--threads", "1000000"], "threads=1000000 is not a number of threads"),
        (["--select", "retweet"], "there are no actions of kind 'retweet' in the log"),
        (["--time-format", "%Q"], "time_format='%Q' is not a strptime format"),
        (["--out", "fine.csv"], "'fine.csv' cannot be made: File exists."),
        (["--out", "fine.csv/x"], "'fine.csv/x' cannot be made: Not a directory."),
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
        (["--seed", "-1"], "seed=-1 is not a seed"),
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
        (["detect", "fine.csv", "--account", "a"], "--object, --time"),
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
    assert told in ran.stderr.splitlines()[-1]
    assert "Traceback" not in ran.stderr


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
    ran = run(tmp_path, "detect", "x.csv", *COLUMNS, *RULE, "--kind", "how", encoding="ascii")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "\\u65e5\\u672c 1" in ran.stdout


def test_a_progress_bar_on_a_terminal_and_nowhere_else(data, tmp_path):
    arguments = [COMMAND, "detect", str(data / "actions.csv"), *COLUMNS, *RULE]
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen(
        arguments, cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs, text=True
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
    assert "co-actions:   0%|" in shown.decode()
    assert "co-actions" not in printed
    assert "%|" not in printed
    assert run(tmp_path, *arguments[1:]).stderr == ""


def test_what_is_done_is_told_when_asked(data, tmp_path):
    ran = run(tmp_path, "detect", data / "actions.csv", *COLUMNS, *RULE, "--verbose")
    assert ran.returncode == 0
    assert "taken as times in s" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_reader_that_goes_away(data, tmp_path):
    with subprocess.Popen(
        [COMMAND, "detect", str(data / "actions.csv"), *COLUMNS, *RULE],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        process.stdout.close()
        told = process.stderr.read()
    assert told == ""  # there is nobody to say it to
    assert process.returncode == 1


def test_being_stopped(capsys, monkeypatch):
    """The signal comes while the files are read."""
    from coordnet import cli

    monkeypatch.setattr(cli, "read_actions", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    assert cli.main(["detect", "x.csv", *COLUMNS]) == 130
    assert capsys.readouterr() == ("", "coordnet: error: stopped.\n")


def test_a_pipe_is_refused(tmp_path):
    """Nothing may ever come out of it."""
    os.mkfifo(tmp_path / "x.csv")
    ran = run(tmp_path, "detect", "x.csv", *COLUMNS)
    assert ran.returncode == 1
    assert ran.stderr == (
        "coordnet: error: 'x.csv' is a pipe or a device, not a file; write its rows to a file "
        "first.\n"
    )


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (cn.CoordnetError("two\n  lines"), "two lines"),
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

    monkeypatch.setattr(cli, "read_actions", fail)
    assert cli.main(["detect", "x.csv", *COLUMNS]) == 1
    assert capsys.readouterr() == ("", f"coordnet: error: {told}\n")
