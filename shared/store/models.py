"""Models of an account: the catalogue of registered versions, and which one answers or shadows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    func,
)

from shared.contracts.input_drift import InputDrift
from shared.contracts.outcome import ModelName
from shared.contracts.rows import Microseconds
from shared.errors import Conflict, NotFound
from shared.store.model_commands import ModelCommands
from shared.store.model_tables import ChampionTable, PlotTable, PromotionTable, ShadowTable, VersionTable
from shared.store.quality import Quality
from shared.store.scope import AccountConnection, AnySelect, Scope, take_turn
from shared.store.shadows import ShadowRow, Shadows, put_shadow, shadow_of


class ChampionRow(NamedTuple):
    """Which version answers for an account, a capability and an outcome ("" when there is none)."""

    account: str
    capability: str
    outcome: str
    version: str
    digest: str
    promoted_at: Microseconds
    previous_version: str | None
    previous_digest: str | None


class PromotionRow(NamedTuple):
    """One promotion or rollback."""

    capability: str
    outcome: str
    number: int
    """1 for the first one."""
    promoted_at: Microseconds
    version: str
    digest: str
    replaced_version: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A registered version in the catalogue."""

    capability: str
    outcome: str
    version: str
    digest: str
    kind: str
    grade: str
    trained_at: Microseconds
    horizon_days: int | None
    run_id: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""
    input_drift: InputDrift | None = None
    """Counted over the last round of scoring; None: not counted yet."""


COLUMNS = (
    ChampionTable.account_id,
    ChampionTable.capability,
    ChampionTable.outcome,
    ChampionTable.version,
    ChampionTable.digest,
    ChampionTable.promoted_at,
    ChampionTable.previous_version,
    ChampionTable.previous_digest,
)
"""Of a champion."""


@dataclass(frozen=True, slots=True)
class Models:
    """The champions and the registered versions of one account."""

    _scope: Scope

    @property
    def commands(self) -> ModelCommands:
        """Return what is to be done about models, and how far it is."""
        return ModelCommands(self._scope)

    @property
    def shadows(self) -> Shadows:
        """Versions that answer beside the champions, unseen."""
        return Shadows(self._scope)

    @property
    def quality(self) -> Quality:
        """Return how models did on what happened, and what has drifted."""
        return Quality(self._scope)

    def champion(self, capability: str, outcome: str) -> ChampionRow | None:
        """Return which version answers; None: none was promoted.

        Args:
            capability: a line of the capability table.
            outcome: its name, "" where the capability has none.
        """
        with self._scope.reading() as connection:
            return self._champion(connection, capability, outcome)

    def answering(self) -> frozenset[str]:
        """Return the capabilities that have a champion, for whichever outcome."""
        with self._scope.reading() as connection:
            return frozenset(connection.execute(self._scope.select(ChampionTable.capability).distinct()).scalars())

    def promote(
        self,
        capability: str,
        outcome: str,
        version: str,
        digest: str,
        *,
        at: Microseconds,
        reason: str,
        figures: Mapping[str, float] | None = None,
        unless_since: Microseconds | None = None,
    ) -> ChampionRow:
        """Make a version the champion and log it; promoting the champion again changes nothing.

        Args:
            capability: a line of the capability table.
            outcome: its name, "" where the capability has none.
            version: the registered version.
            digest: of its artifacts; a service refuses others.
            at: now.
            reason: one sentence, for people.
            figures: of the comparison with the champion, for the audit log.
            unless_since: refuse when the champion changed after this instant; None: never.

        Returns:
            The champion as it stands afterwards.

        Raises:
            Conflict: the champion changed meanwhile.
        """
        with self._scope.writing() as connection:
            old = self._locked(connection, capability, outcome)
            if old is not None and (old.version, old.digest) == (version, digest):
                return old
            refuse_changed(old, unless_since)
            facts = {
                "version": version,
                "replaced_version": old and old.version,
                "reason": reason,
                "figures": dict(figures or {}),
            }
            connection.audit("model.promoted", ModelName(capability, outcome).text, at=at, **facts)
            return self._crown(connection, (capability, outcome, version, digest), old, at=at, reason=reason)

    def rollback(self, capability: str, outcome: str, *, at: Microseconds, reason: str = "rollback") -> ChampionRow:
        """Make the version before the champion answer again; a second rollback undoes the first.

        Args:
            capability: a line of the capability table.
            outcome: its name, "" where the capability has none.
            at: now.
            reason: one sentence, for people.

        Raises:
            Conflict: there is no version before.
        """
        with self._scope.writing() as connection:
            old = self._locked(connection, capability, outcome)
            if old is None or old.previous_version is None or old.previous_digest is None:
                raise Conflict("There is no earlier champion to return to; promote a version instead.")
            new = (capability, outcome, old.previous_version, old.previous_digest)
            facts = {"version": new[2], "replaced_version": old.version, "reason": reason}
            connection.audit("model.rolled_back", ModelName(capability, outcome).text, at=at, **facts)
            return self._crown(connection, new, old, at=at, reason=reason)

    def start_shadow(self, capability: str, outcome: str, version: str, share: float, *, at: Microseconds) -> ShadowRow:
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
        table = VersionTable
        mine = (table.capability == capability, table.outcome == outcome, table.version == version)
        with self._scope.writing() as connection:
            champion = self._locked(connection, capability, outcome)
            digest = connection.scalar(connection.select(table.digest).where(*mine))
            if digest is None:
                raise NotFound(f"There is no version {version} of this model; GET /models lists those there are.")
            if champion is None:
                raise Conflict("No version of this model answers yet: promote one, then let another one shadow it.")
            if champion.version == version:
                raise Conflict(f"Version {version} answers itself; only another one can shadow it.")
            old = shadow_of(connection, capability, outcome)
            if old is not None and (old.version, old.digest) == (version, digest):
                row = old._replace(share=share)
            else:
                row = ShadowRow(self._scope.account, capability, outcome, version, digest, share, at)
            if row != old:
                put_shadow(connection, row)
                name = ModelName(capability, outcome).text
                connection.audit("model.shadow_started", name, at=at, version=version, share=share)
        return row

    def end_shadow(self, capability: str, outcome: str, *, at: Microseconds) -> bool:
        """Let no version shadow a model any more; what both answered stays until it is too old.

        Returns:
            Whether one did.
        """
        with self._scope.writing() as connection:
            return _end_shadow(connection, capability, outcome, at=at, reason="as asked")

    def note(self, action: str, model: ModelName, *, at: Microseconds, **facts: Any) -> None:
        """Write into the audit log what happened to a model beside promotions and rollbacks.

        Args:
            action: `trained`, `refused`.
            model: which one.
            at: now.
            facts: version, reason, figures.
        """
        with self._scope.writing() as connection:
            connection.audit(f"model.{action}", model.text, at=at, **facts)

    def promotions(self, capability: str, outcome: str) -> list[PromotionRow]:
        """List promotions and rollbacks, newest first."""
        table = PromotionTable
        statement = (
            self._scope.select(
                table.capability,
                table.outcome,
                table.number,
                table.promoted_at,
                table.version,
                table.digest,
                table.replaced_version,
                table.reason,
            )
            .where(table.capability == capability, table.outcome == outcome)
            .order_by(table.number.desc())
        )
        with self._scope.reading() as connection:
            return [PromotionRow(*row) for row in connection.execute(statement)]

    def _champion(self, connection: AccountConnection, capability: str, outcome: str) -> ChampionRow | None:
        statement = self._scope.select(*COLUMNS).where(
            ChampionTable.capability == capability, ChampionTable.outcome == outcome
        )
        return next(iter(champion_rows(connection, statement)), None)

    def _locked(self, connection: AccountConnection, capability: str, outcome: str) -> ChampionRow | None:
        take_turn(connection)  # there may be no champion yet that could be locked
        return self._champion(connection, capability, outcome)

    def _crown(
        self,
        connection: AccountConnection,
        new: tuple[str, str, str, str],
        old: ChampionRow | None,
        *,
        at: Microseconds,
        reason: str,
    ) -> ChampionRow:
        capability, outcome, version, digest = new
        row = ChampionRow(self._scope.account, *new, at, old and old.version, old and old.digest)
        values = row._asdict()
        del values["account"]
        connection.upsert(ChampionTable, [values])
        _end_shadow(connection, capability, outcome, at=at, reason="promoted", version=version)
        table = PromotionTable
        last = self._scope.select(func.max(table.number), of=table).where(
            table.capability == capability, table.outcome == outcome
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
        connection.insert(table, [entry._asdict()])
        return row

    def add(self, row: VersionRow, plots: Mapping[str, bytes] | None = None) -> None:
        """Keep a version's figures, report, card and plots; adding it again replaces them.

        Args:
            row: figures and report must be JSON-serialisable.
            plots: PNG bytes by name.
        """
        key = {
            "capability": row.capability,
            "outcome": row.outcome,
            "version": row.version,
        }
        values = {
            **key,
            "digest": row.digest,
            "kind": row.kind,
            "grade": row.grade,
            "trained_at": row.trained_at,
            "horizon_days": row.horizon_days,
            "run_id": row.run_id,
            "figures": json.dumps(row.figures, allow_nan=False),
            "report": json.dumps(row.report, allow_nan=False),
            "card": row.card,
        }
        pictures = [{**key, "name": name, "content": content} for name, content in (plots or {}).items()]
        with self._scope.writing() as connection:
            connection.upsert(VersionTable, [values])
            connection.upsert(PlotTable, pictures)

    def put_input_drift(self, capability: str, outcome: str, version: str, drift: InputDrift) -> None:
        """Keep what a round of scoring found, in place of what the one before found."""
        table = VersionTable
        mine = (table.capability == capability, table.outcome == outcome, table.version == version)
        statement = self._scope.update(table).where(*mine)
        with self._scope.writing() as connection:
            connection.execute(statement.values(input_drift=json.dumps(drift._asdict())))

    def versions(self, capability: str | None = None, outcome: str | None = None) -> list[VersionRow]:
        """List versions, the newest training first; None: of all capabilities, of all outcomes."""
        conditions: list[ColumnElement[bool]] = []
        if capability is not None:
            conditions.append(VersionTable.capability == capability)
        if outcome is not None:
            conditions.append(VersionTable.outcome == outcome)
        return self._versions(conditions)

    def version(self, capability: str, outcome: str, version: str) -> VersionRow | None:
        """Find one version; None: the catalogue has no such."""
        found = self._versions(
            [
                VersionTable.capability == capability,
                VersionTable.outcome == outcome,
                VersionTable.version == version,
            ]
        )
        return found[0] if found else None

    def plots(self, capability: str, outcome: str, version: str) -> dict[str, bytes]:
        """Read a version's plots: PNG bytes by name."""
        statement = (
            self._scope.select(PlotTable.name, PlotTable.content)
            .where(
                PlotTable.capability == capability,
                PlotTable.outcome == outcome,
                PlotTable.version == version,
            )
            .order_by(PlotTable.name)
        )
        with self._scope.reading() as connection:
            return {name: bytes(content) for name, content in connection.execute(statement)}

    def plot_names(self, capability: str, outcome: str, version: str) -> list[str]:
        """List the names of a version's plots."""
        table = PlotTable
        mine = (table.capability == capability, table.outcome == outcome, table.version == version)
        statement = self._scope.select(table.name).where(*mine).order_by(table.name)
        with self._scope.reading() as connection:
            return list(connection.execute(statement).scalars())

    def _versions(self, conditions: list[ColumnElement[bool]]) -> list[VersionRow]:
        table = VersionTable
        statement = (
            self._scope.select(
                table.capability,
                table.outcome,
                table.version,
                table.digest,
                table.kind,
                table.grade,
                table.trained_at,
                table.horizon_days,
                table.run_id,
                table.figures,
                table.report,
                table.card,
                table.input_drift,
            )
            .where(*conditions)
            .order_by(table.trained_at.desc(), table.capability, table.outcome, table.version.desc())
        )
        with self._scope.reading() as connection:
            return [_version_row(dict(row)) for row in connection.execute(statement).mappings()]


def _end_shadow(
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


def refuse_changed(champion: ChampionRow | None, since: Microseconds | None) -> None:
    """Refuse to replace a champion that was promoted after an instant; None: whenever it was.

    Raises:
        Conflict: it was.
    """
    if champion is not None and since is not None and champion.promoted_at > since:
        raise Conflict(f"Version {champion.version} was promoted meanwhile, and was not compared with.")


def champion_rows(connection: AccountConnection | Connection, statement: AnySelect) -> list[ChampionRow]:
    """Read champions by a statement that selects COLUMNS."""
    ordered = statement.order_by(ChampionTable.account_id, ChampionTable.capability, ChampionTable.outcome)
    return [ChampionRow(*row) for row in connection.execute(ordered)]


def _version_row(fields: Mapping[str, Any]) -> VersionRow:
    drift = fields["input_drift"]
    read = {
        "figures": json.loads(fields["figures"]),
        "report": json.loads(fields["report"]),
        "input_drift": None if drift is None else InputDrift.of(json.loads(drift)),
    }
    return VersionRow(**{**fields, **read})
