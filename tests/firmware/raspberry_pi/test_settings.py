"""Settings are checked before anything moves; a bad one is one line that names it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from plant_node.channels import parse_config
from plant_node.cli import main
from plant_node.config_entry import ConfigError
from plant_node.settings import Settings, SettingsError, Words, load_settings

EXAMPLES = Path(__file__).parents[3] / "firmware" / "raspberry_pi" / "examples"
GOOD = {
    "PLANT_API_BASE_URL": "http://garden.local:8000/",
    "PLANT_DEVICE_ID": "0b8f6a62",
    "PLANT_DEVICE_SECRET": "pds_hush",
    "PLANT_NODE_STATE_DIR": "/var/lib/plant-node",
}
PUMP = {"kind": "pump", "pin": 27}


def settings_of(env: dict[str, str], path: Path | None = None) -> Settings:
    return load_settings(Words.find(env, path))


def test_the_defaults() -> None:
    settings = settings_of(GOOD)
    assert settings.api_base_url == "http://garden.local:8000"
    assert (settings.sample_interval_ms, settings.send_interval_ms, settings.link_timeout_s) == (60_000, 60_000, 120)
    assert (settings.driver, settings.clock_speed) == ("simulated", 1)
    assert "pds_hush" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLANT_API_BASE_URL", ""),
        ("PLANT_API_BASE_URL", "garden.local"),
        ("PLANT_API_BASE_URL", "http://user:pass@garden.local"),
        ("PLANT_API_BASE_URL", "http://garden.local:99999"),
        ("PLANT_DEVICE_ID", ""),
        ("PLANT_DEVICE_ID", "two words"),
        ("PLANT_DEVICE_SECRET", ""),
        ("PLANT_DEVICE_SECRET_FILE", "/nowhere/secret"),
        ("PLANT_NODE_STATE_DIR", ""),
        ("PLANT_NODE_STATE_DIR", "/etc/passwd"),
        ("PLANT_NODE_DRIVER", "wishes"),
        ("PLANT_NODE_CONFIG", "/nowhere/node.toml"),
        ("PLANT_NODE_SAMPLE_INTERVAL_S", "0"),
        ("PLANT_NODE_SEND_INTERVAL_S", "often"),
        ("PLANT_NODE_LINK_TIMEOUT_S", "nan"),
        ("PLANT_NODE_QUEUE_MAX_READINGS", "-1"),
        ("PLANT_NODE_CLOCK_SPEED", "inf"),
        ("PLANT_NODE_CLOCK_TRUST", "maybe"),
        ("PLANT_NODE_PIN_TRACE", "yes"),
        ("PLANT_NODE_SIM_SOILL", "3"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    env = GOOD | {name: value}
    if name == "PLANT_DEVICE_SECRET_FILE":
        env["PLANT_DEVICE_SECRET"] = ""
    for each, text in env.items():
        monkeypatch.setenv(each, text)
    assert main(["check"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith(f"plant-node: {name}: ")
    assert "pds_hush" not in printed.err


def test_a_secret_may_live_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("pds_from_file\n")
    env = GOOD | {"PLANT_DEVICE_SECRET_FILE": str(file)}
    with pytest.raises(SettingsError, match="set one of them"):
        settings_of(env)
    assert settings_of(env | {"PLANT_DEVICE_SECRET": ""}).device_secret == "pds_from_file"


def test_real_pins_need_a_configuration_and_real_time() -> None:
    with pytest.raises(SettingsError, match="PLANT_NODE_CONFIG: is needed"):
        settings_of(GOOD | {"PLANT_NODE_DRIVER": "hardware"})
    fast = GOOD | {"PLANT_NODE_CLOCK_SPEED": "1440"}
    with pytest.raises(SettingsError, match="PLANT_NODE_CLOCK_ORIGIN: is not set"):
        settings_of(fast)
    assert settings_of(fast | {"PLANT_NODE_CLOCK_ORIGIN": "1795464000000"}).clock_speed == 1440
    pins = {"PLANT_NODE_DRIVER": "hardware", "PLANT_NODE_CONFIG": str(EXAMPLES / "plant-node.toml")}
    with pytest.raises(SettingsError, match="PLANT_NODE_CLOCK_SPEED"):
        settings_of(fast | pins)


def test_the_example_is_right() -> None:
    channels = parse_config(tomllib.loads((EXAMPLES / "plant-node.toml").read_text()), for_pins=True).channels
    manifest = channels.manifest()
    assert [sensor["key"] for sensor in manifest["sensors"]] == ["soil", "soil_raw", "tank"]
    assert manifest["actuators"][0]["limits"] == {
        "max_run_ms": 30_000,
        "min_off_ms": 60_000,
        "max_day_ms": 300_000,
        "flow_ml_per_min": 100,
    }


def test_a_pump_without_limits_gets_careful_ones() -> None:
    channels = parse_config({"actuators": {"pump": PUMP}}, for_pins=True).channels
    assert channels.actuators[0].limits.max_run_ms == 30_000


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({"actuators": {"pump": PUMP | {"max_run": 1}}}, "actuators.pump.max_run: unknown word"),
        ({"actuators": {"pump": PUMP | {"max_run_ms": "30"}}}, "actuators.pump.max_run_ms"),
        ({"actuators": {"pump": PUMP | {"max_run_ms": -1}}}, "actuators.pump.max_run_ms"),
        ({"actuators": {"pump": {"kind": "pump"}}}, "actuators.pump.pin"),
        ({"actuators": {"Pump": PUMP}}, "not a channel key"),
        ({"actuators": {"lamp": {"kind": "lamp", "pin": 1, "max_run_ms": 5}}}, "only a pump has limits"),
        ({"actuators": {"a": PUMP, "b": PUMP}}, "pin 27 is used twice"),
        ({"actuators": []}, "must be a table"),
        ({"sensors": {"soil": {"kind": "mood"}}}, "sensors.soil.kind"),
        ({"sensors": {"soil": {"kind": "soil_moisture"}}}, "sensors.soil.source: is needed"),
        ({"sensors": {"soil": {"kind": "soil_moisture", "source": "a probe"}}}, "sensors.soil.source: must be one of"),
        ({"sensors": {"soil": {"kind": "soil_moisture", "source": "float_switch", "pin": 4}}}, "reservoir_level"),
        ({"sensors": {"x": {"kind": "illuminance", "source": "bh1750"}}, "actuators": {"x": PUMP}}, "'x'"),
        (
            {
                "sensors": {"x": {"kind": "reservoir_level", "source": "float_switch", "pin": 27}},
                "actuators": {"y": PUMP},
            },
            "pin 27",
        ),
        ({"actuators": {"pump": PUMP | {"flow_pin": 5}}}, "actuators.pump.flow_pin: a flow meter needs both"),
        ({"actuators": {"pump": PUMP | {"flow_pin": 27, "pulses_per_l": 450}}}, "pin 27 is used twice"),
        ({"pumps": {}}, "unknown table"),
    ],
)
def test_a_bad_configuration_names_the_place(table: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(table, for_pins=True)
    assert named in str(caught.value)


def test_check_prints_the_manifest(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    assert main(["check"]) == 0
    assert '"firmware": "plant-node"' in capsys.readouterr().out


FILE = """
[backend]
url = "https://garden.local/"
device_id = "0b8f6a62"
secret = "pds_from_file"

[node]
sample_interval_s = 30
clock_trust = "always"

[actuators.pump]
kind = "pump"
pin = 27
"""


def a_file(folder: Path, text: str = FILE) -> Path:
    path = folder / "basil.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_one_file_holds_everything_and_the_environment_wins(tmp_path: Path) -> None:
    settings = settings_of({}, a_file(tmp_path))
    assert (settings.api_base_url, settings.device_id) == ("https://garden.local", "0b8f6a62")
    assert (settings.device_secret, settings.sample_interval_ms, settings.clock_trust) == (
        "pds_from_file",
        30_000,
        "always",
    )
    assert settings.state_dir == tmp_path / "basil-state"
    assert [actuator.key for actuator in settings.config.channels.actuators] == ["pump"]
    env = {
        "PLANT_DEVICE_SECRET": "pds_env",
        "PLANT_NODE_SAMPLE_INTERVAL_S": "5",
        "STATE_DIRECTORY": "/var/lib/plant-node",
    }
    settings = settings_of(env, a_file(tmp_path))
    assert (settings.device_secret, settings.sample_interval_ms) == ("pds_env", 5_000)
    assert settings.state_dir == Path("/var/lib/plant-node")


def test_what_the_dashboard_offers_for_download_is_a_node_that_can_be_tried_at_once(tmp_path: Path) -> None:
    downloaded = a_file(tmp_path, FILE.partition("[node]")[0])
    settings = settings_of({}, downloaded)
    assert settings.driver == "simulated"
    assert [sensor.key for sensor in settings.config.channels.sensors][:2] == ["soil", "tank"]


@pytest.mark.parametrize(
    ("was", "is_now", "named"),
    [
        ("https://garden.local/", "garden.local", "basil.toml: backend.url: must look like"),
        ("secret =", "sekret =", "basil.toml: backend.sekret: unknown word"),
        ("sample_interval_s = 30", "sample_interval_s = 0", "basil.toml: node.sample_interval_s: must be a number"),
        ("sample_interval_s = 30", "sample_interval_s = true", "basil.toml: node.sample_interval_s: must be"),
        ('clock_trust = "always"', 'clock_trust = "yes"', "basil.toml: node.clock_trust: must be one of"),
        ("pin = 27", "pin = 28", "basil.toml: actuators.pump.pin: must be a whole number"),
        ("[actuators.pump]", "[actuators.pump", "basil.toml: "),
        ("[backend]", "[[backend]]", "basil.toml: backend must be a table"),
        ('device_id = "0b8f6a62"', "", "PLANT_DEVICE_ID: is not set (in the file: backend.device_id)"),
    ],
)
def test_a_wrong_word_in_the_file_is_named_as_the_file_has_it(
    was: str, is_now: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert was in FILE
    path = a_file(tmp_path, FILE.replace(was, is_now))
    assert main(["--config", str(path), "check"]) == 2
    printed = capsys.readouterr()
    assert named in printed.err
    assert printed.err.count("\n") == 1
    assert "pds_from_file" not in printed.err + printed.out


def test_a_secret_that_others_can_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = a_file(tmp_path)
    assert main(["--config", str(path), "check"]) == 0
    assert capsys.readouterr().err == ""
    path.chmod(0o644)
    assert main(["--config", str(path), "check"]) == 0
    assert "chmod 600" in capsys.readouterr().err
