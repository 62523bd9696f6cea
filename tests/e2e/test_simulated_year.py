"""A model's whole life within a year of a shop: it is watched, drifts, is replaced, rolled back and replaced again,
and whoever asks for predictions notices nothing."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.installation import until
from tests.e2e.simulated_year import MODEL, Year, year

pytestmark = pytest.mark.slow
HOUSEHOLDS = 250
SABOTAGE = Path(__file__).parent / "train_on_shuffled_labels.py"
PARTS = 5
"""In so many events the till sends each order in June and July."""
MOST_DAYS = timedelta(days=180)


def noon(month: int) -> datetime:
    """Return noon of the first day of a month of 2017; the 13th is January 2018."""
    return datetime(2017 + (month - 1) // 12, (month - 1) % 12 + 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Story:
    """What became of the model."""

    june: Any
    """What was found of it after a month like those before."""
    young: Any
    """The training of June, which only registered a version."""
    july: Any
    """What was found after a month in which the till sent each order in parts."""
    shadow: Any
    fresh: Any
    """The training of July."""
    sabotage: str
    """What the training on shuffled labels printed."""
    after_sabotage: str
    """The version that answered then."""
    back: Any
    forth: Any
    """Rolled back, and back again."""
    old: Any
    """The training of January, when the champion was half a year old."""
    history: list[Any]
    messages: list[Any]
    versions: list[str]
    """That answered, in their order."""
    failed: list[Any]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, with_registry: Callable[[Path], Path]) -> Story:
    folder = tmp_path_factory.mktemp("year")
    (folder / "var").mkdir()
    with_registry(folder / "var")
    with year(folder, households=HOUSEHOLDS, begin=noon(5)) as lived:
        return lived_through(lived)


def lived_through(lived: Year) -> Story:
    lived.looked_at()
    lived.live_until(noon(6))
    june, young = lived.looked_at(), lived.trained(promote=False, reason="to be watched first")
    lived.post(f"/models/{MODEL}/shadow", {"version": young["version"], "share": 0.5}, method="PUT")
    compared(lived, "compared")
    lived.parts = PARTS
    lived.live_until(noon(7))
    july, shadow = lived.looked_at(), compared(lived, "log_loss")
    fresh = lived.trained(reason="its inputs have drifted")
    lived.answers_with(fresh["version"])
    lived.live_until(noon(8))
    lived.parts = 1
    sabotage = sabotaged(lived)
    after_sabotage = lived.answering()
    back = lived.rolled_back("complaints")
    lived.answers_with(back["version"])
    forth = lived.rolled_back("the complaints were about something else")
    lived.answers_with(forth["version"])
    lived.live_until(noon(13))
    old = lived.trained(reason="it is half a year old")
    lived.answers_with(old["version"])
    history = lived.get(f"/models/{MODEL}/history")["entries"][::-1]
    asker = lived.asker
    return Story(
        june, young, july, shadow, fresh, sabotage, after_sabotage, back, forth, old, history, lived.messages,
        asker.versions, asker.failed,
    )  # fmt: skip


def compared(lived: Year, figure: str) -> Any:
    """Wait until the worker has looked at the shadow and has a figure; return what it found."""

    def is_found() -> bool:
        found = lived.get(f"/models/{MODEL}/shadow")["comparison"]
        return found is not None and bool(found[figure])

    assert until(is_found, seconds=240)
    return lived.get(f"/models/{MODEL}/shadow")["comparison"]


def sabotaged(lived: Year) -> str:
    """Train on labels that were dealt anew, by the command that every training is."""
    done = subprocess.run(
        [sys.executable, str(SABOTAGE), "train", "scoring", "--outcome", "shop_again"],
        env=lived.installation.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 3, done.stdout + done.stderr
    return done.stdout


def test_a_month_like_those_before_is_no_drift(story: Story) -> None:
    assert (story.june["drift"]["status"], story.june["drift"]["has_drifted"]) == ("measured", False)


def test_a_month_of_other_inputs_is_noticed_and_reported(story: Story) -> None:
    drift = story.july["drift"]
    sent = [one["data"] for one in story.messages if one["type"] == "model.drift_detected"]
    found = [finding["feature"] for one in sent if one["version"] == "1" for finding in one["findings"]]

    assert (drift["has_drifted"], drift["drifted_weight"] >= 0.2) == (True, True)
    assert "order_placed_30d" in found
    assert len(found) == len(set(found)), "each is reported once"


def test_a_shadow_was_compared_with_what_happened_and_seen_by_nobody(story: Story) -> None:
    assert story.shadow["champion_version"] == "1"
    assert story.shadow["closed"] >= 40
    assert abs(story.shadow["log_loss"] - story.shadow["champion_log_loss"]) < 0.1
    assert story.young["version"] not in story.versions


def test_one_that_learned_from_the_other_inputs_replaces_it(story: Story) -> None:
    assert story.fresh["promoted"]
    assert story.fresh["comparison"]["difference"] < 0


def test_one_that_learned_from_shuffled_labels_is_refused(story: Story) -> None:
    assert "no usable signal" in story.sabotage
    assert story.after_sabotage == story.fresh["version"]


def test_an_equal_one_replaces_a_champion_past_its_age(story: Story) -> None:
    difference = story.old["comparison"]

    assert age_at_the_end(story) > MOST_DAYS
    assert difference["difference_low"] < 0 < difference["difference_high"]
    assert story.old["promoted"]
    assert "the champion is past its maximum age and the challenger is as good" in story.old["reason"]


def age_at_the_end(story: Story) -> timedelta:
    at = {
        one["version"]: datetime.fromisoformat(one["occurred_at"])
        for one in story.history
        if one["action"] == "trained"
    }
    return at[story.old["version"]] - at[story.fresh["version"]]


def test_a_rollback_and_its_undoing_change_who_answers(story: Story) -> None:
    assert (story.back["version"], story.back["previous_version"]) == ("1", story.fresh["version"])
    assert (story.forth["version"], story.forth["previous_version"]) == (story.fresh["version"], "1")


def test_the_audit_trail_holds_the_whole_story(story: Story) -> None:
    by_hand = {one["version"] for one in story.history if one["actor"] == "command line"}
    reasons = [one["reason"] for one in story.history if one["action"] == "rolled_back"]
    compared_ones = [one["version"] for one in story.history if "difference" in one["figures"]]

    assert [(one["action"], one["version"], one["replaced_version"]) for one in story.history] == [
        ("trained", "1", None),
        ("promoted", "1", None),
        ("trained", "2", None),
        ("shadow_started", "2", None),
        ("trained", "3", None),
        ("promoted", "3", "1"),
        ("trained", "4", None),
        ("refused", "4", None),
        ("rolled_back", "1", "3"),
        ("rolled_back", "3", "1"),
        ("trained", "5", None),
        ("promoted", "5", "3"),
    ]
    assert reasons == ["complaints", "the complaints were about something else"]
    assert compared_ones == ["3", "5"]
    assert by_hand == {"1", "4"}


def test_no_request_failed_meanwhile(story: Story) -> None:
    fresh, old = story.fresh["version"], story.old["version"]

    assert story.failed == []
    assert story.versions == ["1", fresh, "1", fresh, old]
