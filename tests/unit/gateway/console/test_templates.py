"""Every template of the console with a value that is harmful wherever it stands: it stays text."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from jinja2 import Environment, meta
from jinja2.utils import htmlsafe_json_dumps

from gateway.console.rendering import environment, with_query

HARM = """<script>alert(1)</script>"'><img src=x onerror=alert(1)>"""


class Poison:
    """Whatever a template makes of it, it says something harmful: each of its members, each item, each text."""

    def __str__(self) -> str:
        return HARM

    def __format__(self, shape: str) -> str:
        return HARM

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Poison()

    def __getitem__(self, key: object) -> Any:
        return Poison()

    def __call__(self, *_: object, **__: object) -> Any:
        return Poison()

    def __iter__(self) -> Iterator[Any]:
        return iter((Poison(), Poison()))

    def __len__(self) -> int:
        return 2

    def __hash__(self) -> int:
        return 1

    def _number(self, *_: object) -> Any:
        return Poison()

    def _yes(self, _: object) -> bool:
        return True

    def __float__(self) -> float:
        return 0.5

    def __int__(self) -> int:
        return 1

    __index__ = __int__
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _number
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __neg__ = __abs__ = __round__ = __pow__ = _number
    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _yes


@cache
def poisoned() -> Environment:
    """Return the console's templates, with filters that read what no poison can be replaced by ones that let it by.

    They are compiled once for all tests: most are made of the same few.
    """
    made = environment().overlay()
    made.filters = environment().filters | {
        "ago": str,
        "clock": str,
        "seconds": lambda _: 0,
        "when": lambda value, **_: str(value),
        "count": lambda value: str(value),
        "number": lambda value, *_: str(value),
        "share": lambda value, *_: str(value),
        "per_hundred": lambda value, *_: str(value),
        "seg": str,
        "tojson": lambda value, **_: htmlsafe_json_dumps(value, default=str),
        "plot": lambda value: json.dumps(value, default=str),
        "round": lambda value, *_: value,
        "sort": lambda value, *_, **__: value,
        "selectattr": lambda value, *_: [Poison(), Poison()],
        "map": lambda value, *_, **__: [Poison(), Poison()],
    }
    made.globals = environment().globals | {
        "bar": lambda *_: "",
        "calibration_chart": lambda *_: "",
        "calibration_finding": lambda *_: HARM,
        "with_query": lambda path, **given: with_query(str(path), **{name: str(one) for name, one in given.items()}),
    }
    looked_up = made.getitem

    def getitem(of: Any, key: Any) -> Any:
        return Poison() if isinstance(key, Poison) else looked_up(of, key)

    made.getitem = getitem  # type: ignore[method-assign]
    return made


@cache
def names(found: Environment, template: str) -> set[str]:
    """List what a template and those that it is made of take from outside."""
    assert found.loader is not None
    tree = found.parse(found.loader.get_source(found, template)[0])
    own = meta.find_undeclared_variables(tree) - set(found.globals)
    theirs = (names(found, other) for other in meta.find_referenced_templates(tree) if other)
    return own.union(*theirs)


@pytest.mark.parametrize("template", environment().list_templates(extensions=["html"]))
def test_a_value_from_data_stays_text_in_every_template(template: str) -> None:
    found = poisoned()
    ours = {"base": "/console", "here": "/console", "form_token": "t", "form_once": "o", "layout": "base.html"}
    given: dict[str, Any] = dict.fromkeys(names(found, template) | names(found, "base.html"), Poison())

    text = found.get_template(template).render(given | ours)

    assert re.findall(r"<script(?! src=\"/console/static/)|<img src=x|\"'>", text) == []
    assert re.findall(r"(?:href|src|action|hx-[a-z]+)=\"(?:&lt;|javascript:)", text) == []


def test_no_template_lets_a_value_by_unescaped_or_writes_a_script_or_a_style_inline() -> None:
    found = environment()
    assert found.loader is not None
    sources = {name: found.loader.get_source(found, name)[0] for name in found.list_templates(extensions=["html"])}
    bad = re.compile(
        r"\|\s*safe\b|autoescape|<script(?![^>]*\bsrc=)|<style|\sstyle=|\son(?!ce=)[a-z]+=|hx-on|javascript:", re.I
    )

    assert {name: bad.findall(text) for name, text in sources.items() if bad.search(text)} == {}


def test_what_a_form_calls_is_made_of_escaped_parts() -> None:
    found = environment()
    assert found.loader is not None
    called = re.compile(
        r"parts\.(?:form|button)\((?:[^,\"]*,\s*)??\"(?:POST|PUT|PATCH|DELETE) [^\"]*\" ~ (?!\([^)]*\|\s*seg\))(\w*)"
    )
    faults = dict[str, list[str]]()
    for name in found.list_templates(extensions=["html"]):
        text = found.loader.get_source(found, name)[0]
        escaped = re.findall(r"{% set (\w+) = [^%]*\|\s*seg\b", text)
        faults[name] = [variable for variable in called.findall(text) if variable not in escaped]

    assert {name: variables for name, variables in faults.items() if variables} == {}
