import numpy as np

from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS
from shared.timeline import ContactFacts, build
from shared.timeline.past_rows import DatedValue
from shared.training.problem import outcome_features


def learned(outcome: Outcome, *, dated: bool, **choices: set[str]) -> list[str]:
    facts = {
        f"c{number}": ContactFacts(
            attributes=tuple(
                DatedValue(name, ALWAYS, number % parts, dated=dated)
                for name, parts in (("won", 2), ("size", 3), ("tier", 5), ("gender", 7))
            )
        )
        for number in range(100)
    }
    pasts = build(list(facts), facts, ())
    contact = np.arange(100, dtype=np.int32)
    return list(outcome_features(outcome, pasts, contact, np.zeros(100, np.int64), **choices).feature_set.names)


FLAT = Outcome(name="won", capability="scoring", attribute="won")
EVENT = Outcome(name="won", capability="scoring", event_types=("deal_won",))


def test_the_outcome_s_own_column_is_never_a_feature() -> None:
    assert "won" not in learned(FLAT, dated=False, allowed={"won"})
    assert "won" in learned(EVENT, dated=True)


def test_undated_attributes_are_used_for_flat_data_only() -> None:
    assert learned(FLAT, dated=False) == ["size", "tier"]
    assert learned(EVENT, dated=False) == []
    assert learned(EVENT, dated=False, allowed={"size"}) == ["size"]


def test_personal_attributes_need_permission() -> None:
    assert learned(FLAT, dated=False, allowed={"gender"}) == ["gender", "size", "tier"]
