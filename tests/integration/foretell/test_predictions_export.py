import csv
import json
import stat
from pathlib import Path

from python_calamine import CalamineWorkbook

from foretell.cli.context import opened_account
from shared.contracts.rows import SECOND
from shared.store import PredictionRow

NOW = 1_780_000_000 * SECOND


def store_predictions(*scores: tuple[str, int]) -> None:
    reasons = [{"text": "=Opened 3 emails"}]
    with opened_account("default") as (_, _, store):
        store.predictions.log(
            [
                PredictionRow(
                    contact_id, "scoring", "customer", "7", NOW, NOW, "r", "ok", score / 100, score, "high", "model",
                    json.dumps({"reasons": reasons}),
                )
                for contact_id, score in scores
            ]
        )  # fmt: skip


def test_the_list_is_exported_as_csv_that_only_its_owner_reads(foretell, home_folder: Path, tmp_path: Path) -> None:
    foretell("accounts", "list")
    store_predictions(("+49", 90), ("b", 95), ("c", 10))
    out = tmp_path / "leads.csv"

    result = foretell("predictions", "export", "--outcome", "customer", "--out", str(out), "--min-score", "50")

    assert result.exit_code == 0, result.output
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["contact_id"], row["reason_1"]) for row in rows] == [
        ("b", "'=Opened 3 emails"), ("'+49", "'=Opened 3 emails"),
    ]  # fmt: skip
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_a_workbook_keeps_texts_as_texts(foretell, home_folder: Path, tmp_path: Path) -> None:
    foretell("accounts", "list")
    store_predictions(("007", 90))
    out = tmp_path / "leads.xlsx"

    result = foretell("predictions", "export", "-o", "customer", "--out", str(out))

    assert result.exit_code == 0, result.output
    title, row = CalamineWorkbook.from_path(str(out)).get_sheet_by_index(0).to_python()
    assert (row[title.index("contact_id")], row[title.index("score")]) == ("007", 90)
    assert row[title.index("reason_1")] == "=Opened 3 emails"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
