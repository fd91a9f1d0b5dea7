"""Watch a platform week by week: say what is new, once, at one level of error for the whole watch.

Each week the log so far is searched again (here a simulated one that grows; of your own data,
read the files so far). Complete steps stay as they are when the log goes on, so each step is told
once. spending="open" gives the k-th step the level 0.05 / (k (k + 1)): however long the watch goes
on, the chance of any false alarm is at most 5 % where nothing coordinates.
"""

import coordnet as cn

DAY = 86_400_000_000  # microseconds
sim = cn.simulate("regroupings", accounts=500, actions=5_000, seed=0)
first, _ = sim.log.limits

told = 0
for week in range(2, 13, 2):
    so_far = sim.log.where(sim.log.time < first + 7 * week * DAY, "not there yet")
    found = cn.find_clusters_over_time(
        so_far, every="14d", window="28d", spending="open", within="60s"
    )
    complete = sum(step.complete for step in found.steps)
    for step in range(told, complete):
        for said in found.news(step):
            print(f"week {week}: {said}")
    told = max(told, complete)
