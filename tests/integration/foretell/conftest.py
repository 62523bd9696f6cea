from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from foretell.cli.app import app

Command = Callable[..., Result]


@pytest.fixture
def home_folder(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def foretell(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line on a home folder of its own."""
    monkeypatch.setenv("FORETELL_HOME", str(home_folder))
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("FORETELL_ACCOUNT", "FORETELL_STORE_URL", "FORETELL_DEBUG", "FORETELL_IDENTITY_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, list(words))

    return run
