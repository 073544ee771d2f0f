"""Log lines for operators: one line an event, personal data masked, vendor noise kept down."""

from __future__ import annotations

import logging
import re
import sys

_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_SECRET_PATH = re.compile(r"(/webhooks/\w+)/[^\s\"'?]+")


class Mask(logging.Filter):
    """Masks every e-mail address in a line (`***@domain`) and what follows a vendor's webhook address."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        masked = _ADDRESS.sub(lambda found: "***@" + found.group().split("@")[1], text)
        masked = _SECRET_PATH.sub(r"\1/***", masked)
        if masked != text:
            record.msg, record.args = masked, ()
        return True


def set_up(level: int = logging.INFO) -> None:
    """Log to standard error, which Heroku collects; once per process."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    lines.addFilter(Mask())
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(level)
    for noisy in (
        "procrastinate",
        "apscheduler",
        "urllib3",
        "alembic",
        "openai",
        "httpx",
        "httpx2",
        "google",
    ):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
