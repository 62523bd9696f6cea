"""MLflow, quietly: no telemetry, no progress bars, no chatter on the terminal."""

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.errors import BadRequest
from shared.settings import Settings

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "GIT_PYTHON_REFRESH": "quiet",
}
_NAME = re.compile(r"[a-z0-9-]{1,39}\.[a-z]+(\.[a-z0-9_]{1,63})?")


@contextmanager
def connected(settings: Settings) -> Iterator[Any]:
    """Open a client of the registry; MLflow is imported here and not before.

    Yields:
        An `mlflow.MlflowClient` of the settings' registry, which is made the process's own. Inside, the warnings of
        MLflow and of what it imports, which are about its own code, are not shown.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield _client(settings)


def _client(settings: Settings) -> Any:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import mlflow

    for chatty in ("mlflow", "alembic", "alembic.runtime.migration"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    url = settings.resolved_registry_url()
    if url.startswith("sqlite:///"):
        settings.home.mkdir(parents=True, exist_ok=True)
        file = Path(url.removeprefix("sqlite:///"))
        if file.parent.is_dir():
            file.touch(mode=0o600)  # MLflow would make it readable for all
            file.chmod(0o600)
    mlflow.set_tracking_uri(url)
    return mlflow.MlflowClient(tracking_uri=url)


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
