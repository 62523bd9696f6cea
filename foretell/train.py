"""`foretell train`: runs a training with a progress bar, and prints its report."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from foretell.cli.context import now_us
from foretell.cli.failures import NotPromoted
from foretell.cli.output import answers_of, progress_bars
from foretell.cli.training_report import report_lines
from shared.capabilities import Capability
from shared.change_detection.account_messages import data_insufficient
from shared.contracts.training import Choices
from shared.errors import BadRequest, InsufficientData

if TYPE_CHECKING:
    from shared.contracts.training import Progress
    from shared.serving.capability_spec import AnySpec
    from shared.settings import Settings
    from shared.store import AccountStore
    from shared.training.publish import Published
    from shared.training.recipe import Recipe


def recipe_of(spec: "AnySpec") -> "Recipe[Any, Any, Any]":
    """Import the training of a capability, and nothing of another one.

    Raises:
        TypeError: what its spec names is no recipe.
    """
    from shared.training.recipe import Recipe

    recipe = spec.training.recipe()
    if not isinstance(recipe, Recipe):
        raise TypeError(f"the training of {spec.capability.name} is no recipe")
    return recipe


def train_model(
    settings: "Settings",
    store: "AccountStore",
    spec: "AnySpec",
    outcome: str = "",
    *,
    choices: Choices | None = None,
    export: Path | None = None,
    details: bool = False,
) -> None:
    """Train a capability, register, promote when the gate allows it, and print the report.

    Args:
        settings: where the registry is.
        store: of the account whose data is learned from.
        spec: of the capability.
        outcome: what is predicted; empty where the capability has none.
        choices: what the caller decides about the run; None: promote, and everything else as found.
        export: a folder that `foretell export events` wrote, to learn from; None: from the store.
        details: whether every figure is printed.

    Raises:
        BadRequest: an attribute is named that no contact has; near names are given.
        InsufficientData: there is too little to learn from.
        NotPromoted: it was to be promoted and did not pass the gate.
    """
    from shared.training.recipe import train

    name = spec.capability.name
    choices = _known_choices(store, choices or spec.training.choices())
    if outcome:
        _remember(store, name, outcome, choices)
    ways = {} if export is None else _ways(settings, store, export)
    run = partial(train, recipe_of(spec), store, settings, outcome, choices=choices, now=now_us(), **ways)
    with published_if_insufficient(store, spec.capability, outcome):
        model_name = ".".join(part for part in (store.account, name, outcome) if part)
        learned(model_name, lambda progress: run(progress=progress), choices, details=details)


def _ways(settings: "Settings", store: "AccountStore", export: Path) -> dict[str, Any]:
    """Return how to read an export, on the workers of a scheduler where one is set, and how to fit on all of it."""
    from foretell.bucket_refit import BucketRefit
    from foretell.bucket_training import TrainingExport, pasts_of_export

    wanted = TrainingExport.of(export, account=store.account, most_contacts=settings.training_contacts)
    scheduler, most = settings.dask_scheduler, settings.training_gathered_frames
    refit = BucketRefit(scheduler, wanted, most) if scheduler is not None and most is not None else None
    return {"read": partial(pasts_of_export, wanted, scheduler=scheduler), "refit": refit}


def _known_choices(store: "AccountStore", choices: Choices) -> Choices:
    """Spell the attributes that are named as contacts have them; refuse one that none has."""
    known = store.contacts.attribute_names() if choices.named_attributes else []
    if not known:
        return choices
    from shared.contracts.outcome import no_contact_has

    choices = choices.spelled_as(known)
    unknown = [no_contact_has("an attribute", (name,), known) for name in sorted(choices.named_attributes)]
    if any(unknown):
        raise BadRequest(" ".join(filter(None, unknown)))
    return choices


def _remember(store: "AccountStore", capability: str, name: str, choices: Choices) -> None:
    """Keep with the outcome which attributes may be learned from, and say so: nobody is to answer twice."""
    outcome = store.outcomes.require(capability, name)
    answered = choices.kept_with(outcome)
    if answered != outcome:
        store.outcomes.put(answered)
        typer.echo(
            f"Remembered for every training of {name}: {answers_of(answered)}. `foretell outcomes set {name}"
            f"{'' if capability == 'scoring' else f' --capability {capability}'} --ask-again` forgets it."
        )


@contextmanager
def published_if_insufficient(store: "AccountStore", capability: Capability, outcome: str) -> Iterator[None]:
    """Publish to subscribers when there is too little to learn from, and fail all the same.

    Args:
        store: of the account.
        capability: that is trained.
        outcome: empty where the capability has none.

    Raises:
        InsufficientData: what was raised inside.
    """
    try:
        yield
    except InsufficientData as error:
        about, at = f"training {capability.name} {outcome}", now_us()
        message = data_insufficient(capability, outcome, error.detail, counts=error.members, at=at, about=about)
        store.outbox.publish([message], at=at)
        raise


def learned(name: str, train: "Callable[[Progress], Published]", choices: Choices, *, details: bool) -> None:
    """Run a training under a progress bar and print its report.

    Args:
        name: of the model, for the report.
        train: is given where to report progress; returns what became of the run.
        choices: whether a version that passes the gate answers.
        details: whether every figure is printed.

    Raises:
        NotPromoted: it was to be promoted and did not pass the gate.
    """
    with progress_bars() as progress:
        task = progress.add_task("training", total=1.0)
        published = train(lambda text, part: progress.update(task, description=text, completed=part))
    for line in report_lines(published, name, details=details):
        typer.echo(line)
    if choices.promote and not published.promoted:
        raise NotPromoted(f"Version {published.version} is registered and was not promoted: {published.reason}.")
