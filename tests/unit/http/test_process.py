import sys
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from shared.http.process import run
from shared.settings import ServiceSettings


@pytest.fixture(autouse=True)
def libraries() -> Iterator[None]:
    """`run` makes libraries look absent; the tests after these need them."""
    before = dict(sys.modules)
    yield
    for name in [name for name, module in sys.modules.items() if module is None and before.get(name, 0) is not None]:
        del sys.modules[name]
    for name in ("scipy", "scipy.sparse"):
        if before.get(name) is not sys.modules.get(name):
            sys.modules.pop(name)
            if name in before:
                sys.modules[name] = before[name]


def test_a_process_without_its_settings_ends_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FORETELL_SIGNING_KEY", raising=False)

    with pytest.raises(SystemExit) as ended:
        run("scoring", ServiceSettings, lambda _: FastAPI(), arguments=["--port", "1"])

    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "scoring: FORETELL_SIGNING_KEY is not set: set it in the environment of this process.\n"
    )
