"""What becomes of a command whose work ends well, fails, is stopped or loses its lease."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.contracts.message import Message
from shared.contracts.rows import SECOND
from shared.contracts.training import Progress
from shared.errors import Conflict, InsufficientData, NotFound, RegistryUnavailable, StoreUnavailable
from shared.store import CommandLease, ModelCommandRow
from shared.training.commands import PAUSE, CommandLeaseLost, CommandRun, End, ProgressRow, recorded

AT = 1_700_000_000 * SECOND
LEASE = CommandLease("cmd_1", "me")


@dataclass
class Store:
    """An account whose commands are written down."""

    account: str = "acme"
    said: list[tuple[Any, ...]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    holds: bool = True
    """Whether the lease still is ours."""

    @property
    def models(self) -> "Store":
        return self

    @property
    def commands(self) -> "Store":
        return self

    def begin(self, row: ModelCommandRow, lease: CommandLease, *, until: int) -> None:
        self.said.append(("began", row.command_id, until))

    def renew(self, lease: CommandLease, *, until: int) -> bool:
        return self.holds

    def advance(self, lease: CommandLease, progress: float, step: str) -> bool:
        self.said.append((step, progress))
        return self.holds

    def complete(self, lease: CommandLease, result: Mapping[str, Any], *, at: int) -> bool:
        self.said.append(("completed", dict(result)))
        return self.holds

    def fail(self, lease: CommandLease, error: Mapping[str, str], messages: Sequence[Message] = (), *, at: int) -> bool:
        self.said.append(("failed", error["code"]))
        self.messages += messages
        return self.holds

    def release(self, lease: CommandLease, *, at: int, began: bool) -> bool:
        self.said.append(("released", at, began))
        return self.holds


def command(kind: Any = "train", *, attempts: int = 1) -> ModelCommandRow:
    return ModelCommandRow("cmd_1", kind, "scoring", "customer", AT, "schedule", attempts=attempts)


def run(store: Any, execute: Callable[..., Any], row: ModelCommandRow | None = None, *, stop: bool = False) -> bool:
    return CommandRun(store, LEASE, execute, lambda: AT, lambda: stop).run(row or command())


def raising(error: BaseException) -> Callable[..., Any]:
    def execute(row: ModelCommandRow, progress: Progress, end: End) -> Any:
        raise error

    return execute


class DeletedAccount(Store):
    """Of which nothing is there any more."""

    def fail(self, *_: Any, **__: Any) -> bool:
        raise NotFound("There is no account acme.")


def test_a_command_of_an_account_that_was_deleted_meanwhile_is_over() -> None:
    assert run(DeletedAccount(), raising(NotFound("There is no account acme.")))
    with pytest.raises(KeyError), recording(DeletedAccount()):
        raise KeyError


def stepping(store: Any, *shares: float, result: Mapping[str, Any] | None = None) -> Callable[..., Any]:
    became = result or {"version": "4"}

    def execute(row: ModelCommandRow, progress: Progress, end: End) -> Any:
        for share in shares:
            progress("step", share)
        end(store, became)
        return became

    return execute


def test_what_was_done_is_kept() -> None:
    store = Store()

    assert run(store, stepping(store, result={"version": "4", "promoted": True}))
    assert store.said == [("completed", {"version": "4", "promoted": True})]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InsufficientData("12 contacts; 40 are needed.", reached=12), "insufficient-data", "data.insufficient"),
        (NotFound("no such"), "not-found", "model.training_failed"),
        (MemoryError(), "out-of-memory", "model.training_failed"),
        (KeyError("somebody@example.com"), "unexpected-error", "model.training_failed"),
    ],
)
def test_what_would_fail_again_fails_at_once_and_says_so_to_subscriptions(
    error: Exception, code: str, message: str
) -> None:
    store = Store()

    assert run(store, raising(error))
    assert store.said == [("failed", code)]
    assert [one.type for one in store.messages] == [message]
    assert "somebody" not in str(store.messages)


@pytest.mark.parametrize("error", [RegistryUnavailable("away"), StoreUnavailable("away")])
def test_what_may_pass_is_tried_again_later_and_not_for_ever(error: Exception) -> None:
    store = Store()

    for attempts in (1, 2):
        with pytest.raises(type(error)):
            run(store, raising(error), command(attempts=attempts))
    run(store, raising(error), command(attempts=3))

    assert store.said == [("released", AT + PAUSE, True)] * 2 + [("failed", error.code)]  # type: ignore[attr-defined]


def test_a_promotion_fails_at_once_while_the_registry_is_away_and_sends_no_message() -> None:
    store = Store()

    assert run(store, raising(RegistryUnavailable("away")), command("promote"))
    assert (store.said, store.messages) == ([("failed", "registry-unavailable")], [])


def test_a_command_over_which_three_processes_died_is_not_begun_again() -> None:
    store = Store()

    assert run(store, raising(AssertionError("it was begun")), command(attempts=4))
    assert store.said == [("failed", "attempts-exhausted")]


def test_a_training_that_is_stopped_is_given_back_and_its_attempt_does_not_count() -> None:
    store = Store()

    assert not run(store, stepping(store, 0.1, 0.5), stop=True)
    assert store.said == [("released", AT, False)]


def test_once_its_version_is_being_registered_a_training_goes_on_to_its_end() -> None:
    store = Store()

    assert run(store, stepping(store, 1.0), stop=True)
    assert store.said == [("completed", {"version": "4"})]


def test_a_training_that_lost_its_lease_registers_nothing() -> None:
    store = Store(holds=False)

    assert not run(store, stepping(store, 0.92, 1.0))
    assert store.said == [("step", 0.92)]


def test_what_a_training_did_is_undone_where_it_is_another_one_s_by_then() -> None:
    store = Store(holds=False)

    assert not run(store, stepping(store))
    assert store.said == [("completed", {"version": "4"})]


def test_progress_is_noted_once_a_second_and_before_the_registration_always() -> None:
    store, clock = Store(), iter([AT, AT + SECOND // 2, AT + SECOND, AT + SECOND + 1])
    progress = ProgressRow(store, LEASE, lambda: next(clock))  # type: ignore[arg-type]

    for share in (0.1, 0.2, 0.3, 0.92):
        progress("step", share)

    assert store.said == [("step", 0.1), ("step", 0.3), ("step", 0.92)]


def recording(store: Any) -> Any:
    return recorded(store, command(), lease_seconds=30, now=lambda: AT)


def test_a_command_of_the_command_line_is_kept_with_its_end() -> None:
    store = Store()

    with recording(store) as mine:
        mine.end(store, {"version": "4"})

    assert store.said == [("began", "cmd_1", AT + 30 * SECOND), ("completed", {"version": "4"})]


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), "interrupted"), (InsufficientData("12."), "insufficient-data")]
)
def test_what_ends_the_command_line_is_kept_and_raised_all_the_same(error: BaseException, code: str) -> None:
    store = Store()

    with pytest.raises(type(error)), recording(store):
        raise error

    assert store.said[1:] == [("failed", code)]


def test_a_command_line_whose_command_was_taken_changes_nothing_at_its_end() -> None:
    with pytest.raises(Conflict, match="took its place"), recording(Store(holds=False)) as mine:
        mine.end(Store(holds=False), {"version": "4"})


def test_a_command_line_that_was_silent_for_too_long_says_that_another_one_took_its_place() -> None:
    with pytest.raises(Conflict, match="took its place"), recording(Store()):
        raise CommandLeaseLost
