"""What MLflow shows of a version: its run with figures, folds and data, its description, its signature and an example.

Everything in it is about the model and counts of its data; nothing is about a contact.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from shared.features.table import InputColumn, OutputColumn, example_rows

LONGEST_DESCRIPTION = 5_000
"""Characters of a description that every database of MLflow takes."""
LONGEST_DIGEST = 36
"""The same of a data set's digest."""
CARD = "card.md"
PLOTS = "plots"


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What was learned from, without a row of it."""

    digest: str
    rows: int
    counts: Mapping[str, Any] = field(default_factory=dict)
    """Plain values: contacts, base rate, dates."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A version as the registry knows it."""

    version: str
    run_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class RegisteredRun:
    """What is written beside the artifact."""

    question: str = ""
    """What the model answers, in a sentence."""
    card: Callable[[Registered], str] | None = None
    """Writes the card as Markdown once the version has its number; None: there is none."""
    report: Mapping[str, Any] = field(default_factory=dict)
    plots: Mapping[str, Path] = field(default_factory=dict)
    """PNG files by name."""
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    folds: Sequence[Mapping[str, float]] = ()
    """Figures of each fold or block of time, in order."""
    tags: Mapping[str, str] = field(default_factory=dict)
    data: TrainingData | None = None
    inputs: Sequence[InputColumn] = ()
    """Of the table that the version answers; none: it has no signature."""
    outputs: Sequence[OutputColumn] = ()


def signature(record: RegisteredRun) -> Any:
    """Make MLflow's signature with the true types; None where the record has no columns."""
    if not record.inputs:
        return None
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    return ModelSignature(
        inputs=_input_schema(record), outputs=Schema([ColSpec(o.type, o.name) for o in record.outputs])
    )


def _input_schema(record: RegisteredRun) -> Any:
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    return Schema(
        [
            ColSpec(AnyType() if column.type == "any" else column.type, column.name, required=column.required)
            for column in record.inputs
        ]
    )


def input_example(record: RegisteredRun) -> Any:
    """Make a DataFrame of made-up rows; None where the record has no columns."""
    if not record.inputs:
        return None
    import pandas

    rows = example_rows(record.inputs)
    types = {"double": "float64", "string": object, "any": object}
    return pandas.DataFrame(
        {c.name: pandas.Series([row[c.name] for row in rows], dtype=types[c.type]) for c in record.inputs}
    )


def write(client: Any, record: RegisteredRun, *, run_id: str, model_id: str, name: str) -> None:
    """Write parameters, figures, figures by fold, data, report and plots into a run that is open.

    Args:
        client: of the registry.
        record: what is written.
        run_id: of the run.
        model_id: of the model that was logged in it; its page shows the figures too.
        name: of the registered model.
    """
    import mlflow
    from mlflow.entities import Metric

    at = int(time.time() * 1000)
    found = [(key, value, 0) for key, value in record.metrics.items()]
    found += [(f"fold_{key}", value, step) for step, fold in enumerate(record.folds, 1) for key, value in fold.items()]
    metrics = [Metric(key, float(value), at, step, model_id=model_id, run_id=run_id) for key, value, step in found]
    client.log_batch(run_id, metrics=metrics)
    mlflow.log_params(dict(record.params))
    if record.data is not None:
        client.log_inputs(run_id, [_dataset(record.data, record, name)])
    mlflow.log_dict(dict(record.report), "report.json")
    for path in record.plots.values():
        mlflow.log_artifact(str(path), PLOTS)


def write_card(client: Any, record: RegisteredRun, registered: Registered, *, name: str) -> None:
    """Write the card into the run, and as the description of the run and of the version.

    Args:
        client: of the registry.
        record: what is written.
        registered: the version, which the card names.
        name: of the registered model.
    """
    card = "" if record.card is None else record.card(registered)
    if card:
        client.log_text(registered.run_id, card, CARD)
        client.set_tag(registered.run_id, "mlflow.note.content", shortened(card))
    description = version_description(card, record.plots, run_id=registered.run_id)
    client.update_model_version(name, registered.version, description=description)


def _dataset(data: TrainingData, record: RegisteredRun, name: str) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    entity = Dataset(
        name=f"{name} frames",
        digest=data.digest[:LONGEST_DIGEST],
        source_type="foretell",
        source=json.dumps({"model": name, "digest": data.digest}),
        schema=json.dumps({"mlflow_colspec": _input_schema(record).to_dict()}) if record.inputs else None,
        profile=json.dumps({"rows": data.rows, **data.counts}, default=str),
    )
    return DatasetInput(entity, [InputTag("mlflow.data.context", "training")])


def model_description(record: RegisteredRun) -> str:
    """Say what a registered model answers, the same for all its versions."""
    return shortened(
        f"{record.question}\n\nThe alias `champion` points to the version that answers; each version's description is "
        "its card. Load one with `mlflow.pyfunc.load_model`, where Foretell is installed."
    )


def version_description(card: str, drawn: Mapping[str, Path], *, run_id: str) -> str:
    """Return the card with its plots, which lie in the run, as Markdown; a card that is too long is cut at a line."""
    links = [
        f"![{name}](get-artifact?path={quote(f'{PLOTS}/{path.name}', safe='')}&run_uuid={run_id})"
        for name, path in drawn.items()
    ]
    plots = "\n".join(["", "## Plots", *links, ""]) if links else ""
    return shortened(card, LONGEST_DESCRIPTION - len(plots)) + plots


def shortened(text: str, most: int = LONGEST_DESCRIPTION) -> str:
    r"""Cut a text at the end of a line, and say so.

    >>> shortened("a line\nanother", 100)
    'a line\nanother'
    """
    if len(text) <= most:
        return text
    rest = f"\n\nThe rest is in the run's artifact `{CARD}`.\n"
    return text[: most - len(rest)].rpartition("\n")[0] + rest
