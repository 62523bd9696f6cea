"""A version of next best message: what each message earns with whom, over the catalogue as it is now; saved, loaded."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import ClassVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from services.messages.model.advice import MessageAdvice
from services.messages.model.catalogue import Catalogue
from services.messages.model.choice import Choosing
from services.messages.model.consideration import Consideration
from services.messages.model.contact_policy import ContactPolicy
from services.messages.model.frequency import Frequency
from services.messages.model.policy import Policy
from services.messages.model.pressure import PressureModel
from services.messages.schemas import NextBestMessageRequest
from shared.contracts.decision import UNTRAINED
from shared.contracts.message_variant import MessageVariant
from shared.contracts.outcome import Outcome
from shared.contracts.prediction import UNDERSTOOD, Grade, InputQuality
from shared.errors import ArtifactRefused
from shared.features import FeatureSet, Inputs, truncated_of, values_of
from shared.registry.artifact import InputColumn, OutputColumn, input_columns
from shared.timeline import ContactPasts
from shared.timeline.pasts import LOOKBACK_DAYS

FORMAT = 1
Matrix = NDArray[np.float64]
_UNREADABLE = (OSError, EOFError, KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError, BadZipFile)
"""What reading a damaged JSON or npz file raises."""


@dataclass(frozen=True)
class MessagePolicy:
    """A version, or, while none is trained, equal chances."""

    outcome: str
    grade: Grade
    horizon_days: int | None
    trained_at: datetime | None
    learned: ContactPolicy | None
    catalogue: Catalogue
    """What may be chosen; as trained until the account's own is put in."""
    policy: Policy | None
    """Over the catalogue."""
    pressure: PressureModel | None = None
    """What mails cost; None: nothing is known of it."""
    reached_by: ClassVar[tuple[str, ...]] = ()
    begun_by: ClassVar[tuple[str, ...]] = ()
    lookback_days: ClassVar[int] = LOOKBACK_DAYS
    flag: ClassVar[None] = None

    @classmethod
    def untrained(cls, outcome: Outcome) -> "MessagePolicy":
        """Return the model that gives all messages equal chances."""
        return cls(outcome.name, "D", outcome.horizon_days, None, None, Catalogue(), None)

    @classmethod
    def of(
        cls,
        learned: ContactPolicy,
        *,
        outcome: str,
        grade: Grade,
        horizon_days: int | None,
        trained_at: datetime,
        pressure: PressureModel | None = None,
    ) -> "MessagePolicy":
        """Return a version over the messages that it was trained on."""
        catalogue = Catalogue.of(MessageVariant(id=one.id, attributes=one.attributes) for one in learned.traits)
        policy = learned.policy.with_messages(catalogue.traits)
        return cls(outcome, grade, horizon_days, trained_at, learned, catalogue, policy, pressure)

    @property
    def kind(self) -> str:
        """What kind of model it is."""
        return "uniform" if self.learned is None else "thompson"

    @property
    def feature_set(self) -> FeatureSet:
        """Return the columns that it looks at."""
        return _NO_FEATURES if self.learned is None else self.learned.feature_set

    @property
    def inputs(self) -> Inputs | None:
        """Return what its inputs look like; None: it looks at none."""
        return None if self.learned is None else self.learned.inputs

    @cached_property
    def attribute_names(self) -> tuple[str, ...]:
        """Return the attributes that it knows by name."""
        return () if self.learned is None else self.learned.inputs.known

    def offering(self, catalogue: Catalogue, policy: Policy | None) -> "MessagePolicy":
        """Return the same version over another catalogue.

        Args:
            catalogue: compiled.
            policy: over its messages; None where nothing is learned.
        """
        return replace(self, catalogue=catalogue, policy=policy)

    def answer(
        self, pasts: ContactPasts, cutoffs: NDArray[np.int64], request: NextBestMessageRequest
    ) -> list[MessageAdvice]:
        """Consider every contact of a request; a preview is settled, a decision is drawn when it is committed.

        Raises:
            BadRequest: the request names messages that there are not.
        """
        considered = self.consider(pasts, cutoffs, request)
        choosing = (
            Choosing(
                considered,
                np.arange(len(pasts)),
                pasts.contact_ids,
                int(cutoffs[0]) if len(cutoffs) else 0,
                UNTRAINED,
                None,
            )
            if request.purpose == "preview"
            else None
        )
        if choosing is None:
            _ = considered.places
            return [MessageAdvice(considered=considered, row=row) for row in range(len(pasts))]
        choosing.choose({}, {})
        return choosing.advice({})

    def consider(
        self, pasts: ContactPasts, cutoffs: NDArray[np.int64], request: NextBestMessageRequest
    ) -> Consideration:
        """Compute what is known of contacts before anything is drawn."""
        running = self.catalogue.running(int(cutoffs[0]) if len(cutoffs) else 0)
        eligible = self.catalogue.by_attributes(pasts, cutoffs) & running
        values, inputs = np.empty((len(pasts), 0)), [UNDERSTOOD] * len(pasts)
        design = values
        learned = self.learned
        if learned is not None:
            values = values_of(learned.feature_set, pasts, cutoffs.tolist())
            inputs = _all_sufficing(learned.inputs.qualities_of(learned.feature_set, pasts, cutoffs.tolist(), values))
            design = learned.columns.of(learned.inputs.filled(values))
        return Consideration(
            request=request,
            outcome=self.outcome,
            catalogue=self.catalogue,
            policy=self.policy,
            learned=learned,
            values=values,
            design=design,
            known=_known(pasts, cutoffs, values, self.feature_set),
            eligible=eligible,
            truncated=truncated_of(pasts, cutoffs.tolist()),
            inputs=inputs,
            frequency=Frequency.of(self.pressure, pasts, cutoffs, request),
        )

    @property
    def table_inputs(self) -> tuple[InputColumn, ...]:
        """Describe the table that MLflow asks a version with."""
        return input_columns(self.feature_set)

    @property
    def table_outputs(self) -> tuple[OutputColumn, ...]:
        """Describe what it answers to a table: what each message is expected to earn."""
        return tuple(OutputColumn(f"expected_reward_of_{one.id}", "double") for one in self._learned.traits)

    def answer_table(self, values: Matrix) -> dict[str, NDArray[np.float64]]:
        """Answer a matrix with the columns of the feature set."""
        learned = self._learned
        expected = learned.policy.expected(learned.columns.of(learned.inputs.filled(values)))
        return {f"expected_reward_of_{one.id}": expected[:, code] for code, one in enumerate(learned.traits)}

    @property
    def _learned(self) -> ContactPolicy:
        if self.learned is None:
            raise ValueError("nothing is learned")
        return self.learned

    def save(self, folder: Path) -> None:
        """Write the version: JSON and arrays, nothing that could run."""
        learned = self._learned
        folder.mkdir(parents=True, exist_ok=True)
        described = {
            "format": FORMAT,
            "capability": "messages",
            "outcome": self.outcome,
            "grade": self.grade,
            "horizon_days": self.horizon_days,
            "trained_at": None if self.trained_at is None else self.trained_at.isoformat(),
            "pressure": None if self.pressure is None else self.pressure.to_json(),
            **learned.to_json(),
        }
        text = json.dumps(described, indent=1, sort_keys=True, ensure_ascii=False)
        (folder / "model.json").write_text(text, encoding="utf-8")
        np.savez(folder / "weights.npz", **learned.to_arrays())  # type: ignore[arg-type]

    @staticmethod
    def load(folder: Path) -> "MessagePolicy":
        """Read what `save` wrote.

        Raises:
            ArtifactRefused: a file is missing, damaged, of another release, or another capability's.
        """
        try:
            described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            if described["capability"] != "messages":
                raise ArtifactRefused("The artifact was made for another capability. Train it again.")
            if described["format"] != FORMAT:
                raise ArtifactRefused(f"The artifact has format {described['format']}; this release reads {FORMAT}.")
            with np.load(folder / "weights.npz", allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            written = described.get("pressure")
            return MessagePolicy.of(
                ContactPolicy.from_json(described, arrays),
                outcome=described["outcome"],
                grade=described["grade"],
                horizon_days=described["horizon_days"],
                trained_at=datetime.fromisoformat(described["trained_at"]),
                pressure=None if written is None else PressureModel.from_json(written),
            )
        except _UNREADABLE as error:
            raise ArtifactRefused(f"The artifact cannot be read ({type(error).__name__}). Train it again.") from error


_NO_FEATURES = FeatureSet(())


def _all_sufficing(found: Sequence[InputQuality]) -> list[InputQuality]:
    """Answer however little is known: what is usual stands in, and a decision that was committed must be answered."""
    return [one if one.suffices else one._replace(suffices=True) for one in found]


def _known(
    pasts: ContactPasts, cutoffs: NDArray[np.int64], values: Matrix, feature_set: FeatureSet
) -> NDArray[np.bool_]:
    """Return of whom anything is known that a policy looks at, shape (n,)."""
    if pasts.are_few:
        active = np.array(
            [past.lookback(int(at))[1] > 0 for past, at in zip(pasts.one_by_one, cutoffs, strict=True)], dtype=bool
        )
    else:
        counts = pasts.columns.offsets
        active = np.diff(counts) > 0
    attributes = [column for column, _, _ in feature_set.attribute_columns]
    return np.asarray(active | ~np.isnan(values[:, attributes]).all(axis=1) if attributes else active)
