"""What every reader of texts or of named contacts must promise: subclass as Test... and fill it in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest

from app.domain.ports import ContactReader, TextReader
from app.domain.records import Record
from app.domain.texts import INTENTS, SENTIMENTS, RedactedText


class TextReaderContract:
    """`unreadable` is a text that this reader's vendor refuses whatever happens."""

    unreadable: RedactedText

    @pytest.fixture
    def reader(self) -> Iterator[TextReader]:
        raise NotImplementedError

    def test_a_healthy_vendor_has_no_problems(self, reader: TextReader):
        assert reader.check() == []

    def test_every_text_has_one_reading_in_its_place_over_several_calls(self, reader: TextReader):
        texts = [RedactedText(f"¿Cuánto cuesta el curso {number}?") for number in range(reader.per_call + 3)]
        readings = reader.read_texts(texts)
        assert len(readings) == len(texts)
        for one in readings:
            assert one is not None
            assert one.sentiment in SENTIMENTS
            assert one.intent in INTENTS

    def test_a_text_that_is_never_read_has_none_and_costs_no_other_its_own(self, reader: TextReader):
        texts = [RedactedText("Muchas gracias"), self.unreadable, RedactedText("¿Qué precio tiene?")]
        assert [one is None for one in reader.read_texts(texts)] == [False, True, False]

    def test_no_text_has_no_reading(self, reader: TextReader):
        assert reader.read_texts([]) == []

    def test_its_name_stays_while_nothing_changes_how_it_reads(self, reader: TextReader):
        name = reader.name
        reader.read_texts([RedactedText("Hola")])
        assert reader.name == name


class ContactReaderContract:
    """`contacts` are those the vendor has, more than fit one call, as its own stream tells them."""

    @pytest.fixture
    def reader(self) -> Iterator[ContactReader]:
        raise NotImplementedError

    @pytest.fixture
    def contacts(self) -> Mapping[str, Record]:
        raise NotImplementedError

    def read(self, reader: ContactReader, contact_ids: Sequence[str]) -> list[Record]:
        return list(reader.read_records(contact_ids))

    def test_named_contacts_are_read_as_in_the_stream(
        self, reader: ContactReader, contacts: Mapping[str, Record]
    ):
        read = {record.payload["id"]: record for record in self.read(reader, list(contacts))}
        assert read == contacts

    def test_one_named_twice_comes_once_and_one_unknown_not_at_all(
        self, reader: ContactReader, contacts: Mapping[str, Record]
    ):
        known = next(iter(contacts))
        assert self.read(reader, [known, "999999", known]) == [contacts[known]]

    def test_nobody_named_is_nobody_read(self, reader: ContactReader, contacts: Mapping[str, Record]):
        assert self.read(reader, []) == []
