"""Many contacts erased in one call, each as if it were alone."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gateway.contact_schemas import ErasureCounts, ErasureResponse, ErasureResult
from shared.contracts.contact import ContactId
from shared.contracts.prediction import ProblemPointer
from shared.contracts.rows import Microseconds
from shared.contracts.validation import mistakes
from shared.store import AccountStore

TOGETHER: Final = 50
"""How many are erased in one transaction."""
_ID: Final[TypeAdapter[str]] = TypeAdapter(ContactId)


def erased(store: AccountStore, contact_ids: Sequence[Any], *, at: Microseconds, request_id: str) -> ErasureResponse:
    """Erase contacts.

    Args:
        store: of the caller's account.
        contact_ids: as sent.
        at: now.
        request_id: repeated in the answer.

    Returns:
        One result an id, in order; they are committed a few at a time, so that others write in between.

    Raises:
        StoreUnavailable: those after some place were not erased.
    """
    judged = [_judged(place, given) for place, given in enumerate(contact_ids)]
    gone: dict[int, bool] = {}
    valid = [(place, one) for place, one in enumerate(judged) if isinstance(one, str)]
    for start in range(0, len(valid), TOGETHER):
        with store.transaction(alone=True) as together:
            for place, contact_id in valid[start : start + TOGETHER]:
                gone[place] = together.privacy.erase(contact_id, at=at)
    results = [
        one
        if isinstance(one, ErasureResult)
        else ErasureResult(index=place, status="erased" if gone[place] else "unknown", errors=[])
        for place, one in enumerate(judged)
    ]
    counted = Counter(result.status for result in results)
    counts = ErasureCounts(erased=counted["erased"], unknown=counted["unknown"], invalid=counted["invalid"])
    return ErasureResponse(results=results, counts=counts, request_id=request_id)


def _judged(place: int, given: Any) -> str | ErasureResult:
    try:
        return _ID.validate_python(given)
    except ValidationError as error:
        details = [{**entry} for entry in error.errors(include_url=False, include_input=False)]
        found = mistakes(details, given, f"/contact_ids/{place}")
        return ErasureResult(index=place, status="invalid", errors=[ProblemPointer(**one) for one in found])
