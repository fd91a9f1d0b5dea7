"""The actions account by account: in memory, in pieces on disk, and by hand, the same."""

from contextlib import ExitStack, contextmanager
from itertools import pairwise

import numpy as np
import pytest
from helpers import log_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, logs

from coordnet import disk, memory
from coordnet.log import account_order
from coordnet.log.account_order import account_runs, grouped, run_accounts, starts_of, stretches


@contextmanager
def place(how):
    """Give the work memory, or so little that it stands on disk in pieces of a few values."""
    with ExitStack() as stack:
        if how == "on disk":
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            patch.setattr(memory, "LEAST", 1)
            for module in (disk, account_order):
                patch.setattr(module, "SLICE", 3)
            patch.setattr(account_order, "PLACED", 4)
            stack.enter_context(memory.limited_to(1))
        yield


PLACES = pytest.mark.parametrize("how", ["in memory", "on disk"])
CODES = st.lists(st.integers(0, 6), max_size=40)


@PLACES
@examples(50)
@given(CODES)
def test_positions_are_grouped_by_code(how, codes):
    with place(how):
        indptr, positions = grouped(np.array(codes, np.int32), 8)
    expected = [[p for p, code in enumerate(codes) if code == c] for c in range(8)]
    assert [positions[a:b].tolist() for a, b in pairwise(indptr)] == expected
    assert indptr.tolist() == starts_of(np.array(codes, np.int32), 8).tolist()
    assert positions.dtype == np.int32
    assert disk.stands_on_disk(positions) == (how == "on disk" and len(codes) > 0)


@PLACES
@examples(50)
@given(logs())
def test_runs_are_the_objects_of_each_account(how, rows):
    log = log_of(rows)
    n = len(log.all_accounts)
    with place(how):
        indptr, positions = grouped(log.account, n)
        runs = account_runs(indptr, positions, log.object)
        accounts = run_accounts(runs.starts)
    by_hand = [
        (u, o, [p for p in range(len(log)) if (log.account[p], log.object[p]) == (u, o)])
        for u, o in sorted(set(zip(log.account.tolist(), log.object.tolist(), strict=True)))
    ]
    assert runs.objects.tolist() == [o for _, o, _ in by_hand]
    assert accounts.tolist() == [u for u, _, _ in by_hand]
    assert np.diff(runs.starts).tolist() == [
        sum(u == account for account, _, _ in by_hand) for u in range(n)
    ]
    assert [positions[a:b].tolist() for a, b in pairwise(runs.first)] == [
        at for _, _, at in by_hand
    ]
    assert [column.dtype for column in runs] == [np.int64, np.int32, np.int32]
    assert not any(column.flags.writeable for column in runs)


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 12))
def test_stretches_have_so_many_positions_or_one_group(sizes, most):
    indptr = np.cumsum([0, *sizes])
    found = list(stretches(indptr, most))
    assert [g for first, last in found for g in range(first, last)] == list(range(len(sizes)))
    for first, last in found:
        assert sum(sizes[first:last]) <= most or last == first + 1
        if last < len(sizes):  # and as many as that lets in
            assert sum(sizes[first : last + 1]) > most
