"""Serve one capability: `python -m services scoring --port 8001`."""

import sys
from collections.abc import Sequence

from services.specs import spec_of
from shared.capabilities import TABLE
from shared.http.process import run
from shared.serving.service import create_app
from shared.settings import ServiceSettings


def main(arguments: Sequence[str]) -> None:
    """Serve until stopped.

    Args:
        arguments: the name of a capability, then the options of every process.

    Raises:
        SystemExit: with 2 and one sentence on stderr, when the command line or a setting is wrong.
    """
    name, options = (arguments[0], arguments[1:]) if arguments else ("", arguments)
    if name not in {line.name for line in TABLE}:
        sys.stderr.write(f"services: name a capability: {', '.join(line.name for line in TABLE)}\n")
        raise SystemExit(2)
    run(name, ServiceSettings, lambda settings: create_app(spec_of(name), settings), arguments=options)


if __name__ == "__main__":
    main(sys.argv[1:])
