"""The kinds of nodes and boards, in a person's words."""

from plant_backend.services.node_files import Board, NodeKind
from plant_backend.wording.language import mark

KINDS: dict[NodeKind, tuple[str, str]] = {
    NodeKind.ESPHOME: (mark("ESP32 or ESP8266"), mark("A small board with ESPHome on it.")),
    NodeKind.RASPBERRY_PI: (mark("Raspberry Pi"), mark("A computer that runs plant-node.")),
    NodeKind.OTHER: (mark("Something else"), mark("Anything that speaks the protocol.")),
}

# Names of products: the same in every language.
BOARDS: dict[Board, str] = {
    Board.ESP32: "ESP32 DevKit",
    Board.ESP32_C3: "ESP32-C3",
    Board.D1_MINI: "ESP8266 D1 mini",
}
