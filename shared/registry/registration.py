"""Register an artifact as a new version: our files, a run with its figures, no code and no pickle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.registry.connection import connected, model_name
from shared.registry.digest import digest_of
from shared.settings import Settings

REQUIREMENTS = ("lightgbm", "numpy")
"""What `mlflow models serve` needs besides Foretell itself."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A version as the registry knows it."""

    version: str
    run_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class RegisteredRun:
    """What is written beside the artifact."""

    report: Mapping[str, Any] = field(default_factory=dict)
    plots: Mapping[str, Path] = field(default_factory=dict)
    """PNG files by name."""
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    columns: Sequence[str] = ()
    """Feature names in matrix order: the signature, one double each."""


def register(
    settings: Settings, *, account: str, capability: str, outcome: str, folder: Path, record: RegisteredRun
) -> Registered:
    """Log a run and register its artifact as a new version.

    Args:
        settings: tell where the registry is.
        account: whose model it is.
        capability: which question; `services.<capability>.model` loads the artifact for MLflow.
        outcome: which outcome; empty when the capability has none.
        folder: the artifact.
        record: what is written beside it.
    """
    digest = digest_of(folder)
    with connected(settings) as client:
        import mlflow

        name = model_name(account, capability, outcome)
        experiment_id = _experiment(client, settings, f"{account}.{capability}")
        tags = {**record.tags, "foretell.digest": digest}
        with mlflow.start_run(experiment_id=experiment_id, tags=tags) as run:
            _write(record)
            logged = mlflow.pyfunc.log_model(
                name="model",
                loader_module=f"services.{capability}.model",
                data_path=str(folder),
                pip_requirements=list(REQUIREMENTS),
                signature=_signature(record.columns),
            )
        run_id = str(run.info.run_id)
        _make_model(client, name)
        version = client.create_model_version(
            name, source=logged.model_uri, run_id=run_id, model_id=logged.model_id, tags={"digest": digest}
        )
    return Registered(str(version.version), run_id, digest)


def _write(record: RegisteredRun) -> None:
    import mlflow

    mlflow.log_params(dict(record.params))
    mlflow.log_metrics(dict(record.metrics))
    mlflow.log_dict(dict(record.report), "report.json")
    for plot, path in record.plots.items():
        mlflow.log_artifact(str(path), f"plots/{plot}")


def _experiment(client: Any, settings: Settings, name: str) -> str:
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    return str(client.create_experiment(name, artifact_location=_location(settings, name)))


def _location(settings: Settings, name: str) -> str | None:
    root = settings.resolved_artifacts()
    return None if root is None else f"{root.rstrip('/')}/{name}"


def _make_model(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _signature(columns: Sequence[str]) -> Any:
    if not columns:
        return None
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    inputs = Schema([ColSpec("double", name, required=False) for name in columns])
    return ModelSignature(inputs=inputs, outputs=Schema([ColSpec("double", "probability")]))
