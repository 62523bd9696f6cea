"""Small worlds that hypothesis thinks of: contacts with what happened to them, and one feature of every kind."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from shared.contracts.rows import ALWAYS, DAY, HOUR
from shared.features import Feature, FeatureSet, matrix
from shared.features.feature import DAY_PARTS, WINDOWS_DAYS
from shared.timeline import ContactFacts, DatedValue, EventTuple, Pasts, build

CUTOFF = int(datetime(2010, 11, 9, 7, 30, tzinfo=UTC).timestamp()) * 1_000_000
CONTACTS = ("a", "b", "c")
# St. John's turned its clocks back at 00:01 until 2011, so that a local day begins twice.
# Lord Howe moves its clocks by half an hour, Kathmandu is 5:45 ahead.
ZONES = (None, "UTC", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu")
TYPES = ("email_opened", "email_clicked", "order_placed", "never_declared")
NAMED = ("email_opened", "email_clicked", "email_opened_unverified", "order_placed", "never_happens")
ITEMS = ("pen", "ink", "paper")


def every_feature() -> FeatureSet:
    features = [
        Feature(f"{kind}-{name}-{days}", kind, "", "", name, window_days=days)
        for kind in ("count", "value_sum", "value_mean", "active_days")
        for name, days in product((*NAMED, None), WINDOWS_DAYS)
    ]
    features += [
        Feature(f"{kind}-{name}", kind, "", "", name)
        for kind in (
            "days_since_last", "days_since_first", "value_max", "trend", "gap_mean", "overdue",
            "weekend_share", "last_hour", "last_weekday",
        )
        for name in (*NAMED, None)
    ]  # fmt: skip
    features += [
        Feature(f"rate-{one}-{other}", "rate", "", "", one, other, prior=0.3)
        for one, other in (("email_clicked", "email_opened"), ("order_placed", "never_happens"))
    ]
    for name in (*NAMED, None):
        features += [Feature(f"{name}-{part}", "hour_share", "", "", name, part) for part in DAY_PARTS]
        features += [Feature(f"{name}-{what}s", "distinct", "", "", name, what) for what in ("campaign", "item")]
        features.append(Feature(f"{name}-last-item", "last_item", "", "", name, categories=("ink", "pen")))
    features.append(Feature("last-type", "last_type", "", "", categories=("email_clicked", "order_placed")))
    features.append(Feature("known", "known_days", "", ""))
    features += [
        Feature(kind, kind, "", "", attribute="thing", categories=("red", "7"))
        for kind in ("numeric", "boolean", "categorical", "date")
    ]
    return FeatureSet(tuple(features))


FEATURES = every_feature()
WHOLE = replace(FEATURES, whole_orders=("order_placed", "email_opened"))
"""The same of whole orders; a second type is joined so that one has lines of several kinds beside it."""


@dataclass(frozen=True)
class World:
    """Some contacts, what happened to them, and what is asked."""

    facts: dict[str, ContactFacts]
    rows: tuple[EventTuple, ...]
    frames: tuple[tuple[str, int], ...]

    def pasts(self, rows: Sequence[EventTuple] | None = None) -> Pasts:
        return build(CONTACTS, self.facts, [self.rows if rows is None else rows])

    def answers(self, pasts: Pasts | None = None, features: FeatureSet = FEATURES) -> np.ndarray[Any, Any]:
        contact = np.array([CONTACTS.index(name) for name, _ in self.frames], dtype=np.int32)
        cutoff = np.array([cutoff for _, cutoff in self.frames], dtype=np.int64)
        return matrix(features, self.pasts() if pasts is None else pasts, contact, cutoff)


EDGES = [-1, 0, 1, *(days * DAY + step for days in WINDOWS_DAYS for step in (-1, 0, 1)), 3 * HOUR, 30 * DAY + HOUR]
ages = st.one_of(
    st.sampled_from(EDGES),
    st.integers(0, 60).map(lambda quarters: quarters * HOUR // 2),
    st.integers(-5 * DAY, 800 * DAY),
)


VALUES = st.sampled_from((None, float("nan"), 0.0, -0.0, 5.0, -2.5, 0.1, 0.2, 0.3, 1e9))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    cutoffs = [CUTOFF, CUTOFF - 3 * HOUR, CUTOFF - 40 * DAY, CUTOFF - 1]
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from((*CONTACTS, "somebody-else")),
                st.none(),
                st.sampled_from(TYPES),
                ages.map(lambda age: CUTOFF - age),
                VALUES,
                st.sampled_from((None, "m1", "m2")),
                st.sampled_from((None, "spring", "autumn")),
                st.sampled_from((None, *ITEMS)),
                st.sampled_from((None, 1, 0)),
            ),
            max_size=40,
        )
    )
    further = draw(st.lists(st.tuples(st.integers(0, 39), VALUES, st.sampled_from((None, *ITEMS))), max_size=8))
    rows += [
        (*rows[place][:4], value, *rows[place][5:7], item, 1) for place, value, item in further if place < len(rows)
    ]
    instants = st.one_of(st.just(ALWAYS), st.sampled_from(cutoffs), ages.map(lambda age: CUTOFF - age))
    values = st.sampled_from(
        (None, "", "Select", "yes", "No", True, False, 7, 2.5, "12.5", "red", " red ", "inf", "2010-03-01",
         "2010-11-30T12:00:00+02:00", "2010-13-01")
    )  # fmt: skip
    facts = {
        name: ContactFacts(
            created_at=draw(st.one_of(st.none(), instants.filter(lambda at: at != ALWAYS))),
            timezone=draw(st.sampled_from(ZONES)),
            attributes=tuple(
                DatedValue("thing", at, draw(values)) for at in draw(st.lists(instants, max_size=4, unique=True))
            ),
        )
        for name in CONTACTS
        if draw(st.booleans())
    }
    frames = draw(st.lists(st.tuples(st.sampled_from(CONTACTS), st.sampled_from(cutoffs)), min_size=1, max_size=6))
    return World(facts, tuple((*row[:1], str(place), *row[2:]) for place, row in enumerate(rows)), tuple(frames))


def assert_same(found: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> None:
    assert [
        (FEATURES.names[column], row, found[row, column], wanted[row, column])
        for row, column in np.argwhere(~((found == wanted) | (np.isnan(found) & np.isnan(wanted))))
    ] == []


lasting = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
