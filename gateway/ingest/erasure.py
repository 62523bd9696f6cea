"""Many contacts erased in one call, each as if it were alone."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gateway.contact_schemas import ErasureCounts, ErasureResponse, ErasureResult
from shared.contracts.contact import ContactId
from shared.contracts.mistakes import mistakes
from shared.contracts.prediction import ProblemPointer
from shared.contracts.rows import Microseconds
from shared.store import AccountStore

_ID: Final[TypeAdapter[str]] = TypeAdapter(ContactId)


def erased(store: AccountStore, contact_ids: Sequence[Any], *, at: Microseconds, request_id: str) -> ErasureResponse:
    """Erase contacts.

    Args:
        store: of the caller's account.
        contact_ids: as sent.
        at: now.
        request_id: repeated in the answer.

    Returns:
        One result an id, in order; each erasure is committed by itself, so that others write in between.

    Raises:
        StoreUnavailable: those after some place were not erased.
    """
    results = [_result(store, place, given, at) for place, given in enumerate(contact_ids)]
    counted = Counter(result.status for result in results)
    counts = ErasureCounts(erased=counted["erased"], unknown=counted["unknown"], invalid=counted["invalid"])
    return ErasureResponse(results=results, counts=counts, request_id=request_id)


def _result(store: AccountStore, place: int, given: Any, at: Microseconds) -> ErasureResult:
    try:
        contact_id = _ID.validate_python(given)
    except ValidationError as error:
        found = mistakes([{**entry} for entry in error.errors(include_url=False)], given, f"/contact_ids/{place}")
        return ErasureResult(index=place, status="invalid", errors=[ProblemPointer(**one) for one in found])
    status = "erased" if store.erase_contact(contact_id, at=at) else "unknown"
    return ErasureResult(index=place, status=status, errors=[])
