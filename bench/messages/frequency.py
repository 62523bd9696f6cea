"""`python -m bench.messages.frequency`: whether the number of mails stops at the known optimum.

The account of `frequency_world` is learned from as the product does, then other contacts of the same kinds are asked
about every day for half a year. `--seeds` runs the five seeds that were kept for the end; `--write` puts the figures
into docs/benchmarks.md. Exits 1 when a figure misses what was stated beforehand.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.messages.frequency_world import (
    CONFOUNDED_WITHIN,
    CONFOUNDED_WORTH,
    COST,
    KINDS,
    OPTIMUM,
    OTHER_SEEDS,
    SEED,
    SEND_HOUR,
    SPREAD,
    USUAL_MAILS,
    WINDOW,
    WITHIN,
    WORTH,
    Vector,
    pasts_of,
    planned,
    truth,
    world,
    worth_of,
)
from services.messages.model.pressure import Pressure, PressureModel, send_chances
from services.messages.model.sends import ENGAGED_DAYS, PACE_DAYS, WEEK_DAYS, SendColumns
from services.messages.training.pressure import PressureFit, SendFrames, fitted_pressure, framed
from shared.evaluation.metrics import Interval, of_mean

BEGIN, END = "<!-- frequency: made by python -m bench.messages.frequency -->", "<!-- /frequency -->"
PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
ASKED = 1_800
"""Contacts that are asked about, all kinds alike."""
WARM_DAYS, ASKED_DAYS, JUDGED_DAYS = 84, 182, 91
"""Days of drawn mails before the first question, of questions, and how many of them count, the last ones."""
SMALL_ACCOUNT = 300
CLICKS = ("email_clicked",)
KNOWN_MAILS = 200
Decide = Callable[[SendColumns], NDArray[np.bool_]]


@dataclass(frozen=True)
class Lived:
    """What the decisions led to, by contact, shape (n,) each; numbers are of 28 days."""

    kind: NDArray[np.intp]
    mails: Vector
    worth: Vector
    best: Vector
    """What the best number of the contact's kind brings."""

    def mails_of(self, kind: int) -> Interval:
        """Average the mails of one kind, with an interval over contacts."""
        mine = self.kind == kind
        return of_mean(self.mails[mine], np.flatnonzero(mine), draws=500)

    @property
    def share(self) -> float:
        """Return which share of the worth of the optimum was reached."""
        return float(self.worth.sum() / self.best.sum())


def columns_of(sent: NDArray[np.bool_], clicked: NDArray[np.bool_], opened: NDArray[np.bool_]) -> SendColumns:
    """Count as `send_columns` does, on the day after the last column, at the hour of sending."""
    day = sent.shape[1]

    def last(made: NDArray[np.bool_], days: int) -> Vector:
        found: Vector = made[:, max(0, day - days) :].sum(axis=1).astype(np.float64)
        return found

    known = day + SEND_HOUR / 24
    newest = day - np.where(sent.any(axis=1), sent.shape[1] - 1 - sent[:, ::-1].argmax(axis=1), -1)
    return SendColumns(
        sends_7d=last(sent, WEEK_DAYS),
        sends_28d=last(sent, WINDOW),
        days_since_send=np.where(sent.any(axis=1), newest, np.nan),
        sends_before=last(sent, WINDOW + PACE_DAYS) - last(sent, WINDOW),
        days_before=np.full(len(sent), float(np.clip(known - WINDOW, 0, PACE_DAYS))),
        sends=last(sent, ENGAGED_DAYS),
        clicks=last(clicked, ENGAGED_DAYS),
        opens=last(opened, ENGAGED_DAYS),
        days_known=np.full(len(sent), known),
    )


def lived(decide: Decide, *, seed: int) -> Lived:
    """Ask about contacts every day for half a year; nobody leaves, so that all are counted to the end."""
    draw = np.random.default_rng(seed + 1)
    kind, hidden = np.arange(ASKED) % len(KINDS), draw.normal(0, SPREAD, ASKED)
    days = WARM_DAYS + ASKED_DAYS
    sent, clicked, opened = (np.zeros((ASKED, days), dtype=bool) for _ in range(3))
    for start in range(0, WARM_DAYS, WINDOW):
        mails = np.where(draw.random(ASKED) < 0.6, draw.integers(0, 11, ASKED), USUAL_MAILS)
        sent[:, start : start + WINDOW] = planned(mails, draw)
    worth = np.zeros(ASKED)
    for day in range(days):
        if day >= WARM_DAYS:
            sent[:, day] = decide(columns_of(sent[:, :day], clicked[:, :day], opened[:, :day]))
        before = sent[:, max(0, day - WINDOW) : day].sum(axis=1).astype(np.float64)
        click, leave = truth(kind, hidden, before)
        clicked[:, day] = sent[:, day] & (draw.random(ASKED) < click)
        opened[:, day] = clicked[:, day] | (sent[:, day] & (draw.random(ASKED) < 0.15 + click))
        if day >= days - JUDGED_DAYS:
            worth += sent[:, day] * (click - COST * leave)
    mails = sent[:, -JUDGED_DAYS:].sum(axis=1) * WINDOW / JUDGED_DAYS
    return Lived(kind, mails, worth * WINDOW / JUDGED_DAYS, best_of(kind, hidden))


def best_of(kind: NDArray[np.intp], hidden: Vector) -> Vector:
    """Return what the best number of mails of its kind brings each contact in 28 days."""
    count = np.array([OPTIMUM[one.name] for one in KINDS])[kind].astype(np.float64)
    click, leave = truth(kind, hidden, count - 1)
    best: Vector = count * (click - COST * leave)
    return best


def earning_weights(model: PressureModel, frames: SendFrames) -> Vector:
    """Fit what a mail earns by all columns, as a policy that sees them would: Poisson's likelihood."""
    from scipy.optimize import minimize

    design = model.scales.design(frames.columns)

    def loss(weight: Vector) -> tuple[float, Vector]:
        margin = np.minimum(design @ weight, 10.0)
        rate = np.exp(margin)
        return float(np.sum(rate - frames.reward * margin)), design.T @ (rate - frames.reward)

    start = np.zeros(design.shape[1])
    start[0] = np.log(max(float(frames.reward.mean()), 1e-6))
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B").x)


def by_model(model: PressureModel, earning: Vector, *, seed: int, tires: bool = True) -> Decide:
    """Decide as the product does; what the best message earns is stood in for by `earning_weights`."""
    asked = model if tires else replace(model, tiring=None)
    draw = np.random.default_rng(seed + 2)

    def decide(columns: SendColumns) -> NDArray[np.bool_]:
        reward = np.exp(model.scales.design(columns) @ earning)
        pays = asked.weighed(columns, reward, COST).pays
        return draw.random(len(columns)) < send_chances(pays)

    return decide


def with_answers(decide: Decide, mails: int) -> Decide:
    """Decide as if each contact had answered so many mails just as its kind does at the usual number."""
    kind, usual = np.arange(ASKED) % len(KINDS), np.array(USUAL_MAILS, dtype=np.float64)
    click = np.array([float(one.clicks(usual)) for one in KINDS])[kind]
    opened = click + (1 - click) * (0.15 + click)
    sends = np.full(ASKED, float(mails))
    return lambda columns: decide(replace(columns, sends=sends, clicks=mails * click, opens=mails * opened))


def one_number(count: int) -> Decide:
    """Send everybody the same number of mails in 28 days."""
    return lambda columns: columns.sends_28d < count


def best_one_number() -> int:
    """Return the number of mails that is best where all get the same."""
    worth = sum(worth_of(kind, np.arange(11)) for kind in KINDS)
    return int(np.argmax(worth))


@dataclass(frozen=True)
class Run:
    """One account, learned from and lived."""

    seed: int
    confounded: bool
    fit: PressureFit
    seconds: float
    ours: Lived
    without_tiring: Lived
    well_known: Lived
    """As if it were known from the answers to KNOWN_MAILS mails how each contact answers."""

    @property
    def met(self) -> bool:
        """Whether it is as stated beforehand."""
        within, worth = (CONFOUNDED_WITHIN, CONFOUNDED_WORTH) if self.confounded else (WITHIN, WORTH)
        near = all(
            abs(self.ours.mails_of(code).value - OPTIMUM[kind.name]) <= within for code, kind in enumerate(KINDS)
        )
        return near and self.ours.share >= worth


def run(seed: int, *, confounded: bool) -> Run:
    """Learn from one account, and ask about other contacts."""
    made = world(confounded=confounded, seed=seed)
    pasts = pasts_of(made)
    start = time.perf_counter()
    fit = fitted_pressure(pasts, reward_types=CLICKS, reward_days=7, until=made.until)
    seconds = time.perf_counter() - start
    earning = earning_weights(fit.model, framed(pasts, reward_types=CLICKS, reward_days=7, until=made.until))
    ours = lived(by_model(fit.model, earning, seed=seed), seed=seed)
    other = lived(by_model(fit.model, earning, seed=seed, tires=False), seed=seed)
    known = lived(with_answers(by_model(fit.model, earning, seed=seed), KNOWN_MAILS), seed=seed)
    return Run(seed, confounded, fit, seconds, ours, other, known)


def small_account(seed: int = SEED) -> PressureFit:
    """Learn from an account in which few left."""
    made = world(contacts=SMALL_ACCOUNT, seed=seed)
    return fitted_pressure(pasts_of(made), reward_types=CLICKS, reward_days=7, until=made.until)


def table(runs: Sequence[Run]) -> str:
    """Write the runs as Markdown."""
    names = " | ".join(f"{kind.name} ({OPTIMUM[kind.name]})" for kind in KINDS)
    lines = [f"| how often was logged | seed | {names} | worth | as stated |", "|---|---:|---|---|---|---:|---|"]
    for one in runs:
        mails = " | ".join(
            f"{found.value:.1f} ({found.low:.1f} to {found.high:.1f})"
            for found in (one.ours.mails_of(code) for code in range(len(KINDS)))
        )
        how = "better contacts got more" if one.confounded else "partly drawn"
        lines.append(f"| {how} | {one.seed} | {mails} | {one.ours.share:.0%} | {'yes' if one.met else 'no'} |")
    return "\n".join(lines)


def text_of(runs: Sequence[Run], small: PressureFit) -> str:
    """Put the section together."""
    first = runs[0]
    report = first.fit.report
    assert report is not None
    best = best_one_number()
    same = lived(one_number(best), seed=first.seed)
    without, known = _mails(first.without_tiring), _mails(first.well_known)
    met = sum(one.met for one in runs)
    left = small.report.lost if small.report else "too few"
    saved = f"it saves {report.skill} of the second"
    return f"""Mails in 28 days by kind of contact, the optimum in brackets, with 95 % intervals over contacts; worth
as a share of what each kind's optimum brings. Stated beforehand: within {WITHIN:.0f} mail and {WORTH:.0%} where it was
partly drawn, within {CONFOUNDED_WITHIN:.0f} and {CONFOUNDED_WORTH:.0%} where better contacts got more.
{met} of {len(runs)} runs are as stated.

{table(runs)}

The same number for all: {best} mails are the best, {same.share:.0%} of the worth.
Without what a mail takes from the next ones (its value is then reward less risk): {without} mails,
{first.without_tiring.share:.0%} of the worth. Nobody tells the model which kind a contact is: it has the answers to
some 30 mails to go by. As if it had those to {KNOWN_MAILS}: {known}, {first.well_known.share:.0%} of the worth.

The first run learned from {report.sends:,} mails and {report.lost:,} contacts that left, in {first.seconds:.1f} s.
Log loss of later mails, nats: one rate {report.constant_loss:.5f}, rate by number of mails {report.rate_loss:.5f},
model {report.model_loss:.5f}; {saved}. Calibration slope {report.slope:.2f};
{report.expected:.2%} of the mails were expected to cost a contact, {report.seen:.2%} did.

An account of {SMALL_ACCOUNT} contacts ({left} left): kind `{small.model.kind}`, {_claims(small.model)}."""


def _mails(found: Lived) -> str:
    return ", ".join(f"{kind.name} {found.mails_of(code).value:.1f}" for code, kind in enumerate(KINDS))


def _claims(model: PressureModel) -> str:
    """Say what pressures a model claims of contacts that got from none to ten mails."""
    counts = np.arange(11.0)
    nothing = np.zeros(11)
    columns = SendColumns(
        sends_7d=np.rint(counts / 4),
        sends_28d=counts,
        days_since_send=np.full(11, 3.0),
        sends_before=np.full(11, 20.0),
        days_before=np.full(11, 140.0),
        sends=counts + 20,
        clicks=nothing + 4,
        opens=nothing + 8,
        days_known=np.full(11, 170.0),
    )
    reward = np.full(11, 0.15) / (1 + counts / 6)
    found = model.weighed(columns, reward, COST).pressure.tolist()
    said = {name.value: found.count(name.value) for name in Pressure}
    return "claimed of contacts with 0 to 10 mails: " + ", ".join(f"{count} {name}" for name, count in said.items())


def main() -> int:
    """Run, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", action="store_true", help="also the five seeds kept for the end")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    given = parser.parse_args()
    seeds = (SEED, *(OTHER_SEEDS if given.seeds else ()))
    runs = [run(seed, confounded=confounded) for confounded in (False, True) for seed in seeds]
    text = text_of(runs, small_account())
    sys.stdout.write(text + "\n")
    if given.write:
        page = PAGE.read_text()
        head, rest = page.split(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")
    return 0 if all(one.met for one in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
