"""The campaign service's settings, read and refused as the worker's are: all problems in one message.

Reads the mapping it is given, never `os.environ` itself; the only files it looks at are those that a setting
names.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, field_validator

from campaigns.model.retention import Retention
from campaigns.model.secrets import Secrets, parse_secrets
from worker.broker_settings import setting, variable
from worker.config import (
    CAMPAIGNS_PREFIX,
    ConfigError,
    KafkaSettings,
    Seconds,
    Settings,
    guess_meant,
    load,
    settings_table,
    variables,
)
from worker.push.services import HostRule, parse_host_rules

Network = IPv4Network | IPv6Network

ROLES = ("api", "launcher", "scheduler", "collector", "keys")
"""What a process of the campaign service can be; `pushmill campaigns run` starts one for each."""

_STORAGES = ("memory://", "redis://", "rediss://", "redis+sentinel://", "redis+cluster://", "memcached://")
_PREFIX = re.compile(r"(/[a-z0-9._-]+)+")
_TAKEN = {
    *("v1", "c", "i", "sdk", "docs", "openapi.json", "try"),
    *("oauth", "push", "api", "json", "messaging"),
}
"""What the paths of all other APIs here begin with."""

_HEADER_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def _roles(text: str) -> str:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or not set(names) <= {*ROLES}:
        raise ValueError(f"should be some of {', '.join(ROLES)}, with commas between")
    return ",".join(dict.fromkeys(names))


def _database_url(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        known = parts.scheme in {"postgresql", "postgres"} and (parts.port or 1) > 0
    except ValueError:
        known = False
    if not known:
        raise ValueError("should be postgresql://user:password@host:5432/name")
    return url


def _secrets(text: SecretStr) -> SecretStr:
    parse_secrets(text.get_secret_value())
    return text


def _public_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        known = False
    if not known or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("should be a URL such as https://push.example.com, without query and fragment")
    return url.rstrip("/")


def _prefix(path: str) -> str:
    if not _PREFIX.fullmatch(path) or path.split("/")[1] in _TAKEN:
        raise ValueError("should be a path such as /pushpilot, in small letters, that no other API has")
    return path


def _networks(text: str) -> str:
    for each in _split(text):
        try:
            ip_network(each)
        except ValueError:
            raise ValueError("should be addresses or networks (10.0.0.0/8), with commas between") from None
    return text


def _header(name: str) -> str:
    if not {*name} <= _HEADER_CHARS:
        raise ValueError("should be the name of a header, such as CF-IPCountry")
    return name


def _storage(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(_STORAGES):
        raise ValueError(f"should begin with one of {', '.join(_STORAGES)}")
    return url


def _split(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


class SharedSettings(KafkaSettings):
    """What the worker has under the same names."""

    vapid_dir: Path | None = setting(
        "folder that the role `keys` mirrors VAPID keys to; without it that role rests", None
    )
    endpoint_hosts: str = setting(
        "as the worker's: comma-separated host suffixes allowed besides the known push services",
        "",
        shown="the known push services",
    )
    allow_private_endpoints: bool = setting("tests only: loopback and private addresses", False)
    log_format: Literal["json", "console"] = setting("`json`, or `console` for people", "json")
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "`debug`, `info`, `warning` or `error`", "info"
    )

    @field_validator("endpoint_hosts")
    @classmethod
    def _check_hosts(cls, text: str) -> str:
        parse_host_rules(text)
        return text


class CampaignSettings(SharedSettings):
    """Everything that an operator can set; `PUSHMILL_CAMPAIGNS_` and the name for what is declared here."""

    hidden: ClassVar[frozenset[str]] = KafkaSettings.hidden | {
        *("database_url", "secret", "rate_limit_storage")
    }

    database_url: Annotated[SecretStr, AfterValidator(_database_url)] = setting(
        "`postgresql://user:password@host:5432/name`, PostgreSQL 15 or newer; or with `_FILE` its file"
    )
    secret: Annotated[SecretStr, AfterValidator(_secrets)] = setting(
        "what tokens are signed and keys are sealed with, 32 characters or more; of several with commas "
        "between the first signs, all verify; or with `_FILE` the file with it"
    )
    roles: Annotated[str, AfterValidator(_roles)] = setting(
        f"which of {', '.join(f'`{role}`' for role in ROLES)} this service runs", ",".join(ROLES), shown="all"
    )
    processes: int = setting("processes of the role `api`", 1, ge=1, le=64)
    host: str | None = setting("address of the API", None, shown="every address, IPv4 and IPv6")
    port: int = setting("its port; 0 takes any free one", 9500, ge=0, le=65_535)
    public_url: Annotated[str, AfterValidator(_public_url)] = setting(
        "where browsers and clients reach the API: what the SDK, links and answers name",
        "http://localhost:9500",
    )
    database_pool: int = setting("connections to the database, each process", 10, ge=1, le=1000)
    rate_limit_storage: Annotated[SecretStr, AfterValidator(_storage)] = setting(
        "where requests are counted, as the library `limits` spells it (`redis://host:6379`); in memory each "
        "process counts for itself",
        "memory://",
        shown="`memory://`",
    )
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = setting(
        "addresses and networks whose `X-Forwarded-For` counts, with commas between", "", shown="none"
    )
    country_header: Annotated[str, AfterValidator(_header)] = setting(
        "header in which such a proxy names the browser's country", "", shown="none"
    )
    pushpilot_prefix: Annotated[str, AfterValidator(_prefix)] = setting(
        "where the paths of PushPilot's API begin, which its document does not show", "/pushpilot"
    )
    status_host: str | None = setting(
        "address of `/healthz`, `/readyz` and `/metrics`", None, shown="every address, IPv4 and IPv6"
    )
    status_port: int = setting("its port; 0 takes any free one", 9401, ge=0, le=65_535)
    drain_timeout: Seconds = setting("seconds to finish what is under way when stopping", 20.0, gt=0, le=300)
    keep_idempotency_hours: int = setting("how long a request may be repeated", 24, ge=1, le=720)
    keep_engagement_months: int = setting(
        "months for which it is kept what each browser reported of a launch", 13, ge=1, le=120
    )
    keep_launch_months: int = setting(
        "months for which a launch is kept, and what is counted of it, since it was done", 25, ge=1, le=120
    )
    keep_unreachable_days: int = setting(
        "days for which subscribers without an endpoint are kept since they were last seen", 30, ge=1, le=3650
    )
    keep_unsubscribed_days: int = setting(
        "days for which it is kept that somebody unsubscribed; keys and endpoint are erased at once",
        30,
        ge=1,
        le=3650,
    )

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the name of a field's environment variable."""
        own = field in cls.__annotations__
        return CAMPAIGNS_PREFIX + field.upper() if own else variable(field)

    @property
    def role_names(self) -> tuple[str, ...]:
        """The roles, in the order of `ROLES`."""
        return tuple(role for role in ROLES if role in self.roles.split(","))

    @property
    def secrets(self) -> Secrets:
        """The keys that `secret` gives."""
        return parse_secrets(self.secret.get_secret_value())

    @property
    def retention(self) -> Retention:
        """How long what is known is kept."""
        return Retention(
            idempotency=timedelta(hours=self.keep_idempotency_hours),
            engagement_months=self.keep_engagement_months,
            launch_months=self.keep_launch_months,
            unreachable=timedelta(days=self.keep_unreachable_days),
            unsubscribed=timedelta(days=self.keep_unsubscribed_days),
        )

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """The proxies that are trusted."""
        return tuple(ip_network(each) for each in _split(self.trusted_proxies))

    @property
    def host_rules(self) -> tuple[tuple[HostRule, ...], bool]:
        """`endpoint_hosts` as rules, and whether every public host is allowed."""
        return parse_host_rules(self.endpoint_hosts)


IN_FILES = ("database_url", "secret")
"""Settings that may be read from the file that the variable with `_FILE` at its end names."""


def load_campaign_settings(environ: Mapping[str, str]) -> CampaignSettings:
    """Read all settings from environment variables; an empty variable counts as unset.

    Raises:
        ConfigError: Any setting is missing or wrong; names all of them, without secrets.
    """
    problems: list[str] = []
    given = {**environ, **dict(_from_files(environ, problems))}
    try:
        settings = load(CampaignSettings, given)
    except ConfigError as error:
        spoken_of = tuple(problem.partition("_FILE ")[0] for problem in problems)
        others = (
            [each for each in error.problems if not each.startswith(spoken_of)]
            if spoken_of
            else error.problems
        )
        raise ConfigError((*problems, *others)) from None
    if problems:
        raise ConfigError(tuple(problems))
    return settings


def _from_files(environ: Mapping[str, str], problems: list[str]) -> Iterator[tuple[str, str]]:
    for name in map(CampaignSettings.variable, IN_FILES):
        path = environ.get(f"{name}_FILE")
        if not path:
            continue
        if environ.get(name):
            problems.append(f"{name}_FILE cannot be combined with {name}; remove one of them")
            continue
        try:
            yield name, Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            problems.append(f"{name}_FILE names a file that cannot be read; correct the path or mount it")


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Find `PUSHMILL_*` variables that neither the campaign service nor the worker reads.

    Returns:
        Each name with the setting that was probably meant, or None if none is close.
    """
    kinds: tuple[type[KafkaSettings], ...] = (CampaignSettings, Settings)
    files = [f"{CampaignSettings.variable(field)}_FILE" for field in IN_FILES]
    known = [name for kind in kinds for _, name in variables(kind)]
    return guess_meant(environ, [*known, *files])


def campaign_settings_table() -> list[tuple[str, str, str]]:
    """List every setting of the campaign service alone, as in docs/settings.md."""
    return [row for row in settings_table(CampaignSettings) if row[0].startswith(CAMPAIGNS_PREFIX)]
