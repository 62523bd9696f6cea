"""`foretell messages` against a real store."""

import json
from pathlib import Path

import pytest

LOG = """contact_id,action,pscore,candidates,timestamp,click,decision_id
c-1,a,0.5,a|b,2026-05-04T08:00:00Z,1,d-1
c-2,b,0.25,"[""a"", ""b"", null]",2026-05-04T08:00:00Z,0,d-2
c-2,,0.5,a|b,2026-05-05T08:00:00Z,0,d-3
c-3,a,1.5,a|b,2026-05-05T08:00:00Z,0,d-4
c-4,b,0.5,a|b,2026-05-06T08:00:00Z,,
"""


def listed(foretell, *words: str) -> list[dict]:
    result = foretell("messages", "list", "--json", *words)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def shown(foretell, message_id: str) -> dict:
    (found,) = json.loads(foretell("messages", "show", message_id, "--json").stdout)
    del found["updated_at"]
    return found


def test_a_message_is_set_and_shown(foretell) -> None:
    result = foretell(
        "messages", "set", "offer", "--name", "Free delivery", "--attribute", "topic=delivery",
        "--attribute", "channel=email", "--from", "2026-01-01", "--until", "2126-01-01", "--eligible-attribute",
        "country=DE,AT", "--eligible-attribute", "age=30", "--segment", "s1", "--segment", "s2",
        "--band", "scoring:customer=high,very_high", "--band", "churn=low", "--cap-per-week", "2", "--cooldown-hours",
        "1.5",
    )  # fmt: skip

    assert (result.exit_code, "offer was created" in result.stderr) == (0, True), result.stderr
    assert shown(foretell, "offer") == {
        "id": "offer",
        "state": "running",
        "name": "Free delivery",
        "attributes": {"topic": "delivery", "channel": "email"},
        "from": "2026-01-01T00:00:00Z",
        "until": "2126-01-01T00:00:00Z",
        "eligible": {
            "attributes": {"country": ["DE", "AT"], "age": [30.0]},
            "segments": ["s1", "s2"],
            "bands": [
                {"capability": "scoring", "outcome": "customer", "bands": ["high", "very_high"]},
                {"capability": "churn", "outcome": None, "bands": ["low"]},
            ],
        },
        "cap_per_week": 2,
        "cooldown_hours": 1.5,
        "active": True,
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--band", "scoring:nosuch=high"], "There is no scoring outcome 'nosuch'. Known: "),
        (["--from", "2026-06-01", "--until", "2026-05-01"], "foretell: Give an until that is later than from."),
    ],
)
def test_a_rule_that_can_hold_for_nobody_is_refused(foretell, words: list[str], said: str) -> None:
    result = foretell("messages", "set", "offer", *words)

    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert listed(foretell) == []


def test_a_segment_without_anybody_is_named(foretell) -> None:
    result = foretell("messages", "set", "offer", "--segment", "nosuch")

    assert "Nobody is in the segment nosuch now" in result.stderr
    assert [one["id"] for one in listed(foretell)] == ["offer"]


def test_set_changes_what_is_named_and_leaves_the_rest(foretell) -> None:
    foretell(
        "messages", "set", "a", "--name", "A", "--attribute", "topic=news", "--attribute", "channel=email",
        "--eligible-attribute", "country=DE", "--segment", "s1", "--band", "churn=low", "--until", "2126-01-01",
        "--cap-per-week", "2",
    )  # fmt: skip

    result = foretell(
        "messages", "set", "a", "--attribute", "topic=sale", "--attribute", "channel=", "--eligible-attribute",
        "country=", "--eligible-attribute", "plan=pro", "--band", "churn=", "--always", "--cap-per-week", "0",
        "--inactive",
    )  # fmt: skip

    changed = shown(foretell, "a")
    assert "a was updated" in result.stderr
    assert (changed["name"], changed["attributes"], changed["until"]) == ("A", {"topic": "sale"}, None)
    assert changed["eligible"] == {"attributes": {"plan": ["pro"]}, "segments": ["s1"], "bands": []}
    assert (changed["cap_per_week"], changed["state"]) == (None, "switched_off")


def test_a_message_is_shown_in_words(foretell) -> None:
    foretell("messages", "set", "a", "--attribute", "topic=news", "--eligible-attribute", "vip=true", "--segment", "s1")

    text = foretell("messages", "show", "a").stdout

    assert "vip is true, and segment is s1" in text
    assert "topic=news" in text


def test_a_state_that_there_is_not_is_named(foretell) -> None:
    result = foretell("messages", "list", "--state", "gone")

    assert (result.exit_code, "running, not_yet, over, switched_off" in " ".join(result.stderr.split())) == (2, True)


def test_everybody_takes_all_rules_away(foretell) -> None:
    foretell("messages", "set", "a", "--eligible-attribute", "country=DE", "--segment", "s1")

    foretell("messages", "set", "a", "--everybody")

    assert shown(foretell, "a")["eligible"] == {"attributes": {}, "segments": [], "bands": []}


def test_a_list_says_whom_messages_are_for(foretell) -> None:
    foretell("messages", "set", "a", "--eligible-attribute", "country=DE,AT", "--band", "scoring:customer=very_high")
    foretell("messages", "set", "b", "--inactive")

    result = foretell("messages", "list")

    assert "country is DE or AT, and scoring customer is very high" in result.stdout
    assert "everybody" in result.stdout
    assert "2 messages, of which 1 may be chosen now" in result.stderr
    assert [one["id"] for one in listed(foretell, "--state", "switched_off")] == ["b"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--attribute", "topic"), "--attribute"),
        (("--band", "scoring=best"), "bands"),
        (("--band", "weather=high"), "capability"),
        (("--from", "2026-02-01", "--until", "2026-01-01"), "later than from"),
        (("--until", "2026-01-01"), "later than --from"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(foretell, words: tuple[str, ...], reason: str) -> None:
    foretell("messages", "set", "a", "--from", "2026-02-01")

    result = foretell("messages", "set", "a", "--name", "A", *words)

    assert (result.exit_code, reason in " ".join(result.stderr.split())) == (2, True), result.stderr
    assert shown(foretell, "a")["name"] is None


def test_removed_messages_are_gone(foretell) -> None:
    foretell("messages", "set", "a")

    result = foretell("messages", "remove", "a", "b")

    assert "1 of 2 messages were removed." in result.stderr
    assert listed(foretell) == []
    assert "foretell messages set ID" in foretell("messages", "list").stdout
    assert foretell("messages", "show", "a").exit_code == 1


def test_decisions_of_another_tool_are_imported_once(foretell, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG)

    first = foretell("messages", "import", str(tmp_path / "log.csv"), "--max-rejected", "50", "--json")
    again = foretell("messages", "import", str(tmp_path / "log.csv"), "--max-rejected", "50", "--json")

    (made,), (same,) = json.loads(first.stdout), json.loads(again.stdout)
    assert (made["rows"], made["new"], made["rejected"], same["new"], same["unchanged"]) == (5, 3, 2, 0, 3)
    assert made["messages_made"] == ["a", "b"]
    assert [(one["line"], "pscore" in one["reason"]) for one in made["rejects"]] == [(4, False), (5, True)]
    assert [(one["id"], one["state"]) for one in listed(foretell)] == [("a", "switched_off"), ("b", "switched_off")]


def test_a_check_of_decisions_writes_nothing(foretell, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG)

    result = foretell("messages", "import", "--check", str(tmp_path / "log.csv"))

    assert "3 rows would be loaded, 2 would be rejects" in result.stdout
    assert listed(foretell) == []


def test_an_outcome_that_there_is_not_is_named(foretell, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG)

    result = foretell("messages", "import", str(tmp_path / "log.csv"), "--set", "outcome=wrong")

    assert (result.exit_code, "there is no outcome wrong; known: clicked" in " ".join(result.stderr.split())) == (
        1,
        True,
    )


def test_the_report_is_printed_as_words_and_as_json(foretell, tmp_path: Path) -> None:
    log = tmp_path / "sends.csv"
    log.write_text(LOG)
    foretell("messages", "import", str(log))

    found = foretell("messages", "report", "--from", "2026-05-01", "--to", "2026-06-01")
    as_json = foretell("messages", "report", "--from", "2026-05-01", "--to", "2026-06-01", "--json")

    assert found.exit_code == as_json.exit_code == 0, found.stderr
    assert found.stdout.startswith("clicked: decisions from 2026-05-01 to 2026-06-01")
    assert "another tool" in found.stdout
    assert json.loads(as_json.stdout)["arms"][0]["arm"] == "imported"
