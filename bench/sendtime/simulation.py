"""A history that misleads: nearly all sends at 9, the good campaigns never elsewhere, the truth known."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.local_week import HOURS, Vector
from services.sendtime.training import SendTimeFit, fitted
from services.sendtime.training.material import material_of
from shared.contracts.rows import DAY, HOUR, SECOND
from shared.learners.simple import chance
from shared.timeline import ContactFacts, EventTuple, Pasts, build

START = 1_736_121_600_000_000
"""6 January 2025, a Monday."""
USUAL, TRUE = 9, 19
CAMPAIGNS, EVERY = 60, 3
FIRST, LAST = 7, 22
"""Hours that the few other sends are spread over, the last one not included."""


@dataclass(frozen=True)
class World:
    """An account whose truth is known; its clock is UTC."""

    pasts: Pasts
    until: int
    clicks: NDArray[np.int64]
    """Clicks by the hour of the click, shape (24,): what a naive rule looks at."""
    sends: NDArray[np.int64]
    """Sends by hour, shape (24,)."""
    truth: Vector
    """Chance of a click by hour of sending, averaged over contacts and campaigns, shape (24,)."""

    @property
    def naive(self) -> int:
        """The hour with most clicks."""
        return int(self.clicks.argmax())


def world(*, contacts: int = 500, elsewhere: float = 0.05, seed: int = 3) -> World:
    """Make an account.

    Args:
        contacts: how many.
        elsewhere: share of sends that do not go out at 9.
        seed: of everything.
    """
    draw = np.random.default_rng(seed)
    level = draw.normal(0, 0.7, contacts)
    quality = np.sort(draw.normal(0, 0.5, CAMPAIGNS))
    draw.shuffle(quality)
    events: list[EventTuple] = []
    clicks, sends = np.zeros(HOURS, np.int64), np.zeros(HOURS, np.int64)
    for campaign in range(CAMPAIGNS):
        # What is good goes out at the usual hour; other hours only ever saw the weaker half.
        may_stray = quality[campaign] < np.median(quality)
        stray = draw.random(contacts) < (2 * elsewhere if may_stray else 0.0)
        hours = np.where(stray, draw.integers(FIRST, LAST, contacts), USUAL)
        clicked = draw.random(contacts) < chance(-2.3 + level + quality[campaign] + _lift(hours))
        day = START + campaign * EVERY * DAY
        for contact in range(contacts):
            at = day + int(hours[contact]) * HOUR + int(draw.integers(0, 60)) * 60 * SECOND
            name, message = f"c-{contact}", f"m{campaign}"
            events.append((name, f"s{campaign}", "email_sent", at, None, message, f"k{campaign}", None, 1))
            sends[hours[contact]] += 1
            if clicked[contact]:
                later = at + int(draw.exponential(25 * 60)) * SECOND
                if later < at + DAY:
                    events.append(
                        (name, f"k{campaign}", "email_clicked", later, None, message, f"k{campaign}", None, 1)
                    )
                    clicks[later // HOUR % HOURS] += 1
    facts = {f"c-{contact}": ContactFacts(timezone="UTC") for contact in range(contacts)}
    everybody = -2.3 + level[:, None, None] + quality[:, None] + _lift(np.arange(HOURS))
    truth = chance(everybody).mean(axis=(0, 1))
    return World(build(list(facts), facts, [events]), START + CAMPAIGNS * EVERY * DAY, clicks, sends, truth)


def learned(made: World) -> SendTimeFit:
    """Train on a world as the product does."""
    return fitted(material_of(made.pasts, now=made.until), now=made.until)


def believed(fit: SendTimeFit) -> Vector:
    """Return the chance of a click that the model gives the average contact by hour, shape (24,)."""
    assert fit.timing is not None
    return chance(fit.timing.population_margins()).reshape(7, HOURS).mean(axis=0)


def picture(made: World, ours: Vector) -> bytes:
    """Draw what was sent, what was clicked, what is true and what the model says."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    hours = np.arange(HOURS)
    bars = axes.bar(
        hours, made.clicks / made.clicks.sum(), color="#c9ccd1", width=0.8, label="share of all clicks (naive)"
    )
    axes.set(xlabel="local hour", ylabel="share of all clicks", xlim=(-0.6, 23.6))
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")
    axes.set_xticks(range(0, HOURS, 2), [f"{hour:02d}" for hour in range(0, HOURS, 2)])
    other = axes.twinx()
    seen = made.sends > 0
    (truth,) = other.plot(hours, made.truth, color="#2e8540", linestyle="--", label="true chance of a click")
    (model,) = other.plot(hours[seen], ours[seen], color="#1f5fa8", marker="o", label="the model's chance")
    other.set(ylabel="chance of a click on one e-mail", ylim=(0, 0.34))
    other.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")
    for spine in (axes, other):
        spine.spines["top"].set_visible(False)
    best = int(np.where(seen, ours, 0).argmax())
    other.annotate(
        f"the model: {best}:00",
        (best, ours[best]),
        xytext=(best - 7.5, ours[best] + 0.02),
        arrowprops={"arrowstyle": "-"},
    )
    axes.annotate(
        f"most clicks: {made.naive}:00",
        (made.naive, made.clicks.max() / made.clicks.sum()),
        xytext=(made.naive + 1.2, 0.92 * made.clicks.max() / made.clicks.sum()),
        arrowprops={"arrowstyle": "-"},
    )
    axes.legend(handles=[bars, truth, model], frameon=False, loc="upper left", fontsize=9)
    share = made.sends.max() / made.sends.sum()
    axes.set_title(
        f"{share:.0%} of the sends went out at {USUAL}:00; {TRUE}:00 is the best hour", loc="left", fontsize=11
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def drawn(path: Path) -> tuple[World, Vector]:
    """Make the world of the benchmark, learn it, and write the picture."""
    made = world()
    ours = believed(learned(made))
    path.write_bytes(picture(made, ours))
    return made, ours


def _lift(hours: NDArray[np.int64]) -> Vector:
    """Log-odds that an hour adds: a peak at 19, a little in the morning."""
    apart = np.minimum(np.abs(hours - TRUE), HOURS - np.abs(hours - TRUE))
    morning = np.exp(-(((hours - 8) / 2.0) ** 2))
    lift: Vector = 1.3 * np.exp(-((apart / 2.0) ** 2)) + 0.3 * morning
    return lift
