"""What a release is made of: one version everywhere, wheels that run alone, and the integration's zip."""

import configparser
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from plant_backend.settings import Settings

ROOT = Path(__file__).parents[2]
INTEGRATION = "custom_components/plant_automation"


def tracked(folder: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z", folder], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of all that says a version, and of the script that stamps it."""
    for name in (
        "scripts/stamp-version",
        "Dockerfile",
        "compose.yaml",
        *APP,
        f"{INTEGRATION}/manifest.json",
        *PACKAGES,
        *ESPHOME,
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


APP = ["app/Dockerfile", "app/config.yaml"]
PACKAGES = [
    f"{package}/{name}"
    for package, module in (("backend", "plant_backend"), ("firmware/raspberry_pi", "plant_node"))
    for name in ("pyproject.toml", f"{module}/__init__.py")
]

ESPHOME = [
    "firmware/esphome/components/plant_node/__init__.py",
    *(f"firmware/esphome/boards/{board}.yaml" for board in ("d1_mini", "esp32-4ch", "esp32-c3")),
]


def stamp(tree: Path, argument: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tree / "scripts/stamp-version", argument], capture_output=True, text=True, check=False)


def test_every_place_says_the_same_version() -> None:
    answer = stamp(ROOT, "--check")

    assert answer.returncode == 0, answer.stderr
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", answer.stdout)


def test_a_version_is_stamped_everywhere_and_nothing_else_changes(tree: Path) -> None:
    before = stamp(tree, "--check").stdout.strip()
    texts = {path: path.read_text() for path in tree.rglob("*") if path.is_file()}

    assert stamp(tree, "7.8.90").returncode == 0

    assert stamp(tree, "--check").stdout == "7.8.90\n"
    assert {path: text.replace("7.8.90", before) for path in texts for text in [path.read_text()]} == texts
    assert json.loads((tree / INTEGRATION / "manifest.json").read_text())["version"] == "7.8.90"


def test_places_that_differ_are_named(tree: Path) -> None:
    manifest = tree / INTEGRATION / "manifest.json"
    manifest.write_text(re.sub(r'"version": ".*?"', '"version": "6.6.6"', manifest.read_text()))

    answer = stamp(tree, "--check")

    assert answer.returncode == 1
    assert f"{INTEGRATION}/manifest.json: 6.6.6" in answer.stderr


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "1.2.3-rc1", "01.2.3", "1.2.3 ", "--all"])
def test_what_is_no_version_is_refused(tree: Path, version: str) -> None:
    answer = stamp(tree, version)

    assert answer.returncode == 2
    assert stamp(tree, "--check").returncode == 0


def test_the_systemd_unit_knows_only_real_settings_and_starts_the_server() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "backend/systemd/plant-backend.service")
    text = (ROOT / "backend/systemd/plant-backend.service").read_text()
    service = unit["Service"]
    known = {f"PLANT_{name.upper()}" for name in Settings.model_fields}

    assert service["ExecStart"] == "/opt/plant-backend/bin/plant-backend serve"
    assert set(re.findall(r"^Environment=(PLANT_\w+)=", text, re.MULTILINE)) <= known
    assert f"PLANT_DATA_DIR=/var/lib/{service['StateDirectory']}" in text
    assert service["User"] != "root"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that scripts/build-release makes."""
    folder = tmp_path_factory.mktemp("release") / "dist"
    subprocess.run([ROOT / "scripts/build-release", folder], capture_output=True, check=True)
    return folder


@pytest.mark.slow
def test_a_release_is_whole_and_its_sums_are_right(release: Path) -> None:
    version = stamp(ROOT, "--check").stdout.strip()
    assert sorted(path.name for path in release.iterdir()) == [
        "SHA256SUMS",
        "compose.yaml",
        f"plant-backend-{version}.cdx.json",
        "plant_automation.zip",
        f"plant_backend-{version}-py3-none-any.whl",
        f"plant_node-{version}-py3-none-any.whl",
    ]
    sums = dict(reversed(line.split("  ")) for line in (release / "SHA256SUMS").read_text().splitlines())
    assert sums == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in release.iterdir()
        if path.name != "SHA256SUMS"
    }
    materials = json.loads((release / f"plant-backend-{version}.cdx.json").read_text())
    named = {component["name"] for component in materials["components"]}
    locked = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements/image.txt").read_text(), re.MULTILINE)
    assert named == set(locked)


@pytest.mark.slow
def test_each_wheel_carries_the_licence(release: Path) -> None:
    for wheel in release.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/licenses/LICENSE")]
            assert archive.read(name) == (ROOT / "LICENSE").read_bytes()


@pytest.mark.slow
def test_the_same_commit_gives_the_same_release(release: Path, tmp_path: Path) -> None:
    subprocess.run([ROOT / "scripts/build-release", tmp_path / "again"], capture_output=True, check=True)

    assert (tmp_path / "again/SHA256SUMS").read_text() == (release / "SHA256SUMS").read_text()


def test_a_catalog_does_not_tell_when_it_was_compiled(tmp_path: Path) -> None:
    compile_there = (
        f"import hatch_build, pathlib; hatch_build.CATALOGS = pathlib.Path({str(tmp_path)!r}); "
        "hatch_build.compile_catalogs()"
    )
    catalog = tmp_path / "de/LC_MESSAGES/plant.po"
    catalog.parent.mkdir(parents=True)
    shutil.copy(ROOT / "backend/plant_backend/wording/locale/de/LC_MESSAGES/plant.po", catalog)
    made = []
    for moment in ("2026-03-01 10:00", "2027-03-01 10:00"):
        travel = f"import time_machine; time_machine.travel({moment!r}, tick=False).start()\n"
        subprocess.run([sys.executable, "-c", travel + compile_there], cwd=ROOT / "backend", check=True)
        made.append(catalog.with_suffix(".mo").read_bytes())

    assert made[0] == made[1]


@pytest.mark.slow
def test_a_folder_with_something_in_it_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()

    answer = subprocess.run([ROOT / "scripts/build-release", tmp_path], capture_output=True, text=True, check=False)

    assert answer.returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.slow
def test_the_zip_is_the_integration_that_the_tests_run(release: Path, tmp_path: Path) -> None:
    """As the store unpacks it: into custom_components/plant_automation, with the manifest at the top."""
    store = json.loads((ROOT / "hacs.json").read_text())
    with zipfile.ZipFile(release / store["filename"]) as archive:
        archive.extractall(tmp_path)
        assert archive.testzip() is None

    unpacked = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    ours = {name.removeprefix(f"{INTEGRATION}/"): (ROOT / name).read_bytes() for name in tracked(INTEGRATION)}
    assert unpacked == ours
    assert store["zip_release"] is True
    assert json.loads(unpacked["manifest.json"])["domain"] == "plant_automation"
    assert {"__init__.py", "config_flow.py", "translations/en.json", "brand/icon.png"} <= unpacked.keys()


@contextmanager
def served(program: Path, data: Path) -> Iterator[str]:
    """Run an installed server. Gives its address."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PLANT_", "PYTHON"))}
    settings = {"PLANT_DATA_DIR": str(data), "PLANT_HOST": "127.0.0.1", "PLANT_PORT": "0", "PLANT_LOG_FORMAT": "json"}
    data.mkdir()
    log = data / "log"
    with log.open("wb") as file:
        server = subprocess.Popen([program, "serve"], cwd=data, env=clean | settings, stdout=file, stderr=file)
    try:
        deadline = time.monotonic() + 120
        while not (found := re.search(r'"url": ?"(http://[^"]+)".*\n', log.read_text())):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield found[1]
    finally:
        server.terminate()
        assert server.wait(60) == 0, log.read_text()


def fetch(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def python_of(version: str) -> str:
    """Give a Python of this version; the one that runs the tests where it is that."""
    if sys.version_info[:2] == tuple(int(part) for part in version.split(".")):
        return sys.executable
    if version == "3.14":
        found = subprocess.run([ROOT / "scripts/python314"], capture_output=True, text=True, check=True)
        return found.stdout.strip()
    other = shutil.which(f"python{version}")
    if other is None:
        pytest.skip(f"there is no Python {version} on this machine")
    return other


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("version", ["3.11", "3.14"])
def test_the_wheel_alone_serves_and_says_what_the_demo_needs(release: Path, tmp_path: Path, version: str) -> None:
    """In an environment with nothing else in it; then with the node's wheel, where the demo is there as well."""
    uv = subprocess.run([ROOT / "scripts/setup", "uv"], capture_output=True, text=True, check=True).stdout.strip()
    environment = tmp_path / "venv"
    backend, node = (next(release.glob(f"plant_{name}-*.whl")) for name in ("backend", "node"))

    def install(*what: str | Path) -> None:
        command = [uv, "pip", "install", "--quiet", "--python", environment / "bin/python", *what]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    subprocess.run([uv, "venv", "--quiet", "--no-project", "--python", python_of(version), environment], check=True)
    install("--constraint", ROOT / "requirements/image.txt", backend)
    program = environment / "bin/plant-backend"

    with served(program, tmp_path / "data") as url:
        assert fetch(url + "/readyz") == (200, b'{"status":"ready"}')
        status, page = fetch(url + "/web/login")
        assert status == 200, page
        style = re.search(rb'href="(/web/static/[^"]+\.css)"', page)
        assert style
        assert fetch(url + style[1].decode())[0] == 200

    demo = subprocess.run([program, "demo", "--check"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert demo.returncode == 1
    assert "the demo needs the node's agent" in demo.stderr
    install("--no-deps", node)
    agent = subprocess.run([environment / "bin/plant-node", "--help"], capture_output=True, text=True, check=False)
    assert agent.returncode == 0, agent.stderr
