"""Trained models, kept whole: one champion at most, those before it, and those that did not beat it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from app.domain.errors import BadConfig, Fault
from app.store import standings
from app.store.encoding import as_json

State = Literal["champion", "previous", "refused"]

ALONE = sa.text("SELECT pg_advisory_xact_lock(hashtext('savia model'))")
NOBODY_CROWNED = sa.text("SELECT pg_advisory_xact_lock_shared(hashtext('savia model'))")
INSERT = sa.text("""
    INSERT INTO model (bytes, sha256, report, trained_at, state)
    VALUES (:bytes, :sha256, CAST(:report AS jsonb), :at, 'refused') RETURNING id
""")
STEP_DOWN = sa.text("UPDATE model SET state = 'previous' WHERE state = 'champion'")
STEP_UP = sa.text("UPDATE model SET state = 'champion' WHERE id = :id")
# Every score is another one under another model: everybody is due.
COLUMNS = "id, sha256, report, trained_at, state, watched, watched_at"
ALL = sa.text(f"SELECT {COLUMNS} FROM model ORDER BY id DESC")  # noqa: S608  constants only
CHAMPION = sa.text(f"SELECT {COLUMNS} FROM model WHERE state = 'champion'")  # noqa: S608  constants only
NAME = sa.text("SELECT id, sha256 FROM model WHERE state = 'champion'")
BYTES = sa.text("SELECT bytes, sha256 FROM model WHERE id = :id")
EXISTS = sa.text("SELECT EXISTS (SELECT FROM model WHERE id = :id)")
WATCHED = sa.text("UPDATE model SET watched = CAST(:watched AS jsonb), watched_at = :at WHERE id = :id")


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model without its bytes. `report` is of its training; `watched` of what was seen since, if looked."""

    id: int
    sha256: str
    report: Mapping[str, Any]
    trained_at: datetime
    state: State
    watched: Mapping[str, Any] | None
    watched_at: datetime | None


def add(conn: sa.Connection, content: bytes, report: Mapping[str, Any], at: datetime) -> int:
    """Keep a model, as refused until it is crowned. Returns its id."""
    values = {
        "bytes": content,
        "sha256": hashlib.sha256(content).hexdigest(),
        "report": as_json(report),
        "at": at,
    }
    return int(conn.execute(INSERT, values).scalar_one())


def crown(conn: sa.Connection, model_id: int | None, at: datetime) -> bool:
    """This model scores from now on; None: none does, points do. False where there is no such model.

    Everybody becomes due for a new score.
    """
    wait_for_scorers(conn)
    if model_id is not None and not conn.scalar(EXISTS, {"id": model_id}):
        return False
    conn.execute(STEP_DOWN)
    if model_id is not None:
        conn.execute(STEP_UP, {"id": model_id})
    standings.all_due(conn, at)
    return True


def wait_for_scorers(conn: sa.Connection) -> None:
    """Nobody scores until this transaction ends: what is due then is due by what it changes."""
    conn.execute(ALONE)


def hold_scorer(conn: sa.Connection) -> None:
    """Whoever scores does so first: until this transaction ends no other model is crowned. A lead that is new
    in it would not be among those who are due then.
    """
    conn.execute(NOBODY_CROWNED)


def champion_name(conn: sa.Connection) -> tuple[int, str] | None:
    """(id, sha256) of the model that scores now; cheap enough to ask before every lot."""
    row = conn.execute(NAME).one_or_none()
    return None if row is None else (row.id, row.sha256)


def champion(conn: sa.Connection) -> StoredModel | None:
    """The model that scores now."""
    row = conn.execute(CHAMPION).one_or_none()
    return None if row is None else StoredModel(*row)


def all_models(conn: sa.Connection) -> list[StoredModel]:
    """Every model kept, newest first."""
    return [StoredModel(*row) for row in conn.execute(ALL)]


def content_of(conn: sa.Connection, model_id: int) -> bytes:
    """A model's bytes. Raises BadConfig where they are not the ones that were kept."""
    content, sha256 = conn.execute(BYTES, {"id": model_id}).one()
    if hashlib.sha256(content).hexdigest() != sha256:
        message = "its bytes are not those that were kept: python -m jobs model --restore another"
        raise BadConfig([Fault("model", str(model_id), message)])
    return bytes(content)


def note_watch(conn: sa.Connection, model_id: int, watched: Mapping[str, Any], at: datetime) -> None:
    """What a look at the model since its training has shown."""
    conn.execute(WATCHED, {"id": model_id, "watched": as_json(watched), "at": at})
