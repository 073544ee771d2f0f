"""When the day's calls run low pulls wait, and what a delivery or a write needs still goes out."""

from __future__ import annotations

import pytest

from app.domain.errors import TryLater
from app.pipeline.pull import pull_source
from app.pipeline.vendor_checkup import vendor_problems
from tests.check.installation import Installation


def used(place: Installation, share: float) -> None:
    place.portal.other_apps(0)
    place.portal.limits.daily_used = int(share * place.portal.limits.daily_max)
    assert place.services.portal is not None
    place.services.portal.account()  # any answer tells


def pull(place: Installation) -> None:
    pull_source(place.services, "hubspot", place.services.clock())


def reread(place: Installation) -> int:
    assert place.services.contacts is not None
    return len(list(place.services.contacts.read_records(list(place.portal.contacts))))


def test_pulls_give_way_first_and_then_everything(place: Installation) -> None:
    pull(place)
    used(place, 0.75)
    with pytest.raises(TryLater, match="kept free"):
        pull(place)
    assert reread(place) == len(place.portal.contacts)
    used(place, 0.85)
    with pytest.raises(TryLater, match="kept free"):
        reread(place)


def test_the_share_that_stays_free_is_a_setting(place: Installation) -> None:
    place.settings_file("[hubspot]\n", "[hubspot]\nkeep_free = 0.0\n")
    used(place, 0.85)
    pull(place)
    assert reread(place) == len(place.portal.contacts)


def test_asking_every_vendor_takes_few_calls(place: Installation) -> None:
    vendor_problems(place.services, place.services.clock())
    before = place.portal.request_counts["total"]
    vendor_problems(place.services, place.services.clock())
    assert place.portal.request_counts["total"] - before <= 20
