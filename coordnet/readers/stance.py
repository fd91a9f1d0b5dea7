"""Stance labels: what messages are for and against."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.errors import InputError, ParameterError, listed, optional_import
from coordnet.log.actions import ActionLog
from coordnet.log.labels import Labelled
from coordnet.readers.files import load_whole
from coordnet.readers.loaded import shown

Coder: TypeAlias = Callable[[str], str | None] | Sequence[str | None] | NDArray[Any] | Any


@dataclass(frozen=True)
class Stance:
    """Labels on the actions of a log.

    Attributes
    ----------
    targets : tuple of str
    target : int32 (n,)
        The target that an action's label is about, a position in `targets`; -1 where unlabelled.
    sign : int8 (n,)
        1 for, -1 against, 0 neither.
    agreement : float or None
        Krippendorff's alpha (nominal) of two coders, where two were given.
    coded : int
        How many actions both coders labelled.
    """

    targets: tuple[str, ...]
    target: NDArray[np.int32]
    sign: NDArray[np.int8]
    agreement: float | None = None
    coded: int = 0


_SIGNS = {"for": 1, "against": -1, "neutral": 0}


def read_stance(stance: Any, log: ActionLog) -> Stance | None:
    """Read stance labels: ``"target:for"``, ``"target:against"``, ``"target:neutral"`` or none.

    Parameters
    ----------
    stance
        A callable from text to label (the log then needs ``text=``); or labels of the rows of the
        input, in their order, whatever part of them the log holds; or a tuple of two of these,
        for two coders: where both labelled an action, the label counts only if they agree. Or the
        path of a .csv, .tsv or .parquet file with a column ``stance``, one ``stance_2`` if there is
        a second coder, and a column ``text`` or ``post`` that says whose label it is; without
        either, it has a row for each row of the input.
    log
        The log.
    """
    if stance is None or isinstance(stance, Stance):
        return stance
    if isinstance(stance, str | os.PathLike):
        labels = _of_file(stance, log)
    else:
        coders = stance if isinstance(stance, tuple) else (stance,)
        if len(coders) not in (1, 2):
            raise ParameterError(f"stance= takes one coder or a tuple of two, not {len(coders)}.")
        labels = [_labels_of(coder, log) for coder in coders]
    agreement, coded = None, 0
    final = labels[0]
    if len(labels) == 2:
        both = (labels[0] != "") & (labels[1] != "")
        coded = int(both.sum())
        if coded:
            agreement = _alpha(labels[0][both], labels[1][both])
        final = np.where(labels[0] == "", labels[1], labels[0])
        final[both & (labels[0] != labels[1])] = ""
    encoded = pa.array(final, pa.string()).dictionary_encode()
    distinct, codes = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
    targets: list[str] = []
    of_label = np.full(len(distinct), -1, np.int32)
    signs = np.zeros(len(distinct), np.int8)
    for i, label in sorted(enumerate(distinct), key=lambda item: item[1]):
        if not label:
            continue
        target, _, sign = label.rpartition(":")
        if not target or sign not in _SIGNS:
            raise InputError(
                f"stance label {shown(label, 60)} is not understood; write 'target:for', "
                "'target:against' or 'target:neutral', and nothing for no label."
            )
        if target not in targets:
            targets.append(target)
        of_label[i] = targets.index(target)
        signs[i] = _SIGNS[sign]
    return Stance(tuple(targets), of_label[codes], signs[codes], agreement, coded)


def _of_file(path: str | os.PathLike[str], log: ActionLog) -> list[NDArray[np.object_]]:
    """Return the labels of each action that a file has, of each coder."""
    name = shown(os.fspath(path))
    columns = load_whole(path, ("stance", "stance_2", "text", "post"))
    coders = [columns[c].to_pylist() for c in ("stance", "stance_2") if c in columns]
    if "stance" not in columns:
        raise InputError(
            f"{name} has no column 'stance', which has the labels; its columns are "
            f"{listed(columns)}."
        )
    by = next((c for c in ("text", "post") if c in columns), None)
    if by is None:
        return [_labels_of(coder, log) for coder in coders]
    there: Labelled | None = getattr(log, by)
    if there is None:
        raise ParameterError(
            f"{name} has labels by {by}, and the log has no column {by}; read it with {by}=."
        )
    keys = [None if key is None else str(key) for key in columns[by].to_pylist()]
    known = there.labels.to_pylist()
    found = []
    for coder in coders:
        labels: dict[str | None, str] = {}
        for row, (key, value) in enumerate(zip(keys, coder, strict=True)):
            label = _label(value, f"{name}, row {row + 1}")
            if key is not None and labels.setdefault(key, label) != label:
                raise InputError(
                    f"{name}, row {row + 1}: {by} {shown(key, 60)} has the label {shown(label)}, "
                    f"and above it had {shown(labels[key])}; leave one of them."
                )
        found.append(np.array([*(labels.get(k, "") for k in known), ""], object)[there.codes])
    return found


def _labels_of(coder: Coder, log: ActionLog) -> NDArray[np.object_]:
    """Return the label of each action, an empty string where there is none."""
    if callable(coder):
        if log.text is None:
            raise ParameterError(
                "stance= as a function labels texts, and the log has none; read it with text=."
            )
        each = [_label(coder(text), "the function") for text in log.text.labels.to_pylist()]
        lookup = np.array([*each, ""], object)  # the last is of the code -1
        return lookup[log.text.codes]
    if hasattr(coder, "to_pylist"):  # Arrow's own values are no strings
        coder = coder.to_pylist()
    if not isinstance(coder, Iterable) or isinstance(coder, str | bytes | Mapping):
        raise ParameterError(f"stance={shown(coder, 60)} is neither a function nor labels of rows.")
    given = list(coder)
    if len(given) != log.rows_read:
        part = (
            f" The log has {len(log):,} actions; log.row says which row each of them came from."
            if len(given) == len(log)
            else ""
        )
        raise InputError(
            f"stance= has {len(given):,} labels and the input had {log.rows_read:,} rows; give one "
            f"for each row, in their order.{part}"
        )
    if len(log.row) and log.row.min() < 0:
        raise ParameterError("stance= as labels of rows needs a log as it was read.")
    labels = np.array([_label(v, f"row {row + 1}") for row, v in enumerate(given)], object)
    return labels[log.row]


def _label(value: Any, place: str) -> str:
    """Return a label as text, empty where there is none."""
    if isinstance(value, str):
        return value
    # None, NaN and what pandas has for them
    if value is None or str(value) in ("nan", "<NA>", "NaT"):
        return ""
    raise InputError(
        f"stance=, {place}: {shown(value, 60)} is no label; write 'target:for', 'target:against' "
        "or 'target:neutral', and None for no label."
    )


def _alpha(first: NDArray[np.object_], second: NDArray[np.object_]) -> float:
    """Return Krippendorff's alpha of two coders over nominal labels."""
    krippendorff = optional_import("krippendorff", "content", "agreement between coders")
    _, codes = np.unique(np.concatenate([first, second]).astype(str), return_inverse=True)
    pairs = codes.reshape(2, -1).astype(float)
    if len(np.unique(codes)) < 2:
        return 1.0
    return float(krippendorff.alpha(reliability_data=pairs, level_of_measurement="nominal"))
