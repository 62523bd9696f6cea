import numpy as np
import pytest

from services.messages.model.catalogue import Catalogue, LatestGroup
from shared.contracts.decision import RecentDecision
from shared.contracts.message_variant import MessageVariant
from shared.timeline import ContactFacts, ContactPasts, DatedValue
from shared.timeline.past_rows import GivenValues
from tests.unit.messages.conftest import AT, DAY, HOUR, catalogue


def pasts(*countries: object) -> ContactPasts:
    facts = {f"c-{n}": ContactFacts(0, attributes=(DatedValue("Country", 0, one),)) for n, one in enumerate(countries)}
    return ContactPasts([*facts], facts, [])


def of_country(*values: object) -> Catalogue:
    return Catalogue.of([MessageVariant(id="a", eligible={"attributes": {"country": values}}), MessageVariant(id="b")])


@pytest.mark.parametrize("many", [1, 200])
def test_an_attribute_counts_under_any_spelling_of_name_and_value(many: int) -> None:
    contacts = pasts(*(["fr ", "DE", None] * many))

    found = of_country("FR").by_attributes(contacts, np.full(len(contacts), AT))

    assert found[:3].tolist() == [[True, True], [False, True], [False, True]]
    assert found[:, 0].sum() == many


@pytest.mark.parametrize("many", [1, 200])
@pytest.mark.parametrize(
    "held", [{"COUNTRY": "DE", "Country": "FR"}, {"country": None, "COUNTRY": "FR"}, {"COUNTRY": "DE", "country": "FR"}]
)
def test_of_several_spellings_of_a_name_the_same_one_counts_for_one_contact_and_for_many(
    many: int, held: dict[str, str | None]
) -> None:
    facts = {f"c-{n}": ContactFacts(attributes=GivenValues(held)) for n in range(many)}

    found = of_country("FR").by_attributes(ContactPasts([*facts], facts, []), np.full(many, AT))

    assert found.all()


def test_numbers_and_truths_are_compared_as_they_are_written() -> None:
    found = of_country(2, True).by_attributes(pasts(2.0, "true", "3"), np.full(3, AT))

    assert found[:, 0].tolist() == [True, True, False]


def test_every_rule_of_bands_must_hold_and_any_segment_does() -> None:
    rules = [{"capability": "scoring", "bands": ["high"]}, {"capability": "churn", "outcome": "left", "bands": ["low"]}]
    known = Catalogue.of([MessageVariant(id="a", eligible={"segments": ["s-1", "s-2"], "bands": rules})])
    whole = [
        LatestGroup("segmentation", "", None, "s-2"),
        LatestGroup("scoring", "customer", "high", None),
        LatestGroup("churn", "left", "low", None),
    ]

    found = known.by_groups(["c-0", "c-1", "c-2"], {"c-0": whole, "c-1": whole[:2]}, {"scoring": "customer"})

    assert found[:, 0].tolist() == [True, False, False]


def test_a_message_runs_from_its_first_instant_to_before_its_last() -> None:
    known = catalogue("a", **{"from": "2026-06-01T00:00:00Z", "until": "2026-06-02T00:00:00Z"})

    assert [bool(known.running(at)[0]) for at in (AT - 1, AT, AT + DAY - 1, AT + DAY)] == [False, True, True, False]


def got(message: str, ago: int, slot: str = "") -> RecentDecision:
    return RecentDecision(message, slot, "", AT - ago)


@pytest.mark.parametrize(
    ("fields", "recent", "cap", "expected"),
    [
        ({"cap_per_week": 2}, [got("a", DAY)], None, [False, False]),
        ({"cap_per_week": 2}, [got("a", DAY), got("a", 2 * DAY)], None, [True, False]),
        ({"cap_per_week": 2}, [got("a", DAY), got("a", 7 * DAY)], None, [False, False]),
        ({"cooldown_hours": 48}, [got("a", 48 * HOUR)], None, [False, False]),
        ({"cooldown_hours": 48}, [got("a", 47 * HOUR), got("b", HOUR)], None, [True, True]),
        ({}, [got("gone", HOUR), got("gone", 2 * HOUR)], 2, [True, True]),
        ({}, [got("a", HOUR, "subject"), got("b", HOUR, "banner")], 2, [False, False]),
    ],
)
def test_caps_and_pauses(
    fields: dict[str, object], recent: list[RecentDecision], cap: int | None, expected: list[bool]
) -> None:
    known = catalogue("a", "b", **fields)

    blocked = known.blocked(["c-0"], {"c-0": recent}, at=AT, contact_cap=cap)

    assert (blocked is None and not any(expected)) or (blocked is not None and blocked[0].tolist() == expected)


def test_it_is_known_how_far_back_caps_look() -> None:
    assert catalogue("a").reach(None) == 0
    assert catalogue("a").reach(3) == 7 * DAY
    assert catalogue("a", cooldown_hours=1.5, cap_per_week=1).reach(None) == 7 * DAY
    assert catalogue("a", cooldown_hours=200).reach(None) == 200 * HOUR


def held_back(*ago: int) -> list[RecentDecision]:
    return [RecentDecision(None, "", "", AT - one) for one in ago]


@pytest.mark.parametrize(
    ("fields", "recent", "cap", "expected"),
    [
        ({"cap_per_week": 1}, held_back(DAY), None, [True, False]),
        ({"cap_per_week": 1}, held_back(2 * DAY, DAY), None, [True, True]),
        ({"cap_per_week": 2}, held_back(3 * DAY, 2 * DAY, DAY), None, [True, False]),
        ({"cooldown_hours": 36}, held_back(3 * DAY, 2 * DAY, DAY), None, [True, False]),
        ({}, held_back(2 * DAY, DAY), 2, [True, True]),
        ({}, held_back(2 * DAY, DAY), 3, [False, False]),
    ],
)
def test_what_is_held_back_counts_for_caps_as_what_is_sent(
    fields: dict[str, object], recent: list[RecentDecision], cap: int | None, expected: list[bool]
) -> None:
    known, everybody = catalogue("a", "b", **fields), np.ones((1, 2), dtype=bool)

    counted = known.as_if_sent(["c-0"], {"c-0": recent}, eligible=everybody, held_back=np.array([True]))
    treated = known.as_if_sent(["c-0"], {"c-0": recent}, eligible=everybody, held_back=np.array([False]))

    blocked = known.blocked(["c-0"], counted, at=AT, contact_cap=cap)
    assert (blocked is None and not any(expected)) or (blocked is not None and blocked[0].tolist() == expected)
    assert known.blocked(["c-0"], treated, at=AT, contact_cap=cap) is None
