"""The answers of the stand-in OpenAI: whole ones, and every way in which they go wrong."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, jsonify

from tests.sandbox.openai.model import Fault, OpenAiModel

LETTERS_PER_TOKEN = 4
HTML = "<html><head><title>Error</title></head><body>cloudflare</body></html>"


def error(status: int, code: str, message: str, *, param: str | None = None) -> Response:
    """An error as OpenAI words it."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    answer = jsonify(error={"message": message, "type": kind, "param": param, "code": code})
    answer.status_code = status
    return answer


def failed_call(fault: Fault | None) -> Response | None:
    """The answer of a call that never reached the model."""
    kind = fault.kind if fault else ""
    answers = {
        "limited": lambda: error(429, "rate_limit_exceeded", "Rate limit reached for requests"),
        "no_credit": lambda: error(429, "insufficient_quota", "You exceeded your current quota"),
        "unauthorized": lambda: error(401, "invalid_api_key", "Incorrect API key provided: sk-wrong."),
        "forbidden": lambda: error(403, "unsupported_country_region_territory", "Country not supported"),
        "flagged": lambda: error(400, "invalid_prompt", "Your prompt was flagged: «hola»"),
        "away": lambda: Response(HTML, 503, content_type="text/html"),
        "bad_gateway": lambda: Response(HTML, 200, content_type="text/html"),
        "cut": lambda: Response('{"id": "resp_1", "output": [{"ty', 200, content_type="application/json"),
    }
    if fault is None or kind not in answers:
        return None
    answer = answers[kind]()
    answer.headers.extend(fault.headers)
    return answer


def answered(model: OpenAiModel, body: dict[str, Any], fault: Fault | None) -> Response:
    """The model's answer to the texts of `body`, spoiled as `fault` says."""
    kind = fault.kind if fault else ""
    if fault and kind == "slow":
        model.closing.wait(fault.seconds)
    texts = json.loads(body["input"])["texts"]
    if kind == "refusal" or any(one["text"] in model.refuses for one in texts):
        content = {"type": "refusal", "refusal": "I'm sorry, I cannot assist with that request."}
        return _response(model, body, [content])
    if kind == "failed":
        return _response(
            model, body, [], status="failed", error={"code": "server_error", "message": "try again"}
        )
    if kind == "filtered":
        return _response(
            model, body, [], status="incomplete", incomplete_details={"reason": "content_filter"}
        )
    readings = [{"number": one["number"], **model.readings(one["text"])} for one in texts]
    written = _written(readings, kind)
    limit = 12 if kind == "incomplete" else body.get("max_output_tokens", 10_000)
    if len(written) > limit * LETTERS_PER_TOKEN:
        cut = [_text(written[: limit * LETTERS_PER_TOKEN])]
        details = {"reason": "max_output_tokens"}
        return _response(model, body, cut, status="incomplete", incomplete_details=details)
    return _response(model, body, [_text(written)])


def _written(readings: list[dict[str, Any]], kind: str) -> str:
    if kind == "wrong_schema":
        return json.dumps({"sentiments": ["good"]})
    written = json.dumps({"readings": readings[:-1] if kind == "lost_one" else readings}, ensure_ascii=False)
    return f"```json\n{written}\n```" if kind == "fenced" else written


def _text(written: str) -> dict[str, Any]:
    return {"type": "output_text", "text": written, "annotations": [], "logprobs": []}


def _response(
    model: OpenAiModel,
    body: dict[str, Any],
    content: list[dict[str, Any]],
    *,
    status: str = "completed",
    **more: Any,
) -> Response:
    number = len(model.requests)
    answer_id = f"resp_{number:024d}"
    if body.get("store") is not False:
        model.stored.append(answer_id)
    message = {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": content,
    }
    thought = {"id": f"rs_{number}", "type": "reasoning", "summary": []}
    return jsonify(
        {
            "id": answer_id,
            "object": "response",
            "created_at": 1_795_000_000 + number,
            "model": body["model"],
            "status": status,
            "error": None,
            "incomplete_details": None,
            "output": [thought, message] if content else [thought],
            "store": body.get("store", True),
            "text": body["text"],
            "tools": [],
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "usage": {"input_tokens": len(body["input"]) // 4, "output_tokens": 40, "total_tokens": 90},
        }
        | more
    )
