"""THE TABLE: one line a capability; gateway routes, processes, manifests and tests are all read from it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal


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
    change_kind: str = ""
    """Which changes are reported: `band`, `segment` or `slot`, a kind of `shared.change_detection`. Empty: none."""
    message_types: tuple[str, ...] = ()
    """Types of the messages that report them, in the order of that kind."""
    committing_fields: tuple[str, ...] = ()
    """Fields of a request that make its answer commit something, such as an experiment; `POST /predict`, which asks
    several capabilities and must be harmless to repeat, does not take them."""


TABLE: tuple[Capability, ...] = (
    Capability(
        "scoring",
        "/score",
        "How likely is this contact to reach an outcome?",
        per_outcome=True,
        change_kind="band",
        message_types=("score.band_changed",),
    ),
    Capability(
        "churn",
        "/churn-risk",
        "Who is about to leave, by when, and why?",
        per_outcome=True,
        change_kind="band",
        message_types=("churn_risk.band_changed",),
    ),
    Capability(
        "segmentation",
        "/segment",
        "Which behaviour group does this contact belong to?",
        change_kind="segment",
        message_types=("segment.entered", "segment.left"),
    ),
    Capability(
        "sendtime",
        "/best-send-time",
        "When should this contact's next message go out?",
        prefixes=("/best-send-time/plan", "/best-send-time/weeks", "/experiments"),
        long_paths=("/best-send-time/plan", "/experiments"),
        change_kind="slot",
        message_types=("send_time.changed",),
        committing_fields=("purpose", "control_share", "exploration_share"),
    ),
    Capability(
        "value",
        "/lifetime-value",
        "What is this contact worth, and when does it order next?",
        change_kind="band",
        message_types=("value.band_changed",),
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
