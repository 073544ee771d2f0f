"""An exported attendee report becomes the facts that the vendor's own report would have brought."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from app.domain.errors import BadConfig, Fault
from app.domain.occurrences import SAME_OCCURRENCE
from app.domain.records import Occurrence
from app.pipeline.absorbed import Absorbed
from app.pipeline.pages import store_records
from app.pipeline.run_record import recorded
from app.services import Services
from app.store import occurrences


def import_attendance(
    services: Services, text: str, zone: ZoneInfo, now: datetime
) -> tuple[Occurrence, Absorbed]:
    """The run and what its file came to. The same file again changes nothing, and a run that was pulled from
    the vendor too is one run. Raises BadConfig for a file that is no attendee report.
    """
    if services.attendance_file is None:
        raise BadConfig([Fault("import_attendance", "file", "nothing here reads such files")])
    told = services.attendance_file.run(text, zone)
    with services.database.connect() as conn:
        known = occurrences.find_run(conn, told, SAME_OCCURRENCE)
    run = replace(told, uuid=known or f"file {told.webinar_id} {told.starts_at.isoformat()}")
    with recorded(services, "import_attendance", now) as (run_id, report):
        records = services.attendance_file.records(text, zone, run)
        done = store_records(services, records, run_id, now, () if known else (run,))
        report.result = done.numbers()
    return run, done
