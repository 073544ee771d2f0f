"""One TOML file over documented defaults, secrets from the environment: frozen Settings, or every fault."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.domain.errors import BadConfig, Fault

Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+[^/\s]$")]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Minutes = Annotated[int, Field(ge=1, le=1440)]
Days = Annotated[int, Field(ge=1, le=3650)]


class Section(BaseModel):
    """A table of the TOML file. Unknown keys are faults: a misspelt setting must not be ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class HubSpot(Section):
    """`[hubspot]`"""

    base_url: Address = "https://api.hubapi.com"
    api_version: Literal["2026-09", "v3"] = "2026-09"
    calls_per_10_seconds: Annotated[int, Field(ge=1, le=250)] = 190
    keep_free: Annotated[float, Field(ge=0, le=0.8)] = 0.2
    create_contacts: bool = True
    marketing_contacts: Count = 0
    marketing_contacts_pack: Annotated[int, Field(ge=1)] = 5000


class Zoom(Section):
    """`[zoom]`"""

    base_url: Address = "https://api.zoom.us/v2"
    oauth_url: Address = "https://zoom.us/oauth/token"
    plan: Literal["free", "pro", "business"] = "pro"
    hosts: tuple[str, ...] = ("me",)


class ActiveCampaign(Section):
    """`[activecampaign]`; an empty address means the one in ACTIVECAMPAIGN_URL."""

    base_url: Address | Literal[""] = ""


class Ga4(Section):
    """`[ga4]`"""

    endpoint: Address = "https://analyticsdata.googleapis.com"


class OpenAi(Section):
    """`[openai]`"""

    base_url: Address = "https://api.openai.com/v1"
    model: Annotated[str, StringConstraints(min_length=1)] = "gpt-5.4-nano"
    texts_per_day: Count = 500


class Schedule(Section):
    """`[schedule]`: minutes between two runs of a job."""

    sync_minutes: Minutes = 10
    rescore_minutes: Minutes = 60
    write_back_minutes: Minutes = 5


class WriteBack(Section):
    """`[write_back]`: the brake. Counts are per plan or rolling day, shares are per rolling day."""

    unattended: bool = True
    max_new_contacts: Count = 200
    max_list_joins: Count = 500
    max_enrolments: Count = 100
    max_tasks: Count = 50
    max_enrolments_per_day: Count = 500
    max_tasks_per_day: Count = 200
    max_new_contacts_share: Share = 0.05
    max_list_joins_share: Share = 0.3
    max_band_moves: Share = 0.2
    max_clears: Share = 0.05
    max_list_leaves: Share = 0.5
    max_mean_score_move: Annotated[float, Field(ge=0, le=100)] = 5.0
    minimum_population: Count = 50


class Pilot(Section):
    """`[pilot]`: the HubSpot list whose members alone are written to; empty means everybody."""

    list: str = ""


class Experiment(Section):
    """`[experiment]`: the share of leads that Savia does not act on, to be compared with; 0 is off."""

    holdout_share: Annotated[float, Field(ge=0, le=0.5)] = 0.0


class Keep(Section):
    """`[keep]`: days after which what is finished is cleared. Facts, scores and the ledger are kept."""

    deliveries_days: Days = 30
    runs_days: Days = 90
    plans_days: Days = 180
    dead_letters_days: Days = 30
    webinar_webhooks_days: Days = 30


class Outcome(Section):
    """`[outcome]`: what conversion means, for training, bands, lift and KPIs alike."""

    event: Literal["deal_won", "deal_created"] = "deal_won"
    horizon_days: Annotated[int, Field(ge=1, le=730)] = 90


class BandSettings(Section):
    """`[bands]`: 0 keeps the published bands; otherwise hot holds this many leads, the best of the week."""

    capacity_per_week: Count = 0


class Secrets(Section):
    """What only the environment may hold. Empty means "not given"; never printed."""

    database_url: str = Field("", repr=False)
    hubspot_access_token: str = Field("", repr=False)
    hubspot_client_secret: str = Field("", repr=False)
    zoom_account_id: str = Field("", repr=False)
    zoom_client_id: str = Field("", repr=False)
    zoom_client_secret: str = Field("", repr=False)
    zoom_webhook_secret: str = Field("", repr=False)
    activecampaign_url: str = Field("", repr=False)
    activecampaign_api_key: str = Field("", repr=False)
    activecampaign_webhook_secret: str = Field("", repr=False)
    ga4_property_id: str = Field("", repr=False)
    google_credentials_json: str = Field("", repr=False)
    openai_api_key: str = Field("", repr=False)
    savia_public_url: str = Field("", repr=False)
    savia_admin_password: str = Field("", repr=False)


class Settings(Section):
    """Everything an operator can set."""

    language: Literal["es", "en"] = "es"
    hubspot: HubSpot = HubSpot()
    zoom: Zoom = Zoom()
    activecampaign: ActiveCampaign = ActiveCampaign()
    ga4: Ga4 = Ga4()
    openai: OpenAi = OpenAi()
    schedule: Schedule = Schedule()
    write_back: WriteBack = WriteBack()
    pilot: Pilot = Pilot()
    experiment: Experiment = Experiment()
    keep: Keep = Keep()
    outcome: Outcome = Outcome()
    bands: BandSettings = BandSettings()
    secrets: Secrets = Field(Secrets(), repr=False)

    @property
    def public_url(self) -> str:
        """The https address vendors call, without a trailing slash: signatures cover it."""
        return self.secrets.savia_public_url.rstrip("/")


VENDOR_SECRETS: Mapping[str, tuple[str, ...]] = {
    "HubSpot": ("HUBSPOT_ACCESS_TOKEN",),
    "HubSpot webhooks": ("HUBSPOT_CLIENT_SECRET", "SAVIA_PUBLIC_URL"),
    "Zoom": ("ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET"),
    "Zoom webhooks": ("ZOOM_WEBHOOK_SECRET",),
    "ActiveCampaign": ("ACTIVECAMPAIGN_URL", "ACTIVECAMPAIGN_API_KEY"),
    "ActiveCampaign webhooks": ("ACTIVECAMPAIGN_WEBHOOK_SECRET", "SAVIA_PUBLIC_URL"),
    "GA4": ("GA4_PROPERTY_ID", "GOOGLE_CREDENTIALS_JSON"),
    "OpenAI": ("OPENAI_API_KEY",),
}
"""What each vendor needs before it is on. A vendor without its secrets is off, and says so."""


def missing_secrets(secrets: Secrets) -> dict[str, tuple[str, ...]]:
    """Vendor -> names of the environment variables it still lacks; vendors that are complete are absent."""
    lacking = {
        vendor: tuple(name for name in names if not getattr(secrets, name.lower()))
        for vendor, names in VENDOR_SECRETS.items()
    }
    return {vendor: names for vendor, names in lacking.items() if names}


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from the file named by SAVIA_CONFIG (default config.toml, optional) and the environment.

    Raises BadConfig with every fault of the file and the environment at once.
    """
    path = Path(environ.get("SAVIA_CONFIG", "config.toml"))
    faults: list[Fault] = []
    table = _read_file(path, named="SAVIA_CONFIG" in environ, faults=faults)
    if "secrets" in table:
        faults.append(Fault(path.name, "secrets", "remove it: secrets come from the environment only"))
        del table["secrets"]
    secrets = {name: environ.get(name.upper(), "").strip() for name in Secrets.model_fields}
    faults += _environment_faults(secrets, on_heroku="DYNO" in environ)
    try:
        settings = Settings.model_validate({**table, "secrets": secrets})
    except ValidationError as error:
        faults += [_fault(path.name, item) for item in error.errors()]
    if faults:
        raise BadConfig(faults)
    return settings


def _read_file(path: Path, *, named: bool, faults: list[Fault]) -> dict[str, Any]:
    if not path.is_file():
        if named:
            faults.append(Fault(str(path), "SAVIA_CONFIG", "no such file: correct the path or unset it"))
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
        return {key: _lists_to_tuples(value) for key, value in tomllib.loads(text).items()}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(Fault(path.name, "(whole file)", f"not valid TOML in UTF-8: {error}"))
        return {}


def _lists_to_tuples(value: Any) -> Any:
    """TOML arrays as tuples: settings are frozen, and strict validation takes no list for a tuple."""
    if isinstance(value, dict):
        return {key: _lists_to_tuples(item) for key, item in value.items()}
    return tuple(_lists_to_tuples(item) for item in value) if isinstance(value, list) else value


def _environment_faults(secrets: Mapping[str, str], *, on_heroku: bool) -> list[Fault]:
    faults = []
    if on_heroku and not secrets["database_url"]:
        faults.append(
            Fault(
                "environment", "DATABASE_URL", "a dyno's disk does not last: add Heroku Postgres to the app"
            )
        )
    public_url = secrets["savia_public_url"]
    if public_url and not public_url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        faults.append(Fault("environment", "SAVIA_PUBLIC_URL", "must be the https address vendors call"))
    return faults


def _fault(file: str, item: Any) -> Fault:
    key = ".".join(str(part) for part in item["loc"]) or "(whole file)"
    if item["type"] == "extra_forbidden":
        return Fault(file, key, "no such setting: see config.example.toml")
    if item["type"] == "string_pattern_mismatch":
        return Fault(file, key, "must be an http(s) address without a slash at its end")
    return Fault(file, key, item["msg"].removeprefix("Input ").replace("should be", "must be"))
