"""Which training is asked for when nobody does it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from foretell.background.retraining import Retraining
from shared.contracts.input_drift import InputDrift
from shared.contracts.model_drift import ModelDrift
from shared.contracts.outcome import ModelName
from shared.contracts.rows import DAY
from shared.settings import WorkerSettings
from shared.store import ChampionRow, ModelCommandRow, VersionRow

NOW = 20_000 * DAY
KEY = "k" * 40
DRIFTED = InputDrift(100, 30, 0, 0, 0, 0)


@dataclass
class Account:
    account: str
    trained_at: dict[ModelName, int]
    drift: InputDrift | None = None
    asked: list[ModelCommandRow] = field(default_factory=list)
    outcomes_known: bool = True
    found: Any = None
    """What the last round of scoring found of the version."""

    @property
    def quality(self) -> Any:
        return SimpleNamespace(drift=lambda *_: self.found)

    @property
    def models(self) -> "Account":
        return self

    outcomes = models

    @property
    def commands(self) -> "Account":
        return self

    def find(self, capability: str, outcome: str) -> Any:
        return object() if self.outcomes_known else None

    def version(self, capability: str, outcome: str, version: str) -> VersionRow:
        return VersionRow(capability, outcome, version, "d", "rule", "C", 0, 30, "run", input_drift=self.drift)

    def last_training_at(self, model: ModelName) -> int:
        return self.trained_at[model]

    def request(self, row: ModelCommandRow) -> None:
        self.asked.append(row)


@dataclass
class Database:
    accounts: dict[str, Account]
    waiting: bool = False

    def waiting_model_commands(self, at: int, kinds: Any) -> list[Any]:
        return [("acme", "cmd")] if self.waiting else []

    def champions(self) -> list[ChampionRow]:
        return [
            ChampionRow(name, *model, "1", "d", 0, None, None)
            for name, account in self.accounts.items()
            for model in account.trained_at
        ]

    def of(self, account: str) -> Account:
        return self.accounts[account]


def turn(database: Database, **settings: Any) -> None:
    given = WorkerSettings(signing_key=KEY, identity_key=KEY, **settings)
    Retraining(database, given, lambda: NOW).turn()  # type: ignore[arg-type]


def test_of_all_that_is_due_the_one_that_waits_longest_is_requested_alone() -> None:
    first = Account("acme", {ModelName("scoring", "customer"): NOW - 60 * DAY, ModelName("sendtime"): NOW - 90 * DAY})
    second = Account("zeta", {ModelName("segmentation"): NOW - 80 * DAY})

    turn(Database({"acme": first, "zeta": second}))

    assert [(one.kind, one.model, one.requested_by, one.payload) for one in first.asked] == [
        ("train", ModelName("sendtime"), "schedule", {"promote": True})
    ]
    assert second.asked == []


def test_nothing_is_requested_while_a_training_waits() -> None:
    account = Account("acme", {ModelName("sendtime"): NOW - 90 * DAY})

    turn(Database({"acme": account}, waiting=True))

    assert account.asked == []


def test_drift_asks_for_a_training_before_its_time() -> None:
    model = ModelName("segmentation")
    calm, drifted = (Account("acme", {model: NOW - 4 * DAY}, drift) for drift in (None, DRIFTED))

    turn(Database({"acme": calm}))
    turn(Database({"acme": drifted}))

    assert calm.asked == []
    assert [(one.requested_by, one.reason) for one in drifted.asked] == [
        ("drift", "the inputs of the version that answers have left what it was shown")
    ]


def test_drift_of_features_asks_for_a_training_as_unknown_inputs_do() -> None:
    since = datetime(2024, 10, 1, tzinfo=UTC)
    drift = ModelDrift(
        version="1", measured_at=since, status="measured", has_drifted=True, drifted_since=since, text="It has.",
        contacts=900, reference_contacts=900, drifted_weight=0.4, answers=None, features=[],
    )  # fmt: skip
    account = Account(
        "acme", {ModelName("segmentation"): NOW - 4 * DAY}, found={"report": drift.model_dump(mode="json")}
    )

    turn(Database({"acme": account}))

    assert [one.requested_by for one in account.asked] == ["drift"]


def test_a_setting_of_0_trains_nothing_by_time() -> None:
    account = Account("acme", {ModelName("sendtime"): NOW - 900 * DAY})

    turn(Database({"acme": account}), retrain_sendtime_days=0)

    assert account.asked == []


def test_an_outcome_that_is_defined_no_more_is_not_trained() -> None:
    account = Account("acme", {ModelName("scoring", "gone"): 0}, outcomes_known=False)

    turn(Database({"acme": account}))

    assert account.asked == []


def test_a_capability_without_a_setting_is_trained_every_two_weeks() -> None:
    assert WorkerSettings(signing_key=KEY, identity_key=KEY).retrain_days("weather") == 14
