"""The nodes of a parsed file, gone through once for all tests."""

import ast
from functools import cache


@cache
def nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    """Return a tree and all that lies below it: to walk through every file of the product takes a second."""
    return tuple(ast.walk(tree))
