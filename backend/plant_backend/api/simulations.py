"""What another profile would have done."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from plant_backend.api.dependencies import CurrentReader, ServicesDep
from plant_backend.api.schemas import SimulationIn, SimulationRead
from plant_backend.domain.course import Course, Run
from plant_backend.domain.sentence import english

router = APIRouter(prefix="/devices", tags=["devices"])

MAX_SHOWN = 1_000


@router.post("/{device_id}/automation/simulate")
async def simulate_automation(
    device_id: str, body: SimulationIn, who: CurrentReader, services: ServicesDep
) -> SimulationRead:
    """Run the profile, with some fields changed, over the readings of the last days, and compare with what happened.

    It changes nothing, and a viewer may ask. `assumptions` says what a simulation cannot know.
    """
    changes = body.profile.model_dump(exclude_unset=True)
    found = await services.what_if.simulate(who, device_id, changes, body.days)
    return SimulationRead.model_validate(
        {
            "since": found.since,
            "until": found.until,
            "step_s": found.step_s,
            "profile": asdict(found.profile),
            "readings": found.readings,
            "simulated": _course(found.simulated),
            "dry_spell_count": len(found.dry_spells),
            "dry_spells": found.dry_spells[:MAX_SHOWN],
            "recorded": _course(found.recorded),
            "assumptions": [{"code": one.code, "text": english([one])} for one in found.assumptions],
        }
    )


def _course(course: Course) -> dict[str, Any]:
    return {
        "dose_count": len(course.doses),
        "duration_ms": sum(run.duration_ms for run in course.doses),
        "volume_ml": _volume_ml(course.doses),
        "doses": course.doses[:MAX_SHOWN],
        "refusals": course.refusals,
        "alert_count": len(course.alerts),
        "alerts": course.alerts[:MAX_SHOWN],
    }


def _volume_ml(doses: Sequence[Run]) -> int | None:
    volumes = [run.volume_ml for run in doses if run.volume_ml is not None]
    return sum(volumes) if len(volumes) == len(doses) else None
