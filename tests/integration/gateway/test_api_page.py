import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

PAGE = Path("docs/api.md")
EXAMPLE = re.compile(r"^```console\n\$ (?P<command>.+?)\n(?P<answer>.*?)^```$", re.MULTILINE | re.DOTALL)
"""Examples marked `trained` need a model and are run end to end."""


def fits(shown: Any, real: Any) -> bool:
    """Compare; `...` stands for anything."""
    if shown == "...":
        return True
    if isinstance(shown, dict) and isinstance(real, dict):
        return shown.keys() == real.keys() and all(fits(value, real[name]) for name, value in shown.items())
    if isinstance(shown, list) and isinstance(real, list):
        return len(shown) == len(real) and all(map(fits, shown, real))
    return bool(shown == real)


async def test_every_example_of_the_page_is_answered_as_shown(gateway) -> None:
    environment = {**os.environ, "FORETELL": gateway.url, "KEY": gateway.key()}
    examples = [(one["command"], one["answer"].strip()) for one in EXAMPLE.finditer(PAGE.read_text())]

    wrong = []
    for command, shown in examples:
        asked = await asyncio.create_subprocess_exec("bash", "-c", command, stdout=-1, env=environment)
        real, _ = await asked.communicate()
        if not fits(json.loads(shown), json.loads(real)):
            wrong.append((command, shown, real.decode()))

    assert len(examples) > 10
    assert wrong == []
