"""What the manifests promise of running: scaled, drained, migrated before, counted together, measured apart."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.capabilities import TABLE
from shared.http.process import SHUTDOWN_SECONDS
from shared.settings import GatewaySettings, ServiceSettings

ROOT = Path(__file__).parents[2]
OVERLAYS = sorted(path.parent.name for path in (ROOT / "k8s" / "overlays").glob("*/kustomization.yaml"))
CAPABILITIES = [line.name for line in TABLE]
REPLICATED = [*CAPABILITIES, "gateway"]
EVERYTHING = [*REPLICATED, "worker"]

Manifest = dict[str, Any]


@pytest.fixture(params=OVERLAYS, scope="module")
def manifests(request: pytest.FixtureRequest, render: Callable[[str], list[Manifest]]) -> list[Manifest]:
    return render(f"overlays/{request.param}")


@pytest.fixture(scope="module")
def compose() -> Manifest:
    loaded: Manifest = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return loaded


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {manifest["metadata"]["name"]: manifest for manifest in manifests if manifest["kind"] == kind}


def pod(manifests: list[Manifest], name: str) -> Manifest:
    spec: Manifest = of_kind(manifests, "Deployment")[name]["spec"]["template"]["spec"]
    return spec


def container(manifests: list[Manifest], name: str) -> Manifest:
    (only,) = pod(manifests, name)["containers"]
    return only  # type: ignore[no-any-return]


def variables(manifests: list[Manifest], name: str) -> Manifest:
    return {entry["name"]: entry for entry in container(manifests, name)["env"]}


def ports_out(manifests: list[Manifest], name: str) -> set[int]:
    egress = of_kind(manifests, "NetworkPolicy")[name]["spec"]["egress"]
    return {port["port"] for rule in egress for port in rule["ports"]}


def default_of(kind: type[Any], name: str, otherwise: float) -> float:
    """Read a setting's default; one that is not there yet is taken to be as documented."""
    field = kind.model_fields.get(name)
    return otherwise if field is None else float(field.default)


def seconds(text: str) -> int:
    assert text.endswith("s")
    return int(text[:-1])


@pytest.mark.parametrize("name", REPLICATED)
def test_what_can_have_replicas_is_scaled_by_what_it_asks_for(manifests: list[Manifest], name: str) -> None:
    scaler = of_kind(manifests, "HorizontalPodAutoscaler")[name]["spec"]
    deployment = of_kind(manifests, "Deployment")[name]["spec"]
    resources = container(manifests, name)["resources"]

    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    assert scaler["minReplicas"] >= 2
    assert scaler["maxReplicas"] > scaler["minReplicas"]
    assert scaler["metrics"][0]["resource"]["target"]["averageUtilization"] < 100
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert set(resources["limits"]) == {"cpu", "memory"}
    assert "replicas" not in deployment  # or each apply would undo what was scaled


@pytest.mark.parametrize("name", REPLICATED)
def test_an_eviction_and_a_rollout_leave_somebody_who_answers(manifests: list[Manifest], name: str) -> None:
    budget = of_kind(manifests, "PodDisruptionBudget")[name]["spec"]
    deployment = of_kind(manifests, "Deployment")[name]["spec"]

    assert budget == {"minAvailable": 1, "selector": {"matchLabels": {"app.kubernetes.io/name": name}}}
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize("name", REPLICATED)
def test_a_pod_that_ends_is_left_alone_first_and_then_has_time_for_what_it_began(
    manifests: list[Manifest], name: str
) -> None:
    command, pause = container(manifests, name)["lifecycle"]["preStop"]["exec"]["command"]
    deadline = default_of(GatewaySettings, "request_timeout_seconds", 10)
    drain = default_of(ServiceSettings, "drain_seconds", 0)

    assert command == "sleep"
    assert int(pause) >= 5
    assert pod(manifests, name)["terminationGracePeriodSeconds"] >= int(pause) + drain + SHUTDOWN_SECONDS + deadline


@pytest.mark.parametrize("name", EVERYTHING)
def test_no_process_starts_before_the_schema_is_there(manifests: list[Manifest], name: str) -> None:
    (waiting,) = pod(manifests, name)["initContainers"]
    (job,) = of_kind(manifests, "Job").values()

    assert waiting["command"][:3] == ["foretell", "store", "wait"]
    assert job["spec"]["template"]["spec"]["containers"][0]["command"] == ["foretell", "store", "migrate"]
    assert waiting["image"].rpartition(":")[2] == container(manifests, name)["image"].rpartition(":")[2]
    assert [entry["name"] for entry in waiting["env"]] == ["FORETELL_HOME", "FORETELL_STORE_URL"]
    assert waiting["securityContext"] == container(manifests, name)["securityContext"]
    assert 5432 in ports_out(manifests, name)


def test_the_job_is_named_after_the_release_so_that_one_apply_is_enough(manifests: list[Manifest]) -> None:
    ((name, job),) = of_kind(manifests, "Job").items()
    tag = job["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2]

    assert name == f"migrate-{tag}"


def test_gateways_count_together(manifests: list[Manifest]) -> None:
    redis = variables(manifests, "gateway")["FORETELL_LIMITS_REDIS_URL"]["valueFrom"]["secretKeyRef"]

    assert redis == {"name": "foretell-secrets", "key": "limits-redis-url"}
    assert 6379 in ports_out(manifests, "gateway")
    assert 6379 not in {port for name in (*CAPABILITIES, "worker") for port in ports_out(manifests, name)}


def test_the_gateway_knows_its_public_address_and_whom_to_believe_about_addresses(manifests: list[Manifest]) -> None:
    given = variables(manifests, "gateway")
    settings = of_kind(manifests, "ConfigMap")

    for name, key in (("FORETELL_PUBLIC_URL", "public-url"), ("FORWARDED_ALLOW_IPS", "trusted-proxies")):
        reference = given[name]["valueFrom"]["configMapKeyRef"]
        assert reference["key"] == key
        assert settings[reference["name"]]["data"][key] not in {"", "*"}
    assert "FORETELL_PUBLIC_URL" in variables(manifests, "worker")


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_process_says_when_it_is_ready(manifests: list[Manifest], name: str) -> None:
    assert container(manifests, name)["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


@pytest.mark.parametrize("name", CAPABILITIES)
def test_a_service_that_tries_its_champions_is_not_killed_meanwhile(manifests: list[Manifest], name: str) -> None:
    probe = container(manifests, name)["startupProbe"]
    bound = default_of(ServiceSettings, "ready_within_seconds", 60)
    progress = of_kind(manifests, "Deployment")[name]["spec"].get("progressDeadlineSeconds", 600)

    assert probe["periodSeconds"] * probe["failureThreshold"] > bound
    assert progress > bound


def test_metrics_are_off_the_port_of_clients_and_open_to_the_collector_alone(
    render: Callable[[str], list[Manifest]],
) -> None:
    monitored = render("overlays/monitored")
    policy = of_kind(monitored, "NetworkPolicy")["read-metrics"]["spec"]
    monitor = of_kind(monitored, "PodMonitor")["foretell"]["spec"]

    for name in EVERYTHING:
        ports = {port["name"]: port["containerPort"] for port in container(monitored, name)["ports"]}
        given = {name: entry.get("value") for name, entry in variables(monitored, name).items()}
        assert ports == {"http": 8000, "metrics": 9100}
        assert (given["FORETELL_METRICS_PORT"], given["FORETELL_METRICS_HOST"]) == ("9100", "0.0.0.0")  # noqa: S104
    assert policy["ingress"] == [
        {
            "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            "ports": [{"port": 9100}],
        }
    ]
    assert monitor["podMetricsEndpoints"][0]["port"] == "metrics"
    assert monitor["selector"] == policy["podSelector"]
    assert all(
        port["port"] != 9100 for service in of_kind(monitored, "Service").values() for port in service["spec"]["ports"]
    )


@pytest.mark.parametrize("name", EVERYTHING)
def test_on_one_machine_too_the_schema_comes_first_and_the_end_has_its_time(compose: Manifest, name: str) -> None:
    service = compose["services"][name]
    deadline = default_of(GatewaySettings, "request_timeout_seconds", 10)

    assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert seconds(service["stop_grace_period"]) >= SHUTDOWN_SECONDS + deadline
    assert service.get("healthcheck", {}).get("disable") is None  # the image has one


def test_on_one_machine_the_gateway_knows_how_it_is_reached(compose: Manifest) -> None:
    assert {"FORETELL_PUBLIC_URL", "FORWARDED_ALLOW_IPS"} <= set(compose["services"]["gateway"]["environment"])
