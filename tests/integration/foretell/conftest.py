import shutil
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
def foretell(home_folder: Path, migrated_files: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line on a home folder of its own, whose databases are migrated unless the test made it itself."""
    monkeypatch.setenv("FORETELL_HOME", str(home_folder))
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("FORETELL_ACCOUNT", "FORETELL_STORE_URL", "FORETELL_DEBUG", "FORETELL_IDENTITY_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str) -> Result:
        if not home_folder.exists():
            home_folder.mkdir(mode=0o700)
            for file in migrated_files.iterdir():
                shutil.copy(file, home_folder)
        return CliRunner().invoke(app, list(words))

    return run
