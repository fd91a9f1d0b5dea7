"""simulate: what it promises of every population, whatever the scenario."""

import subprocess
import sys
from dataclasses import fields

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers import assert_same_log

import coordnet as cn
from coordnet.simulation.scenarios import SCENARIOS
from coordnet.simulation.truth import Truth


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_same_seed_gives_the_same_population(scenario):
    one, two = (cn.simulate(scenario, accounts=1_000, seed=3) for _ in range(2))
    assert_same_log(one.log, two.log)
    pd.testing.assert_frame_equal(one.accounts, two.accounts)
    assert one.truth.groups == two.truth.groups
    assert one.truth.covert == two.truth.covert
    other = cn.simulate(scenario, accounts=1_000, seed=4)
    assert other.log.fingerprint != one.log.fingerprint


def test_another_process_gives_the_same_population():
    """Neither the hash seed of Python nor the number of threads may enter."""
    code = (
        "import coordnet as cn; sim = cn.simulate('election', accounts=500, seed=1);"
        "print(sim.log.fingerprint, sorted(sim.truth.groups.items()))"
    )
    outputs = set()
    for hash_seed, threads in (("1", "1"), ("2", "2")):
        ran = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": hash_seed, "COORDNET_THREADS": threads},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        outputs.add(ran.stdout)
    sim = cn.simulate("election", accounts=500, seed=1)
    assert outputs == {f"{sim.log.fingerprint} {sorted(sim.truth.groups.items())}\n"}


def test_nothing_else_random_enters():
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    cn.simulate("election", accounts=500)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_truth_is_of_the_population(scenario):
    sim = cn.simulate(scenario, accounts=1_000, seed=0)
    known = set(sim.accounts["account"])
    assert len(known) == len(sim.accounts) == 1_000
    assert set(sim.log.accounts) <= known
    members = [a for group in sim.truth.groups.values() for a in group]
    assert len(set(members)) == len(members)  # no account is in two
    assert set(members) <= known
    assert set(sim.truth.covert) == set(sim.truth.groups)
    assert all(len(group) >= 3 for group in sim.truth.groups.values())
    assert sim.scenario == scenario


def test_the_organic_public_has_nothing_planted():
    sim = cn.simulate("organic", accounts=500)
    assert not any(sim.truth.covert.values())
    assert "planted  nothing" in repr(sim)


def test_planted_groups_act_together():
    """What is planted must be there to be found: two members of a ring meet again and again."""
    sim = cn.simulate("retweet_ring", accounts=1_000, seed=0)
    graph = cn.co_action(sim.log, "60s", min_weight=3)
    group_of = {a: g for g, members in sim.truth.groups.items() for a in members}
    inside = sum(
        group_of.get(u, 1) == group_of.get(v, 2)
        for u, v in zip(*(graph.log.all_accounts[graph.edges[e]] for e in ("source", "target")),
                        strict=True)
    )  # fmt: skip
    planted = sum(
        len(m) * (len(m) - 1) // 2 for name, m in sim.truth.groups.items() if sim.truth.covert[name]
    )
    assert inside > 0.9 * planted


def test_times_are_whole_seconds_and_actions_as_many_as_asked():
    sim = cn.simulate("organic", accounts=300, actions=2_000, seed=0)
    assert sim.log.resolution == 1_000_000
    assert sim.log.rows_read <= 2_000
    assert sim.log.rows_read > 1_500  # some fall behind the end of the period
    assert (sim.log.span[1] - sim.log.span[0]).days <= 28


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"accounts": 199}, "accounts=199: a population needs 200 or more."),
        ({"actions": 0}, "actions=0 is not a number of actions; use 1 or more."),
        ({"seed": -1}, "seed=-1 is not a whole number from 0 to 9,223,372,036,854,775,807."),
        ({"seed": None}, "seed=None is not a whole number from 0 to 9,223,372,036,854,775,807."),
    ],
)
def test_wrong_parameters_are_told(options, told):
    with pytest.raises(cn.CoordnetError) as error:
        cn.simulate("organic", **options)
    assert str(error.value) == told


def test_a_wrong_scenario_is_told():
    with pytest.raises(cn.CoordnetError) as error:
        cn.simulate("elections")
    assert str(error.value).startswith("scenario='elections' is not known; choose one of ")
    assert str(error.value).endswith("Did you mean 'election'?")


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("accounts", [200, 333])
def test_small_populations(scenario, accounts):
    sim = cn.simulate(scenario, accounts=accounts, seed=1)
    assert 0 < sim.log.n_accounts <= accounts
    assert len(sim.log) > 0


def test_the_truth_as_a_frame():
    truth = Truth({"g": ("a", "b"), "h": ("c",)}, {"g": True, "h": False})
    frame = truth.to_frame()
    assert list(frame.itertuples(index=False, name=None)) == [
        ("a", "g", True), ("b", "g", True), ("c", "h", False)
    ]  # fmt: skip
    assert isinstance(truth.to_frame("polars"), pl.DataFrame)
    assert isinstance(truth.to_frame("pyarrow"), pa.Table)
    assert len(Truth({}, {}).to_frame()) == 0


def test_repr_and_fields():
    sim = cn.simulate("retweet_ring", accounts=1_000, seed=0)
    assert repr(sim).splitlines()[0] == "Simulation (retweet_ring)"
    assert f"accounts {sim.log.n_accounts:,}" in repr(sim)
    for name, members in sim.truth.groups.items():
        assert f"{name} ({len(members)})" in repr(sim)
    assert "<strong>Simulation (retweet_ring)</strong>" in sim._repr_html_()
    assert {"scenario", "log", "truth"} <= {f.name for f in fields(sim)}


# -- options -----------------------------------------------------------------------------------


def test_large_rings_have_the_shapes_asked_for():
    sim = cn.simulate("large_ring", accounts=1_000, rings=[(60, 100), (40, 15)], kind="text")
    log = sim.log
    times = {}
    for a, o, t in zip(log.accounts[log.account], log.object, log.time, strict=True):
        times.setdefault(o, {}).setdefault(a, []).append(t)
    for name, size, posts in (("ring_1", 60, 100), ("ring_2", 40, 15)):
        members = set(sim.truth.groups[name])
        assert len(members) == size
        one = sim.truth.groups[name][0]
        joint = [
            o
            for o, acts in times.items()
            if members <= set(acts)
            and any(
                all(min(abs(t - own) for t in acts[a]) <= 20_000_000 for a in members)
                for own in acts[one]
            )
        ]
        assert len(joint) >= posts - 2  # of the last day some fall behind the end
        assert {log.kinds[k] for k in log.object_kind[joint]} == {"text"}


def test_large_rings_differ_by_seed_and_stay_in_range():
    shapes = set()
    for seed in range(3):
        sim = cn.simulate("large_ring", accounts=10_000, seed=seed)
        sizes = tuple(len(members) for members in sim.truth.groups.values())
        assert len(sizes) == 3
        assert all(40 <= size <= 1_000 for size in sizes)
        shapes.add(sizes)
    assert len(shapes) == 3


@pytest.mark.parametrize("share", [0.3, 0.4, 0.6])
def test_contaminated_logs_have_the_share_asked_for(share):
    sim = cn.simulate("contaminated", accounts=2_000, share=share)
    cells = [members for name, members in sim.truth.groups.items() if sim.truth.covert[name]]
    assert sum(map(len, cells)) == pytest.approx(share * 2_000, abs=4)
    assert all(len(cell) <= 60 for cell in cells)
    birds = sim.truth.groups["early_birds"]
    assert len(birds) == (2_000 - sum(map(len, cells))) // 20
    assert not sim.truth.covert["early_birds"]
    # one campaign: another cell pushes most of what a cell pushes
    log = sim.log
    code = np.full(log.n_accounts, -1)
    for i, cell in enumerate(cells):
        code[log.codes_of(cell, missing="ignore")] = i
    acts = np.unique(np.column_stack([log.object, code[log.account]]), axis=0, return_counts=True)
    pushed = acts[0][(acts[0][:, 1] >= 0) & (acts[1] >= 5)]
    others = np.bincount(pushed[:, 0])[pushed[:, 0]]
    assert (others > 1).mean() > 0.5


def test_contaminated_logs_have_forty_percent_unless_told():
    one, two = (cn.simulate("contaminated", accounts=500, **o) for o in ({}, {"share": 0.4}))
    assert one.log.fingerprint == two.log.fingerprint


def test_mixed_publics_have_every_habit_and_a_campaign_of_the_share_asked_for():
    sim = cn.simulate("mixed_public", accounts=2_000, share=0.05, seed=2)
    log, truth = sim.log, sim.truth
    cells = [members for name, members in truth.groups.items() if truth.covert[name]]
    assert sum(map(len, cells)) == pytest.approx(100, abs=4)
    assert [name for name in truth.groups if not truth.covert[name]] == [
        "early_birds",
        "daily_slots",
    ]
    everybody = [a for members in truth.groups.values() for a in members]
    assert len(set(everybody)) == len(everybody)
    starts, order = log.by_account
    second = log.time // 1_000_000
    of = {a: second[order[starts[a] : starts[a + 1]]] for a in range(len(log.all_accounts))}
    for code in log.codes_of(truth.groups["daily_slots"], missing="ignore"):
        # half an hour of the day; its end where the account acts at full quarters, too
        assert np.ptp(of[code] % 86_400) <= 1_800
    assert sum((t % 900 == 0).all() for t in of.values() if len(t) > 4) > 100  # schedulers
    assert sum(len(t) >= 900 for t in of.values()) >= 25  # who repeat a hashtag
    for cell in cells:
        codes = log.codes_of(cell)
        mine = np.isin(log.account, codes)
        together = 0
        for o in np.unique(log.object[mine]):
            at = np.sort(log.time[mine & (log.object == o)]) // 1_000_000
            near = np.searchsorted(at, at + 45, side="right") - np.arange(len(at))
            together += near.max() >= len(cell) / 2
        assert 9 <= together <= 13


def test_tiny_cells_are_tiny():
    sim = cn.simulate("tiny_cells", accounts=1_000)
    sizes = sorted(len(members) for members in sim.truth.groups.values())
    assert sizes == 5 * [4] + 5 * [5] + 5 * [6]


@pytest.mark.parametrize(
    ("scenario", "options", "told"),
    [
        ("organic", {"share": 0.5}, "share= is no option of the scenario 'organic'; it has none."),
        (
            "contaminated",
            {"rings": []},
            "rings= is no option of the scenario 'contaminated'; it has share.",
        ),
        (
            "contaminated",
            {"share": 40},
            "share=40 of the accounts cannot be one campaign; use more than 0, up to 0.9.",
        ),
        (
            "mixed_public",
            {"share": 0},
            "share=0 of the accounts cannot be one campaign; use more than 0, up to 0.9.",
        ),
        (
            "large_ring",
            {"rings": [(60, 100), (2, 5)]},
            "rings=[(60, 100), (2, 5)]: ring 1 has 2 accounts and 5 posts; a ring has 3 accounts "
            "and 1 post or more.",
        ),
    ],
)
def test_wrong_options_are_told(scenario, options, told):
    with pytest.raises(cn.CoordnetError) as error:
        cn.simulate(scenario, accounts=1_000, **options)
    assert str(error.value) == told


def test_auto_sharers_follow_one_source_within_seconds():
    sim = cn.simulate("auto_sharers", accounts=1_000, seed=0)
    log = sim.log
    (members,) = sim.truth.groups.values()
    assert len(members) == 31
    assert not sim.truth.covert["auto_sharers"]
    codes = log.codes_of(members)
    starts = log.by_object
    opened = [o for o in range(log.n_objects) if log.account[starts[o]] == codes[0]]
    posts = [o for o in opened if np.isin(log.account[starts[o] : starts[o + 1]], codes).sum() > 20]
    assert len(posts) >= 98  # of the last day some fall behind the end
    delays, joined = [], []
    for o in posts:
        own = slice(starts[o], starts[o + 1])
        chosen = np.isin(log.account[own], codes[1:])
        delays += ((log.time[own] - log.time[starts[o]])[chosen] / 1_000_000).tolist()
        joined.append(len(set(log.account[own][chosen])))
    assert np.mean(joined) == pytest.approx(27, abs=1)
    assert np.median(delays) == pytest.approx(2 + 15 * np.log(2), abs=1)
