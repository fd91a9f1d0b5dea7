"""What leaves the library: pseudonyms, safe cells, files that are whole or not there."""

import hashlib
import os
import stat

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordnet.errors import CoordnetError
from coordnet.export import Pseudonyms, restored, safe_cells, whole_file, write_table, xml_names


def test_pseudonyms_are_the_keyed_hash_that_the_docs_say():
    expected = hashlib.blake2b("é".encode(), key=b"key", digest_size=8).hexdigest()
    assert Pseudonyms(b"key").of(["é"]) == ["u_" + expected]


def test_pseudonyms_depend_on_label_and_key_alone():
    labels = [f"account {i}" for i in range(2_000)]
    names = Pseudonyms(b"key").of(labels)
    assert len(set(names)) == len(labels)
    assert Pseudonyms(b"key").of(labels[::-1]) == names[::-1]
    assert not set(Pseudonyms(b"kez").of(labels)) & set(names)


def test_keys_have_limits():
    for key in (b"", b"x" * 65):
        with pytest.raises(CoordnetError, match=rf"key has {len(key)} bytes; use 1 to 64\."):
            Pseudonyms(key)
    Pseudonyms(b"x"), Pseudonyms(b"x" * 64)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), ("\tx", "'\tx"),
        ("\rx", "'\rx"), ("\nx", "'\nx"), ("'x", "''x"), ("''x", "'''x"), ("x=1", "x=1"),
        ("a\n=1", "a\n=1"), ("", ""), (" =1", " =1"),
    ],
)  # fmt: skip
def test_cells_that_a_spreadsheet_would_run(text, cell):
    table = safe_cells(pa.table({"x": pa.array([text, None], pa.large_string()), "n": [1, 2]}))
    assert table["x"].to_pylist() == [cell, None]
    assert table["n"].to_pylist() == [1, 2]
    assert restored(cell) == text


@given(st.text())
def test_any_cell_is_restored(text):
    cell = safe_cells(pa.table({"x": [text]}))["x"][0].as_py()
    assert restored(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_parquet_cells_stay_as_they_are(tmp_path):
    write_table(pa.table({"x": ["=1"]}), tmp_path / "x.parquet")
    assert pq.read_table(tmp_path / "x.parquet")["x"].to_pylist() == ["=1"]


@given(st.lists(st.text("a~2_\x00\x0b\ufffeé", min_size=1), unique=True))
def test_xml_names_stay_different_and_legal(labels):
    names = xml_names(labels)
    assert len(set(names)) == len(labels)
    assert "" not in names
    assert not any(c in name for name in names for c in "\x00\x0b\ufffe")
    for label, name in zip(labels, names, strict=True):
        if not set(label) & set("\x00\x0b\ufffe"):
            assert name == label


# -- whole files -------------------------------------------------------------------------------


def test_a_file_appears_when_it_is_whole(tmp_path):
    goal = tmp_path / "x.txt"
    with whole_file(goal) as temporary:
        temporary.write_text("new")
        assert not goal.exists()
        assert temporary.parent == tmp_path  # a rename across file systems is no rename
        assert temporary.suffix == ".txt"
    assert goal.read_text() == "new"
    assert list(tmp_path.iterdir()) == [goal]


def test_an_old_file_is_replaced_not_written_over(tmp_path):
    """Whoever has it open keeps reading the old one to its end."""
    goal = tmp_path / "x.txt"
    goal.write_text("old")
    with goal.open() as reader:
        with whole_file(goal) as temporary:
            temporary.write_text("new")
        assert reader.read() == "old"
    assert goal.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_of_a_file_that_failed(tmp_path, error):
    goal = tmp_path / "x.txt"
    goal.write_text("old")

    def fail():
        with whole_file(goal) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert goal.read_text() == "old"
    assert list(tmp_path.iterdir()) == [goal]


def test_files_have_the_permissions_that_files_have(tmp_path):
    (tmp_path / "usual").touch()
    with whole_file(tmp_path / "ours"):
        pass
    usual, ours = (stat.S_IMODE((tmp_path / n).stat().st_mode) for n in ("usual", "ours"))
    assert ours == usual
    before = os.umask(0o077)
    try:
        with whole_file(tmp_path / "private"):
            pass
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o600


def test_places_where_no_file_can_be(tmp_path):
    (tmp_path / "x.csv").mkdir()
    nowhere = tmp_path / "no" / "x.csv"
    with pytest.raises(CoordnetError) as error:
        write_table(pa.table({}), nowhere)
    assert str(error.value) == (
        f"{str(nowhere)!r} cannot be written: there is no folder {str(nowhere.parent)!r}."
    )
    with pytest.raises(CoordnetError) as error:
        write_table(pa.table({}), tmp_path / "x.csv")
    assert str(error.value) == f"{str(tmp_path / 'x.csv')!r} cannot be written: it is a folder."
    with pytest.raises(CoordnetError) as error:
        write_table(pa.table({}), tmp_path / "x.txt")
    assert str(error.value) == (
        f"{str(tmp_path / 'x.txt')!r}: tables are written as .csv or .parquet."
    )


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("coordnet.export.tempfile.mkstemp", refuse)
    with pytest.raises(CoordnetError) as error:
        write_table(pa.table({"x": [1]}), tmp_path / "x.csv")
    assert str(error.value) == f"{str(tmp_path / 'x.csv')!r} cannot be written: Permission denied."
