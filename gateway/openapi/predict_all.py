"""`POST /predict` in the document: its types are those of the services, as their kept documents have them."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from gateway.openapi.services import Document, prediction_schemas
from gateway.predict_all.schemas import PATH, PredictAllRequest
from shared.capabilities import TABLE, Capability
from shared.contracts.prediction import PredictionRequest
from shared.http.problem import EXAMPLE_REQUEST_ID

_REF: Final = "#/components/schemas/"
_ANSWERS, _OPTIONS, _PROBLEMS = "CapabilityAnswers", "CapabilityOptions", "CapabilityProblems"
_REQUEST_ID: Final = "request_id"


def add_predict_all(document: Document) -> None:
    """Describe the path, in place.

    Args:
        document: with the paths of the services.
    """
    schemas = document["components"]["schemas"]
    lines = [line for line in TABLE if line.path in document["paths"]]
    options, answers = dict[str, Any](), dict[str, Any]()
    for line in lines:
        request, response = prediction_schemas(document, line)
        name = "".join(part.title() for part in line.name.split("_"))
        schemas[f"{name}Options"] = _options(schemas[request], line, f"{name}Options")
        schemas[f"{name}Answer"] = _answer(schemas[response], line, f"{name}Answer")
        options[line.name] = {"$ref": f"{_REF}{name}Options", "description": f"Of {line.name}."}
        answers[line.name] = {"$ref": f"{_REF}{name}Answer", "description": line.question}
    problems = {
        line.name: {"$ref": f"{_REF}Problem", "description": f"Why {line.name} did not answer."} for line in lines
    }
    schemas[_OPTIONS] = _object(_OPTIONS, "Further fields of the request, by capability.", options)
    schemas[_ANSWERS] = _object(_ANSWERS, "What each capability answered.", answers)
    schemas[_PROBLEMS] = _object(_PROBLEMS, "What each capability could not do.", problems)
    schemas["PredictAllRequest"] = _request()
    schemas["PredictAllResponse"] = _response()
    examples = {line.name: _example(document, line) for line in lines}
    document["paths"][PATH] = {"post": _operation(examples)}


def _object(name: str, description: str, properties: Mapping[str, Any]) -> Document:
    return {
        "title": name,
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "additionalProperties": False,
    }


def _options(request: Document, line: Capability, name: str) -> Document:
    left_out = {*PredictionRequest.model_fields, *line.committing_fields, *dict(line.harmless)}
    fields = {field: deepcopy(part) for field, part in request["properties"].items() if field not in left_out}
    return _object(name, f"What a request to `{line.path}` may hold beside contacts, cutoff and reasons.", fields)


def _answer(response: Document, line: Capability, name: str) -> Document:
    fields = {field: deepcopy(part) for field, part in response["properties"].items() if field != _REQUEST_ID}
    made = _object(name, f"As `{line.path}` answers, without the request id.", fields)
    return {**made, "required": [field for field in response.get("required", ()) if field != _REQUEST_ID]}


def _request() -> Document:
    _, definitions = models_json_schema([(PredictAllRequest, "validation")], ref_template=_REF + "{model}")
    made: Document = definitions["$defs"]["PredictAllRequest"]
    described = made["properties"]["options"]["description"]
    made["properties"]["options"] = {"$ref": f"{_REF}{_OPTIONS}", "description": described}
    return made


def _response() -> Document:
    fields = {
        "answers": {"$ref": f"{_REF}{_ANSWERS}", "description": "By capability; all of one cutoff."},
        "problems": {
            "$ref": f"{_REF}{_PROBLEMS}",
            "description": "Those that were asked and could not answer, by capability; empty when all did.",
        },
        _REQUEST_ID: {"type": "string", "title": "Request Id", "description": "Finds the request in the log."},
    }
    made = _object("PredictAllResponse", "The answers of all capabilities that were asked.", fields)
    return {**made, "required": list(fields)}


def _example(document: Document, line: Capability) -> Document:
    """Return the first example of a capability's answer."""
    media = document["paths"][line.path]["post"]["responses"]["200"]["content"]["application/json"]
    shown: Document = deepcopy(next(iter(media["examples"].values()))["value"])
    shown.pop(_REQUEST_ID)
    return shown


def _operation(examples: Mapping[str, Document]) -> Document:
    request = {"contacts": [{"id": "c-42"}], "reasons": 2}
    response = {"answers": examples, "problems": {}, _REQUEST_ID: EXAMPLE_REQUEST_ID}
    return {
        "operationId": "predict_all",
        "tags": ["predictions"],
        "summary": "Ask all capabilities at once",
        "description": "What every capability answers about the same contacts at the same cutoff. One that cannot "
        "answer is named in `problems` and keeps no other from its answer; if none can, the problem is the answer.",
        "requestBody": {"required": True, "content": _media("PredictAllRequest", request)},
        "responses": {"200": {"description": "The answers.", "content": _media("PredictAllResponse", response)}},
    }


def _media(schema: str, example: Document) -> Document:
    return {"application/json": {"schema": {"$ref": f"{_REF}{schema}"}, "example": example}}
