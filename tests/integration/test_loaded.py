"""What a process loads: of one capability nothing of another, and of a spec no library of models."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from shared.capabilities import TABLE

NAMES = [line.name for line in TABLE]
PREVIEWED = ["scoring", "churn"]
HEAVY = ("mlflow", "pandas", "sklearn", "lightgbm", "matplotlib", "shared.training")


NESTED = """
import json, os, sys
import services.specs
def forked(work, *arguments):
    pid = os.fork()
    if pid == 0:
        work(*arguments)
        os._exit(0)
    os.waitpid(pid, 0)
def group(name, first, scripts):
    exec(first, {})
    for script in scripts:
        forked(answer, name, script)
def answer(name, script):
    exec(script, {})
    print(json.dumps([name, sorted(name for name, module in sys.modules.items() if module)]), flush=True)
for name, (first, scripts) in json.load(sys.stdin).items():
    forked(group, name, first, scripts)
"""
"""Runs each script of a group in a fork of what its group loads first, and each group in a fork of what all load:
nothing that one loads is there for the next."""


@dataclass(frozen=True)
class Group:
    """What processes of one kind run."""

    first: str
    scripts: Sequence[str]


SERVING = (
    "from services.specs import spec_of; from shared.environment import block_training_libraries\n"
    "from shared.serving.service import create_app; from shared.settings import ServiceSettings"
)
PREVIEW = "import foretell.cli.outcome_preview as preview"
TRAINED = NAMES[0]  # one is enough: what is loaded by name is the same code for each, the rest import-linter sees
GROUPS = {
    "specs": Group("", [f"from services.specs import spec_of; spec_of({name!r})" for name in NAMES]),
    "services": Group(
        SERVING,
        [
            f"{SERVING}\n"
            "block_training_libraries()\n"
            f"create_app(spec_of({name!r}), ServiceSettings(signing_key='0' * 64))\n"
            f"try: spec_of({name!r}).load(__import__('pathlib').Path('nowhere'))\n"
            "except Exception as error: assert type(error).__name__ == 'ArtifactRefused', error\n"
            for name in NAMES
        ],
    ),
    "previews": Group(
        PREVIEW,
        [f"{PREVIEW}\nassert preview.recipe_of(preview.spec_of({name!r})).frames" for name in PREVIEWED],
    ),
    "training": Group(
        "",
        [
            "import foretell.cli.app, foretell.train, services.specs, shared.training.recipe, typer\n"
            "group = typer.main.get_command(foretell.cli.app.app).commands['train']\n"
            f"assert group.get_command(None, {TRAINED!r})\n"
            f"services.specs.recipe_of(services.specs.spec_of({TRAINED!r}))"
        ],
    ),
}


@pytest.fixture(scope="module")
def loaded_by() -> dict[str, list[list[str]]]:
    """The modules of a new process after each script, by group."""
    done = subprocess.run(
        [sys.executable, "-c", NESTED],
        input=json.dumps({name: (group.first, group.scripts) for name, group in GROUPS.items()}),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found: dict[str, list[list[str]]] = {name: [] for name in GROUPS}
    for line in done.stdout.splitlines():
        if line.startswith("["):
            name, modules = json.loads(line)
            found[name].append(modules)
    assert [len(modules) for modules in found.values()] == [len(group.scripts) for group in GROUPS.values()], (
        done.stderr
    )
    return found


def of_others(name: str, modules: list[str]) -> list[str]:
    others = {f"services.{other}" for other in NAMES if other != name}
    return [module for module in modules if ".".join(module.split(".")[:2]) in others]


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_loads_neither_training_nor_a_library_of_models_nor_another_capability(
    loaded_by: dict[str, list[list[str]]], name: str
) -> None:
    modules = loaded_by["specs"][NAMES.index(name)]

    assert [module for module in modules if module in HEAVY or module.startswith(f"services.{name}.train")] == []
    assert of_others(name, modules) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_service_loads_nothing_of_another_capability_nor_of_training(
    loaded_by: dict[str, list[list[str]]], name: str
) -> None:
    modules = loaded_by["services"][NAMES.index(name)]

    assert of_others(name, modules) == []
    assert [module for module in modules if module in {"mlflow", "pandas", "sklearn", "shared.training"}] == []


def test_a_training_loads_nothing_of_another_capability(loaded_by: dict[str, list[list[str]]]) -> None:
    (modules,) = loaded_by["training"]

    assert f"services.{TRAINED}.training" in modules
    assert of_others(TRAINED, modules) == []


@pytest.mark.parametrize("name", PREVIEWED)
def test_counting_an_outcome_before_its_training_loads_no_library_of_models(
    loaded_by: dict[str, list[list[str]]], name: str
) -> None:
    modules = loaded_by["previews"][PREVIEWED.index(name)]

    assert [module for module in modules if module in {"mlflow", "pandas", "sklearn", "lightgbm", "matplotlib"}] == []
