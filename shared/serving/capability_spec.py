"""What a capability declares of itself, and what is needed of its models: the one contract of every capability."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from starlette.responses import Response

from shared.capabilities import Capability
from shared.contracts.outcome import Flag
from shared.contracts.prediction import Answer, Prediction, PredictionRequest, Source, Status
from shared.contracts.rows import Microseconds
from shared.contracts.training import TrainingSpec
from shared.features import Feature, InputQuality
from shared.store import AccountStore
from shared.timeline import Pasts

Example = Mapping[str, Any]
"""JSON, as a client would send it or see it."""


class ReasonShare(Protocol):
    """One thing's share of the named quantity."""

    @property
    def feature(self) -> str:
        """The strongest feature of this thing."""

    @property
    def value(self) -> float | str | bool | None:
        """Its value for this contact."""

    @property
    def contribution(self) -> float:
        """Signed share."""

    @property
    def text(self) -> str:
        """The reason as a sentence."""


class ModelResult(Protocol):
    """What a model finds out about one contact: the head that all capabilities share; own fields lie beside it."""

    @property
    def status(self) -> Status:
        """`ok`, or why the model has no answer for this contact."""

    @property
    def detail(self) -> str | None:
        """What to do when the status is not `ok`; None: the usual sentence of that status."""

    @property
    def source(self) -> Source:
        """`model`, or the named fallback."""

    @property
    def probability(self) -> float | None:
        """Calibrated; None where the capability has none."""

    @property
    def score(self) -> int | None:
        """1-99; None where the capability has none."""

    @property
    def band(self) -> str | None:
        """One of the bands of the contract."""

    @property
    def reasons(self) -> Sequence[ReasonShare]:
        """The strongest first, as many as were requested."""

    @property
    def data_quality(self) -> Sequence[str]:
        """What the model found missing or unknown."""

    @property
    def truncated(self) -> bool:
        """Whether the past was cut at the lookback or at the newest events."""


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
    def trained_at(self) -> datetime:
        """Aware."""

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


class AnswerColumns(NamedTuple):
    """What a model finds out about many contacts, where that is a probability and no more; arrays of one length."""

    probability: NDArray[np.float64]
    score: NDArray[np.int64]
    band: NDArray[np.int64]
    """Index into `bands`."""
    bands: tuple[str, ...]
    truncated: NDArray[np.bool_]
    """Whether the past was cut at the lookback or at the newest events."""
    inputs: Sequence[InputQuality]


ModelT = TypeVar("ModelT", bound=ServedModel)
RequestT = TypeVar("RequestT", bound=PredictionRequest)
ResultT = TypeVar("ResultT", bound=ModelResult)
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
class PendingResponse(Generic[RequestT, ResultT]):
    """Results that have not left yet, with what is needed to commit something about them."""

    account: AccountStore
    request: RequestT
    contact_ids: Sequence[str]
    """One a result, as the client named them."""
    results: Sequence[ResultT]
    version: str
    asked_at: Microseconds
    erasures: int
    """Of the account, counted before anything was read of the contacts."""


@dataclass(frozen=True, slots=True)
class BeforeRespond(Generic[RequestT, ResultT]):
    """What must be committed before a response leaves."""

    applies: Callable[[RequestT], bool]
    """Whether a request has something to commit, and may have to wait for it."""
    commit: Callable[[PendingResponse[RequestT, ResultT]], Sequence[ResultT]]
    """Commit what must outlive the response, and return the results that hold."""


def _always(_: object, __: object) -> bool:
    return True


def _no_segment(_: object) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilitySpec(Generic[ModelT, RequestT, ResultT, PredictionT]):
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
    prediction: type[PredictionT]
    """The head with what the capability adds."""
    response: type[Answer]
    """`predictions`, `model`, `cutoff`, `request_id`."""
    request_example: Example
    response_example: Example
    load: Callable[[Path], ModelT]
    """Read an artifact; ArtifactRefused when it does not fit."""
    answer: Callable[[ModelT, Pasts, NDArray[np.int64], RequestT], Sequence[ResultT]]
    """Hand what a request wants to know to the model: model, pasts, cutoffs, request → one result a contact, in
    order."""
    fields: Callable[[ResultT | None], Mapping[str, object]]
    """The capability's own fields of one prediction; called with None where there is no prediction."""
    training: TrainingSpec
    """How it is trained."""
    answer_columns: Callable[[ModelT, Pasts, NDArray[np.int64]], AnswerColumns] | None = None
    """The same as `answer` without reasons, column by column, for millions of contacts: model, pasts, cutoffs →
    columns. Only where the default request is answered by the head alone; None: `answer` is called."""
    is_stored: Callable[[RequestT, ModelT], bool] = _always
    """Whether the answers become the latest predictions of their contacts. A question put another way than usual,
    about another horizon for instance, must not stand in the ranked list."""
    add_stored: Callable[[AccountStore, Sequence[str], Sequence[ResultT], Microseconds], Sequence[ResultT]] | None = (
        None
    )
    """Add to results what the store knows of the same contacts: the account's store, contact ids, results, cutoff →
    the results again, in order; None: nothing."""
    segment_of: Callable[[PredictionT], str | None] = _no_segment
    """Under which segment a prediction on the wire is filed."""
    extra_routes: Sequence[ExtraRoute] = ()
    """Further paths of the capability."""
    answers_without_data: bool = False
    """Whether a known contact without event and attribute is answered all the same."""
    before_respond: BeforeRespond[RequestT, ResultT] | None = None
    """What must be committed before a response leaves; None: nothing must."""


AnySpec = CapabilitySpec[Any, Any, Any, Any]
"""A capability found by its name: its own types are checked where it is declared, and unknown here."""
