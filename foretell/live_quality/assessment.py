"""What figures mean, in words for a marketer: as promised, off, worse, or not known yet."""

from dataclasses import replace
from datetime import UTC, datetime

from foretell.live_quality.outcome_rules import OutcomeRule
from shared.contracts.model_quality import LEAST_CLOSED, Assessment, LiveFigure, Promise, QualityFigures
from shared.contracts.rows import DAY

FAR_OFF = 0.2
"""Share by which the outcome may come more or less often than expected before it is said."""
BY_ATTRIBUTE = "They are over once the attribute says yes or no."


def judged(promised: Promise | None, live: QualityFigures | None, *, waiting: str) -> tuple[Assessment, str]:
    """Compare what came with what was promised.

    Args:
        promised: by the test of the training; None: nobody knows any more.
        live: on all predictions that are over; None: none is.
        waiting: when more are over, as a sentence; empty: nobody knows.

    Returns:
        The verdict, and why, in a sentence or two.
    """
    if live is None or min(live.contacts_reached, live.contacts_not_reached) < LEAST_CLOSED:
        return "not_enough", f"Not enough closed predictions yet: {_lacking(live)}.{f' {waiting}' if waiting else ''}"
    came = (
        f"{live.positives:,} of {live.predictions:,} predictions came true, {live.expected:,.0f} were expected; the "
        f"probabilities were {_nearness(live.skill_over_constant)} what happened than the usual rate"
    )
    skill = None if promised is None else promised.skill_over_constant
    if skill is None or skill.low is None or live.skill_over_constant.high is None:
        return "not_measured", f"There is no promise to compare with: {came}."
    came += f" ({_share(skill)} promised, {_percent(skill.low)} to {_percent(skill.high)})"
    if skill.low > live.skill_over_constant.high:
        return "worse", f"Worse than promised: {came}. Train it again; look at what changed in your data."
    if is_far_off(live):
        way = "fewer" if live.positives < live.expected else "more"
        return "chances_off", (
            f"The order of the contacts holds, but {way} than expected reached the outcome: {came}. Use the scores, "
            "not the probabilities, until it is trained again."
        )
    return "holds", f"Holds what it promised: {came}."


def _lacking(live: QualityFigures | None) -> str:
    """Say of what there is too little."""
    if live is None:
        return "none is over"
    reached, others = live.contacts_reached, live.contacts_not_reached
    contacts, word = (reached, "came true") if reached <= others else (others, "did not come true")
    return f"they {word} for {contacts} of the {LEAST_CLOSED} contacts that it takes; {live.predictions:,} are over"


def is_far_off(live: QualityFigures) -> bool:
    """Whether the outcome came surely and much more or less often than expected."""
    rate = live.base_rate
    if rate.value is None or rate.low is None or rate.high is None or not live.expected_rate:
        return False
    surely = not rate.low <= live.expected_rate <= rate.high
    return surely and abs(rate.value / live.expected_rate - 1) > FAR_OFF


def waits(next_closes_at: int | None, *, now: int, newest: str, by_attribute: bool = False) -> str:
    """Say when more predictions are over.

    Args:
        next_closes_at: microseconds; None: none is open, or an attribute decides.
        now: microseconds.
        newest: the day of the newest event.
        by_attribute: whether an attribute decides.
    """
    if by_attribute:
        return BY_ATTRIBUTE
    if next_closes_at is None:
        return ""
    if next_closes_at <= now:
        return f"The next ones close once newer events come: the newest is of {newest}."
    return f"The next ones close on {day(next_closes_at)}."


def judged_by(rule: OutcomeRule, today: OutcomeRule, *, is_known: bool) -> str:
    """Say by what a version is judged where that is not plain; empty where it is.

    Args:
        rule: by which it is judged.
        today: what the outcome means by now.
        is_known: whether the catalogue still says what it predicted.
    """
    if not is_known:
        days = today.horizon // DAY
        return f"What it predicted is not known any more: it is judged by what the outcome means today, {days} days."
    if replace(rule, since=today.since) == today:
        return ""
    then, now = (f"{one.horizon // DAY} days" for one in (rule, today))
    differ = f" ({then}; today {now})" if then != now else ""
    return f"It is judged by what the outcome meant when it was trained; today it means something else{differ}."


def day(at: int) -> str:
    """Write the day of an instant, UTC.

    >>> day(1_796_256_000_000_000)
    '3 December 2026'
    """
    found = datetime.fromtimestamp(at / 1_000_000, tz=UTC)
    return f"{found.day} {found:%B %Y}"


def _nearness(skill: LiveFigure) -> str:
    """Say how much nearer than the usual rate, or farther.

    >>> [_nearness(LiveFigure(value=skill, low=None, high=None)) for skill in (0.1, -0.1)]
    ['10.0 % closer to', '10.0 % farther from']
    """
    if skill.value is not None and skill.value < 0:
        return f"{_percent(-skill.value)} farther from"
    return f"{_percent(skill.value)} closer to"


def _share(figure: LiveFigure) -> str:
    return _percent(figure.value)


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{100 * share:.1f} %"
