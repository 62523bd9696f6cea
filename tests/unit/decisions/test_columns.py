"""Decisions as columns: candidates that were only counted get names where the decisions show which they were."""

import pytest

from shared.contracts.decision import DecisionRow
from shared.decisions.columns import columns_of


def counted(message: str | None, number: int, **fields: str) -> DecisionRow:
    """A decision among so many candidates, of which one is named."""
    candidates = tuple(sorted({message or "", *(f"~{place}" for place in range(1, number))}))
    row = DecisionRow("d", "c", "clicked", "", "", message, "imported", 1 / number, candidates, "0", 0)
    return row._replace(**fields)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([counted("a", 2), counted("b", 2)], [("a", "b"), ("a", "b")]),
        ([counted("a", 2), counted(None, 2)], [("", "a"), ("", "a")]),
        ([counted("a", 4), counted("b", 4)], [("a", "b", "~1", "~2")] * 2),
        ([counted("a", 2), counted("b", 2), counted("c", 2)], [("a", "~1"), ("b", "~1"), ("c", "~1")]),
        (
            [counted("a", 2), counted("b", 2), counted("c", 2, campaign_id="may"), counted("d", 2, campaign_id="may")],
            [("a", "b"), ("a", "b"), ("c", "d"), ("c", "d")],
        ),
        ([counted("a", 2, slot="s"), counted("b", 2, slot="t")], [("a", "~1"), ("b", "~1")]),
    ],
)
def test_candidates_that_were_counted_are_those_that_were_chosen_there(
    rows: list[DecisionRow], expected: list[tuple[str, ...]]
) -> None:
    found = columns_of([rows[:1], rows[1:]])

    assert [found.candidate_sets[code] for code in found.candidates.tolist()] == expected
    assert set(found.messages) == {name for names in expected for name in names if name}
