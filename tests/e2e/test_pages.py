"""What the pages tell a reader to type does what they say: commands, requests and answers, in the order of the page.

A small account with a truth to learn stands for the sample and for the reader's own data. Of an answer the shape is
compared: keys, types, lengths, and every word that does not depend on what was learned.
"""

import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from foretell.cli.app import app
from foretell.cli.context import opened_database
from shared.capabilities import TABLE
from shared.registry.fetch import artifacts
from shared.registry.registration import MlflowRegistry
from shared.settings import Settings
from tests.e2e.installation import free_ports

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(?P<language>[a-z]*)(?P<mark> [a-z]+)?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LEARNED = {
    *("score", "band", "kind", "grade", "feature", "effect", "text", "basis", "source"),
    *("name", "description", "generated_name", "size"),
    *("trained_at", "cutoff", "request_id"),
}
"""Fields whose words and whole numbers depend on what was learned, and when."""
LACKING = {"data_quality", "data_quality_details"}
"""What a contact of the sample lacks, the one that stands for it may have."""
ASKS_TOO_MUCH = {"up", "demo", "worker", "openapi"}
"""Run until they are stopped, need the sample, or write into the sources: only their words are checked here."""
EXPERIMENT = " train uplift "
"""Needs contacts who were treated by lot, which the newcomer has not: only its words are checked here."""


@dataclass(frozen=True)
class Reader:
    """Somebody who sits in a folder and types what a page shows."""

    folder: Path
    port: int = 8000

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FORETELL_")}
        return {**kept, "FORETELL_HOME": "var", "FORETELL_PORT": str(self.port), "COLUMNS": "120"}

    def types(self, command: str) -> str:
        """Run a `foretell` line in this process; what it printed."""
        words = shlex.split(command, comments=True)[1:]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name in [name for name in os.environ if name.startswith("FORETELL_")]:
                patch.delenv(name)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, f"{command}\n{result.output}"
        return result.stdout

    def asks(self, command: str) -> Any:
        """Run a curl line of a page, on this reader's port."""
        here = command.replace(":8000/", f":{self.port}/")
        key = (self.folder / "var" / "keys" / "default").read_text().strip()
        environment = {**self.environment, "FORETELL": f"http://127.0.0.1:{self.port}", "KEY": key}
        done = subprocess.run(
            ["bash", "-c", here], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{here}\n{done.stderr}"
        return json.loads(done.stdout)


def known(command: str) -> bool:
    """Whether the command exists and has each option that the line gives it."""
    words = shlex.split(command, comments=True)
    words = words[words.index("foretell") + 1 :]
    if words[:1] == ["--account"]:
        words = words[2:]
    options = {word for word in words if word.startswith("--")} - {"--account", "--help", "--json", "--debug"}
    names = list(itertools.takewhile(lambda word: not word.startswith("--"), words))[:2]
    found = helped(*names)
    return found.exit_code == 0 and all(option in found.stdout for option in options)


@cache
def helped(*names: str) -> Result:
    """Ask a command for its help, which many lines of the pages are compared with."""
    return CliRunner().invoke(app, [*names, "--help"], env={"COLUMNS": "200"})


def commands(page: str) -> list[tuple[str, str]]:
    """List the `foretell` lines of a page, each with what the page shows below it."""
    found: list[tuple[str, str]] = []
    for block in BLOCK.finditer((ROOT / page).read_text()):
        if block["language"] not in {"console", "bash"}:
            continue
        typed = False
        for line in block["text"].splitlines():
            typed = line.startswith("$ ") or block["language"] == "bash"
            if not typed and found:
                found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
            elif typed:
                found.append((line.removeprefix("$ "), ""))
    lines = [(line.replace(".venv/bin/foretell", "foretell"), shown) for line, shown in found]
    return [(line, shown) for line, shown in lines if re.match(r"([A-Z_]+=\S+ )?foretell ", line)]


def differences(shown: Any, real: Any, place: str = "") -> list[str]:
    """Name the places where what came has not the shape of what a page shows; `...` stands for anything."""
    name = place.rpartition("/")[2]
    if shown == "..." or (name == "value" and isinstance(real, str | int | float | None)):
        return []
    if name in LACKING and not (shown and real):
        return []
    if isinstance(shown, dict) and isinstance(real, dict):
        odd = [f"{place}/{key}" for key in sorted(shown.keys() ^ real.keys())]
        return odd + [
            odd for key in shown.keys() & real.keys() for odd in differences(shown[key], real[key], f"{place}/{key}")
        ]
    if isinstance(shown, list) and isinstance(real, list):
        if name == "reasons" and shown and real:
            # As many as were requested last, by the page or by the worker, which scores everybody after the start.
            shown, real = shown[: len(real)], real[: len(shown)]
        if len(shown) != len(real):
            return [place]
        return [
            odd for i, pair in enumerate(zip(shown, real, strict=True)) for odd in differences(*pair, f"{place}/{i}")
        ]
    if isinstance(shown, float):
        return [] if isinstance(real, int | float) and not isinstance(real, bool) else [place]
    return [] if type(shown) is type(real) and (name in LEARNED or shown == real) else [place]


def looks_like(shown: str, real: str) -> bool:
    """Compare what a command prints, number for number of any size."""

    def shape(text: str) -> list[str]:
        return [re.sub(r"\d[\d.,]*", "0", word) for word in text.split()]

    return shape(shown) == shape(real)


@pytest.fixture(scope="module")
def newcomer(
    tmp_path_factory: pytest.TempPathFactory, own_files: Callable[[Path], None], with_registry: Callable[[Path], Path]
) -> Reader:
    """Typed what the README says about one's own data; in the account `demo` something stands for the sample."""
    reader = Reader(tmp_path_factory.mktemp("pages"), free_ports())
    own_files(reader.folder)
    (reader.folder / "var").mkdir()
    with_registry(reader.folder / "var")
    for line, _ in commands("README.md"):
        reader.types(line)
    reader.types("foretell accounts create demo")
    reader.types("foretell --account demo import --contacts households.csv --events baskets.csv --static country")
    reader.types(
        "foretell --account demo outcomes set redeem --event coupon_redeemed --within 30d --repeatable --every 30d"
    )
    reader.types("foretell --account demo train scoring --outcome redeem")
    keys = reader.folder / "var" / "keys"
    keys.mkdir(exist_ok=True)
    (keys / "demo").write_text(reader.types("foretell --account demo keys create"))
    return reader


def fill_the_cache(home: Path) -> None:
    """Fetch every model in this process, which has loaded MLflow; each service would load it for itself."""
    settings = Settings(home=home)
    with opened_database(settings) as (_, database):
        for row in database.champions():
            where = (row.account, row.capability, row.outcome)
            artifacts(
                MlflowRegistry.of(settings), *where, version=row.version, digest=row.digest, into=settings.cache_folder
            )


@pytest.fixture(scope="module")
def answering(newcomer: Reader) -> Iterator[Reader]:
    """The same with everything started, once the worker has scored every contact."""
    fill_the_cache(newcomer.folder / "var")
    words = [sys.executable, "-m", "foretell", "up"]
    environment = {**newcomer.environment, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        words, cwd=newcomer.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        assert any(line.startswith("Ctrl-C") for line in process.stdout)
        listed = 'curl -s "$FORETELL/predictions?capability=scoring&outcome=customer" -H "Authorization: Bearer $KEY"'
        shown = {"predictions": ["..."] * 100, "empty_because": None, "count": None, "next_cursor": "..."}
        assert settled(newcomer, listed, shown, seconds=180) == []
        yield newcomer
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)


def settled(reader: Reader, command: str, shown: Any, *, seconds: float = 60.0) -> list[str]:
    """Ask until the answer is as shown: predictions are logged after their answer has left."""
    found = differences(shown, reader.asks(command))
    deadline = time.monotonic() + seconds
    while found and time.monotonic() < deadline:
        time.sleep(0.2)
        found = differences(shown, reader.asks(command))
    return found


def test_requests_of_the_api_page_that_need_a_model_are_answered_as_shown(answering: Reader) -> None:
    texts = [block["text"] for block in BLOCK.finditer((ROOT / "docs/api.md").read_text()) if block["mark"]]
    asked = [text.removeprefix("$ ").split("\n", 1) for text in texts]

    wrong = {command: settled(answering, command, json.loads(shown)) for command, shown in asked}

    assert len(asked) >= 5
    assert {command: places for command, places in wrong.items() if places} == {}


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_the_first_request_of_a_page_has_the_answer_below_it(answering: Reader, page: str) -> None:
    blocks = list(BLOCK.finditer((ROOT / page).read_text()))
    asking = next(place for place, block in enumerate(blocks) if "curl " in block["text"])
    shown = next(block["text"] for block in blocks[asking:] if block["language"] == "json")

    asked = blocks[asking]["text"].removeprefix("$ ")

    # Not the first model of this service: it may still be loading.
    assert settled(answering, asked, json.loads(shown), seconds=180) == []


def test_commands_of_the_quickstart_do_what_it_says(newcomer: Reader) -> None:
    done = {line.partition(" #")[0].strip() for line, _ in commands("README.md")}

    for line, _ in commands("docs/quickstart.md"):
        if line.split()[1] not in ASKS_TOO_MUCH and line not in done:
            newcomer.types(line)


def sends() -> Iterator[str]:
    """Write what another tool sent: enough to learn from."""
    yield "contact_id,message,propensity,decided_at,reward"
    for number in range(400):
        message, day = ("subject-a", "subject-b")[number % 2], 1 + number % 28
        yield f"c-{number // 4},{message},0.5,2026-05-{day:02}T10:00:00Z,{int(number % 5 < 2)}"


def test_commands_of_the_command_line_page_do_what_it_says(newcomer: Reader, tmp_path: Path) -> None:
    shutil.copytree(newcomer.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "sends.csv").write_text("\n".join(sends()))
    reader = Reader(tmp_path)
    done = {line.partition(" #")[0].strip() for line, _ in commands("README.md") if " train " in line}
    reader.types("foretell --account demo train scoring --outcome redeem --no-promote")

    wrong = []
    for line, shown in commands("docs/cli.md"):
        if line in done or line.split()[1] in ASKS_TOO_MUCH or not line.startswith("foretell") or EXPERIMENT in line:
            assert known(line), line
            continue
        if " keys revoke " in line or " keys rotate " in line:
            key = json.loads(reader.types("foretell keys list --account acme --json"))[0]["id"]
            line = line.replace(line.split()[3], key)
        printed = reader.types(line)
        if shown and not looks_like(shown, printed):
            wrong.append((line, shown, printed))

    assert wrong == []


PAGES = ["README.md", "CONTRIBUTING.md", "docs/api.md", "docs/cli.md", "docs/models.md", "docs/operations.md",
         "docs/quickstart.md", "docs/webhooks-out.md", "docs/connectors.md", "docs/mlflow.md",
         "docs/next-best-message.md", "docs/uplift.md"]  # fmt: skip


@pytest.mark.parametrize("page", [*PAGES, *(f"services/{line.name}/README.md" for line in TABLE)])
def test_every_command_that_a_page_names_exists_with_its_options(page: str) -> None:
    text = (ROOT / page).read_text()
    inline = [
        f"foretell {rest}"
        for rest in re.findall(r"`foretell ([a-z][^`]*?)( \.\.\.)?`", BLOCK.sub("", text))
        for rest in rest[:1]
    ]

    assert [line for line in [*inline, *(line for line, _ in commands(page))] if not known(line)] == []
