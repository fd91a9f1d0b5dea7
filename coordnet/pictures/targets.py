"""Top targets: on what the members of a cluster act together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from coordnet.pictures.subject import Scored, number_of, scores_of
from coordnet.scores.evidence import shown_objects
from coordnet.scores.view import UnavailableError

MOST = 20


@dataclass(frozen=True, eq=False)
class Targets:
    """What members act on together.

    Attributes
    ----------
    objects : pyarrow.Table
        One row an object, the one with most co-acting members first: ``object`` (its code in the
        log of the cluster's layer), ``shown`` (its label; people as pseudonyms, texts redacted),
        ``kind``, ``members`` (that act on it), ``at_once`` (of these, inside one window),
        ``actions`` (of members), ``co_actions`` (of these, within the window of another member's),
        ``outsiders`` (accounts outside the cluster).
    n_objects : int
        All objects on which members act together.
    """

    objects: pa.Table
    n_objects: int

    def table(self) -> pa.Table:
        """Return `objects`."""
        return self.objects


def targets(
    source: Scored,
    i: int,
    most: int = MOST,
    *,
    redact_text: bool | None = None,
    identifiers: bool = False,
    key: bytes | None = None,
) -> Targets:
    """Return the objects on which most members of cluster i act together.

    Parameters
    ----------
    source
        A run or scores.
    i
        Number of the cluster.
    most
        How many objects.
    redact_text, identifiers, key
        What is shown of objects that are texts or people: as in
        :meth:`coordnet.ClusterScores.evidence`.

    Raises
    ------
    UnavailableError
        Where accounts do not meet on objects.
    """
    scores, i = scores_of(source), number_of(source, i)
    view, own = scores.view.part_of(i)
    if not view.graph.relation.on_objects:
        raise UnavailableError(f"{view.graph.relation.title}: accounts do not meet on objects.")
    log, acts = view.graph_log, view.acts
    mine = slice(*acts.indptr[own : own + 2])
    detail = view.group_tests[own].detail
    detail = detail[detail[:, 2] >= 2]
    codes = detail[:, 0].astype(np.int64)
    place = np.full(log.n_objects, -1, np.int64)
    place[codes] = np.arange(len(codes))
    at = place[acts.object[mine]]
    together = np.bincount(at[(at >= 0) & (view.lags[mine] >= 0)], minlength=len(codes))
    order = np.lexsort((codes, -together, -detail[:, 2]))[:most]
    detail, codes, together = detail[order], codes[order], together[order]
    members = detail[:, 1].astype(np.int64)
    redact = not identifiers if redact_text is None else redact_text
    secret = view.graph.whole_log.secret("pseudonyms") if key is None else key
    kinds = pa.array(log.kinds, pa.large_string())
    return Targets(
        pa.table(
            {
                "object": pa.array(codes),
                "shown": pa.array(
                    shown_objects(view, codes, members, redact, secret, identifiers),
                    pa.large_string(),
                ),
                "kind": kinds.take(pa.array(log.object_kind[codes])),
                "members": pa.array(members),
                "at_once": pa.array(detail[:, 2].astype(np.int64)),
                "actions": pa.array(detail[:, 3].astype(np.int64)),
                "co_actions": pa.array(together.astype(np.int64)),
                "outsiders": pa.array(detail[:, 4].astype(np.int64)),
            }
        ),
        len(place[place >= 0]),
    )
