"""`coordnet score`: clusters that somebody has, scored on a log."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from coordnet.commands import options as shared
from coordnet.commands import reading as inputs
from coordnet.commands.output import (
    CAUTION,
    check_output,
    names_of,
    say,
    say_json,
    say_scores,
    write_folder,
)
from coordnet.commands.reading import Reading, unreadable
from coordnet.errors import InputError, ParameterError, listed, shown
from coordnet.export import labels_out, restored
from coordnet.log.actions import ActionLog
from coordnet.plural import several
from coordnet.progress import stage
from coordnet.readers.files import load_whole
from coordnet.scores import ClusterScores, score_clusters

USAGE = f"FILE [FILE ...] --clusters FILE {inputs.USAGE} [options]"
EXAMPLES = (
    "score actions.csv --clusters actions-truth.csv --cluster-column group --account account "
    "--object object --time time --within 60s",
)
CHOICES = (
    "within", "account_column", "null_sets", "before", "moments", "null_runs", "stability", "seed",
)  # fmt: skip


def add_options(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Add what the command takes."""
    inputs.required_options(parser)
    given = parser.add_argument_group("clusters")
    given.add_argument(
        "--clusters", metavar="FILE", required=True,
        help="Table of one row a membership: an account, and the name or number of its cluster. "
        "Accounts may stand under the pseudonyms that coordnet wrote of this log.",
    )  # fmt: skip
    given.add_argument(
        "--member-column", metavar="COLUMN", default="account",
        help="Its column of accounts (default: account).",
    )  # fmt: skip
    given.add_argument(
        "--cluster-column", metavar="COLUMN", default="cluster",
        help="Its column of clusters (default: cluster).",
    )  # fmt: skip
    inputs.reading_options(parser)
    groups = shared.configuration_options(parser, CHOICES)
    inputs.background_option(groups["detection"])
    inputs.knowledge_options(groups["scores"])
    shared.output_options(parser, "coordnet-scores")
    shared.other_options(parser)


def run(options: argparse.Namespace) -> int:
    """Score the clusters, write the scores and print the first of them."""
    config = shared.configuration(options)
    if len(config.within) != 1:  # type: ignore[arg-type]
        raise ParameterError(
            f"--within is given {len(config.within)} times; "  # type: ignore[arg-type]
            "clusters that are given are scored in one window, or in one for each kind."
        )
    reading = Reading().over(options).checked()
    check_output(options.out)
    with unreadable(options.clusters):
        sets = _sets(options.clusters, options.member_column, options.cluster_column)
    with stage("reading"):
        log, accounts = reading.read(options.threads)
    named = {name: _codes(members, log) for name, members in sets.items()}
    missing = sum(len(members) for members in sets.values()) - sum(map(len, named.values()))
    named = {name: codes for name, codes in named.items() if len(codes)}
    if not named:
        example = next((m for members in sets.values() for m in members), "")
        raise InputError(
            f"none of the accounts of {shown(options.clusters)} is in the log, such as "
            f"{shown(example, 60)}; check --account and --member-column."
        )
    labels = log.all_accounts.labels
    scores = score_clusters(
        [labels.take(pa.array(codes)).to_pylist() for codes in named.values()], log,
        within=config.within[0],  # type: ignore[index]
        accounts=accounts, account_column=config.account_column, before=config.before,
        moments=config.moments, stance=reading.stance, null_sets=config.null_sets,
        null_runs=config.null_runs, stability=config.stability,
        config=config if config.null_runs or config.stability else None,
        background=reading.read_background(options.threads), seed=config.seed,
        threads=options.threads,
    )  # fmt: skip
    given = _given(scores, named)
    names = names_of(log, scores.clusters.indices, options.identifiers)
    members = scores.clusters.table(names)
    tables = {
        "clusters.csv": members.append_column(
            "given_as", pa.array(given).take(members["cluster"].combine_chunks())
        ),
        "scores.csv": scores.table(),
        "explanations.csv": scores.explanations("pyarrow"),
    }
    every = range(len(scores))
    told = "\n\n".join(f"Given as {given[i]}.\n{scores.explain(i)}" for i in every)
    facts = {
        "command": "score",
        "clusters_of": Path(options.clusters).name,
        "parameters": {name: config.parameters()[name] for name in CHOICES},
        "scored_with": scores.view.inputs.facts(),
        "clusters": len(scores),
        "accounts_not_in_the_log": missing,
        "absent_scores": dict(scores.absent),
    }
    files = write_folder(
        options.out, tables, facts, log=log, reading=reading, identifiers=options.identifiers,
        texts={"summary.txt": told},
    )  # fmt: skip
    if options.json:
        rows = scores.table(parts=True).to_pylist()
        say_json(
            {
                **facts,
                "scores": [{**row, "given_as": given[i]} for i, row in enumerate(rows)],
                "folder": options.out,
                "files": [str(file) for file in files],
            }
        )
        return 0
    say(log)
    accounts = several(len(np.unique(scores.clusters.indices)), "account")
    say(f"{several(len(scores), 'cluster')} with {accounts}.")
    if missing:
        are = "is" if missing == 1 else "are"
        say(f"{several(missing, 'account')} of {shown(options.clusters)} {are} not in the log.")
    say("")
    say_scores(scores, given)
    say("", "written:", *(f"  {file}" for file in files), "")
    say(CAUTION, wrap=True)
    return 0


def _sets(path: str, member: str, cluster: str) -> dict[str, list[str]]:
    """Return the accounts of each cluster that a table has."""
    columns = load_whole(path, (member, cluster))
    for name in (member, cluster):
        if name not in columns:
            raise InputError(
                f"{shown(path)} has no column {shown(name)}; its columns are {listed(columns)}. "
                "Name them with --member-column and --cluster-column."
            )
    sets: dict[str, list[str]] = {}
    rows = zip(columns[member].to_pylist(), columns[cluster].to_pylist(), strict=True)
    for row, (account, name) in enumerate(rows, 1):
        if name is None or name == "":
            continue  # an account of no cluster
        if account is None or account == "":
            raise InputError(f"{shown(path)}, row {row}: there is no {member} of cluster {name}.")
        sets.setdefault(str(name), []).append(str(account))
    if not sets:
        raise InputError(f"{shown(path)} has no cluster; it needs a row for each membership.")
    return sets


def _codes(members: Sequence[str], log: ActionLog) -> np.ndarray[Any, Any]:
    """Return the codes of members: by label, as a CSV file of ours writes it, or by pseudonym."""
    own = log.all_accounts.labels.to_pylist()
    at = {
        **dict(zip(labels_out(own, log.secret("pseudonyms"), False), range(len(own)), strict=True)),
        **dict(zip(own, range(len(own)), strict=True)),
    }
    found = [at.get(label, at.get(restored(label))) for label in members]
    return np.unique([code for code in found if code is not None]).astype(np.int32)


def _given(scores: ClusterScores, named: Mapping[str, np.ndarray[Any, Any]]) -> list[str]:
    """Return the name that each cluster was given."""
    by_members: dict[bytes, list[str]] = {}
    for name, codes in named.items():
        by_members.setdefault(codes.tobytes(), []).append(name)
    return [
        by_members[np.asarray(cluster.codes, np.int32).tobytes()].pop(0)
        for cluster in scores.clusters
    ]
