"""compose.scale.yaml: what can be said without a container engine. Its processes run in tests/backend/contract."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from plant_backend.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.scale.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


def test_it_is_a_compose_file() -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    command = [tool, "--builtin-schema", "vendor.compose-spec", "compose.scale.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_two_of_each_share_everything() -> None:
    assert set(SERVICES) == {"serve-1", "serve-2", "worker-1", "worker-2", "caddy", "postgres", "valkey"}
    ours = [service for name, service in SERVICES.items() if name[-1].isdigit()]
    for key in ("PLANT_DATABASE_URL", "PLANT_REDIS_URL", "PLANT_DATA_DIR"):
        assert len({service["environment"][key] for service in ours}) == 1
    assert all(service["volumes"] == ["keys:/data"] for service in ours)
    does_work = {name: service["environment"]["PLANT_WITH_WORKER"] for name, service in SERVICES.items() if "-" in name}
    assert does_work == {"serve-1": "false", "serve-2": "false", "worker-1": "true", "worker-2": "true"}


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_may_do_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "caddy" else [])
    assert {"privileged", "network_mode", "pid", "devices"}.isdisjoint(service)
    assert "ports" not in service or name == "caddy", "only Caddy is reached from outside"
    assert not service["image"].endswith(":latest")
    assert service["mem_limit"]
    assert service["pids_limit"]


def without_variables(text: str) -> str:
    """Leave out what comes from the environment, from the inside out."""
    while (less := re.sub(r"\$\{[^{}]*\}", "", text)) != text:
        text = less
    return text


def test_its_settings_are_settings_and_fit_together() -> None:
    known = {f"PLANT_{name.upper()}": name for name in Settings.model_fields}
    for name in ("serve-1", "worker-1"):
        given = SERVICES[name]["environment"]
        assert set(given) <= set(known)
        values = {known[key]: without_variables(value) for key, value in given.items()}
        assert Settings(_env_file=None, **values).database_url.startswith("postgresql://")


def test_no_password_is_made_up_for_anybody() -> None:
    text = json.dumps(COMPOSE)
    assert re.findall(r"PLANT_POSTGRES_PASSWORD:?([^}]?)", text) == ["?"] * text.count("PLANT_POSTGRES_PASSWORD")


def test_a_proxy_is_believed_at_the_one_address_that_it_has() -> None:
    address = SERVICES["caddy"]["networks"]["edge"]["ipv4_address"].replace("${PLANT_EDGE:-10.213.58}", "10.213.58")
    assert address == "10.213.58.2"
    for name in ("serve-1", "serve-2"):
        trusted = SERVICES[name]["environment"]["PLANT_TRUSTED_PROXIES"]
        assert trusted == "${PLANT_TRUSTED_PROXIES:-}${PLANT_DOMAIN:+,${PLANT_EDGE:-10.213.58}.2}"
    aliases = [SERVICES[name]["networks"]["edge"]["aliases"][0] for name in ("serve-1", "serve-2")]
    proxied = " ".join(f"{alias}:8000" for alias in aliases)
    assert f"reverse_proxy {proxied}" in (ROOT / "containers/Caddyfile.scale").read_text()


def test_what_only_home_assistant_may_say_is_dropped_here_too() -> None:
    one, several = ((ROOT / f"containers/{name}").read_text() for name in ("Caddyfile", "Caddyfile.scale"))
    dropped = re.findall(r"header_up -(\S+)", one)
    assert dropped
    assert re.findall(r"header_up -(\S+)", several) == dropped
