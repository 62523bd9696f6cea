from typing import Any

import pytest

from gateway.console.overview import HOURS, answered, suffices

BEGIN, LAST = "2026-06-01T08:00:00Z", "2026-06-03T07:00:00Z"


def hour(at: str, status: str, answers: int) -> dict[str, Any]:
    return {"hour": at, "capability": "scoring", "status": status, "answers": answers}


def test_hours_without_an_answer_are_zero_and_questions_are_summed() -> None:
    counted = [hour(LAST, "ok", 5), {**hour(LAST, "ok", 2), "capability": "churn"}, hour(BEGIN, "ok", 1)]

    found = answered({"since": BEGIN, "hours": counted})

    (series,) = found["plot"]["series"]
    assert (len(series["values"]), series["values"][0], series["values"][-1]) == (HOURS, 1, 7)
    assert (found["total"], found["last_day"]) == (8, 7)
    assert found["finding"] == "8 answers in the last two days, 100 % of them with a prediction."


def test_few_statuses_have_a_line_of_their_own_and_the_rest_share_one() -> None:
    names = ["ok", "insufficient_data", "control", "no_consent", "not_eligible", "outcome_reached"]
    counted = [hour(LAST, name, 10 - number) for number, name in enumerate(names)]

    series = answered({"since": BEGIN, "hours": counted})["plot"]["series"]

    assert [one["label"] for one in series] == [
        "with an answer", "too little known", "held out", "no consent", "others",
    ]  # fmt: skip
    assert series[-1]["values"][-1] == 11


def test_an_hour_outside_of_the_plot_is_left_out() -> None:
    found = answered({"since": BEGIN, "hours": [hour("2026-06-03T08:00:00Z", "ok", 5)]})

    assert (found["total"], found["finding"]) == (0, "Nobody was asked about in the last two days.")


@pytest.mark.parametrize(
    ("needed", "expected"),
    [
        ([(True, "not trained"), (True, "a rule")], ("good", "enough", "")),
        ([(True, "not trained"), (None, "a rule")], ("warn", "perhaps enough", "")),
        ([(True, "not trained"), (False, "a rule")], ("warn", "with limits", "a rule")),
        ([(False, "not trained, or unsure figures"), (False, "a rule")], ("bad", "not enough", "")),
    ],
)
def test_what_is_missed_says_how_far_data_suffices(
    needed: list[tuple[bool | None, str]], expected: tuple[str, str, str]
) -> None:
    assert suffices([{"met": met, "otherwise": otherwise} for met, otherwise in needed]) == expected
