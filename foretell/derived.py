"""Write every file that follows from the capability table: `python -m foretell.derived`, in the source tree.

API documents, the folders in `k8s/services/`, and what stands between markers in `compose.yaml`, the overlay and the
README. A test compares; nothing of it is edited by hand.
"""

import json
import re
import sys
from pathlib import Path

from gateway.openapi import saved_service_document
from services.specs import spec_of
from shared.capabilities import TABLE, Capability
from shared.serving.service import create_app
from shared.settings import GatewaySettings, ServiceSettings

COMMAND = "python -m foretell.derived"
GATEWAY_DOCUMENT = Path("tests/contract/openapi/gateway.json")
"""The document that clients see; a test compares the running gateway's with it."""
_NAMED = """\
# The name of the capability; every object of the service base takes it. Stays out of the rendered manifests.
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  annotations:
    config.kubernetes.io/local-config: "true"
"""
_FOLDER = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../../base/service
  - capability.yaml
components:
  - ../../components/capability
"""
_SERVICE = """\
  {name}:
    <<: *serve
    command: ["python", "-m", "services", "{name}", "--host", "0.0.0.0", "--port", "8000"]
    environment:
      <<: [*store, *registry, *signing]
    volumes: ["{name}:/var/lib/foretell"]
"""


def write_documents(folder: Path) -> list[Path]:
    """Write the OpenAPI document of each service where the gateway finds it, which never imports a service.

    Args:
        folder: made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = ServiceSettings(signing_key="0" * 64)  # no request is served with it
    apps = {line.name: create_app(spec_of(line.name), settings) for line in TABLE}
    return [saved_service_document(name, app.openapi(), folder) for name, app in apps.items()]


def manifests() -> dict[Path, str]:
    """Return the files of each capability's folder in `k8s/services/`."""
    folders = {line.name: Path("k8s/services") / line.name for line in TABLE}
    return {
        path: text
        for name, folder in folders.items()
        for path, text in (
            (folder / "capability.yaml", _NAMED.format(name=name)),
            (folder / "kustomization.yaml", _FOLDER),
        )
    }


def sections() -> dict[tuple[Path, str], str]:
    """Return what stands between markers, by file and the name of the marker."""
    names = [line.name for line in TABLE]
    overlay, compose = Path("k8s/overlays/production/kustomization.yaml"), Path("compose.yaml")
    return {
        (overlay, "capabilities"): "".join(f"  - ../../services/{name}\n" for name in names),
        (compose, "capabilities"): "\n".join(_SERVICE.format(name=name) for name in names),
        (compose, "volumes"): "".join(f"  {name}:\n" for name in names),
        (Path("README.md"), "capabilities"): "".join(
            ["| ask | at | you get |\n", "|---|---|---|\n", *(_answered(line) for line in TABLE)]
        ),
        (Path("docs/architecture.md"), "capabilities"): "".join(
            ["| capability | paths | a model for | card |\n", "|---|---|---|---|\n", *(_placed(line) for line in TABLE)]
        ),
    }


def _answered(line: Capability) -> str:
    return f"| {line.question} | `POST {line.path}` | {spec_of(line.name).summary} |\n"


def _placed(line: Capability) -> str:
    paths = ", ".join(f"`{path}`" for path in (line.path, *line.prefixes))
    each = "each outcome" if line.per_outcome else "the account"
    return f"| {line.name} | {paths} | {each} | [README](../services/{line.name}/README.md) |\n"


def with_section(text: str, name: str, section: str) -> str:
    """Put a section between its markers.

    Raises:
        ValueError: the text has no such markers.

    >>> text = f"# a: written by {COMMAND}{chr(10)}old{chr(10)}# /a{chr(10)}"
    >>> with_section(text, "a", f"new{chr(10)}").splitlines()[1:]
    ['new', '# /a']
    """
    marked = re.compile(rf"(^.*\b{name}: written by {re.escape(COMMAND)}.*\n)(?:.*\n)*?(^.*/{name}\b.*$)", re.MULTILINE)
    if marked.search(text) is None:
        raise ValueError(f"there are no markers of {name}")
    return marked.sub(lambda found: found[1] + section + found[2], text)


def write(root: Path) -> list[Path]:
    """Write everything below the root of a source tree.

    Returns:
        The files, those that stayed the same too.
    """
    from gateway.app import create_app as create_gateway  # the documents of services alone need none

    written = []
    for path, text in manifests().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
        written.append(path)
    for (path, name), section in sections().items():
        text = (root / path).read_text(encoding="utf-8")
        (root / path).write_text(with_section(text, name, section), encoding="utf-8")
        written.append(path)
    written += [path.relative_to(root) for path in write_documents(root / "gateway" / "openapi")]
    settings = GatewaySettings(signing_key="0" * 64, identity_key="0" * 64)  # no request is served with them
    document = json.dumps(create_gateway(settings).openapi(), indent=2, ensure_ascii=False, sort_keys=True)
    (root / GATEWAY_DOCUMENT).write_text(document + "\n", encoding="utf-8")
    return [*dict.fromkeys(written), GATEWAY_DOCUMENT]


def main() -> None:
    """Write them, and name them."""
    for path in write(Path(__file__).parents[1]):
        sys.stdout.write(f"Wrote {path}.\n")


if __name__ == "__main__":
    main()
