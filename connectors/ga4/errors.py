"""GA4's failures, named by how to recover. Over REST the package raises google.api_core's HTTP classes, and
lets those of requests, google.auth and protobuf through.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.errors import BadCredentials, NotForUs, SaviaError, TryLater

PACIFIC = ZoneInfo("America/Los_Angeles")
"""Daily tokens come back at midnight there."""

_SETUP = "connectors/ga4/README.md"


class Crowded(TryLater):
    """Too many reports run at this moment, or Google stumbled: seconds later it may work."""


def vendor_errors() -> tuple[type[Exception], ...]:
    """Everything a call of the package may raise on account of the network or the answer."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.protobuf.json_format import ParseError  # type: ignore[import-untyped]  # ships no types
    from requests import RequestException

    return GoogleAPIError, GoogleAuthError, ParseError, RequestException, UnicodeDecodeError


def explain(error: Exception, now: datetime) -> SaviaError:
    """What `error`, one of `vendor_errors`, means for us. Its own text is never passed on."""
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError, TransportError
    from google.protobuf.json_format import ParseError

    if isinstance(error, GoogleAPICallError):
        return _explain_status(error, now)
    if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError) and not error.retryable:
        return BadCredentials(
            "ga4: Google refuses the service account's key; make a new GOOGLE_CREDENTIALS_JSON"
        )
    if isinstance(error, ParseError | UnicodeDecodeError):
        return Crowded("ga4: the answer is not whole JSON; check `endpoint` under [ga4] if this goes on")
    return Crowded("ga4: no complete answer; check the network and Google's status page if this goes on")


def _explain_status(error: Any, now: datetime) -> SaviaError:
    status = int(error.code or 0)
    if status == 429:
        return _quota(str(error.message), now)
    if status >= 500 or status in (0, 408, 409):
        return Crowded("ga4: is not working just now; see Google's status page if this goes on")
    if status == 401:
        return BadCredentials("ga4: the service account is not accepted; check GOOGLE_CREDENTIALS_JSON")
    if error.reason == "SERVICE_DISABLED":
        return BadCredentials("ga4: switch on the Google Analytics Data API in the service account's project")
    if status == 403:
        return BadCredentials(
            "ga4: the property cannot be read; check GA4_PROPERTY_ID and add the service account as Viewer"
        )
    if status == 404:
        return BadCredentials(
            "ga4: there is no such property; check GA4_PROPERTY_ID and `endpoint` under [ga4]"
        )
    return NotForUs(f"ga4: refuses the report ({status}); register the custom dimension, see {_SETUP}")


def _quota(message: str, now: datetime) -> TryLater:
    """Google tells the quotas apart in words only."""
    text = message.lower()
    if "concurrent" in text:
        return Crowded("ga4: too many reports run at once on this property")
    if "day" in text or "24 hours" in text:
        return TryLater("ga4: the property's tokens of today are used up", until_midnight(now))
    return TryLater("ga4: the property's tokens of this hour are used up", until_next_hour(now))


def until_midnight(now: datetime) -> timedelta:
    """From `now` to the next midnight US-Pacific."""
    there = now.astimezone(PACIFIC)
    midnight = datetime.combine(there.date() + timedelta(days=1), time(), PACIFIC)
    return midnight.astimezone(now.tzinfo) - now


def until_next_hour(now: datetime) -> timedelta:
    """From `now` to the next full hour."""
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1) - now
