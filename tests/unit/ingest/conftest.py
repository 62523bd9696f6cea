from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from shared.ingest import Batch, Findings, Options, Plan, contact_batches, event_batches, item_batches, plan_file

KEY = b"k" * 32


class Found(NamedTuple):
    plan: Plan
    rows: list[Any]
    rejects: list[tuple[int, str]]
    findings: list[str]

    @property
    def attributes(self) -> dict[str, dict[str, Any]]:
        return {row.contact_id: {one.name: one.value for one in row.attributes} for row in self.rows}


Read = Callable[..., Found]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def one(content: bytes | str, subject: Any = "contacts", name: str = "c.csv", **options: Any) -> Found:
        file = tmp_path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        plan, findings, rows, rejects = plan_file(file, subject, Options(**options)), Findings(), [], []
        batches: dict[str, Callable[[], Iterator[Batch[Any]]]] = {
            "contacts": lambda: contact_batches(plan, findings, recorded_at=9, identity_key=KEY),
            "events": lambda: event_batches(plan, findings, recorded_at=9),
            "items": lambda: item_batches(plan, findings),
        }
        for batch in batches[subject]():
            rows += batch.rows
            rejects += [(reject.line, reject.reason) for reject in batch.rejects]
        filled = {column.name: column.filled for column in plan.columns}
        return Found(plan, rows, rejects, findings.sentences(filled))

    return one
