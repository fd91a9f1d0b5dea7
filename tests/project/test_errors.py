"""Error texts of a sensible length, and the checks of numbers that every part uses."""

import copy
import math
import pickle
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordnet.errors import (
    CoordnetError,
    InputError,
    MissingDependencyError,
    OutputError,
    ParameterError,
    check_number,
    check_seed,
    check_whole,
    listed,
    one_of,
    shown,
)


@given(st.text(max_size=300) | st.binary(max_size=300) | st.lists(st.floats()) | st.integers())
def test_a_value_is_shown_on_one_line_of_bounded_length(value):
    text = shown(value)
    assert text.isprintable()
    assert len(text) <= 200
    if len(repr(value)) <= 200 and repr(value).isprintable():
        assert text == repr(value)


def test_what_cannot_be_shown_is_still_named():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    assert shown(Broken()) == "<Broken>"
    assert shown(10**5_000) == "<int>"  # beyond Python's own limit for digits
    assert shown("x" * 10_000_000).endswith("xx…")
    assert shown(np.zeros((2, 1))) == r"array([[0.],\n       [0.]])"


@pytest.mark.parametrize("kind", [InputError, OutputError, ParameterError, MissingDependencyError])
def test_no_message_is_long_or_moves_the_cursor(kind):
    error = kind("start " + "\x1b[2J\r\x9b" + "x" * 10_000_000 + "\nnext step é")
    assert len(str(error)) < 4_000
    assert str(error).startswith(r"start \x1b[2J\r\x9bxxx")
    assert str(error).endswith("xxx\nnext step é")
    assert isinstance(error, CoordnetError)
    for again in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert (type(again), str(again)) == (kind, str(error))


def test_errors_are_what_python_would_raise_too():
    assert issubclass(InputError, ValueError)
    assert issubclass(OutputError, OSError)
    assert str(CoordnetError()) == ""
    assert str(InputError(Path("x"))) == "x"


def test_lists_of_names_are_cut():
    assert listed([]) == "none"
    assert listed(["a", "\x1b[0m", 3]) == r"a, \x1b[0m, 3"
    assert listed(map(str, range(22)), 2) == "0, 1 and 20 more"
    assert listed(["x" * 1_000_000, "b"]) == "x" * 99 + "…, b"


def test_a_choice_of_another_type_is_refused_with_the_choices():
    for value in (np.array(["a", "b"]), None, ["a"], 3):
        with pytest.raises(ParameterError, match=r"is not known; choose one of a, b\.$"):
            one_of(value, ("a", "b"), "null")
    with pytest.raises(ParameterError, match="Did you mean 'abc'"):
        one_of("ab", ("abc", "xyz"), "null")


@pytest.mark.parametrize("value", [3, 3.0, np.int8(3), np.uint64(3), np.float32(3), np.float64(3)])
def test_whole_numbers_of_any_library(value):
    for checked in (check_whole(value, "n", 3, 3), check_seed(value)):
        assert (checked, type(checked)) == (3, int)


@pytest.mark.parametrize(
    "value",
    [2, 6, 3.5, math.nan, math.inf, -math.inf, True, np.True_, "3", None, [3], np.array([3]), 3j,
     Fraction(7, 2), np.float64("nan"), np.datetime64(3, "s"), 10**400],
)  # fmt: skip
def test_what_is_no_whole_number_in_the_range(value):
    with pytest.raises(ParameterError) as error:
        check_whole(value, "min_size", 3, 5)
    assert str(error.value) == f"min_size={shown(value)} is not a whole number from 3 to 5."


def test_whole_numbers_without_an_upper_end():
    assert check_whole(10**40, "n", 0) == 10**40
    with pytest.raises(ParameterError, match=r"^n=-1 is not a whole number of 0 or more\.$"):
        check_whole(-1, "n", 0)


@pytest.mark.parametrize("seed", [-1, 2**63, math.nan, True, None, "1", 0.5])
def test_seeds(seed):
    assert check_seed(np.uint64(2**63 - 1)) == 2**63 - 1
    with pytest.raises(ParameterError, match=r"^seed=.* is not a whole number from 0 to 9,223,372"):
        check_seed(seed)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(1), Fraction(1, 2)])
def test_numbers_of_any_library(value):
    checked = check_number(value, "x", above=0, at_most=1)
    assert (checked, type(checked)) == (float(value), float)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, np.float32("nan"), True, "0.5", None, [0.5], 1j, 10**400,
     np.array([0.5, 0.6])],
)  # fmt: skip
def test_what_is_no_number(value):
    with pytest.raises(ParameterError) as error:
        check_number(value, "resolution")
    assert str(error.value) == f"resolution={shown(value)} is not a number that is finite."


def test_the_ends_of_ranges():
    for value, limits in [
        (0, {"above": 0}), (1, {"below": 1}), (-0.1, {"at_least": 0}), (1.1, {"at_most": 1}),
    ]:  # fmt: skip
        with pytest.raises(ParameterError):
            check_number(value, "x", **limits)
    assert check_number(0, "x", at_least=0) == 0
    assert check_number(1, "x", at_most=1) == 1
    with pytest.raises(ParameterError) as error:
        check_number(5, "fdr", above=0, below=1)
    assert str(error.value) == "fdr=5 is not a number above 0 and below 1."
