"""What a row does without costs its cell alone, and is said."""

from pathlib import Path

from shared.contracts.rows import ContactRow
from shared.ingest import Findings, contact_batches, plan_file
from shared.ingest.batch import Batch

AT = 1_780_000_000_000_000


def read(path: Path, text: str) -> tuple[Batch[ContactRow], list[str]]:
    path.write_text(text)
    findings = Findings()
    (batch,) = contact_batches(plan_file(path, "contacts"), findings, recorded_at=AT, identity_key=b"k" * 32)
    return batch, findings.sentences({})


def test_a_creation_date_that_may_be_two_days_costs_itself(tmp_path: Path) -> None:
    batch, said = read(tmp_path / "leads.csv", "id,created_at,country\nc-1,03/04/2026,DE\nc-2,05/06/2026,FR\n")

    assert ([row.created_at for row in batch.rows], batch.rejects) == ([None, None], [])
    assert said == [
        "created_at: 2 values: a date whose day and month may be either way round; left out (say --date-order dmy or "
        "mdy) (lines 2, 3)."
    ]


def test_a_name_of_which_nothing_can_be_shown_is_no_column(tmp_path: Path) -> None:
    batch, _ = read(tmp_path / "leads.json", '[{"id": "c-1", "\\ud83d": 1, "\\u0000": 2, "": 3, "country": "DE"}]')

    assert [[attribute.name for attribute in row.attributes] for row in batch.rows] == [["country"]]
