"""Virtual environments of the other model servers: made from their released packages, kept in a cache folder."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.serving.arithmetic import Void


def python_of(folder: Path, packages: Sequence[str]) -> Path:
    """Return the interpreter of an environment that holds some packages; make it when it is missing or of others.

    Args:
        folder: of the environment.
        packages: with their versions, as pip reads them.

    Raises:
        Void: the environment cannot be made; the last line of what was said.
    """
    python, installed = folder / "bin" / "python", folder / "installed.json"
    if python.exists() and installed.exists() and json.loads(installed.read_text()) == list(packages):
        return python
    print(f"  making an environment for {packages[0]}", file=sys.stderr, flush=True)
    _step([sys.executable, "-m", "venv", "--clear", folder])
    _step([python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--prefer-binary", *packages])
    # Last: an environment that was broken off is made anew.
    installed.write_text(json.dumps(list(packages)))
    return python


def versions_in(python: Path, names: Sequence[str]) -> dict[str, str]:
    """Read the versions of installed distributions."""
    program = f"import json; from importlib.metadata import version; print(json.dumps([version(n) for n in {names!r}]))"
    said = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=False)
    if said.returncode:
        raise Void(said.stderr.strip().splitlines()[-1])
    return dict(zip(names, json.loads(said.stdout), strict=True))


def _step(command: Sequence[str | Path]) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        said = (ran.stderr or ran.stdout).strip().splitlines() or [f"exit code {ran.returncode}"]
        raise Void(f"it could not be installed: {said[-1][:300]}")
