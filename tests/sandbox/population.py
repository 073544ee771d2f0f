"""The invented people of the world: names, companies and the few that break careless code."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import replace
from typing import Any

from tests.sandbox.cast import Lead, Staff

FIRST = (
    "Lucía", "Martina", "Sofía", "Paula", "Carmen", "Alba", "Noelia", "Irene", "Marta", "Elena", "Rocío",
    "Inés", "Valentina", "Camila", "Ximena", "Renata", "Mateo", "Hugo", "Álvaro", "Diego", "Javier",
    "Sergio", "Iván", "Rubén", "Óscar", "Andrés", "Joaquín", "Emilio", "Santiago", "Nicolás", "Tomás",
    "Íñigo",
)  # fmt: skip
LAST = (
    "García", "Martínez", "López", "Sánchez", "Pérez", "Gómez", "Fernández", "Moreno", "Jiménez", "Ruiz",
    "Hernández", "Díaz", "Muñoz", "Álvarez", "Romero", "Navarro", "Torres", "Domínguez", "Vázquez", "Ramos",
    "Gil", "Serrano", "Blanco", "Molina", "Castro", "Ortega", "Rubio", "Núñez", "Medina", "Ibáñez",
)  # fmt: skip
COMPANY_HEADS = (
    "Aurora", "Cierzo", "Meseta", "Altiplano", "Brújula", "Faro", "Nogal", "Tramontana", "Quetzal",
    "Jacaranda", "Pampa", "Ribera",
)  # fmt: skip
COMPANY_TAILS = (
    "Digital", "Consultores", "Logística", "Salud", "Formación", "Retail", "Energía", "Jurídica", "Hoteles",
    "Agro", "Sistemas",
)  # fmt: skip
TITLES = (
    ("Directora General", 0.9), ("CEO", 0.9), ("Director de Marketing", 0.75), ("Head of Growth", 0.7),
    ("Responsable de Ventas", 0.6), ("Gerente de Operaciones", 0.55), ("Analista de Datos", 0.35),
    ("Técnico de Soporte", 0.2), ("Estudiante", 0.08), ("Consultora independiente", 0.4),
)  # fmt: skip
INDUSTRIES = (
    "Tecnología", "Consultoría", "Educación", "Salud", "Retail", "Logística", "Turismo", "Finanzas",
)  # fmt: skip
COUNTRIES = ("ES", "MX", "CO", "AR", "CL", "PE", "UY", "EC")
EMPLOYEES = (1, 4, 12, 35, 80, 220, 600, 1500)

HOST = Staff("hst1yCzABCDEfg23HiJKl4", "presentadora@example.com", "Beatriz", "Anfitriona")
PANELISTS = (
    Staff("pan1b6GhcQKKbV7nSCbDKu", "ponente.uno@example.com", "Gonzalo", "Ponente"),
    Staff("pan2c7HidRLLcW8oTDcELv", "ponente.dos@example.com", "Amaia", "Ponente"),
)
OWNERS = (
    Staff("", "comercial.norte@example.com", "Nerea", "Comercial"),
    Staff("", "comercial.sur@example.com", "Rafael", "Comercial"),
)

LONG_TITLE = "Responsable de transformación e innovación " * 250
"""A little over 10 kB."""

PANELIST_KEY = "panelist-in-hubspot"


def make_leads(chance: random.Random, count: int) -> tuple[Lead, ...]:
    """`count` leads; eleven of them are the odd ones below, the last a panelist who is also a contact."""
    ordinary = [person(chance, number) for number in range(count - 1)]
    for position, alter in enumerate(_ODDITIES):
        ordinary[position] = alter(ordinary[position])
    return (*ordinary, _panelist_contact(chance, count - 1))


def person(chance: random.Random, number: int) -> Lead:
    """Lead `number`, an ordinary one."""
    first, last = chance.choice(FIRST), f"{chance.choice(LAST)} {chance.choice(LAST)}"
    title, seniority = chance.choice(TITLES)
    domain = "example.com" if number % 3 else "example.org"
    email = f"{plain(first)}.{plain(last.split(maxsplit=1)[0])}.{number}@{domain}"
    login = _login(chance, email, number)
    in_hubspot = chance.random() < 0.85 or login != email
    return Lead(
        key=f"lead-{number:06}",
        first_name=first,
        last_name=last,
        email=email,
        zoom_email=email,
        login_email=login,
        phone=f"+34 600 {number // 1000 % 1000:03} {number % 1000:03}",
        company=f"{chance.choice(COMPANY_HEADS)} {chance.choice(COMPANY_TAILS)}",
        job_title=title,
        employees=chance.choice(EMPLOYEES),
        industry=chance.choice(INDUSTRIES),
        country=chance.choice(COUNTRIES),
        propensity=round(min(1.0, max(0.0, seniority * 0.7 + chance.random() * 0.3)), 4),
        in_hubspot=in_hubspot,
        owner_email=chance.choice(OWNERS).email if chance.random() < 0.4 else "",
    )


def _login(chance: random.Random, email: str, number: int) -> str:
    """One in a hundred attends under another login and one in a hundred has the address hidden by Zoom;
    only the registrant id says who they are, so they neither chat nor ask (sessions.py).
    """
    draw = chance.random()
    if draw < 0.01:
        return f"privado.{number}@example.org"
    return "" if draw < 0.02 else email


def _known(lead: Lead, **changes: Any) -> Lead:
    """An odd lead whom HubSpot knows and whom Zoom shows under the address of its form."""
    changes.setdefault("zoom_email", lead.email)
    return replace(lead, in_hubspot=True, login_email=changes["zoom_email"], **changes)


def _upper_case(lead: Lead) -> Lead:
    return _known(lead, zoom_email=lead.email.upper())


def _secondary(lead: Lead) -> Lead:
    other = f"segundo.{lead.key}@example.org"
    return _known(lead, secondary_email=other, zoom_email=other)


def _emoji(lead: Lead) -> Lead:
    return _known(lead, first_name="Lucía 🚀👩‍💻", company="Café ☕ & Co")


def _right_to_left(lead: Lead) -> Lead:
    return _known(lead, first_name="نور", last_name="الهاشمي \u200fabc")


def _long_title(lead: Lead) -> Lead:
    return _known(lead, job_title=LONG_TITLE)


def _without_email(lead: Lead) -> Lead:
    return replace(lead, in_hubspot=True, email="", zoom_email="", login_email="")


def _shared(lead: Lead) -> Lead:
    shared = replace(lead, email="ventas@example.com", first_name="Equipo", last_name="Ventas")
    return replace(_known(shared), shared_mailbox=True)


def _zoom_only(lead: Lead) -> Lead:
    return replace(lead, in_hubspot=False, login_email=lead.email)


_ODDITIES = (
    _upper_case, _secondary, _emoji, _right_to_left, _long_title, _without_email, _shared, _zoom_only,
    _upper_case, _secondary,
)  # fmt: skip

ODD_COUNT = len(_ODDITIES)


def _panelist_contact(chance: random.Random, number: int) -> Lead:
    """The first panelist is in HubSpot too: what they did on stage must never be counted."""
    stage = PANELISTS[0]
    contact = replace(person(chance, number), first_name=stage.first_name, last_name=stage.last_name)
    return replace(_known(replace(contact, email=stage.email)), key=PANELIST_KEY)


def plain(text: str) -> str:
    """The text in lower-case ASCII letters, for an e-mail address."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
