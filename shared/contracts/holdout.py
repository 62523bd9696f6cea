"""Holdouts: which contacts are kept from what predictions would change, and how that is drawn. Pure."""

import re
import secrets
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, NamedTuple

from pydantic import StringConstraints

from shared.capabilities import capability
from shared.contracts.prediction import Prediction
from shared.contracts.rows import Microseconds
from shared.errors import BadRequest

_NAME = re.compile(r"[a-z0-9_-]{1,63}")
HoldoutName = Annotated[str, StringConstraints(pattern=f"^{_NAME.pattern}$")]
MOST_SHARE = 0.5
"""Above half of the contacts, who is held out would be the treated ones."""
_PLACES = 2**64


class Holdout(NamedTuple):
    """A share of the contacts for whom predictions are logged and not answered. Fields in the order of the store."""

    name: str
    salt: str
    """Drawn at random when it is created, hexadecimal; it never leaves the installation."""
    share: float
    capability: str
    """Which question it is about; empty: all of them."""
    outcome: str
    """Which outcome; empty: all of them."""
    created_at: Microseconds
    until: Microseconds | None
    """When it ends by itself; None: only when it is released."""
    released_at: Microseconds | None = None

    def is_active(self, at: Microseconds | None) -> bool:
        """Whether contacts are held out at an instant; None: it is not known which, and what lasts until one does."""
        return self.released_at is None and (self.until is None or at is None or at < self.until)

    def covers(self, capability: str, outcome: str) -> bool:
        """Whether it is about a question.

        >>> everything = Holdout("spring", "00", 0.1, "", "", 0, None)
        >>> everything.covers("churn", "renewal"), everything._replace(capability="scoring").covers("churn", "renewal")
        (True, False)
        """
        return self.capability in ("", capability) and self.outcome in ("", outcome)

    def holds(self, contact_id: str) -> bool:
        """Whether a contact is held out, known or not: by salt and id alone, the same on every machine.

        The first 8 bytes of BLAKE2b (RFC 7693) of the id, keyed with the salt, are a place between 0 and 2^64; who
        lies in the first `share` of them is held out. Nobody outside knows the salt, so nobody can choose an id for
        its place.

        >>> half = Holdout("spring", "00" * 16, 0.5, "", "", 0, None)
        >>> [half.holds(f"c-{number}") for number in range(6)]
        [True, False, True, False, True, True]
        """
        begun, end = _drawing(self.salt, self.share)
        keyed = begun.copy()
        keyed.update(contact_id.encode(errors="surrogatepass"))
        return keyed.digest() < end  # big-endian: bytes are in the order of the numbers

    @property
    def detail(self) -> str:
        """What an answer says of a contact that is held out."""
        return f"The contact is held out by `{self.name}`: treat it as if nothing were predicted."


def new_holdout(
    name: str, share: float, question: tuple[str, str], *, at: Microseconds, until: Microseconds | None
) -> Holdout:
    """Make a holdout with a salt of its own.

    Args:
        name: how it is called.
        share: of the contacts.
        question: capability and outcome; empty: all.
        at: now.
        until: when it ends by itself; None: when it is released.

    Raises:
        BadRequest: the name, the share, the question or the end cannot be.
    """
    capability_name, outcome = question
    if not _NAME.fullmatch(name):
        raise _refused("/name", "A holdout's name has 1 to 63 of a-z, 0-9, _ and -.")
    if not 0 < share <= MOST_SHARE:
        raise _refused("/share", f"The share must lie above 0, and be at most {MOST_SHARE}.")
    if outcome and not (capability_name and capability(capability_name).per_outcome):
        raise _refused("/outcome", "An outcome belongs to a capability that has outcomes; name that too.")
    if until is not None and until <= at:
        raise _refused("/until", "The end must lie in the future.")
    return Holdout(name, secrets.token_hex(16), share, capability_name, outcome, at, until)


def _refused(pointer: str, detail: str) -> BadRequest:
    return BadRequest(detail, errors=[{"pointer": pointer, "detail": detail}])


@lru_cache(maxsize=1_000)
def _drawing(salt: str, share: float) -> tuple[blake2b, bytes]:
    """Return the keyed hash before any id, and the place from which on nobody is held out."""
    return blake2b(key=bytes.fromhex(salt), digest_size=8), int(share * _PLACES).to_bytes(8, "big")


def holding(holdouts: Iterable[Holdout], contact_id: str | None) -> Holdout | None:
    """Return the first holdout that holds a contact; None: none does."""
    if contact_id is None:
        return None
    return next((one for one in holdouts if one.holds(contact_id)), None)


def withheld(one: Prediction, holdout: Holdout) -> Prediction:
    """Return what is answered in the place of a prediction: nothing by which it could be guessed.

    Only the probability stays with it, for the log; `Prediction.wire` does not write it.
    """
    return Prediction(
        contact_id=one.contact_id,
        status="control",
        detail=holdout.detail,
        withheld_probability=one.probability,
    )
