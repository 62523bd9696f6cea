from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from services.sendtime.model.local_week import SendRules
from services.sendtime.model.query import Advice, SendTimeQuery
from services.sendtime.model.sendtime import SendTimeModel
from services.sendtime.model.slot_choice import NO_VARIATION
from shared.contracts.rows import ALWAYS, DAY, HOUR, microseconds
from shared.errors import ArtifactRefused
from shared.learners.simple import chance
from shared.timeline import ContactFacts, EventTuple, Pasts, build
from shared.timeline.past_rows import DatedValue

PARIS = ZoneInfo("Europe/Paris")
NOW = microseconds(datetime(2026, 6, 1, tzinfo=PARIS))
WISH = SendTimeQuery(SendRules(NOW, NOW + 7 * DAY), alternatives=2, reasons=10)


def sent(contact: str, hour: int, *, clicked: bool, day: int) -> list[EventTuple]:
    at = NOW - day * DAY + hour * HOUR
    message = f"{contact}-{day}-{hour}"
    rows: list[EventTuple] = [(contact, f"s{message}", "email_sent", at, None, message, "may", None, 1)]
    if clicked:
        rows.append((contact, f"c{message}", "email_clicked", at + HOUR // 2, None, message, "may", None, 1))
    return rows


def evening_person(contact: str = "eve", sends: int = 40) -> list[EventTuple]:
    """Answers at 19, never at 9."""
    return [
        row
        for day in range(2, sends + 2)
        for row in sent(contact, 19 if day % 2 else 9, clicked=bool(day % 2), day=day)
    ]


def pasts(events: Sequence[EventTuple] = (), **facts: ContactFacts) -> Pasts:
    names = sorted({one[0] for one in events} | set(facts))
    known = {name: facts.get(name, ContactFacts(timezone="Europe/Paris")) for name in names}
    return build(names, known, [list(events)])


def advice(model: SendTimeModel, known: Pasts, query: SendTimeQuery = WISH) -> list[Advice]:
    return model.advise(known, np.full(len(known), NOW), query)


def local_hour(one: Advice) -> int:
    assert one.best is not None
    return one.best.when.local_at % DAY // HOUR


def test_an_evening_person_is_written_to_in_the_evening(model: SendTimeModel) -> None:
    (one,) = advice(model, pasts(evening_person()))

    assert (local_hour(one), one.basis, one.source) == (19, "individual", "model")
    assert one.lift is not None
    assert one.lift >= 0
    assert "Clicked 20 of 20 e-mails sent 6-9 pm" in [reason.text for reason in one.reasons]


def test_a_cold_contact_gets_the_population_s_time(model: SendTimeModel) -> None:
    (one,) = advice(model, pasts(cold=ContactFacts(timezone="Europe/Paris")))

    assert (one.basis, one.source, one.confidence) == ("population", "population", 0.0)
    assert local_hour(one) in {9, 19}
    assert one.lift == pytest.approx(0.0)


def test_a_few_answers_make_it_that_of_look_alikes(model: SendTimeModel) -> None:
    few = [*sent("few", 19, clicked=True, day=3), *sent("few", 9, clicked=False, day=4)]

    (one,) = advice(model, pasts(few))

    assert one.basis == "lookalike"
    assert local_hour(one) == 19


def test_reasons_sum_to_the_log_odds_against_the_population_at_that_slot(model: SendTimeModel) -> None:
    (one,) = advice(model, pasts(evening_person()))

    assert one.base + sum(reason.contribution for reason in one.reasons) == pytest.approx(one.margin, abs=1e-9)
    assert chance(np.array([one.margin]))[0] == pytest.approx(one.probability)


def test_alternatives_follow_in_order_of_their_chance(model: SendTimeModel) -> None:
    (one,) = advice(model, pasts(evening_person()))

    chances = [option.probability for option in (one.best, *one.alternatives)]
    assert len(chances) == 3
    assert chances == sorted(chances, reverse=True)


def test_the_week_holds_the_chance_of_the_chosen_slot(model: SendTimeModel) -> None:
    (one,) = advice(model, pasts(evening_person()), replace(WISH, week=True))

    assert one.week is not None
    assert one.best is not None
    assert len(one.week) == 168
    assert one.week[one.best.when.slot] == pytest.approx(one.probability)
    assert all(0 <= value <= 1 for value in one.week)


def test_a_missing_zone_falls_back_to_the_country_then_to_the_account_and_says_so(model: SendTimeModel) -> None:
    known = pasts(
        abroad=ContactFacts(attributes=(DatedValue("country", ALWAYS, "US"),)),
        nowhere=ContactFacts(attributes=(DatedValue("country", ALWAYS, "Atlantis"),)),
        own=ContactFacts(timezone="Asia/Tokyo"),
    )

    found = advice(model, known)

    assert [one.best.when.zone for one in found if one.best] == ["America/New_York", "Europe/Paris", "Asia/Tokyo"]
    assert [one.data_quality for one in found] == [("timezone_from_attribute",), ("timezone_of_account",), ()]


def test_a_country_known_only_after_the_cutoff_is_not_used(model: SendTimeModel) -> None:
    later = ContactFacts(attributes=(DatedValue("country", NOW + DAY, "US"),))

    (one,) = advice(model, pasts(later=later))

    assert one.data_quality == ("timezone_of_account",)


def test_no_slot_has_a_detail(model: SendTimeModel) -> None:
    night = replace(WISH, rules=SendRules(NOW, NOW + 5 * HOUR))
    past = replace(WISH, rules=SendRules(NOW, NOW - HOUR))

    (quiet,), (over,) = (advice(model, pasts(evening_person()), query) for query in (night, past))

    assert (quiet.status, over.status) == ("no_slot", "no_slot")
    assert quiet.detail is not None
    assert "quiet hours" in quiet.detail
    assert over.detail == "The window lies in the past; give one that ends later."


def test_a_window_of_one_hour_gives_that_hour(model: SendTimeModel) -> None:
    hour = replace(WISH, rules=SendRules(NOW + 33 * HOUR, NOW + 34 * HOUR))

    (one,) = advice(model, pasts(evening_person()), hour)

    assert one.best is not None
    assert (one.best.when.at, one.alternatives) == (NOW + 33 * HOUR, ())
    assert one.lift == pytest.approx(0.0)


def test_where_all_was_sent_at_one_hour_the_default_answers(model: SendTimeModel) -> None:
    unvaried = replace(model, timings={"click": replace(model.timings["click"], varied=False)})

    (one,) = advice(unvaried, pasts(evening_person()), replace(WISH, week=True))

    assert (one.basis, one.source, one.lift, one.week) == ("default", "default", None, None)
    assert NO_VARIATION in one.data_quality
    assert one.margin == one.base
    assert local_hour(one) == model.timings["click"].usual_hour


def test_where_all_was_sent_at_one_hour_the_caller_s_own_time_is_kept(model: SendTimeModel) -> None:
    unvaried = replace(model, timings={"click": replace(model.timings["click"], varied=False)})
    wanted = NOW + 2 * DAY + 15 * HOUR

    (one,) = advice(unvaried, pasts(evening_person()), replace(WISH, default_send_at=wanted))

    assert one.best is not None
    assert (one.best.when.at, one.probability) == (wanted, None)


def test_where_only_activity_is_known_a_share_is_given_and_no_chance(model: SendTimeModel) -> None:
    active = replace(model, timings={}, default=None)
    acts: list[EventTuple] = [
        ("eve", f"o{day}", "order_placed", NOW - day * DAY + 20 * HOUR, 9.0, None, None, None, 1)
        for day in range(1, 40)
    ]

    (one,) = advice(active, pasts(acts))

    assert (one.probability, one.lift, one.engagement) == (None, None, None)
    assert one.best is not None
    assert one.best.activity_share is not None
    assert 0 < one.best.activity_share <= 1
    assert local_hour(one) == 20
    assert one.base + sum(reason.contribution for reason in one.reasons) == pytest.approx(one.margin, abs=1e-9)


def test_an_engagement_that_was_not_learned_is_answered_by_activity_and_noted(model: SendTimeModel) -> None:
    (one,) = advice(model, pasts(evening_person()), replace(WISH, engagement="order"))

    assert "engagement_not_learned" in one.data_quality
    assert one.probability is None


def test_finer_granularity_moves_inside_the_hour_and_says_so(model: SendTimeModel) -> None:
    (hour,) = advice(model, pasts(evening_person()))
    (fine,) = advice(model, pasts(evening_person()), replace(WISH, minutes=5))

    assert hour.best is not None
    assert fine.best is not None
    assert 0 <= fine.best.when.at - hour.best.when.at < HOUR
    assert "spread_within_the_hour" in fine.data_quality


def test_what_the_caller_would_do_is_compared(model: SendTimeModel) -> None:
    nine = NOW + DAY + 9 * HOUR

    (one,) = advice(model, pasts(evening_person()), replace(WISH, default_send_at=nine))

    assert one.at_default is not None
    assert one.at_default.when.at == nine
    assert one.at_default.probability is not None
    assert one.probability is not None
    assert one.at_default.probability < one.probability


def test_a_contact_with_tens_of_thousands_of_clicks_is_answered_like_any_other(model: SendTimeModel) -> None:
    bursts: list[EventTuple] = [
        ("bot", f"k{n}", "email_clicked", NOW - DAY - n * 60_000_000, None, f"m{n}", "may", None, 1)
        for n in range(20_000)
    ]
    bursts += [
        ("bot", f"s{n}", "email_sent", NOW - DAY - n * 60_000_000, None, f"m{n}", "may", None, 1) for n in range(20_000)
    ]

    (one,) = advice(model, pasts(bursts))

    assert one.status == "ok"
    assert one.probability is not None
    assert 0 <= one.probability <= 1


def test_saved_and_loaded_a_version_answers_the_same(model: SendTimeModel, tmp_path: Path) -> None:
    model.save(tmp_path)

    again = SendTimeModel.load(tmp_path)

    known = pasts(evening_person())
    assert advice(again, known) == advice(model, known)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".npz", ".txt"}


@pytest.mark.parametrize("name", ["model.json", "model.npz"])
@pytest.mark.parametrize("content", [b"", b"{}", b"garbage"])
def test_a_damaged_artifact_is_refused(model: SendTimeModel, tmp_path: Path, name: str, content: bytes) -> None:
    model.save(tmp_path)
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ArtifactRefused):
        SendTimeModel.load(tmp_path)


def test_an_array_of_another_shape_is_refused(model: SendTimeModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    with np.load(tmp_path / "model.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(tmp_path / "model.npz", **{**arrays, "click.slots": arrays["click.slots"][:24]})

    with pytest.raises(ArtifactRefused):
        SendTimeModel.load(tmp_path)


def test_a_contact_of_whom_nothing_is_known_is_exactly_the_population(model: SendTimeModel) -> None:
    (one,) = advice(model, pasts(cold=ContactFacts(timezone="Europe/Paris")))

    assert one.reasons == []
    assert one.margin == pytest.approx(one.base, abs=1e-12)


def test_an_hour_never_tried_is_not_recommended_before_those_that_were(model: SendTimeModel) -> None:
    # Sends went out from 7 to 21; of the hours before nothing is known.
    open_all_day = replace(WISH, rules=SendRules(NOW, NOW + 7 * DAY, None))
    only_night = replace(WISH, rules=SendRules(NOW, NOW + 5 * HOUR, None))
    cold = pasts(cold=ContactFacts(timezone="Europe/Paris"))

    (day,), (night,) = (advice(model, cold, query) for query in (open_all_day, only_night))

    assert 7 <= local_hour(day) < 22
    assert (night.status, night.data_quality) == ("ok", ("hour_never_tried",))
