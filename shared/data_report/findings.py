"""What an account lacks: contacts, outcomes, events, consent; each finding with what it does and what to do."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.contracts.data_report import (
    Affected,
    DataReport,
    Finding,
    FindingCode,
    Requirement,
    Severity,
    in_words,
    percent,
)
from shared.contracts.defaults import LEAST_GROUPED, LEAST_SEGMENTED, STALE_DAYS
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY
from shared.data_report.account_data import AccountData
from shared.data_report.requirements import SENDTIME, is_unused, meant, unknown_in
from shared.data_report.series import Gap, gaps, last_drop, weekly
from shared.timeline.pasts import line_counts
from shared.values.words import event_names

DEFAULT_ACCOUNT: Final = "default"
LEAST_SHARE: Final = 0.5
"""Below this share of contacts with a time zone, a creation date or events, the report says so."""
MACHINE_SHARE: Final = 0.5
"""From this share of machine-made events on, a type says little of people."""
LONGEST_GAPS: Final = 3
"""Gaps that are named, the longest ones; the others are counted."""
SEGMENTED: Final = "contacts_with_events"
LONG_GAP_DAYS: Final = 7
"""From here on a gap hides whole weeks from every window."""
_IMPORT = "foretell import --contacts contacts.csv --events events.parquet"


def command(data: AccountData, *words: str) -> str:
    """Write a command line that runs for this account.

    Args:
        data: of which account.
        words: behind `foretell`.
    """
    account = () if data.account == DEFAULT_ACCOUNT else ("--account", data.account)
    return shlex.join(("foretell", *words, *account))


def finding(
    code: FindingCode,
    severity: Severity,
    found: str,
    effect: str,
    remedy: str,
    *,
    command: str | None = None,
    subject: str | None = None,
    affects: Sequence[tuple[str, str | None]] = (),
) -> Finding:
    """Write one finding; see its fields."""
    models = [Affected(capability=capability, outcome=outcome) for capability, outcome in affects]
    return Finding(
        code=code, severity=severity, subject=subject, affects=models, found=found, effect=effect, remedy=remedy,
        command=command,
    )  # fmt: skip


def of_emptiness(data: AccountData) -> Iterator[Finding]:
    """Say what to import first where there is nothing at all to look at."""
    learned = "Nothing can be trained, and nobody predicted from what is stored."
    start = command(data, *shlex.split(_IMPORT)[1:])
    if not data.total:
        first = (
            "Import contacts and their events first; `foretell import --check FILE` shows what is understood of a file."
        )
        yield finding("no_contacts", "blocks", "The account has no contacts.", learned, first, command=start)
    elif not data.learnable:
        yield finding(
            "nobody_may_be_learned_from", "blocks", f"All {data.total:,} contacts denied profiling.", learned,
            "Import contacts who allow it; a consent that was imported wrongly is corrected by importing it again.",
            command=command(data, "import", "--contacts", "contacts.csv"),
        )  # fmt: skip
    elif not data.daily:
        everybody = data.sampled == data.learnable
        yield finding(
            "no_events", "warns",
            "No contact has an event." if everybody
            else f"None of the {data.sampled:,} contacts that were looked at has an event.",
            f"{'' if everybody else 'Perhaps: '}Send times and segments cannot be trained; scoring and churn only for "
            "an outcome that is an attribute.",
            "Import events: orders, clicks, visits.",
            command=command(data, "import", "--events", "events.parquet"),
        )  # fmt: skip


def of_outcomes(data: AccountData) -> Iterator[Finding]:
    """Name outcomes that nobody's data can answer; what a sample does not show may be there all the same."""
    among = "" if data.is_whole else f"Of the {len(data.pasts):,} contacts that were read: "
    perhaps = "" if data.is_whole else "Perhaps: "
    for outcome in data.outcomes:
        taken = meant(data, outcome)
        model, unknown = (outcome.capability, outcome.name), unknown_in(data, taken)
        if is_unused(data, taken):
            yield finding(
                "outcome_unused", "informs",
                f"{among}Nothing in the data is about the built-in outcome {outcome.name}.",
                f"{perhaps}It cannot be trained, and need not be.", "Define an outcome on what you have, or leave it.",
                command=command(data, "outcomes", "list", "--capability", outcome.capability), affects=[model],
            )  # fmt: skip
        elif unknown:
            yield finding(
                "outcome_unknown", "warns" if perhaps else "blocks", f"{among}{unknown}",
                f"{perhaps}Training is refused.",
                "Define the outcome anew under the right name, or import what it needs.",
                command=command(data, "outcomes", "list", "--capability", outcome.capability), affects=[model],
            )  # fmt: skip


_UNMET: Final[dict[str, tuple[FindingCode, Severity, str, str]]] = {
    "contacts_with_outcome": (
        "few_with_outcome", "blocks", "Training is refused.",
        "Import more contacts and events, or define the outcome more widely.",
    ),
    "contacts_without_outcome": (
        "few_without_outcome", "blocks", "Training is refused: nothing shows who does not reach it.",
        "Import contacts who did not reach it too, or define the outcome more narrowly.",
    ),
    "months_of_history": (
        "short_history", "warns", "Training is refused, or judged on so little that its figures are unsure.",
        "Import a longer past, wait, or ask about a shorter horizon.",
    ),
    "active_contacts": (
        "few_active", "blocks", "Training of send times is refused.",
        "Import clicks, opens by people, orders or visits.",
    ),
    "sends": (
        "few_sends", "warns", "Send times are chosen by when contacts are active, not by the chance of an answer.",
        "Import email_sent events with message_id, and the clicks that carry the same.",
    ),
    "buyers": (
        "few_buyers", "informs", "What contacts are worth is not learned.", "Import more orders with their values.",
    ),
    "contacts_with_events": (
        "few_in_segments", "blocks", "Training of segments is refused.", "Import more events.",
    ),
    "contacts_who_bought_items": (
        "few_item_buyers", "informs", "Training of recommendations is refused.",
        "Import orders that name what was bought: `item`, one event an item.",
    ),
}  # fmt: skip


def of_requirements(data: AccountData, listed: Sequence[Requirement]) -> Iterator[Finding]:
    """Turn every minimum that is not surely met into a finding; one that the sample leaves open only warns."""
    no_rule = any(one.minimum == LEAST_SEGMENTED and one.met is False for one in listed if one.needed == SEGMENTED)
    for one in listed:
        if one.met or (no_rule and one.needed == SEGMENTED and one.minimum == LEAST_GROUPED):
            continue
        code, severity, effect, remedy = _UNMET[one.needed]
        if one.needed == SEGMENTED and one.minimum == LEAST_GROUPED:
            code, severity, effect = "segments_by_rule", "informs", "Segments are set by a plain rule instead of found."
        count = f"{in_words(one.found)} of the {in_words(one.minimum)} {one.needed.replace('_', ' ')} that are needed"
        unsure = "" if one.met is False else f" (estimated: {in_words(one.low)} to {in_words(one.high)})"
        yield finding(
            code, "warns" if one.met is None and severity == "blocks" else severity, f"There are {count}{unsure}.",
            effect if one.met is False else f"Perhaps: {effect}", remedy,
            command=_shown(data, one), affects=[(one.capability, one.outcome)],
        )  # fmt: skip


def _shown(data: AccountData, one: Requirement) -> str:
    if one.outcome is not None:
        return command(data, "outcomes", "preview", one.outcome, "--capability", one.capability)
    return command(data, "import", "--events", "events.parquet")


def of_contacts(data: AccountData, report: DataReport) -> Iterator[Finding]:
    """Say what is known of too few contacts, and who may not be learned from."""
    figures, again = report.contacts, command(data, "import", "--contacts", "contacts.csv")
    if figures.with_timezone < LEAST_SHARE:
        yield finding(
            "few_timezones", "warns", f"{percent(figures.with_timezone)} of the contacts have a time zone.",
            "For the others send times are chosen on the account's usual clock.",
            "Import a column timezone, such as Europe/Berlin.", command=again, affects=[(SENDTIME, None)],
        )  # fmt: skip
    if figures.consent_denied:
        yield finding(
            "profiling_denied", "informs", f"{percent(figures.consent_denied, 1)} of the contacts denied profiling.",
            "They are neither learned from nor predicted.", "Nothing is to be done.",
        )  # fmt: skip
    if figures.with_created_at < LEAST_SHARE:
        yield finding(
            "few_created_at", "informs",
            f"Of {percent(figures.with_created_at)} of the contacts is known since when they are contacts.",
            "The others are asked about only from their first event on, and undated attributes hold from nowhere.",
            "Import a column created_at.", command=again,
        )  # fmt: skip
    if data.daily and figures.with_events < LEAST_SHARE:
        yield finding(
            "few_with_events", "warns",
            f"{percent(figures.with_events)} of the contacts have an event made by a person.",
            "Of the others only attributes are known; they get no segment and the usual send time.",
            "Import events, and compare their contact_id with the contacts' id.",
            command=command(data, "import", "--check", "--events", "events.parquet"),
        )  # fmt: skip
    if data.shared_addresses:
        yield finding(
            "shared_addresses", "warns",
            f"{data.shared_addresses:,} e-mail addresses came to a second contact while the first still exists.",
            "One person may be two contacts, each with half of the past.",
            "Import them under one id, and erase the other with `foretell contacts erase`.",
            command=again,
        )  # fmt: skip


def of_events(data: AccountData, report: DataReport) -> Iterator[Finding]:
    """Find machine-made, repeated, missing and falling events."""
    if not data.daily:
        return
    yield from _of_age(data)
    for one in report.event_types:
        if one.machine_share >= MACHINE_SHARE:
            yield finding(
                "machine_events", "warns", f"{percent(one.machine_share)} of {one.events:,} {one.type} are machines'.",
                "Those are not learned from; what is left may be little.",
                "Nothing is to be done where scanners open and click; else import the field human.", subject=one.type,
            )  # fmt: skip
    if data.repeated:
        yield finding(
            "repeated_events", "warns",
            f"{data.repeated:,} events of {data.sampled:,} contacts equal another one in all but the id.",
            "What happened once counts twice.",
            "Send each event with the same id every time, or without one; look at which source gives two.",
            command=command(data, "sources", "list"),
        )  # fmt: skip
    yield from _of_lines(data)
    yield from _of_gaps(data)
    yield from _of_drops(data)


def _of_lines(data: AccountData) -> Iterator[Finding]:
    """Say of each type of which an event is a line of an order how many orders those lines are."""
    among = "" if data.is_whole else f"Of the {len(data.pasts):,} contacts that were read: "
    for name, lines, orders in line_counts(data.pasts):
        yield finding(
            "orders_by_line", "informs",
            f"{among}Some {event_names(name)} have several lines: {lines:,} {name} are {orders:,} {event_names(name)}.",
            "What counts orders counts whole ones, the lines of one instant as one; items count line by line. "
            "Versions trained before there were lines, or by a release that did not join them, count lines.",
            "Import each order with its time: two of one contact that have only a day are one. Train again what "
            "was trained before.",
            subject=name,
        )  # fmt: skip


def _of_age(data: AccountData) -> Iterator[Finding]:
    age = data.now // DAY - max(one.day for one in data.daily)
    if age > STALE_DAYS:
        yield finding(
            "stale_events", "warns", f"The newest event is {age:,} days old.",
            "Answers say `stale_events`: they are about then, not about now.", "Import what happened since.",
            command=command(data, "import", "--events", "events.parquet"),
        )  # fmt: skip


def _of_gaps(data: AccountData) -> Iterator[Finding]:
    by_day = Counter[int]()
    for one in data.daily_whole:
        by_day[one.day] += one.events
    found = gaps(by_day)
    if not found:
        return
    days, longest = sum(gap.days for gap in found), max(gap.days for gap in found)
    shown = "; ".join(_days(gap) for gap in sorted(found, key=lambda gap: -gap.days)[:LONGEST_GAPS])
    shown += f" and {len(found) - LONGEST_GAPS} more such stretches" if len(found) > LONGEST_GAPS else ""
    yield finding(
        "days_without_events", "warns" if longest >= LONG_GAP_DAYS else "informs",
        f"On {days:,} days nothing at all was recorded, more than chance and habit explain: {shown}.",
        "Contacts look silent who were not.", "Import those days again: what is there already changes nothing.",
        command=command(data, "import", "--events", "events.parquet"),
    )  # fmt: skip


def _days(gap: Gap) -> str:
    return f"{date_text(gap.first_day)} to {date_text(gap.first_day + gap.days - 1)}"


def _of_drops(data: AccountData) -> Iterator[Finding]:
    last_day = max(one.day for one in data.daily)
    for name in sorted({one.type for one in data.daily}):
        by_day = Counter[int]()
        for one in data.daily_whole:
            if one.type == name:
                by_day[one.day] += one.events
        weeks = weekly(by_day, last_day=last_day)
        drop = last_drop(weeks)
        if drop is None:
            continue
        begins = date_text(last_day - 7 * (len(weeks) - drop.week) + 1)
        since = "and stayed low" if drop.lasts else "and recovered"
        yield finding(
            "events_dropped", "warns" if drop.lasts else "informs",
            f"{name} fell from {in_words(drop.before)} a week to {drop.fallen_to:,} in the week of {begins}, {since}.",
            "If the tracking broke, contacts look quieter than they are; models learn that.",
            "Look at what sends this type; if there really are fewer, train again when that has lasted.",
            command=command(data, "sources", "list"), subject=name,
        )  # fmt: skip


def date_text(day: int) -> str:
    """Write a day since 1970.

    >>> date_text(20_000)
    '2024-10-04'
    """
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day):%Y-%m-%d}"


def is_about(outcome: Outcome, attribute: str) -> bool:
    """Whether an outcome could learn from an attribute: not its own, and not forbidden."""
    return attribute != outcome.attribute and attribute not in outcome.forbidden
