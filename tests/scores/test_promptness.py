"""Promptness: what members' own delays explain, by hand and against the oracle."""

import naive
import numpy as np
import pandas as pd
import pytest

import coordnet as cn
from coordnet.scores import promptness as module
from coordnet.scores.promptness import UNKNOWN, published

T0 = 1_600_000_007
SECOND = 1_000_000


def log_of(rows, kind="retweet"):
    """Return the log of rows (account, object, second)."""
    frame = pd.DataFrame(rows, columns=["account", "object", "time"])
    frame["time"] += T0
    frame["kind"] = kind
    return cn.read_actions(frame, account="account", object="object", time="time", kind="kind")


def scored(log, *sets, within="60s", **inputs):
    clusters = cn.Clusters.from_labels([list(s) for s in sets], cn.co_action(log, within))
    return cn.score_clusters(clusters, log, null_sets=0, only=["accounts"], **inputs)


def promptness_of(log, *sets, **inputs):
    return scored(log, *sets, **inputs).view.promptness


def value_of(scores, name):
    table = scores.explanations("pandas")
    row = table[table["explanation"] == name].iloc[0]
    return row["value"], row["fits"]


def acted(delays, opener="out"):
    """Return rows: object k is opened by an outsider at 100,000 k, members act after delays[k]."""
    rows = []
    for k, own in enumerate(delays):
        if opener:
            rows.append((opener, f"p{k}", 100_000 * k))
        rows += [(m, f"p{k}", 100_000 * k + d) for m, d in own.items()]
    return rows


def signal(n, members="abcd", step=1_000):
    """Members act together, each time a while after another delay."""
    return [{m: step * (k + 1) + i for i, m in enumerate(members)} for k in range(n)]


def prompt(n, members="abcd", within=15, seed=0):
    """Members act within seconds of the opening, each independently."""
    rng = np.random.default_rng(seed)
    return [{m: 1 + int(within * rng.random()) for m in members} for _ in range(n)]


def test_who_follows_a_signal_is_not_explained_by_hand():
    found = promptness_of(log_of(acted(signal(8))), "abcd")
    assert found.explained.tolist() == [0.0]  # no two delays of different objects are close
    assert found.objects.tolist() == [8]
    assert found.fast.tolist() == [0.0]
    assert found.covered.tolist() == [1.0]


def test_who_is_prompt_is_explained_by_hand():
    found = promptness_of(log_of(acted(prompt(8))), "abcd")
    assert found.explained.tolist() == [1.0]  # any two delays are within a quarter of the window
    assert found.fast.tolist() == [1.0]


def test_half_prompt_by_hand():
    """Two of four delays are 5 s, two are far apart: moved pairs are close in 4 of 12 cases."""
    delays = [dict.fromkeys("abcd", (5, 5, 5000, 9000)[k % 4]) for k in range(8)]
    exact = naive.promptness(
        {(m, k): d * SECOND for k, own in enumerate(delays) for m, d in own.items()}, 60 * SECOND
    )
    # of 8 x 7 pairs of delays of different objects 4 x 3 + 2 + 2 are alike
    assert exact == pytest.approx(16 / 56)
    assert promptness_of(log_of(acted(delays)), "abcd").explained[0] == pytest.approx(
        exact, abs=0.05
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_share_is_that_of_the_oracle(seed, monkeypatch):
    """Members of some objects only, with delays that are alike now and then."""
    monkeypatch.setattr(module, "ROUNDS", 4_000)
    rng = np.random.default_rng(seed)
    delays = []
    for _ in range(9):
        base = int(rng.choice([10, 200, 1_500]))
        own = {m: base + int(rng.integers(1, 60)) for m in "abcdef" if rng.random() < 0.8}
        delays.append(own if len(own) >= 3 else dict.fromkeys("abc", base + 1))
    acts = {(m, k): d * SECOND for k, own in enumerate(delays) for m, d in own.items()}
    exact = min(naive.promptness(acts, w * SECOND) for w in (60, 15))
    found = promptness_of(log_of(acted(delays)), "abcdef").explained[0]
    assert 0.1 < exact < 0.9
    assert found == pytest.approx(exact, abs=0.015)


def test_closer_than_promptness_explains():
    """All delays are within the window, but each time members are within a second."""
    delays = [dict.fromkeys("abcd", 3 + 8 * (k % 8)) for k in range(16)]
    acts = {(m, k): d * SECOND for k, own in enumerate(delays) for m, d in own.items()}
    assert naive.promptness(acts, 60 * SECOND) == 1.0
    found = promptness_of(log_of(acted(delays)), "abcd").explained[0]
    assert found == pytest.approx(naive.promptness(acts, 15 * SECOND), abs=0.05)
    assert found < 0.5


@pytest.mark.parametrize("n", [1, 5])
def test_too_few_objects_tell_nothing(n):
    rows = acted(prompt(n)) + [(m, f"x{k}", k) for k, m in enumerate("abcd")]
    scores = scored(log_of(rows), "abcd")
    assert np.isnan(scores.view.promptness.explained[0])
    assert scores.view.promptness.objects[0] == n
    told = scores.explain(0)
    assert (
        "Too few objects tell how much of it the members' own delays since publication explain "
        f"({n})." in told
    )
    assert pd.isna(value_of(scores, "auto_sharers")[1])


def test_who_shares_nothing_is_not_told_of():
    scores = scored(log_of([(m, f"x{k}", k) for k, m in enumerate("abcd")]), "abcd")
    assert np.isnan(scores.view.promptness.explained[0])
    assert "None of 9 can be checked with these data." in scores.explain(0)


def test_the_words_have_the_figure():
    told = scored(log_of(acted(prompt(8))), "abcd").explain(0)
    assert (
        "Members' own delays since publication explain 100 % of how often they met, on the 8 "
        "objects that tell." in told
    )


def test_objects_that_members_open_say_nothing():
    """Not even where an outsider acts in the same second, or later."""
    rows = acted(signal(8))
    opened = acted(prompt(20), opener=None)
    opened = [(m, f"own{o}", t + 5_000_000) for m, o, t in opened]
    first = {o: min(t for _, p, t in opened if p == o) for _, o, _ in opened}
    tied = [("out", o, t) for o, t in first.items()]
    for more in (opened, opened + tied, opened + [("out", o, t + 1) for _, o, t in tied]):
        found = promptness_of(log_of(rows + more), "abcd")
        assert found.objects.tolist() == [8]
        assert found.explained.tolist() == [0.0]
        assert found.covered.tolist() == [8 / 28]


def test_objects_of_few_members_do_not_count():
    """Three members of four are enough, two are not; of fifty a tenth is needed."""
    few = [dict.fromkeys("ab", 5) for _ in range(5)] + [dict.fromkeys("abc", 5) for _ in range(6)]
    assert promptness_of(log_of([*acted(few), ("d", "alone", 0)]), "abcd").objects.tolist() == [6]
    crowd = [f"m{i:02d}" for i in range(50)]
    shared = [dict.fromkeys(crowd[:n], 5) for n in (3, 4, 5, 6)]
    rows = acted(shared) + [(m, f"alone {m}", 9_000_000) for m in crowd]
    assert promptness_of(log_of(rows), crowd).objects.tolist() == [2]


def test_one_member_is_the_source():
    """It opens everything: the others' delays since then tell, its own do not count."""
    delays = [{"s": 0, **own} for own in prompt(12)]
    log = log_of(acted(delays, opener=None))
    scores = scored(log, "abcds")
    assert scores.view.promptness.explained.tolist() == [1.0]
    assert scores.view.promptness.objects.tolist() == [12]
    assert "s" not in set(np.array(log.accounts)[scores.view.first_acts.account])
    assert value_of(scores, "auto_sharers") == (1.0, True)
    # who opens half of them by turns is no source
    turns = [{**own, "abcds"[k % 5]: 0, "s": own["a"] + 1} for k, own in enumerate(prompt(12))]
    found = promptness_of(log_of(acted(turns, opener=None)), "abcds")
    assert found.objects.tolist() == [0]


def test_an_outsider_is_the_source():
    assert value_of(scored(log_of(acted(prompt(12))), "abcd"), "auto_sharers") == (1.0, True)
    turns = [row for k in range(12) for row in acted([*[{}] * k, prompt(12)[k]], f"o{k}")[k:]]
    scores = scored(log_of(turns), "abcd")
    assert scores.view.promptness.explained.tolist() == [1.0]
    assert value_of(scores, "auto_sharers") == (pytest.approx(1 / 12), False)  # of each source
    assert value_of(scores, "early_birds") == (1.0, True)


def test_slow_members_are_no_early_birds():
    """All act half an hour after the opening: their delays explain it, but prompt they are not."""
    slow = [{m: d + 1_800 for m, d in own.items()} for own in prompt(8)]
    scores = scored(log_of(acted(slow)), "abcd")
    assert scores.view.promptness.explained.tolist() == [1.0]
    assert value_of(scores, "early_birds") == (0.0, False)


def post_id(second):
    """Return an id as X makes them: milliseconds since November 2010, then 22 other bits."""
    return str(((T0 + second) * 1_000 - 1_288_834_974_657) << 22 | 12_345)


def test_ids_of_posts_tell_when_they_were_published():
    acts = prompt(8)
    rows = [
        (m, post_id(100_000 * k), 100_000 * k + d)
        for k, own in enumerate(acts)
        for m, d in own.items()
    ]
    log = log_of(rows)
    expected = {post_id(100_000 * k): (T0 + 100_000 * k) * SECOND for k in range(8)}
    told = published(log, np.arange(log.n_objects)).tolist()
    assert dict(zip(log.object_labels.to_pylist(), told, strict=True)) == expected
    assert published(log, np.array([3, 1], np.int32)).tolist() == [told[3], told[1]]
    found = promptness_of(log, "abcd")
    assert found.objects.tolist() == [8]  # though members open all of them
    assert found.explained.tolist() == [1.0]


@pytest.mark.parametrize(
    "ids",
    [
        lambda k: f"{10**17 + 977 * k}",  # ids of something else: times of 2011
        lambda k: post_id(100_000 * k + 3_600),  # after the actions
        lambda k: post_id(100_000 * k) if k < 7 else f"name{k}",  # not all of a kind
        lambda k: f"post{k}",
    ],
)
def test_what_is_no_post_id_tells_nothing(ids):
    rows = [(m, ids(k), 100_000 * k + d) for k, own in enumerate(prompt(8)) for m, d in own.items()]
    log = log_of(rows)
    assert (published(log, np.arange(log.n_objects)) == UNKNOWN).all()


def test_the_same_whatever_the_order_of_rows_and_clusters():
    rows = acted(signal(8, step=40)) + acted(
        [{m.upper(): d for m, d in own.items()} for own in prompt(8)], "other"
    )
    rows = [(a, o if a.islower() and a != "other" else f"q{o}", t) for a, o, t in rows]
    one = promptness_of(log_of(rows), "abcd", "ABCD", seed=3)
    again = promptness_of(log_of(rows[::-1]), "abcd", "ABCD", seed=3)
    assert one.explained.tobytes() == again.explained.tobytes()
    assert one.explained[0] < 0.5 < one.explained[1] or one.explained[1] < 0.5 < one.explained[0]


def test_no_clusters():
    found = promptness_of(log_of(acted(signal(3))))
    assert found.explained.shape == (0,)
