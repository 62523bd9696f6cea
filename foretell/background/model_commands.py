"""Commands about models: each worked on in a child process of low priority, one of a loop at a time."""

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter

from foretell.background.low_priority import Children
from shared.contracts.rows import SECOND, Microseconds
from shared.errors import ForetellError, NotFound
from shared.store import AccountStore, CommandKind, CommandLease, Database, ModelCommandRow
from shared.training.commands import EXHAUSTED, INTERRUPTED, MAX_ATTEMPTS, PAUSE, failure_messages, log_failure

MODULE = "foretell.background.command_process"
ENDED = ("completed", "failed", "cancelled")
SOON = 10 * SECOND
"""How long a promotion or rollback rests whose process did not come as far as to take it."""


class CommandProcessFailed(ForetellError):
    """The child ended before its command did; another attempt follows once its lease has run out."""

    code = "command-process-failed"


class CommandMetrics:
    """What the worker counts about commands."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ended = Counter(
            "foretell_model_commands_total",
            "Commands about models that ended, by kind, capability and result.",
            ["kind", "capability", "result"],
            registry=registry,
        )


@dataclass(frozen=True, slots=True)
class CommandWorker:
    """Works on the commands of some kinds, of all accounts."""

    database: Database
    children: Children
    now: Callable[[], Microseconds]
    kinds: Collection[CommandKind]
    """All that exclude each other on one model."""
    metrics: CommandMetrics

    def turn(self) -> None:
        """Work on each command that waits, the oldest first.

        Raises:
            CommandProcessFailed: a child ended before its time; the others had their turn.
        """
        failed = 0
        for account, command_id in self.database.waiting_model_commands(self.now(), self.kinds):
            if self.children.stop.is_set():
                return
            failed += not self._work(self.database.of(account), command_id)
        if failed:
            raise CommandProcessFailed("A process that worked on a command ended before the command did.")

    def _work(self, store: AccountStore, command_id: str) -> bool:
        """Let a child work on a command; return whether it ended as it should."""
        row, at = store.models.commands.find(command_id), self.now()
        if row is None:
            return True
        messages = failure_messages(row, INTERRUPTED, at=at)
        if store.models.commands.close_interrupted(command_id, INTERRUPTED, messages, at=at):
            log_failure(store, row, INTERRUPTED)
            code = 0
        else:
            code = self.children.run(MODULE, store.account, command_id, row.kind)
            if code:
                self._count_attempt(store, command_id)
        row = store.models.commands.find(command_id)
        if row is not None and row.state in ENDED:
            self.metrics.ended.labels(row.kind, row.capability, result_of(row)).inc()
        return code == 0

    def _count_attempt(self, store: AccountStore, command_id: str) -> None:
        """Count the attempt of a child that died before it took its command, or nobody would ever end that."""
        lease, at = CommandLease(command_id, uuid.uuid4().hex), self.now()
        try:
            row = store.models.commands.take(lease, at=at, until=at + PAUSE)
        except NotFound:
            return  # the account was deleted
        if row is None:
            return  # it had taken it
        if row.attempts < MAX_ATTEMPTS:
            rest = PAUSE if row.kind == "train" else SOON
            store.models.commands.release(lease, at=at + rest, began=True)
        elif store.models.commands.fail(lease, EXHAUSTED, failure_messages(row, EXHAUSTED, at=at), at=at):
            log_failure(store, row, EXHAUSTED)


def result_of(row: ModelCommandRow) -> str:
    """Name how a command ended: promoted, registered, completed, failed, cancelled.

    >>> result_of(ModelCommandRow("c", "train", "scoring", "x", 0, "key", state="completed", result={"promoted": True}))
    'promoted'
    """
    if row.kind == "train" and row.state == "completed":
        return "promoted" if (row.result or {}).get("promoted") else "registered"
    return row.state
