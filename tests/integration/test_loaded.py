"""What a process loads: of one capability nothing of another, and of a spec no library of models."""

import json
import subprocess
import sys

import pytest

from shared.capabilities import TABLE

NAMES = [line.name for line in TABLE]
HEAVY = ("mlflow", "pandas", "sklearn", "lightgbm", "matplotlib", "shared.training")


def loaded_by(script: str) -> list[str]:
    """The modules of a new process after a script."""
    end = "\nimport json, sys; print(json.dumps(sorted(name for name, module in sys.modules.items() if module)))"
    done = subprocess.run([sys.executable, "-c", script + end], capture_output=True, text=True, check=True, timeout=300)
    return list(json.loads(done.stdout.splitlines()[-1]))


def of_others(name: str, modules: list[str]) -> list[str]:
    others = {f"services.{other}" for other in NAMES if other != name}
    return [module for module in modules if ".".join(module.split(".")[:2]) in others]


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_loads_neither_training_nor_a_library_of_models_nor_another_capability(name: str) -> None:
    modules = loaded_by(f"from services.specs import spec_of; spec_of({name!r})")

    assert [module for module in modules if module in HEAVY or module.startswith(f"services.{name}.train")] == []
    assert of_others(name, modules) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_service_loads_nothing_of_another_capability_nor_of_training(name: str) -> None:
    modules = loaded_by(
        "from services.specs import spec_of; from shared.http.process import block_training_libraries\n"
        "from shared.serving.service import create_app; from shared.settings import ServiceSettings\n"
        "block_training_libraries()\n"
        f"create_app(spec_of({name!r}), ServiceSettings(signing_key='0' * 64))\n"
        f"try: spec_of({name!r}).load(__import__('pathlib').Path('nowhere'))\n"
        "except Exception as error: assert type(error).__name__ == 'ArtifactRefused', error\n"
    )

    assert of_others(name, modules) == []
    assert [module for module in modules if module in {"mlflow", "pandas", "sklearn", "shared.training"}] == []


def test_a_training_loads_nothing_of_another_capability() -> None:
    name = NAMES[0]  # one is enough: what is loaded by name is the same code for each, the rest import-linter sees
    modules = loaded_by(
        "import foretell.cli.app, foretell.train, services.specs, shared.training.recipe, typer\n"
        "group = typer.main.get_command(foretell.cli.app.app).commands['train']\n"
        f"assert group.get_command(None, {name!r})\n"
        f"foretell.train.recipe_of(services.specs.spec_of({name!r}))"
    )

    assert f"services.{name}.training" in modules
    assert of_others(name, modules) == []


@pytest.mark.parametrize("name", ["scoring", "churn"])
def test_counting_an_outcome_before_its_training_loads_no_library_of_models(name: str) -> None:
    modules = loaded_by(
        f"import foretell.cli.outcome_preview as preview\nassert preview.recipe_of(preview.spec_of({name!r})).frames"
    )

    assert [module for module in modules if module in {"mlflow", "pandas", "sklearn", "lightgbm", "matplotlib"}] == []
