"""What a plan may come to cost: HubSpot bills by the number of marketing contacts, in packs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Forecast:
    """Marketing contacts now, leads who will lack the status alone once the plan is applied, and contacts it
    creates, which are non-marketing. `included` are those the subscription pays for, 0 where nobody said;
    further ones are sold in packs of `pack`. `joining` is by how much the plan makes the list longer.

    Savia never sets the status: this is what it would come to if the marketer gave it to the whole list.
    """

    marketing: int
    lacking: int
    created: int
    included: int
    pack: int
    joining: int = 0

    @property
    def would_be(self) -> int:
        """Marketing contacts if everybody on the list became one."""
        return self.marketing + self.lacking

    @property
    def tier(self) -> int:
        """The contacts paid for now."""
        return self._tier_of(self.marketing)

    @property
    def next_tier(self) -> int:
        """The contacts that would have to be paid for."""
        return self._tier_of(self.would_be)

    @property
    def raised_by_joining(self) -> bool:
        """Would those who join the list raise the tier, beyond what those on it would raise it to?"""
        before = self._tier_of(self.would_be - self.joining)
        return self.included > 0 and self.next_tier > before

    def _tier_of(self, contacts: int) -> int:
        beyond = max(0, contacts - self.included)
        return self.included + -(-beyond // self.pack) * self.pack


def tell_standing(forecast: Forecast) -> str:
    """Where the bill stands with everybody who is on the list now, in one line for `check`."""
    words = f"{forecast.marketing:,} now, {forecast.would_be:,} with all on the list"
    if not forecast.included:
        return f"{words}; the tier is not known: set [hubspot] marketing_contacts"
    return f"{words}; tier {forecast.tier:,}, then {forecast.next_tier:,}"


def tell_bill(forecast: Forecast, list_name: str) -> Iterator[str]:
    """The forecast in words, for whoever releases the plan."""
    if forecast.created:
        yield f"{forecast.created:>7} new contacts are non-marketing: they do not count for HubSpot's bill"
    if not forecast.lacking:
        return
    yield (
        f"{forecast.lacking:>7} leads on the list {list_name!r}: you decide. Marketing contacts: "
        f"{forecast.marketing:,} now, {forecast.would_be:,} with all of them"
    )
    if not forecast.included:
        words = "what that costs: set [hubspot] marketing_contacts to what your subscription includes"
    elif forecast.next_tier > forecast.tier:
        words = f"that raises the tier from {forecast.tier:,} to {forecast.next_tier:,} marketing contacts"
    else:
        words = f"the tier of {forecast.tier:,} marketing contacts stays"
    yield f"        {words}"
