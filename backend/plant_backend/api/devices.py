"""Devices, their automation, commands, history and decisions."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, Field

from plant_backend.api.dependencies import CurrentKeeper, CurrentUser, ServicesDep
from plant_backend.api.etags import VersionsNamed, etag
from plant_backend.api.schemas import (
    BucketsRead,
    CommandCreate,
    CommandList,
    CommandRead,
    DecisionList,
    DecisionRead,
    DeviceCreate,
    DeviceCreated,
    DeviceRead,
    NodeFileRead,
    NodeFilesRead,
    ProfileIn,
    ProfileRead,
    ReadingsRead,
    SecretRead,
    SecretRotate,
    SecretStates,
)
from plant_backend.domain.errors import InvalidInput
from plant_backend.domain.model import Profile
from plant_backend.services.devices import DeviceStatus
from plant_backend.services.documents import decision_document, profile_document
from plant_backend.services.events import status_document
from plant_backend.services.history import MAX_POINTS, MAX_READINGS
from plant_backend.services.node_files import SHOWN_ONCE, Board, NodeKind, node_files
from plant_backend.services.reading_files import csv_text, ndjson_text, shown_unit
from plant_backend.services.real_time import from_real_ms, real_ms

router = APIRouter(prefix="/devices", tags=["devices"])

Before = Annotated[int | None, Query(ge=1, le=2**53, description="Give what is older than this id.")]
Limit = Annotated[int, Query(ge=1, le=500)]
Raw = Annotated[bool, Query(description="Give what the node sent, not what it means by the calibration.")]
_NO_OVERLAP = SecretRotate()


@router.get("")
async def list_devices(who: CurrentUser, services: ServicesDep) -> Sequence[DeviceRead]:
    """List your devices with their newest values."""
    return [_read(status) for status in await services.devices.all(who)]


@router.post("", status_code=201)
async def create_device(body: DeviceCreate, who: CurrentKeeper, services: ServicesDep) -> DeviceCreated:
    """Make a device. Its secret is in this answer and nowhere else."""
    device, secret = await services.devices.add(who, body.name)
    return DeviceCreated.model_validate({**status_document(DeviceStatus(device, None, {})), "secret": secret})


@router.get("/{device_id}")
async def get_device(device_id: str, who: CurrentUser, services: ServicesDep) -> DeviceRead:
    """Show a device with its newest values."""
    return _read(await services.devices.get(who, device_id))


@router.patch("/{device_id}")
async def rename_device(device_id: str, body: DeviceCreate, who: CurrentUser, services: ServicesDep) -> DeviceRead:
    """Give a device another name."""
    return _read(await services.devices.rename(who, device_id, body.name))


@router.delete("/{device_id}", status_code=204)
async def delete_device(device_id: str, who: CurrentKeeper, services: ServicesDep) -> None:
    """Delete a device with all its history."""
    await services.devices.delete(who, device_id)


@router.post("/{device_id}/secret")
async def rotate_secret(
    device_id: str, who: CurrentKeeper, services: ServicesDep, body: SecretRotate = _NO_OVERLAP
) -> SecretRead:
    """Give a device a new secret. The old one ends now, or after `overlap_s`."""
    _, secret = await services.devices.rotate_secret(who, device_id, body.overlap_s)
    return SecretRead(secret=secret)


@router.get("/{device_id}/secret")
async def show_secret_states(device_id: str, who: CurrentKeeper, services: ServicesDep) -> SecretStates:
    """Tell whether a node uses its new secret already, and until when the old one works."""
    known = await services.devices.secrets(who, device_id)
    has_previous = len(known.valid(real_ms())) > 1
    return SecretStates(
        made_at=from_real_ms(known.made_at_ms),
        used_at=from_real_ms(known.used_at_ms),
        previous_until=from_real_ms(known.previous_until_ms) if has_previous else None,
        previous_used_at=from_real_ms(known.previous_used_at_ms) if has_previous else None,
    )


@router.get("/{device_id}/files")
async def show_node_files(
    device_id: str,
    who: CurrentUser,
    services: ServicesDep,
    request: Request,
    kind: Annotated[NodeKind, Query(description="What the node is made of.")] = NodeKind.ESPHOME,
    board: Annotated[Board, Query(description="Only for ESPHome.")] = Board.ESP32,
) -> NodeFilesRead:
    """Give the files that a node of this device reads, but not its secret, which was shown once, when it was made."""
    device = (await services.devices.get(who, device_id)).device
    url = services.public_url or f"{request.url.scheme}://{request.url.netloc}"
    files = node_files(kind, url, device.id, device.name, SHOWN_ONCE, board)
    return NodeFilesRead(files=[NodeFileRead(name=file.name, text=file.text) for file in files])


@router.get("/{device_id}/automation")
async def get_automation(device_id: str, who: CurrentUser, services: ServicesDep, response: Response) -> ProfileRead:
    """Show a device's profile. Its `ETag` names the version."""
    return _profile(response, *await services.automation.profile(who, device_id))


@router.put("/{device_id}/automation")
async def set_automation(
    device_id: str,
    body: ProfileIn,
    who: CurrentUser,
    services: ServicesDep,
    response: Response,
    versions: VersionsNamed,
) -> ProfileRead:
    """Replace a device's profile. What is left out becomes the default.

    With `If-Match` only the version that was read is replaced; where somebody was faster the answer is 412
    `automation_changed`, with the profile as it is now in `current`.
    """
    profile = Profile(**body.model_dump())
    changed = await services.automation.set_profile(who, device_id, profile, only_versions=versions)
    return _profile(response, *changed)


@router.get("/{device_id}/commands")
async def list_commands(
    device_id: str, who: CurrentUser, services: ServicesDep, before: Before = None, limit: Limit = 100
) -> CommandList:
    """List a device's commands, newest first."""
    commands = await services.commands.recent(who, device_id, before, limit)
    return CommandList(
        commands=[CommandRead.model_validate(command) for command in commands],
        next_before=commands[-1].id if len(commands) == limit else None,
    )


@router.post(
    "/{device_id}/commands",
    status_code=201,
    responses={409: {"description": "A guard keeps the pump off; `until` says for how long, where that is known."}},
)
async def create_command(device_id: str, body: CommandCreate, who: CurrentUser, services: ServicesDep) -> CommandRead:
    """Queue a pump dose or a lamp switch. The guards that hold for the rules hold here too."""
    return CommandRead.model_validate(
        await services.commands.request(
            who, device_id, body.actuator, body.action, body.duration_ms, is_forced=body.force
        )
    )


@router.get("/{device_id}/readings", responses={200: {"model": ReadingsRead | BucketsRead}})
async def list_readings(
    device_id: str,
    who: CurrentUser,
    services: ServicesDep,
    sensor: Annotated[str, Query(max_length=32, examples=["soil"])],
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Annotated[int | None, Query(ge=1, le=MAX_READINGS, description="1000 where it is not given.")] = None,
    newest_first: bool = False,
    points: Annotated[
        int | None, Query(ge=2, le=MAX_POINTS, description="Give at most so many buckets instead of readings.")
    ] = None,
    raw: Raw = False,
) -> Response:
    """Give what a sensor measured in [since, until), by default in the last 24 hours.

    With `points` the answer has buckets with min, max, mean, count and last, from the finest level that gives no more:
    each reading, 5 minutes, an hour, or a multiple. Without it, it has the readings themselves.
    """
    if points is not None:
        if limit is not None or newest_first:
            field = "limit" if limit is not None else "newest_first"
            raise InvalidInput([(field, "cannot be given together with points")])
        found, series = await services.history.buckets(who, device_id, sensor, since, until, points, is_raw=raw)
        return _json(
            {
                "sensor": found.key,
                "kind": found.kind,
                "unit": shown_unit(found, is_raw=raw),
                "bucket_ms": series.width_ms,
                "buckets": series.buckets,
            }
        )
    found, samples = await services.history.readings(
        who, device_id, sensor, since, until, limit or 1_000, newest_first=newest_first, is_raw=raw
    )
    return _json({"sensor": found.key, "kind": found.kind, "unit": shown_unit(found, is_raw=raw), "readings": samples})


@router.get(
    "/{device_id}/readings/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}, "application/x-ndjson": {}}, "description": "A file, as a stream."}},
)
async def export_readings(
    device_id: str,
    who: CurrentUser,
    services: ServicesDep,
    file_format: Annotated[Literal["csv", "ndjson"], Query(alias="format")] = "csv",
    sensor: Annotated[list[Annotated[str, Field(max_length=32)]], Query(max_length=64, examples=[["soil"]])] = [],  # noqa: B006
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    raw: Raw = False,
) -> StreamingResponse:
    """Give all readings of some sensors (or all) in [since, until), by default all that are kept, as a file."""
    device, sensors, pages = await services.history.export(who, device_id, sensor, since, until, is_raw=raw)
    text = (csv_text if file_format == "csv" else ndjson_text)(sensors, pages, is_raw=raw)
    # The name of a device may hold anything; that of a file holds what every system takes.
    name = re.sub(r"[^A-Za-z0-9]+", "-", device.name).strip("-").lower() or "plant"
    return StreamingResponse(
        text,
        media_type="text/csv; charset=utf-8" if file_format == "csv" else "application/x-ndjson",
        headers={"content-disposition": f'attachment; filename="{name}-readings.{file_format}"'},
    )


@router.get("/{device_id}/decisions")
async def list_decisions(
    device_id: str, who: CurrentUser, services: ServicesDep, before: Before = None, limit: Limit = 100
) -> DecisionList:
    """List why a device was watered, or was not, newest first."""
    decisions = await services.automation.decisions(who, device_id, before, limit)
    return DecisionList(
        decisions=[DecisionRead.model_validate(decision_document(decision)) for decision in decisions],
        next_before=decisions[-1].id if len(decisions) == limit else None,
    )


def _profile(response: Response, profile: Profile, version: int) -> ProfileRead:
    response.headers["etag"] = etag(version)
    return ProfileRead.model_validate(profile_document(profile, version))


def _json(document: object) -> Response:
    """Answer without a model in between: for thousands of rows that would take longer than the database does."""
    return Response(msgspec.json.encode(document), media_type="application/json")


def _read(status: DeviceStatus) -> DeviceRead:
    return DeviceRead.model_validate(status_document(status))
