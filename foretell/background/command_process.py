"""The child process of one command about a model.

`python -m foretell.background.command_process ACCOUNT ID KIND LIFELINE`, where a training gives way to all others.
Nothing else of the worker imports a model library or the registry.
"""

import logging
import threading
import uuid
from functools import partial

from foretell.background.low_priority import begin, bound_memory, give_way
from foretell.train import later_choices, ready_training
from services.specs import recipe_of, spec_of
from shared.contracts.rows import SECOND, Microseconds, now_us
from shared.contracts.training import Progress
from shared.http.telemetry import trail
from shared.registry.registration import MlflowRegistry
from shared.settings import Settings, WorkerSettings
from shared.store import AccountStore, ChampionRow, CommandLease, ModelCommandRow, open_database
from shared.store.leases import renewed
from shared.training.commands import CommandRun, End, Result, promotion_result, training_result
from shared.training.versions import promote, rollback

log = logging.getLogger(__name__)


def work(settings: WorkerSettings, account: str, command_id: str, stop: threading.Event) -> bool:
    """Work on a command until its end; return whether it has ended.

    Args:
        settings: of the worker.
        account: whose model.
        command_id: which one.
        stop: when set, a training is given back at its next step.

    Raises:
        ForetellError: something passes by itself; another attempt follows.
    """
    database = open_database(settings)
    try:
        store, lease = database.of(account), CommandLease(command_id, uuid.uuid4().hex)
        seconds = settings.training_lease_seconds
        row = store.models.commands.take(lease, at=now_us(), until=now_us() + int(seconds * SECOND))
        if row is None:
            return False
        store = store.acting(row.requested_by, at=now_us())

        def renew(until: Microseconds) -> object:
            return store.models.commands.renew(lease, until=until)

        with renewed(renew, seconds, now_us):
            return CommandRun(store, lease, partial(execute, settings, store), now_us, stop.is_set).run(row)
    finally:
        database.close()


def execute(settings: Settings, store: AccountStore, row: ModelCommandRow, progress: Progress, end: End) -> Result:
    """Do what a command says.

    Args:
        settings: where the registry is.
        store: of the account, in the hands of who asked.
        row: the command.
        progress: of a training.
        end: of the command.
    """
    registry = MlflowRegistry.of(settings)
    if row.kind == "train":
        return _trained(registry, store, row, progress, end)

    def switched(together: AccountStore, champion: ChampionRow) -> None:
        end(together, promotion_result(champion))

    if row.kind == "promote":
        version = str(row.payload["version"])
        champion = promote(store, registry, row.model, version, at=now_us(), reason=row.reason, end=switched)
    else:
        champion = rollback(store, registry, row.model, at=now_us(), reason=row.reason, end=switched)
    return promotion_result(champion)


def _trained(
    registry: MlflowRegistry, store: AccountStore, row: ModelCommandRow, progress: Progress, end: End
) -> Result:
    spec = spec_of(row.capability)
    outcome = store.outcomes.require(*row.model) if spec.capability.per_outcome else None
    choices = later_choices(store, spec, row.outcome).model_copy(update={"promote": row.payload.get("promote", True)})
    run = ready_training(registry, store, recipe_of(spec), row, choices, outcome=outcome, clock=now_us)
    published = run(progress, lambda together, published: end(together, training_result(published)))
    return training_result(published)


def main() -> None:
    """Work on the command that the command line names."""
    settings, stop, (account, command_id, kind) = begin(
        "command", lambda error: log.error("model_command.interrupted", extra=trail(error))
    )
    if kind == "train":  # the others are short, and a rollback is urgent
        give_way()
        bound_memory(settings.training_memory_bytes)
    work(settings, account, command_id, stop)


if __name__ == "__main__":
    main()
