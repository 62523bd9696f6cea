"""A training as the command line and the worker run it: a capability's recipe over the store, or over an export."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from shared.contracts.outcome import ModelName, Outcome
from shared.contracts.rows import Microseconds

if TYPE_CHECKING:
    from shared.contracts.training import Choices, Progress
    from shared.registry.registration import MlflowRegistry
    from shared.serving.capability_spec import AnySpec
    from shared.settings import Settings
    from shared.store import AccountStore, ModelCommandRow
    from shared.training.recipe import Recipe
    from shared.training.versions import End, Published


def ready_training(
    registry: "MlflowRegistry",
    store: "AccountStore",
    recipe: "Recipe[Any, Any, Any]",
    row: "ModelCommandRow",
    choices: "Choices",
    *,
    outcome: Outcome | None,
    clock: Callable[[], Microseconds],
    ways: Mapping[str, Any] | None = None,
) -> "Callable[[Progress, End], Published]":
    """Make a training ready to run as a command says.

    Args:
        registry: where the version goes, and its champion is.
        store: of the account whose data is learned from.
        recipe: of the capability.
        row: the command.
        choices: what the caller decides about the run.
        outcome: that it names; None: the capability has no outcomes.
        clock: the time; what is later than now does not exist for the training.
        ways: how an export is read, and fitted on whole; None: the store is learned from.

    Returns:
        Trains, registers, and promotes when the gate allows it. It is given where to report progress, and what to
        call in the transaction of the promotion or of its refusal; InsufficientData: there is too little to learn from.
    """
    from shared.training.recipe import train

    now = clock()

    def run(progress: "Progress", end: "End") -> "Published":
        how = {"choices": choices, "progress": progress, "clock": clock, "why": row.reason, "end": end, **(ways or {})}
        return train(recipe, store, registry, outcome, now=now, **how)

    return run


def export_ways(settings: "Settings", store: "AccountStore", export: Path) -> dict[str, Any]:
    """Return how to read an export, on the workers of a scheduler where one is set, and how to fit on all of it.

    Args:
        settings: the scheduler, and how much is gathered from its workers.
        store: of the account that was exported.
        export: a folder that `foretell export events` wrote; what is wrong with it is said at once.
    """
    from foretell.bucket_training import BucketRefit, TrainingExport, pasts_of_export

    wanted = TrainingExport.of(export, account=store.account, most_contacts=settings.training_contacts)
    scheduler, most = settings.dask_scheduler, settings.training_gathered_frames
    refit = BucketRefit(scheduler, wanted, most) if scheduler is not None and most is not None else None
    return {"read": partial(pasts_of_export, wanted, scheduler=scheduler), "refit": refit}


def later_choices(store: "AccountStore", spec: "AnySpec", outcome: str) -> "Choices":
    """Return what was chosen for the last training by hand and holds for later ones; what no longer fits is left out.

    Args:
        store: of the account.
        spec: of the capability.
        outcome: what is predicted; empty where the capability has none.
    """
    found = store.models.commands.last_choices(ModelName(spec.capability.name, outcome))
    try:
        return spec.training.choices.model_validate(found)
    except ValidationError:  # of another release
        return spec.training.choices()
