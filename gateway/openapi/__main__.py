"""Write the merged document to a file: `python -m gateway.openapi tests/contract/openapi/gateway.json`."""

import json
import sys
from pathlib import Path

from gateway.app import create_app
from shared.settings import GatewaySettings, read


def main(path: Path) -> None:
    """Write the OpenAPI 3.1 document, sorted, so that a difference is easy to read."""
    settings = read(GatewaySettings, signing_key="0" * 64, identity_key="0" * 64)  # no request is served with them
    document = json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False, sort_keys=True)
    path.write_text(document + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
