"""Settings: one readable file, and the environment, which wins. A bad one is one line that names it."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from plant_node.channels import NodeConfig, parse_config
from plant_node.config_entry import ConfigError

DRIVERS = ("simulated", "hardware")
CLOCK_TRUST = ("auto", "always", "never")
SYSTEM_CONFIG = Path("/etc/plant-node/plant-node.toml")
SYSTEM_STATE = "/var/lib/plant-node"

# How the file calls what the environment calls PLANT_….
IN_FILE = {
    "PLANT_API_BASE_URL": "backend.url",
    "PLANT_DEVICE_ID": "backend.device_id",
    "PLANT_DEVICE_SECRET": "backend.secret",
    "PLANT_DEVICE_SECRET_FILE": "backend.secret_file",
    "PLANT_NODE_DRIVER": "node.driver",
    "PLANT_NODE_STATE_DIR": "node.state_dir",
    "PLANT_NODE_SAMPLE_INTERVAL_S": "node.sample_interval_s",
    "PLANT_NODE_SEND_INTERVAL_S": "node.send_interval_s",
    "PLANT_NODE_LINK_TIMEOUT_S": "node.link_timeout_s",
    "PLANT_NODE_QUEUE_MAX_READINGS": "node.queue_max_readings",
    "PLANT_NODE_CLOCK_TRUST": "node.clock_trust",
}


class SettingsError(Exception):
    """A setting is missing or wrong; the text names the variable, or the word in the file."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the owner can set."""

    api_base_url: str
    device_id: str
    device_secret: str = field(repr=False)
    state_dir: Path
    driver: str
    config: NodeConfig
    sample_interval_ms: int
    send_interval_ms: int
    link_timeout_s: float
    queue_max_readings: int
    clock_speed: float
    clock_origin_ms: int
    clock_trust: str
    pin_trace: bool
    simulated: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PinSettings:
    """What `plant-node off` needs: no backend, no secret, no state."""

    driver: str
    config: NodeConfig


class Words:
    """What the environment and the file say, and where a setting comes from."""

    def __init__(self, env: Mapping[str, str], path: Path | None) -> None:
        self.env = env
        self.path = path
        self.table = {} if path is None else read_file(path)
        self._from_file = _plain_words(self.table, path)

    @classmethod
    def find(cls, env: Mapping[str, str], path: Path | None = None) -> Words:
        """The file is what `--config` says, or PLANT_NODE_CONFIG, or the system's if there is one."""
        if path is None and (named := env.get("PLANT_NODE_CONFIG", "").strip()):
            path = Path(named)
        if path is None and SYSTEM_CONFIG.exists() and not env.get("PLANT_DEVICE_ID"):
            path = SYSTEM_CONFIG
        return cls(env, path)

    def name(self, variable: str) -> str:
        """What to call a setting in an error."""
        if not self.env.get(variable, "").strip() and variable in self._from_file:
            return f"{self.path}: {IN_FILE[variable]}"
        return variable

    def text(self, variable: str, default: str | None) -> str:
        """A setting's text. Raises SettingsError when it is missing and has no default."""
        value = self.env.get(variable, "").strip() or self._from_file.get(variable, "")
        if value:
            return value
        if default is None:
            where = f" (in the file: {IN_FILE[variable]})" if variable in IN_FILE else ""
            raise SettingsError(f"{variable}: is not set{where}")
        return default

    def choice(self, variable: str, allowed: tuple[str, ...], default: str) -> str:
        """One of some words."""
        value = self.text(variable, default)
        if value not in allowed:
            raise SettingsError(f"{self.name(variable)}: must be one of {', '.join(allowed)}")
        return value

    def number(self, variable: str, default: float | None, least: float, most: float) -> float:
        """A number within bounds."""
        text = self.text(variable, None if default is None else str(default))
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise SettingsError(f"{self.name(variable)}: must be a number from {least:g} to {most:g}")
        return value


def read_file(path: Path) -> dict[str, Any]:
    """The file's tables. Raises SettingsError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"PLANT_NODE_CONFIG: cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _plain_words(table: Mapping[str, Any], path: Path | None) -> dict[str, str]:
    """The file's [backend] and [node] under the environment's names."""
    found: dict[str, str] = {}
    variables = {word: variable for variable, word in IN_FILE.items()}
    for name in ("backend", "node"):
        part = table.get(name, {})
        if not isinstance(part, dict):
            raise SettingsError(f"{path}: {name} must be a table")
        for word, value in part.items():
            if (variable := variables.get(f"{name}.{word}")) is None:
                raise SettingsError(f"{path}: {name}.{word}: unknown word")
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise SettingsError(f"{path}: {name}.{word}: must be a text or a number")
            found[variable] = str(value).strip()
    return found


def load_pin_settings(words: Words) -> PinSettings:
    """The settings that name files and pins."""
    driver = words.choice("PLANT_NODE_DRIVER", DRIVERS, "simulated")
    if words.path is None and driver == "hardware":
        raise SettingsError("PLANT_NODE_CONFIG: is needed with the driver hardware: it says which pin is what")
    try:
        config = parse_config(words.table, for_pins=driver == "hardware")
    except ConfigError as error:
        raise SettingsError(f"{words.path}: {error}") from error
    return PinSettings(driver, config)


def load_settings(words: Words) -> Settings:
    """All settings, checked."""
    pins = load_pin_settings(words)
    env = words.env
    speed = words.number("PLANT_NODE_CLOCK_SPEED", 1, 0.001, 1_000_000)
    origin_ms = 0
    if speed != 1:
        if pins.driver != "simulated":
            raise SettingsError("PLANT_NODE_CLOCK_SPEED: only a simulated plant lives faster than the world")
        origin_ms = int(words.number("PLANT_NODE_CLOCK_ORIGIN", None, 0, 1e14))
    return Settings(
        api_base_url=_base_url(words),
        device_id=_device_id(words),
        device_secret=_secret(words),
        state_dir=load_state_dir(words),
        driver=pins.driver,
        config=pins.config,
        sample_interval_ms=int(1000 * words.number("PLANT_NODE_SAMPLE_INTERVAL_S", 60, 0.05, 86_400)),
        send_interval_ms=int(1000 * words.number("PLANT_NODE_SEND_INTERVAL_S", 60, 0.05, 86_400)),
        link_timeout_s=words.number("PLANT_NODE_LINK_TIMEOUT_S", 120, 0.5, 86_400),
        queue_max_readings=int(words.number("PLANT_NODE_QUEUE_MAX_READINGS", 200_000, 1, 100_000_000)),
        clock_speed=speed,
        clock_origin_ms=origin_ms,
        clock_trust=words.choice("PLANT_NODE_CLOCK_TRUST", CLOCK_TRUST, "auto"),
        pin_trace=words.choice("PLANT_NODE_PIN_TRACE", ("0", "1"), "0") == "1",
        simulated={
            name.removeprefix("PLANT_NODE_SIM_").lower(): value
            for name, value in env.items()
            if name.startswith("PLANT_NODE_SIM_")
        },
    )


def base_url(text: str) -> str | None:
    """The backend's address without a slash at its end; None when it is none."""
    try:
        parts = urlsplit(text)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    if not is_right or parts.query or parts.fragment or parts.username or parts.password:
        return None
    return text.rstrip("/")


def is_device_id(text: str) -> bool:
    """Whether it can be one."""
    return 0 < len(text) <= 64 and text.isascii() and text.isprintable() and " " not in text


def _base_url(words: Words) -> str:
    url = base_url(words.text("PLANT_API_BASE_URL", None))
    if url is None:
        name = words.name("PLANT_API_BASE_URL")
        raise SettingsError(f"{name}: must look like http://garden.local:8000 or https://…, without a login")
    return url


def _device_id(words: Words) -> str:
    device_id = words.text("PLANT_DEVICE_ID", None)
    if not is_device_id(device_id):
        raise SettingsError(f"{words.name('PLANT_DEVICE_ID')}: is not a device id")
    return device_id


def _secret(words: Words) -> str:
    secret, file = words.text("PLANT_DEVICE_SECRET", ""), words.text("PLANT_DEVICE_SECRET_FILE", "")
    if not file:
        return words.text("PLANT_DEVICE_SECRET", None)
    name = words.name("PLANT_DEVICE_SECRET_FILE")
    if secret:
        raise SettingsError(f"{name}: {words.name('PLANT_DEVICE_SECRET')} is set too; set one of them")
    try:
        secret = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: cannot read {file}") from error
    if not secret:
        raise SettingsError(f"{name}: {file} is empty")
    return secret


def load_state_dir(words: Words) -> Path:
    """Where the queue and the ledger live: by default systemd's folder, or one beside the file."""
    default = None
    if words.path is not None:
        default = str(words.path.with_name(words.path.stem + "-state"))
    if words.path == SYSTEM_CONFIG:
        default = SYSTEM_STATE
    # systemd's StateDirectory= arrives as STATE_DIRECTORY.
    default = words.env.get("STATE_DIRECTORY", "").strip() or default
    state_dir = Path(words.text("PLANT_NODE_STATE_DIR", default))
    if state_dir.exists() and not state_dir.is_dir():
        raise SettingsError(f"{words.name('PLANT_NODE_STATE_DIR')}: {state_dir} is not a folder")
    return state_dir


def is_readable_by_others(path: Path) -> bool:
    """Whether somebody else on this machine can read the secret in it."""
    return bool(path.stat().st_mode & 0o077)
