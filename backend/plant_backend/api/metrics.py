"""`GET /metrics`: figures for Prometheus, closed until PLANT_METRICS_TOKEN opens it."""

import hmac
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.exceptions import HTTPException

from plant_backend import __version__
from plant_backend.domain.errors import InvalidCredentials
from plant_backend.services.registry import Services

router = APIRouter(tags=["system"])

_scheme = HTTPBearer(scheme_name="Metrics", description="PLANT_METRICS_TOKEN.", auto_error=False)
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Counts:
    """Answers by route group and status: plain integers, since the hot path adds to them."""

    def __init__(self) -> None:
        self.telemetry: dict[int, int] = {}
        self.other: dict[int, int] = {}

    def add_telemetry(self, status: int) -> None:
        """Count an answer of `/telemetry`."""
        self.telemetry[status] = self.telemetry.get(status, 0) + 1

    def add_other(self, status: int) -> None:
        """Count an answer of another route."""
        self.other[status] = self.other.get(status, 0) + 1


class _Figures:
    """Reads the figures when they are asked for. Names of people, devices and plants are none of them."""

    def __init__(self, services: Services, counts: Counts) -> None:
        self._services = services
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("plant_info", "The version.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        answers = CounterMetricFamily("plant_http_answers", "Answers.", labels=["route", "status"])
        for route, by_status in (("telemetry", self._counts.telemetry), ("other", self._counts.other)):
            for status, number in sorted(by_status.items()):
                answers.add_metric([route, str(status)], number)
        yield answers
        people, nodes = self._services.people, self._services.node_auth
        failures = CounterMetricFamily("plant_failed_sign_ins", "Wrong passwords and secrets.", labels=["who"])
        failures.add_metric(["person"], people.failed_sign_ins)
        failures.add_metric(["node"], nodes.failed_sign_ins)
        yield failures
        notifications = CounterMetricFamily("plant_notifications", "Attempts to notify.", labels=["outcome"])
        notifications.add_metric(["sent"], self._services.sender.sent)
        notifications.add_metric(["failed"], self._services.sender.failed)
        yield notifications
        yield CounterMetricFamily(
            "plant_throttled_sign_ins", "Sign-ins refused before hashing.", value=people.throttled_sign_ins
        )


def registry(services: Services, counts: Counts) -> CollectorRegistry:
    """Make the registry of one application: two in one process do not disturb each other."""
    made = CollectorRegistry(auto_describe=False)
    made.register(_Figures(services, counts))
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    return made


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": "plant_info 1.0\n"}}},
        404: {"description": "Closed: PLANT_METRICS_TOKEN is not set."},
    },
)
async def metrics(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_scheme)]
) -> Response:
    """Give the figures. Closed without a configured token, as if it were not there."""
    token: str = request.app.state.metrics_token
    if not token:
        raise HTTPException(404)
    given = credentials.credentials if credentials else ""
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise InvalidCredentials("invalid_token", "The metrics token is not valid.")
    return Response(generate_latest(request.app.state.metrics), media_type=_CONTENT_TYPE)
