"""The command line about churn: defining what it means, counting before training, and refusals."""

import json
from pathlib import Path

import pytest

from foretell.cli.context import opened_account
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, AttributeRow, ContactRow, EventRow
from shared.settings import Settings
from shared.store import open_database

CHURN = ("--capability", "churn")
NOW_DAY = 20_000


def stored(home: Path, name: str) -> Outcome | None:
    database = open_database(Settings(home=home))
    outcome = database.of("default").outcomes.find("churn", name)
    database.close()
    return outcome


@pytest.mark.parametrize(
    ("words", "fields", "said"),
    [
        (
            "--event subscription_cancelled",
            {"event_types": ("subscription_cancelled",), "horizon_days": 60, "active_within_days": None},
            "subscription_cancelled, within 60 days",
        ),
        (
            "--event plan_ended --event subscription_cancelled --within 90d --eligible-active-within 30d",
            {
                "event_types": ("plan_ended", "subscription_cancelled"),
                "horizon_days": 90,
                "active_within_days": 30,
            },
            "plan_ended or subscription_cancelled, within 90 days",
        ),
        (
            "--silence order_placed",
            {"silence": ("order_placed",), "horizon_days": 90, "active_within_days": 180},
            "no order_placed for 90 days, asked about contacts active within 180 days",
        ),
        (
            "--silence order_placed,page_viewed --for 4w --active-within 90d --bands 1,3,9 --every 7d",
            {
                "silence": ("order_placed", "page_viewed"),
                "horizon_days": 28,
                "active_within_days": 90,
                "band_lifts": (1.0, 3.0, 9.0),
                "every_days": 7,
            },
            "no order_placed or page_viewed for 28 days, asked about contacts active within 90 days",
        ),
        (
            "--attribute Churn --positive Yes",
            {"attribute": "Churn", "positive": "Yes"},
            "attribute Churn is Yes",
        ),
    ],
)
def test_churn_is_what_the_account_says(foretell, home_folder: Path, words: str, fields: dict, said: str) -> None:
    result = foretell("outcomes", "set", "lapsed", *CHURN, *words.split())

    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"lapsed: {said}. It is the default outcome.\n"
    outcome = stored(home_folder, "lapsed")
    assert outcome is not None
    assert {name: getattr(outcome, name) for name in fields} == fields


def test_the_first_outcome_of_one_s_own_replaces_the_automatic_one_as_the_default(foretell) -> None:
    before = {row["outcome"]: row for row in json.loads(foretell("outcomes", "list", *CHURN, "--json").stdout)}

    said = foretell("outcomes", "set", "lapsed", *CHURN, "--silence", "order_placed").stdout
    second = foretell("outcomes", "set", "quiet", *CHURN, "--silence", "page_viewed").stdout
    after = {row["outcome"]: row for row in json.loads(foretell("outcomes", "list", *CHURN, "--json").stdout)}

    assert before["churn"]["default"] == "yes"
    assert before["churn"]["meaning"].startswith("chosen when trained: a cancellation within 60 days, else 90 days")
    assert said.endswith("It is the default outcome.\n")
    assert not second.endswith("It is the default outcome.\n")
    assert [(name, after[name]["default"]) for name in sorted(after)] == [
        ("churn", ""),
        ("lapsed", "yes"),
        ("quiet", ""),
    ]


def test_outcomes_of_churn_and_of_scoring_may_share_a_name(foretell) -> None:
    foretell("outcomes", "set", "lapsed", *CHURN, "--silence", "order_placed")
    foretell("outcomes", "set", "lapsed", "--event", "order_placed")

    assert "no order_placed for 90 days" in foretell("outcomes", "list", *CHURN).stdout
    assert "no order_placed" not in foretell("outcomes", "list").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--capability churn", "Give one of --event TYPE, --silence TYPE and --attribute NAME."),
        ("--capability churn --event a --silence b", "Give one of --event TYPE, --silence TYPE and --attribute NAME."),
        ("--capability churn --silence b --attribute c", "Give one of --event TYPE"),
        ("--silence b", "--silence is for --capability churn"),
        ("--event a --silence b", "--silence is for --capability churn"),
        ("--capability churn --event a --for 30d", "--for is for --silence; say --within for --event."),
        ("--capability churn --silence a --within 30d", "--within is for --event; say --for for --silence."),
        ("--capability churn --attribute a --within 30d", "--within is for --event; an attribute has no time."),
        ("--capability churn --attribute a --for 30d", "--for is for --silence"),
        ("--capability churn --attribute a --active-within 30d", "--active-within is for --event"),
        ("--capability churn --silence a --positive 1", "--positive is for --attribute."),
        ("--capability churn --silence a --repeatable", "leave at and repeatable out"),
        ("--capability churn --event a --at b+1h", "leave at and repeatable out"),
        ("--capability churn --silence a --for 36h", "whole days"),
        ("--capability churn --silence a --for 366d", "between 1 and 365"),
        ("--capability churn --silence Not-Snake", "silence.0: Write it in small letters of a to z, "),
        ("--capability churn --silence ,", "Give one of --event TYPE"),
        ("--capability churn --silence a --bands 1,2", "three rising numbers such as 1,2,4"),
        ("--capability churn --silence a --bands 1,2,3,4", "three rising numbers such as 1,2,4"),
        ("--capability churn --silence a --bands low,high,more", "three rising numbers such as 1,2,4"),
        ("--capability churn --silence a --bands 4,2,1", "rising order"),
        ("--capability churn --silence a --bands 0,1,2", "greater than 0"),
        ("--event a --bands 1,2,4", "--bands is for --capability churn."),
    ],
)
def test_a_churn_outcome_that_makes_no_sense_is_wrong_usage(foretell, words: str, said: str) -> None:
    result = foretell("outcomes", "set", "x", *words.split())

    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def shop(*, contacts: int = 120, days: int = 200) -> None:
    """Fill the account: everybody orders every ten days, half of them only in the first half of the time."""
    with opened_account("default") as (_, _, store):
        start = (NOW_DAY - days) * DAY
        rows = [ContactRow(f"c{n}", start, attributes=(AttributeRow("gone", n % 2, start),)) for n in range(contacts)]
        store.contacts.put_bulk(rows, recorded_at=NOW_DAY * DAY)
        events = [
            EventRow(f"c{n}", f"o{day}", "order_placed", start + day * DAY + n, NOW_DAY * DAY, 10.0)
            for n in range(contacts)
            for day in range(n % 10, days if n % 2 else days // 2, 10)
        ]
        store.events.add_bulk(events)


def test_a_preview_counts_who_left_and_who_stayed_before_training(foretell) -> None:
    shop()
    foretell("outcomes", "set", "lapsed", *CHURN, "--silence", "order_placed", "--for", "30d")

    result = foretell("outcomes", "preview", "lapsed", *CHURN, "--json")

    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == [
        {"outcome": "lapsed", "contacts_with": 60, "contacts_without": 120, "minimum": "40/40"}
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--silence", "order_place"), "No contact has an event of type 'order_place'; near: 'order_placed'."),
        (("--attribute", "gonne"), "No contact has an attribute 'gonne'; near: 'gone'."),
    ],
)
def test_a_mistyped_name_is_reported_when_it_is_defined_and_when_it_is_counted(
    foretell, words: tuple[str, ...], said: str
) -> None:
    shop()

    defined = foretell("outcomes", "set", "lapsed", *CHURN, *words)
    counted = foretell("outcomes", "preview", "lapsed", *CHURN)

    assert (defined.exit_code, counted.exit_code) == (0, 3)
    assert said in defined.stderr
    assert said in counted.stderr


def test_a_name_is_not_called_mistyped_before_there_is_any_data(foretell) -> None:
    assert foretell("outcomes", "set", "lapsed", *CHURN, "--silence", "order_placed").stderr == ""


def test_a_preview_of_flat_churn_counts_the_column(foretell) -> None:
    shop()
    foretell("outcomes", "set", "gone", *CHURN, "--attribute", "gone")

    counted = json.loads(foretell("outcomes", "preview", "gone", *CHURN, "--json").stdout)[0]

    assert (counted["contacts_with"], counted["contacts_without"]) == (60, 60)


def test_a_preview_of_the_automatic_outcome_is_of_what_it_would_become(foretell) -> None:
    shop(days=500)

    counted = json.loads(foretell("outcomes", "preview", "churn", *CHURN, "--json").stdout)[0]

    assert (counted["contacts_with"], counted["contacts_without"]) == (60, 120)


@pytest.mark.parametrize("command", [("outcomes", "preview", "churn", *CHURN), ("train", "churn")])
def test_without_data_churn_is_exit_code_three_and_one_sentence(foretell, command: tuple[str, ...]) -> None:
    result = foretell(*command)

    assert result.exit_code == 3
    assert "Import events first" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_too_few_are_refused_in_counts(foretell) -> None:
    shop(contacts=50)
    foretell("outcomes", "set", "lapsed", *CHURN, "--silence", "order_placed", "--for", "30d")

    preview = foretell("outcomes", "preview", "lapsed", *CHURN)
    trained = foretell("train", "churn", "--outcome", "lapsed")

    assert (preview.exit_code, trained.exit_code) == (3, 3)
    for result in (preview, trained):
        assert "25 contacts reached it and 50 did not; 40 and 40 are needed" in result.stderr


def test_training_an_unknown_churn_outcome_lists_the_known_ones(foretell) -> None:
    result = foretell("train", "churn", "--outcome", "nope")

    assert result.exit_code == 2
    assert "Known: churn" in result.stderr


def test_the_help_of_churn_says_what_leaving_may_mean(foretell) -> None:
    said = " ".join(foretell("outcomes", "set", "--help").stdout.split())

    for words in ("--silence", "--for", "--eligible-active-within", "--bands", "--capability churn --event"):
        assert words in said
    assert "--outcome lapsed --no-promote" in " ".join(foretell("train", "churn", "--help").stdout.split())


def test_the_openapi_documents_hold_churn_s_too(foretell, tmp_path: Path) -> None:
    foretell("openapi", "--into", str(tmp_path))

    assert "/churn-risk" in json.loads((tmp_path / "churn.json").read_text())["paths"]
