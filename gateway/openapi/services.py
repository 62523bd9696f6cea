"""The capabilities' documents: each service's own, kept beside this file and merged in at start-up.

The gateway never imports a service. `foretell openapi` makes the service's app and hands its document to
`saved_service_document`; the files travel with the package.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from shared.capabilities import TABLE, Capability, capability
from shared.contracts.call import SERVED_HEADER

Document = dict[str, Any]
FOLDER = Path(__file__).parent
_BETWEEN_PROCESSES = ("401", "403")
_REF = "#/components/schemas/"


def saved_service_document(name: str, document: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Keep what the gateway shows of a service: its capability's own paths and the schemas they use.

    Args:
        name: of the capability.
        document: `create_app(...).openapi()` of the service.
        folder: where; the package's own by default.

    Returns:
        The file that was written.
    """
    own = own_paths(document, capability(name))
    path = folder / f"{name}.json"
    path.write_text(json.dumps(own, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    return path


def own_paths(document: Mapping[str, Any], line: Capability) -> Document:
    """Keep only a capability's paths and what they refer to."""
    paths = {path: item for path, item in document["paths"].items() if _owned(path, line)}
    schemas = document.get("components", {}).get("schemas", {})
    used: set[str] = set()
    waiting = list(_referred(paths))
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting.extend(_referred(schemas[name]))
    return {"paths": paths, "components": {"schemas": {name: schemas[name] for name in sorted(used)}}}


def add_services(document: Document, folder: Path = FOLDER) -> None:
    """Merge every capability's kept document into the gateway's, in place.

    A schema of the same name and content is shared; one of the same name and other content is renamed with the
    capability's name in front. A capability without a kept document is left out.
    """
    for line in TABLE:
        path = folder / f"{line.name}.json"
        if path.exists():
            _add(document, json.loads(path.read_text(encoding="utf-8")), line)


@cache
def request_fields(name: str, folder: Path = FOLDER) -> frozenset[str]:
    """Read which fields the request of a capability's prediction path has; none where no document is kept."""
    path = folder / f"{name}.json"
    if not path.exists():
        return frozenset()
    document = json.loads(path.read_text(encoding="utf-8"))
    request, _ = prediction_schemas(document, capability(name))
    return frozenset(document["components"]["schemas"][request]["properties"])


def prediction_schemas(document: Document, line: Capability) -> tuple[str, str]:
    """Return the names of the schemas of a capability's request and answer."""
    operation = document["paths"][line.path]["post"]
    bodies = (operation["requestBody"], operation["responses"]["200"])
    request, response = (body["content"]["application/json"]["schema"]["$ref"].removeprefix(_REF) for body in bodies)
    return request, response


def _add(document: Document, service: Document, line: Capability) -> None:
    schemas = document["components"]["schemas"]
    service = _without_clashes(service, schemas, prefix=line.name.title())
    schemas.update(service["components"]["schemas"])
    for path, item in service["paths"].items():
        for operation in item.values():
            operation.setdefault("tags", ["predictions"])
            _as_seen_outside(operation)
        document["paths"][path] = item


def _without_clashes(service: Document, taken: Mapping[str, Any], *, prefix: str) -> Document:
    """Rename what differs from a schema of the same name; renaming one may make those that refer to it differ."""
    renamed: dict[str, str] = {}
    while True:
        candidate = _with_names(service, renamed)
        schemas = candidate["components"]["schemas"]
        clashing = [name for name, schema in schemas.items() if name in taken and taken[name] != schema]
        if not clashing:
            return candidate
        renamed.update({name: f"{prefix}{name}" for name in clashing})


def _as_seen_outside(operation: Document) -> None:
    """Remove what only the gateway sees: refused signatures, the header for metering."""
    for status in _BETWEEN_PROCESSES:
        operation["responses"].pop(status, None)
    for answer in operation["responses"].values():
        headers = answer.get("headers", {})
        headers.pop(SERVED_HEADER, None)
        if not headers:
            answer.pop("headers", None)


def _with_names(document: Document, renamed: Mapping[str, str]) -> Document:
    """Rename schemas where they are defined and where they are referred to."""
    text = json.dumps(document)
    for old, new in renamed.items():
        text = text.replace(f'"{_REF}{old}"', f'"{_REF}{new}"')
    read: Document = json.loads(text)
    schemas = read["components"]["schemas"]
    read["components"]["schemas"] = {renamed.get(name, name): schema for name, schema in schemas.items()}
    return read


def _owned(path: str, line: Capability) -> bool:
    return path == line.path or any(path == prefix or path.startswith(f"{prefix}/") for prefix in line.prefixes)


def _referred(value: Any) -> Iterator[str]:
    yield from re.findall(rf'"\$ref": "{re.escape(_REF)}([^"]+)"', json.dumps(value))
