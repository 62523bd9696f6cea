"""A version of churn: the hazard of the next event of a kind, as one curve a contact."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from services.churn.model.periods import Matrix, Periods, Vector, expanded, time_columns
from services.churn.model.predictions import ChurnQuery, ScoredChurn, value_rate, value_rates, why_not_eligible
from services.churn.model.reference import ChurnReference
from services.churn.schemas import ChurnRequest
from shared.contracts.outcome import BAND_LIFTS, Flag
from shared.contracts.prediction import Grade
from shared.contracts.rows import DAY
from shared.errors import ArtifactRefused
from shared.evaluation.calibration import Calibrator
from shared.features import Expected, FeatureSet, Inputs, ReasonPart, Things, observed, usual_values
from shared.features.inputs import Observed
from shared.learners import WITH_TEXT, Learner, learner_from_json
from shared.registry.artifact import InputColumn, OutputColumn, input_columns, number_column
from shared.timeline import ContactPasts, Pasts
from shared.timeline.pasts import LOOKBACK_DAYS
from shared.timeline.risk import Episode, recently_active, was_active

FORMAT = 1
CAPABILITY = "churn"
CUTOFF_DAY = "cutoff_day"
"""Column of a table that is sent to `mlflow models serve`, for a model that looks at the season."""
MEDIAN = float(np.log(2))
"""The cumulative hazard at which half have had the event."""
CURVE_STEP_DAYS = 7
BEYOND = "horizon_beyond_data"
NO_HORIZON = "no_horizon"
_UNREADABLE = (OSError, EOFError, KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError, BadZipFile)
"""What reading a damaged JSON or npz file raises."""


class _Explained(NamedTuple):
    margins: list[float]
    bases: list[float]
    reasons: list[list[ReasonPart]]


@dataclass(frozen=True)
class ChurnModel:
    """The hazard of the next event of a kind, by period after the cutoff."""

    outcome: str
    kind: str
    grade: Grade
    horizon_days: int | None
    """Default and graded horizon; None for flat data, which has no time."""
    trained_at: datetime
    episode: Episode
    feature_set: FeatureSet
    learner: Learner
    calibrator: Calibrator
    base: Vector
    """Log-odds of each period on which the learner stands, shape (n_periods,)."""
    periods: Periods
    """As far as the data could know; flat data has one, without a length."""
    seasonal: bool
    reference: ChurnReference
    value_types: tuple[str, ...] = ()
    """Event types whose values are what a contact is worth."""
    band_lifts: tuple[float, ...] = field(default=BAND_LIFTS)
    inputs: Inputs | None = None
    """What the training saw; None for versions of before it was kept."""
    bounds: tuple[float, float] = (-np.inf, np.inf)
    """Smallest and largest calibrated margin of the training: no answer lies outside them."""
    curves: Matrix | None = None
    """Smallest and largest cumulative hazard of the training at the end of each period, shape (2, n_periods)."""
    flag: Flag | None = None
    """Flat data: the attribute that says who has left."""

    @property
    def is_flat(self) -> bool:
        """Whether there is no time, only who left and who did not."""
        return self.horizon_days is None

    @property
    def reached_by(self) -> tuple[str, ...]:
        """List the types after which a contact has left; silence can always be broken."""
        return self.episode.waited_for if self.episode.contractual else ()

    @property
    def begun_by(self) -> tuple[str, ...]:
        """List the types that a contact must have had to be able to leave."""
        return self.episode.begun_by

    @property
    def lookback_days(self) -> int:
        """Return how far back events are read: features look back two years, eligibility may look back longer."""
        return max(LOOKBACK_DAYS, self.episode.active_within_days or 0)

    @property
    def columns(self) -> tuple[str, ...]:
        """Name the columns of a table that this version answers about without the store."""
        return (*self.feature_set.names, CUTOFF_DAY) if self.seasonal else self.feature_set.names

    @property
    def table_inputs(self) -> tuple[InputColumn, ...]:
        """Describe that table."""
        day = (number_column(CUTOFF_DAY, example=20_605.0, required=True),) if self.seasonal else ()
        return (*input_columns(self.feature_set), *day)

    @property
    def table_outputs(self) -> tuple[OutputColumn, ...]:
        """Describe what it answers to a table; the name says the horizon."""
        within = "" if self.horizon_days is None else f"_within_{self.horizon_days}_days"
        return (OutputColumn(f"risk{within}", "double"),)

    def answer_table(self, values: Matrix) -> dict[str, Vector]:
        """Answer a matrix with `columns`; a row that does not say its day has no season, and no answer."""
        risk = np.full(len(values), np.nan)
        dated = ~np.isnan(values[:, -1]) if self.seasonal else np.ones(len(values), dtype=bool)
        risk[dated] = self.predict_matrix(values[dated])
        return {self.table_outputs[0].name: risk}

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Return the attributes that its training saw; none for versions of before they were kept."""
        return () if self.inputs is None else self.inputs.known

    def answer(self, pasts: ContactPasts, cutoffs: NDArray[np.int64], request: ChurnRequest) -> list[ScoredChurn]:
        """Answer about every contact of a request, order kept."""
        query = ChurnQuery(request.horizon_days, request.horizons, request.survival, request.reasons_requested)
        return self.predict(pasts, cutoffs, query)

    def predict(self, pasts: Pasts | ContactPasts, cutoffs: NDArray[np.int64], query: ChurnQuery) -> list[ScoredChurn]:
        """Answer about every contact of the pasts.

        Args:
            pasts: one row a contact.
            cutoffs: microseconds, shape (len(pasts),).
            query: horizons, curve and reasons.

        Returns:
            One ScoredChurn a contact, in order.
        """
        seen = observed(self.feature_set, self.inputs, pasts, cutoffs)
        rates, active = self._rates_and_activity(pasts, cutoffs)
        answers = self._answers(rates, seen, cutoffs, query)
        for one, may in zip(answers, active, strict=True):
            if not may:
                one.status, one.detail = "not_eligible", why_not_eligible(self.episode)
        return answers

    def _rates_and_activity(
        self, pasts: Pasts | ContactPasts, cutoffs: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], Sequence[bool]]:
        """Return what contacts brought a day, and who was active lately; of flat data everybody was."""
        if isinstance(pasts, ContactPasts) and pasts.are_few:
            mine = list(zip(pasts.one_by_one, cutoffs.tolist(), strict=True))
            rates = np.array([value_rate(past, cutoff, self.value_types) for past, cutoff in mine])
            return rates, [self.is_flat or was_active(self.episode, past, cutoff) for past, cutoff in mine]
        columns = pasts.columns if isinstance(pasts, ContactPasts) else pasts
        rates = value_rates(columns, cutoffs, self.value_types)
        if self.is_flat:
            return rates, [True] * len(columns)
        contact = np.arange(len(columns), dtype=np.int32)
        return rates, recently_active(self.episode, columns, contact, cutoffs).tolist()

    def _answers(
        self, rates: NDArray[np.float64], seen: Observed, cutoffs: NDArray[np.int64], query: ChurnQuery
    ) -> list[ScoredChurn]:
        values, n = seen.values, len(seen.values)
        rows = self.rows(values, cutoffs)
        margins = self.margins(rows).reshape(n, len(self.periods))
        hazard = self.cumulative(margins)
        days = query.horizon_days or self.horizon_days
        marks = self._marks(query)
        known = self.is_flat or (days is not None and days <= self.periods.last_day)
        at = self.periods.last_day if self.is_flat else float(min(days or 0, self.periods.last_day))
        upto = self.periods.cumulative(hazard, [at])[:, 0]
        risk = self.leaving(upto)
        scores = self.reference.scores(self.periods, upto, at, contractual=self.episode.contractual)
        bands = self.reference.bands(self.periods, risk, at, self.band_lifts)
        explained = self._explained(values, rows, margins, at, query.reasons) if query.reasons and known else None
        medians = np.full(n, np.nan) if self.is_flat else self.periods.day_of(hazard, MEDIAN)
        horizons, survival = self._horizons_and_survival(hazard, query)
        worth = rates * (np.nan if self.is_flat else at)
        return [
            ScoredChurn(
                probability=float(risk[i]) if known else None,
                horizon_days=None if self.is_flat else days,
                margin=None if explained is None else explained.margins[i],
                base=None if explained is None else explained.bases[i],
                score=int(scores[i]) if known else None,
                band=bands[i] if known else None,
                reasons=[] if explained is None else explained.reasons[i],
                horizons=horizons[i],
                survival=survival[i],
                days_to_event=None if np.isnan(medians[i]) else float(medians[i]),
                contractual=self.episode.contractual,
                value_at_risk=float(risk[i] * worth[i]) if known and np.isfinite(worth[i]) else None,
                truncated=seen.truncated[i],
                inputs=seen.inputs[i],
                data_quality=marks,
            )
            for i in range(n)
        ]

    def _marks(self, query: ChurnQuery) -> tuple[str, ...]:
        """Name what was requested and cannot be known."""
        wanted = [query.horizon_days or self.horizon_days or 0, *query.horizons]
        if self.is_flat:
            return (NO_HORIZON,) if query.horizon_days or query.horizons or query.survival else ()
        return (BEYOND,) if max(wanted) > self.periods.last_day else ()

    def _horizons_and_survival(
        self, hazard: Matrix, query: ChurnQuery
    ) -> tuple[list[list[tuple[int, float | None]]], list[list[tuple[int, float]]]]:
        """Read the further horizons and the curve of each contact; None beyond what the data can know."""
        n = len(hazard)
        known = [day for day in query.horizons if not self.is_flat and day <= self.periods.last_day]
        at = self.leaving(self.periods.cumulative(hazard, known)).tolist() if known else [[]] * n
        by_day = [dict(zip(known, one, strict=True)) for one in at]
        horizons = [[(day, one.get(day)) for day in query.horizons] for one in by_day]
        if not query.survival or self.is_flat:
            return horizons, [[] for _ in range(n)]
        steps = list(range(CURVE_STEP_DAYS, int(self.periods.last_day) + 1, CURVE_STEP_DAYS))
        curve = np.exp(-self.periods.cumulative(hazard, steps)).tolist()
        return horizons, [list(zip(steps, one, strict=True)) for one in curve]

    def _explained(self, values: Matrix, rows: Matrix, margins: Matrix, days: float, most: int) -> _Explained:
        """Share the event-weighted mean log-odds up to the horizon among the features."""
        n, p, k = len(values), len(self.feature_set), len(self.periods)
        used = 1 if self.is_flat else int(np.count_nonzero(self.periods.starts < days))
        weight = self.weights(margins, days)[:, :used]
        sign = 1.0 if self.episode.contractual else -1.0
        within = rows.reshape(n, k, -1)[:, :used].reshape(n * used, -1)
        shares = self.learner.contributions(within).reshape(n, used, -1) * self.calibrator.slope
        mean = sign * np.einsum("nk,nkc->nc", weight, shares)
        total = sign * np.einsum("nk,nk->n", weight, margins[:, :used])
        # What stands in for a missing value is no reason: its share goes to the base.
        mean[:, :p][np.isnan(values) & ~np.isnan(self.filled(values))] = 0.0
        base = total - mean[:, :p].sum(axis=1)
        return _Explained(
            total.tolist(), base.tolist(), self.things.reasons(values, mean, most, expected=self.expected)
        )

    def predict_matrix(self, table: Matrix) -> Vector:
        """Return the risk of leaving within the version's own horizon from a table with `columns`, shape (n,)."""
        values = table[:, : len(self.feature_set)]
        day = table[:, -1] if self.seasonal else np.zeros(len(table))
        return self.risk(self.hazard(values, (day * DAY).astype(np.int64)))

    def hazard(self, values: Matrix, cutoffs: NDArray[np.int64]) -> Matrix:
        """Return the cumulative hazard at the end of each period, shape (n, n_periods)."""
        return self.cumulative(self.margins(self.rows(values, cutoffs)).reshape(len(values), len(self.periods)))

    def cumulative(self, margins: Matrix) -> Matrix:
        """Return the cumulative hazard at the end of each period from margins, both of shape (n, n_periods).

        No period leaves the range of the training; neither may all of them together.
        """
        hazard = cumulative_hazard(margins)
        return hazard if self.curves is None else np.clip(hazard, *self.curves)

    def risk(self, hazard: Matrix, days: float | None = None) -> Vector:
        """Return the chance of leaving within a horizon (default: the version's own), shape (n,)."""
        if days is None:
            days = self.periods.last_day if self.horizon_days is None else float(self.horizon_days)
        return self.leaving(self.periods.cumulative(hazard, [days])[:, 0])

    def rows(self, values: Matrix, cutoffs: NDArray[np.int64]) -> Matrix:
        """Lay every period of every frame out, frame by frame, shape (n * n_periods, width)."""
        values = self.filled(values)
        if self.is_flat:
            return values
        n, k = len(values), len(self.periods)
        period = np.tile(np.arange(k), n)
        return expanded(
            np.repeat(values, k, axis=0), np.repeat(cutoffs, k), period, self.periods, seasonal=self.seasonal
        )

    def filled(self, values: Matrix) -> Matrix:
        """Put in what stands in for missing values of the features, shape (n, p)."""
        return values if self.inputs is None else self.inputs.filled(values)

    def margins(self, rows: Matrix) -> Vector:
        """Return the calibrated log-odds of the event in each row's period, shape (n,)."""
        every = np.tile(self.base, len(rows) // len(self.base))
        return np.clip(self.calibrator.margins(every + self.learner.margins(rows)), *self.bounds)

    def leaving(self, hazard: Matrix) -> Matrix:
        """Turn cumulative hazards into chances of leaving: that it ends, or that nothing comes."""
        left: Matrix = -np.expm1(-hazard) if self.episode.contractual else np.exp(-hazard)
        return left

    def weights(self, margins: Matrix, days: float) -> Matrix:
        """Return how likely the event is to come in each period up to a horizon, given that it comes, shape (n, k)."""
        if self.is_flat:
            return np.ones_like(margins)
        ends = np.minimum(np.array(self.periods.ends), days)
        upto = self.periods.cumulative(cumulative_hazard(margins), list(ends))
        step = np.diff(upto, axis=1, prepend=0.0)
        coming = np.exp(step - upto) * -np.expm1(-step)
        weight: Matrix = coming / np.maximum(coming.sum(axis=1, keepdims=True), 1e-300)
        return weight

    @cached_property
    def things(self) -> Things:
        """Group the columns that speak of the same thing; once."""
        return Things.of(self.feature_set)

    @cached_property
    def expected(self) -> Expected:
        """Return what is expected of behaviour; once."""
        return Expected("staying", usual_values(self.reference.edges, self.reference.shares))

    def save(self, folder: Path) -> None:
        """Write the version: LightGBM text, JSON, npz; nothing that could run.

        Args:
            folder: made when absent.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if (text := self.learner.text) is not None:
            (folder / "model.txt").write_text(text, encoding="utf-8")
        reference = self.reference
        np.savez(
            folder / "reference.npz",
            hazards=reference.hazards,
            mean=reference.mean,
            edges=reference.edges,
            shares=reference.shares,
        )
        (folder / "model.json").write_text(json.dumps(_described(self), indent=1, sort_keys=True), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> "ChurnModel":
        """Read what `save` wrote.

        Raises:
            ArtifactRefused: a file is missing, damaged, or made for another release.
        """
        try:
            described: Mapping[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            if described["format"] != FORMAT or described["capability"] != CAPABILITY:
                raise ArtifactRefused("The artifact was made for another release or capability. Train it again.")
            text = (folder / "model.txt").read_text(encoding="utf-8") if described["kind"] in WITH_TEXT else None
            with (folder / "reference.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                reference = ChurnReference(**{name: arrays[name] for name in ("hazards", "mean", "edges", "shares")})
            model = _read(described, text, reference)
            _require_whole(model)
        except _UNREADABLE as error:
            raise ArtifactRefused(f"The artifact cannot be read ({type(error).__name__}). Train it again.") from error
        return model


def _described(model: ChurnModel) -> dict[str, Any]:
    return {
        **({} if model.flag is None else {"flag": model.flag._asdict()}),
        "format": FORMAT,
        "capability": CAPABILITY,
        "outcome": model.outcome,
        "kind": model.kind,
        "grade": model.grade,
        "horizon_days": model.horizon_days,
        "trained_at": model.trained_at.isoformat(),
        "episode": {
            "waited_for": list(model.episode.waited_for),
            "contractual": model.episode.contractual,
            "begun_by": list(model.episode.begun_by),
            "active_within_days": model.episode.active_within_days,
        },
        "feature_set": model.feature_set.to_json(),
        "learner": model.learner.to_json(),
        "calibration": {"slope": model.calibrator.slope, "intercept": model.calibrator.intercept},
        "base": model.base.tolist(),
        "periods": list(model.periods.ends),
        "seasonal": model.seasonal,
        "value_types": list(model.value_types),
        "band_lifts": list(model.band_lifts),
        **({} if model.inputs is None else {"inputs": model.inputs.to_json(), "bounds": list(model.bounds)}),
        **({} if model.curves is None else {"curves": model.curves.tolist()}),
    }


def _read(described: Mapping[str, Any], text: str | None, reference: ChurnReference) -> ChurnModel:
    episode = described["episode"]
    return ChurnModel(
        outcome=described["outcome"],
        kind=described["kind"],
        grade=described["grade"],
        horizon_days=described["horizon_days"],
        trained_at=datetime.fromisoformat(described["trained_at"]),
        episode=Episode(
            tuple(episode["waited_for"]),
            bool(episode["contractual"]),
            tuple(episode["begun_by"]),
            None if episode["active_within_days"] is None else int(episode["active_within_days"]),
        ),
        feature_set=FeatureSet.from_json(described["feature_set"]),
        learner=learner_from_json(described["kind"], described["learner"], text=text),
        calibrator=Calibrator(**described["calibration"]),
        base=np.array(described["base"], dtype=np.float64),
        periods=Periods(tuple(described["periods"])),
        seasonal=described["seasonal"],
        reference=reference,
        value_types=tuple(described["value_types"]),
        band_lifts=tuple(described["band_lifts"]),
        inputs=Inputs.from_json(described["inputs"]) if "inputs" in described else None,
        bounds=tuple(described.get("bounds", (-np.inf, np.inf))),
        curves=np.array(described["curves"], dtype=np.float64) if "curves" in described else None,
        flag=Flag(**described["flag"]) if "flag" in described else None,
    )


def _require_whole(model: ChurnModel) -> None:
    """Answer once, and check that learner, features, periods and reference fit each other.

    Raises:
        ValueError: they do not.
    """
    p, k = len(model.feature_set), len(model.periods)
    width = p if model.is_flat else p + len(time_columns(seasonal=model.seasonal))
    reference, calibrator = model.reference, model.calibrator
    shapes = (reference.hazards.shape, reference.mean.shape, reference.edges.shape, reference.shares.shape)
    fits = shapes == ((k, 99), (k,), (p, 9), (p, 11)) and len(model.base) == k and len(model.band_lifts) == 3
    if not fits or getattr(model.learner, "width", width) != width:
        raise ValueError("learner, features, periods and reference do not fit each other")
    if model.curves is not None and (model.curves.shape != (2, k) or not (np.diff(model.curves, axis=0) >= 0).all()):
        raise ValueError("the range of the curves is none")
    numbers = (model.base, reference.hazards, reference.mean, [calibrator.slope, calibrator.intercept])
    rising = (np.diff([0.0, *model.periods.ends]), np.diff([0.0, *model.band_lifts]), np.array([calibrator.slope]))
    sound = all(np.isfinite(each).all() for each in numbers) and all((steps > 0).all() for steps in rising)
    if not sound or (model.horizon_days is not None and model.horizon_days < 1):
        raise ValueError("a number is none, or what has to rise does not")
    values = np.full((1, p), np.nan)
    rows = model.rows(values, np.zeros(1, dtype=np.int64))
    if not np.isfinite(
        [model.hazard(values, np.zeros(1, dtype=np.int64))[0, -1], model.learner.contributions(rows).sum()]
    ).all():
        raise ValueError("the model answers no number")


def cumulative_hazard(margins: Matrix) -> Matrix:
    """Sum the hazards of the periods: -log(1 - chance) of each, shape (n, n_periods).

    >>> np.exp(-cumulative_hazard(np.zeros((1, 2)))).round(2).tolist()  # a coin in each of two periods
    [[0.5, 0.25]]
    """
    summed: Matrix = np.cumsum(np.logaddexp(0.0, margins), axis=1)
    return summed
