"""The oracle: every count, score and measure again, by loops and dicts, from the written words.

It imports nothing but the standard library, so that no mistake of coordnet can be in it too. A
row is (account, object, time, kind, content): three strings, an int of microseconds and, for the
content, a string or None. Accounts of an edge stand in the order of their labels, which for
strings is their byte order.
"""

from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise, product
from math import comb, exp, inf, log, nan, sqrt
from statistics import median

# A window is a number of microseconds, or {kind: microseconds} with one for each kind of the rows.

SECOND = 1_000_000
DAY = 86_400 * SECOND


def folded(rows):
    """Return the rows without those that repeat an earlier one in every column."""
    seen = {}
    for row in rows:
        seen.setdefault(row, row)
    return list(seen)


def promptness(acts, window):
    """Return what own delays explain: {(member, object): delay}; exact, over all permutations.

    A member's delay on an object is drawn from its own, all equally likely and independent of other
    members'. Two that come from one object do not count.
    """
    own = {}
    for (member, obj), delay in acts.items():
        own.setdefault(member, {})[obj] = delay
    pairs = observed = moved = together = Fraction(0)
    for u, v in combinations(sorted(own), 2):
        for _ in own[u].keys() & own[v].keys():
            for a, b in product(own[u], own[v]):
                weight = Fraction(1, len(own[u]) * len(own[v])) * (a != b)
                moved += weight
                together += weight * (abs(own[u][a] - own[v][b]) <= window)
        for obj in own[u].keys() & own[v].keys():
            pairs += 1
            observed += abs(own[u][obj] - own[v][obj]) <= window
    return float(min(1, (together / moved) / (observed / pairs)))


def of_kind(window, kind):
    """Return the window of a kind."""
    return window[kind] if isinstance(window, dict) else window


# -- graphs ------------------------------------------------------------------------------------


def co_action(rows, window, min_weight=1, weight="objects"):
    """Return {(u, v): {objects, pairs, mean_delay, first_share}} with u < v."""
    met = {}
    for pair in combinations(folded(rows), 2):
        (u, obj, time, kind, _), (v, obj_v, time_v, kind_v, _) = sorted(pair, key=lambda r: r[0])
        if (obj, kind) != (obj_v, kind_v) or u == v:
            continue
        if abs(time_v - time) <= of_kind(window, kind):
            met.setdefault((u, v), []).append(((kind, obj), time_v - time))
    edges = {}
    for ends, meetings in met.items():
        edge = {"objects": len({obj for obj, _ in meetings}), **_sums([d for _, d in meetings])}
        if edge[weight] >= min_weight:
            edges[ends] = edge
    return edges


def events(rows, refractory):
    """Return {account: times} with each run of gaps up to `refractory` as its first moment."""
    times = {}
    for account, _, time, _, _ in rows:
        times.setdefault(account, []).append(time)
    found = {}
    for account, all_times in times.items():
        latest = None
        for time in sorted(all_times):
            if latest is None or time - latest > refractory:
                found.setdefault(account, []).append(time)
            latest = time
    return found


def co_timing(rows, window, refractory, min_weight=1):
    """Return {(u, v): {coincidences, source_events, target_events, pairs, ...}} with u < v."""
    moments = events(rows, refractory)
    edges = {}
    for u, v in combinations(sorted(moments), 2):
        forth = sum(any(abs(s - t) <= window for t in moments[v]) for s in moments[u])
        back = sum(any(abs(s - t) <= window for s in moments[u]) for t in moments[v])
        delays = [t - s for s in moments[u] for t in moments[v] if abs(s - t) <= window]
        if delays and min(forth, back) >= min_weight:
            edges[u, v] = {
                "coincidences": min(forth, back),
                "source_events": forth,
                "target_events": back,
                **_sums(delays),
            }
    return edges


def _sums(delays):
    """Return what an edge says of its co-actions; delays are target's time less source's."""
    n = len(delays)
    ahead = sum(Fraction(1) if d > 0 else Fraction(1, 2) if d == 0 else 0 for d in delays)
    return {
        "pairs": n,
        "mean_delay": float(Fraction(sum(abs(d) for d in delays), n * SECOND)),
        "first_share": float(Fraction(ahead, n)),
    }


# -- clusters ----------------------------------------------------------------------------------


def components(edges, nodes=()):
    """Return the connected components of the edges as sets of labels."""
    parts = [{node} for node in nodes]
    for u, v in edges:
        touched = [part for part in parts if u in part or v in part]
        parts = [part for part in parts if part not in touched]
        parts.append({u, v}.union(*touched))
    return parts


def scores(rows, weights, members, window):
    """Return the scores of one cluster of a co-action graph.

    `weights` is {(u, v): weight} of the whole graph, `members` a set of labels.
    """
    rows = folded(rows)
    own = [row for row in rows if row[0] in members]
    inside = [w for (u, v), w in weights.items() if u in members and v in members]
    n = len(members)
    lags = []
    synchronised = set()
    for account, obj, time, kind, _ in own:
        near = [
            abs(t - time)
            for a, o, t, k, _ in own
            if a != account and (o, k) == (obj, kind) and abs(t - time) <= of_kind(window, kind)
        ]
        if near:
            lags.append(min(near))
            synchronised.add((kind, obj))
    return {
        "accounts": n,
        "actions": len(own),
        "objects": len({(kind, obj) for _, obj, _, kind, _ in own}),
        "days_active": len({time // DAY for _, _, time, _, _ in own}),
        "density": len(inside) / (n * (n - 1) / 2) if n > 1 else nan,
        "mean_weight": sum(inside) / len(inside) if inside else nan,
        "median_weight": median(inside) if inside else nan,
        "conductance": conductance(weights, members),
        "coordination_extent": extent(weights, members),
        "synchronised_actions": len(lags) / len(own) if own else nan,
        "synchronised_objects": len(synchronised),
        "median_lag": median(lags) / SECOND if lags else nan,
    }


def event_scores(rows, members, window, refractory):
    """Return the scores of synchrony of one cluster of a co-timing graph."""
    moments = {a: times for a, times in events(rows, refractory).items() if a in members}
    lags = []
    for account, times in moments.items():
        for time in times:
            near = [abs(t - time) for a, ts in moments.items() if a != account for t in ts]
            lags += [min(near)] if near and min(near) <= window else []
    n = sum(map(len, moments.values()))
    return {
        "synchronised_actions": len(lags) / n if n else nan,
        "median_lag": median(lags) / SECOND if lags else nan,
    }


def conductance(weights, members):
    """Return the weight that leaves over the weight at the ends of the cluster or of the rest."""
    cut = sum(w for (u, v), w in weights.items() if (u in members) != (v in members))
    inner = sum(((u in members) + (v in members)) * w for (u, v), w in weights.items())
    outer = sum(((u not in members) + (v not in members)) * w for (u, v), w in weights.items())
    least = min(inner, outer)
    return cut / least if least > 0 else nan


def extent(weights, members):
    """Return the share of all edges below the highest threshold that keeps half connected."""
    inside = {e: w for e, w in weights.items() if e[0] in members and e[1] in members}
    for threshold in sorted(set(inside.values()), reverse=True):
        largest = max(len(c) for c in components(e for e, w in inside.items() if w >= threshold))
        if 2 * largest >= len(members):
            return sum(w < threshold for w in weights.values()) / len(weights)
    return nan


# -- evaluation --------------------------------------------------------------------------------


def evaluate(clusters, groups):
    """Return the measures of clusters (lists of labels) against covert groups {name: labels}."""
    group_of = {account: name for name, members in groups.items() for account in members}
    found = {frozenset(pair) for members in clusters for pair in combinations(members, 2)}
    planted = {frozenset(pair) for members in groups.values() for pair in combinations(members, 2)}
    hits = []  # (members, group) where the group is at least half of the cluster
    precise = false = 0
    weighted = whole = Fraction(0)
    for members in clusters:
        shared = {name: sum(group_of.get(a) == name for a in members) for name in groups}
        of = [(members, name) for name, k in shared.items() if 2 * k >= len(members)]
        hits += of
        precise += bool(of)
        covert = sum(a in group_of for a in members)
        false += 2 * covert < len(members)
        share = Fraction(covert, len(members))
        weighted += len(members) * share**2
        whole += len(members) * share
    recalled = {
        name
        for members, name in hits
        if 2 * sum(group_of.get(a) == name for a in members) >= len(groups[name])
    }
    precision = _ratio(len(found & planted), len(found))
    recall = _ratio(len(found & planted), len(planted))
    cluster_precision = _ratio(precise, len(clusters))
    cluster_recall = _ratio(len(recalled), len(groups))
    covered = {a for members in clusters for a in members if a in group_of}
    return {
        "clusters": len(clusters),
        "groups": len(groups),
        "pair_precision": precision,
        "pair_recall": recall,
        "pair_f1": _f1(precision, recall),
        "cluster_precision": cluster_precision,
        "cluster_recall": cluster_recall,
        "cluster_f1": _f1(cluster_precision, cluster_recall),
        "ari": ari(clusters, groups),
        "weighted_precision": _ratio(weighted, whole),
        "false_discovery_proportion": false / len(clusters) if clusters else 0.0,
        "coverage": _ratio(len(covered), len(group_of)),
    }


def ari(clusters, groups):
    """Return the adjusted Rand index by counting pairs; nan where clusters overlap."""
    of_cluster, of_group = {}, {}
    for number, members in enumerate(clusters):
        for account in members:
            if account in of_cluster:
                return nan
            of_cluster[account] = number
    for name, members in groups.items():
        of_group.update(dict.fromkeys(members, name))
    together = one = other = neither = 0
    for a, b in combinations(sorted(of_cluster.keys() | of_group.keys()), 2):
        same = of_cluster.get(a, a) == of_cluster.get(b, b)
        true = of_group.get(a, a) == of_group.get(b, b)
        together += same and true
        one += same and not true
        other += true and not same
        neither += not same and not true
    if not together + one + other + neither:
        return nan
    below = (together + one) * (one + neither) + (together + other) * (other + neither)
    return 2 * (together * neither - one * other) / below if below else 1.0


def _ratio(part, whole):
    return float(Fraction(part) / Fraction(whole)) if whole else nan


def _f1(precision, recall):
    if recall != recall:
        return nan
    precision = 0.0 if precision != precision else precision
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


# -- null models of an edge --------------------------------------------------------------------


def acts_by_object(rows):
    """Return {(kind, object): [(time, account), ...]} of the rows, ascending."""
    acts = {}
    for account, obj, time, kind, _ in folded(rows):
        acts.setdefault((kind, obj), []).append((time, account))
    return {obj: sorted(found) for obj, found in acts.items()}


def occasions_of(moments, gap, least=0):
    """Return moments by occasion.

    One begins more than `gap` after the moment before, and more than `least` after the occasion
    before began.
    """
    found = []
    for moment in sorted(moments):
        if found and (moment - found[-1][-1] <= gap or moment - found[-1][0] <= least):
            found[-1].append(moment)
        else:
            found.append([moment])
    return found


def occasions(rows, u, v, window, fold, least=0):
    """Return the number of occasions of a pair."""
    moments = []
    for (kind, _), acts in acts_by_object(rows).items():
        near = of_kind(window, kind)
        met = [
            max(s, t) for s, a in acts for t, b in acts if (a, b) == (u, v) and abs(s - t) <= near
        ]
        moments += [min(met)] if met else []
    return len(occasions_of(moments, fold, least))


def repeats(acts):
    """Return {account: m_uo} of the acts on one object."""
    found = {}
    for _, account in acts:
        found[account] = found.get(account, 0) + 1
    return found


def object_counts(rows, window):
    """Return {(kind, object): (n_o, pairs of anybody, w_o)} with w_o a fraction."""
    counts = {}
    for obj, acts in acts_by_object(rows).items():
        m = repeats(acts)
        own = of_kind(window, obj[0])
        near = [(a, b) for (s, a), (t, b) in combinations(acts, 2) if abs(s - t) <= own]
        weighted = sum((Fraction(1, m[a] * m[b]) for a, b in near if a != b), Fraction(0))
        counts[obj] = (len(m), len(near), weighted)
    return counts


def activity_expectation(rows, u, v, window):
    """Return lambda_A of a pair: accounts are dealt to the actions, everything else fixed."""
    rows = folded(rows)
    k = {a: sum(row[0] == a for row in rows) for a in (u, v)}
    rate = 2 * k[u] * k[v] / (len(rows) * (len(rows) - 1))
    return sum(1 - exp(-w * rate) for _, w, _ in object_counts(rows, window).values())


def activity_expectation_in_strata(rows, u, v, window, stratum):
    """Return lambda_A of a pair where accounts are dealt inside strata; stratum(time) names one."""
    rows = folded(rows)
    size, k = {}, {}
    for account, _, time, _, _ in rows:
        b = stratum(time)
        size[b] = size.get(b, 0) + 1
        k[account, b] = k.get((account, b), 0) + 1
    total = 0.0
    for (kind, _), acts in acts_by_object(rows).items():
        pairs = {}
        for (s, _), (t, _) in combinations(acts, 2):
            if abs(s - t) <= of_kind(window, kind):
                ends = tuple(sorted((stratum(s), stratum(t))))
                pairs[ends] = pairs.get(ends, 0) + 1
        for (b, c), w in pairs.items():
            both = k.get((u, b), 0) * k.get((v, c), 0) + k.get((u, c), 0) * k.get((v, b), 0)
            ways = size[b] * (size[b] - 1) if b == c else size[b] * size[c]
            total += 1 - exp(-w * both / ways)
    return total


def shuffled_accounts(rows, rng, stratum=lambda time: 0):
    """Return the rows with their accounts dealt at random, inside strata; rng: random.Random."""
    hands = {}
    for row in rows:
        hands.setdefault(stratum(row[2]), []).append(row[0])
    for hand in hands.values():
        rng.shuffle(hand)
    return [(hands[stratum(row[2])].pop(), *row[1:]) for row in rows]


def dealt_to_slots(rows, rng):
    """Return the rows with the accounts of each object dealt to its times at random."""
    slots = []
    for (kind, obj), acts in acts_by_object(rows).items():
        hand = [account for _, account in acts]
        rng.shuffle(hand)
        slots += [(a, obj, t, kind, None) for (t, _), a in zip(acts, hand, strict=True)]
    return slots


def timing_chances(rows, window, background=None, cleaned=False):
    """Return {(kind, floor of log2 n_o): chance} as fractions; of the background where given.

    The smaller of that pooled over objects and that with every pair weighing alike; of classes
    that hardly anybody but a few accounts fill, what their neighbours say. A background that is
    `cleaned` is what is left of the rows: it is mixed with the chances of all of them.
    """
    windows = tuple(sorted(window.items())) if isinstance(window, dict) else window
    seen = None if background is None else tuple(background)
    return _timing_chances(tuple(rows), windows, seen, cleaned)


@cache
def _timing_chances(rows, windows, background, cleaned):
    window = dict(windows) if isinstance(windows, tuple) else windows
    before = timing_chances(rows, window) if cleaned else None
    pooled = pooled_chances(rows, window, background, before)
    counted = by_pairs(background or rows, window, pooled)
    chances = {of: min(chance, counted.get(of, (1,))[0]) for of, chance in pooled.items()}
    sharing = {
        account
        for acts in acts_by_object(background or rows).values()
        for account in repeats(acts)
        if len(repeats(acts)) > 1
    }
    thin = {
        of
        for of, (_, accounts, shared) in counted.items()
        if accounts < 0.1 * len(sharing) and shared >= 3
    }
    judged = dict(chances)
    for kind, octave in thin:
        near = [  # (log odds, weight)
            (log(chances[k, c] / (1 - chances[k, c])), counted[k, c][1] * 0.5 ** abs(c - octave))
            for k, c in counted.keys() - thin
            if k == kind and 0 < chances[k, c] < 1
        ]
        if len(near) >= 3:
            centre = weighted_median(near)
            spread = weighted_median([(abs(odds - centre), weight) for odds, weight in near])
            said = Fraction(1 / (1 + exp(-(centre + 2 * 1.4826 * spread))))
            own = chances[kind, octave]
            if own * (1 - said) > 4 * said * (1 - own):
                judged[kind, octave] = said
    return judged


def by_pairs(rows, window, pooled):
    """Return {class: (upper limit of its chance, accounts, objects that its pairs share)}.

    Every pair of accounts weighs alike. All co-occurrences are counted: of a class of more than
    6,000, of which coordnet looks at a sample first, only where that makes no difference.
    """
    shared = {}  # {class: {pair: [share of their pairs of actions that are within the window]}}
    for (kind, _), acts in acts_by_object(rows).items():
        m = repeats(acts)
        times = {account: [t for t, a in acts if a == account] for account in m}
        for u, v in combinations(sorted(m), 2):
            met = sum(abs(s - t) <= of_kind(window, kind) for s, t in product(times[u], times[v]))
            of = shared.setdefault((kind, len(m).bit_length() - 1), {})
            of.setdefault((u, v), []).append(Fraction(met, m[u] * m[v]))
    found = {}
    for of, pairs in shared.items():
        together = sum(sum(met) / len(met) for met in pairs.values())
        squares = sum((s / len(met)) ** 2 for met in pairs.values() for s in met)
        weights = sum(Fraction(1, len(met)) for met in pairs.values())
        limit = float(together) + 2 * sqrt(squares) + 4 * float(weights) / len(pairs)
        limit = Fraction(min(limit / len(pairs), 1))
        total = sum(map(len, pairs.values()))
        if total > 6_000:
            chance = together / len(pairs)
            closely = total <= 60_000 and chance < 0.7 * pooled[of]
            assert closely or chance > 0.9 * pooled[of], "a sample would decide"
            limit = limit if closely else Fraction(1)
        partners = {}
        for pair in pairs:
            for account in pair:
                partners[account] = partners.get(account, 0) + 1
        accounts = Fraction((2 * len(pairs)) ** 2, sum(n * n for n in partners.values()))
        found[of] = (limit, accounts, Fraction(total, len(pairs)))
    return found


def weighted_median(values):
    """Return the least of the (value, weight) up to which they have half of all weight."""
    half = sum(weight for _, weight in values) / 2
    reached = 0
    for value, weight in sorted(values):
        reached += weight
        if reached >= half:
            return value
    return nan


def pooled_chances(rows, window, background=None, before=None):
    """Return {(kind, floor of log2 n_o): chance} pooled over objects, as fractions, at most 1.

    before: the chances before accounts were taken out, which a pair more has; else it has 1.
    """
    sums = {}
    for (kind, _), (n, _, w) in object_counts(background or rows, window).items():
        together, pairs = sums.get((kind, n.bit_length() - 1), (0, 0))
        sums[kind, n.bit_length() - 1] = (together + w, pairs + Fraction(n * (n - 1), 2))
    more = 0 if background is None else 1

    def prior(of):
        return more if before is None else Fraction(before.get(of, 0))

    chances = {c: min((w + prior(c)) / (p + more), 1) for c, (w, p) in sums.items() if p + more}
    for (kind, _), (n, _, _) in object_counts(rows, window).items():
        of = kind, n.bit_length() - 1
        chances.setdefault(of, Fraction(prior(of)))
    return chances


def timing_trials(rows, u, v, window, background=None):
    """Return pi_o of each object that both acted on, as fractions."""
    chances = timing_chances(rows, window, background)
    step = resolution(rows)
    trials = []
    for (kind, _), acts in acts_by_object(rows).items():
        m = repeats(acts)
        if u in m and v in m:
            grain = min(
                max(roundness(t, 3_600 * SECOND) for t, a in acts if a == who) for who in (u, v)
            )
            factor = round_factor(grain, of_kind(window, kind), step)
            chance = min(chances[kind, len(m).bit_length() - 1] * factor, Fraction(1))
            trials.append(1 - (1 - chance) ** (m[u] * m[v]))
    return trials


def resolution(rows):
    """Return the coarsest of a day, an hour, a minute, a second that fits all times, else 1."""
    times = [row[2] for row in folded(rows)]
    units = [86_400 * SECOND, 3_600 * SECOND, 60 * SECOND, SECOND]
    fitting = [unit for unit in units if all(t % unit == 0 for t in times)]
    return fitting[0] if fitting and len(times) >= 30 else 1


def round_factor(grain, window, step):
    """Return how many times likelier two multiples of the grain are together than any two times."""
    if not grain:
        return Fraction(1)
    multiples = sum(1 for k in range(-(window // grain), window // grain + 1))
    return max(Fraction(multiples * grain, 2 * window + step), Fraction(1))


def sharing_pairs(rows):
    """Return the pairs of accounts that act on a common object."""
    return {
        pair
        for acts in acts_by_object(rows).values()
        for pair in combinations(sorted({account for _, account in acts}), 2)
    }


# -- tails and corrections ---------------------------------------------------------------------


def poisson_binomial_tail(chances, count):
    """Return P(X >= count) of independent trials as a fraction, by all numbers of successes.

    Numerators only: the denominator of all is the product of those of the chances.
    """
    at = [1]
    whole = 1
    for p in map(Fraction, chances):
        yes, no = p.numerator, p.denominator - p.numerator
        at = [a * no + b * yes for a, b in zip([*at, 0], [0, *at], strict=True)]
        whole *= p.denominator
    return Fraction(sum(at[max(count, 0) :]), whole)


def poisson_tail(mean, count):
    """Return P(X >= count) of a Poisson number as a decimal of many digits."""
    with localcontext(prec=1_500):
        mean = Decimal(mean)
        term = total = Decimal(1)
        for k in range(1, count):
            term *= mean / k
            total += term
        return 1 - total * (-mean).exp() if count > 0 else Decimal(1)


def fisher(statistic, tests):
    """Return P(chi2 with 2 * tests degrees > 2 * statistic) as a decimal of many digits."""
    with localcontext(prec=60):
        x = Decimal(statistic)
        term = total = Decimal(1)
        for k in range(1, tests):
            term *= x / k
            total += term
        return total * (-x).exp() if tests else Decimal(1)


def adjusted(p_values, pairs, correction="bh"):
    """Return q-values of p-values among `pairs` tests, the others having p = 1."""
    scale = harmonic(pairs) if correction == "by" else 1
    padded = sorted([*map(Fraction, p_values), *[Fraction(1)] * (pairs - len(p_values))])
    q = [p * pairs * scale / i for i, p in enumerate(padded, 1)]
    return [float(min([Fraction(1), *q[padded.index(Fraction(p)) :]])) for p in p_values]


def stepped_up(tests, attainable=False):
    """Return the q-value of each (p, number of tests expected to have so small a p by chance).

    The least x or, with `attainable`, x / (1 - x) of those that rank as high or lower, x being
    the expected number over the rank.
    """
    tests = list(tests)
    ranked = sorted(tests)
    q = {}
    least = Fraction(1)
    for rank in range(len(ranked), 0, -1):
        x = ranked[rank - 1][1] / rank
        if not attainable:
            least = min(least, x)
        elif x < Fraction(1, 2):
            least = min(least, x / (1 - x))
        q[ranked[rank - 1]] = least
    return [q[test] for test in tests]


def harmonic(n):
    """Return 1 + 1/2 + ... + 1/n."""
    return sum(Fraction(1, i) for i in range(1, n + 1))


def corrected(p_values, ends, pairs, correction="bh"):
    """Return the larger q-value of each edge and of its accounts, of so many pairs."""
    scale = pairs * (harmonic(pairs) if correction == "by" else 1)
    of_edges = adjusted(p_values, pairs, correction)
    of_accounts = account_q_values([Fraction(p) * scale for p in p_values], ends)
    return [float(max(q)) for q in zip(of_edges, of_accounts, strict=True)]


# -- the jitter null ---------------------------------------------------------------------------


def roundness(time, length):
    """Return the coarsest of an hour, its half, a quarter, 5 minutes, 1 that time is a multiple of.

    Only those that divide the length of a stratum are asked; 0 where it is none.
    """
    minute = 60 * SECOND
    grains = [m * minute for m in (60, 30, 15, 5, 1) if length % (m * minute) == 0]
    return next((grain for grain in grains if time % grain == 0), 0)


def coincidence_chances(rows, u, v, window, refractory, length):
    """Return for each event of u in a stratum that v's windows reach the chance that it coincides.

    An event is moved to a phase of its stratum drawn from those of all events of the log that are
    as round; to all phases as much is added as 100 events spread evenly would put there.
    """
    moments = events(rows, refractory)
    every = [t for times in moments.values() for t in times]
    chances = []
    for time in moments[u]:
        begin = time - time % length
        alike = [t % length for t in every if roundness(t, length) == roundness(time, length)]
        near = [p for p in alike if any(abs(begin + p - t) <= window for t in moments[v])]
        covered, reached = 0, begin
        for t in sorted(moments[v]):
            low, high = max(t - window, reached), min(t + window + 1, begin + length)
            if high > low:
                covered += high - low
                reached = high
        share = len(near) / len(alike) + 100 * covered / length / len(every)
        chances.append(min(share, 1.0))
    return chances


def jittered_coincidences(rows, u, v, window, refractory, length, rng):
    """Move each event of u inside its stratum and return how many then coincide with one of v."""
    moments = events(rows, refractory)
    phases = {}
    for t in [t for times in moments.values() for t in times]:
        phases.setdefault(roundness(t, length), []).append(t % length)
    moved = [t - t % length + rng.choice(phases[roundness(t, length)]) for t in moments[u]]
    return sum(any(abs(s - t) <= window for t in moments[v]) for s in moved)


# -- the group test ----------------------------------------------------------------------------

PRIOR_PAIRS = 20.0
PRIOR_ACCOUNTS = (1 + sqrt(1 + 8 * PRIOR_PAIRS)) / 2
MOST = 64


def class_moments(rows, window, background=None, cleaned=False):
    """Return {(kind, floor of log2 n_o): [E[G^j] for j < MOST]} from the pooled delays.

    Those of the background where one is given; a class that it does not have has 1, or E[G] where
    the background is what was left of the rows.

    G is the share of the delays, other than first actions, that follow within the window. An action
    weighs 1 / m_uo; or that over all that its account weighs in the class, whichever makes the
    class slower. The mean of G is that of the class's own pairs where that is larger.
    """
    pooled = {}  # (delay, whether it is a first action, account, weight)
    for (kind, _), acts in sorted(acts_by_object(background or rows).items()):
        m = repeats(acts)
        pooled.setdefault((kind, len(m).bit_length() - 1), []).extend(
            (time - acts[0][0], i == 0, account, 1 / m[account])
            for i, (time, account) in enumerate(acts)
        )
    chances = timing_chances(rows, window, background, cleaned)
    moments = {}
    for of, acts in pooled.items():
        own = float(min(chances[of], 1)) / 2
        whole = {}
        for _, _, account, weight in acts:
            whole[account] = whole.get(account, 0) + weight
        if all(first for _, first, _, _ in acts):
            moments[of] = [1.0] + [0.0] * (MOST - 1)
            continue
        kinds_of_weight = [
            [(delay, first, w) for delay, first, _, w in acts],
            [(delay, first, w / whole[a]) for delay, first, a, w in acts],
        ]
        found = [_moments(weighted, of_kind(window, of[0]), own) for weighted in kinds_of_weight]
        moments[of] = [min(pair) for pair in zip(*found, strict=True)]
    for (kind, _), acts in acts_by_object(rows).items():
        of = kind, len(repeats(acts)).bit_length() - 1
        known = float(chances[of]) / 2 if cleaned else 1.0
        moments.setdefault(of, [1.0] + [known] * (MOST - 1))
    return moments


def _moments(weighted, window, own):
    """Return E[G^j] of weighted delays (delay, whether first, weight), its mean at least `own`."""
    delays = [(delay, w) for delay, first, w in weighted if not first]
    delays.sort(key=lambda d: d[0])  # ties as they stand: by object
    firsts = sum(w for _, first, w in weighted if first)
    total = sum(w for _, w in delays)
    values = []  # (weight, G) of each action
    for i, (x, w) in enumerate([(0, firsts), *delays]):
        near = sum(w for y, w in delays[i:] if y - x <= window)
        values.append((w, min(near / total, 1.0)))
    weight = sum(w for w, _ in values)
    found = [sum(w * g**j for w, g in values) / weight for j in range(MOST)]
    if found[1] == 0:
        found = [1.0] + [own] * (MOST - 1)
    elif own > found[1]:
        found = [f * (own / found[1]) ** j for j, f in enumerate(found)]
    return [min([1.0, *found[: j + 1]]) for j in range(MOST)]


def object_moment(acts, members, of_class, window, j):
    """Return E[G^j] on an object: its outsiders and its class mixed."""
    m = repeats(acts)
    n = len(m.keys() - members)
    if n < 2:
        return of_class[j]
    total = 0.0
    for i, (time, account) in enumerate(acts):
        if account not in members:
            near = sum(
                1 / m[a] for t, a in acts[i + 1 :] if a not in members and t - time <= window
            )
            total += min(near / (n - 1), 1.0) ** j / m[account]
    norm = (n * (total / n) ** (1 / j) + PRIOR_ACCOUNTS * of_class[j] ** (1 / j)) / (
        n + PRIOR_ACCOUNTS
    )
    weight = PRIOR_PAIRS / (n * (n - 1) / 2 + PRIOR_PAIRS)
    return (1 - weight) * norm**j + weight * of_class[j]


def densest_window(acts, members, window):
    """Return the largest number of members inside one window, and when it is first complete."""
    best = (0, 0)
    for time, account in acts:
        if account in members:
            inside = {a for t, a in acts if a in members and time - window <= t <= time}
            best = max(best, (len(inside), -time))
    return best[0], -best[1]


def scan_bound(actions, members, moment):
    """Return log of min(1, binom(a, m) m E[G^(m - 1)])."""
    if moment <= 0:
        return -700.0
    bound = log(comb(actions, members)) + log(members * moment)
    return bound if bound < -1e-12 else 0.0  # what rounding alone puts below 0 is no evidence


def scan_factor(grain, window, step):
    """Return how many times likelier a multiple of the grain is in the window after another.

    Never less than of a finer grain.
    """
    minutes = [m * 60 * SECOND for m in (60, 30, 15, 5, 1)]
    ratios = [
        (window // finer + 1) * finer / (window + step) for finer in minutes if finer <= grain
    ]
    return max([1.0, *ratios])


def round_scan_bound(factors, members, moment):
    """Return scan_bound, each set of m actions weighing the product of all but its largest f."""
    if moment <= 0 or max(factors) == 1:
        return scan_bound(len(factors), members, moment)
    cap = max(moment ** (-1 / (members - 1)), 1.0)
    ways, products = 0.0, [1.0] + [0.0] * (members - 1)  # of sets of 0, 1, ... actions before
    for f in sorted(min(f, cap) for f in factors):
        ways += products[-1]
        products = [1.0] + [products[i] + products[i - 1] * f for i in range(1, members)]
    bound = log(ways) + log(members * moment)
    return bound if bound < -1e-12 else 0.0


def group_test(
    rows, members, window, fold, background=None, big=512, ignored=(), suspects=frozenset(), least=0
):
    """Return what the group test says of a set of accounts, and log p_C before any price.

    From `big` accounts on an object its moments are those of all its accounts. Objects `ignored`,
    (kind, object) each, count as tested and give no evidence. Accounts that are `suspects` are in
    no background, neither of the classes nor of the objects.
    """
    members = set(members)
    if suspects:
        background = [row for row in rows if row[0] not in suspects]
    moments = class_moments(rows, window, background, bool(suspects))
    step = resolution(rows)
    keys = []
    objects = []  # (when complete, log B, reach, outsiders, chance, acts of members)
    for (kind, label), acts in acts_by_object(rows).items():
        m = repeats(acts)
        inside = members & m.keys()
        if len(inside) < 2:
            continue
        without = (members if len(m) < big else set()) | suspects
        own = [act for act in acts if act[1] in members]
        of_class = moments[kind, len(m).bit_length() - 1]
        near = of_kind(window, kind)
        most, complete = densest_window(acts, members, near)
        everyone, most = min(len(inside), MOST), min(most, MOST)
        known = of_class[everyone - 1]
        if len(m) >= big:
            known = object_moment(acts, suspects, of_class, near, everyone - 1)
        reach = -scan_bound(len(own), everyone, known)
        bound = 0.0
        if most > 1 and (kind, label) not in ignored:
            chance = object_moment(acts, without, of_class, near, most - 1)
            factors = [scan_factor(roundness(t, 3_600 * SECOND), near, step) for t, _ in own]
            bound = round_scan_bound(factors, most, chance)
        pair_chance = min(2 * object_moment(acts, without, of_class, near, 1), 1.0)
        outsiders = len(m) - len(inside)
        keys.append((kind, label))
        objects.append((complete, bound, reach, outsiders, pair_chance, own))
    furthest = max((reach for _, _, reach, *_ in objects), default=0.0)
    log_p, all_pieces = 0.0, 0
    for third in range(3):
        bar = furthest * third / 3
        tests = sum(reach >= bar for _, _, reach, *_ in objects)
        counting = sorted(o[:3] for o in objects if o[1] < 0)  # whatever the bar
        parts = occasions_of([complete for complete, *_ in counting], fold, least)
        left = iter(counting)
        runs = []
        for part in parts:
            own = [next(left) for _ in part]
            runs.append([bound for _, bound, reach in own if reach >= bar])
        pieces = [min(0.0, log(len(run)) + min(run)) for run in runs if run]
        all_pieces = len(pieces) if third == 0 else all_pieces
        p = fisher(-sum(pieces), tests)
        log_p = min(log_p, float(p.ln()))
    bounds = [bound for _, bound, *_ in objects]
    alone = sum(bound for _, bound, _, outsiders, _, _ in objects if outsiders == 0)
    pairs = [
        synchronised_pairs([o[4:]], of_kind(window, kind))
        for (kind, _), o in zip(keys, objects, strict=True)
    ]
    return {
        "log_p": min(0.0, log_p + log(3)),
        "objects": len(objects),
        "together": sum(bound < 0 for bound in bounds),
        "occasions": all_pieces,
        "class_only": alone / sum(bounds) if sum(bounds) else 0.0,
        "observed_pairs": sum(observed for observed, _ in pairs),
        "expected_pairs": sum(expected for _, expected in pairs),
        "log_bounds": {key: o[1] for key, o in zip(keys, objects, strict=True)},
    }


def synchronised_pairs(objects, window):
    """Return (pair, object) with a co-action and what chance gives; of (chance, members' acts)."""
    observed, expected = 0, 0.0
    for chance, acts in objects:
        m = repeats(acts)
        for u, v in combinations(sorted(m), 2):
            observed += any(
                abs(s - t) <= window for (s, a), (t, b) in product(acts, acts) if (a, b) == (u, v)
            )
            expected += 1 - (1 - chance) ** (m[u] * m[v])
    return observed, expected


def evidence(log_p, rows, members):
    """Return -log10 p + log10 w(S) - log10(s (s - 1)): what is left when the set is paid."""
    size = len(set(members))
    return -(log_p - log(set_weight(rows, members)) + log(size * (size - 1))) / log(10)


def set_weight(rows, members):
    """Return w(S): the process that draws accounts by common interests, along every order."""
    acts = {}
    for account, obj, _, kind, _ in rows:
        acts.setdefault(account, set()).add((kind, obj))
    members = sorted(set(members))
    chances = {}
    for u in members:
        every = sum(comb(len(acts[u] & acts[x]), 2) for x in acts if x != u)
        for v in members:
            alike = comb(len(acts[u] & acts[v]), 2)
            chances[u, v] = 0.9 * alike / every + 0.1 / len(acts) if every else 1 / len(acts)
    drawn = {frozenset([u]): 1 / len(acts) for u in members}  # by whichever order
    for size in range(2, len(members) + 1):
        drawn = {
            frozenset(part): sum(
                drawn[frozenset(part) - {v}] * sum(chances[u, v] for u in part if u != v)
                for v in part
            ) / (size - 1)
            for part in combinations(members, size)
        }  # fmt: skip
    return drawn[frozenset(members)]


# -- bounds that hold for any set --------------------------------------------------------------


def simes(p_values, alpha):
    """Return whether Simes' test rejects that all of these hypotheses are true."""
    n = len(p_values)
    ordered = sorted(max(Fraction(p), Fraction(1e-300)) for p in p_values)
    return any(n * p <= j * Fraction(alpha) for j, p in enumerate(ordered, 1))


def closed_testing(p_values, alpha):
    """Return {set of positions: the least number of false hypotheses in it} by closed testing.

    A set is rejected when Simes' test rejects it and every set that holds it; the largest part of
    a set that is not rejected may be all true.
    """
    m = len(p_values)
    sets = [frozenset(i for i in range(m) if mask >> i & 1) for mask in range(2**m)]
    rejected = {}
    for part in sorted(sets, key=len, reverse=True):
        wider = all(rejected[part | {i}] for i in range(m) if i not in part)
        rejected[part] = bool(part) and wider and simes([p_values[i] for i in part], alpha)
    return {
        part: len(part) - max(len(s) for s in sets if s <= part and not rejected[s])
        for part in sets
    }


def hommel_h(p_values, m, alpha):
    """Return h by its formula in fractions; the p-values not given are 1."""
    alpha = Fraction(alpha)
    ordered = sorted(max(Fraction(p), Fraction(1e-300)) for p in p_values)
    if len(ordered) == m and all(p <= alpha for p in ordered):
        return 0
    bounds = [-(alpha * (m - k) // (p - alpha)) - 1 for k, p in enumerate(ordered, 1) if p < alpha]
    return min([m, *bounds])


def true_discoveries(p_of_set, h, alpha):
    """Return d(S) by its formula in fractions."""
    scaled = [h * max(Fraction(p), Fraction(1e-300)) / Fraction(alpha) for p in p_of_set]
    return max([0, *(1 - u + sum(x <= u for x in scaled) for u in range(1, len(scaled) + 1))])


# -- the smallest p-value that a pair can have -------------------------------------------------


def best_p_values(rows, window, background=None):
    """Return {(u, v): (objects shared, chance to be together on all)} of pairs that share any."""
    chances = timing_chances(rows, window, background)
    best = {}
    for (kind, _), acts in acts_by_object(rows).items():
        m = repeats(acts)
        chance = min(chances[kind, len(m).bit_length() - 1], Fraction(1))
        for pair in combinations(sorted(m), 2):
            shared, p = best.get(pair, (0, Fraction(1)))
            best[pair] = (shared + 1, p * (1 - (1 - chance) ** (m[pair[0]] * m[pair[1]])))
    return best


def attainable_at(best, p):
    """Return how many pairs can have a p-value as small as p, of {pair: (shared, p*)}.

    Or as small as the next larger of the levels, which stand eight to a power of ten down to 1e-24.
    """
    level = max(min(int(-log(p) / log(10) * 8 - 1e-4), 24 * 8), 0)
    depths = [-log(best_p) / log(10) * 8 if best_p else inf for _, best_p in best.values()]
    return sum(depth >= level for depth in depths)


def attainable_q_values(p_values, ends, pairs_at, all_pairs=None):
    """Return the least level at which each edge is found; pairs_at(p) can be as small as p.

    By HSU; with `all_pairs`, by Benjamini and Yekutieli's constant. The larger of what the edges
    and what their accounts give.
    """
    constant = harmonic(all_pairs) if all_pairs else 1

    def expected(p, level):
        return p * pairs_at(level) * constant

    p = [Fraction(x) for x in p_values]
    numbers = [x * pairs_at(x) * constant for x in p]
    own = stepped_up([(x, e) for x, e in zip(p, numbers, strict=True)], not all_pairs)
    of_accounts = account_q_values(numbers, ends, not all_pairs)
    return [float(max(q)) for q in zip(own, of_accounts, strict=True)]


def simes_of_accounts(expected, ends):
    """Return {account: least expected_(j) / j over its edges}; one number and two ends an edge."""
    found = {}
    for account in {a for pair in ends for a in pair}:
        own = sorted(e for e, pair in zip(expected, ends, strict=True) if account in pair)
        found[account] = min(Fraction(e) / j for j, e in enumerate(own, 1))
    return found


def account_q_values(expected, ends, attainable=False):
    """Return the larger q-value of the two accounts of each edge.

    expected: how many pairs have so small a p-value by chance; each has two ends.
    """
    least = simes_of_accounts(expected, ends)
    q = {}
    for account, own in least.items():
        levels = [Fraction(1)]
        for other in least.values():
            if other >= own:
                x = 2 * other / sum(each <= other for each in least.values())
                if not attainable:
                    levels.append(x)
                elif x < Fraction(1, 2):
                    levels.append(x / (1 - x))
        q[account] = min(levels)
    return [float(max(q[u], q[v])) for u, v in ends]


# -- who belongs to a cluster ------------------------------------------------------------------


def least_near(size):
    """Return how many of the others must be near, in a cluster of so many."""
    return min(max(2, -(-(size - 1) // 10)), size - 1)


def crowded_times(acts, members, window, need):
    """Return the intervals [begin, end) of whole microseconds within the window of `need` members.

    By the moments at which a member's window begins or ends.
    """
    own = [(t, a) for t, a in acts if a in members]
    borders = sorted({t - window for t, _ in own} | {t + window + 1 for t, _ in own})
    found = []
    for begin, end in pairwise(borders):
        if len({a for t, a in own if abs(t - begin) <= window}) >= need:
            goes_on = found and found[-1][1] == begin
            found.append((found.pop()[0] if goes_on else begin, end))
    return found


def membership(rows, members, window, fold, chances, background=None):
    """Return {account: (p, occasions joined, objects that count)} of members and of who joins.

    Others are given where they join on two objects or more. chances: {(kind, floor of log2 n_o):
    chance of a co-action}.
    """
    members = set(members)
    need = least_near(len(members))
    step = resolution(rows)
    objects = acts_by_object(rows)
    delays = {}
    for (kind, _), acts in acts_by_object(background or rows).items():
        of = (kind, len(repeats(acts)).bit_length() - 1)
        delays[of] = delays.get(of, []) + [t - acts[0][0] for t, _ in acts[1:]]
    trials = {}  # of each account: (chance, moment at which it joins)
    for (kind, _), acts in objects.items():
        m = repeats(acts)
        of = (kind, len(m).bit_length() - 1)
        crowded = crowded_times(acts, members, window, need)
        if not crowded:
            continue
        joins = {}
        for time, account in acts:
            near = {a for t, a in acts if a in members - {account} and abs(t - time) <= window}
            if len(near) >= need and account not in joins:
                joins[account] = time
        length = sum(end - begin - 1 + step for begin, end in crowded)
        by_class = chances[of] * length / (2 * window + step)
        if delays.get(of):
            first = acts[0][0]
            inside = [any(b <= first + d < e for b, e in crowded) for d in delays[of]]
            by_class = max(by_class, sum(inside) / len(inside))
        by_class = min(by_class, 1.0)
        for account, times in m.items():
            others = m.keys() - members - {account}
            h = sum(a in joins for a in others)
            p = (h + PRIOR_ACCOUNTS * by_class) / (len(others) + PRIOR_ACCOUNTS)
            grain = max(roundness(t, 3_600 * SECOND) for t, a in acts if a == account)
            p = min(p * scan_factor(grain, window, step), 1.0)
            trials.setdefault(account, []).append((1 - (1 - p) ** times, joins.get(account)))
    found = {}
    for account in members | trials.keys():
        moments = [t for _, t in trials.get(account, []) if t is not None]
        if account in members or len(moments) > 1:
            apart = len(occasions_of(moments, fold))
            chance = [p for p, _ in trials.get(account, [])]
            tail = float(poisson_binomial_tail(chance, apart))
            found[account] = (tail, apart, len(chance))
    return found


def belongs(tails, members, accounts, level):
    """Return who belongs by one turn: None where less than half of the members would stay."""

    def accepted(found, tests):
        ordered = sorted((p, a) for a, p in found.items())
        most = max((k for k, (p, _) in enumerate(ordered, 1) if p * tests <= k * level), default=0)
        return {a for p, a in ordered if most and p <= ordered[most - 1][0]}

    stay = accepted({a: tails[a][0] for a in members}, len(members))
    if 2 * len(stay) < len(members):
        return None
    return stay | accepted({a: p for a, (p, *_) in tails.items() if a not in members}, accounts)


# -- gaps and windows --------------------------------------------------------------------------


def gap_pairs(rows):
    """Return [((kind, object), account, account, gap)] of every two actions of two accounts."""
    return [
        (obj, u, v, abs(s - t))
        for obj, acts in acts_by_object(rows).items()
        for (s, u), (t, v) in combinations(acts, 2)
        if u != v
    ]


def pairs_together(rows, window):
    """Return on how many objects each two accounts act within a window of each other."""
    met = {}
    for obj, u, v, gap in gap_pairs(rows):
        if gap <= window:
            met.setdefault(frozenset((u, v)), set()).add(obj)
    return {pair: len(objects) for pair, objects in met.items()}
