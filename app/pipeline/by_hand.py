"""A plan that a person carries out: a pause set meanwhile stops it, and who is hot is written in between."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from app.domain.errors import BadConfig, Fault, UnsafePlan
from app.pipeline.apply import PATIENCE_BY_HAND, UNDO, apply_plan, writing
from app.pipeline.lots import Applied
from app.pipeline.run_record import recorded
from app.pipeline.turn import write_hot
from app.services import Services
from app.store import plans, switches, work_list


def release_plan(
    services: Services, job: str, fingerprint: str, *, undoes: int | None = None
) -> tuple[Applied, int]:
    """Carry out the plan shown under `fingerprint`, as `job`; what came of it, and the run that did it. One
    that a pause stopped is not `finished`. Raises what `apply_plan` raises, and BadConfig for the fingerprint
    of something else than was asked for: a way back from the run it `undoes`, or a plan that is none.
    """
    _refuse_another(services, fingerprint, undoes)
    begins = writing(services, PATIENCE_BY_HAND)
    with begins as fence, recorded(services, job, services.clock()) as (run_id, report):
        paused, gives_way, total = _paused_from_now(services), True, Applied(fingerprint)

        def stop() -> bool:
            return paused() or (gives_way and _hot_leads_wait(services))

        while not total.finished:
            applied = apply_plan(services, fingerprint, fence, released=True, run_id=run_id, stop=stop)
            total.add(applied)
            report.result = total.told(run_id)
            if not total.finished:
                if paused():
                    break
                gives_way = _give_way(services, fence)
    return total, run_id


def _refuse_another(services: Services, fingerprint: str, undoes: int | None) -> None:
    with services.database.connect() as conn:
        stored = plans.load(conn, fingerprint)
    if stored is None or stored.undoes == undoes:
        return
    run = stored.undoes
    what, command = (
        ("a plan of write_back", "write_back")
        if run is None
        else (f"the way back from run {run}", f"undo {run}")
    )
    message = f"is {what}: python -m jobs {command} --apply {fingerprint} carries it out"
    raise BadConfig([Fault("--apply", fingerprint, message)])


def _paused_from_now(services: Services) -> Callable[[], bool]:
    """Did somebody pause since? What was paused before is carried out all the same, being asked for by hand;
    the pause that an undo sets is for others.
    """
    with services.database.connect() as conn:
        before = switches.read(conn, "paused")

    def paused() -> bool:
        with services.database.connect() as conn:
            found = switches.read(conn, "paused")
        return found is not None and found != before and not found.value.startswith(UNDO)

    return paused


def _hot_leads_wait(services: Services) -> bool:
    with services.database.connect() as conn:
        return services.settings.write_back.unattended and work_list.any_hot(conn) and _may_be_written(conn)


def _may_be_written(conn: sa.Connection) -> bool:
    return switches.read(conn, "paused") is None and not plans.setup_left(conn)


def _give_way(services: Services, fence: int) -> bool:
    """Write who is hot. False when their own plan waits for a person: the released one goes on before it."""
    try:
        write_hot(services, fence, services.clock())
    except UnsafePlan:
        return False
    return True
