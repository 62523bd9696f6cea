import pytest

from shared.store import Database, PredictionFilter, PredictionRow, place_of

ROWS = [("low", 50, 0.4), ("b", 99, 0.7), ("a", 99, 0.7), ("best", 99, 0.9), ("unknown", 99, None), ("worse", 99, 0.1)]


def row(contact_id: str, score: int, probability: float | None) -> PredictionRow:
    return PredictionRow(
        contact_id, "churn", "lapse", "1", 10, 10, "r", "ok", probability, score, "high", "model", "{}"
    )


@pytest.mark.parametrize(
    ("ascending", "expected"),
    [(False, ["best", "a", "b", "worse", "unknown", "low"]), (True, ["low", "unknown", "worse", "a", "b", "best"])],
)
def test_equal_scores_are_listed_by_probability_page_by_page(
    database: Database, *, ascending: bool, expected: list[str]
) -> None:
    store = database.of("default")
    store.predictions.log([row(*one) for one in ROWS])
    wanted = PredictionFilter("churn", "lapse", ascending=ascending)

    seen, after = list[str](), None
    while found := store.predictions.page(wanted, limit=1, after=after):
        seen.append(found[0].contact_id)
        after = place_of(found[0])

    assert seen == expected
    assert [one.contact_id for one in store.predictions.page(wanted, limit=10)] == expected


@pytest.mark.parametrize("status", ["control", "insufficient_data"])
def test_those_without_an_answer_are_listed_by_their_ids(database: Database, status: str) -> None:
    store = database.of("default")
    others = [row(name, 0, None)._replace(score=None, status=status, band=None) for name in ("z", "y", "x")]
    store.predictions.log([*others, row("a", 50, 0.4)])
    wanted = PredictionFilter("churn", "lapse", status, ranked=False)

    first = store.predictions.page(wanted, limit=2)
    then = store.predictions.page(wanted, limit=2, after=place_of(first[-1]))

    assert [one.contact_id for one in (*first, *then)] == ["x", "y", "z"]
