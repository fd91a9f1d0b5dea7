"""Hypothesis logs: ties, duplicates, one account, none, one viral object, several kinds.

Rows are (account, object, time, kind, content), as in naive.py. Times fall on few moments, mostly
at and around the borders of WINDOW, so that what happens exactly at the bound happens all the time.
"""

from hypothesis import settings
from hypothesis import strategies as st

SECOND = 1_000_000
WINDOW = 60 * SECOND
REFRACTORY = 30 * SECOND
# No whole second: a clock of whole minutes would make co_action warn, as it should
START = 1_500_000_000_123_457

# Byte order is not the order of any locale; some would hurt a spreadsheet, an XML file or a number
ACCOUNTS = ("b", "B", "a", "é", "01", "1", "=1+1", "a b", "😀", "ab")
OBJECTS = ("p", "q", "https://x.example/?a=1&b=2", "#Ünï", "0", "p ")
KINDS = ("retweet", "url", "hashtag")

_STEPS = (0, 1, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, REFRACTORY, REFRACTORY + 1)


def examples(number):
    """Draw so many examples, and in another profile as many as it has for each hundred."""
    return settings(max_examples=max(1, number * settings.default.max_examples // 100))


def _some(pool, most):
    """Draw a few values of a pool: often one only."""
    return st.lists(st.sampled_from(pool), min_size=1, max_size=most, unique=True)


@st.composite
def logs(draw, max_size=40, contents=True, min_size=0):
    """Draw the rows of a log."""
    accounts = draw(_some(ACCOUNTS, 6))
    objects = draw(_some(OBJECTS, 4))
    kinds = draw(_some(KINDS, 2))
    few = st.lists(st.sampled_from(_STEPS), max_size=4).map(sum)
    times = draw(st.sampled_from([few, st.integers(0, 4 * WINDOW), st.just(0)]))
    content = st.sampled_from([None, "c1", "c2"]) if contents else st.none()
    row = st.tuples(
        st.sampled_from(accounts),
        st.sampled_from(objects),
        times.map(lambda offset: START + offset),
        st.sampled_from(kinds),
        content,
    )
    rows = draw(st.lists(row, min_size=min_size, max_size=max_size))
    if rows and draw(st.booleans()):  # some rows again
        rows += draw(st.lists(st.sampled_from(rows), max_size=6))
    return rows


@st.composite
def crowded_logs(draw):
    """A crowd on the same objects, some of it late, absent or acting twice, and others beside."""
    rng = draw(st.randoms(use_true_random=False))
    accounts, objects = draw(st.integers(2, 7)), draw(st.integers(1, 6))
    step = draw(st.sampled_from([1, 1_000, SECOND]))
    rows = []
    for o in range(objects):
        for a in range(accounts):
            for twice in range(2 if rng.random() < 0.1 else 1):
                if rng.random() < 0.85:
                    moment = START + o * 30 * SECOND + rng.randrange(90) * step + twice
                    rows.append((f"u{a}", f"o{o}", moment, "k", None))
    for _ in range(draw(st.integers(0, 12))):
        moment = START + rng.randrange(200) * SECOND
        rows.append((f"u{rng.randrange(9)}", f"o{rng.randrange(8)}", moment, "k", None))
    return rows


def windows():
    """Draw a window in microseconds."""
    return st.sampled_from([0, 1, WINDOW - 1, WINDOW, 2 * WINDOW + 1])


@st.composite
def partitions(draw, labels):
    """Draw disjoint sets of labels, each of one or more."""
    marks = draw(st.lists(st.integers(-1, 3), min_size=len(labels), max_size=len(labels)))
    parts = {}
    for label, mark in zip(labels, marks, strict=True):
        if mark >= 0:
            parts.setdefault(mark, []).append(label)
    return list(parts.values())
