"""`foretell train`: runs a training with a progress bar, and prints its report as a table."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from foretell.doors import training_of
from foretell.failures import NotPromoted
from foretell.opening import now_us
from foretell.showing import aligned, progress_bars
from shared.capabilities import capability
from shared.errors import InsufficientData
from shared.standing.summing import insufficient
from shared.training.choices import Choices, Progress

if TYPE_CHECKING:
    from shared.settings import Settings
    from shared.store import Database
    from shared.training.publish import Published


def train_outcome(
    settings: "Settings",
    database: "Database",
    account: str,
    capability: str,
    outcome: str,
    *,
    promote: bool = True,
    allow: Sequence[str] = (),
) -> None:
    """Train a capability for one outcome, register, promote when the gate allows it, and print the report.

    Args:
        settings: where the registry is.
        database: the store.
        account: whose data.
        capability: which question.
        outcome: what is predicted.
        promote: whether a version that passes the gate answers.
        allow: attributes used although they are personal, undated or look like a leak.

    Raises:
        InsufficientData: there is too little to learn from.
        NotPromoted: it was to be promoted and did not pass the gate.
    """
    choices = Choices(promote=promote, allowed=frozenset(allow))
    run = partial(training_of(capability), database, settings, account, outcome, choices=choices, now=now_us())
    with told_if_insufficient(database, account, capability, outcome):
        learned(f"{account}.{capability}.{outcome}", lambda progress: run(progress=progress), promote=promote)


def train_account(
    settings: "Settings",
    database: "Database",
    account: str,
    capability: str,
    *,
    promote: bool = True,
    allow: Sequence[str] = (),
    **own: Any,
) -> None:
    """Train a capability without outcomes, register, promote when the gate allows it, and print the report.

    Args:
        settings: where the registry is.
        database: the store.
        account: whose data.
        capability: which question.
        promote: whether a version that passes the gate answers.
        allow: attributes that count.
        own: what only this capability is told.

    Raises:
        InsufficientData: there is too little to learn from.
        NotPromoted: it was to be promoted and did not pass the gate.
    """
    choices = Choices(promote=promote, allowed=frozenset(allow))
    run = partial(training_of(capability), database, settings, account, choices=choices, now=now_us(), **own)
    with told_if_insufficient(database, account, capability, ""):
        learned(f"{account}.{capability}", lambda progress: run(progress=progress), promote=promote)


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
        database.of(account).publish([message], at=at)
        raise


def learned(name: str, train: "Callable[[Progress], Published]", *, promote: bool) -> None:
    """Run a training under a progress bar and print its report.

    Args:
        name: of the model, for the report.
        train: told where to report progress; returns what became of the run.
        promote: whether a version that passes the gate answers.

    Raises:
        NotPromoted: it was to be promoted and did not pass the gate.
    """
    with progress_bars() as progress:
        task = progress.add_task("training", total=1.0)
        published = train(lambda text, part: progress.update(task, description=text, completed=part))
    for line in report_lines(published, name):
        typer.echo(line)
    if promote and not published.promoted:
        raise NotPromoted(f"Version {published.version} is registered and was not promoted: {published.reason}.")


def report_lines(published: "Published", name: str) -> list[str]:
    """Lay a training's report out as text.

    Args:
        published: what became of the run.
        name: of the model.
    """
    report = published.report.to_json()
    lines = [
        f"{name} version {published.version}: grade {report['grade']}, served by {report['winner']}",
        "",
        *aligned([[_words(name), _value(value)] for name, value in report["data"].items() if _is_plain(value)]),
        "",
        *(_candidates(report["candidates"]) if report["candidates"] else []),
        "",
        *aligned([[_words(name), _value(value)] for name, value in report["figures"].items()]),
        "",
    ]
    if report.get("importance"):
        lines.append("Most important: " + ", ".join(name for name, _ in report["importance"][:5]))
    lines += [f"{one['id']:<5}{one['name']}: {one['description']}" for one in report.get("segments", ())]
    lines += [f"Left out as a leak: {leak} (keep it with --allow)" for leak in report.get("leaks", ())]
    lines += _left_out(report.get("left_out", ()))
    lines += [f"Note: {note}" for note in report.get("notes", ())]
    lines.append(f"{'Promoted' if published.promoted else 'Not promoted'}: {published.reason}.")
    return lines


def _left_out(listed: Sequence[dict[str, Any]]) -> list[str]:
    """Name what was left out, one line a reason."""
    names: dict[tuple[str, str], list[str]] = {}
    for one in listed:
        names.setdefault((one["reason"], one["remedy"] or ""), []).append(one["name"])
    return [
        f"Left out: {', '.join(found)}: {reason}{f' ({remedy})' if remedy else ''}"
        for (reason, remedy), found in names.items()
    ]


def _candidates(rows: Sequence[dict[str, Any]]) -> list[str]:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return aligned([[_words(name) for name in columns], *([_value(row.get(name)) for name in columns] for row in rows)])


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (int, float, str))


def _is_interval(value: Any) -> bool:
    return isinstance(value, dict) and "value" in value


def _words(name: str) -> str:
    return name.replace("_", " ")


def _value(value: Any) -> str:
    if _is_interval(value):
        return f"{_value(value['value'])} ({_value(value.get('low'))} to {_value(value.get('high'))})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return "-" if value is None else str(value)
