"""Every fault that is seeded into a healthy installation is found, in one line that says what to do."""

from __future__ import annotations

import pytest

from tests.check import hubspot_faults, other_faults
from tests.check.faults import Fault
from tests.check.installation import Installation

FAULTS = [*hubspot_faults.FAULTS, *other_faults.FAULTS]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_check_finds(fault: Fault, place: Installation) -> None:
    fault.seed(place)
    shown = [(item.severity, item.subject, item.message) for item in place.problems()]
    named = [item for item in shown if item[:2] == (fault.severity, fault.subject)]
    (line,) = [message for _, _, message in named if fault.says in message]
    assert fault.fix in line
    assert "\n" not in line
    assert len(shown) == fault.lines, shown


def test_no_two_faults_are_one() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 25
