"""What PostgreSQL can hold of what vendors send: every bulk statement takes its rows through here.

Rows travel as one JSON parameter (`jsonb_to_recordset`), so a lot of 500 is one statement whatever its size.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

LONGEST_KEY = 600
"""Characters. Several keys together must fit an index row of 2,700 bytes."""

# The escape for the one character that PostgreSQL's text cannot hold, unless its backslash is itself escaped.
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def as_json(rows: Sequence[Mapping[str, Any] | Sequence[Any]] | Mapping[str, Any]) -> str:
    """JSON that PostgreSQL accepts: times in ISO form, NUL and lone surrogates replaced, NaN as null."""
    try:
        text = orjson.dumps(rows, default=_plain, option=orjson.OPT_PASSTHROUGH_DATACLASS).decode()
    except orjson.JSONEncodeError:  # a lone surrogate or a number of more than 64 bits
        text = json.dumps(_without_nan(rows), ensure_ascii=False, default=_plain)
        text = text.encode("utf-8", "replace").decode("utf-8")
    return _NUL.sub("\\1\ufffd", text) if "\\u0000" in text else text


def storable_key(text: str) -> str:
    """A vendor's key as it is stored and compared: the same for the same text, never too long to index."""
    clean = text
    if not text.isascii() or "\0" in text:
        clean = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if len(clean) <= LONGEST_KEY:
        return clean
    digest = hashlib.sha256(clean.encode()).hexdigest()
    return f"{clean[: LONGEST_KEY - len(digest) - 1]}#{digest}"


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):  # a named one
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value
