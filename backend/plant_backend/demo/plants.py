"""The two plants of the demonstration, and how fast they live."""

from dataclasses import dataclass, field
from typing import Any

SAMPLE_S = 300
"""Seconds of plant time between two readings."""

FLOW_ML_PER_MIN = 100


@dataclass(frozen=True, slots=True)
class DemoPlant:
    """One plant: its name, its simulated world and its profile."""

    key: str
    name: str
    world: dict[str, str]
    profile: dict[str, Any] = field(default_factory=dict)


_PROFILE: dict[str, Any] = {
    "mode": "on",
    "soil_moisture_min_percent": 30,
    "soil_moisture_hysteresis_percent": 4,
    "dose_ms": 20_000,
    "cooldown_s": 5_400,
    "soak_s": 1_800,
    "daily_cap_ms": 240_000,
    "reservoir_min_percent": 15,
    "stale_after_s": 7_200,
}

PLANTS = (
    DemoPlant(
        "tomatoes",
        "Balcony tomatoes",
        {"SEED": "1", "SOIL_PERCENT": "33", "DRYING_HOURS": "30", "RESERVOIR_ML": "5000", "RESERVOIR_PERCENT": "90"},
        _PROFILE,
    ),
    DemoPlant(
        "basil",
        "Kitchen basil",
        {"SEED": "2", "SOIL_PERCENT": "31", "DRYING_HOURS": "18", "RESERVOIR_ML": "400", "RESERVOIR_PERCENT": "40"},
        _PROFILE,
    ),
)


def backend_environment(data_dir: str, speed: float, origin_ms: int) -> dict[str, str]:
    """Give the backend's settings."""
    return {
        "PLANT_DATA_DIR": data_dir,
        "PLANT_CLOCK_SPEED": str(speed),
        "PLANT_CLOCK_ORIGIN_MS": str(origin_ms),
        "PLANT_SWEEP_INTERVAL_S": "1",
        # Nobody should find a demonstration who looks for a backend.
        "PLANT_ZEROCONF": "0",
        # A request takes as long as ever while the plants' time flies: a command must live through some real seconds.
        "PLANT_COMMAND_TTL_S": str(int(max(120, 10 * speed))),
    }


def node_environment(
    plant: DemoPlant, url: str, device_id: str, secret: str, state_dir: str, speed: float, origin_ms: int
) -> dict[str, str]:
    """Give a node's settings."""
    return {
        "PLANT_API_BASE_URL": url,
        "PLANT_DEVICE_ID": device_id,
        "PLANT_DEVICE_SECRET": secret,
        "PLANT_NODE_DRIVER": "simulated",
        "PLANT_NODE_STATE_DIR": state_dir,
        "PLANT_NODE_SAMPLE_INTERVAL_S": str(SAMPLE_S),
        "PLANT_NODE_SEND_INTERVAL_S": str(SAMPLE_S),
        **({"PLANT_NODE_CLOCK_SPEED": str(speed), "PLANT_NODE_CLOCK_ORIGIN": str(origin_ms)} if speed != 1 else {}),
        **{f"PLANT_NODE_SIM_{name}": value for name, value in plant.world.items()},
    }
