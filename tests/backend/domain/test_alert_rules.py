"""How alerts open and clear: each with its hysteresis, so that none flaps."""

from datetime import datetime

import pytest
from plant_backend.domain.alert import AlertKind, ClearAlert, RaiseAlert, Severity
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.model import Mode, PlantSnapshot
from plant_backend.domain.rules import decide

from tests.builders import DAY, HOUR, MINUTE, NOW, a_plant, a_pump, a_sensor, some_samples


def raised(plant: PlantSnapshot, now: datetime = NOW) -> set[tuple[AlertKind, str]]:
    return {(change.kind, change.channel) for change in decide(plant, now).alerts if isinstance(change, RaiseAlert)}


def cleared(plant: PlantSnapshot, now: datetime = NOW) -> set[tuple[AlertKind, str]]:
    return {(change.kind, change.channel) for change in decide(plant, now).alerts if isinstance(change, ClearAlert)}


RESERVOIR = (AlertKind.RESERVOIR_LOW, "tank")
COLD = (AlertKind.AIR_TEMPERATURE_LOW, "air")
HOT = (AlertKind.AIR_TEMPERATURE_HIGH, "air")
STALE = (AlertKind.PROBE_STALE, "soil")
NONSENSE = (AlertKind.PROBE_IMPLAUSIBLE, "soil")
CAP = (AlertKind.DAILY_CAP_REACHED, "pump")


@pytest.mark.parametrize(
    ("alert", "opens", "stays", "clears"),
    [
        (RESERVOIR, {"reservoir": 9.9}, [{"reservoir": 10}, {"reservoir": 14.9}], {"reservoir": 15}),
        (COLD, {"air": 4.9}, [{"air": 5}, {"air": 5.4}], {"air": 5.5}),
        (HOT, {"air": 40.1}, [{"air": 40}, {"air": 39.6}], {"air": 39.5}),
        (STALE, {"heard": NOW - 16 * MINUTE}, [{"soil": [40]}], {"soil": [40, 40]}),
        (NONSENSE, {"soil": 120}, [{"soil": [120, 40, 40, 40, 40]}], {"soil": [40, 40, 40, 40, 40]}),
        (CAP, {"pump": a_pump(used_ms=55_001)}, [{"pump": a_pump(used_ms=30_001)}], {"pump": a_pump(used_ms=30_000)}),
    ],
)
def test_an_alert_opens_stays_in_the_margin_and_clears_beyond_it(
    alert: tuple[AlertKind, str], opens: dict[str, object], stays: list[dict[str, object]], clears: dict[str, object]
) -> None:
    """Alerts flap: Olen #352. In the margin nothing opens one, and nothing closes an open one."""
    usual = {"air": None, "reservoir": None} if alert is STALE else {"air": 20}
    assert raised(a_plant(**(usual | opens))) == {alert}
    for margin in stays:
        assert not raised(a_plant(**(usual | margin)))
        assert not cleared(a_plant(**(usual | margin), alerts=[alert]))
    assert cleared(a_plant(**(usual | clears), alerts=[alert])) == {alert}
    assert not cleared(a_plant(**(usual | clears)))


def test_an_empty_reservoir_is_critical_and_the_rest_is_a_warning() -> None:
    (change,) = decide(a_plant(reservoir=0), NOW).alerts
    assert isinstance(change, RaiseAlert)
    assert change.severity is Severity.CRITICAL
    for plant in (a_plant(soil=120), a_plant(air=50), a_plant(pump=a_pump(used_ms=60_000))):
        (change,) = decide(plant, NOW).alerts
        assert isinstance(change, RaiseAlert)
        assert change.severity is Severity.WARNING


def test_a_plant_does_not_read_ok_while_its_sensor_is_offline() -> None:
    """A plant reads OK while its sensor is offline: Olen #105. Each watched sensor is told by name."""
    silent = a_plant(soil=50, air=20, heard=NOW - HOUR)
    assert raised(silent) == {(AlertKind.PROBE_STALE, key) for key in ("soil", "tank", "air")}


def test_a_quiet_probe_and_a_steady_one_are_told_apart() -> None:
    """Quiet probe, dead or merely steady: NeverDry #234. Steady values that keep coming are no fault."""
    assert not raised(a_plant(soil=[40, 40, 40, 40, 40]))
    assert raised(a_plant(soil=[40, 40, 40, 40, 40], reservoir=None, heard=NOW - 16 * MINUTE)) == {STALE}


def test_a_probe_that_speaks_once_an_hour_keeps_one_alert() -> None:
    """Alerts flap: Olen #352. Each lone value would otherwise end the alert, and its silence open the next."""
    hourly = a_sensor("soil", SensorKind.SOIL_MOISTURE, None)
    for hour in range(1, 6):
        at = NOW + hour * HOUR
        samples = some_samples([40.0] * hour, until=at, every=HOUR)
        plant = a_plant(soil=None, reservoir=None, more=(type(hourly)("soil", hourly.kind, samples),), alerts=[STALE])
        assert not cleared(plant, at)


def test_a_probe_with_a_loose_wire_keeps_one_alert() -> None:
    """One wild value among good ones opens the alert once (Olen #352), and never waters."""
    for values in ([40, 120, 40], [120, 40, 120], [40, 40, 40, 120, 40]):
        plant = a_plant(soil=values, alerts=[NONSENSE])
        assert not cleared(plant)
        assert not decide(plant, NOW).doses


def test_a_stale_probe_ends_no_other_alert() -> None:
    """What was wrong when the probe fell silent is not known to be over: Olen #105."""
    open_alerts = [RESERVOIR, COLD, HOT, NONSENSE, (AlertKind.PROBE_IMPLAUSIBLE, "tank")]
    assert not cleared(a_plant(air=20, heard=NOW - DAY, alerts=open_alerts))


def test_an_implausible_value_is_told_as_such_and_as_nothing_else() -> None:
    """Wilting pots read 100: enviro #7. A value that physics forbids says nothing of the tank or the air."""
    assert raised(a_plant(reservoir=-1)) == {(AlertKind.PROBE_IMPLAUSIBLE, "tank")}
    assert raised(a_plant(air=-127)) == {(AlertKind.PROBE_IMPLAUSIBLE, "air")}
    assert not raised(a_plant(soil=100, reservoir=100))


def test_a_limit_that_is_switched_off_ends_its_alert() -> None:
    plant = a_plant(air=2, alerts=[COLD, HOT], air_temperature_min_c=None, air_temperature_max_c=None)
    assert cleared(plant) == {COLD, HOT}
    assert not raised(plant)


def test_the_cap_alert_does_not_come_and_go_with_each_freed_dose() -> None:
    """At the cap every hour frees one dose: without a margin that is a notification an hour (Olen #352)."""
    at_the_cap = a_plant(is_thirsty=True, pump=a_pump(used_ms=60_000), alerts=[CAP])
    one_dose_freed = a_plant(is_thirsty=True, pump=a_pump(used_ms=55_000), alerts=[CAP])
    assert not cleared(at_the_cap)
    assert decide(one_dose_freed, NOW).doses
    assert not cleared(one_dose_freed)
    assert cleared(a_plant(soil=60, pump=a_pump(used_ms=60_000), alerts=[CAP])) == {CAP}


@pytest.mark.parametrize("mode", list(Mode))
def test_alerts_do_not_depend_on_who_waters(mode: Mode) -> None:
    assert raised(a_plant(mode=mode, reservoir=5, air=50)) == {RESERVOIR, HOT}


def test_every_message_names_its_sensor_or_value() -> None:
    plant = a_plant(soil=120, air=50, reservoir=5)
    for change in decide(plant, NOW).alerts:
        assert any(word in change.message for word in ("soil", "50", "5 %"))


def test_sensors_that_no_rule_reads_raise_nothing() -> None:
    odd = tuple(
        a_sensor(kind.value, kind, 1e9, heard=NOW - DAY)
        for kind in SensorKind
        if kind not in (SensorKind.SOIL_MOISTURE, SensorKind.RESERVOIR_LEVEL, SensorKind.AIR_TEMPERATURE)
    )
    assert not raised(a_plant(more=odd))
