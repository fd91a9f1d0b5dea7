"""Pictures with matplotlib: ``coordnet.plots.timeline(run, 0)``.

Each takes what it draws, and an Axes where it is to be drawn, and returns the Axes. Without an Axes
it makes a figure of its own. The colours are those of Okabe and Ito (2008), which colour-blind
people can tell apart. Accounts are shown under pseudonyms unless ``identifiers=True``. The numbers
behind the pictures are in :mod:`coordnet.pictures`.

Install matplotlib with ``pip install 'coordnet[report]'``.
"""

from coordnet.plots.choices import comparison, suggested_windows, windows
from coordnet.plots.clusters import creation_dates, gaps, heat, scores, timeline
from coordnet.plots.graphs import network
from coordnet.plots.over_time import clusters_over_time

__all__ = [
    "clusters_over_time",
    "comparison",
    "creation_dates",
    "gaps",
    "heat",
    "network",
    "scores",
    "suggested_windows",
    "timeline",
    "windows",
]
