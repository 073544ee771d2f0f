"""Leads' own words: redacted before a vendor sees them, read once, in budget, gone with the person."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.config import OpenAi, Secrets, Settings
from app.domain.changes import Problem
from app.domain.errors import BadRecord, TryLater
from app.domain.normalize import normalize
from app.domain.records import ContactHint, IdentityKey, Record
from app.domain.texts import TEXT_FEATURES, RedactedText, TextReading
from app.pipeline.checkup import check_up
from app.pipeline.explain import read_line
from app.pipeline.steps import read_texts
from app.pipeline.texts import read_new_texts
from app.pipeline.understand import rescore_touched
from app.services import Services
from app.store import facts, people
from app.store.cause import Cause
from tests.line import MAPPINGS, Moment, registration, services_of

BUYING = TextReading("positive", "buy", ("price",))


class Reader:
    """A TextReader that takes everything for a wish to buy, and remembers what it was shown."""

    name = "reader/1"
    per_call = 2

    def __init__(self, *, refuses: str = "") -> None:
        self.shown: list[str] = []
        self.refuses = refuses
        self.away: Exception | None = None

    def check(self) -> list[Problem]:
        return []

    def read_texts(self, texts: Sequence[RedactedText]) -> list[TextReading | None]:
        if self.away:
            raise self.away
        self.shown += texts
        return [None if self.refuses and self.refuses in text else BUYING for text in texts]


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def clock(now: datetime) -> Moment:
    return Moment(now)


@pytest.fixture
def services(database: sa.Engine, clock: Moment, reader: Reader) -> Services:
    settings = Settings(secrets=Secrets(), openai=OpenAi(texts_per_day=4))
    return services_of(database, clock, settings=settings, texts=reader)


def question(number: int, text: str, email: str = "ana.ruiz@example.com") -> Record:
    payload = {
        "webinar_uuid": "run==",
        "question_id": f"q{number}",
        "question": text,
        "email": email,
        "create_time": "2026-11-19T16:22:10Z",
    }
    return Record("zoom", "questions", payload)


def registrant(email: str = "ana.ruiz@example.com", **more: Any) -> Record:
    payload = {
        "webinar_id": "777",
        "id": f"reg-{email}",
        "email": email,
        "first_name": "Ana",
        "last_name": "Ruiz",
        "org": "Cierzo",
        "create_time": "2026-11-18T16:22:10Z",
    }
    return Record("zoom", "registrants", payload | more)


def store(services: Services, *records: Record) -> None:
    found = [(fact, Cause(run_id=1)) for record in records for fact in normalize(record, MAPPINGS.streams)]
    with services.database.begin() as conn:
        facts.store(conn, found, services.clock())


def read_all(services: Services, most: int = 10) -> None:
    for _ in range(most):
        if not read_new_texts(services, services.clock()).more:
            break
    rescore_touched(services, services.clock())


def features(services: Services, who: str = "ana.ruiz@example.com") -> dict[str, Any]:
    line = read_line(services, who)
    assert line is not None
    return {name: line.features.get(name) for name in TEXT_FEATURES}


def test_questions_chat_and_comments_are_read_without_what_tells_who_wrote_them(
    services: Services, reader: Reader
):
    chat = {
        "payload": {
            "object": {
                "uuid": "run==",
                "chat_message": {
                    "message_id": "m1",
                    "sender_email": "ana.ruiz@example.com",
                    "date_time": "2026-11-19T16:10:00Z",
                    "message_content": "soy ana de cierzo, mi correo es ana.ruiz@example.com",
                },
            }
        }
    }
    store(
        services,
        registrant(comments="ruiz quiere una demo"),
        question(1, "¿Cuánto cuesta para Cierzo?"),
        Record("zoom", "webinar.chat_message_sent", chat),
    )
    read_all(services)
    assert len(reader.shown) == 3
    sent = " ".join(reader.shown).lower()
    for told in ("ana", "ruiz", "cierzo", "example"):
        assert told not in sent
    assert features(services) == {"text_sentiment": 1.0, "text_intent": "buy", "text_pain_point": "price"}


def test_answers_to_the_customers_own_questions_and_to_surveys_are_read(services: Services, reader: Reader):
    asked = [{"title": "¿Qué esperas?", "value": "una demo"}, {"title": "¿Algo más?", "value": ""}]
    survey = {
        "webinar_uuid": "run==",
        "email": "ana.ruiz@example.com",
        "question": "¿Qué tal?",
        "answer": "¿cuánto cuesta?",
        "date_time": "2026-11-19T17:02:00Z",
    }
    created = registration(1, email="leo@example.org", custom_questions=asked[:1])
    store(
        services,
        registrant(custom_questions=asked),
        registrant(email="eva@example.org", custom_questions="none"),
        Record("zoom", "surveys", survey),
        Record("zoom", "webinar.registration_created", created),
    )
    read_all(services)
    assert sorted(reader.shown) == ["una demo", "¿cuánto cuesta?"], "the same words of two people once"
    for who in ("ana.ruiz@example.com", "leo@example.org"):
        assert features(services, who)["text_intent"] == "buy"
    line = read_line(services, "ana.ruiz@example.com")
    assert line is not None
    kinds = {item.kind for item in line.activities}
    assert kinds == {"webinar_registration", "registration_answer", "survey_answer"}


def test_the_same_words_are_asked_about_once(services: Services, reader: Reader):
    store(services, *(question(n, "¿cuánto cuesta?", f"lead{n}@example.com") for n in range(3)))
    read_all(services)
    store(services, question(9, "¿cuánto cuesta?", "lead9@example.com"))
    read_all(services)
    assert reader.shown == ["¿cuánto cuesta?"]
    assert features(services, "lead9@example.com")["text_intent"] == "buy"


def test_beyond_the_days_budget_the_word_lists_read_and_the_vendor_goes_on_tomorrow(
    services: Services, reader: Reader, clock: Moment
):
    store(services, *(question(n, f"hola número {'x' * n}", f"lead{n}@example.com") for n in range(6)))
    read_all(services)
    assert len(reader.shown) == 4
    assert features(services, "lead0@example.com")["text_intent"] == "other", "read at home meanwhile"
    assert features(services, "lead5@example.com")["text_intent"] == "buy", "the newest are read first"
    clock.move(days=1)
    read_all(services)
    assert len(reader.shown) == 6
    assert features(services, "lead0@example.com")["text_intent"] == "buy"


def test_another_reader_reads_everything_anew_within_the_days_budget_the_newest_first(
    services: Services, reader: Reader, clock: Moment
):
    store(services, *(question(n, f"hola{'x' * n}", f"lead{n}@example.com") for n in range(6)))
    read_all(services)
    clock.move(days=1)
    read_all(services)
    other = Reader()
    other.name = "reader/2"
    changed = replace(services, texts=other)
    rescore_touched(changed, clock.move(days=1))
    store(changed, question(9, "algo nuevo", "lead9@example.com"))
    read_all(changed)
    assert other.shown == ["algo nuevo", *(f"hola{'x' * n}" for n in (5, 4, 3))]
    clock.move(days=1)
    store(changed, question(10, "lo más nuevo", "lead9@example.com"))
    read_all(changed)
    assert other.shown[4:] == ["lo más nuevo", *(f"hola{'x' * n}" for n in (2, 1, 0))]
    assert features(changed, "lead0@example.com")["text_intent"] == "buy"


@pytest.mark.parametrize("refused", [False, True])
def test_check_says_how_many_texts_the_vendor_refused_and_what_to_do(
    services: Services, reader: Reader, clock: Moment, refused: bool
):
    reader.away = BadRecord("request", "refused") if refused else None
    settings = services.settings.model_copy(update={"openai": OpenAi(texts_per_day=10)})
    asking = replace(services, settings=settings)
    store(asking, *(question(n, f"hola número {'x' * n}") for n in range(6)))
    read_all(asking)
    found = check_up(asking, clock(), ask_vendors=False)
    told = [one.message for one in found.problems if one.subject == "OpenAI" and "refused" in one.message]
    assert found.state["texts read, last day"] == {"word lists" if refused else "reader/1": 6}
    assert [message.startswith("refused 6 of 6 texts") for message in told] == [True] * refused


def test_a_text_the_vendor_refuses_is_read_at_home_and_never_asked_about_again(
    services: Services, reader: Reader
):
    reader.refuses = "horrible"
    store(services, question(1, "horrible, no funciona"), question(2, "gracias", "leo@example.com"))
    read_all(services)
    read_all(services)
    assert len(reader.shown) == 2
    assert features(services)["text_sentiment"] == -1.0
    assert features(services, "leo@example.com")["text_intent"] == "buy"


def test_a_call_the_vendor_does_not_understand_costs_nobody_their_reading(services: Services, reader: Reader):
    reader.away = BadRecord("request", "refused")
    store(services, question(1, "¿cuánto cuesta la licencia?"))
    read_all(services)
    assert features(services)["text_intent"] == "buy"


def test_while_the_vendor_is_away_texts_wait_and_the_word_lists_read(services: Services, reader: Reader):
    store(services, question(1, "¿cuánto cuesta la licencia?"))
    reader.away = TryLater("OpenAI: away", timedelta(seconds=5))
    with pytest.raises(TryLater):
        read_texts(services, services.clock())
    rescore_touched(services, services.clock())
    assert features(services)["text_intent"] == "buy"
    reader.away = None
    assert read_texts(services, services.clock()) == ["rescore", "read_texts"]
    assert reader.shown


def test_without_a_key_the_word_lists_read_everything(database: sa.Engine, clock: Moment):
    services = services_of(database, clock)
    store(services, question(1, "¿cuánto cuesta la licencia?"))
    rescore_touched(services, clock())
    assert read_texts(services, clock()) == []
    assert features(services)["text_intent"] == "buy"


def test_who_wrote_nothing_has_unknown_text_features_and_texts_give_no_points(
    services: Services, reader: Reader
):
    store(services, registrant(comments=""), registrant("leo@example.com", comments="quiero comprar"))
    read_all(services)
    assert features(services) == dict.fromkeys(TEXT_FEATURES)
    lines = [read_line(services, who) for who in ("ana.ruiz@example.com", "leo@example.com")]
    values = [line.score.score.value for line in lines if line is not None and line.score is not None]
    assert values[0] == values[1]


def test_activities_do_not_repeat_what_was_written(services: Services):
    store(services, question(1, "una pregunta de ana"), registrant(comments="un comentario"))
    rescore_touched(services, services.clock())
    with services.database.connect() as conn:
        rows = conn.execute(sa.text("SELECT attributes FROM activity")).scalars().all()
    assert rows
    assert not any("text" in row for row in rows)


def test_a_privacy_deletion_leaves_none_of_the_words(services: Services, reader: Reader):
    key = IdentityKey("hubspot", "contact_id", "55")
    store(services, question(1, "mi secreto inconfundible"))
    with services.database.begin() as conn:
        people.resolve(conn, [(key, IdentityKey("any", "email", "ana.ruiz@example.com"))], services.clock())
    read_all(services)
    hint = ContactHint("hubspot", "55", "privacy_deleted", services.clock())
    with services.database.begin() as conn:
        facts.store(conn, [(hint, Cause(inbox_id=1))], services.clock())
        tables = conn.scalars(
            sa.text(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
        ).all()
        held = {
            name: conn.scalars(sa.text(f'SELECT to_jsonb(t)::text FROM "{name}" t')).all() for name in tables
        }
    found = json.dumps(held, default=str)
    assert "inconfundible" not in found
    assert "ana.ruiz" not in found
