"""The columns of one model: an ordered set of features, learned from training data and saved with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from shared.errors import ArtifactRefused
from shared.features.feature import LOCAL_KINDS, Feature
from shared.features.plan import Plan, types_of

ENGINE_VERSION = 1
"""Raised when any feature would answer another number than before; artifacts say which one they need."""


@dataclass(frozen=True)
class FeatureSet:
    """The columns of one model, learned from its training data and saved with it."""

    features: tuple[Feature, ...]
    engine_version: int = ENGINE_VERSION

    def __len__(self) -> int:
        """Count the columns."""
        return len(self.features)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name the columns, in matrix order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def types(self) -> tuple[str, ...]:
        """List the event types that any feature looks at; their position is the engine's code."""
        return types_of(self.features)

    @cached_property
    def plan(self) -> Plan:
        """Sort the columns by kind, once, for the engine."""
        return Plan(self.features)

    @cached_property
    def categorical(self) -> tuple[int, ...]:
        """List the columns whose numbers are codes."""
        return tuple(column for column, feature in enumerate(self.features) if feature.is_categorical)

    @cached_property
    def needs_local_time(self) -> bool:
        """Tell whether a contact's time zone changes any column."""
        return any(feature.kind in LOCAL_KINDS for feature in self.features)

    def take(self, columns: Sequence[int]) -> "FeatureSet":
        """Keep some columns, in the order given."""
        return FeatureSet(tuple(self.features[column] for column in columns), self.engine_version)

    def to_json(self) -> dict[str, Any]:
        """Write as plain values."""
        return {"engine_version": self.engine_version, "features": [f.to_json() for f in self.features]}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "FeatureSet":
        """Read what `to_json` wrote.

        Raises:
            ArtifactRefused: it was made for another engine.
        """
        if fields["engine_version"] != ENGINE_VERSION:
            raise ArtifactRefused(
                f"The model was trained for feature engine {fields['engine_version']}; this release has "
                f"{ENGINE_VERSION}. Train it again."
            )
        return cls(tuple(Feature.from_json(feature) for feature in fields["features"]))
