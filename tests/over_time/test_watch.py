"""A watch: the same as a search at once, nothing said twice, one level over the whole watch."""

import json

import numpy as np
import pyarrow as pa
import pytest
from helpers import over_time_of
from scipy.stats import binom

import coordnet as cn
from coordnet import export
from coordnet.export import Pseudonyms
from coordnet.graphs.multiplex import Multiplex
from coordnet.over_time import watch as watching
from coordnet.over_time.clusters_over_time import Step

DAY = 86_400_000_000
RULE = {"every": "14d", "window": "28d", "within": "60s", "threads": 1}
BEGIN = np.datetime64("2017-05-12")


@pytest.fixture(scope="module")
def sim():
    return cn.simulate("regroupings", accounts=500, actions=5_000, seed=0)


@pytest.fixture(scope="module")
def at_once(sim):
    return cn.find_clusters_over_time(sim.log, spending="open", **RULE)


def looks(log, days, anew=False):
    """Return the log as it is after so many days; `anew`: as somebody reads it who has no more."""
    until = BEGIN + days
    part = log.between(end=str(until))
    if anew:
        frame = part.to_frame("pyarrow")
        part = cn.read_actions(frame, account="account", object="object", time="time", kind="kind")
    return part, str(until)


@pytest.fixture(scope="module")
def watched(sim, tmp_path_factory):
    """Return what looks from time to time gave, the second log with other codes, and the memory."""
    memory = tmp_path_factory.mktemp("watch") / "watch.json"
    found = []
    for days in (20, 28, 40, 44, 44, 72, 84):
        part, until = looks(sim.log, days, anew=days == 44)
        found.append(cn.watch(part, memory, until=until, key=b"k", **RULE))
    return found, memory


def told(steps):
    return [
        (s.start_us, s.end_us, s.level, [c.accounts.tolist() for c in s.clusters],
         [c.evidence for c in s.clusters])
        for s in steps
    ]  # fmt: skip


def test_looks_from_time_to_time_give_what_one_search_gives(watched, at_once):
    news, _ = watched
    assert [len(one.steps) for one in news] == [0, 1, 0, 1, 0, 2, 1]
    assert [one.first for one in news] == [0, 0, 1, 1, 2, 2, 4]
    assert told(s for one in news for s in one.steps) == told(at_once.steps)
    events = [(a.step, a.event, a.track, a.other) for one in news for a in one]
    assert events == list(at_once.events)
    tracks = {
        (step, cluster): track.number for track in at_once.tracks for step, cluster in track.seen
    }
    for one in news:
        for number, own in enumerate(one.tracks):
            assert own == tuple(tracks[one.first + number, j] for j in range(len(own)))
    assert news[-1].spent == pytest.approx(sum(s.level for s in at_once.steps))
    assert news[-1].level == 0.05


def test_each_planted_group_is_new_once(watched, sim):
    news = [alarm for one in watched[0] for alarm in one]
    begun = {p.group: set(p.accounts) for p in sim.truth.phases if p.start_us == 1494547200000000}
    assert len(begun) == 5
    for accounts in begun.values():
        alike = [a for a in news if a.event == "born" and len(accounts & set(a.accounts)) >= 10]
        assert len(alike) == 1
    assert {a.event for a in news} == {"born", "split", "merged"}
    assert len({(a.event, a.track) for a in news}) == len(news) == 7


def test_how_often_one_looks_changes_nothing(watched, sim, tmp_path):
    part, until = looks(sim.log, 84)
    news = cn.watch(part, tmp_path / "one.json", until=until, key=b"k", **RULE)
    assert (tmp_path / "one.json").read_bytes() == watched[1].read_bytes()
    assert [str(a) for a in news] == [str(a) for one in watched[0] for a in one]


def test_a_store_that_grows_is_watched_as_a_log_is(watched, sim, tmp_path):
    """The codes of accounts change with each append."""
    store, begin = None, "2017-05-12"
    for days in (28, 44, 84):
        until = str(BEGIN + days)
        new = sim.log.between(begin, until).to_frame("pyarrow")
        if store is None:
            columns = {name: name for name in ("account", "object", "time", "kind")}
            store = cn.write_store(new, tmp_path / "store", **columns)
        else:
            store = store.append(new)
        cn.watch(store, tmp_path / "watch.json", until=until, key=b"k", **RULE)
        begin = until
    assert (tmp_path / "watch.json").read_bytes() == watched[1].read_bytes()


def test_the_memory_holds_pseudonyms_and_every_alarm(watched, sim):
    news, memory = watched
    text = memory.read_text()
    assert not any(f'"{name}"' in text for name in sim.log.accounts)
    kept = json.loads(text)
    assert kept["key"] is None
    assert [(a["step"], a["event"], a["track"]) for a in kept["told"]] == [
        (a.step, a.event, a.track) for one in news for a in one
    ]
    names = Pseudonyms(b"k")
    first = next(iter(news[1]))
    assert kept["told"][0]["accounts"] == names.of(list(first.accounts))


def test_news_in_words_and_frames(watched):
    news = watched[0][1]
    assert repr(news).splitlines()[:2] == [
        "News: 5 in 1 step; 0.025 of the level 0.05 is used up",
        "  2017-05-12 to 2017-06-09: track 0 is new: 30 accounts.",
    ]
    assert "track 5 splits from track 0" in repr(watched[0][5])
    assert "Track 0 is new" in news._repr_html_()
    rows = news.to_frame("pyarrow").to_pylist()
    assert [(r["event"], r["track"], r["accounts"]) for r in rows[:1]] == [("born", 0, 30)]
    members = watched[0][5].members_frame("pyarrow").to_pylist()
    steps = watched[0][5].steps
    assert len(members) == sum(len(c) for s in steps for c in s.clusters)
    split = next(a for a in watched[0][5] if a.event == "split")
    own = [m["account"] for m in members if (m["step"], m["track"]) == (split.step, split.track)]
    assert tuple(own) == split.accounts


def test_a_step_is_searched_when_it_is_complete(sim, tmp_path):
    part, until = looks(sim.log, 28)
    memory = tmp_path / "watch.json"
    assert len(cn.watch(part, memory, **RULE).steps) == 0  # the last evening was quiet
    assert json.loads(memory.read_text())["key"] == part.secret("watch").hex()
    assert len(cn.watch(part, memory, until=until, **RULE).steps) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"within": "30s"}, r"within=\['60s'\], not \['30s'\]"),
        ({"window": "14d"}, "window='28d', not '14d'"),
        ({"fdr": 0.1}, "fdr=0.05, not 0.1"),
        ({"key": b"other"}, "has its own key"),
        ({"fdr": None}, "needs a level"),
        ({"every": "1us", "window": "1us"}, "every="),
    ],
)
def test_a_watch_goes_by_one_rule(sim, tmp_path, options, said):
    part, until = looks(sim.log, 20)
    cn.watch(part, tmp_path / "watch.json", until=until, **RULE)
    before = (tmp_path / "watch.json").read_bytes()
    with pytest.raises(cn.ParameterError, match=said):
        cn.watch(part, tmp_path / "watch.json", until=until, **{**RULE, **options})
    assert (tmp_path / "watch.json").read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', "no json"])
def test_another_file_is_no_memory(sim, tmp_path, text):
    part, _ = looks(sim.log, 20)
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(cn.InputError, match="memory of a watch"):
        cn.watch(part, tmp_path / "other.json", **RULE)
    assert (tmp_path / "other.json").read_text() == text
    empty = part.where(np.zeros(len(part), bool), "all")
    with pytest.raises(cn.InputError, match="no actions"):
        cn.watch(empty, tmp_path / "new.json", **RULE)


def test_what_breaks_off_is_as_if_nobody_had_looked(sim, watched, tmp_path, monkeypatch):
    memory = tmp_path / "watch.json"
    part, until = looks(sim.log, 28)
    cn.watch(part, memory, until=until, key=b"k", **RULE)
    before = memory.read_bytes()
    part, until = looks(sim.log, 84)
    real = watching.searched_step

    def breaks(log, period, level, *rest):
        if level < 0.05 / 13:
            raise KeyboardInterrupt
        return real(log, period, level, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(watching, "searched_step", breaks)
        with pytest.raises(KeyboardInterrupt):
            cn.watch(part, memory, until=until, key=b"k", **RULE)
    assert memory.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["watch.json"]
    assert len(cn.watch(part, memory, until=until, key=b"k", **RULE)) == 2
    assert memory.read_bytes() == watched[1].read_bytes()


def test_a_quiet_month_is_no_news_and_missing_data_are_an_error(sim, tmp_path):
    first, last = (np.datetime64(t, "us") for t in ("2017-05-26", "2017-07-07"))
    time = sim.log.time
    quiet = (time >= first.astype(np.int64)) & (time < last.astype(np.int64))
    log = sim.log.where(~quiet, "quiet")
    rule = {**RULE, "every": "14d", "window": "14d"}
    memory = tmp_path / "watch.json"
    news = cn.watch(log, memory, until="2017-08-04", **rule)
    assert [len(step.clusters) > 0 for step in news.steps] == [
        True,
        False,
        False,
        False,
        True,
        True,
    ]
    new = [a for a in news if a.event == "born"]
    assert [a.step for a in new] == [*[0] * 5, 4]
    moved = set(sim.truth.phases[-2].accounts)  # to other accounts, while nobody could see it
    assert len(moved & set(new[-1].accounts)) >= 14
    assert {a.event for a in news if a.step == 4} == {"born", "returned", "merged", "split"}
    late = log.between(start="2017-07-07")
    short = tmp_path / "short.json"
    cn.watch(log, short, until="2017-05-26", **rule)
    with pytest.raises(cn.InputError, match="goes back to 2017-05-26"):
        cn.watch(late, short, until="2017-08-04", **rule)


# -- the level of the whole watch ------------------------------------------------------------------


def null_log(rng, days, accounts=8, objects=20):
    """Return a log in which nobody coordinates: everybody acts on everything, within an hour."""
    objects *= days
    object_ = np.repeat(np.arange(objects), accounts)
    day = object_ * days // objects
    seconds = 80_000 * rng.random(objects)[object_] + 3_600 * rng.random(len(object_))
    table = pa.table(
        {
            "account": np.tile(np.arange(accounts), objects), "object": object_,
            "time": day * DAY + (seconds * 1e6).astype(np.int64),
        }
    )  # fmt: skip
    return cn.read_actions(table, account="account", object="object", time="time", unit="us")


def alarmed(log, days, memory, looks_at, **rule):
    """Return whether a watch says anything."""
    said = 0
    for day in looks_at:
        part = log.where(log.time < day * DAY, "not there yet")
        news = cn.watch(part, memory, until=day * 86_400, threads=1, **rule)
        said += len(news)
    assert news.first + len(news.steps) == days - 1
    return said > 0


SHARP = {  # any pair is an alarm, so that there are as many false ones as the level lets
    "every": "1d", "window": "2d", "within": "60s", "groups": False, "null": "timing",
    "min_size": 2, "clean_background": False,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("level", "watches", "days"), [(0.5, 120, 15), (0.05, 60, 15)])
def test_any_false_alarm_of_many_watches_without_coordination(tmp_path, level, watches, days):
    alarms = sum(
        alarmed(
            null_log(np.random.default_rng([7, i]), days), days, tmp_path / f"{level}-{i}.json",
            (2, 3, 6, 9, days), fdr=level, **SHARP,
        )
        for i in range(watches)
    )  # fmt: skip
    assert alarms <= binom.ppf(0.999, watches, level)
    if level == 0.5:  # the alarms are real ones, of the same tests that find what is planted
        assert alarms > 0


def test_watches_without_coordination_say_nothing(tmp_path):
    rule = {"every": "1d", "window": "2d", "within": "60s"}
    for i in range(3):
        log = null_log(np.random.default_rng([8, i]), 6)
        assert not alarmed(log, 6, tmp_path / f"{i}.json", (2, 4, 6), **rule)


def test_the_chance_of_any_alarm_where_each_step_errs_as_often_as_it_may(tmp_path, monkeypatch):
    """Steps that find a false cluster with exactly the chance that their level gives them.

    They are as dependent as windows that overlap may be, or not at all; looks come at any time.
    """
    monkeypatch.setattr(export, "to_disk", lambda _: None)  # thousands of looks wait for no disk
    log = cn.simulate("organic", accounts=200, actions=200, seed=0).log
    false = over_time_of([[{0, 1, 2}]]).steps[0].clusters
    none = over_time_of([[]]).steps[0].clusters
    watches, days, level = 60, 30, 0.2
    for dependence in ("none", "two steps share their chance", "all do"):
        rng = np.random.default_rng(3)
        alarms = 0
        for _ in range(watches):
            share = {"none": 1, "two steps share their chance": 2, "all do": days}[dependence]
            chance = np.repeat(rng.random(days), share)
            levels = []

            def search(log, period, level, *rest, chance=chance, levels=levels):
                levels.append(level)
                found = false if chance[len(levels) - 1] < level else none
                return Step(*period, level, found)

            monkeypatch.setattr(watching, "searched_step", search)
            memory = tmp_path / "watch.json"
            memory.unlink(missing_ok=True)
            said = []
            start = log.limits[0] // DAY
            for day in sorted({*rng.integers(1, days, 2).tolist(), days}):
                news = cn.watch(log, memory, "1d", "1d", until=(start + day) * 86_400, coupling=0,
                                fdr=level)  # fmt: skip
                said += [a for a in news if a.event == "born"]
            assert len(levels) == days
            assert sum(levels) <= level
            alarms += bool(said)
            assert len(said) <= 1  # the same group again is no new alarm
        spent = level * days / (days + 1)
        assert alarms <= binom.ppf(0.999, watches, spent)
        if dependence == "none":  # the search may err, or nothing would be tested here
            sharp = 1 - np.prod([1 - level / (k * (k + 1)) for k in range(1, days + 1)])
            assert alarms >= binom.ppf(0.001, watches, sharp)


def test_the_step_before_is_searched_again_for_its_ties(sim, tmp_path, monkeypatch):
    """A watch without ties does not look at the step before."""
    seen = []
    real = watching.search_layers
    monkeypatch.setattr(watching, "search_layers", lambda *a: seen.append(1) or real(*a))
    for days in (28, 42):
        part, until = looks(sim.log, days)
        cn.watch(part, tmp_path / "untied.json", until=until, coupling=0, **RULE)
    assert not seen
    for days in (28, 42):
        part, until = looks(sim.log, days)
        news = cn.watch(part, tmp_path / "tied.json", until=until, **RULE)
    assert len(seen) == 1
    assert isinstance(news.steps[0].clusters.layers, Multiplex)
