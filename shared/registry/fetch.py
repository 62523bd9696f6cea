"""Bring an artifact from the registry into the local cache: `python -m shared.registry.fetch ...`.

A service runs it as a child process, so that MLflow is never imported where requests are answered.
Why the registry did not give it stands on standard output: names of errors, never an address (it may hold a password).
Exit codes: 0 it lies in the cache; 2 wrong arguments; 3 the registry is away or does not hold it (try again);
4 the registry holds something else than what was promoted (do not try again).
"""

import argparse
import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from shared.errors import ArtifactRefused, RegistryUnavailable
from shared.registry.connection import connected, model_name
from shared.registry.digest import digest_of
from shared.settings import Settings, read

log = logging.getLogger(__name__)

EXIT_UNAVAILABLE = 3
EXIT_REFUSED = 4
MAX_CAUSES = 4


def artifacts(
    settings: Settings, account: str, capability: str, outcome: str, *, version: str, digest: str, into: Path
) -> Path:
    """Download an artifact, check it, and put it where it is looked for.

    Args:
        settings: tell where the registry is.
        account: whose model it is.
        capability: which question.
        outcome: which outcome; empty when the capability has none.
        version: of the model.
        digest: of the artifact that was promoted.
        into: the cache folder.

    Returns:
        `into / digest`, complete: it appears by one rename.

    Raises:
        RegistryUnavailable: the registry is away or does not hold the version.
        ArtifactRefused: the digest differs.
    """
    goal = into / digest
    if goal.is_dir() and digest_of(goal) == digest:
        return goal
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=into) as work:
        found = _downloaded(settings, f"models:/{model_name(account, capability, outcome)}/{version}", Path(work))
        if digest_of(found) != digest:
            raise ArtifactRefused(f"Version {version} in the registry is not the one that was promoted.")
        _put(found, goal, digest)
    return goal


def _downloaded(settings: Settings, uri: str, work: Path) -> Path:
    with connected(settings):
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException
        from mlflow.models import Model
        from requests.exceptions import RequestException

        try:
            local = Path(download_artifacts(artifact_uri=uri, dst_path=str(work)))
            data = Model.load(str(local)).flavors["python_function"]["data"]
        except (MlflowException, RequestException, OSError, KeyError) as error:
            raise RegistryUnavailable(f"The registry did not give {uri}.", cause=cause_of(error)) from error
    found: Path = (local / str(data)).resolve()
    if not found.is_dir() or not found.is_relative_to(work.resolve()):
        raise ArtifactRefused(f"{uri} does not hold a folder of ours.")
    return found


def cause_of(error: BaseException) -> str:
    """Name an error and what led to it.

    >>> cause_of(PermissionError(13, "Permission denied"))
    'PermissionError (Permission denied)'
    """
    named: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(named) < MAX_CAUSES:
        told = getattr(seen, "error_code", None) or (seen.strerror if isinstance(seen, OSError) else None)
        named.append(f"{type(seen).__name__} ({told})" if isinstance(told, str) else type(seen).__name__)
        seen = seen.__cause__ or seen.__context__
    return ", from ".join(dict.fromkeys(named))


def _put(found: Path, goal: Path, digest: str) -> None:
    """Move a checked folder into place; another process may have been quicker with the same one."""
    if goal.is_dir():
        if digest_of(goal) == digest:
            return
        shutil.rmtree(goal)
    try:
        found.rename(goal)
    except OSError:
        if not goal.is_dir():
            raise


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch one artifact and tell by the exit code how it went."""
    parser = argparse.ArgumentParser(prog="python -m shared.registry.fetch", description=__doc__)
    for name in ("account", "capability", "outcome", "version", "digest"):
        parser.add_argument(name)
    given = parser.parse_args(arguments)
    settings = read(Settings)
    try:
        artifacts(
            settings,
            given.account,
            given.capability,
            given.outcome,
            version=given.version,
            digest=given.digest,
            into=settings.cache_folder,
        )
    except RegistryUnavailable as error:
        log.warning("artifact.unavailable", extra={"version": given.version, "detail": error.detail})
        sys.stdout.write(f"{error.members['cause']}\n")
        return EXIT_UNAVAILABLE
    except ArtifactRefused as error:
        log.warning("artifact.refused", extra={"version": given.version, "detail": error.detail})
        return EXIT_REFUSED
    except Exception as error:  # whatever MLflow's own database raises: the parent reads why, and tries again
        log.warning("artifact.unavailable", extra={"version": given.version, "detail": cause_of(error)})
        sys.stdout.write(f"{cause_of(error)}\n")
        return EXIT_UNAVAILABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
