"""Posts: what an export says, one row a post, Arrow inside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.errors import ParameterError, listed, nearest
from coordnet.frames import ArrowExport, html_table, native
from coordnet.frozen import Frozen, ReadOnly
from coordnet.readers.formats import FIELDS, PROFILE, TIMES

if TYPE_CHECKING:
    from coordnet.log.actions import ActionLog

MOMENT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, eq=False, repr=False)
class Posts(ArrowExport, Frozen):
    """Posts of an export, one row each, never changed. Made by :func:`coordnet.read_posts`.

    Attributes
    ----------
    table : pyarrow.Table
        The fields that the export has, as :data:`coordnet.readers.formats.FIELDS` describes them;
        a field that it does not have is no column. Times are int64 microseconds UTC.
    format : str
        The format that the export was read as.
    rows_read : int
        Posts in the source, those left out included.
    dropped : mapping of str to int
        What was left out, by reason.
    bad_lines : tuple of (str, int, str)
        The first lines that could not be read: source, line, reason.
    notes : tuple of str
        What was done about traps of the format.
    sources : tuple of str
        Names of the files, or the kind of frame.
    absent : mapping of str to str
        What cannot be known from the export, by trace.
    frame : str
        The kind of frame that `to_frame` gives unless told.
    """

    table: pa.Table
    format: str
    rows_read: int = 0
    dropped: Mapping[str, int] = field(default_factory=ReadOnly)
    bad_lines: tuple[tuple[str, int, str], ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    absent: Mapping[str, str] = field(default_factory=ReadOnly)
    frame: str = "pandas"

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that the export has."""
        return tuple(self.table.column_names)

    def __contains__(self, name: object) -> bool:
        return name in self.table.column_names

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """Return a field as Arrow."""
        if name not in self.table.column_names:
            known = self.table.column_names
            reason = (
                f"the export ({self.format}) does not have it"
                if name in FIELDS
                else f"it is no field of a post.{nearest(str(name), known)}"
            )
            raise ParameterError(
                f"there is no field {name!r}: {reason} Fields: {listed(known, 30)}."
            )
        return self.table[name]

    @property
    def span(self) -> tuple[dt.datetime, dt.datetime] | None:
        """Time of the first and of the last post (UTC), None where there are none."""
        if not len(self):
            return None
        ends = pc.min_max(self.table["time"].cast(MOMENT)).as_py()
        return ends["min"], ends["max"]

    def actions(self, kinds: str | Iterable[str], **options: Any) -> ActionLog:
        """Return what the accounts did as a log, one kind a trace.

        Parameters
        ----------
        kinds
            A trace or several: ``retweet``, ``quote``, ``reply``, ``like``, ``url``, ``domain``,
            ``hashtag``, ``hashtag_sequence``, ``mention``, ``media``, ``text``, ``similar_text``,
            ``fast_retweet``.
        **options
            What counts as an action; see :func:`coordnet.readers.traces.actions`.

        Examples
        --------
        >>> import pandas as pd, coordnet as cn
        >>> frame = pd.DataFrame({"who": ["a", "b"], "when": [1_500_000_000, 1_500_000_007],
        ...     "tags": ["AfD|BTW17", "afd"]})
        >>> posts = cn.read_posts(
        ...     frame, columns={"account": "who", "time": "when", "hashtags": "tags"}, unit="s")
        >>> posts.actions("hashtag").objects.tolist()
        ['afd', 'btw17']
        """
        from coordnet.readers.traces import actions

        return actions(self, kinds, **options)

    def profiles(self, backend: str | None = None) -> Any:
        """Return the profile of each account at its latest post, for `accounts=` of `detect`.

        Parameters
        ----------
        backend
            ``"pandas"``, ``"polars"`` or ``"pyarrow"``; by default the kind the posts came in.

        Returns
        -------
        frame
            One row an account in byte order: account, and of handle, name, description, location,
            created_at, followers, following, posts, verified and language those that the export
            has. A value that the latest post lacks is taken from the one before.
        """
        names = [name for name in PROFILE if name in self]
        columns = ["account", "time", *names]
        order = pc.sort_indices(self.table.select(["account", "time"]), sort_keys=[
            ("account", "ascending"), ("time", "ascending")])  # fmt: skip
        ordered = self.table.select(columns).take(order)
        wanted = [(name, "last", pc.ScalarAggregateOptions(skip_nulls=True)) for name in names]
        latest = ordered.group_by("account", use_threads=False).aggregate(wanted)
        made = {"account": latest["account"]}
        for name in names:
            column = latest[f"{name}_last"]
            made["created_at" if name == "created" else name] = (
                column.cast(MOMENT) if name in TIMES else column
            )
        return native(pa.table(made), backend or self.frame)

    def where(self, keep: NDArray[np.bool_], reason: str = "not chosen") -> Posts:
        """Return the posts marked.

        Parameters
        ----------
        keep
            bool (n,).
        reason
            What `dropped` calls the others.
        """
        keep = np.asarray(keep)
        if keep.dtype != bool or keep.shape != (len(self),):
            raise ParameterError(
                f"keep= is of type {keep.dtype} and shape {keep.shape}; give {len(self)} truth "
                "values, one for each post."
            )
        gone = len(self) - int(keep.sum())
        dropped = {**self.dropped, reason: self.dropped.get(reason, 0) + gone}
        return replace(self, table=self.table.filter(pa.array(keep)), dropped=ReadOnly(dropped))

    def to_frame(self, backend: str | None = None) -> Any:
        """Return the posts as a dataframe, times as datetimes in UTC.

        Parameters
        ----------
        backend
            ``"pandas"``, ``"polars"`` or ``"pyarrow"``; by default the kind the posts came in.
        """
        columns = {
            name: self.table[name].cast(MOMENT) if name in TIMES else self.table[name]
            for name in self.table.column_names
        }
        return native(pa.table(columns), backend or self.frame)

    def _facts(self) -> list[tuple[str, str]]:
        facts = [("posts", f"{len(self):,}"), ("format", self.format)]
        facts.append(("accounts", f"{pc.count_distinct(self.table['account']).as_py():,}"))
        if self.span is not None:
            first, last = self.span
            facts.append(("time", f"{first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC"))
        facts.append(("fields", listed(self.fields, 30)))
        if self.dropped:
            facts.append(("dropped", listed(f"{n:,} {why}" for why, n in self.dropped.items())))
        facts += [("line", f"{line} of {source}: {why}") for source, line, why in self.bad_lines]
        facts += [("note", note) for note in self.notes]
        return facts

    def __repr__(self) -> str:
        return "\n".join(["Posts", *(f"  {name:<9} {value}" for name, value in self._facts())])

    def _repr_html_(self) -> str:
        return html_table("Posts", ("", ""), self._facts())
