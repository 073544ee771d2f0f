"""The routes of the stand-in OpenAI: which requests it takes, and what it answers."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from tests.sandbox.openai.answers import answered, error, failed_call
from tests.sandbox.openai.model import OpenAiModel

PARAMETERS = frozenset((
    "model", "input", "instructions", "text", "store", "max_output_tokens", "safety_identifier", "reasoning",
    "temperature", "top_p", "metadata", "stream", "tools", "tool_choice", "user", "truncation", "include",
))  # fmt: skip
"""Those of the real API's that structured answers could want."""


def make_blueprint(model: OpenAiModel) -> Blueprint:
    """GET /v1/models/ID and POST /v1/responses, to be mounted at /openai."""
    openai = Blueprint("openai", __name__)

    @openai.get("/v1/models/<name>")
    def one_model(name: str) -> Response:
        return _refused(model) or _known(model, name) or jsonify(id=name, object="model", owned_by="openai")

    @openai.post("/v1/responses")
    def responses() -> Response:
        refused = _refused(model)
        if refused:
            return refused
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            return error(400, "invalid_json", "We could not parse the JSON body of your request.")
        model.requests.append(body)
        fault = model.next_fault()
        return (
            _known(model, str(body.get("model")))
            or _misuse(body)
            or failed_call(fault)
            or answered(model, body, fault)
        )

    return openai


def _refused(model: OpenAiModel) -> Response | None:
    if request.headers.get("Authorization") != f"Bearer {model.token}":
        return error(401, "invalid_api_key", "Incorrect API key provided: sk-wrong.")
    return None


def _known(model: OpenAiModel, name: str) -> Response | None:
    if name not in model.models:
        return error(
            404, "model_not_found", f"The model `{name}` does not exist or you do not have access to it."
        )
    return None


def _misuse(body: dict[str, Any]) -> Response | None:
    """What the real API answers 400 to, as far as structured outputs go."""
    unknown = body.keys() - PARAMETERS
    if unknown:
        return error(400, "unknown_parameter", f"Unknown parameter: '{min(unknown)}'.", param=min(unknown))
    if not isinstance(body.get("input"), str):
        return error(400, "invalid_type", "Invalid type for 'input'.", param="input")
    if body.get("max_output_tokens", 16) < 16:
        return error(
            400, "integer_below_min_value", "Invalid 'max_output_tokens'.", param="max_output_tokens"
        )
    shape = body.get("text", {}).get("format", {})
    if shape.get("type") != "json_schema" or shape.get("strict") is not True or not shape.get("name"):
        return error(400, "missing_required_parameter", "Missing 'text.format'.", param="text.format")
    loose = _loose(shape.get("schema"), "schema")
    if loose:
        return error(400, "invalid_json_schema", f"Invalid schema: {loose}", param="text.format.schema")
    return None


def _loose(schema: Any, at: str) -> str:
    """Where a schema breaks the rules of strict mode: every object closed, every property required."""
    if not isinstance(schema, dict):
        return ""
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            return f"{at}: 'additionalProperties' must be false"
        if set(schema.get("required", [])) != set(schema.get("properties", {})):
            return f"{at}: 'required' must name every property"
    inner = {**schema.get("properties", {}), "items": schema.get("items")}
    return next((found for name, part in inner.items() if (found := _loose(part, f"{at}.{name}"))), "")
