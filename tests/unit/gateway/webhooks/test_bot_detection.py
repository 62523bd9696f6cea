"""Human or machine, by the event's own signals and by the other events of its message."""

import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks import bot_detection
from gateway.webhooks.bot_detection import BotAssessment, MessageEvent, assess_by_message, assess_event
from gateway.webhooks.provider import Signals

PAGE = Path(__file__).parents[4] / "docs" / "webhooks.md"
SECOND = 1_000_000
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
GMAIL_PREFETCH = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
)
GOOGLE_PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO_PROXY = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
HUMAN, UNKNOWN = BotAssessment(True, "usual_agent"), BotAssessment(None, None)


@pytest.mark.parametrize(
    ("type_", "signals", "judged"),
    [
        ("email_opened", Signals(machine="sg_machine_open", user_agent=CHROME), BotAssessment(False, "provider_flag")),
        ("email_opened", Signals(human="human_opened"), BotAssessment(True, "provider_flag")),
        ("email_clicked", Signals(method="head", user_agent=CHROME), BotAssessment(False, "head_request")),
        ("email_opened", Signals(user_agent="Mozilla/5.0", ip="17.58.97.1"), BotAssessment(False, "apple_privacy")),
        ("email_opened", Signals(user_agent="Mozilla/5.0", ip="104.28.31.1"), BotAssessment(False, "bare_agent")),
        ("email_opened", Signals(user_agent="Mozilla/5.0", ip="no address"), BotAssessment(False, "bare_agent")),
        ("email_opened", Signals(user_agent="Mozilla/5.0", ip="2620:149::1"), BotAssessment(False, "bare_agent")),
        ("email_opened", Signals(user_agent=GMAIL_PREFETCH), BotAssessment(False, "gmail_prefetch")),
        ("email_opened", Signals(user_agent=GOOGLE_PROXY), BotAssessment(None, "image_proxy")),
        ("email_opened", Signals(user_agent=YAHOO_PROXY), BotAssessment(None, "image_proxy")),
        ("email_opened", Signals(user_agent=IPHONE), HUMAN),
        ("email_opened", Signals(user_agent="Microsoft Outlook 16.0.5"), HUMAN),
        ("email_opened", Signals(), UNKNOWN),
        ("email_clicked", Signals(user_agent=CHROME), HUMAN),
        ("email_clicked", Signals(user_agent=f"{CHROME} CUBOT KINGKONG"), HUMAN),
        ("email_clicked", Signals(user_agent="Mozilla/5.0"), UNKNOWN),
        ("email_clicked", Signals(user_agent=GOOGLE_PROXY), UNKNOWN),
        ("email_clicked", Signals(ip="17.58.97.1"), UNKNOWN),
        ("page_viewed", Signals(user_agent=CHROME), UNKNOWN),
        (
            "page_viewed",
            Signals(user_agent="Mozilla/5.0 (compatible; bingbot/2.0)"),
            BotAssessment(False, "scanner_agent"),
        ),
        ("email_delivered", Signals(user_agent="curl/8.5.0"), UNKNOWN),
        ("order_placed", Signals(user_agent="python-requests/2.32.3"), BotAssessment(True, "deed")),
        ("email_replied", Signals(), BotAssessment(True, "deed")),
        ("form_submitted", Signals(), BotAssessment(True, "deed")),
    ],
)
def test_an_event_is_judged_by_what_came_with_it(type_: str, signals: Signals, judged: BotAssessment) -> None:
    assert assess_event(type_, signals) == judged


def test_the_documentation_has_a_row_for_every_reason() -> None:
    source = Path(bot_detection.__file__).read_text(encoding="utf-8")
    reasons = set(re.findall(r'BotAssessment\((?:True|False|None), "(\w+)"', source)) | {
        bot_detection.FLAG,
        *bot_detection.TIMED_REASONS,
    }
    section = PAGE.read_text(encoding="utf-8").split("## Human or machine\n", 1)[1].split("\n## ", 1)[0]

    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == reasons


@pytest.mark.parametrize(
    "agent",
    [
        "BarracudaCentral/1.0",
        "Mozilla/5.0 (compatible; Proofpoint URL Defense)",
        "Mimecast Security Scanner",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0 Safari/537.36",
        "python-requests/2.32.3",
        "curl/8.5.0",
        "Go-http-client/1.1",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    ],
)
@pytest.mark.parametrize("type_", ["email_opened", "email_clicked"])
def test_a_scanner_is_a_machine_whatever_it_fetches(type_: str, agent: str) -> None:
    assert assess_event(type_, Signals(user_agent=agent)) == BotAssessment(False, "scanner_agent")


def sighting(
    event_id: str, type_: str, seconds: float, link: str | None = None, *, judged: BotAssessment = UNKNOWN
) -> MessageEvent:
    return MessageEvent(event_id, "c-1", "m-1", type_, int(seconds * SECOND), link, judged)


@pytest.mark.parametrize(
    ("before", "clicked_after", "reason"),
    [
        ("email_delivered", 2.0, "after_delivery"),
        ("email_delivered", 2.1, None),
        ("email_delivered", -10.0, "after_delivery"),
        ("email_delivered", -10.1, None),
        ("email_sent", 1.5, "after_sending"),
        ("email_sent", 1.6, None),
    ],
)
def test_nobody_clicks_within_seconds_of_delivery(before: str, clicked_after: float, reason: str | None) -> None:
    told = [sighting("d", before, 100), sighting("k", "email_clicked", 100 + clicked_after, "/a", judged=HUMAN)]

    assert assess_by_message(told) == ({} if reason is None else {"k": BotAssessment(False, reason)})


def test_clicks_on_different_links_at_once_are_all_a_machines() -> None:
    told = [
        sighting("k1", "email_clicked", 100, "/a", judged=HUMAN),
        sighting("k2", "email_clicked", 101, "/a", judged=HUMAN),
        sighting("k3", "email_clicked", 103, "/b", judged=HUMAN),
        sighting("k4", "email_clicked", 105.1, "/c", judged=HUMAN),
    ]

    assert assess_by_message(told) == {
        "k2": BotAssessment(False, "links_at_once"),
        "k3": BotAssessment(False, "links_at_once"),
    }


def test_clicking_one_link_twice_is_human() -> None:
    told = [sighting("k1", "email_clicked", 100, "/a", judged=HUMAN), sighting("k2", "email_clicked", 101, "/a")]

    assert assess_by_message(told) == {}


def test_clicks_on_unknown_links_are_not_called_different() -> None:
    told = [sighting("k1", "email_clicked", 100), sighting("k2", "email_clicked", 101, "/a")]

    assert assess_by_message(told) == {}


@pytest.mark.parametrize("other", [{"contact_id": "c-2"}, {"message_id": "m-2"}, {"message_id": None}])
def test_other_messages_and_other_contacts_do_not_count(other: dict[str, str | None]) -> None:
    told = [
        sighting("k1", "email_clicked", 100, "/a"),
        sighting("k2", "email_clicked", 101, "/b")._replace(**other),  # type: ignore[arg-type]
    ]

    assert assess_by_message(told) == {}


@pytest.mark.parametrize(
    "flagged",
    [
        BotAssessment(False, "provider_flag"),
        BotAssessment(True, "provider_flag"),
        BotAssessment(False, "scanner_agent"),
    ],
)
def test_what_the_event_itself_proves_keeps_its_reason(flagged: BotAssessment) -> None:
    told = [sighting("d", "email_delivered", 100), sighting("k", "email_clicked", 101, "/a", judged=flagged)]

    assert assess_by_message(told) == {}


def test_an_order_right_after_delivery_stays_human() -> None:
    deed = BotAssessment(True, "deed")
    told = [sighting("d", "email_delivered", 100), sighting("o", "order_placed", 101, judged=deed)]

    assert assess_by_message(told) == {}


EVENTS = st.builds(
    lambda type_, at, link, own: (type_, at * SECOND // 2, link, own),
    st.sampled_from(["email_sent", "email_delivered", "email_opened", "email_clicked", "order_placed"]),
    st.integers(0, 40),
    st.sampled_from([None, "/a", "/b", "/c"]),
    st.sampled_from(
        [
            HUMAN,
            UNKNOWN,
            BotAssessment(None, "image_proxy"),
            BotAssessment(False, "provider_flag"),
            BotAssessment(True, "provider_flag"),
        ]
    ),
)


@given(st.lists(EVENTS, max_size=12), st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_order_of_arrival_ends_in_the_same_verdicts(
    drawn: list[tuple[str, int, str | None, BotAssessment]],
    random: Random,
    size: int,
) -> None:
    events = [
        MessageEvent(f"e-{number}", "c-1", "m-1", type_, at, link, own)
        for number, (type_, at, link, own) in enumerate(drawn)
    ]
    shuffled = random.sample(events, len(events))

    assert arrived(events, size) == arrived(shuffled, 1) == arrived(shuffled, 13)


def arrived(events: list[MessageEvent], size: int) -> dict[str, BotAssessment]:
    """Take events in batches, as the receiver does: judge with what is stored, then store."""
    stored: dict[str, MessageEvent] = {}
    for start in range(0, len(events), size):
        stored |= {one.event_id: one for one in events[start : start + size]}
        for event_id, judged in assess_by_message(stored.values()).items():
            stored[event_id] = stored[event_id]._replace(assessment=judged)
    return {event_id: one.assessment for event_id, one in stored.items()}
