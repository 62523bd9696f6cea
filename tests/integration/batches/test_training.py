"""Training from an export in buckets: what is learned from is what the store gives, wherever it is read."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import LocalCluster

from foretell.bucket_training import BucketRefit, TrainingExport, pasts_of_export
from services.churn.training import churn_material
from services.churn.training import fitted as churn_fitted
from services.scoring.training import fitted
from shared.batches.buckets import export
from shared.contracts.outcome import Outcome
from shared.contracts.rows import AttributeRow, ContactRow, EventRow
from shared.errors import FileRefused
from shared.features import matrix
from shared.learners.simple import Columns
from shared.learners.trees import Trees, TreeShape
from shared.settings import Settings
from shared.store import AccountStore, open_database
from shared.timeline import Pasts
from shared.training.material import framed, scanned
from shared.training.refit import RefitRequest
from tests.integration.batches.conftest import Batching
from tests.integration.batches.test_buckets import vary

BUCKETS = 5
WON = Outcome(name="won", capability="scoring", event_types=("deal_won",), horizon_days=30, every_days=15)
QUIET = Outcome(name="quiet", capability="churn", silence=("page_viewed",), horizon_days=30)


@pytest.fixture
def settings(tmp_path: Path, copied_files: Path) -> Settings:
    """SQLite alone: what is tested reads an export, whatever store wrote it."""
    for file in copied_files.iterdir():
        shutil.copy(file, tmp_path)
    return Settings(home=tmp_path)


@pytest.fixture
def scheduler(cluster: LocalCluster) -> str:
    return str(cluster.scheduler_address)


def read(
    folder: Path, *, most_contacts: int = 1_000_000, with_events: bool = True, scheduler: str | None = None
) -> Pasts:
    wanted = TrainingExport.of(folder, account="default", most_contacts=most_contacts)
    return pasts_of_export(wanted, with_events=with_events, scheduler=scheduler)


def differences(found: Pasts, expected: Pasts) -> list[str]:
    """Name the columns that differ; of messages only which events share one matters."""
    named = ("contact_ids", "zones", "consents", "types", "campaigns", "items")
    counted = ("known", "created_at", "offsets", "at", "type", "value", "campaign", "item")
    differ = [name for name in named if getattr(found, name) != getattr(expected, name)]
    differ += [name for name in counted if not same(getattr(found, name), getattr(expected, name))]
    pairs = set(zip(found.message.tolist(), expected.message.tolist(), strict=True))
    if not len({one for one, _ in pairs}) == len({other for _, other in pairs}) == len(pairs):
        differ.append("message")
    if list(found.attributes) != list(expected.attributes):
        return [*differ, "attributes"]
    for name, column in expected.attributes.items():
        if found.attributes[name].value != column.value:
            differ.append(f"{name}: value")
        differ += [
            f"{name}: {part}"
            for part in ("contact", "valid_from", "dated")
            if not same(getattr(found.attributes[name], part), getattr(column, part))
        ]
    return differ


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


@pytest.mark.parametrize("with_events", [True, False])
def test_pasts_read_by_a_worker_are_those_of_the_store(
    batching: Batching, scheduler: str, tmp_path: Path, with_events: bool
) -> None:
    vary(batching.store)
    export(batching.store, tmp_path / "export", BUCKETS, at=0)

    here = read(tmp_path / "export", with_events=with_events)
    there = read(tmp_path / "export", with_events=with_events, scheduler=scheduler)

    assert differences(here, scanned(batching.store, with_events=with_events)) == []
    assert differences(there, here) == []


def test_of_too_many_contacts_the_same_ones_are_drawn_each_with_its_whole_past(
    batching: Batching, tmp_path: Path
) -> None:
    vary(batching.store)
    export(batching.store, tmp_path / "five", 5, at=0)
    export(batching.store, tmp_path / "two", 2, at=0)

    drawn = read(tmp_path / "five", most_contacts=10)

    every = scanned(batching.store)
    counts = dict(zip(every.contact_ids, np.diff(every.offsets).tolist(), strict=True))
    assert 0 < len(drawn) < len(every)
    assert np.diff(drawn.offsets).tolist() == [counts[one] for one in drawn.contact_ids]
    assert read(tmp_path / "two", most_contacts=10).contact_ids == drawn.contact_ids


def test_an_export_of_another_account_is_not_learned_from(batching: Batching, tmp_path: Path) -> None:
    export(batching.store, tmp_path / "export", BUCKETS, at=0)

    with pytest.raises(FileRefused, match="of the account default, not of other"):
        TrainingExport.of(tmp_path / "export", account="other", most_contacts=10)


@dataclass(frozen=True)
class Learned:
    """What a training learned of an account from its store, and an export of that."""

    export: Path
    pasts: Pasts
    now: int
    material: Any
    fit: Any


@pytest.fixture(scope="module")
def learned(
    files_with_account: Path, tmp_path_factory: pytest.TempPathFactory, simulated: Callable[..., Any]
) -> Iterator[Callable[[str], Learned]]:
    """Train a capability, once: `learned("scoring")`."""
    world, home = simulated(300, 300), tmp_path_factory.mktemp("simulated")
    shutil.copytree(files_with_account, home, dirs_exist_ok=True)
    database = open_database(Settings(home=home))
    fill(database.of("default"), world)
    export(database.of("default"), home / "export", BUCKETS, at=world.until)
    pasts = scanned(database.of("default"))
    yield cache(lambda name: Learned(home / "export", pasts, world.until, *trained(name, pasts, now=world.until)))
    database.close()


def fill(store: AccountStore, world: Any) -> None:
    contacts = [
        ContactRow(contact_id, fact.created_at, attributes=(AttributeRow("plan", fact.attributes[0].value, 0),))
        for contact_id, fact in world.facts.items()
    ]
    store.contacts.put_bulk(contacts, recorded_at=world.until)
    store.events.add_bulk([EventRow(*row[:4], recorded_at=world.until) for row in world.rows])


def trained(capability: str, pasts: Pasts, *, now: int) -> tuple[Any, Any]:
    """Train; return what is learned from, and what came of it."""
    if capability == "scoring":
        frames = framed(WON, pasts, now=now)
        return frames, fitted(frames, now=now)
    material = churn_material(QUIET, pasts, now=now)
    return material, churn_fitted(material, now=now)


@pytest.mark.parametrize("capability", ["scoring", pytest.param("churn", marks=pytest.mark.slow)])
def test_a_model_learned_from_an_export_answers_as_one_learned_from_the_store(
    learned: Callable[[str], Learned], scheduler: str, capability: str
) -> None:
    first = learned(capability)

    pasts = read(first.export, scheduler=scheduler)
    _, fit = trained(capability, pasts, now=first.now)

    np.testing.assert_allclose(fit.problem.matrix, first.fit.problem.matrix, rtol=0, atol=1e-9)
    expected = answers(capability, first.fit, first.pasts, now=first.now)
    np.testing.assert_allclose(answers(capability, fit, pasts, now=first.now), expected, rtol=0, atol=1e-9)


def answers(capability: str, fit: Any, pasts: Pasts, *, now: int) -> Any:
    """Compute the margins or hazards of each contact at the end."""
    contact, cutoffs = np.arange(len(pasts), dtype=np.int32), np.full(len(pasts), now, dtype=np.int64)
    values = matrix(fit.model.feature_set, pasts, contact, cutoffs)
    return fit.model.margins(values) if capability == "scoring" else fit.model.hazard(values, cutoffs)


def test_trees_that_won_are_grown_on_all_frames_on_the_workers_that_made_them(
    learned: Callable[[str], Learned], scheduler: str
) -> None:
    first = learned("scoring")
    frames, names = first.material.frames, first.fit.model
    shape = TreeShape(leaves=7, min_rows=20)
    since, features = int(frames.cutoff.min()), (names.feature_set, names.inputs)
    request = RefitRequest(WON, since, first.now, len(frames), *features, shape, rounds=30, seed=1)
    half = TrainingExport.of(first.export, account="default", most_contacts=150)

    grown = BucketRefit(scheduler, half, len(frames))(request)
    few = BucketRefit(scheduler, half, 2 * len(frames))(request)

    values = names.inputs.filled(matrix(names.feature_set, first.pasts, frames.contact, frames.cutoff))
    columns = Columns(names.feature_set.names, names.feature_set.categorical)
    here = Trees.fit(values, frames.label, columns, shape=shape, rounds=30, seed=1)
    assert few is None
    assert grown is not None
    assert grown.frames == len(frames)
    assert "machines" not in grown.learner.text
    assert np.corrcoef(grown.learner.margins(values), here.margins(values))[0, 1] > 0.9
