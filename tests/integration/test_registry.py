"""The registry with a real MLflow on SQLite, and what a service gets from it by its child process."""

import asyncio
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.contracts.outcome import ModelName
from shared.errors import ArtifactRefused, RegistryUnavailable
from shared.registry.artifact import ArtifactRequest, Fetched, digest_of
from shared.registry.fetch import artifacts, main
from shared.registry.registration import MlflowRegistry, Registered, RegisteredRun
from shared.serving.artifacts import RegistryChild, RememberedRow
from shared.settings import ServiceSettings, Settings

MODEL = ModelName("scoring", "customer")
WHERE = ("demo", *MODEL)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, with_registry: Callable[[Path], Path]) -> ServiceSettings:
    return ServiceSettings(home=with_registry(tmp_path_factory.mktemp("home")), signing_key="k" * 32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifact")
    (folder / "model.json").write_text('{"kind": "rule"}')
    (folder / "deep").mkdir()
    (folder / "deep" / "model.txt").write_text("tree")
    return folder


@pytest.fixture(scope="module")
def registered(settings: Settings, folder: Path) -> Registered:
    plot = folder.parent / "lift.png"
    plot.write_bytes(b"png")
    record = RegisteredRun(report={"grade": "A"}, plots={"lift": plot}, params={"trees": 3}, metrics={"log_loss": 0.3})
    return MlflowRegistry.of(settings).register("demo", MODEL, folder, record)


@pytest.mark.filterwarnings("ignore")
def test_a_version_is_registered_without_code_or_pickle(settings: Settings, registered: Registered) -> None:
    import mlflow

    local = Path(mlflow.artifacts.download_artifacts(f"models:/demo.scoring.customer/{registered.version}"))

    names = {path.name for path in local.rglob("*") if path.is_file()}
    flavour = mlflow.models.Model.load(str(local)).flavors["python_function"]
    assert {"model.json", "model.txt"} < names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".py", ".joblib"))]
    assert flavour["loader_module"] == "services.scoring.model"
    assert "python_model" not in flavour
    assert flavour.get("code") is None


def test_the_next_one_gets_the_next_number(settings: Settings, registered: Registered, folder: Path) -> None:
    again = MlflowRegistry.of(settings).register("demo", MODEL, folder, RegisteredRun())

    assert int(again.version) == int(registered.version) + 1
    assert again.digest == registered.digest == digest_of(folder)


def test_the_alias_follows_promotion(settings: Settings, registered: Registered) -> None:
    registry = MlflowRegistry.of(settings)

    registry.point("demo", MODEL, registered.version)

    assert registry.pointed("demo", MODEL) == registered.version
    assert registry.pointed("demo", ModelName("scoring", "nothing")) is None


def test_an_alias_of_a_version_that_is_not_there_is_refused(settings: Settings, registered: Registered) -> None:
    with pytest.raises(RegistryUnavailable):
        MlflowRegistry.of(settings).point("demo", MODEL, "99")


def test_artifacts_arrive_whole_and_checked(settings: Settings, registered: Registered, tmp_path: Path) -> None:
    found = artifacts(
        MlflowRegistry.of(settings), *WHERE, version=registered.version, digest=registered.digest, into=tmp_path
    )

    assert found == tmp_path / registered.digest
    assert digest_of(found) == registered.digest
    assert [path.name for path in tmp_path.iterdir()] == [registered.digest]


def test_something_else_than_what_was_promoted_is_refused(
    settings: Settings, registered: Registered, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactRefused):
        artifacts(MlflowRegistry.of(settings), *WHERE, version=registered.version, digest="0" * 64, into=tmp_path)

    assert list(tmp_path.iterdir()) == []


def row(registered: Registered) -> RememberedRow:
    return RememberedRow(*WHERE, registered.version, registered.digest, None, None)


async def test_one_child_says_of_each_artifact_whether_it_is_fetched_refused_or_away(
    settings: ServiceSettings, registered: Registered
) -> None:
    child, known = RegistryChild(settings), row(registered)

    found = await child(known, registered.version, registered.digest)
    assert digest_of(found) == registered.digest
    (found / "model.json").write_text("")

    refused, away, fetched_again = await asyncio.gather(
        child(known, registered.version, "0" * 64),
        child(known, "99", "1" * 64),
        child(known, registered.version, registered.digest),
        return_exceptions=True,
    )

    assert isinstance(refused, ArtifactRefused)
    assert isinstance(away, RegistryUnavailable)
    assert away.members["cause"].startswith("MlflowException (RESOURCE_DOES_NOT_EXIST)")
    assert fetched_again == found
    assert digest_of(found) == registered.digest


def fetch(wanted: str) -> tuple[int, str]:
    """Do what the child does with what it is asked: its exit code, and what it answers."""
    answers = io.StringIO()
    return main(io.StringIO(wanted), answers), answers.getvalue()


def wanted(version: str, digest: str) -> str:
    account, capability, outcome = WHERE
    one = ArtifactRequest(account=account, capability=capability, outcome=outcome, version=version, digest=digest)
    return one.model_dump_json() + "\n"


def test_the_child_answers_line_by_line_in_the_order_in_which_requests_came(
    settings: Settings, registered: Registered, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORETELL_HOME", str(settings.home))

    code, written = fetch(
        wanted(registered.version, "0" * 64) + wanted("99", "1" * 64) + wanted(registered.version, registered.digest)
    )

    answers = [Fetched.model_validate_json(line) for line in written.splitlines()]
    assert [answer.result for answer in answers] == ["refused", "unavailable", "fetched"]
    assert code == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err


def test_the_child_refuses_what_it_cannot_read() -> None:
    child = subprocess.run(
        [sys.executable, "-m", "shared.registry.fetch"],
        input='{"account": "demo"}\n',
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert (child.returncode, child.stdout) == (2, "")
