"""What leaves the library: pseudonyms, safe cells, files that are whole or not there."""

import datetime as dt
import hashlib
import json
import math
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordnet import export
from coordnet.errors import CoordnetError, OutputError, ParameterError
from coordnet.export import (
    Pseudonyms,
    check_folder,
    json_text,
    restored,
    safe_cells,
    whole_file,
    whole_folder,
    write_table,
    xml_names,
)


def test_pseudonyms_are_the_keyed_hash_that_the_docs_say():
    expected = hashlib.blake2b("é".encode(), key=b"key", digest_size=8).hexdigest()
    assert Pseudonyms(b"key").of(["é"]) == ["u_" + expected]


def test_pseudonyms_depend_on_label_and_key_alone():
    labels = [f"account {i}" for i in range(2_000)]
    names = Pseudonyms(b"key").of(labels)
    assert len(set(names)) == len(labels)
    assert Pseudonyms(b"key").of(labels[::-1]) == names[::-1]
    assert not set(Pseudonyms(b"kez").of(labels)) & set(names)


def test_keys_have_limits():
    for key in (b"", b"x" * 65):
        with pytest.raises(CoordnetError, match=rf"key has {len(key)} bytes; use 1 to 64\."):
            Pseudonyms(key)
    Pseudonyms(b"x"), Pseudonyms(b"x" * 64)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), ("\tx", "'\tx"),
        ("\rx", "'\rx"), ("\nx", "'\nx"), ("'x", "''x"), ("''x", "'''x"), ("x=1", "x=1"),
        ("a\n=1", "a\n=1"), ("", ""), (" =1", " =1"),
    ],
)  # fmt: skip
def test_cells_that_a_spreadsheet_would_run(text, cell):
    table = safe_cells(pa.table({"x": pa.array([text, None], pa.large_string()), "n": [1, 2]}))
    assert table["x"].to_pylist() == [cell, None]
    assert table["n"].to_pylist() == [1, 2]
    assert restored(cell) == text


@given(st.text())
def test_any_cell_is_restored(text):
    cell = safe_cells(pa.table({"x": [text]}))["x"][0].as_py()
    assert restored(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_parquet_cells_stay_as_they_are(tmp_path):
    write_table(pa.table({"x": ["=1"]}), tmp_path / "x.parquet")
    assert pq.read_table(tmp_path / "x.parquet")["x"].to_pylist() == ["=1"]


@given(st.lists(st.text("a~2_\x00\x0b\ufffeé", min_size=1), unique=True))
def test_xml_names_stay_different_and_legal(labels):
    names = xml_names(labels)
    assert len(set(names)) == len(labels)
    assert "" not in names
    assert not any(c in name for name in names for c in "\x00\x0b\ufffe")
    for label, name in zip(labels, names, strict=True):
        if not set(label) & set("\x00\x0b\ufffe"):
            assert name == label


# -- whole files -------------------------------------------------------------------------------


def test_a_file_appears_when_it_is_whole(tmp_path):
    goal = tmp_path / "x.txt"
    with whole_file(goal) as temporary:
        temporary.write_text("new")
        assert not goal.exists()
        assert temporary.parent == tmp_path  # a rename across file systems is no rename
        assert temporary.suffix == ".txt"
    assert goal.read_text() == "new"
    assert list(tmp_path.iterdir()) == [goal]


def test_an_old_file_is_replaced_not_written_over(tmp_path):
    """Whoever has it open keeps reading the old one to its end."""
    goal = tmp_path / "x.txt"
    goal.write_text("old")
    with goal.open() as reader:
        with whole_file(goal) as temporary:
            temporary.write_text("new")
        assert reader.read() == "old"
    assert goal.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_of_a_file_that_failed(tmp_path, error):
    goal = tmp_path / "x.txt"
    goal.write_text("old")

    def fail():
        with whole_file(goal) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert goal.read_text() == "old"
    assert list(tmp_path.iterdir()) == [goal]


def test_files_have_the_permissions_that_files_have(tmp_path):
    (tmp_path / "usual").touch()
    with whole_file(tmp_path / "ours"):
        pass
    usual, ours = (stat.S_IMODE((tmp_path / n).stat().st_mode) for n in ("usual", "ours"))
    assert ours == usual
    before = os.umask(0o077)
    try:
        with whole_file(tmp_path / "private"):
            pass
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o600


def test_places_where_no_file_can_be(tmp_path):
    (tmp_path / "x.csv").mkdir()
    nowhere = tmp_path / "no" / "x.csv"
    with pytest.raises(CoordnetError) as error:
        write_table(pa.table({}), nowhere)
    assert str(error.value) == (
        f"{str(nowhere)!r} cannot be written: there is no folder {str(nowhere.parent)!r}."
    )
    with pytest.raises(CoordnetError) as error:
        write_table(pa.table({}), tmp_path / "x.csv")
    assert str(error.value) == f"{str(tmp_path / 'x.csv')!r} cannot be written: it is a folder."
    with pytest.raises(CoordnetError) as error:
        write_table(pa.table({}), tmp_path / "x.txt")
    assert str(error.value) == (
        f"{str(tmp_path / 'x.txt')!r}: tables are written as .csv or .parquet."
    )


def test_a_file_that_may_not_be_made(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("coordnet.export.os.open", refuse)
    with pytest.raises(OutputError) as error:
        write_table(pa.table({"x": [1]}), tmp_path / "x.csv")
    assert str(error.value) == f"{str(tmp_path / 'x.csv')!r} cannot be written: Permission denied."


def test_a_file_of_the_longest_name_and_one_that_was_private(tmp_path):
    goal = tmp_path / ("é" * 125 + ".csv")
    write_table(pa.table({"x": [1]}), goal)
    goal.chmod(0o640)
    write_table(pa.table({"x": [2]}), goal)
    assert stat.S_IMODE(goal.stat().st_mode) == 0o640
    assert goal.read_text() == '"x"\n2\n'


@pytest.mark.parametrize("name", ["x" * 252 + ".csv", "x." + "y" * 253])
def test_names_that_are_too_long(tmp_path, name):
    with (
        pytest.raises(OutputError, match="cannot be written: File name too long"),
        whole_file(tmp_path / name),
    ):
        pass
    with pytest.raises(OutputError, match="File name too long"):
        write(tmp_path / ("x" * 256), "new")
    assert list(tmp_path.iterdir()) == []


def test_the_umask_is_never_touched(tmp_path, monkeypatch):
    """It is one for all threads: setting it to read it opens their files to everybody."""
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patch:
            patch.setattr("os.umask", lambda mask: pytest.fail(f"umask({mask})"))
            with ThreadPoolExecutor(4) as pool:
                table = pa.table({"x": [1]})
                list(pool.map(lambda i: write_table(table, tmp_path / f"{i}.csv"), range(20)))
            write(tmp_path / "out", "x")
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.rglob("*") if p.is_file()}
    assert modes == {0o640}
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o750


# -- whole folders -----------------------------------------------------------------------------

NAMES = ("clusters.csv", "edges.csv", "confirmation.csv")


def ours(entry):
    return entry.name in NAMES


def fill(folder, content, names=NAMES[:2]):
    for name in names:
        (folder / name).write_text(content)
    (folder / "manifest.json").write_text(json_text({"coordnet": "1", "content": content}))


def write(goal, content, names=NAMES[:2]):
    with whole_folder(goal, ours) as folder:
        fill(folder, content, names)


def content_of(goal):
    """Return what the folder holds, which must be one run whole."""
    manifest = json.loads((goal / "manifest.json").read_text())
    found = {p.name: p.read_text() for p in goal.iterdir() if p.name != "manifest.json"}
    assert found in (
        dict.fromkeys(NAMES[:2], manifest["content"]), dict.fromkeys(NAMES, manifest["content"])
    )  # fmt: skip
    return manifest["content"]


@pytest.fixture(params=["exchange", "two renames"])
def swap(request, monkeypatch):
    """Both ways of swapping: in one step, and where the system has none."""
    if request.param == "two renames":
        monkeypatch.setattr("coordnet.export._exchange", lambda *_: False)
    elif not sys.platform.startswith("linux"):
        pytest.skip("only Linux swaps folders in one step")
    return request.param


@pytest.mark.usefixtures("swap")
def test_a_folder_is_that_of_one_run(tmp_path):
    goal = tmp_path / "new" / "folders" / "out"
    write(goal, "first", NAMES)
    assert content_of(goal) == "first"
    (goal / ".DS_Store").touch()
    write(goal, "second")
    assert content_of(goal) == "second"
    assert not (goal / "confirmation.csv").exists()  # of the run before
    assert list(goal.parent.iterdir()) == [goal]


@pytest.mark.usefixtures("swap")
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("old", [True, False])
def test_nothing_is_left_of_a_folder_that_failed(tmp_path, error, old):
    goal = tmp_path / "out"
    if old:
        write(goal, "old")

    def fail():
        with whole_folder(goal, ours) as folder:
            (folder / "clusters.csv").write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert list(tmp_path.iterdir()) == ([goal] if old else [])
    assert not old or content_of(goal) == "old"


@pytest.mark.parametrize("where", ["write_text", "os.fsync", "Path.rename"])
def test_a_full_disk_leaves_the_old_folder(tmp_path, monkeypatch, where):
    goal = tmp_path / "out"
    write(goal, "old")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("coordnet.export._exchange", lambda *_: False)
    name = "pathlib.Path.write_text" if where == "write_text" else f"coordnet.export.{where}"
    with monkeypatch.context() as patch:
        patch.setattr(name, full)
        with pytest.raises(OutputError) as error:
            write(goal, "new")
    assert str(error.value) == f"{str(goal)!r} cannot be written: No space left on device."
    assert list(tmp_path.iterdir()) == [goal]
    assert content_of(goal) == "old"


def test_a_full_disk_in_the_middle_of_a_swap_puts_the_old_folder_back(tmp_path, monkeypatch):
    goal = tmp_path / "out"
    write(goal, "old")
    rename = Path.rename

    def full(path, to):
        if path.suffix == ".new":
            raise OSError(28, "No space left on device")
        return rename(path, to)

    monkeypatch.setattr("coordnet.export._exchange", lambda *_: False)
    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OutputError, match="No space left"):
        write(goal, "new")
    assert list(tmp_path.iterdir()) == [goal]
    assert content_of(goal) == "old"


def test_an_error_of_a_file_inside_names_the_folder_that_was_asked_for(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pa.csv, "write_csv", full)
    goal = tmp_path / "out"
    with pytest.raises(OutputError) as error, whole_folder(goal, ours) as folder:
        write_table(pa.table({"x": [1]}), folder / "edges.csv")
    assert str(error.value) == (
        f"{str(goal / 'edges.csv')!r} cannot be written: No space left on device."
    )
    assert list(tmp_path.iterdir()) == []


# Writes in a loop. The parent kills; the hook of "moment" kills itself before the n-th step that
# touches the disk, so that every moment is tried.
CHILD = """
import os, signal, sys, types
stub = types.ModuleType("coordnet")  # its __init__ would load everything else
stub.__path__ = [sys.argv[1]]
sys.modules["coordnet"] = stub
from pathlib import Path
import coordnet.export as export

goal = Path(sys.argv[2])
names = ("clusters.csv", "edges.csv", "confirmation.csv")
if sys.argv[3] == "two renames":
    export._exchange = lambda *_: False

def write(content):
    with export.whole_folder(goal, lambda entry: entry.name in names) as folder:
        for name in names[: 2 + len(content) % 2]:
            (folder / name).write_text(content)
        text = export.json_text({"coordnet": "1", "content": content})
        (folder / "manifest.json").write_text(text)

def check(before):
    left = [p for p in goal.parent.iterdir() if p != goal and p.suffix == ".old"]
    if sys.argv[3] == "two renames" and not goal.exists() and len(left) == 1:
        found = left[0]  # between the renames: the next write puts it back
    else:
        found = goal
    content = export.json.loads((found / "manifest.json").read_text())["content"]
    texts = {p.name: p.read_text() for p in found.iterdir() if p.name != "manifest.json"}
    assert texts == dict.fromkeys(names[: 2 + len(content) % 2], content), (texts, content)
    assert content in before, (content, before)
    return content

steps = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.listdir")
count = limit = 0
def hook(event, _):
    global count
    if limit and event in steps:
        count += 1
        if count == limit:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)

def killed(limit_, content):
    global limit
    child = os.fork()
    if child == 0:
        limit = limit_
        write(content)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL

old, seen, n = "first", set(), 1
write(old)
while killed(n, new := f"run {n}"):
    now = check({old, new})
    seen.add(now == new)
    if n % 3 == 0:  # sometimes the next write comes after one kill, sometimes after several
        write(now := f"clean {n}")
        assert check({now}) == now
        assert list(goal.parent.iterdir()) == [goal], list(goal.parent.iterdir())
    old, n = now, n + 1
assert check({new}) == new
assert seen == {True, False}  # killed before and after the swap
assert n > 20, n
assert list(goal.parent.iterdir()) == [goal]

import time
for i in range(20):
    child = os.fork()
    if child == 0:
        for j in range(100_000):
            write(f"{i} {j}")
    time.sleep(0.002 + i * 0.0013)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    check({new} | {f"{i} {j}" for i in range(20) for j in range(1000)})
write("end")
assert check({"end"}) == "end"
assert list(goal.parent.iterdir()) == [goal]
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
@pytest.mark.parametrize("way", ["exchange", "two renames"])
def test_a_run_that_is_killed_at_any_moment_leaves_a_whole_folder(tmp_path, way):
    package = Path(__file__).parents[2] / "coordnet"
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, package, tmp_path / "there" / "out", way],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_swap_that_was_cut_in_the_middle_is_undone_by_the_next_write(tmp_path):
    goal = tmp_path / "out"
    write(goal, "old")
    goal.rename(tmp_path / f"{export._prefix(goal)}0.old")
    (tmp_path / f"{export._prefix(goal)}0.new").mkdir()

    def fail():
        with whole_folder(goal, ours):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == [goal]
    assert content_of(goal) == "old"


def test_a_new_folder_that_is_cleared_away_before_it_is_locked_is_made_again(tmp_path, monkeypatch):
    """Another writer may find it in the moment between the two."""
    make, made = Path.mkdir, []

    def make_and_lose(path, *arguments, **options):
        make(path, *arguments, **options)
        if path.suffix == ".new":
            made.append(path)
        if made == [path]:
            lock = export._lock(path)
            threading.Timer(0.1, lambda: (shutil.rmtree(path), os.close(lock))).start()

    monkeypatch.setattr(Path, "mkdir", make_and_lose)
    write(tmp_path / "out", "new")
    assert len(made) == 2
    assert content_of(tmp_path / "out") == "new"


@pytest.mark.usefixtures("swap")
def test_a_folder_that_somebody_is_writing_is_not_cleared_away(tmp_path):
    goal = tmp_path / "out"
    with whole_folder(goal, ours) as folder:
        fill(folder, "slow")
        write(goal, "quick")
        assert content_of(goal) == "quick"
        assert content_of(folder) == "slow"
    assert content_of(goal) == "slow"
    assert list(tmp_path.iterdir()) == [goal]


def test_writers_of_one_folder_side_by_side(tmp_path, swap):
    goal = tmp_path / "out"
    write(goal, "0")
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda i: _outcome(goal, str(i)), range(1, 41)))
    assert content_of(goal) in {"0"} | {str(i) for i in range(1, 41)}
    # Between two renames one writer can find the folder of another in its way, and says so
    assert set(done) <= ({None} if swap == "exchange" else {None, OutputError})
    write(goal, "last")
    assert content_of(goal) == "last"
    assert list(tmp_path.iterdir()) == [goal]


def _outcome(goal, content):
    try:
        write(goal, content)
    except Exception as error:
        return type(error)
    return None


def test_folders_that_are_not_ours_stay(tmp_path, monkeypatch):
    def refused(goal, message):
        before = sorted(tmp_path.rglob("*"))
        for attempt in (lambda: check_folder(goal, ours), lambda: write(goal, "new")):
            with pytest.raises(OutputError) as error:
                attempt()
            assert str(error.value) == message
        assert sorted(tmp_path.rglob("*")) == before

    goal = tmp_path / "out"
    goal.mkdir()
    (goal / "thesis.docx").touch()
    message = (
        f"{str(goal)!r} is not empty and is no results folder of coordnet; choose another folder, "
        "or move this one away."
    )
    refused(goal, message)
    for manifest in ('{"name": "an app"}', "[]", "no json", "\udcff", "[" * 100_000):
        (goal / "manifest.json").write_text(manifest, errors="surrogateescape")
        refused(goal, message)
    fill(goal, "ours")
    refused(
        goal,
        f"{str(goal)!r} would be replaced as a whole, and holds what coordnet did not write: "
        "'thesis.docx'; choose another folder, or move them away.",
    )
    refused(
        goal / "edges.csv",
        f"{str(goal / 'edges.csv')!r} is a file; choose another name for the folder.",
    )
    (goal / "thesis.docx").unlink()
    monkeypatch.chdir(goal)
    for path in (goal, "."):
        refused(path, f"{str(path)!r} holds the current folder; choose a new folder inside it.")
    monkeypatch.chdir(tmp_path)
    write("out", "new")
    assert content_of(goal) == "new"
    monkeypatch.setattr("os.path.ismount", lambda path: Path(path) == goal)
    refused(goal, f"{str(goal)!r} is where a disk is mounted; choose a new folder inside it.")


def test_what_is_put_into_the_folder_meanwhile_stays(tmp_path):
    goal = tmp_path / "out"
    write(goal, "old")

    def write_and_look():
        with whole_folder(goal, ours) as folder:
            fill(folder, "new")
            (goal / "notes.txt").write_text("mine")

    with pytest.raises(OutputError, match=r"did not write: 'notes.txt'"):
        write_and_look()
    assert (goal / "notes.txt").read_text() == "mine"
    assert (goal / "edges.csv").read_text() == "old"
    assert list(tmp_path.iterdir()) == [goal]


@pytest.mark.usefixtures("swap")
def test_an_empty_folder_is_taken_and_a_link_stays_a_link(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir(mode=0o700)
    link.symlink_to(real, target_is_directory=True)
    for content in ("first", "second"):
        write(link, content)
        assert link.is_symlink()
        assert content_of(real) == content
        assert stat.S_IMODE(real.stat().st_mode) == 0o700  # private stays private
    assert sorted(tmp_path.iterdir()) == [link, real]


def test_folders_with_names_that_patterns_and_systems_mind(tmp_path):
    for name in ("[a-z]*", "x" * 255, "e\u0301 \U0001f4c1", os.fsdecode(b"\xff")):
        goal = tmp_path / name
        for content in ("first", "second"):
            write(goal, content)
            assert content_of(goal) == content
    assert len(list(tmp_path.iterdir())) == 4


# -- JSON --------------------------------------------------------------------------------------


def test_json_of_numpy_and_paths():
    value = {
        "seed": np.int64(2**62), "share": np.float32(0.5), "yes": np.True_, "no": False,
        "none": None, "within": ("60s", np.str_("1h")), "array": np.arange(3),
        "flags": np.array([[True, False]]), "zero": np.array(1.5), "path": PurePosixPath("a/b"),
        "inner": {np.int64(3): [], 4: {}}, "text": "é\ud800\x1b",
    }  # fmt: skip
    text = json_text(value)
    assert text.endswith("}\n")
    assert text.isascii()
    assert json.loads(text) == {
        "seed": 2**62, "share": 0.5, "yes": True, "no": False, "none": None,
        "within": ["60s", "1h"], "array": [0, 1, 2], "flags": [[True, False]], "zero": 1.5,
        "path": "a/b", "inner": {"3": [], "4": {}}, "text": "é\ud800\x1b",
    }  # fmt: skip
    assert list(json.loads(text)) == list(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)  # fmt: skip


@given(JSON)
def test_json_reads_back_and_is_what_python_writes(value):
    assert json.loads(json_text(value)) == value
    assert json_text(value) == json.dumps(value, indent=2) + "\n"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"parameters": {"min_size": math.nan}}, "parameters.min_size=nan cannot be written"),
        ({"a": [1, {"b": np.float64("inf")}]}, "a[1].b=np.float64(inf) cannot be written"),
        ({"a": np.array([0.5, -math.inf])}, "a[1]=-inf cannot be written as JSON; use a finite"),
        ({"a": {1, 2}}, "a={1, 2} cannot be written"),
        ({"a": 1j}, "a=1j cannot be written"),
        ({"a": dt.timedelta(1)}, "a=datetime.timedelta(days=1) cannot be written"),
        (object, "the value=<class 'object'> cannot be written"),
        ({"a": {None: 1}}, "a has the key None, which JSON cannot hold; use texts as keys."),
        ({1: 1, "1": 2}, "the value has the key '1' twice."),
    ],
)
def test_what_json_cannot_hold_is_named(value, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        json_text(value)
