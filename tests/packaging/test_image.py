"""The Dockerfile and compose.yaml: what can be said of them without a container engine, and each step run for real."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from plant_backend.settings import Settings

from tests.packaging.dockerfile import ROOT, Stage, build_context, read, run_stage, travels
from tests.ports import reserve_a_port

TOOLS = Path(sys.executable).parent
BUILD, FINAL = read(ROOT / "Dockerfile")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def checked(*command: str | Path) -> None:
    """Run a checker."""
    done = subprocess.run([TOOLS / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_passes_hadolint() -> None:
    checked("hadolint", "Dockerfile")


def test_the_compose_file_is_one() -> None:
    checked("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")


def test_the_image_runs_as_nobody_in_particular() -> None:
    assert re.fullmatch(r"[1-9]\d{4,}:[1-9]\d{4,}", FINAL.last("USER"))
    words = [step.word for step in FINAL.steps]
    assert "RUN" not in words[words.index("USER") :]


def test_every_base_says_its_version() -> None:
    for stage in (BUILD, FINAL):
        assert re.search(r":\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?$", stage.base), stage.base
    assert BUILD.base == FINAL.base, "what was compiled for one Python must run on the same"
    for service in SERVICES.values():
        assert not service["image"].endswith(":latest")


def test_all_that_is_installed_is_locked() -> None:
    for step in BUILD.steps:
        for command in re.split(r"&&", step.text) if step.word == "RUN" else []:
            if re.search(r"pip (install|wheel)", command):
                assert "--require-hashes" in command or "--no-deps" in command, command


def test_only_what_is_copied_travels_to_the_builder() -> None:
    context = build_context()
    tops = {name.split("/")[0] for name in context}
    assert tops == {"LICENSE", "README.md", "app", "backend", "firmware", "requirements"}
    assert not any(name.startswith("firmware/esphome") for name in context)
    assert all(name.startswith("app/rootfs/") for name in context if name.startswith("app/"))
    for secret in (".env", ".git/config", ".data/plant.db", "backups/x/plant.db", "backend/node_modules/x.js"):
        assert not travels(secret), secret


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_may_do_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "caddy" else [])
    assert {"privileged", "network_mode", "pid", "devices"}.isdisjoint(service)
    assert "/var/run/docker.sock" not in json.dumps(service)
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["logging"]["options"]["max-size"]


def test_only_the_backend_starts_unasked_and_its_data_outlives_it() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" not in service] == ["backend"]
    assert SERVICES["backend"]["volumes"] == ["data:/data"]
    assert COMPOSE["volumes"]["data"] == {"name": "plant-automation-data"}
    assert "volumes" not in SERVICES["demo"]


def test_what_is_fixed_in_a_container_are_settings() -> None:
    known = {f"PLANT_{name.upper()}" for name in Settings.model_fields}
    assert set(SERVICES["backend"]["environment"]) <= known
    assert {name for name in FINAL.environment() if name.startswith("PLANT_")} <= known


def test_each_of_composes_own_variables_is_explained() -> None:
    text = (ROOT / "compose.yaml").read_text()
    known = {f"PLANT_{name.upper()}" for name in Settings.model_fields}
    explained = re.findall(r"PLANT_\w+", "".join(line for line in text.splitlines(True) if line.startswith("#")))
    assert set(re.findall(r"\$\{?(PLANT_\w+)", text)) - known <= set(explained)


def test_a_proxy_is_believed_at_the_one_address_that_it_has() -> None:
    backend, caddy = SERVICES["backend"], SERVICES["caddy"]
    address = caddy["networks"]["edge"]["ipv4_address"].replace("${PLANT_EDGE:-10.213.57}", "10.213.57")
    trusted = backend["environment"]["PLANT_TRUSTED_PROXIES"]
    assert trusted == "${PLANT_TRUSTED_PROXIES:-}${PLANT_DOMAIN:+,${PLANT_EDGE:-10.213.57}.2}"
    assert address == "10.213.57.2"
    (alias,) = backend["networks"]["edge"]["aliases"]
    assert f"reverse_proxy {alias}:8000" in (ROOT / "containers/Caddyfile").read_text()


def test_versions_agree() -> None:
    version = tomllib.loads((ROOT / "backend/pyproject.toml").read_text())["project"]["version"]
    assert SERVICES["backend"]["image"].endswith(f":{version}}}")
    assert SERVICES["demo"]["image"] == SERVICES["backend"]["image"]
    assert [name for name, service in SERVICES.items() if "build" in service] == ["backend"]
    assert f"VERSION={version}" in [step.text for step in FINAL.steps if step.word == "ARG"]


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """What the build stage leaves behind, made in a clean folder by its own steps, and then made read-only."""
    python = subprocess.run([ROOT / "scripts/python314"], capture_output=True, text=True, check=True).stdout.strip()
    # Some twenty thousand small files that nobody keeps: in memory where there is room for them.
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > 2_000_000_000
    root = Path(tempfile.mkdtemp(prefix="plant-image-", dir=memory if has_room else None))
    try:
        run_stage(BUILD, root, python)
        subprocess.run(["chmod", "-R", "a-w", root], check=True)
        yield root
    finally:
        subprocess.run(["chmod", "-R", "u+w", root], check=True)
        shutil.rmtree(root)


def contained(image: Path, stage: Stage, data: Path, port: int) -> dict[str, Any]:
    """Give Popen's arguments: the final stage's environment, and none of root's powers over read-only files."""
    environment = {
        name: value.replace("/opt/", f"{image}/opt/").replace("$PATH", "/usr/bin:/bin")
        for name, value in stage.environment().items()
    }
    return {"env": {**environment, "PLANT_DATA_DIR": str(data), "PLANT_HOST": "127.0.0.1", "PLANT_PORT": str(port)}}


def powerless() -> list[str]:
    """Give the words before a command that take root's powers away, where somebody is root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_steps_of_the_image_give_a_server_that_is_healthy_on_a_read_only_root(image: Path, tmp_path: Path) -> None:
    """The build stage's steps in a clean folder, then the final stage's command and health check."""
    before = sorted(str(path) for path in image.rglob("*"))
    port = reserve_a_port(contained)
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    as_contained = contained(image, FINAL, data, port)
    command = json.loads(FINAL.last("CMD"))
    health = json.loads(FINAL.last("HEALTHCHECK").partition("CMD")[2])
    program = [str(image / "opt/plant/bin" / command[0]), *command[1:]]
    probe = [str(image / "opt/plant/bin" / health[0]), *(word.replace(":8000", f":{port}") for word in health[1:])]

    assert subprocess.run(probe, capture_output=True, check=False, **as_contained).returncode != 0
    log = tmp_path / "log"
    with log.open("wb") as file:
        server = subprocess.Popen([*powerless(), *program], cwd=data, stdout=file, stderr=file, **as_contained)
    try:
        deadline = time.monotonic() + 120
        while subprocess.run(probe, capture_output=True, check=False, **as_contained).returncode != 0:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
    finally:
        server.terminate()
        assert server.wait(60) == 0, log.read_text()

    assert "/web/setup#" in log.read_text()
    assert sorted(str(path) for path in image.rglob("*")) == before
    assert (data / "plant.db").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_image_holds_what_runs_and_nothing_that_builds(image: Path) -> None:
    """Its packages are those of the lock, and ours."""
    listed = subprocess.run(
        [
            image / "opt/plant/bin/python",
            "-c",
            "import importlib.metadata as m; print(*(d.name for d in m.distributions()))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    normal = {re.sub(r"[-_.]+", "-", name).lower() for name in listed.stdout.split()}
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements/image.txt").read_text(), re.MULTILINE))
    assert {"plant-backend", "plant-node"} <= normal
    assert normal - {"plant-backend", "plant-node"} <= locked
    assert normal.isdisjoint({"pip", "setuptools", "hatchling"})
