"""Log lines for operators: one line an event, personal data masked, vendor noise kept down."""

from __future__ import annotations

import logging
import re
import sys

_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_SECRET_PATH = re.compile(r"(/webhooks/\w+)/[^\s\"'?]+")


class Mask(logging.Formatter):
    """Masks every e-mail address in what is logged (`***@domain`), a failure's own words and frames included,
    and what follows a vendor's webhook address.
    """

    def format(self, record: logging.LogRecord) -> str:
        text = _ADDRESS.sub(lambda found: "***@" + found.group().split("@")[1], super().format(record))
        return _SECRET_PATH.sub(r"\1/***", text)


def set_up(level: int = logging.INFO) -> None:
    """Log to standard error, which Heroku collects; once per process."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(Mask("%(levelname)s %(name)s: %(message)s"))
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
