"""How a capability is trained, as those who start trainings see it; nothing of training is imported here."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.outcome import Outcome
from shared.values.words import spelled_as


@dataclass(frozen=True, slots=True)
class CliOption:
    """How a choice is written on the command line."""

    name: str
    metavar: str


class Choices(BaseModel):
    """What the caller decides about a run; a capability adds its own, each with a `Flag`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    promote: bool = True
    """Whether a version that passes the gate answers from then on."""

    def for_outcome(self, _: Outcome) -> Self:
        """Add what was answered for an outcome before; what this run says counts first."""
        return self

    def kept_with(self, outcome: Outcome) -> Outcome:
        """Return an outcome with what of these choices holds for its later trainings too."""
        return outcome

    def for_later(self) -> Self:
        """Return what holds for the next trainings of the model too, and is kept with no outcome."""
        return self.model_copy(update={"promote": True})

    @property
    def named_attributes(self) -> frozenset[str]:
        """Return the attributes that are named in them."""
        return frozenset()

    def spelled_as(self, _: Collection[str]) -> Self:
        """Spell the named attributes as those that contacts have."""
        return self


class AttributeChoices(Choices):
    """Which attributes are learned from."""

    allowed: Annotated[
        frozenset[str],
        Field(description="Keep a column that looks as if it knew the future; repeat for several."),
        CliOption("--allow", "COLUMN"),
    ] = frozenset()
    """Attributes used although they are personal, not dated, or look like a leak."""
    forbidden: Annotated[
        frozenset[str],
        Field(description="Never learn from a column, nor ask about it; repeat for several."),
        CliOption("--forbid", "COLUMN"),
    ] = frozenset()
    """Attributes that are never features of this run, and about which no question is raised."""

    def for_outcome(self, outcome: Outcome) -> Self:
        """Add what was answered about attributes for an outcome before; what this run says counts first."""
        known = self.kept_with(outcome)
        return self.model_copy(update={"allowed": frozenset(known.allowed), "forbidden": frozenset(known.forbidden)})

    def kept_with(self, outcome: Outcome) -> Outcome:
        """Return an outcome with what is allowed and forbidden: nobody is to answer twice."""
        if not self.allowed and not self.forbidden:
            return outcome
        return outcome.answered(allowed=self.allowed, forbidden=self.forbidden)

    def for_later(self) -> Self:
        """Return what is not kept with the outcome, as what is allowed and forbidden is."""
        nothing = frozenset[str]()
        return self.model_copy(update={"promote": True, "allowed": nothing, "forbidden": nothing})

    @property
    def named_attributes(self) -> frozenset[str]:
        """Return what is allowed or forbidden."""
        return self.allowed | self.forbidden

    def spelled_as(self, known: Collection[str]) -> Self:
        """Spell what is allowed and forbidden as the attributes that contacts have."""
        spelled = {"allowed": spelled_as(known, self.allowed), "forbidden": spelled_as(known, self.forbidden)}
        return self.model_copy(update=spelled)


class ColumnChoices(AttributeChoices):
    """Which columns are learned from, and in which order of time."""

    order_by: Annotated[
        str | None,
        Field(
            description="Flat data: the date by which rows follow each other; none: judge without an order. "
            "Default: found."
        ),
        CliOption("--order-by", "COLUMN|created_at|none"),
    ] = None
    """What gives the order of the rows of flat data: `created_at`, an attribute, `none`; None: what is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSpec:
    """How a capability is trained: its recipe, and its command `foretell train <name>`."""

    recipe: Callable[[], object]
    """Import the capability's training and return its `shared.training.recipe.Recipe`; called when a run begins."""
    choices: type[Choices]
    """What the caller may decide; the options of the command."""
    help: str
    """One sentence for the command line."""
    examples: tuple[str, ...]
    """Options of the command, as somebody would type them; an empty one is the command alone."""
    outcome_help: str = "What is to be predicted."
    default_outcome: str | None = None
    """The outcome meant where none is named; None: one must be named."""
    example_outcome: Outcome | None = None
    """Of a capability with outcomes: one over the types `order_placed` and `page_viewed`, with which
    the contract checks train it."""


REGISTERED: Final = 0.92
"""How far a run is, 0 to 1, when its version is to be registered: up to there it has changed nothing."""
Progress = Callable[[str, float], None]
"""Called with what is done now and how far the whole is, 0 to 1."""


def silent(_: str, __: float) -> None:
    """Say nothing."""
