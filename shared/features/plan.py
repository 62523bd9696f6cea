"""A feature set sorted by kind, with the index arrays that let the engine fill all columns of a kind at once."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from shared.features.feature import DAY_PARTS, WINDOWS_DAYS, Feature, Kind

Cells = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]


def types_of(features: Iterable[Feature]) -> tuple[str, ...]:
    """List the event types that any of the features looks at, sorted."""
    mentioned: set[str | None] = set()
    for feature in features:
        mentioned.add(feature.type)
        if feature.kind == "rate":
            mentioned.add(feature.other)
        if feature.kind == "last_type":
            mentioned |= set(feature.categories)
    return tuple(sorted(name for name in mentioned if name is not None))


class Plan:
    """The compiled form of a feature set; made once, used for every matrix."""

    def __init__(self, features: tuple[Feature, ...]) -> None:
        """Sort the columns by kind and prepare (column, type, window) for each."""
        self.types = types_of(features)
        self.n_types = len(self.types) + 1
        """Named types and one code for all the others."""
        self.by_kind: dict[Kind, list[tuple[int, Feature]]] = {}
        for column, feature in enumerate(features):
            self.by_kind.setdefault(feature.kind, []).append((column, feature))
        self.cells: dict[Kind, Cells] = {kind: self._cells(kind) for kind in self.by_kind}
        self.denominators: NDArray[np.intp] = np.array(
            [self.code(feature.other) for _, feature in self.by_kind.get("rate", ())], dtype=np.intp
        )
        self.priors: NDArray[np.float64] = np.array([feature.prior for _, feature in self.by_kind.get("rate", ())])

        self.parts: NDArray[np.intp] = np.array(
            [DAY_PARTS.index(feature.other or "") for _, feature in self.by_kind.get("hour_share", ())], dtype=np.intp
        )

    def __contains__(self, kind: Kind) -> bool:
        """Tell whether any column is of this kind."""
        return kind in self.by_kind

    def code(self, name: str | None) -> int:
        """Tell a type's place in the engine's cubes; -1, the last place, is the sum over all types."""
        return -1 if name is None else self.types.index(name)

    def codes_of(self, present: tuple[str, ...]) -> NDArray[np.int64]:
        """Map the pasts' type codes to this plan's; types that no feature names share the code after the named."""
        place = {name: position for position, name in enumerate(self.types)}
        return np.array([place.get(name, len(self.types)) for name in present] or [0], dtype=np.int64)

    def _cells(self, kind: Kind) -> Cells:
        listed = self.by_kind[kind]
        return (
            np.array([column for column, _ in listed], dtype=np.intp),
            np.array([self.code(feature.type) for _, feature in listed], dtype=np.intp),
            np.array(
                [WINDOWS_DAYS.index(feature.window_days or WINDOWS_DAYS[-1]) for _, feature in listed], dtype=np.intp
            ),
        )
