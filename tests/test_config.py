"""Settings: every fault at once, with its place and what would be right; secrets from the environment."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import VENDOR_SECRETS, Secrets, Settings, load_settings, missing_secrets
from app.domain.errors import BadConfig, Fault

ENVIRONMENT = {name.upper(): f"{name}-is-secret" for name in Secrets.model_fields} | {
    "SAVIA_PUBLIC_URL": "https://savia.example.com/",
    "ACTIVECAMPAIGN_URL": "https://account.example.com",
}


def load(folder: Path, text: str, **environ: str) -> Settings:
    path = folder / "savia.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings({"SAVIA_CONFIG": str(path), **environ})


def faults(folder: Path, text: str, **environ: str) -> tuple[Fault, ...]:
    with pytest.raises(BadConfig) as raised:
        load(folder, text, **environ)
    return raised.value.faults


# --- good files -------------------------------------------------------------------------------------------


def test_without_a_file_and_without_keys_everything_has_a_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings({}) == Settings()
    (tmp_path / "config.toml").write_text('language = "en"')
    assert load_settings({}).language == "en"


def test_what_the_file_says_counts_and_the_rest_stays_default(tmp_path: Path) -> None:
    settings = load(tmp_path, '[zoom]\nhosts = ["a@example.com", "b"]\n[write_back]\nmax_tasks = 7\n')
    assert settings.zoom.hosts == ("a@example.com", "b")
    assert (settings.write_back.max_tasks, settings.write_back.max_enrolments) == (7, 100)


def test_secrets_come_trimmed_from_the_environment(tmp_path: Path) -> None:
    settings = load(
        tmp_path, "", HUBSPOT_ACCESS_TOKEN=" pat-1\n", SAVIA_PUBLIC_URL="https://savia.example.com/"
    )
    assert settings.secrets.hubspot_access_token == "pat-1"
    assert settings.public_url == "https://savia.example.com"


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    assert load(tmp_path, '\ufefflanguage = "en"').language == "en"


# --- one fault each ---------------------------------------------------------------------------------------

ONE_FAULT = {
    "not TOML": ("language = ", "(whole file)", "not valid TOML"),
    "unknown table": ("[hubspto]\nx = 1", "hubspto", "no such setting"),
    "unknown key": ('[hubspot]\nbaseurl = "https://a.example.com"', "hubspot.baseurl", "no such setting"),
    "unknown key at the top": ("lang = 'es'", "lang", "no such setting"),
    "language": ('language = "fr"', "language", "must be 'es' or 'en'"),
    "version": ('[hubspot]\napi_version = "v1"', "hubspot.api_version", "must be '2026-09' or 'v3'"),
    "address": ('[zoom]\nbase_url = "api.zoom.us"', "zoom.base_url", "must be an http(s) address"),
    "slash": ('[zoom]\nbase_url = "https://api.zoom.us/v2/"', "zoom.base_url", "without a slash"),
    "rate": ("[hubspot]\ncalls_per_10_seconds = 0", "hubspot.calls_per_10_seconds", "greater than or equal"),
    "text for a number": (
        '[schedule]\nsync_minutes = "10"',
        "schedule.sync_minutes",
        "must be a valid integer",
    ),
    "number for a flag": (
        "[hubspot]\ncreate_contacts = 1",
        "hubspot.create_contacts",
        "must be a valid boolean",
    ),
    "never": ("[schedule]\nsync_minutes = 0", "schedule.sync_minutes", "greater than or equal to 1"),
    "share": ("[write_back]\nmax_clears = 5", "write_back.max_clears", "less than or equal to 1"),
    "not finite": ("[write_back]\nmax_clears = nan", "write_back.max_clears", ""),
    "negative": ("[write_back]\nmax_tasks = -1", "write_back.max_tasks", "greater than or equal to 0"),
    "hosts": ('[zoom]\nhosts = "me"', "zoom.hosts", "must be a valid tuple"),
    "event": ('[outcome]\nevent = "won"', "outcome.event", "must be"),
    "horizon": ("[outcome]\nhorizon_days = 10_000", "outcome.horizon_days", "less than or equal to 730"),
    "a table that is none": ("hubspot = 1", "hubspot", "must be a valid dictionary"),
    "secrets in the file": ('[secrets]\nopenai_api_key = "sk-1"', "secrets", "environment only"),
}


@pytest.mark.parametrize("name", ONE_FAULT)
def test_each_fault_is_told_with_file_key_and_what_would_be_right(tmp_path: Path, name: str) -> None:
    text, key, message = ONE_FAULT[name]
    (found,) = faults(tmp_path, text)
    assert (found.file, found.key.removesuffix(".Address")) == ("savia.toml", key)
    assert message in found.message
    assert "\n" not in str(found)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    parts = [
        value for name, value in ONE_FAULT.items() if name in {"version", "share", "horizon", "negative"}
    ]
    text = '[hubspot]\napi_version = "v1"\nbase = 1\n[write_back]\nmax_clears = 5\nmax_tasks = -1\n'
    text += '[outcome]\nhorizon_days = 10_000\n[secrets]\nopenai_api_key = "sk-1"\n'
    found = {item.key for item in faults(tmp_path, text, DYNO="web.1", SAVIA_PUBLIC_URL="ftp://x")}
    expected = {key for _, key, _ in parts} | {"hubspot.base", "secrets", "DATABASE_URL", "SAVIA_PUBLIC_URL"}
    assert found == expected


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadConfig) as raised:
        load_settings({"SAVIA_CONFIG": str(tmp_path / "gone.toml")})
    assert raised.value.faults[0].key == "SAVIA_CONFIG"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"language = '\xe9s'"])
def test_a_file_in_another_encoding_is_a_fault(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "savia.toml").write_bytes(content)
    with pytest.raises(BadConfig, match="UTF-8"):
        load_settings({"SAVIA_CONFIG": str(tmp_path / "savia.toml")})


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadConfig):
        load_settings({"SAVIA_CONFIG": str(tmp_path)})


# --- the environment --------------------------------------------------------------------------------------


def test_a_dyno_needs_a_database_address(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, "", DYNO="web.1")
    assert (found.file, found.key) == ("environment", "DATABASE_URL")
    assert load(tmp_path, "", DYNO="web.1", DATABASE_URL="postgres://x/y").secrets.database_url


@pytest.mark.parametrize("address", ["http://savia.example.com", "savia.example.com", "ftp://x"])
def test_the_public_address_must_be_https(tmp_path: Path, address: str) -> None:
    (found,) = faults(tmp_path, "", SAVIA_PUBLIC_URL=address)
    assert found.key == "SAVIA_PUBLIC_URL"
    assert address not in found.message


def test_every_vendor_is_off_without_keys_and_on_with_all_of_them(tmp_path: Path) -> None:
    assert missing_secrets(Secrets()) == dict(VENDOR_SECRETS)
    assert missing_secrets(load(tmp_path, "", **ENVIRONMENT).secrets) == {}


@pytest.mark.parametrize("vendor", VENDOR_SECRETS)
def test_a_vendor_lacks_exactly_what_is_not_given(vendor: str) -> None:
    for missing in VENDOR_SECRETS[vendor]:
        given = {name.lower(): "x" for name in VENDOR_SECRETS[vendor] if name != missing}
        assert missing_secrets(Secrets(**given))[vendor] == (missing,)


def test_every_name_a_vendor_needs_is_a_secret_we_read() -> None:
    wanted = {name.lower() for names in VENDOR_SECRETS.values() for name in names}
    assert wanted <= set(Secrets.model_fields)


# --- never shown ------------------------------------------------------------------------------------------


def test_no_secret_stands_in_repr_text_or_messages(tmp_path: Path) -> None:
    settings = load(tmp_path, "", **ENVIRONMENT)
    with pytest.raises(BadConfig) as raised:
        load(tmp_path, "x = 1", **{**ENVIRONMENT, "SAVIA_PUBLIC_URL": "savia_public_url-is-secret"})
    shown = [repr(settings), str(settings), repr(settings.secrets), str(settings.secrets), str(raised.value)]
    shown += [repr(raised.value), repr(raised.value.faults)]
    assert [text for text in shown if "is-secret" in text] == []


def test_a_secret_written_into_the_file_is_not_repeated(tmp_path: Path) -> None:
    text = '[secrets]\nopenai_api_key = "sk-very-secret"\n[openai]\napi_key = "sk-very-secret"\n'
    assert "sk-very-secret" not in str(faults(tmp_path, text))


@given(text=st.text(max_size=60))
def test_any_text_is_settings_or_faults(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(text.encode("utf-8", "replace"))
    with suppress(BadConfig):
        assert load_settings({"SAVIA_CONFIG": str(path)}) == Settings()
