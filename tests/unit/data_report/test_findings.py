from shared.contracts.data_report import Affected
from shared.contracts.outcome import Outcome
from shared.data_report import reported
from shared.store import ContactGroup, DailyCount
from tests.unit.data_report.accounts import ORDERED, TODAY, WON, account, findings, requirement

VISITS = [(owner, "page_viewed", TODAY - day) for owner in range(100) for day in range(owner % 7, 400, 7)]


def test_an_empty_account_sees_what_to_import_first_and_nothing_else() -> None:
    report = reported(account(0))

    assert [(one.code, one.severity) for one in report.findings] == [("no_contacts", "blocks")]
    assert report.findings[0].command == "foretell import --contacts contacts.csv --events events.parquet"


def test_a_command_names_the_account() -> None:
    (empty,) = findings(account(0, account="acme"), "no_contacts")

    assert empty.command == "foretell import --contacts contacts.csv --events events.parquet --account acme"


def test_an_account_in_which_all_denied_profiling_can_learn_from_nobody() -> None:
    denied = (ContactGroup({"profiling": "denied"}, False, False, 12),)

    report = reported(account(0, groups=denied, learnable=0))

    assert [one.code for one in report.findings] == ["nobody_may_be_learned_from"]
    assert report.contacts.consent_denied == 1.0


def test_contacts_without_events_leave_only_outcomes_that_are_attributes() -> None:
    (finding,) = findings(account(), "no_events")

    assert finding.severity == "warns"


def test_a_built_in_outcome_that_nothing_is_about_only_informs() -> None:
    unused = findings(account(events=VISITS), "outcome_unused")

    assert [(one.severity, one.affects[0].outcome) for one in unused] == [
        ("informs", "opportunity"),
        ("informs", "customer"),
        ("informs", "clicked"),
    ]


def test_an_outcome_that_names_what_nobody_has_blocks_and_names_what_is_near() -> None:
    wrong = Outcome(name="viewed", capability="scoring", event_types=("page_view",))

    (finding,) = findings(account(events=VISITS, outcomes=[wrong]), "outcome_unknown")

    assert finding.severity == "blocks"
    assert "near: 'page_viewed'" in finding.found


def test_too_few_with_an_outcome_block_it_by_the_minimum_of_training() -> None:
    won = ["yes"] * 39 + ["no"] * 61

    few = account(attributes={"won": won}, outcomes=[WON])
    enough = account(attributes={"won": ["yes", *won[:-1]]}, outcomes=[WON])

    assert [one.found for one in findings(few, "few_with_outcome")] == [
        "There are 39 of the 40 contacts with outcome that are needed."
    ]
    assert findings(few, "few_with_outcome")[0].affects == [Affected(capability="scoring", outcome="won")]
    assert findings(few, "few_with_outcome")[0].command == "foretell outcomes preview won --capability scoring"
    assert findings(enough, "few_with_outcome") == findings(enough, "few_without_outcome") == []


def test_too_few_without_an_outcome_block_it() -> None:
    (finding,) = findings(
        account(attributes={"won": ["yes"] * 61 + ["no"] * 39}, outcomes=[WON]), "few_without_outcome"
    )

    assert finding.severity == "blocks"


def test_a_sample_that_leaves_a_minimum_open_gives_its_interval_and_only_warns() -> None:
    sampled = account(attributes={"won": ["yes"] * 20 + ["no"] * 80}, outcomes=[WON], learnable=200)

    one = requirement(sampled, "scoring", "contacts_with_outcome")
    (finding,) = findings(sampled, "few_with_outcome")

    assert (one.found, one.low, one.high, one.met) == (40, 24, 62, None)
    assert finding.severity == "warns"
    assert "(estimated: 24 to 62)" in finding.found


def test_a_history_shorter_than_four_horizons_is_named() -> None:
    short = [
        (owner, kind, TODAY - day) for owner in range(100) for kind, day in (("page_viewed", 90), ("order_placed", 2))
    ]

    (finding,) = findings(account(events=short, outcomes=[ORDERED]), "short_history")[-1:]

    assert finding.found == "There are 2.9 of the 3.9 months of history that are needed."


def test_send_times_need_active_contacts_and_sends() -> None:
    mailed = [(owner, "email_sent", TODAY - day) for owner in range(100) for day in range(4)]
    active = [(owner, "email_clicked", TODAY) for owner in range(39)]

    report = account(events=[*mailed, *active])

    assert requirement(report, "sendtime", "active_contacts").found == 39
    assert requirement(report, "sendtime", "sends").found == 400
    assert [one.severity for one in findings(report, "few_active")] == ["blocks"]
    assert [one.severity for one in findings(report, "few_sends")] == ["warns"]


def test_recommendations_need_a_hundred_contacts_who_bought_an_item_that_has_a_name() -> None:
    without_items = account(120, [(owner, "order_placed", TODAY) for owner in range(120)])

    assert requirement(without_items, "recommendations", "contacts_who_bought_items").found == 0
    assert [one.severity for one in findings(without_items, "few_item_buyers")] == ["informs"]


def test_segments_need_twenty_contacts_with_events_and_a_rule_sets_them_below_three_hundred() -> None:
    nineteen = account(events=[(owner, "page_viewed", TODAY) for owner in range(19)])
    twenty = account(events=[(owner, "page_viewed", TODAY) for owner in range(20)])

    assert [one.severity for one in findings(nineteen, "few_in_segments")] == ["blocks"]
    assert findings(twenty, "few_in_segments") == []
    assert [one.severity for one in findings(twenty, "segments_by_rule")] == ["informs"]


def test_value_needs_a_hundred_buyers_and_says_nothing_where_nobody_buys() -> None:
    few = account(events=[(owner, "order_placed", TODAY) for owner in range(99)], value=9.0)
    enough = account(events=[(owner, "order_placed", TODAY) for owner in range(100)], value=9.0)
    nobody = account(events=[(owner, "page_viewed", TODAY) for owner in range(99)])

    assert [one.found for one in findings(few, "few_buyers")] == ["There are 99 of the 100 buyers that are needed."]
    assert findings(enough, "few_buyers") == findings(nobody, "few_buyers") == []


def test_shares_of_contacts_are_counted_over_all() -> None:
    groups = (
        ContactGroup({"profiling": "granted"}, True, True, 10),
        ContactGroup({"profiling": "denied"}, False, False, 30),
        ContactGroup({}, False, False, 60),
    )

    data = account(70, groups=groups, learnable=70)
    figures = reported(data).contacts

    assert (figures.total, figures.with_timezone, figures.with_created_at) == (100, 0.1, 0.1)
    assert (figures.consent_granted, figures.consent_denied, figures.consent_none) == (0.1, 0.3, 0.6)
    assert findings(data, "few_timezones")[0].affects == [Affected(capability="sendtime", outcome=None)]
    assert findings(data, "few_created_at")[0].severity == "informs"
    assert findings(data, "profiling_denied")[0].found == "30.0% of the contacts denied profiling."


def test_few_contacts_with_events_are_named() -> None:
    (finding,) = findings(account(events=[(0, "page_viewed", TODAY)]), "few_with_events")

    assert finding.found == "1% of the contacts have an event made by a person."


def test_a_type_that_machines_make_is_named() -> None:
    daily = (DailyCount("email_clicked", TODAY, False, 60), DailyCount("email_clicked", TODAY, None, 40))

    (finding,) = findings(account(daily=daily), "machine_events")

    assert (finding.subject, finding.found) == ("email_clicked", "60% of 100 email_clicked are machines'.")


def test_events_older_than_two_weeks_are_stale() -> None:
    assert findings(account(events=[(0, "page_viewed", TODAY - 13)]), "stale_events") == []
    assert findings(account(events=[(0, "page_viewed", TODAY - 14)]), "stale_events")[0].severity == "warns"


def test_repeated_events_and_shared_addresses_are_counted() -> None:
    data = account(events=VISITS, repeated=12, shared_addresses=3)

    assert findings(data, "repeated_events")[0].found.startswith("12 events of 100 contacts")
    assert findings(data, "shared_addresses")[0].found.startswith("3 e-mail addresses")


def test_days_on_which_nothing_was_recorded_are_named() -> None:
    tracked = [event for event in VISITS if not 100 <= TODAY - event[2] < 110]

    (finding,) = findings(account(events=tracked), "days_without_events")

    assert (finding.severity, findings(account(events=VISITS), "days_without_events")) == ("warns", [])
    assert finding.found == (
        "On 10 days nothing at all was recorded, more than chance and habit explain: 2024-06-17 to 2024-06-26."
    )


def test_gaps_that_are_not_named_are_counted() -> None:
    rests = {50 + 10 * week for week in range(60)}
    silent = {100 * gap + day for gap in range(1, 6) for day in range(6)}
    tracked = [
        (owner, "page_viewed", TODAY - 600 + day)
        for owner in range(20)
        for day in range(600)
        if day not in rests | silent
    ]

    (finding,) = findings(account(events=tracked), "days_without_events")

    assert finding.found.endswith("; 2023-12-09 to 2023-12-14 and 2 more such stretches.")
    assert finding.found.startswith("On 30 days nothing at all was recorded")


def test_a_type_that_falls_is_named_with_the_week_in_which_it_fell() -> None:
    broken = [event for event in VISITS if event[0] < 10 or event[2] <= TODAY - 21]

    (finding,) = findings(account(events=broken), "events_dropped")

    assert (finding.subject, finding.severity) == ("page_viewed", "warns")
    assert finding.found == "page_viewed fell from 100 a week to 10 in the week of 2024-09-14, and stayed low."


def test_what_blocks_comes_first() -> None:
    severities = [one.severity for one in reported(account(events=VISITS, outcomes=[WON])).findings]

    assert severities == sorted(severities, key=["blocks", "warns", "informs"].index)
    assert "blocks" in severities


def test_what_a_sample_does_not_show_is_no_refusal() -> None:
    rare = Outcome(name="viewed", capability="scoring", event_types=("page_view",))
    sampled = account(events=VISITS, outcomes=[rare], learnable=90_000, sampled=5_000)

    (finding,) = findings(sampled, "outcome_unknown")
    (silent,) = findings(account(learnable=90_000, sampled=5_000), "no_events")

    assert (finding.severity, finding.effect) == ("warns", "Perhaps: Training is refused.")
    assert finding.found.startswith("Of the 100 contacts that were read: No contact has an event")
    assert silent.found == "None of the 5,000 contacts that were looked at has an event."
    assert silent.effect.startswith("Perhaps: ")


def test_a_few_among_many_are_neither_none_nor_all() -> None:
    groups = (
        ContactGroup({"profiling": "denied"}, True, False, 1),
        ContactGroup({"profiling": "granted"}, False, True, 99_999),
    )

    report = reported(account(groups=groups))

    assert (report.contacts.consent_denied, report.contacts.consent_granted) == (0.0001, 0.9999)
    assert [one.found for one in report.findings if one.code in ("profiling_denied", "few_timezones")] == [
        "under 1% of the contacts have a time zone.",
        "under 0.1% of the contacts denied profiling.",
    ]


def test_figures_are_written_in_full() -> None:
    weeks = [(TODAY - 7 * week - 3, 1_234_567 if week else 20) for week in range(10)]
    data = account(events=VISITS, daily=[DailyCount("email_sent", day, True, count) for day, count in weeks])

    (finding,) = findings(data, "events_dropped")

    assert finding.found.startswith("email_sent fell from 1,234,567 a week to 20 in the week of ")


def test_segments_that_are_refused_have_no_rule_that_sets_them() -> None:
    few = account(events=[(owner, "page_viewed", TODAY) for owner in range(19)])

    assert [one.minimum for one in reported(few).requirements if one.capability == "segmentation"] == [20, 300]
    assert findings(few, "few_in_segments")
    assert findings(few, "segments_by_rule") == []
