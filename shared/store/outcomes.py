"""Outcomes as an account defined them; the built-in ones hold until redefined."""

from dataclasses import dataclass

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.outcome import BUILT_IN, DEFAULTS, Outcome, known_outcomes
from shared.errors import UnknownOutcome
from shared.store.schema import KEY_TEXT, KeyText, LongText, StoreTable
from shared.store.scope import Scope


class OutcomeTable(StoreTable):
    """Outcomes as the account defined them."""

    __tablename__ = "outcomes"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    name: Mapped[KeyText] = mapped_column(primary_key=True)
    definition: Mapped[LongText]


class DefaultOutcomeTable(StoreTable):
    """The outcome meant when a request names none."""

    __tablename__ = "default_outcomes"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[str]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes of one account."""

    _scope: Scope

    def of(self, capability: str) -> list[Outcome]:
        """List the outcomes of a capability by name, built-in ones included unless redefined."""
        statement = self._scope.select(OutcomeTable.definition).where(OutcomeTable.capability == capability)
        with self._scope.reading() as connection:
            stored = [Outcome.model_validate_json(definition) for definition in connection.scalars(statement)]
        by_name = {outcome.name: outcome for outcome in BUILT_IN if outcome.capability == capability}
        by_name.update({outcome.name: outcome for outcome in stored})
        return [by_name[name] for name in sorted(by_name)]

    def find(self, capability: str, name: str) -> Outcome | None:
        """Find an outcome by name; None: neither defined nor built in."""
        return next((outcome for outcome in self.of(capability) if outcome.name == name), None)

    def require(self, capability: str, name: str) -> Outcome:
        """Find an outcome by name.

        Raises:
            UnknownOutcome: it is neither defined nor built in; the known ones are listed.
        """
        outcome = self.find(capability, name)
        if outcome is None:
            known = [outcome.name for outcome in self.of(capability)]
            detail = f"There is no {capability} outcome {name!r}. {known_outcomes(capability, known)}"
            raise UnknownOutcome(detail, outcomes=known)
        return outcome

    def put(self, outcome: Outcome) -> None:
        """Define or redefine an outcome."""
        row = {
            "capability": outcome.capability,
            "name": outcome.name,
            "definition": outcome.model_dump_json(exclude=_unsaid(outcome)),
        }
        with self._scope.writing() as connection:
            connection.upsert(OutcomeTable, [row])
            connection.audit("outcome.set", f"{outcome.capability}.{outcome.name}")

    def delete(self, capability: str, name: str) -> bool:
        """Forget a definition (a built-in outcome returns to its own); False: the account had not defined it."""
        mine = OutcomeTable.capability == capability
        with self._scope.writing() as connection:
            deleted = connection.execute(
                self._scope.delete(OutcomeTable).where(mine, OutcomeTable.name == name)
            ).rowcount
            if not any(outcome.name == name and outcome.capability == capability for outcome in BUILT_IN):
                connection.execute(
                    self._scope.delete(DefaultOutcomeTable).where(
                        DefaultOutcomeTable.capability == capability,
                        DefaultOutcomeTable.outcome == name,
                    )
                )
            if deleted:
                connection.audit("outcome.deleted", f"{capability}.{name}")
        return deleted > 0

    def default(self, capability: str, *, chosen: bool = False) -> str | None:
        """Return which outcome is meant when a request names none: the account's, else the built-in one; None: none.

        Args:
            capability: a line of the capability table.
            chosen: only what the account chose itself.
        """
        statement = self._scope.select(DefaultOutcomeTable.outcome).where(DefaultOutcomeTable.capability == capability)
        with self._scope.reading() as connection:
            found: str | None = connection.execute(statement).scalar()
        return found or (None if chosen else DEFAULTS.get(capability))

    def set_default(self, capability: str, name: str) -> None:
        """Choose the outcome that is meant when a request names none."""
        with self._scope.writing() as connection:
            row = {"capability": capability, "outcome": name}
            connection.upsert(DefaultOutcomeTable, [row])
            connection.audit("outcome.made_default", f"{capability}.{name}")


def _unsaid(outcome: Outcome) -> set[str]:
    """Name what is empty and came later: releases before it refuse a definition that names it."""
    return {name for name in ("allowed", "forbidden", "sums_value") if not getattr(outcome, name)}
