"""The name of a model in a path: a capability and, where it has them, an outcome."""

from typing import Annotated

from fastapi import Depends, Path

from shared.capabilities import NAMES, OUTCOME_NAMES
from shared.contracts.outcome import ModelName
from shared.errors import NotFound


def named(
    name: Annotated[
        str,
        Path(
            description="As `/models` lists it: `scoring.customer`, or the capability alone where it has no outcomes.",
            pattern=r"^[a-z]+(\.[a-z0-9_]{1,63})?$",
            examples=["scoring.customer"],
        ),
    ],
) -> ModelName:
    """Read the name of a model.

    Raises:
        NotFound: there can be no model of this name.
    """
    capability, _, outcome = name.partition(".")
    if capability not in NAMES or (capability in OUTCOME_NAMES) != bool(outcome):
        raise NotFound(
            f"There is no model {name!r}; a name is {', '.join(f'{one}.OUTCOME' for one in OUTCOME_NAMES)}, "
            f"{' or '.join(one for one in NAMES if one not in OUTCOME_NAMES)}. GET /models lists yours."
        )
    return ModelName(capability, outcome)


NamedModel = Annotated[ModelName, Depends(named)]
