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
