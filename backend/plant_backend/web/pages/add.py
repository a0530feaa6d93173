"""Adding a device: what it is and what it is called, its secret once, and the wait for its first reading."""

from starlette.responses import Response

from plant_backend.domain.errors import InvalidInput
from plant_backend.services.node_files import Board, NodeKind, node_files
from plant_backend.web import plant_view
from plant_backend.web.node_files import BOARDS, KINDS
from plant_backend.web.page import For, Page
from plant_backend.web.shown_once import ShownOnce
from plant_backend.web.visit import Visit

page = Page()

_secrets: ShownOnce[str] = ShownOnce()


@page.get("/add", "device_add", For.OWNERS)
async def ask(visit: Visit) -> Response:
    """Ask what it is."""
    return _form(visit, NodeKind.ESPHOME, Board.ESP32)


@page.post("/add", "device_add_send")
async def add(visit: Visit) -> Response:
    """Make the device; the next page shows its secret."""
    form = await visit.form()
    kind, board = _kind(form.get("kind", "")), _board(form.get("board", ""))
    try:
        device, secret = await visit.services.devices.add(visit.who, form.get("name", ""))
    except InvalidInput:
        problem = visit.say("Give a name of at most 100 characters.")
        return _form(visit, kind, board, form.get("name", "")[:200], problem)
    _secrets.put(visit.who.account_id, device.id, secret)
    chosen = {"kind": kind} | ({"board": board} if kind is NodeKind.ESPHOME else {})
    return visit.go_to("device_secret", chosen, device_id=device.id)


@page.get("/devices/{device_id}/new", "device_secret", For.OWNERS)
async def show_secret(visit: Visit) -> Response:
    """Show the secret, this once, and wait for the node."""
    plant = await plant_view.plant(visit, visit.given("device_id"))
    kind, board = _kind(visit.query("kind")), _board(visit.query("board"))
    secret = _secrets.take(visit.who.account_id, plant.device.id)
    device = plant.device
    response = visit.render(
        "add/secret.html",
        plant=plant,
        kind=kind,
        secret=secret,
        files=() if secret is None else node_files(kind, visit.address, device.id, device.name, secret, board),
        is_secret=True,
    )
    response.headers["cache-control"] = "no-store"
    return response


@page.get("/devices/{device_id}/arrival", "device_arrival")
async def arrival(visit: Visit) -> Response:
    """Show how far the node has come."""
    return visit.render("add/arrival.html", plant=await plant_view.plant(visit, visit.given("device_id")))


def _form(visit: Visit, kind: NodeKind, board: Board, name: str = "", problem: str | None = None) -> Response:
    return visit.render(
        "add/page.html",
        200 if problem is None else 422,
        kinds=KINDS,
        boards=BOARDS,
        chosen=kind,
        board=board,
        name=name,
        problem=problem,
    )


def _board(text: str) -> Board:
    return Board(text) if text in Board.__members__.values() else Board.ESP32


def _kind(text: str) -> NodeKind:
    return NodeKind(text) if text in NodeKind.__members__.values() else NodeKind.OTHER
