"""The error stream may be missing, closed or broken: work goes on without a progress bar."""

import io
import sys

import numpy as np
import pytest

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


@pytest.mark.parametrize("stream", [lambda: None, closed, Gone, ClosedLater, object])
def test_work_needs_no_error_stream(stream, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream())
    assert run_chunks(lambda _, i: i * i, 5, threads=2, label="testing") == [0, 1, 4, 9, 16]


def test_progress_is_shown_on_a_terminal_only(monkeypatch):
    for stream, label, words in [
        (Terminal(), "testing", True), (Terminal(), "", False), (io.StringIO(), "testing", False),
    ]:  # fmt: skip
        monkeypatch.setattr(sys, "stderr", stream)
        run_chunks(lambda _, i: i, 3, threads=1, label=label)
        assert ("testing" in stream.getvalue()) == words
        assert bool(stream.getvalue()) == words


def test_numbers_of_threads(monkeypatch):
    assert type(thread_count(np.int64(2))) is int
    for threads in (0, 1025, True, 1.5, "2", float("nan")):
        with pytest.raises(ParameterError, match="is not a number of threads; use 1 to 1024"):
            thread_count(threads)
    monkeypatch.setenv("COORDNET_THREADS", "many" * 1_000)
    with pytest.raises(ParameterError, match="is not a number; unset it") as error:
        thread_count()
    assert len(str(error.value)) < 300
