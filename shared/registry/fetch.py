"""Bring artifacts from the registry into the local cache: `python -m shared.registry.fetch`.

A service runs it as a child process, so that MLflow is never imported where requests are answered; one child brings
all that is missing, since importing MLflow takes longer than most downloads. Standard input: one JSON object a line,
`account`, `capability`, `outcome`, `version`, `digest`. Standard output: one a line, in the same order and as soon as
it is known, `result` ("fetched", "unavailable": try again, "refused": the registry holds something else than what was
promoted) and `cause`: names of errors, never an address (it may hold a password).
Exit codes: 0 every line has its answer; 2 the input cannot be read.
"""

import contextlib
import logging
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from shared.errors import ArtifactRefused, RegistryUnavailable
from shared.registry.artifact import ArtifactRequest, Fetched, digest_of
from shared.registry.registration import MlflowRegistry, model_name
from shared.settings import Settings, read

log = logging.getLogger(__name__)

MAX_CAUSES = 4


def artifacts(
    registry: MlflowRegistry, account: str, capability: str, outcome: str, *, version: str, digest: str, into: Path
) -> Path:
    """Download an artifact, check it, and put it where it is looked for.

    Args:
        registry: that holds it.
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
        found = _downloaded(registry, f"models:/{model_name(account, capability, outcome)}/{version}", Path(work))
        if digest_of(found) != digest:
            raise ArtifactRefused(f"Version {version} in the registry is not the one that was promoted.")
        _put(found, goal, digest)
    return goal


def _downloaded(registry: MlflowRegistry, uri: str, work: Path) -> Path:
    with registry.connected():
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
        cause = getattr(seen, "error_code", None) or (seen.strerror if isinstance(seen, OSError) else None)
        named.append(f"{type(seen).__name__} ({cause})" if isinstance(cause, str) else type(seen).__name__)
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


def attempted(settings: Settings, wanted: ArtifactRequest) -> Fetched:
    """Bring one artifact; whatever is wrong with it keeps no other one from being brought."""
    facts = {"account": wanted.account, "outcome": wanted.outcome, "version": wanted.version}
    where = (wanted.account, wanted.capability, wanted.outcome)
    named = {"version": wanted.version, "digest": wanted.digest}
    try:
        artifacts(MlflowRegistry.of(settings), *where, **named, into=settings.cache_folder)
    except ArtifactRefused as error:
        log.warning("artifact.refused", extra={**facts, "detail": error.detail})
        return Fetched(result="refused")
    except Exception as error:  # whatever MLflow's own database raises: the parent reads why, and tries again
        cause = error.members["cause"] if isinstance(error, RegistryUnavailable) else cause_of(error)
        log.warning("artifact.unavailable", extra={**facts, "detail": cause})
        return Fetched(result="unavailable", cause=str(cause))
    return Fetched(result="fetched")


def main(requests: IO[str], answers: IO[str]) -> int:
    """Bring what is requested, one after the other; return the exit code."""
    try:
        wanted = [ArtifactRequest.model_validate_json(line) for line in requests if line.strip()]
    except ValidationError:
        return 2
    settings = read(Settings)
    for one in wanted:
        with contextlib.redirect_stdout(sys.stderr):  # what MLflow prints is no answer
            fetched = attempted(settings, one)
        answers.write(fetched.model_dump_json() + "\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.stdin, sys.stdout))
