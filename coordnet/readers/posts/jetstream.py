"""Bluesky's Jetstream: JSON lines of events of the firehose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from coordnet.readers.bluesky import GIVES, LIKE, POST, REPOST, author_of, post_fields
from coordnet.readers.formats import Row, at, records

DAY = 86_400_000_000


def _rows(event: Any) -> Iterator[Row]:
    commit = event.get("commit") or {}
    collection, record = commit.get("collection"), commit.get("record")
    if commit.get("operation") != "create" or not isinstance(record, dict):
        return  # what is deleted or changed, and news of accounts
    if collection not in (POST, REPOST, LIKE):
        return
    row: Row = {"account": event.get("did"), "seen": event.get("time_us")}
    row["post"] = f"at://{event.get('did')}/{collection}/{commit.get('rkey')}"
    if collection == POST:
        row.update(post_fields(record))
    else:
        field = "retweeted" if collection == REPOST else "liked"
        row["time"] = record.get("createdAt")
        row[field] = at(record, "subject", "uri")
        row[f"{field}_author"] = author_of(row[field])
    yield row


def _told(table: pa.Table) -> tuple[pa.Table, list[str]]:
    """Say where the server saw events long after they were written, or before."""
    if "seen" not in table.column_names:
        return table, []
    seen, written = table["seen"], table["time"]
    known = pc.and_(pc.is_valid(seen), pc.is_valid(written)).to_numpy()
    late = pc.fill_null(seen, 0).to_numpy() - pc.fill_null(written, 0).to_numpy()
    notes = []
    replayed = int((known & (late > DAY)).sum())
    if replayed:
        notes.append(
            f"{replayed:,} of {int(known.sum()):,} events were seen by the server more than a day "
            "after they were written: a replay, or clients with dates of their own. Times are "
            "those that the clients wrote (createdAt), not the server's"
        )
    ahead = int((known & (late < -DAY)).sum())
    if ahead:
        notes.append(f"{ahead:,} events bear a time more than a day after the server saw them")
    return table, notes


FORMAT = records(
    "jetstream",
    "Bluesky Jetstream",
    _rows,
    gives=(*GIVES, "liked", "liked_author", "seen"),
    marks=[("did", "time_us", "kind"), ("did", "time_us", "commit.collection", "commit.rkey")],
    units={"seen": "us"},
    checked=_told,
)
