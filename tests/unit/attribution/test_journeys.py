import numpy as np

from shared.attribution.journeys import MOST_CHANNELS, OTHERS, Conversion, PathCounts, Touch, from_contacts, from_paths
from shared.contracts.rows import DAY

SINCE, UNTIL, LOOKBACK = 100 * DAY, 200 * DAY, 30 * DAY


def paths(touches, conversions, *, others=0):
    made = from_contacts(touches, conversions, since=SINCE, until=UNTIL, lookback=LOOKBACK, others=others)
    named = [
        [made.channels[code] for code in made.channel[begin:end]]
        for begin, end in zip(made.offsets[:-1], made.offsets[1:], strict=True)
    ]
    return [
        (path, float(won), float(lost)) for path, won, lost in zip(named, made.conversions, made.nulls, strict=True)
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


def test_who_converts_without_a_touch_and_who_does_neither_are_journeys_without_touches() -> None:
    assert paths({}, {"c-1": [Conversion(150 * DAY)]}, others=2) == [([], 1.0, 0.0), ([], 0.0, 1.0), ([], 0.0, 1.0)]


def test_a_touch_at_the_instant_of_the_conversion_did_not_lead_to_it() -> None:
    assert paths({"c-1": [at(120, "email")]}, {"c-1": [Conversion(120 * DAY)]}) == [
        ([], 1.0, 0.0),
        (["email"], 0.0, 1.0),
    ]


def test_values_belong_to_their_conversions_and_ages_count_back_from_them() -> None:
    made = from_contacts(
        {"c-1": [at(110, "email")]},
        {"c-1": [Conversion(120 * DAY, 49.5)]},
        since=SINCE,
        until=UNTIL,
        lookback=LOOKBACK,
    )

    assert (made.value.tolist(), made.age_days.tolist()) == ([49.5], [10.0])


def test_the_rarest_channels_beyond_the_most_are_one() -> None:
    rows = [PathCounts([f"ch-{number:02}"], 100 - number, 0.0, 1.0) for number in range(MOST_CHANNELS + 5)]

    made = from_paths(rows)

    assert len(made.channels) == MOST_CHANNELS
    assert made.channels[-1] == OTHERS
    assert int(np.sum(made.channel == MOST_CHANNELS - 1)) == 6


def test_paths_that_nobody_went_are_left_out() -> None:
    assert len(from_paths([PathCounts(["a"], 0.0, 0.0, 0.0), PathCounts(["b"], 1.0, 5.0, 0.0)])) == 1
