"""Connectors: subscriptions whose calls have the form of another API. One file a connector, one line in the table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from shared.contracts.message import MESSAGE_TYPES, MessageType
from shared.webhooks_out.connectors import dynamics, hubspot, klaviyo, salesforce, template
from shared.webhooks_out.connectors.fields import ConnectorSettings
from shared.webhooks_out.message import HttpCall, OutboundMessage, json_bytes

ConnectorName = Literal["dynamics", "hubspot", "klaviyo", "salesforce", "template"]


@dataclass(frozen=True, slots=True)
class Connector:
    """How a message is sent to one kind of receiver."""

    settings: type[ConnectorSettings]
    call: Callable[[str, OutboundMessage, Any], HttpCall]
    types: tuple[MessageType, ...]
    """The types of messages that it can send."""


class _NoSettings(ConnectorSettings):
    """Standard Webhooks has no settings."""


def _own_call(url: str, message: OutboundMessage, settings: _NoSettings) -> HttpCall:  # noqa: ARG001 - no settings
    body = {"type": message.type, "timestamp": message.timestamp, "data": dict(message.data)}
    return HttpCall("POST", url, json_bytes(body))


CONNECTORS: Final[Mapping[str | None, Connector]] = {
    None: Connector(_NoSettings, _own_call, MESSAGE_TYPES),
    "dynamics": Connector(dynamics.DynamicsSettings, dynamics.call, dynamics.TYPES),
    "hubspot": Connector(hubspot.HubspotSettings, hubspot.call, hubspot.TYPES),
    "klaviyo": Connector(klaviyo.KlaviyoSettings, klaviyo.call, klaviyo.TYPES),
    "salesforce": Connector(salesforce.SalesforceSettings, salesforce.call, salesforce.TYPES),
    "template": Connector(template.TemplateSettings, template.call, template.TYPES),
}
"""By name; None is Standard Webhooks."""
NAMES: Final[tuple[str, ...]] = get_args(ConnectorName)
