"""What is counted of a log when it is written, since it depends on no window.

Where the actions of each object begin, the actions of each account, and its objects, each once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import release
from coordnet.log.account_order import (
    AccountRuns,
    placed_in_pieces,
    runs_in_pieces,
    starts_of,
)
from coordnet.log.actions import ActionLog
from coordnet.store.files import ColumnFile, mapped

COUNTED: Mapping[str, Any] = MappingProxyType(
    {
        "object-starts": np.int64,  # (objects + 1,)
        "account-starts": np.int64,  # (accounts + 1,)
        "account-positions": np.int32,  # (n,)
        "run-starts": np.int64,  # (accounts + 1,)
        "run-objects": np.int32,  # (runs,)
        "run-first": np.int32,  # (runs + 1,)
    }
)


def write_counted(home: Path, log: ActionLog) -> None:
    """Write what is counted of a log into the folder of its generation.

    Cost: linear; memory for a few numbers an account and an object.
    """
    files = {name: ColumnFile(home / f"{name}.npy", dtype) for name, dtype in COUNTED.items()}
    indptr = starts_of(log.account, len(log.all_accounts))
    for name, piece in _order_pieces(log, indptr):
        files[name].append(piece)
    files.pop("account-positions").close()
    for name, piece in _run_pieces(log, indptr, mapped(home / "account-positions.npy")):
        files[name].append(piece)
    for file in files.values():
        file.close()


def read_counted(home: Path) -> dict[str, NDArray[Any]] | None:
    """Return what was counted, mapped; None in a store of before it was."""
    if not all((home / f"{name}.npy").exists() for name in COUNTED):
        return None
    return {name: mapped(home / f"{name}.npy") for name in COUNTED}


def is_counted(counted: Mapping[str, NDArray[Any]], log: ActionLog) -> bool:
    """Return whether what stands in files is what is counted of a log."""
    indptr = starts_of(log.account, len(log.all_accounts))
    places = dict.fromkeys(COUNTED, 0)
    same = True
    for pieces in (
        _order_pieces(log, indptr),
        _run_pieces(log, indptr, counted["account-positions"]),
    ):
        for name, piece in pieces:
            end = places[name] + len(piece)
            same &= np.array_equal(counted[name][places[name] : end], piece)
            places[name] = end
            release(counted[name])
            if not same:
                return False
    return all(places[name] == len(counted[name]) for name in COUNTED)


def _order_pieces(log: ActionLog, indptr: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[Any]]]:
    yield "object-starts", starts_of(log.object, log.n_objects)
    yield "account-starts", indptr
    for piece in placed_in_pieces(log.account, indptr):
        yield "account-positions", piece


def _run_pieces(
    log: ActionLog, indptr: NDArray[np.int64], positions: NDArray[np.int32]
) -> Iterator[tuple[str, NDArray[Any]]]:
    yield "run-starts", np.zeros(1, np.int64)
    piece = AccountRuns(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(1, np.int32))
    for piece in runs_in_pieces(indptr, positions, log.object):
        yield "run-starts", piece.starts[1:]
        yield "run-objects", piece.objects
        yield "run-first", piece.first[:-1]
    yield "run-first", piece.first[-1:]
