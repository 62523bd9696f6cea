"""Attribution of an account's conversions: read from the store, made by the worker's child, or on the command line."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from foretell.attribution import account_report, effect_of
from foretell.background.attribution import AttributionProcessFailed, AttributionWorker
from foretell.background.attribution_process import work
from foretell.cli.context import opened_account
from shared.attribution.account_journeys import account_journeys
from shared.attribution.requests import AttributionRequest, question_of
from shared.contracts.attribution import AttributionQuestion
from shared.contracts.holdout import Holdout
from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS, DAY, AttributeRow, ContactRow, EventRow, microseconds
from shared.errors import BadRequest, TooLittleToAttribute, UnknownOutcome
from shared.lift.report import ArmCounts, Counted, compared
from shared.store import AccountStore, Database, ReportRow

Command = Callable[..., Any]
SINCE = microseconds(datetime(2026, 1, 1, tzinfo=UTC))
NOW = SINCE + 60 * DAY
TODAY = date(2026, 3, 2)
WINTER = AttributionRequest("customer", date(2026, 1, 1), date(2026, 3, 1))


def event(contact: str, number: int, type_: str, day: float, **more: Any) -> EventRow:
    properties = more.pop("properties", None)
    written = None if properties is None else json.dumps(properties)
    return EventRow(contact, f"e-{number}", type_, SINCE + int(day * DAY), NOW, properties=written, **more)


def fill(store: AccountStore) -> None:
    """Let 50 of 100 contacts buy after an e-mail or an advertisement, and 10 after nothing."""
    store.contacts.put([ContactRow(f"c-{number:03}") for number in range(120)], recorded_at=NOW)
    rows = []
    for number in range(100):
        name = f"c-{number:03}"
        rows.append(event(name, 1, "email_clicked", 5, campaign_id="spring" if number % 2 else "winter"))
        if number % 4 == 0:
            rows.append(event(name, 2, "page_viewed", 6, properties={"utm_source": "Google", "utm_medium": "cpc"}))
        if number % 2 == 0:
            rows.append(event(name, 3, "order_placed", 8, value=10.0, currency="EUR"))
    rows += [event(f"c-{number}", 1, "order_placed", 9, value=10.0, currency="EUR") for number in range(100, 110)]
    store.events.add(rows)


def requested(store: AccountStore, **more: Any) -> AttributionQuestion:
    return question_of(store, AttributionRequest("customer", WINTER.since, WINTER.until, **more), today=TODAY)


def journeys_of(store: AccountStore, **more: Any) -> list[tuple[list[str], float]]:
    """List the paths of journeys with touches, with how often each ended in a conversion."""
    made = account_journeys(store, requested(store, **more)).journeys
    return [
        ([made.channels[code] for code in made.channel[begin:end]], float(won))
        for begin, end, won in zip(made.offsets[:-1], made.offsets[1:], made.conversions, strict=True)
        if end > begin
    ]


@pytest.fixture
def store(database: Database) -> AccountStore:
    return database.of("default")


def test_conversions_are_shared_out_among_the_channels_of_the_events(store: AccountStore) -> None:
    fill(store)

    report = account_report(store, requested(store), now=NOW)

    assert (report.conversions, report.untouched_conversions, report.value, report.currency) == (60, 10, 600.0, "EUR")
    assert {one.channel: (one.journeys, one.converted) for one in report.channels} == {
        "email": (100, 50),
        "google / cpc": (25, 25),
    }
    assert report.question is not None
    assert (report.question.event_types, report.question.repeatable) == (["order_placed"], False)
    assert report.source is not None
    assert (report.source.units, report.source.denied_contacts, report.source.touches) == (120, 0, 125)


@pytest.mark.parametrize("repeatable", [False, True])
def test_lines_of_one_order_are_one_conversion_worth_their_sum(store: AccountStore, repeatable: bool) -> None:
    store.contacts.put([ContactRow("c-1")], recorded_at=NOW)
    lines = [
        event("c-1", number, "order_placed", day, value=value, currency="EUR" if value else None, item=f"i-{number}")
        for number, (day, value) in enumerate([(8, 10.0), (9, 5.0), (8, 2.5), (8, None), (9, 1.0)])
    ]
    store.events.add([event("c-1", 9, "email_clicked", 5), *lines])
    question = requested(store).model_copy(update={"repeatable": repeatable})

    read = account_journeys(store, question)

    orders, worth = (2, 18.5) if repeatable else (1, 12.5)
    assert (float(read.journeys.conversions.sum()), float(read.journeys.value.sum())) == (orders, worth)
    assert (read.source.conversions_by_currency, read.worth.note) == ({"EUR": 2}, None)


def test_who_denies_profiling_is_left_out_and_counted(store: AccountStore) -> None:
    store.contacts.put([ContactRow("no", consent={"profiling": "denied"}), ContactRow("yes")], recorded_at=NOW)
    store.events.add([event(one, 1, "email_clicked", 3) for one in ("no", "yes")])

    read = account_journeys(store, requested(store))

    assert (read.source.units, read.source.denied_contacts, read.source.touches) == (1, 1, 1)


def test_what_machines_did_what_we_sent_and_the_outcome_itself_is_no_touch(store: AccountStore) -> None:
    named = {"properties": {"channel": "Email"}, "campaign_id": "spring"}
    store.events.add(
        [
            event("c-1", 1, "email_clicked", 1, human=0, **named),
            event("c-1", 2, "email_opened_unverified", 2, **named),
            event("c-1", 3, "email_sent", 2, **named),
            event("c-1", 4, "deal_won", 3, **named),
            event("c-1", 5, "order_placed", 4, **named),
            event("c-2", 6, "email_opened", 4, **named),
        ]
    )

    assert journeys_of(store) == [(["email"], 0.0)]
    assert journeys_of(store, by="campaign") == [(["spring"], 0.0)]


def test_touches_are_named_by_what_is_requested(store: AccountStore) -> None:
    properties = {"utm_campaign": "may", "page": "/pricing", "first": True}
    store.events.add(
        [
            event("c-1", 1, "page_viewed", 1, properties=properties, message_id="m-1"),
            event("c-1", 2, "email_replied", 2),
            event("c-1", 3, "webinar_attended", 3),
            event("c-1", 4, "content_downloaded", 4),
            event("c-1", 5, "push_clicked", 5),
            event("c-1", 6, "banner_clicked", 6),
            event("c-1", 7, "page_viewed", 7, properties={"channel": "Social", "utm_source": "x"}),
        ]
    )

    assert journeys_of(store) == [(["email", "webinar", "content", "push", "social"], 0.0)]
    assert journeys_of(store, by="campaign") == [(["may"], 0.0)]
    assert journeys_of(store, by="message") == [(["m-1"], 0.0)]
    assert journeys_of(store, by="properties.page") == [(["/pricing"], 0.0)]
    assert journeys_of(store, by="properties.first") == [(["true"], 0.0)]


def test_contacts_of_one_company_are_one_journey(store: AccountStore) -> None:
    acme = (AttributeRow("company", "ACME ", ALWAYS), AttributeRow("firm", None, ALWAYS))
    store.contacts.put([ContactRow("c-1", attributes=acme), ContactRow("c-2", attributes=acme)], recorded_at=NOW)
    store.contacts.put([ContactRow("c-3")], recorded_at=NOW)
    store.events.add([event("c-1", 1, "email_clicked", 2), event("c-2", 1, "ad_clicked", 1)])
    store.events.add([event("c-2", 2, "order_placed", 3), event("c-3", 1, "email_clicked", 1)])

    assert journeys_of(store, unit="company") == [(["ad", "email"], 1.0), (["email"], 0.0)]
    assert account_journeys(store, requested(store, unit="company")).source.units == 2
    assert account_journeys(store, requested(store, unit="company", company_attribute="firm")).source.units == 3


def test_an_outcome_reached_once_before_the_period_is_reached_no_more(store: AccountStore) -> None:
    store.events.add(
        [event("c-1", 1, "order_placed", -200), event("c-1", 2, "email_clicked", 1), event("c-1", 3, "order_placed", 2)]
    )

    once = journeys_of(store)
    store.outcomes.put(Outcome(name="customer", capability="scoring", event_types=("order_placed",), repeatable=True))

    assert once == []
    assert journeys_of(store) == [(["email"], 1.0)]


def test_values_in_several_currencies_are_left_out_with_their_counts(store: AccountStore) -> None:
    store.events.add([event(f"c-{n}", 1, "email_clicked", 1) for n in range(45)])
    store.events.add(
        [event(f"c-{n}", 2, "order_placed", 2, value=5.0, currency="EUR" if n else "USD") for n in range(45)]
    )

    report = account_report(store, requested(store), now=NOW)

    assert (report.value, report.channels[0].credits["linear"].value) == (None, None)
    assert report.notes[-1] == ("The values are in several currencies (44 in EUR, 1 in USD) and therefore left out.")


def test_questions_that_cannot_be_answered_are_refused_with_what_to_do(store: AccountStore) -> None:
    store.outcomes.put(Outcome(name="bought", capability="scoring", attribute="bought"))
    for wanted, error, words in [
        (AttributionRequest("bought"), BadRequest, "foretell outcomes set bought_event --event EVENT_TYPE"),
        (AttributionRequest("other"), UnknownOutcome, "There is no scoring outcome 'other'"),
        (AttributionRequest(), BadRequest, "this account has no default"),
        (AttributionRequest("customer", TODAY, TODAY), BadRequest, "`from` lies before `to`"),
    ]:
        with pytest.raises(error, match=words):
            question_of(store, wanted, today=TODAY)
    store.outcomes.set_default("scoring", "customer")
    understood = question_of(store, AttributionRequest(), today=TODAY)
    earliest = question_of(store, AttributionRequest(until=date(1, 1, 15)), today=TODAY)

    assert earliest.since.date() == date(1, 1, 1)
    assert (understood.outcome, f"{understood.since:%m-%d}", f"{understood.until:%m-%d}") == (
        "customer",
        "12-03",
        "03-03",
    )


def test_too_little_is_refused_with_counts(store: AccountStore) -> None:
    store.events.add([event("c-1", 1, "email_clicked", 1), event("c-1", 2, "order_placed", 2)])

    with pytest.raises(TooLittleToAttribute, match="1 of 1 conversions came after a touch"):
        account_report(store, requested(store), now=NOW)


def test_a_holdout_of_the_same_outcome_stands_beside_and_says_which_figure_to_trust(store: AccountStore) -> None:
    fill(store)
    holdout = Holdout("spring", "00", 0.5, "scoring", "customer", SINCE + DAY, None)
    store.experiments.holdouts.create(holdout)
    store.experiments.holdouts.create(Holdout("other", "01", 0.5, "churn", "", SINCE + DAY, None))
    store.experiments.holdouts.create(Holdout("later", "02", 0.5, "scoring", "", NOW - DAY, None))

    (effect,) = account_report(store, requested(store), now=NOW).incremental

    assert (effect.holdout, effect.lift is not None) == ("spring", True)
    assert effect.trust.startswith("Trust the holdout")


@pytest.mark.parametrize(
    ("reached", "words"),
    [
        ((30, 28), "Trust the holdout: what was done on predictions is not proven to have brought anything"),
        ((90, 20), "Trust the holdout for how much was caused (+350%"),
        ((0, 5), "Trust neither yet for what was caused"),
    ],
)
def test_the_sentence_on_trust_follows_from_the_interval(reached: tuple[int, int], words: str) -> None:
    arms = [ArmCounts(contacts=1_000, reached=one, events=one) for one in reached]
    at = datetime(2026, 1, 1, tzinfo=UTC)
    counted = Counted("spring", 0.5, ["order_placed"], at, at, True, 0, arms[0], arms[1], frozenset())

    assert effect_of(compared(counted)).trust.startswith(words)


def test_the_worker_makes_what_waits_once_and_keeps_it(store: AccountStore) -> None:
    fill(store)
    reports = store.experiments.attribution
    reports.request(ReportRow("r-1", "account", "queued", requested(store).model_dump_json(), NOW), made_after=0)
    paths = json.dumps([[["email"], 60, 0.0, 40], [[], 5, 0.0, 95]])
    reports.request(ReportRow("r-2", "paths", "queued", paths, NOW), made_after=0)
    reports.request(ReportRow("r-3", "paths", "queued", json.dumps([[["email"], 1, 0.0, 4]]), NOW), made_after=0)

    made = [work(store, name, lease_seconds=30, now=lambda: NOW + 1) for name in ("r-1", "r-2", "r-3", "r-1", "r-9")]

    found = {one.report_id: one for one in (reports.find(name) for name in ("r-1", "r-2", "r-3")) if one is not None}
    documents = {name: json.loads(one.document or "") for name, one in found.items()}
    assert made == [True, True, True, False, False]
    assert [one.state for one in found.values()] == ["completed", "completed", "refused"]
    assert found["r-2"].question == "{}"  # the paths that were sent are gone
    assert (documents["r-1"]["conversions"], documents["r-2"]["question"]) == (60, None)
    assert (documents["r-3"]["code"], documents["r-3"]["members"]["needed"]) == ("too-little-to-attribute", 40)


def test_what_three_attempts_did_not_make_is_given_up(store: AccountStore) -> None:
    reports = store.experiments.attribution
    reports.request(ReportRow("r-1", "paths", "queued", "no JSON", NOW), made_after=0)
    for attempt in range(3):
        with pytest.raises(ValueError, match="Expecting value"):
            work(store, "r-1", lease_seconds=30, now=lambda at=attempt: NOW + at * DAY)

    assert work(store, "r-1", lease_seconds=30, now=lambda: NOW + 9 * DAY)
    found = reports.find("r-1")
    assert found is not None
    assert json.loads(found.document or "")["code"] == "attribution-failed"


def test_the_loop_runs_a_child_for_each_report_that_waits(database: Database) -> None:
    class Remembered:
        def __init__(self) -> None:
            self.ran: list[tuple[str, ...]] = []
            self.stop, self.code = threading.Event(), 0

        def run(self, *words: str) -> int:
            self.ran.append(words)
            return self.code

    row = ReportRow("r-1", "paths", "queued", "[]", NOW)
    database.of("default").experiments.attribution.request(row, made_after=0)
    children = Remembered()

    AttributionWorker(database, children, lambda: NOW).turn()  # type: ignore[arg-type]
    children.code = 1
    with pytest.raises(AttributionProcessFailed):
        AttributionWorker(database, children, lambda: NOW).turn()  # type: ignore[arg-type]
    children.stop.set()
    AttributionWorker(database, children, lambda: NOW).turn()  # type: ignore[arg-type]

    assert children.ran == 2 * [("foretell.background.attribution_process", "default", "r-1")]


def test_the_command_prints_credits_with_intervals_and_notes(foretell: Command) -> None:
    foretell("accounts", "list")
    with opened_account("default") as (_, _, store):
        fill(store)
    words = ("--outcome", "customer", "--from", "2026-01-01", "--to", "2026-03-01")

    shown = foretell("attribution", *words, "--by", "campaign")
    read = json.loads(foretell("attribution", *words, "--json").stdout)
    few = foretell("attribution", *words, "--by", "properties.none")

    assert shown.exit_code == 0, shown.output
    assert "60 conversions, worth 600.00 EUR; 100 journeys met a channel" in shown.stdout
    assert "customer (order_placed, the first of each) from 2026-01-01 to 2026-03-01, by campaign" in shown.stdout
    assert "winter" in shown.stdout
    assert "None of these methods proves" in shown.stdout
    assert read["channels"][0]["credits"]["shapley"]["low"] <= read["channels"][0]["credits"]["shapley"]["high"]
    assert (
        getattr(few.exception, "detail", "").startswith("0 of 60 conversions came after a touch") or few.exit_code == 3
    )


def test_paths_of_another_tool_are_read_with_near_names_and_refused_by_line(foretell: Command, tmp_path: Path) -> None:
    file = tmp_path / "paths.csv"
    file.write_text("Path,Total Conversions,Total_Null\nemail > search,60,40\n\nsearch,20,80\n")

    read = json.loads(foretell("attribution", "--paths", str(file), "--json").stdout)

    assert (read["conversions"], read["question"], len(read["channels"])) == (80, None, 2)
    for text, words in [
        ("path,total_conversions\nemail,many\n", "Line 2: total_conversions is no number of 0 or more"),
        ("path,total_conversions\nemail\n", "Line 2 has 1 cells; the header has 2"),
        ("way,total_conversions\nemail,1\n", "The header lacks path"),
        (f"path,total_conversions\n{'a>' * 1001},1\n", "Line 2: a path has at most 1,000 steps"),
        ("path,total_conversions\n" + "a,1\n" * 20_001, "The file has more than 20,000 paths"),
    ]:
        file.write_text(text)
        refused = foretell("attribution", "--paths", str(file))
        assert refused.exit_code != 0
        assert words in refused.output + str(getattr(refused.exception, "detail", ""))
