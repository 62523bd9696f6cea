"""A home with a golden model in its registry and in force, made in seconds: nothing is trained."""

import shutil
import subprocess
import sys
from pathlib import Path

from foretell import home as homes
from foretell.opening import ensure_account, ensure_key, now_us
from shared.registry.digest import digest_of
from shared.settings import Settings
from shared.store import migrate, open_database

GOLDEN = Path(__file__).parents[1] / "contract" / "golden" / "scoring" / "lightgbm"
OUTCOME = "customer"
_REGISTER = """
import sys
from pathlib import Path
from shared.registry.registration import Record, register
from shared.settings import Settings
record = Record(report={"grade": "A"}, plots={}, params={}, metrics={}, columns=("a",))
where = {"account": "default", "capability": "scoring", "outcome": sys.argv[3]}
print(register(Settings(home=Path(sys.argv[1])), **where, folder=Path(sys.argv[2]), record=record).version)
"""


def golden_home(folder: Path, *, registered: bool) -> Path:
    """Make one.

    Args:
        folder: that does not exist yet.
        registered: whether the registry holds the model (seconds); the cache does in any case.
    """
    homes.prepare(folder)
    settings = Settings(home=folder)
    migrate(settings)
    artifact = folder.parent / "artifact"
    artifact.mkdir()
    for name in ("model.json", "model.txt", "reference.npz"):
        shutil.copy(GOLDEN / name, artifact / name)
    version = "1"
    if registered:
        command = [sys.executable, "-c", _REGISTER, str(folder), str(artifact), OUTCOME]
        version = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]
    digest = digest_of(artifact)
    settings.cache_folder.mkdir(exist_ok=True)
    artifact.rename(settings.cache_folder / digest)
    database = open_database(settings, b"i" * 32)
    try:
        ensure_account(database, "default")
        ensure_key(database, settings, "default")
        store = database.of("default")
        store.promote("scoring", OUTCOME, version, digest, at=now_us(), reason="golden")
    finally:
        database.close()
    return folder
