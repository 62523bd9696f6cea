"""Subscriptions and deliveries on the command line."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from shared.contracts.message import EXAMPLES, Message
from shared.contracts.rows import SECOND
from shared.settings import Settings
from shared.store import AttemptResult, open_database

KIND = "score.band_changed"
AT = 1_780_315_200 * SECOND


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A receiver on loopback, allowed by setting."""
    monkeypatch.setenv("FORETELL_WEBHOOK_ALLOW_PRIVATE", "true")
    seen: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if self.path == "/broken" else 200)
            self.end_headers()
            self.wfile.write(b"thanks")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
        server.shutdown()
        thread.join()


def only(foretell) -> str:
    return str(json.loads(foretell("subscriptions", "list", "--json").stdout)[0]["id"])


def test_a_subscription_is_made_shown_tried_out_and_removed(foretell, receiver) -> None:
    url, seen = receiver
    made = foretell("subscriptions", "add", url, "--on", KIND, "--header", "Authorization: Bearer x")
    name = only(foretell)

    shown = json.loads(foretell("subscriptions", "show", name).stdout)
    tried = foretell("subscriptions", "test", name, "--type", KIND, "--contact", "c-9")
    kept = foretell("subscriptions", "remove", name)
    removed = foretell("subscriptions", "remove", name, "--yes")

    secret = made.stdout.strip().splitlines()[-1]
    assert (shown["header_names"], shown["state"], shown["event_types"]) == (["Authorization"], "enabled", [KIND])
    assert "Bearer" not in str(shown)
    assert tried.stdout.startswith("Delivered: status 200 after ")
    assert Webhook(secret).verify(seen[0][1], seen[0][0])["data"]["contact_id"] == "c-9"
    assert (kept.exit_code, removed.exit_code) == (1, 0)
    assert json.loads(foretell("subscriptions", "list", "--json").stdout) == []


def test_a_trial_that_is_not_taken_fails_and_says_what_came_back(foretell, receiver) -> None:
    foretell("subscriptions", "add", f"{receiver[0]}/broken", "--on", KIND)

    tried = foretell("subscriptions", "test", only(foretell))

    assert tried.exit_code == 1
    assert "Not delivered: status 500" in str(tried.exception) + tried.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["http://1.1.1.1", "--on", KIND], "https"),
        (["https://127.0.0.1", "--on", KIND], "FORETELL_WEBHOOK_ALLOW_PRIVATE"),
        (["https://1.1.1.1", "--on", "x"], "event_types.0: Input should be 'score.band_changed'"),
        (["https://1.1.1.1", "--on", KIND, "--connector", "sap"], "connector"),
        (["https://1.1.1.1", "--on", KIND, "--settings", "{"], "not JSON"),
        (["https://1.1.1.1", "--on", KIND, "--settings", "[]"], "not a JSON object"),
        (["https://1.1.1.1", "--on", KIND, "--header", "x"], "Name: value"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(foretell, words: list[str], said: str) -> None:
    refused = foretell("subscriptions", "add", *words)

    assert refused.exit_code == 1 or refused.exit_code == 2
    assert said in str(refused.exception) + refused.output


def test_failed_deliveries_are_listed_and_replayed(foretell, receiver, home_folder: Path) -> None:
    foretell("subscriptions", "add", receiver[0], "--on", KIND)
    name = only(foretell)
    database = open_database(Settings(home=home_folder))
    store = database.of("default")
    store.deliveries.outbox.publish(
        [Message(f"m{n}", KIND, AT, EXAMPLES[KIND], "c-42", "events") for n in range(2)], at=AT
    )
    due = store.deliveries.lease({name: 9}, at=AT, until=AT + 1)
    failed = [AttemptResult(one.delivery_id, name, AT, 500, 1, None, "", "failed", AT, 10, False) for one in due]
    store.deliveries.record_attempts(failed, at=AT, pause_before=0)
    database.close()

    listed = json.loads(foretell("deliveries", "list", "--state", "failed", "--json").stdout)
    one = foretell("deliveries", "replay", listed[0]["id"])
    stretch = ("--subscription", name, "--from", "2026-06-01", "--until", "2026-06-02T00:00:00Z", "--state", "failed")
    many = foretell("deliveries", "replay", *stretch)

    assert [row["attempts"] for row in listed] == [1, 1]
    assert (one.stdout, many.stdout) == ("1 due once more.\n", "1 due once more.\n")
    assert len(json.loads(foretell("deliveries", "list", "--state", "pending", "--json").stdout)) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--state", "x"],
        ["replay"],
        ["replay", "dlv_1"],
        ["replay", "dlv_1", "--subscription", "s"],
        ["replay", "--subscription", "s"],
        ["replay", "--subscription", "s", "--from", "x", "--until", "2026-01-01"],
        ["replay", "--subscription", "s", "--from", "2026-01-01", "--until", "2026-01-02", "--state", "pending"],
        ["replay", "--subscription", "s", "--from", "2026-01-01", "--until", "2026-01-02"],
    ],
)
def test_a_replay_of_nothing_is_refused(foretell, words: list[str]) -> None:
    assert foretell("deliveries", *words).exit_code in {1, 2}
