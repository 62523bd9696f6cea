"""The alias `champion` in MLflow: a courtesy to people who look there; the row in our store decides."""

from shared.errors import RegistryUnavailable
from shared.registry.connection import connected, model_name
from shared.settings import Settings

ALIAS = "champion"


def set_champion_alias(settings: Settings, account: str, capability: str, outcome: str, *, version: str) -> None:
    """Point the alias to a version.

    Raises:
        RegistryUnavailable: the registry is away or does not hold the version.
    """
    with connected(settings) as client:
        from mlflow.exceptions import MlflowException

        try:
            client.set_registered_model_alias(model_name(account, capability, outcome), ALIAS, version)
        except MlflowException as error:
            raise RegistryUnavailable(f"The registry did not take version {version} as champion.") from error


def champion_alias(settings: Settings, account: str, capability: str, outcome: str) -> str | None:
    """Return the version the alias points to; None where there is none.

    Raises:
        RegistryUnavailable: the registry is away.
    """
    with connected(settings) as client:
        from mlflow.exceptions import MlflowException

        try:
            model = client.get_registered_model(model_name(account, capability, outcome))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise RegistryUnavailable("The registry cannot be read.") from error
    version = model.aliases.get(ALIAS)
    return None if version is None else str(version)
