"""Sources and dead letters on the command line."""

import json
from collections.abc import Callable
from typing import Any

from typer.testing import CliRunner

from foretell.cli.app import app
from foretell.cli.context import opened_account
from shared.store import DeadLetterRow

Command = Callable[..., Any]
ADD = ("sources", "add", "mail", "--provider", "postmark")


def test_a_source_is_made_listed_rotated_and_removed(foretell: Command) -> None:
    made = foretell(*ADD, "--secret", "user:a-password-of-ours", "--create-contacts")
    rotated = foretell("sources", "rotate", "mail", "--secret", "user:another-of-ours-2", "--keep-old-for", "1d")
    listed = json.loads(foretell("sources", "list", "--json").stdout)
    shown = foretell("sources", "show", "mail", "--json")
    refused = foretell("sources", "remove", "mail")
    removed = foretell("sources", "remove", "mail", "--yes")

    assert made.exit_code == rotated.exit_code == removed.exit_code == 0
    assert made.stdout.startswith("http://127.0.0.1:8000/webhooks/postmark/src_")
    assert [(one["name"], one["provider"], one["creates_contacts"]) for one in listed] == [("mail", "postmark", "yes")]
    assert [one["secret_expires_at"] is None for one in json.loads(shown.stdout)] == [False, True]
    assert "password" not in shown.stdout + made.stdout + rotated.stdout
    assert refused.exit_code != 0
    assert "no sources" in foretell("sources", "list").stdout


def test_a_secret_may_come_by_standard_input(foretell: Command) -> None:
    piped = CliRunner().invoke(app, [*ADD, "--secret-stdin"], input="user:a-password-of-ours\n")
    both = foretell(*ADD, "--secret-stdin", "--secret", "x")

    assert piped.exit_code == 0
    assert isinstance(both.exception, Exception) or both.exit_code != 0


def test_what_cannot_be_a_source_is_refused_with_a_sentence(foretell: Command) -> None:
    for words, message in [
        (("sources", "add", "mail", "--provider", "nobody", "--secret", "x"), "use brevo"),
        (ADD, "Give a secret"),
        (
            ("sources", "add", "No Name", "--provider", "postmark", "--secret", "x"),
            "name: Write it in small letters of a to z, ",
        ),
        (("sources", "show", "nobody"), "no source 'nobody'"),
        (("sources", "rotate", "nobody"), "Give the new secret"),
        (("dead-letters", "show", "dl_0"), "no dead letter 'dl_0'"),
        (("dead-letters", "retry", "dl_0"), "no dead letter 'dl_0'"),
        (("dead-letters", "retry"), "Name a letter"),
        (("dead-letters", "list", "--source", "nobody"), "no source 'nobody'"),
    ]:
        result = foretell(*words)

        assert result.exit_code != 0
        assert message in result.output + str(getattr(result.exception, "detail", "")), words


def test_a_dead_letter_is_listed_shown_and_tried_again(foretell: Command) -> None:
    foretell(*ADD, "--secret", "user:a-password-of-ours", "--create-contacts")
    item = {
        "RecordType": "Open",
        "MessageID": "m-1",
        "Recipient": f"hash:{'5e' * 32}",
        "ReceivedAt": "2026-06-01T09:30:00Z",
    }
    with opened_account("default") as (_, _, store):
        (source,) = store.sources.all()
        letter = DeadLetterRow(
            "dl_1", source.source_id, "postmark", "unknown_contact", "why", json.dumps(item), None, 1
        )
        store.sources.dead_letters.put([letter, letter._replace(dead_letter_id="dl_2", payload="null")])

    listed = json.loads(foretell("dead-letters", "list", "--source", "mail", "--json").stdout)
    shown = json.loads(foretell("dead-letters", "show", "dl_1").stdout)
    one = foretell("dead-letters", "retry", "dl_1")
    rest = foretell("dead-letters", "retry", "--all")

    assert [(each["id"], each["source"]) for each in listed] == [("dl_1", "mail"), ("dl_2", "mail")]
    assert shown["payload"] == item
    assert "Taken: 1. Still dead: 0." in one.stdout
    assert "Taken: 0. Still dead: 1." in rest.stdout
