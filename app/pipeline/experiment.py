"""The one experiment: begun by the plan that deals its first arms, fixed while it runs, ended by a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from app.domain.changes import Problem
from app.domain.errors import BadConfig, Fault
from app.domain.experiments import Dealt, Trial, salt_of
from app.pipeline.power import Forecast, forecast, tell_table
from app.services import Services
from app.store import experiments, switches
from app.store.experiments import Experiment
from app.store.people_locks import hold_people

TO_RELEASE = "python -m jobs write_back --enrol shows it, --apply begins it"


def trial_of(services: Services, conn: sa.Connection) -> Trial | None:
    """What the experiment that runs has fixed; else what the one that the setting asks for would fix."""
    running = experiments.running(conn)
    if running is not None:
        return running.trial
    as_set = _as_set(services, salt_of(experiments.begun(conn) + 1))
    return as_set if as_set.holdout_share > 0 else None


def _as_set(services: Services, salt: str = "") -> Trial:
    share, outcome = services.settings.experiment.holdout_share, services.settings.outcome
    return Trial(salt, share, outcome.event, outcome.horizon_days)


def deal(services: Services, conn: sa.Connection, dealt: Dealt, fingerprint: str, now: datetime) -> None:
    """Put the people of a plan that is being carried out into their arms; the first ones begin the
    experiment, which keeps what it was then expected to take. Raises BadConfig where another experiment than
    the plan's would get them.
    """
    if dealt.trial != trial_of(services, conn):
        message = "its arms are of another experiment: run write_back to see the current one"
        raise BadConfig([Fault("--apply", fingerprint, message)])
    hold_people(conn)
    running = experiments.running(conn)
    if running is None:
        expected = forecast(services, conn, now, [dealt.trial.holdout_share])
        kept = {**asdict(expected), "base_rate": expected.base_rate}
        running = experiments.begin(conn, dealt.trial, kept, now)
    experiments.assign(conn, running.id, dealt.arms, now)


def end(conn: sa.Connection, running: Experiment, now: datetime) -> None:
    """End the experiment. Whoever was held out could be sent something now, so that waits for a release."""
    experiments.end(conn, running.id, now)
    switches.clear(conn, "released_rules")


def planned(services: Services, conn: sa.Connection, now: datetime) -> Forecast | None:
    """What the experiment that is set and has not begun would take; None where there is none."""
    share = services.settings.experiment.holdout_share
    if share == 0 or experiments.running(conn) is not None:
        return None
    return forecast(services, conn, now, [share])


def tell_planned(services: Services, expected: Forecast) -> Iterator[str]:
    """The experiment that is set, before it begins: a person looks at this and releases it, or does not."""
    yield f"An experiment begins with the first enrolment or task: {tell_choice(_as_set(services))}"
    yield f"  {tell_base(expected)}"
    if expected.table:
        yield from tell_table(expected.table)


def experiment_state(conn: sa.Connection, services: Services, now: datetime) -> str:
    """The experiment that runs, or what the one that is set would take, in a line."""
    expected, running = planned(services, conn, now), experiments.running(conn)
    if running is not None:
        return f"{tell_choice(running.trial)}, since {running.started_at:%Y-%m-%d}"
    if expected is None:
        return "none"
    rows = ", ".join(
        f"+{row.lift:.0%}: {row.contacts:,}" + ("" if row.weeks is None else f" in {row.weeks:,.1f} weeks")
        for row in expected.table
    )
    takes = f"; contacts to see a lift of {rows}" if rows else ""
    choice = tell_choice(_as_set(services))
    return f"has not begun: {choice}; {tell_base(expected)}{takes}: {TO_RELEASE}"


def experiment_problems(conn: sa.Connection, services: Services) -> Iterator[Problem]:
    """One that runs otherwise than the settings say."""
    running = experiments.running(conn)
    if running is not None and running.trial != _as_set(services, running.trial.salt):
        message = (
            f"goes on as it began, {tell_choice(running.trial)}, not as set now, "
            f"{tell_choice(_as_set(services))}: python -m jobs experiment --end, or set these back"
        )
        yield Problem("warning", "experiment", message)


def tell_choice(trial: Trial) -> str:
    """The choice and the outcome of an experiment in words."""
    return f"{trial.holdout_share:.0%} held out, judged by {trial.outcome} within {trial.horizon_days} days"


def tell_base(expected: Forecast) -> str:
    """What the expectation rests on, in words."""
    rate = (
        f"base rate {expected.base_rate:.2%} ({expected.converted} of {expected.leads} leads)"
        if expected.table
        else f"base rate unknown ({expected.converted} of {expected.leads} leads converted): "
        "python -m jobs power --base-rate SHARE"
    )
    return f"{rate}, {expected.per_week:g} leads a week"
