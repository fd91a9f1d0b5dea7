"""Creation dates: when the members' accounts were made, beside those of everybody else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coordnet.pictures.bins import ByTime, counted, time_bins
from coordnet.pictures.subject import Scored, number_of, scores_of
from coordnet.readers.profiles import NOTHING
from coordnet.scores.view import UnavailableError

MOST_BINS = 320


@dataclass(frozen=True, eq=False)
class CreationDates(ByTime):
    """Accounts by the date of their creation, in bins of time.

    Attributes
    ----------
    unknown : int
        Members whose date is not known.
    """

    unknown: int


def creation(source: Scored, i: int, most: int = MOST_BINS) -> CreationDates:
    """Count the creation dates of the members of cluster i, beside those of others.

    Parameters
    ----------
    source
        A run or scores.
    i
        Number of the cluster.
    most
        How many bins at most.

    Raises
    ------
    UnavailableError
        Where no creation dates were given, or none is known of the members.
    """
    scores, i = scores_of(source), number_of(source, i)
    view = scores.view
    profiles = view.inputs.accounts
    if profiles is None or profiles.created is None:
        raise UnavailableError(
            "creation dates are not known; give accounts= a table with a column created_at."
        )
    own = profiles.created[view.members_of(i)]
    others = profiles.created[view.background]
    unknown = int((own == NOTHING).sum())
    own, others = own[own != NOTHING], others[others != NOTHING]
    if not len(own):
        raise UnavailableError(f"the creation dates of the members of cluster {i} are not known.")
    every = np.concatenate([own, others])
    borders = time_bins(int(every.min()), int(every.max()), most)
    return CreationDates(borders, counted(own, borders), counted(others, borders), unknown)
