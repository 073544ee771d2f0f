"""HubSpot's token, address, version and limits in one place; every call of this connector goes through it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from connectors.call_limits import CallLimit, RateLimit, WindowLimit
from connectors.http import LONGEST_CALL, Answer, HttpSession
from connectors.hubspot.day_budget import DayBudget, Spending
from connectors.hubspot.errors import LOCKED, explain
from connectors.hubspot.paths import BatchVerb, ObjectType, Paths
from connectors.hubspot.vendor_package import VendorPackage

ACCOUNT_SEARCHES_PER_SECOND = 5
"""Of the whole account, with all of its apps."""

SEARCHES_PER_SECOND = 4
"""One in five is left for the others."""

BURST_CALLS = 190

BURST_SECONDS = 10.01
"""HubSpot counts over 10 s as calls arrive, which is before they are answered: our window begins there. The
hundredth more is for clocks that do not run alike.
"""

LONGEST_WAY = 0.3
"""Seconds after which a call that is not answered yet has come there, and is being worked on."""

NEARLY_FULL = 1
"""Calls left in HubSpot's window at which the next one waits."""

MOMENT = 0.05
"""Seconds it waits: about one place of the window."""

BATCH = 100


def calls_of(limit: int, share: float) -> int:
    """Our share of a limit, in whole calls."""
    return max(1, int(limit * share + 1e-9))


class HubSpotClient:
    """Signed, limited, retried calls to one portal. `close` it at the end.

    `burst` holds our `share` of the plan's limit over BURST_SECONDS (of 100 calls on Free and Starter, 190
    above; it follows what HubSpot's answers say), `searches` SEARCHES_PER_SECOND; several processes that call
    one portal must share both. `guard` is asked last before each call and may refuse it, as `spending` does
    when the day's calls run low; one that may change something is over `write_within` seconds of that.
    """

    def __init__(
        self,
        token: str,
        base_url: str = "https://api.hubapi.com",
        api_version: str = "2026-09",
        *,
        burst: WindowLimit | None = None,
        share: float = 1.0,
        searches: CallLimit | None = None,
        guard: CallLimit | None = None,
        write_within: float = LONGEST_CALL,
        spending: Spending | None = None,
        timeout: tuple[float, float] = (5, 30),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.paths = Paths(api_version)
        self._token = token
        self._sleep = sleep
        self.session = HttpSession(
            "HubSpot",
            base_url,
            auth=lambda: {"Authorization": f"Bearer {token}"},
            explain=explain,
            timeout=timeout,
            sleep=sleep,
        )
        self._burst = burst or RateLimit(BURST_CALLS, BURST_SECONDS, longest_way=LONGEST_WAY, sleep=sleep)
        self._share = share
        self._told = ""
        self._write_within = write_within
        self._spending = spending or Spending(DayBudget(keep_free=0), background=False)
        self._limits = (self._burst, self._spending, *((guard,) if guard else ()))
        self._searches = searches or RateLimit(SEARCHES_PER_SECOND, 1, sleep=sleep)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        repeatable: bool = True,
    ) -> Any:
        """The body of the answer. Raises TryLater, BadCredentials, BadRecord (errors.explain)."""
        return self._call(method, path, params=params, json=json, repeatable=repeatable).body

    def search(self, object_type: ObjectType, query: Mapping[str, Any]) -> Any:
        """One page of a CRM search, within the account's own limit for searches."""
        limits = (self._burst, self._searches, self._spending)
        return self._sent("POST", self.paths.search(object_type), json=query, limits=limits).body

    def batch(
        self, object_type: ObjectType, verb: BatchVerb, body: Mapping[str, Any], *, repeatable: bool = True
    ) -> Any:
        """One batch of at most 100 inputs. A 207 is returned like a 200: its `errors` must be looked at."""
        return self.call("POST", self.paths.batch(object_type, verb), json=body, repeatable=repeatable)

    def account(self) -> Mapping[str, Any]:
        """The portal's id, time zone and currency: the cheapest call that proves the token."""
        details: Mapping[str, Any] = self.account_answer().body
        return details

    def account_answer(self) -> Answer:
        """The same with its headers, which tell HubSpot's clock and the account's limits."""
        return self._call("GET", self.paths.account())

    def token_info(self) -> Mapping[str, Any]:
        """The portal, the app and the scopes of our token. Raises NotFound or BadRecord for a kind of token
        that HubSpot does not tell about.
        """
        told: Mapping[str, Any] = self.call("POST", self.paths.token_info(), json={"tokenKey": self._token})
        return told

    @cached_property
    def package(self) -> VendorPackage:
        """hubspot-api-client for the cold paths, speaking through this client."""
        return VendorPackage(self._call, self.paths.of_vendor_package)

    def pause(self) -> None:
        """As long as HubSpot asks for between two writes of a record that another one holds (423)."""
        self._sleep(LOCKED.total_seconds())

    def close(self) -> None:
        self.session.close()

    def _call(self, method: str, path: str, **request: Any) -> Answer:
        within = LONGEST_CALL if method == "GET" else self._write_within
        answer = self._sent(method, path, limits=self._limits, within=within, **request)
        self._spending.budget.note(answer.headers)
        self._heed(answer.headers)
        return answer

    def _sent(self, method: str, path: str, **request: Any) -> Answer:
        try:
            return self.session.call(method, path, **request)
        finally:
            self._burst.answered()

    def _heed(self, headers: Mapping[str, str]) -> None:
        """A portal that allows less than we were set to is believed from its first answer on. One whose
        window is nearly full, by others or by calls that were long on their way, is given a moment.
        """
        told, left = (headers.get(f"X-HubSpot-RateLimit-{name}", "") for name in ("Max", "Remaining"))
        if told != self._told and told.isdecimal():
            self._told = told
            self._burst.at_most(calls_of(int(told), self._share))
        if left.isdecimal() and int(left) <= NEARLY_FULL:
            self._burst.hold(MOMENT)
