"""Home Assistant in the test's process, and the real backend beside it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_socket
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

# First of all: the plugin's `hass` puts a folder of its own in front, where this package is not.
import custom_components.plant_automation  # noqa: F401
from tests import live_backend
from tests.home_assistant.field import Field
from tests.live_backend import Backend, Person

# The backend runs in an environment of its own.
live_backend.PYTHON = str(Path(__file__).resolve().parents[2] / ".venv" / "bin" / "python")


@pytest.fixture(autouse=True)
def integrations(request: pytest.FixtureRequest, socket_enabled: None) -> None:
    """Let Home Assistant see this repository's integration, and tests speak to 127.0.0.1."""
    if "recorder_mock" in request.fixturenames:
        request.getfixturevalue("recorder_mock")
    if "hass" in request.fixturenames:
        request.getfixturevalue("enable_custom_integrations")


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Write snapshots as Home Assistant's own tests do."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """One backend for all tests; each has a person of its own in it."""
    pytest_socket.enable_socket()
    with Backend(tmp_path_factory.mktemp("backend"), evaluation_interval_ms=0) as running:
        yield running


@pytest.fixture
def own_backend(tmp_path: Path) -> Iterator[Backend]:
    """A backend for one test, to be stopped and broken."""
    with Backend(tmp_path / "backend", evaluation_interval_ms=0) as running:
        yield running


@pytest.fixture(scope="session")
def person(backend: Backend) -> Person:
    """Somebody in the shared backend. Making an account takes a process and a slow hash, so it is made once."""
    return backend.add_person("ada")


@pytest.fixture
async def field(hass: HomeAssistant, person: Person) -> AsyncIterator[Field]:
    """A person with nothing yet, in the shared backend."""
    field = Field(hass, person.backend, person)
    yield field
    await field.end()
    for device in await field.do(person.get, "/devices"):
        await field.do(person.request, "DELETE", f"/devices/{device['id']}")


@pytest.fixture
async def own_field(hass: HomeAssistant, own_backend: Backend) -> AsyncIterator[Field]:
    """A person in a backend of their own."""
    field = Field(hass, own_backend, own_backend.add_person("ada"))
    yield field
    await field.end()
