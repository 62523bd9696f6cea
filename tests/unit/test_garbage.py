"""How seldom a process of ours looks for cycles of garbage, whichever package it begins with."""

import json
import subprocess
import sys

import pytest

from shared import COLLECT_AFTER

SCRIPT = """
import atexit, gc, json
atexit.register(lambda: print(json.dumps([gc.get_threshold(), gc.get_freeze_count() > 0])))
import {package}
"""
"""What is registered first runs last: after what the package does at the end."""


@pytest.mark.parametrize("package", ["foretell", "gateway", "services", "shared"])
def test_it_looks_seldom_and_at_its_end_no_more(package: str) -> None:
    script = SCRIPT.format(package=package)

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert json.loads(done.stdout) == [list(COLLECT_AFTER), True]
