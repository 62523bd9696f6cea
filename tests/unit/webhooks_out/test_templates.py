import json
from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts.message import EXAMPLES
from shared.webhooks_out.connectors.template import TemplateSettings, call
from shared.webhooks_out.message import HttpCall, OutboundMessage, UnsupportedMessage

AT = "2026-06-01T00:00:00Z"
BAND = OutboundMessage("score.band_changed", AT, EXAMPLES["score.band_changed"])


def filled(body: Any, message: OutboundMessage = BAND, **settings: Any) -> HttpCall:
    return call("https://a.example", message, TemplateSettings(body=body, **settings))


def test_a_text_that_is_an_expression_alone_keeps_its_type() -> None:
    body = {"score": "{{ data.score }}", "p": "{{data.probability}}", "none": "{{ data.reasons[0].value }}", "n": 1}

    assert json.loads(filled(body).body) == {"score": 93, "p": 0.41, "none": 4.0, "n": 1}


def test_any_other_text_is_filled_in() -> None:
    body = ["{{ type }} at {{ timestamp }}", "{% if data.score > 90 %}hot{% else %}cold{% endif %}", True, None]

    assert json.loads(filled(body).body) == ["score.band_changed at 2026-06-01T00:00:00Z", "hot", True, None]


def test_filters_tests_and_facts_are_there() -> None:
    body = {
        "band": "{{ facts.band | upper }}",
        "why": "{{ facts.reasons }}",
        "share": "{{ data.probability | round(1) }}",
        "least": "{{ data.probability | round(1, 'floor') }}",
        "segment": "{{ facts.segment | default('none') }}",
        "moved": "{{ data.previous_band ~ '>' ~ data.band if data.previous_band is not none else 'new' }}",
    }

    assert json.loads(filled(body).body) == {
        "band": "HIGH",
        "why": "Clicked 4 emails in the last 30 days",
        "share": 0.4,
        "least": 0.4,
        "segment": "none",
        "moved": "medium>high",
    }


def test_a_value_that_looks_like_json_or_a_template_stays_a_text() -> None:
    message = OutboundMessage(BAND.type, AT, {**BAND.data, "contact_id": '"}, {{ data.score }} <b>'})

    assert json.loads(filled({"id": "{{ data.contact_id }}"}, message).body) == {"id": '"}, {{ data.score }} <b>'}


def test_what_is_filled_into_a_path_stays_one_part_of_it() -> None:
    message = OutboundMessage(BAND.type, AT, {**BAND.data, "contact_id": "../a?b=c#d"})

    sent = filled({}, message, path="/people/{{ data.contact_id }}/score", method="PUT")

    assert (sent.method, sent.url) == ("PUT", "https://a.example/people/..%2Fa%3Fb%3Dc%23d/score")


def test_a_path_that_does_not_begin_with_a_slash_cannot_change_the_host() -> None:
    with pytest.raises(UnsupportedMessage, match="slash"):
        filled({}, path=".evil.example/{{ data.contact_id }}")


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in range(9) %}x{% endfor %}",
        "{{ range(10 ** 9) }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ data | replace('', 'aaaa') }}",
        "{{ data | tojson }}",
        "{{ data | map('upper') }}",
        "{{ data.items() }}",
        "{% set x = 1 %}",
        "{% include 'x' %}",
        "{% import 'os' as os %}",
        "{% macro m() %}{% endmacro %}",
        "{{ 5 | round(-100000000) }}",
        "{{ 5 | round(100000000, 'ceil') }}",
        "{{ 5 | round(precision=100000000) }}",
        "{{ 5 | round(data.score) }}",
        "{{ [1, 2] }}",
        "{{ a, b }}",
        "{{ a] + [b }}",
        "{{ data",
        "{% if %}",
        "{{ data is divisibleby(0) }}",
        "x" * 2_001,
        "{% if 1 %}" * 110 + "x" + "{% endif %}" * 110,
        "{{ " + "(" * 900 + "1" + ")" * 900 + " }}",
    ],
)
def test_what_could_run_long_or_grow_large_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TemplateSettings(body={"deep": [text]})


@pytest.mark.parametrize(
    "text",
    [
        "{{ data.nothing }}",
        "{{ nothing }}",
        "x{{ nothing }}",
        "{{ range }}",
        "{{ lipsum }}",
        "{{ data.__class__ }}",
        "{{ data['__class__'] }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ data.score + 'x' }}",
        "{{ -data.band }}",
        "{{ '1e999' | float }}",
        "{{ data.items }}",
        "{{ data.reasons[7] }}",
    ],
)
def test_what_cannot_be_filled_in_is_not_sent(text: str) -> None:
    with pytest.raises(UnsupportedMessage):
        filled({"a": text})


def test_a_body_has_bounds() -> None:
    deep: Any = "x"
    for _ in range(8):
        deep = [deep]

    with pytest.raises(ValidationError):
        TemplateSettings(body=deep)
    with pytest.raises(ValidationError):
        TemplateSettings(body=["x"] * 100)
    with pytest.raises(UnsupportedMessage, match="20000 bytes"):
        filled(["y" * 1_900] * 12)
