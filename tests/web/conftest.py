"""The receiver over a real database, its vendors' webhooks on, at a moment that is told."""

from __future__ import annotations

from datetime import datetime

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from app.services import Services
from app.web import create_app
from tests.line import services_of


@pytest.fixture
def services(database: sa.Engine, now: datetime) -> Services:
    return services_of(database, lambda: now)


@pytest.fixture
def web(services: Services) -> FlaskClient:
    return create_app(services).test_client()
