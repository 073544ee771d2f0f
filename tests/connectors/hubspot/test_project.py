"""The project app's files: as HubSpot's tooling takes them, and in step with what Savia reads and calls."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from connectors.hubspot import webhook
from connectors.hubspot.scopes import NEEDED, WANTED
from mappings.load import contact_properties, load_mappings

PROJECT = Path(webhook.__file__).parent / "project"
SOURCE = PROJECT / "src"
TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": TEXT, "uniqueItems": True}
UID = {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"}


def closed(**properties: Any) -> dict[str, Any]:
    """An object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def component(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    return closed(uid=UID, type={"const": kind}, config=config)


SUBSCRIPTION = {
    "type": "object",
    "properties": {
        "subscriptionType": {
            "enum": [
                f"object.{what}" for what in ("creation", "deletion", "merge", "restore", "propertyChange")
            ]
        },
        "objectType": {"enum": ["contact"]},
        "propertyName": TEXT,
        "active": {"type": "boolean"},
    },
    "required": ["subscriptionType", "objectType", "active"],
    "additionalProperties": False,
    "if": {"properties": {"subscriptionType": {"const": "object.propertyChange"}}},
    "then": {"required": ["propertyName"]},
    "else": {"not": {"required": ["propertyName"]}},
}
SCHEMAS = {
    "hsproject.json": closed(
        name=TEXT, srcDir={"const": "src"}, platformVersion={"enum": ["2025.2", "2026.03", "2026.09"]}
    ),
    "src/hsprofile.prod.json": closed(
        accountId={"type": "integer", "minimum": 1},
        variables=closed(BASE_URL={"type": "string", "pattern": "^https://[^/]+$"}),
    ),
    "src/app/app-hsmeta.json": component(
        "app",
        closed(
            name=TEXT,
            description=TEXT,
            distribution={"const": "private"},
            auth=closed(
                type={"const": "static"},
                requiredScopes=TEXTS,
                optionalScopes=TEXTS,
                conditionallyRequiredScopes=TEXTS,
            ),
            permittedUrls=closed(fetch=TEXTS, iframe=TEXTS, img=TEXTS),
            support=closed(supportEmail=TEXT, documentationUrl=TEXT, supportUrl=TEXT, supportPhone=TEXT),
        ),
    ),
    "src/app/webhooks/webhooks-hsmeta.json": component(
        "webhooks",
        closed(
            settings=closed(
                targetUrl={"type": "string", "pattern": r"^\$\{BASE_URL\}/"},
                maxConcurrentRequests={"type": "integer", "minimum": 5},
            ),
            subscriptions=closed(
                crmObjects={"type": "array", "items": SUBSCRIPTION, "uniqueItems": True},
                legacyCrmObjects={"type": "array", "maxItems": 0},
                hubEvents={
                    "type": "array",
                    "items": closed(
                        subscriptionType={"const": "contact.privacyDeletion"}, active={"const": True}
                    ),
                },
            ),
        ),
    ),
}


def read(path: str) -> dict[str, Any]:
    return dict(json.loads((PROJECT / path).read_text("utf-8")))


@pytest.mark.parametrize("path", SCHEMAS)
def test_each_file_has_the_shape_hubspots_tooling_takes(path: str):
    jsonschema.Draft202012Validator(SCHEMAS[path]).validate(read(path))


def test_nothing_stands_where_the_tooling_would_pass_over_it():
    held = {str(path.relative_to(PROJECT)) for path in PROJECT.rglob("*.json")}
    assert held == set(SCHEMAS)


def test_every_uid_is_used_once_and_every_variable_is_filled_by_the_profile():
    metas = [read(path) for path in SCHEMAS if path.endswith("-hsmeta.json")]
    assert len({meta["uid"] for meta in metas}) == len(metas)
    used = set(re.findall(r"\$\{(\w+)\}", json.dumps(metas)))
    assert used == set(read("src/hsprofile.prod.json")["variables"])


def test_deliveries_go_where_savia_listens():
    target = read("src/app/webhooks/webhooks-hsmeta.json")["config"]["settings"]["targetUrl"]
    assert target == "${BASE_URL}" + webhook.PATH


def test_every_subscription_is_one_savia_reads_and_of_our_own_properties_those_that_people_change():
    mappings = load_mappings()
    subscriptions = read("src/app/webhooks/webhooks-hsmeta.json")["config"]["subscriptions"]
    streams = mappings.streams["hubspot"].stream
    for one in subscriptions["crmObjects"]:
        assert one["subscriptionType"].replace("object.", "contact.") in streams
    assert subscriptions["hubEvents"][0]["subscriptionType"] in streams
    named = {one["propertyName"] for one in subscriptions["crmObjects"] if "propertyName" in one}
    ours = {name for name in named if name.startswith(mappings.hubspot.prefix)}
    assert named - ours <= set(contact_properties(mappings))
    edited = {item.name for item in mappings.hubspot.properties if item.human_edit == "wins"}
    assert ours == {mappings.hubspot.pause.name, *edited}


def test_the_scopes_asked_for_are_the_documented_ones():
    auth = read("src/app/app-hsmeta.json")["config"]["auth"]
    documented = (PROJECT.parent / "README.md").read_text("utf-8")
    spanish = (PROJECT / "README.es.md").read_text("utf-8")
    for scope in (*auth["requiredScopes"], *auth["optionalScopes"]):
        assert f"`{scope}`" in documented
        assert f"`{scope}`" in spanish


def test_the_scopes_asked_for_are_those_check_knows_the_effect_of():
    auth = read("src/app/app-hsmeta.json")["config"]["auth"]
    assert auth["requiredScopes"] == list(NEEDED)
    assert auth["optionalScopes"] == [*WANTED, "content"]  # of the mail log the source itself speaks


def test_everything_that_is_an_example_is_named_on_the_page_with_what_goes_there():
    page = (PROJECT / "README.es.md").read_text("utf-8")
    profile = read("src/hsprofile.prod.json")
    support = read("src/app/app-hsmeta.json")["config"]["support"]
    for example in (profile["accountId"], profile["variables"]["BASE_URL"], *support.values()):
        assert f"`{example}`" in page


def test_the_page_for_marketers_names_every_list_and_property_that_starts_a_workflow():
    page = (PROJECT / "README.es.md").read_text("utf-8")
    for workflow in load_mappings().hubspot.workflows:
        assert workflow.list_name in page
        assert workflow.label_es in page
