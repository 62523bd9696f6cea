import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.rows import ALWAYS, DAY
from shared.features import Feature, FeatureSet, Kind, matrix
from shared.features.engine import numbers_of
from shared.features.feature import as_boolean, as_days, as_number, parser_of
from shared.timeline import ContactFacts, DatedValue, Pasts, build
from shared.timeline.pasts import entry_at
from shared.values.words import is_missing

CUTOFF = 20_000 * DAY


def pasts_of(*values: DatedValue) -> Pasts:
    return build(["a", "b"], {"b": ContactFacts(attributes=values)}, [])


def seen(*values: DatedValue, cutoff: int = CUTOFF) -> list[int]:
    column = pasts_of(*values).attributes["plan"]
    return entry_at(column, np.array([0, 1], dtype=np.int32), np.full(2, cutoff)).tolist()


def column_of(feature: Feature, pasts: Pasts, row: int, cutoff: int) -> list[float]:
    return matrix(FeatureSet((feature,)), pasts, np.array([row], dtype=np.int32), np.array([cutoff]))[:, 0].tolist()


@pytest.mark.parametrize(("valid_from", "entry"), [(CUTOFF - 1, 0), (CUTOFF, -1), (CUTOFF + 1, -1), (ALWAYS, 0)])
def test_a_value_holds_strictly_before_the_cutoff(valid_from: int, entry: int) -> None:
    assert seen(DatedValue("plan", valid_from, "pro")) == [-1, entry]


def test_the_newest_value_that_holds_is_seen() -> None:
    values = [DatedValue("plan", at, str(at)) for at in (CUTOFF, 5, ALWAYS)]
    assert seen(*values) == [-1, 1]


def test_an_attribute_that_nobody_has_is_missing() -> None:
    feature = Feature("plan", "numeric", "as given", "", attribute="plan")
    column = column_of(feature, pasts_of(), 0, CUTOFF)
    assert np.isnan(column).all()


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3.0), ("12.5", 12.5), (True, None), ("", None), ("n/a", None), (None, None), ("x", None), ("inf", None),
     (float("nan"), None), (10**400, None), ([1], None)],
)  # fmt: skip
def test_a_number_is_read_or_is_missing(value: Any, number: float | None) -> None:
    assert as_number(value) == number if number is not None else math.isnan(as_number(value))


@pytest.mark.parametrize(
    ("value", "answer"),
    [(True, 1.0), (0, 0.0), (1.0, 1.0), ("Yes", 1.0), ("f", 0.0), (2, None), ("maybe", None), (None, None)],
)
def test_yes_and_no_are_read_or_missing(value: Any, answer: float | None) -> None:
    assert as_boolean(value) == answer if answer is not None else math.isnan(as_boolean(value))


@pytest.mark.parametrize(
    ("value", "days"),
    [("1970-01-03", 2.0), ("1970-01-03T12:00:00Z", 2.5), ("1970-01-03T12:00:00+12:00", 2.0), ("1970-13-03", None),
     ("1970", None), (19700103, None), (None, None)],
)  # fmt: skip
def test_a_date_is_read_as_days_or_is_missing(value: Any, days: float | None) -> None:
    assert as_days(value) == days if days is not None else math.isnan(as_days(value))


def test_attributes_of_other_instants_have_entries_of_their_own() -> None:
    plan, size = (Feature(name, "numeric", "as given", "", attribute=name) for name in ("plan", "size"))
    pasts = pasts_of(DatedValue("plan", 5, 1), DatedValue("size", 5, 2), DatedValue("plan", 9, 3))

    found = matrix(FeatureSet((plan, size)), pasts, np.array([1, 1], dtype=np.int32), np.array([9, 10]))

    assert found.tolist() == [[1.0, 2.0], [3.0, 2.0]]


def test_a_date_becomes_how_long_ago_it_was() -> None:
    feature = Feature("since", "date", "days", "", attribute="since")
    pasts = pasts_of(DatedValue("since", ALWAYS, "1970-01-03"))
    assert column_of(feature, pasts, 1, 10 * DAY) == [8.0]


@pytest.mark.parametrize(
    ("value", "missing"), [(None, True), (" Select ", True), ("NaN", True), (0, False), ("x", False)]
)
def test_what_nobody_filled_in_is_missing(value: Any, missing: bool) -> None:
    assert is_missing(value) is missing


NUMBERS = st.one_of(st.none(), st.floats(), st.integers(-(10**20), 10**20), st.just(10**400))
TEXTS = st.one_of(st.none(), st.sampled_from(("12.5", "1e300", "n/a", "yes", "PRO ", "2010-03-01", "nan", "")))
ANYTHING = st.one_of(NUMBERS, TEXTS, st.booleans())


@given(
    values=st.one_of(st.lists(NUMBERS), st.lists(TEXTS), st.lists(ANYTHING)),
    kind=st.sampled_from(("numeric", "boolean", "categorical", "date")),
)
def test_a_column_is_read_as_each_of_its_values_is(values: list[Any], kind: Kind) -> None:
    feature = Feature("it", kind, "", "", attribute="it", categories=("pro", "12.5"), ignores_case=True)
    parse = parser_of(feature)

    found = numbers_of(feature, values)

    np.testing.assert_array_equal(found, np.array([parse(value) for value in values], dtype=np.float64))
