"""Looks at a demonstrated day through the public API, and says whether what should have happened did."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from plant_backend.demo.client import Client
from plant_backend.demo.plants import FLOW_ML_PER_MIN, PLANTS, SAMPLE_S, DemoPlant


@dataclass(slots=True)
class PlantDay:
    """What the API tells of one plant's day."""

    plant: DemoPlant
    soil: list[dict[str, Any]]
    reservoir: list[dict[str, Any]]
    commands: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    failures: list[str] = field(default_factory=list)

    @property
    def doses(self) -> list[dict[str, Any]]:
        """The runs that the rules asked for and the node did, oldest first."""
        return [command for command in reversed(self.commands) if command["state"] == "succeeded"]

    @property
    def water_ml(self) -> float:
        """The water that the runs amount to."""
        ran_ms = sum(command["ran_ms"] for command in self.doses)
        return float(ran_ms) / 60_000 * FLOW_ML_PER_MIN


def look(client: Client, plant: DemoPlant, device_id: str, since: str) -> PlantDay:
    """Fetch one plant's day."""
    path = f"/devices/{device_id}"
    device = client.get(path)
    keys = {sensor["kind"]: sensor["key"] for sensor in device["sensors"]}
    readings = {
        kind: client.get(f"{path}/readings?sensor={keys[kind]}&since={since}&limit=10000")["readings"]
        for kind in ("soil_moisture", "reservoir_level")
    }
    day = PlantDay(
        plant,
        readings["soil_moisture"],
        readings["reservoir_level"],
        list(client.pages(f"{path}/commands", "commands")),
        list(client.pages(f"{path}/decisions", "decisions")),
        client.get(f"/alerts?device_id={device_id}"),
    )
    judge(day)
    return day


def judge(day: PlantDay) -> None:
    """Note all that did not happen, or should not have."""
    profile, fail = day.plant.profile, day.failures.append
    doses = day.doses
    if not doses:
        fail("no dose was given")
        return
    first = _time(doses[0]["created_at"])
    before = [reading["value"] for reading in day.soil if _time(reading["ts"]) <= first]
    # A machine that stands still for a moment gives no readings for an hour of the plants.
    second = _time(doses[1]["created_at"]) if len(doses) > 1 else first + timedelta(hours=24)
    after = [reading["value"] for reading in day.soil if first < _time(reading["ts"]) <= second]
    if len(before) < 2 or before[-1] >= before[0]:
        fail("the soil did not dry before the first dose")
    if not after or max(after) < min(before) + 1:
        fail("the soil did not get wetter after the first dose")
    watered = {decision["command_id"] for decision in day.decisions if decision["outcome"] == "watered"}
    if not {dose["id"] for dose in doses} <= watered:
        fail("a dose has no decision in the ledger")
    for earlier, later in pairwise(doses):
        gap = _time(later["created_at"]) - _time(earlier["created_at"])
        if gap < timedelta(seconds=profile["cooldown_s"]):
            fail(f"two doses are only {gap} apart")
    if any(dose["ran_ms"] > profile["dose_ms"] for dose in doses):
        fail("a dose ran longer than asked")
    if sum(dose["ran_ms"] for dose in doses) > profile["daily_cap_ms"]:
        fail("more ran than the daily cap allows")
    if unfinished := [command["state"] for command in day.commands[1:] if command["state"] != "succeeded"]:
        fail(f"commands ended as {', '.join(unfinished)}")
    _judge_reservoir(day)


def _judge_reservoir(day: PlantDay) -> None:
    fail = day.failures.append
    lowest = min(reading["value"] for reading in day.reservoir)
    is_low = lowest < day.plant.profile["reservoir_min_percent"]
    alerts = [alert for alert in day.alerts if alert["kind"] == "reservoir_low"]
    refusals = [item for item in day.decisions if item["reasons"][0]["code"] == "reservoir_low"]
    if day.plant is PLANTS[1]:
        if not is_low:
            fail("the reservoir did not run low")
        if not any(alert["severity"] == "critical" and alert["state"] == "open" for alert in alerts):
            fail("no critical alert is open for the reservoir")
        if not refusals:
            fail("no decision refused to water because of the reservoir")
    elif alerts:
        fail("an alert tells of a reservoir that is not low")
    if alerts:
        low_since = _time(alerts[-1]["first_seen_at"])
        if any(_time(dose["created_at"]) > low_since for dose in day.doses):
            fail("water was given though the reservoir was low")


def table(days: list[PlantDay]) -> str:
    """Sum the day up for a person."""
    head = f"{'plant':<18} {'readings':>8} {'soil %':>13} {'tank %':>9} {'doses':>5} {'ml':>8} {'alerts':>6}  verdict"
    lines = [head, "-" * len(head)]
    for day in days:
        soil, tank = [reading["value"] for reading in day.soil], [reading["value"] for reading in day.reservoir]
        span = f"{min(soil):.1f} … {max(soil):.1f}" if soil else "-"
        level = f"{tank[0]:.0f} → {tank[-1]:.0f}" if tank else "-"
        verdict = "as it should be" if not day.failures else "; ".join(day.failures)
        lines.append(
            f"{day.plant.name:<18} {len(day.soil):>8} {span:>13} {level:>9} {len(day.doses):>5} "
            f"{day.water_ml:>8.0f} {len(day.alerts):>6}  {verdict}"
        )
    return "\n".join(lines)


def expected_readings(hours: float) -> int:
    """Give how many readings of one sensor a day of so many hours brings at least, with slack for a slow machine."""
    return int(hours * 3600 / SAMPLE_S * 0.5)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
