"""Learn what mails cost: who leaves after how many, how answers grow fewer, what a contact that left would have earned.

Each mail is a frame. A contact that leaves does so after the newest mail within 28 days before: a mail that another
one follows answers only for the time until then, so that mails of one contact never count one loss twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from services.messages.model.pressure import (
    COLUMNS,
    DRAWS,
    PRIOR_DAYS,
    RISING,
    TIRED,
    Line,
    PressureModel,
    Rates,
    Scales,
    raw_columns,
)
from services.messages.model.sends import WINDOW_DAYS, SendColumns, Vector, send_columns
from shared.contracts.engagement import SENT
from shared.contracts.rows import DAY, Microseconds
from shared.evaluation.calibration import Calibrator, calibrate
from shared.evaluation.gate import skill
from shared.evaluation.metrics import Interval, calibration_line, log_loss, losses
from shared.learners.simple import chance, log_odds
from shared.timeline import Pasts
from shared.timeline.pasts import of_type, positions_before
from shared.training.material import forward_chain

Matrix = NDArray[np.float64]
LEAVING = ("email_unsubscribed", "email_complained")
LEAST_LOSSES = 50
"""Contacts that left, below which nothing is claimed: half of them are needed to judge."""
MOST_FRAMES = 300_000
BLOCKS = 3
LEAST_ALIKE = 500
"""Mails that found as many before them, or more, without which it is unknown what so many do."""
RIDGE = 1.0
"""Pull of each weight to 0, in units of one frame."""
IMAGINED_LOSSES = 5.0
"""At the overall rate, that each number of mails begins with under the plain rule."""
STEPS = (0, 1, 2, 3, 5, 8, 12, 20)
"""Numbers of mails before, at which the plain rule begins to count anew."""
COST_DAYS = 180
LEAST_COST_DAYS = 28
"""Days of which it must be known what contacts earned in them."""
SEED = 42
TIRING = [1 + COLUMNS.index(name) for name in (*COLUMNS[:TIRED], "days_since_send", "days_known")]
"""Columns of a design in which a contact differs from itself at another time, and that are no answers of its own."""


@dataclass(frozen=True, slots=True)
class SendFrames:
    """Mails whose time is over, by instant; shape (n,) each."""

    contact: NDArray[np.int32]
    cutoff: NDArray[np.int64]
    """When it was sent."""
    columns: SendColumns
    lost: Vector
    """1.0 where the contact left after it."""
    reward: Vector
    """What it earned."""

    def __len__(self) -> int:
        """Count the mails."""
        return len(self.contact)

    def take(self, rows: NDArray[np.intp]) -> "SendFrames":
        """Keep some of the mails."""
        columns = self.columns.take(rows)
        return SendFrames(self.contact[rows], self.cutoff[rows], columns, self.lost[rows], self.reward[rows])


@dataclass(frozen=True, slots=True)
class PressureReport:
    """How sure the model of leaving is, for the card; judged on mails that were sent after what it learned from."""

    sends: int
    lost: int
    kind: str
    constant_loss: float
    """Log loss of one rate for all, nats a mail."""
    rate_loss: float
    """Of the plain rule: the rate by the number of mails in the 28 days before."""
    model_loss: float
    skill: Interval
    """Share of the plain rule's log loss that the model saves."""
    slope: float
    """Of the calibration; 1 is exact."""
    expected: float
    """Mean chance that was expected of the judged mails."""
    seen: float
    """How many of them were followed by a loss."""

    def to_json(self) -> dict[str, object]:
        """Write as plain values."""
        written = {one.name: getattr(self, one.name) for one in fields(self)}
        numbers = {name: value for name, value in written.items() if isinstance(value, float)}
        finite = {name: round(value, 8) if np.isfinite(value) else None for name, value in numbers.items()}
        return {**written, **finite, "skill": self.skill.to_json()}


@dataclass(frozen=True, slots=True)
class PressureFit:
    """A model with the evidence behind it."""

    model: PressureModel
    report: PressureReport | None
    """None: too few left for any."""


def fitted_pressure(
    pasts: Pasts,
    *,
    reward_types: Sequence[str],
    reward_days: int,
    until: Microseconds,
    sums_value: bool = False,
) -> PressureFit:
    """Learn what mails cost from what came.

    Args:
        pasts: of everybody who may be learned from, decisions added; see `with_decisions`.
        reward_types: events that are a reward.
        reward_days: within how many days after a mail.
        until: the end of the data.
        sums_value: whether the values of the events count, or that one came.
    """
    frames = framed(pasts, reward_types=reward_types, reward_days=reward_days, until=until, sums_value=sums_value)
    cost = cost_of_loss(pasts, reward_types=reward_types, until=until, sums_value=sums_value)
    scales, most = scales_of(frames), most_known(frames)
    lost = int(frames.lost.sum())
    if lost < LEAST_LOSSES:
        return PressureFit(PressureModel("unknown", scales, None, None, None, most, cost), None)
    judged = _judged(frames, scales)
    if judged is None:
        return PressureFit(PressureModel("unknown", scales, None, None, None, most, cost), None)
    report, calibrator = judged
    tiring = tiring_line(scales.design(frames.columns), frames.reward, frames.contact)
    if report.kind == "logistic":
        line = leaving_line(scales.design(frames.columns), frames)
        leaving, rates = _calibrated(line, calibrator), None
    else:
        leaving, rates = rate_line(frames)
    return PressureFit(PressureModel(report.kind, scales, leaving, rates, tiring, most, cost), report)


def framed(
    pasts: Pasts, *, reward_types: Sequence[str], reward_days: int, until: Microseconds, sums_value: bool = False
) -> SendFrames:
    """Make a frame of each mail whose time is over and that was sent before the contact first left."""
    sent, left = of_type(pasts, pasts.type_code(SENT)), _events(pasts, LEAVING)
    contact = np.repeat(np.arange(len(pasts), dtype=np.int32), np.diff(sent.offsets))
    at = sent.at
    following = np.append(at[1:], np.iinfo(np.int64).max)
    last_of_contact = np.append(contact[1:] != contact[:-1], True) if len(contact) else np.zeros(0, bool)
    following = np.where(last_of_contact, np.iinfo(np.int64).max, following)
    begun = positions_before(left, contact, at)
    longest = max(WINDOW_DAYS, reward_days) * DAY
    kept = np.flatnonzero((begun == left.offsets[contact]) & (at + longest <= until))
    if len(kept) > MOST_FRAMES:
        kept = np.sort(np.random.default_rng(SEED).permutation(kept)[:MOST_FRAMES])
    contact, at, following = contact[kept], at[kept], following[kept]
    loss_end = np.minimum(following, at + WINDOW_DAYS * DAY)
    lost = (positions_before(left, contact, loss_end) > begun[kept]).astype(np.float64)
    earning = _events(pasts, reward_types)
    reward = _earned(earning, contact, (at, np.minimum(following, at + reward_days * DAY)), sums_value=sums_value)
    order = np.lexsort((contact, at))
    contact, at = contact[order], at[order]
    return SendFrames(contact, at, send_columns(pasts, contact, at), lost[order], reward[order])


def cost_of_loss(
    pasts: Pasts, *, reward_types: Sequence[str], until: Microseconds, sums_value: bool = False
) -> float | None:
    """Average what contacts earned in the newest 180 days, who had got a mail in the 90 days before and not left.

    Where less time is known, it is what they earned a day, times 180. Those who left later are among them, with what
    they earned until then: a contact that stays today may leave tomorrow.

    Returns:
        In units of the reward; None where fewer than 28 days are known.
    """
    sent, left = of_type(pasts, pasts.type_code(SENT)), _events(pasts, LEAVING)
    if not len(sent.at):
        return None
    days = min(COST_DAYS, int((until - int(sent.at.min())) // DAY) // 2)
    if days < LEAST_COST_DAYS:
        return None
    everybody = np.arange(len(pasts), dtype=np.int32)
    begin = np.full(len(pasts), until - days * DAY)
    mailed = positions_before(sent, everybody, begin) > positions_before(sent, everybody, begin - 90 * DAY)
    stayed = positions_before(left, everybody, begin) == left.offsets[:-1]
    mine = everybody[mailed & stayed]
    if not len(mine):
        return None
    # Half open windows of one contact; a yes-or-no reward counts each event that would have been one.
    earning = _events(pasts, reward_types)
    end = np.full(len(mine), until)
    if sums_value:
        earned = _earned(earning, mine, (begin[mine], end), sums_value=True)
    else:
        earned = (positions_before(earning, mine, end) - positions_before(earning, mine, begin[mine])).astype(float)
    return float(earned.mean()) * COST_DAYS / days


def _events(pasts: Pasts, types: Sequence[str]) -> Pasts:
    return of_type(pasts, *(pasts.type_code(name) for name in types))


def _earned(
    earning: Pasts,
    contact: NDArray[np.int32],
    window: tuple[NDArray[np.int64], NDArray[np.int64]],
    *,
    sums_value: bool,
) -> Vector:
    first, last = positions_before(earning, contact, window[0]), positions_before(earning, contact, window[1])
    if not sums_value:
        return (last > first).astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(earning.value))])
    earned: Vector = sums[last] - sums[first]
    return earned


def scales_of(frames: SendFrames) -> Scales:
    """Measure the account's rates, and centre and spread of the columns."""
    columns = frames.columns
    sends = max(float(columns.sends.sum()), 1.0)
    clicks, opens = float(columns.clicks.sum()) / sends, float(columns.opens.sum()) / sends
    days = max(float(columns.days_before.sum()), 1.0)
    pace = float(columns.sends_before.sum()) / days * WINDOW_DAYS
    if not len(frames):
        return Scales(clicks, opens, pace, np.zeros(len(COLUMNS)), np.ones(len(COLUMNS)))
    raw = raw_columns(columns, clicks, opens, pace)
    spread = raw.std(axis=0)
    return Scales(clicks, opens, pace, raw.mean(axis=0), np.where(spread > 1e-9, spread, 1.0))


def most_known(frames: SendFrames) -> float:
    """Return how many mails before still found LEAST_ALIKE mails that were learned from."""
    before = np.sort(frames.columns.sends_28d)
    return float(before[-LEAST_ALIKE]) if len(before) >= LEAST_ALIKE else 0.0


def leaving_line(design: Matrix, frames: SendFrames) -> Line:
    """Fit the log-odds that a mail drives a contact away: more mails never make it less likely.

    Better contacts get more mails, and stay. Their usual pace, a column, stands for that (Mundlak, 1978), as well as
    it is known: where it is not known yet, the number of mails says who a contact is rather than what mails do. So
    frames may have another slope as far as their pace is unknown, and that part is left out of what is kept.

    The draws are those of a normal distribution around the weights with the curvature of the loss (Laplace's
    approximation); a weight that may not fall below 0 is drawn no lower.

    Args:
        design: of the frames.
        frames: mails, and who left after them.
    """
    lost, kept = frames.lost, design.shape[1]
    unknown = PRIOR_DAYS / (PRIOR_DAYS + frames.columns.days_before)
    before = np.log1p(frames.columns.sends_28d)
    design = np.column_stack([design, unknown, unknown * (before - before.mean())])

    def loss(weight: Vector) -> tuple[float, Vector]:
        margin = design @ weight
        value = float(np.sum(np.logaddexp(0.0, margin) - lost * margin))
        return value, design.T @ (chance(margin) - lost)

    start = np.zeros(design.shape[1])
    start[0] = float(log_odds(float(lost.mean())))
    bounds = [(None, None), *[(0.0, None)] * RISING, *[(None, None)] * (design.shape[1] - 1 - RISING)]
    weight = _least(loss, start, bounds=bounds, free=1)
    p = chance(design @ weight)
    hessian = (design * (p * (1 - p))[:, None]).T @ design
    covariance = np.asarray(np.linalg.inv(hessian + RIDGE * np.eye(len(weight))), dtype=np.float64)
    draws = _drawn(weight, covariance)[:, :kept]
    draws[:, 1 : 1 + RISING] = np.maximum(draws[:, 1 : 1 + RISING], 0.0)
    return Line(weight[:kept], draws)


def tiring_line(design: Matrix, reward: Vector, contact: NDArray[np.int32]) -> Line | None:
    """Fit how the logarithm of what a mail earns falls with the number of mails before it, within each contact.

    Each contact is compared with itself at other times: that better contacts get more mails does not hide that mails
    tire. Source: Hausman, Hall and Griliches (1984), the fixed effects Poisson model, right for the mean of any reward
    from 0 on; the draws allow for rewards that vary more, and for mails of one contact that are alike.

    Returns:
        None where nobody earned anything in one mail of several.
    """
    mine, group = _several(np.maximum(reward, 0.0), contact)
    if not len(mine):
        return None
    columns, reward = design[mine][:, TIRING], np.maximum(reward[mine], 0.0)
    reward = reward / float(reward.mean())
    total: Vector = np.bincount(group, weights=reward).astype(np.float64)

    def expected(weight: Vector) -> tuple[Vector, Vector]:
        raised = np.exp(np.clip(columns @ weight, -30.0, 30.0))
        sums: Vector = np.bincount(group, weights=raised).astype(np.float64)
        return raised / sums[group], sums

    def loss(weight: Vector) -> tuple[float, Vector]:
        share, sums = expected(weight)
        value = float(total @ np.log(sums) - reward @ np.clip(columns @ weight, -30.0, 30.0))
        return value, columns.T @ (total[group] * share - reward)

    weight = _least(loss, np.zeros(len(TIRING)), bounds=[(None, 0.0)] * TIRED + [(None, None)] * (len(TIRING) - TIRED))
    share, _ = expected(weight)
    weighted = total[group] * share
    means = np.column_stack([np.bincount(group, weights=share * column) for column in columns.T])
    apart = columns - means[group]
    bread = np.linalg.inv((apart * weighted[:, None]).T @ apart + RIDGE * np.eye(len(TIRING)))
    slopes = columns * (reward - weighted)[:, None]
    by_contact = np.column_stack([np.bincount(group, weights=column) for column in slopes.T])
    covariance = bread @ (by_contact.T @ by_contact) @ bread
    draws = _drawn(weight, covariance)
    draws[:, :TIRED] = np.minimum(draws[:, :TIRED], 0.0)
    found = np.zeros((1 + DRAWS, design.shape[1]))
    found[:, TIRING] = np.vstack([weight, draws])
    return Line(found[0], found[1:])


def _several(reward: Vector, contact: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find the mails of contacts that got several and earned something, and number these contacts."""
    if not len(contact):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    _, group, count = np.unique(contact, return_inverse=True, return_counts=True)
    earned = np.bincount(group, weights=reward)
    mine = np.flatnonzero((count[group] > 1) & (earned[group] > 0))
    return mine, np.unique(group[mine], return_inverse=True)[1]


def _least(
    loss: Callable[[Vector], tuple[float, Vector]],
    start: Vector,
    *,
    bounds: Sequence[tuple[float | None, float | None]],
    free: int = 0,
) -> Vector:
    """Minimise a loss plus RIDGE / 2 |weight|^2, the first `free` weights not pulled."""
    from scipy.optimize import minimize

    def penalised(weight: Vector) -> tuple[float, Vector]:
        value, slope = loss(weight)
        pulled = np.concatenate([np.zeros(free), weight[free:]])
        return value + RIDGE / 2 * float(pulled @ pulled), slope + RIDGE * pulled

    found = minimize(penalised, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500})
    return np.asarray(found.x, dtype=np.float64)


def _drawn(weight: Vector, covariance: Matrix) -> Matrix:
    """Draw weights around the estimate, in pairs, shape (DRAWS, p)."""
    random = np.random.default_rng(SEED)
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(len(weight)))
    half = random.standard_normal((DRAWS // 2, len(weight))) @ root.T
    draws: Matrix = weight + np.concatenate([half, -half])
    return draws


def rate_line(frames: SendFrames) -> tuple[Line, Rates]:
    """Fit the plain rule: the rate by the number of mails before, drawn to the overall rate, never falling."""
    before = frames.columns.sends_28d
    edges = np.array([edge for edge in STEPS if edge <= before.max(initial=0.0)], dtype=np.float64)
    step = np.searchsorted(edges, before, side="right") - 1
    rows = np.bincount(step, minlength=len(edges)).astype(np.float64)
    hits = np.bincount(step, weights=frames.lost, minlength=len(edges))
    knots = np.bincount(step, weights=before, minlength=len(edges)) / np.maximum(rows, 1.0)
    seen = rows > 0
    rows, hits, knots = rows[seen], hits[seen], knots[seen]
    rate = (float(hits.sum()) + 0.5) / (float(rows.sum()) + 1.0)
    alpha, total = hits + IMAGINED_LOSSES, rows + IMAGINED_LOSSES / rate
    draws = np.random.default_rng(SEED).beta(alpha, total - alpha, (DRAWS, len(rows)))
    weight = log_odds(never_falling(alpha / total, total))
    return Line(weight, log_odds(np.stack([never_falling(row, total) for row in draws]))), Rates(knots)


def never_falling(values: Vector, weights: Vector) -> Vector:
    """Pool neighbours until no value is below the one before.

    Source: Ayer, Brunk, Ewing, Reid and Silverman (1955), pool adjacent violators.

    >>> never_falling(np.array([1.0, 3.0, 2.0]), np.array([1.0, 1.0, 1.0])).tolist()
    [1.0, 2.5, 2.5]
    """
    pools: list[list[float]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        pools.append([value, weight, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            later, earlier = pools.pop(), pools.pop()
            total = earlier[1] + later[1]
            pools.append([(earlier[0] * earlier[1] + later[0] * later[1]) / total, total, earlier[2] + later[2]])
    return np.concatenate([np.full(int(length), value) for value, _, length in pools])


def _judged(frames: SendFrames, scales: Scales) -> tuple[PressureReport, Calibrator] | None:
    """Answer each later block of mails by what was known when it began; None where no block is left to judge."""
    splits = forward_chain(frames.cutoff, horizon=WINDOW_DAYS * DAY, blocks=BLOCKS)
    splits = [split for split in splits if frames.lost[split.train].sum() >= LEAST_LOSSES / 2]
    if not splits:
        return None
    margins, plain, constant = [], [], []
    for split in splits:
        known, later = frames.take(split.train), frames.take(split.test)
        line = leaving_line(scales.design(known.columns), known)
        margins.append(scales.design(later.columns) @ line.weight)
        rule, rates = rate_line(known)
        plain.append(chance(rates.design(later.columns) @ rule.weight))
        constant.append(np.full(len(later), float(known.lost.mean())))
    rows = np.concatenate([split.test for split in splits])
    lost, owner, margin = frames.lost[rows], frames.contact[rows], np.concatenate(margins)
    ours, rule_chance = chance(margin), np.concatenate(plain)
    gain = skill(losses(lost, ours), losses(lost, rule_chance), owner)
    slope, _ = calibration_line(lost, margin)
    report = PressureReport(
        sends=len(frames),
        lost=int(frames.lost.sum()),
        kind="logistic" if gain.low > 0 else "rate",
        constant_loss=log_loss(lost, np.concatenate(constant)),
        rate_loss=log_loss(lost, rule_chance),
        model_loss=log_loss(lost, ours),
        skill=gain,
        slope=slope,
        expected=float(ours.mean()),
        seen=float(lost.mean()),
    )
    return report, calibrate(lost, margin)


def _calibrated(line: Line, calibrator: Calibrator) -> Line:
    """Put the calibration into the weights."""
    weight, draws = line.weight * calibrator.slope, line.draws * calibrator.slope
    weight[0] += calibrator.intercept
    draws[:, 0] += calibrator.intercept
    return Line(weight, draws)


def pressure_notes(fit: PressureFit) -> list[str]:
    """Say how well it is known what mails cost, for the card."""
    found = fit.report
    if found is None:
        return [
            f"Fewer than {LEAST_LOSSES} contacts left after a mail, or too lately to be judged: what one more mail "
            "risks is unknown, and a message is always sent."
        ]
    which = (
        "By mails of late, answers and tenure"
        if found.kind == "logistic"
        else "By the number of mails of late alone, which nothing else surely beats"
    )
    cost = "unknown" if fit.model.cost is None else f"{fit.model.cost:.3g}"
    return [
        f"What a mail risks was learned from {found.sends:,} mails and {found.lost:,} contacts that left. {which}: log "
        f"loss of later mails {found.model_loss:.5f} nats, {found.rate_loss:.5f} by the number of mails, "
        f"{found.constant_loss:.5f} with one rate; {found.expected:.3%} of them were expected to cost the contact, "
        f"{found.seen:.3%} did. A contact that leaves counts as {cost} of the reward."
    ]
