"""ActiveCampaign's JSON: every number is text, times are in the account's zone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from tests.sandbox.activecampaign.account import LIST_ID, ActiveCampaignAccount
from tests.sandbox.cast import Lead
from tests.sandbox.mail_world import Campaign, MailAct

ZONE = timezone(timedelta(hours=-6))


def stamp(moment: datetime) -> str:
    """2018-08-17T13:47:31-06:00."""
    return moment.astimezone(ZONE).isoformat(timespec="seconds")


def contact_row(account: ActiveCampaignAccount, contact_id: int, lead: Lead) -> dict[str, Any]:
    """A contact of a listing. `udate` moves with what happens in the mailbox."""
    happened = account.happened(contact_id)
    began = account.mail.campaigns[0].sent_at - timedelta(days=30)
    return {
        "cdate": stamp(began),
        "email": lead.email,
        "phone": lead.phone,
        "firstName": lead.first_name,
        "lastName": lead.last_name,
        "orgid": "0",
        "orgname": lead.company,
        "bounced_hard": "1" if any(act.act == "bounce" for act in happened) else "0",
        "bounced_soft": "0",
        "ip": "0",
        "ua": "",
        "sentcnt": "0",
        "deleted": "0",
        "anonymized": "0",
        "udate": stamp(account.updated_at(contact_id)),
        "scoreValues": [],
        "links": {},
        "id": str(contact_id),
        "organization": None,
    }


TABLES: dict[str, list[dict[str, Any]]] = {
    "tags": [{"id": "1", "tag": "webinar", "tagType": "contact", "links": {}}],
    "automations": [{"id": "1", "name": "Bienvenida", "status": "1", "links": {}}],
    "scores": [{"id": "2", "name": "Interés", "reltype": "contact", "status": "1", "links": []}],
}


def belonging(contact_id: int, label: str) -> dict[str, Any]:
    """The contact's one row of `label`: it is tagged, went through the automation and has a score."""
    own = {"contact": str(contact_id), "id": str(contact_id), "links": {}}
    of = {
        "contactTags": {"tag": "1"},
        "contactAutomations": {"automation": "1", "seriesid": "1", "status": "2"},
        "scoreValues": {"score": "2", "scoreValue": str(contact_id % 100), "deal": None},
    }
    return own | of[label]


def included(contact_ids: list[int], include: list[str]) -> dict[str, Any]:
    """What `include` asks for beside a listing, as `contactTags.tag`: rows of contacts and what they name."""
    body: dict[str, Any] = {}
    for label, _, named in (asked.partition(".") for asked in include if asked):
        body[label] = [belonging(contact_id, label) for contact_id in contact_ids]
        body[f"{named}s"] = TABLES[f"{named}s"] if contact_ids else []
    return body


def membership_row(account: ActiveCampaignAccount, contact_id: int) -> dict[str, Any]:
    """The contact on the one list: status 1 active, 2 unsubscribed, 3 bounced."""
    happened = account.happened(contact_id)
    acts = {act.act for act in happened}
    changed = [act.at for act in happened if act.act in {"bounce", "unsubscribe"}]
    return {
        "contact": str(contact_id),
        "list": str(LIST_ID),
        "udate": stamp(changed[-1]) if changed else None,
        "status": "2" if "unsubscribe" in acts else "3" if "bounce" in acts else "1",
        "id": str(70_000 + contact_id),
        "links": {},
    }


def campaign_row(campaign: Campaign) -> dict[str, Any]:
    """A campaign, sent or not; one that is not has no `sdate`."""
    return {
        "type": "single",
        "name": campaign.name,
        "cdate": stamp(campaign.sent_at - timedelta(days=2)),
        "mdate": stamp(campaign.sent_at),
        "sdate": stamp(campaign.sent_at),
        "ldate": stamp(campaign.sent_at + timedelta(minutes=10)),
        "status": "5",
        "tracklinks": "all",
        "links": {},
        "id": str(campaign.campaign_id),
    }


def link_rows(campaign: Campaign) -> list[dict[str, Any]]:
    """The campaign's links, the pseudo-link that counts opens first."""
    rows = [_link(campaign, campaign.campaign_id * 100, "open", "Read Tracker")]
    return rows + [_link(campaign, link.link_id, link.url, "") for link in campaign.links]


def _link(campaign: Campaign, link_id: int, address: str, name: str) -> dict[str, Any]:
    return {
        "campaignid": str(campaign.campaign_id),
        "messageid": str(campaign.message_id),
        "link": address,
        "name": name,
        "ref": "",
        "tracked": "1",
        "links": {},
        "id": str(link_id),
        "campaign": str(campaign.campaign_id),
        "message": str(campaign.message_id),
    }


def activities_body(
    account: ActiveCampaignAccount, contact_id: int, acts: list[MailAct], total: int, include: set[str]
) -> dict[str, Any]:
    """One page of a contact's activities, with what they refer to under keys of their own."""
    body: dict[str, Any] = {"activities": [_activity(contact_id, act) for act in acts]}
    if "reference.link" in include:
        links = {
            row["id"]: row
            for campaign_id in {act.campaign_id for act in acts}
            for row in link_rows(account.campaigns[campaign_id])
        }
        used = {_reference(act)[1] for act in acts if act.act in {"open", "click"}}
        body["links"] = [links[link_id] for link_id in sorted(used)]
    if "reference.log" in include:
        body["logs"] = [_log(contact_id, act) for act in acts if act.act == "sent"]
    if "reference.contactList" in include:
        left = any(act.act == "unsubscribe" for act in acts)
        body["contactLists"] = [membership_row(account, contact_id)] if left else []
    return body | {"meta": {"total": str(total)}}


def _activity(contact_id: int, act: MailAct) -> dict[str, Any]:
    kind, reference_id = _reference(act)
    if kind == "contact-list":
        reference_id = str(70_000 + contact_id)
    return {
        "tstamp": stamp(act.at),
        "subscriberid": str(contact_id),
        "reference_type": {"link": "Link", "log": "Log", "contact-list": "SubscriberList"}[kind],
        "reference_id": reference_id,
        "reference_action": act.act if kind == "contact-list" else "",
        "jsonData": None,
        "userid": "0",
        "permission": "",
        "referenceModelName": kind,
        "notes": [],
        "recipients": [],
        "reference": {"type": kind, "id": reference_id},
        "id": str(act.act_id),
    }


def _reference(act: MailAct) -> tuple[str, str]:
    if act.act == "click":
        return "link", str(act.link_id)
    if act.act == "open":
        return "link", str(act.campaign_id * 100)
    return ("log", str(act.act_id)) if act.act == "sent" else ("contact-list", "")


def _log(contact_id: int, act: MailAct) -> dict[str, Any]:
    return {
        "subscriberid": str(contact_id),
        "campaignid": str(act.campaign_id),
        "messageid": str(act.campaign_id + 500),
        "tstamp": stamp(act.at),
        "successful": "1",
        "id": str(act.act_id),
    }
