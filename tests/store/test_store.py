"""A store is the log that reading gives, whatever it is written from and in how many pieces."""

import copy
import gzip
import json
import os
import pickle
import re
import subprocess
import sys
from itertools import pairwise

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import coordnet as cn
from coordnet.blocks.blocks import block_of
from coordnet.errors import InputError, OutputError, ParameterError
from coordnet.log.actions import ActionLog
from coordnet.readers import times
from coordnet.store import folder as folders
from coordnet.store import merging, runs, write
from coordnet.store.counted import COUNTED
from coordnet.store.files import BlockFiles

NAMES = {"account": "who", "object": "what", "time": "at"}
MEMORY = 1_000_000_000


@pytest.fixture(autouse=True, scope="module")
def _no_waiting():
    """Neither wait for the disk nor make many files: most of the time of a small write."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "to_disk", lambda _: None)
        patch.setattr(write, "BLOCKS", 5)
        yield


@pytest.fixture
def tiny(monkeypatch):
    """Make stretches of five rows, and merge 100 bytes of labels and 20 actions at a time."""
    monkeypatch.setattr(runs, "PIECE", 5)
    monkeypatch.setattr(write, "STRETCH", MEMORY)
    monkeypatch.setattr(write, "LABEL_SHARE", MEMORY // 100)
    monkeypatch.setattr(write, "ACTION_BYTES", MEMORY // 20)


def check_equal(store, log, but=()):
    """Compare every array and every fact of two logs."""
    for name in ("account", "object", "time", "row", "object_kind", "folded"):
        own, other = getattr(store, name), getattr(log, name)
        assert (own is None) == (other is None), name
        if own is not None:
            assert own.dtype == other.dtype, name
            assert own.tolist() == other.tolist(), name
            assert not own.flags.writeable, name
    assert store.all_accounts.labels.to_pylist() == log.all_accounts.labels.to_pylist()
    assert store.object_labels.to_pylist() == log.object_labels.to_pylist()
    for name in ("post", "text"):
        own, other = getattr(store, name), getattr(log, name)
        assert (own is None) == (other is None), name
        if own is not None:
            assert own.codes.tolist() == other.codes.tolist(), name
            assert own.labels.to_pylist() == other.labels.to_pylist(), name
    assert list(store.dropped.items()) == list(log.dropped.items())
    for name in ("kinds", "rows_read", "frame", "limits", "resolution", "fingerprint", "sources"):
        if name not in but:
            assert getattr(store, name) == getattr(log, name), name
    assert store.n_accounts == log.n_accounts
    assert store._of_kinds().tolist() == log._of_kinds().tolist()
    assert store._counted is not None
    check_counted(store, log)
    store.verify()


def check_counted(store, log):
    """Compare what is counted of two logs."""
    for own, other in zip(
        (store.by_object, *store.by_account, *store.account_runs()),
        (log.by_object, *log.by_account, *log.account_runs()),
        strict=True,
    ):
        assert own.dtype == other.dtype
        assert own.tolist() == other.tolist()
        assert not own.flags.writeable


def check_blocks(store):
    """Compare the blocks with what stands in the log."""
    of = block_of(store.all_accounts.labels, store.n_blocks)[store.account]
    for block in range(store.n_blocks):
        found = pa.parquet.read_table(store.block_path(block))
        assert found.schema.names == ["account", "object", "time"]
        for name in found.schema.names:
            assert found[name].to_pylist() == getattr(store, name)[of == block].tolist()


def table(n=60, seed=0):
    """Return rows with everything that happens: blanks, repeats, several kinds."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({
        "who": rng.choice(["anna", "bo", "cem", "é", "", None, "d" * 40], n),
        "what": rng.choice(["p1", "p2", " ", "q", "Q", "zz", None], n),
        "site": rng.choice(["p1", "z.org", None], n),
        "at": [f"2017-06-08T07:0{m}:{s:02}Z" for m, s in zip(
            rng.integers(0, 2, n), rng.integers(0, 5, n), strict=True)],
        "how": rng.choice(["like", "share", None, ""], n),
        "id": rng.choice(["1", "2", None], n),
        "said": rng.choice(["aa", "b", "c c", None, "zzz"], n),
    })  # fmt: skip
    again = rows.sample(n // 3, random_state=seed).assign(said="b")  # with other texts
    rows = pd.concat([rows, again], ignore_index=True).sample(n, random_state=seed + 1)
    return rows.reset_index(drop=True)


COLUMNS = {
    "one kind": {},
    "a column of kinds": {"kind": "how"},
    "two columns": {"object": ["what", "site"]},
    "two columns of kinds": {"object": {"what": "z", "site": "a"}, "post": "id"},
    "posts and texts": {"post": "id", "text": "said"},
    "texts and kinds": {"text": "said", "kind": "how", "default_kind": "other"},
}


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.usefixtures("tiny")
def test_a_store_is_what_reading_gives(tmp_path, columns):
    names = NAMES | COLUMNS[columns]
    frame = table()
    store = cn.write_store(frame, tmp_path / "s", **names, memory=MEMORY)
    log = cn.read_actions(frame, **names)
    assert log.dropped["duplicate"] > 5
    assert len(log) > 20
    check_equal(store, log)
    check_blocks(store)
    check_equal(cn.open_store(tmp_path / "s"), log)
    assert sorted(p.name for p in (tmp_path / "s").iterdir()) == [
        "generation-000001", "lock", "store.json",
    ]  # fmt: skip


def written(frame, folder):
    """Write the rows as files of every kind; return sources by name."""
    texts = pa.Table.from_pandas(frame, preserve_index=False)
    pa.csv.write_csv(texts, folder / "a.csv")
    (folder / "b.tsv").write_text((folder / "a.csv").read_text().replace(",", "\t"))
    (folder / "z.csv.gz").write_bytes(gzip.compress((folder / "a.csv").read_bytes()))
    lines = (folder / "a.csv").read_bytes().split(b"\n")
    (folder / "m.csv").write_bytes(b"\r\n".join(lines[:3]) + b"\r\n" + b"\n".join(lines[3:]))
    frame.to_json(folder / "c.jsonl", orient="records", lines=True)
    pa.parquet.write_table(texts, folder / "d.parquet")
    pa.parquet.write_table(texts, folder / "e.parquet", row_group_size=7)
    return {
        "csv": lambda: folder / "a.csv",
        "tsv": lambda: folder / "b.tsv",
        "gz": lambda: folder / "z.csv.gz",
        "ends of lines of two kinds": lambda: folder / "m.csv",
        "json": lambda: folder / "c.jsonl",
        "parquet": lambda: folder / "d.parquet",
        "row groups": lambda: folder / "e.parquet",
        "several": lambda: [folder / "a.csv", folder / "c.jsonl", folder / "d.parquet"],
        "a glob": lambda: str(folder / "*.parquet"),
        "pandas": lambda: frame,
        "polars": lambda: pl.from_pandas(frame),
        "lazy": lambda: pl.from_pandas(frame).lazy(),
        "arrow": lambda: texts,
        "duckdb": lambda: duckdb.from_arrow(texts),
        "stream": lambda: pa.RecordBatchReader.from_batches(
            texts.schema, texts.to_batches(max_chunksize=9)
        ),
    }


@pytest.mark.usefixtures("tiny")
def test_every_source(tmp_path):
    names = NAMES | COLUMNS["posts and texts"] | {"kind": "how"}
    for source in written(table(24), tmp_path).values():
        store = cn.write_store(source(), tmp_path / "s", **names, memory=MEMORY)
        check_equal(store, cn.read_actions(source(), **names))


def csv(path, header, rows):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


# What is told from whole columns: files with what stands in them, and further parameters
WHOLE = {
    "seconds": (["a,p,1500000000", "b,p,1500000001"] * 6, {}),
    "one date among seconds": (["a,p,1500000000"] * 9 + ["b,p,20170608"], {"on_bad": "drop"}),
    "all dates": (["a,p,20170608", "b,p,0"] * 8, {"on_bad": "drop"}),
    "two units": (["a,p,1500000000"] * 7 + ["b,p,1500000000000"] * 8, {"on_bad": "drop"}),
    "half and half": (["a,p,1500000000"] * 8 + ["b,p,1500000000000"] * 8, {"on_bad": "drop"}),
    "floats at the end": (["a,p,1500000000123456999"] * 8 + ["b,q,1500000000000000000.5"],
                           {"unit": "ns"}),
    "forms of several kinds": (
        ["a,p,2017-06-08 07:00", "b,p,1496905200", "c,q,Thu Jun 08 07:00:00 +0000 2017"] * 5, {},
    ),
    "a format": (["a,p,08.06.2017", "b,q,09.06.2017"] * 6, {"time_format": "%d.%m.%Y"}),
    "lost digits": (["1.23456789012345E+18,p,5", "b,p,6", "c,q,7"] * 5, {"on_bad": "drop"}),
    "decimals of whole numbers": (["12,p,5"] * 6 + ["12.0,p,6"] * 6, {"on_bad": "drop"}),
    "all decimals": (["12.0,p,5", "13.0,p,6"] * 6, {"on_bad": "drop"}),
    "decimals among names": (["12,p,5"] * 6 + ["12.0,p,6"] * 6 + ["x,p,9"], {"on_bad": "drop"}),
    "no row": ([], {}),
}  # fmt: skip


@pytest.mark.parametrize("case", WHOLE)
@pytest.mark.usefixtures("tiny")
def test_what_is_told_from_whole_columns(tmp_path, case):
    rows, more = WHOLE[case]
    path = csv(tmp_path / "a.csv", "who,what,at", rows)
    log = cn.read_actions(path, **NAMES, **more)
    check_equal(cn.write_store(path, tmp_path / "s", **NAMES, **more, memory=MEMORY), log)


@pytest.mark.usefixtures("tiny")
def test_files_of_different_types_are_read_each_by_itself(tmp_path):
    n = 12
    frames = [
        pa.table({"who": range(n), "what": ["p"] * n, "at": [1_500_000_000 + i for i in range(n)]}),
        pa.table({"who": [f"{i}" for i in range(n)], "what": ["p"] * n,
                  "at": [str(1_500_000_000_000 + i) for i in range(n)]}),
        pa.table({"who": [float(i) for i in range(n)], "what": ["q"] * n,
                  "at": pa.array(range(n), pa.timestamp("ms"))}),
    ]  # fmt: skip
    paths = [tmp_path / f"{i}.parquet" for i in range(3)]
    for frame, path in zip(frames, paths, strict=True):
        pa.parquet.write_table(frame, path)
    check_equal(
        cn.write_store(paths, tmp_path / "s", **NAMES, memory=MEMORY),
        cn.read_actions(paths, **NAMES),
    )


BAD = {
    "unreadable": (["a,p,2017-06-08"] * 11 + ["b,p,yesterday", "c,p,never"], {}),
    "another unit": (["a,p,1500000000"] * 11 + ["b,p,1500000000000"], {}),
    "lost": (["a,p,5"] * 11 + ["1.23456789012345E+18,p,6", "2.23456789012345E+18,p,6"], {}),
    "decimals": (["12,p,5"] * 11 + ["12.0,p,6"], {}),
    "no column": (["a,p,5"], {"time": "when"}),
    "a format that is none": (["a,p,5"] * 6, {"time_format": "%Q"}),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.usefixtures("tiny")
def test_errors_are_those_of_reading(tmp_path, case):
    rows, more = BAD[case]
    path = csv(tmp_path / "a.csv", "who,what,at", rows)
    names = NAMES | more
    with pytest.raises((InputError, ParameterError)) as expected:
        cn.read_actions(path, **names)
    with pytest.raises(type(expected.value), match=f"^{re.escape(str(expected.value))}$"):
        cn.write_store(path, tmp_path / "s", **names, memory=MEMORY)
    assert not (tmp_path / "s").exists()


def test_a_float_id_is_named_with_its_row(tmp_path, tiny):
    frame = pa.table({"who": [1.0] * 11 + [1.5], "what": ["p"] * 12, "at": range(12)})
    with pytest.raises(InputError, match=r"row 12: the id 1\.5"):
        cn.write_store(frame, tmp_path / "s", **NAMES, memory=MEMORY)


# -- appending -----------------------------------------------------------------------------------

ROW = st.tuples(
    st.sampled_from(["a", "b", "é", "", None]),
    st.sampled_from(["p", "q", "P", None]),
    st.integers(0, 4),
    st.sampled_from(["x", "y", None]),
    st.sampled_from(["1", "2", None]),
    st.sampled_from(["t", "s", "u", None]),
)


@settings(max_examples=15)
@given(
    rows=st.lists(ROW, max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=3),
    columns=st.sampled_from([{}, {"kind": "kind"}, {"post": "id", "text": "said"}]),
)
def test_any_split_into_appends_is_one_write(tmp_path_factory, rows, cuts, columns):
    frame = pa.table(
        {name: pa.array([row[i] for row in rows], pa.int64() if name == "at" else pa.string())
         for i, name in enumerate(("who", "what", "at", "kind", "id", "said"))}
    )  # fmt: skip
    borders = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    folder = tmp_path_factory.mktemp("stores") / "s"
    names = NAMES | columns | {"unit": "s"}
    store = cn.write_store(frame.slice(0, borders[1]), folder, **names, memory=MEMORY)
    for begin, end in pairwise(borders[1:]):
        store = store.append(frame.slice(begin, end - begin), memory=MEMORY)
    log = cn.read_actions(frame, **names)
    check_equal(store, log, but=["sources"])
    check_blocks(store)


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.usefixtures("tiny")
def test_appending_gives_the_same_files(tmp_path, columns):
    names = NAMES | COLUMNS[columns]
    frame = table(80)
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    pa.parquet.write_table(pa.Table.from_pandas(frame[:45]), paths[0])
    pa.parquet.write_table(pa.Table.from_pandas(frame[45:]), paths[1])
    whole = cn.write_store(paths, tmp_path / "whole", **names, memory=MEMORY)
    one = cn.write_store(paths[0], tmp_path / "s", **names, memory=MEMORY)
    first = one.time.tolist()
    both = one.append(paths[1], memory=MEMORY)
    check_equal(both, whole)
    assert both.generation == "generation-000002"
    assert one.time.tolist() == first  # still there for whoever has it open
    told = json.loads((tmp_path / "s/store.json").read_text())
    expected = json.loads((tmp_path / "whole/store.json").read_text())
    assert {**told, "generation": ""} == {**expected, "generation": ""}
    for name in told["files"]:
        assert (tmp_path / "s" / both.generation / name).read_bytes() == (
            tmp_path / "whole" / whole.generation / name
        ).read_bytes()


def test_a_log_is_written_as_it_is_and_appended(tmp_path):
    log = cn.read_actions(table(), **NAMES, kind="how", post="id", text="said")
    part = log.between(end="2017-06-08T07:01:00Z")
    assert part.n_accounts <= len(part.all_accounts)
    check_equal(cn.write_store(part, tmp_path / "part"), part)
    shuffled = log.rearranged(account=np.sort(log.account))
    check_equal(cn.write_store(shuffled, tmp_path / "shuffled"), shuffled)
    other = cn.read_actions(table(seed=1), **NAMES, kind="how", post="id", text="said")
    both = cn.write_store(log, tmp_path / "s").append(other)
    expected = cn.read_actions(
        pd.concat([table(), table(seed=1)]), **NAMES, kind="how", post="id", text="said"
    )
    check_equal(both, expected, but=["sources"])
    further = both.append(table(seed=2), **NAMES, kind="how", post="id", text="said")
    assert further.rows_read == 180
    assert len(further) > len(both)
    with pytest.raises(ParameterError, match="has been read already; leave out account"):
        cn.write_store(log, tmp_path / "s", account="who")
    with pytest.raises(ParameterError, match="has been read already; leave out unit"):
        both.append(other, unit="s")


def test_what_differs_from_the_rows_before_is_refused(tmp_path):
    seconds = pa.table({"who": ["1", "2"], "what": ["p"] * 2, "at": [1_500_000_000] * 2})
    store = cn.write_store(seconds, tmp_path / "s", **NAMES)
    millis = seconds.set_column(2, "at", pa.array([1_500_000_000_000] * 2))
    with pytest.raises(InputError, match="look like times in ms, and those of the store in s"):
        store.append(millis)
    assert len(cn.open_store(tmp_path / "s").append(millis, unit="ms")) == 2
    decimals = seconds.set_column(0, "who", pa.array(["1.0", "3.0"]))
    store = cn.open_store(tmp_path / "s")
    with pytest.raises(InputError, match=r"some ids end in '\.0'"):
        store.append(decimals, on_bad="drop")
    with pytest.raises(ParameterError, match="append has no parameter 'acount'"):
        store.append(seconds, acount="who")
    with pytest.raises(ParameterError, match="the rows to append have post"):
        store.append(seconds, post="who")
    empty = cn.write_store(cn.read_actions(seconds, **NAMES), tmp_path / "of a log")
    with pytest.raises(ParameterError, match="account= is not given"):
        empty.append(seconds)
    with pytest.raises(ParameterError, match="time= is not given"):
        cn.write_store(seconds, tmp_path / "t", account="who", object="what")
    with pytest.raises(ParameterError, match=r"memory='2 pounds' is no amount"):
        cn.write_store(seconds, tmp_path / "t", **NAMES, memory="2 pounds")
    with pytest.raises(ParameterError, match="less than the program itself takes"):
        cn.write_store(seconds, tmp_path / "t", **NAMES, memory="200MB")


def test_a_store_that_was_written_to_since_is_not_appended_to(tmp_path):
    store = cn.write_store(table(), tmp_path / "s", **NAMES)
    now = store.append(table(seed=1))
    with pytest.raises(OutputError, match="has been written to since it was opened"):
        store.append(table(seed=2))
    with pytest.raises(InputError, match="no block 0 of this log: it was written to since"):
        store.block_path(0)
    check_equal(cn.open_store(tmp_path / "s"), now)
    with pytest.raises(InputError, match="has been written to since this log was pickled"):
        pickle.loads(pickle.dumps(store))


# -- a store is a log ----------------------------------------------------------------------------


def test_a_store_is_a_log_for_everything(tmp_path, monkeypatch):
    log = cn.simulate("retweet_ring", accounts=400, seed=0).log
    store = cn.write_store(log, tmp_path / "s")
    for make in (lambda of: cn.co_action(of, "60s"), lambda of: cn.co_action(of, "60s").test()):
        own, other = make(store), make(log)
        assert own.source is store
        for name in other.edges:
            assert own.edges[name].tobytes() == other.edges[name].tobytes()
    parts = {
        "select": lambda of: of.select(of.kinds[0]).exclude(of.accounts[:3]),
        "between": lambda of: of.between(end=of.span[1]),
        "rearranged": lambda of: of.rearranged(time=of.time[::-1].copy()),
        "with_actions": lambda of: of.with_actions(of.account[:1], of.object[:1], of.time[:1]),
        "repeated": lambda of: of.repeated(np.arange(2), np.arange(2), np.arange(2)),
    }
    for part in parts.values():
        assert type(part(store)) is ActionLog
        assert part(store).fingerprint == part(log).fingerprint
    for copied in (copy.deepcopy(store), pickle.loads(pickle.dumps(store))):
        assert (copied.folder, copied.generation) == (store.folder, store.generation)
        check_equal(copied, store)
    assert len(pickle.dumps(store)) < 1_000
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(pickle.dumps(cn.open_store("s"))).folder == tmp_path / "s"
    cn.save(store, tmp_path / "log.coordnet")
    loaded = cn.load(tmp_path / "log.coordnet")
    assert type(loaded) is ActionLog
    check_equal(store, loaded)
    facts = repr(log).splitlines()
    assert repr(store).splitlines() == [
        "StoredLog", *facts[1:], f"  folder   {tmp_path / 's'}",
    ]  # fmt: skip
    assert "StoredLog" in store._repr_html_()
    assert store.to_frame().equals(log.to_frame())


def test_opening_reads_no_column(tmp_path, monkeypatch):
    cn.write_store(table(), tmp_path / "s", **NAMES)
    store = cn.open_store(tmp_path / "s")
    for name in ("account", "object", "time"):
        monkeypatch.setitem(store.__dict__, name, np.zeros(0))
    log = cn.read_actions(table(), **NAMES)
    assert (store.fingerprint, store.limits, store.resolution, store.n_accounts) == (
        log.fingerprint, log.limits, log.resolution, log.n_accounts,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["time", "account-positions", "run-objects", "run-first"])
def test_the_digest_is_checked_on_request(tmp_path, name):
    numbers = np.arange(9_000)
    store = cn.write_store(
        pa.table({"who": numbers % 7, "what": numbers // 3, "at": numbers}),
        tmp_path / "s", **NAMES, unit="s",
    )  # fmt: skip
    path = tmp_path / "s" / store.generation / f"{name}.npy"
    data = bytearray(path.read_bytes())
    assert len(data) > 3 * folders.ENDS
    store.verify()
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="is not what was written"):
        cn.open_store(tmp_path / "s").verify()


def test_a_store_of_before_anything_was_counted_is_read(tmp_path):
    store = cn.write_store(table(), tmp_path / "s", **NAMES)
    told = json.loads((tmp_path / "s/store.json").read_text())
    for name in COUNTED:
        (tmp_path / "s" / store.generation / f"{name}.npy").unlink()
        del told["files"][f"{name}.npy"]
    (tmp_path / "s/store.json").write_text(json.dumps(told))
    old = cn.open_store(tmp_path / "s")
    assert old._counted is None
    log = cn.read_actions(table(), **NAMES)
    check_counted(old, log)
    old.verify()
    after = table().assign(at=table()["at"].str.replace("06-08", "06-09"))
    whole = cn.read_actions(pd.concat([table(), after]), **NAMES)
    check_equal(old.append(after), whole, but=["sources"])


DAMAGE = {
    "cut": ("account.npy", lambda data: data[:-4], "bytes and was written with"),
    "foreign": ("time.npy", lambda data: data[:-1] + b"\xff", "is not the file that was written"),
    "labels": ("objects.arrow", lambda data: data[:100], "'objects.arrow'.*bytes and was written"),
    "block": ("blocks/003.parquet", lambda data: b"", "blocks/003.parquet"),
    "missing": ("row.npy", None, "row.npy.* is missing"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_named(tmp_path, damage):
    store = cn.write_store(table(), tmp_path / "s", **NAMES)
    name, change, message = DAMAGE[damage]
    path = tmp_path / "s" / store.generation / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError, match=message):
        cn.open_store(tmp_path / "s")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"format": 99, "coordnet": "7"}', "written by coordnet '7' in another format"),
        ('{"format": 1, "generation": "../x"}', "names no generation"),
        ('{"format": 1, "generation": "generation-000001"}', "cannot be opened"),
    ],
)
def test_a_damaged_manifest(tmp_path, text, message):
    cn.write_store(table(), tmp_path / "s", **NAMES)
    (tmp_path / "s" / "store.json").write_text(text)
    with pytest.raises(InputError, match=message):
        cn.open_store(tmp_path / "s")


def test_places_where_no_store_is_or_can_be(tmp_path):
    with pytest.raises(InputError, match="holds no store"):
        cn.open_store(tmp_path)
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(InputError, match="is a file, and a store is a folder"):
        cn.open_store(tmp_path / "a.csv")
    with pytest.raises(OutputError, match=r"holds what is no part of a store: 'a\.csv'"):
        cn.write_store(table(), tmp_path, **NAMES)
    with pytest.raises(OutputError, match="cannot be written"):
        cn.write_store(table(), tmp_path / "a.csv", **NAMES)
    assert (tmp_path / "a.csv").read_text() == "x"
    with pytest.raises(OutputError, match="cannot be written"):
        cn.write_store(table(), tmp_path / "a.csv" / "s", **NAMES)


# -- its parts -----------------------------------------------------------------------------------


@given(
    pieces=st.lists(st.lists(st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1)), max_size=4),
    kind=st.sampled_from(["int64", "float64"]),
)
def test_the_median_of_pieces_is_that_of_all(pieces, kind):
    arrays = [np.array(piece, kind) for piece in pieces]
    together = np.concatenate([np.zeros(0, kind), *arrays])
    expected = float(np.median(together)) if len(together) else 0.0
    assert times._median(lambda: iter(arrays)) == expected


@given(st.lists(st.lists(st.floats(allow_nan=False)), min_size=2, max_size=4))
def test_the_median_of_floats(pieces):
    arrays = [np.array(piece, float) for piece in pieces]
    together = np.concatenate(arrays)
    with np.errstate(invalid="ignore"):  # of the two infinities
        expected = float(np.median(together)) if len(together) else 0.0
        assert str(times._median(lambda: iter(arrays)) + 0.0) == str(expected + 0.0)


@given(
    labels=st.lists(st.lists(st.text(max_size=3), max_size=20), min_size=2, max_size=4),
    most=st.integers(1, 200),
)
@settings(max_examples=50)
def test_labels_are_merged_in_byte_order(tmp_path_factory, labels, most):
    given_ = [sorted(set(run), key=str.encode) for run in labels]
    merged, maps = merging.merge_labels(
        [pa.array(run, pa.large_string()) for run in given_],
        tmp_path_factory.mktemp("labels"), "x", most,
    )  # fmt: skip
    assert merged.to_pylist() == sorted(set().union(*given_), key=str.encode)
    for run, path in zip(given_, maps, strict=True):
        assert [merged[int(i)].as_py() for i in merging.read_map(path)] == run if run else True


def test_an_object_that_everybody_acts_on_is_merged_in_pieces_too(tmp_path):
    rng = np.random.default_rng(0)
    every = []
    for number in range(3):
        n = 500
        columns = {
            "object": np.full(n, 7), "time": np.sort(rng.integers(0, 90, n)),
            "account": np.zeros(n, np.int32), "row": np.arange(n) + number * n,
            "further": np.zeros(n, np.int32),
        }  # fmt: skip
        run = merging.Run(tmp_path, number)
        run.append(columns)
        every.append((run, columns))
    pieces = [arrays for arrays, _ in merging.merge_actions([run for run, _ in every], 100)]
    times_ = np.concatenate([columns["time"] for _, columns in every])
    found, first, counts = np.unique(times_, return_index=True, return_counts=True)
    assert np.concatenate([piece["time"] for piece in pieces]).tolist() == found.tolist()
    assert np.concatenate([piece["row"] for piece in pieces]).tolist() == first.tolist()
    assert np.concatenate([piece["further"] for piece in pieces]).tolist() == (counts - 1).tolist()
    assert max((piece["further"] + 1).sum() for piece in pieces) < 300


def test_row_groups_do_not_depend_on_the_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr("coordnet.store.files.GROUP", 10)
    rng = np.random.default_rng(0)
    columns = {
        "account": rng.integers(0, 6, 400).astype(np.int32),
        "object": np.arange(400, dtype=np.int32),
        "time": np.arange(400),
    }
    block = np.array([0, 1, 1, 2, 2, 2], np.int32)
    for name, step in (("a", 7), ("b", 400), ("c", 1)):
        files = BlockFiles(tmp_path / name, block, 4)
        for i in range(0, 400, step):
            files.append({k: np.array(v[i : i + step]) for k, v in columns.items()})
        files.close()
    for i in range(4):
        one = (tmp_path / "a" / f"{i:03}.parquet").read_bytes()
        assert one == (tmp_path / "b" / f"{i:03}.parquet").read_bytes()
        assert one == (tmp_path / "c" / f"{i:03}.parquet").read_bytes()
        own = block[columns["account"]] == i
        found = pa.parquet.read_table(tmp_path / "a" / f"{i:03}.parquet")
        assert found["object"].to_pylist() == columns["object"][own].tolist()


# -- writers -------------------------------------------------------------------------------------


def test_a_second_writer_is_told_who_writes(tmp_path):
    cn.write_store(table(), tmp_path / "s", **NAMES)
    with folders.writing(tmp_path / "s"), pytest.raises(OutputError) as error:
        cn.write_store(table(), tmp_path / "s", **NAMES)
    assert f"process {os.getpid()} on" in str(error.value)
    assert "wait until it is done" in str(error.value)
    check_equal(cn.write_store(table(), tmp_path / "s", **NAMES), cn.read_actions(table(), **NAMES))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_the_lock_of_a_killed_writer_is_taken_over(tmp_path):
    code = (
        "import sys, os, signal\nfrom coordnet.store.folder import writing\n"
        "with writing(sys.argv[1]):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, tmp_path / "s"], check=False, timeout=60)
    assert ran.returncode < 0
    assert (tmp_path / "s" / "generation-000001" / "scratch").is_dir()
    log = cn.read_actions(table(), **NAMES)
    check_equal(cn.write_store(table(), tmp_path / "s", **NAMES), log)
    assert not (tmp_path / "s" / "generation-000001" / "scratch").exists()


# -- the command line ----------------------------------------------------------------------------


def test_a_store_stands_where_a_file_stands(tmp_path, monkeypatch, capsys):
    from coordnet.cli import main

    monkeypatch.chdir(tmp_path)
    log = cn.simulate("retweet_ring", accounts=400, seed=0).log
    log.to_frame().to_csv("a.csv", index=False)
    columns = ["--account", "account", "--object", "object", "--time", "time"]
    cn.write_store(
        "a.csv", "s", account="account", object="object", time="time", kind=None, memory=MEMORY
    )
    rest = ["--within", "60s", "--no-score"]
    assert main(["detect", "a.csv", *columns, *rest, "--out", "of_file"]) == 0
    assert main(["detect", "s", *rest, "--out", "of_store"]) == 0
    for name in ("clusters.csv", "edges.csv"):
        assert (tmp_path / "of_store" / name).read_bytes() == (
            tmp_path / "of_file" / name
        ).read_bytes()
    capsys.readouterr()
    assert main(["detect", "s", *columns, *rest]) == 2
    assert "is a store, which knows its columns; leave out --account" in capsys.readouterr().err
    assert main(["detect", "s", "--background", "a.csv", *rest]) == 2
    assert "--background is one store too" in capsys.readouterr().err
    assert main(["detect", "--like", "of_store/manifest.json"]) == 0
    assert "the same" in capsys.readouterr().out
