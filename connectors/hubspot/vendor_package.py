"""hubspot-api-client for the cold paths (schema, pipelines, owners, associations), with our transport below.

The package knows the endpoints; it has no time-out, retries no POST, opens a pool per access and knows v3
paths alone. Its own `api_factory` hook lets us put the shared session under it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from connectors.http import Answer

Call = Callable[..., Answer]


class VendorPackage:
    """The sub-clients, made once each. Asked with `_preload_content=False` they answer with an `Answer`."""

    def __init__(self, call: Call, our_path: Callable[[str], str]) -> None:
        self._transport = _Transport(call, our_path)

    @cached_property
    def properties(self) -> Any:
        return self._crm.properties.core_api

    @cached_property
    def groups(self) -> Any:
        return self._crm.properties.groups_api

    @cached_property
    def pipelines(self) -> Any:
        return self._crm.pipelines.pipelines_api

    @cached_property
    def owners(self) -> Any:
        return self._crm.owners.owners_api

    @cached_property
    def associations(self) -> Any:
        return self._crm.associations.v4.batch_api

    @cached_property
    def _crm(self) -> Any:
        from hubspot import HubSpot

        return HubSpot(api_factory=self._make_api).crm

    def _make_api(self, area: Any, api_name: str, _config: Mapping[str, Any]) -> Any:
        configuration = area.Configuration()
        configuration.host = ""  # the session knows the address; only the path is handed down
        api_client = area.ApiClient(configuration=configuration)
        api_client.rest_client = self._transport
        return getattr(area, api_name)(api_client=api_client)


class _Transport:
    """What the package's ApiClient expects below itself; headers and time-outs are the session's."""

    def __init__(self, call: Call, our_path: Callable[[str], str]) -> None:
        self._call = call
        self._our_path = our_path

    def GET(self, url: str, query_params: Sequence[tuple[str, Any]] = (), **_: Any) -> Answer:  # noqa: N802 - the package's name
        params = {
            name: str(value).lower() if isinstance(value, bool) else value for name, value in query_params
        }
        return self._call("GET", self._our_path(url), params=params)

    def POST(self, url: str, body: Any = None, **_: Any) -> Answer:  # noqa: N802 - the package's name
        return self._call("POST", self._our_path(url), json=body)
