"""Categories of one's own by cluster, beside the accounts outside all clusters."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.readers.profiles import Profiles

SCHEMA = pa.schema(
    [
        ("cluster", pa.int64()), ("column", pa.string()), ("category", pa.string()),
        ("accounts", pa.int64()), ("share", pa.float64()), ("background_share", pa.float64()),
    ]
)  # fmt: skip


def crosstab(
    profiles: Profiles,
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    active: NDArray[np.bool_],
) -> pa.Table:
    """Count the categories of each cluster's members, beside those of other accounts.

    Parameters
    ----------
    profiles
        Profiles with categories, as :func:`~coordnet.readers.profiles.read_profiles` gives them in
        ``labels``.
    indptr, indices
        The clusters: the members of cluster i are ``indices[indptr[i]:indptr[i + 1]]``.
    active
        bool (n_accounts,): the accounts that may be in the background. Members of clusters are
        left out of it.

    Returns
    -------
    pyarrow.Table
        A row for each cluster, column and category (in byte order) that an active account or a
        member has. ``accounts`` are the members of that category, ``share`` is their share of the
        members whose category is known, ``background_share`` that of the other active accounts.
        Both are null where no category is known.
    """
    outside = active.copy()
    outside[indices] = False
    rows: list[tuple[object, ...]] = []
    for column, values in profiles.labels.items():
        members = np.zeros(len(active), bool)
        members[indices] = True
        known = np.array([value is not None for value in values], bool)
        names, number = np.unique(np.where(known, values, "").astype(object), return_inverse=True)
        used = np.zeros(len(names), bool)
        used[number[known & (active | members)]] = True
        around = np.bincount(number[known & outside], minlength=len(names))
        for cluster in range(len(indptr) - 1):
            inside = indices[indptr[cluster] : indptr[cluster + 1]]
            counts = np.bincount(number[inside[known[inside]]], minlength=len(names))
            for i in np.flatnonzero(used):
                rows.append(
                    (
                        cluster, column, names[i], int(counts[i]),
                        counts[i] / counts.sum() if counts.sum() else None,
                        around[i] / around.sum() if around.sum() else None,
                    )
                )  # fmt: skip
    rows.sort(key=lambda row: row[0])  # type: ignore[arg-type, return-value]
    arrays = [pa.array([row[i] for row in rows], f.type) for i, f in enumerate(SCHEMA)]
    return pa.table(arrays, schema=SCHEMA)
