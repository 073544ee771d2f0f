"""The three rings' first two: each file by itself, then the files among themselves; all faults in one go."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from app.domain.errors import BadConfig
from app.domain.feature_table import FEATURES
from mappings.load import FOLDER, contact_properties, deal_properties, load_mappings

Spoil = Callable[[str, str, str], None]
"""File, text that stands in it, text to put there."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied = tmp_path / "mappings"
    shutil.copytree(FOLDER, copied, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return copied


@pytest.fixture
def spoil(folder: Path) -> Spoil:
    def replace(file: str, old: str, new: str) -> None:
        text = (folder / file).read_text("utf-8")
        assert old in text, "the mapping that ships no longer holds what this test spoils"
        (folder / file).write_text(text.replace(old, new, 1), "utf-8")

    return replace


def faults(folder: Path) -> list[str]:
    with pytest.raises(BadConfig) as caught:
        load_mappings(folder)
    return [str(fault) for fault in caught.value.faults]


def test_the_mappings_that_ship_are_right() -> None:
    mappings = load_mappings()
    assert set(mappings.streams) >= {"hubspot", "zoom"}
    assert set(mappings.features.features) == set(FEATURES)


def test_hubspot_is_asked_for_every_property_the_mapping_reads() -> None:
    mappings = load_mappings()
    assert {"email", "hs_additional_emails", "jobtitle", "lastmodifieddate"} <= set(
        contact_properties(mappings)
    )
    assert {"dealstage", "hs_is_closed_won", "hs_lastmodifieddate"} <= set(deal_properties(mappings))
    assert not [name for name in contact_properties(mappings) if "." in name or " " in name]


def test_the_faults_of_every_file_come_in_one_go(folder: Path, spoil: Spoil) -> None:
    spoil("engagement.toml", "half_life_days = 30.0", 'half_life_days = "30"')
    spoil("hubspot.toml", "[group]", "[groop]")
    spoil("sources/zoom.toml", 'kind = "registration"\n', 'kind = "registration"\ncolour = "red"\n')
    (folder / "features.toml").write_text("features = [", "utf-8")
    (folder / "scoring.toml").unlink()
    found = faults(folder)
    assert "engagement.toml: half_life_days: should be a valid number" in found
    assert "hubspot.toml: group: is missing" in found
    assert "hubspot.toml: groop: is not a known key: remove it or correct its spelling" in found
    assert (
        'sources/zoom.toml: stream."webinar.registration_created".observation[0].colour: '
        "is not a known key: remove it or correct its spelling"
    ) in found
    assert any(fault.startswith("features.toml: file: is not TOML") for fault in found)
    assert any(fault.startswith("scoring.toml: file: cannot be read") for fault in found)


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        (
            "sources/zoom.toml",
            'source = "zoom"',
            'source = "zum"',
            'sources/zoom.toml: source: must be "zoom", like the file',
        ),
        (
            "sources/zoom.toml",
            '"webinar.alert"',
            '"webinar.started"',
            'sources/zoom.toml: ignored: "webinar.started" is ignored and has a meaning: keep one',
        ),
        (
            "sources/zoom.toml",
            'kind = "chat_message"',
            'kind = "applause"',
            "engagement.toml: kinds.applause: is missing: sources/zoom.toml makes such activities",
        ),
        (
            "sources/hubspot.toml",
            'industry = "properties.industry"\n',
            "",
            'features.toml: features.industry.profiles: "hubspot.industry" is not read: '
            "add it to sources/hubspot.toml or say customer_supplied = true",
        ),
        (
            "sources/hubspot.toml",
            "[stream.deals.deal]",
            "[stream.bargains.deal]",
            "sources/hubspot.toml: stream.deals: is missing: leads are read from it",
        ),
        (
            "features.toml",
            'activities = ["poll_participation"]',
            'activities = ["pole_participation"]',
            'features.toml: features.poll_participation.activities: "pole_participation" is no kind',
        ),
        (
            "features.toml",
            'attribute = "tracking_source"',
            'attribute = "tracking_sauce"',
            'features.toml: features.source_traffic.attribute: "tracking_sauce" is no attribute',
        ),
        (
            "hubspot.toml",
            'value = "score"',
            'value = "skore"',
            "hubspot.toml: properties[0].value: must be one of",
        ),
        (
            "hubspot.toml",
            'name = "savia_score"',
            'name = "lead_score"',
            'hubspot.toml: properties: "lead_score" must begin with the prefix "savia_"',
        ),
        (
            "hubspot.toml",
            'name = "savia_band"',
            'name = "savia_score"',
            'hubspot.toml: properties: "savia_score" stands there twice: keep one',
        ),
        (
            "hubspot.toml",
            'name = "savia_band"',
            'name = "savia_Band"',
            'hubspot.toml: properties: "savia_Band" must be a small letter',
        ),
        (
            "hubspot.toml",
            'band = "warm"\nname = "Savia: warm"',
            'band = "hot"\nname = "Savia: warm"',
            'hubspot.toml: lists: has no list for the band "warm"',
        ),
        (
            "hubspot.toml",
            'list_name = "Savia: secuencia hot_leads"',
            'list_name = "Savia: hot"',
            'hubspot.toml: lists: "Savia: hot" stands there twice: keep one',
        ),
        (
            "hubspot.toml",
            'trigger_property = "savia_hot_leads_at"',
            'trigger_property = "savia_score"',
            'hubspot.toml: properties: "savia_score" stands there twice: keep one',
        ),
        (
            "hubspot.toml",
            'options = ["hot", "warm", "cold", "unqualified"]',
            'options = ["hot", "warm"]',
            "hubspot.toml: properties[1].options: must hold every band",
        ),
        (
            "hubspot.toml",
            "{reasons}",
            "{secrets}",
            "hubspot.toml: tasks[0].body: may hold {score} and {reasons}",
        ),
        ("hubspot.toml", "step = 3 ", "step = 0 ", "hubspot.toml: properties[0].step: must be more than 0"),
    ],
)
def test_what_does_not_fit_is_named_by_file_and_key(
    folder: Path, spoil: Spoil, file: str, old: str, new: str, fault: str
) -> None:
    spoil(file, old, new)
    assert any(found.startswith(fault) for found in faults(folder)), faults(folder)


def test_a_reason_without_its_spanish_is_a_fault(folder: Path) -> None:
    file = folder / "scoring.toml"
    text = file.read_text("utf-8")
    file.write_text(f'{text}\n[reason.invented]\nes = " "\nen = "Invented"\n', "utf-8")
    assert faults(folder) == ["scoring.toml: reason.invented.es: is empty: write the text a person will read"]
