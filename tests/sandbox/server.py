"""The whole sandbox as one HTTP server in a thread: each vendor below its own name, and /control."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self

from flask import Flask

from tests.sandbox import activecampaign, control, ga4, openai, zoom
from tests.sandbox.activecampaign import ActiveCampaignAccount
from tests.sandbox.ga4 import Ga4Property
from tests.sandbox.hubspot import HubSpotPortal
from tests.sandbox.hubspot import make_blueprint as make_hubspot_blueprint
from tests.sandbox.mail_world import make_mail_world
from tests.sandbox.openai import OpenAiModel
from tests.sandbox.play import Play
from tests.sandbox.serving import LocalServer
from tests.sandbox.stage import fill_portal
from tests.sandbox.switches import Switches, Troubled
from tests.sandbox.visit_world import make_visits
from tests.sandbox.world import Story, make_world
from tests.sandbox.zoom_account import ZoomAccount, ZoomCredentials

HUBSPOT_TOKEN = "pat-na1-sandbox-token"
HUBSPOT_CLIENT_SECRET = "sandbox-hubspot-client-secret"
ZOOM_ACCOUNT_ID = "sandbox-zoom-account"
ZOOM_CLIENT_ID = "sandbox-zoom-client"
ZOOM_CLIENT_SECRET = "sandbox-zoom-client-secret"
ZOOM_WEBHOOK_SECRET = "sandbox-zoom-webhook-secret"
ACTIVECAMPAIGN_WEBHOOK_SECRET = "sandbox-activecampaign-secret"


class Sandbox:
    """A world and the vendors that know parts of it. `start` serves until `stop`; also a context manager.
    Webhook retry delays are multiplied by `time_scale`; deals reach `deal_days` back; `switches` say what
    befalls calls and deliveries.
    """

    def __init__(
        self,
        leads: int = 500,
        webinars: int = 2,
        seed: int = 7,
        port: int = 0,
        time_scale: float = 0.001,
        now: datetime | None = None,
        deal_days: int = 200,
    ) -> None:
        self.world = make_world(seed, leads, webinars, now or datetime.now(UTC), deal_days)
        self.story = Story(self.world)
        self.portal = HubSpotPortal(token=HUBSPOT_TOKEN)
        ids = fill_portal(self.portal, self.world)
        self.activecampaign = ActiveCampaignAccount(make_mail_world(self.world))
        self.ga4 = Ga4Property(make_visits(self.world, ids))
        self.openai = OpenAiModel()
        self.zoom = ZoomAccount(
            self.story, ZoomCredentials(ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET)
        )
        self.switches = Switches(seed)
        self.play = Play(
            self.story,
            self.portal,
            self.zoom,
            zoom_secret=ZOOM_WEBHOOK_SECRET,
            hubspot_secret=HUBSPOT_CLIENT_SECRET,
            time_scale=time_scale,
            switches=self.switches,
        )
        self.server = LocalServer(self._app(), port)
        self.port, self.url = self.server.port, self.server.url

    def start(self) -> Self:
        """Begin to serve; returns at once."""
        self.server.start()
        return self

    def stop(self) -> None:
        """End deliveries and the server."""
        self.play.close()
        self.server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def environment(self, public_url: str) -> dict[str, str]:
        """The environment variables Savia needs to work against this sandbox."""
        return {
            "HUBSPOT_ACCESS_TOKEN": HUBSPOT_TOKEN,
            "HUBSPOT_CLIENT_SECRET": HUBSPOT_CLIENT_SECRET,
            "ZOOM_ACCOUNT_ID": ZOOM_ACCOUNT_ID,
            "ZOOM_CLIENT_ID": ZOOM_CLIENT_ID,
            "ZOOM_CLIENT_SECRET": ZOOM_CLIENT_SECRET,
            "ZOOM_WEBHOOK_SECRET": ZOOM_WEBHOOK_SECRET,
            "ACTIVECAMPAIGN_URL": f"{self.url}/activecampaign",
            "ACTIVECAMPAIGN_API_KEY": self.activecampaign.api_key,
            "ACTIVECAMPAIGN_WEBHOOK_SECRET": ACTIVECAMPAIGN_WEBHOOK_SECRET,
            "GA4_PROPERTY_ID": self.ga4.property_id,
            "GOOGLE_CREDENTIALS_JSON": "{}",  # a stand-in is spoken to anonymously
            "OPENAI_API_KEY": self.openai.token,
            "SAVIA_PUBLIC_URL": public_url,
        }

    def config_toml(self) -> str:
        """The vendors' addresses as Savia's configuration file has them."""
        return (
            f'[hubspot]\nbase_url = "{self.url}/hubspot"\n\n'
            f'[zoom]\nbase_url = "{self.url}/zoom/v2"\noauth_url = "{self.url}/zoom/oauth/token"\n\n'
            f'[activecampaign]\nbase_url = "{self.url}/activecampaign"\n\n'
            f'[ga4]\nendpoint = "{self.url}/ga4"\n\n'
            f'[openai]\nbase_url = "{self.url}/openai/v1"\n'
        )

    def _app(self) -> Flask:
        app = Flask("sandbox")
        app.register_blueprint(make_hubspot_blueprint(self.portal), url_prefix="/hubspot")
        app.register_blueprint(zoom.make_blueprint(self.zoom), url_prefix="/zoom")
        app.register_blueprint(
            activecampaign.make_blueprint(self.activecampaign), url_prefix="/activecampaign"
        )
        app.register_blueprint(ga4.make_blueprint(self.ga4), url_prefix="/ga4")
        app.register_blueprint(openai.make_blueprint(self.openai), url_prefix="/openai")
        app.register_blueprint(control.make_blueprint(self.play, self.switches), url_prefix="/control")
        app.wsgi_app = Troubled(app.wsgi_app, self.switches)
        return app
