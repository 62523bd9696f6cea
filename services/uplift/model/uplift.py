"""A version of uplift: what each arm of an experiment changes about a contact; saved and loaded."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.uplift.model.effects import (
    ArmModel,
    EffectEstimate,
    Effects,
    Matrix,
    Vector,
    WeightedTrees,
    read_trees,
    written,
)
from services.uplift.model.predictions import UpliftResult, claim_of, group_of
from services.uplift.schemas import UpliftRequest
from shared.contracts.outcome import Flag
from shared.contracts.prediction import Grade, ReasonPart
from shared.errors import ArtifactRefused, BadRequest
from shared.features import FeatureSet, Inputs, Things, observed
from shared.learners.trees import Trees
from shared.registry.artifact import InputColumn, OutputColumn, input_columns
from shared.timeline import ContactPasts, Pasts
from shared.timeline.pasts import LOOKBACK_DAYS

FORMAT = 1
CAPABILITY = "uplift"
KINDS = ("t_learner", "x_learner", "dr_learner")
_UNREADABLE = (OSError, EOFError, KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError)
"""What reading a damaged JSON file raises."""


@dataclass(frozen=True)
class UpliftModel:
    """The arms of an experiment against its control, and what is known of everybody."""

    outcome: str
    kind: str
    grade: Grade
    horizon_days: int | None
    trained_at: datetime
    reached_by: tuple[str, ...]
    feature_set: FeatureSet
    inputs: Inputs
    control: str
    """Name of the control arm."""
    arms: tuple[ArmModel, ...]
    without: WeightedTrees
    """Predicts the outcome without treatment."""
    usual: float
    """Mean outcome without treatment."""
    best_for_all: str | None
    """The one arm to give to everybody, control included; None: none is surely better."""
    has_policy: bool
    """Whether to choose for each contact is proven to bring more than the best of one arm for all."""
    sums_value: bool = False
    """Whether the outcome is a sum of values, not a chance."""
    flag: Flag | None = None
    begun_by: tuple[str, ...] = ()
    lookback_days: int = LOOKBACK_DAYS

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Return the attributes that its training saw."""
        return self.inputs.known

    @property
    def table_inputs(self) -> tuple[InputColumn, ...]:
        """Describe the table that this version answers without the store."""
        return input_columns(self.feature_set)

    @property
    def table_outputs(self) -> tuple[OutputColumn, ...]:
        """Describe what it answers to a table; arms in their order."""
        ends = ("effect", "low", "high")
        named = [OutputColumn(f"{end}_{n}", "double") for n in range(1, len(self.arms) + 1) for end in ends]
        return (*named, OutputColumn("response_without", "double"))

    def arm_named(self, name: str | None) -> ArmModel | None:
        """Find an arm; None where none is named.

        Raises:
            BadRequest: there is no such arm; the known ones are listed.
        """
        if name is None:
            return None
        found = next((one for one in self.arms if one.name == name), None)
        if found is None:
            known = ", ".join(one.name for one in self.arms)
            detail = f"The experiment has no such arm; it has: {known}."
            raise BadRequest(detail, errors=[{"pointer": "/arm", "detail": detail}])
        return found

    def answer(self, pasts: ContactPasts, cutoffs: NDArray[np.int64], request: UpliftRequest) -> Sequence[UpliftResult]:
        """Answer about every contact of a request, order kept."""
        return self.predict(pasts, cutoffs, arm=self.arm_named(request.arm), reasons=request.reasons_requested)

    def predict(
        self,
        pasts: Pasts | ContactPasts,
        cutoffs: NDArray[np.int64],
        *,
        arm: ArmModel | None = None,
        reasons: int = 0,
    ) -> list[UpliftResult]:
        """Answer about every contact of the pasts.

        Args:
            pasts: one row a contact.
            cutoffs: microseconds, shape (len(pasts),).
            arm: whose effect is asked for; None: the contact's best one.
            reasons: how many at most; 0 computes none.
        """
        seen = observed(self.feature_set, self.inputs, pasts, cutoffs)
        filled = self.inputs.filled(seen.values)
        raw, effects = self._effects(filled)
        without = self._bounded(self.without.predict(filled)).tolist()
        best = self._best(effects)
        answers = [
            self._answer(row, best[row], self._shown(effects, row, best[row], arm), effects, without[row])
            for row in range(len(seen.values))
        ]
        for one, cut, inputs in zip(answers, seen.truncated, seen.inputs, strict=True):
            one.truncated, one.inputs = cut, inputs
        if reasons:
            self._explain(answers, filled, seen.values, raw, reasons)
        return answers

    def _effects(self, filled: Matrix) -> tuple[list[Vector], list[Effects]]:
        """Predict each arm's effect on each row, and set it right by what was measured; averages where none differ."""
        n, raw, found = len(filled), [], []
        for arm in self.arms:
            if arm.is_personal:
                raw.append(arm.trees.predict(filled))
                found.append(arm.curve.at(arm.curve.places(raw[-1])))
            else:
                raw.append(np.zeros(n))
                found.append(Effects(*(np.full(n, one) for one in (arm.average.value, *_ends(arm.average)))))
        return raw, found

    def _best(self, effects: Sequence[Effects]) -> list[int | None]:
        """Choose an arm for each row, 0 is control; None: none is surely better."""
        n = len(effects[0].value)
        if not self.has_policy:
            return [self._number(self.best_for_all)] * n
        values = np.column_stack([np.zeros(n), *(one.value for one in effects)])
        return [int(number) for number in np.argmax(values, axis=1)]

    def _number(self, name: str | None) -> int | None:
        return None if name is None else (self.control, *(one.name for one in self.arms)).index(name)

    def _shown(self, effects: Sequence[Effects], row: int, best: int | None, arm: ArmModel | None) -> int:
        """Choose whose effect is answered: the arm asked for, else the best one, else that of the greatest effect."""
        if arm is not None:
            return self.arms.index(arm)
        if best:
            return best - 1
        return max(range(len(self.arms)), key=lambda number: (float(effects[number].value[row]), -number))

    def _answer(
        self, row: int, best: int | None, shown: int, effects: Sequence[Effects], without: float
    ) -> UpliftResult:
        arm, mine = self.arms[shown], effects[shown]
        effect = EffectEstimate(float(mine.value[row]), float(mine.low[row]), float(mine.high[row]))
        response = float(self._bounded(np.array([without + effect.value]))[0])
        return UpliftResult(
            arm=arm.name,
            effect=effect,
            claim=claim_of(effect, arm),
            group=group_of(effect, arm, without=without, usual=self.usual),
            best_arm=None if best is None else (self.control, *(one.name for one in self.arms))[best],
            average=arm.average,
            response_without=without,
            response_with=response,
            margin=effect.value,
            base=effect.value,
        )

    def _bounded(self, values: Vector) -> Vector:
        return np.maximum(values, 0.0) if self.sums_value else np.clip(values, 0.0, 1.0)

    def _explain(
        self, answers: Sequence[UpliftResult], filled: Matrix, values: Matrix, raw: Sequence[Vector], most: int
    ) -> None:
        """Add reasons to whom a personal effect is claimed: the shares of the features in the predicted effect."""
        for number, arm in enumerate(self.arms):
            rows = [row for row, one in enumerate(answers) if one.arm == arm.name and one.claim == "personal"]
            if not rows:
                continue
            for row, margin, (base, listed) in zip(
                rows, raw[number][rows].tolist(), self.shares(arm, filled[rows], values[rows], most), strict=True
            ):
                answers[row].margin, answers[row].base, answers[row].reasons = margin, base, listed

    def shares(self, arm: ArmModel, filled: Matrix, values: Matrix, most: int) -> list[tuple[float, list[ReasonPart]]]:
        """Share each predicted effect: the base, and the strongest reasons.

        What stands in for a missing value is no reason: its share goes to the base.
        """
        found = arm.trees.contributions(filled)
        stands_in = np.isnan(values) & ~np.isnan(filled)
        found[:, -1] += np.where(stands_in, found[:, :-1], 0.0).sum(axis=1)
        found[:, :-1][stands_in] = 0.0
        return list(zip(found[:, -1].tolist(), self._things.reasons(values, found, most), strict=True))

    @cached_property
    def _things(self) -> Things:
        return Things.of(self.feature_set)

    def answer_table(self, values: Matrix) -> dict[str, Vector]:
        """Answer a matrix with the columns of the feature set as the service answers contacts."""
        filled = self.inputs.filled(values)
        _, effects = self._effects(filled)
        columns = [column for one in effects for column in (one.value, one.low, one.high)]
        columns.append(self._bounded(self.without.predict(filled)))
        return {one.name: column for one, column in zip(self.table_outputs, columns, strict=True)}

    def require_whole(self) -> None:
        """Answer once, and check that trees, features and arms fit each other.

        Raises:
            ValueError: they do not.
        """
        p = len(self.feature_set)
        boosters = _boosters(self)
        names = [self.control, *(one.name for one in self.arms)]
        fits = (
            self.kind in KINDS
            and len(self.inputs.fill) == p
            and all(one.width == p for one in boosters)
            and self.arms
            and len({*names}) == len(names)
            and self.best_for_all in (None, *names)
        )
        if not fits:
            raise ValueError("trees, features and arms do not fit each other")
        values = np.full((1, p), np.nan)
        # Explained now: whoever is explained first would wait.
        shares = [arm.trees.contributions(values) for arm in self.arms]
        if not all(np.isfinite(column).all() for column in (*self.answer_table(values).values(), *shares)):
            raise ValueError("the model answers no number")

    def save(self, folder: Path) -> None:
        """Write the version: LightGBM text and JSON; nothing that could run.

        Args:
            folder: made when absent.
        """
        folder.mkdir(parents=True, exist_ok=True)
        boosters = _boosters(self)
        for number, booster in enumerate(boosters):
            (folder / f"trees_{number}.txt").write_text(booster.text, encoding="utf-8")
        (folder / "model.json").write_text(
            json.dumps(_described(self, boosters), indent=1, sort_keys=True), encoding="utf-8"
        )

    @staticmethod
    def load(folder: Path) -> "UpliftModel":
        """Read what `save` wrote.

        Raises:
            ArtifactRefused: a file is missing, damaged, or made for another release.
        """
        try:
            described: Mapping[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            if described["format"] != FORMAT or described["capability"] != CAPABILITY:
                raise ArtifactRefused("The artifact was made for another release or capability. Train it again.")
            boosters = [
                Trees.from_json(fields, (folder / f"trees_{number}.txt").read_text(encoding="utf-8"))
                for number, fields in enumerate(described["boosters"])
            ]
            model = _read(described, boosters)
            model.require_whole()
        except _UNREADABLE as error:
            raise ArtifactRefused(f"The artifact cannot be read ({type(error).__name__}). Train it again.") from error
        return model


def _ends(one: EffectEstimate) -> tuple[float, float]:
    return one.low, one.high


def _boosters(model: UpliftModel) -> list[Trees]:
    """List the boosters of a model, each once."""
    every = [booster for trees in (model.without, *(one.trees for one in model.arms)) for _, booster in trees.parts]
    return list({id(one): one for one in every}.values())


def _described(model: UpliftModel, boosters: Sequence[Trees]) -> dict[str, Any]:
    number_of = {id(one): number for number, one in enumerate(boosters)}
    return {
        **({} if model.flag is None else {"flag": model.flag._asdict()}),
        "format": FORMAT,
        "capability": CAPABILITY,
        "outcome": model.outcome,
        "kind": model.kind,
        "grade": model.grade,
        "horizon_days": model.horizon_days,
        "trained_at": model.trained_at.isoformat(),
        "reached_by": list(model.reached_by),
        "feature_set": model.feature_set.to_json(),
        "inputs": model.inputs.to_json(),
        "control": model.control,
        "arms": [one.described(number_of) for one in model.arms],
        "without": written(model.without, number_of),
        "usual": model.usual,
        "best_for_all": model.best_for_all,
        "has_policy": model.has_policy,
        "sums_value": model.sums_value,
        "boosters": [one.to_json() for one in boosters],
    }


def _read(described: Mapping[str, Any], boosters: Sequence[Trees]) -> UpliftModel:
    return UpliftModel(
        outcome=described["outcome"],
        kind=described["kind"],
        grade=described["grade"],
        horizon_days=described["horizon_days"],
        trained_at=datetime.fromisoformat(described["trained_at"]),
        reached_by=tuple(described["reached_by"]),
        feature_set=FeatureSet.from_json(described["feature_set"]),
        inputs=Inputs.from_json(described["inputs"]),
        control=described["control"],
        arms=tuple(ArmModel.read(one, boosters) for one in described["arms"]),
        without=read_trees(described["without"], boosters),
        usual=float(described["usual"]),
        best_for_all=described["best_for_all"],
        has_policy=bool(described["has_policy"]),
        sums_value=bool(described["sums_value"]),
        flag=Flag(**described["flag"]) if "flag" in described else None,
    )
