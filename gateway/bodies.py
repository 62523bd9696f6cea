"""The only place that reads a request's body."""

from starlette.requests import Request

from shared.errors import BadRequest


async def body_of(request: Request) -> bytes:
    """Read a request's body.

    Raises:
        BadRequest: it is compressed.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise BadRequest("Send the body without Content-Encoding; compressed bodies are not read here.")
    return await request.body()
