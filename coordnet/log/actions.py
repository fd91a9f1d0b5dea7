"""ActionLog: who acted on what and when, encoded once, sorted once, never changed.

Every later stage reads these arrays. Codes are positions in the labels, which stand in byte
order, and actions are sorted by (object, time, account, post): so the same rows give the same
log, whatever source or order they came in.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.disk import in_pieces, kept, looked_up
from coordnet.errors import CoordnetWarning, ParameterError, listed, nearest
from coordnet.frames import ArrowExport, frozen, html_table, native, strings
from coordnet.frozen import Frozen, ReadOnly
from coordnet.kernels import actions as action_kernels
from coordnet.log.account_order import AccountRuns, account_runs, grouped, starts_of
from coordnet.log.accounts import Accounts
from coordnet.log.labels import LABELS, Labelled
from coordnet.times import DAY, HOUR, MINUTE, SECOND, Instant, instant, instant_text

NO_POST = frozen(np.zeros(0, np.int32))
DIGESTED = 1 << 20  # offsets of labels, or codes, that are looked at at a time


def check_log(log: object, name: str = "log") -> None:
    """Raise an error that says how to make a log, unless this is one."""
    if not isinstance(log, ActionLog):
        raise ParameterError(
            f"{name}= takes an ActionLog, not {type(log).__name__}; read it first: "
            "coordnet.read_actions(source, account=..., object=..., time=...)."
        )


class Events(NamedTuple):
    """Moments at which accounts became active, sorted by time: int32 (n,) and int64 (n,)."""

    account: NDArray[np.int32]
    time: NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class ActionLog(ArrowExport, Frozen):
    """A frozen log of actions. Made by :func:`coordnet.read_actions`.

    Attributes
    ----------
    account, object : int32 (n,)
        Codes: positions in `all_accounts` and in `object_labels`.
    time : int64 (n,)
        Microseconds since 1970, UTC.
    row : int64 (n,)
        The row of the input (from 0, files one after the other) that the action came from; the
        first of them where equal rows were folded.
    all_accounts : Accounts
        The accounts that codes stand for. A part of a log keeps those of the whole, so that some
        of them may not act in it.
    object_labels : pyarrow.LargeStringArray
        By kind and then in byte order: the same label under two kinds is two objects.
    kinds : tuple of str
        The kinds of action, in byte order.
    object_kind : int32 (n_objects,)
        The kind of each object, as a position in `kinds`.
    post, text : Labelled or None
        Ids of the posts (such as tweet ids) that the actions are, and texts, where columns for
        them were given.
    folded : int32 (n,) or None
        How many further rows of the input each action stands for, equal to it in account, object,
        time, kind and post; None where no row was folded. The library counts actions; published
        methods that count rows need it (:attr:`n_rows`).
    rows_read : int
        Rows of the input.
    dropped : mapping of str to int
        How many rows are not in the log, by reason.
    sources : tuple of str
        Names of the files, or the kind of frame.
    frame : str
        The kind of frame that `to_frame` gives unless told.
    """

    account: NDArray[np.int32]
    object: NDArray[np.int32]
    time: NDArray[np.int64]
    row: NDArray[np.int64]
    all_accounts: Accounts
    object_labels: pa.LargeStringArray
    kinds: tuple[str, ...]
    object_kind: NDArray[np.int32]
    post: Labelled | None = None
    text: Labelled | None = None
    folded: NDArray[np.int32] | None = None
    rows_read: int = 0
    dropped: Mapping[str, int] = field(default_factory=ReadOnly)
    sources: tuple[str, ...] = ()
    frame: str = "pandas"

    def __len__(self) -> int:
        return len(self.account)

    @property
    def n_accounts(self) -> int:
        """Number of accounts with at least one action."""
        return len(self.active)

    @property
    def folder(self) -> Path | None:
        """The folder of the store that the log stands in, None where it is in memory."""
        return None

    @property
    def n_objects(self) -> int:
        """Number of objects acted on."""
        return len(self.object_labels)

    @cached_property
    def active(self) -> NDArray[np.int32]:
        """Codes of the accounts with at least one action, ascending: int32 (n_accounts,)."""
        acts = np.zeros(len(self.all_accounts), bool)
        for begin in range(0, len(self), DIGESTED):
            acts[self.account[begin : begin + DIGESTED]] = True
        codes: NDArray[np.int32] = frozen(np.flatnonzero(acts).astype(np.int32))
        return codes

    @cached_property
    def accounts(self) -> NDArray[np.object_]:
        """Labels of the accounts with at least one action, in byte order: array of str."""
        labels: NDArray[np.object_] = frozen(self.all_accounts[self.active])
        return labels

    @cached_property
    def objects(self) -> NDArray[np.object_]:
        """Labels of the objects, by kind and then in byte order: array of str (n_objects,)."""
        return strings(self.object_labels)

    @cached_property
    def limits(self) -> tuple[int, int] | None:
        """Time of the first and the last action in microseconds, None for an empty log."""
        return (int(self.time.min()), int(self.time.max())) if len(self) else None

    @property
    def span(self) -> tuple[dt.datetime, dt.datetime] | None:
        """Time of the first and of the last action (UTC), None for an empty log."""
        if self.limits is None:
            return None
        epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        first, last = (epoch + dt.timedelta(microseconds=t) for t in self.limits)
        return first, last

    @cached_property
    def resolution(self) -> int:
        """The coarsest of 1 us, 1 s, 1 min, 1 h and 1 day, in microseconds, that fits every time.

        A log of fewer than 30 actions says nothing about its clock: 1 us.
        """
        return resolution_of(len(self), int(action_kernels.common_step(self.time)))

    @cached_property
    def n_rows(self) -> NDArray[np.int64]:
        """How many rows of the input each action stands for, 1 or more: int64 (n,)."""
        rows: NDArray[np.int64] = np.ones(len(self), np.int64)
        return frozen(rows if self.folded is None else rows + self.folded)  # type: ignore[no-any-return]

    @cached_property
    def by_account(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Positions of each account's actions, ascending: (indptr int64, positions int32)."""
        indptr, positions = grouped(self.account, len(self.all_accounts))
        return frozen(indptr), frozen(positions)

    def account_runs(self) -> AccountRuns:
        """Return the objects of each account, each once; a log in memory makes them each time."""
        return account_runs(*self.by_account, self.object)

    @cached_property
    def by_object(self) -> NDArray[np.int64]:
        """Where each object's actions begin: int64 (n_objects + 1,)."""
        return frozen(starts_of(self.object, self.n_objects))  # type: ignore[no-any-return]

    @cached_property
    def _digest(self) -> bytes:
        """Digest of all that the log says, the same for the same rows. Secret: keys come of it."""
        optional = [column for column in (self.post, self.text) if column is not None]
        whole = self.n_accounts == len(self.all_accounts)
        names = self.all_accounts.labels
        account = self.account if whole else compact(self.account, len(names))[0]
        arrays: list[NDArray[Any]] = [self.object_kind, account, self.object, self.time]
        return content_digest(
            (self.post is not None, self.text is not None),
            (
                names if whole else names.take(pa.array(self.active)),
                self.object_labels,
                pa.array(self.kinds, LABELS),
                *(column.labels for column in optional),
            ),
            ([array] for array in (*arrays, *(column.codes for column in optional))),
        )

    def secret(self, purpose: str) -> bytes:
        """Return 32 bytes that only who holds the whole log can know, another for each purpose."""
        return hashlib.blake2b(purpose.encode(), key=self._digest[:64], digest_size=32).digest()

    @cached_property
    def fingerprint(self) -> str:
        """A fingerprint of the log: equal for the same rows in whatever source or order."""
        return self.secret("fingerprint").hex()

    def events(self, refractory: int) -> Events:
        """Fold each account's runs of actions with gaps up to `refractory` into their beginnings.

        Threads and bursts are one decision to act; counted action by action they would make two
        accounts that met once look like two that met five times.

        Parameters
        ----------
        refractory
            The largest gap inside a run, in microseconds.
        """
        order = np.lexsort((self.time, self.account))
        account, time = self.account[order], self.time[order]
        start = action_kernels.run_starts(account, time, refractory)
        account, time = account[start], time[start]
        order = np.lexsort((account, time))
        return Events(account[order], time[order])

    # -- parts ------------------------------------------------------------------------------

    def select(self, kind: str | Iterable[str]) -> ActionLog:
        """Return the log of the actions of one kind, or of several.

        Examples
        --------
        >>> import coordnet as cn
        >>> log = cn.simulate("election", accounts=300, seed=1).log
        >>> log.select("retweet").kinds
        ('retweet',)
        """
        wanted = [kind] if isinstance(kind, str) else list(kind)
        for name in wanted:
            if name not in self.kinds:
                raise ParameterError(
                    f"there are no actions of kind {name!r} in the log; its kinds are "
                    f"{listed(map(repr, self.kinds))}.{nearest(name, self.kinds)} "
                    "(read_actions takes the kind from the column named by kind=.)"
                )
        chosen = np.isin(self.object_kind, [self.kinds.index(name) for name in wanted])
        return self.where(looked_up(chosen, self.object), "other kind")

    def between(self, start: Instant | None = None, end: Instant | None = None) -> ActionLog:
        """Return the log of the actions with start <= time < end (UTC where there is no zone)."""
        least = None if start is None else instant(start, "start")
        most = None if end is None else instant(end, "end")

        def inside(here: slice) -> list[NDArray[np.bool_]]:
            time = self.time[here]
            marks = np.ones(len(time), bool)
            if least is not None:
                marks &= time >= least
            if most is not None:
                marks &= time < most
            return [marks]

        (keep,) = in_pieces(len(self), [np.bool_], inside, self.time)
        if self.limits is not None and not keep.any():
            first, last = map(instant_text, self.limits)
            warnings.warn(
                f"no action lies in the period from {start} to {end}; the actions of the log are "
                f"from {first} to {last}.",
                CoordnetWarning,
                stacklevel=2,
            )
        return self.where(keep, "outside the period")

    def exclude(self, accounts: Iterable[Any] = (), objects: Iterable[Any] = ()) -> ActionLog:
        """Return the log without the accounts and objects named, such as newsrooms, share buttons.

        Labels that do not occur are let pass; how many actions went stands in `dropped`.
        """
        if isinstance(accounts, str) or isinstance(objects, str):
            raise ParameterError("exclude takes lists of labels: accounts=['a', 'b'].")
        others = np.ones(len(self.all_accounts), bool)
        others[self.codes_of(accounts, missing="ignore")] = False
        named = pa.array([str(name) for name in objects], LABELS)
        left = ~pc.is_in(self.object_labels, value_set=named).to_numpy(zero_copy_only=False)
        (keep,) = in_pieces(
            len(self), [np.bool_],
            lambda here: [others[self.account[here]] & left[self.object[here]]],
            self.account, self.object,
        )  # fmt: skip
        return self.where(keep, "excluded")

    def codes_of(self, accounts: Iterable[Any], missing: str = "error") -> NDArray[np.int32]:
        """Return the codes of the accounts with these labels; see :meth:`Accounts.codes_of`."""
        return self.all_accounts.codes_of(accounts, missing)

    def where(self, keep: NDArray[np.bool_], reason: str) -> ActionLog:
        """Return the log of the actions marked; accounts keep their codes, objects do not."""
        left = int(keep.sum())
        gone = len(self) - left
        if gone == 0:
            return self
        object_, objects_left = compact(kept(self.object, keep, left), self.n_objects)
        kind, kinds_left = compact(self.object_kind[objects_left], len(self.kinds))

        def part(column: Labelled | None) -> Labelled | None:
            if column is None:
                return None
            codes, used = compact(kept(column.codes, keep, left), len(column.labels))
            return Labelled(frozen(codes), column.labels.take(pa.array(used)))

        return self._with(
            account=frozen(kept(self.account, keep, left)),
            object=frozen(object_),
            time=frozen(kept(self.time, keep, left)),
            row=frozen(kept(self.row, keep, left)),
            object_labels=self.object_labels.take(pa.array(objects_left)),
            kinds=tuple(self.kinds[k] for k in kinds_left),
            object_kind=frozen(kind),
            post=part(self.post),
            text=part(self.text),
            folded=None if self.folded is None else frozen(kept(self.folded, keep, left)),
            dropped=ReadOnly({**self.dropped, reason: self.dropped.get(reason, 0) + gone}),
        )

    def rearranged(
        self,
        account: NDArray[np.int32] | None = None,
        time: NDArray[np.int64] | None = None,
    ) -> ActionLog:
        """Return the log with other accounts or times at its actions, sorted again.

        For null logs: nothing is folded, posts and texts are left out, and `row` says which
        action of this log each one stands at.

        Parameters
        ----------
        account
            int32 (n,): codes of this log.
        time
            int64 (n,): microseconds UTC.
        """
        account = self.account if account is None else account
        time = self.time if time is None else time
        order = np.arange(len(self), dtype=np.int32)
        tie = account.astype(np.int64)
        action_kernels.sort_within_groups(self.by_object, order, time, tie, 0, self.n_objects)
        return self._with(
            account=frozen(account[order]),
            time=frozen(time[order]),
            row=frozen(order.astype(np.int64)),
            post=None,
            text=None,
            folded=None,
        )

    def repeated(
        self, at: NDArray[np.int64], object_: NDArray[np.int64], copied: NDArray[np.int64]
    ) -> ActionLog:
        """Return a log of copies of objects, each copy an object of its own.

        Parameters
        ----------
        at
            Positions of the actions, those of one copy together and ascending.
        object_
            The copy that each belongs to, ascending from 0.
        copied
            Which object each copy is of, ascending.
        """
        number = np.arange(len(copied)) - np.searchsorted(copied, copied)
        names = self.object_labels.take(pa.array(copied))
        numbers = pa.array(number.astype(str), LABELS)
        labels = pc.binary_join_element_wise(names, numbers, pa.scalar("#", LABELS))
        return self._with(
            account=frozen(self.account[at]),
            object=frozen(object_.astype(np.int32)),
            time=frozen(self.time[at]),
            row=frozen(at),
            object_labels=labels,
            object_kind=frozen(self.object_kind[copied]),
            post=None,
            text=None,
            folded=None,
        )

    def with_actions(
        self, account: NDArray[np.int32], object_: NDArray[np.int32], time: NDArray[np.int64]
    ) -> ActionLog:
        """Return the log with further actions (codes of this log) by its accounts on its objects.

        Posts and texts are left out, and `row` of what is new is -1.

        Parameters
        ----------
        account, object_
            int32 (n,): codes of this log.
        time
            int64 (n,): microseconds UTC.
        """
        every = [
            np.concatenate([own, new])
            for own, new in ((self.account, account), (self.object, object_), (self.time, time))
        ]
        order = np.lexsort((every[0], every[2], every[1]))
        row = np.concatenate([self.row, np.full(len(account), -1)])
        return self._with(
            account=frozen(every[0][order]),
            object=frozen(every[1][order]),
            time=frozen(every[2][order]),
            row=frozen(row[order]),
            post=None,
            text=None,
            folded=None,
        )

    # -- out --------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the log to a file that :meth:`load` reads; see :func:`coordnet.save`."""
        from coordnet.storage import save

        save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ActionLog:
        """Read a log that :meth:`save` wrote; see :func:`coordnet.load`."""
        from coordnet.storage import load_as

        return load_as(cls, path)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return the actions as a dataframe: account, object, time, kind, (post, text,) row.

        Parameters
        ----------
        backend
            ``"pandas"``, ``"polars"`` or ``"pyarrow"``; by default the kind the actions came in.
        """
        columns: dict[str, Any] = {
            "account": self.all_accounts.labels.take(pa.array(self.account)),
            "object": self.object_labels.take(pa.array(self.object)),
            "time": pa.array(self.time).cast(pa.timestamp("us", tz="UTC")),
            "kind": pa.array(self.kinds, LABELS).take(pa.array(self.object_kind[self.object])),
        }
        for name, column in (("post", self.post), ("text", self.text)):
            if column is not None:
                codes = pa.array(column.codes, mask=column.codes < 0)
                columns[name] = column.labels.take(codes)
        columns["row"] = pa.array(self.row)
        return native(pa.table(columns), backend or self.frame)

    def _with(self, **changes: Any) -> ActionLog:
        """Return a log with other values in these fields: a plain log, whatever this one is."""
        own = {declared.name: getattr(self, declared.name) for declared in fields(ActionLog)}
        return ActionLog(**{**own, **changes})

    def _of_kinds(self) -> NDArray[np.int64]:
        """Return how many actions there are of each kind: int64 (kinds,)."""
        acts = np.diff(self.by_object)
        return np.bincount(self.object_kind, acts, minlength=len(self.kinds)).astype(np.int64)

    def _facts(self) -> list[tuple[str, str]]:
        kinds = self._of_kinds()
        facts = [
            ("actions", f"{len(self):,}"),
            ("accounts", f"{self.n_accounts:,}"),
            ("objects", f"{self.n_objects:,}"),
            ("kinds", listed(f"{k} {n:,}" for k, n in zip(self.kinds, kinds, strict=True))),
        ]
        if self.limits is not None:
            facts.append(("from", instant_text(self.limits[0])))
            facts.append(("to", instant_text(self.limits[1])))
        gone = {reason: count for reason, count in self.dropped.items() if count}
        facts.append(("dropped", listed(f"{r} {n:,}" for r, n in gone.items())))
        return facts

    def __repr__(self) -> str:
        lines = [f"  {name:<9}{value}" for name, value in self._facts()]
        return "\n".join(["ActionLog", *lines])

    def _repr_html_(self) -> str:
        return html_table("ActionLog", ("", ""), self._facts())


def content_digest(
    has: tuple[bool, bool],
    labels: Iterable[pa.LargeStringArray],
    columns: Iterable[Iterable[NDArray[Any]]],
) -> bytes:
    """Return the digest of all that a log says.

    Parameters
    ----------
    has
        Whether it has posts, and texts.
    labels
        Those of the accounts that act, of the objects, the kinds, the posts and the texts.
    columns
        The kind of each object, then account, object, time, post and text of each action, each
        column in pieces.
    """
    digest = hashlib.blake2b(person=b"coordnet-content")
    digest.update(bytes(has))
    for some in labels:
        _, offsets, data = some.buffers()
        ends = np.frombuffer(offsets, np.int64)[some.offset :][: len(some) + 1]
        digest.update(len(some).to_bytes(8, "little"))
        for begin in range(0, len(ends), DIGESTED):
            digest.update(_little(ends[begin : begin + DIGESTED] - ends[0]))
        if data is not None:
            digest.update(memoryview(data)[ends[0] : ends[-1]])
    for pieces in columns:
        for piece in pieces:
            digest.update(_little(piece))
    return digest.digest()


def resolution_of(n: int, step: int) -> int:
    """Return the resolution of a log of n actions whose times are multiples of `step`."""
    if n < 30:
        return 1
    return next((unit for unit in (DAY, HOUR, MINUTE, SECOND) if step % unit == 0), 1)


def _little(array: NDArray[Any]) -> memoryview:
    """Return the bytes of an array, the lowest first; nothing is copied where they are so."""
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return array.view(np.uint8).data if len(array) else memoryview(b"")


def compact(codes: NDArray[np.int32], n: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Renumber codes without gaps: (new codes, old code of each new one); -1 stays -1."""
    present = np.zeros(n + 1, bool)  # the last place takes the -1
    for begin in range(0, len(codes), DIGESTED):
        present[codes[begin : begin + DIGESTED]] = True
    present[n] = False
    if present[:n].all():
        return codes, np.arange(n)
    number = np.cumsum(present, dtype=np.int32) - 1
    number[n] = -1
    (new,) = in_pieces(len(codes), [np.int32], lambda here: [number[codes[here]]], codes)
    return new, np.flatnonzero(present)
