"""Why a plant cannot be watered by hand right now, before anybody tries. The guards decide; this spares the try."""

from datetime import timedelta

from plant_backend.domain.alert import AlertKind
from plant_backend.web.plant_view import Plant
from plant_backend.web.presence import Presence
from plant_backend.wording.formats import Formats
from plant_backend.wording.language import Say


def why_not(plant: Plant, say: Say, formats: Formats) -> str | None:
    """Give what stands against watering now, None where nothing is known to."""
    if plant.presence is Presence.NEVER_SEEN:
        return say("The node was never seen.")
    if plant.presence is Presence.OFFLINE:
        return say("The node is offline.")
    if plant.presence is Presence.STALE:
        return say("The node is overdue: it may not hear a Stop.")
    if plant.live is not None:
        return say("A run is under way.")
    if any(alert.kind is AlertKind.WATERING_WITHOUT_EFFECT for alert in plant.alerts):
        return say("Blocked: the last doses had no effect. Resolve the alert first.")
    tank = plant.reservoir
    if tank is not None and (not tank.is_fresh or not tank.is_plausible):
        return say("The reservoir gives no value to trust.")
    if tank is not None and tank.sample is not None and tank.sample.value < plant.profile.reservoir_min_percent:
        return say("The reservoir is too low.")
    if plant.last_run is not None:
        ready_at = plant.last_run.created_at + timedelta(seconds=plant.profile.cooldown_s)
        if plant.now < ready_at:
            return say("Cooling down until %(time)s.", time=formats.moment(ready_at))
    return None
