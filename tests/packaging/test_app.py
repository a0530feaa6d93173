"""The app for Home Assistant: held against its Supervisor's rules, each build step run, and its scripts at work.

The base image (Alpine, with s6-overlay) is not to be had without a container engine. So the steps run on this
machine's Python, `s6-applyuidgid` and `chown` are stand-ins that change nobody, and the paths below `/` lie in a
folder. That every package has a wheel for Alpine is asked of the package index; .github/workflows/ci.yml runs the real
image, beside a stand-in for the Supervisor.
"""

import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import httpx
import pytest
import yaml
from plant_backend.settings import Settings

from tests.packaging.dockerfile import ROOT, read, run_stage
from tests.packaging.supervisor_rules import AppConfig, Repository, Translation
from tests.packaging.test_image import checked
from tests.ports import reserve_a_port
from tests.supervisor import TOKEN, supervisor

APP = ROOT / "app"
CONFIG = AppConfig.model_validate(yaml.safe_load((APP / "config.yaml").read_text()))
BUILD, FINAL = read(APP / "Dockerfile")
SERVICES = APP / "rootfs/etc/s6-overlay/s6-rc.d"
SCRIPTS = APP / "rootfs/usr/lib/plant-automation"


def test_the_repository_is_one_of_apps() -> None:
    Repository.model_validate(yaml.safe_load((ROOT / "repository.yaml").read_text()))
    for name in ("README.md", "DOCS.md", "CHANGELOG.md", "apparmor.txt", "icon.png", "logo.png"):
        assert (APP / name).is_file(), name


def test_the_app_may_do_no_more_than_it_needs() -> None:
    """`AppConfig` knows no host network, no privileges, no Supervisor's role, no maps: they would be failures."""
    assert CONFIG.ports == {"8000/tcp": 8000}
    assert CONFIG.ingress
    assert CONFIG.ingress_port == int(FINAL.environment()["PLANT_INGRESS_PORT"])
    assert f"profile {CONFIG.slug} " in (APP / "apparmor.txt").read_text()


def test_each_option_is_a_setting_and_is_explained_in_each_language() -> None:
    assert CONFIG.kinds.keys() <= Settings.model_fields.keys()
    assert CONFIG.options.keys() <= CONFIG.kinds.keys()
    fixed = {name.removeprefix("PLANT_").lower() for name in FINAL.environment() if name.startswith("PLANT_")}
    assert CONFIG.kinds.keys().isdisjoint(fixed)
    for name, kind in CONFIG.kinds.items():
        assert name in CONFIG.options or kind.endswith("?"), f"{name} has no value at first and is not optional"
    for path in (APP / "translations").glob("*.yaml"):
        said = Translation.model_validate(yaml.safe_load(path.read_text()))
        assert said.configuration.keys() == CONFIG.kinds.keys(), path.name
        assert said.network.keys() == CONFIG.ports.keys(), path.name


@pytest.mark.parametrize(("name", "size"), [("icon.png", (128, 128)), ("logo.png", (250, 100))])
def test_the_pictures_have_the_size_that_the_store_shows(name: str, size: tuple[int, int]) -> None:
    data = (APP / name).read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == size


def test_the_dockerfile_passes_hadolint() -> None:
    checked("hadolint", "app/Dockerfile")


def test_the_image_says_what_it_is_and_the_config_names_it() -> None:
    labels = FINAL.last("LABEL")
    for label in ('io.hass.type="app"', 'io.hass.version="${VERSION}"', 'io.hass.arch="${BUILD_ARCH}"'):
        assert label in labels
    assert f"VERSION={CONFIG.version}" in [step.text for step in FINAL.steps if step.word == "ARG"]
    assert re.fullmatch(r"ghcr\.io/home-assistant/base-python:3\.14-alpine3\.\d+(@sha256:\w+)?", FINAL.base)
    workflow = (ROOT / ".github/workflows/release.yml").read_text()
    assert "${{ github.repository }}-app" in workflow
    assert CONFIG.image == "ghcr.io/plant-automation/plant-automation-app"


def test_every_service_is_started_and_waits_for_what_it_needs() -> None:
    names = {path.name for path in SERVICES.iterdir() if path.name != "user"}
    assert {path.name for path in (SERVICES / "user/contents.d").iterdir()} == names
    for name in names:
        kind = (SERVICES / name / "type").read_text().strip()
        script = SERVICES / name / ("up" if kind == "oneshot" else "run")
        assert script.is_file()
        for needed in (SERVICES / name / "dependencies.d").iterdir():
            assert needed.name in names | {"base"}
        for path in re.findall(r"/usr/lib/plant-automation/[\w-]+", script.read_text()):
            assert os.access(APP / "rootfs" / path[1:], os.X_OK), path
    for command in (CONFIG.backup_pre, CONFIG.backup_post):
        assert os.access(APP / "rootfs" / command[1:], os.X_OK)


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_package_has_a_wheel_for_alpine(machine: str, tmp_path: Path) -> None:
    uv = subprocess.run([ROOT / "scripts/setup", "uv"], capture_output=True, text=True, check=True).stdout.strip()
    command: list[str | Path] = [uv, "pip", "install", "--dry-run", "--target", tmp_path]
    command += ["--python-platform", f"{machine}-unknown-linux-musl"]
    command += ["--python", ROOT / ".venv/bin/python", "--python-version", "3.14"]
    command += ["--only-binary", ":all:", "--require-hashes", "--requirement", "requirements/image.txt"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Container:
    """A folder that is laid out as the app's container, and what s6 and the Supervisor do with it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "data"
        self.port, self.ingress_port = reserve_a_port(self), reserve_a_port(self)
        self.log = root / "log"

    def options(self, **options: object) -> None:
        """Write what the person has chosen, as the Supervisor does."""
        self.data.mkdir(exist_ok=True)
        (self.data / "options.json").write_text(json.dumps({**CONFIG.options, **options}))

    def environment(self, **more: str) -> dict[str, str]:
        ours = {"PATH": f"{self.root}/tools:/usr/bin:/bin", "HOME": str(self.root), **FINAL.environment(), **more}
        listening = {"PLANT_PORT": self.port, "PLANT_INGRESS_PORT": self.ingress_port, "PLANT_HOST": "127.0.0.1"}
        return ours | {name: str(value) for name, value in listening.items()} | {"PLANT_INGRESS_PEER": "127.0.0.7"}

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a script of the image to its end."""
        return subprocess.run(
            ["bash", f"{self.root}{script}"],
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @contextmanager
    def started(self) -> Iterator[str]:
        """Start the app as s6 does: prepare, then the server. Gives its address."""
        prepared = self.run("/usr/lib/plant-automation/prepare")
        assert prepared.returncode == 0, prepared.stderr
        with self.log.open("ab") as file:
            server = subprocess.Popen(
                ["bash", self.root / "etc/s6-overlay/s6-rc.d/plant-api/run"],
                env=self.environment(),
                stdout=file,
                stderr=file,
            )
        url = f"http://127.0.0.1:{self.port}"
        try:
            deadline = time.monotonic() + 120
            while not is_ready(url):
                assert server.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.05)
            yield url
        finally:
            server.terminate()
            assert server.wait(60) == 0, self.log.read_text()

    def house(self, url: str) -> httpx.Client:
        """Give Home Assistant's own client."""
        token = (self.data / "plant/home-assistant.token").read_text().strip()
        return httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=60)

    def add_device(self, name: str) -> None:
        """Add one as somebody in Home Assistant who typed in the code of the log."""
        code = re.findall(r"pst_[\w-]+", self.log.read_text())[-1]
        with httpx.Client(
            transport=httpx.HTTPTransport(local_address="127.0.0.7"),
            base_url=f"http://127.0.0.1:{self.ingress_port}",
            headers={
                "x-ingress-path": "/api/hassio_ingress/abc",
                "x-remote-user-id": "u-anna",
                "x-remote-user-name": "anna",
                "sec-fetch-site": "same-origin",
            },
            timeout=60,
        ) as client:
            assert client.post("/web/own", data={"code": code}).status_code == 303
            assert client.post("/devices", json={"name": name}).status_code == 201


def is_ready(url: str) -> bool:
    try:
        return httpx.get(url + "/readyz").status_code == 200
    except httpx.TransportError:
        return False


STAND_IN = """#!/bin/sh
# In the place of s6-applyuidgid: nobody changes here.
[ "$1 $2 $3 $4 $5 $6" = "-u 10001 -g 10001 -G " ] || exit 9
shift 6
exec "$@"
"""


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """What the Dockerfile's steps make."""
    python = subprocess.run([ROOT / "scripts/python314"], capture_output=True, text=True, check=True).stdout.strip()
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > 2_000_000_000
    root = Path(tempfile.mkdtemp(prefix="plant-app-", dir=memory if has_room else None))
    try:
        run_stage(BUILD, root / "build", python)
        run_stage(FINAL, root / "final", python, {"build": root / "build"})
        yield root / "final"
    finally:
        shutil.rmtree(root)


@pytest.fixture
def container(image: Path, tmp_path: Path) -> Container:
    """A container of it, whose paths lie in a folder."""
    for path in (image / "usr/lib", image / "etc"):
        shutil.copytree(path, tmp_path / path.relative_to(image))
    for path in [*tmp_path.glob("usr/lib/plant-automation/*"), *tmp_path.rglob("run")]:
        text = re.sub(r"(?<![\w.])/(data|command|usr/lib/plant-automation)\b", rf"{tmp_path}/\1", path.read_text())
        path.write_text(re.sub(r"(?<![\w.])/opt/plant\b", f"{image}/opt/plant", text))
    for name, text in {"command/s6-applyuidgid": STAND_IN, "tools/chown": "#!/bin/sh\n"}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    made = Container(tmp_path)
    made.options()
    return made


def is_left_out(name: str) -> bool:
    """Tell whether the Supervisor leaves a file of /data out of a backup."""
    return any(PurePath(name).match(pattern) for pattern in CONFIG.backup_exclude)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_from_the_first_start_to_a_restored_backup(container: Container, tmp_path: Path) -> None:
    """Home Assistant hears of it once it is ready; a backup beside the running server brings everything back."""
    with container.started() as url, supervisor(failures=1) as (address, told):
        here = {"SUPERVISOR_URL": address, "SUPERVISOR_TOKEN": TOKEN, "PLANT_OWN_URL": url}
        heard = container.run("/usr/lib/plant-automation/discover", **here)
        assert (heard.returncode, heard.stdout) == (0, "Home Assistant knows of it.\n"), heard.stderr
        info = httpx.get(url + "/info", timeout=60).json()
        token = (container.data / "plant/home-assistant.token").read_text().strip()
        config = {"host": socket.gethostname(), "port": container.port, "token": token}
        assert told == [{"service": "plant_automation", "config": {**config, "instance_id": info["instance_id"]}}]
        assert token not in heard.stdout + heard.stderr + container.log.read_text()

        container.add_device("Basil")
        with container.house(url) as house:
            before = house.get("/devices").json()
        assert container.run("/usr/lib/plant-automation/backup-pre").returncode == 0
        archive = tmp_path / "backup.tar"
        with tarfile.open(archive, "w") as backup:
            for path in sorted(container.data.rglob("*")):
                name = str(path.relative_to(container.data))
                if path.is_file() and not is_left_out(name):
                    backup.add(path, name)
            names = backup.getnames()
        assert container.run("/usr/lib/plant-automation/backup-post").returncode == 0
        assert not (container.data / "plant/backup.db").exists()

    kept = {"options.json", "plant/backup.db", "plant/signing.key", "plant/home-assistant.token"}
    assert kept <= set(names)
    assert not [name for name in names if "plant.db" in name]
    shutil.rmtree(container.data)
    with tarfile.open(archive) as backup:
        backup.extractall(container.data, filter="data")
    with container.started() as url, container.house(url) as house:
        assert house.get("/devices").json() == before
        assert httpx.get(url + "/info", timeout=60).json()["instance_id"] == info["instance_id"]
    assert not (container.data / "plant/backup.db").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_copy_that_a_broken_backup_left_never_takes_the_database_s_place(container: Container) -> None:
    with container.started():
        assert container.run("/usr/lib/plant-automation/backup-pre").returncode == 0
        container.add_device("Since then")
    with container.started() as url, container.house(url) as house:
        assert [one["name"] for one in house.get("/devices").json()] == ["Since then"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_backup_without_the_database_is_none(container: Container) -> None:
    done = container.run("/usr/lib/plant-automation/backup-pre")
    assert done.returncode != 0
    assert "no database" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_options_become_settings_and_a_wrong_one_is_named(container: Container) -> None:
    container.options(metrics_token="5fQ2mXv8Zk1LrT0w", public_url="")
    with container.started() as url:
        authorized = {"authorization": "Bearer 5fQ2mXv8Zk1LrT0w"}
        assert httpx.get(url + "/metrics", headers=authorized, timeout=60).status_code == 200
        assert httpx.get(url + "/metrics", timeout=60).status_code == 401
    container.options(raw_retention_days=1)
    done = container.run("/etc/s6-overlay/s6-rc.d/plant-api/run")
    assert done.returncode == 2
    assert "PLANT_RAW_RETENTION_DAYS" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_supervisor_that_does_not_answer_stops_nothing(container: Container) -> None:
    with container.started() as url, supervisor() as (address, told):
        here: dict[str, Any] = {"SUPERVISOR_URL": address, "SUPERVISOR_TOKEN": "wrong", "PLANT_OWN_URL": url}
        # Retries are curl's own affair; here they would only take time.
        script = container.root / "usr/lib/plant-automation/discover"
        script.write_text(script.read_text().replace("--retry 5", "--retry 0"))
        done = container.run("/usr/lib/plant-automation/discover", **here)
        assert done.returncode == 0
        assert "could not be told" in done.stderr
        assert told == []
