"""`foretell models card`, `show` and `thresholds` against a catalogue."""

import json
from pathlib import Path
from typing import Any

import pytest

from foretell.cli.context import opened_account
from shared.store import PredictionRow, VersionRow

COUNTS = {
    "frames": [10] * 99,
    "positives": [0] * 89 + [5] * 10,
    "chance": [0.01] * 89 + [0.5] * 10,
    "contacts_from": [100] * 99,
    "squares_from": {name: [1_000] * 99 for name in ("positives", "both", "frames")},
}


@pytest.fixture
def catalogued(foretell: Any) -> Any:
    report = {"evidence": {"question": "How likely is an order?", "scores": COUNTS}}
    foretell("accounts", "create", "acme")
    with opened_account("acme") as (_, _, store):
        store.models.add(VersionRow("scoring", "won", "1", "d" * 64, "rule", "C", 0, 30, "run", {"auc": 0.8}, report))
        store.models.add(VersionRow("scoring", "won", "2", "e" * 64, "rule", "D", 1, 30, "run"))
        store.models.promote("scoring", "won", "1", "d" * 64, at=0, reason="tried")
    return lambda *words: foretell("models", *words, "--account", "acme")


@pytest.mark.parametrize(
    ("suffix", "begins"), [("html", "<!doctype html>"), ("md", "# scoring.won, version 1"), ("json", "{")]
)
def test_a_card_is_written_in_the_form_that_its_name_says(
    catalogued: Any, tmp_path: Path, suffix: str, begins: str
) -> None:
    out = tmp_path / f"card.{suffix}"

    assert catalogued("card", "won", "--out", str(out)).exit_code == 0

    assert out.read_text().startswith(begins)
    assert "How likely is an order?" in out.read_text()


def test_card_and_show_print_markdown(catalogued: Any) -> None:
    for command in ("card", "show"):
        printed = catalogued(command, "scoring.won", "2").stdout
        assert "# scoring.won, version 2" in printed
        assert "- It does not answer requests" in printed


def test_a_card_of_another_kind_of_file_is_refused(catalogued: Any, tmp_path: Path) -> None:
    result = catalogued("card", "won", "--out", str(tmp_path / "card.pdf"))

    assert (result.exit_code, "A card is .html, .md or .json" in result.stderr) == (2, True)


def test_thresholds_name_the_best_cut_of_todays_contacts(catalogued: Any) -> None:
    row = PredictionRow("a", "scoring", "won", "1", 0, 0, "r", "ok", 0.5, 95, "high", "model", "{}")
    without = catalogued("thresholds", "won", "--value", "10", "--cost", "1", "--capacity", "5%")
    with opened_account("acme") as (_, _, store):
        store.predictions.log([row, row._replace(contact_id="b", score=20)])

    found = catalogued("thresholds", "won", "--value", "10", "--cost", "1", "--capacity", "1", "--json")

    assert "counts are of 1,000 contacts" in without.stderr
    assert "Addressing pays from a chance of 10.00% on" in without.stderr
    best = json.loads(found.stdout)["best"]
    assert (best["from_score"], best["contacts"], best["profit"]) == (95, 1, 4.0)


def test_what_costs_more_than_it_brings_pays_from_no_chance_on(catalogued: Any) -> None:
    stderr = catalogued("thresholds", "won", "--value", "2", "--cost", "3").stderr

    assert "Addressing never pays" in stderr
    assert "from a chance" not in stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--value", "0", "--cost", "1"), "--value must be above 0"),
        (("--value", "nan", "--cost", "1"), "greater than or equal to 0"),
        (("--value", "1e13", "--cost", "1"), "--value must be above 0 and 1e12 at most"),
        (("--value", "1", "--cost", "inf"), "--cost must be 0 to 1e12"),
        (("--value", "1", "--cost", "1", "--capacity", "many"), "--capacity many: give a number"),
        (("--value", "1", "--cost", "1", "--capacity", "150%"), "--capacity 150%: give a number"),
        (("--value", "1", "--cost", "1", "--capacity", "-3"), "--capacity -3: give a number"),
    ],
)
def test_what_makes_no_sense_is_refused(catalogued: Any, options: tuple[str, ...], says: str) -> None:
    result = catalogued("thresholds", "won", *options)

    assert result.exit_code == 2
    assert says in result.stderr
