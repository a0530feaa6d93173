"""The YAML that the backend hands out for a new device is one that ESPHome takes."""

import shutil
import subprocess
from pathlib import Path

import pytest
from plant_backend.services.node_files import REPOSITORY, Board, NodeKind, node_files

from tests.firmware.esphome.building import ROOT, esphome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DEVICE_ID = "0b8f6a62-5a0e-4c3e-9a0e-0f5b7a3a1c55"
MORE_SECRETS = "wifi_ssid: garden\nwifi_password: choose-one\nplant_ota_password: choose-one\n"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give this tree's node as the repository that the file names, so that no network is needed."""
    folder = tmp_path_factory.mktemp("repository")
    # Other tests may be writing the compiled modules beside the sources.
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "firmware/esphome", folder / "firmware/esphome", ignore=ignore)
    ours = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*ours, "commit", "-q", "-m", "here"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return f"file://{folder}"


def test_every_board_can_be_chosen() -> None:
    assert {path.stem for path in (ROOT / "firmware/esphome/boards").glob("*.yaml")} == set(Board)


@pytest.mark.parametrize(
    ("board", "name", "url"),
    [
        (Board.ESP32, "Balcony tomatoes", "http://192.168.1.10:8000"),
        (Board.ESP32, "Balcony tomatoes", "https://plants.example.org"),
        (
            Board.ESP32_C3,
            'Käthe\'s "${x}" {{ 1 }} 🌱 balcony: #1, with a name that is as long as it may be' + "!" * 20,
            "http://p:80",
        ),
        (Board.D1_MINI, "植物", "http://192.168.1.10:8000"),
    ],
)
def test_what_is_handed_out_is_valid(board: Board, name: str, url: str, repository: str, tmp_path: Path) -> None:
    files = node_files(NodeKind.ESPHOME, url, DEVICE_ID, name, "pds_secret", board)
    node, secrets = files
    assert secrets.name == "secrets.yaml"
    (tmp_path / secrets.name).write_text(secrets.text + MORE_SECRETS)
    assert node.text.count(f"url: {REPOSITORY}\n") == 1
    (tmp_path / node.name).write_text(node.text.replace(f"url: {REPOSITORY}\n", f"url: {repository}\n"))

    components = ROOT / "firmware/esphome/components"
    made = esphome("-s", "plant_node_source", components, "config", tmp_path / node.name, data=tmp_path / "data")

    assert made.returncode == 0, (made.stdout + made.stderr)[-4000:]
    # What a terminal is told to conceal.
    assert "pds_secret" not in made.stdout.replace(r"\033[8mpds_secret\033[28m", "")
