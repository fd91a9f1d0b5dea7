"""Threads; and progress: on a terminal, in a line of its own that is gone at the end."""

import io
import sys
import threading
import time

import numpy as np
import pytest

import coordnet as cn
from coordnet import progress
from coordnet.errors import ParameterError
from coordnet.threads import run_chunks, thread_count


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Gone(Terminal):
    """A terminal whose window was closed."""

    def write(self, text):
        raise OSError(5, "Input/output error")


class ClosedLater(Terminal):
    def write(self, text):
        self.close()
        return super().write(text)


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.fixture
def at_once(monkeypatch):
    """Let progress be shown without the delay."""
    monkeypatch.setattr(progress, "DELAY", 0)
    monkeypatch.setattr(progress, "TICK", 0.01)
    monkeypatch.delenv("COORDNET_PROGRESS", raising=False)


@pytest.mark.parametrize("stream", [lambda: None, closed, Gone, ClosedLater, object])
def test_work_needs_no_error_stream(stream, monkeypatch, at_once):
    monkeypatch.setattr(sys, "stderr", stream())
    with progress.stage("testing"):
        time.sleep(0.05)
    assert run_chunks(lambda _, i: i * i, 5, threads=2, label="testing") == [0, 1, 4, 9, 16]


def test_numbers_of_threads(monkeypatch):
    assert type(thread_count(np.int64(2))) is int
    for threads in (0, 1025, True, 1.5, "2", float("nan")):
        with pytest.raises(ParameterError, match="is not a number of threads; use 1 to 1024"):
            thread_count(threads)
    monkeypatch.setenv("COORDNET_THREADS", "many" * 1_000)
    with pytest.raises(ParameterError, match="is not a number; unset it") as error:
        thread_count()
    assert len(str(error.value)) < 300


def wait_for(text, stream, seconds=20):
    """Wait until a stream shows a text; what writes it may get its turn late."""
    end = time.monotonic() + seconds
    while text not in stream.getvalue() and time.monotonic() < end:
        time.sleep(0.01)
    assert text in stream.getvalue()


def shown(stream, monkeypatch, name="testing", seconds=0.1, text=None):
    """Return what a stage that is half done writes to an error stream, at last this text."""
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.stage(name) as step:
        step(0.5)
        if text is None:
            time.sleep(seconds)
        else:
            wait_for(text, stream)
    return stream.getvalue()


def test_progress_is_shown_on_a_terminal_only_unless_asked_for(monkeypatch, at_once):
    shown(Terminal(), monkeypatch, text="testing: 0:00  50%|")
    assert shown(io.StringIO(), monkeypatch) == ""
    for on, setting in ((True, None), (None, "1"), (False, None), (None, "0")):
        if setting is not None:
            monkeypatch.setenv("COORDNET_PROGRESS", setting)
        cn.show_progress(on)
        try:
            for stream in (Terminal, io.StringIO):
                wanted = on is True or setting == "1"
                told = shown(stream(), monkeypatch, text="testing: " if wanted else None)
                assert bool(told) == wanted, (on, setting)
        finally:
            cn.show_progress(None)
    with pytest.raises(ParameterError, match="on='yes' is none of True, False and None"):
        cn.show_progress("yes")


def test_the_line_is_gone_at_the_end_and_short_work_shows_none(monkeypatch, at_once):
    assert shown(Terminal(), monkeypatch, text="testing: ").endswith("\r")
    monkeypatch.setattr(progress, "DELAY", 60)
    assert shown(Terminal(), monkeypatch, seconds=0) == ""
    assert not [t for t in threading.enumerate() if t.name == "coordnet progress"]


def test_a_stage_inside_another_takes_its_place(monkeypatch, at_once):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.stage("outer"):
        with progress.stage("in\x1b[31mner"):
            wait_for("in\\x1b[31mner", stream)
            elsewhere = threading.Thread(target=lambda: shown(stream, monkeypatch, "elsewhere"))
            elsewhere.start()
            elsewhere.join()
            inner = stream.getvalue()
        # the outer stage may be shown before the inner one begins, not while it lasts
        assert "outer" not in inner[inner.index("in\\x1b[31mner") :]
        stream.seek(0)
        stream.truncate()
        wait_for("outer", stream)
    assert "elsewhere" not in inner


def test_compiling_is_told(monkeypatch, at_once):
    from numba.core import event

    class Dispatcher:
        py_func = thread_count

    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("coordnet.kernels.compiling._Announcement.made", True)
    with progress.stage("edges"):
        wait_for("edges: ", stream)
        with event.trigger_event("numba:compile", data={"dispatcher": Dispatcher}):
            wait_for("edges, compiling (first run only): ", stream)


def test_chunks_tell_how_far_they_are(monkeypatch, at_once):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)

    def chunk(_, i):
        if i == 1:
            wait_for("testing: 0:00  25%|", stream)

    run_chunks(chunk, 2, threads=1, label="testing", weights=[1, 3])
