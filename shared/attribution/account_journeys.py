"""Journeys of an account's contacts or companies, read from the store in bounded memory."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from shared.attribution.journeys import JourneyBuilder, Journeys
from shared.attribution.report import Worth
from shared.attribution.touches import NO_TOUCH, naming
from shared.contracts.attribution import AttributionQuestion, AttributionSource
from shared.contracts.engagement import EXPORTED_BY_LINE
from shared.contracts.rows import DAY, Microseconds, microseconds
from shared.store import AccountStore, TouchRow

PART: Final = 0.8
"""Of the whole that reading is, for who watches."""


class AccountJourneys(NamedTuple):
    """What was read."""

    journeys: Journeys
    worth: Worth
    source: AttributionSource
    question: AttributionQuestion
    """With the event type that counts, of those tried in order."""


def account_journeys(
    store: AccountStore, requested: AttributionQuestion, progress: Callable[[float], None] = lambda _: None
) -> AccountJourneys:
    """Read the journeys that a question is about.

    Args:
        store: of the account.
        requested: the question.
        progress: hears how many contacts were read, as a share of all.
    """
    reads = store.experiments.attribution
    since, until, lookback = microseconds(requested.since), microseconds(requested.until), requested.lookback_days * DAY
    used = next(
        (one for one in requested.event_types if store.experiments.holdouts.has_events(one)), requested.event_types[0]
    )
    population = reads.population(until)
    units = _Units(reads.groups(requested.company_attribute, until) if requested.company_attribute else {})
    builder = JourneyBuilder(since=since, until=until, lookback=lookback, once=not requested.repeatable)
    named, read = naming(requested.by, requested.event_types), 0
    won = _Conversions(builder, since, joined=used in EXPORTED_BY_LINE)
    not_types = [one for one in NO_TOUCH if one != used]
    last: str | None = None
    unit = 0
    for rows in reads.events([used], not_types, since - lookback, until):
        for row in rows:
            if row.contact_id != last:
                won.end(unit)
                last, unit, read = row.contact_id, units.of(row.contact_id), read + 1
            if row.type == used:
                won.add(row)
            elif (name := named(row)) is not None:
                builder.touch(unit, row.at, name)
        progress(min(1.0, read / max(1, population.contacts)))
    won.end(unit)
    number = population.contacts - units.grouped + units.groups
    journeys = builder.build(number)
    source = AttributionSource(
        units=number,
        denied_contacts=population.denied,
        touches=builder.touches,
        conversions_by_currency=dict(sorted(won.currencies.items())),
    )
    question = requested.model_copy(update={"event_types": [used]})
    return AccountJourneys(journeys, _worth(won.currencies, won.without_value), source, question)


@dataclass(slots=True)
class _Conversions:
    """Takes the conversions of one contact after the other; where they are orders, the lines of one as one."""

    builder: JourneyBuilder
    since: Microseconds
    joined: bool = field(kw_only=True)
    currencies: Counter[str] = field(default_factory=Counter)
    """Of the values in the period; "" where none is named."""
    without_value: int = 0
    _lines: dict[tuple[Microseconds, int], list[TouchRow]] = field(default_factory=dict)

    def add(self, row: TouchRow) -> None:
        """Take an event of the contact whose turn it is."""
        self._lines.setdefault((row.at, 0 if self.joined else len(self._lines)), []).append(row)

    def end(self, unit: int) -> None:
        """Give the builder what was taken, as the unit's."""
        for (at, _), lines in self._lines.items():
            values = [row.value for row in lines if row.value is not None]
            self.builder.convert(unit, at, sum(values))
            if at >= self.since:
                self.currencies.update({row.currency or "" for row in lines if row.value is not None})
                self.without_value += not values
        self._lines.clear()


@dataclass(slots=True)
class _Units:
    """Numbers of contacts, or of the companies that these are of."""

    group_of: dict[str, str]
    _numbers: dict[str, int] = field(default_factory=dict)
    _next: int = 0

    def of(self, contact_id: str) -> int:
        """Return the number of a contact, each looked up once, or of its company."""
        group = self.group_of.get(contact_id)
        if group is not None and group in self._numbers:
            return self._numbers[group]
        self._next += 1
        if group is not None:
            self._numbers[group] = self._next
        return self._next

    @property
    def grouped(self) -> int:
        """Count the contacts that are of a company."""
        return len(self.group_of)

    @property
    def groups(self) -> int:
        """Count the companies."""
        return len(set(self.group_of.values()))


def _worth(currencies: Counter[str], without_value: int) -> Worth:
    """Say whether values can be added up: those of several currencies cannot."""
    named = {name: number for name, number in currencies.items() if name}
    if len(named) > 1:
        counts = ", ".join(f"{number:,} in {name}" for name, number in sorted(named.items()))
        return Worth(known=False, note=f"The values are in several currencies ({counts}) and therefore left out.")
    currency = next(iter(named), None)
    notes = []
    if currency and currencies[""]:
        notes.append(f"Values that name no currency: {currencies['']:,}; they are added up as {currency}.")
    if currencies and without_value:
        notes.append(f"Conversions without a value: {without_value:,}; they count as 0.")
    return Worth(known=bool(currencies), currency=currency, note=" ".join(notes) or None)
