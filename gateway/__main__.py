"""Entry point of the process: `python -m gateway --port 8000`."""

from gateway.api import create_app
from shared.serving.process import run
from shared.settings import GatewaySettings, read


def main() -> None:
    """Serve until told to stop."""
    settings = read(GatewaySettings)
    run("gateway", lambda: create_app(settings), level=settings.log_level)


if __name__ == "__main__":
    main()
