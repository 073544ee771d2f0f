"""What is HubSpot's or the marketer's own is never written, and no mapping can say otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.domain.errors import BadConfig
from app.domain.portal import asked_names, owned_names
from mappings.load import FOLDER, contact_properties, load_mappings

THEIRS = ["lifecyclestage", "hs_marketable_status", "hs_email_optout", "hubspot_owner_id", "hs_lead_status"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied = tmp_path / "mappings"
    shutil.copytree(FOLDER, copied, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return copied


def test_the_mapping_that_ships_owns_none_of_them() -> None:
    assert all(name.startswith("savia_") for name in owned_names(load_mappings().hubspot))


@pytest.mark.parametrize("name", THEIRS)
def test_a_mapping_that_names_one_is_refused(folder: Path, name: str) -> None:
    text = (folder / "hubspot.toml").read_text("utf-8")
    (folder / "hubspot.toml").write_text(text.replace('name = "savia_score"', f'name = "{name}"', 1), "utf-8")
    with pytest.raises(BadConfig, match=f'"{name}" must begin with the prefix'):
        load_mappings(folder)


@pytest.mark.parametrize("prefix", ["", "hs_", "hubspot_", "life", "Savia_"])
def test_a_prefix_that_would_let_them_in_is_refused(folder: Path, prefix: str) -> None:
    text = (folder / "hubspot.toml").read_text("utf-8")
    (folder / "hubspot.toml").write_text(
        text.replace('prefix = "savia_"', f'prefix = "{prefix}"', 1), "utf-8"
    )
    with pytest.raises(BadConfig, match="prefix"):
        load_mappings(folder)


def test_lifecycle_stage_and_marketing_status_are_read_all_the_same() -> None:
    mappings = load_mappings()
    assert {"lifecyclestage", "hs_marketable_status", "hs_email_optout"} <= set(contact_properties(mappings))
    assert "hs_marketable_status" in asked_names(mappings.hubspot)
