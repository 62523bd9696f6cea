"""Commands about models: each worked on in a child process of low priority, one of a loop at a time."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter

from foretell.background.low_priority import Children
from shared.contracts.rows import Microseconds
from shared.errors import ForetellError
from shared.store import AccountStore, CommandKind, Database, ModelCommandRow
from shared.training.commands import INTERRUPTED, failure_messages, log_failure

MODULE = "foretell.background.command_process"
ENDED = ("completed", "failed", "cancelled")


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
        row = store.models.commands.find(command_id)
        if row is not None and row.state in ENDED:
            self.metrics.ended.labels(row.kind, row.capability, result_of(row)).inc()
        return code == 0


def result_of(row: ModelCommandRow) -> str:
    """Name how a command ended: promoted, registered, completed, failed, cancelled.

    >>> result_of(ModelCommandRow("c", "train", "scoring", "x", 0, "key", state="completed", result={"promoted": True}))
    'promoted'
    """
    if row.kind == "train" and row.state == "completed":
        return "promoted" if (row.result or {}).get("promoted") else "registered"
    return row.state
