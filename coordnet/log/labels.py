"""ActionLog: who acted on what and when, encoded once, sorted once, never changed.

Every later stage reads these arrays. Codes are positions in the labels, which stand in byte
order, and actions are sorted by (object, time, account, post): so the same rows give the same
log, whatever source or order they came in.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

LABELS = pa.large_string()


class Labelled(NamedTuple):
    """A column as codes into labels: int32 (n,), -1 where there is none; labels in byte order."""

    codes: NDArray[np.int32]
    labels: pa.LargeStringArray
