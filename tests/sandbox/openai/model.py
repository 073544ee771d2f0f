"""What the stand-in OpenAI is told to do and what it was sent."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

TOKEN = "sk-sandbox-openai-key"
MODEL = "gpt-5.4-nano"

Reading = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """How one call goes wrong.

    Before the model: "limited" (429), "no_credit" (429), "unauthorized" (401), "forbidden" (403), "away" (503
    with HTML), "bad_gateway" (200 with HTML), "cut" (JSON that stops in the middle), "flagged" (400 for an
    input the policy forbids). In the answer, all with 200: "refusal", "incomplete", "filtered", "failed",
    "fenced" (JSON in a Markdown fence), "wrong_schema", "lost_one" (a reading short), "slow" (by `seconds`).
    """

    kind: Literal[
        "limited", "no_credit", "unauthorized", "forbidden", "away", "bad_gateway", "cut", "flagged",
        "refusal", "incomplete", "filtered", "failed", "fenced", "wrong_schema", "lost_one", "slow",
    ]  # fmt: skip
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def plain_reading(text: str) -> Reading:
    """How the stand-in reads a text nobody told it about."""
    lower = text.lower()
    intent = "buy" if "cuesta" in lower or "precio" in lower else "learn" if "?" in text else "other"
    return {"sentiment": "positive" if "gracias" in lower else "neutral", "intent": intent, "pain_points": []}


@dataclass
class OpenAiModel:
    """`readings` says how a text is read. `refuses` are texts that spoil the whole answer they are part of.
    `faults` befall the next calls in their order. `requests` is every body received, `stored` the ids of the
    answers OpenAI would have kept.
    """

    readings: Callable[[str], Reading] = plain_reading
    refuses: frozenset[str] = frozenset()
    faults: deque[Fault] = field(default_factory=deque)
    requests: list[dict[str, Any]] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    token: str = TOKEN
    models: frozenset[str] = frozenset({MODEL})
    closing: threading.Event = field(default_factory=threading.Event)

    def next_fault(self) -> Fault | None:
        return self.faults.popleft() if self.faults else None

    def sent_texts(self) -> list[str]:
        """Every text any request held, in order."""
        return [one["text"] for body in self.requests for one in json.loads(body["input"])["texts"]]

    def everything_sent(self) -> str:
        """All bodies as one text, to look for what must never be in them."""
        return json.dumps(self.requests, ensure_ascii=False)
