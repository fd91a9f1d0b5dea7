"""Watch a platform: yesterday's actions in, what is new out, nothing said twice.

    python watch.py

New actions are appended to a store, a log that stays on disk. Each look searches what has come in
since the last one, and says what is new. What was said stands in watch.json, so that the looks may
be days apart and in different processes: run it from cron. Where nothing coordinates, the chance of
any alarm in the whole watch is at most 5 %, however long it goes on: step k is searched at the
level 0.05 / (k (k + 1)) (alpha spending).

The actions here are simulated, twelve weeks of them. In place of `new` give your own file or frame.
"""

import tempfile
from pathlib import Path

import numpy as np

import coordnet as cn

log = cn.simulate("regroupings", accounts=500, actions=5_000, seed=0).log
columns = {"account": "account", "object": "object", "time": "time", "kind": "kind"}
begin = np.datetime64("2017-05-12")

with tempfile.TemporaryDirectory() as folder:
    place, memory = Path(folder, "store"), Path(folder, "watch.json")
    for week in range(12):
        last_week, today = str(begin + 7 * week), str(begin + 7 * week + 7)
        new = log.between(last_week, today).to_frame()
        if place.exists():
            store = cn.open_store(place).append(new)
        else:
            store = cn.write_store(new, place, **columns)
        news = cn.watch(store, memory, every="7d", window="21d", until=today, within="60s")
        for alarm in news:
            print(f"{today}: {alarm}")
print(f"{news.spent:.3f} of the level {news.level:g} is used up")
