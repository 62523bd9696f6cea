"""A home with golden models in its registry and in force, of every capability or of some: nothing is trained."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from foretell import home as homes
from foretell.cli.context import ensure_account, ensure_key
from shared.contracts.rows import now_us
from shared.registry.artifact import digest_of
from shared.settings import Settings
from shared.store import migrate, open_database

GOLDEN = Path(__file__).parents[1] / "contract" / "golden"
MODELS = {
    "scoring": ("scoring/lightgbm", "customer"),
    "churn": ("churn/silence", "churn"),
    "segmentation": ("segmentation", ""),
    "sendtime": ("sendtime", ""),
    "value": ("value", ""),
    "recommendations": ("recommendations", ""),
    "messages": ("messages", "clicked"),
    "uplift": ("uplift", "bought"),
}
"""Folder below `golden` and outcome, by capability."""
_REGISTER = """
import json, sys
from pathlib import Path
from shared.contracts.outcome import ModelName
from shared.registry.registration import MlflowRegistry, RegisteredRun
from shared.settings import Settings
record = RegisteredRun(report={"grade": "A"}, plots={}, params={}, metrics={})
registry = MlflowRegistry.of(Settings(home=Path(sys.argv[1])))
versions = {
    capability: registry.register("default", ModelName(capability, outcome), Path(folder), record).version
    for capability, (folder, outcome) in json.loads(sys.argv[2]).items()
}
print(json.dumps(versions))
"""


def golden_home(folder: Path, *, registered: bool, capabilities: Iterable[str] = tuple(MODELS)) -> Path:
    """Make one.

    Args:
        folder: that does not exist yet.
        registered: whether the registry holds the models (seconds); the cache does in any case.
        capabilities: those that have a model; a worker scores all contacts by each of them.
    """
    homes.prepare(folder)
    settings = Settings(home=folder)
    migrate(settings)
    artifacts = {name: copied(GOLDEN / MODELS[name][0], folder.parent / name) for name in capabilities}
    versions = _registered(folder, artifacts) if registered else dict.fromkeys(artifacts, "1")
    settings.cache_folder.mkdir(exist_ok=True)
    database = open_database(settings, b"i" * 32)
    try:
        ensure_account(database, "default")
        ensure_key(database, settings, "default")
        store = database.of("default")
        for name, artifact in artifacts.items():
            digest = digest_of(artifact)
            artifact.rename(settings.cache_folder / digest)
            store.models.promote(name, MODELS[name][1], versions[name], digest, at=now_us(), reason="golden")
    finally:
        database.close()
    return folder


def copied(golden: Path, goal: Path) -> Path:
    goal.mkdir()
    for file in golden.iterdir():
        if file.suffix in (".txt", ".npz") or file.name == "model.json":
            shutil.copy(file, goal / file.name)
    return goal


def _registered(home: Path, artifacts: dict[str, Path]) -> dict[str, str]:
    wanted = {name: (str(folder), MODELS[name][1]) for name, folder in artifacts.items()}
    command = [sys.executable, "-c", _REGISTER, str(home), json.dumps(wanted)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    versions: dict[str, str] = json.loads(said.strip().rpartition("\n")[2])
    return versions
