"""The short form of `make chaos`: a little of every blow, judged as strictly as the long one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.chaos.acts import Ending, play
from tests.chaos.crew import GRACE
from tests.chaos.dynos import deploys
from tests.chaos.end_state import canonical, differences
from tests.chaos.scenes import frozen_and_cut
from tests.chaos.stage import Setting

pytestmark = pytest.mark.slow

SHORT = Setting(now=datetime.now(UTC), leads=80)


def test_processes_killed_at_random_leave_the_end_of_an_undisturbed_day(tmp_path: Path) -> None:
    quiet = play(tmp_path / "quiet", SHORT)
    struck = play(tmp_path / "struck", replace(SHORT, fire=24.0))
    assert sum(struck.strikes.values()) > 0
    assert_nothing_lost(struck)
    assert list(differences(canonical(quiet.dump), canonical(struck.dump))) == []


def test_a_frozen_writer_is_replaced_and_a_database_cut_is_survived(tmp_path: Path) -> None:
    blows, ending = frozen_and_cut(tmp_path, SHORT, seconds=20.0)
    assert blows.takeover <= 30.0
    assert (blows.fences_falling, blows.stuck_jobs) == (0, 0)
    assert_nothing_lost(ending)


def test_releases_and_restarts_of_every_dyno_lose_nothing(tmp_path: Path) -> None:
    told, ending = deploys(tmp_path, SHORT, rounds=3)
    assert set(told.releases) == {0}
    assert told.bare_status == 200
    assert max(told.ended_within) < GRACE
    assert_nothing_lost(ending)


def assert_nothing_lost(ending: Ending) -> None:
    """By the sandbox's count, and nothing was given up on the way."""
    assert (ending.lost, ending.duplicated) == (0, 0), ending.details
    assert (ending.dropped, ending.failed_jobs) == (0, 0)
