"""OpenAI's failures, each with the error that says who mends it."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from app.domain.errors import BadCredentials, BadRecord, TryLater
from connectors.openai.client import Answer, OpenAiClient
from tests.connectors.stand_in import Reply, StandIn, closed_port
from tests.sandbox.openai import Fault, OpenAiModel
from tests.sandbox.openai.model import MODEL, TOKEN

SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
ASKED = '{"texts": [{"number": 1, "text": "hola"}]}'


def ask(client: OpenAiClient, longest: int = 500) -> Answer:
    return client.answer("Classify.", ASKED, SCHEMA, longest)


def answer_of(reply: Reply, timeout: float = 5) -> Answer:
    """What a client makes of one raw reply."""
    with StandIn(lambda asked: reply) as server:
        client = OpenAiClient("key", f"{server.url}/v1", MODEL, timeout=timeout)
        try:
            return ask(client)
        finally:
            client.close()


def test_no_answer_is_kept_by_openai_and_no_one_is_identified(client: OpenAiClient, model: OpenAiModel):
    ask(client)
    ask(client)
    assert [body["store"] for body in model.requests] == [False, False]
    assert model.stored == []
    assert len({body["safety_identifier"] for body in model.requests}) == 2
    assert all("user" not in body and "metadata" not in body for body in model.requests)


@pytest.mark.parametrize("kind", ["limited", "away", "bad_gateway", "cut", "failed"])
def test_what_passes_by_itself_is_try_later(client: OpenAiClient, model: OpenAiModel, kind):
    model.faults.append(Fault(kind))
    with pytest.raises(TryLater) as raised:
        ask(client)
    assert raised.value.after is None
    assert ask(client).outcome == "written"


@pytest.mark.parametrize("kind", ["limited", "away"])
def test_the_wait_openai_asks_for_is_handed_on_and_not_slept(client: OpenAiClient, model: OpenAiModel, kind):
    model.faults.append(Fault(kind, {"Retry-After": "90"}))
    with pytest.raises(TryLater) as raised:
        ask(client)
    assert raised.value.after == timedelta(seconds=90)
    assert len(model.requests) == 1


@pytest.mark.parametrize(
    ("kind", "fix"),
    [("no_credit", "add some"), ("unauthorized", "OPENAI_API_KEY"), ("forbidden", "unsupported_country")],
)
def test_what_a_person_must_mend_is_bad_credentials(client: OpenAiClient, model: OpenAiModel, kind, fix):
    model.faults.append(Fault(kind))
    with pytest.raises(BadCredentials, match=fix) as raised:
        ask(client)
    assert "sk-wrong" not in str(raised.value)
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("token", "name", "fix"), [("sk-other", MODEL, "OPENAI_API_KEY"), (TOKEN, "gone", "model")]
)
def test_check_names_a_wrong_key_and_an_unknown_model(address: str, token, name, fix):
    client = OpenAiClient(token, address, name)
    [problem] = client.check()
    client.close()
    assert fix in problem.message


def test_check_finds_nothing_wrong_and_asks_the_model_nothing(client: OpenAiClient, model: OpenAiModel):
    assert client.check() == []
    assert model.requests == []


@pytest.mark.parametrize("kind", ["refusal", "filtered", "flagged"])
def test_a_refusal_in_any_form_is_refused(client: OpenAiClient, model: OpenAiModel, kind):
    model.faults.append(Fault(kind))
    assert ask(client) == Answer("refused")


def test_an_answer_out_of_tokens_is_incomplete_and_its_half_is_not_used(client: OpenAiClient):
    assert ask(client, longest=16) == Answer("incomplete")


def test_an_answer_slower_than_the_time_out_is_try_later(address: str, model: OpenAiModel):
    model.faults.append(Fault("slow", seconds=20))
    client = OpenAiClient(TOKEN, address, MODEL, timeout=0.2)
    with pytest.raises(TryLater):
        ask(client)
    client.close()
    model.closing.set()


@pytest.mark.parametrize("fault", ["hang_up", "cut"])
def test_a_broken_connection_is_try_later(fault):
    with pytest.raises(TryLater):
        answer_of(Reply(200, {"status": "completed"}, fault=fault))


def test_nobody_listening_is_try_later():
    client = OpenAiClient("key", f"http://127.0.0.1:{closed_port()}/v1", MODEL)
    with pytest.raises(TryLater):
        ask(client)
    client.close()


@pytest.mark.parametrize("body", [[1], b"null", b"", {}, {"status": "in_progress"}, {"status": "failed"}])
def test_an_answer_of_another_shape_is_try_later(body):
    with pytest.raises(TryLater):
        answer_of(Reply(200, body))


@pytest.mark.parametrize(
    "output", [None, 7, [7], [{"type": "message", "content": "x"}], [{"type": "message"}]]
)
def test_an_answer_without_text_is_written_empty(output):
    assert answer_of(Reply(200, {"status": "completed", "output": output})) == Answer("written", "")


def test_an_answer_that_failed_over_its_input_is_refused():
    assert answer_of(Reply(200, {"status": "failed", "error": {"code": "bio_policy"}})) == Answer("refused")


def test_a_redirect_is_not_followed():
    with pytest.raises(BadCredentials, match="base_url"):
        answer_of(Reply(307, b"", {"Location": "http://127.0.0.1:9/elsewhere"}))


@pytest.mark.parametrize("code", ["invalid_json_schema", "Unsupported: ana@example.com", None])
def test_a_call_the_model_cannot_do_is_a_bad_record_without_openais_words(code):
    error = {"code": code, "message": "ana@example.com is wrong", "type": "invalid_request_error"}
    with pytest.raises(BadRecord) as raised:
        answer_of(Reply(400, {"error": error}))
    assert "ana" not in str(raised.value)


def test_the_package_is_not_loaded_before_the_first_call():
    code = (
        "import sys; from connectors.openai.reader import OpenAiTextReader as R; "
        "from connectors.openai.client import OpenAiClient as C; "
        "c = C('k', 'http://127.0.0.1:9', 'm'); R(c, {}); c.close(); sys.exit('openai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
