"""Strikes at random, the same ones for the same seed: kill -9 of web, worker, clock and PostgreSQL."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from tests.chaos.crew import kill
from tests.chaos.stage import Stage

BETWEEN = (2.0, 4.0)
"""Seconds from one strike to the next."""

DOWN_FOR = (0.3, 1.5)
"""Seconds a killed PostgreSQL stays down before its owner starts it again."""

KINDS = ("web master", "web worker", "worker", "clock", "postgres", "worker")
"""Each comes once before any comes again, in an order of chance; a worker twice: they do the most."""

SILENT = sa.text("""
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - worker.last_heartbeat)), 0)
    FROM procrastinate_jobs job JOIN procrastinate_workers worker ON worker.id = job.worker_id
    WHERE job.status = 'doing'
""")


class Fire:
    """While its block lasts processes are struck. `strikes` counts them by kind over the fire's life."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self._stage, self._chance = stage, random.Random(seed)
        self._bag: list[str] = []
        self.strikes: Counter[str] = Counter()
        self.targets: list[int] = []
        self._out = threading.Event()
        self._thread = threading.Thread(target=self._burn, daemon=True)

    def __enter__(self) -> Self:
        self._out.clear()
        self._thread = threading.Thread(target=self._burn, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.set()
        self._thread.join()

    def aim_also_at(self, pid: int) -> None:
        """A job that a person started is struck once, at the next turn, if it still runs."""
        self.targets.append(pid)

    def _burn(self) -> None:
        while not self._out.wait(self._chance.uniform(*BETWEEN)):
            self._strike(self._next_kind())

    def _next_kind(self) -> str:
        if not self._bag:
            self._bag = self._chance.sample(KINDS, len(KINDS))
        return self._bag.pop()

    def _strike(self, kind: str) -> None:
        crew = self._stage.crew
        if self.targets:
            kill(self.targets.pop())
            self.strikes["job"] += 1
        match kind:
            case "web master":
                hit = crew.strike("web")
            case "web worker":
                hit = crew.strike_child_of("web")
            case "worker":
                hit = crew.strike(f"worker-{self._chance.randint(1, self._stage.setting.workers)}")
            case "clock":
                hit = crew.strike("clock")
            case _:
                hit = self._strike_postgres()
        self.strikes[kind] += bool(hit)

    def _strike_postgres(self) -> int:
        hit = self._stage.postgres.kill()
        time.sleep(self._chance.uniform(*DOWN_FOR))
        self._stage.postgres.restore()
        return hit


class Watch:
    """The longest time for which a job lay with a worker that gave no sign of life, while the block lasts."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.longest = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.5):
            try:
                with self._stage.database.connect() as conn:
                    self.longest = max(self.longest, float(conn.execute(SILENT).scalar_one()))
            except sa.exc.DBAPIError:
                continue
