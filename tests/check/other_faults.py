"""What goes wrong with the other vendors and in our own house: keys, processes, work that stands still."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from app.domain.changes import Plan
from app.domain.deprecations import PublishedEnd
from app.domain.standing import Spread
from app.store import ledger, models, plans, quarantine, runs, spread, switches
from app.store.quarantine import HeldRecord
from tests.check.faults import Fault
from tests.check.installation import Installation, say

# --- Zoom -------------------------------------------------------------------------------------------------


def _zoom_secret(place: Installation) -> None:
    account = place.sandbox.zoom
    account.credentials = replace(account.credentials, client_secret="made anew")


def _zoom_scope(place: Installation) -> None:
    place.sandbox.zoom.scopes = "webinar:read:admin user:read:admin"


def _no_webinar_plan(place: Installation) -> None:
    place.sandbox.zoom.has_webinars = False


def _unknown_host(place: Installation) -> None:
    place.settings_file("[zoom]\n", '[zoom]\nhosts = ["nobody@example.com"]\n')


def _zoom_webhook_secret(place: Installation) -> None:
    assert place.deliver_zoom(secret="of another app") == 401


ZOOM = [
    Fault("Zoom: wrong secret", _zoom_secret, "zoom", "app is refused", "check ZOOM_ACCOUNT_ID", "error"),
    Fault(
        "Zoom: scope missing",
        _zoom_scope,
        "zoom",
        "lacks scopes",
        "add report:read:list_webinar_participants:admin",
        "error",
    ),
    Fault(
        "Zoom: no webinar add-on",
        _no_webinar_plan,
        "zoom",
        "no webinar add-on",
        "assign it the licence",
        "error",
    ),
    Fault("Zoom: unknown host", _unknown_host, "zoom", "host 1 is unknown", "correct `hosts`", "error"),
    Fault(
        "Zoom: wrong event secret",
        _zoom_webhook_secret,
        "zoom",
        "signed with another secret",
        "set ZOOM_WEBHOOK_SECRET",
        "error",
    ),
]

# --- ActiveCampaign, GA4, OpenAI --------------------------------------------------------------------------


def _activecampaign_key(place: Installation) -> None:
    place.sandbox.activecampaign.api_key = "made anew"


def _no_hook(place: Installation) -> None:
    place.sandbox.activecampaign.hooks.clear()


def _hook_switched_off(place: Installation) -> None:
    for hook in place.sandbox.activecampaign.hooks.values():
        hook["state"] = "0"


def _old_secret(place: Installation) -> None:
    assert place.deliver_activecampaign(secret="the-one-before") == 401


def _property(place: Installation) -> None:
    place.sandbox.ga4.property_id = "987654321"


def _dimension(place: Installation) -> None:
    place.sandbox.ga4.dimension = "customUser:crm_id"


def _openai_key(place: Installation) -> None:
    place.sandbox.openai.token = "sk-made-anew"


def _openai_model(place: Installation) -> None:
    place.sandbox.openai.models = frozenset({"gpt-9"})


def _half_a_vendor(place: Installation) -> None:
    place.restart(ZOOM_CLIENT_SECRET="")


OTHERS = [
    Fault(
        "ActiveCampaign: wrong key",
        _activecampaign_key,
        "activecampaign",
        "the key is refused",
        "check ACTIVECAMPAIGN_API_KEY",
        "error",
    ),
    Fault(
        "ActiveCampaign: webhook missing",
        _no_hook,
        "activecampaign",
        "no webhook tells us of bounce, click",
        "python -m jobs setup registers it",
    ),
    Fault(
        "ActiveCampaign: webhook switched off",
        _hook_switched_off,
        "activecampaign",
        "no webhook tells us of",
        "python -m jobs setup registers it",
    ),
    Fault(
        "ActiveCampaign: webhook of an old secret",
        _old_secret,
        "activecampaign",
        "another secret",
        "delete the old webhook",
        "error",
    ),
    Fault("GA4: property out of reach", _property, "ga4", "cannot be read", "check GA4_PROPERTY_ID", "error"),
    Fault(
        "GA4: dimension missing",
        _dimension,
        "ga4",
        "no dimension customUser:hubspot_id",
        "register it, see connectors/ga4/README.md",
        "error",
    ),
    Fault("OpenAI: key refused", _openai_key, "OpenAI", "key", "OPENAI_API_KEY", "error"),
    Fault("OpenAI: no such model", _openai_model, "OpenAI", "model", "[openai] model", "error"),
    Fault("a variable is not set", _half_a_vendor, "Zoom", "is off", "set ZOOM_CLIENT_SECRET"),
]

# --- processes --------------------------------------------------------------------------------------------


def _worker_gone(place: Installation) -> None:
    place.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '2 minutes'")


def _worker_never(place: Installation) -> None:
    place.execute("DELETE FROM procrastinate_workers")


def _clock_stopped(place: Installation) -> None:
    place.execute("UPDATE clock_slot SET deferred_at = deferred_at - interval '1 hour'")


def _clock_never(place: Installation) -> None:
    place.execute("DELETE FROM clock_slot")


def _large_worker(place: Installation) -> None:
    say(place, "worker", 402.0)


def _few_connections(place: Installation) -> None:
    name = place.database.url.database
    place.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 8')


def _old_tables(place: Installation) -> None:
    place.execute("UPDATE alembic_version SET version_num = '0030'")


def _newer_tables(place: Installation) -> None:
    place.execute("UPDATE alembic_version SET version_num = '9999'")


def _no_database(place: Installation) -> None:
    from app.store.database import make_engine

    place.database.dispose()
    place.change(database=make_engine("postgresql+psycopg://nobody@127.0.0.1:9/nothing"))


PROCESSES = [
    Fault("worker gone", _worker_gone, "worker", "no sign of life since", "start it", "error"),
    Fault("worker never started", _worker_never, "worker", "has never run", "start it", "error"),
    Fault("clock stopped", _clock_stopped, "clock", "asked for nothing since", "start it", "error"),
    Fault("clock never started", _clock_never, "clock", "has never asked", "start it", "error"),
    Fault("memory above its limit", _large_worker, "worker", "402 MB where 400 are enough", "restart it"),
    Fault("too few connections", _few_connections, "connections", "takes 8 connections", "raise the role's"),
    Fault("migrations behind", _old_tables, "database", "is behind", "python -m jobs migrate", "error"),
    Fault("tables of a later release", _newer_tables, "schema", "is newer than the code", "after a rollback"),
    Fault("database away", _no_database, "database", "does not answer", "see DATABASE_URL", "error"),
]

# --- work -------------------------------------------------------------------------------------------------


def _deliveries_wait(place: Installation) -> None:
    place.execute("UPDATE inbox SET received_at = received_at - interval '1 hour'")


def _dead_letters(place: Installation) -> None:
    place.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('default', 'sync', 'failed')"
    )


def _unknown_step(place: Installation) -> None:
    place.execute("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('default', 'tomorrow')")


def _quarantined(place: Installation) -> None:
    held = HeldRecord(
        "zoom", "webinar.ended", "payload.object.uuid", "is missing", {"event": "webinar.ended"}
    )
    with place.database.begin() as conn:
        quarantine.hold(conn, [held], place.services.clock())


def _refused_writes(place: Installation) -> None:
    place.execute(
        "INSERT INTO ledger (fingerprint, change_key, kind, subject, change, state, intended_at, settled_at)"
        " VALUES ('f', 'k', 'SetProperties', '', '{}', 'rejected', now(), now())"
    )
    with place.database.connect() as conn:
        assert ledger.rejected_count(conn, place.services.clock() - timedelta(hours=1)) == 1


def _paused(place: Installation) -> None:
    with place.database.begin() as conn:
        switches.turn(conn, "paused", "undo of run 7", place.services.clock())


def _braked_plan(place: Installation) -> None:
    plan = Plan((), "abcdef012345", unsafe=("120 enrolments, 100 are allowed",))
    with place.database.begin() as conn:
        plans.save(conn, plan, {}, {}, place.services.clock())


def _undo_waits(place: Installation) -> None:
    plan = Plan((), "abcdef012346", unsafe=("an undo always waits for a person",))
    with place.database.begin() as conn:
        plans.save(conn, plan, {}, {}, place.services.clock(), undoes=12)


def _failed_pull(place: Installation) -> None:
    now = place.services.clock()
    with place.database.begin() as conn:
        runs.finish(conn, runs.start(conn, "sync zoom", now), now, error="zoom: no complete answer")


def _drift(place: Installation) -> None:
    now = place.services.clock()
    alarm = "job_title is spread otherwise than at training: look at its source, then train again"
    with place.database.begin() as conn:
        model_id = models.add(conn, b"bytes", {}, now)
        models.crown(conn, model_id, now)
        models.note_watch(conn, model_id, {"alarms": [alarm]}, now)


def _nobody_hot(place: Installation) -> None:
    with place.database.begin() as conn:
        spread.keep(conn, Spread({400: 200}), None, place.services.clock())


def _near_end(place: Installation) -> None:
    ends_on = place.services.clock().date() + timedelta(days=60)
    place.change(ends=(PublishedEnd("HubSpot", "the v3 API", ends_on, 'set api_version = "2026-09"'),))


WORK = [
    Fault(
        "deliveries wait", _deliveries_wait, "inbox", "deliveries wait since", "a worker running?", "error"
    ),
    Fault("dead letters", _dead_letters, "jobs", "1 dead letters", "run the job by hand", "error"),
    Fault("a step of another release", _unknown_step, "jobs", "tomorrow wait for a release", "deploy it"),
    Fault("records held", _quarantined, "quarantine", "could not be used", "python -m jobs quarantine"),
    Fault("writes refused", _refused_writes, "HubSpot", "refused 1 writes", "python -m jobs explain"),
    Fault("writes paused", _paused, "writes", "paused since", "python -m jobs resume"),
    Fault(
        "a braked plan waits", _braked_plan, "plan", "waits for you (120 enrol", "python -m jobs write_back"
    ),
    Fault(
        "an undo waits", _undo_waits, "plan", "waits for you (an undo", "jobs undo 12 shows what stands now"
    ),
    Fault("a pull failed", _failed_pull, "zoom", "the last pull failed", "python -m jobs sync"),
    Fault("the model drifts", _drift, "model 1", "is spread otherwise", "train again"),
    Fault("nobody is hot", _nobody_hot, "bands", "hot is empty", "capacity_per_week = 50"),
    Fault("an end within 90 days", _near_end, "HubSpot", "ends on", "set api_version"),
]

FAULTS = [*ZOOM, *OTHERS, *PROCESSES, *WORK]
