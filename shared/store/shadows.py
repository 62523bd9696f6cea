"""Shadows of an account: which versions answer beside the champion, unseen, and what both answered."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, tuple_

from shared.contracts.rows import Microseconds
from shared.contracts.shadow import ShadowComparison
from shared.store.driver import Prepared
from shared.store.held_out import HeldOut
from shared.store.model_tables import ShadowPredictionTable, ShadowTable, VersionTable
from shared.store.pasts import perhaps_erased_now
from shared.store.scope import (
    AccountConnection,
    AnySelect,
    Scope,
    in_line,
    insert_of,
    predictions_of,
)


class ShadowRow(NamedTuple):
    """Which version shadows a model."""

    account: str
    capability: str
    outcome: str
    """"" where the capability has none."""
    version: str
    digest: str
    """Of its artifact."""
    share: float
    """Of the contacts, above 0 and up to 1."""
    since: Microseconds
    comparison: ShadowComparison | None = None


class ShadowPrediction(NamedTuple):
    """Both answers about one contact."""

    capability: str
    outcome: str
    version: str
    champion_version: str
    contact_id: str
    day: int
    cutoff: Microseconds
    asked_at: Microseconds
    status: str
    """The shadow's; the champion's was ok."""
    probability: float | None
    champion_probability: float | None
    band: str | None
    champion_band: str | None


COLUMNS = (
    ShadowTable.account_id,
    ShadowTable.capability,
    ShadowTable.outcome,
    ShadowTable.version,
    ShadowTable.digest,
    ShadowTable.share,
    ShadowTable.since,
)
"""Of a shadow, without what was found."""
_KEEP = Prepared(
    lambda sqlite: insert_of(ShadowPredictionTable, sqlite=sqlite).on_conflict_do_nothing(),
    columns=("account_id", *ShadowPrediction._fields),
)
_IN_LINE = Prepared(lambda _: in_line(bindparam("line"), alone=False))


@dataclass(frozen=True, slots=True)
class Shadows:
    """The shadows of one account."""

    _scope: Scope

    def of(self, capability: str, outcome: str) -> ShadowRow | None:
        """Return which version shadows a model; None: none does, or the catalogue has it no more."""
        with self._scope.reading() as connection:
            return shadow_of(connection, capability, outcome)

    def put_comparison(self, row: ShadowRow, comparison: ShadowComparison) -> None:
        """Keep what was found, in place of what was found before; one that has ended meanwhile stays ended."""
        mine = and_(_of_model(ShadowTable, row.capability, row.outcome), ShadowTable.version == row.version)
        statement = self._scope.update(ShadowTable).where(mine)
        with self._scope.writing() as connection:
            connection.execute(statement.values(comparison=json.dumps(comparison._asdict(), allow_nan=False)))

    def keep(self, rows: Sequence[ShadowPrediction], *, since: int) -> int:
        """Keep both answers about contacts, of a contact the first of each day; as `Predictions.log` does.

        Args:
            rows: any number.
            since: the account's count of erasures from before anything was read of the contacts.

        Returns:
            How many were left out, since their contacts may have been erased meanwhile.
        """
        with self._scope.direct_predictions.writing() as session:
            if not self._scope.predictions.is_sqlite:
                session.read(_IN_LINE, {"line": predictions_of(self._scope.account)})
            erased = perhaps_erased_now(self._scope.direct, [row.contact_id for row in rows], since=since)
            kept = [row for row in rows if row.contact_id not in erased]
            session.write(_KEEP, ShadowPrediction._fields, kept)
        return len(rows) - len(kept)

    def predictions(
        self, shadow: ShadowRow, champion_version: str, *, limit: int, before: Microseconds | None = None
    ) -> list[ShadowPrediction]:
        """Read what a shadow and a champion answered, the newest first.

        Who is held out now is not read, also where the answers are older than the holdout.

        Args:
            shadow: which.
            champion_version: beside which.
            limit: at most so many.
            before: only those whose cutoff lies before it; None: all.
        """
        table = ShadowPredictionTable
        columns = [getattr(table, name) for name in ShadowPrediction._fields]
        statement = self._scope.select(*columns).where(
            _of_model(table, shadow.capability, shadow.outcome),
            table.version == shadow.version,
            table.champion_version == champion_version,
        )
        if before is not None:
            statement = statement.where(table.cutoff < before)
        newest = statement.order_by(table.cutoff.desc(), table.contact_id).limit(limit)
        with self._scope.reading_predictions() as connection:
            rows = [ShadowPrediction(*row) for row in connection.execute(newest)]
        held = HeldOut.of(self._scope)
        return [row for row in rows if held.holdout_of(row) is None]

    def delete_before(self, at: Microseconds, *, limit: int = 5_000) -> int:
        """Delete at most `limit` answers asked before an instant.

        Returns:
            How many were deleted.
        """
        table = ShadowPredictionTable
        key = tuple_(*table.__table__.primary_key)
        old = self._scope.select(*table.__table__.primary_key).where(table.asked_at < at)
        with self._scope.writing_predictions() as connection:
            some = old.order_by(table.asked_at).limit(limit)
            return connection.execute(self._scope.delete(table).where(key.in_(some))).rowcount


def shadow_of(connection: AccountConnection, capability: str, outcome: str) -> ShadowRow | None:
    """Return which version shadows a model, with what was found; None: none does, or the catalogue has it no more."""
    mine = connection.select(ShadowTable.comparison, *COLUMNS).where(_of_model(ShadowTable, capability, outcome))
    row = connection.execute(mine.join(VersionTable, _listed())).first()
    if row is None:
        return None
    comparison, *fields = list[Any](row)
    found = None if comparison is None else ShadowComparison.of(json.loads(comparison))
    return ShadowRow(*fields)._replace(comparison=found)


def put_shadow(connection: AccountConnection, row: ShadowRow) -> None:
    """Let a version shadow a model, in place of another one."""
    values = row._asdict()
    del values["account"]
    comparison = None if row.comparison is None else json.dumps(row.comparison._asdict())
    connection.upsert(ShadowTable, [{**values, "comparison": comparison}])


def shadow_rows(connection: Connection, statement: AnySelect) -> list[ShadowRow]:
    """Read shadows by a statement that selects COLUMNS, without what was found; none whose version is gone."""
    ordered = statement.order_by(ShadowTable.account_id, ShadowTable.capability, ShadowTable.outcome)
    return [ShadowRow(*row) for row in connection.execute(ordered.join(VersionTable, _listed()))]


def _listed() -> Any:
    """Say that the catalogue still has a shadow's version."""
    keys = ("account_id", "capability", "outcome", "version")
    return and_(*(getattr(ShadowTable, name) == getattr(VersionTable, name) for name in keys))


def _of_model(table: Any, capability: str, outcome: str) -> Any:
    return and_(table.capability == capability, table.outcome == outcome)
