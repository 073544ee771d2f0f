"""What every registration of our webhooks must promise: subclass as Test... and fill in the fixture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.domain.ports import Registration


class RegistrationContract:
    @pytest.fixture
    def registration(self) -> Iterator[Registration]:
        """One whose vendor knows nothing of us yet."""
        raise NotImplementedError

    @pytest.fixture
    def snapshot(self) -> Callable[[], Any]:
        """Takes what the vendor has registered, ours and others'."""
        raise NotImplementedError

    def test_looking_registers_nothing(self, registration: Registration, snapshot: Callable[[], Any]):
        before = snapshot()
        assert registration.missing()
        assert snapshot() == before

    def test_what_was_missing_is_registered_and_then_nothing_is(
        self, registration: Registration, snapshot: Callable[[], Any]
    ):
        missing = registration.missing()
        assert registration.register() == missing
        assert registration.missing() == ()
        after = snapshot()
        assert registration.register() == ()
        assert snapshot() == after
