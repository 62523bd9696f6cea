"""What an outcome may be, with which words another one is refused, and what an automatic one becomes."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts.outcome import BUILT_IN, DEFAULTS, Outcome, chosen


def churn(**fields: Any) -> Outcome:
    return Outcome.model_validate({"name": "left", "capability": "churn", **fields})


CANCELLED = {"event_types": ("subscription_cancelled",)}


def test_a_cancellation_is_predicted_sixty_days_ahead_of_everybody_at_risk() -> None:
    left = churn(**CANCELLED)

    assert (left.horizon_days, left.active_within_days) == (60, None)
    assert (left.silence, left.attribute, left.band_lifts) == ((), None, (1.0, 2.0, 4.0))


def test_what_is_stated_of_a_cancellation_stays_as_it_was() -> None:
    left = churn(**CANCELLED, horizon_days=90, active_within_days=180)

    assert (left.horizon_days, left.active_within_days) == (90, 180)


def test_a_silence_is_ninety_days_of_those_active_within_a_hundred_and_eighty() -> None:
    lapsed = churn(silence=("order_placed", "page_viewed"))

    assert (lapsed.horizon_days, lapsed.active_within_days) == (90, 180)
    assert not lapsed.is_automatic


def test_scoring_keeps_its_own_defaults() -> None:
    won = Outcome(name="won", capability="scoring", event_types=("deal_won",))

    assert (won.horizon_days, won.active_within_days) == (90, 180)


@pytest.mark.parametrize(
    "outcome",
    [churn(**CANCELLED), churn(silence=("order_placed",), active_within_days=None), churn(), churn(attribute="Churn")],
    ids=["cancellation", "silence", "automatic", "flat"],
)
def test_written_and_read_back_it_is_the_same(outcome: Outcome) -> None:
    assert Outcome.model_validate_json(outcome.model_dump_json()) == outcome
    assert Outcome.model_validate(outcome.model_dump()) == outcome


def test_an_outcome_stored_before_churn_existed_is_still_read() -> None:
    stored = '{"name": "won", "capability": "scoring", "event_types": ["deal_won"], "horizon_days": 30}'

    assert Outcome.model_validate_json(stored).silence == ()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({**CANCELLED, "silence": ("order_placed",)}, "give one of event_types, silence and attribute"),
        ({**CANCELLED, "attribute": "Churn"}, "give one of event_types, silence and attribute"),
        ({"silence": ("order_placed",), "attribute": "Churn"}, "give one of event_types, silence and attribute"),
        ({"silence": ("order_placed",), "repeatable": True}, "leave at and repeatable out"),
        ({**CANCELLED, "at": [{"event_type": "a", "after_seconds": 0}]}, "leave at and repeatable out"),
        ({**CANCELLED, "band_lifts": (2.0, 1.0, 4.0)}, "give band_lifts in rising order"),
        ({**CANCELLED, "band_lifts": (1.0, 1.0, 4.0)}, "give band_lifts in rising order"),
        ({**CANCELLED, "band_lifts": (0.0, 1.0, 4.0)}, "greater than 0"),
        ({**CANCELLED, "band_lifts": (1.0, 2.0)}, "Field required"),
        ({**CANCELLED, "band_lifts": (1.0, 2.0, float("nan"))}, "less than or equal to 1000"),
        ({**CANCELLED, "band_lifts": (1.0, 2.0, 1_001.0)}, "less than or equal to 1000"),
        ({"silence": ("Not Snake",)}, "match pattern"),
        ({"silence": ("a",) * 11}, "at most 10"),
        ({"silence": ("a",), "horizon_days": 0}, "greater than or equal to 1"),
        ({"silence": ("a",), "horizon_days": 366}, "less than or equal to 365"),
        ({"silence": ("a",), "active_within_days": 3_651}, "less than or equal to 3650"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
        ({"horizon_days": 30}, "say what churn is before its horizon_days or active_within_days"),
        ({"active_within_days": None}, "say what churn is before its horizon_days or active_within_days"),
    ],
)
def test_what_churn_cannot_mean_is_refused_in_words(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        churn(**fields)


@pytest.mark.parametrize("fields", [{}, {"silence": ("a",)}, {"silence": ("a",), "event_types": ("b",)}])
def test_scoring_knows_no_silence_and_chooses_nothing_itself(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="give either event_types or attribute"):
        Outcome.model_validate({"name": "won", "capability": "scoring", **fields})


@pytest.mark.parametrize(
    "fields", [{"capability": "scoring", "event_types": ("deal_won",)}, {"capability": "churn", "silence": ("a",)}]
)
def test_values_are_added_up_only_where_something_is_earned(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="sums_value is for messages and uplift"):
        Outcome.model_validate({"name": "revenue", "sums_value": True, **fields})


def test_every_account_has_an_automatic_churn_outcome_that_is_meant_without_a_name() -> None:
    (built_in,) = (outcome for outcome in BUILT_IN if outcome.capability == "churn")

    assert built_in.is_automatic
    assert DEFAULTS["churn"] == built_in.name == "churn"


def test_a_message_is_meant_to_be_clicked_within_a_week_by_default() -> None:
    (built_in,) = (outcome for outcome in BUILT_IN if outcome.name == DEFAULTS["messages"])

    assert (built_in.capability, built_in.event_types, built_in.horizon_days) == ("messages", ("email_clicked",), 7)
    assert built_in.repeatable


def test_a_message_earns_by_events_alone() -> None:
    with pytest.raises(ValidationError, match="give event_types: a message earns by what happens after it"):
        Outcome.model_validate({"name": "won", "capability": "messages", "attribute": "won"})


@pytest.mark.parametrize(
    ("counts", "event_types", "silence", "horizon_days", "active_within_days"),
    [
        # A cancellation, however rare.
        (
            {"order_placed": (900, 900), "subscription_cancelled": (1, 0)},
            ("subscription_cancelled",),
            (),
            60,
            None,
        ),
        # The most frequent activity with a value, though others are more frequent.
        (
            {"page_viewed": (900, 0), "order_placed": (30, 1), "deal_won": (20, 20)},
            (),
            ("order_placed",),
            90,
            180,
        ),
        ({"page_viewed": (900, 0), "form_submitted": (30, 0)}, (), ("page_viewed",), 90, 180),
        # What we or machines do, or a farewell, is no sign of staying.
        (
            {"email_sent": (900, 0), "email_opened_unverified": (90, 0), "order_refunded": (9, 9)}
            | {"deal_lost": (9, 9), "email_clicked": (3, 0)},
            (),
            ("email_clicked",),
            90,
            180,
        ),
        # As many of both: the first by name, whatever order they come in.
        ({"webinar_attended": (5, 0), "page_viewed": (5, 0)}, (), ("page_viewed",), 90, 180),
    ],
)  # fmt: skip
def test_an_automatic_outcome_becomes_what_the_account_s_events_say(
    counts: dict[str, tuple[int, int]],
    event_types: tuple[str, ...],
    silence: tuple[str, ...],
    horizon_days: int,
    active_within_days: int | None,
) -> None:
    found = chosen(churn(band_lifts=(1.0, 3.0, 9.0), every_days=7), counts)

    assert (found.event_types, found.silence) == (event_types, silence)
    assert (found.horizon_days, found.active_within_days) == (horizon_days, active_within_days)
    assert (found.name, found.band_lifts, found.every_days) == ("left", (1.0, 3.0, 9.0), 7)
    assert not found.is_automatic


@pytest.mark.parametrize("counts", [{}, {"email_sent": (900, 0)}])
def test_an_account_without_any_activity_leaves_it_open(counts: dict[str, tuple[int, int]]) -> None:
    assert chosen(churn(), counts).is_automatic


@pytest.mark.parametrize("outcome", [churn(**CANCELLED), churn(silence=("seen",)), churn(attribute="Churn")])
def test_what_was_stated_is_never_chosen_anew(outcome: Outcome) -> None:
    assert chosen(outcome, {"order_placed": (9, 9)}) is outcome
