"""The file that a new node is given: where the backend is, who the node is, and its secret."""

import json
from dataclasses import dataclass
from enum import StrEnum

from plant_backend.web.language import mark


class NodeKind(StrEnum):
    """What a node is made of."""

    ESPHOME = "esphome"
    RASPBERRY_PI = "raspberry_pi"
    OTHER = "other"


KINDS: dict[NodeKind, tuple[str, str]] = {
    NodeKind.ESPHOME: (mark("ESP32 or ESP8266"), mark("A small board with ESPHome on it.")),
    NodeKind.RASPBERRY_PI: (mark("Raspberry Pi"), mark("A computer that runs plant-node.")),
    NodeKind.OTHER: (mark("Something else"), mark("Anything that speaks the protocol.")),
}


@dataclass(frozen=True, slots=True)
class NodeFile:
    """A file with its name."""

    name: str
    text: str


def node_file(kind: NodeKind, url: str, device_id: str, secret: str) -> NodeFile:
    """Give the file that a node of this kind reads."""
    if kind is NodeKind.ESPHOME:
        lines = {"plant_url": url, "plant_device_id": device_id, "plant_device_secret": secret}
        return NodeFile("secrets.yaml", "".join(f"{name}: {json.dumps(value)}\n" for name, value in lines.items()))
    if kind is NodeKind.RASPBERRY_PI:
        lines = {"url": url, "device_id": device_id, "secret": secret}
        body = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
        return NodeFile("plant-node.toml", f"[backend]\n{body}")
    lines = {"url": url, "device_id": device_id, "secret": secret}
    return NodeFile("node.json", json.dumps(lines, indent=2) + "\n")
