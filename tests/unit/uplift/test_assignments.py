"""Who got which arm, when and with which chance, from every source."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from services.uplift.training.assignments import assigned, control_among, of_holdout
from services.uplift.training.sources import Source, of_attribute, of_decisions, of_events
from shared.contracts.decision import DecisionRow
from shared.contracts.holdout import Holdout
from shared.errors import BadRequest, InsufficientData
from shared.timeline import ContactFacts, build
from shared.timeline.past_rows import DatedValue
from tests.unit.uplift.conftest import DAY, NOW, event, pasts_of


def test_counted_shares_stand_for_chances_that_nobody_stated() -> None:
    found = assigned([0, 1, 2, 3], [5, 5, 5, 5], ["a", "a", "a", "control"], None)

    assert found.names == ("control", "a")
    assert_array_equal(found.propensity, [0.75, 0.75, 0.75, 0.25])
    assert not found.is_planned


def test_an_arm_that_is_left_out_changes_counted_chances() -> None:
    found = assigned([0, 1, 2, 3], [5] * 4, ["a", "control", "control", "b"], None).of_arms([0, 1])

    assert found.names == ("control", "a")
    assert_array_equal(found.propensity, np.array([1, 2, 2]) / 3)


def test_one_arm_alone_is_refused_with_what_to_do() -> None:
    with pytest.raises(InsufficientData, match="start a holdout"):
        assigned([0, 1], [5, 5], ["mail", "mail"], None)


def test_an_experiment_without_a_control_is_refused_with_its_arms() -> None:
    with pytest.raises(BadRequest, match=r"--control; there are: mens \(2\), womens \(1\)"):
        control_among({"mens": 2, "womens": 1}, None)


def test_a_control_that_nobody_has_is_refused() -> None:
    with pytest.raises(BadRequest, match="No contact is in an arm c"):
        control_among({"a": 2, "b": 1}, "c")


def test_a_holdout_assigns_by_id_at_its_start_or_when_the_contact_was_known() -> None:
    pasts = pasts_of(event("c-0", "x", 100), event("c-1", "x", 900))
    half = Holdout("spring", "00" * 16, 0.5, "", "", 500, None)

    found = of_holdout(pasts, half, until=2_000)

    assert found.names == ("held out", "treated")
    assert_array_equal(found.arm, [0, 1])
    assert_array_equal(found.at, [500, 901])
    assert_array_equal(found.propensity, [0.5, 0.5])


def test_events_name_arm_and_chance_and_a_campaign_narrows_them() -> None:
    rows = [
        ("c-0", "1", "treatment_assigned", 10, 0.2, None, "may", "mail", None),
        ("c-1", "2", "treatment_assigned", 20, 0.8, None, "may", "control", None),
        ("c-1", "3", "treatment_assigned", 30, 0.5, None, "june", "mail", None),
    ]

    found = of_events(build(["c-0", "c-1"], {}, [rows]), "treatment_assigned/may", control=None)

    assert_array_equal(found.contact, [0, 1])
    assert_array_equal(found.arm, [1, 0])
    assert_array_equal(found.propensity, [0.2, 0.8])
    assert found.is_planned


def test_an_event_type_that_nobody_has_is_refused() -> None:
    with pytest.raises(InsufficientData, match="treatment_asigned"):
        of_events(pasts_of(event("c-0", "treatment_assigned", 1)), "treatment_asigned", control=None)


def decision(contact: str, message: str | None, arm: str, chance: float, slot: str = "") -> DecisionRow:
    return DecisionRow(f"d-{contact}-{slot}", contact, "bought", slot, "", message, arm, chance, (), "1", NOW)


def test_a_decision_counts_with_its_chance_times_that_of_who_chose() -> None:
    pasts = pasts_of(*(event(f"c-{number}", "x", 1) for number in range(4)))
    rows = [
        decision("c-0", None, "control", 1.0),
        decision("c-1", "a", "policy", 0.5),
        decision("c-2", "b", "policy", 0.25),
        decision("c-3", "a", "policy", 0.5),
    ]

    found = of_decisions(pasts, rows, control=None)

    assert found.names == ("none", "a", "b")
    assert_array_equal(found.propensity, [0.25, 0.375, 0.1875, 0.375])


def test_an_arm_that_two_can_give_counts_half_from_each() -> None:
    pasts = pasts_of(event("c-0", "x", 1), event("c-1", "x", 1))
    rows = [decision("c-0", None, "control", 1.0), decision("c-1", None, "policy", 0.5)]
    rows.append(decision("c-1", "a", "policy", 0.5))

    found = of_decisions(pasts, rows, control=None)

    assert_array_equal(found.propensity, [1.0, 0.5, 0.25])


def test_the_share_of_control_is_that_of_the_week_and_campaign() -> None:
    pasts = pasts_of(*(event(f"c-{number}", "x", 1) for number in range(8)))
    even = [decision("c-0", None, "control", 1.0), decision("c-1", "a", "policy", 1.0)]
    rare = [decision("c-2", None, "control", 1.0), *(decision(f"c-{n}", "a", "policy", 1.0) for n in (3, 4, 5))]
    later = [row._replace(decided_at=NOW + 21 * DAY) for row in rare]
    alone = [decision("c-6", "a", "policy", 1.0)._replace(campaign_id="sale")]

    found = of_decisions(pasts, [*even, *later, *alone], control=None)

    assert_array_equal(found.propensity, [0.5, 0.5, 0.25, 0.75, 0.75, 0.75])
    assert found.notes == (
        "Left out, 1 decisions: in their week and campaign all contacts, or none, were in control (none).",
    )


def attribute_of(*values: tuple[str, str, int], dated: bool = True) -> object:
    facts = {
        contact: ContactFacts(created_at=1, attributes=(DatedValue("arm", since, value, dated),))
        for contact, value, since in values
    }
    return build(list(facts), facts, [])


def test_an_attribute_assigns_at_the_instant_from_which_it_holds() -> None:
    pasts = attribute_of(("c-0", "mail", 100), ("c-1", "control", 200))

    found = of_attribute(pasts, "arm", control=None, propensity=None, now=NOW, is_flat=False)  # type: ignore[arg-type]

    assert_array_equal(found.at, [100, 200])
    assert_array_equal(found.arm, [1, 0])


def test_an_attribute_without_dates_is_refused_unless_nothing_has_times() -> None:
    pasts = attribute_of(("c-0", "mail", 100), ("c-1", "control", 200), dated=False)

    with pytest.raises(BadRequest, match="since when arm holds"):
        of_attribute(pasts, "arm", control=None, propensity=None, now=NOW, is_flat=False)  # type: ignore[arg-type]
    flat = of_attribute(pasts, "arm", control=None, propensity=None, now=NOW, is_flat=True)  # type: ignore[arg-type]
    assert_array_equal(flat.at, [NOW, NOW])


def chances(*values: object) -> object:
    facts = {
        f"c-{number}": ContactFacts(
            created_at=1,
            attributes=(DatedValue("arm", 100, ("mail", "none")[number % 2]), DatedValue("chance", 100, value)),
        )
        for number, value in enumerate(values)
    }
    return build(list(facts), facts, [])


def test_an_attribute_may_hold_the_chances() -> None:
    found = of_attribute(
        chances("0.25", 0.75),
        "arm",
        control=None,
        propensity="chance",
        now=NOW,
        is_flat=False,  # type: ignore[arg-type]
    )

    assert found.names == ("none", "mail")
    assert_array_equal(found.propensity, [0.25, 0.75])


@pytest.mark.parametrize(("values", "name"), [((0.5, 1.5), "chance"), ((0.5, "much"), "chance"), ((0.5, 0.5), "odds")])
def test_what_is_no_chance_is_refused(values: tuple[object, ...], name: str) -> None:
    with pytest.raises(BadRequest, match="chance"):
        of_attribute(
            chances(*values),
            "arm",
            control=None,
            propensity=name,
            now=NOW,
            is_flat=False,  # type: ignore[arg-type]
        )


@pytest.mark.parametrize("text", ["holdout", "sendtime:", "survey:x", ""])
def test_an_unknown_source_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        Source.of(text)


def test_a_source_of_events_has_a_type_of_its_own_where_none_is_named() -> None:
    assert Source.of("event").event_type == "treatment_assigned"
    assert Source.of("event:sent/may").event_type == "sent"
    assert Source.of("attribute:Arm").attribute == "Arm"
