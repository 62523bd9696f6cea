"""What figures mean, in words for a marketer: as promised, off, worse, or not known yet."""

from datetime import UTC, datetime

from shared.contracts.model_quality import LEAST_CLOSED, Assessment, LiveFigure, Promise, QualityFigures

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
    reached = 0 if live is None else live.positives
    others = 0 if live is None else live.predictions - live.positives
    if live is None or min(reached, others) < LEAST_CLOSED:
        lacking, kind = (reached, "that came true") if reached <= others else (others, "that did not come true")
        return "not_enough", (
            f"Not enough closed predictions yet: {lacking} of {LEAST_CLOSED} {kind}"
            f"{f', of {live.predictions:,} that are over' if live else ''}.{f' {waiting}' if waiting else ''}"
        )
    came = (
        f"{live.positives:,} of {live.predictions:,} predictions came true, {live.expected:,.0f} were expected; the "
        f"probabilities were {_share(live.skill_over_constant)} closer to what happened than the usual rate"
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


def day(at: int) -> str:
    """Write the day of an instant, UTC.

    >>> day(1_796_256_000_000_000)
    '2 December 2026'
    """
    found = datetime.fromtimestamp(at / 1_000_000, tz=UTC)
    return f"{found.day} {found:%B %Y}"


def _share(figure: LiveFigure) -> str:
    return _percent(figure.value)


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{100 * share:.1f} %"
