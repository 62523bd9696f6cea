"""How a lease is held while work goes on."""

import threading

import pytest

from shared.contracts.rows import SECOND
from shared.errors import ForetellError, NotFound, StoreUnavailable
from shared.store.leases import renewed


@pytest.mark.parametrize("error", [StoreUnavailable("busy"), NotFound("There is no account acme.")])
def test_a_lease_is_renewed_again_after_what_could_not_be_written(error: ForetellError) -> None:
    until, second = [], threading.Event()

    def renew(instant: int) -> None:
        until.append(instant)
        if len(until) == 2:
            second.set()
        raise error

    with renewed(renew, 0.01, lambda: 5 * SECOND):
        assert second.wait(60)

    assert set(until) == {5 * SECOND + 10_000}
