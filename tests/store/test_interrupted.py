"""Whatever stops a write, and whenever: the store is as it was before or as it is after."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import coordnet as cn
from coordnet.errors import OutputError
from coordnet.store import folder as folders

# One process tries steps that touch the disk: a hook stops the write before one, by the signal that
# nobody can catch, in a child, or by the error of a full disk.
STEPS = """
import errno
import os, signal, sys
import pyarrow as pa
import coordnet as cn
from coordnet.errors import OutputError
from coordnet.store import folder as folders, runs, write
pa.set_cpu_count(1)
pa.set_io_thread_count(1)
folders.to_disk = lambda _: None  # the kernel lives on
folder, how, what = sys.argv[1:4]
NAMES = {"account": "who", "object": "what", "time": "at", "unit": "s", "threads": 1}
MEMORY = 10**9
runs.PIECE = 10
write.BLOCKS = 4
write.STRETCH = MEMORY

def rows(k):
    n = 21 + k % 3  # three stretches
    return pa.table({
        "who": [f"a{i % 5}" for i in range(n)],
        "what": [f"p{i % 3}" for i in range(n)],
        "at": [k * 1000 + i for i in range(n)],
    })

def act(k):
    if what == "append":
        cn.open_store(folder).append(rows(k), memory=MEMORY, threads=1)
    else:
        cn.write_store(rows(k), folder, memory=MEMORY, **NAMES)

count = limit = 0
EVENTS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.listdir")
writes = lambda event, args: event != "open" or (isinstance(args[0], (str, bytes, os.PathLike)) and
                                                 folder in os.fsdecode(args[0]))
def hook(event, args):
    global count, limit
    if limit and event in EVENTS and writes(event, args):
        count += 1
        if count == limit:
            if how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            limit = 0
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
sys.addaudithook(hook)

def stopped(k, step):
    global count, limit
    count = 0
    if how == "killed":
        child = os.fork()
        if child == 0:
            limit = step
            act(k)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, -signal.SIGKILL), code
        return code != 0
    limit = step
    try:
        act(k)
    except OutputError as error:
        assert "No space left on device" in str(error), error
        assert folder in str(error), error
        return True
    except cn.InputError:  # the store could not be opened to append to it
        return True
    finally:
        reached, limit = limit == 0, 0
    return reached

cn.write_store(rows(0), folder, memory=MEMORY, **NAMES)
def content():
    store = cn.open_store(folder).verify()
    return store.generation, store.fingerprint

limit = 10**9
act(1)
total, limit = count, 0
before = content()
stride = max(1, total // 15)
seen, step, k = set(), 1, 2
while stopped(k, step):
    now = content()
    later = now[0] != before[0]
    before = now if later else before
    assert now == before, (step, now, before)
    seen.add(later)
    if how == "full" and not later:  # nothing is left of what failed
        left = sorted(os.listdir(folder))
        assert left == [now[0], "lock", "store.json"], (step, left)
    if step % 9 == 0:
        act(k)
        before = content()
        left = sorted(os.listdir(folder))
        assert left == [before[0], "lock", "store.json"], (step, left)
    # the first and the last steps one by one
    step += 1 if step < 10 or step > total - 25 else stride
    k += 1
assert step > total - 30, (step, total)
if how == "killed":
    assert seen == {True, False}
    act(k)
    assert sorted(os.listdir(folder)) == [content()[0], "lock", "store.json"]
print(total)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
@pytest.mark.parametrize(
    ("what", "how"),
    [
        ("write", "killed"),
        pytest.param("append", "full", marks=pytest.mark.slow),
        pytest.param("write", "full", marks=pytest.mark.slow),
        pytest.param("append", "killed", marks=pytest.mark.slow),
    ],
)
def test_a_write_that_is_stopped_at_any_step(tmp_path, how, what):
    ran = subprocess.run(
        [sys.executable, "-c", STEPS, tmp_path / "s", how, what],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert int(ran.stdout) > 80


MOMENTS = """
import sys, coordnet as cn
folder, what, source = sys.argv[1:4]
print("ready", flush=True)
sys.stdin.readline()
if what == "append":
    cn.open_store(folder).append(source, memory="300MB", threads=1)
else:
    names = {"account": "who", "object": "what", "time": "at"}
    cn.write_store(source, folder, memory="300MB", threads=1, **names)
print("done", flush=True)
"""


def names_in(folder):
    return sorted(entry.name for entry in folder.iterdir())


def parquet(path, n, first):
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet

    rng = np.random.default_rng(first)
    pa.parquet.write_table(
        pa.table({
            "who": rng.integers(0, n // 10, n), "what": rng.integers(0, n // 8, n),
            "at": rng.integers(1_500_000_000, 1_600_000_000, n),
        }), path,
    )  # fmt: skip
    return path


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs SIGKILL")
@pytest.mark.parametrize("what", ["write", "append"])
def test_thirty_moments_of_a_write(tmp_path, what):
    import time

    names = {"account": "who", "object": "what", "time": "at"}
    first = parquet(tmp_path / "a.parquet", 200_000, 0)
    second = parquet(tmp_path / "b.parquet", 800_000, 1)
    goal, start = tmp_path / "s", tmp_path / "start"
    begun = cn.write_store(first, start, **names).fingerprint
    whole = [first, second] if what == "append" else second
    expected = cn.read_actions(whole, **names).fingerprint

    def run(seconds):
        child = subprocess.Popen(
            [sys.executable, "-c", MOMENTS, goal, what, second],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        child.stdout.readline()
        began = time.perf_counter()
        child.stdin.write("go\n")
        child.stdin.flush()
        if seconds is None:
            assert child.stdout.readline() == "done\n"
        else:
            time.sleep(seconds)
        took = time.perf_counter() - began
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()
        return took

    shutil.copytree(start, goal)
    lasts = run(None)
    assert cn.open_store(goal).verify().fingerprint == expected
    shutil.rmtree(goal)
    shutil.copytree(start, goal)
    for moment in range(30):
        run(lasts * (moment + 0.5) / 30)
        found = cn.open_store(goal).verify()
        assert found.fingerprint in (begun, expected)
        if found.fingerprint == expected:
            shutil.rmtree(goal)
            shutil.copytree(start, goal)
    run(None)  # the next write goes on from what is there
    found = cn.open_store(goal).verify()
    assert found.fingerprint == expected
    assert names_in(goal) == [found.generation, "lock", "store.json"]


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="mounts a small disk",
)
def test_a_disk_that_is_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        names = {"account": "who", "object": "what", "time": "at"}
        small = parquet(tmp_path / "a.parquet", 20_000, 0)
        large = parquet(tmp_path / "b.parquet", 300_000, 1)
        store = cn.write_store(small, disk / "s", **names)
        for act in (
            lambda: cn.write_store(large, disk / "s", **names),
            lambda: store.append(large),
        ):
            with pytest.raises(OutputError, match=r"cannot be written: .*[Nn]o space left") as told:
                act()
            assert "as it was before" in str(told.value)
            assert names_in(disk / "s") == [store.generation, "lock", "store.json"]
            assert cn.open_store(disk / "s").verify().fingerprint == store.fingerprint
        with pytest.raises(OutputError, match=r"cannot be written"):
            cn.write_store(large, disk / "new", **names)
        assert not Path(disk / "new").exists()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_an_error_that_is_none_of_the_disk_leaves_the_store(tmp_path, monkeypatch):
    log = cn.simulate("retweet_ring", accounts=200, seed=0).log
    store = cn.write_store(log, tmp_path / "s")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(folders, "known_by", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cn.write_store(log, tmp_path / "s")
    monkeypatch.undo()
    assert cn.open_store(tmp_path / "s").generation == store.generation
