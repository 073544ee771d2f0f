"""Zoom's REST API as we use it: server-to-server token, error codes, pages.

Sources: developers.zoom.us "Server-to-Server OAuth", "Error definitions".
"""

from __future__ import annotations

import re
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from app.domain.errors import BadCredentials, SaviaError, TryLater
from connectors.http import HttpSession, PageLoopGuard, retry_after
from connectors.zoom.limits import AccountLimits, Plan, RateClass

Row = dict[str, Any]

PAGE_SIZE = 300
LISTINGS = 3
"""How often a listing is begun before its page tokens are given up on (they live 15 minutes)."""

_SCOPE = re.compile(r"\b(?:webinar|report|user):[a-z_]+(?::[a-z_]+)*")


class NotReady(SaviaError):
    """Zoom does not have this report or listing: not yet made, or there is none."""


class TooOld(SaviaError):
    """Zoom no longer reports on this run: it is more than a year old."""


class Refused(SaviaError):
    """Zoom refuses this call for a reason of the host, webinar or run it is about: others may be read."""


class ExpiredPageToken(SaviaError):
    """The listing must be begun again."""


class AccessToken:
    """The app's bearer token, fetched when needed and kept in memory until a minute before it expires."""

    def __init__(self, session: HttpSession, account_id: str, clock: Callable[[], float]) -> None:
        self._session = session
        self._account_id = account_id
        self._clock = clock
        self._lock = threading.Lock()
        self._used = threading.local()
        self._token = ""
        self._good_until = 0.0
        self.scopes = ""

    def headers(self) -> Mapping[str, str]:
        """The headers that sign a call. Raises TryLater and BadCredentials."""
        with self._lock:
            if not self._token or self._clock() >= self._good_until:
                self._fetch()
            self._used.token = self._token
        return {"Authorization": f"Bearer {self._used.token}"}

    def drop(self) -> None:
        """Forget the token this thread used last, unless another thread has already replaced it."""
        with self._lock:
            if self._token == self._used.token:
                self._token = ""

    def _fetch(self) -> None:
        form = {"grant_type": "account_credentials", "account_id": self._account_id}
        body = self._session.call("POST", "", form=form).body
        if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
            raise TryLater("zoom: the answer to the token request is not as documented; check oauth_url")
        life = body.get("expires_in")
        life = float(life) if isinstance(life, int | float) else 3600.0
        self._token = body["access_token"]
        self._good_until = self._clock() + life - min(60.0, life / 2)
        self.scopes = str(body.get("scope") or "")


class ZoomClient:
    """Authenticated reading of one Zoom account. Safe to share between threads; never writes.

    `oauth_url` is the token address itself (https://zoom.us/oauth/token). Every method raises TryLater and
    BadCredentials, and those that read NotReady, TooOld and Refused. `plan` is the account's: what Zoom's
    answers tell of its limits is believed where it is less.
    """

    def __init__(
        self,
        account_id: str,
        client_id: str,
        client_secret: str,
        base_url: str,
        oauth_url: str,
        plan: Plan = "pro",
        *,
        timeout: tuple[float, float] = (5, 30),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        basic = b64encode(f"{client_id}:{client_secret}".encode()).decode()
        sign = {"Authorization": f"Basic {basic}"}
        self._oauth = HttpSession(
            "zoom", oauth_url, auth=lambda: sign, explain=_explain_oauth, timeout=timeout, sleep=sleep
        )
        self._access = AccessToken(self._oauth, account_id, clock)
        self._api = HttpSession(
            "zoom", base_url, auth=self._access.headers, explain=_explain, timeout=timeout, sleep=sleep
        )
        self._limits = AccountLimits(plan, clock, sleep)

    @property
    def calls(self) -> Counter[str]:
        """Answers so far by class, token requests included: for the run record."""
        return self._api.calls + self._oauth.calls

    @property
    def scopes(self) -> str:
        """The scopes of the last token, as Zoom writes them; "" before the first call."""
        return self._access.scopes

    def get(self, path: str, rate_class: RateClass, params: Mapping[str, str] | None = None) -> Row:
        """One answer, a JSON object. Raises ExpiredPageToken where `params` hold a page token."""
        limits = self._limits.of(rate_class)
        try:
            answer = self._api.call(
                "GET", path, params=params, limits=limits, on_unauthorized=self._access.drop
            )
        except ExpiredPageToken:
            if params and "next_page_token" in params:
                raise
            # The same code says that a webinar takes no registrations, or does not know a field.
            raise NotReady("zoom: refuses this call as it is asked") from None
        self._limits.heed(rate_class, answer.headers)
        body = answer.body
        if not isinstance(body, dict):
            raise TryLater("zoom: the answer is not a JSON object; check base_url if this goes on")
        return body

    def pages(
        self, path: str, label: str, rate_class: RateClass, params: Mapping[str, str] | None = None
    ) -> Iterator[tuple[list[Row], bool]]:
        """The rows of each page under `label`, and whether it is the last.

        When a page token has expired the listing begins again and its first rows come a second time.
        """
        for _ in range(LISTINGS):
            try:
                yield from self._listing(path, label, rate_class, params or {})
                return
            except ExpiredPageToken:
                continue  # from the first page, with fresh tokens
        raise TryLater("zoom: page tokens expire before the next page is read; the listing is tried later")

    def close(self) -> None:
        self._api.close()
        self._oauth.close()

    def _listing(
        self, path: str, label: str, rate_class: RateClass, params: Mapping[str, str]
    ) -> Iterator[tuple[list[Row], bool]]:
        guard = PageLoopGuard("zoom")
        token = ""
        while True:
            asked = {"page_size": str(PAGE_SIZE), **params} | ({"next_page_token": token} if token else {})
            body = self.get(path, rate_class, asked)
            token = str(body.get("next_page_token") or "")
            if token:
                guard.check(token)
            yield rows_of(body, label), not token
            if not token:
                return


def rows_of(body: Mapping[str, Any], label: str) -> list[Row]:
    """The objects under `label`; none where Zoom leaves the label out."""
    rows = body.get(label)
    if rows is None:
        return []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TryLater(f"zoom: the rows under {label} are not as documented; check base_url if this goes on")
    return rows


def run_path(uuid: str) -> str:
    """A run's uuid as Zoom wants it in a path: encoded twice when it begins with "/" or holds "//"."""
    once = quote(uuid, safe="")
    return quote(once, safe="") if uuid.startswith("/") or "//" in uuid else once


def _explain_oauth(status: int, _body: Any, headers: Mapping[str, str]) -> SaviaError:
    if status == 429 or status >= 500:
        return TryLater("zoom: no token to be had just now", retry_after(headers))
    return BadCredentials(
        "zoom: the app is refused; check ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET"
    )


def _explain(status: int, body: Any, headers: Mapping[str, str]) -> SaviaError:
    answer = body if isinstance(body, dict) else {}
    code, message = answer.get("code"), str(answer.get("message") or "")
    if status == 429:
        # A daily limit does not always say when it ends.
        wait = timedelta(hours=1) if "daily" in message.lower() else None
        return TryLater("zoom: the account's rate limit is reached", retry_after(headers) or wait)
    if status >= 500 or status == 408:
        return TryLater("zoom: is not working just now; see status.zoom.us if this goes on")
    if code in {4700, 4711} or "does not contain scopes" in message:
        missing = (
            ", ".join(dict.fromkeys(_SCOPE.findall(message))) or "those listed in connectors/zoom/README.md"
        )
        return BadCredentials(f"zoom: the app lacks scopes; add {missing} to it")
    if code == 12702:
        return TooOld("zoom: this run is more than a year old")
    if code == 300:
        return ExpiredPageToken("zoom: the page token has expired")
    if status == 404 or code in {3000, 3001}:
        return NotReady("zoom: there is no such webinar, or its report is not ready")
    return _refused(status, code, message)


def _refused(status: int, code: Any, message: str) -> SaviaError:
    if status == 401:
        return BadCredentials("zoom: the token is refused; check that the app is activated")
    if code == 200 and "webinar plan" in message.lower():
        return Refused(
            "zoom: the host has no webinar add-on; assign it the licence, or name another in [zoom] hosts"
        )
    return Refused(f"zoom: refuses the call ({status}, code {_number(code)}); see Zoom's error codes")


def _number(code: Any) -> str:
    """Only ever a number: a message of ours holds nothing of the answer's text."""
    return str(code) if isinstance(code, int) else "none"
