"""Bot detection: whether a human or a machine made an event. Pure.

An event is judged by what came with it, then by the other events of its message. The first assessment needs only the
event itself, the second only instants and links: any order of arrival ends in the same assessments, and nothing about a
device has to be kept. docs/webhooks.md has a row for every reason.
"""

import json
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, ip_address
from typing import Any, Final, NamedTuple

from gateway.webhooks.provider import Signals
from shared.contracts.rows import EventRow, Microseconds
from shared.ingest import canonical

OPENS: Final = frozenset({"email_opened"})
CLICKS: Final = frozenset({"email_clicked", "sms_clicked", "push_clicked"})
PAGE_VIEWS: Final = frozenset({"page_viewed"})
CHANNELS: Final = ("email_", "sms_", "push_", "in_app_", "whatsapp_")
UNSUBSCRIBED: Final = "email_unsubscribed"
PAID: Final = frozenset(
    {"order_placed", "order_refunded", "email_replied", "subscription_started", "subscription_cancelled"}
)
"""What no machine does, because it costs money or needs words."""
DEEDS: Final = PAID | {"form_submitted", "signed_up", "checkout_started"}
"""What no prefetcher and no scanner does, only a program written for it."""
DELIVERED: Final = "email_delivered"
SENT: Final = "email_sent"

MAX_AGENT_CHARACTERS: Final = 1_000
"""The client chooses the length of its agent."""
_SECOND: Final = 1_000_000
AFTER_DELIVERY: Final = 2 * _SECOND
AFTER_SENDING: Final = 3 * _SECOND // 2
BEFORE: Final = 10 * _SECOND
"""A mail server may follow the links while it accepts the message, before the delivery is recorded."""
APART: Final = 2 * _SECOND

_APPLE: Final = IPv4Network("17.0.0.0/8")
_BARE: Final = "Mozilla/5.0"
_GMAIL_PREFETCH: Final = ("Chrome/42.0.2311.135", "Edge/12.246")
_IMAGE_PROXY = re.compile(r"GoogleImageProxy|YahooMailProxy", re.IGNORECASE)
# Cubot is a brand of telephones.
_SCANNER = re.compile(
    r"barracuda|proofpoint|mimecast|safelinks|symantec|trendmicro|forcepoint|fireeye|sophos|urldefense|"
    r"messagelabs|ironport|cloudmark|bitdefender|kaspersky|zscaler|paloalto|checkpoint|avanan|vade ?secure|mailguard|"
    r"headless|phantomjs|selenium|puppeteer|playwright|"
    r"(?<!cu)bot\b|crawler|spider|facebookexternalhit|skypeuripreview|bingpreview|linkpreview|whatsapp/",
    re.IGNORECASE,
)
_LIBRARY = re.compile(
    r"python-|python/|aiohttp|httpx|curl/|wget/|go-http-client|libwww-perl|lwp::|java/|apache-httpclient|"
    r"axios/|node-fetch|undici|\bgot[ /(]|superagent|guzzlehttp|\bphp/|scrapy|postmanruntime|insomnia|httpie|"
    r"powershell|\bruby\b|faraday|mechanize|restsharp|winhttp|okhttp",
    re.IGNORECASE,
)
"""Agents of programs with which nobody reads a page."""
_OF_PHONES = re.compile(r"okhttp", re.IGNORECASE)
"""An app's library: it sends what a person does in the app, but opens no mail and no page."""
_OF_SENDERS = re.compile(
    r"analytics[-.](?:python|ruby|java|go|php|node|net|next|swift|kotlin|android|ios|rust|react)|@segment/|"
    r"rudder|jitsu|dittofeed|hubspot|customer\.?io|klaviyo|mailchimp|sendgrid|mailgun|posthog|snowplow|shopify|stripe",
    re.IGNORECASE,
)
"""Libraries of servers that forward what a person did: they do not say whether it was a person."""
_USUAL = re.compile(
    r"Mozilla/\d.*(?:AppleWebKit/|Gecko/|Trident/|MSIE )|Opera/\d|Microsoft Outlook|Outlook-|Thunderbird/",
    re.IGNORECASE,
)
SUSPECTED: Final = OPENS | CLICKS | {UNSUBSCRIBED}
"""Types of events that a scanner makes which follows all links of a message."""
FLAG: Final = "provider_flag"
ONE_CLICK: Final = "one_click"
TIMED_REASONS: Final = ("after_delivery", "after_sending", "links_at_once")
"""Reasons that come from other events; the first that applies is kept."""
REASON_PROPERTY = "verdict"
"""The property of an event that names the rule of its assessment."""
_TIMED_TYPES = SUSPECTED | {DELIVERED, SENT}
"""Types whose instants matter for the assessments on other events of their message."""


class BotAssessment(NamedTuple):
    """Whether a human made an event, and the rule that says so."""

    human: bool | None
    """None: unknown."""
    reason: str | None
    """Name of the rule; None where none applies."""


class MessageEvent(NamedTuple):
    """The parts of an event that other events of its message are judged by; incoming or stored."""

    event_id: str
    contact_id: str
    message_id: str | None
    type: str
    occurred_at: Microseconds
    link: str | None
    """The `item` of a click."""
    assessment: BotAssessment
    """From `assess_event` for an incoming event; else as stored."""


UNKNOWN: Final = BotAssessment(None, None)


def assess_event(type_: str, signals: Signals) -> BotAssessment:
    """Judge an event by what came with it.

    >>> assess_event("email_clicked", Signals(method="HEAD"))
    BotAssessment(human=False, reason='head_request')
    >>> assess_event("order_placed", Signals(user_agent="python-requests/2.32"))
    BotAssessment(human=True, reason='deed')
    >>> assess_event("form_submitted", Signals(user_agent="python-requests/2.32"))
    BotAssessment(human=False, reason='program_agent')
    """
    if signals.machine is not None:
        return BotAssessment(False, FLAG)
    if signals.human is not None:
        return BotAssessment(True, FLAG)
    if type_ in PAID:
        return BotAssessment(True, "deed")
    if type_.startswith(CHANNELS) and type_ not in SUSPECTED:
        return UNKNOWN  # made by servers, about each other
    method = (signals.method or "").strip().upper()
    if method == "HEAD":
        return BotAssessment(False, "head_request")
    if type_ == UNSUBSCRIBED and method == "POST":
        return BotAssessment(True, "one_click")
    agent = (signals.user_agent or "")[:MAX_AGENT_CHARACTERS].strip()
    if (machine := _program(type_, agent)) is not None:
        return machine
    if type_ in DEEDS:
        return BotAssessment(True, "deed")
    if type_ not in OPENS | CLICKS:
        return UNKNOWN
    if type_ in OPENS and (prefetched := _prefetched(agent, signals.ip)) is not None:
        return prefetched
    if _IMAGE_PROXY.search(agent) or not _USUAL.search(agent):
        return UNKNOWN
    return BotAssessment(True, "usual_agent")


def assess_by_message(events: Iterable[MessageEvent]) -> dict[str, BotAssessment]:
    """Judge events by the others of the same message to the same contact.

    An assessment only ever turns from human or unknown to machine, so it does not matter in which order, how often
    or in which parts the events come, as long as the stored ones of a message are among them.

    Args:
        events: incoming events and all stored events of their messages.

    Returns:
        Changed assessments by event id, of stored events too.
    """
    messages: dict[tuple[str, str], list[MessageEvent]] = defaultdict(list)
    for one in events:
        if one.message_id is not None:
            messages[one.contact_id, one.message_id].append(one)
    found: dict[str, BotAssessment] = {}
    for events in messages.values():
        for one, reason in _timed_reasons(events):
            if (assessment := _combined(one.assessment, reason)) != one.assessment:
                found[one.event_id] = assessment
    return found


@lru_cache(maxsize=1_024)
def _program(type_: str, agent: str) -> BotAssessment | None:
    """Return an assessment on an agent that is a program; None: it is not known as one."""
    if _OF_SENDERS.search(agent):
        return None
    if _SCANNER.search(agent):
        return BotAssessment(False, "scanner_agent")
    if not _LIBRARY.search(agent):
        return None
    if type_ in OPENS | CLICKS | PAGE_VIEWS:
        return BotAssessment(False, "scanner_agent")
    # A mailbox provider's server unsubscribes on behalf of its user, with a library of its own.
    if type_ == UNSUBSCRIBED or _OF_PHONES.search(agent):
        return None
    return BotAssessment(False, "program_agent")


def _prefetched(agent: str, ip: str | None) -> BotAssessment | None:
    if agent == _BARE:
        return BotAssessment(False, "apple_privacy") if _is_apple(ip) else BotAssessment(False, "bare_agent")
    if all(part in agent for part in _GMAIL_PREFETCH):
        return BotAssessment(False, "gmail_prefetch")
    # It also fetches when a human opens the mail.
    return BotAssessment(None, "image_proxy") if _IMAGE_PROXY.search(agent) else None


def _is_apple(ip: str | None) -> bool:
    try:
        return ip is not None and ip_address(ip.strip()) in _APPLE
    except ValueError:
        return False


def _timed_reasons(events: Sequence[MessageEvent]) -> list[tuple[MessageEvent, str]]:
    """Return events of one message that other events show to be a machine's, each with its rule."""
    delivered = sorted(one.occurred_at for one in events if one.type == DELIVERED)
    sent = sorted(one.occurred_at for one in events if one.type == SENT)
    at_once = _at_once([one for one in events if one.type in CLICKS and one.link is not None])
    burst = sorted(one.occurred_at for one in events if one.event_id in at_once)
    found = []
    for one in events:
        if one.type not in SUSPECTED:
            continue
        if _is_after(one.occurred_at, delivered, AFTER_DELIVERY):
            found.append((one, "after_delivery"))
        elif _is_after(one.occurred_at, sent, AFTER_SENDING):
            found.append((one, "after_sending"))
        elif one.event_id in at_once or (one.type not in CLICKS and _is_beside(one.occurred_at, burst)):
            found.append((one, "links_at_once"))
    return found


def _is_beside(at: Microseconds, burst: Sequence[Microseconds]) -> bool:
    """Whether all links were followed about then: an open or an unsubscription at that time is a machine's."""
    place = bisect_left(burst, at - APART)
    return place < len(burst) and burst[place] <= at + APART


def _is_after(at: Microseconds, instants: Sequence[Microseconds], within: Microseconds) -> bool:
    """Whether an instant follows one of the sorted instants faster than a human could act."""
    place = bisect_left(instants, at - within)
    return place < len(instants) and instants[place] <= at + BEFORE


def _at_once(clicks: Iterable[MessageEvent]) -> set[str]:
    """Return the ids of clicks on different links that follow each other faster than a human could click."""
    forward = sorted(clicks, key=lambda one: (one.occurred_at, one.link))
    found: set[str] = set()
    for ordered in (forward, forward[::-1]):
        previous = other = None
        for one in ordered:
            if previous is not None and previous.link != one.link:
                other = previous  # the latest one on another link
            if other is not None and abs(one.occurred_at - other.occurred_at) <= APART:
                found |= {one.event_id, other.event_id}
            previous = one
    return found


def _combined(assessment: BotAssessment, reason: str) -> BotAssessment:
    """Combine an assessment with a timed reason; one from the event's own signals or the provider's flag stays."""
    if assessment.reason in (FLAG, ONE_CLICK) or (assessment.human is False and assessment.reason not in TIMED_REASONS):
        return assessment
    reasons = [one for one in TIMED_REASONS if one in (assessment.reason, reason)]
    return BotAssessment(False, reasons[0])


def with_assessment(row: EventRow, signals: Signals) -> EventRow:
    """Set the assessment by the signals of the event; the signals are not kept."""
    return _with_given_assessment(row, assess_event(row.type, signals))


def without_repeats(new: Sequence[EventRow], stored: Iterable[EventRow]) -> list[EventRow]:
    """Leave out events that are known under another id: a provider that retries may give the same event a new id.

    Args:
        new: of a batch.
        stored: of the same contacts and messages.

    Returns:
        Those of the new ones that are not known yet, the first of several.
    """
    seen = {_content(row) for row in stored if is_of_message(row)}
    kept = []
    for row in new:
        if is_of_message(row):
            content = _content(row)
            if content in seen:
                continue
            seen.add(content)
        kept.append(row)
    return kept


def is_of_message(row: EventRow) -> bool:
    """Whether an event belongs to a named message; two equal events of a message are one.

    Other equal events may be two: a product that is put into the basket twice.
    """
    return row.message_id is not None and row.type.startswith(CHANNELS)


def _content(row: EventRow) -> tuple[Any, ...]:
    """Return what identifies an event, without its id and its assessment."""
    properties = json.loads(row.properties) if row.properties else {}
    properties.pop(REASON_PROPERTY, None)
    rest = row.message_id, row.campaign_id, row.item, row.value, row.currency, canonical(properties)
    return row.contact_id, row.type, row.occurred_at, *rest


def assess_batch(new: Sequence[EventRow], stored: Iterable[EventRow]) -> tuple[list[EventRow], list[EventRow]]:
    """Set assessments by the other events of the same messages.

    Args:
        new: of a batch, with assessments by their own signals.
        stored: all of the same messages and contacts.

    Returns:
        The new events in their order, and the stored events whose assessments must be corrected.
    """
    coming = {_key(row): row for row in new}
    there = {_key(row): row for row in stored if _key(row) not in coming}
    assessments = assess_by_message(
        _message_event(key, row) for key, row in (there | coming).items() if row.type in _TIMED_TYPES
    )
    judged = [_with_given_assessment(row, assessments[_key(row)]) if _key(row) in assessments else row for row in new]
    return judged, [
        _with_given_assessment(there[key], assessment) for key, assessment in assessments.items() if key in there
    ]


def _key(row: EventRow) -> str:
    return f"{row.contact_id}\n{row.event_id}"


def _message_event(key: str, row: EventRow) -> MessageEvent:
    human = None if row.human is None else bool(row.human)
    reason = json.loads(row.properties).get(REASON_PROPERTY) if row.properties else None
    return MessageEvent(
        key,
        row.contact_id,
        row.message_id,
        row.type,
        row.occurred_at,
        row.item,
        BotAssessment(human, reason if isinstance(reason, str) else None),
    )


def _with_given_assessment(row: EventRow, assessment: BotAssessment) -> EventRow:
    if assessment.human is None and assessment.reason is None:
        return row
    properties = {**(json.loads(row.properties) if row.properties else {}), REASON_PROPERTY: assessment.reason}
    human = None if assessment.human is None else int(assessment.human)
    return row._replace(human=human, properties=canonical(properties))
