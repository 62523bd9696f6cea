import pytest

from gateway.auth import Caller
from gateway.metrics import GatewayMetrics
from gateway.upstream import AnswerLost, ForwardedRequest, NotConnected, Upstreams
from shared.capabilities import TABLE, capability
from shared.errors import UpstreamUnavailable
from shared.http.exchange import HttpAnswer
from shared.settings import GatewaySettings

SETTINGS = GatewaySettings(signing_key="s" * 32, identity_key="i" * 32, upstream="http://127.0.0.1:1")
CALLER = Caller("acme", ("predict",), "id")


class Failing:
    """A client whose every request ends with the same error."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.seen: list[bool] = []

    async def request(self, *_: object, fresh: bool = False) -> HttpAnswer:
        self.seen.append(fresh)
        raise self.error


def upstreams_with(client: Failing, name: str = "scoring") -> Upstreams:
    upstreams = Upstreams(SETTINGS, GatewayMetrics())
    upstreams._of[name].client = upstreams._of[name].probes = client  # type: ignore[assignment]
    return upstreams


def request(method: str, path: str) -> ForwardedRequest:
    return ForwardedRequest(method, path, path.encode(), "application/json", b"{}", CALLER, "r")


async def test_a_silent_machine_is_left_alone_after_two_calls_of_one_request() -> None:
    client = Failing(NotConnected(timed_out=True))
    upstreams = upstreams_with(client)

    for _ in range(3):
        with pytest.raises(UpstreamUnavailable):
            await upstreams.answer(TABLE[0], request("POST", "/score"))

    assert len(client.seen) == 2


async def test_a_connection_that_was_not_made_is_tried_once_more_whatever_the_request() -> None:
    client = Failing(NotConnected(timed_out=False))

    with pytest.raises(UpstreamUnavailable):
        await upstreams_with(client).answer(TABLE[0], request("POST", "/segments"))

    assert len(client.seen) == 2


@pytest.mark.parametrize(
    ("method", "path", "begun", "sent"),
    [
        ("POST", "/score", False, 2),
        ("POST", "/score", True, 1),
        ("POST", "/segments", False, 1),
        ("GET", "/segments", False, 2),
        ("PATCH", "/segments", False, 1),
    ],
)
async def test_only_what_is_safe_to_repeat_and_was_not_answered_in_part_is_sent_twice(
    method: str, path: str, *, begun: bool, sent: int
) -> None:
    client = Failing(AnswerLost(begun=begun))

    with pytest.raises(UpstreamUnavailable):
        await upstreams_with(client).answer(TABLE[0], request(method, path))

    assert len(client.seen) == sent


async def test_what_may_have_committed_something_is_not_sent_twice() -> None:
    client = Failing(AnswerLost(begun=False))

    with pytest.raises(UpstreamUnavailable):
        await upstreams_with(client, "messages").answer(capability("messages"), request("POST", "/next-best-message"))

    assert len(client.seen) == 1


async def test_the_second_time_a_new_connection_is_used() -> None:
    client = Failing(AnswerLost(begun=False))

    with pytest.raises(UpstreamUnavailable):
        await upstreams_with(client).answer(TABLE[0], request("POST", "/score"))

    assert client.seen == [False, True]
