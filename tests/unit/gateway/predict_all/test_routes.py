import json
from typing import Any

import pytest

from gateway.openapi import request_fields
from gateway.predict_all.routes import CapabilityAnswer, PredictAll, joined, without_request_id
from services.specs import spec_of
from shared.capabilities import TABLE, capability
from shared.errors import BadRequest, NoModelTrained
from shared.http.problem import MalformedJson

PREDICT_ALL = PredictAll(request_fields)
ANSWERED = CapabilityAnswer("scoring", b'{"predictions":[1.50]}')


def failed(name: str, status: int, **members: Any) -> CapabilityAnswer:
    return CapabilityAnswer(name, b"", {"status": status, "code": f"code-{status}", **members})


def test_answers_are_joined_as_the_bytes_that_they_are() -> None:
    answer = joined([ANSWERED, failed("churn", 504)], "r-1")

    assert answer.status == 200
    assert answer.body == (
        b'{"answers":{"scoring":{"predictions":[1.50]}},'
        b'"problems":{"churn":{"status":504,"code":"code-504"}},"request_id":"r-1"}'
    )


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [((409, 422), 422), ((504, 409), 504), ((500, 503), 503)],
    ids=["the gravest", "late", "what may pass"],
)
def test_if_none_answers_one_problem_is_the_answer(statuses: tuple[int, int], expected: int) -> None:
    waits = {503: {"retry_after_seconds": 2}}
    answers = [failed(name, status, **waits.get(status, {})) for name, status in zip("ab", statuses, strict=True)]

    answer = joined(answers, "r-1")

    assert answer.status == expected
    assert json.loads(answer.body)["problems"].keys() == {"a", "b"}


def test_nothing_to_join_is_an_account_without_a_model() -> None:
    with pytest.raises(NoModelTrained):
        joined([], "r-1")


def test_a_request_id_that_does_not_stand_last_is_left_out_too() -> None:
    assert without_request_id(b'{"request_id": "r-1", "a": 1}', "r-1") == b'{"a":1}'


def test_a_request_id_within_a_text_stays() -> None:
    body = b'{"a":",\\"request_id\\":\\"r-1\\"}","request_id":"r-1"}'

    assert without_request_id(body, "r-1") == b'{"a":",\\"request_id\\":\\"r-1\\"}"}'


@pytest.mark.parametrize("body", [b"", b"[", b"\xff{"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        PREDICT_ALL.request_of(body)


@pytest.mark.parametrize("body", [b"[]", b"7", b'{"contacts": 7}', b'{"contacts": [], "contacts": []}'])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        PREDICT_ALL.request_of(body)


def test_options_are_what_a_capabilitys_own_request_has_more() -> None:
    assert PREDICT_ALL.option_fields(capability("scoring")) == {"outcome"}
    assert PREDICT_ALL.option_fields(capability("churn")) == {"outcome", "horizon_days", "horizons", "survival"}
    assert PREDICT_ALL.option_fields(capability("segmentation")) == set()


def test_every_field_that_commits_is_one_of_the_request() -> None:
    unknown = {
        line.name: {*line.committing_fields, *dict(line.harmless)} - spec_of(line.name).request.model_fields.keys()
        for line in TABLE
    }

    assert unknown == {line.name: set() for line in TABLE}


def test_a_capability_that_commits_something_names_by_which_fields() -> None:
    committing = {line.name for line in TABLE if spec_of(line.name).before_respond is not None}

    assert committing == {line.name for line in TABLE if line.committing_fields or line.harmless}


def test_no_option_makes_an_answer_commit_something() -> None:
    for line in TABLE:
        spec = spec_of(line.name)
        plain = spec.request.model_validate(line.harmless_request({"contacts": [{"id": "c-1"}]}))

        assert spec.before_respond is None or not spec.before_respond.applies(plain), line.name


def test_fields_by_which_nothing_is_committed_may_be_given_and_not_changed() -> None:
    harmless, denied = (
        {"contacts": [{"id": "c-1"}], "options": {"messages": {"purpose": purpose}}}
        for purpose in ("preview", "decide")
    )

    assert PREDICT_ALL.request_of(json.dumps(harmless).encode()).options == {"messages": {"purpose": "preview"}}
    with pytest.raises(BadRequest) as refused:
        PREDICT_ALL.request_of(json.dumps(denied).encode())
    assert refused.value.members["errors"] == [
        {
            "pointer": "/options/messages/purpose",
            "detail": "This field is not taken here; its answer would commit something; ask at /next-best-message.",
        }
    ]
