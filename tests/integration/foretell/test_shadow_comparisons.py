"""The worker's comparison of shadows, on real databases."""

from dataclasses import replace
from typing import Any

import pytest

from foretell.background.shadows import ShadowComparisons, compared
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, ContactRow, EventRow
from shared.store import AccountStore, Database, ShadowPrediction, VersionRow

NOW = 20_000 * DAY
ASKED = NOW - 40 * DAY
MODEL = ("scoring", "won")


def version(name: str, capability: str = "scoring", outcome: str = "won", horizon_days: int | None = 30) -> VersionRow:
    return VersionRow(capability, outcome, name, f"d{name}", "logistic", "B", 1, horizon_days, "run")


def answer(number: int, *, at: int = ASKED, model: tuple[str, str] = MODEL, **fields: Any) -> ShadowPrediction:
    """A shadow that knows the odd contacts from the even ones, and a champion that does not."""
    values = {
        "status": "ok", "probability": 0.8 if number % 2 else 0.2, "champion_probability": 0.4 + number / 1_000,
        "band": "high" if number % 2 else "low", "champion_band": "low",
    }  # fmt: skip
    return ShadowPrediction(*model, "2", "1", f"c{number}", at // DAY, at, at, **{**values, **fields})


@pytest.fixture
def store(database: Database) -> AccountStore:
    """Version 1 answers and 2 shadows it; of 60 contacts the odd ones won within the horizon, one after it."""
    store = database.of("default")
    store.outcomes.put(Outcome(name="won", capability="scoring", event_types=("deal_won",), horizon_days=30))
    for name in ("1", "2"):
        store.models.add(version(name))
    store.models.promote(*MODEL, "1", "d1", at=1, reason="first")
    store.models.start_shadow(*MODEL, "2", 1.0, at=2)
    store.contacts.put([ContactRow(f"c{number}") for number in range(60)], recorded_at=1)
    won = [EventRow(f"c{number}", "1", "deal_won", ASKED + 5 * DAY, NOW) for number in range(1, 60, 2)]
    late = EventRow("c0", "2", "deal_won", ASKED + 30 * DAY, NOW)
    store.events.add([*won, late, EventRow("c2", "3", "page_viewed", ASKED + DAY, NOW)])
    return store


def test_how_answers_differ_and_which_came_closer_is_kept(store: AccountStore, database: Database) -> None:
    store.models.shadows.keep([answer(number) for number in range(60)], since=0)
    store.models.shadows.keep([answer(1, at=NOW - DAY), answer(3, at=NOW - DAY, status="outcome_reached")], since=0)

    ShadowComparisons(database, lambda: NOW).turn()

    row = store.models.shadows.of(*MODEL)
    assert row is not None
    found = row.comparison
    assert found is not None
    assert (found.champion_version, found.compared, found.contacts, found.unanswered) == ("1", 61, 60, 1)
    assert (found.mean_difference, found.other_band_share, found.compared_at) == (0.075885, 0.508197, NOW)
    assert (found.closed, found.reached) == (60, 30)
    assert (found.log_loss, found.champion_log_loss) == (0.223144, 0.702804)
    assert found.log_loss_difference is not None
    assert found.log_loss_difference[0] == -0.47966
    assert found.log_loss_difference[1] < found.log_loss_difference[0] < found.log_loss_difference[2] < 0


def test_a_silence_is_reached_where_nothing_came(store: AccountStore, database: Database) -> None:
    model = ("churn", "quiet")
    store.outcomes.put(Outcome(name="quiet", capability="churn", silence=("deal_won",), horizon_days=30))
    for name in ("1", "2"):
        store.models.add(version(name, *model))
    store.models.promote(*model, "1", "d1", at=1, reason="first")
    row = store.models.start_shadow(*model, "2", 1.0, at=2)
    store.models.shadows.keep([answer(number, model=model) for number in range(60)], since=0)

    found = compared(store, row, now=NOW)

    assert found is not None
    assert (found.closed, found.reached, found.log_loss) == (60, 30, 1.609438)


def test_who_is_no_contact_and_whose_horizon_is_open_say_nothing(store: AccountStore) -> None:
    row = store.models.shadows.of(*MODEL)
    assert row is not None
    store.models.shadows.keep([answer(1), answer(99), answer(3, at=NOW - 29 * DAY)], since=0)

    found = compared(store, row, now=NOW)

    assert found is not None
    assert (found.compared, found.closed, found.log_loss, found.log_loss_difference) == (3, 1, None, None)


def learned(name: str, model: tuple[str, str] = MODEL, **report: Any) -> VersionRow:
    return replace(version(name, *model), report=report)


def test_both_are_judged_by_what_they_were_trained_on(store: AccountStore) -> None:
    """Of a list of types the versions learned the second, before the first of a later import came."""
    store.outcomes.put(
        Outcome(name="won", capability="scoring", event_types=("deal_lost", "deal_won"), horizon_days=30)
    )
    for name in ("1", "2"):
        store.models.add(learned(name, reached_by=["deal_won"]))
    store.events.add([EventRow("c2", "4", "deal_lost", ASKED + DAY, NOW)])
    store.models.shadows.keep([answer(number) for number in range(60)], since=0)
    row = store.models.shadows.of(*MODEL)
    assert row is not None

    found = compared(store, row, now=NOW)

    assert found is not None
    assert (found.closed, found.reached) == (60, 30)


def test_a_horizon_is_not_over_before_events_as_new_as_its_end_have_come(store: AccountStore) -> None:
    """Else everybody would have left who sent nothing since the events stopped coming."""
    row = store.models.shadows.of(*MODEL)
    assert row is not None
    store.models.shadows.keep([answer(number, at=ASKED + DAY) for number in range(60)], since=0)

    found = compared(store, row, now=NOW)

    assert found is not None
    assert (found.compared, found.closed) == (60, 0)


def test_whose_outcome_had_come_before_and_what_was_learned_from_say_nothing(store: AccountStore) -> None:
    store.events.add([EventRow("c4", "5", "deal_won", ASKED - DAY, NOW)])
    store.models.add(learned("2", trained_until=ASKED - DAY))
    row = store.models.shadows.of(*MODEL)
    assert row is not None
    store.models.shadows.keep([answer(number) for number in range(60)], since=0)
    store.models.shadows.keep([answer(number, at=ASKED - 2 * DAY) for number in range(60)], since=0)

    found = compared(store, row, now=NOW)

    assert found is not None
    assert (found.compared, found.closed, found.reached) == (120, 59, 30)


def test_an_open_that_a_machine_may_have_made_is_no_outcome(store: AccountStore) -> None:
    opened = Outcome(name="won", capability="scoring", event_types=("email_opened",), horizon_days=30)
    store.outcomes.put(opened)
    opens = [EventRow(f"c{n}", "6", "email_opened", ASKED + DAY, NOW, human=1 if n < 9 else None) for n in range(60)]
    store.events.add(opens)
    row = store.models.shadows.of(*MODEL)
    assert row is not None
    store.models.shadows.keep([answer(number) for number in range(60)], since=0)

    found = compared(store, row, now=NOW)

    assert found is not None
    assert (found.closed, found.reached) == (60, 9)


@pytest.mark.parametrize("case", ["another horizon", "another event", "an attribute", "not defined any more"])
def test_where_events_do_not_say_the_same_of_both_no_loss_is_shown(store: AccountStore, case: str) -> None:
    if case == "another horizon":
        store.models.add(version("2", horizon_days=60))
    elif case == "another event":
        store.models.add(learned("2", reached_by=["page_viewed"]))
    elif case == "an attribute":
        store.outcomes.put(Outcome(name="won", capability="scoring", horizon_days=30, attribute="won"))
    else:
        store.outcomes.delete(*MODEL)
    row = store.models.shadows.of(*MODEL)
    assert row is not None
    store.models.shadows.keep([answer(number) for number in range(60)], since=0)

    found = compared(store, row, now=NOW)

    assert found is not None
    assert (found.compared, found.closed) == (60, 0)


def test_before_anything_was_answered_and_without_probabilities_there_is_nothing_to_say(store: AccountStore) -> None:
    row = store.models.shadows.of(*MODEL)
    assert row is not None

    nothing = compared(store, row, now=NOW)
    store.models.shadows.keep([answer(1, probability=None, champion_probability=None, band=None)], since=0)
    segments = compared(store, row, now=NOW)

    assert nothing is not None
    assert segments is not None
    assert (nothing.compared, nothing.mean_difference, nothing.other_band_share) == (0, None, None)
    assert (segments.compared, segments.mean_difference, segments.other_band_share) == (1, None, None)


def test_a_comparison_rests_so_much_longer_than_it_took(store: AccountStore, database: Database) -> None:
    class Passing:
        at = 0.0

        def __call__(self) -> float:
            self.at += 1.0
            return self.at

    seconds = Passing()
    loop = ShadowComparisons(database, lambda: NOW, seconds=seconds)
    loop.turn()
    store.models.shadows.keep([answer(1)], since=0)

    loop.turn()
    soon = store.models.shadows.of(*MODEL)
    seconds.at = 100.0
    loop.turn()
    later = store.models.shadows.of(*MODEL)

    assert soon is not None
    assert soon.comparison is not None
    assert later is not None
    assert later.comparison is not None
    assert (soon.comparison.compared, later.comparison.compared) == (0, 1)
