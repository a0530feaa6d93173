"""Settings from the environment. A bad one is one line that names the variable."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from plant_node.channels import NodeConfig, load_config
from plant_node.config_entry import ConfigError

DRIVERS = ("simulated", "hardware")
CLOCK_TRUST = ("auto", "always", "never")


class SettingsError(Exception):
    """A setting is missing or wrong; the text names the variable."""


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


def load_pin_settings(env: Mapping[str, str]) -> PinSettings:
    """The settings that name files and pins."""
    driver = _choice(env, "PLANT_NODE_DRIVER", DRIVERS, "simulated")
    config_file = env.get("PLANT_NODE_CONFIG", "").strip()
    try:
        config = load_config(Path(config_file) if config_file else None, for_pins=driver == "hardware")
    except ConfigError as error:
        raise SettingsError(f"PLANT_NODE_CONFIG: {error}") from error
    return PinSettings(driver, config)


def load_settings(env: Mapping[str, str]) -> Settings:
    """All settings, checked."""
    pins = load_pin_settings(env)
    speed = _number(env, "PLANT_NODE_CLOCK_SPEED", 1, 0.001, 1_000_000)
    origin_ms = 0
    if speed != 1:
        if pins.driver != "simulated":
            raise SettingsError("PLANT_NODE_CLOCK_SPEED: only a simulated plant lives faster than the world")
        origin_ms = int(_number(env, "PLANT_NODE_CLOCK_ORIGIN", None, 0, 1e14))
    return Settings(
        api_base_url=_base_url(env),
        device_id=_device_id(env),
        device_secret=_secret(env),
        state_dir=load_state_dir(env),
        driver=pins.driver,
        config=pins.config,
        sample_interval_ms=int(1000 * _number(env, "PLANT_NODE_SAMPLE_INTERVAL_S", 60, 0.05, 86_400)),
        send_interval_ms=int(1000 * _number(env, "PLANT_NODE_SEND_INTERVAL_S", 60, 0.05, 86_400)),
        link_timeout_s=_number(env, "PLANT_NODE_LINK_TIMEOUT_S", 120, 0.5, 86_400),
        queue_max_readings=int(_number(env, "PLANT_NODE_QUEUE_MAX_READINGS", 200_000, 1, 100_000_000)),
        clock_speed=speed,
        clock_origin_ms=origin_ms,
        clock_trust=_choice(env, "PLANT_NODE_CLOCK_TRUST", CLOCK_TRUST, "auto"),
        pin_trace=_choice(env, "PLANT_NODE_PIN_TRACE", ("0", "1"), "0") == "1",
        simulated={
            name.removeprefix("PLANT_NODE_SIM_").lower(): value
            for name, value in env.items()
            if name.startswith("PLANT_NODE_SIM_")
        },
    )


def _text(env: Mapping[str, str], name: str, default: str | None) -> str:
    value = env.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise SettingsError(f"{name}: is not set")
    return default


def _choice(env: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = _text(env, name, default)
    if value not in allowed:
        raise SettingsError(f"{name}: must be one of {', '.join(allowed)}")
    return value


def _number(env: Mapping[str, str], name: str, default: float | None, least: float, most: float) -> float:
    text = _text(env, name, None if default is None else str(default))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise SettingsError(f"{name}: must be a number from {least:g} to {most:g}")
    return value


def _base_url(env: Mapping[str, str]) -> str:
    url = _text(env, "PLANT_API_BASE_URL", None)
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_right = False
        parts = urlsplit("")
    if not is_right or parts.query or parts.fragment or parts.username or parts.password:
        raise SettingsError("PLANT_API_BASE_URL: must look like http://garden.local:8000 or https://…, without a login")
    return url.rstrip("/")


def _device_id(env: Mapping[str, str]) -> str:
    device_id = _text(env, "PLANT_DEVICE_ID", None)
    if len(device_id) > 64 or not device_id.isascii() or not device_id.isprintable() or " " in device_id:
        raise SettingsError("PLANT_DEVICE_ID: is not a device id")
    return device_id


def _secret(env: Mapping[str, str]) -> str:
    file = env.get("PLANT_DEVICE_SECRET_FILE", "").strip()
    if not file:
        return _text(env, "PLANT_DEVICE_SECRET", None)
    if env.get("PLANT_DEVICE_SECRET", "").strip():
        raise SettingsError("PLANT_DEVICE_SECRET_FILE: PLANT_DEVICE_SECRET is set too; set one of them")
    try:
        secret = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"PLANT_DEVICE_SECRET_FILE: cannot read {file}") from error
    if not secret:
        raise SettingsError(f"PLANT_DEVICE_SECRET_FILE: {file} is empty")
    return secret


def load_state_dir(env: Mapping[str, str]) -> Path:
    """Where the queue and the ledger live."""
    # systemd's StateDirectory= arrives as STATE_DIRECTORY.
    state_dir = Path(_text(env, "PLANT_NODE_STATE_DIR", env.get("STATE_DIRECTORY", "").strip() or None))
    if state_dir.exists() and not state_dir.is_dir():
        raise SettingsError(f"PLANT_NODE_STATE_DIR: {state_dir} is not a folder")
    return state_dir
