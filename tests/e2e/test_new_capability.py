"""A new capability is one folder and one line: the toy of docs/new-capability.md, added to a copy of the tree."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.installation import Installation, free_ports, until
from tests.once import RUN, folder_of_run

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "new-capability.md"
COPIED = ("foretell", "gateway", "services", "shared", "tests", "docs", "k8s", "bench", ".ci")
KEYS = {"FORETELL_SIGNING_KEY": "s" * 64, "FORETELL_IDENTITY_KEY": "i" * 64}
HOUSE = "test_layout or test_derived or test_imports"
LIVED = """
import contextlib, io, json, runpy, sys
import pytest
with contextlib.redirect_stdout(io.StringIO()) as written:
    runpy.run_module("foretell.derived", run_name="__main__")
from typer.testing import CliRunner
from foretell.cli.app import app
printed = []
for words in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    printed.append(result.stdout)
status = pytest.main(json.loads(sys.argv[2]))
print("\\n" + json.dumps([written.getvalue(), printed, status]))
"""
"""Runs the one command, the command line and the checks of the contract, in one process: each loads all libraries.

The last line holds what the first wrote, what each line printed, and how the checks ended.
"""
CHECKS = ["-q", "-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider"]
BLOCK = re.compile(r"^```\w+ (?:file=(\S+)|line)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Tree:
    """A copy of the source tree with the toy in it."""

    root: Path
    by_hand: set[str]
    """What was added or edited."""
    written: set[str]
    """What the one command says it wrote."""
    changed: set[str]
    """What differs from the copy before."""
    home: Path
    port: int
    run: Path
    """What this run of the tests has made lies there."""
    help: str = ""
    """What `foretell train --help` prints."""
    key: str = ""
    """Made by `foretell keys create`."""
    checks: str = ""
    """What the checks of the contract printed."""
    are_checks_passed: bool = False

    def python(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=check,
            timeout=600,
        )

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FORETELL_", "COVERAGE_"))}
        ours = {"PYTHONPATH": str(self.root), "FORETELL_HOME": str(self.home), "FORETELL_PORT": str(self.port)}
        return {**kept, **KEYS, **ours, RUN: str(self.run), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def copied(root: Path) -> None:
    # With what is compiled: to compile it all again takes seconds. A name with a number is being written.
    ignored = shutil.ignore_patterns("*.pyc.*", "var")
    for folder in COPIED:
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file() and path.name != ".env":
            shutil.copy(path, root / path.name)


def with_the_toy(root: Path) -> set[str]:
    """Add the files and the line of the page; returns which files that touched."""
    blocks = BLOCK.findall(PAGE.read_text())
    files = {f"services/toy/{name}": text for name, text in blocks if name}
    (line,) = [text for name, text in blocks if not name]
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    table = root / "shared" / "capabilities.py"
    before, end, after = table.read_text().partition("\n)\n\n\ndef capability(")
    table.write_text(f"{before}\n{line.rstrip()}{end}{after}")
    return {*files, "shared/capabilities.py"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, trained: Installation) -> Tree:
    root = tmp_path_factory.mktemp("tree")
    copied(root)
    before = digests(root)
    by_hand = with_the_toy(root)
    tree = Tree(root, by_hand, set(), set(), trained.home, free_ports(8), folder_of_run(tmp_path_factory))
    written = live(tree)
    after = digests(root)
    tree.written = {line.removeprefix("Wrote ").removesuffix(".") for line in written.splitlines()}
    tree.changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return tree


def live(tree: Tree) -> str:
    """Write what is derived, ask how to train the toy, define its outcome, train it, make a key, and check it.

    Returns:
        What the one command said it wrote.
    """
    outcome = ("order", "--capability", "toy", "--event", "order_placed", "--within", "30d", "--repeatable")
    lines = [
        ["train", "--help"],
        ["outcomes", "set", *outcome],
        ["train", "toy", "--outcome", "order"],
        ["keys", "create"],
    ]
    checks = [*CHECKS, "tests/contract/test_every_capability.py", "-k", "toy"]
    done = tree.python("-c", LIVED, json.dumps(lines), json.dumps(checks), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    written, (tree.help, _, _, key), status = json.loads(done.stdout.splitlines()[-1])
    tree.key, tree.checks, tree.are_checks_passed = key.strip(), done.stdout, status == 0
    return str(written)


@contextmanager
def serving(tree: Tree, *words: str, port: int) -> Iterator[None]:
    log = tree.home.parent / f"{port}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *words, "--port", str(port)],
            cwd=tree.root,
            env=tree.environment,
            stdout=file,
            stderr=file,
        )
    try:
        assert until(lambda: process.poll() is not None or is_up(port)), log.read_text()
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(120)


def is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=20) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def posted(url: str, key: str, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - our own gateway
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - our own gateway
        return json.load(answer)


def console_page(console: str, key: str, path: str) -> str:
    """Sign in to the console and read a page of it."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    browser.open(f"{console}/sign-in", urllib.parse.urlencode({"key": key}).encode(), timeout=60).close()
    with browser.open(f"{console}/{path}", timeout=60) as answer:
        text: str = answer.read().decode()
        return text


def test_one_folder_and_one_line_are_all_that_is_touched_by_hand(tree: Tree) -> None:
    assert {path for path in tree.by_hand if not path.startswith("services/toy/")} == {"shared/capabilities.py"}
    assert tree.changed - tree.written == tree.by_hand
    assert {"gateway/openapi/toy.json", "k8s/services/toy/kustomization.yaml", "compose.yaml"} <= tree.written


def test_it_is_in_the_api_document_the_help_and_the_manifests(tree: Tree) -> None:
    document = json.loads((tree.root / "tests" / "contract" / "openapi" / "gateway.json").read_text())
    compose = yaml.safe_load((tree.root / "compose.yaml").read_text())["services"]

    assert document["paths"]["/toy"]["post"]["operationId"] == "predict_toy"
    assert "toy" in document["components"]["schemas"]["OutcomeCapability"]["enum"]
    assert re.search(r"^  toy +Train the toy", tree.help, re.MULTILINE)
    assert compose["toy"]["command"][:4] == ["python", "-m", "services", "toy"]


def test_it_is_in_the_rendered_manifests(tree: Tree) -> None:
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")
    overlay = str(tree.root / "k8s" / "overlays" / "production")

    rendered = subprocess.run(["kubectl", "kustomize", overlay], capture_output=True, text=True, check=True).stdout

    found = [one for one in yaml.safe_load_all(rendered) if one["metadata"]["name"] == "toy"]
    (deployment,) = [one for one in found if one["kind"] == "Deployment"]
    command = deployment["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[:4] == ["python", "-m", "services", "toy"]
    assert {one["kind"] for one in found} >= {"Service", "NetworkPolicy", "HorizontalPodAutoscaler"}


def test_trained_and_served_it_answers_through_the_gateway(tree: Tree) -> None:
    place = sorted(path.name for path in (tree.root / "services").iterdir() if (path / "capability.py").exists())
    service = tree.port + len(place)

    with serving(tree, "services", "toy", port=service), serving(tree, "gateway", port=tree.port):
        url = f"http://127.0.0.1:{tree.port}/toy"
        answer = posted(
            url, tree.key, {"outcome": "order", "reasons": 1, "contacts": [{"id": "c-000"}, {"id": "nobody"}]}
        )
        asked = {"contacts": [{"id": "c-000"}], "options": {"toy": {"outcome": "order"}}}
        together = posted(f"http://127.0.0.1:{tree.port}/predict", tree.key, asked)
        page = console_page(f"http://127.0.0.1:{tree.port}/console", tree.key, "toy")

    first, unknown = answer["predictions"]
    assert (first["status"], unknown["status"]) == ("ok", "unknown_contact")
    assert 0 < first["probability"] < 1
    assert first["reasons"][0]["value"] == first["recent_events"] > 0
    assert answer["model"]["capability"] == "toy"
    assert "toy" not in together["problems"]
    assert together["answers"]["toy"]["predictions"][0]["probability"] == first["probability"]
    assert '<a href="/console/toy" aria-current="page">One habit</a>' in page
    assert "Nobody was judged yet" in page or "the likeliest first" in page


def test_every_contract_check_runs_on_it(tree: Tree) -> None:
    assert tree.are_checks_passed, tree.checks[-6_000:]
    assert len(re.findall(r"\d+ passed", tree.checks)) == 1


@pytest.mark.slow
def test_the_house_is_in_order_with_it(tree: Tree) -> None:
    done = tree.python("-m", "pytest", *CHECKS, "tests/architecture", "-k", HOUSE, check=False)
    linted = tree.python("-m", "ruff", "check", "services/toy", check=False)
    directions = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=tree.root,
        env=tree.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6_000:]
    assert linted.returncode == 0, linted.stdout
    assert directions.returncode == 0, directions.stdout[-3_000:]
