"""Limit webhooks that fail verification: counted by source and address, in constant memory.

Failures are limited, not successes: a request from an address that failed too often is still verified, one at a
time and with a short queue, so that a provider behind the same address is heard; if it fails, it is answered 429.
"""

from dataclasses import dataclass, field
from typing import Final

from anyio import CapacityLimiter

from gateway.rate_limits import MAX_ADDRESSES, RateLimits, SlidingMinute, network_of
from gateway.webhooks.provider import WebhookRefused
from shared.errors import ForetellError, LimitReached

POLICY: Final = "failed-webhooks"
MAX_WAITING_SUSPECTS: Final = 8
"""Verifying one takes less than a millisecond; waiting bodies take memory."""
RETRY_SECONDS: Final = 60


@dataclass(slots=True)
class FailureLimits:
    """Counts failed verifications; requests of callers that fail too often wait in a queue of their own."""

    limits: RateLimits
    """Counts requests that name no source, together with wrong keys."""
    a_minute: int
    """How many verifications may fail for one source from one address; 0: any number."""
    thread: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    _failed: SlidingMinute = field(init=False)

    def __post_init__(self) -> None:
        """Count nothing yet."""
        self._failed = SlidingMinute(self.a_minute)

    def is_suspect(self, source_id: str, address: str, *, remembered: bool) -> bool:
        """Whether a request has to wait in the queue of callers that failed too often.

        Args:
            source_id: from the path.
            address: of the caller.
            remembered: the source is known to exist; its provider may share its address with an attacker.
        """
        if not remembered and self.limits.is_shut(address):
            return True
        if not self.a_minute or not self._failed:
            return False
        return not self._failed.left(_limit_key(source_id, address)).remaining

    def require_capacity(self) -> None:
        """Check that the queue of suspects is short.

        Raises:
            LimitReached: it is full.
        """
        if self.thread.statistics().tasks_waiting >= MAX_WAITING_SUSPECTS:
            raise self._refusal()

    def count(self, error: ForetellError, source_id: str, address: str) -> None:
        """Count a failure: of the verification, or an unknown source.

        Raises:
            LimitReached: one too many.
        """
        if not isinstance(error, WebhookRefused):
            self.limits.count_failure(address)
            return
        if not self.a_minute:
            return
        if len(self._failed) > MAX_ADDRESSES:
            self._failed.reset()
        if not self._failed.hit(_limit_key(source_id, address)):
            raise self._refusal() from error

    def _refusal(self) -> LimitReached:
        self.limits.refused(POLICY)
        return LimitReached(
            "Too many webhooks that prove nothing came to this source from this address; check its secret, then wait "
            "a minute.",
            policies=[POLICY],
            retry_after_seconds=RETRY_SECONDS,
        )


def _limit_key(source_id: str, address: str) -> str:
    return f"{source_id} {network_of(address)}"
