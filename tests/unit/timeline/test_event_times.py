import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.timeline import UNKNOWN_MAKER, ContactFacts, EventTimes, EventTuple, build, build_times
from shared.timeline.pasts import UNVERIFIED_OPEN

FACTS = {"a": ContactFacts(created_at=5), "b": ContactFacts(timezone="Europe/Berlin", consent={"email": "granted"})}
Row = tuple[str, str, int, int | None, float | None]


def listed(rows: list[Row]) -> list[EventTimes]:
    return [
        EventTimes(
            contact,
            [row[1] for row in rows if row[0] == contact],
            [row[2] for row in rows if row[0] == contact],
            [UNKNOWN_MAKER if row[3] is None else row[3] for row in rows if row[0] == contact],
            [row[4] is not None for row in rows if row[0] == contact],
        )
        for contact in sorted({row[0] for row in rows})
    ]


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from("abcz"),
            st.sampled_from(("email_opened", "email_clicked", "order_placed")),
            st.integers(0, 9),
            st.sampled_from((None, 0, 1)),
            st.sampled_from((None, 12.5)),
        )
    ),
    chunk=st.integers(1, 3),
)
def test_types_instants_and_contacts_are_those_of_the_whole_pasts(rows: list[Row], chunk: int) -> None:
    events: list[EventTuple] = [(c, f"{n}", t, at, v, None, None, None, h) for n, (c, t, at, h, v) in enumerate(rows)]
    columns = listed(rows)

    whole = build(["b", "a", "c"], FACTS, [events])
    times = build_times(["b", "a", "c"], FACTS, [columns[n : n + chunk] for n in range(0, len(columns), chunk)])

    for name in ("known", "created_at", "offsets", "at", "type"):
        np.testing.assert_array_equal(getattr(times, name), getattr(whole, name), strict=True)
    np.testing.assert_array_equal(np.isnan(times.value), np.isnan(whole.value))
    for name in ("contact_ids", "zones", "consents", "types"):
        assert getattr(times, name) == getattr(whole, name)


def test_a_type_that_only_machines_or_strangers_caused_is_none() -> None:
    machine = EventTimes("a", ["email_clicked", "email_opened"], [1, 2], [0, UNKNOWN_MAKER], [0, 0])
    stranger = EventTimes("z", ["order_placed"], [3], [1], [1])

    assert build_times(["a"], FACTS, [[machine, stranger]]).types == (UNVERIFIED_OPEN,)
