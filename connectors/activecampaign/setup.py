"""Registering our webhook: what is missing, and making it. Nothing of anybody else's is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.activecampaign.client import ActiveCampaignClient, Row

NAME = "Savia"
SOURCES = ("public", "admin", "api", "system")
"""Who may have caused an event: everybody."""

EVENTS = (
    "bounce",
    "click",
    "contact_tag_added",
    "contact_tag_removed",
    "forward",
    "open",
    "reply",
    "sent",
    "share",
    "subscribe",
    "unsubscribe",
    "update",
)


@dataclass(frozen=True, slots=True)
class WebhookPlan:
    """`missing` are the events no webhook to our address sends yet; `unknown` those this account does not
    offer, which are left out.
    """

    missing: tuple[str, ...]
    unknown: tuple[str, ...]


def plan_webhooks(client: ActiveCampaignClient, url: str, events: Sequence[str] = EVENTS) -> WebhookPlan:
    """What `ensure_webhooks` would register. A webhook of one list alone does not count: it is silent about
    the others.
    """
    offered = set(client.get("/webhook/events").get("webhookEvents") or ())
    sent: set[str] = set()
    for hook in _webhooks(client):
        everywhere = str(hook.get("listid") or "0") == "0" and str(hook.get("state") or "1") == "1"
        if hook.get("url") == url and everywhere:
            sent |= {str(event) for event in hook.get("events") or ()}
    missing = tuple(event for event in events if event in offered and event not in sent)
    return WebhookPlan(missing, tuple(event for event in events if event not in offered))


def ensure_webhooks(client: ActiveCampaignClient, url: str, events: Sequence[str] = EVENTS) -> WebhookPlan:
    """Register what is missing, as one webhook, and say what that was. `url` holds the secret; it must be
    https on port 443. Raises TryLater(maybe_applied=True) where the call may have got through: run it again.
    """
    plan = plan_webhooks(client, url, events)
    if plan.missing:
        client.create_webhook(
            {"name": NAME, "url": url, "events": list(plan.missing), "sources": list(SOURCES)}
        )
    return plan


class ActiveCampaignRegistration:
    """A Registration: our one webhook for all events we read. `url` holds the secret and is never shown."""

    name = "activecampaign"

    def __init__(self, client: ActiveCampaignClient, url: str) -> None:
        self._client = client
        self._url = url

    def missing(self) -> tuple[str, ...]:
        return plan_webhooks(self._client, self._url).missing

    def register(self) -> tuple[str, ...]:
        return ensure_webhooks(self._client, self._url).missing


def _webhooks(client: ActiveCampaignClient) -> list[Row]:
    pages = client.pages("webhooks", lambda window: client.package.webhooks.list_all_webhooks(**window))
    return [row for rows, _, _ in pages for row in rows]
