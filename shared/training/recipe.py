"""One run of training, the same for every capability: read, fit, register, judge, promote."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from shared.contracts.outcome import Outcome
from shared.contracts.rows import Microseconds
from shared.contracts.training import REGISTERED, Choices, Progress, silent
from shared.evaluation.gate import GateDecision
from shared.registry.registration import MlflowRegistry
from shared.store import AccountStore, VersionRow
from shared.timeline import Pasts
from shared.timeline.pasts import Frames
from shared.training.frames_folder import LearnableFrames, Manifest
from shared.training.material import scanned
from shared.training.refit import RefitOnAll
from shared.training.versions import End, Fitted, Published, nothing_ends, publish

ChoicesT = TypeVar("ChoicesT", bound=Choices)
MaterialT = TypeVar("MaterialT")
FitT = TypeVar("FitT")


class PastsReader(Protocol):
    """Reads the pasts of everybody who may be learned from."""

    def __call__(self, *, with_events: bool) -> Pasts:
        """Read them, with events or without."""


READ, FITTED = 0.1, 0.9
"""How far a run is, 0 to 1, when its material is read, and when the model is fitted."""


@dataclass(frozen=True, slots=True)
class Run(Generic[ChoicesT]):
    """One training: whose data, what is predicted, and what the caller decided."""

    registry: MlflowRegistry
    """Where the champion is, and the new version goes."""
    store: AccountStore
    capability: str
    outcome: Outcome | None
    """None: the capability has no outcomes."""
    choices: ChoicesT
    now: Microseconds
    """Nothing after it exists."""
    refit: RefitOnAll | None = None
    """Grows trees that won on all frames, where they were drawn from more; None: they stay as they are."""

    @property
    def model_name(self) -> str:
        """Return the name of the model, as the registry and the command line show it."""
        parts = (self.store.account, self.capability, *(() if self.outcome is None else (self.outcome.name,)))
        return ".".join(parts)

    @property
    def required_outcome(self) -> Outcome:
        """Return the outcome of a capability with outcomes.

        Raises:
            ValueError: the run has none: the table and the recipe disagree.
        """
        if self.outcome is None:
            raise ValueError(f"{self.capability} was started without an outcome")
        return self.outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere(Generic[ChoicesT, MaterialT, FitT]):
    """How frames are handed out, and a model that somebody trained on them is taken in."""

    frames: Callable[[Run[ChoicesT], MaterialT], LearnableFrames]
    """Choose and compute what may leave; what judges a model later stays."""
    adopted: Callable[[Run[ChoicesT], MaterialT, Manifest, str], FitT]
    """Judge and calibrate a checked text model on what was kept back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(Generic[ChoicesT, MaterialT, FitT]):
    """What differs between the trainings of capabilities."""

    capability: str
    choices: type[ChoicesT]
    """What its caller may decide."""
    material: Callable[[Run[ChoicesT], Pasts], MaterialT]
    """Frame what is learned from, over the pasts of everybody who may be learned from; InsufficientData, in counts,
    when that is too little."""
    fit: Callable[[Run[ChoicesT], MaterialT, Progress], FitT]
    """Fit and judge: no store, no registry. Progress goes from 0 to 1."""
    to_publish: Callable[[Run[ChoicesT], MaterialT, FitT], Fitted]
    """Write down what is registered: model, report, plots."""
    gate: Callable[[Run[ChoicesT], MaterialT, FitT, VersionRow], GateDecision]
    """Judge the challenger against the champion in this row of the catalogue."""
    frames: Callable[[Outcome, Pasts, Microseconds], Frames] | None = None
    """Of a capability with outcomes: frame an outcome at an instant, to count before anything is
    trained; None: the capability trains one model for the account."""
    elsewhere: Elsewhere[ChoicesT, MaterialT, FitT] | None = None
    """None: its models cannot be trained elsewhere."""


def begun(
    recipe: Recipe[ChoicesT, MaterialT, FitT],
    store: AccountStore,
    registry: MlflowRegistry,
    outcome: Outcome | None,
    *,
    choices: ChoicesT,
    now: Microseconds,
    read: PastsReader | None = None,
    refit: RefitOnAll | None = None,
) -> tuple[Run[ChoicesT], MaterialT]:
    """Begin a run, with what it learns from; see `train`.

    Returns:
        The run, whose choices are those that the outcome allows too, spelled as the contacts have them; the material.
    """
    if outcome is not None:
        choices = choices.for_outcome(outcome)
    pasts = (read or partial(scanned, store))(with_events=outcome is None or not outcome.attribute)
    own = choices.spelled_as(pasts.attributes)
    run = Run(registry, store, recipe.capability, outcome, own, now, refit)
    return run, recipe.material(run, pasts)


def train(
    recipe: Recipe[ChoicesT, MaterialT, FitT],
    store: AccountStore,
    registry: MlflowRegistry,
    outcome: Outcome | None = None,
    *,
    choices: ChoicesT | None = None,
    now: Microseconds,
    progress: Progress = silent,
    read: PastsReader | None = None,
    refit: RefitOnAll | None = None,
    clock: Callable[[], Microseconds] | None = None,
    why: str = "",
    end: End = nothing_ends,
) -> Published:
    """Train a capability for one account, register the version, and promote it when the gate lets it through.

    Args:
        recipe: of the capability.
        store: of the account whose contacts and events are learned from.
        registry: where the version goes, and its champion is.
        outcome: what is predicted; None: the capability has no outcomes.
        choices: what the caller decides, beside what the outcome allows; None: promote, all else as found.
        now: nothing after it exists.
        progress: called with what is done and how far the run is.
        read: reads the pasts of everybody who may be learned from; None: from the store.
        refit: grows trees that won on all frames, where they were drawn from more; None: they stay as they are.
        clock: says when the version was registered and promoted; None: `now`.
        why: it is trained, for the audit log.
        end: called in the transaction of the promotion, or of its refusal.

    Raises:
        InsufficientData: too few contacts or too short a time, in counts.
    """
    progress("reading contacts and events", 0.0)
    run, material = begun(
        recipe, store, registry, outcome, choices=choices or recipe.choices(), now=now, read=read, refit=refit
    )
    fit = recipe.fit(run, material, lambda text, part: progress(text, READ + (FITTED - READ) * part))
    progress("registering the version", REGISTERED)
    published = publish(
        registry,
        store,
        recipe.to_publish(run, material, fit),
        gate=lambda row: recipe.gate(run, material, fit, row),
        may_promote=run.choices.promote,
        clock=clock,
        why=why,
        end=end,
    )
    progress("done", 1.0)
    return published
