"""Headers of answers that a client may act on; everything it needs is in the bodies too."""

from collections.abc import Iterable
from typing import Any, Final

from shared.http.problem import MEDIA_TYPE

Document = dict[str, Any]

_HEADERS: Final = {
    "RateLimit-Policy": (
        "The quotas of the key: `q` calls or contacts in `w` seconds.",
        '"calls";q=6000;w=60, "contacts";q=300000;w=60',
    ),
    "RateLimit": (
        "What is left of each quota, and in how many seconds there is more.",
        '"calls";r=5999;t=42, "contacts";r=299000;t=42',
    ),
    "Retry-After": ("After how many seconds asking again is right.", "17"),
    "Location": ("Where that lies which was made.", "/subscriptions/sub_f171f7b4136e6eb6"),
    "Idempotency-Replayed": ("`true`: this is the first answer, given again; nothing was done.", "true"),
}
_OF_EVERY_KEY: Final = ("RateLimit-Policy", "RateLimit")
_STATUS_OF_QUOTAS: Final = "429"
_CREATED: Final = ("201", "202")


def add_headers(document: Document, operations: Iterable[tuple[str, str, Document]]) -> None:
    """Describe the headers of answers, in place.

    Args:
        document: with its errors.
        operations: path, method and operation of each.
    """
    document["components"]["headers"] = {
        name: {"description": text, "schema": {"type": "string"}, "example": example}
        for name, (text, example) in _HEADERS.items()
    }
    for _, _, operation in operations:
        names = (*_OF_EVERY_KEY, "Idempotency-Replayed") if is_repeatable(operation) else _OF_EVERY_KEY
        for status, answer in operation["responses"].items():
            if status.startswith("2") and _STATUS_OF_QUOTAS in operation["responses"]:
                answer.setdefault("headers", {}).update(_named(*names))
            if status in _CREATED:
                answer["headers"].update(_named("Location"))
            if any("retry_after_seconds" in example for example in _problems(answer)):
                answer.setdefault("headers", {}).update(_named("Retry-After"))


def _problems(answer: Document) -> list[Document]:
    examples = answer.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {})
    return [example["value"] for example in examples.values()]


def is_repeatable(operation: Document) -> bool:
    """Whether an operation takes an idempotency key."""
    return any(one.get("name", "").lower() == "idempotency-key" for one in operation.get("parameters", ()))


def _named(*names: str) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
