"""Watch a platform: yesterday's actions in, what is new out, nothing said twice.

    python watch.py

Each look searches what has come in since the last one, and says what is new. What was said stands
in watch.json, so that the looks may be days apart and in different processes: run it from cron.
Where nothing coordinates, the chance of any alarm in the whole watch is at most 5 %, however long
it goes on: step k is searched at the level 0.05 / (k (k + 1)) (alpha spending).

The actions here are simulated, twelve weeks of them. In place of `so_far` give your own: a log of
the files so far, or a store that each day is appended to.
"""

import tempfile
from pathlib import Path

import numpy as np

import coordnet as cn

log = cn.simulate("regroupings", accounts=500, actions=5_000, seed=0).log
begin = np.datetime64("2017-05-12")

with tempfile.TemporaryDirectory() as folder:
    for week in range(3, 13):
        today = str(begin + 7 * week)
        so_far = log.between(end=today)
        news = cn.watch(
            so_far, Path(folder, "watch.json"), every="7d", window="21d", until=today, within="60s"
        )
        for alarm in news:
            print(f"{today}: {alarm}")
print(f"{news.spent:.3f} of the level {news.level:g} is used up")
