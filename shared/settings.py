"""What a process needs to know of its surroundings: frozen, read once at an entry point, no default for a secret."""

import difflib
import os
import re
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.capabilities import TABLE
from shared.errors import SettingsRefused


def _beginning(*starts: str) -> AfterValidator:
    def checked(url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(starts):
            raise ValueError(f"it must begin with {' or '.join(starts)}")
        return url

    return AfterValidator(checked)


def _level(name: str) -> str:
    if name.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError("it must be DEBUG, INFO, WARNING or ERROR")
    return name.upper()


def _address(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", url):
        raise ValueError("it must read like https://foretell.example.com, without a query")
    return url.rstrip("/")


def _upstream(template: str) -> str:
    try:
        _address(template.format(name="scoring", port=8001))
    except (LookupError, AttributeError, ValueError):
        raise ValueError("it must read like http://{name}:8000 or http://127.0.0.1:{port}") from None
    return template.rstrip("/")


def _origins(origins: str) -> str:
    """Return them as browsers send them: in small letters, without the port that goes without saying."""
    named = [origin.strip().lower().rstrip("/") for origin in origins.split(",") if origin.strip()]
    # A browser extension has an origin too: chrome-extension://...
    if not all(re.fullmatch(r"\*|[a-z][a-z0-9+.-]*://[^\s/?#*@]+", origin) for origin in named):
        raise ValueError("it must read like https://crm.example.com,https://app.example.com, without paths, or be *")
    return ",".join(re.sub(r"^(http://.*):80$|^(https://.*):443$", r"\1\2", origin) for origin in named)


def _folder(url: str) -> str:
    path = url.removeprefix("file://")
    if "://" in path or not path:
        raise ValueError("it must be a folder, such as /var/lib/foretell/files")
    return path


def _scheduler(url: str) -> str:
    if not re.fullmatch(r"(tcp|tls)://[^\s/?#@]+:\d+", url):
        raise ValueError("it must read like tcp://dask-scheduler:8786 or tls://dask-scheduler:8786")
    return url


PREFIX = "FORETELL_"
OPTIONS = ("account", "debug")
"""What else is read from the environment under that prefix: options of the command line."""
Port = Annotated[int, Field(ge=1, le=65_535)]
PublicUrl = Annotated[str, AfterValidator(_address)]
RedisUrl = Annotated[SecretStr, _beginning("redis://", "rediss://")]
DatabaseUrl = Annotated[SecretStr, _beginning("sqlite:///", "postgresql+psycopg://")]


class Settings(BaseSettings):
    """Settings that every process shares; each is read from `FORETELL_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", allow_inf_nan=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Look at arguments and the environment only; of files there are none, and looking takes as long again."""
        return init_settings, env_settings

    home: Path = Path("var")
    """Folder of the embedded setup: store, registry, keys, cache, logs."""

    store_url: DatabaseUrl | None = None
    """SQLAlchemy URL of the store; None: SQLite in `home`. PostgreSQL: postgresql+psycopg://..."""

    predictions_url: DatabaseUrl | None = None
    """Where predictions are logged; None: a SQLite file of its own in `home`, or the store's PostgreSQL."""

    store_patience_seconds: PositiveFloat = 30.0
    """How long work behind which no client waits (worker, commands, polls) waits for a locked store."""

    files: Annotated[str, AfterValidator(_folder)] | None = None
    """Folder of the files of batches and imports, the same for gateway and worker; None: `files` in `home`."""

    dask_scheduler: Annotated[str, AfterValidator(_scheduler)] | None = None
    """Address of a Dask scheduler, such as tcp://dask-scheduler:8786, whose workers do what is done bucket by bucket;
    None: this process does it."""

    training_contacts: PositiveInt = 500_000
    """From how many contacts of an export a training learns at most; of more, so many are drawn, each whole."""

    training_gathered_frames: PositiveInt | None = None
    """Of more frames in an export than these, the trees that won are grown once more on all of them, on the workers of
    the Dask scheduler; None: never."""

    champion_poll_seconds: PositiveFloat = 5.0
    """How often services read the champion rows and the holdouts; the gateway tells it to who creates a holdout."""

    registry_url: SecretStr | None = None
    """MLflow tracking URI; None: SQLite in `home`."""

    registry_artifacts: str | None = None
    """Where MLflow keeps artifacts of new experiments; None: a folder in `home` (embedded registry only)."""

    port: Port = 8000
    """Port of the gateway; services of the embedded setup take the ports that follow."""

    public_url: PublicUrl | None = None
    """How the gateway is reached from outside, such as https://foretell.example.com; None: as requests name it."""

    metrics_port: Port | None = None
    """Port of `/metrics`, in the embedded setup the gateway's; None: metrics are shown nowhere."""

    metrics_host: str = "127.0.0.1"
    """Address of that port: loopback, unless a collector asks from elsewhere."""

    training_lease_seconds: Annotated[float, Field(ge=1)] = 30.0
    """After how long without a sign of life a training, promotion or rollback counts as dead, whoever made it."""

    identity_key: Annotated[SecretStr | None, Field(min_length=32)] = None
    """Key of the hash under which e-mail addresses are kept, and who was erased is recognised."""

    hung_seconds: Annotated[float, Field(ge=5)] = 15.0
    """How long `foretell up` lets a process leave its health check unanswered before it starts it again."""

    log_level: Annotated[str, AfterValidator(_level)] = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""

    def resolved_store_url(self) -> str:
        """Return the store's URL, the embedded one when none was set."""
        if self.store_url is not None:
            return self.store_url.get_secret_value()
        return f"sqlite:///{self.home.absolute() / 'store.sqlite'}"

    def resolved_public_url(self) -> str:
        """Return how the gateway is reached from outside; this machine alone when nothing was set."""
        return self.public_url if self.public_url is not None else f"http://127.0.0.1:{self.port}"

    def resolved_predictions_url(self) -> str:
        """Return where predictions go: an own SQLite file, or beside the store on PostgreSQL."""
        if self.predictions_url is not None:
            return self.predictions_url.get_secret_value()
        store = self.resolved_store_url()
        if not store.startswith("sqlite"):
            return store
        return f"sqlite:///{self.home.absolute() / 'predictions.sqlite'}"

    def resolved_registry_url(self) -> str:
        """Return MLflow's tracking URI, the embedded one when none was set."""
        if self.registry_url is not None:
            return self.registry_url.get_secret_value()
        return f"sqlite:///{self.home.absolute() / 'mlflow.sqlite'}"

    def resolved_artifacts(self) -> str | None:
        """Return where new MLflow experiments keep artifacts; None leaves it to an MLflow server."""
        if self.registry_artifacts is not None:
            return self.registry_artifacts
        return None if self.registry_url is not None else (self.home.absolute() / "mlartifacts").as_uri()

    @property
    def keys_folder(self) -> Path:
        """Where the embedded setup keeps each account's key, one file an account, mode 0600."""
        return self.home / "keys"

    @property
    def files_folder(self) -> Path:
        """Where the files of batches and imports lie."""
        return self.home / "files" if self.files is None else Path(self.files)

    @property
    def cache_folder(self) -> Path:
        """Where artifacts fetched from the registry are kept, one folder a digest."""
        return self.home / "cache"


class SigningSettings(Settings):
    """Settings of the processes that sign or verify calls between gateway and services."""

    signing_key: SecretStr = Field(min_length=32)
    """Shared by gateway, worker and services; without it none of them starts."""

    request_timeout_seconds: PositiveFloat = 10.0
    """How long a client may wait for an answer."""

    long_request_timeout_seconds: PositiveFloat = 300.0
    """The same where the work may take minutes: a send plan, the report of an experiment."""

    max_body_bytes: PositiveInt = 8_000_000
    """Largest request body, at the gateway and at a service."""

    max_connections: PositiveInt = 2_000
    """How many connections a process takes; then the longest idle one gives way, or the new one gets 503."""

    max_connections_per_address: NonNegativeInt = 500
    """The same from one address, a proxy's included; 0: any number."""

    drain_seconds: Annotated[float, Field(ge=0)] = 0.0
    """How long a process that is to stop reports it at `/readyz` before it stops to listen."""


class ServiceSettings(SigningSettings):
    """Settings of a prediction service."""

    ready_within_seconds: PositiveFloat = 120.0
    """How long a service that starts may be unready since it tries every champion once; then it is ready without."""

    max_models: PositiveInt = 50
    """How many models one process keeps in memory; the least recently used one is dropped."""

    prediction_queue: PositiveInt = 100_000
    """How many predictions may wait to be logged; beyond that they are dropped and counted."""

    threads: PositiveInt | None = None
    """How many small requests are computed at once; None: 1 on SQLite, 4 on PostgreSQL."""

    def small_threads(self) -> int:
        """Return how many threads answer small requests: where all is computing, a second one only gets in the way."""
        if self.threads is not None:
            return self.threads
        return 1 if self.resolved_store_url().startswith("sqlite") else 4


class DeliverySettings(Settings):
    """Settings of what sends webhooks: the worker, the gateway (to try one out) and the command line."""

    webhook_allow_private: bool = False
    """Whether webhooks may go to http and to addresses inside the network: only where every client is trusted."""

    webhook_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 15.0
    """How long one attempt may take."""


class UpstreamSettings(SigningSettings, DeliverySettings):
    """Settings of the processes that call services: the gateway and the worker."""

    identity_key: SecretStr = Field(min_length=32)
    """Key of the hash under which e-mail addresses are kept, and of the seal on secrets of webhooks."""

    upstream: Annotated[str, AfterValidator(_upstream)] = "http://127.0.0.1:{port}"
    """Address of a service; `{name}` and `{port}` are filled in from the capability table."""

    idempotency_hours: PositiveFloat = 24.0
    """How long the answer to a request with an idempotency key is kept."""

    def upstream_of(self, name: str) -> str:
        """Return the base address of a capability's service."""
        return self.upstream.format(name=name, port=service_port(self.port, name))


class GatewaySettings(UpstreamSettings):
    """Settings of the gateway."""

    key_cache_seconds: PositiveFloat = 5.0
    """How long a key is believed without asking the store again."""

    key_grace_seconds: PositiveFloat = 600.0
    """How long a known key stays valid while the store is away."""

    limits_calls: NonNegativeInt = 6_000
    """How many calls a key may make a minute; 0: any number."""

    limits_contacts: NonNegativeInt = 300_000
    """How many contacts a key may ask about or send a minute, events counted one each; 0: any number."""

    limits_failures: NonNegativeInt = 60
    """How often a minute an address may fail to authenticate before it has to wait; 0: any number."""

    limits_redis_url: RedisUrl | None = None
    """Where several gateways count together; None: each counts alone, in memory."""

    batch_upload_bytes: PositiveInt = 1_000_000_000
    """Largest file that a batch or an import may be given."""

    batch_upload_seconds: PositiveFloat = 600.0
    """How long such a file may take to arrive."""

    batches_open: PositiveInt = 20
    """How many batches of an account may wait or run at once, and how many uploaded files may wait to be loaded."""

    cors_origins: Annotated[str, AfterValidator(_origins)] | None = None
    """Origins of browser pages that may call the API, separated by commas, `*` for any; None: of none."""


class WorkerSettings(UpstreamSettings):
    """Settings of the worker: what outlives a request."""

    prediction_retention_days: PositiveInt = 400
    """How long logged predictions are kept; the latest one of each contact stays."""

    event_retention_days: PositiveInt | None = None
    """How long events are kept; None: for ever. Models look back 730 days: fewer days make them know less."""

    dead_letter_retention_days: PositiveInt = 30
    """How long items of webhooks that could not be taken are kept."""

    receipt_retention_days: PositiveInt = 30
    """How long what a provider sent is remembered; longer than any provider tries again."""

    audit_retention_days: PositiveInt = 730
    """How long the audit log is kept."""

    retention_every_seconds: PositiveFloat = 3_600.0
    """How often what is older is looked for."""

    batch_retention_days: PositiveFloat = 7.0
    """How long a batch is kept with its result after it has ended."""

    batch_lease_seconds: Annotated[float, Field(ge=1)] = 30.0
    """After how long without a sign of life a batch or an import is taken over and gone on with."""

    import_upload_days: PositiveFloat = 1.0
    """How long an uploaded file waits to be loaded before it is removed."""

    import_retention_days: PositiveFloat = 30.0
    """How long the rejects of an import are kept after it has ended."""

    retrain_scoring_days: NonNegativeFloat = 14.0
    """After how many days a scoring model that answers is trained again; 0: never by itself."""

    retrain_churn_days: NonNegativeFloat = 14.0
    """The same of churn."""

    retrain_segmentation_days: NonNegativeFloat = 30.0
    """The same of segmentation."""

    retrain_sendtime_days: NonNegativeFloat = 7.0
    """The same of send time."""

    retrain_value_days: NonNegativeFloat = 14.0
    """The same of value."""

    retrain_uplift_days: NonNegativeFloat = 14.0
    """The same of uplift."""

    retrain_recommendations_days: NonNegativeFloat = 14.0
    """The same of recommendations."""

    retrain_messages_days: NonNegativeFloat = 14.0
    """The same of messages."""

    retrain_drift_days: NonNegativeFloat = 3.0
    """How many days after its last training a model is trained again since its inputs have drifted; 0: never."""

    training_memory_bytes: PositiveInt | None = None
    """Beyond how much memory a training of the worker fails rather than take more; None: without bound."""

    webhook_retention_days: PositiveInt = 30
    """How long messages, deliveries and attempts are kept, whatever became of them."""

    webhook_poll_seconds: Annotated[float, Field(gt=0, le=60)] = 0.5
    """How often deliveries are looked for when there is nothing to do."""

    rescore_poll_seconds: PositiveFloat = 15.0
    """How often champions are looked at for having changed."""

    rescore_every_seconds: PositiveFloat = 86_400.0
    """After how long every contact is scored again though the champion is the same."""

    quality_every_seconds: PositiveFloat = 86_400.0
    """How often a model's predictions are compared with what happened afterwards."""

    rescore_debounce_seconds: PositiveFloat = 5.0
    """A contact with something new is scored once nothing more came for so long."""

    rescore_patience_seconds: PositiveFloat = 60.0
    """It waits no longer than this after the first, however much comes."""

    rescore_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the time that re-scoring may keep a service busy."""

    def retrain_days(self, capability: str) -> float:
        """Return after how many days a model of a capability is trained again: two weeks where no setting says it."""
        return float(getattr(self, f"retrain_{capability}_days", 14.0))


def service_port(gateway_port: int, name: str) -> int:
    """Return the port of a service in the embedded setup: those after the gateway's, in table order."""
    return gateway_port + 1 + [line.name for line in TABLE].index(name)


Kind = TypeVar("Kind", bound=Settings)
_NEAR = 0.8
_SENTENCES = {
    "int_parsing": "it must be a whole number",
    "int_parsing_size": "it must be a whole number of fewer digits",
    "float_parsing": "it must be a number",
    "finite_number": "it must be a finite number",
    "bool_parsing": "it must be true or false",
    "greater_than": "it must be above {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than_equal": "it must be at most {le}",
    "too_short": "it must have at least {min_length} characters",
}
"""What a kind of mistake asks for; our own checks raise such sentences."""


def read(kind: type[Kind], **values: Any) -> Kind:
    """Read settings from the environment; keyword values win.

    Raises:
        SettingsRefused: something is missing, out of bounds or misspelt; names the first one, never its value.
    """
    _refuse_misspelt()
    try:
        return kind(**values)
    except ValidationError as error:
        raise SettingsRefused(_sentence(error)) from None


def _refuse_misspelt() -> None:
    """Refuse a variable that is nearly a setting: it would change nothing, and nobody would know.

    Names that are like none stay out of it: others set some, such as Kubernetes for each of its services.
    """
    known = {name.upper() for name in (*OPTIONS, *_fields(Settings))}
    for variable in sorted(os.environ):
        prefix, _, name = variable.upper().partition("_")
        if prefix + "_" == PREFIX and name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
        if near and difflib.get_close_matches(prefix + "_", [PREFIX], cutoff=_NEAR):
            raise SettingsRefused(f"{variable} is not a setting; {PREFIX}{near[0]} is.")


def _fields(kind: type[Settings]) -> set[str]:
    return set(kind.model_fields).union(*map(_fields, kind.__subclasses__()))


def _sentence(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    name = PREFIX + ".".join(str(part) for part in problem["loc"]).upper()
    if problem["type"] == "missing":
        return f"{name} is not set: set it in the environment of this process."
    ours = _SENTENCES.get(problem["type"])
    wrong = problem["msg"].removeprefix("Value error, ") if ours is None else ours.format_map(problem.get("ctx", {}))
    return f"{name} is wrong: {wrong}."
