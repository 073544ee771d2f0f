"""Paths of both versions, checked against HubSpot's own specification where it is at hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from app.domain.errors import BadConfig
from connectors.hubspot.paths import API_VERSIONS, Paths

SPECS = Path(__file__).parents[4] / "shared" / "contracts" / "specs" / "hubspot"


def ours(paths: Paths) -> list[tuple[str, str, str]]:
    """Method, path and the specification that must hold it."""
    objects = [("contacts", "contacts"), ("0-3", "deals"), ("tasks", "tasks")]
    found = [("get", paths.account(), "accountInfo")]
    for object_type, spec in objects:
        found.append(("post", paths.search(object_type), spec))
        found.append(("get", paths.objects(object_type), spec))
        found += [
            ("post", paths.batch(object_type, verb), spec) for verb in ("read", "create", "update", "upsert")
        ]
    found += [
        ("post", paths.lists(), "lists"),
        ("post", paths.lists_search(), "lists"),
        ("get", paths.list_by_name("Savia hot"), "lists"),
        ("put", paths.members("7", "add"), "lists"),
        ("put", paths.members("7", "remove"), "lists"),
        ("post", paths.memberships(), "lists"),
        ("get", paths.of_vendor_package("/crm/v3/owners/"), "crmOwners"),
        ("get", paths.of_vendor_package("/crm/v3/pipelines/deals"), "pipelines"),
        ("post", paths.of_vendor_package("/crm/v3/properties/contacts"), "properties"),
        ("post", paths.of_vendor_package("/crm/v3/properties/contacts/groups"), "properties"),
        ("post", paths.of_vendor_package("/crm/v4/associations/deals/contacts/batch/read"), "associations"),
    ]
    return found


@pytest.mark.parametrize("version", API_VERSIONS)
def test_every_path_is_in_the_official_specification(version: str):
    if not SPECS.is_dir():
        pytest.skip("the vendor specifications are not beside this checkout")
    for method, path, spec in ours(Paths(version)):
        if version == "v3" and spec == "associations":
            file = SPECS / "associations.v4.json"
        else:
            file = SPECS / f"{spec}.{version}.json"
        known = json.loads(file.read_text())["paths"]
        shapes = [re.sub(r"\{\w+\}", "[^/]+", shape) for shape, verbs in known.items() if method in verbs]
        assert any(re.fullmatch(shape, path) for shape in shapes), (version, method, path)


def test_an_unknown_version_is_refused_with_the_versions_that_work():
    with pytest.raises(BadConfig, match=r"hubspot\.api_version: must be 2026-09 or v3"):
        Paths("v2")


def test_names_and_addresses_are_escaped():
    paths = Paths("2026-09")
    assert paths.list_by_name("Savia 50/50 ñ").endswith("/name/Savia%2050%2F50%20%C3%B1")
    assert paths.enrolment("12", "a+b/c@example.com").endswith(
        "/12/enrollments/contacts/a%2Bb%2Fc@example.com"
    )


def test_only_the_cold_areas_of_the_vendor_package_are_dated():
    paths = Paths("2026-09")
    assert paths.of_vendor_package("/crm/v3/owners/7") == "/crm/owners/2026-09/7"
    assert paths.of_vendor_package("/crm/v3/extensions/x") == "/crm/v3/extensions/x"
    assert Paths("v3").of_vendor_package("/crm/v3/owners/") == "/crm/v3/owners"
