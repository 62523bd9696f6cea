"""Whose clock counts: the contact's zone, else that of its country or region, else the account's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shared.features.engine import as_text, entry_at
from shared.timeline import Pasts

CONTACT, ATTRIBUTE, ACCOUNT = "contact", "attribute", "account"
SAID: Mapping[str, str] = {ATTRIBUTE: "timezone_from_attribute", ACCOUNT: "timezone_of_account"}
"""What `data_quality` says of a zone that is not the contact's own."""


@dataclass(frozen=True, slots=True)
class Zones:
    """The rule by which a contact without a zone gets one."""

    account: str = "UTC"
    """Where most contacts with a zone are."""
    by_attribute: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Zone by attribute and its value in lower case; attributes in the order in which they are asked."""

    def of(self, pasts: Pasts, cutoffs: NDArray[np.int64]) -> tuple[list[str], list[str]]:
        """Tell each contact's zone and where it comes from.

        Args:
            pasts: of n contacts.
            cutoffs: only attribute values from before it are known, shape (n,).

        Returns:
            IANA names, and `contact`, `attribute` or `account`.
        """
        names = [zone or self.account for zone in pasts.zones]
        sources = [CONTACT if zone else ACCOUNT for zone in pasts.zones]
        missing = np.array([row for row, zone in enumerate(pasts.zones) if not zone], dtype=np.int32)
        for attribute, zones in self.by_attribute.items():
            stored = pasts.attributes.get(attribute)
            if stored is None or not len(missing):
                continue
            for row, entry in zip(missing.tolist(), entry_at(stored, missing, cutoffs[missing]).tolist(), strict=True):
                found = zones.get(as_text(stored.value[entry]).lower()) if entry >= 0 else None
                if found is not None and sources[row] == ACCOUNT:
                    names[row], sources[row] = found, ATTRIBUTE
        return names, sources


def said_of(sources: Sequence[str]) -> list[list[str]]:
    """Name what is to be said of each contact's zone.

    >>> said_of(["contact", "account"])
    [[], ['timezone_of_account']]
    """
    return [[SAID[source]] if source in SAID else [] for source in sources]
