"""The settings: one field for each environment variable, all checked together, all problems in one message.

Reads the mapping it is given, never `os.environ` itself; the only files it looks at are those that a setting
names, to check that they exist and can be read.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    DirectoryPath,
    Field,
    PlainValidator,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from crypto.vapid import check_subject
from worker.broker_settings import PREFIX, BrokerSettings, Certificates, variable
from worker.broker_settings import setting as _setting
from worker.push.proxy import Proxy, parse_proxy
from worker.push.services import HostRule, parse_host_rules

REBALANCE_TIMEOUT = 60.0
"""Seconds that Kafka waits for a worker to release its partitions: a drain must be over by then."""

DRAIN_MARGIN = 5.0
"""Seconds between the time-out of the last request and the end of a drain, for the last checkpoint."""

_VALUE_MAX_CHARS = 80
CAMPAIGNS_PREFIX = PREFIX + "CAMPAIGNS_"
"""What the campaign service's own variables begin with; the worker leaves them alone."""

# pydantic's own messages for these do not say what to do, or show a pattern.
_MESSAGES = {
    "path_not_file": "is not an existing file; correct the path or mount it",
    "path_not_directory": "is not an existing folder; correct the path or mount it",
    "string_pattern_mismatch": "should be at most 200 characters of A-Z, a-z, 0-9, '.', '_' and '-'",
    "string_too_short": "should not be blank",
}
# Kubernetes sets these in every pod next to a Service called pushmill: they are not typing mistakes.
_SERVICE_LINK = re.compile(PREFIX + r"(?:\w+_)?(?:SERVICE_(?:HOST|PORT\w*)|PORT(?:_[0-9]+_(?:TCP|UDP)\w*)?)")


class ConfigError(ValueError):
    """Invalid settings; the text is one message for the operator, with a line for each problem.

    Attributes:
        problems: The lines, each beginning with the variable's name.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n  ".join(("invalid configuration:", *problems)))
        self.problems = problems


def _count_or_auto(value: object) -> object:
    if value == "auto" or (isinstance(value, int) and value > 0):
        return value
    if not (isinstance(value, str) and value.isdecimal() and int(value) > 0):
        raise ValueError("should be a whole number of 1 or more, or auto")
    return int(value)


Seconds = Annotated[float, Field(allow_inf_nan=False)]


class KafkaSettings(BrokerSettings):
    """The connection to Kafka and the topics' prefix: enough for commands that send nothing."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True
    )
    hidden: ClassVar[frozenset[str]] = frozenset(
        {
            *("kafka_sasl_password", "kafka_sasl_oauth_client_secret", "kafka_ssl_key_password"),
            "kafka_sasl_oauth_token_url",  # by mistake, it may have one
        }
    )
    """The fields whose values never appear in a message."""

    kafka_enable_idempotence: bool = _setting("`false` for brokers that lack idempotent producers", True)
    topic_prefix: str = _setting(
        "what every topic's name begins with", "push.", pattern=r"^[A-Za-z0-9._-]{1,200}$"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic passes it by name
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read only the arguments, not the environment."""
        return (init_settings,)

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the name of a field's environment variable."""
        return variable(field)


class Settings(KafkaSettings):
    """Everything an operator can set; a field's variable is `PUSHMILL_` and its name in capitals.

    Built by `load_settings`; a direct call reads no environment. Durations are seconds.
    """

    hidden: ClassVar[frozenset[str]] = KafkaSettings.hidden | {"proxy_url"}

    group_id: str = _setting("consumer group", "pushmill", min_length=1)
    instance_id: str | None = _setting(
        "static membership: a rolling restart moves no partition. Must be unique for each pod "
        "(a StatefulSet's pod name); each process adds its number",
        None,
        pattern=r"^[A-Za-z0-9._-]{1,200}$",
    )
    leave_file: Path | None = _setting(
        "a file that says that this worker goes for good: if it exists when the worker stops, it leaves the "
        "consumer group after its last checkpoint, static membership or not, and others take over at once",
        None,
    )
    vapid_dir: DirectoryPath = _setting(
        "folder with `<name>.pem` for each key, and `default.pem`; read on first use, again when changed"
    )
    vapid_subject: Annotated[str, AfterValidator(check_subject)] = _setting(
        "whom push services can write to: a `mailto:` or `https:` URL"
    )
    endpoint_hosts: str = _setting(
        "comma-separated host suffixes (with a port where it is not 443) allowed besides the known push "
        "services; `*` allows any public host",
        "",
        shown="the known push services",
    )
    allow_private_endpoints: bool = _setting("tests only: loopback and private addresses", False)
    ca_file: Certificates | None = _setting("extra CA certificates for push services", None, shown="system")
    transport: Literal["httptools", "aiohttp"] = _setting(
        "HTTP client towards push services: `httptools` for speed, or `aiohttp`", "httptools"
    )
    proxy_url: SecretStr | None = _setting(
        "with `aiohttp`: the proxy towards push services, `http://host:port` or "
        "`http://user:password@host:port`; `HTTP_PROXY`, `HTTPS_PROXY` and the like are never read",
        None,
    )
    agreement: Literal["auto", "openssl", "multibuffer"] = _setting(
        "what computes key agreements: `openssl`; `multibuffer`, eight at a time, which needs an extra and a "
        "processor with AVX-512 IFMA; or `auto`, the faster one of those that work",
        "auto",
    )
    processes: Annotated[int | Literal["auto"], PlainValidator(_count_or_auto)] = _setting(
        "worker processes; `auto` is one for each core", 1
    )
    max_in_flight: int = _setting("requests at once, each process", 512, ge=1)
    max_buffered: int = _setting("recipients held in memory, each process (2000 or more)", 60_000, ge=2000)
    request_timeout: Seconds = _setting("seconds that a push service has to answer", 10.0, gt=0)
    max_attempts: int = _setting("requests for a recipient before it counts as `failed`", 8, ge=1)
    checkpoint_interval: Seconds = _setting("seconds between commits (0.05 to 0.5)", 0.25, ge=0.05, le=0.5)
    drain_timeout: Seconds = _setting(
        f"seconds to finish what is in flight when stopping: more than the request time-out + "
        f"{DRAIN_MARGIN:g}, less than the rebalance time-out ({REBALANCE_TIMEOUT:g})",
        20.0,
    )
    default_stretch_time: Seconds = _setting("seconds, for jobs without `stretch_time`", 0.0, ge=0)
    status_host: str | None = _setting(
        "address of `/healthz`, `/readyz` and `/metrics`", None, shown="every address, IPv4 and IPv6"
    )
    status_port: int = _setting("its port; 0 takes any free one", 9400, ge=0, le=65_535)
    log_format: Literal["json", "console"] = _setting("`json`, or `console` for people", "json")
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "`debug`, `info`, `warning` or `error`", "info"
    )

    @field_validator("endpoint_hosts")
    @classmethod
    def _check_hosts(cls, text: str) -> str:
        parse_host_rules(text)
        return text

    @field_validator("proxy_url")
    @classmethod
    def _check_proxy(cls, url: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        if url is not None:
            parse_proxy(url.get_secret_value())
            if others.data.get("transport") == "httptools":
                raise ValueError("needs PUSHMILL_TRANSPORT=aiohttp; set that, or remove the proxy")
        return url

    @field_validator("drain_timeout")
    @classmethod
    def _check_drain(cls, drain: float, others: ValidationInfo) -> float:
        least = others.data.get("request_timeout", 0.0) + DRAIN_MARGIN
        if not least < drain < REBALANCE_TIMEOUT:
            raise ValueError(
                f"should be more than PUSHMILL_REQUEST_TIMEOUT + {DRAIN_MARGIN:g} ({least:g}), and less than "
                f"the rebalance time-out ({REBALANCE_TIMEOUT:g}); change one of them"
            )
        return drain

    @property
    def proxy(self) -> Proxy | None:
        """`proxy_url`, parsed."""
        return None if self.proxy_url is None else parse_proxy(self.proxy_url.get_secret_value())

    @property
    def host_rules(self) -> tuple[tuple[HostRule, ...], bool]:
        """`endpoint_hosts` as rules, and whether every public host is allowed."""
        return parse_host_rules(self.endpoint_hosts)


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read all settings from environment variables; an empty variable counts as unset.

    Raises:
        ConfigError: Any setting is missing or wrong; names all of them, without secrets.
    """
    return load(Settings, environ)


def load_kafka_settings(environ: Mapping[str, str]) -> KafkaSettings:
    """Read only the settings for Kafka, as `load_settings` does; needs no VAPID keys."""
    return load(KafkaSettings, environ)


_Loaded = TypeVar("_Loaded", bound=KafkaSettings)


def load(kind: type[_Loaded], environ: Mapping[str, str]) -> _Loaded:
    """Read the settings of one kind, as `load_settings` does."""
    given: dict[str, Any] = {field: environ[name] for field, name in variables(kind) if environ.get(name)}
    try:
        return kind(**given)
    except ValidationError as error:
        raise ConfigError(tuple(_problem(kind, each) for each in error.errors())) from None


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Find `PUSHMILL_*` variables that are not settings of the worker, nor meant for the campaign service.

    Returns:
        Each name with the setting that was probably meant, or None if none is close.
    """
    names = [name for name in environ if not name.startswith(CAMPAIGNS_PREFIX)]
    return guess_meant(names, [name for _, name in variables(Settings)])


def guess_meant(names: Iterable[str], known: Sequence[str]) -> dict[str, str | None]:
    """Find unknown names that begin as ours do; each with the known one that is closest, or None."""
    unknown = sorted(name for name in names if name.startswith(PREFIX) and name not in known)
    return {
        name: next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.8)), None)
        for name in unknown
        if not _SERVICE_LINK.fullmatch(name)
    }


def settings_table(kind: type[KafkaSettings] = Settings) -> list[tuple[str, str, str]]:
    """List every setting's variable, default and meaning, as in docs/settings.md."""
    fields = kind.model_fields
    return [
        (name, _default(fields[field]), fields[field].description or "") for field, name in variables(kind)
    ]


def variables(kind: type[KafkaSettings]) -> Iterator[tuple[str, str]]:
    """Yield each field with its environment variable."""
    return ((field, kind.variable(field)) for field in kind.model_fields)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if isinstance(field.json_schema_extra, dict) and field.json_schema_extra:
        return str(field.json_schema_extra["shown"])
    if field.default is None:
        return "none"
    value = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
    return f"`{value.lower() if isinstance(field.default, bool) else value}`"


def _problem(kind: type[KafkaSettings], error: ErrorDetails) -> str:
    field = str(error["loc"][0])
    name = kind.variable(field)
    if error["type"] == "missing":
        return f"{name} is required: {kind.model_fields[field].description}"
    wrong = _MESSAGES.get(error["type"]) or error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if error["input"] is None:
        return f"{name} {wrong}"
    if field in kind.hidden:
        return f"{name}: {wrong}"
    return f"{name} is {str(error['input'])[:_VALUE_MAX_CHARS]!r}: {wrong}"
