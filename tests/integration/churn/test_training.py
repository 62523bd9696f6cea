"""Churn end to end: from a real store to a registered version, and the gate between two of them."""

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.churn.model import ChurnModel
from services.churn.training import RECIPE, ChurnFit, ChurnMaterial, churn_material, fitted
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, AttributeRow, ContactRow, EventRow, Microseconds
from shared.contracts.training import ColumnChoices
from shared.errors import InsufficientData
from shared.registry.fetch import artifacts
from shared.registry.registration import MlflowRegistry
from shared.settings import Settings
from shared.store import AccountStore, Database, open_database
from shared.training.material import scanned
from shared.training.recipe import Run, train
from shared.training.versions import Model, Published, mismatch

LEFT = Outcome(name="left", capability="churn", event_types=("subscription_cancelled",), horizon_days=30, every_days=30)
START: Microseconds = 1_700_000_000_000_000
FIRST_ENDS = 90 * DAY


@dataclass
class Members:
    """Subscribers who begin at any day; who is on the cheap plan leaves ten times as soon, when there is a signal."""

    contacts: list[ContactRow]
    events: list[EventRow]
    until: Microseconds


def members(contacts: int = 350, days: int = 300, *, seed: int = 0, signal: bool = True) -> Members:
    draw = np.random.default_rng(seed)
    until = START + days * DAY
    rows, events = [], []
    for number in range(contacts):
        name, cheap = f"c{number:04d}", bool(draw.random() < 0.5)
        begins = START + int(draw.uniform(0, 0.7 * days) * DAY)
        leaves = begins + int(draw.exponential((50 if cheap else 500) if signal else 120) * DAY)
        rows.append(ContactRow(name, begins, attributes=(AttributeRow("plan", "basic" if cheap else "pro", begins),)))
        events.append(EventRow(name, "start", "subscription_started", begins, until, 20.0))
        if leaves < until:
            events.append(EventRow(name, "end", "subscription_cancelled", leaves, until))
    return Members(rows, events, until)


def filled(database: Database, name: str, world: Members) -> AccountStore:
    database.create_account(name, created_at=0)
    store = database.of(name)
    store.contacts.put_bulk(world.contacts, recorded_at=world.until)
    store.events.add_bulk(world.events)
    store.outcomes.put(LEFT)
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
def world() -> Members:
    return members()


@pytest.fixture(scope="module")
def store(database: Database, world: Members) -> AccountStore:
    return filled(database, "demo", world)


@pytest.fixture(scope="module")
def first(database: Database, settings: Settings, store: AccountStore, world: Members) -> Published:
    return train(RECIPE, database.of("demo"), MlflowRegistry.of(settings), LEFT, now=world.until - FIRST_ENDS)


@pytest.fixture(scope="module")
def later(store: AccountStore, world: Members) -> tuple[ChurnMaterial, ChurnFit]:
    material = churn_material(LEFT, scanned(store), now=world.until)
    return material, fitted(material, now=world.until)


def judge(
    settings: Settings, store: AccountStore, later: tuple[ChurnMaterial, ChurnFit], row: Any, now: Microseconds
) -> Any:
    return RECIPE.gate(Run(MlflowRegistry.of(settings), store, "churn", LEFT, ColumnChoices(), now), *later, row)


def test_the_first_usable_version_is_registered_promoted_and_loads(
    settings: Settings, store: AccountStore, first: Published, tmp_path: Path
) -> None:
    champion = store.models.champion("churn", "left")
    assert champion is not None
    assert first.promoted
    assert (champion.version, champion.digest) == (first.version, first.digest)

    folder = artifacts(
        MlflowRegistry.of(settings), "demo", "churn", "left", version=first.version, digest=first.digest, into=tmp_path
    )

    model = ChurnModel.load(folder)
    assert (model.outcome, model.horizon_days, model.reached_by) == ("left", 30, ("subscription_cancelled",))
    assert mismatch(store, MlflowRegistry.of(settings), Model("churn", "left")) is None


def test_the_catalogue_knows_figures_card_and_until_when_was_learned(
    store: AccountStore, first: Published, world: Members
) -> None:
    row = store.models.version("churn", "left", first.version)

    assert row is not None
    assert (row.grade, row.horizon_days) == (first.report.grade, 30)
    assert row.report["trained_until"] == world.until - FIRST_ENDS
    assert row.card.startswith(f"# churn.left, version {first.version}\n")
    assert "How likely is a cancellation by this contact within the next 30 days?" in row.card
    assert "integrated_brier" in row.figures
    assert sum(row.report["evidence"]["scores"]["frames"]) == row.report["data"]["judged_frames"]
    assert row.report["evidence"]["people"]["learned_from"] == row.report["data"]["contacts"]


def test_the_gate_compares_on_frames_newer_than_the_champion_s(
    settings: Settings, store: AccountStore, first: Published, later: tuple[ChurnMaterial, ChurnFit], world: Members
) -> None:
    _, fit = later
    newer = fit.problem.cutoff[fit.graded.judged] >= world.until - FIRST_ENDS
    assert 200 <= np.count_nonzero(newer) <= len(newer)

    verdict = judge(settings, store, later, store.models.version("churn", "left", first.version), world.until)

    assert verdict.decided
    assert "1 % of log loss" in verdict.reason


def test_frames_that_the_champion_has_seen_decide_nothing(
    settings: Settings, store: AccountStore, first: Published, later: tuple[ChurnMaterial, ChurnFit], world: Members
) -> None:
    row = store.models.version("churn", "left", first.version)
    assert row is not None
    same = dataclasses.replace(row, report={**row.report, "trained_until": world.until})

    verdict = judge(settings, store, later, same, world.until)

    assert (verdict.promote, verdict.decided) == (False, False)
    assert verdict.reason.startswith("only 0 frames are newer")


def test_a_champion_that_is_not_what_was_promoted_is_replaced(
    settings: Settings, store: AccountStore, first: Published, later: tuple[ChurnMaterial, ChurnFit], world: Members
) -> None:
    row = store.models.version("churn", "left", first.version)
    assert row is not None

    verdict = judge(settings, store, later, dataclasses.replace(row, digest="0" * 64), world.until)

    assert verdict.promote
    assert "cannot be loaded any more" in verdict.reason


def test_a_champion_of_flat_data_has_nothing_newer_to_compare_on(
    settings: Settings, store: AccountStore, first: Published, later: tuple[ChurnMaterial, ChurnFit], world: Members
) -> None:
    row = store.models.version("churn", "left", first.version)
    assert row is not None

    verdict = judge(
        settings, store, later, dataclasses.replace(row, report={**row.report, "trained_until": None}), world.until
    )

    assert not verdict.promote
    assert "promote by hand" in verdict.reason


def test_noise_is_registered_and_never_promoted(database: Database, settings: Settings) -> None:
    world = members(250, 240, seed=1, signal=False)
    store = filled(database, "noise", world)
    told: list[tuple[str, float]] = []

    published = train(
        RECIPE,
        database.of("noise"),
        MlflowRegistry.of(settings),
        LEFT,
        now=world.until,
        progress=lambda text, part: told.append((text, part)),
    )

    assert not published.promoted
    assert published.reason.startswith("no usable signal")
    assert store.models.champion("churn", "left") is None
    assert [row.version for row in store.models.versions("churn", "left")] == [published.version]
    assert told[-1] == ("done", 1.0)
    assert [part for _, part in told] == sorted(part for _, part in told)


def test_what_an_outcome_forbids_is_learned_from_by_no_training(database: Database, settings: Settings) -> None:
    database.create_account("forbidding", created_at=0)
    store = database.of("forbidding")
    values = [(AttributeRow("gone", str(n % 2), 0), AttributeRow("plan", "ab"[n % 2], 0)) for n in range(200)]
    rows = [ContactRow(f"c-{n}", 0, attributes=value) for n, value in enumerate(values)]
    store.contacts.put_bulk(rows, recorded_at=1)
    gone = Outcome(name="gone", capability="churn", attribute="gone", forbidden=("plan",))

    with pytest.raises(InsufficientData, match=r"tells contacts apart\. Import what else is known"):
        train(RECIPE, database.of("forbidding"), MlflowRegistry.of(settings), gone, now=DAY)


def test_an_account_without_data_is_refused_in_counts(database: Database, settings: Settings) -> None:
    database.create_account("empty", created_at=0)
    store = database.of("empty")

    with pytest.raises(InsufficientData) as refused:
        train(RECIPE, store, MlflowRegistry.of(settings), store.outcomes.require("churn", "churn"), now=10**15)

    assert refused.value.members["with_outcome"] == 0
