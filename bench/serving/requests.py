"""What is asked: of Foretell about contacts, of the others about bare rows of the same model."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.serving.account import ACCOUNT, ANSWERED, OUTCOME, SILENCE, Matrix, Prepared, attributes
from bench.serving.load import request
from shared.capabilities import TABLE
from shared.contracts.call import CALL_HEADER, Call, SignedContent, signed

BULK = 1_000
BULK_BODIES = 5
SIGNING_KEY = "a signing key of the benchmark, long enough"
IDENTITY_KEY = "an identity key of the benchmark, long enough"


@dataclass(frozen=True, slots=True)
class Question:
    """Requests of one kind."""

    path: str
    bodies: Sequence[bytes]
    rows: int = 1
    """Contacts or rows in each."""


def by_id(contacts: Sequence[str], *, reasons: int = 3, path: str = "/score") -> Question:
    """Ask about one stored contact a call, in an order that jumps about."""
    order = np.random.default_rng(3).permutation(len(contacts)).tolist()
    return Question(path, [_body([{"id": contacts[place]}], reasons, path) for place in order])


def checked(prepared: Prepared, capabilities: Sequence[str]) -> list[Question]:
    """List one question of each kind, to see that it is answered before anything is measured."""
    listed = [by_id(prepared.contacts[:1], path=line.path) for line in TABLE if line.name in capabilities]
    return [*listed, inline(1, 1), inline(BULK, 1), many_by_id(prepared.few)]


def many_by_id(contacts: Sequence[str], path: str = "/score") -> Question:
    """Ask about many stored contacts a call."""
    listed = [{"id": contact} for contact in contacts]
    return Question(path, [_body(listed, 0, path)], len(listed))


def inline(count: int, bodies: int) -> Question:
    """Ask about contacts that nobody has stored, with twenty attributes each."""
    draw = np.random.default_rng(5)
    made = [
        _body(
            [{"id": f"new-{body}-{row}", "attributes": attributes(draw, keen=row % 2 == 0)} for row in range(count)],
            0,
            "/score",
        )
        for body in range(bodies)
    ]
    return Question("/score", made, count)


def _body(contacts: Sequence[Mapping[str, object]], reasons: int, path: str) -> bytes:
    outcomes = {"/score": OUTCOME, "/churn-risk": SILENCE, "/uplift": ANSWERED}
    outcome = {"outcome": outcomes[path]} if path in outcomes else {}
    return json.dumps({**outcome, "reasons": reasons, "contacts": contacts}, separators=(",", ":")).encode()


def through_gateway(prepared: Prepared, question: Question) -> list[bytes]:
    """Write the requests that a client sends."""
    headers = f"Authorization: Bearer {prepared.key}\r\n"
    return [request(question.path, body, headers) for body in question.bodies]


def direct(question: Question) -> list[bytes]:
    """Write the requests that the gateway would send to the service; they are good for a minute."""
    now, key = time.time(), SIGNING_KEY.encode()
    call = Call(ACCOUNT, ("predict",), "bench", now + 600)
    lines = []
    for body in question.bodies:
        content = SignedContent("POST", question.path.encode(), body)
        lines.append(request(question.path, body, f"{CALL_HEADER}: {signed(call, content, key, now=now)}\r\n"))
    return lines


def tensor(rows: Matrix, count: int) -> list[bytes]:
    """Write the rows as the Open Inference Protocol has them (MLServer)."""
    made = []
    for start in range(0, len(rows) - count + 1, count):
        part = rows[start : start + count]
        values = {"name": "x", "shape": list(part.shape), "datatype": "FP64", "data": part.ravel().tolist()}
        made.append(json.dumps({"inputs": [values]}, separators=(",", ":")).encode())
    return made


def row_lists(rows: Matrix, count: int, name: str) -> list[bytes]:
    """Write the rows as lists of numbers under a name."""
    return [
        json.dumps({name: rows[start : start + count].tolist()}, separators=(",", ":")).encode()
        for start in range(0, len(rows) - count + 1, count)
    ]
