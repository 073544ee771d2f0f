"""A call is over in time, however slowly it is answered, and nothing of it goes out later."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from app.domain.errors import SaviaError, TryLater
from connectors.deadlines import Call, Deadlines
from connectors.http import HttpSession
from tests.connectors.stand_in import Reply, Script, StandIn, in_turn

OK = Reply(body={"ok": True})
LONG = "x" * 600
"""At a byte every tenth of a second: a minute."""

WITHIN = 0.6


def explain(status: int, body: object, headers: object) -> SaviaError | None:
    return None


class Dawdling:
    """A server that sends whatever it has byte by byte, the status line and headers too."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._closing = threading.Event()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Dawdling:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            connection.recv(65_536)
            for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + LONG.encode():
                if self._closing.wait(0.1):
                    return
                try:
                    connection.send(bytes([byte]))
                except OSError:
                    return


def session_on(url: str) -> HttpSession:
    return HttpSession("vendor", url, auth=dict, explain=explain, timeout=(2, 5), sleep=lambda _: None)


@pytest.fixture
def slow_body() -> Iterator[str]:
    with StandIn(in_turn(Reply(200, {"long": LONG}, fault="trickle"))) as server:
        yield server.url


@pytest.fixture
def slow_headers() -> Iterator[str]:
    with Dawdling() as server:
        yield server.url


@pytest.mark.parametrize("slow", ["slow_body", "slow_headers"])
def test_an_answer_that_trickles_is_given_up_in_time(slow: str, request: pytest.FixtureRequest) -> None:
    session = session_on(request.getfixturevalue(slow))
    with pytest.raises(TryLater) as raised:
        session.call("POST", "/x", json={}, repeatable=False, within=WITHIN)
    session.close()
    assert raised.value.maybe_applied  # and the byte-to-byte time-out, of 5 s, never had a reason to


def test_a_session_goes_on_after_a_call_that_lasted_too_long() -> None:
    with StandIn(in_turn(Reply(200, {"long": LONG}, fault="trickle"), OK)) as server:
        session = session_on(server.url)
        assert session.call("GET", "/x", within=WITHIN).body == {"ok": True}
        assert session.call("GET", "/x", within=WITHIN).body == {"ok": True}
        session.close()


def test_a_call_that_is_late_already_sends_nothing() -> None:
    """As when this process was frozen between being let through and sending."""
    with StandIn(in_turn(OK)) as server:
        session = session_on(server.url)
        session.call("GET", "/before")  # so that a connection stands ready
        with pytest.raises(TryLater):
            session.call("POST", "/late", json={}, repeatable=False, within=-1.0)
        session.close()
        assert [one.path for one in server.asked] == ["/before"]


class Frozen:
    """A guard that lets a call through, after which the process is frozen for a while."""

    seconds = 0.0

    def wait(self) -> None:
        time.sleep(WITHIN + 0.2)


def test_the_time_of_a_call_is_counted_from_before_its_guard_was_asked() -> None:
    with StandIn(in_turn(OK)) as server:
        session = session_on(server.url)
        with pytest.raises(TryLater):
            session.call("POST", "/x", json={}, repeatable=False, limits=(Frozen(),), within=WITHIN)
        session.close()
        assert server.asked == []


class Window:
    """A rate limit that has to be waited for."""

    seconds = 10.0

    def wait(self) -> None:
        time.sleep(WITHIN + 0.2)


def test_waiting_for_a_place_does_not_count() -> None:
    with StandIn(in_turn(OK)) as server:
        session = session_on(server.url)
        assert session.call("POST", "/x", json={}, limits=(Window(),), within=WITHIN).status == 200
        session.close()


def test_calls_of_other_threads_are_left_alone() -> None:
    gate = threading.Event()

    def script(asked: object) -> Reply:
        if getattr(asked, "path", "") == "/patient":
            gate.wait(10)
            return OK
        return Reply(200, {"long": LONG}, fault="trickle")

    answers: list[int] = []
    answering: Script = script
    with StandIn(answering) as server:
        session = session_on(server.url)
        patient = threading.Thread(target=lambda: answers.append(session.call("GET", "/patient").status))
        patient.start()
        with pytest.raises(TryLater):
            session.call("POST", "/x", json={}, repeatable=False, within=WITHIN)
        gate.set()
        patient.join()
        session.close()
    assert answers == [200]


def test_a_connection_shut_twice_is_no_fault() -> None:
    one, other = socket.socketpair()
    call = Call(0.0, lambda: 0.0, one)
    one.close()
    other.close()
    call.end()
    assert call.over


def test_without_a_deadline_nothing_is_shut() -> None:
    """What does not speak through a session is none of its business."""
    deadlines = Deadlines()
    with StandIn(in_turn(OK)) as server, requests.Session() as plain:
        assert plain.get(f"{server.url}/x", timeout=5).status_code == http.client.OK
    deadlines.close()
