"""What the tests of the structure look at: our own files, and the manifests as kustomize renders them."""

import ast
import gc
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PACKAGES = ("foretell", "gateway", "services", "shared")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def sources() -> dict[Path, ast.Module]:
    """Every file of the four packages, parsed; keys are relative to the root."""
    files = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    gc.disable()  # it would go through a million nodes again and again: three times as long as to parse
    found = {path.relative_to(ROOT): ast.parse(path.read_text()) for path in files}
    gc.freeze()
    gc.enable()
    return found


@pytest.fixture(scope="session")
def render() -> Callable[[str], list[dict[str, Any]]]:
    """Render a folder of k8s/ as the cluster would get it, each once."""
    if shutil.which("kubectl"):
        command = ["kubectl", "kustomize"]
    elif shutil.which("kustomize"):
        command = ["kustomize", "build"]
    else:
        pytest.skip("neither kubectl nor kustomize is installed")

    @cache
    def rendered(folder: str) -> list[dict[str, Any]]:
        done = subprocess.run([*command, str(ROOT / "k8s" / folder)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        # The same as `safe_load_all` in C: a tenth of the time.
        return [document for document in yaml.load_all(done.stdout, yaml.CSafeLoader) if document]

    return rendered
