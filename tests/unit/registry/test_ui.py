"""The process that shows MLflow's pages: on loopback, silent, without secrets in its arguments."""

import socket
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.errors import Conflict, SettingsRefused
from shared.registry.ui import remote_address, server
from shared.settings import Settings

SECRETS = {"FORETELL_SIGNING_KEY": "s" * 32, "MLFLOW_HOST": "0.0.0.0", "PATH": "/bin"}  # noqa: S104 - is not followed


def test_it_listens_on_loopback_and_sends_nothing_anywhere(tmp_path: Path, unused_tcp_port: int) -> None:
    shown = server(Settings(home=tmp_path), port=unused_tcp_port, environment=SECRETS)

    assert shown.address == f"http://127.0.0.1:{unused_tcp_port}"
    assert shown.arguments[shown.arguments.index("--host") + 1] == "127.0.0.1"
    assert shown.environment["MLFLOW_DISABLE_TELEMETRY"] == shown.environment["DO_NOT_TRACK"] == "true"
    assert {name for name in shown.environment if name in SECRETS} == {"PATH"}


def test_an_address_with_a_password_is_in_no_argument(tmp_path: Path, unused_tcp_port: int) -> None:
    url = "postgresql+psycopg://mlflow:secret@db/mlflow"

    shown = server(Settings(home=tmp_path, registry_url=SecretStr(url)), port=unused_tcp_port, environment={})

    assert shown.environment["MLFLOW_BACKEND_STORE_URI"] == url
    assert "secret" not in " ".join(shown.arguments)


def test_a_registry_server_shows_its_own_pages(tmp_path: Path) -> None:
    remote = Settings(home=tmp_path, registry_url=SecretStr("https://anna:secret@mlflow.example.com:5000"))

    assert remote_address(remote) == "https://mlflow.example.com:5000"
    assert remote_address(Settings(home=tmp_path)) is None


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(Conflict, match=f"Port {port} is taken"):
            server(Settings(home=tmp_path), port=port)


def test_without_mlflow_s_server_it_says_what_to_install(tmp_path: Path, unused_tcp_port: int) -> None:
    with pytest.raises(SettingsRefused, match=r"pip install 'foretell\[train\]'"):
        server(Settings(home=tmp_path), port=unused_tcp_port, packages=("no_such_package",))
