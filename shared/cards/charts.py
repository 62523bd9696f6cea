"""The pictures of a card: SVG with classes that the stylesheet colours, so that they are right in light and in dark.

Every picture that says something carries its finding as a title; bars beside numbers are hidden from screen readers.
"""

from collections.abc import Sequence
from html import escape
from math import ceil, log10
from typing import Final

from markupsafe import Markup

from shared.cards.text import DAY_NAMES, HOURS, percentage
from shared.contracts.model_card import CalibrationGroup, CardWeek

WIDTH, HEIGHT = 360, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 44
_CELL_WIDTH, _CELL_HEIGHT = 13, 15
_PAST_NAMES, _PAST_HOURS = 34, 16
STEPS: Final = (1, 2, 2.5, 5, 10)


def bar(share: float) -> Markup:
    """Draw a bar of a share of the width, 0 to 1."""
    width = f"{100 * min(1.0, max(0.0, share)):.1f}%"
    # The width is our own number: nothing of the data is written here.
    return Markup(  # noqa: S704
        '<svg class="bar" aria-hidden="true" focusable="false"><rect class="track" width="100%" height="100%" rx="3"/>'
        f'<rect class="fill" width="{width}" height="100%" rx="3"/></svg>'
    )


def calibration_chart(groups: Sequence[CalibrationGroup]) -> Markup:
    """Draw what happened over what was predicted, beside the line on which both are equal."""
    most = max([*(one.predicted for one in groups), *(one.happened for one in groups), 0.01])
    step = round_step(most / 4)
    top = step * ceil(most / step)
    inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(value: float) -> float:
        return round(LEFT + inner_width * value / top, 1)

    def y(value: float) -> float:
        return round(TOP + inner_height * (1 - value / top), 1)

    parts = []
    for number in range(round(top / step) + 1):
        tick = number * step
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick)}" y2="{y(tick)}"/>')
        parts.append(f'<text class="tick end" x="{LEFT - 6}" y="{y(tick) + 4}">{percent(tick)}</text>')
        parts.append(f'<text class="tick middle" x="{x(tick)}" y="{HEIGHT - BOTTOM + 16}">{percent(tick)}</text>')
    parts.append(f'<line class="exact" x1="{x(0)}" y1="{y(0)}" x2="{x(top)}" y2="{y(top)}"/>')
    line = " ".join(f"{x(one.predicted)},{y(one.happened)}" for one in groups)
    parts.append(f'<polyline class="line" points="{line}"/>')
    parts += [f'<circle class="dot" cx="{x(one.predicted)}" cy="{y(one.happened)}" r="4"/>' for one in groups]
    parts.append(f'<text class="label middle" x="{LEFT + inner_width / 2}" y="{HEIGHT - 8}">predicted chance</text>')
    middle = TOP + inner_height / 2
    parts.append(f'<text class="label middle" transform="rotate(-90 11 {middle})" x="11" y="{middle}">happened</text>')
    return _picture(WIDTH, HEIGHT, calibration_finding(groups), parts, "chart")


def calibration_finding(groups: Sequence[CalibrationGroup]) -> str:
    """Say in one sentence how near predicted and happened lie."""
    worst = max(groups, key=lambda one: abs(one.predicted - one.happened))
    return (
        f"{len(groups)} groups of equal size. The largest gap: {percentage(worst.predicted)} predicted, "
        f"{percentage(worst.happened)} happened."
    )


def round_step(least: float) -> float:
    """Find a step that people count in, at least so large.

    >>> round_step(0.013), round_step(0.07), round_step(0.21)
    (0.02, 0.1, 0.25)
    """
    scale = 10.0 ** (ceil(log10(least)) - 1)
    return next(float(f"{step * scale:.6g}") for step in STEPS if step * scale >= least * (1 - 1e-9))


def percent(share: float) -> str:
    """Write a tick.

    >>> percent(0.25), percent(0.025), percent(0.0)
    ('25 %', '2.5 %', '0 %')
    """
    return f"{100 * share:.3g} %"


def week_chart(week: CardWeek) -> Markup:
    """Draw the 168 hours of a week: the darker, the better; the best is framed."""
    known = [value for value in week.values if value is not None]
    most = max(known, default=0.0) or 1.0
    best = next((slot for slot, value in enumerate(week.values) if value == max(known, default=None)), -1)
    width, height = _PAST_NAMES + HOURS * _CELL_WIDTH + 2, _PAST_HOURS + 7 * _CELL_HEIGHT + 2
    parts = [
        f'<text class="tick middle" x="{_PAST_NAMES + hour * _CELL_WIDTH + 6}" y="11">{hour:02d}</text>'
        for hour in range(0, HOURS, 3)
    ]
    for day, name in enumerate(DAY_NAMES):
        parts.append(f'<text class="tick" x="2" y="{_PAST_HOURS + day * _CELL_HEIGHT + 11}">{name[:3]}</text>')
    for slot, value in enumerate(week.values):
        left = _PAST_NAMES + slot % HOURS * _CELL_WIDTH
        top = _PAST_HOURS + slot // HOURS * _CELL_HEIGHT
        shown = '"none"' if value is None else f'"hour" fill-opacity="{0.06 + 0.94 * value / most:.3f}"'
        parts.append(f'<rect class={shown} x="{left}" y="{top}" width="12" height="14" rx="2"/>')
        if slot == best:
            parts.append(f'<rect class="best" x="{left}" y="{top}" width="12" height="14" rx="2"/>')
    return _picture(width, height, week.finding, parts, "week")


def _picture(width: int, height: int, finding: str, parts: Sequence[str], kind: str) -> Markup:
    title = escape(finding)
    return Markup(  # noqa: S704 - the title is escaped, all else is numbers and our own words
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{title}"><title>{title}</title>'
        f"{''.join(parts)}</svg>"
    )
