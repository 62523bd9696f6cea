import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.attribution.journeys import (
    MOST_CHANNELS,
    MOST_NAMES,
    OTHERS,
    Conversion,
    JourneyBuilder,
    PathCounts,
    Touch,
    from_contacts,
    from_paths,
)
from shared.contracts.rows import DAY
from shared.errors import BadRequest

SINCE, UNTIL, LOOKBACK = 100 * DAY, 200 * DAY, 30 * DAY


def builder(**more: bool) -> JourneyBuilder:
    return JourneyBuilder(since=SINCE, until=UNTIL, lookback=LOOKBACK, **more)


def paths(touches, conversions, **more: bool):
    made = from_contacts(touches, conversions, builder(**more))
    named = [
        [made.channels[code] for code in made.channel[begin:end]]
        for begin, end in zip(made.offsets[:-1], made.offsets[1:], strict=True)
    ]
    return [
        (path, float(won), float(lost))
        for path, won, lost in zip(named, made.conversions, made.nulls, strict=True)
        if path or won
    ]


def at(day: float, channel: str) -> Touch:
    return Touch(int(day * DAY), channel)


def test_a_conversion_ends_a_journey_of_the_touches_before_it_in_the_order_of_time() -> None:
    touches = {"c-1": [at(119, "search"), at(110, "email"), at(125, "social")]}

    found = paths(touches, {"c-1": [Conversion(120 * DAY)]})

    assert found == [(["email", "search"], 1.0, 0.0), (["social"], 0.0, 1.0)]


def test_what_lies_before_the_lookback_or_before_the_conversion_before_is_no_part_of_a_journey() -> None:
    touches = {"c-1": [at(75, "old"), at(105, "email"), at(112, "search")]}

    found = paths(touches, {"c-1": [Conversion(110 * DAY), Conversion(120 * DAY)]})

    assert found == [(["email"], 1.0, 0.0), (["search"], 1.0, 0.0)]


def test_a_conversion_before_the_period_cuts_and_counts_for_nothing() -> None:
    touches = {"c-1": [at(90, "email"), at(96, "search")]}

    assert paths(touches, {"c-1": [Conversion(95 * DAY), Conversion(101 * DAY)]}) == [(["search"], 1.0, 0.0)]


def test_what_comes_at_or_after_the_end_of_the_period_is_not_seen() -> None:
    touches = {"c-1": [at(150, "email"), at(200, "search")]}

    assert paths(touches, {"c-1": [Conversion(200 * DAY)]}) == [(["email"], 0.0, 1.0)]


def test_time_without_touches_is_journeys_that_ended_in_none_as_long_as_the_others() -> None:
    made = from_contacts({"c-2": [at(20, "email")]}, {"c-1": [Conversion(150 * DAY)]}, builder(), others=2)

    assert (made.channels, made.conversions.tolist()) == ((), [1.0, 0.0])
    assert made.nulls == pytest.approx([0.0, 100 / 30 - 1])
    assert (made.idle, made.idle_nulls) == (3, pytest.approx(100 / 30))


def test_touches_that_led_to_nothing_are_cut_into_journeys_as_long_as_the_lookback() -> None:
    touches = {"c-1": [at(day, "email") for day in (110, 125, 130, 150, 165, 199)]}

    found = paths(touches, {"c-1": [Conversion(190 * DAY)]})

    assert found == [
        (["email"], 1.0, 0.0),
        (["email"], 0.0, 1.0),
        (["email", "email", "email"], 0.0, 1.0),
        (["email"], 0.0, pytest.approx(1 / 30)),  # a conversion may still come
    ]


def test_of_an_outcome_reached_once_only_the_first_counts_and_nothing_after_it_is_a_journey() -> None:
    touches = {"c-1": [at(110, "email"), at(125, "search")], "c-2": [at(120, "email")]}
    conversions = {"c-1": [Conversion(115 * DAY), Conversion(130 * DAY)], "c-2": [Conversion(40 * DAY)]}

    made = from_contacts(touches, conversions, builder(once=True), others=1)

    assert (made.conversions.tolist(), made.nulls.tolist(), len(made.channel)) == ([1.0], [0.0], 1)
    assert made.idle == 1  # who converted before the period is not at risk


def test_a_journey_that_ended_in_none_looks_back_before_the_period_as_others_do() -> None:
    found = paths({"c-1": [at(95, "email"), at(101, "search")], "c-2": [at(95, "email")]}, {})

    assert found == [(["email", "search"], 0.0, 1.0)]


def test_conversions_of_one_instant_are_one_journey_that_ended_in_as_many() -> None:
    found = paths({"c-1": [at(110, "email")]}, {"c-1": [Conversion(120 * DAY), Conversion(120 * DAY)]})

    assert found == [(["email"], 2.0, 0.0)]


@given(seed=st.integers(0, 10_000))
def test_the_order_in_which_things_come_changes_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    touches = [
        (int(unit), int(when) * DAY, f"ch-{channel}")
        for unit, when, channel in random.integers([0, 80, 0], [4, 199, 3], (20, 3))
    ]
    won = [(int(unit), int(when) * DAY) for unit, when in random.integers([0, 80], [4, 199], (6, 2))]
    made = []
    for _ in range(2):
        one = builder()
        for unit, when, channel in touches:
            one.touch(unit, when, channel)
        for unit, when in won:
            one.convert(unit, when)
        made.append(one.build(5))
        random.shuffle(touches)
        random.shuffle(won)

    for name in ("channels", "offsets", "channel", "conversions", "nulls", "unit", "idle"):
        assert np.array_equal(getattr(made[0], name), getattr(made[1], name)), name


def test_more_names_than_a_report_can_tell_apart_are_refused() -> None:
    one = builder()

    for number in range(MOST_NAMES):
        one.touch(number, SINCE, f"message-{number}")

    with pytest.raises(BadRequest, match=r"more than 100,000 different channels"):
        one.touch(0, SINCE, "another")


def test_a_touch_at_the_instant_of_the_conversion_did_not_lead_to_it() -> None:
    assert paths({"c-1": [at(120, "email")]}, {"c-1": [Conversion(120 * DAY)]}) == [
        ([], 1.0, 0.0),
        (["email"], 0.0, 1.0),
    ]


def test_values_belong_to_their_conversions_and_ages_count_back_from_them() -> None:
    made = from_contacts(
        {"c-1": [at(110, "email")]},
        {"c-1": [Conversion(120 * DAY, 49.5)]},
        builder(),
    )

    assert (made.value[0], made.age_days.tolist()) == (49.5, [10.0])


def test_the_rarest_channels_beyond_the_most_are_one() -> None:
    rows = [PathCounts([f"ch-{number:02}"], 100 - number, 0.0, 1.0) for number in range(MOST_CHANNELS + 5)]

    made = from_paths(rows)

    assert len(made.channels) == MOST_CHANNELS
    assert made.channels[-1] == OTHERS
    assert int(np.sum(made.channel == MOST_CHANNELS - 1)) == 6


def test_paths_that_nobody_went_are_left_out() -> None:
    assert len(from_paths([PathCounts(["a"], 0.0, 0.0, 0.0), PathCounts(["b"], 1.0, 5.0, 0.0)])) == 1


def test_a_path_gone_half_a_time_keeps_its_channels() -> None:
    made = from_paths([PathCounts(["a", "b"], 0.5, 0.0, 0.0)])

    assert (made.channels, made.conversions.tolist()) == (("a", "b"), [0.5])
