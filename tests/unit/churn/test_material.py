"""What a run of churn learns from: frames, and refusals in counts."""

from typing import Any

import numpy as np
import pytest

from services.churn.training import churn_material
from services.churn.training.material import type_counts
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY
from shared.errors import InsufficientData
from shared.timeline import build

LEFT = Outcome(name="left", capability="churn", event_types=("subscription_cancelled",), horizon_days=30)
LAPSED = Outcome(name="lapsed", capability="churn", silence=("order_placed",), horizon_days=30)
FLAT = Outcome(name="gone", capability="churn", attribute="gone")
AUTOMATIC = Outcome(name="churn", capability="churn")


def test_subscribers_are_waited_for_to_cancel_from_their_beginnings_on(subscribers: Any) -> None:
    world = subscribers()

    material = churn_material(LEFT, world.pasts, now=world.until)

    assert material.wanted.waited_for == material.closed.reached_by == ("subscription_cancelled",)
    assert material.wanted.begun_by == ("subscription_started",)
    assert not material.closed.flat


def test_the_closed_frames_are_those_whose_horizon_is_over_labelled_by_who_left(subscribers: Any) -> None:
    world = subscribers()
    pasts = world.pasts

    material = churn_material(LEFT, pasts, now=world.until)

    frames, until = material.closed.frames, material.closed.until
    assert until == pasts.at.max() + 1
    assert (frames.cutoff + 30 * DAY <= until).all()
    ends = {row[0]: row[3] for row in world.rows if row[2] == "subscription_cancelled"}
    for contact, cutoff, label in list(zip(frames.contact, frames.cutoff, frames.label, strict=True))[::50]:
        left = ends.get(pasts.contact_ids[contact], np.inf)
        assert left >= cutoff
        assert label == (left < cutoff + 30 * DAY)
    assert material.waits is not None
    assert len(material.waits) > len(frames)
    assert material.waits.cutoff.max() <= until - DAY


def test_silence_is_labelled_1_where_nothing_came(shoppers: Any) -> None:
    world = shoppers()

    material = churn_material(LAPSED, world.pasts, now=world.until)

    assert material.waits is not None
    closed = material.waits.closed(30 * DAY)
    assert material.closed.frames.label.tolist() == (material.waits.wait[closed] >= 30 * DAY).astype(float).tolist()
    assert material.closed.reached_by == ()


def test_nothing_after_now_is_a_frame(subscribers: Any) -> None:
    world = subscribers()
    now = world.until - 60 * DAY

    material = churn_material(LEFT, world.pasts, now=now)

    assert material.waits is not None
    assert material.waits.until == now
    assert material.waits.cutoff.max() <= now - DAY
    seen = material.waits.wait + material.waits.cutoff
    assert (seen[material.waits.wait < 2**61] < now).all()


def test_an_automatic_outcome_is_what_the_events_say(subscribers: Any, shoppers: Any) -> None:
    left, lapsed = subscribers(), shoppers(days=500)

    cancellation = churn_material(AUTOMATIC, left.pasts, now=left.until).outcome
    silence = churn_material(AUTOMATIC, lapsed.pasts, now=lapsed.until).outcome

    assert (cancellation.event_types, cancellation.horizon_days) == (("subscription_cancelled",), 60)
    assert (silence.silence, silence.horizon_days, silence.active_within_days) == (("order_placed",), 90, 180)
    assert cancellation.name == silence.name == "churn"


def test_types_are_counted_with_and_without_values(account: Any) -> None:
    pasts = account(("a", "order_placed", 1, 5.0), ("a", "order_placed", 2, None), ("b", "page_viewed", 3, None))

    assert type_counts(pasts) == {"order_placed": (2, 1), "page_viewed": (1, 0)}


def test_an_order_of_many_lines_is_counted_once() -> None:
    lines = [("a", str(n), "order_placed", DAY, 1.0, None, None, f"i-{n}", 1) for n in range(9)]
    uses = [("a", f"u-{n}", "product_used", n * DAY, 2.0, None, None, None, 1) for n in range(3)]

    assert type_counts(build(("a",), {}, [lines + uses])) == {"order_placed": (1, 1), "product_used": (3, 3)}


def test_flat_data_has_frames_and_no_waits(flat_world: Any) -> None:
    world = flat_world()

    material = churn_material(FLAT, world.pasts, now=world.until)

    assert material.waits is None
    assert material.closed.flat
    assert len(material.closed.frames) == 400
    assert (material.wanted.waited_for, material.wanted.contractual) == ((), True)


@pytest.mark.parametrize("outcome", [AUTOMATIC, LEFT, LAPSED, FLAT], ids=lambda outcome: outcome.name)
def test_an_empty_account_is_refused_in_counts(outcome: Outcome) -> None:
    with pytest.raises(InsufficientData) as refused:
        churn_material(outcome, build((), {}, ()), now=10**15)

    assert refused.value.members["with_outcome"] == refused.value.members["without_outcome"] == 0


def test_an_account_that_only_sends_mails_has_nothing_to_be_silent_with(account: Any) -> None:
    pasts = account(*(("a", "email_sent", day, None) for day in range(300)))

    with pytest.raises(InsufficientData, match=r"who stays\. Import orders, clicks or visits: email_sent may be"):
        churn_material(AUTOMATIC, pasts, now=10**16)


def test_fewer_than_forty_who_left_are_refused_with_both_counts(subscribers: Any) -> None:
    world = subscribers(45)

    with pytest.raises(InsufficientData, match="40 and 40 are needed") as refused:
        churn_material(LEFT, world.pasts, now=world.until)

    assert 0 < refused.value.members["with_outcome"] < 40
    assert refused.value.members["needed_with_outcome"] == 40


def test_a_type_that_never_came_is_refused_in_counts(subscribers: Any) -> None:
    world = subscribers()
    never = LEFT.model_copy(update={"event_types": ("contract_ended",)})

    with pytest.raises(InsufficientData, match="0 contacts reached it and 0 did not"):
        churn_material(never, world.pasts, now=world.until)


def test_too_short_a_time_is_refused_in_days_with_a_horizon_that_it_can_judge(shoppers: Any) -> None:
    world = shoppers(400, 75)

    with pytest.raises(InsufficientData, match=r"with a horizon of 30 days that leaves nothing.*--for 18d or less"):
        churn_material(LAPSED, world.pasts, now=world.until)

    shorter = churn_material(LAPSED.model_copy(update={"horizon_days": 18}), world.pasts, now=world.until)
    assert shorter.closed.splits


@pytest.mark.parametrize(
    ("lasts", "advice"),
    [
        (31.0, "--for 7d or less"),
        (27.0, "foretell outcomes set lapsed --capability churn --attribute COLUMN"),
    ],
)
def test_one_campaign_is_shown_what_can_help(account: Any, lasts: float, advice: str) -> None:
    bought = [(f"c{number}", "order_placed", 0.0, None) for number in range(100)]
    again = [(f"c{number}", "order_placed", 20.0, None) for number in range(50)]
    pasts = account(*bought, *again, ("c0", "order_placed", lasts, None))

    with pytest.raises(InsufficientData, match=f"The data lasts {lasts:.0f} days, so that no horizon") as refused:
        churn_material(LAPSED, pasts, now=10**16)

    assert advice in refused.value.detail
