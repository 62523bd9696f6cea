"""Which loads are measured on which system; the names that goals are judged by."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import lightgbm

from bench.serving import requests
from bench.serving.account import Prepared
from bench.serving.peers import Peer
from bench.serving.processes import Running
from bench.serving.requests import BULK, BULK_BODIES
from bench.serving.rounds import Cell, in_this_process, over_http
from bench.serving.systems import Foretell
from shared.capabilities import TABLE

CONNECTIONS = 8
ONE, HOT = "/score, 1 by id", "/score, 1 by id, always the same"
ALONE, DIRECT_ALONE = "/score, 1 by id, 1 connection", "/score at the service, 1 by id, 1 connection"
TWO = "/score, 1 by id, 2 connections"
INLINE = "/score at the service, 1 inline, 20 attributes"
BULK_INLINE, BULK_GATEWAY = "/score at the service, 1,000 inline, 20 attributes", "/score, 1,000 inline, 20 attributes"
STORED = "/score, 1,000 stored, 50 events each"
DECIDED = "/next-best-message, 1,000 stored, 50 events each, 100 messages"
RAW, RAW_THREADED = "Booster.predict, 1 thread, 1,000 rows", "Booster.predict, all cores, 1,000 rows"
ROW, ROWS = "1 row", "1,000 rows"
PROGRAMS = (("bare ASGI, the body unread", "bare_asgi"), ("FastAPI echo with checked types", "fastapi_echo"))
"""Limits of HTTP in Python, and the modules in `programs` that are them."""


def named(system: str, what: str) -> str:
    """Name a cell of another system than Foretell.

    >>> named("MLServer", "1 row")
    'MLServer: 1 row'
    """
    return f"{system}: {what}"


def other(path: str) -> str:
    """Name the cell of another capability's path.

    >>> other("/segment")
    '/segment, 1 by id'
    """
    return f"{path}, 1 by id"


def of_foretell(prepared: Prepared, foretell: Foretell, folder: Path, *, quick: bool) -> Iterator[Cell]:
    """List what goals 1 to 5 need of the product."""
    whole, service = foretell.with_service("scoring"), foretell.services["scoring"]
    one = requests.by_id(prepared.contacts)
    sent = requests.through_gateway(prepared, one)
    hot = requests.through_gateway(prepared, requests.by_id(prepared.contacts[:1]))
    yield over_http(ONE, whole, lambda: sent, folder, connections=CONNECTIONS)
    if not quick:
        yield over_http(HOT, whole, lambda: hot, folder, connections=CONNECTIONS)
        yield over_http(TWO, whole, lambda: sent, folder, connections=2)
    yield over_http(ALONE, whole, lambda: sent, folder, connections=1)
    yield over_http(DIRECT_ALONE, service, lambda: requests.direct(one), folder, connections=1)
    new, thousand = requests.inline(1, 500), requests.inline(BULK, BULK_BODIES)
    yield over_http(INLINE, service, lambda: requests.direct(new), folder, connections=CONNECTIONS)
    yield over_http(BULK_INLINE, service, lambda: requests.direct(thousand), folder, connections=CONNECTIONS, rows=BULK)
    if not quick:
        through = requests.through_gateway(prepared, thousand)
        yield over_http(BULK_GATEWAY, whole, lambda: through, folder, connections=CONNECTIONS, rows=BULK)
    stored = requests.through_gateway(prepared, requests.many_by_id(prepared.few))
    yield over_http(STORED, whole, lambda: stored, folder, connections=1, rows=BULK)


def of_others(prepared: Prepared, foretell: Foretell, folder: Path) -> Iterator[Cell]:
    """List one call by id to each other capability."""
    for line in TABLE:
        if line.name in foretell.services and line.name != "scoring":
            sent = requests.through_gateway(prepared, requests.by_id(prepared.contacts, path=line.path))
            whole = foretell.with_service(line.name)
            yield over_http(other(line.path), whole, partial(list, sent), folder, connections=CONNECTIONS)
            if line.name == "messages":
                many = requests.through_gateway(prepared, requests.many_by_id(prepared.few, line.path))
                yield over_http(DECIDED, whole, partial(list, many), folder, connections=1, rows=BULK)


def of_peer(peer: Peer, running: Running, prepared: Prepared, folder: Path) -> Iterator[Cell]:
    """List what is asked of another model server."""
    one, thousand = peer.requests(prepared.rows, 1), peer.requests(prepared.rows, BULK)
    yield over_http(named(peer.name, ROW), running, lambda: one, folder, connections=CONNECTIONS)
    yield over_http(named(peer.name, ROWS), running, lambda: thousand, folder, connections=CONNECTIONS, rows=BULK)


def of_booster(prepared: Prepared) -> Iterator[Cell]:
    """List LightGBM's own speed on the rows that the other model servers get."""
    booster = lightgbm.Booster(model_file=prepared.model_text)
    rows = prepared.rows
    yield in_this_process(RAW, lambda: booster.predict(rows, num_threads=1), rows=BULK)
    yield in_this_process(RAW_THREADED, lambda: booster.predict(rows, num_threads=0), rows=BULK)


def of_program(name: str, running: Running, prepared: Prepared, folder: Path) -> Cell:
    """Describe a limit of HTTP in Python: it gets what `/score` gets."""
    sent: Sequence[bytes] = requests.through_gateway(prepared, requests.by_id(prepared.contacts))
    return over_http(name, running, lambda: sent, folder, connections=CONNECTIONS)
