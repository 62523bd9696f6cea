"""What every route of the gateway has in common, read from the document: a new one is held to it too."""

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.app import create_app
from gateway.openapi.document import operations
from gateway.openapi.headers import is_repeatable
from gateway.predict_all.schemas import PATH
from shared.capabilities import TABLE
from shared.settings import GatewaySettings

WRITES = ("post", "put", "patch", "delete")
FORWARDED = (PATH, *(path for line in TABLE for path in (line.path, *line.prefixes)))
WITHOUT_A_KEY = (
    *("/webhooks/", "/subscriptions/{subscription_id}/test", "/outcomes/preview", "/contacts/search"),
    "/attribution/paths",
)
"""The provider's own id of an event says what was sent before; a trial, a preview and a search write nothing; the same
paths are one report, which is asked for by sending them again."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(GatewaySettings(signing_key="0" * 64, identity_key="0" * 64)).openapi()


def written(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation of the gateway itself that writes."""
    for path, method, operation in operations(document):
        forwarded = path in FORWARDED or path.startswith(tuple(f"{one}/" for one in FORWARDED))
        if method in WRITES and not forwarded and not path.startswith(WITHOUT_A_KEY):
            yield f"{method.upper()} {path}", operation


def schema_of(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    reference = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    found: dict[str, Any] = document["components"]["schemas"][reference.rsplit("/", 1)[1]]
    return found


def test_every_request_that_writes_takes_an_idempotency_key(document: dict[str, Any]) -> None:
    missing = [name for name, operation in written(document) if not is_repeatable(operation)]

    assert missing == [], "put @once below the route's decorator (gateway/idempotency.py)"


def test_every_request_with_a_key_may_have_to_wait(document: dict[str, Any]) -> None:
    keyed = [(path, operation) for path, _, operation in operations(document) if operation.get("security") != []]

    silent = [path for path, operation in keyed if "429" not in operation["responses"] and "webhooks" not in path]
    assert silent == []


def test_every_list_that_goes_on_is_requested_in_the_same_words(document: dict[str, Any]) -> None:
    lists = {
        path: ({one["name"]: one["schema"] for one in operation.get("parameters", ())}, schema_of(document, operation))
        for path, method, operation in operations(document)
        if method == "get" and any(one["name"] == "cursor" for one in operation.get("parameters", ()))
    }

    assert {"/contacts", "/predictions"} <= lists.keys()
    for path, (parameters, schema) in lists.items():
        bounds = parameters["limit"]
        assert (bounds["minimum"], bounds["maximum"], bounds["default"]) == (1, 1_000, 100), path
        assert "next_cursor" in schema["required"], path


def test_every_page_has_a_cursor_to_ask_for_the_next(document: dict[str, Any]) -> None:
    unasked = [
        path
        for path, method, operation in operations(document)
        if method == "get"
        and "200" in operation["responses"]
        and "$ref" in operation["responses"]["200"].get("content", {}).get("application/json", {}).get("schema", {})
        and "next_cursor" in schema_of(document, operation).get("properties", {})
        and not any(one["name"] == "cursor" for one in operation.get("parameters", ()))
    ]

    assert unasked == []
