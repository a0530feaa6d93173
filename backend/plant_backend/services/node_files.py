"""The files that a new node is given: where the backend is, who the node is, and its secret."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

REPOSITORY = "https://github.com/plant-automation/plant-automation"
"""Where ESPHome fetches boards and packages from."""

SHOWN_ONCE = "shown once, when it was made"
"""What stands in place of a secret that nobody knows any more."""


class NodeKind(StrEnum):
    """What a node is made of."""

    ESPHOME = "esphome"
    RASPBERRY_PI = "raspberry_pi"
    OTHER = "other"


class Board(StrEnum):
    """The boards that ESPHome's files are there for."""

    ESP32 = "esp32-4ch"
    ESP32_C3 = "esp32-c3"
    D1_MINI = "d1_mini"


@dataclass(frozen=True, slots=True)
class NodeFile:
    """A file with its name."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class _Wiring:
    """Pins of an example that are safe on a board, and what a usual probe reads there, in volts."""

    soil: str
    dry: str
    wet: str
    float_switch: str
    pump: str


_WIRING = {
    Board.ESP32: _Wiring("GPIO34", "2.80", "1.25", "GPIO27", "GPIO26"),
    Board.ESP32_C3: _Wiring("GPIO3", "2.80", "1.25", "GPIO4", "GPIO5"),
    # A0 is measured behind the board's divider.
    Board.D1_MINI: _Wiring("A0", "0.86", "0.38", "GPIO14", "GPIO5"),
}


def node_files(
    kind: NodeKind, url: str, device_id: str, device_name: str, secret: str, board: Board = Board.ESP32
) -> Sequence[NodeFile]:
    """Give the files that a node of this kind reads; the one with the secret is the last."""
    if kind is NodeKind.ESPHOME:
        name = _host_name(device_name, device_id)
        lines = {"plant_url": url, "plant_device_id": device_id, "plant_device_secret": secret}
        return (
            NodeFile(f"{name}.yaml", _esphome(name, device_name, board, is_https=url.startswith("https://"))),
            NodeFile("secrets.yaml", "".join(f"{each}: {json.dumps(value)}\n" for each, value in lines.items())),
        )
    lines = {"url": url, "device_id": device_id, "secret": secret}
    if kind is NodeKind.RASPBERRY_PI:
        body = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
        return (NodeFile("plant-node.toml", f"[backend]\n{body}"),)
    return (NodeFile("node.json", json.dumps(lines, indent=2) + "\n"),)


def _host_name(device_name: str, device_id: str) -> str:
    """A name for the network, at most 31 letters: what is left of the device's, and enough of its id to be its own."""
    plain = re.sub(r"[^a-z0-9]+", "-", device_name.lower()).strip("-")[:24].strip("-") or "plant"
    return f"{plain}-{re.sub('[^0-9a-f]', '', device_id)[:4]}"


def _quoted(text: str) -> str:
    """Text as YAML's: no sign that ESPHome would read as a substitution, and none that cannot be printed."""
    return json.dumps("".join(c if c.isprintable() and c != "$" else " " for c in text).strip(), ensure_ascii=False)


def _esphome(name: str, device_name: str, board: Board, *, is_https: bool) -> str:
    pins = _WIRING[board]
    https = "      - firmware/esphome/packages/https.yaml\n"
    if not is_https:
        https = f"      # For an address that begins with https://:\n{https.replace('- ', '# - ')}"
    return f"""\
# Change pins and volts to yours. How to wire it: {REPOSITORY}/blob/main/docs/hardware.md
substitutions: {{name: {name}, friendly_name: {_quoted(device_name)}}}
packages:
  plants:
    url: {REPOSITORY}
    ref: main
    files:
      - firmware/esphome/boards/{board}.yaml
      - path: firmware/esphome/packages/soil_capacitive.yaml
        vars: {{n: 1, pin: {pins.soil}, dry: "{pins.dry}", wet: "{pins.wet}"}}
      - path: firmware/esphome/packages/reservoir_float.yaml
        vars: {{pin: {pins.float_switch}}}
      - path: firmware/esphome/packages/pump.yaml
        vars: {{n: 1, pin: {pins.pump}, max_run: 30s}}
{https if board is not Board.D1_MINI else ""}\
plant_node:
  url: !secret plant_url
  device_id: !secret plant_device_id
  device_secret: !secret plant_device_secret
"""
