"""Whether the soil probe may be believed: what is wrong with it, and the alerts that tell."""

from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from plant_backend.domain.alert import AlertChange, AlertKind, ClearAlert, RaiseAlert, Severity
from plant_backend.domain.freshness import agree, is_fresh, is_plausible, latest
from plant_backend.domain.kinds import MEASURES, SensorKind
from plant_backend.domain.model import PlantSnapshot, Profile, Sample, SensorState
from plant_backend.domain.reason import Reason, ReasonCode

AGREEING_SAMPLES = 2
"""How many samples in a row must say the same before water flows: one noisy value never waters."""

AGREEMENT_PERCENT = 10.0
"""How far those samples may lie apart, in points of soil moisture."""


def is_watched(profile: Profile, kind: SensorKind) -> bool:
    """Tell whether a rule reads this kind: a stale or implausible sensor of it is told."""
    match kind:
        case SensorKind.SOIL_MOISTURE | SensorKind.RESERVOIR_LEVEL:
            return True
        case SensorKind.AIR_TEMPERATURE:
            return profile.air_temperature_min_c is not None or profile.air_temperature_max_c is not None
        case SensorKind.AIR_HUMIDITY:
            return profile.air_humidity_min_percent is not None or profile.air_humidity_max_percent is not None
        case _:
            return False


def stale_after(profile: Profile) -> timedelta:
    """Give how old a value may be."""
    return timedelta(seconds=profile.stale_after_s)


def soil_probe(plant: PlantSnapshot) -> SensorState | None:
    """Give the probe that the watering rule reads: the device's first."""
    return next((sensor for sensor in plant.sensors if sensor.kind is SensorKind.SOIL_MOISTURE), None)


def trusted_value(plant: PlantSnapshot, sensor: SensorState, now: datetime) -> float | None:
    """Give a sensor's newest value if it is fresh and plausible."""
    sample = latest(sensor)
    if sample is None or not is_fresh(sample, now, stale_after(plant.profile)):
        return None
    return sample.value if is_plausible(sensor.kind, sample) else None


def probe_refusal(plant: PlantSnapshot, probe: SensorState, now: datetime) -> Reason | None:
    """Refuse to water by a probe that is silent, talks nonsense, or is not where it should be."""
    profile, sample = plant.profile, latest(probe)
    if not probe.is_calibrated:
        text = f"{probe.key} sends raw values: calibrate it, so that they mean something."
        return Reason(ReasonCode.PROBE_UNCALIBRATED, text)
    if sample is None:
        return Reason(ReasonCode.NO_READING, f"Nothing was heard from {probe.key} yet.")
    if not is_fresh(sample, now, stale_after(profile)):
        return Reason(
            ReasonCode.PROBE_STALE, f"The last value of {probe.key} is from {sample.ts:%Y-%m-%d %H:%M:%S} UTC."
        )
    if not is_plausible(probe.kind, sample):
        return Reason(ReasonCode.PROBE_IMPLAUSIBLE, f"{probe.key} reads {sample.value:g} %, which no soil can have.")
    if _is_stuck(profile, probe, now):
        return Reason(ReasonCode.PROBE_STUCK, _stuck_text(probe, sample))
    if (AlertKind.PROBE_DROPPED, probe.key) in plant.open_alerts or _drop(profile, probe, now) is not None:
        text = f"{probe.key} fell faster than soil dries: is it still in the soil? Resolve its alert once it is."
        return Reason(ReasonCode.PROBE_DROPPED, text)
    if _disagreement(plant, now) is not None:
        return Reason(ReasonCode.PROBES_DISAGREE, "The soil probes do not agree.")
    return None


def steadiness_refusal(plant: PlantSnapshot, probe: SensorState, now: datetime) -> Reason | None:
    """Refuse until enough fresh samples, all newer than the last soak, say the same."""
    since = now - stale_after(plant.profile)
    if plant.pump is not None and plant.pump.ended_at is not None:
        since = max(since, plant.pump.ended_at + timedelta(seconds=plant.profile.soak_s))
    recent = [sample for sample in probe.samples if sample.ts >= since][-AGREEING_SAMPLES:]
    if len(recent) < AGREEING_SAMPLES:
        text = (
            f"One more value of {probe.key} is needed to confirm the last: {AGREEING_SAMPLES} within "
            f"{plant.profile.stale_after_s} s (stale_after_s)."
        )
        text += _too_seldom(plant.profile, probe) or " A node that samples less often needs more there."
        return Reason(ReasonCode.PROBE_UNSTEADY, text)
    if not all(is_plausible(probe.kind, sample) for sample in recent) or not agree(recent, AGREEMENT_PERCENT):
        return Reason(ReasonCode.PROBE_UNSTEADY, f"The last values of {probe.key} do not agree.")
    return None


def probe_alerts(plant: PlantSnapshot, now: datetime) -> list[AlertChange]:
    """Tell what is wrong with the watched sensors, and what no longer is."""
    changes: list[AlertChange] = []
    for sensor in plant.sensors:
        sample = latest(sensor)
        if sample is None or not is_watched(plant.profile, sensor.kind):
            continue
        if not is_fresh(sample, now, stale_after(plant.profile)):
            text = f"{sensor.key} has not been heard since {sample.ts:%Y-%m-%d %H:%M:%S} UTC."
            text += _too_seldom(plant.profile, sensor)
            changes.append(RaiseAlert(AlertKind.PROBE_STALE, Severity.WARNING, text, sensor.key))
            continue
        changes += _heard_again(plant, sensor, now)
        changes += _plausibility(plant, sensor, sample)
        if sensor.kind is SensorKind.SOIL_MOISTURE:
            changes += _stuck(plant, sensor, sample, now)
            changes += _dropped(plant, sensor, now)
    return [*changes, *_pair(plant, now)]


def _too_seldom(profile: Profile, sensor: SensorState) -> str:
    """Give a hint where a sensor speaks too seldom for two of its values ever to be fresh at once."""
    gaps = [(after.ts - before.ts).total_seconds() for before, after in pairwise(sensor.samples)]
    if not gaps or (gap_s := median(gaps)) * 1.2 <= profile.stale_after_s:
        return ""
    enough_s = round(gap_s * 2.5)
    return f" It speaks about every {gap_s:.0f} s: set stale_after_s to {enough_s} or more, or let it speak more often."


def _heard_again(plant: PlantSnapshot, sensor: SensorState, now: datetime) -> list[AlertChange]:
    # A probe that speaks now and then keeps one alert instead of a new one each time.
    fresh = [heard for heard in sensor.samples if is_fresh(heard, now, stale_after(plant.profile))]
    if len(fresh) >= AGREEING_SAMPLES and (AlertKind.PROBE_STALE, sensor.key) in plant.open_alerts:
        return [ClearAlert(AlertKind.PROBE_STALE, f"{sensor.key} is heard again.", sensor.key)]
    return []


def _plausibility(plant: PlantSnapshot, sensor: SensorState, sample: Sample) -> list[AlertChange]:
    if not is_plausible(sensor.kind, sample):
        measure = MEASURES[sensor.kind]
        text = (
            f"{sensor.key} reads {sample.value:g} {measure.unit}, outside {measure.lowest:g} … "
            f"{measure.highest:g}: check the probe and its wiring."
        )
        return [RaiseAlert(AlertKind.PROBE_IMPLAUSIBLE, Severity.WARNING, text, sensor.key)]
    is_open = (AlertKind.PROBE_IMPLAUSIBLE, sensor.key) in plant.open_alerts
    if is_open and all(is_plausible(sensor.kind, heard) for heard in sensor.samples):
        return [ClearAlert(AlertKind.PROBE_IMPLAUSIBLE, f"{sensor.key} reads {sample.value:g}.", sensor.key)]
    return []


def _is_stuck(profile: Profile, probe: SensorState, now: datetime) -> bool:
    if profile.stuck_after_s == 0 or probe.unchanged_since is None:
        return False
    return now - probe.unchanged_since >= timedelta(seconds=profile.stuck_after_s)


def _stuck_text(probe: SensorState, sample: Sample) -> str:
    return f"{probe.key} has read exactly {sample.value:g} % since {probe.unchanged_since:%Y-%m-%d %H:%M:%S} UTC."


def _stuck(plant: PlantSnapshot, probe: SensorState, sample: Sample, now: datetime) -> list[AlertChange]:
    if _is_stuck(plant.profile, probe, now):
        text = f"{_stuck_text(probe, sample)} No soil is that steady: check the probe. No water until it moves."
        return [RaiseAlert(AlertKind.PROBE_STUCK, Severity.WARNING, text, probe.key)]
    if (AlertKind.PROBE_STUCK, probe.key) in plant.open_alerts:
        return [ClearAlert(AlertKind.PROBE_STUCK, f"{probe.key} moves again.", probe.key)]
    return []


def _drop(profile: Profile, probe: SensorState, now: datetime) -> float | None:
    """Give by how much the probe fell, where the newest samples agree that it did, and faster than soil dries.

    What it fell from was said twice too: one wild value upwards, and the next sound one, are no fall.
    """
    plausible = [sample for sample in probe.samples if is_plausible(probe.kind, sample)]
    before, recent = plausible[:-AGREEING_SAMPLES], plausible[-AGREEING_SAMPLES:]
    before = [sample for sample in before if is_fresh(sample, now, 2 * stale_after(profile))]
    are_fresh = all(is_fresh(sample, now, stale_after(profile)) for sample in recent)
    if len(before) < AGREEING_SAMPLES or not are_fresh or not agree(recent, AGREEMENT_PERCENT):
        return None
    height = max(min(one.value, next_one.value) for one, next_one in pairwise(before))
    fell = height - max(sample.value for sample in recent)
    return fell if fell > profile.probe_drop_max_percent else None


def _dropped(plant: PlantSnapshot, probe: SensorState, now: datetime) -> list[AlertChange]:
    profile = plant.profile
    fell = _drop(profile, probe, now)
    if fell is not None:
        text = (
            f"{probe.key} fell by {fell:g} points within minutes, faster than soil dries: is it still in the soil, and "
            "connected? No water by it until a person resolves this, or it reads moist again."
        )
        return [RaiseAlert(AlertKind.PROBE_DROPPED, Severity.WARNING, text, probe.key)]
    moist = profile.soil_moisture_min_percent + profile.soil_moisture_hysteresis_percent
    recent = probe.samples[-AGREEING_SAMPLES:]
    if (AlertKind.PROBE_DROPPED, probe.key) in plant.open_alerts and all(sample.value >= moist for sample in recent):
        return [ClearAlert(AlertKind.PROBE_DROPPED, f"{probe.key} reads moist again.", probe.key)]
    return []


def _disagreement(plant: PlantSnapshot, now: datetime) -> float | None:
    """Give how far the soil probes lie apart, where they share a pot and lie too far apart."""
    tolerance = plant.profile.probe_pair_tolerance_percent
    if tolerance is None:
        return None
    probes = [sensor for sensor in plant.sensors if sensor.kind is SensorKind.SOIL_MOISTURE]
    if len(probes) == 1 and any(kind == AlertKind.PROBE_GONE for kind, _ in plant.open_alerts):
        # The node no longer names the other one: until a person says that this is right, this one is unconfirmed.
        return 100.0
    values = [value for probe in probes if (value := trusted_value(plant, probe, now)) is not None]
    if len(values) < len(probes):
        # The one that is silent has an alert of its own; alone the other cannot be confirmed.
        return 100.0 if values else None
    spread = max(values, default=0.0) - min(values, default=0.0)
    return spread if spread > tolerance else None


def _pair(plant: PlantSnapshot, now: datetime) -> list[AlertChange]:
    if plant.profile.probe_pair_tolerance_percent is None:
        is_open = (AlertKind.PROBES_DISAGREE, "") in plant.open_alerts
        return [ClearAlert(AlertKind.PROBES_DISAGREE, "The probes are not compared any more.")] if is_open else []
    spread = _disagreement(plant, now)
    if spread is not None:
        text = (
            f"The soil probes lie {spread:g} points apart, or one is silent: one of them is wrong. No water until then."
        )
        return [RaiseAlert(AlertKind.PROBES_DISAGREE, Severity.WARNING, text)]
    if (AlertKind.PROBES_DISAGREE, "") in plant.open_alerts:
        return [ClearAlert(AlertKind.PROBES_DISAGREE, "The soil probes agree again.")]
    return []
