"""OpenAI's failed calls, read as Savia's errors. Its own texts stay out: they quote input and keys."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.domain.errors import BadCredentials, BadRecord, SaviaError, TryLater
from connectors.http import retry_after

_CODE = re.compile(r"[a-z][a-z0-9_]{2,60}")
_FORBIDDEN_INPUT = frozenset({"invalid_prompt", "content_policy_violation", "bio_policy"})

_FOR_A_PERSON = {
    401: "OpenAI: the key is refused; set OPENAI_API_KEY to a current one",
    403: "OpenAI: not allowed ({reason}); give the key's project access to the model",
    404: "OpenAI: no such model or address for this key; check [openai] model and base_url",
}
# Followed, a redirect would hand our key to whoever it names.
_REDIRECT = "OpenAI: answers with a redirect; set [openai] base_url to its final address"


class Flagged(BadRecord):
    """OpenAI's policy forbids something in the input: the same input is never taken."""


def explain(status: int, code: object, headers: Mapping[str, str]) -> SaviaError:
    """The error to raise for an answer outside 2xx. Source: OpenAI's error-codes page."""
    reason = code if isinstance(code, str) and _CODE.fullmatch(code) else "no code"
    if status == 429 and reason in ("insufficient_quota", "billing_hard_limit_reached"):
        return BadCredentials("OpenAI: the account has no credit left; add some at platform.openai.com")
    if status == 429:
        return TryLater("OpenAI: rate limit reached; it is tried again later", retry_after(headers))
    if status in (408, 409) or status >= 500:
        return TryLater(f"OpenAI: away ({status}); see status.openai.com if it lasts", retry_after(headers))
    if status in _FOR_A_PERSON or status < 400:
        return BadCredentials(_FOR_A_PERSON.get(status, _REDIRECT).format(reason=reason))
    if reason in _FORBIDDEN_INPUT:
        return Flagged("input", f"refused by OpenAI's policy ({reason})")
    return BadRecord("request", f"refused by OpenAI ({status}, {reason}); check that the model can do this")
