"""Family profiles: when accounts were created, how they are named, what became of them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import special

from coordnet.inference.intervals import wilson_interval
from coordnet.kernels import scores as score_kernels
from coordnet.kernels.scores import ACTIONS, MODE
from coordnet.readers.profiles import NOTHING
from coordnet.scores.reference import (
    Sets,
    in_chunks,
    item_profiler,
    ratio,
    sums,
)
from coordnet.scores.view import Absent, Counts, Estimate, Floats, View, score
from coordnet.times import DAY

RARE = 0.05  # a language that fewer than this share of a time zone's accounts use is odd there
NEEDED = 50  # accounts outside of clusters that a habit is told from


def _burst(view: View, days: int) -> Estimate | Absent:
    """Return the largest share of members created within `days` days of each other."""
    profiles = view.inputs.accounts
    if profiles is None or profiles.created is None:
        return Absent("accounts= gives no created_at")
    created = profiles.created
    span = np.array([days * DAY], np.int64)

    def counts(sets: Sets) -> NDArray[np.int64]:
        out = np.zeros((len(sets), 2), np.int64)
        in_chunks(
            lambda a, b: score_kernels.largest_span_counts(
                *sets.read_only, created, span, a, b, out
            ),
            len(sets),
        )
        return out

    def statistic(sets: Sets) -> Floats:
        found = counts(sets)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(found[:, 1] > 0, found[:, 0] / found[:, 1], np.nan)

    estimate = view.compare(statistic, tail="greater", share=True)
    own = counts(view.sets)
    low, high = wilson_interval(own[:, 0].astype(float), own[:, 1].astype(float))
    p = _scan_p(own, created[view.background], int(span[0]))
    return view.resting_on(estimate, created != NOTHING, low=low, high=high, p_value=p)


def _scan_p(own: NDArray[np.int64], background: NDArray[np.int64], span: int) -> Floats:
    """Return the scan statistic's p-value: n E[P(Bin(n - 1, G(X)) >= k - 1)], at most 1.

    k of n members within a span: the first of them at X, of the background's distribution, the
    others within the span after it with chance G(X) each. The expected number of members that
    begin such a span bounds the chance of one (Glaz, Naus & Wallenstein 2001, ch. 8).
    """
    times = np.sort(background[background != NOTHING])
    if len(times) < NEEDED:
        return np.full(len(own), np.nan)
    after = np.searchsorted(times, times + span, "right") - np.arange(len(times))
    # one more in each span than was seen, so that no span is impossible
    chance = np.minimum((after + 1) / (len(times) + 1), 1.0)
    levels, weight = np.unique(chance, return_counts=True)
    p = np.full(len(own), np.nan)
    for i, (k, n) in enumerate(own.tolist()):
        if n >= 2:
            # P(Bin(n - 1, level) >= k - 1)
            tail = special.betainc(k - 1, n - k + 1, levels) if k > 1 else np.ones(len(levels))
            p[i] = min(1.0, n * float((tail * weight).sum() / weight.sum()))
    return p


_BURST = (
    "Largest share of the members that were created within {} of each other. The interval treats "
    "members as independent and does not correct for the choice of the span. The p-value (a scan "
    "statistic) does."
)


@score("profiles", _BURST.format("one day"), "share", (0, 1), "accounts")
def created_within_1_day(view: View) -> Estimate | Absent:
    """Return the largest share of members created within one day."""
    return _burst(view, 1)


@score("profiles", _BURST.format("seven days"), "share", (0, 1), "accounts")
def created_within_7_days(view: View) -> Estimate | Absent:
    """Return the largest share of members created within seven days."""
    return _burst(view, 7)


@score("profiles", _BURST.format("28 days"), "share", (0, 1), "accounts")
def created_within_28_days(view: View) -> Estimate | Absent:
    """Return the largest share of members created within 28 days."""
    return _burst(view, 28)


@score(
    "profiles",
    "Share of the members that were created in the interval of before=, or in the four weeks "
    "before its date.",
    "share",
    (0, 1),
    "accounts",
)
def created_before_date(view: View) -> Estimate | Absent:
    """Return the share of members created in ``before=``, or in the weeks before that date."""
    profiles, before = view.inputs.accounts, view.inputs.before
    if profiles is None or profiles.created is None:
        return Absent("accounts= gives no created_at")
    if before is None:
        return Absent("no date is given as before=")
    known = profiles.created != NOTHING
    recent = known & (profiles.created >= before[0]) & (profiles.created < before[1])
    return share_of_members(view, recent, known)


def share_of_members(
    view: View, marked: NDArray[np.bool_], known: NDArray[np.bool_], tail: str = "greater"
) -> Estimate:
    """Estimate a share of members, of those of whom it is known, with Wilson's interval."""
    estimate = view.compare(ratio(marked, known), tail=tail, share=True)
    low, high = wilson_interval(sums(marked, view.sets), sums(known, view.sets))
    return view.resting_on(estimate, known, low=low, high=high)


def _most_common(view: View, codes: NDArray[np.int32], tail: str = "greater") -> Estimate:
    """Estimate the share of members that have the most common of a feature's values."""
    n = int(codes.max(initial=-1)) + 1
    profile = item_profiler(np.arange(len(codes) + 1), codes, max(n, 1))

    def statistic(sets: Sets) -> Floats:
        found = profile(sets)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(found[:, ACTIONS] > 0, found[:, MODE] / found[:, ACTIONS], np.nan)

    estimate = view.compare(statistic, tail=tail, share=True)
    found = profile(view.sets)
    low, high = wilson_interval(found[:, MODE], found[:, ACTIONS])
    return view.resting_on(estimate, codes >= 0, low=low, high=high)


def _coded(values: pa.Array) -> NDArray[np.int32]:
    """Return values as numbers in order of first appearance; null is -1."""
    codes = pc.fill_null(values.dictionary_encode().indices, -1)
    return codes.to_numpy(zero_copy_only=False).astype(np.int32)  # type: ignore[no-any-return]


# In this order: what one gives, no later one changes
_SHAPES = (
    (r"\p{Lu}+", "A"),
    (r"[\p{Ll}\p{Lt}\p{Lm}\p{Lo}]+", "a"),
    (r"\p{Nd}+", "0"),
    *((rf"\{mark}+", mark) for mark in "_.-@"),
)


def handle_shapes(handles: pa.Array) -> pa.Array:
    """Return the shape of each handle: A capitals, a small letters, 0 digits, each run once.

    >>> handle_shapes(pa.array(["Emma_1987", None])).to_pylist()
    ['Aa_0', None]
    """
    for pattern, shape in _SHAPES:
        handles = pc.replace_substring_regex(handles, pattern, shape)
    return handles


def _characters(texts: list[str]) -> tuple[Counts, Counts, NDArray[np.uint32]]:
    """Return of which text each character is, the length of each text, and the characters."""
    length = np.array([len(text) for text in texts], np.int64)
    characters = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), "<u4")
    return np.repeat(np.arange(len(texts)), length), length, characters


def _handles(view: View) -> list[str | None] | None:
    profiles = view.inputs.accounts
    if profiles is None or "handle" not in profiles.texts:
        return None
    return profiles.texts["handle"].tolist()  # type: ignore[no-any-return]


@score(
    "profiles",
    "Share of the members whose handles have the length that is most common among them.",
    "share",
    (0, 1),
    "accounts",
)
def handle_length_share(view: View) -> Estimate | Absent:
    """Return the share of members with the most common handle length."""
    handles = _handles(view)
    if handles is None:
        return Absent("accounts= gives no handle")
    return _most_common(view, _coded(pc.utf8_length(pa.array(handles, pa.large_string()))))


@score(
    "profiles",
    "Share of the members whose handles have the shape that is most common among them. The shape "
    "is the order of capitals, small letters, digits and other characters, each run counted once.",
    "share",
    (0, 1),
    "accounts",
)
def handle_shape_share(view: View) -> Estimate | Absent:
    """Return the share of members with the most common handle shape."""
    handles = _handles(view)
    if handles is None:
        return Absent("accounts= gives no handle")
    return _most_common(view, _coded(handle_shapes(pa.array(handles, pa.large_string()))))


@score(
    "profiles",
    "Entropy of the characters of a member's handle, in bits for each character, mean over "
    "members. Random strings have more of it than names.",
    "bits",
    (0, 8),
    "accounts",
)
def handle_entropy(view: View) -> Estimate | Absent:
    """Return the mean over members of -sum p_c log2 p_c over the characters of the handle."""
    handles = _handles(view)
    if handles is None:
        return Absent("accounts= gives no handle")
    known = np.array([h is not None for h in handles])
    value = _character_entropies([h or "" for h in handles])
    return view.resting_on(view.compare(ratio(value, known), share=True, bootstrap=True), known)


def _character_entropies(texts: list[str]) -> Floats:
    """Return the entropy of the characters of each text in bits, 0 of an empty one."""
    owner, length, characters = _characters(texts)
    key, count = np.unique(owner << 32 | characters, return_counts=True)
    owner = key >> 32
    share = count / length[owner]
    return np.abs(np.bincount(owner, -share * np.log2(share), len(texts)))


def _odd(view: View, given: list[Any], use: list[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mark the accounts whose `use` is rare in the background among those with their `given`."""
    background = Counter(
        (given[c], use[c]) for c in view.background.tolist() if given[c] and use[c]
    )
    around: Counter[Any] = Counter()
    for (place, _), count in background.items():
        around[place] += count
    known = np.array(
        [bool(g and u and around[g] >= NEEDED) for g, u in zip(given, use, strict=True)]
    )
    odd = np.array(
        [
            bool(k and background[g, u] < RARE * around[g])
            for k, g, u in zip(known, given, use, strict=True)
        ]
    )
    return odd, known


@score(
    "profiles",
    "Share of the members with a language that fewer than 5 % of the accounts outside all clusters "
    "use in the member's time zone (or location, where no time zone is given).",
    "share",
    (0, 1),
    "accounts",
)
def language_mismatch(view: View) -> Estimate | Absent:
    """Return the share of members whose language is rare where they say they are."""
    profiles = view.inputs.accounts
    texts = {} if profiles is None else profiles.texts
    place = "time_zone" if "time_zone" in texts else "location"
    if "language" not in texts or place not in texts:
        return Absent("accounts= does not give both language and time_zone or location")
    return share_of_members(view, *_odd(view, texts[place].tolist(), texts["language"].tolist()))


@score(
    "profiles",
    "Share of the members whose display name is in a script that fewer than 5 % of the accounts "
    "outside all clusters use with the member's language.",
    "share",
    (0, 1),
    "accounts",
)
def name_mismatch(view: View) -> Estimate | Absent:
    """Return the share of members whose name's script is rare for their language."""
    profiles = view.inputs.accounts
    texts = {} if profiles is None else profiles.texts
    if "language" not in texts or "name" not in texts:
        return Absent("accounts= does not give both language and name")
    scripts = [None if name is None else script(name) for name in texts["name"].tolist()]
    return share_of_members(view, *_odd(view, texts["language"].tolist(), scripts))


def script(name: str) -> str:
    """Return the script of most letters of a name, such as LATIN; an empty string without any.

    >>> script("Мария"), script("Emma 22")
    ('CYRILLIC', 'LATIN')
    """
    if name.isascii():
        return "LATIN" if any(c.isalpha() for c in name) else ""
    kinds = Counter(unicodedata.name(c, "?").split()[0] for c in name if c.isalpha())
    return min(kinds, key=lambda kind: (-kinds[kind], kind)) if kinds else ""


@score(
    "profiles",
    "Share of the members that were suspended or deleted later.",
    "share",
    (0, 1),
    "accounts",
)
def gone_since(view: View) -> Estimate | Absent:
    """Return the share of members with the status suspended or deleted."""
    profiles = view.inputs.accounts
    if profiles is None or "status" not in profiles.texts:
        return Absent("accounts= gives no status")
    status = profiles.texts["status"]
    known = np.array([value is not None for value in status])
    return share_of_members(view, np.isin(status, ("suspended", "deleted")) & known, known)


@score("profiles", "Median number of followers of the members.", "accounts", needs="accounts")
def followers(view: View) -> Estimate | Absent:
    """Return the median number of followers, compared with matched sets."""
    return _median_number(view, "followers")


@score("profiles", "Median number of accounts that members follow.", "accounts", needs="accounts")
def following(view: View) -> Estimate | Absent:
    """Return the median number of accounts followed, compared with matched sets."""
    return _median_number(view, "following")


@score("profiles", "Share of the members that are verified.", "share", (0, 1), "accounts")
def verified(view: View) -> Estimate | Absent:
    """Return the share of verified members."""
    profiles = view.inputs.accounts
    if profiles is None or "verified" not in profiles.numbers:
        return Absent("accounts= does not say who is verified")
    value = profiles.numbers["verified"]
    return share_of_members(view, value > 0, ~np.isnan(value), tail="both")


@score(
    "profiles",
    "Share of the members that are marked in a column of your own: any other column of truth "
    "values in accounts=.",
    "share",
    (0, 1),
    "accounts",
)
def marked(view: View) -> dict[str, Estimate] | Absent:
    """Return the share of members with each mark."""
    profiles = view.inputs.accounts
    if profiles is None or not profiles.marks:
        return Absent("accounts= has no columns of truth values of one's own")
    return {
        name: share_of_members(view, value > 0, ~np.isnan(value), tail="both")
        for name, value in profiles.marks.items()
    }


def _median_number(view: View, name: str) -> Estimate | Absent:
    profiles = view.inputs.accounts
    if profiles is None or name not in profiles.numbers:
        return Absent(f"accounts= gives no {name}")
    value = profiles.numbers[name]

    def statistic(sets: Sets) -> Floats:
        out = np.zeros(len(sets))
        in_chunks(
            lambda a, b: score_kernels.medians(*sets.read_only, value, a, b, out),
            len(sets),
        )
        return out

    return view.resting_on(view.compare(statistic, bootstrap=True), ~np.isnan(value))
