"""The kinds of nodes, in a person's words."""

from plant_backend.services.node_files import NodeKind
from plant_backend.web.language import mark

KINDS: dict[NodeKind, tuple[str, str]] = {
    NodeKind.ESPHOME: (mark("ESP32 or ESP8266"), mark("A small board with ESPHome on it.")),
    NodeKind.RASPBERRY_PI: (mark("Raspberry Pi"), mark("A computer that runs plant-node.")),
    NodeKind.OTHER: (mark("Something else"), mark("Anything that speaks the protocol.")),
}
