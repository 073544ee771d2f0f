"""HubSpot's published ends of support, and which of them concern the paths that Savia calls.

Sources: HubSpot's changelog ("what is going unsupported and when", pipelines v1 sunset) and the versioning
guide (a dated version is supported for 18 months). "September 2027" is taken as its first day.
"""

from __future__ import annotations

import re
from datetime import date

from app.domain.deprecations import PublishedEnd
from connectors.hubspot.paths import Paths

VENDOR = "HubSpot"
DATED = 'set [hubspot] api_version = "2026-09"'

ENDS: tuple[tuple[str, PublishedEnd], ...] = (
    (
        r"/crm-pipelines/v1/",
        PublishedEnd(VENDOR, "pipelines v1", date(2026, 12, 4), "update Savia"),
    ),
    (
        r"/crm/v4/",
        PublishedEnd(VENDOR, "associations v4", date(2027, 3, 30), DATED),
    ),
    (
        r"/automation/v4/",
        PublishedEnd(
            VENDOR,
            "what `check` reads of the workflows (automation v4)",
            date(2027, 3, 30),
            "update Savia; until then look at the workflows in HubSpot yourself",
        ),
    ),
    (
        r"/automation/v2/",
        PublishedEnd(
            VENDOR,
            "the v2 enrolment call",
            date(2027, 9, 1),
            "remove v2_workflow_id in mappings/hubspot.toml; the list and the property start the workflow",
        ),
    ),
    (
        r"/oauth/v2/",
        PublishedEnd(VENDOR, "what `check` asks of the token's scopes", date(2027, 9, 1), "update Savia"),
    ),
    (
        r"/email/public/v1/",
        PublishedEnd(
            VENDOR,
            "the mail log (email events v1)",
            date(2027, 9, 1),
            "nothing to do: mail activity is then read from each contact's counters",
        ),
    ),
    (
        r"/(crm|account-info)/v[1-3](/|$)",
        PublishedEnd(VENDOR, "the v3 API", date(2027, 9, 1), DATED),
    ),
    (
        r"/2026-09(/|$)",
        PublishedEnd(VENDOR, "API version 2026-09", date(2028, 3, 1), "update Savia, then set api_version"),
    ),
)
"""Pattern of a path -> what ends. Some concern no path of ours today. HubSpot names v4's associations and
actions; its workflows are a beta of the same version, which may not outlive them.
"""


def published_ends(api_version: str, *, enrols_by_v2: bool) -> tuple[PublishedEnd, ...]:
    """The ends of what is in use with this version, each once, the nearest first."""
    in_use = paths_in_use(Paths(api_version), enrols_by_v2=enrols_by_v2)
    found = [end for pattern, end in ENDS if any(re.search(pattern, path) for path in in_use)]
    return tuple(sorted(found, key=lambda end: (end.ends_on, end.what)))


def paths_in_use(paths: Paths, *, enrols_by_v2: bool) -> tuple[str, ...]:
    """One path of each kind that Savia calls."""
    packaged = (
        "/crm/v3/properties/contacts",
        "/crm/v3/properties/contacts/groups",
        "/crm/v3/pipelines/deals",
        "/crm/v3/owners/",
        "/crm/v4/associations/deals/contacts/batch/read",
    )
    enrolments = (paths.enrolment("1", "lead@example.com"), paths.enrolments_of("1"))
    return (
        paths.account() + "/",
        paths.token_info(),
        paths.custom_property_limit(),
        paths.flows(),
        paths.flows_batch(),
        paths.objects("contacts"),
        paths.search("contacts"),
        paths.batch("0-3", "read"),
        paths.batch("tasks", "create"),
        paths.lists(),
        paths.lists_search(),
        paths.list_by_name("Savia: hot"),
        paths.members("1", "add"),
        paths.memberships(),
        paths.email_events(),
        *(paths.of_vendor_package(path) for path in packaged),
        *(enrolments if enrols_by_v2 else ()),
    )
