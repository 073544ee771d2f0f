"""The one OpenAI client: structured answers by the Responses API, never stored, its failures named our way.

The `openai` package is imported by the first call, so that a process which never asks does not load it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from app.domain.changes import Problem
from app.domain.errors import BadCredentials, TryLater
from connectors.openai.errors import Flagged, explain

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.responses import ResponseFormatTextJSONSchemaConfigParam

_AWAY_CODES = frozenset({"server_error", "rate_limit_exceeded", "vector_store_timeout"})


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is the model's JSON when `outcome` is "written", else "". "refused": the model or the policy
    would not. "incomplete": it ran out of tokens.
    """

    outcome: Literal["written", "refused", "incomplete"]
    text: str = ""


class OpenAiClient:
    """Safe to share between threads; `close` it at the end.

    The package never tries again by itself: it would sleep up to two minutes in the worker's hands.
    """

    def __init__(self, api_key: str, base_url: str, model: str, *, timeout: float = 20.0) -> None:
        self.model = model
        self._api_key = api_key
        self._base_url = base_url
        self._timeout = timeout

    def check(self) -> list[Problem]:
        """Does the key open the model? One call that costs nothing. Raises TryLater."""
        try:
            self._call(lambda: self._package.models.with_raw_response.retrieve(self.model).text)
        except BadCredentials as wrong:
            return [Problem("error", "OpenAI", str(wrong))]
        return []

    def answer(self, instructions: str, asked: str, schema: Mapping[str, Any], longest: int) -> Answer:
        """The model's answer to `asked`, held to a strict JSON `schema`, at most `longest` tokens with its
        reasoning. Raises TryLater, BadCredentials and BadRecord.
        """
        try:
            body = self._call(
                lambda: (
                    self._package.responses.with_raw_response.create(
                        model=self.model,
                        instructions=instructions,
                        input=asked,
                        text={"format": _strict(schema)},
                        max_output_tokens=longest,
                        store=False,
                        # Nobody's on purpose: it would tie the calls about one lead together.
                        safety_identifier=secrets.token_hex(16),
                    ).text
                )
            )
        except Flagged:
            return Answer("refused")
        return _judged(body)

    def close(self) -> None:
        if "_package" in self.__dict__:
            self._package.close()

    @cached_property
    def _package(self) -> OpenAI:
        from openai import DefaultHttpxClient, OpenAI

        return OpenAI(
            api_key=self._api_key,
            base_url=self._base_url,
            timeout=self._timeout,
            max_retries=0,
            http_client=DefaultHttpxClient(follow_redirects=False, timeout=self._timeout),
        )

    def _call(self, send: Callable[[], str]) -> Mapping[str, Any]:
        """The answer's JSON object as OpenAI sent it: the package's own parsing takes any shape for valid."""
        from openai import APIConnectionError, APIStatusError

        try:
            text = send()
        except APIStatusError as failure:
            # Without its cause: the package's error holds the answer's text and the request.
            raise explain(failure.status_code, failure.code, failure.response.headers) from None
        except APIConnectionError:
            raise TryLater("OpenAI: no complete answer in time; see status.openai.com if it lasts") from None
        return _object(text)


def _strict(schema: Mapping[str, Any]) -> ResponseFormatTextJSONSchemaConfigParam:
    return {"type": "json_schema", "name": "answer", "schema": dict(schema), "strict": True}


def _object(text: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise TryLater("OpenAI: the answer is not whole JSON; check [openai] base_url if this goes on")
    return body


def _judged(body: Mapping[str, Any]) -> Answer:
    """What an answer with status 200 says. Raises TryLater where it holds an error or no end."""
    parts = list(_parts(body))
    if any(part.get("type") == "refusal" for part in parts):
        return Answer("refused")
    status = body.get("status")
    if status == "incomplete":
        details = body.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return Answer("refused" if reason == "content_filter" else "incomplete")
    if status == "failed" and not _is_away(body.get("error")):
        return Answer("refused")
    if status != "completed":
        raise TryLater("OpenAI: the answer was not finished; it is asked again later")
    texts = (part.get("text") for part in parts if part.get("type") == "output_text")
    return Answer("written", "".join(text for text in texts if isinstance(text, str)))


def _is_away(error: object) -> bool:
    """Is a failed answer OpenAI's own trouble (else it is about the input)?"""
    code = error.get("code") if isinstance(error, dict) else None
    return code is None or code in _AWAY_CODES


def _parts(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for item in _dicts(body.get("output")):
        if item.get("type") == "message":
            yield from _dicts(item.get("content"))


def _dicts(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
