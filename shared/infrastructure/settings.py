"""Settings every service needs, read once from environment variables with the prefix ``DUALBOOK_``.

A wrong setting stops the start with the variable's name and its rule; the value is never repeated, as it may
be a secret.
"""

from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.contracts.types import describe

PREFIX = "DUALBOOK_"
SERVICES = ("assignment", "ledger", "appraisal")
"""In the order of their ports: base port + 1, + 2, + 3."""


class Misconfigured(Exception):
    """The environment does not allow a start. The message names each variable and the rule it breaks."""


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine and nothing else; IPv4 in IPv6 form included."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def is_trustworthy(url: str) -> bool:
    """Whether keys may be fetched from ``url``: over TLS, or without leaving this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    )


def _postgresql(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in ("postgresql", "postgres", "postgresql+asyncpg"):
        raise ValueError("must be a URL that begins with postgresql://")
    return url


def _issuer(url: str) -> str:
    if not is_trustworthy(url):
        raise ValueError("must be an https:// URL (http:// on loopback only)")
    return url


class Settings(BaseSettings):
    """The environment of one service. Construction raises Misconfigured."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: Annotated[SecretStr, AfterValidator(_postgresql)] | None = None
    """The PostgreSQL server; unset: an embedded one under the data folder."""

    kafka: Annotated[str, Field(pattern=r"^[\w.:\[\]-]+:\d+(,[\w.:\[\]-]+:\d+)*$")] | None = None
    """Bootstrap servers ``host:port,…``; unset: the embedded log."""

    data: Path = Path(".dualbook")
    base_port: int = Field(default=8000, ge=1, le=65535 - len(SERVICES))
    host: str = "127.0.0.1"
    oidc_issuer: Annotated[str, AfterValidator(_issuer)] | None = None
    oidc_audience: str | None = None
    personal_key_file: Path | None = None
    """Keys that wrap the keys of persons, one a line; unset: these are kept as they are."""
    base_currency: str = Field(default="CNY", pattern=r"^[A-Z]{3}$")
    otlp_endpoint: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")] | None = None
    """Where traces go, OTLP over HTTP such as ``http://collector:4318``; unset: nothing is traced."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(str.lower)] = "info"

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            complaints = (
                describe(dict(each)) for each in error.errors(include_input=False, include_url=False)
            )
            raise Misconfigured(
                "\n".join(
                    f"{PREFIX}{field.split('.')[0].upper()}: {rule}" if field else rule
                    for field, rule in complaints
                )
            ) from None

    @model_validator(mode="after")
    def _only_loopback_without_an_issuer(self) -> Self:
        """Tokens signed by a key in the data folder are for one machine; a network needs a real issuer."""
        if self.oidc_issuer and not self.oidc_audience:
            raise ValueError(f"{PREFIX}OIDC_AUDIENCE: is required where {PREFIX}OIDC_ISSUER is set")
        if not self.oidc_issuer and not is_loopback(self.host):
            raise ValueError(
                f"{PREFIX}HOST: must be a loopback address like 127.0.0.1 unless {PREFIX}OIDC_ISSUER is set"
            )
        return self

    def port_of(self, service: str) -> int:
        """The port on which a service listens."""
        return self.base_port + 1 + SERVICES.index(service)
