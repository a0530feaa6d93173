"""Whether the soil probe may be believed: what is wrong with it, and the alerts that tell."""

from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from plant_backend.domain import sentences
from plant_backend.domain.alert import AlertChange, AlertKind, ClearAlert, RaiseAlert, Severity
from plant_backend.domain.freshness import agree, is_fresh, is_plausible, latest
from plant_backend.domain.kinds import MEASURES, SensorKind
from plant_backend.domain.model import PlantSnapshot, Profile, Sample, SensorState
from plant_backend.domain.reason import Reason, ReasonCode
from plant_backend.domain.sentence import Sentence

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
        return Reason.saying(ReasonCode.PROBE_UNCALIBRATED, sentences.probe_uncalibrated(probe.key))
    if sample is None:
        return Reason.saying(ReasonCode.NO_READING, sentences.nothing_heard(probe.key))
    if not is_fresh(sample, now, stale_after(profile)):
        return Reason.saying(ReasonCode.PROBE_STALE, sentences.value_too_old(probe.key, sample.ts))
    if not is_plausible(probe.kind, sample):
        return Reason.saying(ReasonCode.PROBE_IMPLAUSIBLE, sentences.moisture_impossible(probe.key, sample.value))
    if (since := _stuck_since(profile, probe, now)) is not None:
        return Reason.saying(ReasonCode.PROBE_STUCK, sentences.probe_stuck(probe.key, sample.value, since))
    if (AlertKind.PROBE_DROPPED, probe.key) in plant.open_alerts or _drop(profile, probe, now) is not None:
        return Reason.saying(ReasonCode.PROBE_DROPPED, sentences.probe_dropped(probe.key))
    if _disagreement(plant, now) is not None:
        return Reason.saying(ReasonCode.PROBES_DISAGREE, sentences.probes_disagree())
    return None


def steadiness_refusal(plant: PlantSnapshot, probe: SensorState, now: datetime) -> Reason | None:
    """Refuse until enough fresh samples, all newer than the last soak, say the same."""
    since = now - stale_after(plant.profile)
    if plant.pump is not None and plant.pump.ended_at is not None:
        since = max(since, plant.pump.ended_at + timedelta(seconds=plant.profile.soak_s))
    recent = [sample for sample in probe.samples if sample.ts >= since][-AGREEING_SAMPLES:]
    if len(recent) < AGREEING_SAMPLES:
        what = sentences.one_more_value(probe.key, AGREEING_SAMPLES, plant.profile.stale_after_s)
        hint = _too_seldom(plant.profile, probe) or (sentences.sampling_less_often(),)
        return Reason.saying(ReasonCode.PROBE_UNSTEADY, what, *hint)
    if not all(is_plausible(probe.kind, sample) for sample in recent) or not agree(recent, AGREEMENT_PERCENT):
        return Reason.saying(ReasonCode.PROBE_UNSTEADY, sentences.values_disagree(probe.key))
    return None


def probe_alerts(plant: PlantSnapshot, now: datetime) -> list[AlertChange]:
    """Tell what is wrong with the watched sensors, and what no longer is."""
    changes: list[AlertChange] = []
    for sensor in plant.sensors:
        sample = latest(sensor)
        if sample is None or not is_watched(plant.profile, sensor.kind):
            continue
        if not is_fresh(sample, now, stale_after(plant.profile)):
            what = (sentences.channel_silent(sensor.key, sample.ts), *_too_seldom(plant.profile, sensor))
            changes.append(RaiseAlert.saying(AlertKind.PROBE_STALE, Severity.WARNING, *what, channel=sensor.key))
            continue
        changes += _heard_again(plant, sensor, now)
        changes += _plausibility(plant, sensor, sample)
        if sensor.kind is SensorKind.SOIL_MOISTURE:
            changes += _stuck(plant, sensor, sample, now)
            changes += _dropped(plant, sensor, now)
    return [*changes, *_pair(plant, now)]


def _too_seldom(profile: Profile, sensor: SensorState) -> tuple[Sentence, ...]:
    """Give a hint where a sensor speaks too seldom for two of its values ever to be fresh at once."""
    gaps = [(after.ts - before.ts).total_seconds() for before, after in pairwise(sensor.samples)]
    if not gaps or (gap_s := median(gaps)) * 1.2 <= profile.stale_after_s:
        return ()
    return (sentences.speaking_too_seldom(gap_s, round(gap_s * 2.5)),)


def _heard_again(plant: PlantSnapshot, sensor: SensorState, now: datetime) -> list[AlertChange]:
    # A probe that speaks now and then keeps one alert instead of a new one each time.
    fresh = [heard for heard in sensor.samples if is_fresh(heard, now, stale_after(plant.profile))]
    if len(fresh) >= AGREEING_SAMPLES and (AlertKind.PROBE_STALE, sensor.key) in plant.open_alerts:
        return [ClearAlert(AlertKind.PROBE_STALE, sensor.key)]
    return []


def _plausibility(plant: PlantSnapshot, sensor: SensorState, sample: Sample) -> list[AlertChange]:
    if not is_plausible(sensor.kind, sample):
        measure = MEASURES[sensor.kind]
        what = sentences.value_impossible(sensor.key, sample.value, measure.unit, measure.lowest, measure.highest)
        return [RaiseAlert.saying(AlertKind.PROBE_IMPLAUSIBLE, Severity.WARNING, what, channel=sensor.key)]
    is_open = (AlertKind.PROBE_IMPLAUSIBLE, sensor.key) in plant.open_alerts
    if is_open and all(is_plausible(sensor.kind, heard) for heard in sensor.samples):
        return [ClearAlert(AlertKind.PROBE_IMPLAUSIBLE, sensor.key)]
    return []


def _stuck_since(profile: Profile, probe: SensorState, now: datetime) -> datetime | None:
    since = probe.unchanged_since
    if profile.stuck_after_s == 0 or since is None or now - since < timedelta(seconds=profile.stuck_after_s):
        return None
    return since


def _stuck(plant: PlantSnapshot, probe: SensorState, sample: Sample, now: datetime) -> list[AlertChange]:
    if (since := _stuck_since(plant.profile, probe, now)) is not None:
        what = (sentences.probe_stuck(probe.key, sample.value, since), sentences.stuck_probe_waters_nothing())
        return [RaiseAlert.saying(AlertKind.PROBE_STUCK, Severity.WARNING, *what, channel=probe.key)]
    if (AlertKind.PROBE_STUCK, probe.key) in plant.open_alerts:
        return [ClearAlert(AlertKind.PROBE_STUCK, probe.key)]
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
        what = sentences.probe_fell(probe.key, fell)
        return [RaiseAlert.saying(AlertKind.PROBE_DROPPED, Severity.WARNING, what, channel=probe.key)]
    moist = profile.soil_moisture_min_percent + profile.soil_moisture_hysteresis_percent
    recent = probe.samples[-AGREEING_SAMPLES:]
    if (AlertKind.PROBE_DROPPED, probe.key) in plant.open_alerts and all(sample.value >= moist for sample in recent):
        return [ClearAlert(AlertKind.PROBE_DROPPED, probe.key)]
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
        return [ClearAlert(AlertKind.PROBES_DISAGREE)] if is_open else []
    spread = _disagreement(plant, now)
    if spread is not None:
        return [RaiseAlert.saying(AlertKind.PROBES_DISAGREE, Severity.WARNING, sentences.probes_apart(spread))]
    if (AlertKind.PROBES_DISAGREE, "") in plant.open_alerts:
        return [ClearAlert(AlertKind.PROBES_DISAGREE)]
    return []
