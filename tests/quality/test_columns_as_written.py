"""Columns as people write them teach what the same columns teach when they are clean."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from services.scoring.fit import ScoringFit
from services.scoring.training import fitted
from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS
from shared.evaluation.metrics import Interval
from shared.features import Learned, matrix
from shared.learners.simple import chance
from shared.timeline import ContactFacts, build
from shared.timeline.past_rows import DatedValue
from shared.training.material import Material, framed
from shared.training.problem import outcome_features

NOW = 1_790_000_000_000_000
ROWS = 1_200
WON = Outcome(name="won", capability="scoring", attribute="won", positive="1")
Table = dict[str, list[Any]]


def clean() -> tuple[np.ndarray, Table]:
    draw = np.random.default_rng(7)
    salary, rate, spend = draw.normal(size=(3, ROWS))
    days, trial = draw.integers(0, 700, ROWS), draw.random(ROWS) < 0.5
    labels = draw.random(ROWS) < chance(salary + 0.8 * rate + 0.8 * spend + days / 350 - 1 + 0.7 * trial - 1.5)
    table: Table = {
        "salary": [int(41_250 + 9_000 * one) for one in salary],
        "rate": [round(50 + 10 * float(one), 2) for one in rate],
        "spend": [round(1_500 + 300 * float(one), 2) for one in spend],
        "last_visit": [(date(2024, 1, 1) + timedelta(days=int(day))).isoformat() for day in days],
        "trial": [bool(one) for one in trial],
    }
    return labels, table


def dotted(day: str) -> str:
    return "-".join(reversed(day.split("-")))


WRITTEN: dict[str, dict[str, Callable[[Any], Any]]] = {
    "thousands are grouped": {"salary": lambda one: f"{one:,}", "spend": lambda one: f"{one:,.2f}"},
    "thousands are grouped by points": {"spend": lambda one: f"{one:,.2f}".translate(str.maketrans(",.", ".,"))},
    "decimals begin with a comma": {"rate": lambda one: f"{one:.2f}".replace(".", ",")},
    "dates are DD-MM-YYYY": {"last_visit": dotted},
    "truths are words": {"trial": lambda one: "Yes" if one else "no"},
}
DIRT = ("unknown", "#REF", "see notes", "??")


def dirty(table: Table, *, one_in: int) -> Table:
    """Write a word instead of a value into every so-manieth cell of each column, of each column other rows."""
    found = {}
    for place, (name, values) in enumerate(table.items()):
        rows = range(7 * place, ROWS, one_in)
        words = {row: DIRT[number % len(DIRT)] for number, row in enumerate(rows)}
        found[name] = [words.get(row, value) for row, value in enumerate(values)]
    return found


def written(table: Table, *kinds: str) -> Table:
    ways = {name: way for kind in kinds for name, way in WRITTEN[kind].items()}
    return {name: [ways.get(name, lambda one: one)(value) for value in values] for name, values in table.items()}


def framed_table(labels: np.ndarray, columns: dict[str, Sequence[Any]]) -> Material:
    facts = {}
    for row, label in enumerate(labels):
        named = {"won": str(int(label)), **{name: values[row] for name, values in columns.items()}}
        values = tuple(DatedValue(name, ALWAYS, value, dated=False) for name, value in named.items())
        facts[f"c{row:05d}"] = ContactFacts(attributes=values)
    return framed(WON, build(list(facts), facts, ()), now=NOW, order_by="none")


def read(stuff: Material) -> tuple[Learned, dict[str, np.ndarray]]:
    learned = outcome_features(WON, stuff.pasts, stuff.frames.contact, stuff.frames.cutoff)
    values = matrix(learned.feature_set, stuff.pasts, stuff.frames.contact, stuff.frames.cutoff)
    return learned, dict(zip(learned.feature_set.names, values.T, strict=True))


@pytest.fixture(scope="module")
def plain() -> dict[str, np.ndarray]:
    """The columns of the clean table."""
    return read(framed_table(*clean()))[1]


def auc(fit: ScoringFit) -> float:
    figure = fit.report.figures["auc"]
    assert isinstance(figure, Interval)
    return figure.value


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("one_in", [ROWS, 25], ids=["one dirty cell", "four in a hundred"])
def test_a_column_is_read_as_what_nearly_all_its_values_are(
    plain: dict[str, np.ndarray], kind: str, one_in: int
) -> None:
    labels, table = clean()

    learned, found = read(framed_table(labels, dirty(written(table, kind), one_in=one_in)))

    assert sorted(found) == sorted(plain) == sorted(table)
    assert not learned.left_out
    for name, column in found.items():
        unread = np.isnan(column)
        assert np.flatnonzero(unread).tolist() == list(range(7 * list(table).index(name), ROWS, one_in))
        np.testing.assert_array_equal(column[~unread], plain[name][~unread])
    assert {one.name: one.unreadable for one in learned.columns} == {
        name: int(np.isnan(column).sum()) for name, column in found.items()
    }


def test_a_table_as_people_write_it_ranks_as_well_as_the_clean_one() -> None:
    labels, table = clean()
    as_written = dirty(written(table, *WRITTEN), one_in=50)

    best, found = (fitted(framed_table(labels, one), now=NOW) for one in (table, as_written))

    assert auc(best) > 0.8
    assert auc(found) > auc(best) - 0.015
    assert found.report.left_out == ()


def test_what_only_a_person_can_say_is_a_question_and_not_guessed() -> None:
    labels, table = clean()
    points = [f"{one:,}".replace(",", ".") for one in table["salary"]]

    learned, found = read(framed_table(labels, {**table, "salary": points}))

    assert "salary" not in found
    (left,) = learned.left_out
    assert "nobody said which mark begins decimals" in left.reason
    assert left.remedy == "foretell import --decimal point, or comma"
