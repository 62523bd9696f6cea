"""The `webhooks` section: what is sent to those who subscribed, a message of each type with its example."""

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.contracts.message import EXAMPLES, MESSAGE_DATA, TEST_TYPE, SubscriptionTest

_REF: Final = "#/components/schemas/"
_SUMMARIES: Final = {
    "score.band_changed": "A lead's band is another one",
    "churn_risk.band_changed": "A contact's risk band is another one",
    "segment.entered": "A contact belongs to a segment",
    "segment.left": "A contact belongs to a segment no longer",
    "send_time.changed": "A contact's best hour is another one",
    "batch.completed": "Every contact was scored",
    "batch_job.completed": "A batch that was asked for has ended",
    "model.promoted": "Another version answers",
    "model.drift_detected": "What a version sees is no longer what it was trained on",
    "model.quality_dropped": "A version is worse than it promised",
    "model.training_failed": "A training failed, and nothing changed",
    "data.insufficient": "There is too little to learn from",
    TEST_TYPE: "Somebody tries the subscription out",
}
_HEADERS: Final = (
    ("webhook-id", "The same at every attempt and replay: what you have seen already you can leave out."),
    ("webhook-timestamp", "Of this attempt, Unix seconds; refuse what is older than five minutes."),
    ("webhook-signature", "`v1,<base64>`, several separated by spaces while a secret is replaced: one must verify."),
)


def webhooks(schemas: dict[str, Any]) -> dict[str, Any]:
    """Write the section, and add the schemas of the messages.

    Args:
        schemas: of the document; added to.
    """
    models: dict[str, type[BaseModel]] = {**dict(MESSAGE_DATA.items()), TEST_TYPE: SubscriptionTest}
    _, definitions = models_json_schema(
        [(model, "serialization") for model in models.values()], ref_template=_REF + "{model}"
    )
    for name, schema in definitions["$defs"].items():
        schemas.setdefault(name, schema)
    return {kind: {"post": _operation(kind, model.__name__)} for kind, model in models.items()}


def _operation(kind: str, data: str) -> dict[str, Any]:
    message = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "additionalProperties": False,
        "properties": {
            "type": {"const": kind, "description": "What happened."},
            "timestamp": {"type": "string", "format": "date-time", "description": "When, UTC."},
            "data": {"$ref": _REF + data},
        },
    }
    example = {"type": kind, "timestamp": "2026-06-01T00:00:00Z", "data": EXAMPLES[kind]}
    return {
        "tags": ["messages"],
        # A call to the client: some generators would else write a method for it, and one that does not compile.
        "x-internal": True,
        "operationId": f"receive_{kind.replace('.', '_')}",
        "summary": _SUMMARIES.get(kind, "What was found out about a contact is something else now"),
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in _HEADERS
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": message, "example": example}}},
        "responses": {
            "2XX": {"description": "Taken."},
            "410": {"description": "Nothing more is wanted: the subscription is disabled."},
            "default": {"description": "Not taken, a redirection included: tried again, ten times in three days."},
        },
    }
