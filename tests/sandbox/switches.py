"""What befalls calls to a stand-in and the deliveries it sends, switched by vendor and alike for all."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from werkzeug.test import run_wsgi_app

VENDORS = ("hubspot", "zoom", "activecampaign", "ga4", "openai")
FATES = ("html", "reset", "lose", "cut")
HTML = b"<!doctype html><html><body><h1>503 Service Unavailable</h1></body></html>"


class NoSuchSwitch(ValueError):
    """Another vendor, another name, or a number out of range."""


@dataclass(slots=True)
class Switch:
    """`latency` is seconds before every call. Shares of the calls, from 0 to 1: "html" gets a 503 with a page
    and "reset" a torn connection, both before the vendor hears of the call; "lose" is done and its
    connection closed without an answer; "cut" is done and answered with half of the JSON. Shares of the
    webhook deliveries (HubSpot's and Zoom's): sent twice, sent late and so out of order, never sent.
    """

    latency: float = 0.0
    html: float = 0.0
    reset: float = 0.0
    lose: float = 0.0
    cut: float = 0.0
    doubled: float = 0.0
    disordered: float = 0.0
    lost: float = 0.0


@dataclass(slots=True)
class Switches:
    """Every vendor's, deterministic by `seed` and the order of the calls."""

    seed: int = 0
    of: Mapping[str, Switch] = field(
        default_factory=lambda: {
            vendor: Switch(
                doubled=0.02 if vendor in ("hubspot", "zoom") else 0.0,
                disordered=0.1 if vendor == "zoom" else 0.0,
            )
            for vendor in VENDORS
        }
    )
    _chances: dict[str, random.Random] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def turn(self, vendor: str, name: str, to: float) -> None:
        """One switch of one vendor, or of "all"."""
        if vendor != "all" and vendor not in VENDORS:
            raise NoSuchSwitch(f"{vendor} is none of {', '.join(VENDORS)} and all")
        if name not in {each.name for each in fields(Switch)}:
            raise NoSuchSwitch(f"{name} is no switch: {', '.join(each.name for each in fields(Switch))}")
        if to < 0 or (to > 1 and name != "latency"):
            raise NoSuchSwitch(f"{name} is a share from 0 to 1, latency seconds")
        for each in VENDORS if vendor == "all" else (vendor,):
            setattr(self.of[each], name, to)

    def shown(self) -> dict[str, dict[str, float]]:
        """Vendor -> switch -> how it stands."""
        return {vendor: asdict(switch) for vendor, switch in self.of.items()}

    def fate(self, vendor: str) -> str:
        """What befalls the vendor's next call: one of FATES, or "" for nothing."""
        switch = self.of[vendor]
        with self._lock:
            left = self._chances.setdefault(vendor, random.Random(f"{self.seed} {vendor}")).random()
        for fate in FATES:
            left -= getattr(switch, fate)
            if left < 0:
                return fate
        return ""


class Troubled:
    """A WSGI application at the end of a bad line. The vendor is the first part of the path."""

    def __init__(self, app: Any, switches: Switches) -> None:
        self._app, self._switches = app, switches

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        vendor = environ["PATH_INFO"].split("/")[1]
        if vendor not in self._switches.of:
            return self._app(environ, start_response)
        time.sleep(self._switches.of[vendor].latency)
        fate = self._switches.fate(vendor)
        if fate == "html":
            start_response("503 Service Unavailable", [("Content-Type", "text/html")])
            return [HTML]
        if fate == "reset":
            return _hung_up(environ, start_response)
        if fate:
            body, status, headers = run_wsgi_app(self._app, environ, buffered=True)
            if fate == "lose":
                return _hung_up(environ, start_response)
            whole = b"".join(body)
            headers["Content-Length"] = str(len(whole) // 2)
            start_response(status, list(headers))
            return [whole[: len(whole) // 2]]
        return self._app(environ, start_response)


def _hung_up(environ: Mapping[str, Any], start_response: Any) -> Iterable[bytes]:
    """Nothing more reaches the caller; what the server still writes falls to the ground."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    start_response("500 Hung up", [("Content-Length", "0")])
    return []
