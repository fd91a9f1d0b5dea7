import pickle

import numpy as np
import pyarrow as pa
import pytest

import coordnet as cn
from coordnet.graphs.multiplex import Multiplex
from coordnet.over_time.coupling import coupled_communities
from coordnet.over_time.periods import periods

DAY = 86_400_000_000


@pytest.fixture(scope="module")
def sim():
    return cn.simulate("regroupings", accounts=500, actions=5_000, seed=0)


@pytest.fixture(scope="module")
def found(sim):
    return cn.find_clusters_over_time(sim.log, every="14d", window="28d")


def test_periods_cover_the_log_and_only_the_last_is_cut_short(sim):
    steps = periods(sim.log, 7 * DAY, 28 * DAY)
    first, last = sim.log.limits
    midnight = np.datetime64(first, "us").astype("datetime64[D]").astype("datetime64[us]")
    begin = int(midnight.astype(np.int64))
    assert begin < first
    assert [s.start_us for s in steps] == [begin + 7 * DAY * k for k in range(len(steps))]
    assert steps[-1].end_us > last
    assert steps[-2].end_us <= last + 1
    assert all(s.complete for s in steps[:-1])
    assert not steps[-1].complete
    whole = periods(sim.log, 28 * DAY, 365 * DAY)
    assert len(whole) == 1
    assert not whole[0].complete
    until = periods(sim.log, 7 * DAY, 28 * DAY, begin + 84 * DAY)
    assert all(s.complete for s in until)  # the last day was quiet at its end
    assert periods(sim.log, DAY // 4, DAY // 2)[0].start_us == first // (DAY // 4) * (DAY // 4)


def test_what_is_planted_is_followed(sim, found):
    result = cn.evaluate_over_time(found, sim.truth)
    assert result.pair_precision > 0.95
    assert result.pair_recall > 0.9
    assert {e.event for e in result.events} == {"merged", "split", "moved"}
    assert all(e.step is not None for e in result.events)
    assert result.others == 0


def test_a_truth_of_other_accounts_is_not_met(sim, found):
    names = sim.log.accounts.tolist()
    other = dict(zip(names, names[7:] + names[:7], strict=True))
    phases = tuple(
        type(p)(p.group, p.start_us, p.end_us, tuple(other.get(a, a) for a in p.accounts))
        for p in sim.truth.phases
    )
    wrong = cn.evaluate_over_time(
        found, type(sim.truth)(sim.truth.groups, sim.truth.covert, phases)
    )
    assert wrong.pair_precision < 0.1
    assert wrong.pair_recall < 0.1
    assert all(e.step is None for e in wrong.events)
    assert wrong.others == sum(e.event in ("merged", "split") for e in found.events)


def test_frames_say_who_stays(found):
    rows = found.to_frame("pyarrow").to_pylist()
    assert len(rows) == sum(len(step.clusters) for step in found.steps)
    before = {}
    for row in rows:
        members = set(found.members(row["track"], row["step"]).tolist())
        assert row["accounts"] == len(members)
        if row["track"] in before:
            old = before[row["track"]]
            assert (row["stayed"], row["joined"], row["left"]) == (
                len(members & old), len(members - old), len(old - members),
            )  # fmt: skip
        else:
            assert row["stayed"] is None
            assert row["founders"] == 1
        before[row["track"]] = members
    listed = found.members_frame("pyarrow").to_pylist()
    assert len(listed) == sum(row["accounts"] for row in rows)
    events = found.events_frame("pyarrow").to_pylist()
    assert [(e["step"], e["event"], e["track"], e["other"]) for e in events] == list(found.events)
    assert "Track 0 is new" in repr(found)


def test_the_past_does_not_change_when_the_log_goes_on(sim):
    rule = {"every": "28d", "window": "28d", "spending": "open", "threads": 1}
    log = sim.log
    whole = cn.find_clusters_over_time(log, **rule)
    early = cn.find_clusters_over_time(
        log.where(log.time < log.limits[0] + 56 * DAY, "later"), **rule
    )
    complete = [step for step in early.steps if step.complete]
    assert len(complete) >= 1
    for one, other in zip(complete, whole.steps, strict=False):
        assert (one.start_us, one.end_us, one.level) == (other.start_us, other.end_us, other.level)
        assert [c.accounts.tolist() for c in one.clusters] == [
            c.accounts.tolist() for c in other.clusters
        ]


def test_an_account_is_tied_to_itself_in_the_step_before():
    rows = {"u": list("abcdef"), "o": ["x"] * 6, "t": [0] * 6}
    log = cn.read_actions(pa.table(rows), account="u", object="o", time="t", unit="s")
    halves = [("a", "b"), ("b", "c"), ("a", "c"), ("d", "e"), ("e", "f"), ("d", "f")]

    def graph(pairs, weight):
        a, b = zip(*pairs, strict=True)
        rows = pa.table({"a": a, "b": b, "w": [weight] * len(pairs)})
        return cn.CoordinationGraph.from_frame(rows, source="a", target="b", weight="w", log=log)

    apart, whole = graph(halves, 10), graph([*halves, ("c", "d"), ("a", "f"), ("b", "e")], 10)
    alone = coupled_communities(Multiplex.of(whole), None, 1.0, 0, 1)
    tied = coupled_communities(Multiplex.of(whole), Multiplex.of(apart), 1.0, 0, 1)
    untied = coupled_communities(Multiplex.of(whole), Multiplex.of(apart), 0.0, 0, 1)
    assert [len(c) for c in alone] == [len(c) for c in untied]
    assert sorted(c.accounts.tolist() for c in tied) == [list("abc"), list("def")]


def test_nothing_planted_nothing_found():
    log = cn.simulate("organic", accounts=1_000, seed=3).log
    found = cn.find_clusters_over_time(log, every="7d", window="14d", spending="open")
    assert len(found) == 0
    assert found.events == ()
    assert len(found.steps) == 3


def test_an_empty_log_has_no_steps():
    log = cn.simulate("organic", accounts=500, actions=500, seed=0).log
    empty = log.where(np.zeros(len(log), bool), "all")
    found = cn.find_clusters_over_time(empty)
    assert len(found.steps) == 0
    assert len(found.to_frame("pyarrow")) == 0
    assert "no actions" in repr(found)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"every": "8d", "window": "7d"}, "left out"),
        ({"spending": "all"}, "spending"),
        ({"coupling": -1}, "coupling"),
        ({"method": "leiden"}, "method='leiden'"),
        ({"every": "1s", "window": "1d"}, "use a longer every="),
    ],
)
def test_what_cannot_be_asked_for_is_said(sim, options, said):
    with pytest.raises(cn.ParameterError, match=said):
        cn.find_clusters_over_time(sim.log, **options)


def test_what_was_followed_is_saved_and_pickles(sim, found, tmp_path):
    cn.save(found, tmp_path / "found.coordnet")
    for again in (cn.load(tmp_path / "found.coordnet"), pickle.loads(pickle.dumps(found))):
        assert again.events == found.events
        assert again.to_frame("pyarrow").equals(found.to_frame("pyarrow"))
        assert again.members_frame("pyarrow").equals(found.members_frame("pyarrow"))
        assert repr(again) == repr(found)
    cn.save(sim, tmp_path / "sim.coordnet")
    assert cn.load(tmp_path / "sim.coordnet").truth.phases == sim.truth.phases
