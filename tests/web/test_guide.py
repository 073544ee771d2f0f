"""The page for marketers: every name on it and in its pictures is one this installation really uses."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from flask.testing import FlaskClient

import app.web
from connectors.hubspot.flows import GUIDE
from tests.line import MAPPINGS

PICTURES = sorted((Path(app.web.__file__).parent / "static" / "guide").glob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"


def test_the_page_names_every_sequence_its_property_and_its_list(web: FlaskClient) -> None:
    page = web.get(GUIDE)
    assert page.status_code == 200
    for workflow in MAPPINGS.hubspot.workflows:
        for name in (workflow.key, workflow.label_es, workflow.list_name):
            assert name in page.text
    assert "Savia: grupo de control" in page.text


def test_every_picture_is_on_the_page_and_can_be_fetched(web: FlaskClient) -> None:
    shown = re.findall(r'src="(/static/guide/[^"]+)"', web.get(GUIDE).text)
    assert [Path(one).name for one in shown] == [one.name for one in PICTURES]
    for one in shown:
        with web.get(one) as answer:
            assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_light_has_a_title_and_asks_for_nothing_outside(picture: Path) -> None:
    text = picture.read_text("utf-8")
    drawn = ET.fromstring(text)
    assert drawn.findtext(f"{SVG}title")
    assert drawn.findtext(f"{SVG}desc")
    assert len(text) < 8_000
    assert "<script" not in text
    assert not re.search(r"href|url\(|@import", text)


def test_the_names_in_the_pictures_are_those_of_the_mapping() -> None:
    mapping = MAPPINGS.hubspot
    ours = {item.label_es for item in (*mapping.properties, *mapping.workflows)}
    ours |= {workflow.list_name for workflow in mapping.workflows}
    drawn = [each for path in PICTURES for each in re.findall(r"Savia: [^<»]+", path.read_text("utf-8"))]
    assert len(drawn) >= 5
    assert set(drawn) - ours - {"Savia: grupo de control es Sí"} == set()


def test_the_setup_page_leads_there(web: FlaskClient) -> None:
    assert f'href="{GUIDE}"' in web.get("/setup").text
