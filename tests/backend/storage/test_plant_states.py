"""What pages show of a plant in one look."""

from plant_backend.bus.local import LocalBus
from plant_backend.domain.calibration import Point
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.model import Manifest, SensorClaim
from plant_backend.services.devices import DeviceService
from plant_backend.services.directory import Directory
from plant_backend.services.plant_states import PlantStates
from plant_backend.storage.store import SqlStorage

from tests.backend.storage.conftest import SetClock, a_device
from tests.builders import NOW, a_batch, a_principal


async def test_the_line_of_a_raw_probe_is_what_its_values_mean_by_the_newest_calibration(
    storage: SqlStorage, clock: SetClock
) -> None:
    """Volts beside percent would draw nonsense, and guess the next watering from it."""
    bus, who = LocalBus(), a_principal()
    states = PlantStates(storage, clock, DeviceService(storage, bus, clock, Directory(storage, bus)))
    device = await a_device(storage)
    probe = Manifest("plant-node", "0.1.0", (SensorClaim("probe", SensorKind.SOIL_MOISTURE, "V"),), ())
    await storage.write(lambda tx: tx.devices.register(device.number, probe, NOW))
    (soil,) = [sensor.id for sensor in (await states.get(who, "d-1")).status.device.sensors if sensor.key == "probe"]
    hours = [(soil, 2.0 - hour / 10, hour * 3_600_000) for hour in range(5)]
    await storage.append(a_batch(readings=hours, device=device.number))
    assert (await states.get(who, "d-1")).soil_trace == ()

    for dry, wet in ((3.0, 1.0), (4.0, 0.0)):
        points = [Point(dry, 0), Point(wet, 100)]
        await storage.write(lambda tx, points=points: tx.calibrations.add(soil, points, "ada", NOW))
        state = await states.get(who, "d-1")
        means = [round((dry - volts) / (dry - wet) * 100, 3) for volts in (1.6, 1.7, 1.8, 1.9, 2.0)]
        assert [round(bucket.mean, 3) for bucket in state.soil_trace] == means
        assert state.soil_trace[-1].last == state.status.latest["probe"].value
