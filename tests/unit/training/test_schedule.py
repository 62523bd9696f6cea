import pytest

from shared.contracts.rows import DAY
from shared.training.schedule import RetrainingRule, due, last_slot

WEEKLY = RetrainingRule(7, 3)
NOW = 20_000 * DAY
NAME = "acme.sendtime"
SLOT = last_slot(NAME, 7 * DAY, NOW)


def trained(days_before: float, at: int) -> int:
    return int(at - days_before * DAY)


@pytest.mark.parametrize(
    ("after_slot_days", "trained_before_slot_days", "cause"),
    [
        (0.0, 7.0, "schedule"),
        (0.0, 3.5, "schedule"),
        (0.0, 3.4, None),  # somebody trained it by hand: this slot passes
        (6.9, 0.1, None),
        (6.9, -0.1, None),  # trained in this slot
        (3.0, 70.0, "schedule"),  # the worker was away for weeks: once
    ],
)
def test_a_model_is_trained_at_its_slot_unless_that_was_done_lately(
    after_slot_days: float, trained_before_slot_days: float, cause: str | None
) -> None:
    now = SLOT + int(after_slot_days * DAY)

    assert due(WEEKLY, NAME, trained_at=trained(trained_before_slot_days, SLOT), has_drifted=False, now=now) == cause


@pytest.mark.parametrize(
    ("rule", "days", "cause"),
    [
        (WEEKLY, 2.9, None),
        (WEEKLY, 3.0, "drift"),
        (RetrainingRule(0, 3), 3.0, "drift"),
        (RetrainingRule(0, 0), 99, None),
    ],
)
def test_drift_trains_again_but_not_sooner_than_its_days(rule: RetrainingRule, days: float, cause: str | None) -> None:
    now = SLOT + DAY

    assert due(rule, NAME, trained_at=trained(days, now), has_drifted=True, now=now) == cause


def test_a_rule_of_0_days_never_trains_by_time() -> None:
    assert due(RetrainingRule(0, 3), NAME, trained_at=0, has_drifted=False, now=NOW) is None


def test_a_week_of_hourly_looks_trains_once() -> None:
    trained_at, times = trained(20, NOW), 0
    for hour in range(7 * 24):
        now = NOW + hour * DAY // 24
        if due(WEEKLY, NAME, trained_at=trained_at, has_drifted=False, now=now) is not None:
            trained_at, times = now, times + 1

    assert times == 2  # at once, since it is overdue, and at the slot of the week
    assert trained_at == pytest.approx(last_slot(NAME, 7 * DAY, NOW + 7 * DAY), abs=DAY // 24)


def test_accounts_that_began_together_are_spread_over_the_interval() -> None:
    places = [last_slot(f"account-{number}.sendtime", 7 * DAY, NOW) // DAY for number in range(700)]

    counts = [places.count(day) for day in sorted(set(places))]
    assert sum(counts) == 700
    assert max(counts) < 150
