"""The merged OpenAPI 3.1 document: the gateway's routes, the services' own documents, examples, errors, security."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.batches.schemas import NewBatch
from gateway.contacts.schemas import ContactChanges, ContactsRequest
from gateway.context import scope_of
from gateway.events.schemas import EventsRequest
from gateway.items.schemas import ItemChanges, ItemsRequest
from gateway.messages.schemas import DecisionsRequest, MessageChanges, MessagesRequest
from gateway.openapi.errors import OPEN_TAG, PROVEN_TAG, Place, add_errors
from gateway.openapi.headers import add_headers
from gateway.openapi.named_types import name_types
from gateway.openapi.outgoing import webhooks
from gateway.openapi.predict_all import add_predict_all
from gateway.openapi.services import Document, add_services
from shared.contracts.call import Scope
from shared.contracts.contact import ContactFields
from shared.http.problem import PROBLEM_SCHEMA
from shared.values.addresses import MAX_CELL_CHARACTERS

TITLE: Final = "Foretell"
VERSION: Final = "1"
_DESCRIPTION: Final = (
    "Predictions for marketing automation, from models trained on your own data: calibrated, graded and explained. "
    "Send contacts and events, then ask. Paths without a version are version 1 for ever: changes only add."
)
_TAGS: Final = (
    ("predictions", "Ask a model, or read what was answered before."),
    ("contacts", "People being marketed to."),
    ("events", "Dated facts about contacts."),
    ("items", "What events name: the catalogue of what can be recommended."),
    ("next-best-message", "What may be sent: the catalogue of messages, and decisions that another tool made."),
    ("imports", "Files of contacts, events and items: uploaded, checked, loaded, and undone."),
    ("outcomes", "What is predicted."),
    ("batches", "Predictions about any number of contacts, made in the background."),
    ("models", "What was trained."),
    ("segments", "Groups that behave alike."),
    ("holdouts", "Contacts without predictions, to find out what these are worth."),
    ("attribution", "Which channel gets the credit for a conversion, and what was caused."),
    ("subscriptions", "Who is told what by signed webhooks, and how that goes."),
    ("messages", "What is sent to those who subscribed."),
    ("webhooks", "Where email platforms and CRMs send what happened."),
    ("sources", "Who may send webhooks, and what of it could not be taken."),
    ("keys", "What clients authenticate with."),
    ("privacy", "What is held of a person, and its end."),
    ("audit", "Who administered what."),
    ("operations", "For those who run this."),
)
_READ_AS_BYTES: Final[dict[str, type[BaseModel]]] = {
    "put_contacts": ContactsRequest,
    "put_contact": ContactFields,
    "change_contact": ContactChanges,
    "add_events": EventsRequest,
    "put_items": ItemsRequest,
    "change_item": ItemChanges,
    "put_messages": MessagesRequest,
    "put_message": MessageChanges,
    "change_message": MessageChanges,
    "add_decisions": DecisionsRequest,
    "add_batch": NewBatch,
}
_PROBLEM: Final = {
    **PROBLEM_SCHEMA,
    "properties": {
        **PROBLEM_SCHEMA["properties"],
        "errors": {
            **PROBLEM_SCHEMA["properties"]["errors"],
            "items": {"$ref": "#/components/schemas/ProblemPointer"},
        },
    },
}
"""With a name for what lies inside, where the document has one."""
_METHODS: Final = ("get", "put", "post", "patch", "delete")
_REF: Final = "#/components/schemas/"


def merged(app: FastAPI) -> Document:
    """Write the document of the whole API.

    Args:
        app: the gateway, with all its routes.
    """
    document = FastAPI.openapi(app)
    document["info"]["description"] = _DESCRIPTION
    document["info"]["license"] = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    document["servers"] = [{"url": "/", "description": "This gateway."}]
    document["tags"] = [{"name": name, "description": text} for name, text in _TAGS]
    _add_bodies(document)
    document["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
    document["webhooks"] = webhooks(document["components"]["schemas"])
    add_services(document)
    add_predict_all(document)
    document["components"]["schemas"]["Problem"] = _PROBLEM
    _name_by_email(document["components"]["schemas"])
    name_types(document)
    _add_errors(document, _scopes(app))
    add_headers(document, operations(document))
    _add_security(document)
    _add_examples(document)
    document["components"]["schemas"] = dict(sorted(document["components"]["schemas"].items()))
    return document


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Walk path, method and operation."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _name_by_email(schemas: Document) -> None:
    """Describe what only the gateway accepts: a contact named by an address, which the gateway replaces by its id."""
    named = deepcopy(schemas["InlineContact"])
    named["properties"]["email"] = {
        "anyOf": [{"type": "string", "maxLength": MAX_CELL_CHARACTERS}, {"type": "null"}],
        "description": "Instead of `id`: the id of the contact that has this address is put in its place; the address "
        "is neither kept nor passed on. Unknown: `unknown_contact`. With an `id` both must name the same contact.",
        "examples": ["ann@example.com"],
        "title": "Email",
    }
    named["required"] = [name for name in named.get("required", []) if name != "id"]
    if not named["required"]:
        del named["required"]
    schemas["InlineContact"] = named


def _add_bodies(document: Document) -> None:
    """Describe the bodies that routes read as bytes, to judge each item alone in a thread."""
    inputs = [(model, "validation") for model in _READ_AS_BYTES.values()]
    _, definitions = models_json_schema(inputs, ref_template=_REF + "{model}")  # type: ignore[arg-type]
    document["components"]["schemas"].update(definitions["$defs"])
    for _, _, operation in operations(document):
        model = _READ_AS_BYTES.get(operation["operationId"])
        if model is not None:
            schema = {"$ref": _REF + model.__name__}
            files = operation.get("requestBody", {}).get("content", {})
            content = {"application/json": {"schema": schema}, **files}
            operation["requestBody"] = {"required": True, "content": content}


def _add_errors(document: Document, scopes: Mapping[tuple[str, str], Scope]) -> None:
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path, method, operation in operations(document):
        answers = operation["responses"]
        if "HTTPValidationError" in json.dumps(answers.get("422", "")):
            del answers["422"]
        # What is forwarded has no route of the framework here.
        scope: Scope = "read" if method == "get" else "predict"
        add_errors(Place(path, method, operation, scopes.get((path, method), scope), schemas))


def _scopes(app: FastAPI) -> dict[tuple[str, str], Scope]:
    """Read from the routes what a key needs for each."""
    found: dict[tuple[str, str], Scope] = {}
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        scope = None if dependant is None else scope_of(dependant)
        if scope is not None:
            found.update({(str(route.path_format), method.lower()): scope for method in route.methods or ()})
    return found


def _add_security(document: Document) -> None:
    document["components"]["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "fk_...",
            "description": "A key made with `foretell keys create`; its scopes say what it may do.",
        }
    }
    document["security"] = [{"key": []}]
    for _, _, operation in operations(document):
        operation.pop("security", None)
        if not {OPEN_TAG, PROVEN_TAG}.isdisjoint(operation["tags"]):
            operation["security"] = []


def _add_examples(document: Document) -> None:
    examples = _examples()
    for _, _, operation in operations(document):
        shown = examples.get(operation["operationId"], {})
        if "request" in shown:
            _exemplify(operation["requestBody"]["content"], shown["request"])
        for status, answer in shown.get("answers", {}).items():
            _exemplify(operation["responses"][status].setdefault("content", {"application/json": {}}), answer)
        for parameter in operation.get("parameters", ()):
            if parameter["name"] in shown.get("parameters", {}):
                parameter["example"] = shown["parameters"][parameter["name"]]


def _exemplify(content: Document, example: Any) -> None:
    """Put an example where a service's own document has none."""
    media = content["application/json"]
    if "example" not in media and "examples" not in media:
        media["example"] = example


@cache
def _examples() -> Document:
    text = Path(__file__).with_name("examples.json").read_text(encoding="utf-8")
    read: Document = json.loads(text)
    return read
