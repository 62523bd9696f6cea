"""An account with golden models in force, in an installation on SQLite and on PostgreSQL; nothing is trained."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster
from sqlalchemy import URL

from foretell.batch_models import loaded
from services.specs import spec_of
from shared.batches.files import BatchFiles, BatchFolder
from shared.batches.request import BatchRequest, ContactSelection
from shared.batches.run import BatchRun
from shared.contracts.outcome import ModelName
from shared.contracts.rows import DAY, SECOND, AttributeRow, ContactRow, EventRow
from shared.registry.artifact import digest_of
from shared.serving.capability_spec import CapabilitySpec
from shared.settings import Settings
from shared.store import AccountStore, BatchRow, Database, Lease, open_database
from tests.e2e.golden_home import GOLDEN, MODELS, copied
from tests.integration.conftest import copied_database

KEY = b"an identity key of the tests, long enough"
NOW = 1_780_272_000 * SECOND
BATCH = "bat_0123456789abcdef"
CONTACTS = 25
WORKERS = 2
ALL = ContactSelection("all")


@dataclass
class Batching:
    """An account, and the means to work on a batch of it."""

    settings: Settings
    database: Database
    store: AccountStore
    files: BatchFiles
    lives: list[str] = field(default_factory=list)

    @property
    def folder(self) -> BatchFolder:
        return self.files.of("default", BATCH)

    @property
    def result(self) -> Path:
        name = self.row().result
        assert name is not None
        return self.folder.result(name)

    def ask(self, request: BatchRequest, *, batch_id: str = BATCH) -> None:
        self.store.batches.create(BatchRow(batch_id, "queued", request.to_json(), NOW, "key", NOW), most_open=9)

    def row(self, batch_id: str = BATCH) -> BatchRow:
        found = self.store.batches.find(batch_id)
        assert found is not None
        return found

    def life(
        self, *, stop: Callable[[], bool] = lambda: False, at: int | None = None, part_contacts: int = 10
    ) -> BatchRun:
        """Take the batch, as a process that begins does."""
        self.lives.append(f"life {len(self.lives)}")
        lease, now = Lease(BATCH, self.lives[-1]), NOW + len(self.lives) * DAY if at is None else at
        taken = self.store.batches.take(lease, at=now, until=now + SECOND)
        assert taken is not None

        def load(models, row):
            request = BatchRequest.from_json(row.request)
            asked = {"cutoff": row.cutoff, "asked_at": row.created_at, "reasons": request.reasons}
            return loaded(self.settings, self.store, models, **asked, plan=request.plan)

        return BatchRun(self.store, self.folder, lease, load, KEY, lambda: now, SECOND, stop, part_contacts)

    def work(self, **more) -> bool:
        """Work on the batch in one life."""
        return self.life(**more).run(self.row())


def asked(*names: str, choice: ContactSelection = ALL, reasons: int = 0, format: str = "ndjson") -> BatchRequest:
    models = tuple(ModelName(name, MODELS[name][1]) for name in names or ("scoring",))
    return BatchRequest(models, choice, reasons, format)  # type: ignore[arg-type]


@pytest.fixture
def batching(settings: Settings, database: Database, golden_models: dict[str, Path]) -> Iterator[Batching]:
    for folder in golden_models.values():
        shutil.copytree(folder, settings.cache_folder / folder.name)
    opened = open_database(settings, KEY)
    yield Batching(settings, opened, opened.of("default"), BatchFiles(settings.files_folder))
    opened.close()


@cache
def loading_once(capability: str) -> CapabilitySpec:
    """Return the spec of a capability; each of its artifacts is loaded once, wherever a copy of it lies."""
    spec, models = spec_of(capability), dict[str, Any]()

    def load(folder: Path) -> Any:
        if folder.name not in models:
            models[folder.name] = spec.load(folder)
        return models[folder.name]

    return replace(spec, load=load)


@pytest.fixture(autouse=True)
def models_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the golden models, which lie in folders named by their digests, from one life of a batch to the next."""
    monkeypatch.setattr("foretell.batch_models.spec_of", loading_once)


@pytest.fixture(scope="module")
def started_cluster() -> Iterator[LocalCluster]:
    """Start one for a file, and end it with that: to have nothing to do takes it a fifth of a core."""
    with LocalCluster(
        n_workers=WORKERS,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",
        memory_limit=0,
        protocol="tcp://",
    ) as started:
        yield started


@pytest.fixture
def cluster(started_cluster: LocalCluster) -> LocalCluster:
    """Two worker processes of one thread each; one that died is started again, as Kubernetes does."""
    started_cluster.wait_for_workers(WORKERS, timeout=120)
    return started_cluster


@pytest.fixture
def copied_files(request: pytest.FixtureRequest, files_with_account: Path) -> Path:
    """What tests get copies of: with contacts and models where a test works on batches."""
    return request.getfixturevalue("filled_files") if "batching" in request.fixturenames else files_with_account


@pytest.fixture
def copied_template(request: pytest.FixtureRequest, migrated_template: str) -> str:
    """The same on PostgreSQL."""
    return request.getfixturevalue("filled_template") if "batching" in request.fixturenames else migrated_template


@pytest.fixture(scope="session")
def golden_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The golden models by capability, each in a folder named by its digest, as in a cache."""
    folder = tmp_path_factory.mktemp("golden-models")
    artifacts = {name: copied(GOLDEN / golden, folder / name) for name, (golden, _) in MODELS.items()}
    return {name: artifact.rename(folder / digest_of(artifact)) for name, artifact in artifacts.items()}


@pytest.fixture(scope="session")
def filled_files(
    files_with_account: Path, golden_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Both SQLite files of the account with models and contacts, made once."""
    home = tmp_path_factory.mktemp("filled-files")
    shutil.copytree(files_with_account, home, dirs_exist_ok=True)
    prepare(Settings(home=home), golden_models)
    return home


@pytest.fixture(scope="session")
def filled_template(
    postgres: URL, migrated_template: str, golden_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A PostgreSQL database with the same, made once."""
    url = copied_database(postgres, "filled_template", template=migrated_template)
    prepare(Settings(home=tmp_path_factory.mktemp("filled-template"), store_url=url), golden_models)
    return "filled_template"


def prepare(settings: Settings, models: dict[str, Path]) -> None:
    database = open_database(settings, KEY)
    store = database.of("default")
    for name, folder in models.items():
        store.models.promote(name, MODELS[name][1], "3", folder.name, at=NOW - DAY, reason="golden")
    fill(store)
    database.close()


def fill(store: AccountStore, contacts: int = CONTACTS) -> None:
    """Keep some contacts with what they did, one who refused, and one of whom nothing is known."""
    rows = [
        ContactRow(
            f"c-{number:03}",
            NOW - 200 * DAY,
            "Europe/Paris",
            {"profiling": "denied"} if number == 3 else None,
            None,
            (AttributeRow("country", "FR" if number % 2 else "DE", NOW - 200 * DAY),),
        )
        for number in range(contacts)
    ]
    store.contacts.put([*rows, ContactRow("nothing-known")], recorded_at=NOW - DAY)
    store.events.add_bulk(
        EventRow(f"c-{number:03}", f"e{day}", kind, NOW - (day * (number % 7 + 1)) * DAY, NOW - DAY)
        for number in range(contacts)
        for day, kind in enumerate(("email_opened", "email_clicked", "page_viewed", "email_sent"), 1)
    )
