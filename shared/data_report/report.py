"""The data report of an account: figures, minimums and findings, by pure rules over what was read."""

from collections import Counter
from datetime import date, timedelta
from typing import Final

import numpy as np

from shared.contracts.data_report import ContactFigures, DataReport, EventTypeFigures, Finding, Requirement
from shared.contracts.rows import Microseconds, instant_of
from shared.data_report.account_data import AccountData, account_data
from shared.data_report.attributes import of_attributes
from shared.data_report.findings import of_contacts, of_emptiness, of_events, of_outcomes, of_requirements
from shared.data_report.requirements import MONTH_DAYS, requirements
from shared.store import AccountStore

_ORDER: Final = ("blocks", "warns", "informs")
_LEAST: Final = 0.0001


def data_report(store: AccountStore, *, now: Microseconds) -> DataReport:
    """Report on the data of an account; bounded in what it reads, so that a request can wait for it.

    Args:
        store: the account's.
        now: later events are not counted.
    """
    return reported(account_data(store, now=now))


def reported(data: AccountData) -> DataReport:
    """Apply every rule to what was read."""
    is_empty = not data.learnable
    listed = [] if is_empty else requirements(data)
    figures = _figures(data, listed)
    findings = [*of_emptiness(data)]
    if not is_empty:
        findings += [
            *of_outcomes(data),
            *of_requirements(data, listed),
            *of_contacts(data, figures),
            *of_events(data, figures),
            *of_attributes(data),
        ]
    ordered = sorted(findings, key=lambda one: _ORDER.index(one.severity))
    return figures.model_copy(update={"findings": ordered})


def _figures(data: AccountData, listed: list[Requirement]) -> DataReport:
    days = [one.day for one in data.daily]
    none: list[Finding] = []
    return DataReport(
        reported_at=instant_of(data.now),
        contacts=_contacts(data),
        first_event_on=_date(min(days)) if days else None,
        last_event_on=_date(max(days)) if days else None,
        months_of_history=round((max(days) - min(days)) / MONTH_DAYS, 1) if days else 0.0,
        event_types=_event_types(data),
        requirements=listed,
        findings=none,
    )


def _contacts(data: AccountData) -> ContactFigures:
    pasts = data.pasts
    profiling = Counter[str | None]()
    for group in data.groups:
        profiling[group.consent.get("profiling")] += group.contacts
    granted, denied = profiling["granted"], profiling["denied"]
    return ContactFigures(
        total=data.total,
        learnable=data.learnable,
        sampled=data.sampled,
        read_whole=len(pasts),
        with_timezone=_share(sum(group.contacts for group in data.groups if group.has_timezone), data.total),
        with_created_at=_share(sum(group.contacts for group in data.groups if group.has_created_at), data.total),
        with_events=_share(int(np.count_nonzero(np.diff(pasts.offsets))), len(pasts)),
        consent_granted=_share(granted, data.total),
        consent_denied=_share(denied, data.total),
        consent_none=_share(data.total - granted - denied, data.total),
    )


def _event_types(data: AccountData) -> list[EventTypeFigures]:
    events, machine = Counter[str](), Counter[str]()
    days: dict[str, list[int]] = {}
    for one in data.daily:
        events[one.type] += one.events
        machine[one.type] += one.events if one.human is False else 0
        days.setdefault(one.type, []).append(one.day)
    return [
        EventTypeFigures(
            type=name,
            events=count,
            machine_share=_share(machine[name], count),
            first_on=_date(min(days[name])),
            last_on=_date(max(days[name])),
        )
        for name, count in sorted(events.items(), key=lambda item: (-item[1], item[0]))
    ]


def _date(day: int) -> date:
    return (instant_of(0) + timedelta(days=day)).date()


def _share(part: int, whole: int) -> float:
    """Divide; rounded to four digits, but never to none or to all."""
    if not whole or part in (0, whole):
        return float(bool(part))
    return min(max(round(part / whole, 4), _LEAST), 1 - _LEAST)
