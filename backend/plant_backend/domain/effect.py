"""Whether doses do anything: water that never reaches the probe is a clogged hose, or a flood somewhere else."""

from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median

from plant_backend.domain import sentences
from plant_backend.domain.alert import AlertChange, AlertKind, ClearAlert, RaiseAlert, Severity
from plant_backend.domain.freshness import is_fresh, is_plausible
from plant_backend.domain.model import NO_DOSES, DoseEffect, Mode, PlantSnapshot, PumpState, SensorState
from plant_backend.domain.probes import soil_probe, stale_after, steadiness_refusal, trusted_value
from plant_backend.domain.reason import Reason, ReasonCode
from plant_backend.domain.sentence import Sentence

_VALUES_FOR_AN_OUTLIER = 4
"""From so many values on, one may be wildly low and is left out."""


def observe(plant: PlantSnapshot, now: datetime) -> DoseEffect:
    """Say what the doses so far came to, from the newest soil value."""
    effect, profile, pump, probe = plant.effect, plant.profile, plant.pump, soil_probe(plant)
    if profile.doses_without_effect_max == 0:
        return NO_DOSES
    if pump is None or probe is None:
        # What a node no longer names may come back: a block must not end by that.
        return effect
    if effect.is_blocked:
        is_resolved = (AlertKind.WATERING_WITHOUT_EFFECT, pump.key) not in plant.open_alerts
        return NO_DOSES if is_resolved else effect
    if trusted_value(plant, probe, now) is None or effect.doses == 0 or effect.baseline_percent is None:
        return effect
    level = _sure_level(_recent_values(plant, probe, now, since=pump.ended_at))
    if level is not None and level >= effect.baseline_percent + profile.dose_rise_min_percent:
        return NO_DOSES
    if effect.doses < profile.doses_without_effect_max or pump.is_busy or pump.ended_at is None:
        return effect
    has_soaked = now >= pump.ended_at + timedelta(seconds=profile.soak_s)
    is_confirmed = has_soaked and steadiness_refusal(plant, probe, now) is None
    return replace(effect, is_blocked=True) if is_confirmed and not _has_dose_failed(pump) else effect


def after_dose(plant: PlantSnapshot, effect: DoseEffect, now: datetime) -> DoseEffect:
    """Count one more dose. One that came to nothing before is replaced by it; shadow mode gives none."""
    probe = soil_probe(plant)
    values = _recent_values(plant, probe, now) if probe else []
    if plant.profile.mode is not Mode.ON or not values:
        return effect
    has_failed = plant.pump is not None and _has_dose_failed(plant.pump) and effect.doses > 0
    baseline = median(values) if effect.baseline_percent is None else effect.baseline_percent
    return DoseEffect(effect.doses + (0 if has_failed else 1), baseline)


def _has_dose_failed(pump: PumpState) -> bool:
    """Tell whether the last dose came to nothing. What a person asked for says nothing of doses."""
    return pump.failed_at is not None if pump.has_dose_failed is None else pump.has_dose_failed


def _recent_values(
    plant: PlantSnapshot, probe: SensorState, now: datetime, *, since: datetime | None = None
) -> list[float]:
    return [
        sample.value
        for sample in probe.samples
        if is_fresh(sample, now, stale_after(plant.profile))
        and is_plausible(probe.kind, sample)
        and (since is None or sample.ts >= since)
    ]


def _sure_level(values: list[float]) -> float | None:
    """Give what nearly all values reach: of a dozen noisy ones between two doses, one is always high."""
    if not values:
        return None
    return sorted(values)[1] if len(values) >= _VALUES_FOR_AN_OUTLIER else min(values)


def effect_refusal(effect: DoseEffect) -> Reason | None:
    """Refuse while the pump waits for a person."""
    if not effect.is_blocked:
        return None
    return Reason.saying(ReasonCode.WATERING_WITHOUT_EFFECT, *_what(effect))


def effect_alerts(plant: PlantSnapshot, effect: DoseEffect) -> list[AlertChange]:
    """Tell that doses do nothing."""
    if plant.pump is None:
        return []
    channel = plant.pump.key
    if effect.is_blocked:
        what = (*_what(effect), sentences.look_for_hose())
        return [RaiseAlert.saying(AlertKind.WATERING_WITHOUT_EFFECT, Severity.CRITICAL, *what, channel=channel)]
    if (AlertKind.WATERING_WITHOUT_EFFECT, channel) in plant.open_alerts:
        return [ClearAlert(AlertKind.WATERING_WITHOUT_EFFECT, channel)]
    return []


def _what(effect: DoseEffect) -> tuple[Sentence, Sentence]:
    baseline = effect.baseline_percent or 0.0
    return sentences.doses_without_effect(effect.doses, baseline), sentences.blocked_until_resolved()
