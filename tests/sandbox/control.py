"""The play's levers over HTTP, for a demo or benchmark that runs the sandbox as another process."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from tests.sandbox.play import NotNow, Play
from tests.sandbox.switches import NoSuchSwitch, Switches


def make_blueprint(play: Play, switches: Switches) -> Blueprint:
    """Routes below /control, JSON in and out. A lever pulled out of turn is a 409, a missing field a 400."""
    levers = Blueprint("control", __name__)
    levers.register_error_handler(NotNow, lambda error: (jsonify(error=str(error)), 409))
    levers.register_error_handler(KeyError, lambda error: (jsonify(error=f"{error} is missing"), 400))
    levers.register_error_handler(NoSuchSwitch, lambda error: (jsonify(error=str(error)), 400))
    _add_moves(levers, play)
    _add_switches(levers, switches)
    _add_views(levers, play)
    return levers


def _add_moves(levers: Blueprint, play: Play) -> None:
    @levers.post("/deliver")
    def deliver() -> Response:
        asked = _asked()
        seconds = float(asked.get("seconds", 8))
        return jsonify(play.deliver(asked["receiver"], asked["public_url"], seconds))

    @levers.post("/end_webinar")
    def end_webinar() -> Response:
        play.end_webinar()
        return jsonify(step=play.story.step)

    @levers.post("/hubspot_edits")
    def hubspot_edits() -> Response:
        asked = _asked()
        if "receiver" in asked:
            play.connect(asked["receiver"], asked["public_url"])
        return jsonify(edited=play.edit_contacts(int(asked["count"])))

    @levers.post("/reset_counters")
    def reset_counters() -> Response:
        play.reset_counters()
        return jsonify(reset=True)


def _add_switches(levers: Blueprint, switches: Switches) -> None:
    @levers.get("/switches")
    def shown() -> Response:
        return jsonify(switches.shown())

    @levers.post("/switches")
    def turn() -> Response:
        """{"zoom": {"html": 0.05}, "all": {"latency": 0.1}}; those that are not named stay."""
        for vendor, wanted in _asked().items():
            for name, to in wanted.items():
                switches.turn(vendor, name, float(to))
        return jsonify(switches.shown())


def _add_views(levers: Blueprint, play: Play) -> None:
    @levers.get("/deliveries")
    def deliveries() -> Response:
        return jsonify(play.progress())

    @levers.get("/counts")
    def counts() -> Response:
        return jsonify(play.counts())

    @levers.get("/dump")
    def dump() -> Response:
        return jsonify(play.portal.dump())


def _asked() -> dict[str, Any]:
    return request.get_json(silent=True) or {}
