"""`foretell up`: from a home folder to running processes, a greeting, and a clean end."""

import os
import time
from contextlib import suppress

import typer

from foretell import home
from foretell.child import preload
from foretell.cli.context import ensure_account, ensure_key
from foretell.cli.greeting import base_url, example_requests, greeting
from foretell.cli.migrating import migrate_showing
from foretell.cli.options import DEFAULT_ACCOUNT
from foretell.cli.output import print_note
from foretell.processes import Supervisor
from foretell.programs import environment, programs, refuse_taken_ports
from foretell.signals import StopRequest
from shared.settings import Settings
from shared.store import open_database

LOOK_SECONDS = 0.25
WARM_SECONDS = 30.0
"""How long the greeting waits for the first model; it comes all the same afterwards."""


def run_all(settings: Settings, host: str, port: int) -> None:
    """Run every process until SIGINT or SIGTERM.

    Args:
        settings: where home and store are.
        host: where the gateway listens.
        port: the gateway's.

    Raises:
        Conflict: home, lock or a port is not to be had, or a process does not start.
    """
    home.prepare(settings.home)
    if settings.store_url is None:
        home.refuse_lost_store(settings.home)
    listed = programs(host, port, settings.metrics_port)
    with home.locked(settings.home):
        refuse_taken_ports(listed, settings.metrics_host)
        preload()
        _prepare_store(settings)
        secrets = {name: home.secret(settings.home, name) for name in home.SECRETS}
        children = environment(os.environ, settings.home, port, secrets)
        supervisor = Supervisor(listed, children, settings.home / "logs", _note, settings.hung_seconds)
        stop = StopRequest()
        try:
            supervisor.start()
            if supervisor.wait_until_healthy(stopped=stop):
                _greet(settings, base_url(host, port), supervisor, stop)
            while not stop.wait(LOOK_SECONDS):
                supervisor.look()
        finally:
            _note("Stopping.")
            supervisor.stop()
            _note("Everything is stopped.")
            stop.close()


def _greet(settings: Settings, url: str, supervisor: Supervisor, stop: StopRequest) -> None:
    """Greet once the requests that are shown have an answer: models are fetched in the first seconds."""
    examples = example_requests(settings)
    waiting = list(examples)
    deadline = time.monotonic() + WARM_SECONDS
    while waiting and time.monotonic() < deadline:
        if waiting[0].is_answered(url):
            waiting.pop(0)
            continue
        supervisor.look()
        if stop.wait(LOOK_SECONDS):
            return
    with suppress(OSError):
        typer.echo(greeting(settings, url, examples))


def _note(text: str) -> None:
    """Print a note; whoever read it may be gone, and the children are to be stopped all the same."""
    with suppress(OSError):
        print_note(text)


def _prepare_store(settings: Settings) -> None:
    migrate_showing(settings)
    database = open_database(settings)
    try:
        ensure_account(database, DEFAULT_ACCOUNT)
        ensure_key(database, settings, DEFAULT_ACCOUNT)
    finally:
        database.close()
