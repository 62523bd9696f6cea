"""What a service and the child that fetches for it say to each other, as JSON lines; MLflow is not imported here."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


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
