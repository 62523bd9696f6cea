"""The API document of a service: its one operation, with an example of every answer and error."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.capabilities import Capability
from shared.contracts.call import SERVED_HEADER
from shared.contracts.contact import InlineContact
from shared.errors import (
    BadRequest,
    BodyTooLarge,
    ForetellError,
    ModelNotReady,
    NoModelTrained,
    NotAllowed,
    NotAuthenticated,
    StoreUnavailable,
    TooManyContacts,
    UnknownOutcome,
)
from shared.http import problem
from shared.serving.capability_spec import AnySpec

PER_OUTCOME = ("unknown-outcome",)
"""Problems of those capabilities alone that are asked about named outcomes."""


def _problems(line: Capability) -> tuple[tuple[str, ForetellError], ...]:
    """List what a capability's paths can answer, an example each."""
    outcome = {"outcome": "customer"} if line.per_outcome else {}
    named = " --outcome customer" if line.per_outcome else ""
    return (
        (
            "No key, or one that is not valid.",
            NotAuthenticated("This service answers only calls signed by the gateway."),
        ),
        ("The key lacks a scope.", NotAllowed("This needs a key with the scope `predict`.", scope="predict")),
        (
            "No model has been trained.",
            NoModelTrained(
                f"No model has been trained yet. Train one with `foretell train {line.name}{named}`.", **outcome
            ),
        ),
        ("The body is too large.", BodyTooLarge("The body is larger than 8000000 bytes; send it in several calls.")),
        (
            "The envelope does not fit.",
            BadRequest(
                "The request does not fit the contract; `errors` says where.",
                errors=[{"pointer": "/cutoff", "detail": "Give the time a zone, such as 2026-06-01T09:30:00Z."}],
            ),
        ),
        ("Too many contacts.", TooManyContacts("A call carries at most 1000 contacts.", max_contacts=1000)),
        ("The outcome is not defined.", UnknownOutcome("This outcome is not defined.", outcomes=["customer"])),
        ("Not JSON.", problem.malformed(17)),
        ("The model is being loaded.", ModelNotReady("The model is being loaded; ask again in a few seconds.")),
        ("The store is away.", StoreUnavailable("The store is away; ask again.")),
    )


def problem_responses(line: Capability, *codes: str) -> dict[int | str, dict[str, Any]]:
    """Document the problems of an operation, an example a code; only those codes when some are given."""
    responses: dict[int | str, dict[str, Any]] = {}
    for summary, error in _problems(line):
        if (codes and error.code not in codes) or (error.code in PER_OUTCOME and not line.per_outcome):
            continue
        entry = responses.setdefault(
            error.status,
            {
                "description": error.title,
                "content": {
                    problem.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}},
                },
            },
        )
        example = {"summary": summary, "value": problem.document(error, problem.EXAMPLE_REQUEST_ID)}
        entry["content"][problem.MEDIA_TYPE]["examples"][error.code] = example
    return responses


def operation(spec: AnySpec) -> dict[str, Any]:
    """Return what FastAPI cannot see: the handler reads bytes and answers bytes."""
    return {
        "operation_id": f"predict_{spec.capability.path.strip('/').replace('-', '_')}",
        "summary": spec.capability.question,
        "responses": {**_success(spec), **problem_responses(spec.capability)},
        "openapi_extra": {
            "requestBody": {
                "required": True,
                "content": _json(spec.request, spec.request_example),
            }
        },
    }


def install(app: FastAPI, spec: AnySpec) -> None:
    """Make the app's API document, once, with the schemas that its handler does not declare."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version="1", summary=app.summary, routes=app.routes)
            _, schemas = models_json_schema(
                [
                    (spec.request, "validation"),
                    (InlineContact, "validation"),
                    (spec.response, "serialization"),
                    *[(one.request, "validation") for one in spec.extra_routes if one.request is not None],
                    *[(one.response, "serialization") for one in spec.extra_routes],
                ],
                ref_template="#/components/schemas/{model}",
            )
            # FastAPI drops every null, from examples too: a null is part of what a client sees.
            made["paths"][spec.capability.path]["post"]["responses"]["200"]["content"] = _json(
                spec.response, spec.response_example
            )
            for one in spec.extra_routes:
                operation = made["paths"][one.path.replace(":path}", "}")][one.method]
                operation["responses"]["200"]["content"] = _json(one.response, one.response_example)
                if one.request is not None and one.request_example is not None:
                    operation["requestBody"] = {"required": True, "content": _json(one.request, one.request_example)}
            components = made.setdefault("components", {})
            own = components.get("schemas", {})  # of routes that a capability has beside its prediction path
            components["schemas"] = {**own, "Problem": problem.PROBLEM_SCHEMA, **schemas["$defs"]}
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _success(spec: AnySpec) -> dict[int | str, dict[str, Any]]:
    return {
        200: {
            "description": "One prediction a contact, in the order asked; the `status` of each says how it went.",
            "headers": {
                SERVED_HEADER: {
                    "description": "How many contacts got a prediction.",
                    "schema": {"type": "integer"},
                }
            },
            "content": _json(spec.response, spec.response_example),
        }
    }


def _json(model: type[BaseModel], example: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "application/json": {
            "schema": {"$ref": f"#/components/schemas/{model.__name__}"},
            "examples": {"example": {"summary": "A typical one.", "value": dict(example)}},
        }
    }
