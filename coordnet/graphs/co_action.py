"""Co-action graphs: who acts on the same objects within a short time of each other."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import made_in_parts
from coordnet.engine import at_work, current_engine
from coordnet.errors import CoordnetWarning, check_whole, one_of
from coordnet.frames import frozen
from coordnet.graphs.crowds import find_crowd
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.relation import Against, Relation, Trace
from coordnet.inference.edge_tests import TEST_BYTES, TestedEdges, co_action_tests
from coordnet.inference.statistics import WindowStatistics
from coordnet.kernels import actions as action_kernels
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import edges as edge_kernels
from coordnet.kernels import windows as window_kernels
from coordnet.kernels.crowds import Crowd
from coordnet.log.actions import ActionLog
from coordnet.log.windows import (
    Window,
    Within,
    check_kinds,
    longest,
    shortest,
    taking_part,
    window_of,
    window_text,
    windows_of_objects,
    written,
)
from coordnet.memory import (
    available_memory,
    check_budget,
    may_use_disk,
    memory_budget,
    stays_in_memory,
)
from coordnet.threads import equal_chunks, run_chunks
from coordnet.times import SECOND, Duration, duration_text

WEIGHTS: Mapping[str, str] = MappingProxyType(  # what each counts
    {
        "objects": "objects on which both acted within the window",
        "pairs": "pairs of actions within the window, repeats included",
    }
)
COLUMNS = ("source", "target", "objects", "pairs", "mean_delay", "first_share")  # of an edge
CHUNKS = 128  # enough for an even load and a moving progress bar, few enough to cost nothing
MOST_LIVE = 0.9  # share of actions that can add to an edge, above which looking again is no use
T = TypeVar("T")


@dataclass(frozen=True)
class CoAction(Relation):
    """Accounts that act on the same object within a window of each other.

    Parameters
    ----------
    window_us
        The window in microseconds, inclusive; or one for each kind of action, as a tuple of (kind,
        microseconds) in the order of the kinds. Kinds that it does not name are left out.

    Examples
    --------
    >>> import coordnet as cn
    >>> cn.CoAction((("retweet", 60_000_000), ("url", 600_000_000))).title
    'co-action within retweet 60s, url 10min'
    """

    name: ClassVar[str] = "co-action"
    on_objects: ClassVar[bool] = True
    meeting_joins: ClassVar[bool] = True
    window_us: Window

    @property
    def title(self) -> str:
        """The relation and its window."""
        return f"{self.name} within {window_text(self.window_us)}"

    def describe(self) -> dict[str, Any]:
        """Return the relation and its window."""
        return {"relation": self.name, "within": written(self.window_us)}

    def graph(
        self,
        log: ActionLog,
        *,
        weight: str | None = None,
        min_weight: int = 1,
        to_test: bool = False,
        threads: int | None = None,
    ) -> CoordinationGraph:
        """Build the graph of a log; see :func:`coordnet.co_action`."""
        weight = one_of("objects" if weight is None else weight, WEIGHTS, "weight")
        min_weight = check_min_weight(min_weight)
        part = self.part(log)
        finest = shortest(self.window_us, part.kinds)
        warn_of_coarse_times(part, finest, max(finest - 1, 1))
        engine = current_engine()
        edges = None if engine is None else engine.edges(log, self, weight, min_weight)
        if edges is None:
            edges = self._edges(log, part, weight, min_weight, to_test, threads)
        graph = CoordinationGraph(log.all_accounts, edges, self, weight, min_weight, log)
        graph.__dict__["log"] = part  # which it would make again
        return graph

    def _edges(
        self,
        log: ActionLog,
        part: ActionLog,
        weight: str,
        min_weight: int,
        to_test: bool,
        threads: int | None,
    ) -> dict[str, NDArray[Any]]:
        """Return the edge columns, made in one piece by this process."""
        need = min_weight if weight == "objects" else 1
        trace, n_accounts = self.trace(part), len(log.all_accounts)
        window = longest(self.window_us)
        shift = delay_shift(trace.account, trace.object, n_accounts, window)
        windows = find_windows(trace, n_accounts, need, crowds=True)
        walk = RowWalk(windows, windows.object, shift, min_weight, weight == "pairs", False)
        size = EDGE_BYTES + TEST_BYTES * to_test
        if not may_use_disk():
            check_memory(
                walk, threads, log=part, within=window_text(self.window_us), edge_bytes=size
            )
        columns = collect_edges(
            walk, threads, "co-actions",
            lambda: ("edges", log.fingerprint, repr(self), weight, str(min_weight)), size,
        )  # fmt: skip
        return dict(zip(COLUMNS, columns, strict=True))

    def part(self, log: ActionLog) -> ActionLog:
        """Return the actions of the kinds that have a window."""
        return taking_part(self.window_us, log)

    def trace(self, log: ActionLog) -> Trace:
        """Return the actions that take part."""
        log = self.part(log)
        return Trace(log.account, log.object, log.time, windows_of_objects(self.window_us, log))

    def statistics(
        self, log: ActionLog, against: Against, threads: int | None = None
    ) -> WindowStatistics:
        """Return what is counted of a log for the window."""
        return WindowStatistics(
            log,
            self.window_us,
            against.background,
            against.occasion_gap_us,
            None,
            threads,
        )

    def test(
        self,
        graph: CoordinationGraph,
        against: Against,
        statistics: WindowStatistics | None = None,
        threads: int | None = None,
    ) -> TestedEdges:
        """Test edges against the activity and the timing null."""
        if statistics is None:
            statistics = self.statistics(graph.log, against, threads)
        cleaned = statistics.uncleaned is not None and "p_timing" in graph.edges
        return co_action_tests(
            statistics, graph.edges["source"], graph.edges["target"], against.null or "both",
            strata=against.strata, correction=against.correction,
            before=graph.edges if cleaned else None, bounds=against.bounds, threads=threads,
        )  # fmt: skip


def co_action(
    log: ActionLog,
    within: Within = "60s",
    *,
    weight: str = "objects",
    min_weight: int = 1,
    memory: int | str | None = None,
    engine: Any = None,
    threads: int | None = None,
) -> CoordinationGraph:
    """Join the accounts that act on the same object within a short time of each other.

    Counting, which every other part of coordnet follows:

    - A *co-action* is two actions on the same object, of two different accounts, whose times
      differ by `within` or less: the bound is inclusive. Actions of one account never pair.
    - ``objects`` of an edge is the number of its *synchronised objects*: those with at least one
      co-action of the two accounts. ``pairs`` is the number of co-actions: an account that acts
      on one object again and again adds one for each partner action in the window.
    - Rows equal in account, object, time, kind and post were one action already in the log.
    - Objects of different kinds are different objects; a log of several kinds makes one graph.
    - Where each kind has a window of its own, co-actions of all these kinds add up. Kinds that are
      not named take no part: the graph is that of ``log.select(kinds)``.

    Parameters
    ----------
    log
        The actions.
    within
        The window: ``"60s"``, ``"10min"``, a number of seconds, or a `timedelta`. Or a window for
        each kind of action, ``{"retweet": "60s", "url": "10min"}``.
    weight
        ``"objects"`` or ``"pairs"``: which of the two counts is the weight of an edge. Both are
        kept.
    min_weight
        Edges of less weight are left out, before they cost memory.
    memory
        How much memory the graph may take, such as ``"2GB"``: what is more stands on disk, in the
        folder of $COORDNET_DISK, of temporary files, or of the log's store. It changes no byte of
        the result. None: three quarters of what is available, on disk beyond it where the log is a
        store, and else an error that says what to change.
    engine
        A Spark session that makes the edges, or an engine of ``coordnet.engines``; None for
        this machine. It changes no byte of the result.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    CoordinationGraph
        Undirected, with edge columns source, target (codes of `log`, source < target), objects,
        pairs, mean_delay (seconds, absolute) and first_share (share of co-actions in which the
        source came first, ties counting half).

    Raises
    ------
    ParameterError
        Where `within` is no window, or has one for a kind that the log does not have.

    Warns
    -----
    CoordnetWarning
        Where the clock of the log is no finer than the window: times in whole minutes make "60
        seconds" anything up to two minutes.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("election", accounts=300, seed=1).log
    >>> graph = cn.co_action(log, within="60s", min_weight=2)
    >>> graph.weight, graph.min_weight
    ('objects', 2)
    >>> cn.co_action(log, within={"retweet": "60s", "url": "10min"}).log.kinds
    ('retweet', 'url')
    """
    relation = CoAction(window_of(within))
    check_kinds(relation.window_us, log)
    with at_work(log, memory, engine, threads):
        return relation.graph(log, weight=weight, min_weight=min_weight, threads=threads)


def co_retweet(
    log: ActionLog,
    within: Duration = "60s",
    *,
    weight: str = "objects",
    min_weight: int = 1,
    memory: int | str | None = None,
    engine: Any = None,
    threads: int | None = None,
) -> CoordinationGraph:
    """Join the accounts that retweet the same posts within a short time: co_action on retweets.

    Parameters are those of :func:`co_action`, of which this is the graph on the actions of kind
    ``"retweet"``.

    Raises
    ------
    ParameterError
        Where the log has no actions of that kind, as when it was read without ``kind=``.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("election", accounts=300, seed=1).log
    >>> cn.co_retweet(log, within="60s").log.kinds
    ('retweet',)
    """
    return co_action(
        log.select("retweet"), within, weight=weight, min_weight=min_weight, memory=memory,
        engine=engine, threads=threads,
    )  # fmt: skip


def check_min_weight(min_weight: object) -> int:
    """Return a least weight as an `int`, after a check."""
    return check_whole(min_weight, "min_weight", 1, 2**62)


def warn_of_coarse_times(log: ActionLog, window: int, finest: int) -> None:
    """Warn where the clock of the log is coarser than `finest`, and so than the window allows."""
    if log.resolution > finest:
        warnings.warn(
            f"the times of the log are whole multiples of {duration_text(log.resolution)}, too "
            f"coarse for a window of {duration_text(window)}: actions up to "
            f"{duration_text(window + log.resolution)} apart can count as co-actions. Use a wider "
            "window or finer times.",
            CoordnetWarning,
            stacklevel=4,  # who called co_action or co_timing
        )


class Windows(NamedTuple):
    """The actions that can add to an edge, their windows, and each account's share of them."""

    account: NDArray[np.int32]
    object: NDArray[np.int32]
    time: NDArray[np.int64]
    low: NDArray[np.int32]
    high: NDArray[np.int32]
    indptr: NDArray[np.int64]
    positions: NDArray[np.int32]
    work: NDArray[np.int64]  # (own action, other action) pairs in the windows of each account
    crowd: Crowd | None = None  # accounts whose co-actions are counted in bulk


def delay_shift(
    account: NDArray[np.int32], object_: NDArray[np.int32], n_accounts: int, window: int
) -> int:
    """Return the shift with which delays are added up: in units of 2**shift us, mostly 0.

    No sum of them may pass 2**63. Two accounts have at most as many pairs of actions as the most
    actions of an account, times the most of an account on one object. This bound needs no windows,
    and is the same for a log and for its blocks of accounts.

    Parameters
    ----------
    account, object_
        The actions, sorted by object.
    n_accounts
        Number of account codes.
    window
        The longest window in microseconds.

    Cost: O(actions + accounts).
    """
    every, on_one = action_kernels.most_actions(account, object_, n_accounts)
    return max(0, (int(every) * int(on_one)).bit_length() + window.bit_length() - 62)


def find_windows(trace: Trace, n_accounts: int, need: int, crowds: bool = False) -> Windows:
    """Find the windows of all actions that can add to an edge of `need` synchronised objects.

    Actions that cannot are taken out first, as long as that makes the log much smaller: a viral
    object that most accounts share once costs nothing where two objects are needed.
    With `crowds`, which is for units that are objects, a crowd is looked for among the rest.
    """
    account, object_, time, window = trace
    while True:
        low, high = window_kernels.window_bounds(object_, time, window)
        live, count = window_kernels.live_actions(account, object_, low, high, n_accounts, need)
        if count > MOST_LIVE * len(account) or count == 0:
            break
        account, object_, time = (frozen(part[live]) for part in (account, object_, time))
    if count == 0:
        account, object_, time = account[:0], object_[:0], time[:0]
        low, high = low[:0], high[:0]
    return with_rows(Trace(account, object_, time, window), low, high, n_accounts, crowds)


def find_windows_across(
    trace: Trace, split: int, n_accounts: int, need: int, crowds: bool = False
) -> Windows:
    """Find the windows of actions of some accounts among those of others, and the other way round.

    As :func:`find_windows`, and the edges that are then counted are those between the two.

    Parameters
    ----------
    trace
        The actions of the one, sorted, then those of the other, sorted.
    split
        How many actions the one has.
    n_accounts, need, crowds
        As in :func:`find_windows`.
    """
    account, object_, time, window = trace
    while True:
        low, high = window_kernels.window_bounds_across(object_, time, window, split)
        live, count = window_kernels.live_actions_across(
            account, object_, low, high, n_accounts, need
        )
        if count > MOST_LIVE * len(account) or count == 0:
            break
        split = int(np.count_nonzero(live[:split]))
        account, object_, time = (frozen(part[live]) for part in (account, object_, time))
    if count == 0:
        account, object_, time = account[:0], object_[:0], time[:0]
        low, high = low[:0], high[:0]
        split = 0
    trace = Trace(account, object_, time, window)
    return with_rows(trace, low, high, n_accounts, crowds, account[:split])


def with_rows(
    trace: Trace,
    low: NDArray[np.int32],
    high: NDArray[np.int32],
    n_accounts: int,
    crowds: bool,
    one: NDArray[np.int32] | None = None,
) -> Windows:
    """Return windows with each account's share of them, and a crowd where one is asked for.

    With `one`, the accounts of one side, pairs of accounts are across only.
    """
    indptr, positions = array_kernels.group_by_code(trace.account, n_accounts)
    work = window_kernels.row_work(indptr, positions, low, high)
    crowd = find_crowd(trace, low, high, n_accounts, one) if crowds else None
    return Windows(*trace[:3], low, high, indptr, positions, work, crowd)


class EdgeRows:
    """Where the rows of one thread are written: blocks of columns, filled one after the other.

    A row that might not fit into the rest of a block goes into the next one. What is allocated
    and not written to costs no memory, so blocks are large: so large that the system takes back
    each column of a block as soon as it is freed.
    """

    names = ("target", "count", "pairs", "mean_delay", "first_share", "count_back")
    all_dtypes = ("i4", "i4", "i8", "f8", "f8", "i4")
    block = 1 << 23

    def __init__(self, n_accounts: int, both: bool, size: int) -> None:
        self.table = np.zeros(n_accounts, np.uint64)
        self.dtypes = self.of(both)
        self.open(size)

    @classmethod
    def of(cls, both: bool) -> tuple[str, ...]:
        """Return the types of the columns."""
        return cls.all_dtypes if both else cls.all_dtypes[:-1]

    def open(self, size: int) -> None:
        """Begin a new block."""
        self.columns = [np.empty(size, dtype) for dtype in self.dtypes]
        self.taken = 0


class RowWalk:
    """The walk of the row kernel over all accounts, in chunks of equal work.

    Parameters
    ----------
    windows
        The actions and their windows.
    unit
        What is counted once for a pair of accounts, by position: int32, ascending.
    shift, min_weight, by_pairs
        As in :func:`coordnet.kernels.edges.co_action_rows`.
    both
        Whether to count the units of the target too, in a last column.
    """

    def __init__(
        self,
        windows: Windows,
        unit: NDArray[np.int32],
        shift: int,
        min_weight: int,
        by_pairs: bool,
        both: bool,
    ) -> None:
        work = windows.work
        self.windows, self.unit, self.both = windows, unit, both
        self.shift, self.min_weight, self.by_pairs = shift, min_weight, by_pairs
        self.borders = equal_chunks(work, CHUNKS)
        self.weights = np.add.reduceat(work, self.borders[:-1]) if len(work) else None
        self.row_edges = np.zeros(len(work), np.int64)
        self.crowd = windows.crowd if shift == 0 else None
        # room that any one row may ask for
        self.widest = min(int(work.max(initial=0)) // min_weight, len(work))

    def run(
        self,
        chunk: Callable[[EdgeRows, int, int], T],
        size: int,
        threads: int | None,
        label: str,
    ) -> list[T]:
        """Call ``chunk(own, first, last)`` for each chunk of rows, on blocks of `size`."""
        borders = self.borders
        return run_chunks(
            lambda own, i: chunk(own, int(borders[i]), int(borders[i + 1])),
            len(borders) - 1,
            threads=threads,
            scratch=lambda: EdgeRows(len(self.windows.work), self.both, size),
            weights=self.weights,
            label=label,
        )

    def fill(self, own: EdgeRows, row: int, last: int) -> int:
        """Write the rows row..last-1 as far as they fit and return the first one that is not."""
        windows = self.windows
        done, own.taken = edge_kernels.co_action_rows(
            windows.account, self.unit, windows.time, windows.low, windows.high,
            windows.indptr, windows.positions, row, last, self.min_weight, self.by_pairs,
            self.shift, 1 / SECOND, own.table, self.row_edges, own.taken, *own.columns,
            *(() if self.both else (None,)), self.crowd,
        )  # fmt: skip
        return int(done)


def collect_edges(
    walk: RowWalk,
    threads: int | None,
    label: str,
    key: Callable[[], Sequence[bytes | str]] = tuple,
    edge_bytes: int = 0,
) -> list[NDArray[Any]]:
    """Run the row kernel over all accounts and return source and the columns of all edges.

    Parameters
    ----------
    walk
        What is counted.
    threads, label
        As in :func:`~coordnet.threads.run_chunks`.
    key
        Gives all that the edges depend on, for those that are made in parts on disk.
    edge_bytes
        Memory that an edge takes, with all that the caller will do with it.
    """
    block = max(min(EdgeRows.block, 2 * most_edges(walk.windows, walk.min_weight)), walk.widest)
    if may_use_disk():
        return _edges_in_parts(walk, block, threads, label, key, edge_bytes)

    def chunk(own: EdgeRows, row: int, last: int) -> list[list[NDArray[Any]]]:
        parts = []
        while row < last:
            begin = own.taken
            row = walk.fill(own, row, last)
            parts.append([column[begin : own.taken] for column in own.columns])
            if row < last:
                own.open(block)
        return parts

    parts = [part for of_chunk in walk.run(chunk, block, threads, label) for part in of_chunk]
    starts = np.cumsum([0, *(len(part[0]) for part in parts)]).tolist()
    columns = [np.empty(starts[-1], dtype) for dtype in EdgeRows.of(walk.both)]

    groups = np.array_split(np.arange(len(parts)), 16)

    def move(_: None, i: int) -> None:
        """Move some parts of a column to their places; what they stood in is freed."""
        c, group = divmod(i, len(groups))
        for p in groups[group].tolist():
            columns[c][starts[p] : starts[p + 1]] = parts[p][c]
            parts[p][c] = parts[p][c][:0].copy()

    run_chunks(move, len(columns) * len(groups), threads=threads)
    source = np.repeat(np.arange(len(walk.row_edges), dtype=np.int32), walk.row_edges)
    return [source, *columns]


def _edges_in_parts(
    walk: RowWalk,
    block: int,
    threads: int | None,
    label: str,
    key: Callable[[], Sequence[bytes | str]],
    edge_bytes: int,
) -> list[NDArray[Any]]:
    """Do the same chunk by chunk, each of them written to disk before the next one is begun."""

    def make(own: EdgeRows, i: int) -> list[NDArray[Any]]:
        row, last = first, end = int(walk.borders[i]), int(walk.borders[i + 1])
        parts = []
        own.taken = 0
        while row < last:
            row = walk.fill(own, row, last)
            parts.append([column[: own.taken] for column in own.columns])
            if row < last:
                own.open(block)
        accounts = np.arange(first, end, dtype=np.int32)
        source = np.repeat(accounts, walk.row_edges[first:end])
        return [source, *(np.concatenate(column) for column in zip(*parts, strict=True))]

    types = dict(zip(EdgeRows.names, EdgeRows.of(walk.both), strict=False))
    parts = made_in_parts(
        key, len(walk.borders) - 1, {"source": "i4", **types}, make, threads=threads,
        scratch=lambda: EdgeRows(len(walk.windows.work), walk.both, block),
        weights=walk.weights, label=label,
    )  # fmt: skip
    return parts.all(fits=stays_in_memory(int(parts.starts[-1]) * edge_bytes))


# -- memory ------------------------------------------------------------------------------------

EDGE_BYTES = 44  # that an edge takes while it is made, with what is counted in both directions
COUNTED = 1 << 18  # edges of the block in which rows are counted and written over


def most_edges(windows: Windows, min_weight: int) -> int:
    """Return an upper bound of the number of edges, from the sizes of the windows alone.

    Each co-action of two accounts is in a window of either, and an edge has `min_weight` of them
    or more, and an account has an edge to every other one at most.

    Cost: O(accounts).
    """
    work = windows.work
    acting = int((work > 0).sum())
    return int(np.minimum(work // min_weight, max(acting - 1, 0)).sum()) // 2


def count_edges(walk: RowWalk, threads: int | None, most: int) -> int:
    """Count the edges that a walk would make, and keep none; stop above `most`.

    Cost: that of making them, without the memory.
    """
    counted: list[int] = []

    def chunk(own: EdgeRows, row: int, last: int) -> None:
        while row < last and sum(counted) <= most:
            own.taken = 0
            row = walk.fill(own, row, last)
            counted.append(own.taken)

    walk.run(chunk, max(COUNTED, 4 * walk.widest), threads, "counting edges")
    return sum(counted)


def check_memory(
    walk: RowWalk,
    threads: int | None,
    *,
    within: str,
    log: ActionLog | None = None,
    edge_bytes: int = EDGE_BYTES,
    memory: int | None = None,
) -> None:
    """Raise an error where the edges would take more memory than there is, before any is made.

    Where the bound of :func:`most_edges` is within the budget that costs nothing; else the edges
    are counted.

    Parameters
    ----------
    walk
        What is counted.
    threads
        Number of threads; None means all processors.
    within
        The window, as the error tells it.
    log
        The log whose objects the error names; None where they are not what is shared.
    edge_bytes
        Memory that an edge takes, with all that the caller will do with it.
    memory
        Bytes that are available; None asks the system.

    Raises
    ------
    MemoryBudgetError
        With the number of edges, their memory, and what to change.
    """
    memory = available_memory() if memory is None else memory
    most = memory_budget(memory) // edge_bytes
    windows = walk.windows
    bound = most_edges(windows, walk.min_weight)
    if bound <= most:
        return
    if count_edges(walk, threads, most) <= most:
        return
    remedies = [
        f"a higher min_weight= (it is {walk.min_weight})",
        f"a shorter window (it is {within})",
    ]
    if log is not None:
        met = np.bincount(windows.object, windows.high - windows.low, log.n_objects)
        top = np.argsort(-met, kind="stable")[:3]
        names = [log.object_labels[int(o)].as_py() for o in top if met[o]]
        remedies.append(
            "a log without the objects on which most accounts meet: "
            f"log.exclude(objects=[{', '.join(map(shortened, names))}])"
        )
    check_budget(
        bound * edge_bytes,
        f"{most + 1:,} to {bound:,} edges",
        f"Use {', '.join(remedies[:-1])}, or {remedies[-1]}.",
        memory,
    )


def shortened(label: str, most: int = 60) -> str:
    """Return a label in quotes, cut where it is long."""
    return repr(label if len(label) <= most else f"{label[: most - 1]}\N{HORIZONTAL ELLIPSIS}")
