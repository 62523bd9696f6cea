from datetime import UTC, datetime

import numpy as np
import pytest

from shared.contracts.outcome import Outcome, mistyped
from shared.contracts.rows import DAY, microseconds
from shared.errors import InsufficientData
from shared.timeline import build
from shared.timeline.pasts import Frames
from shared.training.material import framed, is_one_moment

NOON = microseconds(datetime(2026, 3, 1, 12, tzinfo=UTC))


def frames(*cutoffs: int) -> Frames:
    at = np.array(cutoffs, dtype=np.int64)
    return Frames(np.arange(len(at), dtype=np.int32), at, np.zeros(len(at)))


def test_what_is_framed_within_one_day_is_one_moment() -> None:
    assert is_one_moment(frames(NOON, NOON + DAY // 2))
    assert not is_one_moment(frames(NOON, NOON + DAY))
    assert not is_one_moment(frames())


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (
            Outcome(name="a", capability="scoring", attribute="convertd"),
            "No contact has an attribute 'convertd'; near: 'Converted'.",
        ),
        (
            Outcome(name="a", capability="scoring", event_types=("order_place",)),
            "No contact has an event of type 'order_place'; near: 'order_placed'.",
        ),
        (
            Outcome(name="a", capability="churn", silence=("zzz",)),
            "No contact has an event of type 'zzz', nor one with a similar name.",
        ),
        (
            Outcome(
                name="a",
                capability="scoring",
                event_types=("order_placed",),
                at=({"event_type": "page_viewd", "after_seconds": 3_600},),  # type: ignore[arg-type]
            ),
            "No contact has an event of type 'page_viewd'; near: 'page_viewed'.",
        ),
        (Outcome(name="a", capability="scoring", event_types=("deal_won", "order_placed")), ""),
        (Outcome(name="a", capability="churn"), ""),
    ],
)
def test_a_mistyped_name_is_answered_with_near_ones(outcome: Outcome, said: str) -> None:
    assert mistyped(outcome, attributes=["Converted", "Country"], types=["order_placed", "page_viewed"]) == said


def test_training_on_a_mistyped_attribute_says_so() -> None:
    outcome = Outcome(name="a", capability="scoring", attribute="Convertd")

    with pytest.raises(InsufficientData, match=r"No contact has an attribute 'Convertd'.*Define it anew"):
        framed(outcome, build([], {}, ()), now=NOON)


def test_a_campaign_of_one_day_is_judged_by_folds_of_contacts() -> None:
    names = [f"c{number:03}" for number in range(200)]
    events = [(name, f"m{name}", "campaign_mailed", NOON, None, None, None, None, None) for name in names]
    events += [(name, f"o{name}", "order_placed", NOON + 5 * DAY, None, None, None, None, None) for name in names[:50]]
    events += [("c199", "later", "page_viewed", NOON + 60 * DAY, None, None, None, None, None)]
    outcome = Outcome(
        name="bought",
        capability="scoring",
        event_types=("order_placed",),
        horizon_days=30,
        at=({"event_type": "campaign_mailed", "after_seconds": 3_600},),  # type: ignore[arg-type]
    )

    stuff = framed(outcome, build(names, {}, [events]), now=NOON + 90 * DAY)

    assert stuff.one_moment
    assert stuff.times is None
    assert sorted(np.concatenate([split.test for split in stuff.splits]).tolist()) == list(range(len(stuff.frames)))
