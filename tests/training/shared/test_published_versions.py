import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.contracts.rows import DAY
from shared.errors import Conflict, RegistryUnavailable
from shared.evaluation.gate import GateDecision
from shared.registry.artifact import OutputColumn, number_column
from shared.registry.registration import Registered, RegisteredRun, source_commit
from shared.training.comparison import is_old
from shared.training.material import digest_of_data
from shared.training.report import Report
from shared.training.versions import Fitted, Model, publish

NOW = 1_700_000_000_000_000
PICTURES = {name: b"\x89PNG " + name.encode() for name in ("reliability", "lift", "importance")}
"""In place of a report's plots; that those are pictures, the tests of the report show."""


class Registry:
    """Keeps versions in a list."""

    def __init__(self) -> None:
        self.versions: list[tuple[Model, RegisteredRun, set[str]]] = []
        self.alias: str | None = None
        self.away = False
        self.takes_aliases = True

    def register(self, account: str, model: Model, folder: Path, record: RegisteredRun) -> Registered:
        if self.away:
            raise RegistryUnavailable("The registry is away.")
        assert all(path.read_bytes().startswith(b"\x89PNG") for path in record.plots.values())
        self.versions.append((model, record, {path.name for path in folder.iterdir()}))
        number = str(len(self.versions))
        return Registered(number, f"run-{number}", f"digest-{number}")

    def point(self, account: str, model: Model, version: str) -> None:
        if not self.takes_aliases:
            raise RegistryUnavailable("The registry did not take the alias.")
        self.alias = version

    def pointed(self, account: str, model: Model) -> str | None:
        return self.alias


class Store:
    """A catalogue and a champion row."""

    account = "demo"

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self.plots: dict[str, bytes] = {}
        self.row: Any = None
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.meanwhile = False

    @property
    def models(self) -> "Store":
        return self

    @contextmanager
    def transaction(self) -> Iterator["Store"]:
        yield self

    def note(self, action: str, model: Model, *, at: int, **facts: Any) -> None:
        self.notes.append((action, facts))

    def add(self, row: Any, plots: dict[str, bytes]) -> None:
        self.rows[row.version] = row
        self.plots = plots

    def version(self, capability: str, outcome: str, version: str) -> Any:
        return self.rows.get(version)

    def champion(self, capability: str, outcome: str) -> Any:
        return self.row

    def promote(self, capability: str, outcome: str, version: str, digest: str, **said: Any) -> Any:
        if self.meanwhile:
            raise Conflict("Version 9 was promoted meanwhile.")
        self.notes.append(("promoted", {"version": version, **said}))
        self.row = Champion(version)
        return self.row


@dataclasses.dataclass
class Champion:
    version: str
    promoted_at: int = 0


class Saved:
    reached_by: tuple[str, ...] = ()
    table_inputs = (number_column("visits", example=1.0),)
    table_outputs = (OutputColumn("probability", "double"),)

    def save(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "model.json").write_text("{}")


@pytest.fixture
def registry() -> Any:
    return Registry()


@pytest.fixture
def store() -> Any:
    return Store()


def run(found: Report, **changes: Any) -> Fitted:
    report = dataclasses.replace(found, **changes)
    return Fitted(
        capability="scoring",
        outcome="won",
        model=Saved(),
        report=report,
        plots=PICTURES,
        question="Who wins?",
        horizon_days=30,
        trained_at=NOW,
        trained_until=NOW - DAY,
        data_digest="abc",
        rows=900,
        params={"frames": 900},
    )


def never(row: Any) -> GateDecision:
    raise AssertionError("there is no champion to compare with")


def test_a_first_usable_version_is_promoted(registry: Any, store: Any, found: Report) -> None:
    published = publish(registry, store, run(found), gate=never, may_promote=True)

    assert (published.version, published.digest, published.promoted) == ("1", "digest-1", True)
    assert published.reason == "first version; it ranks surely better than chance, and better than the base rate"
    assert registry.alias == "1"
    assert store.row.version == "1"


def test_the_catalogue_and_the_registry_are_given_everything(registry: Any, store: Any, found: Report) -> None:
    publish(registry, store, run(found), gate=never, may_promote=True)

    row, (model, record, files) = store.rows["1"], registry.versions[0]
    assert model == Model("scoring", "won")
    assert files == {"model.json"}
    assert [column.name for column in (*record.inputs, *record.outputs)] == ["visits", "probability"]
    assert (record.question, record.data.rows) == ("Who wins?", 900)
    assert [fold["log_loss"] for fold in record.folds] == [block["log_loss"] for block in found.blocks] != []
    assert record.params == {"kind": found.kind, "winner": found.winner, "frames": 900}
    assert record.tags["foretell.data_digest"] == "abc"
    assert row.card == record.card(Registered("1", "run-1", "digest-1"))
    assert row.report["trained_until"] == NOW - DAY
    assert row.figures == found.to_json()["figures"]
    assert store.plots == PICTURES
    json.dumps(row.report, allow_nan=False)


def test_the_card_that_is_kept_names_the_version_and_nothing_that_a_promotion_changes(
    registry: Any, store: Any, found: Report
) -> None:
    publish(registry, store, run(found), gate=never, may_promote=True)

    card = store.rows["1"].card
    assert card.startswith("# scoring.won, version 1\n\n**Who wins?**\n")
    assert f"**Grade {found.grade}**" in card
    assert "answer requests" not in card
    assert "answers requests" not in card


def test_figures_without_a_number_are_no_metrics(registry: Any, store: Any, found: Report) -> None:
    figures = {**found.figures, "calibration_error": float("nan")}

    publish(registry, store, run(found, figures=figures), gate=never, may_promote=True)

    metrics = registry.versions[0][1].metrics
    assert "calibration_error" not in metrics
    assert all(np.isfinite(value) for value in metrics.values())


def test_no_usable_signal_is_registered_and_never_promoted(registry: Any, store: Any, found: Report) -> None:
    published = publish(registry, store, run(found, usable=False), gate=never, may_promote=True)

    assert not published.promoted
    assert published.reason.startswith("no usable signal")
    assert store.row is None
    assert list(store.rows) == ["1"]


def test_registering_only_leaves_the_champion_alone_and_says_the_verdict(
    registry: Any, store: Any, found: Report
) -> None:
    published = publish(registry, store, run(found), gate=never, may_promote=False)

    assert not published.promoted
    assert published.reason.startswith("registered only, as asked (first version")
    assert registry.alias is None


@pytest.mark.parametrize("passes", [True, False])
def test_with_a_champion_the_gate_decides_on_its_row(registry: Any, store: Any, found: Report, passes: bool) -> None:
    asked: list[str] = []

    def gate(row: Any) -> GateDecision:
        asked.append(row.version)
        return GateDecision(passes, True, "because")

    publish(registry, store, run(found), gate=never, may_promote=True)
    second = publish(registry, store, run(found), gate=gate, may_promote=True)

    assert asked == ["1"]
    assert (second.version, second.promoted, second.reason) == ("2", passes, "because")
    assert store.row.version == registry.alias == ("2" if passes else "1")


def test_the_audit_trail_is_given_the_gate_s_figures(registry: Any, store: Any, found: Report) -> None:
    compared = {"challenger_loss": 0.4, "champion_loss": 0.3}
    publish(registry, store, run(found), gate=never, may_promote=True)

    def gate(row: Any) -> GateDecision:
        return GateDecision(False, True, "because", compared)

    publish(registry, store, run(found), gate=gate, may_promote=True, clock=lambda: NOW + DAY)

    assert [action for action, _ in store.notes] == ["trained", "promoted", "trained", "refused"]
    assert store.notes[-1][1] == {"version": "2", "reason": "because", "figures": compared, "decided": True}


def test_what_stands_in_the_way_of_a_promotion_leaves_the_champion_and_is_the_reason(
    registry: Any, store: Any, found: Report
) -> None:
    publish(registry, store, run(found), gate=never, may_promote=True)

    def gate(row: Any) -> GateDecision:
        return GateDecision(True, True, "not worse")

    registry.takes_aliases = False
    away = publish(registry, store, run(found), gate=gate, may_promote=True)
    registry.takes_aliases, store.meanwhile = True, True
    late = publish(registry, store, run(found), gate=gate, may_promote=True)

    assert (away.promoted, away.reason) == (
        False,
        "it passed the gate, but the registry did not take the alias. Promote it by hand",
    )
    assert (late.promoted, late.reason) == (
        False,
        "it passed the gate, but version 9 was promoted meanwhile. Train again, or promote it by hand",
    )
    assert store.row.version == registry.alias == "1"


def test_a_champion_that_left_the_catalogue_is_replaced(registry: Any, store: Any, found: Report) -> None:
    publish(registry, store, run(found), gate=never, may_promote=True)
    del store.rows["1"]

    second = publish(registry, store, run(found), gate=never, may_promote=True)

    assert second.promoted
    assert "not in the catalogue any more" in second.reason


def test_a_registry_that_is_away_changes_nothing(registry: Any, store: Any, found: Report) -> None:
    registry.away = True

    with pytest.raises(RegistryUnavailable):
        publish(registry, store, run(found), gate=never, may_promote=True)

    assert store.rows == {}
    assert store.row is None


def test_the_data_digest_shows_one_changed_number() -> None:
    matrix, labels, cutoff = np.zeros((3, 2)), np.zeros(3), np.zeros(3, np.int64)
    changed = matrix.copy()
    changed[1, 1] = 1e-9

    assert digest_of_data(matrix, labels, cutoff) == digest_of_data(np.asfortranarray(matrix), labels, cutoff)
    assert digest_of_data(matrix, labels, cutoff) != digest_of_data(changed, labels, cutoff)


@pytest.mark.parametrize(("days", "old"), [(180, False), (181, True)])
def test_a_version_is_old_after_its_days(registry: Any, store: Any, found: Report, days: int, old: bool) -> None:
    publish(registry, store, run(found), gate=never, may_promote=True)

    assert is_old(store.rows["1"], now=NOW + days * DAY, most_days=180) is old


def test_the_commit_is_forty_digits_or_unknown() -> None:
    commit = source_commit()

    assert commit == "unknown" or len(commit) == 40
