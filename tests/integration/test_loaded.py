"""What a process loads: of one capability nothing of another, and of a spec no library of models."""

import json
import subprocess
import sys
from functools import cache

import pytest

from shared.capabilities import TABLE

NAMES = [line.name for line in TABLE]
PREVIEWED = ["scoring", "churn"]
HEAVY = ("mlflow", "pandas", "sklearn", "lightgbm", "matplotlib", "shared.training")


AFTER_ALL = """
import json, os, sys
def ask(script):
    reading, writing = os.pipe()
    if os.fork() == 0:
        exec(script, {})
        os.write(writing, json.dumps(sorted(name for name, module in sys.modules.items() if module)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        print(said.read().decode(), flush=True)
    os.wait()
for script in json.load(sys.stdin):
    ask(script)
"""
"""Runs each script in a fork of what was loaded first: nothing that one loads is there for the next."""


def loaded_by(*scripts: str, first: str = "") -> list[list[str]]:
    """The modules of a new process after what all load first and each script."""
    done = subprocess.run(
        [sys.executable, "-c", first + AFTER_ALL],
        input=json.dumps(scripts),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found = [list(json.loads(line)) for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(found) == len(scripts), done.stderr
    return found


@cache
def of_specs() -> dict[str, list[str]]:
    """What is loaded by the spec of each capability."""
    scripts = [f"from services.specs import spec_of; spec_of({name!r})" for name in NAMES]
    return dict(zip(NAMES, loaded_by(*scripts, first="import services.specs"), strict=True))


@cache
def of_services() -> dict[str, list[str]]:
    """What is loaded by the service of each capability."""
    first = (
        "from services.specs import spec_of; from shared.environment import block_training_libraries\n"
        "from shared.serving.service import create_app; from shared.settings import ServiceSettings"
    )
    scripts = [
        f"{first}\n"
        "block_training_libraries()\n"
        f"create_app(spec_of({name!r}), ServiceSettings(signing_key='0' * 64))\n"
        f"try: spec_of({name!r}).load(__import__('pathlib').Path('nowhere'))\n"
        "except Exception as error: assert type(error).__name__ == 'ArtifactRefused', error\n"
        for name in NAMES
    ]
    return dict(zip(NAMES, loaded_by(*scripts, first=first), strict=True))


@cache
def of_previews() -> dict[str, list[str]]:
    """What is loaded to count an outcome before its training."""
    first = "import foretell.cli.outcome_preview as preview"
    scripts = [f"{first}\nassert preview.recipe_of(preview.spec_of({name!r})).frames" for name in PREVIEWED]
    return dict(zip(PREVIEWED, loaded_by(*scripts, first=first), strict=True))


def of_others(name: str, modules: list[str]) -> list[str]:
    others = {f"services.{other}" for other in NAMES if other != name}
    return [module for module in modules if ".".join(module.split(".")[:2]) in others]


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_loads_neither_training_nor_a_library_of_models_nor_another_capability(name: str) -> None:
    modules = of_specs()[name]

    assert [module for module in modules if module in HEAVY or module.startswith(f"services.{name}.train")] == []
    assert of_others(name, modules) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_service_loads_nothing_of_another_capability_nor_of_training(name: str) -> None:
    modules = of_services()[name]

    assert of_others(name, modules) == []
    assert [module for module in modules if module in {"mlflow", "pandas", "sklearn", "shared.training"}] == []


def test_a_training_loads_nothing_of_another_capability() -> None:
    name = NAMES[0]  # one is enough: what is loaded by name is the same code for each, the rest import-linter sees
    (modules,) = loaded_by(
        "import foretell.cli.app, foretell.train, services.specs, shared.training.recipe, typer\n"
        "group = typer.main.get_command(foretell.cli.app.app).commands['train']\n"
        f"assert group.get_command(None, {name!r})\n"
        f"services.specs.recipe_of(services.specs.spec_of({name!r}))"
    )

    assert f"services.{name}.training" in modules
    assert of_others(name, modules) == []


@pytest.mark.parametrize("name", PREVIEWED)
def test_counting_an_outcome_before_its_training_loads_no_library_of_models(name: str) -> None:
    modules = of_previews()[name]

    assert [module for module in modules if module in {"mlflow", "pandas", "sklearn", "lightgbm", "matplotlib"}] == []
