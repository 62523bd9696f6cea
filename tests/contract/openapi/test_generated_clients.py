"""The published document makes clean clients: generated for real, compiled, and one call made with the result.

The generators live in environments of their own, `.venv/generators`, made by `make test` (.ci/generators). Each
generates from one form of the document, and both forms are generated from; the other two pairs are slow.
"""

import compileall
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gateway.openapi import as_3_0
from gateway.openapi.document import operations

PUBLISHED = Path(__file__).with_name("gateway.json")
INSTALLED = Path(__file__).parents[3] / ".venv" / "generators"
PYTHON, NODE = INSTALLED / "python" / "bin", INSTALLED / "node" / "node_modules" / ".bin"
CALL = """
import httpx
from contract_client import AuthenticatedClient
from contract_client.api.contacts import list_contacts
from contract_client.api.predictions import predict_best_send_time
from contract_client.models import InlineContact, NoQuietHours, QuietHours, SendTimeRequest

asked = []

listed = {"id": "c-1", "created_at": "2026-01-15T00:00:00Z", "timezone": None, "consent": {}}

def answer(request):
    asked.append(f"{request.method} {request.url.path} {request.headers['authorization']}")
    return httpx.Response(200, json={"contacts": [listed], "next_cursor": None})

client = AuthenticatedClient(
    base_url="http://gateway", token="fk_test", httpx_args={"transport": httpx.MockTransport(answer)}
)
found = list_contacts.sync(client=client, limit=1)
assert [one.id for one in found.contacts] == ["c-1"], found
assert asked == ["GET /contacts Bearer fk_test"], asked
plain = SendTimeRequest(contacts=[InlineContact(id="c-1")]).to_dict()
assert "quiet_hours" not in plain, plain
quiet = SendTimeRequest(contacts=[InlineContact(id="c-1")], quiet_hours=QuietHours(from_="22:00")).to_dict()
assert quiet["quiet_hours"]["from"] == "22:00", quiet
off = SendTimeRequest(contacts=[InlineContact(id="c-1")], quiet_hours=NoQuietHours.OFF).to_dict()
assert off["quiet_hours"] == "off", off
"""


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(cwd), "COVERAGE_PROCESS_START": ""}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    return read


@pytest.fixture(scope="module", params=["3.1", pytest.param("3.0", marks=pytest.mark.slow)])
def python_client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated package, and what the generator said in a file beside it."""
    if not (PYTHON / "openapi-python-client").exists():
        pytest.skip("openapi-python-client is not installed: .ci/generators")
    folder = tmp_path_factory.mktemp("python")
    written = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    (folder / "openapi.json").write_text(json.dumps(written if request.param == "3.1" else as_3_0(written)))
    (folder / "config.yaml").write_text("post_hooks: []")  # how the package is formatted is of no use here
    target = folder / "contract_client"
    done = run(
        PYTHON / "openapi-python-client", "generate", "--path", folder / "openapi.json", "--meta", "none",
        "--output-path", target, "--fail-on-warning", "--config", folder / "config.yaml", cwd=folder,
    )  # fmt: skip
    (folder / "said.txt").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def test_python_is_generated_without_a_warning(python_client: Path) -> None:
    said = (python_client.parent / "said.txt").read_text()

    assert re.findall(r"(?i)warning|error|unable|skipp|removal", said) == []


def test_python_has_every_endpoint(python_client: Path, document: dict[str, Any]) -> None:
    made = {path.stem for path in python_client.glob("api/*/*.py")} - {"__init__"}

    assert made == {operation["operationId"] for _, _, operation in operations(document)}


def test_python_has_no_class_of_a_module_path_and_none_twice(python_client: Path) -> None:
    models = [path.stem for path in python_client.glob("models/*.py")]

    assert models
    assert [name for name in models if "__" in name.strip("_") or re.search(r"\d$|_type_\d", name)] == []


def test_python_compiles_and_calls(python_client: Path) -> None:
    compiled = compileall.compile_dir(python_client, quiet=2, workers=1)
    called = run(PYTHON / "python", "-W", "error", "-c", CALL, cwd=python_client.parent)

    assert compiled
    assert called.returncode == 0, called.stderr


@pytest.mark.parametrize("version", [pytest.param("3.1", marks=pytest.mark.slow), "3.0"])
def test_typescript_is_generated_without_a_warning_and_checks(
    document: dict[str, Any], tmp_path: Path, version: str
) -> None:
    if not (NODE / "openapi-typescript").exists():
        pytest.skip("openapi-typescript is not installed: .ci/generators")
    (tmp_path / "openapi.json").write_text(json.dumps(document if version == "3.1" else as_3_0(document)))
    (tmp_path / "use.ts").write_text(
        'import type { components, operations } from "./api";\n'
        'export const band: components["schemas"]["Band"] = "very_high";\n'
        'export type Asked = operations["list_contacts"]["parameters"]["query"];\n'
    )

    made = run(NODE / "openapi-typescript", "openapi.json", "-o", "api.ts", cwd=tmp_path)
    checked = run(NODE / "tsc", "--noEmit", "--strict", "--skipLibCheck", "--lib", "es5", "use.ts", cwd=tmp_path)

    assert made.returncode == 0, made.stderr
    assert re.findall(r"(?i)warn|error|⚠", made.stdout + made.stderr) == []
    assert checked.returncode == 0, checked.stdout


def test_the_calls_to_a_client_share_no_tag_with_its_own(document: dict[str, Any]) -> None:
    of_ours = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    theirs = {tag for item in document["webhooks"].values() for tag in item["post"]["tags"]}

    assert theirs == {"messages"}
    assert of_ours & theirs == set()


def test_no_schema_carries_the_path_of_a_module(document: dict[str, Any]) -> None:
    assert [name for name in document["components"]["schemas"] if not re.fullmatch(r"[A-Z][A-Za-z]+", name)] == []
