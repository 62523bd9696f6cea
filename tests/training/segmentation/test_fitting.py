import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from services.segmentation.model import SegmentationModel
from services.segmentation.training.fitting import SegmentationFit, SegmentationOptions, fitted, grade_of
from services.segmentation.training.plots import plots
from services.segmentation.training.report import report
from shared.errors import BadRequest, InsufficientData
from shared.evaluation.metrics import Interval

DAY = 86_400_000_000
NAMES = ["Lapsed buyers, small orders", "Regular buyers, small orders", "Frequent buyers, top spend"]


@pytest.fixture(scope="module")
def chosen(shop: Any) -> SegmentationFit:
    """A version whose number of segments nobody gave."""
    return fitted(shop.pasts, until=shop.until, now=shop.until)


def ids(fit: SegmentationFit) -> list[str]:
    return [segment.named.id for segment in fit.model.segments]


def placed(fit: SegmentationFit, shop: Any) -> np.ndarray:
    numbers = np.array(ids(fit))
    return numbers[fit.snapshot.assigned(fit.model)]


def test_the_number_of_segments_is_chosen_by_measurement(shop: Any, chosen: SegmentationFit) -> None:
    assert chosen.served is not None
    assert chosen.served.agreement > 0.9
    assert [one.k for one in chosen.candidates] == [3, 4, 5, 6, 7, 8]
    mixed = {
        at: {kind for kind, label in zip(shop.kinds, chosen.labels.tolist(), strict=True) if label == at}
        for at in range(chosen.served.k)
    }
    assert sum(len(kinds) > 1 for kinds in mixed.values()) <= 1


def test_a_first_version_numbers_its_segments_from_one(fit: SegmentationFit) -> None:
    assert ids(fit) == ["s1", "s2", "s3"]
    assert fit.model.next_number == 4


def test_names_say_what_was_planted(fit: SegmentationFit) -> None:
    assert [segment.named.name for segment in fit.model.segments] == NAMES


def test_another_seed_and_one_more_week_keep_who_is_who(shop: Any) -> None:
    week = 7 * DAY
    before = fitted(shop.pasts, until=shop.until - week, now=shop.until, wanted=SegmentationOptions(segments=3))

    after = fitted(
        shop.pasts,
        until=shop.until,
        now=shop.until,
        wanted=SegmentationOptions(segments=3, seed=99),
        previous=before.model,
    )

    assert sorted(ids(after)) == sorted(ids(before))
    contact = np.intersect1d(before.snapshot.contact, after.snapshot.contact)
    then, now = (
        dict(zip(one.snapshot.contact.tolist(), placed(one, shop).tolist(), strict=True)) for one in (before, after)
    )
    assert np.mean([then[at] == now[at] for at in contact.tolist()]) > 0.95
    assert report(after, ids(before)).matching["kept"].keys() == set(ids(before))  # type: ignore[index]


def test_more_segments_than_before_get_numbers_that_were_never_used(shop: Any, fit: SegmentationFit) -> None:
    more = fitted(
        shop.pasts, until=shop.until, now=shop.until, wanted=SegmentationOptions(segments=5), previous=fit.model
    )

    fresh = set(ids(more)) - set(ids(fit))
    assert fresh
    assert all(int(one[1:]) >= 4 for one in fresh)
    assert more.model.next_number > max(int(one[1:]) for one in ids(more))


def named(fit: SegmentationFit, names: Sequence[str]) -> SegmentationModel:
    pairs = zip(fit.model.segments, names, strict=True)
    segments = tuple(dataclasses.replace(one, named=one.named._replace(name=name)) for one, name in pairs)
    return dataclasses.replace(fit.model, segments=segments)


def test_a_kept_segment_keeps_its_name_while_it_is_true(shop: Any, fit: SegmentationFit) -> None:
    called = ["Lapsed buyers", "Regular buyers", "Frequent buyers"]
    wanted = SegmentationOptions(segments=3, seed=5)

    again = fitted(shop.pasts, until=shop.until, now=shop.until, wanted=wanted, previous=named(fit, called))

    assert {segment.named.name for segment in again.model.segments} == {*called}
    assert not again.renamed


def test_a_kept_segment_whose_name_is_no_longer_true_is_renamed_and_reported(shop: Any, fit: SegmentationFit) -> None:
    called = ["Very frequent buyers", *NAMES[1:]]

    again = fitted(
        shop.pasts,
        until=shop.until,
        now=shop.until,
        wanted=SegmentationOptions(segments=3),
        previous=named(fit, called),
    )

    told = report(again, ids(fit))
    assert sorted(ids(again)) == sorted(ids(fit))
    assert told.matching is not None
    assert told.matching["renamed"] == {"s1": {"was": "Very frequent buyers", "is": NAMES[0]}}
    assert (
        f"s1 was called 'Very frequent buyers', which is no longer true of its members: it is '{NAMES[0]}' now."
        in told.notes
    )


def test_few_contacts_are_grouped_by_a_rule_that_says_so(simulated_shop: Callable[..., Any]) -> None:
    small = simulated_shop(120, seed=2)

    fit = fitted(small.pasts, until=small.until, now=small.until)
    (one, *_) = fit.model.predict(small.pasts, np.full(120, small.until), reasons=1)

    assert (fit.model.kind, fit.model.grade, one.source) == ("rfm", "D", "rules")
    assert [segment.named.name for segment in fit.model.segments] == [
        "Best buyers",
        "Recent buyers, not often",
        "Good buyers, less recent",
        "Lapsed buyers",
    ]
    of_kind = {kind: set() for kind in small.kinds}  # type: ignore[var-annotated]
    for kind, at in zip(small.kinds, fit.labels.tolist(), strict=True):
        of_kind[kind].add(fit.model.segments[at].named.name)
    assert of_kind["gone"] == {"Lapsed buyers"}
    assert "Best buyers" in of_kind["often"]


def test_a_rule_set_again_sets_the_same_segments(simulated_shop: Callable[..., Any]) -> None:
    small = simulated_shop(120, seed=2)
    before = fitted(small.pasts, until=small.until - 7 * DAY, now=small.until)

    after = fitted(small.pasts, until=small.until, now=small.until, previous=before.model)

    assert ids(after) == ids(before) == ["s1", "s2", "s3", "s4"]


def test_segments_found_after_a_rule_keep_those_that_they_agree_with(simulated_shop: Callable[..., Any]) -> None:
    small, grown = simulated_shop(120, seed=2), simulated_shop(600, seed=2)
    before = fitted(small.pasts, until=small.until, now=small.until)

    after = fitted(
        grown.pasts, until=grown.until, now=grown.until, wanted=SegmentationOptions(segments=3), previous=before.model
    )

    assert after.matching is not None
    assert {int(one[1:]) for one in ids(after)} <= {1, 2, 3, 4, 5, 6, 7}
    assert len(set(ids(after))) == 3


def test_too_few_contacts_for_anything_are_refused_in_counts(simulated_shop: Callable[..., Any]) -> None:
    tiny = simulated_shop(15)

    with pytest.raises(InsufficientData, match="15 contacts have an event in the last two years; 20 are needed"):
        fitted(tiny.pasts, until=tiny.until, now=tiny.until)


@pytest.mark.parametrize("segments", [0, 1, 21])
def test_an_impossible_number_of_segments_is_refused(shop: Any, segments: int) -> None:
    with pytest.raises(BadRequest, match="Between 2 and 20"):
        fitted(shop.pasts, until=shop.until, now=shop.until, wanted=SegmentationOptions(segments=segments))


@pytest.mark.parametrize(
    ("low", "agreement", "grade"),
    [(0.12, 0.95, "A"), (0.07, 0.95, "B"), (0.01, 0.95, "C"), (0.0, 0.95, "D"), (0.12, 0.7, "C"), (-0.1, 0.99, "D")],
)
def test_the_grade_is_the_sure_gain_over_the_plain_score(
    fit: SegmentationFit, low: float, agreement: float, grade: str
) -> None:
    served = fit.served
    assert served is not None
    assert served.usefulness is not None
    useful = dataclasses.replace(served.usefulness, gain=Interval(0.2, low, 0.3))

    assert grade_of(dataclasses.replace(served, usefulness=useful, agreement=agreement)) == grade


def test_the_report_shows_each_segment_with_share_value_and_typical_member(fit: SegmentationFit) -> None:
    told = report(fit).to_json()

    assert sum(one["share"] for one in told["segments"]) == pytest.approx(1.0, abs=1e-3)
    assert sum(one["value_share"] for one in told["segments"]) == pytest.approx(1.0, abs=1e-3)
    assert all(one["traits"][0]["text"] for one in told["segments"])
    assert told["figures"]["spend_explained"]["value"] > 0.5
    assert told["matching"] is None


def test_every_plot_is_a_picture(chosen: SegmentationFit) -> None:
    drawn = plots(chosen)

    assert list(drawn) == ["sizes", "profile", "map", "stability"]
    assert all(png.startswith(b"\x89PNG") and len(png) > 5_000 for png in drawn.values())


def test_a_run_with_a_given_number_draws_no_comparison(fit: SegmentationFit) -> None:
    assert "stability" not in plots(fit)
