"""A log whose every text is an attack, and the run that is made of it."""

import functools

import pyarrow as pa
from helpers import ring_rows

import coordnet as cn

RUNS = "window.ran=1"
ATTACKS = (
    f"<script>{RUNS}</script>",
    f"</script><script>{RUNS}</script>",
    f"<img src=x onerror={RUNS}>",
    f"\"'><svg onload={RUNS}>",
    f"javascript:{RUNS}",
    "https://requested.example/<b>bold</b>?a=1&b=2",
    "<link rel=stylesheet href=https://requested.example/style.css>",
    "<!-- <!-- -->",
    "\u202egnp.exe\u202c\u2066\u061c\u200f",
    "\x00\x07\x08\x1b[31mred\x7f\x9b",
    "$$\\unicode{x41}$$ \\(x\\) \\[y\\]",
    "\u2028\u2029\ufeff\u00ad",
    "e" + "\u0301" * 300,
    "\ufdfd" * 200,
    "w" * 100_000,
    "&lt;b&gt; &amp; &#60;",
    "{{1+1}} ${1+1} @{account}{safe} %(a)s {0}",
    "__proto__",
    "constructor",
    "\u05d0\u05d1\u05d2 \u0627\u0644\u0633\u0644\u0627\u0645",
)
MOMENTS = {
    f"<b onclick={RUNS}>moment</b>\u202e$$x$$": ("2017-07-15", "2017-07-16"),
    "m" * 100_000: ("2017-07-18", "2017-07-20"),
}


@functools.cache
def hostile_run():
    """Return a run with three clusters of 9, 6 and 5 accounts; every name in it is an attack."""
    rows = ring_rows()
    names = {}
    for account, *_ in rows:
        if account not in names:
            attack = ATTACKS[len(names) % len(ATTACKS)]
            names[account] = f"{attack}{len(names)}"
    kinds = {
        "retweet": f"<img src=x onerror={RUNS}>\u202e" + "k" * 100_000, "url": "</script>url",
    }  # fmt: skip
    objects = {o: f"{ATTACKS[i % len(ATTACKS)]}{o}" for i, o in enumerate({r[1]: 0 for r in rows})}
    table = pa.table(
        {
            "account": [names[row[0]] for row in rows],
            "object": [objects[row[1]] for row in rows],
            "time": pa.array([row[2] for row in rows], pa.int64()),
            "kind": [kinds[row[3]] for row in rows],
            "text": [f"{objects[row[1]]} says so" for row in rows],
        }
    )
    log = cn.read_actions(
        table, account="account", object="object", time="time", kind="kind", text="text", unit="us"
    )
    accounts = pa.table(
        {
            "account": list(names.values()),
            "created_at": [f"201{i % 7}-0{1 + i % 9}-01T00:00:00Z" for i in range(len(names))],
            "handle": list(names.values()),
        }
    )
    run = cn.detect(log, "60s", null_sets=19, accounts=accounts, moments=MOMENTS)
    return run, names
