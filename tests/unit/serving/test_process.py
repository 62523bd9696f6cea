import pytest
from fastapi import FastAPI

from shared.serving.process import run
from shared.settings import ServiceSettings


def test_a_process_without_its_settings_ends_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FORETELL_SIGNING_KEY", raising=False)

    with pytest.raises(SystemExit) as ended:
        run("scoring", ServiceSettings, lambda _: FastAPI(), arguments=["--port", "1"])

    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "scoring: FORETELL_SIGNING_KEY is not set: set it in the environment of this process.\n"
    )
