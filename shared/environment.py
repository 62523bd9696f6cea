"""What a process has around it: the secrets that it hands on to those it starts, the libraries that it does without."""

import sys
from collections.abc import Collection, Mapping, MutableMapping
from types import ModuleType
from typing import Any

from shared.settings import Settings

_REGISTRY_SECRETS = frozenset(
    {
        *("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    }
)
"""How MLflow and its artifact store are opened, beside the registry's URL."""
BLOCKED = ("pandas", "sklearn", "pyarrow", "dask", "matplotlib", "mlflow")
SPARSE_TYPES = ("spmatrix", "csr_matrix", "csc_matrix")
"""All that LightGBM asks of SciPy where nobody brings a sparse matrix."""


def secret_settings() -> frozenset[str]:
    """List the settings of any process that hold a secret."""
    every: list[type[Settings]] = [Settings]
    for kind in every:
        every += kind.__subclasses__()
    return frozenset(
        name for kind in every for name, field in kind.model_fields.items() if "SecretStr" in repr(field.annotation)
    )


def granting(environment: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    """Copy an environment for a child, without the secrets that it has no use for.

    Args:
        environment: of this process.
        secrets: settings that the child needs; with the registry's URL go the credentials of MLflow.
    """
    kept_back = {f"FORETELL_{name.upper()}" for name in secret_settings() - frozenset(secrets)}
    if "registry_url" not in secrets:
        kept_back |= _REGISTRY_SECRETS
    return {name: value for name, value in environment.items() if name.upper() not in kept_back}


def block_training_libraries(modules: MutableMapping[str, Any] = sys.modules) -> None:
    """Make the libraries of training look absent in this process; those already imported stay.

    SciPy is there by name only: LightGBM cannot be imported without it, and compares types with three of its own.
    """
    for name in BLOCKED:
        modules.setdefault(name, None)
    if "scipy" not in modules:
        scipy, sparse = ModuleType("scipy"), ModuleType("scipy.sparse")
        for name in SPARSE_TYPES:
            setattr(sparse, name, type(name, (), {"__doc__": "Stands for SciPy's; nothing is ever one."}))
        scipy.sparse = sparse  # type: ignore[attr-defined]
        modules["scipy"], modules["scipy.sparse"] = scipy, sparse


def unblock_training_libraries(modules: MutableMapping[str, Any] = sys.modules) -> None:
    """Let a process that was forked from one without the libraries of training import them."""
    absent = {name for name in BLOCKED if modules.get(name, ...) is None}
    if getattr(modules.get("scipy"), "__spec__", None) is None:
        absent |= {name for name in ("scipy", "scipy.sparse") if name in modules}
    for name in absent:
        del modules[name]
