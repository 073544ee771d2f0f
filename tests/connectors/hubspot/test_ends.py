"""Which published ends concern us, by the API version in use."""

from __future__ import annotations

import ast
import re
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

import connectors.hubspot
from connectors.hubspot.ends import ENDS, paths_in_use, published_ends
from connectors.hubspot.health import problems_told
from connectors.hubspot.paths import API_VERSIONS, Paths
from connectors.hubspot.vendor_package import VendorPackage

SCOPES = {"what `check` asks of the token's scopes": date(2027, 9, 1)}
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MAIL_LOG = {"the mail log (email events v1)": date(2027, 9, 1)}


WORKFLOWS = {"what `check` reads of the workflows (automation v4)": date(2027, 3, 30)}
PACKAGED = {
    "properties": "/properties/2026-09/contacts$",
    "groups": "/properties/2026-09/contacts/groups",
    "pipelines": "/pipelines/",
    "owners": "/owners/",
    "associations": "/associations/",
}
"""What we use of the vendor's package -> the path by which it is watched."""


def names(version: str, *, enrols_by_v2: bool = False) -> dict[str, date]:
    return {end.what: end.ends_on for end in published_ends(version, enrols_by_v2=enrols_by_v2)}


def test_the_dated_version_has_its_own_end_beside_the_calls_without_a_dated_form():
    assert names("2026-09") == {
        **SCOPES,
        **MAIL_LOG,
        **WORKFLOWS,
        "API version 2026-09": date(2028, 3, 1),
    }


def test_the_v2_enrolment_is_watched_where_a_workflow_uses_it():
    assert names("2026-09", enrols_by_v2=True)["the v2 enrolment call"] == date(2027, 9, 1)


def test_v3_ends_in_september_2027_and_its_associations_before():
    assert names("v3") == {
        **SCOPES,
        **MAIL_LOG,
        **WORKFLOWS,
        "associations v4": date(2027, 3, 30),
        "the v3 API": date(2027, 9, 1),
    }


class Watched(Paths):
    """Paths that note which of them were asked for."""

    asked: set[str] = set()  # noqa: RUF012 a slot cannot be written to a frozen one

    def __getattribute__(self, name: str) -> Any:
        Watched.asked.add(name)
        return super().__getattribute__(name)


@pytest.mark.parametrize("version", API_VERSIONS)
def test_every_path_of_ours_is_watched_and_has_a_published_end(version: str):
    Watched.asked.clear()
    watched = paths_in_use(Watched(version), enrols_by_v2=True)
    ours = {name for name in vars(Paths) if not name.startswith("_")} - {"api_version"}
    assert ours <= Watched.asked
    for path in watched:
        assert [end for pattern, end in ENDS if re.search(pattern, path)], path


def test_no_path_is_spelt_outside_the_file_whose_paths_are_watched():
    folder = Path(next(iter(connectors.hubspot.__path__)))
    spelt = [
        (file.name, node.value)
        for file in sorted(folder.glob("*.py"))
        if file.name not in {"paths.py", "ends.py"}
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.search(r"/(v\d|20\d\d-\d\d)(/|$)", node.value)
    ]
    assert spelt == []


def test_every_part_of_the_vendor_package_that_we_use_has_a_watched_path():
    used = {name for name in vars(VendorPackage) if not name.startswith("_")}
    assert used == set(PACKAGED)
    watched = paths_in_use(Paths("2026-09"), enrols_by_v2=False)
    for shape in PACKAGED.values():
        assert [path for path in watched if re.search(shape, path)], shape


def test_pipelines_v1_is_known_and_never_in_use():
    assert any(end.what == "pipelines v1" for _, end in ENDS)
    assert "pipelines v1" not in {**names("2026-09"), **names("v3")}


@pytest.mark.parametrize(("seconds", "word"), [(90, "behind"), (-90, "ahead of")])
def test_a_clock_that_is_off_is_told_with_the_way(seconds: int, word: str):
    headers = {"Date": format_datetime(NOW + timedelta(seconds=seconds))}
    (problem,) = problems_told(headers, NOW, 190)
    assert f"90 s {word} HubSpot's" in problem.message


def test_a_limit_above_the_plans_is_told_with_the_right_number():
    (problem,) = problems_told({"X-HubSpot-RateLimit-Max": "100"}, NOW, 190)
    assert "calls_per_10_seconds = 100" in problem.message


def test_a_quota_nearly_used_up_is_told():
    headers = {"X-HubSpot-RateLimit-Daily": "250000", "X-HubSpot-RateLimit-Daily-Remaining": "24999"}
    (problem,) = problems_told(headers, NOW, 100)
    assert "24999 of the day's 250000" in problem.message


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}, {"X-HubSpot-RateLimit-Max": "many"}])
def test_headers_that_say_nothing_trouble_nobody(headers: dict[str, str]):
    assert list(problems_told(headers, NOW, 190)) == []
