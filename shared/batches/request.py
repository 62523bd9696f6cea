"""What a batch is to do, as the store keeps it: models, choice of contacts, reasons and format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from shared.contracts.outcome import ModelName

Format = Literal["parquet", "ndjson", "csv"]
Kind = Literal["all", "segment", "attributes", "upload"]
UPLOADS: Final[Mapping[str, str]] = {
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
}
"""What may be uploaded: media type → ending of the file."""
ANY_FILE: Final = "application/octet-stream"
"""A file whose kind is seen from its beginning."""
MEDIA_TYPES: Final[Mapping[str, str]] = {
    "parquet": "application/vnd.apache.parquet",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
}
"""Of a result, by its format."""


@dataclass(frozen=True, slots=True)
class ContactSelection:
    """Which contacts a batch is about."""

    kind: Kind
    segment: str = ""
    """Id of a segment; members are those of the latest predictions."""
    attributes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Values of which one must hold at the cutoff, by attribute."""
    upload: str = ""
    """Ending of the uploaded file."""


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What a batch is to do."""

    models: tuple[ModelName, ...]
    choice: ContactSelection
    reasons: int
    format: Format
    plan: Mapping[str, Any] | None = None
    """Options of a plan in which the contacts are decided together; None: each is answered by itself."""

    def to_json(self) -> dict[str, Any]:
        """Write it as the store keeps it."""
        choice = self.choice
        return {
            "models": [[one.capability, one.outcome] for one in self.models],
            "contacts": {
                "kind": choice.kind,
                "segment": choice.segment,
                "attributes": {name: list(values) for name, values in choice.attributes.items()},
                "upload": choice.upload,
            },
            "reasons": self.reasons,
            "format": self.format,
            "plan": None if self.plan is None else dict(self.plan),
        }

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> "BatchRequest":
        """Read what `to_json` wrote."""
        models = tuple(ModelName(*one) for one in stored["models"])
        choice = ContactSelection(**stored["contacts"])
        return BatchRequest(models, choice, stored["reasons"], stored["format"], stored.get("plan"))
