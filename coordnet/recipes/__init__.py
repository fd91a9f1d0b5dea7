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
    from coordnet.recipes.coordination_toolkit import coordination_toolkit, toolkit_edges
    from coordnet.recipes.coordinationz import coordinationz
    from coordnet.recipes.coortweet import coortweet
    from coordnet.recipes.luceri import (
        luceri_co_retweet,
        luceri_co_url,
        luceri_fast_retweet,
        luceri_fused,
        luceri_hashtag_sequence,
        luceri_text,
        luceri_weekly,
    )
    from coordnet.recipes.pacheco import (
        pacheco_co_retweet,
        pacheco_co_timing,
        pacheco_hashtag_sequence,
    )
    from coordnet.recipes.saracco import bicm

# Where each recipe is defined: it is imported when it is first used.
_HOMES = {
    "coordination_toolkit": ("coordination_toolkit", "toolkit_edges"),
    "coordinationz": ("coordinationz",),
    "coortweet": ("coortweet",),
    "luceri": (
        "luceri_co_retweet", "luceri_co_url", "luceri_fast_retweet", "luceri_fused",
        "luceri_hashtag_sequence", "luceri_text", "luceri_weekly",
    ),
    "pacheco": ("pacheco_co_retweet", "pacheco_co_timing", "pacheco_hashtag_sequence"),
    "saracco": ("bicm",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "bicm",
    "coordination_toolkit",
    "coordinationz",
    "coortweet",
    "luceri_co_retweet",
    "luceri_co_url",
    "luceri_fast_retweet",
    "luceri_fused",
    "luceri_hashtag_sequence",
    "luceri_text",
    "luceri_weekly",
    "pacheco_co_retweet",
    "pacheco_co_timing",
    "pacheco_hashtag_sequence",
    "toolkit_edges",
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
