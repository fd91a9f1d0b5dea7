"""Published methods in loops and dictionaries, row by row; imports nothing of coordnet."""

import math
import re
from collections import Counter, defaultdict
from itertools import combinations

# Rows are (account, object, time, content) in the order of the input, times in whole units.


def quantile(values, q):
    """Return the quantile of R's type 7."""
    values = sorted(values)
    at = q * (len(values) - 1)
    low = math.floor(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (at - low) * (values[high] - values[low])


def coortweet_pairs(rows, within, least):
    """Return (object, older content, newer content, older account, newer account, apart)."""
    by_account = defaultdict(list)
    for row in rows:
        by_account[row[0]].append(row)
    kept = [row for group in by_account.values() if len(group) >= least for row in group]
    by_object = defaultdict(list)
    for row in kept:
        by_object[row[1]].append(row)
    pairs = []
    for obj, group in by_object.items():
        for a, b in combinations(group, 2):
            if abs(a[2] - b[2]) > within or None in (a[3], b[3]):
                continue
            if a[0] == b[0] or a[3] == b[3] or obj in (a[3], b[3]):
                continue
            old, new = (b, a) if a[2] > b[2] else (a, b)
            pairs.append((obj, old[3], new[3], old[0], new[0], abs(a[2] - b[2])))
    return kept, pairs


def second_filter(rows, pairs, least):
    """Return the pairs of which either side is of an account that is good."""
    in_pair = {p[1] for p in pairs} | {p[2] for p in pairs}
    often = Counter(row[0] for row in rows if row[3] in in_pair)
    good = {row[3] for row in rows if row[3] in in_pair and often[row[0]] >= least}
    return [p for p in pairs if p[1] in good or p[2] in good]


def coortweet_edges(pairs):
    """Return weight, mean time, distinct older and newer contents of each pair of accounts."""
    groups = defaultdict(list)
    for pair in pairs:
        groups[tuple(sorted((pair[3], pair[4]), key=str.encode))].append(pair)
    edges = {}
    for ends, group in groups.items():
        older, newer = len({p[1] for p in group}), len({p[2] for p in group})
        edges[ends] = {
            "weight": len(group),
            "avg_time_delta": sum(p[5] for p in group) / len(group),
            "n_content_id": older,
            "n_content_id_y": newer,
            "edge_symmetry_score": min(older, newer) / max(older, newer),
        }
    return edges


def coortweet(rows, within, least, share=0.5):
    """Return the edges of CooRTweet with their flag."""
    kept, pairs = coortweet_pairs(rows, within, least)
    edges = coortweet_edges(second_filter(kept, pairs, least) if least >= 1 else pairs)
    if edges:
        border = quantile([e["weight"] for e in edges.values()], share)
        for edge in edges.values():
            edge["weight_threshold"] = int(edge["weight"] > border)
    return edges


def coortweet_fast(rows, within, least, fast, share=0.5):
    """Return the edges of the fast network, counted on the pairs of the whole one."""
    kept, pairs = coortweet_pairs(rows, within, least)
    pairs = second_filter(kept, pairs, least)
    quick = second_filter(rows, [p for p in pairs if p[5] <= fast], least)
    return coortweet_edges(quick)


def toolkit(rows, within, least):
    """Return the directed weights; the first row of a message wins, None is no message id."""
    first = {}
    for row in rows:
        if row[3] is not None:
            first.setdefault(row[3], row)
    messages = list(first.values())
    matched = defaultdict(set)
    for a in messages:
        for b in messages:
            if a[1] == b[1] and a[3] != b[3] and abs(a[2] - b[2]) <= within and a[0] != b[0]:
                matched[a[0], b[0]].add(a[3])
    return {ends: len(own) for ends, own in matched.items() if len(own) >= least}


def words(text):
    """Return a message as the toolkit compares it."""
    return " ".join(re.sub(r"@.*?(?=(?:\s|$))", "", text.lower()).split())


def cosine(a, b):
    """Return the cosine of two sparse vectors."""
    dot = sum(value * b[key] for key, value in a.items() if key in b)
    return dot / math.sqrt(sum(v * v for v in a.values()) * sum(v * v for v in b.values()))


def similarities(vectors):
    """Return the cosines above 0 of all pairs of vectors."""
    found = {}
    for a, b in combinations(sorted(vectors, key=str.encode), 2):
        if vectors[a] and vectors[b] and (value := cosine(vectors[a], vectors[b])) > 0:
            found[a, b] = value
    return found


def tf_idf(counts, min_df=1, tf=lambda n: n):
    """Return the TF-IDF vectors of {account: {object: count}}."""
    df = Counter(obj for own in counts.values() for obj in own)
    n = len(counts)
    return {
        account: {
            obj: tf(count) * (math.log((1 + n) / (1 + df[obj])) + 1)
            for obj, count in own.items()
            if df[obj] >= min_df
        }
        for account, own in counts.items()
    }


def counted(rows):
    """Return {account: {object: rows}}."""
    counts = defaultdict(Counter)
    for row in rows:
        counts[row[0]][row[1]] += 1
    return counts


def pacheco(rows, least):
    """Return all cosines of case study 4; accounts of `least` rows or more."""
    counts = {
        a: own for a, own in counted(rows).items() if sum(own.values()) >= least and len(own) >= 2
    }
    df = Counter(obj for own in counts.values() for obj in own)
    min_df = 3 if any(n >= 3 for n in df.values()) else 1
    return similarities(tf_idf(counts, min_df, lambda n: 1 + math.log(n)))


def luceri(rows, least):
    """Return all cosines of the co-retweet network."""
    counts = {a: own for a, own in counted(rows).items() if sum(own.values()) >= least}
    df = Counter(obj for own in counts.values() for obj in own)
    sets = {a: {obj: 1 for obj in own if df[obj] >= 2} for a, own in counts.items()}
    return similarities(tf_idf({a: own for a, own in sets.items() if own}))


def coordinationz(rows, min_degree, above):
    """Return the cosines above a bound, weights ln(n / df + 1), rows counted."""
    counts = {a: own for a, own in counted(rows).items() if len(own) >= min_degree}
    df = Counter(obj for own in counts.values() for obj in own)
    vectors = {
        a: {obj: n * math.log(len(counts) / df[obj] + 1) for obj, n in own.items()}
        for a, own in counts.items()
    }
    return {ends: x for ends, x in similarities(vectors).items() if x > above}


def coornet_interval(rows, q=0.1, p=0.5):
    """Return CooRnet's interval."""
    times = defaultdict(list)
    for row in rows:
        times[row[1]].append(row[2])
    times = {obj: sorted(ts) for obj, ts in times.items() if len(ts) > 1}
    second = {obj: ts[1] - ts[0] for obj, ts in times.items()}
    border = quantile(second.values(), q)
    reached = []
    for obj, ts in times.items():
        if second[obj] <= border:
            late = [t - ts[0] for r, t in enumerate(ts, 1) if r / len(ts) > p]
            if late:
                reached.append(min(late))
    return quantile(reached, 0.5) or 1


def coornet(rows, width, variant="paper"):
    """Return the number of links of each pair of accounts, before the quantile."""
    times = defaultdict(list)
    for row in rows:
        times[row[1]].append(row)
    weight = Counter()
    for group in times.values():
        start = min(row[2] for row in group)
        bins = defaultdict(list)
        for row in group:
            bins[(row[2] - start) // width].append(row[0])
        if variant == "paper":
            pairs = {p for own in bins.values() for p in combinations(sorted(set(own)), 2)}
        else:
            inside = {a for own in bins.values() if len(own) > 1 for a in own}
            pairs = set(combinations(sorted(inside), 2))
        weight.update(pairs)
    return dict(weight)


def shared(rows, a, b, within, eps=0.01):
    """Return every weight of `reweight` for one pair of accounts."""
    times = defaultdict(lambda: defaultdict(set))
    for account, obj, time, content in rows:
        times[account][obj].add((time, content))
    on = Counter(obj for own in times.values() for obj in own)
    mine, theirs = times[a], times[b]
    common = mine.keys() & theirs.keys()
    near = {
        obj: [abs(t - s) for t, _ in mine[obj] for s, _ in theirs[obj] if abs(t - s) <= within]
        for obj in common
    }
    together = [obj for obj, apart in near.items() if apart]
    idf = {obj: math.log((1 + len(times)) / (1 + n)) + 1 for obj, n in on.items()}
    length = [math.sqrt(sum(idf[obj] ** 2 for obj in own)) for own in (mine, theirs)]
    beta = -math.log(eps) / max(within, 1)
    n = len(together)
    return {
        "cosine": n / math.sqrt(len(mine) * len(theirs)),
        "tfidf": sum(idf[obj] ** 2 for obj in together) / (length[0] * length[1]),
        "jaccard": n / (len(mine) + len(theirs) - len(common)),
        "overlap": n / min(len(mine), len(theirs)),
        "collaboration": sum(1 / (on[obj] - 1) for obj in together),
        "decay": sum(
            math.exp(-beta * apart) / (on[obj] - 1) for obj in together for apart in near[obj]
        ),
    }
