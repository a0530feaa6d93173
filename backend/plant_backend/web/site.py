"""The dashboard as an ASGI application: finds the page, asks who is there, and answers errors as pages."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route, Router
from starlette.types import Receive, Scope, Send

from plant_backend.api.dependencies import SESSION_COOKIE, client_address, is_from_elsewhere
from plant_backend.api.ingress import person_of
from plant_backend.domain.account import Principal, Role
from plant_backend.domain.errors import Forbidden, InvalidCredentials, NotFound, PlantError
from plant_backend.domain.kinds import RAW_KINDS
from plant_backend.services.registry import Services
from plant_backend.web import errors, terms
from plant_backend.web.agents import browser_of
from plant_backend.web.assets import Assets
from plant_backend.web.obstacles import why_not
from plant_backend.web.page import For, Way, navigation
from plant_backend.web.pages import PAGES
from plant_backend.web.plant_view import actuators_of
from plant_backend.web.sparkline import sparkline
from plant_backend.web.visit import Visit
from plant_backend.wording import language, names

log = structlog.get_logger(__name__)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
)
"""No script and no style in a page, and nothing from elsewhere."""


class FromElsewhere(Forbidden):
    """Another site, or nobody knows who, made a browser send this form."""

    code = "from_elsewhere"


class Site:
    """All pages."""

    def __init__(self, services: Services) -> None:
        """Read the templates and files, and lay the ways."""
        self.services = services
        self.assets = Assets()
        self.navigation = navigation(PAGES)
        self.templates = _templates()
        self._router = Router(
            [
                Route("/web/static/{tag}/{name:path}", self.assets.serve, name="static"),
                *(
                    Route(way.path, self._answering(way), methods=[way.method], name=way.name)
                    for page in PAGES
                    for way in page.ways
                ),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        visit = self._visit(request)
        path = scope["path"].removeprefix(visit.prefix)
        if path == "/":
            response = (
                visit.go_to("overview")
                if visit.request.method in ("GET", "HEAD")
                else errors.show(visit, NotFound("page"))
            )
        elif path == "/web/":
            response = visit.go_to("overview")
        elif self._is_known(scope):
            await self._router(scope, receive, send)
            return
        else:
            response = errors.show(await self._recognized(visit), NotFound("page"))
        await _closed(response, visit)(scope, receive, send)

    def path(self, name: str, query: Mapping[str, object] | None = None, /, **parts: object) -> str:
        """Give the path of a page, without the prefix."""
        path = str(self._router.url_path_for(name, **parts))
        shown = {key: value for key, value in (query or {}).items() if value not in (None, "")}
        return f"{path}?{urlencode(shown)}" if shown else path

    def has(self, name: str) -> bool:
        """Tell whether there is such a page."""
        return any(way.name == name for page in PAGES for way in page.ways)

    def is_page(self, scope: Scope) -> bool:
        """Tell whether there is something to look at where a request went, whatever it was."""
        looking = {**scope, "method": "GET"}
        return any(route.matches(looking)[0] is Match.FULL for route in self._router.routes)

    def _is_known(self, scope: Scope) -> bool:
        return any(route.matches(scope)[0] is not Match.NONE for route in self._router.routes)

    def _visit(self, request: Request) -> Visit:
        return Visit(self, request, None, request_id=secrets.token_hex(4), position=self.services.events.position)

    def _answering(self, way: Way) -> Any:
        async def answer(request: Request) -> Response:
            visit = self._visit(request)
            try:
                visit = await self._admitted(visit, way)
                response = await way.handler(visit)
            except InvalidCredentials as error:
                # A form that signs in answers this itself; here it is a session that is missing or has ended.
                if way.whom is For.ANYBODY:
                    response = errors.show(visit, error)
                else:
                    response = visit.go_to(
                        "login", {"next": _place(request) if way.method == "GET" and not visit.is_partial else ""}
                    )
            except PlantError as error:
                response = errors.show(visit, error)
            except Exception as error:
                log.error(
                    "page_failed",
                    method=request.method,
                    path=request.url.path,
                    request_id=visit.request_id,
                    exc_info=error,
                )
                response = errors.show(visit, None)
            return _closed(response, visit)

        return answer

    async def _admitted(self, visit: Visit, way: Way) -> Visit:
        """Let in whom a route is for. Raises Forbidden, InvalidCredentials."""
        if way.method != "GET" and is_from_elsewhere(visit.request):
            raise FromElsewhere("Only this site's own pages may change anything.")
        if way.whom is For.ANYBODY:
            return await self._recognized(visit)
        visit = replace(visit, nobody_or_who=await self._person(visit.request))
        if way.whom is For.OWNERS and visit.who.role is not Role.OWNER:
            raise Forbidden("A viewer may look and change nothing.")
        return visit

    async def _recognized(self, visit: Visit) -> Visit:
        try:
            return replace(visit, nobody_or_who=await self._person(visit.request))
        except InvalidCredentials:
            return visit

    async def _person(self, request: Request) -> Principal:
        address = client_address(request)
        person = person_of(request.scope)
        if person is not None:
            return await self.services.home_users.principal(person, address)
        return replace(
            await self.services.people.session(request.cookies.get(SESSION_COOKIE, ""), address), address=address
        )


def _place(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _closed(response: Response, visit: Visit) -> Response:
    response.headers["x-request-id"] = visit.request_id
    response.headers.setdefault("content-security-policy", POLICY)
    # Under `no-referrer` a browser calls its origin "null" in every form, and on plain HTTP nothing else tells whose it
    # is.
    response.headers.setdefault("referrer-policy", "same-origin")
    return response


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("plant_backend.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    environment.globals.update(
        LANGUAGES=language.LANGUAGES,
        browser_of=browser_of,
        SENSORS=names.SENSORS,
        ICONS=terms.ICONS,
        DIGITS=terms.DIGITS,
        PRESENCES=terms.PRESENCES,
        MODES=terms.MODES,
        OUTCOMES=terms.OUTCOMES,
        STATES=terms.STATES,
        ENDS=terms.ENDS,
        NODE_REASONS=names.NODE_REASONS,
        ALERTS=terms.ALERTS,
        REASONS=terms.REASONS,
        RAW_KINDS=RAW_KINDS,
        sparkline=sparkline,
        why_not=why_not,
        actuators_of=actuators_of,
    )
    return environment
