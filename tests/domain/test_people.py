"""Who is who, decided: what joins, what HubSpot alone may join, and that order does not matter."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.domain.people import is_role_mailbox, is_settled, link
from app.domain.records import IdentityKey
from tests.store.people_of import contact, email, registrant

Keyset = tuple[IdentityKey, ...]


def groups_after(
    lots: list[list[Keyset]],
) -> set[frozenset[IdentityKey]]:
    """The persons that remain when the lots come one after the other, as the store applies them."""
    persons: dict[IdentityKey, int] = {}
    for lot in lots:
        holders = {person for key, person in persons.items() if key.kind == "contact_id"}
        links = link(lot, persons, holders)
        first = max(persons.values(), default=0)
        persons |= {key: person if person > 0 else first - person for key, person in links.attach.items()}
        persons = {key: links.merges.get(person, person) for key, person in persons.items()}
        persons |= {key: person if person > 0 else first - person for key, person in links.moves.items()}
    return {
        frozenset(key for key, owner in persons.items() if owner == person) for person in persons.values()
    }


def test_the_names_of_one_keyset_are_one_person() -> None:
    links = link([(registrant(1), email("ana"))], {}, set())
    assert len(set(links.attach.values())) == 1


def test_a_shared_name_joins_two_persons_and_the_one_hubspot_knows_is_kept() -> None:
    persons = {registrant(1): 1, email("ana"): 2, contact(7): 2}
    links = link([(registrant(1), email("ana"))], persons, {2})
    assert links.merges == {1: 2}


def test_without_hubspot_the_person_we_have_longest_is_kept() -> None:
    links = link([(registrant(1), email("ana"))], {registrant(1): 9, email("ana"): 4}, set())
    assert links.merges == {9: 4}


def test_a_new_contact_joins_the_person_we_have() -> None:
    links = link([(contact(7), email("ana"))], {email("ana"): 4}, set())
    assert (links.attach, links.merges) == ({contact(7): 4}, {})


def test_two_contacts_never_merge_by_a_name_they_share() -> None:
    persons = {contact(7): 1, email("ana"): 1, contact(8): 2, registrant(1): 2}
    assert link([(registrant(1), email("ana"))], persons, {1, 2}).is_empty()


def test_an_email_follows_hubspot_to_another_contact() -> None:
    persons = {contact(7): 1, email("ana"): 1, contact(8): 2}
    links = link([(contact(8), email("ana"))], persons, {1, 2})
    assert (links.merges, links.moves) == ({}, {email("ana"): 2})


def test_a_role_mailbox_joins_nobody() -> None:
    keysets = [(registrant(1), email("ventas")), (registrant(2), email("ventas"))]
    assert len(groups_after([keysets])) == 3


def test_a_role_mailbox_belongs_to_the_contact_hubspot_shows_it_on() -> None:
    assert groups_after([[(contact(7), email("info"))]]) == {frozenset({contact(7), email("info")})}


def test_role_mailboxes_are_known_by_their_name_even_with_a_tag() -> None:
    assert is_role_mailbox(email("info+webinar"))
    assert is_role_mailbox(email("atención"))
    assert not is_role_mailbox(email("informatica.ana"))
    assert not is_role_mailbox(registrant("info"))


NAMES = st.sampled_from(
    [registrant(n) for n in range(6)]
    + [email(name) for name in ("ana", "luis", "eva", "info")]
    + [IdentityKey("ga4", "client_id", str(n)) for n in range(3)]
)
EVIDENCE = st.lists(st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple), max_size=12)
SPLITS = st.lists(st.integers(0, 12), max_size=4)


@given(EVIDENCE, st.randoms(use_true_random=False), SPLITS)
def test_neither_order_nor_lots_change_who_is_who(evidence, random, splits) -> None:
    shuffled = list(evidence)
    random.shuffle(shuffled)
    edges = [0, *sorted(min(split, len(shuffled)) for split in splits), len(shuffled)]
    lots = [shuffled[start:end] for start, end in pairwise(edges)]
    assert groups_after(lots) == groups_after([evidence])


WITH_CONTACTS = st.lists(
    st.lists(
        st.one_of(NAMES, st.sampled_from([contact(n) for n in range(4)])), min_size=1, max_size=3, unique=True
    ).map(tuple),
    max_size=12,
)


@given(st.lists(WITH_CONTACTS, max_size=3))
def test_no_person_ever_holds_two_contacts(lots) -> None:
    for group in groups_after(lots):
        assert sum(key.kind == "contact_id" for key in group) <= 1


@given(WITH_CONTACTS)
def test_the_same_evidence_again_changes_nothing(lot) -> None:
    once = groups_after([lot])
    if sum(key.kind == "email" for keyset in lot for key in keyset) <= 1:  # else HubSpot contradicts itself
        assert groups_after([lot, lot]) == once


@given(WITH_CONTACTS, st.dictionaries(NAMES, st.integers(1, 4)), st.sets(st.integers(1, 4)))
def test_of_a_settled_lot_there_is_nothing_to_change_whoever_hubspot_knows(lot, persons, contacts) -> None:
    if is_settled(lot, persons):
        assert link(lot, persons, contacts).is_empty()


@given(WITH_CONTACTS)
def test_a_lot_is_settled_once_it_was_heard_and_all_names_agree(lot) -> None:
    persons = {key: number for number, group in enumerate(groups_after([lot]), start=1) for key in group}
    agree = all(len({persons[key] for key in keyset}) == 1 for keyset in lot)
    assert is_settled(lot, persons) == agree


OF_HUBSPOT = st.lists(
    st.tuples(
        st.sampled_from([contact(n) for n in range(4)]),
        st.lists(st.sampled_from([email(name) for name in ("ana", "luis", "eva", "info")]), max_size=2),
    ).map(lambda names: (names[0], *names[1])),
    max_size=10,
)


@given(EVIDENCE, OF_HUBSPOT, SPLITS)
def test_hubspots_pages_one_by_one_or_several_at_once_say_the_same(before, pages, splits) -> None:
    edges = [0, *sorted(min(split, len(pages)) for split in splits), len(pages)]
    lots = [pages[start:end] for start, end in pairwise(edges)]
    assert groups_after([before, *lots]) == groups_after([before, pages])
