"""Published methods, each as its own code really computes it, in one call.

Every function takes a log and gives a :class:`coordnet.CoordinationGraph`, or
:class:`coordnet.Clusters` where the method ends in groups, that can be tested, scored and reported
like those of coordnet. Its parameters have the names and the defaults of its source. The work to
cite is its attribute ``citation`` and stands in the graph, ``graph.relation.citation``. Where a
paper and its code disagree, ``variant="paper"`` or ``"code"`` says which.

>>> import coordnet as cn
>>> cn.recipes.coortweet.citation[:8]
'Righetti'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coordnet.recipes.cao_2014 import synchrotrap
    from coordnet.recipes.giglietto_2020 import coordination_interval, coornet
    from coordnet.recipes.graham_2020 import coordination_toolkit, toolkit_edges
    from coordnet.recipes.iannucci_2025 import iannucci
    from coordnet.recipes.linhares_2022 import linhares
    from coordnet.recipes.luceri_2024 import (
        luceri_co_retweet,
        luceri_co_url,
        luceri_fast_retweet,
        luceri_fused,
        luceri_hashtag_sequence,
        luceri_text,
        luceri_weekly,
    )
    from coordnet.recipes.magelinski_2022 import magelinski
    from coordnet.recipes.mannocci_2024 import mannocci
    from coordnet.recipes.nizzoli_2021 import nizzoli
    from coordnet.recipes.pacheco_2021 import (
        pacheco_co_retweet,
        pacheco_co_timing,
        pacheco_hashtag_sequence,
    )
    from coordnet.recipes.richard_2023 import d3lta
    from coordnet.recipes.righetti_2025 import coortweet
    from coordnet.recipes.saracco_2017 import bicm
    from coordnet.recipes.schoch_2022 import schoch
    from coordnet.recipes.silva_2024 import coordinationz
    from coordnet.recipes.thiele_2026 import coorsim
    from coordnet.recipes.weber_2021 import weber

# Where each recipe is defined: it is imported when it is first used.
_HOMES = {
    "cao_2014": ("synchrotrap",),
    "giglietto_2020": ("coordination_interval", "coornet"),
    "graham_2020": ("coordination_toolkit", "toolkit_edges"),
    "iannucci_2025": ("iannucci",),
    "linhares_2022": ("linhares",),
    "luceri_2024": (
        "luceri_co_retweet",
        "luceri_co_url",
        "luceri_fast_retweet",
        "luceri_fused",
        "luceri_hashtag_sequence",
        "luceri_text",
        "luceri_weekly",
    ),
    "magelinski_2022": ("magelinski",),
    "mannocci_2024": ("mannocci",),
    "nizzoli_2021": ("nizzoli",),
    "pacheco_2021": ("pacheco_co_retweet", "pacheco_co_timing", "pacheco_hashtag_sequence"),
    "richard_2023": ("d3lta",),
    "righetti_2025": ("coortweet",),
    "saracco_2017": ("bicm",),
    "schoch_2022": ("schoch",),
    "silva_2024": ("coordinationz",),
    "thiele_2026": ("coorsim",),
    "weber_2021": ("weber",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "bicm",
    "coordination_interval",
    "coordination_toolkit",
    "coordinationz",
    "coornet",
    "coorsim",
    "coortweet",
    "d3lta",
    "iannucci",
    "linhares",
    "luceri_co_retweet",
    "luceri_co_url",
    "luceri_fast_retweet",
    "luceri_fused",
    "luceri_hashtag_sequence",
    "luceri_text",
    "luceri_weekly",
    "magelinski",
    "mannocci",
    "nizzoli",
    "pacheco_co_retweet",
    "pacheco_co_timing",
    "pacheco_hashtag_sequence",
    "schoch",
    "synchrotrap",
    "toolkit_edges",
    "weber",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        from coordnet.errors import nearest

        raise AttributeError(
            f"module 'coordnet.recipes' has no attribute {name!r}.{nearest(name, __all__)}"
        )
    value = getattr(importlib.import_module(f"coordnet.recipes.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
