"""What a node calls, except telemetry: `docs/protocol.md` is its contract."""

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from plant_backend.api import problems
from plant_backend.api.dependencies import ClientAddress, CurrentNode, ServicesDep
from plant_backend.api.schemas import (
    AckResultRead,
    AckResults,
    AcksIn,
    CommandForNode,
    CommandsForNode,
    DeviceRefresh,
    DeviceSignIn,
    ManifestIn,
    SignedInRead,
    TokenPairRead,
)
from plant_backend.domain.command import Ack
from plant_backend.domain.errors import InvalidInput
from plant_backend.domain.kinds import units_of
from plant_backend.domain.model import ActuatorClaim, Manifest, PumpLimits, SensorClaim

router = APIRouter(tags=["nodes"])


class AckProblem(problems.Problem):
    """Why not every ack was taken, and what became of each."""

    results: list[AckResultRead]


@router.post(
    "/auth/device",
    responses=problems.GUESSING | {409: {"description": "A channel of the manifest is of another kind already."}},
)
async def sign_in(body: DeviceSignIn, services: ServicesDep, address: ClientAddress) -> SignedInRead:
    """Sign a node in with its secret, and register its channels."""
    manifest = None if body.manifest is None else _manifest(body.manifest)
    return SignedInRead.model_validate(await services.node_auth.sign_in(body.device_id, body.secret, manifest, address))


@router.post("/auth/device/refresh", responses=problems.WRONG_CREDENTIALS)
async def refresh(body: DeviceRefresh, services: ServicesDep) -> TokenPairRead:
    """Rotate a refresh token. Using one a second time revokes its family."""
    return TokenPairRead.model_validate(await services.node_auth.refresh(body.refresh_token))


@router.get("/commands", response_model=CommandsForNode, responses={204: {"description": "No command came."}})
async def poll_commands(
    request: Request,
    node: CurrentNode,
    services: ServicesDep,
    wait: Annotated[float, Query(ge=0, le=25, allow_inf_nan=False, description="Seconds to wait for a command.")] = 0,
    after: Annotated[
        int | None, Query(ge=0, le=2**40, description="The last `seq` that the node has written down.")
    ] = None,
) -> Response:
    """Wait for commands. A newer poll of the same device ends this one."""
    poll = asyncio.ensure_future(services.commands.poll(node, after, wait))
    gone = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait((poll, gone), return_when=asyncio.FIRST_COMPLETED)
        if not poll.done():
            return Response(status_code=HTTPStatus.NO_CONTENT)
        delivery = poll.result()
    finally:
        poll.cancel()
        gone.cancel()
        await asyncio.gather(poll, gone, return_exceptions=True)
    if not delivery.commands:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    answer = CommandsForNode(
        held_ms=delivery.held_ms,
        commands=[
            CommandForNode(
                id=command.id,
                seq=command.seq,
                actuator=command.actuator,
                action=command.action,
                duration_ms=command.duration_ms,
                ttl_ms=ttl_ms,
            )
            for command, ttl_ms in delivery.commands
        ],
    )
    return Response(answer.model_dump_json(), media_type="application/json")


@router.post(
    "/commands/ack", response_model=AckResults, responses={404: {"model": AckProblem}, 409: {"model": AckProblem}}
)
async def acknowledge(body: AcksIn, node: CurrentNode, services: ServicesDep) -> AckResults | Response:
    """Say what became of commands. Each is taken by itself; the status tells of the worst."""
    acks = [Ack(ack.id, ack.seq, ack.status, ack.ran_ms, ack.reason) for ack in body.acks]
    results = await services.commands.acknowledge(node, acks)
    answer = AckResults(results=[AckResultRead(id=result.id, state=result.state) for result in results])
    if any(result.is_conflict for result in results):
        return _refused(HTTPStatus.CONFLICT, "ack_conflict", "An outcome contradicts the recorded one.", answer)
    if any(result.state is None for result in results):
        return _refused(HTTPStatus.NOT_FOUND, "command_not_found", "There is no such command.", answer)
    return answer


def _refused(status: HTTPStatus, code: str, detail: str, answer: AckResults) -> Response:
    return problems.problem(status, code, detail, **answer.model_dump(mode="json"))


async def _disconnect(request: Request) -> None:
    """Return when the node has gone away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _manifest(body: ManifestIn) -> Manifest:
    errors = []
    keys: set[str] = set()
    for index, sensor in enumerate(body.sensors):
        units = units_of(sensor.kind)
        if sensor.unit not in units:
            allowed = " or ".join(repr(unit) for unit in units)
            errors.append((f"manifest.sensors[{index}].unit", f"must be {allowed} for {sensor.kind.value}"))
    places = [(f"manifest.sensors[{index}].key", sensor.key) for index, sensor in enumerate(body.sensors)]
    places += [(f"manifest.actuators[{index}].key", claim.key) for index, claim in enumerate(body.actuators)]
    for where, key in places:
        if key in keys:
            errors.append((where, f"{key!r} is there twice"))
        keys.add(key)
    if errors:
        raise InvalidInput(errors)
    return Manifest(
        body.firmware,
        body.version,
        tuple(SensorClaim(sensor.key, sensor.kind, sensor.unit) for sensor in body.sensors),
        tuple(
            ActuatorClaim(actuator.key, actuator.kind, PumpLimits(**actuator.limits.model_dump()))
            for actuator in body.actuators
        ),
    )
