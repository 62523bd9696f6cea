"""What came after an assignment: within the horizon, once or as a value, and only where it is over."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from services.uplift.schemas import UpliftChoices
from services.uplift.training.assignments import ArmAssignments
from services.uplift.training.material import UpliftMaterial, followed_up, material_of, splits_of
from shared.contracts.outcome import Outcome
from shared.errors import BadRequest, InsufficientData
from shared.timeline import ContactFacts, Pasts, build
from shared.timeline.past_rows import DatedValue
from tests.unit.uplift.conftest import BOUGHT, DAY, NO_STORE, NOW, Mailing, event

AT = NOW - 30 * DAY


def assigned_to(n: int, at: int = AT) -> ArmAssignments:
    arm = (np.arange(n) % 2).astype(np.int32)
    return ArmAssignments(np.arange(n, dtype=np.int32), np.full(n, at), arm, np.full(n, 0.5), ("control", "mail"), True)


def bought(n: int) -> Pasts:
    rows = [event(f"c-{number}", "order_placed", AT + DAY, 10.0) for number in range(n)]
    rows += [event(f"c-{number}", "order_placed", AT + 2 * DAY, 5.0) for number in range(n)]
    rows += [event(f"c-{number}", "order_placed", AT + 20 * DAY, 7.0) for number in range(n)]
    return build([f"c-{number}" for number in range(n)], {}, [rows])


def test_a_value_sums_what_came_within_the_horizon() -> None:
    worth = BOUGHT.model_copy(update={"sums_value": True})

    once = followed_up(BOUGHT, bought(120), assigned_to(120), until=NOW, now=NOW)
    summed = followed_up(worth, bought(120), assigned_to(120), until=NOW, now=NOW)

    assert set(once.label.tolist()) == {1.0}
    assert set(summed.label.tolist()) == {15.0}


def test_who_has_reached_what_is_reached_once_is_left_out() -> None:
    once = BOUGHT.model_copy(update={"repeatable": False})

    with pytest.raises(InsufficientData, match="120 more are not over or had reached it before"):
        followed_up(once, bought(120), assigned_to(120, AT + 5 * DAY), until=NOW, now=NOW)


def test_an_assignment_whose_horizon_is_open_does_not_count() -> None:
    with pytest.raises(InsufficientData, match="control 0, mail 0, 120 more are not over"):
        followed_up(BOUGHT, bought(120), assigned_to(120, NOW - 5 * DAY), until=NOW, now=NOW)


def test_an_arm_with_few_contacts_is_left_out_and_named() -> None:
    few = assigned_to(150)
    arm = np.where(np.arange(150) < 10, 2, few.arm).astype(np.int32)
    three = ArmAssignments(few.contact, few.at, arm, few.propensity, ("control", "mail", "post"), False)

    found = followed_up(BOUGHT, bought(150), three, until=NOW, now=NOW)

    assert found.assigned.names == ("control", "mail")
    assert found.notes == ("Left out, with fewer than 50 contacts: post.",)


def test_the_assignment_itself_is_no_feature(mailing_material: UpliftMaterial) -> None:
    assert "page_viewed_30d" in mailing_material.feature_set.names
    assert not [one for one in mailing_material.feature_set.features if one.type == "treatment_assigned"]


def test_later_assignments_judge_where_they_spread() -> None:
    spread = assigned_to(2_000)
    at = AT - np.arange(2_000)[::-1] * DAY // 10
    late = ArmAssignments(spread.contact, at, spread.arm, spread.propensity, spread.names, True)

    in_time = splits_of(late, np.ones(2_000), horizon=14 * DAY, is_flat=False)
    at_once = splits_of(spread, np.ones(2_000), horizon=14 * DAY, is_flat=False)

    assert in_time[1]
    assert all(at[one.train].max() < at[one.test].min() for one in in_time[0])
    assert (at_once[1], len(at_once[0])) == (False, 5)


def flat(n: int) -> Pasts:
    draw = np.random.default_rng(2)
    facts = {}
    for number in range(n):
        values = {
            "arm": "mail" if number % 2 else "none",
            "visit": "yes" if draw.random() < 0.4 else "no",
            "age": float(draw.integers(20, 80)),
        }
        facts[f"c-{number}"] = ContactFacts(
            created_at=1, attributes=tuple(DatedValue(name, 1, value, False) for name, value in values.items())
        )
    return build(list(facts), facts, [])


VISIT = Outcome(name="visited", capability="uplift", attribute="visit")


def test_a_table_without_times_needs_no_events() -> None:
    found = material_of(NO_STORE, flat(200), VISIT, UpliftChoices(experiment="attribute:arm"), now=NOW)

    assert (found.is_flat, found.assigned.names, found.feature_set.names) == (True, ("none", "mail"), ("age",))
    assert_array_equal(np.unique(found.table.label), [0.0, 1.0])


def test_a_table_without_times_has_its_arms_in_a_column() -> None:
    with pytest.raises(BadRequest, match="give the arms in a column too"):
        material_of(NO_STORE, flat(200), VISIT, UpliftChoices(experiment="event:sent"), now=NOW)


def test_without_any_assignment_it_says_what_to_do(mailing: Mailing) -> None:
    with pytest.raises(InsufficientData, match="start a holdout"):
        material_of(NO_STORE, mailing.pasts, BOUGHT, UpliftChoices(experiment="event:test_begun"), now=NOW)
