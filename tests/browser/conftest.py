"""A demo account in real processes, and a real browser in front of its console.

Tests of one page are one file here; each gets `visitor`, who is signed in. What an action changes stays: a file that
changes what others look at makes something of its own first. All of it is slow, and part of `make test-full` alone.
"""

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from shared.capabilities import NAMES
from tests.browser.visitor import Visitor
from tests.e2e.installation import Installation, free_ports, read_greeting, until
from tests.once import once

ACCOUNT = "demo"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The home of the sample, trained: a copy of the one that `--demo-home` names, or made once a run."""
    given = request.config.getoption("--demo-home")

    def make(folder: Path) -> None:
        if given is not None:
            shutil.copytree(given, folder, dirs_exist_ok=True)
            return
        made = Installation(folder, free_ports()).foretell("demo")
        assert made.returncode == 0, made.stderr

    return once(tmp_path_factory, "demo-home", make)


@pytest.fixture(scope="session")
def installation(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """All processes on a copy of that home, once every contact is scored and the data report is made."""
    home = tmp_path_factory.mktemp("browser") / "home"
    shutil.copytree(demo_home, home)
    started = Installation(home, free_ports())
    process = started.start()
    try:
        read_greeting(process)
        paths = [f"/predictions?limit=1&capability={name}" for name in NAMES if name in ("scoring", "churn")]
        assert until(lambda: all(asked(started, path).get("predictions") for path in paths), seconds=300)
        assert until(lambda: "findings" in asked(started, "/data-report?kept=true"))
        yield started
    finally:
        process.terminate()
        process.communicate(timeout=60)


def key_of(installation: Installation) -> str:
    return (installation.home / "keys" / ACCOUNT).read_text().strip()


def asked(installation: Installation, path: str) -> dict[str, Any]:
    """Ask the API; an answer that is a problem is one too."""
    headers = {"Authorization": f"Bearer {key_of(installation)}"}
    request = urllib.request.Request(f"http://127.0.0.1:{installation.port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own gateway
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        with error:
            return dict(json.load(error))


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail("no browser: sudo apt-get install -y --no-install-recommends chromium", pytrace=False)
    # What keeps pages from the system needs rights that containers do not have; these are our own pages.
    started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
    yield started
    started.close()


@pytest.fixture
def visitor(browser: Browser, installation: Installation, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """Somebody who is signed in and sees pages wide and light; `visitor.context(...)` is another window."""
    folder = request.config.getoption("--screenshots")
    made = Visitor(browser, f"http://127.0.0.1:{installation.port}", key_of(installation), folder)
    yield made
    made.close()


@pytest.fixture
def console_link(installation: Installation) -> str:
    """A link that signs in once, as the command line prints it."""
    made = installation.foretell("console", "--account", ACCOUNT)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()
