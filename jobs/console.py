"""What a job says to the person who ran it: text for a terminal, JSON where it was asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, TextIO


class Console:
    """Lines and reports go to standard output, progress and errors to standard error.

    With `as_json` only the report is printed, as one JSON object; the lines before it are left out.
    """

    def __init__(
        self, *, as_json: bool = False, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.as_json = as_json
        self._out = out or sys.stdout
        self._err = err or sys.stderr

    def line(self, text: str = "") -> None:
        """One line for a person."""
        if not self.as_json:
            self._out.write(text + "\n")

    def report(self, content: Mapping[str, Any]) -> None:
        """The result of a job: JSON where asked for, else one `name: value` a line."""
        if self.as_json:
            self._out.write(json.dumps(content, ensure_ascii=False, default=str) + "\n")
            return
        for name, value in content.items():
            self._out.write(f"{name}: {_readable(value)}\n")

    def progress(self, text: str) -> None:
        """One line that replaces itself, on a terminal only."""
        if self._err.isatty():
            self._err.write(f"\r\033[K{text}")
            self._err.flush()

    def end_progress(self) -> None:
        """Clear the progress line."""
        self.progress("")

    def error(self, text: str) -> None:
        """What went wrong and what to do next."""
        self._err.write(text + "\n")


def _readable(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_readable(item)}" for name, item in value.items()) or "-"
    if isinstance(value, (list, tuple)):
        return "; ".join(_readable(item) for item in value) or "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
