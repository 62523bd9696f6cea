"""What names an artifact, and what a service and the child that fetches for it say of one; no MLflow here."""

from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict


def digest_of(folder: Path) -> str:
    """Hash the names and contents of all files in a folder.

    Args:
        folder: of an artifact; sub-folders are included, the folder's own name is not.

    Returns:
        SHA-256, 64 hexadecimal digits; lengths go in too, so that no two folders read alike.
    """
    whole = sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix().encode()
        content = path.read_bytes()
        whole.update(f"{len(name)} {len(content)}\n".encode() + name + content)
    return whole.hexdigest()


class ArtifactRequest(BaseModel):
    """An artifact that is to be brought."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: str
    capability: str
    outcome: str
    version: str
    digest: str


class Fetched(BaseModel):
    """What became of one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    result: Literal["fetched", "unavailable", "refused"]
    cause: str = ""
