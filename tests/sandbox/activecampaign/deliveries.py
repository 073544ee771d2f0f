"""ActiveCampaign's webhooks: one form per event, unsigned, sent once; an answer of 410 ends them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

import requests

from tests.sandbox.activecampaign.account import LIST_ID, ActiveCampaignAccount
from tests.sandbox.activecampaign.rows import stamp
from tests.sandbox.mail_world import MailAct

DEADLINE = 5.0


@dataclass
class Deliveries:
    """What became of them: `lost` never reached us and is never sent again."""

    posted: int = 0
    accepted: int = 0
    lost: int = 0
    doubled: int = 0


def deliver(
    account: ActiveCampaignAccount,
    acts: Iterable[MailAct],
    *,
    lost: float = 0.0,
    doubled: float = 0.0,
    seed: int = 0,
) -> Deliveries:
    """Post each act to every live webhook that wants it, in order; a share is lost on the way or doubled."""
    chance, tally = random.Random(seed), Deliveries()
    with requests.Session() as session:
        session.trust_env = False
        for act in acts:
            for hook in list(account.hooks.values()):
                if act.act not in hook["events"] or hook["state"] != "1":
                    continue
                if chance.random() < lost:
                    tally.lost += 1
                    continue
                times = 2 if chance.random() < doubled else 1
                tally.doubled += times - 1
                for _ in range(times):
                    _post(session, hook, form(account, act), tally)
    return tally


def _post(session: requests.Session, hook: dict[str, str], fields: dict[str, str], tally: Deliveries) -> None:
    tally.posted += 1
    try:
        answer = session.post(hook["url"], data=fields, timeout=DEADLINE, allow_redirects=False)
    except requests.RequestException:
        tally.lost += 1
        return
    tally.accepted += answer.ok
    tally.lost += not answer.ok
    if answer.status_code == 410:
        hook["state"] = "0"


def form(account: ActiveCampaignAccount, act: MailAct) -> dict[str, str]:
    """The fields of one delivery. A campaign's "sent" is about no contact."""
    lead = account.leads[account.contact_ids[act.lead_key]]
    campaign = account.campaigns[act.campaign_id]
    fields = {
        "type": act.act,
        "date_time": stamp(act.at),
        "initiated_from": "admin",
        "initiated_by": "admin",
        "list": str(LIST_ID) if act.act == "unsubscribe" else "0",
        "campaign[id]": str(campaign.campaign_id),
        "campaign[name]": campaign.name,
        "campaign[status]": "5",
        "campaign[type]": "single",
        "campaign[message][id]": str(campaign.message_id),
        "campaign[message][subject]": campaign.name,
    }
    if act.act == "sent":
        return fields
    fields |= {
        "contact[id]": str(account.contact_ids[act.lead_key]),
        "contact[email]": lead.email,
        "contact[first_name]": lead.first_name,
        "contact[last_name]": lead.last_name,
        "contact[phone]": lead.phone,
        "contact[tags]": "webinar",
        "contact[ip]": "127.0.0.1",
    }
    if act.act == "open":
        fields["User-Agent"] = act.user_agent
    if act.act == "click":
        address = next(link.url for link in campaign.links if link.link_id == act.link_id)
        fields |= {"link[id]": str(act.link_id), "link[url]": address}
    if act.act == "bounce":
        fields |= {"bounce[type]": "hard", "bounce[code]": "5.1.1", "bounce[description]": "no such user"}
    return fields
