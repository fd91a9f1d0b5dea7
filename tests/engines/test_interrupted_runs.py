"""Runs on a store that are killed: nothing is lost, and the next one goes on and ends the same."""

import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

import coordnet as cn

RUN = """
import sys, hashlib
import coordnet as cn
from coordnet import disk, memory
from coordnet.engines import account_blocks
from coordnet.inference import attainable, edge_tests
memory.LEAST = 1
for module in (disk, edge_tests, attainable, account_blocks):
    module.SLICE = 500
account_blocks.MOST_BLOCKS = int(sys.argv[2])
store = cn.open_store(sys.argv[1])
print("ready", flush=True)
run = cn.detect(store, "60s", memory=1, score=False, threads=1)
found = hashlib.sha256()
for name, column in run.layers[0].edges.items():
    found.update(name.encode() + column.tobytes())
for cluster in run.clusters:
    found.update(cluster.codes.tobytes())
print(found.hexdigest(), len(run.clusters), flush=True)
"""


def begun(folder, blocks):
    child = subprocess.Popen(
        [sys.executable, "-c", RUN, folder, str(blocks)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "ready\n"
    return child


def parts_there(folder):
    """Return how many parts are finished, of each step."""
    found = {}
    for journal in (folder / "work").glob("*/journal"):
        with suppress(FileNotFoundError):  # the run has just ended
            found[journal.parent.name] = journal.read_text().count("\n")
    return found


def killed_again_and_again(folder, blocks, kills):
    """Kill runs, each when it has finished a few more parts than the one before."""
    child = begun(folder, blocks)
    whole, _ = child.communicate()
    assert int(whole.split()[1]) > 0
    assert not (folder / "work").exists()
    killed = 0
    for k in range(kills):
        before = parts_there(folder)
        child = begun(folder, blocks)
        while child.poll() is None and count(parts_there(folder)) <= count(before) + k % 7:
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
        child.wait()
        if child.returncode == -signal.SIGKILL:
            killed += 1
            after = parts_there(folder)
            assert all(after[step] >= n for step, n in before.items())
    assert killed > 0
    child = begun(folder, blocks)
    again, _ = child.communicate()
    assert again == whole
    assert not (folder / "work").exists()


def count(parts):
    return sum(parts.values())


@pytest.fixture
def folder(tmp_path):
    log = cn.simulate("election", accounts=1_000, seed=1).log
    cn.write_store(log, tmp_path / "store")
    return tmp_path / "store"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_run_goes_on(folder):
    killed_again_and_again(folder, 1, 1)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("blocks", [1, 4])
def test_a_run_killed_at_thirty_moments_goes_on(folder, blocks):
    killed_again_and_again(folder, blocks, 30)
