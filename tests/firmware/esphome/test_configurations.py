"""What a user writes: every board with every package that fits it, the examples, and what is said of mistakes."""

import json
import re
import subprocess
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.firmware.esphome.building import ROOT, esphome

FIRMWARE = ROOT / "firmware/esphome"
COMPONENTS = FIRMWARE / "components"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Packages with what they need on that board. None: it does not fit.
BOARDS = {
    "esp32-4ch": {"analogue": "GPIO34", "pump": "GPIO26", "sda": "GPIO21", "scl": "GPIO22", "pwm": "lamp_pwm"},
    "esp32-c3": {"analogue": "GPIO3", "pump": "GPIO5", "sda": "GPIO6", "scl": "GPIO7", "pwm": "lamp_pwm"},
    "d1_mini": {"analogue": "A0", "pump": "GPIO5", "sda": "GPIO4", "scl": "GPIO13", "pwm": "lamp_pwm_esp8266"},
}
FREE_PIN = {"esp32-4ch": ("GPIO25", "GPIO27"), "esp32-c3": ("GPIO4", "GPIO10"), "d1_mini": ("GPIO14", "GPIO12")}


def packages(board: str) -> dict[str, str]:
    """Give an !include for each package of a board."""
    pins = BOARDS[board]
    one, two = FREE_PIN[board]
    variables = {
        "soil_capacitive": {"pin": pins["analogue"]},
        "i2c": {"sda": pins["sda"], "scl": pins["scl"]},
        "air_sht4x": {},
        "air_bme280": {},
        "light_bh1750": {},
        "reservoir_float": {"pin": one},
        "reservoir_ultrasonic": {"trigger": one, "echo": two},
        "pump": {"pin": pins["pump"]},
        "lamp": {"pin": one},
        pins["pwm"]: {"pin": one},
        "home_assistant": {},
        "diagnostics": {},
        "battery": {"pin": pins["analogue"]},
        "https": {},
    }
    return {
        name: f"!include {{file: {FIRMWARE}/packages/{name}.yaml, vars: {json.dumps(words)}}}"
        for name, words in variables.items()
    }


NEEDS = {"air_sht4x": ("i2c",), "air_bme280": ("i2c",), "light_bh1750": ("i2c",)}
TOGETHER = ("soil_capacitive", "i2c", "air_sht4x", "light_bh1750", "pump", "diagnostics")
# What needs a library of PlatformIO's, which generating code already asks its registry for. Public CI compiles it all.
NEEDS_A_REGISTRY = "improv_serial: !remove\ncaptive_portal: !remove\napi: !remove\n"


def configuration(board: str, *names: str, url: str = "!secret plant_url") -> str:
    """Write what a user would."""
    known = packages(board)
    lines = [f"  {name}: {known[name]}" for name in names]
    return "\n".join(
        [
            f"substitutions: {{name: node, friendly_name: Node, plant_node_source: {COMPONENTS}}}",
            "packages:",
            f"  board: !include {FIRMWARE}/boards/{board}.yaml",
            *lines,
            "plant_node:",
            f"  url: {url}",
            "  device_id: !secret plant_device_id",
            "  device_secret: !secret plant_device_secret",
            "",
        ]
    )


def write(folder: Path, text: str, name: str = "node.yaml") -> Path:
    """Put a configuration beside the example's secrets."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "secrets.yaml").write_text((FIRMWARE / "examples/secrets.yaml").read_text())
    path = folder / name
    path.write_text(text)
    return path


def said(made: subprocess.CompletedProcess[str]) -> str:
    return made.stdout + made.stderr


@pytest.mark.parametrize("board", BOARDS)
def test_every_package_fits_every_board(board: str, tmp_path: Path) -> None:
    """Each alone with what it needs; secrets are not shown."""
    # HTTPS is not for an ESP8266, and its one analogue input is the probe's.
    names = [name for name in packages(board) if not (board == "d1_mini" and name in ("battery", "https"))]

    def check(name: str) -> tuple[str, subprocess.CompletedProcess[str]]:
        wanted = (*NEEDS.get(name, ()), name)
        url = "https://plants.example.org" if name == "https" else "!secret plant_url"
        path = write(tmp_path / name, configuration(board, *wanted, url=url))
        return name, esphome("config", path, data=tmp_path / name / "data")

    with ThreadPoolExecutor(2) as threads:
        for name, made in threads.map(check, names):
            assert made.returncode == 0, f"{board} with {name}:\n{said(made)[-3000:]}"
            assert "Configuration is valid" in said(made)


@pytest.mark.parametrize("board", BOARDS)
def test_code_is_made_for_every_board(board: str, tmp_path: Path) -> None:
    """All that fits together, up to the code that the board's compiler gets."""
    path = write(tmp_path, configuration(board, *TOGETHER) + NEEDS_A_REGISTRY)

    made = esphome("compile", "--only-generate", path, data=tmp_path / "data")

    assert made.returncode == 0, said(made)[-3000:]
    (main,) = (tmp_path / "data").glob("build/*/src/main.cpp")
    made_code = main.read_text()
    assert "plant_node::Pump" in made_code
    # A chip that crashed in mid-run may come back in safe mode, which sets up no pump: its pin is off before that.
    assert 0 < made_code.find("digital_write(false)") < made_code.index("should_enter_safe_mode")


@pytest.mark.parametrize("example", sorted((FIRMWARE / "examples").glob("[!s]*.yaml")), ids=lambda path: path.stem)
def test_the_examples_are_valid(example: Path, tmp_path: Path) -> None:
    made = esphome("-s", "plant_node_source", COMPONENTS, "config", example, data=tmp_path)
    assert made.returncode == 0, said(made)[-3000:]


MISTAKES = {
    "a strapping pin": ("pin: GPIO26", "pin: GPIO12", "GPIO12 is used while the chip boots"),
    "an unknown actuator": ("type: pump", "type: valve", "valve"),
    "no address": ("url: http://10.0.0.1:8000", "url: 10.0.0.1", "give http://… or https://…"),
    "a space in the address": ("url: http://10.0.0.1:8000", "url: http://10.0.0.1/a b", "give http://… or https://…"),
    "a level that is never stale": (
        "kind: soil_moisture",
        "kind: reservoir_level, stale_after: 60d",
        "value must be at most",
    ),
    "a request as long as the link": (
        "plant_node:\n  url: http:",
        "http_request: {timeout: 11s}\nplant_node:\n  url: https:",
        "make 'timeout:' of 'http_request:' smaller",
    ),
    "a user in the address": ("http://10", "http://ada:pw@10", "give no more than http://HOST:PORT/PATH"),
    "https without its block": ("url: http:", "url: https:", "https:// needs an 'http_request:' block"),
    "a channel in capitals": ("channel: soil", "channel: Soil 1", "small letters, digits and _"),
    "a channel twice": ("channel: pump", "channel: soil", "The channel 'soil' is there twice"),
    "a wrong unit": ("kind: soil_moisture", "kind: soil_moisture, unit: lx", "is sent in % or V or raw, not in lx"),
    "a wrong kind": ("kind: soil_moisture", "kind: moisture", "Unknown value 'moisture'"),
    "limits that contradict": ("max_run: 30s", "max_run: 10min", "than in a whole day (max_day)"),
    "a pump that comes back on": ("max_run: 30s", "restore_mode: ALWAYS_ON", "is always off when its node starts"),
    "no limit at all": ("max_run: 30s", "max_run: 2h", "value must be at most 1h"),
    "an empty soil": ("kind: soil_moisture", "kind: soil_moisture, empty_at: 5%", "can be empty or stale"),
    "a sleeping pump": ("logger:", "deep_sleep:\nlogger:", "A node that sleeps watches no pump"),
    "a secret with a line break": ('device_secret: "s"', 'device_secret: "s\\nt"', "one line, letters and digits"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_plain_words(mistake: str, tmp_path: Path) -> None:
    right = textwrap.dedent(f"""\
        esphome: {{name: node}}
        esp32: {{board: esp32dev, framework: {{type: esp-idf}}}}
        wifi: {{ssid: garden, password: choose-one}}
        external_components: [{{source: {COMPONENTS}}}]
        logger:
        sensor: [{{platform: adc, id: soil, pin: GPIO34}}]
        switch:
          - platform: plant_node
            type: pump
            name: Pump
            channel: pump
            pin: GPIO26
            max_run: 30s
        plant_node:
          url: http://10.0.0.1:8000
          device_id: device
          device_secret: "s"
          sensors: [{{sensor: soil, channel: soil, kind: soil_moisture}}]
    """)
    before, after, words = MISTAKES[mistake]
    assert before in right

    made = esphome("config", write(tmp_path, right.replace(before, after, 1)), data=tmp_path / "data")

    assert made.returncode != 0
    assert words in re.sub(r"\s+", " ", said(made)), said(made)[-2500:]
    assert "Traceback" not in said(made)


def test_an_esp8266_with_a_pump_keeps_its_ledger_in_flash(tmp_path: Path) -> None:
    text = textwrap.dedent(f"""\
        esphome: {{name: node}}
        esp8266: {{board: d1_mini}}
        wifi: {{ssid: garden, password: choose-one}}
        external_components: [{{source: {COMPONENTS}}}]
        switch: [{{platform: plant_node, type: pump, name: Pump, channel: pump, pin: PIN}}]
        plant_node: {{url: "http://10.0.0.1:8000", device_id: device, device_secret: s}}
    """)
    without = esphome("config", write(tmp_path, text.replace("PIN", "GPIO5")), data=tmp_path / "data")
    on_boot_pin = esphome("config", write(tmp_path, text.replace("PIN", "GPIO16")), data=tmp_path / "data")

    assert "add 'restore_from_flash: true' to 'esp8266:'" in said(without)
    assert "GPIO16 is used while the chip boots" in said(on_boot_pin)
