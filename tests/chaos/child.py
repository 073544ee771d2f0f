"""`python -m tests.chaos.child NAME ...`: a job as `python -m jobs` runs it, scoring as of one fixed moment,
and dying at a chosen point. `turns` is one name more. The points are listened for from outside: the product
knows nothing of them.

SAVIA_CHAOS_MOMENT: the moment scores are worked out for, in ISO form: two runs at different times agree.
SAVIA_CHAOS_DEATH: where this process kills itself, as `Death` in JSON.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Literal

import psycopg
import requests
import sqlalchemy as sa

MOMENT, DEATH = "SAVIA_CHAOS_MOMENT", "SAVIA_CHAOS_DEATH"
TIMED = ("lead_now", "leads_now", "score_lot")
"""What the line asks with the present moment as an argument when it scores a lead."""


@dataclass(frozen=True, slots=True)
class Death:
    """The `nth` time that something `matching` (a regular expression) comes to pass.

    "statement": before it goes to PostgreSQL. "commit": it was carried out, its commit is next. "answered":
    a vendor's answer to a call ("METHOD address") is in, nothing was done with it. "unanswered": a request
    to our web process was dealt with, its answer is not out. `scar` is a file: while there is none the
    process leaves it and dies, after that it lives; without one it dies every time.
    """

    kind: Literal["statement", "commit", "answered", "unanswered"]
    matching: str
    nth: int = 1
    scar: str = ""


def environment_of(death: Death) -> dict[str, str]:
    """The variable that makes a child die this way."""
    return {DEATH: json.dumps(asdict(death))}


def score_as_of(moment: datetime, change: Callable[[Any, str, Any], None] = setattr) -> None:
    """From now on every lead is scored as of `moment`; the clock itself is left alone."""
    from app.pipeline import understand
    from app.store import summaries

    for name in TIMED:
        change(understand, name, _timed(getattr(understand, name), moment))
    change(summaries, "read", _timed(summaries.read, moment))


def _timed(asked: Callable[..., Any], moment: datetime) -> Callable[..., Any]:
    return lambda *given, **named: asked(
        *(moment if isinstance(one, datetime) else one for one in given), **named
    )


def arm(death: Death) -> None:
    """Lie in wait for `death` in this process."""
    traps = {"statement": _arm_statement, "commit": _arm_commit, "answered": _arm_answered}
    if death.kind in traps and not (death.scar and Path(death.scar).exists()):
        traps[death.kind](_meeting(death), partial(die, death))


def die(death: Death) -> None:
    """The end without any clearing up."""
    if death.scar:
        Path(death.scar).touch()
    os.kill(os.getpid(), signal.SIGKILL)


def _meeting(death: Death) -> Callable[[str], bool]:
    seen, matching = count(1), re.compile(death.matching)
    return lambda text: bool(matching.search(text)) and next(seen) == death.nth


def _arm_statement(meets: Callable[[str], bool], end: Callable[[], None]) -> None:
    def trapped(carry_out: Callable[..., Any]) -> Callable[..., Any]:
        def before(self: Any, query: Any, *given: Any, **named: Any) -> Any:
            if meets(str(query)):
                end()
            return carry_out(self, query, *given, **named)

        return before

    for name in ("execute", "executemany"):
        setattr(psycopg.Cursor, name, trapped(getattr(psycopg.Cursor, name)))


def _arm_commit(meets: Callable[[str], bool], end: Callable[[], None]) -> None:
    met: list[bool] = []

    def after(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if meets(statement):
            met.append(True)

    sa.event.listen(sa.Engine, "after_cursor_execute", after)
    sa.event.listen(sa.Engine, "commit", lambda _: end() if met else None)


def _arm_answered(meets: Callable[[str], bool], end: Callable[[], None]) -> None:
    send = requests.adapters.HTTPAdapter.send

    def sent(self: Any, request: requests.PreparedRequest, **given: Any) -> requests.Response:
        answer = send(self, request, **given)
        if meets(f"{request.method} {request.url}"):
            end()
        return answer

    requests.adapters.HTTPAdapter.send = sent  # type: ignore[method-assign]  # that is the trap


def _prepare() -> Death | None:
    faulthandler.register(signal.SIGUSR1)  # who hangs says where, into its log
    if moment := os.environ.get(MOMENT):
        score_as_of(datetime.fromisoformat(moment))
    death = Death(**json.loads(os.environ[DEATH])) if os.environ.get(DEATH) else None
    if death is not None:
        arm(death)
    return death


def make_web() -> Callable[..., Iterable[bytes]]:
    """The receiver as gunicorn serves it, with the chosen death in it: `tests.chaos.child:make_web()`."""
    from app import wiring

    death = _prepare()
    web: Callable[..., Iterable[bytes]] = wiring.web
    if death is None or death.kind != "unanswered" or Path(death.scar).exists():
        return web
    meets = _meeting(death)

    def mortal(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        answer = web(environ, start)
        if meets(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"):
            die(death)
        return answer

    return mortal


def take_turns() -> int:
    """The worker's step write_back, again and again until it has nothing more to do: the job `turns`."""
    from app.pipeline import steps
    from app.wiring import open_services

    with open_services(os.environ) as services:
        while steps.write_back(services, services.clock()):
            continue
    return 0


if __name__ == "__main__":
    _prepare()
    from jobs.__main__ import main

    sys.exit(take_turns() if sys.argv[1] == "turns" else main(sys.argv[1:]))
