import pytest

from shared.errors import SettingsRefused
from shared.settings import Settings, SigningSettings, WorkerSettings, read


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORETELL_SIGNING_KEY", raising=False)

    with pytest.raises(SettingsRefused) as caught:
        read(SigningSettings)

    assert caught.value.detail == "FORETELL_SIGNING_KEY is not set: set it in the environment of this process."


def test_a_wrong_setting_is_named_without_its_value() -> None:
    with pytest.raises(SettingsRefused) as caught:
        read(WorkerSettings, signing_key="k" * 32, identity_key="k" * 32, rescore_share=17.5)

    assert caught.value.detail == "FORETELL_RESCORE_SHARE is wrong: Input should be less than or equal to 1."


@pytest.mark.parametrize("url", ["nonsense", "mysql://user:secret@host/db", "postgresql://user:secret@host/db"])
def test_another_database_is_refused_without_showing_its_url(url: str) -> None:
    with pytest.raises(SettingsRefused) as caught:
        read(Settings, store_url=url)

    expected = "FORETELL_STORE_URL is wrong: it must begin with sqlite:/// or postgresql+psycopg://."
    assert caught.value.detail == expected


def test_a_log_level_is_one_that_exists() -> None:
    with pytest.raises(SettingsRefused, match="DEBUG, INFO, WARNING or ERROR"):
        read(Settings, log_level="LOUD")
