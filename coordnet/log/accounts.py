"""Accounts: the labels behind the codes, one object for a log, its parts, graphs and clusters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.errors import ParameterError, listed
from coordnet.frames import strings
from coordnet.frozen import Frozen
from coordnet.log.labels import LABELS


@dataclass(frozen=True, eq=False, repr=False)
class Accounts(Frozen):
    """The accounts that codes stand for: code c is the account ``labels[c]``.

    A log shares them with its parts, its time slices, and every graph and cluster made of any of
    these, so that a code means the same account everywhere.

    Attributes
    ----------
    labels : pyarrow.LargeStringArray (n,)
        Distinct, in byte order.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("election", accounts=300, seed=1).log
    >>> log.select("url").all_accounts is log.all_accounts
    True
    """

    labels: pa.LargeStringArray

    @classmethod
    def of(cls, labels: Iterable[Any]) -> Accounts:
        """Return the accounts with these labels, in whatever order and however often."""
        names = sorted({str(label) for label in labels}, key=str.encode)
        return cls(pa.array(names, LABELS))

    @cached_property
    def names(self) -> NDArray[np.object_]:
        """The labels as a read-only array of str (n,)."""
        return strings(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    @overload
    def __getitem__(self, codes: int | np.integer[Any]) -> str: ...
    @overload
    def __getitem__(self, codes: NDArray[Any] | slice) -> NDArray[np.object_]: ...
    def __getitem__(self, codes: Any) -> Any:
        return self.names[codes]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Accounts):
            return NotImplemented
        return self is other or self.labels.equals(other.labels)

    def __hash__(self) -> int:
        return hash((len(self), *self.labels[:1].to_pylist()))

    def positions_of(self, labels: pa.Array) -> NDArray[np.int32]:
        """Return the code of each label, in their order, -1 where it is none of these: int32."""
        found = pc.fill_null(pc.index_in(labels, value_set=self.labels), -1)
        codes: NDArray[np.int32] = found.to_numpy(zero_copy_only=False).astype(np.int32)
        return codes

    def codes_of(self, labels: Iterable[Any], missing: str = "error") -> NDArray[np.int32]:
        """Return the codes of the accounts with these labels, each once, ascending: int32.

        Parameters
        ----------
        labels
            Labels, of any type that is written as they were read.
        missing
            ``"error"`` or ``"ignore"``: what to do with a label that is none of these.
        """
        if isinstance(labels, str):
            raise ParameterError(f"{labels!r} is one label; give a list of labels, [{labels!r}].")
        names = list(dict.fromkeys(str(label) for label in labels))
        found = self.positions_of(pa.array(names, LABELS))
        absent = [name for name, code in zip(names, found, strict=True) if code < 0]
        if absent and missing == "error":
            raise ParameterError(
                f"{len(absent)} of the {len(names)} accounts named are not among the "
                f"{len(self):,} known: {listed(map(repr, absent), most=5)}; check that labels are "
                "written as they were read."
            )
        return np.sort(found[found >= 0])

    def __repr__(self) -> str:
        return f"Accounts: {len(self):,} ({listed(self.labels[:3].to_pylist())}, ...)"
