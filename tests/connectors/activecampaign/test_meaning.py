"""From deliveries and activities to what people did: one key for both, machines told apart, nothing lost."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import pytest

from app.domain.machine_clicks import MachineRules, human_and_machine
from app.domain.normalize import is_known, normalize
from app.domain.records import Observation, Profile, Record, Reference
from app.domain.streams import SourceMeaning, StreamTable
from connectors.activecampaign.setup import ensure_webhooks
from connectors.activecampaign.webhook import ActiveCampaignWebhook
from mappings.load import FOLDER
from mappings.read import read_toml
from tests.connectors.activecampaign.desk import NOW, Desk, open_desk
from tests.connectors.stand_in import Reply, StandIn, in_turn
from tests.sandbox.activecampaign import Deliveries, deliver

SAMPLES = FOLDER.parent.parent / "shared" / "contracts" / "payloads" / "activecampaign"


def _streams() -> StreamTable:
    faults = []
    meaning = read_toml(FOLDER / "sources" / "activecampaign.toml", SourceMeaning, faults)
    assert meaning is not None, faults
    return {"activecampaign": meaning}


def _rules() -> MachineRules:
    faults = []
    rules = read_toml(FOLDER / "machine.toml", MachineRules, faults)
    assert rules is not None, faults
    return rules


STREAMS, RULES = _streams(), _rules()


@dataclass(frozen=True)
class Month:
    """What one account told us: by webhook, by activities, and what became of the deliveries."""

    desk: Desk
    pushed: dict[str, Observation]
    pulled: dict[str, Observation]
    tally: Deliveries


@pytest.fixture(scope="module")
def month() -> Iterator[Month]:
    with open_desk(leads=150) as desk, StandIn(in_turn(Reply(204))) as receiver:
        ensure_webhooks(desk.client, receiver.url + "/webhooks/activecampaign/secret")
        acts = list(desk.account.mail.acts)
        random.Random(3).shuffle(acts)
        tally = deliver(desk.account, acts, lost=0.05, doubled=0.05)
        webhook = ActiveCampaignWebhook("secret")
        pushed = [record for asked in receiver.asked for record in webhook.parse(asked.body)]
        pages = desk.source(10_000).pull("activities", None, NOW)
        pulled = [record for page in pages for record in page.records]
        yield Month(desk, _observations(pushed), _observations(pulled), tally)


def _observations(records: list[Record]) -> dict[str, Observation]:
    assert all(is_known(record, STREAMS) for record in records), "every shape has a meaning or is ignored"
    facts = [fact for record in records for fact in normalize(record, STREAMS)]
    return {fact.key: fact for fact in facts if isinstance(fact, Observation)}


def _kept(month: Month) -> list[Observation]:
    """As they are stored: the later word counts, and takes back nothing it does not speak of."""
    return [
        replace(seen, attributes={**month.pushed[key].attributes, **seen.attributes})
        if key in month.pushed
        else seen
        for key, seen in (month.pushed | month.pulled).items()
    ]


def test_what_a_delivery_and_an_activity_say_of_one_act_has_one_key(month: Month):
    both = {key for key, seen in month.pushed.items() if seen.kind in {"email_open", "email_click"}}
    assert both <= set(month.pulled)
    left = {key for key, seen in month.pushed.items() if seen.kind == "email_unsubscribe"}
    assert left
    assert left <= set(month.pulled)


def test_lost_deliveries_are_found_among_the_activities_except_bounces(month: Month):
    assert month.tally.lost > 50
    found = Counter(seen.kind for seen in _kept(month))
    minutes = {
        (act.act, act.lead_key, act.campaign_id, act.link_id, act.at.replace(second=0))
        for act in month.desk.account.mail.acts
    }
    true = Counter(f"email_{name}" for name, *_ in minutes)
    bounces = true.pop("email_bounce")
    assert {kind: found[kind] for kind in true} == dict(true)
    assert 0 < found["email_bounce"] <= bounces


def test_every_observation_names_the_contact_and_the_address(month: Month):
    for seen in _kept(month):
        assert [(key.vendor, key.kind) for key in seen.identities] == [
            ("activecampaign", "contact_id"),
            ("any", "email"),
        ]


def test_each_persons_clicks_equal_the_worlds_truth_in_the_clear_mailboxes(month: Month):
    numbered = [_Stored(place, one) for place, one in enumerate(_kept(month))]
    account, compared = month.desk.account, 0
    unclear = {act.lead_key for act in account.mail.acts if act.machine in {"scans_one", "named_scanner"}}
    for lead in account.mail.leads:
        if lead.key in unclear:  # activities give no user agent
            continue
        own = [one for one in numbered if one.contact_id == str(account.contact_ids[lead.key])]
        marks = human_and_machine(own, RULES)
        clicked = {
            (int(one.scope), int(str(one.attributes["link"])))
            for one in own
            if one.kind == "email_click" and one.id not in marks
        }
        assert clicked == set(account.mail.truth(lead.key).clicks), lead.key
        compared += len(clicked)
    assert compared > 30


class _Stored:
    """An observation with the id of its row."""

    def __init__(self, number: int, seen: Observation) -> None:
        self.id, self.source, self.kind, self.key = number, seen.source, seen.kind, seen.key
        self.occurred_at, self.quantity, self.scope = seen.occurred_at, seen.quantity, seen.scope
        self.attributes = seen.attributes
        self.contact_id = seen.identities[0].value


def test_a_contact_is_a_profile_and_one_that_was_anonymised_is_nothing(month: Month):
    pages = month.desk.source().pull("contacts", None, NOW)
    records = [record for page in pages for record in page.records]
    for record in records:
        (profile,) = normalize(record, STREAMS)
        assert isinstance(profile, Profile)
        assert profile.fields["first_name"] == record.payload["firstName"]
    gone = Record("activecampaign", "contacts", {**records[0].payload, "anonymized": "1"})
    assert normalize(gone, STREAMS) == ()


@pytest.mark.parametrize("stream", ["campaigns", "links", "lists", "tags", "automations", "scores"])
def test_the_small_tables_are_kept_as_names_by_id(month: Month, stream: str):
    records = [record for page in month.desk.source().pull(stream, None, NOW) for record in page.records]
    facts = [fact for record in records for fact in normalize(record, STREAMS)]
    assert len(facts) == len(records) > 0
    for fact in facts:
        assert isinstance(fact, Reference)
        assert (fact.kind, fact.reference_id.isdecimal()) == (stream.removesuffix("s"), True)
        assert "name" in fact.body
        assert "links" not in fact.body


def test_a_contact_is_told_with_its_tags_automations_and_scores_by_name(month: Month):
    page = next(iter(month.desk.source().pull("contacts", None, NOW)))
    (profile,) = normalize(page.records[0], STREAMS)
    assert isinstance(profile, Profile)
    told = {name: profile.fields[name] for name in ("tags", "automations", "scores")}
    assert told == {"tags": "webinar", "automations": "Bienvenida", "scores": "Interés: 1"}


@pytest.mark.parametrize(
    ("event", "before", "after"),
    [
        ("contact_tag_added", "webinar", "demo, webinar"),
        ("contact_tag_added", "webinar, demo", "demo, webinar"),
        ("contact_tag_removed", "webinar, demo", "webinar"),
        ("contact_tag_removed", "demo", ""),
        ("update", "webinar, alumni", "alumni, webinar"),
    ],
)
def test_a_delivery_tells_the_tags_as_they_are_after_it(event: str, before: str, after: str):
    form = {"type": event, "date_time": "2026-11-20T10:00:00-06:00", "contact[id]": "7", "tag": "demo"}
    webhook = ActiveCampaignWebhook("secret")
    (record,) = webhook.parse(urlencode(form | {"contact[tags]": before}).encode())
    (profile,) = normalize(record, STREAMS)
    assert isinstance(profile, Profile)
    assert profile.fields["tags"] == after
    (silent,) = webhook.parse(urlencode(form).encode())
    assert all("tags" not in fact.fields for fact in normalize(silent, STREAMS) if isinstance(fact, Profile))


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the vendors' samples (../shared) are not here")
@pytest.mark.parametrize("event", ["open", "click"])
def test_the_vendors_sample_deliveries_are_read(event: str):
    fields = json.loads((SAMPLES / f"webhook_form_{event}.fields.json").read_text("utf-8"))
    (record,) = ActiveCampaignWebhook("secret").parse(urlencode(fields).encode())
    (seen,) = normalize(record, STREAMS)
    assert isinstance(seen, Observation)
    assert (seen.kind, seen.scope) == (f"email_{event}", "7")


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the vendors' samples (../shared) are not here")
def test_the_vendors_sample_contacts_are_profiles():
    rows = json.loads((SAMPLES / "get_contacts_200_0.json").read_text("utf-8"))["contacts"]
    made = [fact for row in rows for fact in normalize(Record("activecampaign", "contacts", row), STREAMS)]
    assert len(made) == len(rows) > 0
