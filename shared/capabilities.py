"""THE TABLE: one line a capability; gateway routes, processes, manifests and tests are all read from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal


@dataclass(frozen=True, slots=True)
class Change:
    """A kind of change of a contact that is noticed and reported."""

    kind: str
    """`band`, `segment`, `slot` or `due`: a kind of `shared.change_detection`."""
    message_types: tuple[str, ...]
    """Types of the messages that report it, in the order of that kind."""


@dataclass(frozen=True, slots=True)
class Capability:
    """One question the project answers: a folder in `services/`, a process, a Kubernetes name."""

    name: str
    """Folder in `services/`, prefix of model names, name of the process."""
    path: str
    """The prediction path at the gateway; forwarded to the service as bytes."""
    question: str
    """What it answers, for the documentation."""
    prefixes: tuple[str, ...] = ()
    """Further gateway paths that this service owns."""
    per_outcome: bool = False
    """Whether one model is kept for each named outcome."""
    long_paths: tuple[str, ...] = ()
    """Paths among those above whose work may take minutes; they have a deadline of their own."""
    changes: tuple[Change, ...] = ()
    """Which changes are reported, the main one first. Empty: none."""
    committing_fields: tuple[str, ...] = ()
    """Fields of a request that make its answer commit something, such as an experiment; `POST /predict`, which asks
    several capabilities and must be harmless to repeat, does not take them."""
    harmless: tuple[tuple[str, Any], ...] = ()
    """Fields, with their values, by which an answer commits nothing, where it does unless told otherwise: whoever asks
    on nobody's behalf (`POST /predict`, batches, re-scoring, shadows) sends them."""

    def harmless_request(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a request with those by which its answer commits nothing."""
        return {**fields, **dict(self.harmless)}

    @property
    def message_types(self) -> tuple[str, ...]:
        """List the types of all messages that report changes."""
        return tuple(name for change in self.changes for name in change.message_types)

    @property
    def has_score(self) -> bool:
        """Whether contacts are ranked by a score: where there is a band."""
        return "band" in [change.kind for change in self.changes]

    @property
    def main_change(self) -> str:
        """Return the kind of the main change; empty where none is reported."""
        return self.changes[0].kind if self.changes else ""


TABLE: tuple[Capability, ...] = (
    Capability(
        "scoring",
        "/score",
        "How likely is this contact to reach an outcome?",
        per_outcome=True,
        changes=(Change("band", ("score.band_changed",)),),
    ),
    Capability(
        "churn",
        "/churn-risk",
        "Who is about to leave, by when, and why?",
        per_outcome=True,
        changes=(Change("band", ("churn_risk.band_changed",)),),
    ),
    Capability(
        "segmentation",
        "/segment",
        "Which behaviour group does this contact belong to?",
        changes=(Change("segment", ("segment.entered", "segment.left")),),
    ),
    Capability(
        "sendtime",
        "/best-send-time",
        "When should this contact's next message go out?",
        prefixes=("/best-send-time/plan", "/best-send-time/weeks", "/experiments"),
        long_paths=("/best-send-time/plan", "/experiments"),
        changes=(Change("slot", ("send_time.changed",)),),
        committing_fields=("purpose", "control_share", "exploration_share"),
    ),
    Capability(
        "value",
        "/lifetime-value",
        "What is this contact worth, and when does it order next?",
        changes=(Change("band", ("value.band_changed",)), Change("due", ("next_order.due",))),
    ),
    Capability(
        "recommendations",
        "/recommendations",
        "Which items will this contact buy next?",
        prefixes=("/recommendations/similar", "/recommendations/popular"),
    ),
    Capability(
        "messages",
        "/next-best-message",
        "Which message should this contact get, if any?",
        prefixes=("/next-best-message/report",),
        long_paths=("/next-best-message/report",),
        per_outcome=True,
        harmless=(("purpose", "preview"),),
    ),
)


def capability(name: str) -> Capability:
    """Look a capability up by name.

    Raises:
        KeyError: there is no such line in the table.
    """
    return {line.name: line for line in TABLE}[name]


NAMES = tuple(line.name for line in TABLE)
"""Of all capabilities, in the order of the table."""
OUTCOME_NAMES = tuple(line.name for line in TABLE if line.per_outcome)
"""Of those that answer about an outcome."""

if TYPE_CHECKING:
    CapabilityName = str
    OutcomeCapabilityName = str
else:
    # Types of the wire that hold the table's names: only pydantic reads them, and a type checker sees plain text.
    CapabilityName: Any = Literal[NAMES]
    OutcomeCapabilityName: Any = Literal[OUTCOME_NAMES]
