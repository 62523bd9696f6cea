"""The table of the documentation says of each provider what its file says."""

from pathlib import Path

from gateway.webhooks.providers import PROVIDERS

PAGE = Path(__file__).parents[4] / "docs" / "webhooks.md"


def test_the_table_says_what_each_provider_says() -> None:
    section = PAGE.read_text(encoding="utf-8").split("## What is verified\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| Provider ")]

    assert sorted(rows) == sorted(
        f"| {one.title} | `{one.name}` | {one.secret_hint} | {one.verifies} |" for one in PROVIDERS.values()
    )
