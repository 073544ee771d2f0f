"""All five vendors of the sandbox, wired as an operator wires them: pulled, understood, nothing held."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from app.config import load_settings
from app.domain.texts import TEXT_FEATURES
from app.pipeline.pull import pull_source
from app.pipeline.texts import read_new_texts
from app.pipeline.understand import rescore_touched
from app.services import Services
from app.wiring import make_services
from tests.sandbox.server import Sandbox


def wired(sandbox: Sandbox, database_url: str, folder: Path) -> Services:
    config = folder / "config.toml"
    config.write_text(sandbox.config_toml())
    environ = sandbox.environment("https://savia.example.com")
    settings = load_settings({**environ, "DATABASE_URL": database_url, "SAVIA_CONFIG": str(config)})
    return make_services(settings, database_url)


def rows(database: sa.Engine, query: str) -> list[tuple[object, ...]]:
    with database.connect() as conn:
        return [tuple(row) for row in conn.execute(sa.text(query))]


@pytest.mark.slow
def test_every_vendor_is_read_and_what_each_lead_did_is_theirs(
    database: sa.Engine, database_url: str, tmp_path: Path
):
    with Sandbox(leads=20) as sandbox:
        services = wired(sandbox, database_url, tmp_path)
        assert services.off == {}
        for source in services.sources:
            pull_source(services, source, services.clock())
        while rescore_touched(services, services.clock()).more:
            pass
        while read_new_texts(services, services.clock()).more:
            pass
        rescore_touched(services, services.clock())
        services.database.dispose()
        mail = sandbox.activecampaign.mail
        sent = sandbox.openai.everything_sent()
    assert rows(database, "SELECT * FROM quarantine") == []
    assert rows(database, "SELECT 1 FROM observation WHERE source = 'ga4' AND kind = 'website_visit'")
    clicks = rows(database, "SELECT count(*) FROM observation WHERE kind = 'email_click'")[0][0]
    minutes = {
        (act.lead_key, act.campaign_id, act.link_id, act.at.replace(second=0, microsecond=0))
        for act in mail.acts
        if act.act == "click"
    }
    assert clicks == len(minutes), "every click once"
    machines = rows(database, "SELECT 1 FROM activity WHERE attributes->>'machine' = 'true'")
    assert machines
    assert {row[0] for row in rows(database, "SELECT jsonb_object_keys(values) FROM feature")} >= set(
        TEXT_FEATURES
    )
    assert "@" not in sent
