"""Texts in unison: what several members of a cluster posted, word for word."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from coordnet.pictures.subject import Scored, number_of, scores_of
from coordnet.scores.view import UnavailableError

MOST = 20


@dataclass(frozen=True, eq=False)
class Unison:
    """Texts of several members.

    Attributes
    ----------
    texts : pyarrow.Table
        ``text``, ``members``, ``posts``, ``in_unison``; see :meth:`coordnet.ClusterScores.texts`.
    """

    texts: pa.Table

    def table(self) -> pa.Table:
        """Return `texts`."""
        return self.texts


def unison(
    source: Scored,
    i: int,
    most: int = MOST,
    *,
    redact_text: bool | None = None,
    identifiers: bool = False,
) -> Unison:
    """Return the texts that most members of cluster i share.

    Parameters
    ----------
    source
        A run or scores.
    i
        Number of the cluster.
    most
        How many texts.
    redact_text, identifiers
        As in :meth:`coordnet.ClusterScores.texts`: redacted unless told.

    Raises
    ------
    UnavailableError
        Where the log has no texts.
    """
    scores, i = scores_of(source), number_of(source, i)
    if scores.log.text is None:
        raise UnavailableError("the log has no texts; read it with text=.")
    return Unison(
        scores.texts(i, most, redact_text=redact_text, identifiers=identifiers, backend="pyarrow")
    )
