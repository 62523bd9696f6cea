"""Trainings that the command line runs itself: kept as commands, under a progress bar, with their reports."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from foretell.cli.failures import NotPromoted
from foretell.cli.output import answers_of, progress_bars
from foretell.cli.training_report import report_lines
from foretell.train import export_ways, ready_training
from services.specs import recipe_of
from shared.contracts.outcome import ModelName, Outcome
from shared.contracts.rows import now_us
from shared.contracts.training import Choices
from shared.errors import BadRequest
from shared.registry.registration import MlflowRegistry
from shared.store import ModelCommandRow
from shared.store.model_commands import BY_COMMAND_LINE, new_command_id
from shared.training.commands import recorded, training_result

if TYPE_CHECKING:
    from shared.contracts.training import Progress
    from shared.serving.capability_spec import AnySpec
    from shared.settings import Settings
    from shared.store import AccountStore, CommandKind
    from shared.training.versions import Published


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
        Conflict: a training of the model runs already.
        InsufficientData: there is too little to learn from.
        NotPromoted: it was to be promoted and did not pass the gate.
        UnknownOutcome: there is no such outcome; the known ones are listed.
    """
    name = spec.capability.name
    choices = _known_choices(store, choices or spec.training.choices())
    wanted = _remembering(store, name, outcome, choices) if spec.capability.per_outcome else None
    payload = {"promote": choices.promote, "choices": choices.for_later().model_dump(mode="json")}
    row = by_hand("train", ModelName(name, outcome), payload, reason="foretell train")
    ways = None if export is None else export_ways(settings, store, export)
    registry, recipe = MlflowRegistry.of(settings), recipe_of(spec)
    run = ready_training(registry, store, recipe, row, choices, outcome=wanted, clock=now_us, ways=ways)

    def work(progress: "Progress") -> "Published":
        with recorded(store, row, lease_seconds=settings.training_lease_seconds, now=now_us) as command:
            return run(
                _both(progress, command.progress),
                lambda together, published: command.end(together, training_result(published)),
            )

    learned(f"{store.account}.{row.model.text}", work, choices, details=details)


def by_hand(kind: "CommandKind", model: "ModelName", payload: dict[str, Any], *, reason: str) -> "ModelCommandRow":
    """Make the row of a command that this command line works on itself.

    Args:
        kind: of the command.
        model: which one.
        payload: options.
        reason: one sentence, for people.
    """
    return ModelCommandRow(new_command_id(), kind, *model, now_us(), BY_COMMAND_LINE, reason, payload)


def _both(one: "Progress", other: "Progress") -> "Progress":
    def report(text: str, share: float) -> None:
        one(text, share)
        other(text, share)

    return report


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


def _remembering(store: "AccountStore", capability: str, name: str, choices: Choices) -> Outcome:
    """Find the outcome; keep with it which attributes may be learned from, and say so: nobody is to answer twice."""
    outcome = store.outcomes.require(capability, name)
    answered = choices.kept_with(outcome)
    if answered != outcome:
        store.outcomes.put(answered)
        typer.echo(
            f"Remembered for every training of {name}: {answers_of(answered)}. `foretell outcomes set {name}"
            f"{'' if capability == 'scoring' else f' --capability {capability}'} --ask-again` forgets it."
        )
    return answered


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
