"""All settings, from the environment or a `.env` file. `.env.example` lists them."""

import re
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from plant_backend.domain.notification_addresses import networks

_PLACEHOLDER = re.compile(
    r"change.?me|secret|password|placeholder|example|your.?token|insert|todo|<|>|\.\.\.", re.IGNORECASE
)


class Settings(BaseSettings):
    """Where data lives, where to listen, and how patient to be."""

    model_config = SettingsConfigDict(env_prefix="PLANT_", env_file=".env", extra="ignore")

    data_dir: Path = Field(
        Path("~/.local/share/plant-backend"), description="The folder of the database and the signing key."
    )
    database_url: str = Field(
        "",
        description="A PostgreSQL database instead of the SQLite file, for several processes or machines: "
        "postgresql://USER:PASSWORD@HOST/NAME.",
    )
    redis_url: str = Field(
        "",
        description="Redis or Valkey, by which processes that share a PostgreSQL database tell each other at once what "
        "they find by themselves a second later: redis://HOST.",
    )
    with_worker: bool = Field(
        True, description="Run the rules in `serve` too; without, start `plant-backend worker` beside it."
    )
    host: str = Field("0.0.0.0", description="The address to listen on; nodes must reach it.")  # noqa: S104
    port: int = Field(8000, ge=0, le=65535, description="The port to listen on; 0 picks a free one.")
    ingress_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="A second port, for Home Assistant's ingress alone; none by default. The app sets it.",
    )
    ingress_peer: IPv4Address = Field(
        IPv4Address("172.30.32.2"),
        description="The address of Home Assistant's Supervisor, the only one heard there; another one is for tests.",
    )
    command_ttl_s: int = Field(
        120, ge=1, le=86400, description="Seconds that a command waits for its node before it expires."
    )
    sweep_interval_s: float = Field(
        30, gt=0, le=3600, description="Seconds between two looks at everything, in case a nudge was lost."
    )
    evaluation_interval_ms: int = Field(
        1000, ge=0, le=3_600_000, description="Milliseconds between two evaluations of one device at least."
    )
    compact_every_s: float = Field(900, gt=0, description="Seconds between two compactions of the log.")
    compact_at_batches: int = Field(
        5000, ge=1, description="Compact as soon as this many batches wait, whatever the time."
    )
    raw_retention_days: int = Field(
        32, ge=32, le=36500, description="Days that raw readings are kept: at least one more than a node may be late."
    )
    five_minute_retention_days: int = Field(
        366, ge=32, le=36500, description="Days that 5-minute rollups are kept; hourly ones are kept for ever."
    )
    decision_retention_days: int = Field(
        90, ge=32, le=36500, description="Days that decisions are kept with what they were made from."
    )
    record_retention_days: int = Field(
        730, ge=32, le=36500, description="Days that commands and resolved alerts are kept; what still counts stays."
    )
    zeroconf: bool = Field(True, description="Let the local network find the server, unless only this machine can.")
    allowed_hosts: str = Field(
        "",
        description="Further names that the server answers to, with commas; *.example.org and * are understood. "
        "Addresses, single words, .local, .lan, .internal and .home.arpa need no mention.",
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses or networks of reverse proxies whose X-Forwarded-… are believed, with commas.",
    )
    metrics_token: str = Field("", description="What opens /metrics; closed without. At least 16 characters.")
    audit_days: int = Field(365, ge=1, le=3650, description="Days that the audit log is kept.")
    notification_networks: str = Field(
        "",
        description="Networks and addresses that notifications may be sent to though they are not the internet's, with "
        "commas; private stands for all private ones. Others are refused.",
    )
    public_url: str = Field("", description="Where people reach the dashboard; notifications link to it.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least level to log.")
    log_format: Literal["console", "json"] = Field("console", description="For people or for programs.")
    clock_speed: float = Field(
        1.0, ge=1, le=100_000, description="How much faster the plants' time runs; for demonstrations only."
    )
    clock_origin_ms: int = Field(0, ge=0, description="Unix milliseconds at which the two times are the same.")

    @field_validator("ingress_port", mode="before")
    @classmethod
    def _is_none_when_empty(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: str) -> str:
        if value and not re.match(r"postgres(ql)?(\+(psycopg|asyncpg))?://", value):
            raise ValueError("must be a postgresql:// address, or empty for SQLite in PLANT_DATA_DIR")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: str) -> str:
        if value and not re.match(r"(rediss?|valkeys?|unix)://", value):
            raise ValueError("must be a redis://, rediss:// or unix:// address, or empty")
        return re.sub(r"^valkey", "redis", value)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.redis_url and not self.database_url:
            raise ValueError("PLANT_REDIS_URL is for several processes: set PLANT_DATABASE_URL as well")
        if not self.with_worker and not self.database_url:
            raise ValueError(
                "PLANT_WITH_WORKER=false needs PLANT_DATABASE_URL: nobody else can run the rules on SQLite"
            )
        return self

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for text in cls.names(value):
            ip_network(text, strict=False)
        return value

    @field_validator("notification_networks")
    @classmethod
    def _are_networks_to_notify(cls, value: str) -> str:
        networks(value)
        return value

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", value):
            raise ValueError("must be an http:// or https:// address, or empty")
        return value.rstrip("/")

    @field_validator("metrics_token")
    @classmethod
    def _is_no_placeholder(cls, value: str) -> str:
        if value and (len(value) < 16 or len(set(value)) < 6 or _PLACEHOLDER.search(value)):
            # The value itself is not repeated: it may be a real one that is too short.
            raise ValueError("must be a secret of at least 16 characters and no placeholder: try openssl rand -hex 32")
        return value

    @staticmethod
    def names(value: str) -> list[str]:
        """Give the parts of a list with commas."""
        return [name.strip() for name in value.split(",") if name.strip()]

    @property
    def database_path(self) -> Path:
        """The SQLite file."""
        return self.data_dir.expanduser() / "plant.db"

    @property
    def notification_key_path(self) -> Path:
        """The key that the URLs of notifications are encrypted with."""
        return self.data_dir.expanduser() / "notifications.key"

    @property
    def signing_key_path(self) -> Path:
        """The key that signs access tokens."""
        return self.data_dir.expanduser() / "signing.key"
