"""Names, handles, places and words of simulated accounts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

LABELS = pa.large_string()
Integers = NDArray[np.int64]

ZONES = (-8.0, -5.0, -3.0, 0.0, 1.0, 3.0, 5.5, 9.0)  # hours from UTC
_PLACES = (  # time zone, location, language of most
    ("America/Los_Angeles", "Los Angeles", "en"),
    ("America/New_York", "New York", "en"),
    ("America/Sao_Paulo", "São Paulo", "pt"),
    ("Europe/London", "London", "en"),
    ("Europe/Berlin", "Berlin", "de"),
    ("Europe/Moscow", "Moscow", "ru"),
    ("Asia/Kolkata", "Mumbai", "en"),
    ("Asia/Tokyo", "Tokyo", "ja"),
)
LONDON, MOSCOW = 3, 5
_FEMALE = (
    "Emily", "Olivia", "Sophie", "Jessica", "Charlotte", "Lucy", "Grace", "Hannah", "Chloe",
    "Megan", "Laura", "Amelia", "Isabella", "Rebecca", "Katie", "Ella", "Daisy", "Alice",
)  # fmt: skip
_OTHERS = (
    "James", "Tom", "Oliver", "Harry", "Jack", "William", "Ben", "Sam", "Joe", "Dan", "Priya",
    "Mohammed", "Ana", "João", "Lukas", "Anna", "Hiroshi", "Yuki", "Алексей", "Мария", "Carlos",
)  # fmt: skip
_SURNAMES = (
    "Smith", "Jones", "Taylor", "Brown", "Williams", "Wilson", "Evans", "Thomas", "Roberts",
    "Walker", "Wright", "Green", "Hall", "Clarke", "Patel", "Silva", "Müller", "Sato", "Иванов",
)  # fmt: skip
_ALPHANUMERIC = np.array(list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))

# What election messages say, by theme; the blanks are filled so that no two are the same
THEMES = (
    "labour:for", "labour:against", "conservative:for", "conservative:against", "neutral", "turnout"
)  # fmt: skip
_MESSAGES = (
    ("Labour will fix our {0}, {1} and {2}. Vote Labour", "Proud of the Labour plan for {0} and "
     "{1}: {2} at last", "Huge crowd at the Labour rally for {0} in {1}. This is the change, {2}"),
    ("Labour cannot be trusted with {0}, let alone {1} or {2}", "Who pays for Labour's {0}? {1} "
     "and {2} do", "Labour on {0}: the same old mess as on {1} and {2}"),
    ("Strong leadership on {0}, {1} and {2}. Vote Conservative", "The Conservatives deliver {0} "
     "and {1}, and {2} too", "Only the Conservatives protect {0}, {1} and {2}"),
    ("Tory cuts to {0} hurt {1} and {2}", "The Tories broke {0}. Ask anyone about {1} and {2}",
     "20,000 police cut by the Tories: think of {0}, {1} and {2}"),
    ("Debate tonight on {0}, {1} and {2}", "What the parties say on {0}, {1} and {2}",
     "Reading the manifestos: {0}, {1}, {2}"),
    ("Polls are open until ten: {0}, {1}, {2}", "There is still time to vote today: {0}, {1}, {2}",
     "Voted this morning, for {0}, {1} and {2}. Go and vote"),
)  # fmt: skip
_WORDS = (
    "the NHS", "schools", "housing", "tuition fees", "pensions", "the police", "trains", "wages",
    "social care", "jobs", "the economy", "Brexit", "farming", "the North", "Scotland", "Wales",
    "nurses", "teachers", "students", "families", "small firms", "the army", "energy bills",
    "buses", "libraries", "parks", "our town", "childcare", "apprentices", "the BBC", "postmen",
    "fishermen", "steel", "the coast", "hospitals", "firefighters", "carers", "the courts",
    "prisons", "universities", "science", "broadband", "potholes", "rural life", "the high street",
    "renters", "first-time buyers", "veterans",
)  # fmt: skip


def messages(theme: Integers) -> pa.Array:
    """Return one text for each object, all different, by its theme (a position in THEMES)."""
    texts = []
    w = len(_WORDS)
    for number, t in enumerate(theme.tolist()):
        forms = _MESSAGES[t]
        first, rest = number % w, number // w
        second, third = (first + 1 + rest % (w - 2)) % w, (first + 7 + rest // (w - 2) * 5) % w
        text = forms[number % len(forms)].format(_WORDS[first], _WORDS[second], _WORDS[third])
        texts.append(f"{text} ({number // 1_000})" if rest >= w - 2 else text)
    return pa.array(texts, LABELS)


def profiles(
    rng: np.random.Generator, names: pa.Array, created: NDArray[np.float64], zone: Integers,
    covert: NDArray[np.bool_], british: bool,
) -> pa.Table:  # fmt: skip
    """Return the account table.

    Parameters
    ----------
    rng
        The source of randomness.
    names
        Labels of the accounts.
    created
        When each was created, in seconds since 1970.
    zone
        Where each lives, a position in ZONES.
    covert
        Which have profiles like those of the campaign of 2017: Russian as language, time zone or
        location, a female English name, a handle of 15 random characters.
    british
        Whether nearly all others say that they live in Britain.
    """
    n = len(names)
    if british:
        zone = np.where(rng.random(n) < 0.9, LONDON, zone)
        zone = np.where((zone == MOSCOW) & (rng.random(n) < 0.5), LONDON, zone)
    at_home = rng.random(n) < 0.92  # others use another language than most around them
    language = np.array([place[2] for place in _PLACES])[zone]
    language = np.where(at_home, language, rng.choice(["en", "es", "fr", "ru", "pt"], n))
    time_zone = np.array([place[0] for place in _PLACES])[zone]
    location = np.array([place[1] for place in _PLACES])[zone]
    first = rng.choice(np.array(_FEMALE + _OTHERS), n)
    surname = rng.choice(np.array(_SURNAMES), n)
    handle = _handles(rng, first, surname)
    status = rng.choice(["active", "suspended", "deleted"], n, p=[0.94, 0.03, 0.03])

    some = np.flatnonzero(covert)
    sign = rng.integers(0, 3, len(some))  # which of the three is Russian; the others are British
    language[some] = np.where(sign == 0, "ru", "en")
    time_zone[some] = np.where(sign == 1, "Europe/Moscow", "Europe/London")
    location[some] = np.where(sign == 2, "Moscow", "London")
    first[some] = rng.choice(np.array(_FEMALE), len(some))
    handle[some] = ["".join(row) for row in rng.choice(_ALPHANUMERIC, (len(some), 15))]
    status[some] = rng.choice(["active", "suspended", "deleted"], len(some), p=[0.6, 0.3, 0.1])
    return pa.table(
        {
            "account": names,
            "created_at": pa.array((created * 1e6).astype(np.int64)).cast(
                pa.timestamp("us", tz="UTC")
            ),
            "handle": _strings(handle),
            "name": _strings(np.char.add(np.char.add(first, " "), surname)),
            "language": _strings(language),
            "time_zone": _strings(time_zone),
            "location": _strings(location),
            "followers": pa.array(rng.lognormal(5, 1.5, n).astype(np.int64)),
            "following": pa.array(rng.lognormal(5.5, 1.0, n).astype(np.int64)),
            "verified": pa.array(rng.random(n) < 0.01),
            "status": _strings(status),
        }
    )


def _strings(values: Any) -> pa.Array:
    return pa.array(values.tolist(), LABELS)


def _handles(
    rng: np.random.Generator, first: NDArray[Any], surname: NDArray[Any]
) -> NDArray[np.object_]:
    """Return handles as people choose them: of many lengths and shapes."""
    n = len(first)
    shape = rng.integers(0, 6, n)
    digits = rng.integers(0, 5, n)
    number = rng.integers(0, 10_000, n)
    words = rng.choice(np.array(["real", "the", "its", "just", "mr", "ms", "dj", "dr"]), n)
    handles = []
    for f, s, w, k, d, x in zip(first, surname, words, shape, digits, number, strict=True):
        given, family = str(f), str(s)
        tail = str(x)[:d]
        handles.append(
            (
                given.lower() + family.lower() + tail,
                given + "_" + family,
                given[0] + family + tail,
                w + given + tail,
                family.lower() + "_" + tail + w,
                given + family[0].lower() + tail,
            )[k]
        )
    return np.array(handles, object)
