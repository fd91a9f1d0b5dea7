"""The claims about Russian accounts in the British election of 2017, one by one.

    python uk_election_2017.py [--accounts 20000] [--seed 0]

The data behind the claims were never published. `simulate("election")` is built from the published
figures alone: 6,500 accounts of 20,000, in cells. Each claim is a score of clusters here, beside
accounts like them, with an interval. Then the two objections of the time, and the same with the
campaign left out: then nothing may be claimed.
"""

import argparse
import re

import numpy as np

import coordnet as cn

CALLED, POLLING_DAY = "2017-04-18", "2017-06-08"
MOMENTS = {
    "manifesto": ("2017-05-18", "2017-05-19"),
    "Manchester": ("2017-05-22", "2017-05-24"),
    "debate": ("2017-05-31", "2017-06-02"),
    "polling day": ("2017-06-08", "2017-06-09"),
}
FEMALE = (
    "Emily|Olivia|Sophie|Jessica|Charlotte|Lucy|Grace|Hannah|Chloe|Megan|Laura|Amelia|Isabella|"
    "Rebecca|Katie|Ella|Daisy|Alice"
)
CODEBOOK = {  # what a coder would note down, by the words of a message
    "labour:for": r"vote labour|proud of the labour|labour rally",
    "labour:against": r"labour cannot|labour's|same old mess",
    "conservative:for": r"vote conservative|conservatives deliver|only the conservatives",
    "conservative:against": r"tory cuts|tories broke|cut by the tories",
}
TOPICS = {
    "rallies": r"rally",
    "police cuts": r"police cut",
    "turnout": r"polls are|vote today|voted",
}


def stance(text):
    """Say whom a message is for or against; None of most."""
    return next((label for label, words in CODEBOOK.items() if re.search(words, text, re.I)), None)


def about(topic):
    """Return a coder who marks the messages about a topic."""
    return lambda text: f"{topic}:" + ("for" if re.search(TOPICS[topic], text, re.I) else "against")


def coded(log, coder):
    """Return the labels that a coder gives to the messages (not to retweets), by row of input."""
    frame = log.to_frame()
    messages = frame["kind"] == "text"
    labels = np.full(log.rows_read, None, object)
    labels[log.row[messages]] = frame.loc[messages, "text"].map(coder)
    return labels


def profiles(sim):
    """Return the account table with the marks that the reports spoke of."""
    table = sim.accounts
    table["Russian sign"] = (
        (table["language"] == "ru")
        | table["time_zone"].str.contains("Moscow")
        | (table["location"] == "Moscow")
    )
    table["female English name"] = table["name"].str.match(rf"({FEMALE})\b")
    table["handle of 15"] = table["handle"].str.fullmatch("[A-Za-z0-9]{15}")
    return table


def investigate(sim):
    """Detect and score; return the run and the scores on each topic of messages."""
    run = cn.detect(
        sim.log, within="60s", accounts=profiles(sim), before=(CALLED, POLLING_DAY),
        moments=MOMENTS, stance=coded(sim.log, stance), null_sets=199,
    )  # fmt: skip
    topics = {}
    for topic in TOPICS:
        labels = coded(sim.log, about(topic))
        scores = cn.score_clusters(run.clusters, stance=labels, only=["stance_for"])
        topics[topic] = scores.estimates.get(f"stance_for[{topic}]")
    return run, topics


def across(estimate, seed=0):
    """Return a score over all clusters, by size: value, 95 % interval over clusters, background,
    and in how many clusters it differs from accounts of like activity (5 % of such false)."""
    known = ~np.isnan(estimate.value) & ~np.isnan(estimate.reference)
    value, reference = estimate.value[known], estimate.reference[known]
    weight = estimate.accounts[known].astype(float)
    if not len(value):
        return None
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(value), (2_000, len(value)))
    means = (weight[drawn] * value[drawn]).sum(axis=1) / weight[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    differ = int((estimate.q_value[known] <= 0.05).sum())
    return (
        np.average(value, weights=weight), low, high, np.average(reference, weights=weight),
        differ, len(value),
    )  # fmt: skip


def claims(run, topics):
    """Return (claim, published figure, estimate, direction) of each claim that scores can carry."""
    of = run.scores.estimates.get
    return [
        ("created between the call and the vote", 0.8, of("created_before_date"), 1),
        ("created in batches: within one day", None, of("created_within_1_day"), 1),
        ("Russian language, time zone or location", 1.0, of("marked[Russian sign]"), 1),
        ("female English first names", None, of("marked[female English name]"), 1),
        ("random handles of exactly 15 characters", None, of("marked[handle of 15]"), 1),
        ("the same words as another member", None, of("verbatim_share"), 1),
        *((f"busier than others: {m}", None, of(f"moment_rate_ratio[{m}]"), 1) for m in MOMENTS),
        ("messages about rallies", None, topics["rallies"], 1),
        ("messages about police cuts", None, topics["police cuts"], 1),
        ("messages that ask to vote", None, topics["turnout"], 1),
        ("for Labour, of messages on it", 0.9, of("stance_for[labour]"), 1),
        ("for the Conservatives, of messages on them", 0.1, of("stance_for[conservative]"), -1),
    ]


def verdict(published, found, direction):
    """Say whether a claim would stand: it differs from the background, and the figure is right."""
    _, low, high, reference, _, _ = found
    apart = low > reference if direction > 0 else high < reference
    if not apart:
        return "no: like the background"
    if published is None or low <= published <= high:
        return "yes"
    return "in part: another figure"


def shown(value):
    return "-" if value is None else f"{value:.2f}"


def print_claims(run, topics):
    print("| claim | published | found (95 % interval) | background | clusters | stands? |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, published, estimate, direction in claims(run, topics):
        found = None if estimate is None else across(estimate)
        if found is None:
            print(f"| {name} | {shown(published)} | no cluster | - | - | nothing to claim |")
            continue
        value, low, high, reference, differ, of = found
        print(
            f"| {name} | {shown(published)} | {value:.2f} ({low:.2f} to {high:.2f}) | "
            f"{reference:.2f} | {differ} of {of} | {verdict(published, found, direction)} |"
        )


def objections(run, sim):
    """Print the two objections made at the time."""
    labour = run.scores.estimates.get("stance_for[labour]")
    if labour is not None and len(labour.value):
        known = ~np.isnan(labour.value)
        pro = int((labour.low[known] > 0.5).sum())
        con = int((labour.high[known] < 0.5).sum())
        print(
            f"\nWhose side were they on? Of {int(known.sum())} clusters with labelled messages on "
            f"Labour, {pro} are for it, {con} against it, and of {int(known.sum()) - pro - con} "
            "the interval does not say."
        )
    else:
        print("\nWhose side were they on? There is no cluster to ask it of.")
    table = profiles(sim)
    signed = set(table.loc[table["Russian sign"], "account"])
    log, clusters = sim.log, run.clusters
    members = {name for cluster in clusters for name in cluster}
    acting = signed & set(log.accounts)
    print(
        f"\nDoes language prove anything? {len(acting):,} accounts that act have a Russian sign; "
        f"{len(acting & members):,} of them are in a cluster. Detection never saw that sign: it "
        f"found {len(members):,} accounts in {len(clusters)} clusters, "
        f"{len(members - signed):,} of them without it."
    )


def report(title, sim):
    run, topics = investigate(sim)
    log, accounts = sim.log, len(np.unique(run.clusters.indices))
    print(f"\n## {title}\n")
    print(
        f"{len(log):,} actions of {log.n_accounts:,} accounts. Found: {len(run.clusters)} clusters "
        f"of {accounts:,} accounts in all (published: 6,500 accounts).\n"
    )
    print_claims(run, topics)
    objections(run, sim)
    if len(run.clusters):
        print("\nThe first cluster in words:\n")
        print(run.scores.explain(0))
        print("\nWhat its members post in unison:\n")
        print(run.scores.texts(0, most=5).to_string(index=False))
    return run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sim = cn.simulate("election", accounts=options.accounts, seed=options.seed)
    run = report("With the campaign", sim)
    found = cn.evaluate(run.clusters, sim.truth)
    print(
        f"\nWhat only a simulation can know: {found.coverage:.1%} of the planted accounts are in a "
        f"cluster, and pairs of members are of one cell with precision {found.pair_precision:.2f}."
    )
    public = cn.simulate("election_public", accounts=options.accounts, seed=options.seed)
    report("With the campaign left out", public)


if __name__ == "__main__":
    main()
