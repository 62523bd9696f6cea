import numpy as np
import pytest

from shared.attribution.journeys import Conversion, JourneyBuilder, PathCounts, Touch, from_contacts, from_paths
from shared.attribution.report import Worth, attribution_figures
from shared.contracts.attribution import METHODS
from shared.contracts.rows import DAY
from shared.errors import TooLittleToAttribute

ROWS = [
    PathCounts(["search", "email"], 60, 1200.0, 140),
    PathCounts(["email"], 20, 300.0, 180),
    PathCounts(["social"], 2, 20.0, 198),
    PathCounts([], 10, 100.0, 490),
]


def test_every_method_stands_beside_every_channel_with_its_interval() -> None:
    report = attribution_figures(from_paths(ROWS), bootstraps=40)

    assert {one.channel for one in report.channels} == {"search", "email", "social"}
    for channel in report.channels:
        assert set(channel.credits) == set(METHODS) == set(report.methods)
        assert all(one.low <= one.conversions <= one.high for one in channel.credits.values())
    email = next(one for one in report.channels if one.channel == "email")
    assert (email.journeys, email.converted, email.touches) == (400, 80, 400)
    assert (email.credits["last_touch"].conversions, email.credits["last_touch"].value) == (80.0, 1500.0)


def test_conversions_without_a_touch_are_named_and_given_to_nobody() -> None:
    report = attribution_figures(from_paths(ROWS), bootstraps=20)

    assert (report.conversions, report.untouched_conversions, report.value) == (92, 10, 1620.0)
    assert report.expected_without is not None
    for method in ("markov", "last_touch", "linear"):
        assert sum(one.credits[method].conversions for one in report.channels) == pytest.approx(82.0, abs=0.01)
    shapley = sum(one.credits["shapley"].conversions for one in report.channels)
    assert shapley + report.expected_without.conversions == pytest.approx(92.0, abs=0.01)


def test_too_few_conversions_are_refused_with_the_count() -> None:
    with pytest.raises(
        TooLittleToAttribute, match=r"^39 of 139 conversions came after a touch in this period; 40 are"
    ) as raised:
        attribution_figures(from_paths([PathCounts(["a"], 39, 0.0, 5), PathCounts([], 100, 0.0, 5)]))

    assert raised.value.members == {"conversions": 139, "conversions_after_a_touch": 39, "needed": 40, "touches": 1}


def test_notes_say_what_the_data_cannot_show() -> None:
    notes = " ".join(attribution_figures(from_paths([PathCounts(["a", "b"], 50, 0.0, 0)]), bootstraps=5).notes)

    assert "Every journey here met a channel" in notes
    assert "No journey here ended in none" in notes
    assert "have no times" in notes
    assert "None of these methods proves" in notes


def test_intervals_are_of_people_not_of_journeys() -> None:
    """The same person's conversions come together: counted as single ones they would seem surer than they are."""
    days = range(101, 141, 2)
    touches = {f"c-{n}": [Touch(day * DAY - DAY // 2, f"ch-{n % 2}") for day in days] for n in range(8)}
    conversions = {contact: [Conversion(day * DAY) for day in days] for contact in touches}
    builder = JourneyBuilder(since=100 * DAY, until=200 * DAY, lookback=30 * DAY)
    made = from_contacts(touches, conversions, builder, others=10)

    first = attribution_figures(made, bootstraps=100).channels[0].credits["last_touch"]

    assert first.conversions == 80.0
    assert first.high - first.low > 80.0  # four people a channel: plus or minus half of it
    assert not np.isnan(first.high)


def test_a_channel_below_none_is_named_with_what_that_may_mean() -> None:
    rows = [PathCounts(["a"], 100, 0.0, 100), PathCounts(["b"], 0, 0.0, 300), PathCounts([], 90, 0.0, 210)]

    notes = attribution_figures(from_paths(rows), bootstraps=40).notes

    assert notes[-1].startswith("Below 0: b. Fewer convert who met it")


def test_many_combinations_of_channels_are_sampled_and_a_note_says_how_exact_that_is() -> None:
    rows = [PathCounts([f"ch-{one:02}" for one in range(14)], 60, 0.0, 40), PathCounts([], 10, 0.0, 90)]

    report = attribution_figures(from_paths(rows), bootstraps=2)

    assert report.sampling_error > 0
    assert any("some orders were drawn" in one for one in report.notes)


def test_values_in_several_currencies_are_left_out_with_a_note() -> None:
    report = attribution_figures(from_paths(ROWS), worth=Worth(known=False, note="In EUR and USD."), bootstraps=2)

    assert (report.value, report.channels[0].credits["shapley"].value, report.notes[-1]) == (
        None,
        None,
        "In EUR and USD.",
    )
