"""What a capability declares of itself, and what is needed of its models: the one contract of every capability."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, get_origin, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from starlette.responses import Response

from shared.capabilities import Capability
from shared.contracts.outcome import Flag, Outcome
from shared.contracts.prediction import Answer, Band, Prediction, PredictionRequest, PublishedPrediction
from shared.contracts.rows import Microseconds
from shared.contracts.training import TrainingSpec
from shared.features import Feature, InputQuality
from shared.store import AccountStore
from shared.timeline import FURTHER_FIELDS, ContactPasts, Pasts

Example = Mapping[str, Any]
"""JSON, as a client would send it or see it."""


class FeatureColumns(Protocol):
    """What serving needs to know of a model's columns."""

    @property
    def needs_local_time(self) -> bool:
        """Whether a contact's time zone changes any column."""

    @property
    def features(self) -> Sequence[Feature]:
        """Each column's declaration."""


class ServedModel(Protocol):
    """A loaded version; immutable, used by several threads at once."""

    @property
    def kind(self) -> str:
        """What kind of model won."""

    @property
    def grade(self) -> str:
        """A to D."""

    @property
    def horizon_days(self) -> int | None:
        """How far after the cutoff the outcome may come."""

    @property
    def trained_at(self) -> datetime | None:
        """Aware; None of a model that answers untrained."""

    @property
    def reached_by(self) -> tuple[str, ...]:
        """Event types after which a contact is no longer asked about; empty when the outcome is repeatable."""

    @property
    def begun_by(self) -> tuple[str, ...]:
        """Event types that a contact must have had to be asked about, and that reopen the question; empty: none."""

    @property
    def lookback_days(self) -> int:
        """How far back events are read: two years, more where longer silent contacts are asked about."""

    @property
    def flag(self) -> Flag | None:
        """The attribute whose value says that a contact has reached the outcome; None: an event says it."""

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Attributes that it knows by name: others are matched with them; empty: none."""

    @property
    def feature_set(self) -> FeatureColumns:
        """The columns of the model."""

    def answer(self, pasts: ContactPasts, cutoffs: NDArray[np.int64], request: Any) -> Sequence[Prediction]:
        """Answer what a request of its capability wants to know about each contact, order kept.

        Args:
            pasts: one row a contact.
            cutoffs: microseconds, shape (len(pasts),).
            request: the envelope, as the capability declares it.
        """


class AnswerColumns(Protocol):
    """What a model finds out about many contacts, where that is a probability and no more; arrays of one length."""

    @property
    def probability(self) -> NDArray[np.float64]:
        """Calibrated."""

    @property
    def score(self) -> NDArray[np.int64]:
        """1-99."""

    @property
    def band(self) -> NDArray[np.int64]:
        """Index into `bands`."""

    @property
    def bands(self) -> tuple[Band, ...]:
        """The lowest first."""

    @property
    def truncated(self) -> NDArray[np.bool_]:
        """Whether the past was cut at the lookback or at the newest events."""

    @property
    def inputs(self) -> Sequence[InputQuality]:
        """What the model does not understand of each contact."""


@runtime_checkable
class ColumnModel(Protocol):
    """A model whose default request is answered by the head alone: it does so for millions of contacts."""

    def answer_columns(self, pasts: Pasts, cutoffs: NDArray[np.int64]) -> AnswerColumns:
        """Return the same as `answer` without reasons, column by column."""


ModelT = TypeVar("ModelT", bound=ServedModel)
RequestT = TypeVar("RequestT", bound=PredictionRequest)
PredictionT = TypeVar("PredictionT", bound=Prediction)


@dataclass(frozen=True, slots=True)
class ExtraRoute:
    """A further path of a capability: its handler, and how the API document shows it."""

    path: str
    method: str
    """In lower case."""
    operation_id: str
    summary: str
    handler: Callable[..., Awaitable[Response]]
    """A FastAPI endpoint; `request.app.state.service` is the running service."""
    problems: tuple[str, ...]
    """Codes of the problems that it answers with."""
    response: type[Answer]
    response_example: Example
    request: type[BaseModel] | None = None
    request_example: Example | None = None


@dataclass(frozen=True, slots=True)
class PendingResponse(Generic[RequestT, PredictionT]):
    """Results that have not left yet, with what is needed to commit something about them."""

    account: AccountStore
    request: RequestT
    contact_ids: Sequence[str]
    """One a result, as the client named them."""
    results: Sequence[PredictionT]
    version: str
    asked_at: Microseconds
    erasures: int
    """Of the account, counted before anything was read of the contacts."""


@dataclass(frozen=True, slots=True)
class BeforeRespond(Generic[RequestT, PredictionT]):
    """What must be committed before a response leaves."""

    applies: Callable[[RequestT], bool]
    """Whether a request has something to commit, and may have to wait for it."""
    commit: Callable[[PendingResponse[RequestT, PredictionT]], Sequence[PredictionT]]
    """Commit what must outlive the response by the account that is given, in the store, and return the results that
    hold. Where it fails before a COMMIT is sent, calls that were to share it are answered one by one."""


class PlannedRow(NamedTuple):
    """What a plan says of one contact."""

    status: str
    body: bytes
    """JSON."""


class PlannedBatch(NamedTuple):
    """A plan about all contacts of a batch."""

    parts: Iterable[Sequence[PlannedRow]]
    """The rows of each part, in order."""
    summary: Mapping[str, Any]
    """What is said of the plan as a whole; instants among plain values."""


Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JointDecision(Generic[ModelT]):
    """How contacts are answered who compete for something, such as the hours of a send plan.

    They are valued part by part, and decided about together once all parts are there.
    """

    options: type[BaseModel]
    """What is asked of a plan."""
    value: Callable[[ModelT, ContactPasts, NDArray[np.int64], Any], Sequence[Prediction]]
    """Value some contacts: model, pasts, cutoffs, options → one result a contact, in order."""
    pack: Callable[[Sequence[Prediction]], Arrays]
    """Lay the results of a part out as arrays without objects, as they are kept in a file."""
    assign: Callable[[ModelT, Sequence[Arrays], Any, Microseconds], PlannedBatch]
    """Decide about all: model, the arrays of every part, options, cutoff → rows, part by part."""


def _every_field(_: ServedModel) -> frozenset[str]:
    return FURTHER_FIELDS - {"event_id"}


@dataclass(frozen=True, kw_only=True)
class CapabilitySpec(Generic[ModelT, RequestT, PredictionT]):
    """All that a capability declares; everything else follows from this and from its line in the table.

    `services/<name>/capability.py` holds one as `CAPABILITY`. Importing that file loads neither a model library nor
    anything of training: `load` and `training.recipe` import what they need when they are called.
    """

    capability: Capability
    """Its line in the table."""
    summary: str
    """What an answer holds, for the documentation."""
    request: type[RequestT]
    """The envelope."""
    prediction: type[PublishedPrediction]
    """The schema of one answer: the head with what the capability adds."""
    response: type[Answer]
    """`predictions`, `model`, `cutoff`, `request_id`."""
    request_example: Example
    response_example: Example
    load: Callable[[Path], ModelT]
    """Read an artifact; ArtifactRefused when it does not fit."""
    untrained: Callable[[Outcome], ModelT] | None = None
    """Make the model that answers about an outcome, as version 0, while no version of it was promoted. None: such a
    call is refused, for nothing is known."""
    training: TrainingSpec
    """How it is trained."""
    is_stored: Callable[[RequestT, ModelT], bool] | None = None
    """Whether the answers become the latest predictions of their contacts. A question put another way than usual,
    about another horizon for instance, must not stand in the ranked list. None: they always do."""
    add_stored: (
        Callable[[AccountStore, Sequence[str], Sequence[PredictionT], Microseconds], Sequence[PredictionT]] | None
    ) = None
    """Add to results what the store knows of the same contacts: the account's store, contact ids, results, cutoff →
    the results again, in order; None: nothing."""
    event_fields: Callable[[ModelT], frozenset[str]] = _every_field
    """Return what a version looks at of an event beside its type, its time and who made it, some of `FURTHER_FIELDS`:
    nothing else is read."""
    as_of_now: Callable[[AccountStore, ModelT], ModelT] | None = None
    """Return the model with what the store says now of other things than contacts, such as a catalogue; called before
    contacts are answered. None: the model is all that there is."""
    extra_routes: Sequence[ExtraRoute] = ()
    """Further paths of the capability."""
    answers_without_data: bool = False
    """Whether a known contact without event and attribute is answered all the same."""
    batch_plan: JointDecision[ModelT] | None = None
    """How the contacts of a batch are decided together where `plan` asks for it; None: they never are."""
    before_respond: BeforeRespond[RequestT, PredictionT] | None = None
    """What must be committed before a response leaves; None: nothing must."""

    @cached_property
    def absent_fields(self) -> Mapping[str, object]:
        """The capability's own fields of a contact without an answer: null, or an empty list where null is refused."""
        own = {name: one for name, one in self.prediction.model_fields.items() if name not in _HEAD}
        return {name: [] if get_origin(one.annotation) is list else None for name, one in own.items()}


_HEAD = PublishedPrediction.model_fields.keys()


AnySpec = CapabilitySpec[Any, Any, Any]
"""A capability found by its name: its own types are checked where it is declared, and unknown here."""
