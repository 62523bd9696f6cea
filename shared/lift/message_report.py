"""The report of messages: what each and the policy earned, against the control group; the words are for a marketer."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Final, Literal, NamedTuple

import numpy as np
from pydantic import Field

from shared.contracts.decision import DecisionArm
from shared.contracts.prediction import Answer
from shared.contracts.rows import DAY, instant_of
from shared.lift.intervals import Rate
from shared.lift.message_results import (
    MOST_ESTIMATED,
    Earned,
    MessageResults,
    RewardGap,
    Rows,
    always,
    as_made,
    equal_chances,
)
from shared.lift.report import FEW, Estimate

ComparisonResult = Literal["more", "less", "too_few", "nothing_yet"]
TRAINED: Final = "what trained versions chose"
ESTIMATED: Final = "(estimated)"
MOST_STATED: Final = 10_000_000
"""More sends than that are not said as a number."""


class MessageArm(Answer):
    """What the decisions of one side earned."""

    arm: Annotated[
        Literal["policy", "control_nothing", "control_random", "imported"],
        Field(description="Who chose; the control group got nothing, or any message by equal chances."),
    ]
    version: Annotated[str | None, Field(description="Of the policy; null: all of them, or another arm.")]
    decisions: Annotated[int, Field(description="All of them.")]
    pending: Annotated[int, Field(description="Of these, too young to be counted: their window is not over.")]
    pending_rewarded: Annotated[int, Field(description="How many of the pending ones earned something already.")]
    contacts: Annotated[int, Field(description="About whom the others are.")]
    rewarded: Annotated[int, Field(description="How many of the others earned something.")]
    total: Annotated[float, Field(description="What they earned in all.")]
    reward: Annotated[
        Estimate | None, Field(description="A decision, with its interval by contact; null: none is over.")
    ]
    against_control: Annotated[
        Estimate | None,
        Field(
            description="Minus what the control group earned in the same weeks, campaigns and slots; null where there "
            "is none."
        ),
    ]


class MessageResult(Answer):
    """What one message earned."""

    message: Annotated[str, Field(description="Its id.")]
    name: Annotated[str | None, Field(description="What people call it; null: nothing, or it is not there any more.")]
    sent: Annotated[int, Field(description="How often it was chosen.")]
    pending: Annotated[int, Field(description="Of these, too young to be counted.")]
    pending_rewarded: Annotated[int, Field(description="How many of the pending ones earned something already.")]
    contacts: Annotated[int, Field(description="About whom the others are.")]
    rewarded: Annotated[int, Field(description="How many of the others earned something.")]
    reward: Annotated[
        Estimate | None, Field(description="A send, with those it was chosen for: not comparable between messages.")
    ]
    with_everybody: Annotated[
        Estimate | None,
        Field(
            description="A send, if everybody who may get it got it, and others any message: comparable between "
            "messages. Estimated from the chances; null where too little is known."
        ),
    ]


class MessageComparison(Answer):
    """One against another."""

    what: Annotated[str, Field(description="What is compared, in words.")]
    against: Annotated[
        Literal["control_nothing", "control_random", "equal_chances", "best_message", "second_message"],
        Field(description="With what."),
    ]
    difference: Annotated[
        Estimate | None, Field(description="A decision, with its interval; null: not enough is over.")
    ]
    verdict: Annotated[ComparisonResult, Field(description="`more`, `less`: surely; `too_few`: it cannot be told yet.")]
    more_sends: Annotated[int | None, Field(description="About so many more would show it; null: told, or not known.")]
    text: Annotated[str, Field(description="The same in words.")]


class MessagesReport(Answer):
    """What messages brought."""

    outcome: Annotated[str, Field(description="What is meant to be reached.")]
    since: Annotated[datetime, Field(description="Decisions from here on.")]
    until: Annotated[datetime, Field(description="Decisions before it.")]
    reported_at: Annotated[datetime, Field(description="Events until here.")]
    campaign_id: Annotated[str | None, Field(description="Only of this campaign; null: of all.")]
    slot: Annotated[str | None, Field(description="Only of this slot; null: of all.")]
    horizon_days: Annotated[int, Field(description="How long after a decision events still count for it.")]
    unit: Annotated[
        Literal["share", "value"], Field(description="`share`: of decisions that reached it; `value`: a sum of values.")
    ]
    decisions: Annotated[int, Field(description="All of them.")]
    pending: Annotated[int, Field(description="Too young to be counted.")]
    pending_rewarded: Annotated[int, Field(description="How many of the pending ones earned something already.")]
    next_counted_at: Annotated[
        datetime | None, Field(description="When the oldest pending one is counted; null: none is pending.")
    ]
    arms: Annotated[list[MessageArm], Field(description="The policy, its versions, the control group, imported ones.")]
    messages: Annotated[list[MessageResult], Field(description="The most frequent first.")]
    equal_chances: Annotated[
        Estimate | None, Field(description="A send, if all messages had had equal chances; estimated from the chances.")
    ]
    best_message: Annotated[str | None, Field(description="Which one would have earned most with everybody.")]
    comparisons: Annotated[list[MessageComparison], Field(description="What follows from them.")]
    conclusion: Annotated[str, Field(description="The result in a few sentences.")]
    findings: Annotated[list[str], Field(description="The same, one by one: what is sure first.")]
    warnings: Annotated[list[str], Field(description="What to know before the figures are believed.")]


class MessageQuestion(NamedTuple):
    """What a report is about."""

    outcome: str
    since: datetime
    until: datetime
    reported_at: datetime
    campaign_id: str | None
    slot: str | None
    horizon_days: int
    takes_a_message: bool = False
    """Whether only somebody who got a message can reach it, as a click does."""


def message_report(
    question: MessageQuestion, results: MessageResults, names: Mapping[str, str | None]
) -> MessagesReport:
    """Put results into figures and words.

    Args:
        question: what it is about.
        results: of its decisions.
        names: of messages by id.
    """
    words = _Words(question, results, names)
    messages = words.messages()
    best = max((one for one in messages if one.with_everybody), key=_with_everybody, default=None)
    comparisons = list(words.comparisons(messages))
    whole = results.earned(results.closed | ~results.closed)
    next_counted_at = _next_counted_at(question, results)
    findings = _findings(question, whole, comparisons, next_counted_at, is_trained=bool(results.trained.any()))
    return MessagesReport(
        outcome=question.outcome,
        since=question.since,
        until=question.until,
        reported_at=question.reported_at,
        campaign_id=question.campaign_id,
        slot=question.slot,
        horizon_days=question.horizon_days,
        unit="value" if results.sums_value else "share",
        decisions=whole.decisions,
        pending=whole.pending,
        pending_rewarded=whole.pending_rewarded,
        next_counted_at=next_counted_at,
        arms=list(words.arms()),
        messages=messages,
        equal_chances=_estimate(results.value_of(equal_chances, results.closed)),
        best_message=None if best is None else best.message,
        comparisons=comparisons,
        conclusion=" ".join(findings),
        findings=findings,
        warnings=words.warnings(whole),
    )


class _Words:
    """Writes the parts of a report."""

    def __init__(self, question: MessageQuestion, results: MessageResults, names: Mapping[str, str | None]) -> None:
        self._question, self._results, self._names = question, results, names
        control = results.of_arm(DecisionArm.control)
        self._policy = results.of_arm(DecisionArm.policy)
        self._nothing, self._random = control & ~results.sent, control & results.sent

    def arms(self) -> Iterator[MessageArm]:
        """Lay out who chose, version by version."""
        control = self._nothing if self._nothing.any() else self._random
        if self._policy.any():
            yield self._arm("policy", None, self._policy, control)
            for code, version in enumerate(self._results.columns.versions):
                mine = self._policy & (self._results.columns.version == code)
                if mine.any():
                    yield self._arm("policy", version, mine, self._meanwhile(mine, control))
        for name, rows in (
            ("control_nothing", self._nothing),
            ("control_random", self._random),
            ("imported", self._results.of_arm(DecisionArm.imported)),
        ):
            if rows.any():
                yield self._arm(name, None, rows, None)

    def _meanwhile(self, rows: Rows, control: Rows) -> Rows:
        """Return the decisions of a control group from the time of others."""
        at = self._results.columns.at
        found: Rows = control & (at >= at[rows].min()) & (at <= at[rows].max())
        return found

    def _arm(self, arm: str, version: str | None, rows: Rows, control: Rows | None) -> MessageArm:
        found = self._results.earned(rows)
        gap = None if control is None else self._results.gap(rows, control).difference
        figures = {name: value for name, value in found._asdict().items() if name != "mean"}
        return MessageArm.model_validate(
            {
                "arm": arm,
                "version": version,
                **figures,
                "reward": _estimate(found.mean),
                "against_control": _estimate(gap),
            }
        )

    def messages(self) -> list[MessageResult]:
        """Lay out what each message earned."""
        found = []
        for place, code in enumerate(self._results.frequent()):
            mine = self._results.earned(self._results.columns.message == code)
            everybody = None
            if place < MOST_ESTIMATED:
                everybody = self._results.value_of(always(code), self._results.closed)
            message = self._results.columns.messages[code]
            found.append(
                MessageResult(
                    message=message,
                    name=self._names.get(message),
                    sent=mine.decisions,
                    pending=mine.pending,
                    pending_rewarded=mine.pending_rewarded,
                    contacts=mine.contacts,
                    rewarded=mine.rewarded,
                    reward=_estimate(mine.mean),
                    with_everybody=_estimate(everybody),
                )
            )
        return found

    def comparisons(self, messages: list[MessageResult]) -> Iterator[MessageComparison]:
        """Compare what follows from each other, the most important first."""
        trained = self._results.trained
        chosen, what = (trained, TRAINED) if trained.any() else (self._policy, "what the policy chose")
        if chosen.any() and self._nothing.any():
            gap = self._results.gap(chosen, self._meanwhile(chosen, self._nothing))
            yield self._compared(what, "sending nothing (control group)", "control_nothing", gap)
        if chosen.any() and self._random.any():
            gap = self._results.gap(chosen, self._meanwhile(chosen, self._random))
            yield self._compared(what, "any message by lot (control group)", "control_random", gap)
        ranked = sorted((one for one in messages if one.with_everybody), key=_with_everybody, reverse=True)
        code_of = {name: code for code, name in enumerate(self._results.columns.messages)}
        if (trained & self._results.chosen).any():
            gap = self._results.estimated_gap(as_made, equal_chances, trained)
            yield self._compared(TRAINED, f"any message by lot {ESTIMATED}", "equal_chances", gap)
            if ranked:
                best = always(code_of[ranked[0].message])
                gap = self._results.estimated_gap(as_made, best, trained)
                other = f"{self._quoted(ranked[0])} for everybody {ESTIMATED}"
                yield self._compared(TRAINED, other, "best_message", gap)
        if len(ranked) > 1:
            first, second = (always(code_of[one.message]) for one in ranked[:2])
            gap = self._results.estimated_gap(first, second, self._results.closed)
            names = [f"{self._quoted(one)} for everybody" for one in ranked[:2]]
            yield self._compared(names[0], f"{names[1]}, the next best {ESTIMATED}", "second_message", gap)

    def _compared(self, what: str, other: str, against: str, gap: RewardGap) -> MessageComparison:
        verdict, text = "nothing_yet", f"{_capital(what)} against {other}: nothing can be said yet."
        found, more = gap.difference, None
        if found is not None:
            if found.low == found.high == 0.0:
                verdict, text = "too_few", f"{_capital(what)} and {other}: the same so far."
            elif found.low > 0 or found.high < 0:
                verdict = "more" if found.low > 0 else "less"
                near, far = sorted((abs(found.low), abs(found.high)))
                by = self._difference(self._amount(found.value), verdict)
                text = (
                    f"{_capital(what)} earned {verdict} than {other}: {by} "
                    f"({self._amount(near)} to {self._amount(far)})."
                )
            else:
                verdict, more = "too_few", gap.more_needed()
                text = (
                    f"{_capital(what)} against {other}: it cannot be told yet which earns more. The difference lies "
                    f"between {self._amount(found.low)} {self._fewer} and {self._difference(self._amount(found.high))}"
                    f"{_more_sends(more)}."
                )
        return MessageComparison.model_validate(
            {
                "what": f"{what}, against {other}",
                "against": against,
                "difference": _estimate(found),
                "verdict": verdict,
                "more_sends": more,
                "text": text,
            }
        )

    def warnings(self, whole: Earned) -> list[str]:
        """Say what to know before the figures are believed."""
        found = []
        columns = self._results.columns
        if whole.pending:
            found.append(_too_young(whole))
        if whole.decisions and not whole.rewarded and not whole.pending_rewarded:
            found.append("No decision has earned anything yet: if that is odd, look whether its events come in at all.")
        elif whole.decisions > whole.pending and whole.rewarded < FEW:
            found.append(f"Fewer than {FEW} decisions earned anything: the intervals are wide, wait for more.")
        if self._policy.any() and not self._nothing.any() and not self._random.any():
            found.append("There is no control group: what messages bring beside no message, or by lot, is not known.")
        if self._nothing.any() and self._question.takes_a_message:
            found.append(
                f"Who gets nothing cannot reach {self._question.outcome}: with control: random the control group gets "
                "any message by lot, and the comparison says what choosing brings."
            )
        control = self._nothing | self._random
        alone = self._results.alone(self._policy, control) if control.any() else 0
        if alone:
            found.append(
                f"{alone:,} decisions of the policy are compared with no control group: it had nobody in their week, "
                "campaign and slot."
            )
        for rows in (self._nothing, self._random):
            apart = self._results.decisions_a_contact(self._policy, rows) if rows.any() else None
            if apart is not None:
                found.append(
                    f"A contact has {apart[0]:.2f} decisions a week by the policy and {apart[1]:.2f} in the control "
                    f"group that gets {'nothing' if rows is self._nothing else 'any message'}: they are not compared. "
                    "Caps, or whom messages are for, kept one side away more often."
                )
        if len(np.unique(columns.slot)) > 1:
            found.append("Several slots are in one report: ask for one slot to compare what may stand there.")
        if len(self._results.frequent()) > MOST_ESTIMATED:
            found.append(
                f"What a message would earn with everybody is estimated for the {MOST_ESTIMATED} most frequent."
            )
        return found

    def _quoted(self, one: MessageResult) -> str:
        return f"“{one.name or one.message}”"

    @property
    def _fewer(self) -> str:
        return "less" if self._results.sums_value else "fewer"

    def _difference(self, amount: str, verdict: str = "more") -> str:
        if self._results.sums_value:
            return f"{amount} {verdict} a decision"
        word = self._fewer if verdict == "less" else verdict
        return f"{amount} {word} of 100 decisions reached {self._question.outcome}"

    def _amount(self, value: float) -> str:
        return f"{abs(value):,.2f}" if self._results.sums_value else f"{100 * abs(value):.2f}"


def _next_counted_at(question: MessageQuestion, results: MessageResults) -> datetime | None:
    young = results.columns.at[~results.closed]
    return instant_of(int(young.min()) + question.horizon_days * DAY) if len(young) else None


def _findings(
    question: MessageQuestion,
    whole: Earned,
    comparisons: list[MessageComparison],
    next_counted_at: datetime | None,
    *,
    is_trained: bool,
) -> list[str]:
    if not whole.decisions:
        return ["Nothing was decided in this time."]
    if next_counted_at is not None and whole.decisions == whole.pending:
        return [
            f"Nothing can be compared yet: each decision is counted {question.horizon_days} days after it was made, "
            f"the first ones from {next_counted_at:%Y-%m-%d %H:%M} UTC on."
        ]
    found = [one.text for one in comparisons if one.verdict in ("more", "less")]
    if not is_trained:
        found.append("No trained version has decided yet: until then all messages have equal chances.")
    return found + [one.text for one in comparisons if one.verdict not in ("more", "less")]


def _too_young(whole: Earned) -> str:
    """Say how many are not counted, and that something comes in all the same."""
    if whole.pending == 1:
        young = "1 decision is too young to be counted: its window is not over"
    else:
        young = f"{whole.pending:,} decisions are too young to be counted: their window is not over"
    already = f"{whole.pending_rewarded:,} earned something already" if whole.pending_rewarded else "nothing came yet"
    return f"{young}; {already}."


def _more_sends(more: int | None) -> str:
    """Say how many more sends would tell.

    >>> _more_sends(12_345), _more_sends(None)
    ('; about 13,000 more sends would show it', '')
    """
    if not more:
        return ""
    if more > MOST_STATED:
        return "; even many millions of sends would hardly show it"
    step = 10 ** max(0, len(str(more)) - 2)
    return f"; about {-(-more // step) * step:,} more sends would show it"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _with_everybody(one: MessageResult) -> tuple[float, str]:
    return (0.0 if one.with_everybody is None else one.with_everybody.value, one.message)


def _estimate(rate: Rate | None) -> Estimate | None:
    return None if rate is None else Estimate(value=rate.value, low=rate.low, high=rate.high)
