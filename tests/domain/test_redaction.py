"""What must never be sent is taken out of a text, however it is written."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.features import fold
from app.domain.redaction import GAP, LONGEST, redact

words = st.sampled_from(
    [
        "hola",
        "buenas",
        "precio",
        "cuánto",
        "cuesta",
        "¿hay",
        "descuento?",
        "gracias,",
        "🚀",
        "duda:",
        "(sí)",
        "no.",
    ]
)
around = st.lists(words, max_size=6).map(" ".join)
names = st.text(st.sampled_from("abcdefghilmnopqrstuvzáéíóúüñçABCDEÁÉÑ"), min_size=3, max_size=9)
digits = st.text(st.sampled_from("0123456789"), min_size=9, max_size=12)


def spelled(name: str, style: int) -> str:
    """The same name as people write it."""
    bare = "".join(sign for sign in unicodedata.normalize("NFD", name) if not unicodedata.combining(sign))
    wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in bare)
    hidden = "\u200b".join(name)
    return (name, name.upper(), name.lower(), bare, unicodedata.normalize("NFD", name), wide, hidden)[style]


@given(around, names, st.integers(0, 6), around)
def test_a_known_name_never_stays_in_any_spelling(before, name, style, after):
    left = redact(f"{before} {spelled(name, style)} {after}", [name])
    assert (
        fold(name) not in fold(left.replace(GAP, " ")).split()
        or fold(name) in fold(f"{before} {after}").split()
    )
    assert GAP in left


@given(around, names, names, st.sampled_from([" ", "", "-", " & ", ". ", "\n"]), around)
def test_a_known_company_never_stays_however_its_words_are_joined(before, first, second, joint, after):
    left = fold(redact(f"{before} {first}{joint}{second} {after}", [f"{first} {second}"])).replace(" ", "")
    assert fold(first + second) not in left


@given(around, names, st.sampled_from(["@", " @ ", " (arroba) ", "[at]", " arroba ", "＠"]), around)
def test_an_email_never_stays(before, name, sign, after):
    left = redact(f"{before} {name}.ruiz{sign}example.com {after}", [])
    assert "example" not in left
    assert "ruiz" not in left


@given(
    around,
    digits,
    st.sampled_from(["", " ", "-", ".", " / "]),
    st.sampled_from(["", "+34 ", "tel:", "(0)"]),
    around,
)
def test_a_phone_never_stays(before, number, gap, prefix, after):
    pairs = gap.join(number[place : place + 2] for place in range(0, len(number), 2))
    left = redact(f"{before} {prefix}{pairs} {after}", [])
    assert len(re.findall(r"\d", left)) < 4


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=3))
@example("A" * (3 * LONGEST), ["A"])
@example("İstanbul ﬃ ß", ["ffi", "ss", "istanbul"])
def test_any_text_is_redacted_without_an_error_and_never_longer_than_allowed(text, known):
    assert len(redact(text, known)) <= LONGEST


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Hola, soy Ana López de Acme, hola", f"Hola, soy {GAP}, hola"),
        ("me llamo pedro y una duda", f"me llamo {GAP} y una duda"),
        ("trabajo en la empresa acme", f"trabajo en {GAP}"),
        ("Gracias Marta! Excelente", f"Gracias {GAP}! Excelente"),
        ("Att: Pedro Gómez", f"Att: {GAP}"),
        ("La Dra. Pérez dijo que sí. Es caro.", f"{GAP}. {GAP} dijo que sí. Es caro."),
        ("J. Martín lo dijo", f"J. {GAP} lo dijo"),
        ("mira acme.example.com/precios y https://x.example.org?a=1", f"mira {GAP} y {GAP}"),
        ("mi DNI es 12345678Z", f"mi DNI es {GAP}"),
        ("@anita gracias", f"{GAP} gracias"),
        ("¿Se integra con Salesforce?", f"¿Se integra con {GAP}?"),
    ],
)
def test_names_nobody_told_us_of_go_where_capitals_show_them(text, left):
    assert redact(text, []) == left


@pytest.mark.parametrize(
    "text",
    [
        "¿Cuánto cuesta el CRM con IA?",
        "No funciona. Gracias",
        "Precio: 1.200 euros",
        "👏 Genial",
        "hola 👋🏽",
    ],
)
def test_what_tells_of_nobody_stays(text):
    assert redact(text, ["Ana", "E", "", "🚀"]) == text


def test_a_name_inside_another_word_stays_as_it_is():
    assert redact("mañana compro manzanas", ["Ana"]) == "mañana compro manzanas"


def test_a_long_text_is_cut_between_words_so_that_no_half_name_is_left():
    text = "https://example.com/" + "x" * (2 * LONGEST - 24) + " Fernández"
    assert redact(text, ["Fernández"]) == GAP
