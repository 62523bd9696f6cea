"""Small accounts for the tests of the data report, written out."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shared.contracts.data_report import Finding, Requirement
from shared.contracts.outcome import BUILT_IN, Outcome
from shared.contracts.rows import DAY
from shared.data_report import reported
from shared.data_report.account_data import AccountData
from shared.store import ContactGroup, DailyCount
from shared.timeline import ContactFacts, DatedValue, build

TODAY = 20_000
WON = Outcome(name="won", capability="scoring", attribute="won")
ORDERED = Outcome(name="ordered", capability="scoring", event_types=("order_placed",), horizon_days=30)


def account(
    contacts: int = 100,
    events: Sequence[tuple[int, str, int]] = (),
    attributes: dict[str, Sequence[Any]] | None = None,
    outcomes: Sequence[Outcome] = (),
    *,
    dated: bool = True,
    value: float | None = None,
    **changes: Any,
) -> AccountData:
    """Make what is read of an account.

    Args:
        contacts: how many.
        events: the contact's position, type and day of each.
        attributes: by name the contacts' values in order; None: the contact has none.
        outcomes: beside the built-in ones.
        dated: whether the values say since when they hold.
        value: of every event.
        changes: fields of the result.
    """
    ids = [f"c-{number:04d}" for number in range(contacts)]
    facts = {
        one: ContactFacts(
            0,
            "Europe/Paris",
            {},
            tuple(
                DatedValue(name, 0, given[place], dated)
                for name, given in (attributes or {}).items()
                if given[place] is not None
            ),
        )
        for place, one in enumerate(ids)
    }
    rows = [
        (ids[owner], f"e-{place}", type_, day * DAY, value, f"m-{place}", None, None, 1)
        for place, (owner, type_, day) in enumerate(events)
    ]
    made = AccountData(
        account="default",
        groups=(ContactGroup({"profiling": "granted"}, True, True, contacts),) if contacts else (),
        learnable=contacts,
        sampled=contacts,
        daily=tuple(DailyCount(type_, day, True, 1) for _, type_, day in events),
        repeated=0,
        shared_addresses=0,
        pasts=build(ids, facts, [rows]),
        outcomes=(*BUILT_IN, *outcomes),
        now=(TODAY + 1) * DAY,
    )
    return replace(made, **changes)


def findings(data: AccountData, code: str) -> list[Finding]:
    """Return the findings of one code."""
    return [one for one in reported(data).findings if one.code == code]


def requirement(data: AccountData, capability: str, needed: str) -> Requirement:
    """Return the first requirement of a kind."""
    return next(one for one in reported(data).requirements if (one.capability, one.needed) == (capability, needed))
