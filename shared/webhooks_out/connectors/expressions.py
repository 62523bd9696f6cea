"""The language of templates: jinja2's expressions, without any that could run long or use much memory.

jinja2's sandbox protects Python from a template, but does not stop endless loops (`{% for %}`) or texts that fill the
memory (`"a" * 10**9`, `"%999999999d" % 1`). So only nodes and filters are allowed whose work is bounded by the length
of the text.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, cast

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import SandboxedEnvironment

MAX_TEXT: Final = 2_000
MAX_PLACES: Final = 15
"""That `round` may keep: it raises 10 to the number it is given."""
_NODES: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Slice,
    nodes.Const, nodes.Filter, nodes.Test, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or,
    nodes.Not, nodes.Neg, nodes.Add, nodes.Sub, nodes.Concat, nodes.If,
)  # fmt: skip
_FILTERS: Final = frozenset(
    {"abs", "d", "default", "first", "float", "int", "last", "length", "lower", "round", "string", "trim", "upper"}
)
_TESTS: Final = frozenset({"defined", "undefined", "none", "string", "number"})
_ALONE: Final = re.compile(r"\s*\{\{(?P<expression>[^{}]+)\}\}\s*")
_ENVIRONMENT: Final = SandboxedEnvironment(autoescape=False, undefined=StrictUndefined, cache_size=0)
_ENVIRONMENT.globals.clear()


class TemplateRefused(ValueError):
    """A template uses something that is not allowed, or cannot be read."""


def check(text: str) -> None:
    """Check one text of a template.

    Raises:
        TemplateRefused: says why.
    """
    _program(text)


def rendered(text: str, names: Mapping[str, Any]) -> Any:
    """Return one text filled in; a text that is only an expression keeps the type of its value.

    Raises:
        TemplateRefused: it is not allowed, or a name in it is not there or does not fit.
    """
    program = _program(text)
    try:
        value = program(names)
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, NameError) as error:
        raise TemplateRefused("a template cannot be filled in: a name is not in it, or does not fit") from error
    if value is not None and not isinstance(value, str | int | float | bool | list | dict):
        raise TemplateRefused("a template cannot be filled in: a name is not in the message")
    return value


@lru_cache(maxsize=2_000)
def _program(text: str) -> Callable[[Mapping[str, Any]], Any]:
    """Check and compile a text; cached, because every attempt of every delivery fills it in."""
    if len(text) > MAX_TEXT:
        raise TemplateRefused(f"a text has more than {MAX_TEXT} characters")
    try:
        tree = _ENVIRONMENT.parse(text)
    except (TemplateError, RecursionError) as error:
        raise TemplateRefused("a text is not a jinja2 template") from error
    for node in (tree, *tree.find_all(nodes.Node)):
        _check_node(node)
    try:  # only now: compiling already computes what is constant
        alone = _ALONE.fullmatch(text)
        if alone is None:
            return _ENVIRONMENT.from_string(text).render
        # As the only element of a list, so that an undefined name is an error here as it is in a text.
        compiled = _ENVIRONMENT.compile_expression(f"[{alone['expression']}]", undefined_to_none=False)
    except (TemplateError, SyntaxError, RecursionError, MemoryError) as error:
        raise TemplateRefused("a text is too deep for a template") from error
    return lambda names: cast(list[Any], compiled(names))[0]


def _check_node(node: nodes.Node) -> None:
    if not isinstance(node, _NODES):
        raise TemplateRefused(f"{type(node).__name__.lower()} is not allowed; take expressions, filters and if")
    if isinstance(node, nodes.Filter) and (node.name not in _FILTERS or node.dyn_args or node.dyn_kwargs):
        raise TemplateRefused(f"a filter is not allowed; there are {', '.join(sorted(_FILTERS))}")
    if isinstance(node, nodes.Filter) and node.name == "round" and not all(map(_is_small, [*node.args, *node.kwargs])):
        raise TemplateRefused(f"round takes a number of places from 0 to {MAX_PLACES}, written out")
    if isinstance(node, nodes.Test) and node.name not in _TESTS:
        raise TemplateRefused(f"a test is not allowed; there are {', '.join(sorted(_TESTS))}")


def _is_small(argument: nodes.Node) -> bool:
    written = argument.value if isinstance(argument, nodes.Keyword) else argument
    if not isinstance(written, nodes.Const):
        return False
    return isinstance(written.value, str) or (type(written.value) is int and 0 <= written.value <= MAX_PLACES)
