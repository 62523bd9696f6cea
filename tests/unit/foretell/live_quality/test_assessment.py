import pytest

from foretell.live_quality.assessment import judged, judged_by, waits
from foretell.live_quality.outcome_rules import OutcomeRule
from shared.contracts.model_quality import LiveFigure, Promise, QualityFigures
from shared.contracts.rows import DAY

UNKNOWN = LiveFigure(value=None, low=None, high=None)


def live(
    predictions: int = 1_000,
    positives: int = 100,
    expected: float = 100.0,
    skill: tuple[float, float, float] = (0.1, 0.05, 0.15),
) -> QualityFigures:
    rate = positives / predictions
    return QualityFigures(
        predictions=predictions, contacts=predictions, positives=positives, expected=expected,
        contacts_reached=positives, contacts_not_reached=predictions - positives,
        base_rate=LiveFigure(value=rate, low=rate * 0.9, high=rate * 1.1), expected_rate=expected / predictions,
        auc=UNKNOWN, log_loss=UNKNOWN, calibration_slope=UNKNOWN, lift_at_10_percent=UNKNOWN,
        skill_over_constant=LiveFigure(value=skill[0], low=skill[1], high=skill[2]), sampled_share=1.0,
    )  # fmt: skip


def promised(low: float = 0.08, high: float = 0.16) -> Promise:
    skill = LiveFigure(value=0.12, low=low, high=high)
    return Promise(
        base_rate=0.1, auc=None, log_loss=None, skill_over_constant=skill, calibration_slope=None,
        lift_at_10_percent=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("figures", "verdict", "words"),
    [
        (live(), "holds", "Holds what it promised: 100 of 1,000 predictions came true, 100 were expected"),
        (live(skill=(0.02, -0.01, 0.079)), "worse", "2.0 % closer to what happened than the usual rate (12.0 %"),
        (live(skill=(0.02, -0.01, 0.08)), "holds", "Holds"),
        (live(expected=160.0), "chances_off", "fewer than expected"),
        (live(expected=60.0), "chances_off", "more than expected"),
        (live(expected=108.0), "holds", "Holds"),
        (live(skill=(-0.02, -0.06, 0.02)), "worse", "2.0 % farther from what happened than the usual rate (12.0 %"),
        (live(positives=39), "not_enough", "they came true for 39 of the 40 contacts that it takes; 1,000 are over."),
        (live(predictions=130), "not_enough", "they did not come true for 30 of the 40 contacts"),
        (
            live().model_copy(update={"contacts_reached": 12}),
            "not_enough",
            "Not enough closed predictions yet: they came true for 12 of the 40 contacts",
        ),
        (None, "not_enough", "Not enough closed predictions yet: none is over. The next ones close"),
    ],
)
def test_a_verdict_is_put_in_words(figures: QualityFigures | None, verdict: str, words: str) -> None:
    found, text = judged(promised(), figures, waiting="The next ones close on 3 December 2026.")

    assert found == verdict
    assert words in text


def test_without_a_promise_nothing_is_compared() -> None:
    assert judged(None, live(), waiting="")[0] == "not_measured"


@pytest.mark.parametrize(
    ("closes", "by_attribute", "text"),
    [
        (3 * DAY, False, "The next ones close on 4 January 1970."),
        (DAY, False, "The next ones close once newer events come: the newest is of 1 May 1969."),
        (None, False, ""),
        (None, True, "They are over once the attribute says yes or no."),
    ],
)
def test_when_more_are_over_is_stated(closes: int | None, by_attribute: bool, text: str) -> None:
    assert waits(closes, now=2 * DAY, newest="1 May 1969", by_attribute=by_attribute) == text


WON = OutcomeRule(90 * DAY, ("deal_won",))
LEARNED = OutcomeRule(90 * DAY, ("deal_won",), since=5)


@pytest.mark.parametrize(
    ("rule", "is_known", "text"),
    [
        (LEARNED, True, ""),
        (
            OutcomeRule(30 * DAY, ("deal_won",)),
            True,
            "It is judged by what the outcome meant when it was trained; today it means something else (30 days; "
            "today 90 days).",
        ),
        (
            OutcomeRule(90 * DAY, ("order_placed",)),
            True,
            "It is judged by what the outcome meant when it was trained; today it means something else.",
        ),
        (
            WON,
            False,
            "What it predicted is not known any more: it is judged by what the outcome means today, 90 days.",
        ),
    ],
)
def test_it_is_stated_by_what_a_version_is_judged(rule: OutcomeRule, is_known: bool, text: str) -> None:
    assert judged_by(rule, WON, is_known=is_known) == text
