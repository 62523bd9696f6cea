"""Shadows of an account: which versions answer beside the champion, unseen, and what both answered."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, tuple_

from shared.contracts.outcome import ModelName
from shared.contracts.rows import Microseconds
from shared.contracts.shadow import ShadowComparison
from shared.errors import Conflict, NotFound
from shared.store.driver import Prepared
from shared.store.held_out import HeldOut
from shared.store.model_tables import ChampionTable, ShadowPredictionTable, ShadowTable, VersionTable
from shared.store.pasts import perhaps_erased_now
from shared.store.scope import (
    AccountConnection,
    AnySelect,
    Scope,
    in_line,
    insert_of,
    predictions_of,
    take_turn,
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

    def start(self, capability: str, outcome: str, version: str, share: float, *, at: Microseconds) -> ShadowRow:
        """Let a version answer beside the champion, in place of another one; the same again changes its share.

        Args:
            capability: a line of the capability table.
            outcome: its name, "" where the capability has none.
            version: of the catalogue.
            share: of the contacts, above 0 and up to 1.
            at: now.

        Raises:
            NotFound: the catalogue has no such version.
            Conflict: it answers itself, or nothing does.
        """
        with self._scope.writing() as connection:
            take_turn(connection)
            answering = _of_model(ChampionTable, capability, outcome)
            champion = connection.scalar(connection.select(ChampionTable.version).where(answering))
            mine = and_(_of_model(VersionTable, capability, outcome), VersionTable.version == version)
            digest = connection.scalar(connection.select(VersionTable.digest).where(mine))
            if digest is None:
                raise NotFound(f"There is no version {version} of this model; GET /models lists those there are.")
            if champion is None:
                raise Conflict("No version of this model answers yet: promote one, then let another one shadow it.")
            if champion == version:
                raise Conflict(f"Version {version} answers itself; only another one can shadow it.")
            old = self._found(connection, capability, outcome)
            if old is not None and (old.version, old.digest) == (version, digest):
                row = old._replace(share=share)
            else:
                row = ShadowRow(self._scope.account, capability, outcome, version, digest, share, at)
            if row != old:
                self._put(connection, row)
                name = ModelName(capability, outcome).text
                connection.audit("model.shadow_started", name, at=at, version=version, share=share)
        return row

    def _put(self, connection: AccountConnection, row: ShadowRow) -> None:
        values = row._asdict()
        del values["account"]
        comparison = None if row.comparison is None else json.dumps(row.comparison._asdict())
        connection.upsert(ShadowTable, [{**values, "comparison": comparison}])

    def end(self, capability: str, outcome: str, *, at: Microseconds, reason: str = "as asked") -> bool:
        """Let no version shadow a model any more; what both answered stays until it is too old.

        Returns:
            Whether one did.
        """
        with self._scope.writing() as connection:
            return end_shadow(connection, capability, outcome, at=at, reason=reason)

    def of(self, capability: str, outcome: str) -> ShadowRow | None:
        """Return which version shadows a model; None: none does, or the catalogue has it no more."""
        with self._scope.reading() as connection:
            return self._found(connection, capability, outcome)

    def _found(self, connection: AccountConnection, capability: str, outcome: str) -> ShadowRow | None:
        mine = connection.select(ShadowTable.comparison, *COLUMNS).where(_of_model(ShadowTable, capability, outcome))
        row = connection.execute(mine.join(VersionTable, _listed())).first()
        if row is None:
            return None
        comparison, *fields = list[Any](row)
        found = None if comparison is None else ShadowComparison.of(json.loads(comparison))
        return ShadowRow(*fields)._replace(comparison=found)

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


def end_shadow(
    connection: AccountConnection,
    capability: str,
    outcome: str,
    *,
    at: Microseconds,
    reason: str,
    version: str | None = None,
) -> bool:
    """Let no version shadow a model any more, and log it with what was found.

    Args:
        connection: of the transaction.
        capability: of the model.
        outcome: its name, "" where the capability has none.
        at: now.
        reason: why, for people.
        version: only where it is this one; None: whichever it is.

    Returns:
        Whether one did.
    """
    table = ShadowTable
    mine = [table.capability == capability, table.outcome == outcome]
    if version is not None:
        mine.append(table.version == version)
    row = connection.execute(connection.select(table.version, table.comparison).where(*mine)).first()
    if row is None:
        return False
    connection.execute(connection.delete(table).where(*mine))
    found = {} if row.comparison is None else {"comparison": json.loads(row.comparison)}
    connection.audit(
        "model.shadow_ended",
        ModelName(capability, outcome).text,
        at=at,
        version=row.version,
        reason=reason,
        **found,
    )
    return True


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
