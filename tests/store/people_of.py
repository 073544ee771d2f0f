"""Short names for the keys that these tests use."""

from __future__ import annotations

from app.domain.records import IdentityKey


def contact(number: int | str) -> IdentityKey:
    return IdentityKey("hubspot", "contact_id", str(number))


def email(name: str) -> IdentityKey:
    return IdentityKey("any", "email", f"{name}@example.com")


def registrant(number: int | str) -> IdentityKey:
    return IdentityKey("zoom", "registrant_id", str(number))
