"""The GA4 Data API as we use it: one report at a time and the list of dimensions, over REST, never writing.

The package below it (google-analytics-data) weighs 48 MB: it is imported at the first call, in the worker.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from app.domain.errors import BadCredentials, SaviaError
from connectors.ga4.errors import Crowded, explain, vendor_errors
from connectors.ga4.report import Question, Report, read_report

SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
TIMEOUT = 60.0
"""Seconds for connecting and for each wait on the answer."""

ATTEMPTS = 3
"""Few: ten server errors in an hour lock the project out of the property."""

Answer = TypeVar("Answer")


class Ga4Client:
    """Reading of one property. Safe to share between threads; `close` it at the end.

    `credentials_json` is the text of a service account's key file. It is used on Google's own addresses over
    https only: any other `endpoint` (a stand-in) is spoken to anonymously. `calls` counts answers by class.
    """

    def __init__(
        self,
        property_id: str,
        endpoint: str,
        credentials_json: str = "",
        *,
        timeout: float = TIMEOUT,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.calls: Counter[str] = Counter()
        self._property_id = property_id.removeprefix("properties/")
        self._endpoint = endpoint.rstrip("/")
        self._credentials_json = credentials_json
        self._timeout = timeout
        self._sleep = sleep
        self._lock = threading.Lock()
        self._vendor: Any = None

    def report(self, question: Question, now: datetime) -> Report:
        """One page of one day's report. Raises TryLater and BadCredentials."""
        from google.analytics.data_v1beta.types import RunReportResponse

        asked = question.request(self._property_id)
        answer = self._call(lambda: self._connected().run_report(asked, timeout=self._timeout), now)
        return read_report(RunReportResponse.pb(answer))

    def dimensions(self) -> frozenset[str]:
        """The names of every dimension a report on this property may ask for. Costs no tokens."""
        name = f"properties/{self._property_id}/metadata"
        now = datetime.now(UTC)
        answer = self._call(lambda: self._connected().get_metadata(name=name, timeout=self._timeout), now)
        return frozenset(dimension.api_name for dimension in answer.dimensions)

    def close(self) -> None:
        with self._lock:
            if self._vendor is not None:
                self._vendor.transport.close()
            self._vendor = None

    def _call(self, call: Callable[[], Answer], now: datetime) -> Answer:
        """Reading can be repeated without harm; a quota that is used up is never asked again here."""
        expected = vendor_errors()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = call()
            except expected as error:
                self._count(error)
                reason = explain(error, now)
                if not isinstance(reason, Crowded) or attempt == ATTEMPTS:
                    raise reason from None  # the vendor's text may hold the request and names
                self._sleep(2.0**attempt)
            else:
                self._count(None)
                return answer
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _connected(self) -> Any:
        with self._lock:
            if self._vendor is None:
                from google.analytics.data_v1beta import BetaAnalyticsDataClient

                self._vendor = BetaAnalyticsDataClient(
                    transport="rest",
                    credentials=_credentials(self._endpoint, self._credentials_json),
                    client_options={"api_endpoint": self._endpoint},
                )
            return self._vendor

    def _count(self, error: Exception | None) -> None:
        status = "200" if error is None else str(getattr(error, "code", None) or "")
        outcome = "429" if status == "429" else f"{status[0]}xx" if status else "no answer"
        with self._lock:
            self.calls[outcome] += 1


def _credentials(endpoint: str, key: str) -> Any:
    from google.auth.credentials import AnonymousCredentials
    from google.oauth2.service_account import Credentials

    address = urlsplit(endpoint)
    if address.scheme != "https" or not (address.hostname or "").endswith(".googleapis.com"):
        # The package ships no types for its constructors.
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    try:
        return Credentials.from_service_account_info(json.loads(key), scopes=[SCOPE])  # type: ignore[no-untyped-call]  # the same
    except (ValueError, AttributeError, TypeError):  # what the package raises for JSON that is no key
        raise _no_key() from None


def _no_key() -> SaviaError:
    return BadCredentials(
        "ga4: GOOGLE_CREDENTIALS_JSON is not a service account's key; paste the whole JSON file"
    )
