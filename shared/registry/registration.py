"""Register an artifact as a new version: our files, a run with its figures, no code and no pickle; and the alias.

What MLflow shows of a version: its run with figures, folds and data, its description, its signature and an example.
Everything in it is about the model and counts of its data; nothing is about a contact.
"""

import json
import logging
import os
import re
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from shared.contracts.outcome import ModelName
from shared.errors import BadRequest, RegistryUnavailable
from shared.registry.artifact import InputColumn, OutputColumn, digest_of, example_rows
from shared.settings import Settings

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "GIT_PYTHON_REFRESH": "quiet",
}
ALIAS = "champion"
_NAME = re.compile(r"[a-z0-9-]{1,39}\.[a-z]+(\.[a-z0-9_]{1,63})?")


@contextmanager
def _answering(sentence: str) -> Iterator[None]:
    """Say that the registry is away where MLflow, its connection or its database says so.

    Raises:
        RegistryUnavailable: one of them does.
    """
    try:
        yield
    except RegistryUnavailable:
        raise
    except Exception as error:
        if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _ITS_LIBRARIES:
            raise RegistryUnavailable(sentence) from error
        raise


_ITS_LIBRARIES = ("mlflow", "sqlalchemy")
"""Whose errors mean that the registry does not do what is wanted; those of HTTP are OSErrors."""


def model_name(account: str, capability: str, outcome: str) -> str:
    """Name a model in MLflow.

    Args:
        account: whose it is.
        capability: which question.
        outcome: which outcome; empty when the capability has none.

    Raises:
        BadRequest: a part holds what the contract does not allow.

    >>> model_name("demo", "scoring", "customer")
    'demo.scoring.customer'
    """
    name = ".".join(part for part in (account, capability, outcome) if part)
    if not _NAME.fullmatch(name):
        raise BadRequest(
            "An account is [a-z0-9-]{1,39}, an outcome [a-z0-9_]{1,63}; correct the name.",
        )
    return name


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


MODEL_TAGS = ("foretell.account", "foretell.capability", "foretell.outcome")
REQUIREMENTS = ("lightgbm", "numpy")
"""What `mlflow models serve` needs besides Foretell itself."""


@dataclass(frozen=True, slots=True)
class MlflowRegistry:
    """The registry in MLflow: its versions, and the alias that points to one of a model's."""

    url: str = field(repr=False)
    """Tracking URI; it may hold a password."""
    artifacts: str | None
    """Where new experiments keep artifacts; None leaves it to an MLflow server."""
    home: Path
    """Made before a registry on SQLite is, which may lie in it."""

    @classmethod
    def of(cls, settings: Settings) -> "MlflowRegistry":
        """Find the registry that the settings name; the embedded one where they name none."""
        return cls(settings.resolved_registry_url(), settings.resolved_artifacts(), settings.home)

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """Open a client; MLflow is imported here and not before.

        Yields:
            An `mlflow.MlflowClient` of this registry, which is made the process's own. Inside, the warnings of MLflow
            and of what it imports, which are about its own code, are not shown.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield self._client()

    def _client(self) -> Any:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        import mlflow

        for chatty in ("mlflow", "alembic", "alembic.runtime.migration"):
            logging.getLogger(chatty).setLevel(logging.ERROR)
        self.prepare_file()
        mlflow.set_tracking_uri(self.url)
        return mlflow.MlflowClient(tracking_uri=self.url)

    def prepare_file(self) -> None:
        """Make the file of a registry on SQLite, for its owner alone: MLflow would make it readable for all."""
        if self.url.startswith("sqlite:///"):
            self.home.mkdir(parents=True, exist_ok=True)
            file = Path(self.url.removeprefix("sqlite:///"))
            if file.parent.is_dir():
                file.touch(mode=0o600)
                file.chmod(0o600)

    def point(self, account: str, model: ModelName, version: str) -> None:
        """Point the alias to a version.

        Raises:
            RegistryUnavailable: the registry is away or does not hold the version.
        """
        with _answering(f"The registry did not take version {version} as champion."), self.connected() as client:
            client.set_registered_model_alias(model_name(account, *model), ALIAS, version)

    def pointed(self, account: str, model: ModelName) -> str | None:
        """Return the version the alias points to; None where there is none.

        Raises:
            RegistryUnavailable: the registry is away.
        """
        with _answering("The registry cannot be read."), self.connected() as client:
            from mlflow.exceptions import MlflowException

            try:
                found = client.get_registered_model(model_name(account, *model))
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise
        version = found.aliases.get(ALIAS)
        return None if version is None else str(version)

    def register(self, account: str, model: ModelName, folder: Path, record: RegisteredRun) -> Registered:
        """Log a run and register its artifact as a new version.

        Args:
            account: whose model it is.
            model: which one; `services.<capability>.model` loads the artifact for MLflow.
            folder: the artifact.
            record: what is written beside it.

        Raises:
            RegistryUnavailable: the registry is away.
        """
        digest = digest_of(folder)
        with _answering("The registry did not take the new version."), self.connected() as client:
            name = model_name(account, *model)
            experiment_id = self._experiment(client, f"{account}.{model.capability}")
            run_id, logged = _logged(client, model.capability, folder, record, experiment_id, name)
            _make_model(client, name, record)
            version = client.create_model_version(
                name,
                source=logged.model_uri,
                run_id=run_id,
                model_id=logged.model_id,
                tags={**record.tags, "foretell.digest": digest},
            )
            registered = Registered(str(version.version), run_id, digest)
            write_card(client, record, registered, name=name)
            client.set_tag(run_id, "foretell.digest", digest)
            client.update_run(run_id, name=f"{name} v{registered.version}")
        return registered

    def _experiment(self, client: Any, name: str) -> str:
        known = client.get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        location = None if self.artifacts is None else f"{self.artifacts.rstrip('/')}/{name}"
        return str(client.create_experiment(name, artifact_location=location))


def _logged(
    client: Any, capability: str, folder: Path, record: RegisteredRun, experiment_id: str, name: str
) -> tuple[str, Any]:
    """Log a run with its model; return the run's id, and the model."""
    import mlflow

    with mlflow.start_run(experiment_id=experiment_id, run_name=f"{name} (being registered)", tags=record.tags) as run:
        logged = mlflow.pyfunc.log_model(
            name="model",
            loader_module=f"services.{capability}.model",
            data_path=str(folder),
            pip_requirements=list(REQUIREMENTS),
            signature=signature(record),
            input_example=input_example(record),
        )
        run_id = str(run.info.run_id)
        write(client, record, run_id=run_id, model_id=logged.model_id, name=name)
    return run_id, logged


def _make_model(client: Any, name: str, record: RegisteredRun) -> None:
    """Make the registered model, or say anew what it answers."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, tags=_of_the_model(record), description=model_description(record))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        client.update_registered_model(name, description=model_description(record))
        for key, value in _of_the_model(record).items():
            client.set_registered_model_tag(name, key, value)


def _of_the_model(record: RegisteredRun) -> dict[str, str]:
    """Keep the tags that hold for every version."""
    return {key: value for key, value in record.tags.items() if key in MODEL_TAGS}


def source_commit() -> str:
    """Return the commit of the source tree; `unknown` for an installed package."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - whichever git the machine has
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.strip()


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
