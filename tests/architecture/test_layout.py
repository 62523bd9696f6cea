"""The table, the folders and the names agree; every file keeps to its size."""

import ast
import tomllib
from pathlib import Path

import pytest
import yaml

from shared.capabilities import TABLE
from tests.architecture.syntax import nodes

BANNED = {"utils", "util", "helpers", "helper", "common", "base", "core", "manager", "managers", "misc"}
MAXIMUM_LINES = 500
"""Past it a file is two; up to it, what is always read together stays one."""
OUR_CODE = ("foretell", "gateway", "services", "shared", "tests", "bench", ".ci")


def folders_of(parent: Path) -> set[str]:
    return {path.name for path in parent.iterdir() if path.is_dir() and path.name != "__pycache__"}


def test_every_capability_is_a_folder_and_every_folder_a_capability(root: Path) -> None:
    assert folders_of(root / "services") == {line.name for line in TABLE}


def test_every_capability_is_a_kubernetes_folder_and_the_other_way_round(root: Path) -> None:
    assert folders_of(root / "k8s" / "services") == {line.name for line in TABLE}


def test_every_overlay_renders_every_capability(root: Path) -> None:
    expected = {f"../../services/{line.name}" for line in TABLE}

    def resources(overlay: Path) -> set[str]:
        named = yaml.safe_load((overlay / "kustomization.yaml").read_text())["resources"]
        below = [resources(overlay / name) for name in named if (overlay / name).parent.resolve() == overlays]
        return {*named, *(name for one in below for name in one)}

    overlays = (root / "k8s" / "overlays").resolve()
    for overlay in overlays.iterdir():
        assert {name for name in resources(overlay) if "/services/" in name} == expected, overlay


def test_compose_starts_every_capability(root: Path) -> None:
    services = yaml.safe_load((root / "compose.yaml").read_text())["services"]

    commands = {name: service["command"][2:4] for name, service in services.items() if "'services'" in str(service)}

    assert commands == {line.name: ["services", line.name] for line in TABLE}


def test_every_folder_with_code_is_a_package(root: Path, sources: dict[Path, ast.Module]) -> None:
    folders = {parent for path in sources for parent in path.parents if parent != Path()}

    missing = sorted(str(folder) for folder in folders if not (root / folder / "__init__.py").exists())

    assert missing == [], "import-linter does not see a folder without __init__.py"


def test_no_module_has_a_name_that_says_nothing(sources: dict[Path, ast.Module]) -> None:
    offenders = [str(path) for path in sources if BANNED & {part.removesuffix(".py") for part in path.parts}]

    assert offenders == []


@pytest.mark.parametrize("folder", OUR_CODE)
def test_a_file_past_its_size_is_two_files(root: Path, folder: str) -> None:
    lengths = {
        str(path.relative_to(root)): len(path.read_text().splitlines()) for path in (root / folder).rglob("*.py")
    }

    assert {path: lines for path, lines in lengths.items() if lines > MAXIMUM_LINES} == {}


def test_all_four_packages_are_linted_and_typed(root: Path) -> None:
    tools = tomllib.loads((root / "pyproject.toml").read_text())["tool"]

    assert set(tools["importlinter"]["root_packages"]) == {"foretell", "gateway", "services", "shared"}
    assert set(tools["mypy"]["packages"]) == {"foretell", "gateway", "services", "shared"}
    assert not any(
        module.split(".")[0] in {"foretell", "gateway", "services", "shared"}
        for override in tools["mypy"]["overrides"]
        for module in override["module"]
    ), "none of our packages is opted out of the type check"


def test_two_classes_share_no_name(sources: dict[Path, ast.Module]) -> None:
    """A reader who finds a name in one package must not find another meaning of it in the next."""
    places: dict[str, set[str]] = {}
    for path, tree in sources.items():
        for node in nodes(tree):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, set()).add(str(path))

    assert {name: sorted(paths) for name, paths in places.items() if len(paths) > 1} == {}
