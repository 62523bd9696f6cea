"""Outcomes as an account defined them; the built-in ones hold until redefined."""

from sqlalchemy import delete, select

from shared.contracts.outcome import BUILT_IN, DEFAULTS, Outcome
from shared.errors import UnknownOutcome
from shared.store.scope import Scope
from shared.store.statements import upsert
from shared.store.tables import DefaultOutcomeTable, OutcomeTable


class Outcomes(Scope):
    """The outcomes of one account."""

    def outcomes(self, capability: str) -> list[Outcome]:
        """List the outcomes of a capability by name, built-in ones included unless redefined."""
        statement = select(OutcomeTable.definition).where(
            OutcomeTable.account_id == self.account, OutcomeTable.capability == capability
        )
        with self._store.reading() as connection:
            stored = [Outcome.model_validate_json(definition) for definition in connection.scalars(statement)]
        by_name = {outcome.name: outcome for outcome in BUILT_IN if outcome.capability == capability}
        by_name.update({outcome.name: outcome for outcome in stored})
        return [by_name[name] for name in sorted(by_name)]

    def outcome(self, capability: str, name: str) -> Outcome | None:
        """Find an outcome by name; None: neither defined nor built in."""
        return next((outcome for outcome in self.outcomes(capability) if outcome.name == name), None)

    def require_outcome(self, capability: str, name: str) -> Outcome:
        """Find an outcome by name.

        Raises:
            UnknownOutcome: it is neither defined nor built in; the known ones are listed.
        """
        outcome = self.outcome(capability, name)
        if outcome is None:
            known = [outcome.name for outcome in self.outcomes(capability)]
            told = f"There is no {capability} outcome {name!r}. Known: {', '.join(known)}."
            raise UnknownOutcome(told, outcomes=known)
        return outcome

    def put_outcome(self, outcome: Outcome) -> None:
        """Define or redefine an outcome."""
        row = {
            "account_id": self.account,
            "capability": outcome.capability,
            "name": outcome.name,
            "definition": outcome.model_dump_json(exclude=_unsaid(outcome)),
        }
        with self._writing() as connection:
            upsert(connection, OutcomeTable, [row])
            self._audit(connection, "outcome.set", f"{outcome.capability}.{outcome.name}")

    def delete_outcome(self, capability: str, name: str) -> bool:
        """Forget a definition (a built-in outcome returns to its own); False: the account had not defined it."""
        mine = (OutcomeTable.account_id == self.account, OutcomeTable.capability == capability)
        with self._writing() as connection:
            deleted = connection.execute(delete(OutcomeTable).where(*mine, OutcomeTable.name == name)).rowcount
            if not any(outcome.name == name and outcome.capability == capability for outcome in BUILT_IN):
                connection.execute(
                    delete(DefaultOutcomeTable).where(
                        DefaultOutcomeTable.account_id == self.account,
                        DefaultOutcomeTable.capability == capability,
                        DefaultOutcomeTable.outcome == name,
                    )
                )
            if deleted:
                self._audit(connection, "outcome.deleted", f"{capability}.{name}")
        return deleted > 0

    def default_outcome(self, capability: str, *, chosen: bool = False) -> str | None:
        """Tell which outcome is meant when a request names none: the account's, else the built-in one; None: none.

        Args:
            capability: a line of the capability table.
            chosen: only what the account chose itself.
        """
        statement = select(DefaultOutcomeTable.outcome).where(
            DefaultOutcomeTable.account_id == self.account, DefaultOutcomeTable.capability == capability
        )
        with self._store.reading() as connection:
            found: str | None = connection.execute(statement).scalar()
        return found or (None if chosen else DEFAULTS.get(capability))

    def set_default_outcome(self, capability: str, name: str) -> None:
        """Choose the outcome that is meant when a request names none."""
        with self._writing() as connection:
            row = {"account_id": self.account, "capability": capability, "outcome": name}
            upsert(connection, DefaultOutcomeTable, [row])
            self._audit(connection, "outcome.made_default", f"{capability}.{name}")


def _unsaid(outcome: Outcome) -> set[str]:
    """Name the empty lists of answers: releases before them refuse a definition that names them."""
    return {name for name in ("allowed", "forbidden") if not getattr(outcome, name)}
