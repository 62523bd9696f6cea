"""What MLflow shows of a version."""

from pathlib import Path
from typing import Any

from shared.registry.registration import Registered, RegisteredRun, version_description, write_card

VERSION = Registered("7", "run-1", "digest-1")


class Client:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.texts: dict[tuple[str, str], str] = {}
        self.tags: dict[tuple[str, str], str] = {}
        self.descriptions: dict[tuple[str, str], str] = {}

    def log_text(self, run_id: str, text: str, file: str) -> None:
        self.texts[run_id, file] = text

    def set_tag(self, run_id: str, key: str, value: Any) -> None:
        self.tags[run_id, key] = value

    def update_model_version(self, name: str, version: str, *, description: str) -> None:
        self.descriptions[name, version] = description


def test_a_card_that_names_its_version_is_kept_whole_in_the_run_and_cut_where_there_is_little_room() -> None:
    client = Client()
    record = RegisteredRun(
        card=lambda registered: f"# Version {registered.version}\n" + "- a line\n" * 1_000,
        plots={"lift": Path("lift.png")},
    )

    write_card(client, record, VERSION, name="demo.scoring.won")

    note, description = client.tags["run-1", "mlflow.note.content"], client.descriptions["demo.scoring.won", "7"]
    assert len(client.texts["run-1", "card.md"]) == 9_012
    assert note.startswith("# Version 7\n- a line\n")
    assert note.endswith("- a line\n\nThe rest is in the run's artifact `card.md`.\n")
    assert description.endswith("![lift](get-artifact?path=plots%2Flift.png&run_uuid=run-1)\n")
    assert (len(note) <= 5_000, len(description) <= 5_000) == (True, True)


def test_a_run_without_a_card_shows_its_plots_alone() -> None:
    client = Client()

    write_card(client, RegisteredRun(), VERSION, name="demo.scoring.won")

    assert (client.texts, client.tags) == ({}, {})
    assert client.descriptions == {("demo.scoring.won", "7"): ""}


def test_a_short_card_is_described_whole() -> None:
    assert version_description("# Card\n", {}, run_id="run-1") == "# Card\n"
