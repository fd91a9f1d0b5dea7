"""detect(): the stages in order, with one manifest of what was done."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from coordnet.detection.manifest import Stages, manifest_of
from coordnet.detection.run import Run
from coordnet.engine import at_work
from coordnet.errors import ParameterError
from coordnet.log.actions import ActionLog, check_log
from coordnet.log.windows import Within
from coordnet.progress import stage
from coordnet.readers.profiles import read_profiles
from coordnet.readers.stance import read_stance
from coordnet.robustness.confirmation import confirm_clusters
from coordnet.robustness.findable import Findable, findable_beside
from coordnet.robustness.null_runs import run_nulls
from coordnet.scores import score_clusters
from coordnet.search.configuration import Configuration, configured, documented
from coordnet.search.search import search_clusters


def detect(
    log: ActionLog,
    within: Within | Sequence[Within] | None = None,
    *,
    config: Configuration | None = None,
    background: ActionLog | None = None,
    accounts: Any = None,
    stance: Any = None,
    memory: int | str | None = None,
    engine: Any = None,
    threads: int | None = None,
    **parameters: Any,
) -> Run:
    """Find and score the clusters of accounts that act together more than chance explains.

    Layers of co-action and, if asked for, of co-timing, every edge tested; communities of the
    edges that are kept; groups that no pair betrays; scores. All of it shares one level of error:
    how is told in :mod:`coordnet.search.search`.

    Parameters
    ----------
    log
        The actions.
    config
        All the choices below at once; those that are also given by name replace its own.
    background
        A log of accounts that are not under suspicion, which supplies the chances of the timing
        test and of the group test.
    accounts, stance
        For the scores; see :func:`coordnet.score_clusters`.
    memory
        How much memory the run may take, such as ``"2GB"``: what is more of edges, of their tests
        and of what is counted of each action stands on disk; see :func:`coordnet.co_action`. It
        changes no byte of the result.
    engine
        A Spark session that makes and tests the edges of co-action graphs, or an engine of
        ``coordnet.engines``; None for this machine. It changes no byte of the result.
    threads
        Number of threads; None means all processors. It changes no byte of the result.
    {parameters}

    Returns
    -------
    Run
        ``.layers``, ``.clusters``, ``.scores``, ``.manifest``, ``.explain(i)`` and
        ``.write(folder)``.

    Raises
    ------
    ParameterError
        Before anything is computed, where a parameter has a value that it cannot have.

    Examples
    --------
    >>> import coordnet as cn
    >>> sim = cn.simulate("retweet_ring", accounts=1_000, seed=0)
    >>> run = cn.detect(sim.log, within="60s")
    >>> cn.evaluate(run.clusters, sim.truth).pair_precision > 0.95
    True
    """
    check_log(log)
    if within is not None:
        parameters["within"] = within
    return detect_from(
        lambda: log, configured(config, parameters), background=background, accounts=accounts,
        stance=stance, memory=memory, engine=engine, threads=threads,
    )  # fmt: skip


def detect_from(
    read: Callable[[], ActionLog],
    config: Configuration,
    *,
    background: ActionLog | None = None,
    accounts: Any = None,
    stance: Any = None,
    memory: int | str | None = None,
    engine: Any = None,
    threads: int | None = None,
    reading: Mapping[str, Any] | None = None,
) -> Run:
    """Read a log and :func:`detect` in it, with the time it takes in the manifest.

    `accounts` may be a function that gives them once the log is read. `reading` says how the log is
    read, for who wants to do the run again; the manifest has it.
    """
    if background is not None:
        check_log(background, "background")
    stages = Stages()
    with stages.stage("reading"):
        log = read()
    with at_work(log, memory, engine, threads):
        return _detected(log, config, background, accounts, stance, threads, stages, reading)


def _detected(
    log: ActionLog,
    config: Configuration,
    background: ActionLog | None,
    accounts: Any,
    stance: Any,
    threads: int | None,
    stages: Stages,
    reading: Mapping[str, Any] | None,
) -> Run:
    """Detect in a log that was read."""
    if background is not None and background.fingerprint == log.fingerprint:
        raise ParameterError(
            "background= is the log itself, which cannot be its own background: leave it away, or "
            "give a log of accounts that are not under suspicion."
        )
    config.check_kinds(log)
    if config.score:  # a table that cannot be used is told before the work, not after
        if callable(accounts):
            accounts = accounts()
        if accounts is not None:
            accounts = read_profiles(accounts, log, account=config.account_column)
        stance = read_stance(stance, log)
    found = search_clusters(log, config, background, threads, stages.stage)
    with stages.stage("findable"):
        could: Findable | None = findable_beside(found, config, seed=config.seed)
    if could is not None and not could.layers:
        could = None  # nothing was tested
    nulls = confirmation = scores = None
    if config.null_runs:
        with stages.stage("null runs"):
            nulls = run_nulls(log, config, config.null_runs, config.seed, background, threads)
    if config.score:
        with stages.stage("scores"):
            scores = score_clusters(
                found.clusters, log, accounts=accounts, account_column=config.account_column,
                before=config.before, moments=config.moments,
                stance=stance, null_sets=config.null_sets, null_runs=nulls or 0,
                stability=config.stability, config=config, background=background,
                seed=config.seed, threads=threads,
            )  # fmt: skip
    if config.confirm:
        with stages.stage("confirmation"):
            confirmation = confirm_clusters(log, config, background, threads)
    with stage("summing up"):
        manifest = manifest_of(
            log, config, background, found, scores, nulls, could, stages, reading
        )  # fmt: skip
    return Run(
        found.layers,
        found.clusters,
        scores,
        manifest,
        config,
        background,
        nulls,
        confirmation,
        could,
    )


def _with_fields() -> None:
    """Give `detect` the fields of the configuration as parameters, for help() and editors."""
    signature = inspect.signature(detect)
    own = [p for p in signature.parameters.values() if p.name not in ("within", "parameters")]
    given = [
        inspect.Parameter(
            f.name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD
            if f.name == "within"
            else inspect.Parameter.KEYWORD_ONLY,
            default={} if f.default is MISSING else f.default,
            annotation=f.type,
        )
        for f in fields(Configuration)
    ]
    both = [own[0], given[0], *own[1:], *given[1:]]
    detect.__signature__ = signature.replace(parameters=both)  # type: ignore[attr-defined]
    detect.__doc__ = (detect.__doc__ or "").replace("{parameters}", documented().strip(), 1)


_with_fields()
