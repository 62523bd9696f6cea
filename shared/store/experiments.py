"""Experiments of an account: who is treated how, and who is left alone, so that the difference can be told."""

from dataclasses import dataclass

from shared.store.assignments import Assignments
from shared.store.holdouts import Holdouts
from shared.store.scope import Scope


@dataclass(frozen=True, slots=True)
class Experiments:
    """The experiments of one account."""

    _scope: Scope

    @property
    def assignments(self) -> Assignments:
        """Return whom experiments of sending assigned to an arm."""
        return Assignments(self._scope)

    @property
    def holdouts(self) -> Holdouts:
        """Return for whom predictions are made and not answered."""
        return Holdouts(self._scope)
