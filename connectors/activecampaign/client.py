"""ActiveCampaign's API v3: the vendor package's endpoints on our own session, within the account's limit.

Sources: developers.activecampaign.com "Authentication", "Rate limits", "Pagination". Which call goes through
the package activecampaign-python and which does not is told in README.md.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from app.domain.errors import BadCredentials, NotForUs, SaviaError, TryLater
from connectors.call_limits import CallLimit, RateLimit
from connectors.http import HttpSession, PageLoopGuard, retry_after

Row = dict[str, Any]

CALLS_A_SECOND = 4
"""Of the five that all keys of an account share: one in five is left to the account's other programs."""

PAGE_SIZE = 100
"""The most ActiveCampaign gives; it gives 20 unless asked."""


READINGS = 3
"""How often a reading is asked for that fails with HTTP 200."""


class NotThere(NotForUs):
    """There is no such contact, campaign or webhook (any more)."""


class ActiveCampaignClient:
    """Reading and webhook set-up of one account. Safe to share between threads.

    `base_url` is the address the account shows under Settings > Developer, without a path. `limit` is
    one that several processes share; this process's own otherwise. Every method raises TryLater and
    BadCredentials.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        limit: CallLimit | None = None,
        timeout: tuple[float, float] = (5, 30),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        sign = {"Api-Token": api_key}
        address = base_url.rstrip("/").removesuffix("/api/3") + "/api/3"
        self._session = HttpSession(
            "activecampaign", address, auth=lambda: sign, explain=_explain, timeout=timeout, sleep=sleep
        )
        self._limit = limit or RateLimit(CALLS_A_SECOND, 1.0, clock=clock, sleep=sleep)

    @property
    def calls(self) -> Counter[str]:
        """Answers so far by class: for the run record."""
        return self._session.calls

    @cached_property
    def package(self) -> Any:
        """activecampaign-python's client, its transport replaced by ours: it has no time-out and takes a 429
        for an answer.
        """
        from activecampaign.client import Client

        client = Client("", "")
        client.BASE_URL = ""  # the session knows the address; only the path is handed down
        client._request = self._package_request
        return client

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Row:
        """One answer, a JSON object. Raises NotThere."""
        return self._call("GET", path, params=params)

    def contact(self, contact_id: str) -> Row:
        """One contact, freshly read, which makes its activities. Raises NotThere."""
        answer: Row = self.package.contacts.retrieve_a_contact(contact_id)
        return answer

    def pages(
        self, label: str, ask: Callable[[Mapping[str, Any]], Row], start: int = 0
    ) -> Iterator[tuple[list[Row], int, Row]]:
        """The rows under `label` page by page from row `start` on, each with where the next page begins (0
        after the last) and the whole body. `ask` is given limit and offset.
        """
        guard, offset = PageLoopGuard("activecampaign"), start
        while True:
            body = ask({"limit": PAGE_SIZE, "offset": offset})
            rows = rows_of(body, label)
            if rows:
                guard.check(",".join(str(row.get("id")) for row in rows))
            offset += len(rows)
            last = is_last(rows, body, offset)
            yield rows, 0 if last else offset, body
            if last:
                return

    def create_webhook(self, hook: Mapping[str, Any]) -> Row:
        """The stored webhook. A call that may have got through is not repeated: look first."""
        answer: Row = self.package.webhooks.create_a_webhook({"webhook": hook})
        return answer

    def close(self) -> None:
        self._session.close()

    def _package_request(self, method: str, endpoint: str, **sent: Any) -> Row:
        return self._call(method, endpoint, params=sent.get("params"), json=sent.get("json"))

    def _call(self, method: str, path: str, *, params: Mapping[str, Any] | None, json: Any = None) -> Row:
        """A reading that fails as a success is asked again at once: the session sees nothing wrong."""
        for _ in range(READINGS if method == "GET" else 1):
            body = self._session.call(
                method, path, params=params, json=json, limits=(self._limit,), repeatable=method == "GET"
            ).body
            if not isinstance(body, dict):
                raise TryLater("activecampaign: the answer is not a JSON object; check base_url")
            if not _failed(body):
                return body
        raise TryLater(
            "activecampaign: says 200 and reports an error; see status.activecampaign.com if this goes on",
            maybe_applied=method != "GET",
        )


def rows_of(body: Mapping[str, Any], label: str) -> list[Row]:
    """The objects under `label`; none where the label is left out."""
    rows = body.get(label) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TryLater(f"activecampaign: the rows under {label} are not as documented; check base_url")
    return rows


def is_last(rows: list[Row], body: Mapping[str, Any], seen: int) -> bool:
    """Is this page the last? A short one is, unless the total (text) says that there is more: an account may
    give smaller pages than asked for.
    """
    meta = body.get("meta")
    total = str(meta.get("total") or "") if isinstance(meta, dict) else ""
    return not rows or (len(rows) < PAGE_SIZE and not (total.isdecimal() and int(total) > seen))


def _failed(body: Row) -> bool:
    """Some failures come with HTTP 200."""
    failed = str(body.get("succeeded", body.get("success", 1))) in {"0", "False"}
    return bool(failed or body.get("errors") or body.get("error"))


def _explain(status: int, _body: Any, headers: Mapping[str, str]) -> SaviaError:
    if status == 429:
        return TryLater("activecampaign: the account's five calls a second are used up", retry_after(headers))
    if status >= 500 or status == 408:
        return TryLater("activecampaign: is not working just now; see status.activecampaign.com")
    if status == 404:
        return NotThere("activecampaign: there is no such thing any more")
    if status in {401, 402, 403}:
        kind = NotForUs if status == 403 else BadCredentials  # a user's rights are by kind of record
        return kind(
            "activecampaign: the key is refused; check ACTIVECAMPAIGN_API_KEY, base_url and the key's user"
        )
    return BadCredentials(
        f"activecampaign: refuses the call ({status}); check base_url and the account's plan"
    )
