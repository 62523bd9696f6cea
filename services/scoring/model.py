"""The scoring model: a margin, calibrated into a probability, placed in its reference, shared among reasons. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from shared.contracts.outcome import Flag
from shared.contracts.prediction import Band, Grade, InputQuality, Prediction, PredictionRequest, Source
from shared.errors import ArtifactRefused
from shared.evaluation.calibration import Calibrator, Reference
from shared.features import (
    Expected,
    FeatureSet,
    Inputs,
    ReasonPart,
    Things,
    observed,
    usual_values,
)
from shared.learners import WITH_TEXT, Learner, learner_from_json
from shared.learners.simple import chance
from shared.registry.artifact import FeatureTable, InputColumn, OutputColumn, input_columns
from shared.timeline import ContactPasts, Pasts
from shared.timeline.pasts import LOOKBACK_DAYS
from shared.values.words import UNWELCOME

FORMAT = 1
BANDS: tuple[Band, ...] = ("low", "medium", "high", "very_high")
BAND_PERCENTILES = (50.0, 80.0, 95.0)
"""Half of the reference is low, the next 30 % medium, the next 15 % high, the top 5 % very high."""
_UNREADABLE = (OSError, EOFError, KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError)
"""What reading a damaged JSON or npz file raises."""


@dataclass(slots=True, kw_only=True)
class ScoredOutcome(Prediction):
    """What is answered about one contact; the margin is the log-odds of the probability."""

    source: Source | None = "model"
    parts: dict[str, float] | None
    """fit, engagement and base; None when no reasons were requested."""

    def own_fields(self) -> Mapping[str, object]:
        """Return what scoring adds to the head."""
        return {"parts": self.parts}


class PredictedColumns(NamedTuple):
    """What the model says of many contacts, one entry each."""

    probability: NDArray[np.float64]
    score: NDArray[np.int64]
    band: NDArray[np.int64]
    """Index into `bands`."""
    bands: tuple[Band, ...]
    truncated: NDArray[np.bool_]
    """Whether the past was cut at the lookback or at the newest events."""
    inputs: Sequence[InputQuality]


@dataclass(frozen=True)
class ScoringModel:
    """A version: feature set, learner, calibration, reference and what a client reads about it."""

    outcome: str
    kind: str
    grade: Grade
    horizon_days: int | None
    trained_at: datetime
    reached_by: tuple[str, ...]
    """Event types after which the contact has reached the outcome; empty when the outcome repeats."""
    feature_set: FeatureSet
    learner: Learner
    calibrator: Calibrator
    reference: Reference
    begun_by: tuple[str, ...] = ()
    """Nothing has to begin before an outcome of scoring."""
    lookback_days: int = LOOKBACK_DAYS
    inputs: Inputs | None = None
    """What the training saw; None for versions of before it was kept."""
    bounds: tuple[float, float] = (-np.inf, np.inf)
    """Smallest and largest calibrated margin of the training: no answer lies outside them."""
    flag: Flag | None = None
    """The attribute that says who has reached the outcome; None: an event does."""

    @property
    def table_inputs(self) -> tuple[InputColumn, ...]:
        """Describe the table that this version answers without the store."""
        return input_columns(self.feature_set)

    @property
    def table_outputs(self) -> tuple[OutputColumn, ...]:
        """Describe what it answers to a table."""
        return OutputColumn("probability", "double"), OutputColumn("score", "long"), OutputColumn("band", "string")

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Return the attributes that its training saw; none for versions of before they were kept."""
        return () if self.inputs is None else self.inputs.known

    def answer(
        self, pasts: ContactPasts, cutoffs: NDArray[np.int64], request: PredictionRequest
    ) -> list[ScoredOutcome]:
        """Score every contact of a request; see `predict`."""
        return self.predict(pasts, cutoffs, reasons=request.reasons_requested)

    def predict(self, pasts: Pasts | ContactPasts, cutoffs: NDArray[np.int64], *, reasons: int) -> list[ScoredOutcome]:
        """Score every contact of the pasts.

        Args:
            pasts: one row a contact.
            cutoffs: microseconds, shape (len(pasts),).
            reasons: how many reasons at most; 0 computes none and is many times faster.

        Returns:
            One ScoredOutcome a contact, in order.
        """
        values, cut_off, understood = observed(self.feature_set, self.inputs, pasts, cutoffs)
        margins, shares = self.explained(values) if reasons else (self.margins(values), None)
        probabilities = chance(margins)
        scores = self.reference.scores(margins)
        bands = np.searchsorted(BAND_PERCENTILES, scores, side="right")
        explained = [([], None)] * len(pasts) if shares is None else self.explanations(values, shares, reasons)
        return [
            ScoredOutcome(
                probability=probability,
                margin=margin,
                base=None if parts is None else parts["base"],
                score=score,
                band=BANDS[band],
                reasons=listed,
                parts=parts,
                truncated=long,
                inputs=inputs,
            )
            for probability, margin, score, band, (listed, parts), long, inputs in zip(
                probabilities.tolist(),
                margins.tolist(),
                scores.tolist(),
                bands.tolist(),
                explained,
                cut_off,
                understood,
                strict=True,
            )
        ]

    def answer_columns(self, pasts: Pasts, cutoffs: NDArray[np.int64]) -> PredictedColumns:
        """Score every contact of the pasts without reasons, column by column; arguments as of `predict`."""
        values, cut_off, understood = observed(self.feature_set, self.inputs, pasts, cutoffs)
        margins = self.margins(values)
        scores = self.reference.scores(margins)
        bands = np.searchsorted(BAND_PERCENTILES, scores, side="right")
        return PredictedColumns(chance(margins), scores, bands, BANDS, np.asarray(cut_off, dtype=bool), understood)

    def margins(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the calibrated log-odds of a matrix with the columns of the feature set, shape (n,)."""
        return self._calibrated(self.learner.margins(self._filled(values)))

    def predict_matrix(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn a matrix with the columns of the feature set into probabilities, shape (n,)."""
        return chance(self.margins(values))

    def answer_table(self, values: NDArray[np.float64]) -> dict[str, Any]:
        """Answer a matrix with the columns of the feature set as the service answers contacts."""
        margins = self.margins(values)
        scores = self.reference.scores(margins)
        bands = np.array(BANDS, dtype=object)[np.searchsorted(BAND_PERCENTILES, scores, side="right")]
        return {"probability": chance(margins), "score": scores, "band": bands}

    def contributions(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share each calibrated margin among the columns, shape (n, p + 1); the last is the base; rows sum exactly.

        What stands in for a missing value is no reason: its share goes to the base, as does what the bounds cut off.
        """
        return self.explained(values)[1]

    def explained(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return `margins` and `contributions` at once."""
        filled = self._filled(values)
        raw, shares = self.learner.explained(filled)
        margins, shares = self._calibrated(raw), shares * self.calibrator.slope
        shares[:, -1] += self.calibrator.intercept
        if self.inputs is not None:
            stands_in = np.isnan(values) & ~np.isnan(filled)
            shares[:, -1] += np.where(stands_in, shares[:, :-1], 0.0).sum(axis=1)
            shares[:, :-1][stands_in] = 0.0
            shares[:, -1] += margins - shares.sum(axis=1)
        return margins, shares

    def _calibrated(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(self.calibrator.margins(raw), *self.bounds)

    def _filled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values if self.inputs is None else self.inputs.filled(values)

    def explanations(
        self, values: NDArray[np.float64], shares: NDArray[np.float64], most: int
    ) -> list[tuple[list[ReasonPart], dict[str, float] | None]]:
        """Put contributions into reasons and parts.

        Args:
            values: of the features, shape (n, p).
            shares: as `explained` gives them for these, shape (n, p + 1).
            most: reasons of a row.

        Returns:
            Reasons and parts of each row.
        """
        listed = self._things.reasons(values, shares, most, expected=self._expected)
        return [(reasons, self._things.parts(share)) for reasons, share in zip(listed, shares, strict=True)]

    @cached_property
    def _things(self) -> Things:
        return Things.of(self.feature_set)

    @cached_property
    def _expected(self) -> Expected | None:
        """What is expected of behaviour: nothing where the outcome is an attribute, or something nobody hopes for."""
        if self.horizon_days is None or UNWELCOME & {*self.reached_by}:
            return None
        return Expected("reaching", usual_values(self.reference.edges, self.reference.shares))

    def require_whole(self) -> None:
        """Answer once, and check that learner, features and reference fit each other.

        Raises:
            ValueError: they do not.
        """
        p = len(self.feature_set)
        shapes = (self.reference.margins.shape, self.reference.edges.shape, self.reference.shares.shape)
        if shapes != ((99,), (p, 9), (p, 11)) or getattr(self.learner, "width", p) != p or self.calibrator.slope <= 0:
            raise ValueError("learner, features and reference do not fit each other")
        values = np.full((1, p), np.nan)
        if not np.isfinite([self.predict_matrix(values)[0], self.contributions(values).sum()]).all():
            raise ValueError("the model answers no number")

    def save(self, folder: Path) -> None:
        """Write the version: LightGBM text, JSON, npz; nothing that could run.

        Args:
            folder: made when absent.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if (text := self.learner.text) is not None:
            (folder / "model.txt").write_text(text, encoding="utf-8")
        np.savez(
            folder / "reference.npz",
            margins=self.reference.margins,
            edges=self.reference.edges,
            shares=self.reference.shares,
        )
        (folder / "model.json").write_text(json.dumps(self._described(), indent=1, sort_keys=True), encoding="utf-8")

    def _described(self) -> dict[str, Any]:
        return {
            **({} if self.flag is None else {"flag": self.flag._asdict()}),
            "format": FORMAT,
            "capability": "scoring",
            "outcome": self.outcome,
            "kind": self.kind,
            "grade": self.grade,
            "horizon_days": self.horizon_days,
            "reached_by": list(self.reached_by),
            "trained_at": self.trained_at.isoformat(),
            "feature_set": self.feature_set.to_json(),
            "learner": self.learner.to_json(),
            "calibration": {"slope": self.calibrator.slope, "intercept": self.calibrator.intercept},
            **({} if self.inputs is None else {"inputs": self.inputs.to_json(), "bounds": list(self.bounds)}),
        }

    @staticmethod
    def load(folder: Path) -> "ScoringModel":
        """Read what `save` wrote.

        Raises:
            ArtifactRefused: a file is missing, damaged, or made for another release.
        """
        try:
            described: Mapping[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            if described["format"] != FORMAT or described["capability"] != "scoring":
                raise ArtifactRefused("The artifact was made for another release or capability. Train it again.")
            text = (folder / "model.txt").read_text(encoding="utf-8") if described["kind"] in WITH_TEXT else None
            with (folder / "reference.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                reference = Reference(arrays["margins"], arrays["edges"], arrays["shares"])
            model = ScoringModel(
                outcome=described["outcome"],
                kind=described["kind"],
                grade=described["grade"],
                horizon_days=described["horizon_days"],
                reached_by=tuple(described["reached_by"]),
                trained_at=datetime.fromisoformat(described["trained_at"]),
                feature_set=FeatureSet.from_json(described["feature_set"]),
                learner=learner_from_json(described["kind"], described["learner"], text=text),
                calibrator=Calibrator(**described["calibration"]),
                reference=reference,
                inputs=Inputs.from_json(described["inputs"]) if "inputs" in described else None,
                bounds=tuple(described.get("bounds", (-np.inf, np.inf))),
                flag=Flag(**described["flag"]) if "flag" in described else None,
            )
            model.require_whole()
        except (*_UNREADABLE, BadZipFile) as error:
            raise ArtifactRefused(f"The artifact cannot be read ({type(error).__name__}). Train it again.") from error
        return model


def _load_pyfunc(path: str) -> FeatureTable:
    """Load the version for `mlflow models serve`; named in the registry as the loader."""
    return FeatureTable(ScoringModel.load(Path(path)))
