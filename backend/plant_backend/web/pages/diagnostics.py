"""What somebody who helps needs to know of this server. It names no person and no plant, and holds no secret."""

import json
import platform
from collections import Counter
from dataclasses import asdict

from starlette.responses import Response

from plant_backend import __version__
from plant_backend.api import API_VERSION
from plant_backend.domain.errors import PlantError
from plant_backend.web import plant_view
from plant_backend.web.page import For, Page
from plant_backend.web.plant_view import Plant
from plant_backend.web.visit import Visit
from plant_backend.wording.formats import iso

page = Page()


@page.get("/settings/diagnostics", "diagnostics", For.OWNERS)
async def give(visit: Visit) -> Response:
    """Give a file to send with a question."""
    services = visit.services
    document = {
        "server": {
            "version": __version__,
            "api_version": API_VERSION,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "instance_id": services.instance_id,
            "time": iso(visit.now),
            "takes_writes": await takes_writes(visit),
        },
        "kept_days": asdict(services.keeping),
        "devices": [_device(plant) for plant in await plant_view.plants(visit, with_trace=False)],
        "notifications": [
            {"service": target.service, "is_enabled": target.settings.is_enabled, "failures": target.health.failures}
            for target in await services.notifications.all(visit.who)
        ],
        "viewers": len(await services.accounts.viewers(visit.who)),
    }
    response = Response(json.dumps(document, indent=2) + "\n", media_type="application/json")
    response.headers["content-disposition"] = 'attachment; filename="plant-automation-diagnostics.json"'
    response.headers["cache-control"] = "no-store"
    return response


async def takes_writes(visit: Visit) -> bool:
    """Tell whether the database takes writes."""
    try:
        await visit.services.health.check()
    except PlantError:
        return False
    return True


def _device(plant: Plant) -> dict[str, object]:
    return {
        "id": plant.device.id,
        "firmware": plant.device.firmware,
        "version": plant.device.version,
        "presence": plant.presence,
        "mode": plant.profile.mode,
        "sensors": Counter(sensor.kind for sensor in plant.device.sensors if sensor.retired_at is None),
        "actuators": Counter(one.kind for one in plant.device.actuators if one.retired_at is None),
        "open_alerts": Counter(alert.kind for alert in plant.alerts),
        "last_outcome": plant.decision.outcome if plant.decision else None,
        "last_reasons": [reason.code for reason in plant.decision.reasons] if plant.decision else [],
    }
