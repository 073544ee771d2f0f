"""The stand-in OpenAI refuses what the real one refuses, and remembers what it was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.sandbox.openai import Fault, OpenAiModel, make_blueprint
from tests.sandbox.openai.model import MODEL, TOKEN

SCHEMA = {
    "type": "object",
    "properties": {"readings": {"type": "array", "items": {"type": "integer"}}},
    "required": ["readings"],
    "additionalProperties": False,
}


def request(**changes: Any) -> dict[str, Any]:
    shape = {"type": "json_schema", "name": "readings", "strict": True, "schema": SCHEMA}
    texts = [{"number": 1, "text": "¿Cuánto cuesta?"}]
    return {
        "model": MODEL,
        "input": json.dumps({"texts": texts}),
        "store": False,
        "text": {"format": shape},
    } | changes


@pytest.fixture
def model() -> OpenAiModel:
    return OpenAiModel()


@pytest.fixture
def openai(model: OpenAiModel) -> Iterator[FlaskClient]:
    app = Flask("openai")
    app.register_blueprint(make_blueprint(model), url_prefix="/openai")
    with app.test_client() as client:
        yield client


def post(openai: FlaskClient, body: Any, token: str = TOKEN) -> Any:
    return openai.post("/openai/v1/responses", json=body, headers={"Authorization": f"Bearer {token}"})


def code(answer: Any) -> str:
    return answer.get_json()["error"]["code"]


def test_an_answer_is_shaped_like_openais_with_a_reasoning_item_before_the_message(openai, model):
    body = post(openai, request()).get_json()
    assert [item["type"] for item in body["output"]] == ["reasoning", "message"]
    [part] = body["output"][1]["content"]
    assert json.loads(part["text"])["readings"][0]["intent"] == "buy"
    assert model.sent_texts() == ["¿Cuánto cuesta?"]


def test_what_is_not_told_otherwise_is_stored(openai, model):
    body = request()
    del body["store"]
    post(openai, body)
    post(openai, request())
    assert len(model.stored) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model": "gpt-none"}, "model_not_found"),
        ({"max_tokens": 10}, "unknown_parameter"),
        ({"input": None}, "invalid_type"),
        ({"max_output_tokens": 8}, "integer_below_min_value"),
        ({"text": {}}, "missing_required_parameter"),
    ],
)
def test_a_request_the_real_one_refuses_is_refused(openai, changes, expected):
    assert code(post(openai, request(**changes))) == expected


@pytest.mark.parametrize("loose", [{"additionalProperties": True}, {"required": []}])
def test_a_loose_schema_is_refused_in_strict_mode(openai, loose):
    shape = {"type": "json_schema", "name": "readings", "strict": True}
    for schema in (SCHEMA | loose, SCHEMA | {"properties": {"a": SCHEMA | loose}, "required": ["a"]}):
        assert (
            code(post(openai, request(text={"format": shape | {"schema": schema}}))) == "invalid_json_schema"
        )


def test_a_wrong_key_is_refused_before_anything_is_read(openai, model):
    assert post(openai, request(), token="other").status_code == 401
    assert model.requests == []


@pytest.mark.parametrize(
    ("kind", "status", "content_type"),
    [
        ("limited", 429, "application/json"),
        ("no_credit", 429, "application/json"),
        ("forbidden", 403, "application/json"),
        ("away", 503, "text/html"),
        ("bad_gateway", 200, "text/html"),
    ],
)
def test_a_fault_befalls_one_call_only(openai, model, kind, status, content_type):
    model.faults.append(Fault(kind, {"Retry-After": "3"}))
    answer = post(openai, request())
    assert (answer.status_code, answer.content_type, answer.headers["Retry-After"]) == (
        status,
        content_type,
        "3",
    )
    assert post(openai, request()).status_code == 200


def test_an_answer_ends_where_its_tokens_end(openai):
    body = post(openai, request(max_output_tokens=16)).get_json()
    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    with pytest.raises(ValueError, match=r"."):
        json.loads(body["output"][1]["content"][0]["text"])


def test_a_refused_text_spoils_the_answer(openai, model):
    model.refuses = frozenset({"¿Cuánto cuesta?"})
    assert post(openai, request()).get_json()["output"][1]["content"][0]["type"] == "refusal"
