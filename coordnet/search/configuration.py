"""Configuration: every choice of a run in one place; command line and manifest read it here."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from coordnet.clusters.communities import METHODS, check_method
from coordnet.errors import (
    InputError,
    ParameterError,
    check_number,
    check_seed,
    check_whole,
    listed,
    nearest,
    one_of,
)
from coordnet.graphs.co_action import WEIGHTS, CoAction, check_min_weight
from coordnet.graphs.co_timing import CoTiming
from coordnet.graphs.multiplex import Multiplex
from coordnet.graphs.relation import Relation
from coordnet.inference.edge_tests import NULLS
from coordnet.inference.strata import check_strata
from coordnet.log.actions import ActionLog
from coordnet.log.windows import Within, check_kinds, taking_part, window_of, written
from coordnet.readers.moments import read_before, read_moments
from coordnet.times import Duration, Instant, duration, duration_text, instant_text

ONE_DURATION = (str, int, float, np.number, np.timedelta64, dt.timedelta)


def option(
    default: Any,
    meaning: str,
    *,
    group: str = "detection",
    choices: Mapping[str, str] | None = None,
    metavar: str = "",
    kind: type = str,
    python: str = "",
) -> Any:
    """Declare a field: its default, what it means, and how the command line takes it.

    Parameters
    ----------
    default
        The default.
    meaning
        What it means, in a sentence or two, to whoever writes Python or a command.
    group
        Under which heading the command line lists it.
    choices
        The values that are possible, where they are few, each with what it means.
    metavar
        What stands for the value on the command line.
    kind
        ``str``, ``int``, ``float`` or ``bool``: of one value on the command line.
    python
        What only who writes Python has to know of it.
    """
    shown = {
        "meaning": meaning, "group": group, "choices": dict(choices or {}), "metavar": metavar,
        "kind": kind, "python": python,
    }  # fmt: skip
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=shown)
    return field(default=default, metadata=shown)


@dataclass(frozen=True)
class Configuration:
    """Every choice of a run of :func:`coordnet.detect`, checked when it is made.

    Durations are kept as text, so that configurations compare by value: 60, ``"60s"`` and
    ``"1min"`` are the same window.

    Examples
    --------
    >>> import coordnet as cn
    >>> config = cn.Configuration(within=["60s", "1h"], fdr=0.01)
    >>> config.within, config.replace(within=60) == cn.Configuration(fdr=0.01)
    (('60s', '1h'), True)
    """

    within: Within | Sequence[Within] = option(
        "60s",
        "Window in which two actions are together. Each of several is a layer of its own, and they "
        "share the level out; but all of the form KIND=DURATION make one layer of these kinds.",
        metavar="DURATION",
        python='Several are a list, ["60s", "1h"]; windows by kind are a mapping, {"retweet": '
        '"60s", "url": "10min"}, alone or in a list.',
    )
    co_timing: Duration | None = option(
        None,
        "Adds a layer of who acts at the same moments, whatever on, within this window.",
        metavar="DURATION",
    )
    fdr: float | None = option(
        0.05,
        "Level of error; None tests nothing and keeps every edge of min_weight: counts, not "
        "evidence.",
        metavar="RATE",
        kind=float,
    )
    null: str = option(
        "both", "Against what edges of co-action are tested.", choices=NULLS,
        python="See CoordinationGraph.test.",
    )  # fmt: skip
    strata: Duration | None = option(
        None,
        "Shuffle accounts only inside strata of time, in the activity null: 1h, 1d, hour_of_day or "
        "hour_of_week.",
        metavar="STRATA",
    )
    clean_background: bool = option(
        True,
        "Take the accounts that are found out of the background that chances are estimated from, "
        "and test again, until no more are found: a campaign that is a large part of the data "
        "otherwise hides itself. A background that is given is taken as it is.",
        kind=bool,
    )
    occasion_gap: Duration | None = option(
        None,
        "Objects with gaps up to this are one occasion; by default the window (the longest, where "
        "each kind has its own) or 30 s, whichever is longer.",
        metavar="DURATION",
    )
    groups: bool = option(
        True, "Look for groups too, whose pairs are each unremarkable.", kind=bool,
        python="See find_groups.",
    )  # fmt: skip
    weight: str = option(
        "objects", "What the weight of an edge of co-action counts.", choices=WEIGHTS,
        python="See co_action.",
    )  # fmt: skip
    min_weight: int = option(
        2, "Least weight of an edge. An edge of one object is evidence of nothing.", metavar="N",
        kind=int,
    )  # fmt: skip
    refractory: Duration = option(
        "30s",
        "Runs of one account's actions with gaps up to this are one event of co-timing.",
        metavar="DURATION",
    )
    method: str = option(
        "infomap", "How communities are found.", python="See find_clusters.",
        choices={name: method.meaning for name, method in METHODS.items()},
    )  # fmt: skip
    resolution: float | None = option(
        None,
        "The higher, the more and smaller communities; of leiden and louvain, by default 1.",
        metavar="R",
        kind=float,
    )
    min_size: int = option(
        3,
        "Smaller clusters are not reported: below 3 a cluster is a statement about two people.",
        metavar="N",
        kind=int,
    )
    seed: int = option(0, "The only source of randomness.", metavar="N", kind=int)
    null_runs: int = option(
        0,
        "Rerun the search on so many logs with shuffled accounts and so many with swapped "
        "profiles (under null=activity on the first alone); gives the selection-corrected p-value "
        "of each cluster's evidence.",
        group="robustness",
        metavar="N",
        kind=int,
    )
    confirm: bool = option(
        False,
        "Search the first half of the period too, and test what is found there in the second.",
        group="robustness",
        kind=bool,
    )
    stability: int = option(
        0,
        "Find the clusters again with so many seeds and in so many bootstrap samples, and in "
        "changed logs.",
        python="See cluster_stability.",
        group="robustness",
        metavar="N",
        kind=int,
    )
    score: bool = option(True, "Score the clusters.", group="scores", kind=bool)
    account_column: str = option(
        "account",
        "The column of accounts= that names the accounts.",
        group="scores",
        metavar="COLUMN",
    )
    null_sets: int = option(
        199,
        "How many random sets of accounts of no cluster, matched in activity, each cluster is "
        "compared with. From 99 on, p-values of what is beyond all sets come from a fitted tail.",
        group="scores",
        metavar="N",
        kind=int,
    )
    before: Instant | tuple[Instant, Instant] | None = option(
        None,
        "A date; gives the share of members created in the four weeks before it.",
        group="scores",
        metavar="DATE",
        python="Or an interval: (start, end).",
    )
    moments: Mapping[str, tuple[Instant, Instant]] = option(
        {},
        "Key moments by name, with start and end; gives the scores of activity in them.",
        group="scores",
        metavar="NAME START END",
        python='As {"debate": ("2017-05-31", "2017-06-01")}.',
    )

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        many: Any = self.within
        if isinstance(many, (*ONE_DURATION, Mapping)):
            many = [many]
        if not isinstance(many, Sequence):
            raise ParameterError(
                f"within={self.within!r} is no window; write '60s', ['60s', '1h'] or "
                "{'retweet': '60s', 'url': '10min'}."
            )
        windows = [window_of(w) for w in many]
        if not windows and self.co_timing is None:
            raise ParameterError(
                "within=[] leaves nothing to look at; give a window or co_timing=."
            )
        if len(set(windows)) < len(windows):
            raise ParameterError(f"within={self.within!r} has a window twice.")
        put("within", tuple(map(written, windows)))
        for name in ("co_timing", "refractory", "occasion_gap"):
            value = getattr(self, name)
            if value is not None:
                put(name, duration_text(duration(value, name)))
        if self.fdr is not None:
            put("fdr", check_number(self.fdr, "fdr", above=0, below=1))
        one_of(self.null, NULLS, "null")
        one_of(self.weight, WEIGHTS, "weight")
        if self.strata is not None:
            put("strata", check_strata(self.strata))
        put("min_weight", check_min_weight(self.min_weight))
        if self.resolution is not None:
            put("resolution", check_number(self.resolution, "resolution", above=0))
        check_method(self.method, resolution=self.resolution)
        for name, least in (
            ("min_size", 1), ("null_runs", 0), ("stability", 0), ("null_sets", 0),
        ):  # fmt: skip
            put(name, check_whole(getattr(self, name), name, least))
        put("seed", check_seed(self.seed))
        for name in ("groups", "confirm", "score", "clean_background"):
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool_):
                raise ParameterError(f"{name}={value!r} is neither True nor False.")
            put(name, bool(value))
        interval = read_before(self.before)
        put("before", None if interval is None else tuple(map(instant_text, interval)))
        moments = read_moments(self.moments)
        put("moments", {n: tuple(map(instant_text, limits)) for n, limits in moments.items()})
        if self.null_runs or self.confirm:
            self.check_evidence("null_runs" if self.null_runs else "confirm")

    def check_evidence(self, name: str) -> None:
        """Raise where clusters would have no evidence of the group test, which `name` needs."""
        if not self.within or self.fdr is None:
            raise ParameterError(
                f"{name}= needs the evidence of the group test, which co-timing alone and fdr=None "
                "do not give; use a window in within= and a level in fdr=."
            )

    @cached_property
    def relations(self) -> tuple[Relation, ...]:
        """The relation of each layer, in their order."""
        windows = [CoAction(window_of(w)) for w in self.within]  # type: ignore[union-attr]
        if self.co_timing is None:
            return tuple(windows)
        return (*windows, CoTiming(duration(self.co_timing), duration(self.refractory)))

    def check_kinds(self, log: ActionLog) -> None:
        """Raise an error where there is a window for a kind that a log does not have."""
        for relation in self.relations:
            if relation.on_objects:
                check_kinds(relation.window_us, log)

    def part(self, log: ActionLog) -> ActionLog:
        """Return the part of a log that the layers look at: all of it, or some kinds of action."""
        windows = [relation.window_us for relation in self.relations if relation.on_objects]
        named = [pair for w in windows if not isinstance(w, int) for pair in w]
        everything = len(windows) < len(self.relations) or any(isinstance(w, int) for w in windows)
        return log if everything else taking_part(tuple(named), log)

    @property
    def layer_level(self) -> float | None:
        """The level of each layer: an equal part of the level of the run."""
        return None if self.fdr is None else self.fdr / len(self.relations)

    @property
    def occasion_gap_us(self) -> int | None:
        """The occasion gap in microseconds, None for that of the window."""
        return None if self.occasion_gap is None else duration(self.occasion_gap)

    def replace(self, **changes: Any) -> Configuration:
        """Return the configuration with other values of these fields."""
        check_names(changes)
        return replace(self, **changes)

    def parameters(self) -> dict[str, Any]:
        """Return the fields as plain values, as a manifest or a TOML file has them."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in plain.items()
        } | {"moments": {name: list(limits) for name, limits in self.moments.items()}}

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Configuration:
        """Return the configuration that a .toml file has, its fields at the top level.

        TOML has no None: ``fdr = "none"`` is what stands for it. What a table ``[reading]`` says is
        for the command line, which reads the log by it.
        """
        try:
            given = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{str(path)!r} cannot be read as TOML: {error}.") from None
        given.pop("reading", None)
        check_names(given)
        values: dict[str, Any] = {n: None if v == "none" else v for n, v in given.items()}
        return cls(**values)


def configuration_of(layers: Multiplex, seed: int = 0) -> Configuration:
    """Return the configuration that finds such layers: their windows, and the sum of their levels.

    Where layers are not of a log (as edges given are not) it is the default.
    """
    relations = [layer.relation for layer in layers if layer.relation.from_log]
    timed = [relation for relation in relations if isinstance(relation, CoTiming)]
    levels = [level for level in layers.levels if level is not None]
    if not relations:
        return Configuration(seed=seed)
    return Configuration(
        within=[written(r.window_us) for r in relations if r.on_objects],
        co_timing=duration_text(timed[0].window_us) if timed else None,
        refractory=duration_text(timed[0].refractory_us) if timed else "30s",
        fdr=sum(levels) if levels else 0.05,
        seed=seed,
    )


def check_names(names: Mapping[str, Any]) -> None:
    """Raise an error where one of these is no field of a configuration."""
    known = [f.name for f in fields(Configuration)]
    for name in names:
        if name not in known:
            raise ParameterError(
                f"{name}= is no parameter of a run.{nearest(name, known)} The parameters are "
                f"{listed(known, most=99)}."
            )


def configured(config: Configuration | None, changes: Mapping[str, Any]) -> Configuration:
    """Return a configuration with changes, the default one where none is given."""
    if config is not None and not isinstance(config, Configuration):
        raise ParameterError(
            f"config= takes a coordnet.Configuration, not {type(config).__name__}."
        )
    return (Configuration() if config is None else config).replace(**changes)


def documented() -> str:
    """Return the fields as entries of a docstring, each with its meaning and default."""
    return "\n".join(f"    {f.name}\n        {_said(f)}" for f in fields(Configuration))


def _said(declared: Field[Any]) -> str:
    default = {} if declared.name == "moments" else declared.default
    meaning, python = declared.metadata["meaning"], declared.metadata["python"]
    return f"{meaning} (default: {default!r}) {python}".strip()


Configuration.__doc__ = (Configuration.__doc__ or "").replace(
    "    Examples\n", f"    Attributes\n    ----------\n{documented()}\n\n    Examples\n", 1
)
