from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from shared.contracts.rows import DAY, HOUR
from shared.features import Feature, FeatureSet, matrix, truncated
from shared.timeline import ContactFacts, EventTuple, Pasts, build

CUTOFF = 1_780_000_000_000_000


def event(number: int, age: int, type_: str = "page_viewed", contact: str = "a") -> EventTuple:
    return (contact, str(number), type_, CUTOFF - age, 0.1 * number, None, None, None, 1)


def asked(features: tuple[Feature, ...], pasts: Pasts, cutoff: int = CUTOFF) -> list[float]:
    found = matrix(FeatureSet(features), pasts, np.zeros(1, dtype=np.int32), np.array([cutoff]))
    return found[0].tolist()


def test_a_local_day_that_begins_twice_is_one_day() -> None:
    zone = ZoneInfo("America/St_Johns")
    # At 00:01 the clocks went back to 23:01 of the day before.
    shown = [
        datetime(2010, 11, 7, 0, 0, 30, fold=0, tzinfo=zone),
        datetime(2010, 11, 6, 23, 30, fold=1, tzinfo=zone),
        datetime(2010, 11, 7, 1, 0, tzinfo=zone),
    ]
    ats = [int(moment.astimezone(UTC).timestamp()) * 1_000_000 for moment in shown]
    assert ats == sorted(ats)
    rows: list[EventTuple] = [("a", str(at), "x", at, None, None, None, None, 1) for at in ats]
    pasts = build(["a"], {"a": ContactFacts(timezone="America/St_Johns")}, [rows])
    features = tuple(Feature(str(name), "active_days", "days", "", name, window_days=30) for name in ("x", None))
    assert asked(features, pasts, ats[-1] + HOUR) == [2.0, 2.0]


@pytest.mark.parametrize(("age", "counted"), [(0, 0), (1, 1), (7 * DAY, 1), (7 * DAY + 1, 0)])
def test_a_window_ends_before_the_cutoff_and_includes_its_last_instant(age: int, counted: int) -> None:
    pasts = build(["a"], {}, [[event(1, age)]])
    assert asked((Feature("n", "count", "events", "", "page_viewed", window_days=7),), pasts) == [counted]


def test_two_years_and_5000_events_are_looked_at() -> None:
    long = [event(n, 1 + n) for n in range(5_001)]
    assert truncated(build(["a"], {}, [long]), np.zeros(1, dtype=np.int32), np.array([CUTOFF])).tolist() == [True]
    old = build(["a", "b"], {}, [[event(1, 730 * DAY + 1), event(2, 730 * DAY, contact="b")]])
    assert truncated(old, np.arange(2, dtype=np.int32), np.full(2, CUTOFF)).tolist() == [True, False]


def test_known_since_creation_else_since_the_first_event_that_serving_reads() -> None:
    feature = (Feature("known", "known_days", "days", ""),)
    rows = [event(1, 900 * DAY), event(2, 700 * DAY)]
    assert asked(feature, build(["a"], {}, [rows])) == [700.0]
    assert asked(feature, build(["a"], {"a": ContactFacts(created_at=CUTOFF - 800 * DAY)}, [rows])) == [800.0]
    assert np.isnan(asked(feature, build(["a"], {"a": ContactFacts(created_at=CUTOFF)}, [rows]))[0])


def test_many_frames_at_once_answer_bit_by_bit_as_each_alone() -> None:
    random = np.random.default_rng(3)
    names = [f"c{n}" for n in range(150)]
    types = [f"t{n}" for n in range(12)]
    rows: list[EventTuple] = [
        (name, str(n), str(random.choice(types)), CUTOFF - int(random.integers(1, 800 * DAY)),
         float(random.normal()), None, None, f"i{n % 5}", 1)
        for name in names
        for n in range(int(random.integers(0, 30)))
    ]  # fmt: skip
    features = FeatureSet(
        tuple(
            Feature(f"{kind}-{name}-{days}", kind, "", "", name, window_days=days)
            for kind in ("value_sum", "value_mean", "count", "active_days")
            for name in (*types, None)
            for days in (30, 730)
        )
    )
    pasts = build(names, {}, [rows])
    whole = matrix(features, pasts, np.arange(150, dtype=np.int32), np.full(150, CUTOFF))
    for row in range(150):
        part = matrix(features, pasts, np.array([row], dtype=np.int32), np.array([CUTOFF]))
        np.testing.assert_array_equal(whole[row : row + 1], part)
