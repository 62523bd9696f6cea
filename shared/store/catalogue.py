"""The catalogue: registered versions with figures, report and plots, readable without the registry."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, select, update

from shared.contracts.input_drift import InputDrift
from shared.store.rows import VersionRow
from shared.store.scope import Scope
from shared.store.statements import upsert
from shared.store.tables import PlotTable, VersionTable


class Catalogue(Scope):
    """The registered versions of one account."""

    def add_version(self, row: VersionRow, plots: Mapping[str, bytes] | None = None) -> None:
        """Keep a version's figures, report, card and plots; adding it again replaces them.

        Args:
            row: figures and report must be JSON-serialisable.
            plots: PNG bytes by name.
        """
        key = {
            "account_id": self.account,
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
        with self._writing() as connection:
            upsert(connection, VersionTable, [values])
            upsert(connection, PlotTable, pictures)

    def put_input_drift(self, capability: str, outcome: str, version: str, drift: InputDrift) -> None:
        """Keep what a round of scoring found, in place of what the one before found."""
        table = VersionTable
        mine = (table.capability == capability, table.outcome == outcome, table.version == version)
        statement = update(table).where(table.account_id == self.account, *mine)
        with self._writing() as connection:
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
            select(PlotTable.name, PlotTable.content)
            .where(
                PlotTable.account_id == self.account,
                PlotTable.capability == capability,
                PlotTable.outcome == outcome,
                PlotTable.version == version,
            )
            .order_by(PlotTable.name)
        )
        with self._store.reading() as connection:
            return {name: bytes(content) for name, content in connection.execute(statement)}

    def _versions(self, conditions: list[ColumnElement[bool]]) -> list[VersionRow]:
        table = VersionTable
        statement = (
            select(
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
            .where(table.account_id == self.account, *conditions)
            .order_by(table.trained_at.desc(), table.capability, table.outcome, table.version.desc())
        )
        with self._store.reading() as connection:
            return [_version_row(dict(row)) for row in connection.execute(statement).mappings()]


def _version_row(fields: Mapping[str, Any]) -> VersionRow:
    drift = fields["input_drift"]
    read = {
        "figures": json.loads(fields["figures"]),
        "report": json.loads(fields["report"]),
        "input_drift": None if drift is None else InputDrift.of(json.loads(drift)),
    }
    return VersionRow(**{**fields, **read})
