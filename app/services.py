"""What the line runs on: everything an entry point may know. Made by wiring, handed to whoever runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.config import Settings
from app.domain.deprecations import PublishedEnd
from app.domain.ports import (
    AttendanceFile,
    ContactReader,
    Destination,
    PortalCheck,
    PullSource,
    Registration,
    TextReader,
    WebhookSource,
)
from app.store.writer import Writer
from mappings.load import Mappings


@dataclass(frozen=True, slots=True)
class Services:
    """Settings, the store, the mappings and the vendors that are on.

    A vendor without credentials is absent; `off` says which environment variables it still lacks. `clock`
    tells the time, in UTC; `writer` is this process's claim to be the one that writes to HubSpot.
    Without `texts` what leads write is read by the word lists alone. `registrations` are what `setup`
    registers with vendors; `attendance_file` reads reports that a person exported; `ends` are
    what vendors have announced to end of what is in use; `portal` is HubSpot looked over for `check`.
    """

    settings: Settings
    database: sa.Engine
    mappings: Mappings
    sources: Mapping[str, PullSource]
    webhooks: Mapping[str, WebhookSource]
    destination: Destination | None
    contacts: ContactReader | None
    off: Mapping[str, tuple[str, ...]]
    clock: Callable[[], datetime]
    writer: Writer
    texts: TextReader | None = None
    registrations: tuple[Registration, ...] = ()
    attendance_file: AttendanceFile | None = None
    ends: tuple[PublishedEnd, ...] = ()
    portal: PortalCheck | None = None
