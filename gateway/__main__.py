"""Entry point of the process: `python -m gateway --port 8000`."""

from gateway.app import create_app
from shared.http.process import run
from shared.settings import GatewaySettings


def main() -> None:
    """Serve until stopped."""
    run("gateway", GatewaySettings, create_app)


if __name__ == "__main__":
    main()
