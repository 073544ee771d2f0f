"""A stand-in OpenAI over real HTTP, and a reader that speaks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from connectors.openai.client import OpenAiClient
from connectors.openai.reader import OpenAiTextReader
from tests.sandbox.openai import OpenAiModel, make_blueprint
from tests.sandbox.openai.model import MODEL, TOKEN
from tests.sandbox.serving import LocalServer

PAIN_POINTS = {"price": "it costs too much", "time": "no time"}


@pytest.fixture
def model() -> OpenAiModel:
    return OpenAiModel()


@pytest.fixture
def address(model: OpenAiModel) -> Iterator[str]:
    app = Flask("openai")
    app.register_blueprint(make_blueprint(model), url_prefix="/openai")
    with LocalServer(app) as server:
        yield f"{server.url}/openai/v1"
        model.closing.set()


@pytest.fixture
def client(address: str) -> Iterator[OpenAiClient]:
    client = OpenAiClient(TOKEN, address, MODEL, timeout=5)
    yield client
    client.close()


@pytest.fixture
def reader(client: OpenAiClient) -> OpenAiTextReader:
    return OpenAiTextReader(client, PAIN_POINTS)
