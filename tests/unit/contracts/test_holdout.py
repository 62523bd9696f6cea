import json

import pytest

from shared.contracts.holdout import Holdout, holding, new_holdout, withheld
from shared.contracts.prediction import Prediction, ReasonPart
from shared.errors import BadRequest

SALT = "0f" * 16
SPRING = Holdout("spring", SALT, 0.1, "", "", 100, None)
HELD = ["c-9", "c-14", "c-21", "c-32", "c-49", "c-51", "c-57"]
IDS = [f"c-{number}" for number in range(20_000)]


def test_the_same_salt_and_id_are_drawn_alike_on_every_machine() -> None:
    held = [one for one in IDS[:60] if SPRING.holds(one)]

    assert held == HELD


def test_the_share_is_what_was_wanted() -> None:
    assert sum(map(SPRING.holds, IDS)) / len(IDS) == pytest.approx(0.1, abs=0.006)


def test_a_larger_share_holds_whom_a_smaller_one_held() -> None:
    larger = SPRING._replace(share=0.2)

    assert all(larger.holds(one) for one in IDS if SPRING.holds(one))


def test_another_salt_draws_anew() -> None:
    other = SPRING._replace(salt="f0" * 16)

    assert sum(SPRING.holds(one) and other.holds(one) for one in IDS) / len(IDS) == pytest.approx(0.01, abs=0.003)


def test_two_holdouts_made_alike_have_salts_of_their_own() -> None:
    first, second = (new_holdout("a", 0.1, ("", ""), at=0, until=None) for _ in range(2))

    assert first.salt != second.salt
    assert len(first.salt) == 32


@pytest.mark.parametrize(
    ("released_at", "until", "at", "active"),
    [(None, None, 5, True), (4, None, 5, False), (None, 6, 5, True), (None, 5, 5, False), (None, 5, None, True)],
)
def test_it_is_active_until_it_is_released_or_over(
    released_at: int | None, until: int | None, at: int | None, active: bool
) -> None:
    assert SPRING._replace(released_at=released_at, until=until).is_active(at) is active


@pytest.mark.parametrize(
    ("name", "share", "question", "until", "pointer"),
    [
        ("Spring", 0.1, ("", ""), None, "/name"),
        ("spring", 0.0, ("", ""), None, "/share"),
        ("spring", 0.51, ("", ""), None, "/share"),
        ("spring", 0.1, ("", "customer"), None, "/outcome"),
        ("spring", 0.1, ("sendtime", "customer"), None, "/outcome"),
        ("spring", 0.1, ("", ""), 7, "/until"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    name: str, share: float, question: tuple[str, str], until: int | None, pointer: str
) -> None:
    with pytest.raises(BadRequest) as error:
        new_holdout(name, share, question, at=7, until=until)

    assert error.value.members["errors"][0]["pointer"] == pointer


def test_nothing_of_a_prediction_is_left_in_what_is_answered_instead() -> None:
    told = Prediction(
        contact_id="c-1",
        probability=0.41,
        score=93,
        band="high",
        trend="improving",
        reasons=[ReasonPart("clicks", 4, 0.82, "Clicked")],
        source="model",
        data_quality=["new_contact"],
        margin=-0.3,
        base=-1.0,
    )

    answer = withheld(told, SPRING)

    assert {name: value for name, value in json.loads(answer.wire({})).items() if value} == {
        "contact_id": "c-1",
        "status": "control",
        "detail": "The contact is held out by `spring`: treat it as if nothing were predicted.",
        "trend": "unknown",
    }
    assert (answer.withheld_probability, answer.margin, answer.base) == (0.41, None, None)


def test_nobody_without_an_id_is_held_out() -> None:
    assert holding([SPRING._replace(share=0.5)], None) is None
