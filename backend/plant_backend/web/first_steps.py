"""What is left to do until a plant is looked after and its people hear of trouble."""

from collections.abc import Sequence
from dataclasses import dataclass

from plant_backend.web.plant_view import Plant
from plant_backend.web.visit import Visit
from plant_backend.wording.language import mark


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and where; `text` is marked for translation."""

    text: str
    icon: str
    url: str
    is_done: bool


async def first_steps(visit: Visit, plants: Sequence[Plant]) -> Sequence[Step]:
    """Give the steps of an owner; none where all are done or the person hid them."""
    if not visit.is_owner or visit.steps == "off":
        return ()
    silent = next((one for one in plants if not _has_reading(one)), None)
    unruled = next((one for one in plants if not one.profile_version), None)
    targets = await visit.services.notifications.all(visit.who)
    steps = (
        Step(mark("Add a device and give it its secret"), "node", visit.url("device_add"), bool(plants)),
        Step(
            mark("See its first reading"),
            "drop",
            visit.url("device", device_id=silent.device.id) if silent else "",
            any(map(_has_reading, plants)),
        ),
        Step(
            mark("Say from which moisture on it is watered"),
            "rules",
            visit.url("automation", device_id=unruled.device.id) if unruled else "",
            any(one.profile_version for one in plants),
        ),
        Step(mark("Choose how you hear of trouble"), "bell", visit.url("notifications"), bool(targets)),
    )
    return () if all(step.is_done for step in steps) else steps


def _has_reading(plant: Plant) -> bool:
    return any(reading.sample is not None for reading in plant.readings)
