"""Whether what a vendor sent, or a change of ours, names a certain person: a privacy deletion asks this."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote_plus

from app.domain.records import IdentityKey

SHORTEST_TELLING = 10
"""Letters an id of another vendor must have to be looked for in texts: shorter ones stand in any number."""


@dataclass(frozen=True)
class NamedPerson:
    """One person or several, by every name. `contact_ids` are HubSpot's, compared as whole values only."""

    emails: frozenset[str]
    contact_ids: frozenset[str]
    other_ids: frozenset[str]

    @cached_property
    def _in_text(self) -> re.Pattern[str] | None:
        names = sorted(map(re.escape, self.emails | self.other_ids))
        return re.compile(rf"(?<![\w.+-])(?:{'|'.join(names)})(?![\w-]|\.\w)") if names else None

    def is_in_text(self, text: str) -> bool:
        """Does the text hold an address or a long id of theirs, in whatever case?"""
        return self._in_text is not None and self._in_text.search(text.lower()) is not None

    def is_in(self, value: object, *, contact_ids: bool) -> bool:
        """Does a JSON value name them anywhere? `contact_ids`: HubSpot's ids mean contacts in it."""
        if isinstance(value, Mapping):
            return any(self.is_in(item, contact_ids=contact_ids) for pair in value.items() for item in pair)
        if isinstance(value, list | tuple):
            return any(self.is_in(item, contact_ids=contact_ids) for item in value)
        if isinstance(value, bool) or not isinstance(value, int | str):
            return False
        parts = str(value).split(";")  # how HubSpot lists ids within one property
        return (contact_ids and not self.contact_ids.isdisjoint(parts)) or self.is_in_text(str(value))

    def is_in_body(self, body: str) -> bool:
        """The same of a body that is no JSON: form fields, or broken."""
        return self.is_in_text(body) or self.is_in_text(unquote_plus(body))


def named(keys: Collection[IdentityKey], contact_ids: Collection[str]) -> NamedPerson:
    """Whoever these identities are of, and these contact ids, whether known to us or not."""
    own = {key.value for key in keys if (key.vendor, key.kind) == ("hubspot", "contact_id")}
    others = {key.value.lower() for key in keys if key.kind != "email"} - own
    return NamedPerson(
        emails=frozenset(key.value.lower() for key in keys if key.kind == "email"),
        contact_ids=frozenset(own | {*contact_ids}),
        other_ids=frozenset(each for each in others if len(each) >= SHORTEST_TELLING),
    )
