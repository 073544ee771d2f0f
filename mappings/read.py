"""Ring 1 of the mappings' validation: one TOML file becomes one frozen dataclass, or faults."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from types import GenericAlias
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from app.domain.errors import Fault

T = TypeVar("T")

_STRICT = ConfigDict(extra="forbid", strict=True)
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


def read_toml(path: Path, shape: type[T], faults: list[Fault]) -> T | None:
    """The file as `shape`; None, with every fault added to `faults`, where it does not fit.

    Unknown keys are faults, and so are numbers written as text.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError:
        faults.append(
            Fault(shown(path), "file", "cannot be read: put it back or restore it from the release")
        )
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        faults.append(Fault(shown(path), "file", f"is not TOML: {wrong}"))
        return None
    # Read as JSON, where arrays are tuples; within a tuple type, so that our strictness reaches dataclasses.
    within: Any = GenericAlias(tuple, (shape,))
    adapter: TypeAdapter[tuple[T]] = TypeAdapter(within, config=_STRICT)
    try:
        return adapter.validate_json(json.dumps([document], default=str))[0]
    except ValidationError as wrong:
        faults.extend(_fault(shown(path), error) for error in wrong.errors())
        return None


def shown(path: Path) -> str:
    """The file as faults name it: two are called hubspot.toml."""
    return f"sources/{path.name}" if path.parent.name == "sources" else path.name


def dotted(*steps: str | int) -> str:
    """A key as one would write it in TOML, places in lists in brackets: stream."a.b".observation[0]."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if _PLAIN_KEY.fullmatch(step) else f'"{step}"')
    return text


def _fault(file: str, error: ErrorDetails) -> Fault:
    message = {
        "missing": "is missing",
        "unexpected_keyword_argument": "is not a known key: remove it or correct its spelling",
    }.get(error["type"], error["msg"].replace("Input should", "should"))
    return Fault(file, dotted(*error["loc"][1:]), message)
