"""What a training learned of contacts and messages; written and read. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.messages.model.hierarchy import Strengths
from services.messages.model.policy import MessageTraits, Policy
from services.messages.model.policy_columns import PolicyColumns
from shared.features import FeatureSet, Inputs, Things


@dataclass(frozen=True)
class ContactPolicy:
    """What a training learned: how contacts are described, and what messages earn with them."""

    feature_set: FeatureSet
    columns: PolicyColumns
    policy: Policy
    """Over the messages that decisions are known of."""
    inputs: Inputs
    traits: tuple[MessageTraits, ...]
    """Of those messages, as they were described then."""

    @cached_property
    def things(self) -> Things:
        """Return which columns speak of the same thing."""
        return Things.of(self.feature_set)

    def to_json(self) -> dict[str, Any]:
        """Write all but its arrays."""
        policy = self.policy
        return {
            "messages": [{"id": one.id, "attributes": dict(one.attributes)} for one in self.traits],
            "groups": [list(group) for group in policy.groups],
            "strengths": policy.strengths._asdict(),
            "scale": policy.scale,
            "link": policy.link,
            "least": policy.least,
            "features": self.feature_set.to_json(),
            "inputs": self.inputs.to_json(),
        }

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Write as arrays by name."""
        policy = self.policy
        own: dict[str, NDArray[Any]] = {"weights": policy.weights, "draws": policy.draws, "shared": policy.shared}
        return own | self.columns.to_arrays()

    @classmethod
    def from_json(cls, described: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Read what `to_json` and `to_arrays` wrote.

        Raises:
            ValueError: its parts do not fit each other.
        """
        traits = tuple(MessageTraits(one["id"], one["attributes"]) for one in described["messages"])
        groups = tuple((name, value) for name, value in described["groups"])
        feature_set = FeatureSet.from_json(described["features"])
        columns = PolicyColumns.from_arrays(arrays, len(feature_set))
        policy = Policy(
            ids=tuple(one.id for one in traits),
            link=described["link"],
            weights=arrays["weights"].astype(np.float64),
            draws=arrays["draws"].astype(np.float32),
            groups=groups,
            shared=arrays["shared"].astype(np.float32),
            strengths=Strengths.of(described["strengths"], len(columns)),
            scale=float(described["scale"]),
            least=float(described["least"]),
        )
        inputs = Inputs.from_json(described["inputs"])
        width, draws = len(columns) + 1, len(policy.draws)
        fits = (
            policy.weights.shape == (len(traits), width)
            and policy.draws.shape == (draws, len(traits), width)
            and policy.shared.shape == (draws, 1 + len(groups), width)
            and draws > 0
            and len(traits) > 0
            and len(inputs.fill) == len(feature_set)
            and all(np.isfinite(one).all() for one in (policy.weights, policy.draws, policy.shared))
            and policy.scale > 0
            and policy.link in ("identity", "logit")
        )
        if not fits:
            raise ValueError("weights, messages and features do not fit each other")
        return cls(feature_set, columns, policy, inputs, traits)
