"""What a capability brings to the shell, and what the shell asks of its models."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from shared.capabilities import Capability
from shared.contracts.outcome import Flag
from shared.contracts.prediction import Answer, Prediction, Source, Status
from shared.contracts.request import PredictionRequest
from shared.contracts.rows import Microseconds
from shared.features import Feature
from shared.timeline import Pasts


class ReasonPart(Protocol):
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


class Scored(Protocol):
    """What a model says of one contact; a capability's own fields lie beside these."""

    @property
    def status(self) -> Status:
        """`ok`, or why the model has no answer for this contact."""

    @property
    def detail(self) -> str | None:
        """What to do when the status is not `ok`; None: what is always said of that status."""

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
    def reasons(self) -> Sequence[ReasonPart]:
        """The strongest first, as many as were asked for."""

    @property
    def data_quality(self) -> Sequence[str]:
        """What the model found missing or unknown."""

    @property
    def truncated(self) -> bool:
        """Whether the past was cut at the lookback or at the newest events."""


class FeatureColumns(Protocol):
    """What the shell needs to know of a model's columns."""

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


Remember = Callable[[Any, Sequence[str], Sequence[Any], Microseconds], Sequence[Any]]
"""The account's reads, contact ids, the model's answers about them, the cutoff → the answers again, in order."""


def _no_segment(_: Any) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Beside:
    """A further path of a capability, as the API document shows it."""

    path: str
    method: str
    """In lower case."""
    response: type[Answer]
    answered: Mapping[str, Any]
    """An example."""
    request: type[BaseModel] | None = None
    asked: Mapping[str, Any] | None = None
    """An example, where there is a request body."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a capability may have to keep before its answer leaves."""

    account: Any
    """The account's store."""
    request: Any
    contact_ids: Sequence[str]
    """One an answer, as the client named them."""
    scored: Sequence[Any]
    version: str
    asked_at: Microseconds
    erasures: int
    """Of the account, counted before anything was read of the contacts."""


@dataclass(frozen=True, slots=True)
class Question:
    """One capability as the shell sees it."""

    capability: Capability
    request: type[PredictionRequest]
    """The envelope."""
    prediction: type[Prediction]
    """The head with what the capability adds."""
    response: type[Answer]
    """`predictions`, `model`, `cutoff`, `request_id`."""
    load: Callable[[Path], ServedModel]
    """Read an artifact; ArtifactRefused when it does not fit."""
    ask: Callable[[Any, Pasts, NDArray[np.int64], Any], Sequence[Scored]]
    """Hand what a request asks for to the model: model, pasts, cutoffs, request → one answer a contact, in order."""
    additions: Callable[[Any], Mapping[str, Any]]
    """The capability's own fields of one prediction; called with None where there is no prediction."""
    examples: Mapping[str, Mapping[str, Any]]
    """`request` and `response` for the API document."""
    is_kept: Callable[[Any, Any], bool] = lambda _, __: True
    """From request and model: whether the answers become the latest predictions of their contacts. A question asked
    another way than usual, about another horizon for instance, must not stand in the ranked list."""
    remember: Remember | None = None
    """Add to answers what the store knows of the same contacts; None: nothing."""
    segment_of: Callable[[Any], str | None] = _no_segment
    """Under which segment a prediction on the wire is filed."""
    beside: Sequence[Beside] = ()
    """Further paths of the capability, for the API document; their routes are added to the app by its door."""
    answers_without_data: bool = False
    """Whether a known contact without event and attribute is asked about all the same."""
    keep: Callable[[Keeping], Sequence[Any]] | None = None
    """Commit what must outlive the answer, and return the answers that hold; None: nothing must."""
    commits: Callable[[Any], bool] = lambda _: False
    """From the request: whether `keep` has something to commit, and may have to wait for it."""
