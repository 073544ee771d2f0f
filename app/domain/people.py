"""Who is who: which names belong to one person, and which persons turn out to be one. Pure.

HubSpot is the authority. Two persons that HubSpot knows as two contacts stay two, whatever else they share,
until HubSpot itself merges them. A role mailbox (info@, ventas@) is read by many and so joins nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from app.domain.records import IdentityKey

_TEAMS = """
    account accounts admin administracio administracion administración administration administrator
    atencion atención atencionalcliente ayuda billing buzon careers clientes compras comercial comunicacion
    comunicación consultas contabilidad contact contact-us contacte contacto contactos correo customercare
    customerservice desarrollo direccion dirección empleo empresa enquiries equipo eventos events facturacion
    facturación facturas finance finanzas formacion formación general gerencia hello help helpdesk hi hola
    hostmaster hr info informacion información information inquiries invoices it jobs legal mail marketing
    newsletter no-reply no_reply noreply notificaciones notifications office oficina operaciones orders
    pedidos postmaster prensa press privacidad privacy proveedores recepcion recepción reservas rrhh sales
    secretaria secretaría security service servicio servicios social soporte sugerencias suporte support
    talento team tecnico técnico tienda ventas web webmaster
"""
ROLE_MAILBOXES = frozenset(_TEAMS.split())
"""What stands before the @ (and before a + in it) of an address that a whole team reads."""


@dataclass(frozen=True, slots=True)
class Links:
    """What has to change so that the persons fit the evidence; person ids below zero are yet to be made.

    `attach` gives each new key its person. `merges` is person -> the person who takes over all its keys.
    `moves` are single e-mails that HubSpot now shows on another contact.
    """

    attach: Mapping[IdentityKey, int]
    merges: Mapping[int, int]
    moves: Mapping[IdentityKey, int]

    def is_empty(self) -> bool:
        """Whether everything already is as the evidence says."""
        return not (self.attach or self.merges or self.moves)


def is_contact(key: IdentityKey) -> bool:
    """Whether the key is HubSpot's own id of a contact."""
    return (key.vendor, key.kind) == ("hubspot", "contact_id")


def is_role_mailbox(key: IdentityKey) -> bool:
    """Whether the key is an address that a team shares."""
    name = key.value.partition("@")[0].partition("+")[0]
    return key.kind == "email" and name in ROLE_MAILBOXES


def is_settled(keysets: Sequence[Sequence[IdentityKey]], persons: Mapping[IdentityKey, int]) -> bool:
    """Whether each keyset names one person, by names we have: `link` would find nothing to change."""
    owners = ({persons.get(key) for key in keyset} for keyset in keysets if keyset)
    return all(len(known) == 1 and None not in known for known in owners)


def link(
    keysets: Sequence[Sequence[IdentityKey]], persons: Mapping[IdentityKey, int], contacts: Set[int]
) -> Links:
    """What `keysets`, each the names of one person, say about the persons we have.

    `persons` holds the keys already known, `contacts` the persons that hold a contact id. HubSpot's keysets
    are heard first, so that within a lot its word does not depend on the order of arrival.
    """
    groups = _Groups(persons, contacts)
    for keyset in sorted(keysets, key=lambda keys: not any(map(is_contact, keys))):
        groups.hear(keyset)
    return groups.links()


class _Groups:
    """Persons known and new, joined as evidence comes in (disjoint sets with the kept person as root)."""

    def __init__(self, persons: Mapping[IdentityKey, int], contacts: Set[int]) -> None:
        self._known = persons
        self._person = dict(persons)
        self._root: dict[int, int] = {person: person for person in persons.values()}
        self._contacts = set(contacts)
        self._moved: set[IdentityKey] = set()
        self._made = 0

    def hear(self, keyset: Sequence[IdentityKey]) -> None:
        for key in keyset:
            self._find(key)
        contact = next(filter(is_contact, keyset), None)
        # HubSpot shows an address on one contact at a time, so there even a team's mailbox names one.
        joining = [key for key in keyset if contact is not None or not is_role_mailbox(key)]
        for key in joining:
            self._join(contact or joining[0], key, by_hubspot=contact is not None)

    def links(self) -> Links:
        attach = {key: self._find(key) for key in self._person if key not in self._known}
        merges = {
            person: root for person in set(self._known.values()) if (root := self._top(person)) != person
        }
        moves = {key: self._find(key) for key in self._moved}
        return Links(attach, merges, moves)

    def _join(self, anchor: IdentityKey, key: IdentityKey, *, by_hubspot: bool) -> None:
        one, other = self._find(anchor), self._find(key)
        if one == other:
            return
        if one in self._contacts and other in self._contacts:
            if by_hubspot and key.kind == "email":
                self._person[key] = one
                self._moved |= {key} & self._known.keys()
            return
        kept, joined = sorted((one, other), key=self._rank)
        self._root[joined] = kept
        if joined in self._contacts:
            self._contacts.add(kept)

    def _rank(self, person: int) -> tuple[bool, bool, int]:
        """A person we have is kept before a new one, then one HubSpot knows, then the one we have longest."""
        return person < 0, person not in self._contacts, abs(person)

    def _find(self, key: IdentityKey) -> int:
        if key not in self._person:
            self._made += 1
            self._person[key] = -self._made
            self._root[-self._made] = -self._made
            if is_contact(key):
                self._contacts.add(-self._made)
        return self._top(self._person[key])

    def _top(self, person: int) -> int:
        while self._root[person] != person:
            self._root[person] = self._root[self._root[person]]
            person = self._root[person]
        return person
