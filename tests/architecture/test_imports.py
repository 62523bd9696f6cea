"""What import-linter cannot see: imports by name, circles of folders, shared modules that one process alone uses."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.architecture.syntax import nodes

OWNERS = {"mlflow": "shared.registry", "sqlalchemy": "shared.store", "alembic": "shared.store"}
IMPORTERS = {
    "import_module",
    "__import__",
    "resolve_name",
    "find_spec",
    "spec_from_file_location",
    "run_module",
    "run_path",
}
# Where a module is imported by a name that is not written out: what starts and what finds the lines of the table.
COMPOSED = {"foretell.child", "foretell.preloaded", "services.specs"}
WITHOUT_CIRCLES = (
    pytest.param("gateway", marks=pytest.mark.xfail(strict=True, reason="auth.py names context.py for its types")),
    "services",
    "shared",
)


def module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def dynamic_imports(tree: ast.Module) -> Iterator[tuple[int, str | None]]:
    """Yield the line and, where it is written out, the name of every import made by a function."""
    for node in nodes(tree):
        if isinstance(node, ast.Call) and called(node) in IMPORTERS:
            first = node.args[0] if node.args else None
            yield node.lineno, first.value if isinstance(first, ast.Constant) else None


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield every module, and every name that may be one, that a file imports."""
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("package", WITHOUT_CIRCLES)
def test_the_folders_of_a_package_import_each_other_in_no_circle(sources: dict[Path, ast.Module], package: str) -> None:
    """A folder, or a file beside the folders, imports downwards only: wherever in a file the import stands."""
    arrows = arrows_between_folders(sources, package)
    imported_by = {importer: {one for by, one in arrows if by == importer} for importer, _ in arrows}

    try:
        TopologicalSorter(imported_by).prepare()
        circle: list[str] = []
    except CycleError as error:
        circle = error.args[1]

    named = (f"{by} -> {one}: {', '.join(sorted(arrows[by, one]))}" for one, by in pairwise(circle))
    assert circle == [], "\n".join(named)


def arrows_between_folders(sources: dict[Path, ast.Module], package: str) -> dict[tuple[str, str], set[str]]:
    """Return the statements by which one folder, or file beside the folders, of a package imports another."""
    known = {module_of(path): path for path in sources}
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path, tree in sources.items():
        if path.parts[0] == package:
            for module in known.keys() & imported(tree):
                importer, target = part_of(path), part_of(known[module])
                if target.startswith(f"{package}/") and importer != target:
                    found[importer, target].add(f"{path} imports {module}")
    return found


def part_of(path: Path) -> str:
    """Name the folder of a package that a file lies in, or the file itself where it lies beside the folders."""
    return "/".join(path.parts[:2])


@pytest.mark.parametrize(("library", "owner"), OWNERS.items())
def test_a_library_with_one_owner_is_not_imported_round_it(
    sources: dict[Path, ast.Module], library: str, owner: str
) -> None:
    offenders = [
        f"{path}:{line}"
        for path, tree in sources.items()
        if not module_of(path).startswith(owner)
        for line, name in dynamic_imports(tree)
        if name and name.split(".")[0] == library
    ]

    assert offenders == []


def test_a_module_is_imported_by_a_computed_name_only_where_it_is_written_down(
    sources: dict[Path, ast.Module],
) -> None:
    found = {
        module_of(path)
        for path, tree in sources.items()
        for _, name in dynamic_imports(tree)
        if name is None and not module_of(path).startswith(tuple(OWNERS.values()))
    }

    assert found <= COMPOSED


def test_no_file_imports_relatively(sources: dict[Path, ast.Module]) -> None:
    offenders = [
        f"{path}:{node.lineno}"
        for path, tree in sources.items()
        for node in nodes(tree)
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]

    assert offenders == []


def test_annotations_are_real_at_run_time(sources: dict[Path, ast.Module]) -> None:
    assert [str(path) for path, tree in sources.items() if "__future__.annotations" in set(imported(tree))] == []


def test_a_package_of_shared_serves_two_users_at_least(sources: dict[Path, ast.Module]) -> None:
    """A package that one user alone imports belongs to that user; users are processes and other packages."""
    names = {module_of(path): set(imported(tree)) for path, tree in sources.items()}
    packages = {".".join(module.split(".")[:2]) for module in names if module.startswith("shared.")}

    users = {
        package: {
            user
            for module, uses in names.items()
            if (user := user_of(module)) != package
            and any(use == package or use.startswith(f"{package}.") for use in uses)
        }
        for package in packages
    }

    assert {package: sorted(by) for package, by in users.items() if len(by) < 2} == {}


def user_of(module: str) -> str:
    """Name the process or the package that a module belongs to."""
    parts = module.split(".")
    if parts[0] == "foretell" or parts[0] == "gateway":
        return parts[0]
    if parts[0] == "services":
        return ".".join(parts[:1] + parts[2:3])
    return ".".join(parts[:2])
