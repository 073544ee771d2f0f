"""OpenAI through every class of failure: it is asked once, and what was not read is asked again later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from flask import Flask

from app.domain.texts import RedactedText
from connectors.openai.client import OpenAiClient
from connectors.openai.reader import OpenAiTextReader
from tests.contracts.failures import HTML, Case, FailureContract, assert_told, on_the_way, told_by
from tests.contracts.trouble import Spoilt, Trouble
from tests.sandbox.openai import OpenAiModel, make_blueprint
from tests.sandbox.openai.model import MODEL, TOKEN
from tests.sandbox.serving import LocalServer

TEXTS = [RedactedText("¿Cuánto cuesta?"), RedactedText("Muchas gracias")]


def refused(status: int, code: str) -> Spoilt:
    return Spoilt(status=status, body={"error": {"code": code, "message": "secret-in-a-body"}})


class TestOpenAiReader(FailureContract):
    """The package's own retries are off: the worker has other work, and the texts wait in their table."""

    not_here: ClassVar = {"423": "OpenAI does not answer so", "429 search": "OpenAI has no search"}
    table: ClassVar = {name: Case(case.spoilt, "later") for name, case in on_the_way().items()} | {
        "401": Case(refused(401, "invalid_api_key"), "a person"),
        "403 missing scope": Case(refused(403, "missing_scope"), "a person"),
        "404": Case(refused(404, "model_not_found"), "a person"),
        "409": Case(refused(409, "conflict"), "later"),
        "429 burst": Case(refused(429, "rate_limit_exceeded"), "later"),
        "429 daily": Case(refused(429, "insufficient_quota"), "a person"),
        "wrong content type": Case(Spoilt(status=200, body=HTML), "later"),
        "200 with an error inside": Case(
            Spoilt(status=200, body={"status": "failed", "error": {"code": "server_error"}, "output": []}),
            "later",
        ),
    }

    @pytest.fixture
    def trouble(self) -> Iterator[Trouble]:
        model = OpenAiModel()
        app = Flask("openai")
        app.register_blueprint(make_blueprint(model), url_prefix="/openai")
        with LocalServer(app) as server, Trouble(f"{server.url}/openai/v1", hang=1.5) as trouble:
            yield trouble
            model.closing.set()

    @pytest.fixture
    def reader(self, trouble: Trouble) -> Iterator[OpenAiTextReader]:
        client = OpenAiClient(TOKEN, trouble.url, MODEL, timeout=1.0)
        yield OpenAiTextReader(client, {"price": "it costs too much"})
        client.close()

    def test_once(self, trouble: Trouble, reader: Any, failure: str) -> None:
        wanted = reader.read_texts(TEXTS)
        trouble.way.strike(self.table[failure].spoilt, matching="responses")
        told = told_by(lambda: reader.read_texts(TEXTS))
        assert told is not None
        assert_told(told, self.table[failure].ends)
        assert trouble.way.seen == 1, "asked once"
        trouble.way.heal()
        assert reader.read_texts(TEXTS) == wanted
