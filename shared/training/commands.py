"""Work on a command about a model under its lease: progress, end, and what is said when it fails."""

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from shared.capabilities import capability
from shared.change_detection.account_messages import data_insufficient, model_training_failed
from shared.contracts.message import Message
from shared.contracts.rows import SECOND, Microseconds
from shared.contracts.training import REGISTERED, Progress
from shared.errors import Conflict, ForetellError, InsufficientData, NotFound, RegistryUnavailable, StoreUnavailable
from shared.http.telemetry import trail
from shared.store import AccountStore, ChampionRow, CommandLease, ModelCommandRow
from shared.store.leases import renewed

if TYPE_CHECKING:
    from shared.training.versions import Published

log = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 3
"""How often a command is begun before it fails."""
PAUSE: Final[Microseconds] = 60 * SECOND
"""How long a training rests that needs something which is away, such as the registry."""
STEP: Final[Microseconds] = SECOND
"""Progress is noted at most so often."""
PASSING: Final = (StoreUnavailable, RegistryUnavailable)
"""What may be over at the next attempt."""

Result = Mapping[str, Any]
End = Callable[[AccountStore, Result], None]
"""Write into an open transaction that the command has ended, and what became of it, as JSON: what it did and its end
are kept together, or neither is; CommandLeaseLost, which undoes both, where it is somebody else's by now."""
Execute = Callable[[ModelCommandRow, Progress, End], Result]
"""Do what a command says, end it, and return what became of it."""


class CommandLeaseLost(Exception):
    """Somebody else works on the command, or it was cancelled."""


class Stopped(Exception):
    """This process is to stop, and the command has changed nothing yet."""


@dataclass(slots=True)
class ProgressRow:
    """Notes in the row how far a training is; called with what is done now, and how far it is."""

    store: AccountStore
    lease: CommandLease
    now: Callable[[], Microseconds]
    stop: Callable[[], bool] = lambda: False
    _noted_at: Microseconds = field(default=0, init=False)

    def __call__(self, step: str, share: float) -> None:
        """Note it, at most once a second.

        Raises:
            Stopped: the process is to stop.
            CommandLeaseLost: it is another one's turn; from the registration on nobody asks.
        """
        if share > REGISTERED:
            return
        if self.stop():
            raise Stopped
        at = self.now()
        if share < REGISTERED and at - self._noted_at < STEP:
            return
        self._noted_at = at
        if not self.store.models.commands.advance(self.lease, min(share, REGISTERED), step):
            raise CommandLeaseLost


@dataclass(frozen=True, slots=True)
class CommandRun:
    """One command that waited, worked on under a lease."""

    store: AccountStore
    lease: CommandLease
    execute: Execute
    now: Callable[[], Microseconds]
    stop: Callable[[], bool] = lambda: False
    """Whether to give a training back at its next step."""

    def run(self, row: ModelCommandRow) -> bool:
        """Work on a command that was taken.

        Returns:
            Whether it has ended; if not, it was given back, or is somebody else's.

        Raises:
            ForetellError: something passes by itself; the command is given back, and another attempt begins anew.
        """
        if row.attempts > MAX_ATTEMPTS:
            return self._fail(row, EXHAUSTED)
        try:
            progress = ProgressRow(self.store, self.lease, self.now, self.stop)
            result = self.execute(row, progress, _ending(self.lease, self.now))
        except CommandLeaseLost:
            return False
        except Stopped:
            self.store.models.commands.release(self.lease, at=self.now(), began=False)
            return False
        except PASSING as error:
            if row.kind == "promote" or row.attempts >= MAX_ATTEMPTS:
                return self._fail(row, error_of(error), error)
            with suppress(StoreUnavailable):
                self.store.models.commands.release(self.lease, at=self.now() + PAUSE, began=True)
            raise
        except Exception as error:  # the row is where whoever asked looks for it
            return self._fail(row, error_of(error), error)
        log.info("model_command.completed", extra={**_facts(self.store, row), **_summary(result)})
        return True

    def _fail(self, row: ModelCommandRow, error: Mapping[str, str], cause: Exception | None = None) -> bool:
        messages = failure_messages(row, error, cause, at=self.now())
        with suppress(NotFound):  # the account was deleted, and this command with it
            if self.store.models.commands.fail(self.lease, error, messages, at=self.now()):
                log_failure(self.store, row, error, cause)
        return True


def _ending(lease: CommandLease, now: Callable[[], Microseconds]) -> End:
    """Return what ends a command that is held by a lease."""

    def end(together: AccountStore, result: Result) -> None:
        if not together.models.commands.complete(lease, result, at=now()):
            raise CommandLeaseLost

    return end


def log_failure(
    store: AccountStore, row: ModelCommandRow, error: Mapping[str, str], cause: BaseException | None = None
) -> None:
    """Write the line about a command that failed; where that is a bug, with the place."""
    facts = {**_facts(store, row), "code": error["code"]}
    if cause is None or isinstance(cause, (ForetellError, MemoryError)):
        log.warning("model_command.failed", extra=facts)
    else:
        log.error("model_command.failed_unexpectedly", extra={**facts, **trail(cause)})


def error_of(error: BaseException) -> dict[str, str]:
    """Return the code and the sentence under which an error is kept; never a payload.

    >>> error_of(KeyError("somebody@example.com"))["code"]
    'unexpected-error'
    """
    if isinstance(error, ForetellError):
        return {"code": error.code, "detail": error.detail}
    if isinstance(error, MemoryError):
        detail = "More memory was needed than there is, or than FORETELL_TRAINING_MEMORY_BYTES allows."
        return {"code": "out-of-memory", "detail": detail}
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        return INTERRUPTED
    return {
        "code": "unexpected-error",
        "detail": f"Unexpected {type(error).__name__}; the log says where. Nothing was promoted.",
    }


EXHAUSTED: Final = {
    "code": "attempts-exhausted",
    "detail": f"It was begun {MAX_ATTEMPTS} times, and each time its process ended before it did.",
}
INTERRUPTED: Final = {"code": "interrupted", "detail": "The command was ended before it was done."}


def failure_messages(
    row: ModelCommandRow, error: Mapping[str, str], cause: BaseException | None = None, *, at: Microseconds
) -> list[Message]:
    """Return what subscriptions get when a command failed.

    Args:
        row: of the command.
        error: code and detail.
        cause: what was raised; None: its process ended.
        at: now.
    """
    if row.kind != "train":
        return []
    if isinstance(cause, InsufficientData):
        line, about = capability(row.capability), f"training {row.capability} {row.outcome}"
        return [data_insufficient(line, row.outcome, cause.detail, counts=cause.members, at=at, about=about)]
    return [model_training_failed((row.capability, row.outcome), row.command_id, row.requested_by, error, at=at)]


def training_result(published: "Published") -> dict[str, Any]:
    """Write down what became of a training: the version, what the gate said, and the figures."""
    return {
        "version": published.version,
        "promoted": published.promoted,
        "decided": published.decided,
        "reason": published.reason,
        "grade": published.report.grade,
        "kind": published.report.kind,
        "comparison": dict(published.figures),
        "figures": dict(published.report.to_json()["figures"]),
    }


def promotion_result(champion: ChampionRow) -> dict[str, Any]:
    """Write down what became of a promotion or rollback."""
    return {"version": champion.version, "previous_version": champion.previous_version}


@contextmanager
def recorded(
    store: AccountStore, row: ModelCommandRow, *, lease_seconds: float, now: Callable[[], Microseconds]
) -> Iterator["RecordedCommand"]:
    """Work on a command that this process made, and keep what becomes of it.

    Args:
        store: of the account.
        row: the command; nobody has it yet.
        lease_seconds: after how long without a sign of life it counts as dead.
        now: the time.

    Raises:
        Conflict: another one of the model runs, or took its place.
    """
    lease = CommandLease(row.command_id, uuid.uuid4().hex)
    store.models.commands.begin(row, lease, until=now() + int(lease_seconds * SECOND))
    command = RecordedCommand(ProgressRow(store, lease, now), _ending(lease, now))

    def renew(until: Microseconds) -> object:
        return store.models.commands.renew(lease, until=until)

    with renewed(renew, lease_seconds, now):
        try:
            yield command
        except CommandLeaseLost as error:
            raise Conflict("It was cancelled, or was silent for so long that another one took its place.") from error
        except BaseException as error:
            found = error_of(error)
            with suppress(StoreUnavailable, NotFound):
                store.models.commands.fail(lease, found, failure_messages(row, found, error, at=now()), at=now())
            raise


@dataclass(frozen=True, slots=True)
class RecordedCommand:
    """A command that this process works on."""

    progress: ProgressRow
    end: End
    """Called in the transaction of what it does."""


def _facts(store: AccountStore, row: ModelCommandRow) -> dict[str, Any]:
    return {
        "account": store.account,
        "model": row.model.text,
        "command": row.command_id,
        "kind": row.kind,
        "requested_by": row.requested_by,
    }


def _summary(result: Result) -> dict[str, Any]:
    return {name: result[name] for name in ("version", "promoted") if name in result}
