"""How a format of an export is declared, found and told apart from others.

Each file of :mod:`coordnet.readers.posts` declares one format, as :func:`table` or
:func:`records`. What a format declares is all that the reader knows of it.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.errors import InputError, ParameterError, listed, one_of
from coordnet.frozen import ReadOnly
from coordnet.log.labels import LABELS
from coordnet.readers.columns import as_chunked
from coordnet.readers.loaded import shown

LISTS = pa.list_(LABELS)
# Fields of a post, in the order of the columns: type, and what they hold
FIELDS: Mapping[str, tuple[pa.DataType, str]] = ReadOnly(
    {
        "account": (LABELS, "who posted: a lasting id where the export has one"),
        "handle": (LABELS, "the account's name in addresses, such as @handle without the @"),
        "post": (LABELS, "id of the post"),
        "time": (pa.int64(), "microseconds since 1970, UTC"),
        "text": (LABELS, "the text; of a retweet the original's, whole where the export has it"),
        "language": (LABELS, "as the platform tells it"),
        "links": (LISTS, "addresses linked, expanded where the export has them so"),
        "hashtags": (LISTS, "hashtags in their order, without the #"),
        "mentions": (LISTS, "accounts mentioned: handles on X, ids elsewhere"),
        "media": (LISTS, "ids or addresses of images, videos and sounds"),
        "retweeted": (LABELS, "id of the post that is passed on: retweet, repost, boost, forward"),
        "retweeted_author": (LABELS, "who wrote it: id, else handle"),
        "retweeted_time": (pa.int64(), "when it was posted: microseconds since 1970, UTC"),
        "quoted": (LABELS, "id of the post that is quoted"),
        "quoted_author": (LABELS, "who wrote it: id, else handle"),
        "quoted_links": (LISTS, "addresses linked in the post that is quoted"),
        "replied": (LABELS, "id of the post that is answered"),
        "replied_author": (LABELS, "who wrote it: id, else handle"),
        "liked": (LABELS, "id of the post that is liked"),
        "liked_author": (LABELS, "who wrote it: id, else handle"),
        "seen": (pa.int64(), "when the collector saw it: microseconds since 1970, UTC"),
        "name": (LABELS, "the account's display name"),
        "description": (LABELS, "the account's description of itself"),
        "location": (LABELS, "where the account says that it is"),
        "created": (pa.int64(), "when the account was created: microseconds since 1970, UTC"),
        "followers": (pa.int64(), "accounts that follow the account"),
        "following": (pa.int64(), "accounts that the account follows"),
        "posts": (pa.int64(), "posts of the account so far"),
        "verified": (pa.bool_(), "whether the platform calls the account verified"),
    }
)
TIMES = tuple(name for name in FIELDS if name in ("time", "retweeted_time", "seen", "created"))
IDS = (
    "account", "post", "retweeted", "retweeted_author", "quoted", "quoted_author", "replied",
    "replied_author", "liked", "liked_author",
)  # fmt: skip
PROFILE = (
    "handle", "name", "description", "location", "created", "followers", "following", "posts",
    "verified",
)  # fmt: skip
# What exports of X's own interfaces have
X_FIELDS = tuple(name for name in FIELDS if name not in ("liked", "liked_author", "seen"))

Row: TypeAlias = dict[str, Any]
Column: TypeAlias = "pa.Array | pa.ChunkedArray | list[Any] | None"


@dataclass(frozen=True)
class Format:
    """A format of an export.

    Attributes
    ----------
    name
        What `format=` takes.
    title
        What it is, in words.
    marks
        Alternatives; a file is of this format where all fields of one of them are there. Of
        formats that fit, the one with more marks wins.
    cells
        For tables: what each field is made of.
    read
        For records: gives the posts of one JSON value, each as a mapping of fields.
    decode
        For records: JSON bytes to what `read` takes.
    gives
        For records: fields that the export has, even where a file happens to hold none.
    units
        Units (``"s"``, ``"ms"``) or strptime formats of the times, by field; a time without one is
        ISO 8601 or Twitter's.
    absent
        What cannot be known from this export, by trace.
    checked
        Called with the assembled table; gives it back, mended, with what to say in the log.
    """

    name: str
    title: str
    marks: tuple[tuple[str, ...], ...]
    cells: Mapping[str, Cell] = field(default_factory=ReadOnly)
    read: Callable[[Any], Iterable[Row]] | None = None
    decode: Callable[[bytes], Any] = msgspec.json.decode
    gives: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=ReadOnly)
    absent: Mapping[str, str] = field(default_factory=ReadOnly)
    checked: Callable[[pa.Table], tuple[pa.Table, list[str]]] | None = None

    @property
    def is_table(self) -> bool:
        """Whether it is one of rows and columns, not of JSON records."""
        return self.read is None

    def fit(self, fields: set[str]) -> tuple[float, int]:
        """Return the largest share of the marks of an alternative that is there, and how many."""
        return max(
            ((sum(m in fields for m in marks) / len(marks), len(marks)) for marks in self.marks),
            default=(0.0, 0),
        )


class Cells:
    """Columns of a piece of a table by name, each made when it is asked for."""

    def __init__(self, names: Iterable[str], rows: int, column: Callable[[str], Any]) -> None:
        self._names = frozenset(names)
        self._rows = rows
        self._column = column

    def __len__(self) -> int:
        return self._rows

    def get(self, *names: str) -> pa.ChunkedArray | None:
        """Return the first of these columns that is there, None where none is."""
        name = next((n for n in names if n in self._names), None)
        return None if name is None else as_chunked(self._column(name))

    def texts(self, *names: str) -> list[str | None]:
        """Return the first of these columns that is there as texts, blanks as None."""
        column = self.get(*names)
        if column is None:
            return [None] * len(self)
        if is_text(column.type):
            return [v or None for v in column.to_pylist()]
        return [
            None if str(v) in ("", "None", "nan", "NaT") else str(v) for v in column.to_pylist()
        ]


def is_text(kind: pa.DataType) -> bool:
    """Return whether an Arrow type is one of texts."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def is_list(kind: pa.DataType) -> bool:
    """Return whether an Arrow type is one of lists."""
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_list_view(kind)
    )


Cell: TypeAlias = "str | tuple[str, ...] | Callable[[Cells], Column]"


def table(
    name: str,
    title: str,
    *,
    marks: Sequence[Sequence[str]],
    cells: Mapping[str, Cell],
    units: Mapping[str, str] | None = None,
    absent: Mapping[str, str] | None = None,
    checked: Callable[[pa.Table], tuple[pa.Table, list[str]]] | None = None,
) -> Format:
    """Declare a format of rows and columns: each field a column, the first of several, or a rule.

    The parameters are the attributes of :class:`Format`.
    """
    return Format(
        name, title, tuple(map(tuple, marks)), cells=ReadOnly(cells), units=ReadOnly(units),
        absent=ReadOnly(absent), checked=checked,
    )  # fmt: skip


def records(
    name: str,
    title: str,
    read: Callable[[Any], Iterable[Row]],
    *,
    marks: Sequence[Sequence[str]],
    gives: Sequence[str],
    decode: Callable[[bytes], Any] = msgspec.json.decode,
    units: Mapping[str, str] | None = None,
    absent: Mapping[str, str] | None = None,
    checked: Callable[[pa.Table], tuple[pa.Table, list[str]]] | None = None,
) -> Format:
    """Declare a format of JSON records: a function from one record to its posts.

    The parameters are the attributes of :class:`Format`.
    """
    return Format(
        name, title, tuple(map(tuple, marks)), read=read, decode=decode, gives=tuple(gives),
        units=ReadOnly(units), absent=ReadOnly(absent), checked=checked,
    )  # fmt: skip


@cache
def formats() -> Mapping[str, Format]:
    """Return every format by its name: those that the files of the folder declare.

    Examples
    --------
    >>> formats()["x-v2"].title
    'X API v2'
    """
    from coordnet.readers import posts

    found = {}
    for module in pkgutil.iter_modules(posts.__path__, f"{posts.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Format):
                found[value.name] = value
    return ReadOnly(dict(sorted(found.items())))


def named(name: object) -> Format:
    """Return the format of this name."""
    if not isinstance(name, str):
        raise ParameterError(f"format={shown(name, 60)} is not the name of a format.")
    return formats()[one_of(name, formats(), "format")]


def recognised(fields: set[str], columns: bool, source: str) -> Format:
    """Return the one format that these fields tell.

    Parameters
    ----------
    fields
        Names of columns, or of the fields of records, inner ones as ``outer.inner``.
    columns
        Whether they are columns; records may have the fields of a table too.
    source
        The file, for errors.

    Raises
    ------
    InputError
        Where no format fits, or two fit alike; it names the nearest.
    """
    fits = sorted(
        ((*f.fit(fields), f.name) for f in formats().values() if f.is_table or not columns),
        key=lambda fit: (-fit[0], -fit[1], fit[2]),
    )
    whole = [fit for fit in fits if fit[0] == 1]
    if whole and (len(whole) == 1 or whole[0][1] > whole[1][1]):
        return formats()[whole[0][2]]
    kind = "columns" if columns else "fields"
    seen = listed((shown(f, 30) for f in sorted(fields)), 12)
    if whole:
        alike = listed(repr(name) for _, n, name in whole if n == whole[0][1])
        raise InputError(
            f"{source} fits several formats: {alike}; say which with format=. Its {kind}: {seen}."
        )
    near = [f"{name!r} ({share:.0%} of its marks)" for share, _, name in fits[:3] if share > 0]
    raise InputError(
        f"{source} is of no format that is known. The nearest: {listed(near)}. Its {kind}: {seen}. "
        "Say which with format=, or name the columns with columns="
        '{"account": ..., "time": ..., "text": ...}.'
    )


# -- what the formats share ----------------------------------------------------------------------


def at(value: Any, *keys: str) -> Any:
    """Return what stands at these keys of nested mappings, None where there is nothing.

    >>> at({"a": {"b": 1}}, "a", "b"), at({"a": None}, "a", "b")
    (1, None)
    """
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def id_text(value: Any) -> str | None:
    """Return an id as text; what a float has rounded stays as it is written, to be refused.

    >>> id_text(12), id_text(12.0), id_text(1.2345678901234568e18), id_text("")
    ('12', '12', '1.2345678901234568e+18', None)
    """
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def first(*values: Any) -> Any:
    """Return the first of the values that is not None or blank."""
    return next((v for v in values if v is not None and v != ""), None)


def texts_of(values: Any, *keys: str) -> list[str]:
    """Return the texts at these keys of each of a list of mappings, blanks left out."""
    found = (at(value, *keys) if keys else value for value in values or ())
    return [str(text) for text in found if text is not None and text != ""]


def split_by(name: str | tuple[str, ...], by: str) -> Callable[[Cells], Column]:
    """Return a rule for a column of lists written with a separator."""
    names = (name,) if isinstance(name, str) else name

    def rule(cells: Cells) -> Column:
        column = cells.get(*names)
        if column is None:
            return None
        if is_list(column.type):
            return column
        column = pc.fill_null(column.cast(LABELS), "")
        parts = pc.split_pattern(column, by)
        return [[p for v in row if (p := v.strip())] for row in parts.to_pylist()]

    return rule


# One item of a list as Python, JSON or R print it: in quotes, or bare up to the next comma
_ITEM = re.compile(
    r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,\[\]]+))\s*(?:,|$)""", re.S
)
_ESCAPED = re.compile(r"\\(.)", re.S)


def printed_list(text: str | None) -> list[str]:
    r"""Return the items of a list that was printed, in quotes or without.

    >>> printed_list("['a', \"it's\"]"), printed_list("[a, b c]"), printed_list("[]")
    (['a', "it's"], ['a', 'b c'], [])
    """
    if text is None:
        return []
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1].strip()
    if not text or text.lower() in ("nan", "none", "null"):
        return []
    items = []
    for single, double, bare in _ITEM.findall(text):
        item = _ESCAPED.sub(r"\1", single or double) if single or double else bare.strip()
        if item:
            items.append(item)
    return items


def printed(*names: str) -> Callable[[Cells], Column]:
    """Return a rule for a column of lists as they are printed; see :func:`printed_list`."""

    def rule(cells: Cells) -> Column:
        column = cells.get(*names)
        if column is None:
            return None
        if is_list(column.type):
            return column
        return [printed_list(v) for v in cells.texts(*names)]

    return rule


def json_of(text: str | None) -> Any:
    """Return the JSON value in a cell, None where there is none or it cannot be read."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None


def each(rule: Callable[..., Any], *columns: str) -> Callable[[Cells], Column]:
    """Return a rule that makes each value of the texts in these columns of the same row."""

    def made(cells: Cells) -> Column:
        if all(cells.get(name) is None for name in columns):
            return None
        return [rule(*row) for row in zip(*(cells.texts(c) for c in columns), strict=True)]

    return made


_LINK = re.compile(r"""(?<![\w@/])(?:https?://|www\.)[^\s<>"'“”‘’»«\]\)\}]+""", re.I)
_TAG = re.compile(r"(?<![\w&/#＃])[#＃](\w*[^\W\d_]\w*)")
_MENTION = re.compile(r"(?<![\w@/])@(\w{1,30})")


def links_in(text: str | None) -> list[str]:
    """Return the links in a text; those cut off by an ellipsis are none.

    >>> links_in("see https://a.example/b, and http://t.co/x…")
    ['https://a.example/b']
    """
    if not text or "." not in text:
        return []
    found = [link.rstrip(".,;:!?") for link in _LINK.findall(text)]
    return [link for link in found if "…" not in link]


def hashtags_in(text: str | None) -> list[str]:
    """Return the hashtags in a text, without the #.

    >>> hashtags_in("#AfD, ＃選挙 and #1")
    ['AfD', '選挙']
    """
    return _TAG.findall(text) if text and ("#" in text or "＃" in text) else []


def mentions_in(text: str | None) -> list[str]:
    """Return the handles mentioned in a text.

    >>> mentions_in("@ann and mail@host")
    ['ann']
    """
    return _MENTION.findall(text) if text and "@" in text else []


_TRUE, _FALSE = ("true", "1", "yes", "t", "1.0"), ("false", "0", "no", "f", "0.0")


def truth(value: Any) -> bool | None:
    """Return a truth value however it is written, None where it is none.

    >>> truth("True"), truth(0), truth("no"), truth("")
    (True, False, False, None)
    """
    text = str(value).strip().lower()
    return True if text in _TRUE else False if text in _FALSE else None


def whole(value: Any) -> int | None:
    """Return a whole number however it is written, None where it is none.

    >>> whole("1,234"), whole(3.0), whole("12.0"), whole("many")
    (1234, 3, 12, None)
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return value if abs(value) < 2**63 else None
    try:
        number = float(str(value).replace(",", ""))
    except ValueError:
        return None
    return int(number) if abs(number) < 2**53 else None


SNOWFLAKE = 1_288_834_974_657  # milliseconds at which the ids of X begin to carry their time
_FIRST, _SECOND, _MINUTE = 29_700_000_000, 1_000_000, 60_000_000


def snowflake_time(ids: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return the time that each id of X carries, in microseconds UTC; 0 where it carries none.

    (id >> 22) + 1288834974657 milliseconds since 1970; ids from before November 2010 are counted.
    """
    number = pc.if_else(pc.match_substring_regex(ids, r"^\d{11,19}$"), ids, "0")
    value = pc.fill_null(number, "0").cast(pa.uint64()).to_numpy().astype(np.int64)
    time = ((value >> 22) + SNOWFLAKE) * 1_000
    return np.where(value >= _FIRST, time, 0)


def with_snowflake_times(table: pa.Table) -> tuple[pa.Table, list[str]]:
    """Take times to the millisecond out of the ids of X where the export has minutes only.

    The time of an id is taken where it lies in the minute that is written, and for posts passed on
    where it is not later than the post.
    """
    notes = []
    written = pc.fill_null(table["time"], 0).to_numpy()
    if "post" in table.column_names:
        exact = snowflake_time(table["post"])
        fits = (exact > 0) & (exact // _MINUTE == written // _MINUTE)
        time = pa.array(np.where(fits, exact, written), mask=pc.is_null(table["time"]).to_numpy())
        table = table.set_column(table.column_names.index("time"), "time", time)
        notes.append(
            f"{int(fits.sum()):,} of {len(fits):,} times were taken from the ids of the posts, to "
            "the millisecond; the export has minutes"
        )
        if not fits.all():
            notes.append(f"{int((~fits).sum()):,} times stay as written, whole minutes")
    table, more = with_original_times(table)
    return table, notes + more


def with_original_times(table: pa.Table) -> tuple[pa.Table, list[str]]:
    """Take the times of posts passed on out of their ids on X where the export has none."""
    if "retweeted" not in table.column_names:
        return table, []
    known = table["retweeted_time"] if "retweeted_time" in table.column_names else None
    exact = snowflake_time(table["retweeted"])
    time = pc.fill_null(table["time"], 0).to_numpy()
    if not (time % _SECOND).any():  # a post is not earlier than what it passes on
        exact -= exact % _SECOND
    later = exact > time
    ids = pa.array(exact, mask=(exact == 0) | later)
    filled = ids if known is None else pc.coalesce(known, ids)
    number = (len(table) if known is None else known.null_count) - filled.null_count
    if not number:
        return table, []
    if known is None:
        table = table.append_column("retweeted_time", filled)
    else:
        table = table.set_column(
            table.column_names.index("retweeted_time"), "retweeted_time", filled
        )
    return table, [f"{number:,} times of posts passed on were taken from their ids"]


def fields_of(value: Any, depth: int = 4, before: str = "") -> Iterator[str]:
    """Give the names of the fields of a record, inner ones as outer.inner, in lists too.

    A mapping from numbers is taken as a list.
    """
    if isinstance(value, list):
        for item in value[:3]:
            yield from fields_of(item, depth, before)
    elif isinstance(value, dict) and value and all(key.lstrip("-").isdigit() for key in value):
        yield from fields_of(list(value.values()), depth, before)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield before + key
            if depth > 1:
                yield from fields_of(inner, depth - 1, f"{before}{key}.")
