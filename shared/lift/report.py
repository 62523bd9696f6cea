"""What a holdout found out: contacts that were treated against those held out. Pure; the words are for a marketer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from pydantic import Field

from shared.contracts.prediction import Answer
from shared.lift.intervals import (
    Mean,
    Rate,
    detectable,
    difference,
    mean_difference,
    mean_lift,
    ratio_p_value,
    relative_lift,
    wilson,
)

MISMATCH = 0.001
"""A split as far from its plan comes by chance once in a thousand."""
FEW = 10
"""Contacts of an arm that reached the outcome, below which an interval is hardly worth reading."""


class Estimate(Answer):
    """A figure with its 95 % interval."""

    value: Annotated[float, Field(description="The figure.")]
    low: Annotated[float, Field(description="Lower end.")]
    high: Annotated[float, Field(description="Upper end.")]


class ReportedArm(Answer):
    """One side of the comparison."""

    contacts: Annotated[int, Field(description="Who is on this side, asked about or not.")]
    reached: Annotated[int, Field(description="Who of them did what is measured, once or more often.")]
    rate: Annotated[Estimate, Field(description="Their share, with its Wilson interval.")]
    events: Annotated[int, Field(description="How often they did it, all together.")]
    value: Annotated[float | None, Field(description="Sum of the values; null without one, or in several currencies.")]
    value_per_contact: Annotated[float | None, Field(description="The same for each contact of this side.")]
    predicted: Annotated[
        int | None,
        Field(description="About how many a prediction is logged since; null where no one question is held out."),
    ]
    mean_probability: Annotated[
        float | None, Field(description="Mean of the first logged probability of each; null before the release.")
    ]


class ValueDifference(Answer):
    """What the treatment is worth."""

    currency: Annotated[str | None, Field(description="Of the values; null where events name none.")]
    difference: Annotated[Estimate, Field(description="Value per contact, treated minus control; Welch interval.")]
    lift: Annotated[Estimate | None, Field(description="The same relative to control; null where one side has none.")]


class SampleRatio(Answer):
    """Whether both sides have the sizes that were planned."""

    planned_share: Annotated[float, Field(description="Share that is held out.")]
    share: Annotated[float | None, Field(description="Share that was counted; null without contacts.")]
    p_value: Annotated[float, Field(description="Chi-square test; a small one says that contacts got lost.")]
    mismatch: Annotated[bool, Field(description="Whether the comparison cannot be trusted: p below 0.001.")]


class Detectable(Answer):
    """What so many contacts can show."""

    difference: Annotated[
        float | None, Field(description="Least difference of rates found in 8 of 10 tests; null while it is unknown.")
    ]
    text: Annotated[str, Field(description="The same in words.")]


class HoldoutReport(Answer):
    """What a holdout found out so far."""

    name: Annotated[str, Field(description="Of the holdout.")]
    measure: Annotated[list[str], Field(description="Types of the events that count.")]
    since: Annotated[datetime, Field(description="Events from here on count: the creation of the holdout.")]
    until: Annotated[datetime, Field(description="Events before it count: the end of the holdout, or now.")]
    ended: Annotated[bool, Field(description="Whether the holdout has ended.")]
    left_out: Annotated[int, Field(description="Contacts who had reached the outcome before: not at risk.")]
    treated: Annotated[ReportedArm, Field(description="Contacts who get predictions.")]
    control: Annotated[ReportedArm, Field(description="Contacts who are held out.")]
    difference: Annotated[
        Estimate | None, Field(description="Rate of treated minus control; Newcombe interval; null: a side is empty.")
    ]
    lift: Annotated[
        Estimate | None, Field(description="The same relative to control; null while nobody of a side reached it.")
    ]
    value: Annotated[ValueDifference | None, Field(description="Null without values, or with fewer than 30 a side.")]
    detectable: Annotated[Detectable, Field(description="The least difference that these contacts can show.")]
    sample_ratio: Annotated[SampleRatio, Field(description="Whether both sides have their planned sizes.")]
    warnings: Annotated[list[str], Field(description="What to know before the figures are believed.")]
    conclusion: Annotated[str, Field(description="The result in a sentence.")]


@dataclass(slots=True)
class ArmCounts:
    """What was counted of one side."""

    contacts: int = 0
    events: int = 0
    reached: int = 0
    values: list[float] = field(default_factory=list)
    """Of those who reached it with a value."""
    predicted: int | None = None
    mean_probability: float | None = None

    @property
    def rate(self) -> Rate:
        """Share that reached it."""
        return wilson(self.reached, self.contacts)

    @property
    def mean(self) -> Mean:
        """Value per contact."""
        return Mean.of(self.contacts, self.values)


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of both sides."""

    name: str
    share: float
    measure: Sequence[str]
    since: datetime
    until: datetime
    ended: bool
    left_out: int
    treated: ArmCounts
    control: ArmCounts
    currencies: frozenset[str]
    without_currency: int = 0
    """Values that name none."""

    @property
    def sizes(self) -> tuple[int, int]:
        """Contacts of both sides."""
        return self.treated.contacts, self.control.contacts


def compared(counted: Counted) -> HoldoutReport:
    """Compare both sides."""
    treated, control = counted.treated, counted.control
    gain = difference(treated.rate, control.rate) if all(counted.sizes) else None
    ratio = _sample_ratio(counted)
    valued = bool(treated.values or control.values) and len(counted.currencies) <= 1
    lift = None if gain is None else relative_lift((treated.reached, control.reached), counted.sizes)
    return HoldoutReport(
        name=counted.name,
        measure=[*counted.measure],
        since=counted.since,
        until=counted.until,
        ended=counted.ended,
        left_out=counted.left_out,
        treated=_arm(treated, valued=valued),
        control=_arm(control, valued=valued),
        difference=_optional(gain),
        lift=_optional(lift),
        value=_value(counted) if valued else None,
        detectable=_detectable(counted),
        sample_ratio=ratio,
        warnings=_warnings(counted, ratio),
        conclusion=_conclusion(gain, ratio),
    )


def _arm(arm: ArmCounts, *, valued: bool) -> ReportedArm:
    return ReportedArm(
        contacts=arm.contacts,
        reached=arm.reached,
        rate=_estimate(arm.rate),
        events=arm.events,
        value=sum(arm.values) if valued else None,
        value_per_contact=arm.mean.mean if valued and arm.contacts else None,
        predicted=arm.predicted,
        mean_probability=arm.mean_probability,
    )


def _value(counted: Counted) -> ValueDifference | None:
    treated, control = counted.treated.mean, counted.control.mean
    gain = mean_difference(treated, control)
    if gain is None:
        return None
    currency = next(iter(counted.currencies), None)
    return ValueDifference(currency=currency, difference=_estimate(gain), lift=_optional(mean_lift(treated, control)))


def _sample_ratio(counted: Counted) -> SampleRatio:
    total, p_value = sum(counted.sizes), ratio_p_value(counted.sizes, counted.share)
    return SampleRatio(
        planned_share=counted.share,
        share=counted.control.contacts / total if total else None,
        p_value=p_value,
        mismatch=p_value < MISMATCH,
    )


def _detectable(counted: Counted) -> Detectable:
    rate = counted.control.rate.value or counted.treated.rate.value
    least = detectable(rate, counted.sizes)
    if least is None:
        return Detectable(difference=None, text="Nothing can be shown yet: too few contacts, or nobody reached it.")
    text = (
        f"With {counted.treated.contacts:,} treated and {counted.control.contacts:,} held out, a true difference of "
        f"{_points(least)} percentage points ({least / rate:.0%} of a rate of {rate:.1%}) is found in 8 of 10 such "
        "tests; a smaller one may stay unseen."
    )
    return Detectable(difference=least, text=text)


def _warnings(counted: Counted, ratio: SampleRatio) -> list[str]:
    found = []
    if ratio.mismatch:
        found.append(
            f"Sample ratio mismatch: {ratio.planned_share:.1%} were to be held out, {ratio.share:.1%} were counted. "
            "That hardly happens by chance: contacts of one side got lost or doubled. Do not trust the comparison."
        )
    if min(counted.treated.reached, counted.control.reached) < FEW:
        found.append(f"Fewer than {FEW} contacts of a side reached it: the intervals are wide, wait for more.")
    if len(counted.currencies) > 1:
        found.append("Values are in several currencies, so they are not added up.")
    elif counted.currencies and counted.without_currency:
        (currency,) = counted.currencies
        found.append(f"Values that name no currency: {counted.without_currency:,}; they are added up as {currency}.")
    if not counted.ended:
        found.append(
            "The holdout is still active: decide on the day that was planned, not on the first day that looks good."
        )
    return found


def _conclusion(gain: Rate | None, ratio: SampleRatio) -> str:
    if ratio.mismatch:
        return "Nothing can be concluded: the two sides do not have their planned sizes."
    if gain is None:
        return "Nothing can be concluded: one side has no contacts."
    interval = f"{_points(gain.low)} to {_points(gain.high)}"
    if gain.low > 0:
        return f"Treated contacts reached it more often: by {_points(gain.value)} percentage points ({interval})."
    if gain.high < 0:
        return f"Treated contacts reached it less often: by {_points(-gain.value)} percentage points ({interval})."
    return f"No difference is proven: it lies between {_points(gain.low)} and {_points(gain.high)} percentage points."


def _points(share: float) -> str:
    """Write a share as percentage points.

    >>> _points(0.0123)
    '1.23'
    """
    return f"{100 * share:.2f}"


def _estimate(rate: Rate) -> Estimate:
    return Estimate(value=rate.value, low=rate.low, high=rate.high)


def _optional(rate: Rate | None) -> Estimate | None:
    return None if rate is None else _estimate(rate)


def mean_of(first: Mapping[str, float]) -> float | None:
    """Return the mean of one number a contact; None: there is none."""
    return sum(first.values()) / len(first) if first else None
