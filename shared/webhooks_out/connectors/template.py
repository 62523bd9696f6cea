"""Any JSON API: method, path and body as a template of the subscription says."""

import math
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from shared.contracts.message import MESSAGE_TYPES
from shared.webhooks_out.connectors.expressions import TemplateRefused, check, rendered
from shared.webhooks_out.connectors.fields import ConnectorSettings
from shared.webhooks_out.message import (
    HttpCall,
    OutboundMessage,
    UnsupportedMessage,
    facts,
    joined,
    json_bytes,
    path_segment,
)

TYPES: Final = MESSAGE_TYPES
MAX_DEPTH: Final = 8
MAX_NODES: Final = 100


def _checked_body(body: Any) -> Any:
    waiting, seen = [(body, 1)], 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if depth > MAX_DEPTH or seen > MAX_NODES:
            raise ValueError(f"a body has at most {MAX_DEPTH} levels and {MAX_NODES} values")
        if isinstance(value, str):
            check(value)
        elif isinstance(value, dict):
            waiting += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            waiting += [(inner, depth + 1) for inner in value]
    return body


def _checked_path(path: str) -> str:
    check(path)
    return path


class TemplateSettings(ConnectorSettings):
    """What is sent."""

    method: Annotated[Literal["POST", "PUT", "PATCH"], Field(description="Of the request.")] = "POST"
    path: Annotated[
        str,
        AfterValidator(_checked_path),
        Field(max_length=500, description="Behind the URL, a template; what it fills in is percent-encoded."),
    ] = ""
    content_type: Annotated[str, Field(pattern=r"^application/([a-z0-9.+-]+\+)?json$", description="Of the body.")] = (
        "application/json"
    )
    body: Annotated[
        Any, AfterValidator(_checked_body), Field(description="JSON; every text in it is a jinja2 template.")
    ]


def call(url: str, message: OutboundMessage, settings: TemplateSettings) -> HttpCall:
    """Fill the template in.

    Args:
        url: where to.
        message: what happened.
        settings: of the subscription.

    Raises:
        UnsupportedMessage: a name is not in the message, or what comes out is no JSON or too large.
    """
    names = {"type": message.type, "timestamp": message.timestamp, "data": message.data, "facts": facts(message)}
    try:
        body = _filled(settings.body, names)
        path = str(rendered(settings.path, _encoded(names))) if settings.path else ""
    except TemplateRefused as error:
        raise UnsupportedMessage(f"The template does not fit a message of type {message.type}: {error}.") from error
    if path and not path.startswith(("/", "?")):
        raise UnsupportedMessage("The path of the template must begin with a slash.")
    target = joined(url, path) if path else url
    return HttpCall(settings.method, target, json_bytes(body), {"Content-Type": settings.content_type})


def _filled(value: Any, names: dict[str, Any]) -> Any:
    if isinstance(value, str):
        found = rendered(value, names)
        if isinstance(found, float) and not math.isfinite(found):
            raise TemplateRefused("a number is not finite")
        return found
    if isinstance(value, dict):
        return {name: _filled(inner, names) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, names) for inner in value]
    return value


def _encoded(value: Any) -> Any:
    """Percent-encode every text, so that an id with a slash in it stays one part of the path."""
    if isinstance(value, str):
        return path_segment(value)
    if isinstance(value, dict):
        return {name: _encoded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_encoded(inner) for inner in value]
    return value
