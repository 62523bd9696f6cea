"""Champions: the row that decides which version answers, and the log of how it came to it."""

from sqlalchemy import ColumnElement, Connection, func, insert, select

from shared.contracts.rows import Microseconds
from shared.errors import Conflict
from shared.store.rows import ChampionRow, PromotionRow
from shared.store.scope import Scope
from shared.store.statements import upsert
from shared.store.tables import AccountTable, ChampionTable, PromotionTable


class Champions(Scope):
    """The champions of one account."""

    def champion(self, capability: str, outcome: str) -> ChampionRow | None:
        """Tell which version answers; None: none was promoted.

        Args:
            capability: a line of the capability table.
            outcome: its name, "" where the capability has none.
        """
        with self._store.reading() as connection:
            return next(iter(champion_rows(connection, self._one(capability, outcome))), None)

    def promote(
        self,
        capability: str,
        outcome: str,
        version: str,
        digest: str,
        *,
        at: Microseconds,
        reason: str,
    ) -> ChampionRow:
        """Make a version the champion and log it; promoting the champion again changes nothing.

        Args:
            capability: a line of the capability table.
            outcome: its name, "" where the capability has none.
            version: the registered version.
            digest: of its artifacts; a service refuses others.
            at: now.
            reason: one sentence, for people.

        Returns:
            The champion as it stands afterwards.
        """
        with self._writing() as connection:
            old = self._locked(connection, capability, outcome)
            if old is not None and (old.version, old.digest) == (version, digest):
                return old
            self._audit(connection, "model.promoted", _model(capability, outcome), at=at, version=version)
            return self._crown(connection, (capability, outcome, version, digest), old, at=at, reason=reason)

    def rollback(self, capability: str, outcome: str, *, at: Microseconds) -> ChampionRow:
        """Make the version before the champion answer again; a second rollback undoes the first.

        Raises:
            Conflict: there is no version before.
        """
        with self._writing() as connection:
            old = self._locked(connection, capability, outcome)
            if old is None or old.previous_version is None or old.previous_digest is None:
                raise Conflict("There is no earlier champion to return to; promote a version instead.")
            new = (capability, outcome, old.previous_version, old.previous_digest)
            self._audit(connection, "model.rolled_back", _model(capability, outcome), at=at, version=new[2])
            return self._crown(connection, new, old, at=at, reason="rollback")

    def promotions(self, capability: str, outcome: str) -> list[PromotionRow]:
        """List promotions and rollbacks, newest first."""
        table = PromotionTable
        statement = (
            select(
                table.capability,
                table.outcome,
                table.number,
                table.promoted_at,
                table.version,
                table.digest,
                table.replaced_version,
                table.reason,
            )
            .where(table.account_id == self.account, table.capability == capability, table.outcome == outcome)
            .order_by(table.number.desc())
        )
        with self._store.reading() as connection:
            return [PromotionRow(*row) for row in connection.execute(statement)]

    def _one(self, capability: str, outcome: str) -> ColumnElement[bool]:
        return (
            (ChampionTable.account_id == self.account)
            & (ChampionTable.capability == capability)
            & (ChampionTable.outcome == outcome)
        )

    def _locked(self, connection: Connection, capability: str, outcome: str) -> ChampionRow | None:
        # There may be no champion row to lock yet, so promotions of an account take turns on the account's row.
        turn = select(AccountTable.name).where(AccountTable.name == self.account).with_for_update(key_share=True)
        connection.execute(turn).one()
        return next(iter(champion_rows(connection, self._one(capability, outcome))), None)

    def _crown(
        self,
        connection: Connection,
        new: tuple[str, str, str, str],
        old: ChampionRow | None,
        *,
        at: Microseconds,
        reason: str,
    ) -> ChampionRow:
        capability, outcome, version, digest = new
        row = ChampionRow(self.account, *new, at, old and old.version, old and old.digest)
        values = row._asdict()
        upsert(connection, ChampionTable, [{"account_id": values.pop("account"), **values}])
        table = PromotionTable
        last = select(func.max(table.number)).where(
            table.account_id == self.account, table.capability == capability, table.outcome == outcome
        )
        entry = PromotionRow(
            capability=capability,
            outcome=outcome,
            number=(connection.execute(last).scalar() or 0) + 1,
            promoted_at=at,
            version=version,
            digest=digest,
            replaced_version=row.previous_version,
            reason=reason,
        )
        connection.execute(insert(table), {"account_id": self.account, **entry._asdict()})
        return row


def _model(capability: str, outcome: str) -> str:
    return f"{capability}.{outcome}".rstrip(".")


def champion_rows(connection: Connection, condition: ColumnElement[bool] | None = None) -> list[ChampionRow]:
    """Read champions, of all accounts when no condition is given."""
    statement = select(
        ChampionTable.account_id,
        ChampionTable.capability,
        ChampionTable.outcome,
        ChampionTable.version,
        ChampionTable.digest,
        ChampionTable.promoted_at,
        ChampionTable.previous_version,
        ChampionTable.previous_digest,
    ).order_by(ChampionTable.account_id, ChampionTable.capability, ChampionTable.outcome)
    if condition is not None:
        statement = statement.where(condition)
    return [ChampionRow(*row) for row in connection.execute(statement)]
