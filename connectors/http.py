"""The one HTTP session below every REST vendor: time-outs, retries by kind of failure, limits, counting.

A vendor's client says how to sign a call (`auth`) and how to read a failed answer (`explain`); when to try
again, how long to wait and what may already have been applied is decided here, once.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import orjson
import requests
from requests.exceptions import ChunkedEncodingError, ConnectTimeout, ContentDecodingError, Timeout
from urllib3.exceptions import MaxRetryError, NewConnectionError
from urllib3.util import Retry

from app.domain.errors import BadCredentials, SaviaError, TryLater
from connectors.call_limits import CallLimit
from connectors.deadlines import Deadlines, TimedAdapter

USER_AGENT = "savia/1"
THREADS = 20
LONGEST_WAIT = timedelta(seconds=60)
"""A longer wait belongs to the job's schedule, not to a sleeping worker."""

LONGEST_CALL = 60.0
"""Seconds one call may last in all, from connecting to the last byte of the answer."""

Explain = Callable[[int, Any, Mapping[str, str]], SaviaError | None]


@dataclass(frozen=True, slots=True)
class Answer:
    """A vendor's answer. `body` is parsed JSON, None when empty; `headers` disregard case."""

    status: int
    body: Any
    headers: Mapping[str, str]


class PageLoopGuard:
    """Notices a vendor that hands out the same page token twice, which would be read for ever."""

    def __init__(self, vendor: str = "the vendor") -> None:
        self._vendor = vendor
        self._seen: set[str] = set()

    def check(self, token: str) -> None:
        """Raises TryLater for a token seen before in this listing."""
        if token in self._seen:
            raise TryLater(
                f"{self._vendor}: the same page was offered twice; the listing is started again later"
            )
        self._seen.add(token)


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The wait an answer asks for in Retry-After: seconds, an HTTP date or an ISO-8601 date-time.

    A date is read against the answer's own Date, so that a wrong clock on either side does no harm. None
    where nothing was asked or it cannot be read.
    """
    asked = headers.get("Retry-After", "").strip()
    if not asked:
        return None
    try:
        return max(timedelta(), timedelta(seconds=float(asked)))
    except (ValueError, OverflowError):
        pass  # not a number of seconds: a date
    until = _moment(asked)
    if until is None:
        return None
    answered = _moment(headers.get("Date", "")) or datetime.now(UTC)
    return max(timedelta(), until - answered)


def _moment(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
        except ValueError:
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


class HttpSession:
    """One vendor's connection pool and rules. Safe to share between threads; `close` it at the end.

    `auth` gives the headers that sign a call and is asked anew for every attempt. `explain` reads every
    answer outside 2xx: the error to raise, or None where the caller wants that answer (a 404 that means
    "not there"). `calls` counts answers by class for the run record: "2xx", "4xx", "429", "no answer" ...
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        *,
        auth: Callable[[], Mapping[str, str]],
        explain: Explain,
        timeout: tuple[float, float] = (5, 30),
        attempts: int = 5,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.vendor = vendor
        self.calls: Counter[str] = Counter()
        self._base_url = base_url.rstrip("/")
        self._auth = auth
        self._explain = explain
        self._timeout = timeout
        self._attempts = attempts
        self._sleep = sleep
        self._lock = threading.Lock()
        self._deadlines = Deadlines()
        self._session = _new_session()

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        limits: Sequence[CallLimit] = (),
        repeatable: bool = True,
        on_unauthorized: Callable[[], None] | None = None,
        within: float = LONGEST_CALL,
    ) -> Answer:
        """Send one call and answer with what came back, trying again where that is safe.

        Each attempt is over `within` so many seconds of the moment a guard among the `limits` let it pass.

        A call that is not `repeatable` is sent again only when it was certainly not applied (refused
        connection, 4xx); otherwise it raises TryLater(maybe_applied=True). `on_unauthorized` (drop the
        token) earns one more try after a 401. A wait over 60 s is raised at once. Raises what `explain`
        returns; TryLater when the attempts are used up.
        """
        data, kind = (form, {}) if json is None else (_written(json), {"Content-Type": "application/json"})
        request = {"method": method, "url": self._base_url + path, "params": params, "data": data}
        failures = 0
        while True:
            due_at = self._wait_for(limits) + within
            headers = {**kind, **self._auth()}
            try:
                answer = self._send(request, headers, due_at, repeatable=repeatable)
                if answer.status == 401 and on_unauthorized:
                    on_unauthorized()
                    on_unauthorized = None
                    continue
                return self._judge(answer, repeatable=repeatable)
            except TryLater as failure:
                failures += 1
                if failure.maybe_applied or failures >= self._attempts:
                    raise
                self._back_off(failure, failures)

    def close(self) -> None:
        self._deadlines.close()
        self._session.close()

    def _wait_for(self, limits: Sequence[CallLimit]) -> float:
        """The longest window first: a place in a short one is then used at the moment it was given for.

        Returns the moment before a guard was asked: if this process is frozen from then on, the call is late.
        """
        ready_at = self._deadlines.clock()
        for limit in sorted(limits, key=lambda limit: limit.seconds, reverse=True):
            limit.wait()
            if limit.seconds:
                ready_at = self._deadlines.clock()
        return ready_at

    def _send(
        self, request: Mapping[str, Any], headers: Mapping[str, str], due_at: float, *, repeatable: bool
    ) -> Answer:
        try:
            with self._deadlines.until(due_at) as call:
                response = self._session.request(
                    **request, headers=headers, timeout=self._timeout, allow_redirects=False
                )
        except (requests.ConnectionError, Timeout, ChunkedEncodingError, ContentDecodingError) as failure:
            raise self._unanswered(maybe_applied=not repeatable and not _never_sent(failure)) from None
        if call.over:  # what looks whole may have been cut short
            raise self._unanswered(maybe_applied=not repeatable)
        status = response.status_code
        self._count("429" if status == 429 else f"{status // 100}xx")
        return Answer(status, self._body(response, repeatable=repeatable), response.headers)

    def _unanswered(self, *, maybe_applied: bool) -> TryLater:
        """Without the text of requests' own error, which holds the address with its query."""
        self._count("no answer")
        return TryLater(
            f"{self.vendor}: no complete answer; check its status page and the network if this goes on",
            maybe_applied=maybe_applied,
        )

    def _body(self, response: requests.Response, *, repeatable: bool) -> Any:
        """Parsed JSON, or None for nothing and for a failure told in another form (a proxy's HTML page)."""
        if not response.content:
            return None
        status = response.status_code
        content_type = response.headers.get("Content-Type", "json").lower()
        if "json" in content_type:
            try:
                return _read(response)
            except ValueError:
                pass  # cut short: judged below like any other form
        if 300 <= status < 500:
            return None
        raise TryLater(
            f"{self.vendor}: the answer ({status}) is not whole JSON; check base_url if this goes on",
            retry_after(response.headers),
            maybe_applied=not repeatable,
        )

    def _judge(self, answer: Answer, *, repeatable: bool) -> Answer:
        if 300 <= answer.status < 400:
            # Followed, a redirect would hand our token to whoever it names.
            raise BadCredentials(f"{self.vendor}: answers with a redirect; set base_url to its final address")
        error = None if answer.status < 300 else self._explain(answer.status, answer.body, answer.headers)
        if isinstance(error, TryLater):
            applied = not repeatable and (error.maybe_applied or answer.status >= 500)
            raise TryLater(
                str(error), error.after or retry_after(answer.headers), maybe_applied=applied
            ) from error
        if error:
            raise error
        return answer

    def _back_off(self, failure: TryLater, failures: int) -> None:
        if failure.after and failure.after > LONGEST_WAIT:
            raise failure
        wanted = failure.after.total_seconds() if failure.after else min(20.0, 0.5 * 2**failures)
        # Jitter: eight threads stopped by the same 429 must not come back together.
        self._sleep(wanted * (1 + random.random() / 4))

    def _count(self, outcome: str) -> None:
        with self._lock:
            self.calls[outcome] += 1


def _new_session() -> requests.Session:
    session = requests.Session()
    adapter = TimedAdapter(pool_connections=2, pool_maxsize=THREADS, max_retries=Retry(0, read=False))
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers["User-Agent"] = USER_AGENT
    session.headers["Accept"] = "application/json"
    # With an auth of its own the session leaves ~/.netrc alone, yet still finds the proxies and certificates
    # that the environment names.
    session.auth = lambda prepared: prepared
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def _written(body: Any) -> bytes:
    """A batch of a hundred contacts in a tenth of the time of Python's own writer."""
    try:
        return orjson.dumps(body)
    except TypeError:  # a lone surrogate, or a whole number of more than 64 bits
        return json.dumps(body).encode()


def _read(response: requests.Response) -> Any:
    """Raises ValueError for what Python's own reader does not take either."""
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:  # NaN, half a surrogate pair
        return response.json()


def _never_sent(failure: requests.RequestException) -> bool:
    """Did the connection fail before a byte of the call was sent?"""
    if isinstance(failure, ConnectTimeout):
        return True
    cause = failure.args[0] if failure.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
