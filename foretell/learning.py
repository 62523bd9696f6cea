"""`foretell train`: runs a training with a progress bar, and prints its report."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from foretell.doors import training_of
from foretell.failures import NotPromoted
from foretell.opening import now_us
from foretell.reporting import report_lines
from foretell.showing import answers_of, progress_bars
from shared.capabilities import capability
from shared.errors import InsufficientData
from shared.standing.summing import insufficient
from shared.training.choices import Choices, Progress

if TYPE_CHECKING:
    from shared.settings import Settings
    from shared.store import AccountStore, Database
    from shared.training.publish import Published


def train_outcome(
    settings: "Settings",
    database: "Database",
    account: str,
    capability: str,
    outcome: str,
    *,
    choices: Choices | None = None,
    details: bool = False,
) -> None:
    """Train a capability for one outcome, register, promote when the gate allows it, and print the report.

    Args:
        settings: where the registry is.
        database: the store.
        account: whose data.
        capability: which question.
        outcome: what is predicted.
        choices: what the caller decides about the run; None: promote, and everything else as found.
        details: whether every figure is printed.

    Raises:
        InsufficientData: there is too little to learn from.
        NotPromoted: it was to be promoted and did not pass the gate.
    """
    choices = choices or Choices()
    _remember(database.of(account), capability, outcome, choices)
    run = partial(training_of(capability), database, settings, account, outcome, choices=choices, now=now_us())
    with told_if_insufficient(database, account, capability, outcome):
        learned(f"{account}.{capability}.{outcome}", lambda progress: run(progress=progress), choices, details=details)


def _remember(store: "AccountStore", capability: str, name: str, choices: Choices) -> None:
    """Keep with the outcome which attributes may be learned from, and say so: nobody is to answer twice."""
    if not choices.allowed and not choices.forbidden:
        return
    outcome = store.outcomes.require(capability, name)
    answered = outcome.answered(allowed=choices.allowed, forbidden=choices.forbidden)
    if answered != outcome:
        store.outcomes.put(answered)
        typer.echo(
            f"Remembered for every training of {name}: {answers_of(answered)}. `foretell outcomes set {name}"
            f"{'' if capability == 'scoring' else f' --capability {capability}'} --ask-again` forgets it."
        )


def train_account(
    settings: "Settings",
    database: "Database",
    account: str,
    capability: str,
    *,
    choices: Choices | None = None,
    details: bool = False,
    **own: Any,
) -> None:
    """Train a capability without outcomes, register, promote when the gate allows it, and print the report.

    Args:
        settings: where the registry is.
        database: the store.
        account: whose data.
        capability: which question.
        choices: what the caller decides about the run; None: promote, and everything else as found.
        details: whether every figure is printed.
        own: what only this capability is told.

    Raises:
        InsufficientData: there is too little to learn from.
        NotPromoted: it was to be promoted and did not pass the gate.
    """
    choices = choices or Choices()
    run = partial(training_of(capability), database, settings, account, choices=choices, now=now_us(), **own)
    with told_if_insufficient(database, account, capability, ""):
        learned(f"{account}.{capability}", lambda progress: run(progress=progress), choices, details=details)


@contextmanager
def told_if_insufficient(database: "Database", account: str, name: str, outcome: str) -> Iterator[None]:
    """Tell those who subscribed when there is too little to learn from, and fail all the same.

    Args:
        database: the store.
        account: whose data.
        name: of the capability.
        outcome: empty where the capability has none.

    Raises:
        InsufficientData: what was raised inside.
    """
    try:
        yield
    except InsufficientData as error:
        about, at = f"training {name} {outcome}", now_us()
        message = insufficient(capability(name), outcome, error.detail, counts=error.members, at=at, about=about)
        database.of(account).outbox.publish([message], at=at)
        raise


def learned(name: str, train: "Callable[[Progress], Published]", choices: Choices, *, details: bool) -> None:
    """Run a training under a progress bar and print its report.

    Args:
        name: of the model, for the report.
        train: told where to report progress; returns what became of the run.
        choices: tell whether a version that passes the gate answers.
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
