"""What of its environment a process hands on to those that it starts: each gets only the secrets that it needs."""

from collections.abc import Collection, Mapping

from shared.settings import Settings

_REGISTRY_SECRETS = frozenset(
    {
        *("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    }
)
"""How MLflow and its artifact store are opened, beside the registry's URL."""


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
