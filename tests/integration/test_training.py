"""Training end to end: from a real store to a registered version, and the gate between two of them."""

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pyarrow.parquet as pq
import pytest

from services.churn.training import RECIPE as CHURN
from services.scoring.fit import ScoringFit
from services.scoring.model import ScoringModel
from services.scoring.training import RECIPE, fitted
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, AttributeRow, ContactRow, EventRow, Microseconds
from shared.contracts.training import ColumnChoices
from shared.errors import BadRequest, FileRefused, InsufficientData
from shared.registry.fetch import artifacts
from shared.registry.registration import MlflowRegistry
from shared.settings import Settings
from shared.store import AccountStore, Database, open_database
from shared.training.elsewhere import adopt, adoptable_outcome, export_frames
from shared.training.frames_folder import Manifest
from shared.training.material import Material, framed, scanned
from shared.training.recipe import Run, train
from shared.training.versions import Model, Published, mismatch

WON = Outcome(name="won", capability="scoring", event_types=("deal_won",), horizon_days=30, every_days=30)
FIRST_BLOCK_ENDS = 160 * DAY


def filled(database: Database, name: str, world: Any) -> AccountStore:
    database.create_account(name, created_at=0)
    store = database.of(name)
    contacts = [
        ContactRow(contact_id, fact.created_at, attributes=(AttributeRow("plan", fact.attributes[0].value, 0),))
        for contact_id, fact in world.facts.items()
    ]
    store.contacts.put_bulk(contacts, recorded_at=world.until)
    store.events.add_bulk([EventRow(*row[:4], recorded_at=world.until) for row in world.rows])
    store.outcomes.put(WON)
    return store


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, with_registry: Callable[[Path], Path]) -> Settings:
    return Settings(home=with_registry(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def database(settings: Settings, migrated_files: Path) -> Iterator[Database]:
    shutil.copytree(migrated_files, settings.home, dirs_exist_ok=True)
    database = open_database(settings)
    yield database
    database.close()


@pytest.fixture(scope="module")
def world(simulated: Callable[..., Any]) -> Any:
    return simulated(700, 400)


@pytest.fixture(scope="module")
def store(database: Database, world: Any) -> AccountStore:
    return filled(database, "demo", world)


@pytest.fixture(scope="module")
def first(database: Database, settings: Settings, store: AccountStore, world: Any) -> Published:
    return train(RECIPE, database.of("demo"), MlflowRegistry.of(settings), WON, now=world.until - FIRST_BLOCK_ENDS)


@pytest.fixture(scope="module")
def later(store: AccountStore, world: Any) -> tuple[Material, ScoringFit]:
    stuff = framed(WON, scanned(store), now=world.until)
    return stuff, fitted(stuff, now=world.until)


def judge(
    settings: Settings, store: AccountStore, later: tuple[Material, ScoringFit], row: Any, now: Microseconds
) -> Any:
    return RECIPE.gate(Run(MlflowRegistry.of(settings), store, "scoring", WON, ColumnChoices(), now), *later, row)


def test_the_first_usable_version_is_registered_promoted_and_loads(
    settings: Settings, store: AccountStore, first: Published, tmp_path: Path
) -> None:
    champion = store.models.champion("scoring", "won")
    assert champion is not None
    assert first.promoted
    assert (champion.version, champion.digest) == (first.version, first.digest)

    folder = artifacts(
        MlflowRegistry.of(settings), "demo", "scoring", "won", version=first.version, digest=first.digest, into=tmp_path
    )

    assert ScoringModel.load(folder).outcome == "won"
    assert mismatch(store, MlflowRegistry.of(settings), Model("scoring", "won")) is None


def test_the_catalogue_knows_figures_card_and_until_when_was_learned(
    store: AccountStore, first: Published, world: Any
) -> None:
    row = store.models.version("scoring", "won", first.version)

    assert row is not None
    assert row.grade == first.report.grade
    assert row.report["trained_until"] == world.until - FIRST_BLOCK_ENDS
    assert row.card.startswith(f"# scoring.won, version {first.version}\n")


def test_the_catalogue_keeps_what_the_card_and_the_cut_offs_need(
    store: AccountStore, first: Published, world: Any
) -> None:
    row = store.models.version("scoring", "won", first.version)

    assert row is not None
    kept, data = row.report["evidence"], row.report["data"]
    assert sum(kept["scores"]["frames"]) == data["judged_frames"]
    assert kept["people"]["learned_from"] == data["contacts"]
    assert kept["question"].startswith("How likely is ")
    assert kept["question"].endswith(f" within the next {WON.horizon_days} days?")


def test_the_gate_compares_on_frames_newer_than_the_champion_s(
    settings: Settings, store: AccountStore, first: Published, later: tuple[Material, ScoringFit], world: Any
) -> None:
    stuff, fit = later
    newer = stuff.frames.cutoff[fit.competition.judged] >= world.until - FIRST_BLOCK_ENDS
    assert 200 <= np.count_nonzero(newer) < len(newer)

    verdict = judge(settings, store, later, store.models.version("scoring", "won", first.version), world.until)

    assert verdict.decided
    assert "1 % of log loss" in verdict.reason


def test_frames_that_the_champion_has_seen_decide_nothing(
    settings: Settings, store: AccountStore, first: Published, later: tuple[Material, ScoringFit], world: Any
) -> None:
    row = store.models.version("scoring", "won", first.version)
    assert row is not None
    same = dataclasses.replace(row, report={**row.report, "trained_until": world.until})

    verdict = judge(settings, store, later, same, world.until)

    assert (verdict.promote, verdict.decided) == (False, False)
    assert verdict.reason.startswith("only 0 frames are newer")


def test_a_registry_without_the_champion_leaves_it_where_it_is(
    store: AccountStore,
    first: Published,
    later: tuple[Material, ScoringFit],
    world: Any,
    tmp_path: Path,
    with_registry: Callable[[Path], Path],
) -> None:
    other = Settings(home=with_registry(tmp_path))

    verdict = judge(other, store, later, store.models.version("scoring", "won", first.version), world.until)

    assert (verdict.promote, verdict.decided) == (False, False)
    assert "train again later, or promote by hand" in verdict.reason


def test_a_champion_that_is_not_what_was_promoted_is_replaced(
    settings: Settings, store: AccountStore, first: Published, later: tuple[Material, ScoringFit], world: Any
) -> None:
    row = store.models.version("scoring", "won", first.version)
    assert row is not None

    verdict = judge(settings, store, later, dataclasses.replace(row, digest="0" * 64), world.until)

    assert verdict.promote
    assert "cannot be loaded any more" in verdict.reason


def test_flat_data_has_nothing_newer_to_compare_on(
    settings: Settings, store: AccountStore, first: Published, later: tuple[Material, ScoringFit], world: Any
) -> None:
    stuff, fit = later
    flat = dataclasses.replace(stuff, until=None)

    verdict = judge(settings, store, (flat, fit), store.models.version("scoring", "won", first.version), world.until)

    assert not verdict.promote
    assert "promote by hand" in verdict.reason


def test_noise_is_registered_and_never_promoted(
    database: Database, settings: Settings, simulated: Callable[..., Any]
) -> None:
    world = simulated(300, 240, seed=1, signal=False)
    store = filled(database, "noise", world)
    told: list[tuple[str, float]] = []

    published = train(
        RECIPE,
        database.of("noise"),
        MlflowRegistry.of(settings),
        WON,
        choices=ColumnChoices(promote=True),
        now=world.until,
        progress=lambda text, part: told.append((text, part)),
    )

    assert not published.promoted
    assert published.reason.startswith("no usable signal")
    assert published.report.grade == "D"
    assert store.models.champion("scoring", "won") is None
    assert [row.version for row in store.models.versions("scoring", "won")] == [published.version]
    assert told[-1] == ("done", 1.0)
    assert [part for _, part in told] == sorted(part for _, part in told)


def test_what_an_outcome_forbids_is_learned_from_by_no_training(database: Database, settings: Settings) -> None:
    database.create_account("forbidding", created_at=0)
    store = database.of("forbidding")
    values = [(AttributeRow("gone", str(n % 2), 0), AttributeRow("plan", "ab"[n % 2], 0)) for n in range(200)]
    rows = [ContactRow(f"c-{n}", 0, attributes=value) for n, value in enumerate(values)]
    store.contacts.put_bulk(rows, recorded_at=1)
    gone = Outcome(name="gone", capability="scoring", attribute="gone", forbidden=("plan",))

    with pytest.raises(InsufficientData, match=r"tells contacts apart\. Import what else is known"):
        train(RECIPE, database.of("forbidding"), MlflowRegistry.of(settings), gone, now=DAY)


Handed = tuple[Path, Manifest]


@pytest.fixture(scope="module")
def exported(
    store: AccountStore, settings: Settings, world: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Manifest]:
    folder = tmp_path_factory.mktemp("elsewhere") / "frames"
    return folder, export_frames(RECIPE, store, MlflowRegistry.of(settings), WON, folder, now=world.until)


def trained_elsewhere(exported: Handed, path: Path, *, shuffled: bool = False) -> Path:
    """Train on the table alone, as somebody without Foretell would."""
    folder, manifest = exported
    table = pq.read_table(folder / "frames.parquet").to_pandas()
    # Each export numbers contacts anew, and rows go by their numbers: without an order, chance would decide each time.
    table = table.sort_values([*manifest.names, "label"], ignore_index=True)
    labels = np.random.default_rng(3).permutation(table["label"]) if shuffled else table["label"]
    codes = [column.name for column in manifest.columns if column.categories is not None]
    data = lightgbm.Dataset(table[manifest.names], labels, categorical_feature=codes)
    parameters = {"objective": "binary", "num_leaves": 7, "learning_rate": 0.05, "num_threads": 1, "verbosity": -1}
    lightgbm.train(parameters, data, 60).save_model(path)
    return path


def test_nothing_that_judges_leaves_with_the_frames(exported: Handed, world: Any) -> None:
    folder, manifest = exported
    table = pq.read_table(folder / "frames.parquet").to_pandas()
    ends = table["cutoff"].astype("datetime64[us, UTC]").astype("int64") + WON.horizon_days * DAY

    assert manifest.held_back_since is not None
    assert manifest.held_back_frames >= 200
    assert ends.max() <= manifest.held_back_since < world.until - WON.horizon_days * DAY
    assert table["contact"].nunique() == manifest.contacts
    assert [*table.columns] == ["contact", "cutoff", "label", "fold", *manifest.names]


def test_a_model_trained_elsewhere_passes_the_same_gate(
    settings: Settings, store: AccountStore, first: Published, exported: Handed, world: Any, tmp_path: Path
) -> None:
    text = trained_elsewhere(exported, tmp_path / "model.txt")

    published = adopt(
        RECIPE,
        store,
        MlflowRegistry.of(settings),
        WON,
        model=text,
        frames=exported[0],
        promote=False,
        now=world.until,
    )

    row = store.models.version("scoring", "won", published.version)
    assert row is not None
    assert "1 % of log loss" in published.reason
    assert (row.kind, row.report["usable"]) == ("lightgbm", True)
    assert row.report["data"]["judged_frames"] == exported[1].held_back_frames
    assert row.report["notes"][0].startswith("It was trained elsewhere on")
    folder = artifacts(
        MlflowRegistry.of(settings), "demo", "scoring", "won", version=row.version, digest=row.digest, into=tmp_path
    )
    assert (folder / "model.txt").read_text() == text.read_text()
    with MlflowRegistry.of(settings).connected() as client:
        assert client.get_model_version("demo.scoring.won", row.version).tags["foretell.adopted"] == "true"


def test_a_model_of_shuffled_labels_never_answers(
    settings: Settings, store: AccountStore, first: Published, exported: Handed, world: Any, tmp_path: Path
) -> None:
    text = trained_elsewhere(exported, tmp_path / "model.txt", shuffled=True)

    published = adopt(RECIPE, store, MlflowRegistry.of(settings), WON, model=text, frames=exported[0], now=world.until)

    assert not published.promoted
    assert published.reason.startswith("no usable signal")


def test_a_manifest_that_was_changed_is_refused(
    settings: Settings, store: AccountStore, exported: Handed, world: Any, tmp_path: Path
) -> None:
    later = exported[1].model_copy(update={"held_back_since": (exported[1].held_back_since or 0) - 30 * DAY})
    (tmp_path / "manifest.json").write_text(later.model_dump_json())
    text = trained_elsewhere(exported, tmp_path / "model.txt")

    with pytest.raises(FileRefused, match="or was changed"):
        adopt(RECIPE, store, MlflowRegistry.of(settings), WON, model=text, frames=tmp_path, now=world.until)


def test_what_a_later_export_handed_out_judges_no_model_of_an_earlier_one(
    settings: Settings, store: AccountStore, exported: Handed, world: Any, tmp_path: Path
) -> None:
    earlier = export_frames(
        RECIPE, store, MlflowRegistry.of(settings), WON, tmp_path / "frames", now=world.until - 60 * DAY
    )
    text = trained_elsewhere(exported, tmp_path / "model.txt")
    (tmp_path / "manifest.json").write_text(earlier.model_dump_json())

    published = adopt(
        RECIPE, store, MlflowRegistry.of(settings), WON, model=text, frames=tmp_path, promote=False, now=world.until
    )

    row = store.models.version("scoring", "won", published.version)
    assert row is not None
    assert (earlier.held_back_since or 0) < (exported[1].held_back_since or 0)
    assert row.report["data"]["judged_frames"] == exported[1].held_back_frames


def test_frames_of_an_outcome_that_was_redefined_since_are_refused(
    settings: Settings, store: AccountStore, exported: Handed, world: Any, tmp_path: Path
) -> None:
    text = trained_elsewhere(exported, tmp_path / "model.txt")
    redefined = WON.model_copy(update={"horizon_days": WON.horizon_days + 30})

    with pytest.raises(FileRefused, match="was defined otherwise when the frames"):
        adopt(RECIPE, store, MlflowRegistry.of(settings), redefined, model=text, frames=exported[0], now=world.until)


def test_churn_says_why_it_cannot_be_trained_elsewhere(
    settings: Settings, store: AccountStore, world: Any, tmp_path: Path
) -> None:
    with pytest.raises(BadRequest, match="a curve over periods after the cutoff"):
        adoptable_outcome(CHURN, store, "churn")
