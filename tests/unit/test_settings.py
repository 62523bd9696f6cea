import re

import pytest

from shared.capabilities import TABLE
from shared.errors import SettingsRefused
from shared.settings import GatewaySettings, ServiceSettings, Settings, SigningSettings, WorkerSettings, read

KEYS = {"signing_key": "k" * 32, "identity_key": "k" * 32}


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORETELL_SIGNING_KEY", raising=False)

    with pytest.raises(SettingsRefused) as caught:
        read(SigningSettings)

    assert caught.value.detail == "FORETELL_SIGNING_KEY is not set: set it in the environment of this process."


def test_a_wrong_setting_is_named_without_its_value() -> None:
    with pytest.raises(SettingsRefused) as caught:
        read(WorkerSettings, **KEYS, rescore_share=17.5)

    assert caught.value.detail == "FORETELL_RESCORE_SHARE is wrong: it must be at most 1.0."


@pytest.mark.parametrize("url", ["nonsense", "mysql://user:secret@host/db", "postgresql://user:secret@host/db"])
def test_another_database_is_refused_without_showing_its_url(url: str) -> None:
    with pytest.raises(SettingsRefused) as caught:
        read(Settings, store_url=url)

    expected = "FORETELL_STORE_URL is wrong: it must begin with sqlite:/// or postgresql+psycopg://."
    assert caught.value.detail == expected


def test_a_log_level_is_one_that_exists() -> None:
    with pytest.raises(SettingsRefused, match="DEBUG, INFO, WARNING or ERROR"):
        read(Settings, log_level="LOUD")


@pytest.mark.parametrize("kind", [Settings, GatewaySettings, ServiceSettings, WorkerSettings])
@pytest.mark.parametrize("value", ["x", "-1", "inf", "", "9" * 5000])
def test_what_is_wrong_with_a_setting_is_in_plain_words(
    kind: type[Settings], value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    shared = Settings.model_fields if kind is not Settings else {}
    for field in kind.model_fields.keys() - shared.keys():
        with monkeypatch.context() as environment:
            for name, key in KEYS.items():
                environment.setenv(f"FORETELL_{name.upper()}", key)
            environment.setenv(f"FORETELL_{field.upper()}", value)
            try:
                read(kind)
            except SettingsRefused as refused:
                found[f"FORETELL_{field.upper()}"] = refused.detail

    assert found
    for variable, detail in found.items():
        assert detail.startswith(f"{variable} is wrong: it must ")
        assert len(detail) < 200


@pytest.mark.parametrize(
    "field", ["drain_seconds", "request_timeout_seconds", "idempotency_hours", "key_cache_seconds"]
)
def test_nothing_waits_for_ever(field: str) -> None:
    with pytest.raises(SettingsRefused, match="it must be a finite number"):
        read(GatewaySettings, **KEYS, **{field: float("inf")})


@pytest.mark.parametrize(
    ("variable", "setting"),
    [
        ("FORETELL_STORE_ULR", "FORETELL_STORE_URL"),
        ("FORETELL_STOREURL", "FORETELL_STORE_URL"),
        ("FORETELL_STORE_URLS", "FORETELL_STORE_URL"),
        ("FORETELL_CORS_ORIGIN", "FORETELL_CORS_ORIGINS"),
        ("FORETELL_RETRAIN_CHRUN_DAYS", "FORETELL_RETRAIN_CHURN_DAYS"),
        ("FORETELL_ACOUNT", "FORETELL_ACCOUNT"),
        ("FORTELL_STORE_URL", "FORETELL_STORE_URL"),
        ("FORETEL_SIGNING_KEYS", "FORETELL_SIGNING_KEY"),
        ("foretell_store_ulr", "FORETELL_STORE_URL"),
    ],
)
def test_a_misspelt_setting_is_refused_and_the_right_one_named(
    variable: str, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")

    with pytest.raises(SettingsRefused) as caught:
        read(Settings)

    assert caught.value.detail == f"{variable} is not a setting; {setting} is."


@pytest.mark.parametrize(
    "variable",
    [
        "foretell_log_level",
        "FORETELL_API_KEY",
        "MLFLOW_STORE_URL",
        "FORECAST_STORE_URL",
        "FORETELL_URL",
        "FORETELL_VERSION",
        "FORETELL_IMAGE_TAG",
        "FORETELL_BENCH_CACHE",
        "FORETELL_DEBUG",
        "FORETELL_GATEWAY_SERVICE_HOST",
        "FORETELL_PORT_8000_TCP",
        "FORETELL_STORE_PORT",
        "FORETELL_GATEWAY_PORT_8000_TCP_ADDR",
    ],
)
def test_names_like_no_setting_are_left_alone(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "INFO")

    assert read(Settings) == Settings()


@pytest.mark.parametrize("address", ["abc", "http://{nme}:8000", "{", "http://{name}:8000/?a", "http://{port.real.x}"])
def test_an_upstream_is_an_address(address: str) -> None:
    with pytest.raises(SettingsRefused, match="FORETELL_UPSTREAM is wrong: it must read like"):
        read(GatewaySettings, **KEYS, upstream=address)


@pytest.mark.parametrize(
    "address", ["http://{name}:8000", "http://127.0.0.1:{port}", "https://models.example.com/{name}"]
)
def test_services_are_found_by_name_or_port(address: str) -> None:
    assert read(GatewaySettings, **KEYS, upstream=address).upstream == address


@pytest.mark.parametrize(
    "origins", ["abc", "https://a.example/api", "https://a.example b", "https://*.example.com", "{}"]
)
def test_origins_that_no_browser_sends_are_refused(origins: str) -> None:
    with pytest.raises(SettingsRefused, match="FORETELL_CORS_ORIGINS is wrong: it must read like"):
        read(GatewaySettings, **KEYS, cors_origins=origins)


@pytest.mark.parametrize(
    ("given", "origins"),
    [
        ("", ""),
        ("*", "*"),
        ("https://a.example/,", "https://a.example"),
        ("https://a.example:8443, http://localhost:3000", "https://a.example:8443,http://localhost:3000"),
        ("https://CRM.Example.com:443,http://a.example:80/", "https://crm.example.com,http://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_origins_are_kept_as_browsers_send_them(given: str, origins: str) -> None:
    assert read(GatewaySettings, **KEYS, cors_origins=given).cors_origins == origins


def test_the_address_of_a_service_ends_without_a_slash() -> None:
    assert read(GatewaySettings, **KEYS, upstream="http://{name}:8000/").upstream_of("churn") == "http://churn:8000"


def test_a_capability_is_trained_again_when_its_setting_says_so() -> None:
    named = [field for field in WorkerSettings.model_fields if re.fullmatch("retrain_(?!drift).*_days", field)]
    settings = read(WorkerSettings, **KEYS, **{field: 3 + place for place, field in enumerate(named)})

    days = {f"retrain_{line.name}_days": settings.retrain_days(line.name) for line in TABLE}
    assert {field: days[field] for field in named} == {field: 3 + place for place, field in enumerate(named)}
