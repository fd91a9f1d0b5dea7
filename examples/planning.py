"""Before a study: what could be found in a log like mine, if it were there?

    python examples/planning.py

"Nothing was found" means little unless something could have been. This plants groups of several
sizes in copies of a log and says how often they are found. Use your own log, from
cn.read_actions, in place of the simulated one, and more runs.
"""

import coordnet as cn

log = cn.simulate("organic", accounts=1_000, seed=0).log
print("members  posts  found  95 % interval")
for size, objects in ((3, 3), (4, 3), (5, 4), (8, 6)):
    result = cn.power(log, size=size, objects=objects, lag="20s", runs=10, seed=0)
    print(
        f"{size:7}  {objects:5}  {result.power:5.0%}  {result.low:.0%} to {result.high:.0%}",
        flush=True,
    )
