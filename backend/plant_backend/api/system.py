"""What the server says of itself."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from plant_backend import __version__
from plant_backend.api import API_VERSION, problems
from plant_backend.api.dependencies import ServicesDep
from plant_backend.api.schemas import InfoRead
from plant_backend.domain.errors import PlantError
from plant_backend.services.registry import Services

router = APIRouter(tags=["system"])


def info_of(services: Services) -> InfoRead:
    """Say what this server is."""
    return InfoRead(
        version=__version__, api_version=API_VERSION, instance_id=services.instance_id, time=services.clock.now()
    )


@router.get("/info")
async def info(services: ServicesDep) -> InfoRead:
    """Say what this server is, so that a client can tell whether it fits."""
    return info_of(services)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get(
    "/readyz", responses={503: {"description": "The database does not take writes."}}, response_model=dict[str, str]
)
async def readyz(services: ServicesDep) -> dict[str, str] | Response:
    """The database takes writes."""
    try:
        await services.health.check()
    except PlantError as error:
        return problems.problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", error.detail)
    # Without a bus all goes on, a second later: no reason to send callers elsewhere, but worth telling.
    return {"status": "ready", "bus": services.bus.state} if services.health.is_shared else {"status": "ready"}
