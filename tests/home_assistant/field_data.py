"""A node with one channel of most kinds, and what it reads."""

from tests.live_backend import JSON

MANIFEST: JSON = {
    "firmware": "plant-node",
    "version": "0.1.0",
    "sensors": [
        {"key": "soil", "kind": "soil_moisture", "unit": "%"},
        {"key": "tank", "kind": "reservoir_level", "unit": "%"},
        {"key": "air", "kind": "air_temperature", "unit": "°C"},
        {"key": "humidity", "kind": "air_humidity", "unit": "%"},
        {"key": "light", "kind": "illuminance", "unit": "lx"},
        {"key": "supply", "kind": "voltage", "unit": "V"},
        {"key": "wifi", "kind": "signal_strength", "unit": "dBm"},
    ],
    "actuators": [
        {
            "key": "pump",
            "kind": "pump",
            "limits": {"max_run_ms": 30_000, "max_day_ms": 300_000, "flow_ml_per_min": 1200},
        },
        {"key": "lamp", "kind": "lamp"},
    ],
}

READINGS = {"soil": 41.5, "tank": 80, "air": 22.5, "humidity": 55, "light": 12_000, "supply": 5.02, "wifi": -61}
