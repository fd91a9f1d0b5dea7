"""Corrected p-values of edges and of their accounts: by the oracle, by hand, by laws, as a promise.

Where chance decides, it is seeded, and the tolerance is that of a binomial count.
"""

from itertools import combinations

import naive
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

import coordnet as cn
from coordnet.errors import ParameterError
from coordnet.inference import null_logs
from coordnet.inference.attainable import LEVELS, STEP, AttainablePairs, attainable_q_values
from coordnet.inference.correction import account_q_values, adjusted, corrected, stepped_up

CLOSE = {"rtol": 1e-9, "atol": 0}
PAIRS = list(combinations(range(7), 2))


def counted(pairs):
    """Return AttainablePairs with these counts, the last one for all levels beyond."""
    counts = np.concatenate([pairs, np.full(LEVELS, pairs[-1])])[:LEVELS].astype(np.int64)
    return AttainablePairs(counts, (int(counts[0]), 0, 0), True)


@st.composite
def edges(draw):
    """Draw edges among seven accounts, with p-values among which there are ties."""
    chosen = draw(st.lists(st.sampled_from(PAIRS), unique=True, max_size=21))
    some = st.one_of(st.floats(1e-12, 1), st.sampled_from([1e-300, 1e-4, 2e-4, 0.01, 1.0]))
    p = draw(st.lists(some, min_size=len(chosen), max_size=len(chosen)))
    turned = draw(st.lists(st.booleans(), min_size=len(chosen), max_size=len(chosen)))
    ends = [pair[::-1] if t else pair for pair, t in zip(chosen, turned, strict=True)]
    codes = 3 * np.array(ends, np.int32).reshape(-1, 2)  # codes of accounts without edges between
    return np.array(p, float), codes[:, 0].copy(), codes[:, 1].copy()


falling = st.lists(st.integers(0, 9_000), min_size=1, max_size=60).map(
    lambda counts: np.array(sorted(counts)[::-1])
)


def pairs_at(found, p):
    return int(found.at(np.array([float(p)]))[0])


# -- against the oracle ------------------------------------------------------------------------


@given(edges(), st.integers(0, 60), st.sampled_from(["bh", "by"]))
def test_corrected_edges_are_those_of_the_oracle(drawn, more, correction):
    p, source, target = drawn
    pairs = len(p) + more
    own = naive.adjusted(p.tolist(), pairs, correction)
    np.testing.assert_allclose(adjusted(p, pairs, correction), own, **CLOSE)
    scale = sum(1 / i for i in range(1, pairs + 1)) if correction == "by" else 1
    ends = list(zip(source.tolist(), target.tolist(), strict=True))
    accounts = naive.account_q_values((p * pairs * scale).tolist(), ends)
    found = corrected(p, source, target, pairs, correction)
    np.testing.assert_allclose(found, np.maximum(own, accounts), **CLOSE)


@given(edges(), falling)
def test_corrected_attainable_edges_are_those_of_the_oracle(drawn, counts):
    p, source, target = drawn
    found = counted(counts + len(p))
    ends = list(zip(source.tolist(), target.tolist(), strict=True))
    own = naive.attainable_q_values(p.tolist(), ends, lambda x: pairs_at(found, x))
    q = attainable_q_values(p, source, target, found)
    np.testing.assert_allclose(q, own, rtol=1e-9)
    everything = int(found.counts[0])
    own = naive.attainable_q_values(
        p.tolist(), ends, lambda x: pairs_at(found, x), everything or None
    )
    q = attainable_q_values(p, source, target, found, "by")
    np.testing.assert_allclose(q, own, rtol=1e-9)


def test_an_example_by_hand():
    """A triangle of p = 0.0001 and one edge of p = 0.0003 to somebody else, of 100 pairs.

    Edges: 0.0001 * 100 / 3 = 0.0033 each, 0.0003 * 100 / 4 = 0.0075. Accounts of the triangle:
    two edges of 0.0001, so that 0.01 / 2 = 0.005 is expected, twice for the two ends, and three
    accounts have that: 0.01 / 3 = 0.0033. The account outside: 0.03 twice, 0.06 / 4 = 0.015.
    """
    p = np.array([1e-4, 1e-4, 1e-4, 3e-4])
    source, target = np.array([0, 0, 1, 2], np.int32), np.array([1, 2, 2, 9], np.int32)
    assert adjusted(p, 100) == pytest.approx([0.01 / 3] * 3 + [0.0075])
    assert account_q_values(100 * p, source, target) == pytest.approx([0.01 / 3] * 3 + [0.015])
    assert corrected(p, source, target, 100) == pytest.approx([0.01 / 3] * 3 + [0.015])
    # only pairs that can have so small a p-value, 100 of each: x / (1 - x)
    x = np.array([0.01 / 3] * 3 + [0.015])
    q = attainable_q_values(p, source, target, counted(np.array([100])))
    assert q == pytest.approx(x / (1 - x))
    # an expected number of half or more is nothing found
    assert stepped_up(np.array([0.1, 0.2]), np.array([0.3, 1.0]), True) == pytest.approx(
        [0.3 / 0.7, 1.0]
    )
    # with 1 + 1/2 + 1/3 for three pairs
    assert adjusted(np.array([0.1]), 3, "by") == pytest.approx([0.1 * 3 * (11 / 6)])


def test_one_account_with_many_faint_edges_and_many_with_one_each():
    """Ten edges of p = 0.002 of 1,000 pairs are 0.2 of chance; only the hub of a star is certain.

    Apart: 20 accounts of one edge each, 2 * 2 / 20 = 0.2. A star: the hub has 2 / 10 = 0.2
    expected and is the first of eleven accounts; the tips have 2 each, 2 * 2 / 11 = 0.36.
    """
    p = np.full(10, 0.002)
    even = np.arange(0, 20, 2, dtype=np.int32)
    assert corrected(p, even, even + 1, 1_000) == pytest.approx([0.2] * 10)
    hub = np.zeros(10, np.int32)
    star = corrected(p, hub, np.arange(1, 11, dtype=np.int32), 1_000)
    assert star == pytest.approx([4 / 11] * 10)


# -- laws --------------------------------------------------------------------------------------


@given(edges(), falling, st.randoms(use_true_random=False))
def test_laws(drawn, counts, rng):
    """No q-value is below that of the edge alone; order, names and ends of edges do not matter."""
    p, source, target = drawn
    n = len(p)
    found = counted(counts + n)
    by_all, by_some = (
        lambda p, s, t: corrected(p, s, t, n + 9),
        lambda p, s, t: attainable_q_values(p, s, t, found),
    )
    for q_of, own in (
        (by_all, adjusted(p, n + 9)),
        (by_some, stepped_up(p, p * found.at(p), True)),
    ):
        q = q_of(p, source, target)
        assert (q >= own).all()
        assert (q <= 1).all()
        assert q.tobytes() == q_of(p, target, source).tobytes()
        order = np.array(rng.sample(range(n), n), int)
        assert (q_of(p[order], source[order], target[order]) == q[order]).all()
        names = np.array(rng.sample(range(40), 20), np.int32)
        assert (q_of(p, names[source], names[target]) == q).all()


@given(edges(), falling, st.lists(st.floats(0.01, 1), min_size=21, max_size=21))
@example(  # by the least p_(j) / j alone, counted at p_(j), two smaller p-values made all q larger
    (np.array([1e-6, 2.1e-6, 1e-6, 2.1e-6]), np.array([0, 1, 2, 3], np.int32),
     np.array([1, 2, 3, 0], np.int32)),
    np.array([9_000] * 46 + [2_000]), [1.0, 0.9, 1.0, 0.9],
)  # fmt: skip
def test_smaller_p_values_make_no_q_value_larger(drawn, counts, times):
    p, source, target = drawn
    found = counted(counts + len(p))
    smaller = p * times[: len(p)]
    for q_of in (
        lambda p: corrected(p, source, target, len(p) + 9),
        lambda p: attainable_q_values(p, source, target, found),
        lambda p: attainable_q_values(p, source, target, found, "by"),
    ):
        assert (q_of(smaller) <= q_of(p) * (1 + 1e-12)).all()


def test_no_edges_and_unknown_corrections():
    none = np.zeros(0), np.zeros(0, np.int32), np.zeros(0, np.int32)
    assert corrected(*none, 10).tolist() == []
    assert account_q_values(*none).tolist() == []
    assert attainable_q_values(*none, counted(np.array([5]))).tolist() == []
    with pytest.raises(ParameterError, match="correction='holm'"):
        adjusted(np.zeros(0), 10, "holm")
    with pytest.raises(ParameterError, match="correction='holm'"):
        corrected(*none, 10, "holm")
    with pytest.raises(ParameterError, match="correction='holm'"):
        attainable_q_values(*none, counted(np.array([5])), "holm")


# -- the promise -------------------------------------------------------------------------------


def population(rng, accounts=80, ring=0):
    """Return p-values, p* and ends of all pairs, which share 1 to 6 objects; a ring meets."""
    ends = np.array(list(combinations(range(accounts), 2)), np.int32)
    inside = ends[:, 1] < ring
    share = rng.choice([1, 2, 3, 4, 5, 6], len(ends), p=[0.5, 0.25, 0.12, 0.07, 0.04, 0.02])
    share[inside] = rng.integers(3, 7, inside.sum())
    chance = rng.choice([0.01, 0.03, 0.1], len(ends))
    met = rng.binomial(share, np.where(inside, 0.7, chance))
    return stats.binom.sf(met - 1, share, chance), chance**share, ends


def counts_of(best):
    """Return AttainablePairs of these smallest p-values."""
    bins = np.minimum(-np.log(best) / STEP + 1e-9, LEVELS - 1).astype(int)
    counts = np.bincount(bins, minlength=LEVELS)[::-1].cumsum()[::-1]
    return AttainablePairs(counts, (len(best), 0, 0), True)


def test_with_nothing_to_find_edges_are_found_as_rarely_as_promised():
    """500 populations of 80 accounts, of independent pairs; any edge in at most 5 % of them."""
    rng = np.random.default_rng(0)
    found = {"all": 0, "attainable": 0, "accounts alone": 0}
    for _ in range(500):
        p, best, ends = population(rng)
        pairs = counts_of(best)
        uniform = rng.random(len(p))
        found["all"] += corrected(uniform, *ends.T, len(p)).min() <= 0.05
        found["attainable"] += attainable_q_values(p, *ends.T, pairs).min() <= 0.05
        expected = p * pairs.at(p)
        found["accounts alone"] += account_q_values(expected, *ends.T, True).min() <= 0.05
    assert max(found.values()) <= stats.binom.isf(1e-3, 500, 0.05), found


def test_of_the_accounts_that_are_found_few_are_false():
    """Beside a ring of 12: false edges alone, at most 5 % of the edges, name more accounts."""
    rng = np.random.default_rng(1)
    shares, by_edges, recall = [], [], []
    for _ in range(150):
        p, best, ends = population(rng, ring=12)
        pairs = counts_of(best)
        for q, out in (
            (attainable_q_values(p, *ends.T, pairs), shares),
            (stepped_up(p, p * pairs.at(p), True), by_edges),
        ):
            named = np.unique(ends[q <= 0.05])
            out.append((named >= 12).sum() / max(len(named), 1))
        recall.append((np.unique(ends[attainable_q_values(p, *ends.T, pairs) <= 0.05]) < 12).sum())
    assert np.mean(shares) <= 0.05 < np.mean(by_edges)
    assert np.mean(recall) > 11


@pytest.mark.parametrize("kind", ["shuffled_accounts", "swapped_profiles"])
def test_null_logs_keep_edges_in_no_more_runs_than_promised(kind):
    log = cn.simulate("retweet_ring", 300, actions=6_000, seed=2).log
    runs = [
        cn.co_action(getattr(null_logs, kind)(log, seed), "60s", min_weight=2).test()
        for seed in range(20)
    ]
    kept = sum(bool(tested.keep(fdr=0.05).n_edges) for tested in runs)
    assert kept <= stats.binom.isf(1e-3, 20, 0.05)
    assert any(tested.n_edges for tested in runs)  # there was something to keep


@pytest.mark.parametrize("seed", [1, 2])
def test_hardly_any_honest_account_has_a_kept_edge(seed):
    sim = cn.simulate("campaign", accounts=4_000, seed=seed)
    kept = cn.co_action(sim.log, "60s", min_weight=2).test().keep(fdr=0.05)
    covert = {a for members in sim.truth.groups.values() for a in members}
    named = {kept.all_accounts[code] for code in kept.nodes}
    assert len(named - covert) <= 0.05 * len(named)
    assert len(named & covert) > 0.9 * len(covert)
