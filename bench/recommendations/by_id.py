"""How long a call by id takes beside one of `/score`, at a running installation that `foretell demo` trained."""

import http.client
import json
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

import numpy as np

CALLS = 400
ASKED = {"/score": {"outcome": "redeem"}, "/recommendations": {}}


def by_id(url: str, key_file: Path) -> str:
    """Write one sentence: calls about one household each, by turns over one connection.

    Args:
        url: of the gateway.
        key_file: holds a key of the account `demo`.
    """
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    headers = {"Authorization": f"Bearer {key_file.read_text().strip()}", "Content-Type": "application/json"}
    spent: dict[str, list[float]] = {path: [] for path in ASKED}
    for number in range(CALLS):
        for path, fields in ASKED.items():
            body = json.dumps({"contacts": [{"id": f"household-{1 + number}"}], "reasons": 3, **fields})
            began = perf_counter()
            connection.request("POST", path, body, headers)
            reply = connection.getresponse()
            reply.read()
            if reply.status != 200:
                raise SystemExit(f"{path} answered {reply.status}: is the sample trained there?")
            spent[path].append(perf_counter() - began)
    connection.close()
    score, listed = (float(np.quantile(spent[path], 0.1)) * 1e3 for path in ASKED)
    return (
        f"By id over HTTP, on the sample, ten items with three reasons each, one call at a time, the quickest tenth of "
        f"{CALLS}: {listed:.1f} ms, `/score` {score:.1f} ms: {listed / score:.2f} times (wanted: at most 2)."
    )
