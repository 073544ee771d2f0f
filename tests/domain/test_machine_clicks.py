"""Machine clicks and opens: the clear cases one by one, then a whole world of mailboxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.machine_clicks import MachineRules, human_and_machine, machine_rule_faults
from mappings.load import FOLDER
from mappings.read import read_toml
from tests.sandbox.mail_world import APPLE_PROXY, BROWSER, SCANNER, MailAct, MailWorld, make_mail_world
from tests.sandbox.world import make_world

SENT_AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
GMAIL_PROXY = "Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)"


def shipped() -> MachineRules:
    faults = []
    rules = read_toml(FOLDER / "machine.toml", MachineRules, faults)
    assert rules is not None, faults
    return rules


RULES = shipped()


@dataclass(frozen=True)
class Seen:
    id: int
    kind: str
    occurred_at: datetime
    scope: str = "7"
    source: str = "activecampaign"
    quantity: float = 1.0
    attributes: Mapping[str, str | float | bool | None] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.kind}|{self.id}"


def after(seconds: float) -> datetime:
    return SENT_AT + timedelta(seconds=seconds)


def sent(scope: str = "7") -> Seen:
    return Seen(1, "email_sent", SENT_AT, scope)


def opened(number: int, seconds: float, agent: str = BROWSER, **more: str) -> Seen:
    return Seen(number, "email_open", after(seconds), attributes={"user_agent": agent, **more})


def clicked(number: int, seconds: float, link: str = "a", agent: str = BROWSER, **more: str) -> Seen:
    return Seen(number, "email_click", after(seconds), attributes={"link": link, "user_agent": agent, **more})


def marked(*seen: Seen) -> set[int]:
    return set(human_and_machine(seen, RULES))


def test_every_link_within_seconds_is_a_filter_whenever_it_comes():
    for start in (3, 40_000):
        clicks = [clicked(10 + n, start + 2 * n, link) for n, link in enumerate("abcd")]
        assert marked(sent(), *clicks) == {10, 11, 12, 13}


def test_the_pictures_loaded_during_such_a_visit_are_the_filters_too():
    clicks = [clicked(10 + n, 500 + n, link) for n, link in enumerate("abc")]
    assert marked(sent(), opened(2, 499), *clicks, opened(3, 9_000)) == {2, 10, 11, 12}


def test_two_links_at_once_are_a_filter_and_two_links_read_between_are_a_person():
    assert marked(sent(), opened(2, 900), clicked(3, 905, "a"), clicked(4, 906, "b")) == {3, 4, 2}
    assert marked(sent(), opened(2, 900), clicked(3, 920, "a"), clicked(4, 940, "b")) == set()


def test_a_double_click_on_one_link_is_a_person():
    assert marked(sent(), opened(2, 900), clicked(3, 960, "a"), clicked(4, 961, "a")) == set()


def test_an_early_click_of_a_mail_never_opened_nor_touched_later_is_a_filter():
    assert marked(sent(), clicked(3, 40)) == {3}


def test_an_early_click_stays_a_persons_where_a_person_is_seen_later():
    assert marked(sent(), clicked(3, 40), opened(4, 7_200)) == set()
    assert marked(sent(), clicked(3, 40), clicked(4, 7_200)) == set()


def test_a_late_click_without_an_open_is_a_person_with_pictures_off():
    assert marked(sent(), clicked(3, 7_200)) == set()


def test_where_the_sending_is_unknown_a_lone_click_is_given_the_benefit_of_the_doubt():
    assert marked(clicked(3, 40)) == set()


def test_the_time_of_sending_may_stand_in_an_attribute():
    assert marked(clicked(3, 40, sent_at=SENT_AT.isoformat())) == {3}
    assert marked(clicked(3, 40, sent_at=SENT_AT.replace(tzinfo=None).isoformat())) == {3}


def test_a_click_faster_than_reading_is_a_machines_even_when_a_person_comes_later():
    assert marked(sent(), clicked(3, 4), opened(4, 7_200)) == {3}


def test_a_mail_sent_again_counts_from_its_latest_sending():
    again = replace(sent(), id=9, occurred_at=after(10_000))
    assert marked(sent(), again, clicked(3, 10_003)) == {3}


def test_apples_proxy_is_a_machine_and_googles_is_the_person_opening():
    assert marked(sent(), opened(2, 3_000, APPLE_PROXY), opened(3, 4_000, GMAIL_PROXY)) == {2}


def test_a_click_after_apples_proxy_is_a_persons():
    assert marked(sent(), opened(2, 5, APPLE_PROXY), clicked(3, 3_000)) == {2}


def test_an_open_within_seconds_of_sending_is_pictures_loaded_in_advance():
    assert marked(sent(), opened(2, 3)) == {2}
    assert marked(sent(), opened(2, 300)) == set()


def test_a_scanner_that_gives_its_name_is_believed():
    assert marked(sent(), opened(2, 3_000), clicked(3, 4_000, agent=SCANNER)) == {3}


def test_mails_are_judged_apart_and_so_are_sources():
    other = replace(clicked(5, 41, "b"), scope="8")
    elsewhere = replace(clicked(6, 41, "c"), source="hubspot")
    assert marked(sent(), clicked(3, 600), other, elsewhere) == set()


def test_what_is_no_mail_is_left_alone():
    assert marked(Seen(1, "webinar_join", SENT_AT), Seen(2, "email_click", SENT_AT, scope="")) == set()


def test_every_mark_says_why_in_one_line():
    marks = human_and_machine([sent(), opened(2, 3), clicked(3, 40), clicked(4, 41, "b")], RULES)
    assert all(text and "\n" not in text and "@" not in text for text in marks.values())
    assert marks[3] == "2 different links of one mail within 1 s"


acts = st.lists(
    st.builds(
        lambda number, kind, seconds, link, agent: Seen(
            number, kind, after(seconds), attributes={"link": link, "user_agent": agent}
        ),
        st.integers(1, 40),
        st.sampled_from(["email_sent", "email_open", "email_click"]),
        st.integers(-60, 600),
        st.sampled_from("abcd"),
        st.sampled_from([BROWSER, APPLE_PROXY, SCANNER, ""]),
    ),
    max_size=25,
    unique_by=lambda seen: seen.id,
)


@given(acts, st.randoms())
def test_neither_order_nor_repeats_change_the_answer(seen, chance):
    shuffled = [*seen, *seen[:5]]
    chance.shuffle(shuffled)
    assert human_and_machine(shuffled, RULES) == human_and_machine(seen, RULES)


@given(acts)
def test_only_opens_and_clicks_are_ever_marked(seen):
    kinds = {one.id: one.kind for one in seen}
    assert {kinds[number] for number in human_and_machine(seen, RULES)} <= {"email_open", "email_click"}


def test_the_shipped_rules_have_no_faults_and_wrong_ones_are_named():
    assert machine_rule_faults(RULES) == []
    wrong = replace(RULES, burst_links=1, pair_seconds=-1, scanner_agents=("Bot",))
    keys = [key for key, _ in machine_rule_faults(wrong)]
    assert keys == ["pair_seconds", "burst_links", "scanner_agents"]


# --- a world of mailboxes --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mail() -> MailWorld:
    return make_mail_world(make_world(7, 1_500, 1, datetime(2026, 11, 22, 10, tzinfo=UTC)))


def observed(act: MailAct) -> Seen:
    attributes = {"user_agent": act.user_agent, "link": str(act.link_id or "")}
    return Seen(act.act_id, f"email_{act.act}", act.at, str(act.campaign_id), attributes=attributes)


def marks_of(mail: MailWorld) -> dict[int, str]:
    boxes: dict[str, list[Seen]] = {}
    for act in mail.acts:
        boxes.setdefault(act.lead_key, []).append(observed(act))
    return {number: text for box in boxes.values() for number, text in human_and_machine(box, RULES).items()}


def test_in_a_world_of_mailboxes_hardly_a_person_is_taken_for_a_machine(mail: MailWorld):
    marks = marks_of(mail)
    machine = {act.act_id for act in mail.acts if act.machine}
    clicks = {act.act_id for act in mail.acts if act.act == "click"}
    found, true = marks.keys() & clicks, machine & clicks
    assert len(found & true) / len(found) >= 0.99
    assert len(found & true) / len(true) >= 0.95
    assert len(marks.keys() & machine) / len(marks) >= 0.99
    assert len(marks.keys() & machine) / len(machine) >= 0.95


def test_in_the_clear_mailboxes_every_human_click_is_counted_and_no_other(mail: MailWorld):
    """Clear: no guard, Apple's proxy, a filter that gives its name or tries all links. Not clear: a filter
    that follows one link of a mail which a person reads later: it may have been the person.
    """
    unclear = {act.lead_key for act in mail.acts if act.machine == "scans_one"}
    marks = marks_of(mail)
    compared = 0
    for lead in mail.leads:
        if lead.key in unclear:
            continue
        own = [act for act in mail.acts if act.lead_key == lead.key and act.act == "click"]
        counted = Counter((act.campaign_id, act.link_id) for act in own if act.act_id not in marks)
        assert counted == mail.truth(lead.key).clicks, lead.key
        compared += len(own)
    assert compared > 1_000
